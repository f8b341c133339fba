/* Operators, type tests and arithmetic functions of erlang. */
#include <math.h>

#include "eval/arith.h"
#include "eval/bif.h"
#include "eval/libm.h"
#include "eval/order.h"

static enum bif_outcome outcome(enum arith_error error, value *result) {
    static const enum atom REASONS[] = {
        [ARITH_BADARITH] = ATOM_badarith, [ARITH_BADARG] = ATOM_badarg, [ARITH_LIMIT] = ATOM_system_limit};
    return error ? bif_error(result, ATOM_OF(REASONS[error])) : BIF_VALUE;
}

#define ARITHMETIC(name, op)                                                                                 \
    BIF(name) {                                                                                              \
        return outcome(arith_binary(&m->heap, op, a[0], a[1], result), result);                              \
    }
ARITHMETIC(plus, ATOM_plus)
ARITHMETIC(minus, ATOM_minus)
ARITHMETIC(slash, ATOM_slash)
ARITHMETIC(band, ATOM_band)
ARITHMETIC(bor, ATOM_bor)
ARITHMETIC(bxor, ATOM_bxor)
ARITHMETIC(bsl, ATOM_bsl)
ARITHMETIC(bsr, ATOM_bsr)

/* What takes longer than a step costs more. */
static void charge_big(struct machine *m, const value *a) {
    if (value_is(a[0], KIND_BIG) && value_is(a[1], KIND_BIG))
        machine_charge(m, value_size(a[0]) * value_size(a[1]) / 256);
}
BIF(times) {
    charge_big(m, a);
    return outcome(arith_binary(&m->heap, ATOM_times, a[0], a[1], result), result);
}
BIF(divide) {
    charge_big(m, a);
    return outcome(arith_binary(&m->heap, ATOM_div, a[0], a[1], result), result);
}
BIF(remainder_of) {
    charge_big(m, a);
    return outcome(arith_binary(&m->heap, ATOM_rem, a[0], a[1], result), result);
}
BIF(positive) {
    return outcome(arith_unary(&m->heap, ATOM_plus, a[0], result), result);
}
BIF(negative) {
    return outcome(arith_unary(&m->heap, ATOM_minus, a[0], result), result);
}
BIF(bnot) {
    return outcome(arith_unary(&m->heap, ATOM_bnot, a[0], result), result);
}

#define COMPARISON(name, expression)                                                                         \
    BIF(name) {                                                                                              \
        return bif_value(result, value_of_bool(expression));                                                 \
    }
COMPARISON(eq, order_compare(&m->heap, a[0], a[1]) == 0)
COMPARISON(ne, order_compare(&m->heap, a[0], a[1]) != 0)
COMPARISON(lt, order_compare(&m->heap, a[0], a[1]) < 0)
COMPARISON(le, order_compare(&m->heap, a[0], a[1]) <= 0)
COMPARISON(gt, order_compare(&m->heap, a[0], a[1]) > 0)
COMPARISON(ge, order_compare(&m->heap, a[0], a[1]) >= 0)
COMPARISON(eq_exact, order_same(&m->heap, a[0], a[1]))
COMPARISON(ne_exact, !order_same(&m->heap, a[0], a[1]))

BIF(max) {
    return bif_value(result, order_compare(&m->heap, a[0], a[1]) >= 0 ? a[0] : a[1]);
}
BIF(min) {
    return bif_value(result, order_compare(&m->heap, a[0], a[1]) <= 0 ? a[0] : a[1]);
}

static bool is_boolean(value v) {
    return v == A(true) || v == A(false);
}
#define BOOLEAN(name, expression)                                                                            \
    BIF(name) {                                                                                              \
        UNUSED_MACHINE;                                                                                      \
        return is_boolean(a[0]) && is_boolean(a[1]) ? bif_value(result, value_of_bool(expression)) : BADARG; \
    }
BOOLEAN(and, a[0] == A(true) && a[1] == A(true))
BOOLEAN(or, a[0] == A(true) || a[1] == A(true))
BOOLEAN(xor, a[0] != a[1])
BIF(not ) {
    UNUSED_MACHINE;
    return is_boolean(a[0]) ? bif_value(result, value_of_bool(a[0] == A(false))) : BADARG;
}

/* ---- types ---- */

#define TEST(name, expression)                                                                               \
    BIF(name) {                                                                                              \
        UNUSED_MACHINE;                                                                                      \
        return bif_value(result, value_of_bool(expression));                                                 \
    }
