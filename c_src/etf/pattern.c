#include "etf/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void pattern_abort(const struct pattern *pattern, const char *expected) {
    fprintf(stderr, "hermod: bad pattern \"%s\": expected %s at \"%s\"\n", pattern->whole, expected,
            pattern->at);
    abort();
}

bool pattern_more(struct pattern *pattern, char closing) {
    if (pattern_next_is(pattern, ','))
        return true;
    pattern_expect(pattern, closing);
    return false;
}

static bool is_atom_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || pattern_is_digit(c) || c == '_' || c == '@';
}

struct bytes pattern_bare_atom(struct pattern *pattern) {
    const char *start = pattern->at;
    while (is_atom_character(*pattern->at))
        pattern->at++;
    return bytes_of(start, (size_t)(pattern->at - start));
}

static char unescape(char c) {
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'e': return '\033';
    case 's': return ' ';
    case '0': return 0;
    default: return c;
    }
}

struct bytes pattern_quoted(struct pattern *pattern, char room[PATTERN_TEXT_MAX]) {
    char quote = *pattern->at;
    const char *start = ++pattern->at;
    bool escaped = false;
    for (; *pattern->at != quote; pattern->at++) {
        if (!*pattern->at)
            pattern_abort(pattern, "a closing quote");
        if (*pattern->at == '\\') {
            escaped = true;
            if (!*++pattern->at)
                pattern_abort(pattern, "a character after the backslash");
        }
    }
    const char *end = pattern->at++;
    if (!escaped)
        return bytes_of(start, (size_t)(end - start));
    size_t size = 0;
    for (const char *p = start; p < end; p++) {
        if (size == PATTERN_TEXT_MAX)
            pattern_abort(pattern, "no more than 1020 bytes of text with escapes before");
        room[size++] = *p == '\\' ? unescape(*++p) : *p;
    }
    return bytes_of(room, size);
}

struct bytes pattern_binary(struct pattern *pattern, char room[PATTERN_TEXT_MAX]) {
    struct bytes text = {(const uint8_t *)"", 0};
    pattern_expect(pattern, '<');
    pattern_expect(pattern, '<');
    pattern_skip_space(pattern);
    if (*pattern->at == '"')
        text = pattern_quoted(pattern, room);
    pattern_expect(pattern, '>');
    pattern_expect(pattern, '>');
    return text;
}

int64_t pattern_integer(struct pattern *pattern, bool *is_float, struct bytes *text) {
    const char *start = pattern->at, *p = start;
    char *end;
    if (*p == '-')
        p++;
    if (!pattern_is_digit(*p))
        pattern_abort(pattern, "a digit");
    errno = 0;
    int64_t value = strtoll(start, &end, 10);
    *is_float = *end == '.' && pattern_is_digit(end[1]);
    if (*is_float) {
        end++;
        while (pattern_is_digit(*end))
            end++;
        if ((*end == 'e' || *end == 'E') &&
            (pattern_is_digit(end[1]) || (end[1] && pattern_is_digit(end[2])))) {
            end += 2;
            while (pattern_is_digit(*end))
                end++;
        }
    } else if (errno) {
        pattern_abort(pattern, "an integer of 64 bits");
    }
    *text = bytes_of(start, (size_t)(end - start));
    pattern->at = end;
    return value;
}

uint32_t pattern_count(const struct pattern *pattern) {
    struct pattern ahead = *pattern;
    char room[PATTERN_TEXT_MAX];
    uint32_t count = 0, depth = 0;
    bool empty = true;
    for (;;) {
        pattern_skip_space(&ahead);
        switch (*ahead.at) {
        case 0: pattern_abort(&ahead, "a closing bracket");
        case '\'':
        case '"':
            pattern_quoted(&ahead, room);
            empty = false;
            continue;
        case '{':
        case '[':
            depth++;
            empty = false;
            break;
        case '}':
        case ']':
            if (depth-- == 0)
                return empty ? 0 : count + 1;
            break;
        case '|':
            if (depth == 0)
                return count + 1;
            break;
        case ',':
            count += depth == 0;
            break;
        default: empty = false;
        }
        ahead.at++;
    }
}
