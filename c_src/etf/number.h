/*
 * etf/number: numbers as text and as exact values; what C's own functions do with a locale or not at all.
 *
 * Owns nothing. Pure, any thread; independent of the locale of the process (this is a library).
 */
#ifndef HM_ETF_NUMBER_H
#define HM_ETF_NUMBER_H

#include "etf/view.h"

enum {
    NUMBER_FLOAT_TEXT = 40, /* room for a printed float and a NUL */
    NUMBER_DECIMAL_BYTES =
        8192, /* larger integers are printed in hexadecimal: decimal takes quadratic time */
    NUMBER_DECIMAL_DIGITS = 19729, /* as many as those bytes can have */
};

/* FLOAT_EXT: 31 bytes of "%.20e". false when they are no finite number. */
bool number_parse_old_float(const uint8_t text[31], double *value);
/* Digits, a dot, digits, an optional exponent; a sign before. false when it is none of that or not finite. */
bool number_parse_float(const char *text, size_t size, double *value);
/* The shortest text that reads back as the same float, as Erlang writes it (1.0e5, 123456.0), or Elixir
 * (100000.0 up to 1.0e16). Returns its size. */
size_t number_print_float(double value, bool elixir, char out[NUMBER_FLOAT_TEXT]);

/* Exact, for any size. */
int number_compare_integers(const struct integer *a, const struct integer *b);
int number_compare_integer_float(const struct integer *a, double b);
/* The nearest float; false when it is too large for one. */
bool number_integer_to_float(const struct integer *integer, double *value);

/* The magnitude in decimal (size <= NUMBER_DECIMAL_BYTES) or hexadecimal, malloc'ed and terminated; NULL
 * without memory. */
char *number_print_decimal(const struct integer *integer);
char *number_print_hex(const struct integer *integer);
/* digits in base 2..36 (already checked to be such, no separators) into little endian bytes, malloc'ed.
 * HM_ENOMEM, or HM_ELIMIT when there are more than NUMBER_DECIMAL_DIGITS in a base other than 16. */
int number_parse_digits(const char *digits, size_t count, unsigned base, uint8_t **bytes, size_t *size);

#endif
