#include "otp/io_float.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "otp/io_text.h"

enum { DIGITS = 21 };

struct decimal {
    char digits[DIGITS + 1]; /* 0.DIGITS * 10^exponent */
    int64_t exponent;
};

/* "%.20e", whatever the locale's decimal point is. */
static void read_decimal(double value, struct decimal *decimal) {
    char text[64];
    size_t used = 0;
    snprintf(text, sizeof text, "%.20e", fabs(value));
    const char *at = text;
    for (; *at && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9' && used < DIGITS)
            decimal->digits[used++] = *at;
    decimal->digits[used] = '\0';
    decimal->exponent = (*at ? strtol(at + 1, NULL, 10) : 0) + 1;
}

/* `whole` digits, a dot, `part` digits; zeros where the number has none. Returns whether rounding made it one
 * digit longer: it then begins with 1. */
static bool put_rounded(struct writer *out, const char *digits, size_t count, int64_t whole, int64_t part,
                        bool drop_last_of_carry) {
    char kept[DIGITS + 400];
    size_t room = (size_t)whole + (size_t)part, used = count < room ? count : room;
    bool carry = used < count && digits[used] >= '5';
    memcpy(kept, digits, used);
    for (size_t i = used; carry && i-- > 0;) {
        carry = kept[i] == '9';
        kept[i] = carry ? '0' : (char)(kept[i] + 1);
    }
    if (carry && drop_last_of_carry && used)
        kept[0] = '1'; /* 9.99e5 has become 1.00e6: all others are 0 */
    else if (carry)
        writer_u8(out, '1');
    for (int64_t i = 0; i < whole; i++)
        writer_u8(out, (size_t)i < used ? (uint8_t)kept[i] : '0');
    writer_u8(out, '.');
    for (size_t i = (size_t)whole; i < used; i++)
        writer_u8(out, (uint8_t)kept[i]);
    size_t zeros = room - (used > (size_t)whole ? used : (size_t)whole);
    io_text_fill(out, '0', zeros);
    return carry;
}

static void put_sign(struct writer *out, double value) {
    if (signbit(value))
        writer_u8(out, '-');
}

int io_float_f(struct writer *out, double value, int64_t precision) {
    struct decimal decimal;
    char digits[DIGITS + 400];
    if (precision < 1)
        return HM_EINVAL;
    read_decimal(value, &decimal);
    /* 0.00123: zeros before, so that there is a digit before the dot; no float has more than 324 of them. */
    size_t zeros = decimal.exponent <= 0 ? (size_t)(1 - decimal.exponent) : 0;
    memset(digits, '0', zeros);
    strcpy(digits + zeros, decimal.digits);
    put_sign(out, value);
    put_rounded(out, digits, zeros + strlen(decimal.digits), zeros ? 1 : decimal.exponent, precision, false);
    return out->error;
}

int io_float_e(struct writer *out, double value, int64_t precision) {
    struct decimal decimal;
    char exponent[16];
    if (precision < 2)
        return HM_EINVAL;
    read_decimal(value, &decimal);
    put_sign(out, value);
    bool carry = put_rounded(out, decimal.digits, strlen(decimal.digits), 1, precision - 1, true);
    int64_t e = decimal.exponent - (carry ? 0 : 1);
    int size = snprintf(exponent, sizeof exponent, "e%s%lld", e >= 0 ? "+" : "", (long long)e);
    writer_put(out, exponent, (size_t)size);
    return out->error;
}

int io_float_g(struct writer *out, double value, int64_t precision) {
    static const double LIMITS[] = {1.0e-1, 1.0, 1.0e1, 1.0e2, 1.0e3, 1.0e4};
    double a = fabs(value);
    int64_t e = -2;
    if (precision < 1)
        return HM_EINVAL;
    while (e < 4 && a >= LIMITS[e + 2])
        e++;
    if (e < 4 && ((precision <= 1 && e == -1) || (precision - 1 > e && e >= -1)))
        return io_float_f(out, value, precision - 1 - e);
    return io_float_e(out, value, precision <= 1 ? 2 : precision);
}
