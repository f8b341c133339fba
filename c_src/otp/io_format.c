#include "otp/io_format.h"

#include <stdio.h>

#include "etf/utf8.h"
#include "etf/view.h"
#include "otp/io_float.h"
#include "otp/io_pretty.h"
#include "otp/io_text.h"

enum { LINE_LENGTH = 80, BIGGEST_NUMBER = 100 * 1000 * 1000 /* as width or precision */ };

/* The format as characters; those of nested lists and binaries say nothing but themselves. */
struct scanner {
    const uint8_t *at, *end;
    const uint8_t *literal; /* one byte for each of the text: is it such a one? NULL: none */
    const uint8_t *begin;
    struct hm_list arguments;
};

struct sequence {
    bool has_width, has_precision, left;
    int64_t width, precision, pad;
    bool unicode, strings;
    char control;
    hm_term argument, second;
};

static bool peek(const struct scanner *s, uint32_t *c) {
    return s->at < s->end && !(s->literal && s->literal[s->at - s->begin]) && utf8_next(s->at, s->end, c);
}

static bool take(struct scanner *s, uint32_t *c) {
    if (!peek(s, c))
        return false;
    s->at += utf8_next(s->at, s->end, c);
    return true;
}

static bool take_this(struct scanner *s, uint32_t wanted) {
    uint32_t c;
    return peek(s, &c) && c == wanted && take(s, &c);
}

/* io_lib_format:field_value/2: digits, *, or nothing. */
static bool take_number(struct scanner *s, bool *given, int64_t *value) {
    uint32_t c;
    hm_term argument;
    *given = true;
    *value = 0;
    if (peek(s, &c) && c == '*') {
        s->at++;
        return hm_list_next(&s->arguments, &argument) && hm_get_int64(argument, value) &&
               *value <= BIGGEST_NUMBER && *value >= -BIGGEST_NUMBER;
    }
    if (!peek(s, &c) || c < '0' || c > '9') {
        *given = false;
        return true;
    }
    while (peek(s, &c) && c >= '0' && c <= '9') {
        if (*value < BIGGEST_NUMBER)
            *value = *value * 10 + (c - '0');
        s->at++;
    }
    return *value <= BIGGEST_NUMBER;
}

static int arguments_of(char control) {
    if (strchr("~n", control))
        return 0;
    return strchr("WPxX", control) ? 2 : strchr("wpsegfbB+#ci", control) ? 1 : -1;
}

static bool read_sequence(struct scanner *s, struct sequence *q) {
    uint32_t c;
    *q = (struct sequence){.pad = ' ', .strings = true};
    bool minus = take_this(s, '-');
    if (!take_number(s, &q->has_width, &q->width) || (minus && !q->has_width))
        return false;
    if (minus)
        q->width = -q->width;
    q->left = q->width < 0;
    if (q->left)
        q->width = -q->width;
    if (take_this(s, '.') && !take_number(s, &q->has_precision, &q->precision))
        return false;
    const uint8_t *dot = s->at;
    if (take_this(s, '.')) {
        hm_term argument;
        if (take_this(s, '*')) {
            if (!hm_list_next(&s->arguments, &argument) || !hm_get_int64(argument, &q->pad))
                return false;
        } else if (take(s, &c)) {
            q->pad = c;
        } else {
            s->at = dot;
        }
    }
    while (peek(s, &c) && (c == 't' || c == 'l')) {
        q->unicode = q->unicode || c == 't';
        q->strings = q->strings && c != 'l';
        s->at++;
    }
    if (!take(s, &c) || c == 0 || c > 0x7F)
        return false;
    q->control = (char)c;
    int count = arguments_of(q->control);
    return count >= 0 && (count < 1 || hm_list_next(&s->arguments, &q->argument)) &&
           (count < 2 || hm_list_next(&s->arguments, &q->second));
}

/* ---- fields ---- */

/* Text with what fills the field: to the left of it, unless it is left-adjusted. */
static int adjust(struct writer *out, const void *text, size_t size, const struct sequence *q,
                  int64_t filling) {
    if (!q->left && io_text_fill(out, q->pad, (uint64_t)filling))
        return out->error ? out->error : HM_EINVAL;
    writer_put(out, text, size);
    if (q->left && io_text_fill(out, q->pad, (uint64_t)filling))
        return out->error ? out->error : HM_EINVAL;
    return out->error;
}

