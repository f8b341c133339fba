/*
 * etf/pattern: the words of the patterns of hm_match and hm_put_format.
 *
 * A pattern is the program's own text, read afresh on each use: cutting it into words is a few comparisons of
 * bytes, and so there is nothing to compile, to keep or to free. What is not well formed aborts with a line
 * on standard error, as an assertion: such a pattern can't work ever. Owns nothing, any thread.
 */
#ifndef HM_ETF_PATTERN_H
#define HM_ETF_PATTERN_H

#include "base/bytes.h"

struct pattern {
    const char *at;
    const char *whole;
};

enum { PATTERN_TEXT_MAX = 1020 }; /* quoted atoms and texts, in bytes */

__attribute__((cold)) _Noreturn void pattern_abort(const struct pattern *pattern, const char *expected);

static inline void pattern_skip_space(struct pattern *pattern) {
    while (*pattern->at == ' ' || *pattern->at == '\n' || *pattern->at == '\t')
        pattern->at++;
}

/* Whether the next word is this character, which is then consumed. */
static inline bool pattern_next_is(struct pattern *pattern, char c) {
    pattern_skip_space(pattern);
    if (*pattern->at != c)
        return false;
    pattern->at++;
    return true;
}

static inline void pattern_expect(struct pattern *pattern, char c) {
    char expected[] = {c, 0};
    if (!pattern_next_is(pattern, c))
        pattern_abort(pattern, expected);
}

static inline bool pattern_is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* After an element: true at a comma, false at the closing bracket. */
bool pattern_more(struct pattern *pattern, char closing);

/* An atom without quotes, at a small letter. */
struct bytes pattern_bare_atom(struct pattern *pattern);
/* 'text' or "text" with the escapes \n \r \t \e \0 \s \\ \' \"; in place when it has none, else in `room`. */
struct bytes pattern_quoted(struct pattern *pattern, char room[PATTERN_TEXT_MAX]);
/* <<"text">> or <<>>, at its first character; as pattern_quoted. */
struct bytes pattern_binary(struct pattern *pattern, char room[PATTERN_TEXT_MAX]);
/* A number, at its first digit or minus. When it is a float *is_float is true and its text is returned. */
int64_t pattern_integer(struct pattern *pattern, bool *is_float, struct bytes *text);

/* How many elements stand between here and `closing`, separated by commas; nothing is consumed. */
uint32_t pattern_count(const struct pattern *pattern);

#endif
