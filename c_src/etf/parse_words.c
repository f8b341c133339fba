#include "etf/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "etf/number.h"
#include "etf/utf8.h"
#include "etf/words.h"

enum { FLOAT_CHARACTERS = 400 };

/* ---- errors ---- */

static size_t describe_place(const struct parser *p, char *out, size_t capacity) {
    unsigned line = 1, column = 1;
    for (const char *t = p->text; t < p->at; t++) {
        if (*t == '\n') {
            line++;
            column = 1;
        } else if (((uint8_t)*t & 0xC0) != 0x80) {
            column++;
        }
    }
    int size = line > 1 ? snprintf(out, capacity, " at line %u, column %u", line, column)
                        : snprintf(out, capacity, " at column %u", column);
    return (size_t)size;
}

static bool fail_at(struct parser *p, size_t used) {
    if (used >= sizeof p->message)
        used = sizeof p->message - 1;
    used += describe_place(p, p->message + used, sizeof p->message - used);
    p->error = HM_ESYNTAX;
    p->failed_at = p->at;
    return false;
}

bool parse_fail(struct parser *p, const char *format, ...) {
    va_list arguments;
    if (p->error)
        return false;
    va_start(arguments, format);
    int size = vsnprintf(p->message, sizeof p->message - 48, format, arguments); /* the place always fits */
    va_end(arguments);
    return fail_at(p, (size_t)size < sizeof p->message - 48 ? (size_t)size : sizeof p->message - 49);
}

bool parse_fail_expected(struct parser *p, const char *what) {
    if (p->error)
        return false;
    parse_skip_space(p);
    parse_fail(p, "expected %s", what);
    size_t used = strlen(p->message);
    uint32_t character;
    const uint8_t *at = (const uint8_t *)p->at, *end = at + strlen(p->at);
    unsigned size = at < end ? utf8_next(at, end, &character) : 0;
    if (!*p->at)
        snprintf(p->message + used, sizeof p->message - used, ", where the text ends");
    else if (size && utf8_is_printable(character))
        snprintf(p->message + used, sizeof p->message - used, ", not %.*s", (int)size, p->at);
    return false;
}

bool parse_fail_memory(struct parser *p) {
    if (!p->error)
        p->error = HM_ENOMEM;
    return false;
}

/* ---- punctuation ---- */

void parse_skip_space(struct parser *p) {
    while (*p->at == ' ' || (*p->at >= '\t' && *p->at <= '\r'))
        p->at++;
}

bool parse_next_is(struct parser *p, const char *what) {
    parse_skip_space(p);
    size_t size = strlen(what);
    if (strncmp(p->at, what, size) != 0)
        return false;
    p->at += size;
    return true;
}

bool parse_more(struct parser *p, char closing, bool *more) {
    char expected[] = ", or ?";
    char end[] = {closing, 0};
    expected[5] = closing;
    *more = parse_next_is(p, ",");
    return *more || parse_next_is(p, end) || parse_fail_expected(p, expected);
}

/* ---- quoted text ---- */