/* term/5: what does not fit becomes stars. */
static int put_field(struct writer *out, const struct writer *text, const struct sequence *q) {
    int64_t length = text->size ? (int64_t)io_text_length(text->at, text->size) : 0;
    if (!q->has_width && !q->has_precision) {
        writer_put(out, text->at, text->size);
        return out->error;
    }
    int64_t field = q->has_width ? q->width : q->precision;
    int64_t most = q->has_precision && q->precision < field ? q->precision : field;
    if (field < 0 || most < 0)
        return HM_EINVAL;
    most = length < most ? length : most;
    if (length <= most)
        return adjust(out, text->at, text->size, q, field - length);
    struct writer stars;
    writer_init(&stars, out->cap);
    int error = io_text_fill(&stars, '*', (uint64_t)most);
    if (!error)
        error = adjust(out, stars.at, stars.size, q, field - most);
    writer_fini(&stars);
    return error;
}

/* string/6: what does not fit is cut. */
static int put_string(struct writer *out, const struct writer *text, const struct sequence *q) {
    int64_t length = text->size ? (int64_t)io_text_length(text->at, text->size) : 0;
    if (!q->has_width && !q->has_precision) {
        writer_put(out, text->at, text->size);
        return out->error;
    }
    struct sequence field = *q;
    if (!q->has_width) {
        field.width = q->precision;
        field.left = true;
    }
    int64_t precision = q->has_precision ? q->precision : field.width;
    if (field.width < precision || field.width < 0 || precision < 0)
        return HM_EINVAL;
    if (length > precision)
        return adjust(out, text->at, io_text_bytes_of(text->at, text->size, (size_t)precision), &field,
                      field.width - precision);
    if (precision == field.width)
        return adjust(out, text->at, text->size, &field, field.width - length);
    /* Shorter than the precision: filled up to it on the right, then to the width where it belongs. */
    struct writer filled;
    writer_init(&filled, out->cap);
    writer_put(&filled, text->at, text->size);
    int error = io_text_fill(&filled, q->pad, (uint64_t)(precision - length));
    if (!error)
        error = adjust(out, filled.at, filled.size, &field, field.width - precision);
    writer_fini(&filled);
    return error;
}

/* `band 255' of an integer of any size. */
static bool read_low_byte(hm_term term, int64_t *value) {
    struct integer integer;
    if (!view_integer(term.bytes, &integer))
        return false;
    *value = integer.size ? integer.digits[0] : 0;
    if (integer.negative)
        *value = -*value & 255;
    return true;
}

static int put_character(struct writer *out, int64_t character, const struct sequence *q) {
    if (q->has_width && q->has_precision) {
        struct writer text;
        if (q->width < q->precision || q->precision < 0)
            return HM_EINVAL;
        writer_init(&text, out->cap);
        int error = io_text_fill(&text, character, (uint64_t)q->precision);
        if (!error)
            error = adjust(out, text.at, text.size, q, q->width - q->precision);
        writer_fini(&text);
        return error;
    }
    int64_t count = q->has_width ? q->width : q->has_precision ? q->precision : 1;
    return count < 0 ? HM_EINVAL : io_text_fill(out, character, (uint64_t)count);
}

/* ---- control sequences ---- */

static int put_integer(struct writer *out, struct writer *text, const struct sequence *q) {
    struct writer prefix;
    char base[16];
    int64_t radix = q->has_precision ? q->precision : 10;
    bool lower = strchr("bx+", q->control) != NULL;
    if (hm_term_type(q->argument) != HM_TYPE_INTEGER || radix < 2 || radix > 36)
        return HM_EINVAL;
    writer_init(&prefix, out->cap);
    int error = HM_OK;
    if (strchr("+#", q->control))
        writer_put(&prefix, base, (size_t)snprintf(base, sizeof base, "%d#", (int)radix));
    else if (strchr("xX", q->control) && hm_term_type(q->second) == HM_TYPE_ATOM)
        io_text_put_atom(&prefix, q->second);
    else if (strchr("xX", q->control))
        error =
            hm_list_length(q->second) < 0 ? HM_EINVAL : io_text_append(&prefix, q->second, IO_TEXT_UNICODE);
    if (!error)
        error = prefix.error;
    if (!error)
        error = io_put_integer(text, q->argument, (unsigned)radix, lower, bytes_of(prefix.at, prefix.size));
    writer_fini(&prefix);
    if (error)
        return error;
    struct sequence field = *q;
    field.has_precision = false; /* it was the base */
    return put_field(out, text, &field);
}

