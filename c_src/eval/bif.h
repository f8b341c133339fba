/*
 * eval/bif: the built-in functions, one table for each file. A function looks at its arguments, which may be
 * anything, and never recurses into the machine: what calls a fun, waits or takes many steps is written in
 * Erlang (library/). One thread.
 */
#ifndef HM_EVAL_BIF_H
#define HM_EVAL_BIF_H

#include "eval/machine.h"

extern const struct bif_row bif_operators[], bif_terms[], bif_lists[], bif_text[], bif_control[],
    bif_processes[];
/* All of them; NULL at the end. */
extern const struct bif_row *const bif_tables[];

#define BIF(name) static enum bif_outcome name(struct machine *m, const value *a, value *result)
/* The end of a BIF that needs none of these. */
#define UNUSED_MACHINE (void)m

static inline enum bif_outcome bif_value(value *result, value v) {
    *result = v;
    return BIF_VALUE;
}
static inline enum bif_outcome bif_error(value *result, value reason) {
    *result = reason;
    return BIF_ERROR;
}
#define BADARG bif_error(result, A(badarg))

/* Chardata (iodata when bytes): a binary, or a list of characters (bytes) and chardata, appended as UTF-8
 * (bytes). false: it is none. */
bool bif_chardata(struct machine *m, struct writer *out, value v, bool bytes);
value bif_writer_binary(struct machine *m, struct writer *out);

#endif
