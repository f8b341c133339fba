#include "etf/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- floats and text ---- */

/* strtod and printf use the decimal point of the process's locale; a term always has a dot. */
static bool parse_with_locale(const char *text, size_t size, double *value) {
    char room[512], *end;
    const char *point = localeconv()->decimal_point;
    size_t used = 0, point_size = strlen(point);
    for (size_t i = 0; i < size; i++) {
        if (used + point_size + 1 >= sizeof room)
            return false;
        if (text[i] == '.') {
            memcpy(room + used, point, point_size);
            used += point_size;
        } else {
            room[used++] = text[i];
        }
    }
    room[used] = 0;
    double parsed = strtod(room, &end);
    if (end != room + used || !isfinite(parsed))
        return false;
    *value = parsed;
    return true;
}

static size_t skip_digits(const char *text, size_t at, size_t size) {
    while (at < size && text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

bool number_parse_float(const char *text, size_t size, double *value) {
    size_t at = size && (text[0] == '-' || text[0] == '+');
    size_t next = skip_digits(text, at, size);
    if (next == at || next == size || text[next] != '.')
        return false;
    at = next + 1;
    next = skip_digits(text, at, size);
    if (next == at)
        return false;
    if (next < size && (text[next] == 'e' || text[next] == 'E')) {
        at = next + 1;
        at += at < size && (text[at] == '-' || text[at] == '+');
        next = skip_digits(text, at, size);
        if (next == at)
            return false;
    }
    return next == size && parse_with_locale(text, size, value);
}

bool number_parse_old_float(const uint8_t text[31], double *value) {
    size_t size = strnlen((const char *)text, 31);
    size_t start = 0;
    while (start < size && text[start] == ' ')
        start++;
    return number_parse_float((const char *)text + start, size - start, value);
}

/* io_lib_format:insert_decimal: the digits stand for 0.DIGITS * 10^place; decimal or scientific, whichever is
 * shorter. */
static size_t place_decimal_point(const char *digits, int count, int place, double value, bool elixir,
                                  char *out) {
    int exponent_cost = snprintf(NULL, 0, "%d", place - 1) + 1 + (count == 1 ? 2 : 1);
    char *p = out;
    if (place > 0 && place < count)
        return (size_t)sprintf(out, "%.*s.%s", place, digits, digits + place);
    if (place == 0)
        return (size_t)sprintf(out, "0.%s", digits);
    if (place < 0 && 2 - place <= exponent_cost) {
        p += sprintf(p, "0.");
        for (int i = place; i < 0; i++)
            *p++ = '0';
        return (size_t)(p + sprintf(p, "%s", digits) - out);
    }
    bool decimal =
        elixir ? place <= 16 : place - count + 2 <= exponent_cost && fabs(value) < 9007199254740992.0;
    if (place > 0 && decimal) {
        p += sprintf(p, "%s", digits);
        for (int i = count; i < place; i++)
            *p++ = '0';
        return (size_t)(p + sprintf(p, ".0") - out);
    }
    return (size_t)sprintf(out, "%c.%se%d", digits[0], count == 1 ? "0" : digits + 1, place - 1);
}

size_t number_print_float(double value, bool elixir, char out[NUMBER_FLOAT_TEXT]) {
    char *p = out;
    if (signbit(value)) {
        *p++ = '-';
        value = -value;
    }
    if (value == 0)
        return (size_t)(p + sprintf(p, "0.0") - out);
    /* 15 digits survive any round trip, so that a shorter text shows in them as zeros at the end; not so for
     * denormals */
    char text[40], digits[24];
    for (int precision = value < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    int count = 0;
    for (const char *t = text; *t != 'e'; t++)
        if (*t >= '0' && *t <= '9')
            digits[count++] = *t;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    digits[count] = 0;
    int place = atoi(strchr(text, 'e') + 1) + 1;
    return (size_t)(p - out) + place_decimal_point(digits, count, place, value, elixir, p);
}

/* ---- exact comparison ---- */

static int compare_magnitudes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    if (a_size != b_size)
        return a_size < b_size ? -1 : 1;
    while (a_size-- > 0)
        if (a[a_size] != b[a_size])
            return a[a_size] < b[a_size] ? -1 : 1;
    return 0;
}

int number_compare_integers(const struct integer *a, const struct integer *b) {
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    int order = compare_magnitudes(a->digits, a->size, b->digits, b->size);
    return a->negative ? -order : order;
}

int number_compare_integer_float(const struct integer *a, double b) {
    if (a->negative != (b < 0))
        return a->negative ? -1 : 1;
    /* |b| = whole + fraction; whole as little endian bytes, of which a float can have 128 */
    double fraction, whole;
    fraction = modf(fabs(b), &whole);
    uint8_t digits[136] = {0};
    int exponent;
    uint64_t mantissa =
        (uint64_t)ldexp(frexp(whole, &exponent), 53); /* whole = mantissa * 2^(exponent - 53) */
    int shift = exponent - 53;
    if (shift < 0) {
        mantissa >>= -shift > 63 ? 63 : -shift; /* exact: whole has no fraction */
        shift = 0;
    }
    size_t first = (size_t)shift / 8;
    unsigned bits = (unsigned)shift % 8;
    for (size_t i = 0; i < 8; i++) {
        uint32_t part = (uint32_t)(mantissa >> 8 * i & 0xFF) << bits;
        digits[first + i] |= (uint8_t)part;
        digits[first + i + 1] |= (uint8_t)(part >> 8);
    }
    size_t size = sizeof digits;
    while (size && digits[size - 1] == 0)
        size--;
    int order = compare_magnitudes(a->digits, a->size, digits, size);
    if (order == 0 && fraction > 0)
        order = -1;
    return a->negative ? -order : order;
}

bool number_integer_to_float(const struct integer *integer, double *value) {
    size_t size = integer->size;
    if (size > 128) /* the largest float has 1024 bits */
        return false;
    uint64_t top = 0;
    for (size_t i = 0; i < size && i < 8; i++)
        top = top << 8 | integer->digits[size - 1 - i];
    double magnitude = (double)top;
    if (size > 8) {
        /* the 64 highest bits; what is cut off below can only decide how to round, and one bit tells that */
        unsigned shift = (unsigned)__builtin_clzll(top);
        uint8_t ninth = integer->digits[size - 9];
        top = top << shift | ninth >> (8 - shift);
        bool more = (ninth & ((1u << (8 - shift)) - 1)) != 0;
        for (size_t i = 0; i < size - 9 && !more; i++)
            more = integer->digits[i] != 0;
        magnitude = ldexp((double)(top | more), 8 * (int)(size - 8) - (int)shift);
    }
    if (!isfinite(magnitude))
        return false;
    *value = integer->negative ? -magnitude : magnitude;
    return true;
}

/* ---- integers and text ---- */

char *number_print_decimal(const struct integer *integer) {
    /* in place, nine decimal digits a round, from the low end */
    size_t words = (integer->size + 3) / 4, room = integer->size * 5 / 2 + 12;
    uint32_t *rest = calloc(words ? words : 1, sizeof *rest);
    char *text = malloc(room);
    if (!rest || !text) {
        free(rest);
        free(text);
        return NULL;
    }
    for (size_t i = 0; i < integer->size; i++)
        rest[i / 4] |= (uint32_t)integer->digits[i] << 8 * (i % 4);
    char *p = text + room;
    *--p = 0;
    while (words && rest[words - 1] == 0)
        words--;
    do {
        uint64_t remainder = 0;
        for (size_t i = words; i-- > 0;) {
            uint64_t part = remainder << 32 | rest[i];
            rest[i] = (uint32_t)(part / 1000000000);
            remainder = part % 1000000000;
        }
        while (words && rest[words - 1] == 0)
            words--;
        for (int i = 0; i < 9 && (words || remainder || i == 0); i++) {
            *--p = (char)('0' + remainder % 10);
            remainder /= 10;
        }
    } while (words);
    memmove(text, p, (size_t)(text + room - p));
    free(rest);
    return text;
}

char *number_print_hex(const struct integer *integer) {
    static const char hex[] = "0123456789ABCDEF";
    char *text = malloc(2 * integer->size + 2), *p = text;
    if (!text)
        return NULL;
    for (size_t i = integer->size; i-- > 0;) {
        if (p != text || integer->digits[i] >> 4)
            *p++ = hex[integer->digits[i] >> 4];
        *p++ = hex[integer->digits[i] & 15];
    }
    if (p == text)
        *p++ = '0';
    *p = 0;
    return text;
}

static unsigned digit_value(char c) {
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

int number_parse_digits(const char *digits, size_t count, unsigned base, uint8_t **bytes, size_t *size) {
    if (base != 16 && count > NUMBER_DECIMAL_DIGITS)
        return HM_ELIMIT;
    uint8_t *out = calloc(count + 1, 1); /* a digit of base 36 is less than a byte */
    if (!out)
        return HM_ENOMEM;
    size_t used = 0;
    if (base == 16) {
        for (size_t i = 0; i < count; i++)
            out[i / 2] |= (uint8_t)(digit_value(digits[count - 1 - i]) << 4 * (i % 2));
        used = (count + 1) / 2;
    } else {
        for (size_t i = 0; i < count;) {
            /* several digits a round */
            uint64_t carry = 0, factor = 1;
            for (; i < count && factor < 1u << 26; i++, factor *= base)
                carry = carry * base + digit_value(digits[i]);
            for (size_t j = 0; j < used; j++) {
                carry += out[j] * factor;
                out[j] = (uint8_t)carry;
                carry >>= 8;
            }
            for (; carry; carry >>= 8)
                out[used++] = (uint8_t)carry;
        }
    }
    while (used && out[used - 1] == 0)
        used--;
    *bytes = out;
    *size = used;
    return HM_OK;
}
