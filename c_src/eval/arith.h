/*
 * eval/arith: arithmetic as the BEAM's: integers of any size up to ARITH_BYTES, floats that are always
 * finite.
 *
 * Large integers are libtommath's. Results go to *result; otherwise the error that the BEAM would raise. One
 * thread.
 */
#ifndef HM_EVAL_ARITH_H
#define HM_EVAL_ARITH_H

#include "eval/value.h"

enum { ARITH_BYTES = 8192 }; /* of an integer; what is larger raises system_limit */

enum arith_error { ARITH_OK, ARITH_BADARITH, ARITH_BADARG, ARITH_LIMIT };

/* op: one of + - * / div rem band bor bxor bsl bsr. */
enum arith_error arith_binary(struct heap *heap, enum atom op, value a, value b, value *result);
/* op: + - bnot. */
enum arith_error arith_unary(struct heap *heap, enum atom op, value a, value *result);
/* A number as float; false: no number, or too large. */
bool arith_to_float(value v, double *d);
/* An integer in base 2..36, capital letters; malloc'ed, NULL without memory. */
char *arith_text(value v, unsigned base);
/* A float that has no fraction, of any size. */
enum arith_error arith_of_float(struct heap *heap, double whole, value *result);

#endif