TEST(is_atom, value_is_atom(a[0]))
TEST(is_binary, value_is_binary(a[0]))
TEST(is_bitstring, value_is_bits(a[0]))
TEST(is_bool, is_boolean(a[0]))
TEST(is_float, value_is_float(a[0]))
TEST(is_function, value_is_fun(a[0]))
TEST(is_integer, value_is_integer(a[0]))
TEST(is_list, value_is_cons(a[0]) || a[0] == VALUE_NIL)
TEST(is_map, value_is_map(a[0]))
TEST(is_number, value_is_number(a[0]))
TEST(is_pid, value_is_ext(a[0], HM_TYPE_PID))
TEST(is_port, value_is_ext(a[0], HM_TYPE_PORT))
TEST(is_reference, value_is_ext(a[0], HM_TYPE_REFERENCE))
TEST(is_tuple, value_is_tuple(a[0]))

static long fun_arity(value fun) {
    if (value_is(fun, KIND_FUN))
        return (long)value_small(value_words(fun)[FUN_ARITY]);
    if (value_is(fun, KIND_EXPORT))
        return (long)value_small(value_words(fun)[2]);
    return value_is_fun(fun) ? value_bytes(fun).at[5] : -1; /* NEW_FUN_EXT: tag, size, arity */
}
BIF(is_function_2) {
    UNUSED_MACHINE;
    if (!value_is_integer(a[1]) || (value_is_small(a[1]) && value_small(a[1]) < 0))
        return BADARG;
    return bif_value(result, value_of_bool(value_is_fun(a[0]) && value_of_small(fun_arity(a[0])) == a[1]));
}
BIF(is_record_2) {
    UNUSED_MACHINE;
    if (!value_is_atom(a[1]))
        return BADARG;
    return bif_value(result, value_of_bool(value_is_tuple(a[0]) && value_size(a[0]) &&
                                           order_same(&m->heap, value_words(a[0])[0], a[1])));
}
BIF(is_record_3) {
    enum bif_outcome plain = is_record_2(m, a, result);
    if (plain != BIF_VALUE || !value_is_small(a[2]))
        return BADARG;
    if (*result == A(true))
        *result = value_of_bool((int64_t)value_size(a[0]) == value_small(a[2]));
    return plain;
}

/* ---- numbers ---- */

BIF(absolute) {
    if (!value_is_number(a[0]))
        return BADARG;
    bool below = value_is_float(a[0]) ? signbit(value_float(a[0]))
                                      : order_compare(&m->heap, a[0], value_of_small(0)) < 0;
    return below ? negative(m, a, result) : bif_value(result, a[0]);
}
BIF(to_float) {
    double d;
    return arith_to_float(a[0], &d) ? bif_value(result, heap_float(&m->heap, d)) : BADARG;
}

/* A function of libm. A machine without one raises system_limit. */
#define REAL_FUNCTION(name) (libm_get() ? libm_get()->name : NULL)

static enum bif_outcome whole(struct machine *m, value v, double (*function)(double), value *result) {
    if (value_is_integer(v))
        return bif_value(result, v);
    if (!value_is_float(v))
        return BADARG;
    if (!function)
        return bif_error(result, A(system_limit));
    return outcome(arith_of_float(&m->heap, function(value_float(v)), result), result);
}
#define WHOLE(name, function)                                                                                \
    BIF(name) {                                                                                              \
        return whole(m, a[0], REAL_FUNCTION(function), result);                                              \
    }
WHOLE(round_of, round)
WHOLE(trunc_of, trunc)
WHOLE(floor_of, floor)
WHOLE(ceil_of, ceil)

static enum bif_outcome real(struct machine *m, value v, double (*function)(double), value *result) {
    double d;
    if (!arith_to_float(v, &d))
        return bif_error(result, value_is_number(v) ? A(badarith) : A(badarg));
    if (!function)
        return bif_error(result, A(system_limit));
    d = function(d);
    return isfinite(d) ? bif_value(result, heap_float(&m->heap, d)) : bif_error(result, A(badarith));
}
#define REAL(name, function)                                                                                 \
    BIF(name) {                                                                                              \
        return real(m, a[0], REAL_FUNCTION(function), result);                                               \
    }