static int put_float(struct writer *out, struct writer *text, const struct sequence *q) {
    int64_t precision = q->has_precision ? q->precision : 6;
    double value;
    if (hm_term_type(q->argument) != HM_TYPE_FLOAT || !hm_get_double(q->argument, &value))
        return HM_EINVAL;
    int error = q->control == 'e'   ? io_float_e(text, value, precision)
                : q->control == 'f' ? io_float_f(text, value, precision)
                                    : io_float_g(text, value, precision);
    if (error)
        return error;
    struct sequence field = *q;
    field.has_precision = false;
    return put_field(out, text, &field);
}

/* The column in which the next character will stand, from 0. */
static int64_t column_of(const struct writer *out, size_t begin) {
    int64_t column = 0;
    size_t at = out->size;
    while (at > begin && out->at[at - 1] != '\n')
        at--;
    for (; at < out->size; at++)
        if (out->at[at] == '\t')
            column = (column + 8) / 8 * 8;
        else
            column += (out->at[at] & 0xC0) != 0x80;
    return column;
}

static int put_pretty(struct writer *out, const struct sequence *q, int64_t depth, size_t begin) {
    struct io_pretty_style style = {
        .column = q->has_precision ? q->precision : column_of(out, begin) + 1,
        .line_length = q->has_width ? q->width : LINE_LENGTH,
        .depth = depth,
        .unicode = q->unicode,
        .strings = q->strings,
    };
    if (q->left)
        return HM_EINVAL;
    return io_pretty_term(out, q->argument, &style);
}

static int put_text(struct writer *out, struct writer *text, const struct sequence *q) {
    int error = HM_OK;
    if (hm_term_type(q->argument) == HM_TYPE_ATOM) {
        io_text_put_atom(text, q->argument);
        if (!q->unicode && !io_text_is_latin1(bytes_of(text->at, text->size)))
            return HM_EINVAL;
        error = text->error;
    } else {
        error = io_text_append(text, q->argument, q->unicode ? IO_TEXT_LENIENT : IO_TEXT_LATIN1);
    }
    return error ? error : put_string(out, text, q);
}

static int put_sequence(struct writer *out, struct writer *text, const struct sequence *q, size_t begin) {
    int64_t depth = -1, character;
    if (strchr("WP", q->control) && !hm_get_int64(q->second, &depth))
        return HM_EINVAL;
    if (depth < 0)
        depth = -1;
    switch (q->control) {
    case 'w':
    case 'W':
        io_write_term(text, q->argument, depth, q->unicode);
        return text->error ? text->error : put_field(out, text, q);
    case 'p':
    case 'P': return put_pretty(out, q, depth, begin);
    case 's': return put_text(out, text, q);
    case 'e':
    case 'f':
    case 'g': return put_float(out, text, q);
    case 'c':
        if (!q->unicode)
            return read_low_byte(q->argument, &character) ? put_character(out, character, q) : HM_EINVAL;
        return hm_get_int64(q->argument, &character) ? put_character(out, character, q) : HM_EINVAL;
    case '~': return put_character(out, '~', q);
    case 'n':
        return q->left || (q->has_width && q->width < 0)
                   ? HM_EINVAL
                   : io_text_fill(out, '\n', q->has_width ? (uint64_t)q->width : 1);
    case 'i': return HM_OK;
    default: return put_integer(out, text, q);
    }
}

