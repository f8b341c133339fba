/*
 * otp/io_pretty: terms as io_lib:write/2 (~w) and io_lib_pretty:print/2 (~p) write them.
 *
 * The layout of ~p (where lines break, how they are indented) is that of lib/stdlib/src/io_lib_pretty.erl,
 * tested against what OTP wrote. Two differences on purpose: pids, ports and references have the name of
 * their node, <a@host.12.0>, since the number that a BEAM has for a node says nothing elsewhere; maps are in
 * the order in which they arrived. etf/print is another printer for other readers: what it writes can be
 * parsed again and never moves a terminal.
 *
 * Pure; memory is the caller's writer and, for the layout of terms over one line, up to IO_PRETTY_NODES
 * nodes. Any thread.
 */
#ifndef HM_OTP_IO_PRETTY_H
#define HM_OTP_IO_PRETTY_H

#include "base/bytes.h"
#include <hermod/term.h>

/* Terms of more parts are written without line breaks. */
enum { IO_PRETTY_NODES = 256 * 1024 };

struct io_pretty_style {
    int64_t column;      /* where the text begins, from 1 */
    int64_t line_length; /* 80; 0: all in one line */
    int64_t depth;       /* -1: no limit; deeper parts are ... */
    bool unicode;        /* ~tp: atoms above Latin-1 as they are */
    bool strings;        /* lists and binaries of printable characters as text (not ~lp) */
};

/* io_lib:write(Term, [{depth, Depth}, {encoding, ...}]). Errors stick in the writer. */
void io_write_term(struct writer *out, hm_term term, int64_t depth, bool unicode);
/* Also HM_ENOMEM of its own; it is then in the writer, too. */
int io_pretty_term(struct writer *out, hm_term term, const struct io_pretty_style *style);

/* An integer of any size in base 2 to 36, with its sign; prefix stands between sign and digits. HM_ELIMIT
 * when it is too large to be converted in reasonable time. */
int io_put_integer(struct writer *out, hm_term integer, unsigned base, bool lower, struct bytes prefix);

#endif