REAL(math_sqrt, sqrt)
REAL(math_sin, sin)
REAL(math_cos, cos)
REAL(math_tan, tan)
REAL(math_asin, asin)
REAL(math_acos, acos)
REAL(math_atan, atan)
REAL(math_exp, exp)
REAL(math_log, log)
REAL(math_log2, log2)
REAL(math_log10, log10)
REAL(math_floor, floor)
REAL(math_ceil, ceil)

static enum bif_outcome real2(struct machine *m, const value *a, double (*function)(double, double),
                              value *result) {
    double x, y;
    if (!arith_to_float(a[0], &x) || !arith_to_float(a[1], &y))
        return bif_error(result, value_is_number(a[0]) && value_is_number(a[1]) ? A(badarith) : A(badarg));
    if (!function)
        return bif_error(result, A(system_limit));
    x = function(x, y);
    return isfinite(x) ? bif_value(result, heap_float(&m->heap, x)) : bif_error(result, A(badarith));
}
#define REAL2(name, function)                                                                                \
    BIF(name) {                                                                                              \
        return real2(m, a, REAL_FUNCTION(function), result);                                                 \
    }
REAL2(math_pow, pow)
REAL2(math_atan2, atan2)
REAL2(math_fmod, fmod)

BIF(math_pi) {
    (void)a;
    return bif_value(result, heap_float(&m->heap, M_PI));
}

#define E(name, arity, run)                                                                                  \
    { "erlang", name, arity, true, run }
#define M(name, arity, run)                                                                                  \
    { "math", name, arity, false, run }
const struct bif_row bif_operators[] = {E("+", 2, plus),
                                        E("-", 2, minus),
                                        E("*", 2, times),
                                        E("/", 2, slash),
                                        E("div", 2, divide),
                                        E("rem", 2, remainder_of),
                                        E("band", 2, band),
                                        E("bor", 2, bor),
                                        E("bxor", 2, bxor),
                                        E("bsl", 2, bsl),
                                        E("bsr", 2, bsr),
                                        E("+", 1, positive),
                                        E("-", 1, negative),
                                        E("bnot", 1, bnot),
                                        E("==", 2, eq),
                                        E("/=", 2, ne),
                                        E("<", 2, lt),
                                        E("=<", 2, le),
                                        E(">", 2, gt),
                                        E(">=", 2, ge),
                                        E("=:=", 2, eq_exact),
                                        E("=/=", 2, ne_exact),
                                        E("and", 2, and),
                                        E("or", 2, or),
                                        E("xor", 2, xor),
                                        E("not", 1, not ),
                                        E("max", 2, max),
                                        E("min", 2, min),
                                        E("is_atom", 1, is_atom),
                                        E("is_binary", 1, is_binary),
                                        E("is_bitstring", 1, is_bitstring),
                                        E("is_boolean", 1, is_bool),
                                        E("is_float", 1, is_float),
                                        E("is_function", 1, is_function),
                                        E("is_function", 2, is_function_2),
                                        E("is_integer", 1, is_integer),
                                        E("is_list", 1, is_list),
                                        E("is_map", 1, is_map),
                                        E("is_number", 1, is_number),
                                        E("is_pid", 1, is_pid),
                                        E("is_port", 1, is_port),
                                        E("is_reference", 1, is_reference),
                                        E("is_tuple", 1, is_tuple),
                                        E("is_record", 2, is_record_2),
                                        E("is_record", 3, is_record_3),
                                        E("abs", 1, absolute),
                                        E("float", 1, to_float),
                                        E("round", 1, round_of),
                                        E("trunc", 1, trunc_of),
                                        E("floor", 1, floor_of),
                                        E("ceil", 1, ceil_of),
                                        M("sqrt", 1, math_sqrt),
                                        M("sin", 1, math_sin),
                                        M("cos", 1, math_cos),
                                        M("tan", 1, math_tan),
                                        M("asin", 1, math_asin),
                                        M("acos", 1, math_acos),
                                        M("atan", 1, math_atan),
                                        M("exp", 1, math_exp),
                                        M("log", 1, math_log),
                                        M("log2", 1, math_log2),
                                        M("log10", 1, math_log10),
                                        M("floor", 1, math_floor),
                                        M("ceil", 1, math_ceil),
                                        M("pow", 2, math_pow),
                                        M("atan2", 2, math_atan2),
                                        M("fmod", 2, math_fmod),
                                        M("pi", 0, math_pi),
                                        {0}};
