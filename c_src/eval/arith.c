#include "eval/arith.h"

#include <math.h>
#include <stdlib.h>
#include <tommath.h>

#include "eval/order.h"

bool arith_to_float(value v, double *d) {
    struct integer integer;
    uint8_t room[8];
    if (value_is_small(v)) {
        *d = (double)value_small(v);
        return true;
    }
    if (value_is_float(v)) {
        *d = value_float(v);
        return true;
    }
    if (!value_is(v, KIND_BIG))
        return false;
    order_integer(v, &integer, room);
    return number_integer_to_float(&integer, d);
}

/* ---- large integers ---- */

static mp_err load(mp_int *to, value v) {
    struct integer integer;
    uint8_t room[8];
    order_integer(v, &integer, room);
    mp_err error = mp_unpack(to, integer.size, MP_LSB_FIRST, 1, MP_LITTLE_ENDIAN, 0, integer.digits);
    if (error == MP_OKAY && integer.negative)
        error = mp_neg(to, to);
    return error;
}

static enum arith_error store(struct heap *heap, const mp_int *from, value *result) {
    uint8_t digits[ARITH_BYTES];
    size_t size = 0;
    if (mp_pack_count(from, 0, 1) > ARITH_BYTES)
        return ARITH_LIMIT;
    if (mp_pack(digits, sizeof digits, &size, MP_LSB_FIRST, 1, MP_LITTLE_ENDIAN, 0, from) != MP_OKAY)
        return ARITH_LIMIT;
    *result = heap_big(heap, mp_isneg(from) == MP_YES, digits, size);
    return ARITH_OK;
}

static mp_err run(enum atom op, const mp_int *a, const mp_int *b, mp_int *c) {
    switch (op) {
    case ATOM_plus: return mp_add(a, b, c);
    case ATOM_minus: return mp_sub(a, b, c);
    case ATOM_times: return mp_mul(a, b, c);
    case ATOM_div: return mp_div(a, b, c, NULL);
    case ATOM_rem: return mp_div(a, b, NULL, c);
    case ATOM_band: return mp_and(a, b, c);
    case ATOM_bor: return mp_or(a, b, c);
    case ATOM_bxor: return mp_xor(a, b, c);
    default: return MP_VAL;
    }
}

static enum arith_error large(struct heap *heap, enum atom op, value x, value y, value *result) {
    mp_int a, b, c;
    if (mp_init_multi(&a, &b, &c, NULL) != MP_OKAY)
        return ARITH_LIMIT;
    enum arith_error error = ARITH_LIMIT;
    if (load(&a, x) == MP_OKAY && load(&b, y) == MP_OKAY && run(op, &a, &b, &c) == MP_OKAY)
        error = store(heap, &c, result);
    mp_clear_multi(&a, &b, &c, NULL);
    return error;
}

static enum arith_error shift(struct heap *heap, value x, int64_t left, value *result) {
    mp_int a;
    if (left > 8 * ARITH_BYTES)
        return x == value_of_small(0) ? (*result = x, ARITH_OK) : ARITH_LIMIT;
    if (left < -8 * (int64_t)ARITH_BYTES)
        left = -8 * (int64_t)ARITH_BYTES;
    if (mp_init(&a) != MP_OKAY)
        return ARITH_LIMIT;
    enum arith_error error = ARITH_LIMIT;
    if (load(&a, x) == MP_OKAY &&
        (left >= 0 ? mp_mul_2d(&a, (int)left, &a) : mp_signed_rsh(&a, (int)-left, &a)) == MP_OKAY)
        error = store(heap, &a, result);
    mp_clear(&a);
    return error;
}

enum arith_error arith_of_float(struct heap *heap, double whole, value *result) {
    int exponent;
    if (fabs(whole) < 4e18) {
        *result = heap_integer(heap, (int64_t)whole);
        return ARITH_OK;
    }
    double fraction = frexp(whole, &exponent); /* 53 bits and a shift */
    return shift(heap, value_of_small((int64_t)ldexp(fraction, 53)), exponent - 53, result);
}

