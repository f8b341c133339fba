/*
 * etf/parse: text to terms; behind hm_term_parse.
 *
 * parse.c has the terms, parse_words.c what they are made of (errors, quoted text, numbers), parse_bits.c
 * <<...>>. The text comes from a person: messages name the place, and say what was expected there. It may
 * also come from a stranger: nesting and the size of numbers are limited. Never called for bytes from a peer.
 * Functions return false after parse_fail (or without memory: `error`), and everything then unwinds.
 */
#ifndef HM_ETF_PARSE_H
#define HM_ETF_PARSE_H

#include "base/bytes.h"
#include <hermod/term.h>

struct parser {
    const char *text, *at; /* valid UTF-8, terminated */
    bool elixir;
    unsigned depth;
    hm_build *build;
    int error;
    const char *failed_at; /* how far it came */
    char message[256];
};

/* "expected WHAT at column 12, not x". Always false. */
bool parse_fail_expected(struct parser *p, const char *what);
/* A sentence of its own, with the place behind. Always false. */
__attribute__((format(printf, 2, 3))) bool parse_fail(struct parser *p, const char *format, ...);
bool parse_fail_memory(struct parser *p);

void parse_skip_space(struct parser *p);
/* Whether this comes next (after space); then it is consumed. */
bool parse_next_is(struct parser *p, const char *what);
/* After an element: *more at a comma, not at `closing`; anything else fails. */
bool parse_more(struct parser *p, char closing, bool *more);

enum parse_quoted {
    PARSE_CHARACTERS, /* \xFF is the character 255 */
    PARSE_BYTES,      /* in Elixir \xFF is the byte 255 */
};
/* What was collected; never NULL, although a writer has nothing before it is first written to. */
static inline struct bytes parse_collected(const struct writer *out) {
    return bytes_of(out->at ? out->at : (const uint8_t *)"", out->size);
}
/* Text in quotes, at the opening one. The result is in `out` (which the caller has initialized), UTF-8 but
 * for such bytes. */
bool parse_quoted(struct parser *p, enum parse_quoted kind, struct writer *out);
/* The character after $ or ?, escaped or not. */
bool parse_character(struct parser *p, uint32_t *character);

/* A number at its sign or first digit: an integer (magnitude malloc'ed, little endian, no leading zeros) or a
 * float. */
struct parse_number {
    bool is_float, negative;
    double value;
    uint8_t *digits;
    size_t size;
};
bool parse_number(struct parser *p, struct parse_number *number);
/* Decimal digits, at most `max`. */
bool parse_uint(struct parser *p, uint64_t max, uint64_t *value);

/* <<...>>, after the <<. */
bool parse_bits(struct parser *p);

#endif