static int scan(struct writer *out, struct scanner *s) {
    size_t begin = out->size;
    struct writer text;
    int error = HM_OK;
    writer_init(&text, out->cap);
    while (s->at < s->end && !error) {
        struct sequence sequence;
        uint32_t c;
        if (!take_this(s, '~')) {
            unsigned size = utf8_next(s->at, s->end, &c);
            writer_put(out, s->at, size);
            s->at += size;
            error = out->error;
        } else if (read_sequence(s, &sequence)) {
            writer_reset(&text);
            error = put_sequence(out, &text, &sequence, begin);
        } else {
            error = HM_EINVAL;
        }
    }
    writer_fini(&text);
    return error;
}

/* A character list: what is nested in it is text without control sequences. */
static int read_list(struct writer *text, struct writer *literal, struct hm_list *list) {
    hm_term element;
    int64_t c;
    while (hm_list_next(list, &element)) {
        size_t before = text->size;
        bool plain = hm_get_int64(element, &c);
        int error = plain ? io_text_put(text, c) : io_text_append(text, element, IO_TEXT_UNICODE);
        if (error)
            return error;
        for (size_t i = before; i < text->size; i++)
            writer_u8(literal, !plain);
    }
    if (!hm_list_end(list, NULL))
        return HM_EINVAL;
    return literal->error;
}

static int read_format(struct writer *text, struct writer *literal, hm_term format) {
    struct hm_list list;
    if (hm_term_type(format) == HM_TYPE_ATOM) {
        io_text_put_atom(text, format);
        return text->error;
    }
    if (hm_list_begin(format, &list))
        return read_list(text, literal, &list);
    /* binary_to_list/1: bytes are characters, UTF-8 or not */
    return io_text_append(text, format, IO_TEXT_LATIN1);
}

int io_format(struct writer *out, hm_term format, hm_term arguments) {
    struct writer text, literal;
    struct scanner scanner = {0};
    hm_term more;
    if (!hm_list_begin(arguments, &scanner.arguments))
        return HM_EINVAL;
    writer_init(&text, out->cap);
    writer_init(&literal, out->cap);
    int error = read_format(&text, &literal, format);
    if (!error && text.size) {
        scanner.at = scanner.begin = text.at;
        scanner.end = text.at + text.size;
        scanner.literal = literal.at;
        error = scan(out, &scanner);
    }
    if (!error && (hm_list_next(&scanner.arguments, &more) || !hm_list_end(&scanner.arguments, NULL)))
        error = HM_EINVAL;
    writer_fini(&text);
    writer_fini(&literal);
    return error;
}

/* ---- functions ---- */

static int print(struct writer *out, hm_term term, int64_t column, int64_t line_length, int64_t depth,
                 bool unicode) {
    struct io_pretty_style style = {column, line_length, depth < 0 ? -1 : depth, unicode, true};
    return io_pretty_term(out, term, &style);
}

int io_format_apply(struct writer *out, hm_term module, hm_term function, hm_term arguments) {
    struct hm_list list;
    hm_term given[4];
    int64_t numbers[3] = {-1, -1, -1};
    long count = hm_list_length(arguments);
    if (!hm_is_atom(module, "io_lib") || count < 0 || count > 4 || !hm_list_begin(arguments, &list))
        return HM_ENOENT;
    for (long i = 0; i < count && hm_list_next(&list, &given[i]); i++)
        if (i)
            hm_get_int64(given[i], &numbers[i - 1]);
    if (!hm_list_end(&list, NULL))
        return HM_ENOENT;
    if (count == 2 && (hm_is_atom(function, "format") || hm_is_atom(function, "fwrite")))
        return io_format(out, given[0], given[1]);
    if (hm_is_atom(function, "nl") && count == 0) {
        writer_u8(out, '\n');
        return out->error;
    }
    bool is_write = hm_is_atom(function, "write");
    if (is_write && count >= 1 && count <= 2) {
        if (count == 2 && hm_term_type(given[1]) != HM_TYPE_INTEGER)
            return HM_EINVAL;
        io_write_term(out, given[0], numbers[0] < 0 ? -1 : numbers[0], false);
        return out->error;
    }
    if (hm_is_atom(function, "print") && count == 1)
        return print(out, given[0], 1, LINE_LENGTH, -1, true);
    if (hm_is_atom(function, "print") && count == 4)
        return print(out, given[0], numbers[0], numbers[1], numbers[2], false);
    return HM_ENOENT;
}