static bool is_hex(char c) {
    return words_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* From min to max digits of a base up to 16. */
static bool parse_code(struct parser *p, unsigned base, int min, int max, uint32_t *code) {
    *code = 0;
    int count = 0;
    for (; count < max && is_hex(*p->at); count++, p->at++) {
        unsigned digit =
            words_is_digit(*p->at) ? (unsigned)(*p->at - '0') : (unsigned)((*p->at | 0x20) - 'a' + 10);
        if (digit >= base)
            break;
        *code = *code * base + digit;
    }
    return count >= min || parse_fail_expected(p, base == 8 ? "an octal digit" : "a hexadecimal digit");
}

/* {12AB} or exactly `plain` digits. */
static bool parse_hex_code(struct parser *p, int plain, uint32_t *code, bool *braces) {
    *braces = *p->at == '{';
    if (!*braces)
        return parse_code(p, 16, plain, plain, code);
    p->at++;
    if (!parse_code(p, 16, 1, 6, code))
        return false;
    if (*p->at != '}')
        return parse_fail_expected(p, "}");
    p->at++;
    return true;
}

/* After a backslash. *raw: it stands for a byte. */
static bool parse_escape(struct parser *p, uint32_t *code, bool *raw) {
    static const char letters[] = "abdefnrstv";
    static const char meanings[] = "\a\b\177\033\f\n\r \t\v";
    const char *start = p->at;
    bool braces;
    char c = *p->at;
    *raw = false;
    if (!c)
        return parse_fail_expected(p, "a character");
    const char *letter = strchr(letters, c);
    if (letter && (c != 'a' || p->elixir)) { /* \a is a plain a in Erlang */
        p->at++;
        *code = (uint8_t)meanings[letter - letters];
        return true;
    }
    if (c == 'x' || (c == 'u' && p->elixir)) {
        p->at++;
        if (!parse_hex_code(p, c == 'x' ? 2 : 4, code, &braces))
            return false;
        *raw = p->elixir && c == 'x' && !braces;
        char room[4];
        if (!*raw && !utf8_put(*code, room)) {
            p->at = start;
            return parse_fail(p, "there is no character %X", (unsigned)*code);
        }
        return true;
    }
    if (!p->elixir && c >= '0' && c <= '7')
        return parse_code(p, 8, 1, 3, code);
    if (p->elixir && c == '0') {
        p->at++;
        *code = 0;
        return true;
    }
    if (!p->elixir && c == '^' && p->at[1] >= '@' && p->at[1] <= '_') {
        *code = (uint32_t)(p->at[1] - '@');
        p->at += 2;
        return true;
    }
    p->at += utf8_next((const uint8_t *)p->at, (const uint8_t *)p->at + strlen(p->at), code);
    return true;
}

bool parse_character(struct parser *p, uint32_t *character) {
    bool raw;
    if (!*p->at)
        return parse_fail_expected(p, "a character");
    if (*p->at == '\\') {
        p->at++;
        return parse_escape(p, character, &raw);
    }
    size_t left = strnlen(p->at, 4);
    p->at += utf8_next((const uint8_t *)p->at, (const uint8_t *)p->at + left, character);
    return true;
}

bool parse_quoted(struct parser *p, enum parse_quoted kind, struct writer *out) {
    const char *opening = p->at;
    char quote = *p->at++;
    while (*p->at != quote) {
        const char *plain = p->at;
        while (*p->at && *p->at != quote && *p->at != '\\' &&
               !(p->elixir && p->at[0] == '#' && p->at[1] == '{'))
            p->at++;
        writer_put(out, plain, (size_t)(p->at - plain));
        if (!*p->at) {
            p->at = opening;
            return parse_fail(p, "the closing quote is missing of the text that begins");
        }
        if (*p->at == '#')
            return parse_fail(p, "nothing can be interpolated (write \\#)");
        if (*p->at == '\\') {
            uint32_t code;
            bool raw;
            char room[4];
            p->at++;
            if (!parse_escape(p, &code, &raw))
                return false;
            if (raw && kind == PARSE_BYTES)
                writer_u8(out, (uint8_t)code);
            else
                writer_put(out, room, utf8_put(code, room));
        }
    }
    p->at++;
    return !out->error || parse_fail_memory(p);
}

/* ---- numbers ---- */

static bool is_base_digit(char c, unsigned base) {
    unsigned value = words_is_digit(c)   ? (unsigned)(c - '0')
                     : words_is_lower(c) ? (unsigned)(c - 'a' + 10)
                     : words_is_upper(c) ? (unsigned)(c - 'A' + 10)
                                         : 99;
    return value < base;
}

/* Digits with single underscores between them; copied without these. */
static bool collect_digits(struct parser *p, unsigned base, struct writer *out) {
    if (!is_base_digit(*p->at, base))
        return parse_fail_expected(p, "a digit");
    while (is_base_digit(*p->at, base) || (*p->at == '_' && is_base_digit(p->at[1], base))) {
        if (*p->at != '_')
            writer_u8(out, (uint8_t)*p->at);
        p->at++;
    }
    return !out->error || parse_fail_memory(p);
}

static bool parse_fraction(struct parser *p, struct writer *digits, struct parse_number *number,
                           const char *start) {
    writer_u8(digits, (uint8_t)*p->at++);
    if (!collect_digits(p, 10, digits))
        return false;
    bool sign = p->at[0] && (p->at[1] == '-' || p->at[1] == '+');
    if ((*p->at == 'e' || *p->at == 'E') && words_is_digit(p->at[1 + sign])) {
        writer_put(digits, p->at, 1 + (size_t)sign);
        p->at += 1 + sign;
        if (!collect_digits(p, 10, digits))
            return false;
    }
    if (digits->error)
        return parse_fail_memory(p);
    number->is_float = true;
    if (digits->size > FLOAT_CHARACTERS ||
        !number_parse_float((const char *)digits->at, digits->size, &number->value)) {
        p->at = start;
        return parse_fail(p, "the float is too large or too long");
    }
    if (number->negative)
        number->value = -number->value;
    return true;
}

static bool parse_integer(struct parser *p, unsigned base, struct writer *digits, struct parse_number *number,
                          const char *start) {
    int error =
        number_parse_digits((const char *)digits->at, digits->size, base, &number->digits, &number->size);
    if (error == HM_ENOMEM)
        return parse_fail_memory(p);
    if (error) {
        p->at = start;
        return parse_fail(p, "the integer is too long (hexadecimal may be longer)");
    }
    return true;
}

static bool parse_digits(struct parser *p, struct writer *digits, struct parse_number *number) {
    const char *start = p->at;
    unsigned base = 10;
    if (p->elixir && p->at[0] == '0' && p->at[1] && strchr("xbo", p->at[1])) {
        base = p->at[1] == 'x' ? 16 : p->at[1] == 'b' ? 2 : 8;
        p->at += 2;
    }
    if (!collect_digits(p, base, digits))
        return false;
    if (!p->elixir && *p->at == '#') {
        base = 0;
        for (size_t i = 0; i < digits->size && base <= 36; i++)
            base = base * 10 + (unsigned)(digits->at[i] - '0');
        if (base < 2 || base > 36) {
            p->at = start;
            return parse_fail(p, "the base of a number is 2 to 36");
        }
        p->at++;
        writer_reset(digits);
        if (!collect_digits(p, base, digits))
            return false;
    } else if (base == 10 && p->at[0] == '.' && words_is_digit(p->at[1])) {
        return parse_fraction(p, digits, number, start);
    }
    return parse_integer(p, base, digits, number, start);
}

bool parse_number(struct parser *p, struct parse_number *number) {
    struct writer digits;
    *number = (struct parse_number){.negative = *p->at == '-'};
    if (*p->at == '-' || *p->at == '+')
        p->at++;
    writer_init(&digits, SIZE_MAX / 2);
    bool parsed = parse_digits(p, &digits, number);
    writer_fini(&digits);
    if (parsed && words_is_inner(*p->at)) {
        free(number->digits);
        return parse_fail_expected(p, "the end of the number");
    }
    return parsed;
}

bool parse_uint(struct parser *p, uint64_t max, uint64_t *value) {
    const char *start = p->at;
    if (!words_is_digit(*p->at))
        return parse_fail_expected(p, "a number");
    for (*value = 0; words_is_digit(*p->at); p->at++) {
        *value = *value * 10 + (uint64_t)(*p->at - '0');
        if (*value > max) {
            p->at = start;
            return parse_fail(p, "this number is at most %llu, so there is a mistake",
                              (unsigned long long)max);
        }
    }
    return true;
}
