/*
 * hm_put_format of <hermod/term.h>: the pattern is walked once; the size of a container is counted ahead in
 * the pattern, since its header comes first.
 *
 * Recursive as deep as the pattern. Not ei_x_format: that knows no maps, and no texts that may be anything.
 * Public functions of term.h are defined where their work is done: api would only call through.
 */
#include <stdarg.h>

#include "etf/build.h"
#include "etf/number.h"
#include "etf/pattern.h"

struct formatter {
    hm_build *build;
    struct pattern pattern;
    va_list values;
};

static void put(struct formatter *f);

static void put_directive(struct formatter *f) {
    hm_build *build = f->build;
    switch (*f->pattern.at++) {
    case 'a': hm_put_atom(build, va_arg(f->values, const char *)); break;
    case 's': hm_put_text(build, va_arg(f->values, const char *)); break;
    case 'c': hm_put_charlist(build, va_arg(f->values, const char *)); break;
    case 'i': hm_put_int64(build, va_arg(f->values, int64_t)); break;
    case 'u': hm_put_uint64(build, va_arg(f->values, uint64_t)); break;
    case 'f': hm_put_double(build, va_arg(f->values, double)); break;
    case 't': hm_put_term(build, va_arg(f->values, hm_term)); break;
    case 'p': hm_put_pid(build, va_arg(f->values, hm_pid)); break;
    case 'r': hm_put_ref(build, va_arg(f->values, const hm_ref *)); break;
    case 'b': {
        const void *bytes = va_arg(f->values, const void *);
        size_t size = va_arg(f->values, size_t);
        hm_put_binary(build, bytes, size);
        break;
    }
    default: f->pattern.at--; pattern_abort(&f->pattern, "one of a s b c i u f t p r");
    }
}

/* In a function of its own: the room for escapes is not for every level of nesting. */
static __attribute__((noinline)) void put_quoted(struct formatter *f) {
    char room[PATTERN_TEXT_MAX];
    struct bytes text;
    if (*f->pattern.at == '\'') {
        text = pattern_quoted(&f->pattern, room);
        hm_put_atom_n(f->build, (const char *)text.at, text.size);
        return;
    }
    text = *f->pattern.at == '"' ? pattern_quoted(&f->pattern, room) : pattern_binary(&f->pattern, room);
    hm_put_binary(f->build, text.at, text.size);
}

static void put_number(struct formatter *f) {
    bool is_float;
    struct bytes text;
    double number;
    int64_t value = pattern_integer(&f->pattern, &is_float, &text);
    if (!is_float)
        hm_put_int64(f->build, value);
    else if (number_parse_float((const char *)text.at, text.size, &number))
        hm_put_double(f->build, number);
    else
        pattern_abort(&f->pattern, "a finite float before");
}

/* The elements and the closing bracket; in maps each is followed by => and its value. */
static void put_elements(struct formatter *f, uint32_t count, char closing, bool map) {
    if (count == 0) {
        pattern_expect(&f->pattern, closing);
        return;
    }
    do {
        put(f);
        if (map) {
            pattern_expect(&f->pattern, '=');
            pattern_expect(&f->pattern, '>');
            put(f);
        }
    } while (pattern_more(&f->pattern, closing));
}

static void put_list(struct formatter *f) {
    uint32_t count = pattern_count(&f->pattern);
    if (count == 0) {
        pattern_expect(&f->pattern, ']');
        hm_put_nil(f->build);
        return;
    }
    hm_put_list(f->build, count);
    for (;;) {
        put(f);
        if (pattern_next_is(&f->pattern, '|')) {
            put(f);
            pattern_expect(&f->pattern, ']');
            return;
        }
        if (!pattern_more(&f->pattern, ']')) {
            hm_put_nil(f->build);
            return;
        }
    }
}

static void put(struct formatter *f) {
    pattern_skip_space(&f->pattern);
    char c = *f->pattern.at;
    uint32_t count;
    switch (c) {
    case '~': f->pattern.at++; put_directive(f); return;
    case '{':
        f->pattern.at++;
        count = pattern_count(&f->pattern);
        hm_put_tuple(f->build, count);
        put_elements(f, count, '}', false);
        return;
    case '#':
        f->pattern.at++;
        pattern_expect(&f->pattern, '{');
        count = pattern_count(&f->pattern);
        hm_put_map(f->build, count);
        put_elements(f, count, '}', true);
        return;
    case '[': f->pattern.at++; put_list(f); return;
    case '\'':
    case '"':
    case '<': put_quoted(f); return;
    default:
        if (c >= 'a' && c <= 'z') {
            struct bytes atom = pattern_bare_atom(&f->pattern);
            hm_put_atom_n(f->build, (const char *)atom.at, atom.size);
        } else if (c == '-' || pattern_is_digit(c)) {
            put_number(f);
        } else {
            pattern_abort(&f->pattern, "a term");
        }
    }
}

HM_API void hm_put_vformat(hm_build *build, const char *pattern, __builtin_va_list arguments) {
    struct formatter f = {.build = build, .pattern = {pattern, pattern}};
    va_copy(f.values, arguments);
    put(&f);
    va_end(f.values);
    pattern_skip_space(&f.pattern);
    if (*f.pattern.at)
        pattern_abort(&f.pattern, "the end");
}

HM_API void hm_put_format(hm_build *build, const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
}