/* ---- dispatch ---- */

static enum arith_error floats(struct heap *heap, enum atom op, value x, value y, value *result) {
    double a, b, c;
    if (!arith_to_float(x, &a) || !arith_to_float(y, &b))
        return ARITH_BADARITH;
    switch (op) {
    case ATOM_plus: c = a + b; break;
    case ATOM_minus: c = a - b; break;
    case ATOM_times: c = a * b; break;
    case ATOM_slash:
        if (b == 0)
            return ARITH_BADARITH;
        c = a / b;
        break;
    default: return ARITH_BADARITH;
    }
    if (!isfinite(c))
        return ARITH_BADARITH;
    *result = heap_float(heap, c);
    return ARITH_OK;
}

/* Two small integers; false: it takes the long way. */
static bool small(struct heap *heap, enum atom op, int64_t a, int64_t b, value *result) {
    int64_t c;
    switch (op) {
    case ATOM_plus: c = a + b; break; /* 63 bits each: no overflow */
    case ATOM_minus: c = a - b; break;
    case ATOM_times:
        if (__builtin_mul_overflow(a, b, &c))
            return false;
        break;
    case ATOM_div: c = a / b; break;
    case ATOM_rem: c = a % b; break;
    case ATOM_band: c = a & b; break;
    case ATOM_bor: c = a | b; break;
    case ATOM_bxor: c = a ^ b; break;
    default: return false;
    }
    *result = heap_integer(heap, c);
    return true;
}

enum arith_error arith_binary(struct heap *heap, enum atom op, value a, value b, value *result) {
    if (!value_is_number(a) || !value_is_number(b))
        return ARITH_BADARITH;
    bool whole = value_is_integer(a) && value_is_integer(b);
    if (op == ATOM_slash || !whole)
        return floats(heap, op, a, b, result);
    if ((op == ATOM_div || op == ATOM_rem) && b == value_of_small(0))
        return ARITH_BADARITH;
    if (op == ATOM_bsl || op == ATOM_bsr) {
        if (value_is_small(b) && value_small(b) > INT32_MIN && value_small(b) < INT32_MAX)
            return shift(heap, a, op == ATOM_bsl ? value_small(b) : -value_small(b), result);
        struct integer by;
        uint8_t room[8];
        order_integer(b, &by, room);
        return shift(heap, a, (op == ATOM_bsl) != by.negative ? INT32_MAX : INT32_MIN, result);
    }
    if (value_is_small(a) && value_is_small(b) && small(heap, op, value_small(a), value_small(b), result))
        return ARITH_OK;
    return large(heap, op, a, b, result);
}

enum arith_error arith_unary(struct heap *heap, enum atom op, value a, value *result) {
    if (op == ATOM_bnot) {
        if (!value_is_integer(a))
            return ARITH_BADARITH;
        value negative;
        enum arith_error error = arith_binary(heap, ATOM_minus, value_of_small(0), a, &negative);
        return error ? error : arith_binary(heap, ATOM_minus, negative, value_of_small(1), result);
    }
    if (!value_is_number(a))
        return ARITH_BADARITH;
    if (op == ATOM_plus) {
        *result = a;
        return ARITH_OK;
    }
    if (value_is_float(a)) {
        *result = heap_float(heap, -value_float(a));
        return ARITH_OK;
    }
    return arith_binary(heap, ATOM_minus, value_of_small(0), a, result);
}

char *arith_text(value v, unsigned base) {
    mp_int a;
    int size;
    char *text = NULL;
    if (mp_init(&a) != MP_OKAY)
        return NULL;
    if (load(&a, v) == MP_OKAY && mp_radix_size(&a, (int)base, &size) == MP_OKAY &&
        (text = malloc((size_t)size)) && mp_to_radix(&a, text, (size_t)size, NULL, (int)base) != MP_OKAY) {
        free(text);
        text = NULL;
    }
    mp_clear(&a);
    return text;
}
