/*
 * cli/trace_text: a message of a tracer in the words of dbg (lib/runtime_tools/src/dbg.erl, dhandler/2), on one line.
 *
 *     (<a@vm.86.0>) call lists:reverse([1,2,3])
 *     (<a@vm.86.0>) <a@vm.61.0> ! {hello,<<"x">>} (Timestamp: {1795,281967,936991})
 *
 * Whatever is no message that dbg knows is printed as the term that it is. Pure; no sockets.
 */
#ifndef HM_CLI_TRACE_TEXT_H
#define HM_CLI_TRACE_TEXT_H

#include <stdio.h>

#include <hermod/term.h>

/* A line with its end; with HM_SYNTAX_JSON an object with the keys of hm_trace_print. limit: bytes of each term, 0: all. Nothing for messages
 * that dbg leaves out, too. HM_ENOMEM, HM_EBADTERM (JSON cannot say it: nothing was printed). */
int trace_text_print(FILE *out, hm_term message, enum hm_syntax syntax, size_t limit);
/* "*** Dropped N messages." */
void trace_text_print_dropped(FILE *out, uint64_t count, enum hm_syntax syntax);

#endif
