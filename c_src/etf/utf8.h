/*
 * etf/utf8: strict UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF), as the BEAM
 * takes it.
 *
 * Pure functions over borrowed bytes; they can't leave the range. Any thread.
 */
#ifndef HM_ETF_UTF8_H
#define HM_ETF_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at `at` (at < end) and its length in bytes; 0 when these bytes are none. */
unsigned utf8_next(const uint8_t *at, const uint8_t *end, uint32_t *character);
/* characters (may be NULL) is set to their number when the whole range is valid. */
bool utf8_valid(const uint8_t *at, size_t size, size_t *characters);
/* 1..4 bytes; 0 when the number is no character (surrogates, too large). */
unsigned utf8_put(uint32_t character, char out[4]);

/* May go to a terminal as it is: no control characters, none that turn the direction of writing or are
 * invisible. */
bool utf8_is_printable(uint32_t character);

#endif
