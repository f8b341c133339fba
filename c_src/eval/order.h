/*
 * eval/order: how values compare: Erlang's term order, ==, =:=, and the order of keys in maps.
 *
 * Recursive down to VALUE_DEPTH, where heap->too_deep is set and the answer means nothing. Lists are walked,
 * not recursed into. Pure otherwise. One thread.
 */
#ifndef HM_EVAL_ORDER_H
#define HM_EVAL_ORDER_H

#include "etf/number.h"
#include "eval/value.h"

/* <0, 0, >0. Integers and floats compare by value, as < and == do. */
int order_compare(struct heap *heap, value a, value b);
/* Total: an integer comes before every float; the same only when =:=. */
int order_compare_exact(struct heap *heap, value a, value b);
static inline bool order_same(struct heap *heap, value a, value b) {
    return a == b || order_compare_exact(heap, a, b) == 0;
}
/* The digits of an integer; `room` lends its bytes. */
void order_integer(value v, struct integer *integer, uint8_t room[8]);
/* Byte i of a part of a binary that may start inside a byte; the last one filled up with zeros. */
uint8_t order_byte(const struct bits *bits, size_t i);

#endif
