/*
 * hm_match of <hermod/term.h>: pattern and term are walked together; the first difference ends it.
 *
 * Recursive as deep as the pattern. Public functions of term.h are defined where their work is done: api
 * would only call through.
 */
#include <stdarg.h>

#include "etf/number.h"
#include "etf/pattern.h"
#include "etf/view.h"

struct matcher {
    struct pattern pattern;
    va_list results;
};

static bool match(struct matcher *m, hm_term term);

static bool match_directive(struct matcher *m, hm_term term) {
    struct hm_text text;
    switch (*m->pattern.at++) {
    case 't': *va_arg(m->results, hm_term *) = term; return true;
    case 'a': return hm_get_atom(term, va_arg(m->results, struct hm_text *));
    case 'i': return hm_get_int64(term, va_arg(m->results, int64_t *));
    case 'u': return hm_get_uint64(term, va_arg(m->results, uint64_t *));
    case 'f': return hm_get_double(term, va_arg(m->results, double *));
    case 'b': {
        const void *bytes;
        if (!hm_get_binary(term, &bytes, &text.size))
            return false;
        text.at = bytes;
        *va_arg(m->results, struct hm_text *) = text;
        return true;
    }
    default: m->pattern.at--; pattern_abort(&m->pattern, "one of t a b i u f");
    }
}

static bool match_atom(hm_term term, struct bytes wanted) {
    if (!term.size || !view_is_atom_tag(term.bytes[0]))
        return false;
    if (term.bytes[0] == ETF_SMALL_ATOM_UTF8)
        return term.bytes[1] == wanted.size && memcmp(term.bytes + 2, wanted.at, wanted.size) == 0;
    char room[2 * 255];
    return bytes_equal(view_atom_utf8(term.bytes, room), wanted);
}

static bool match_binary(hm_term term, struct bytes wanted) {
    const void *bytes;
    size_t size;
    return hm_get_binary(term, &bytes, &size) && bytes_equal(bytes_of(bytes, size), wanted);
}

/* In a function of its own: the room for escapes is not for every level of nesting. */
static __attribute__((noinline)) bool match_quoted(struct matcher *m, hm_term term) {
    char room[PATTERN_TEXT_MAX];
    if (*m->pattern.at == '\'')
        return match_atom(term, pattern_quoted(&m->pattern, room));
    if (*m->pattern.at == '"')
        return match_binary(term, pattern_quoted(&m->pattern, room));
    return match_binary(term, pattern_binary(&m->pattern, room));
}

static bool match_number(struct matcher *m, hm_term term) {
    bool is_float;
    struct bytes text;
    double wanted_float, found_float;
    int64_t found, wanted = pattern_integer(&m->pattern, &is_float, &text);
    if (!is_float)
        return hm_get_int64(term, &found) && found == wanted;
    return number_parse_float((const char *)text.at, text.size, &wanted_float) && term.size &&
           view_float(term.bytes, &found_float) && found_float == wanted_float;
}

static bool match_tuple(struct matcher *m, hm_term term) {
    const uint8_t *at;
    long left = term.size ? view_tuple(term.bytes, &at) : -1;
    if (left < 0)
        return false;
    if (pattern_next_is(&m->pattern, '}'))
        return left == 0;
    const uint8_t *end = term.bytes + term.size;
    do {
        if (left-- == 0)
            return false;
        const uint8_t *next = left ? view_skip(at) : end;
        if (!match(m, (hm_term){at, (size_t)(next - at)}))
            return false;
        at = next;
    } while (pattern_more(&m->pattern, '}'));
    return left == 0;
}

/* The rest of a list has no header, so it is no term that could be lent; only `_` matches it while it has
 * elements. */
static bool match_tail(struct matcher *m, const struct hm_list *list) {
    static const uint8_t nil[] = {ETF_NIL};
    hm_term tail = {nil, sizeof nil};
    if (list->left) {
        pattern_skip_space(&m->pattern);
        if (*m->pattern.at != '_')
            return false;
    } else {
        hm_list_end(list, &tail);
    }
    if (!match(m, tail))
        return false;
    pattern_expect(&m->pattern, ']');
    return true;
}

static bool match_list(struct matcher *m, hm_term term) {
    struct hm_list list;
    hm_term element;
    if (!hm_list_begin(term, &list))
        return false;
    if (!pattern_next_is(&m->pattern, ']')) {
        for (;;) {
            if (!hm_list_next(&list, &element) || !match(m, element))
                return false;
            if (pattern_next_is(&m->pattern, '|'))
                return match_tail(m, &list);
            if (!pattern_more(&m->pattern, ']'))
                break;
        }
    }
    return list.left == 0 && hm_list_end(&list, NULL);
}

static bool match(struct matcher *m, hm_term term) {
    pattern_skip_space(&m->pattern);
    char c = *m->pattern.at;
    switch (c) {
    case '_': m->pattern.at++; return true;
    case '~': m->pattern.at++; return match_directive(m, term);
    case '{': m->pattern.at++; return match_tuple(m, term);
    case '[': m->pattern.at++; return match_list(m, term);
    case '\'':
    case '"':
    case '<': return match_quoted(m, term);
    default:
        if (c >= 'a' && c <= 'z')
            return match_atom(term, pattern_bare_atom(&m->pattern));
        if (c == '-' || pattern_is_digit(c))
            return match_number(m, term);
        pattern_abort(&m->pattern, "a term");
    }
}

HM_API bool hm_match(hm_term term, const char *pattern, ...) {
    struct matcher m = {.pattern = {pattern, pattern}};
    va_start(m.results, pattern);
    bool matches = match(&m, term);
    va_end(m.results);
    if (matches) {
        pattern_skip_space(&m.pattern);
        if (*m.pattern.at)
            pattern_abort(&m.pattern, "the end");
    }
    return matches;
}
