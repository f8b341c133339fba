/*
 * eval/library: the functions that evaluated code can call.
 *
 * Built-in ones are C (eval/bif_*.c, tables of rows), the others are Erlang: c_src/eval/library/ has their
 * sources, which scripts/make-library turns into library_forms.inc, abstract forms in the external format.
 * They are read into a heap of their own when a node first evaluates something, and are evaluated as what
 * comes from peers is. One per node. One thread.
 */
#ifndef HM_EVAL_LIBRARY_H
#define HM_EVAL_LIBRARY_H

#include "eval/value.h"

struct machine;

enum bif_outcome {
    BIF_VALUE,   /* *result */
    BIF_ERROR,   /* *result is the reason of error/1; the function itself is the first entry of the stack */
    BIF_ENTERED, /* the machine is set already: a call, an exception, a wait */
};

typedef enum bif_outcome bif_function(struct machine *m, const value arguments[], value *result);

struct bif_row {
    const char *module, *function;
    uint8_t arity;
    bool guard; /* may stand in guards; pure */
    bif_function *run;
};

struct library_function {
    value module, function;
    uint32_t arity;
    const struct bif_row *bif; /* or */
    value clauses;
    bool hidden; /* a helper: stack traces name who called it */
};

struct library;

/* HM_ENOMEM, HM_EBADTERM (the forms are broken). */
int library_new(struct library **library);
void library_free(struct library *library);
const struct atoms *library_atoms(const struct library *library);
const struct library_function *library_find(const struct library *library, value module, value function,
                                            size_t arity);
/* Does it have any function of this module? */
bool library_has_module(const struct library *library, value module);
size_t library_count(const struct library *library);
const struct library_function *library_at(const struct library *library, size_t i);

#endif
