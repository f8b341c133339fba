/* Atoms, numbers, binaries, characters: conversions, and what strings need from C. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wctype.h>

#include "etf/utf8.h"
#include "eval/arith.h"
#include "eval/bif.h"
#include "eval/order.h"
#include "eval/terms.h"
#include "otp/io_format.h"

enum { TEXT_MAX = 256 << 20, NUMBER_TEXT = 400 };

/* ---- chardata ---- */

static bool put_item(struct writer *out, value v, bool bytes) {
    char text[4];
    if (!value_is_small(v) || value_small(v) < 0 || value_small(v) > (bytes ? 255 : 0x10ffff))
        return false;
    if (bytes) {
        writer_u8(out, (uint8_t)value_small(v));
        return true;
    }
    unsigned size = utf8_put((uint32_t)value_small(v), text);
    writer_put(out, text, size);
    return size != 0;
}

static bool put_data(struct machine *m, struct writer *out, value v, bool bytes, unsigned depth) {
    if (depth > VALUE_DEPTH)
        return false;
    for (; value_is_cons(v); v = value_tail(v)) {
        value head = value_head(v);
        machine_charge(m, 1);
        if (value_is_small(head) ? !put_item(out, head, bytes) : !put_data(m, out, head, bytes, depth + 1))
            return false;
    }
    struct bits bits;
    if (v == VALUE_NIL)
        return true;
    if (!value_bits(v, &bits) || bits.count % 8)
        return false;
    uint8_t *room = writer_reserve(out, bits.count / 8);
    for (size_t i = 0; room && i < bits.count / 8; i++)
        room[i] = order_byte(&bits, i);
    if (room)
        out->size += bits.count / 8;
    return true;
}

bool bif_chardata(struct machine *m, struct writer *out, value v, bool bytes) {
    bool ok = put_data(m, out, v, bytes, 0);
    if (out->error)
        m->heap.exhausted = true;
    return ok;
}

value bif_writer_binary(struct machine *m, struct writer *out) {
    value made = heap_binary(&m->heap, out->at ? (const void *)out->at : "", out->size);
    writer_fini(out);
    return made;
}

static struct writer new_writer(const struct machine *m) {
    struct writer out;
    writer_init(&out, m->limits.memory_bytes < TEXT_MAX ? m->limits.memory_bytes : TEXT_MAX);
    return out;
}

/* Any text into a terminated buffer. */
static bool short_text(struct machine *m, value v, char *text, size_t capacity, size_t *size) {
    struct writer out;
    writer_init(&out, capacity - 1);
    bool ok = value_is_cons(v) || v == VALUE_NIL || value_is_binary(v);
    ok = ok && put_data(m, &out, v, false, 0) && !out.error;
    if (ok) {
        memcpy(text, out.at ? (const void *)out.at : "", out.size);
        text[out.size] = 0;
        *size = out.size;
    }
    writer_fini(&out);
    return ok;
}

static value charlist(struct machine *m, const char *text, size_t size) {
    value list = VALUE_NIL;
    const uint8_t *at = (const uint8_t *)text, *end = at + size;
    while (at < end) {
        uint32_t c;
        unsigned used = utf8_next(at, end, &c);
        list = heap_cons(&m->heap, value_of_small(used ? c : *at), list);
        at += used ? used : 1;
    }
    return heap_reverse(&m->heap, list, VALUE_NIL);
}

/* ---- atoms ---- */

BIF(atom_to_list) {
    if (!value_is_atom(a[0]))
        return BADARG;
    struct bytes text = value_atom_text(&m->heap, a[0]);
    return bif_value(result, charlist(m, (const char *)text.at, text.size));
}
BIF(atom_to_binary) {
    if (!value_is_atom(a[0]))
        return BADARG;
    struct bytes text = value_atom_text(&m->heap, a[0]);
    return bif_value(result, heap_binary(&m->heap, text.at, text.size));
}
static enum bif_outcome to_atom(struct machine *m, value v, value *result) {
    char text[HM_ATOM_BYTES + 4];
    size_t size, characters;
    if (!short_text(m, v, text, sizeof text, &size) || !utf8_valid((const uint8_t *)text, size, &characters))
        return BADARG;
    if (characters > 255)
        return bif_error(result, A(system_limit));
    return bif_value(result, heap_atom(&m->heap, text, size));
}
BIF(list_to_atom) {
    return value_is_cons(a[0]) || a[0] == VALUE_NIL ? to_atom(m, a[0], result) : BADARG;
}
BIF(binary_to_atom) {
    return value_is_binary(a[0]) ? to_atom(m, a[0], result) : BADARG;
}

/* ---- integers ---- */

static char *integer_text(value v, unsigned base, char room[NUMBER_TEXT], bool *allocated) {
    *allocated = value_is(v, KIND_BIG);
    if (*allocated)
        return arith_text(v, base);
    int64_t i = value_small(v);
    uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    char *at = room + NUMBER_TEXT - 1;
    *at = 0;
    do
        *--at = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[magnitude % base];
    while ((magnitude /= base));
    if (i < 0)
        *--at = '-';
    return at;
}
static enum bif_outcome from_integer(struct machine *m, value v, value base, bool list, value *result) {
    char room[NUMBER_TEXT];
    bool allocated;
    if (!value_is_integer(v) || !value_is_small(base) || value_small(base) < 2 || value_small(base) > 36)
        return BADARG;
    char *text = integer_text(v, (unsigned)value_small(base), room, &allocated);
    if (!text)
        return bif_error(result, A(system_limit));
    *result = list ? charlist(m, text, strlen(text)) : heap_text(&m->heap, text);
    if (allocated)
        free(text);
    return BIF_VALUE;
}
BIF(integer_to_list) {
    return from_integer(m, a[0], value_of_small(10), true, result);
}
BIF(integer_to_list_2) {
    return from_integer(m, a[0], a[1], true, result);
}
BIF(integer_to_binary) {
    return from_integer(m, a[0], value_of_small(10), false, result);
}
BIF(integer_to_binary_2) {
    return from_integer(m, a[0], a[1], false, result);
}

static bool are_digits(const char *text, size_t size, unsigned base) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned digit = c >= '0' && c <= '9'   ? c - 0x30u
                         : c >= 'a' && c <= 'z' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'Z' ? c - 'A' + 10u
                                                : 99;
        if (digit >= base)
            return false;
    }
    return size > 0;
}
static enum bif_outcome to_integer(struct machine *m, value v, value base, value *result) {
    struct writer out = new_writer(m);
    enum bif_outcome outcome = BADARG;
    uint8_t *digits;
    size_t size;
    if (value_is_small(base) && value_small(base) >= 2 && value_small(base) <= 36 &&
        bif_chardata(m, &out, v, true) && out.size) {
        const char *text = (const char *)out.at;
        size_t sign = text[0] == '-' || text[0] == '+';
        unsigned radix = (unsigned)value_small(base);
        if (are_digits(text + sign, out.size - sign, radix)) {
            int error = number_parse_digits(text + sign, out.size - sign, radix, &digits, &size);
            if (error == HM_OK && size <= ARITH_BYTES) {
                *result = heap_big(&m->heap, text[0] == '-', digits, size);
                outcome = BIF_VALUE;
            } else {
                *result = A(system_limit);
            }
            if (error == HM_OK)
                free(digits);
        }
    }
    writer_fini(&out);
    return outcome;
}
BIF(list_to_integer) {
    return value_is_cons(a[0]) ? to_integer(m, a[0], value_of_small(10), result) : BADARG;
}
BIF(list_to_integer_2) {
    return value_is_cons(a[0]) ? to_integer(m, a[0], a[1], result) : BADARG;
}
BIF(binary_to_integer) {
    return value_is_binary(a[0]) ? to_integer(m, a[0], value_of_small(10), result) : BADARG;
}
BIF(binary_to_integer_2) {
    return value_is_binary(a[0]) ? to_integer(m, a[0], a[1], result) : BADARG;
}

/* ---- floats ---- */

static void dot_for_point(char *text) {
    const char *point = localeconv()->decimal_point;
    char *found = strcmp(point, ".") != 0 ? strstr(text, point) : NULL;
    if (found) {
        *found = '.';
        memmove(found + 1, found + strlen(point), strlen(found + strlen(point)) + 1);
    }
}
static bool float_text(double d, value options, char text[NUMBER_TEXT]) {
    int decimals = -1;
    bool compact = false, is_short = false;
    for (; value_is_cons(options); options = value_tail(options)) {
        const value *pair = value_tagged(value_head(options), A(decimals), 2);
        if (value_head(options) == A(short))
            is_short = true;
        else if (value_head(options) == A(compact))
            compact = true;
        else if (pair && value_is_small(pair[1]) && value_small(pair[1]) >= 0 && value_small(pair[1]) <= 253)
            decimals = (int)value_small(pair[1]);
        else
            return false;
    }
    if (is_short) {
        text[number_print_float(d, false, text)] = 0;
        return true;
    }
    int size = decimals < 0 ? snprintf(text, NUMBER_TEXT, "%.20e", d)
                            : snprintf(text, NUMBER_TEXT, "%.*f", decimals, d);
    if (size >= NUMBER_TEXT)
        return false;
    dot_for_point(text);
    char *point = strchr(text, '.');
    if (compact && decimals > 0 && point)
        for (char *end = text + strlen(text) - 1; *end == '0' && end[-1] != '.'; end--)
            *end = 0;
    return true;
}
static enum bif_outcome from_float(struct machine *m, value v, value options, bool list, value *result) {
    char text[NUMBER_TEXT];
    if (!value_is_float(v) || !float_text(value_float(v), options, text))
        return BADARG;
    return bif_value(result, list ? charlist(m, text, strlen(text)) : heap_text(&m->heap, text));
}
BIF(float_to_list) {
    return from_float(m, a[0], VALUE_NIL, true, result);
}
BIF(float_to_list_2) {
    return from_float(m, a[0], a[1], true, result);
}
BIF(float_to_binary) {
    return from_float(m, a[0], VALUE_NIL, false, result);
}
BIF(float_to_binary_2) {
    return from_float(m, a[0], a[1], false, result);
}
BIF(elixir_float) {
    char text[NUMBER_FLOAT_TEXT];
    if (!value_is_float(a[0]))
        return BADARG;
    return bif_value(result, heap_binary(&m->heap, text, number_print_float(value_float(a[0]), true, text)));
}
static enum bif_outcome to_float(struct machine *m, value v, value *result) {
    char text[NUMBER_TEXT];
    size_t size;
    double d;
    if (!short_text(m, v, text, sizeof text, &size) || !number_parse_float(text, size, &d))
        return BADARG;
    return bif_value(result, heap_float(&m->heap, d));
}
BIF(list_to_float) {
    return value_is_cons(a[0]) ? to_float(m, a[0], result) : BADARG;
}
BIF(binary_to_float) {
    return value_is_binary(a[0]) ? to_float(m, a[0], result) : BADARG;
}

/* ---- binaries ---- */

static enum bif_outcome from_iolist(struct machine *m, value v, bool bytes, value *result) {
    struct writer out = new_writer(m);
    if (!bif_chardata(m, &out, v, bytes)) {
        writer_fini(&out);
        return BADARG;
    }
    return bif_value(result, bif_writer_binary(m, &out));
}
BIF(iolist_to_binary) {
    return from_iolist(m, a[0], true, result);
}
BIF(list_to_binary) {
    return value_is_cons(a[0]) || a[0] == VALUE_NIL ? from_iolist(m, a[0], true, result) : BADARG;
}
BIF(iolist_size) {
    struct writer out = new_writer(m);
    bool ok = bif_chardata(m, &out, a[0], true);
    *result = value_of_small((int64_t)out.size);
    writer_fini(&out);
    return ok ? BIF_VALUE : BADARG;
}
/* Chardata as a valid UTF-8 binary; false when it is none. */
BIF(chardata_to_binary) {
    struct writer out = new_writer(m);
    bool ok = bif_chardata(m, &out, a[0], false) &&
              utf8_valid(out.at ? out.at : (const uint8_t *)"", out.size, NULL);
    if (ok)
        return bif_value(result, bif_writer_binary(m, &out));
    writer_fini(&out);
    return bif_value(result, A(false));
}
BIF(utf8_to_list) {
    struct bytes bytes;
    if (!value_binary(a[0], &bytes) || !utf8_valid(bytes.at, bytes.size, NULL))
        return bif_value(result, A(false));
    machine_charge(m, bytes.size / 32);
    return bif_value(result, charlist(m, (const char *)bytes.at, bytes.size));
}
BIF(is_valid_utf8) {
    struct bytes bytes;
    machine_charge(m, 1);
    return bif_value(result,
                     value_of_bool(value_binary(a[0], &bytes) && utf8_valid(bytes.at, bytes.size, NULL)));
}
BIF(byte_size) {
    struct bits bits;
    UNUSED_MACHINE;
    return value_bits(a[0], &bits) ? bif_value(result, value_of_small((int64_t)((bits.count + 7) / 8)))
                                   : BADARG;
}
BIF(bit_size) {
    struct bits bits;
    UNUSED_MACHINE;
    return value_bits(a[0], &bits) ? bif_value(result, value_of_small((int64_t)bits.count)) : BADARG;
}
BIF(binary_part) {
    struct bits bits;
    if (!value_bits(a[0], &bits) || bits.count % 8 || !value_is_small(a[1]) || !value_is_small(a[2]))
        return BADARG;
    int64_t start = value_small(a[1]), size = value_small(a[2]), total = (int64_t)(bits.count / 8);
    if (size < 0) {
        start += size;
        size = -size;
    }
    if (start < 0 || start > total || size > total - start)
        return BADARG;
    return bif_value(result, heap_part(&m->heap, a[0], 8 * (size_t)start, 8 * (size_t)size));
}
BIF(binary_part_2) {
    if (!value_is_tuple(a[1]) || value_size(a[1]) != 2)
        return BADARG;
    value arguments[] = {a[0], value_words(a[1])[0], value_words(a[1])[1]};
    return binary_part(m, arguments, result);
}
BIF(binary_at) {
    struct bits bits;
    UNUSED_MACHINE;
    if (!value_bits(a[0], &bits) || bits.count % 8 || !value_is_small(a[1]) || value_small(a[1]) < 0 ||
        value_small(a[1]) >= (int64_t)(bits.count / 8))
        return BADARG;
    return bif_value(result, value_of_small(order_byte(&bits, (size_t)value_small(a[1]))));
}
BIF(binary_to_list) {
    struct bits bits;
    if (!value_bits(a[0], &bits) || bits.count % 8)
        return BADARG;
    value list = VALUE_NIL;
    machine_charge(m, bits.count / 256);
    for (size_t i = bits.count / 8; i > 0; i--)
        list = heap_cons(&m->heap, value_of_small(order_byte(&bits, i - 1)), list);
    return bif_value(result, list);
}
BIF(binary_copy) {
    struct bits bits;
    if (!value_bits(a[0], &bits) || bits.count % 8 || !value_is_small(a[1]) || value_small(a[1]) < 0)
        return BADARG;
    size_t size = bits.count / 8, times = (size_t)value_small(a[1]);
    if (size && times > m->limits.memory_bytes / size) {
        m->heap.exhausted = true;
        return BIF_VALUE;
    }
    machine_charge(m, size * times / 256);
    uint8_t *at = heap_binary_room(&m->heap, size * times, result);
    for (size_t n = 0; at && n < times; n++)
        for (size_t i = 0; i < size; i++)
            *at++ = order_byte(&bits, i);
    return BIF_VALUE;
}
/* Where the pattern first stands at or behind byte From: its place, or -1. */
BIF(find_bytes) {
    struct bytes text, pattern;
    if (!value_binary(a[0], &text) || !value_binary(a[1], &pattern) || pattern.size == 0 ||
        !value_is_small(a[2]) || value_small(a[2]) < 0)
        return BADARG;
    size_t from = (size_t)value_small(a[2]);
    const uint8_t *found =
        from <= text.size ? memmem(text.at + from, text.size - from, pattern.at, pattern.size) : NULL;
    machine_charge(m, (found ? (size_t)(found - text.at) - from : text.size) / 256);
    return bif_value(result, value_of_small(found ? found - text.at : -1));
}

/* ---- characters ---- */

/* Case as Unicode's simple mapping has it, in whatever locale the program is. */
static enum bif_outcome map_case(struct machine *m, value v, bool up, value *result) {
    struct bytes text;
    if (!value_binary(v, &text))
        return BADARG;
    struct writer out = new_writer(m);
    locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    for (const uint8_t *at = text.at, *end = at + text.size; at < end;) {
        uint32_t c;
        char put[4];
        unsigned used = utf8_next(at, end, &c);
        if (up && c == 0xdf && used) { /* the one letter of everyday text that becomes two */
            writer_put(&out, "SS", 2);
            at += used;
            continue;
        }
        if (!used) {
            writer_u8(&out, *at++);
            continue;
        }
        at += used;
        if (c < 0x80)
            c = up ? (c >= 'a' && c <= 'z' ? c - 32 : c) : (c >= 'A' && c <= 'Z' ? c + 32 : c);
        else if (locale)
            c = (uint32_t)(up ? towupper_l((wint_t)c, locale) : towlower_l((wint_t)c, locale));
        writer_put(&out, put, utf8_put(c, put));
    }
    if (locale)
        freelocale(locale);
    machine_charge(m, text.size / 64);
    if (out.error)
        m->heap.exhausted = true;
    return bif_value(result, bif_writer_binary(m, &out));
}
BIF(upcase) {
    return map_case(m, a[0], true, result);
}
BIF(downcase) {
    return map_case(m, a[0], false, result);
}

static bool extends(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } MARKS[] = {{0x300, 0x36f},     {0x483, 0x489},     {0x591, 0x5bd},    {0x610, 0x61a},
                 {0x64b, 0x65f},     {0x93c, 0x94d},     {0x1ab0, 0x1aff},  {0x1dc0, 0x1dff},
                 {0x200c, 0x200d},   {0x20d0, 0x20ff},   {0xfe00, 0xfe0f},  {0xfe20, 0xfe2f},
                 {0x1f3fb, 0x1f3ff}, {0xe0020, 0xe007f}, {0xe0100, 0xe01ef}};
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++)
        if (c >= MARKS[i].first && c <= MARKS[i].last)
            return true;
    return false;
}
static bool is_flag(uint32_t c) {
    return c >= 0x1f1e6 && c <= 0x1f1ff;
}
/* The size of the first grapheme: a character and what belongs to it (marks, joined emoji, pairs of regional
 * indicators, CR LF). */
static size_t grapheme_size(const uint8_t *at, const uint8_t *end) {
    const uint8_t *begin = at;
    uint32_t c, next;
    unsigned used = utf8_next(at, end, &c);
    if (!used)
        return 1;
    at += used;
    bool flag = is_flag(c);
    while (at < end && (used = utf8_next(at, end, &next))) {
        bool joined = c == 0x200d && next >= 0x2190;
        if (!(c == '\r' && next == '\n') && !extends(next) && !joined && !(flag && is_flag(next)))
            break;
        flag = false;
        at += used;
        c = next;
    }
    return (size_t)(at - begin);
}
BIF(graphemes) {
    struct bytes text;
    if (!value_binary(a[0], &text))
        return bif_error(result, A(function_clause));
    value list = VALUE_NIL;
    for (size_t at = 0; at < text.size;) {
        size_t size = grapheme_size(text.at + at, text.at + text.size);
        list = heap_cons(&m->heap, heap_part(&m->heap, a[0], 8 * at, 8 * size), list);
        at += size;
    }
    machine_charge(m, text.size / 16);
    return bif_value(result, heap_reverse(&m->heap, list, VALUE_NIL));
}
/* Whether a character can go to a terminal as it is (String.printable?). */
BIF(is_printable) {
    UNUSED_MACHINE;
    return bif_value(result, value_of_bool(value_is_small(a[0]) && value_small(a[0]) >= 0 &&
                                           value_small(a[0]) <= 0x10ffff &&
                                           utf8_is_printable((uint32_t)value_small(a[0]))));
}
/* A term in the syntax of Erlang or Elixir, without limit. */
BIF(print) {
    hm_build *build = hm_build_new();
    char *text = NULL;
    int error = build ? terms_write(&m->heap, build, a[0], m->origin) : HM_ENOMEM;
    if (error == HM_OK)
        error = hm_term_print(hm_build_term(build), a[1] == A(elixir) ? HM_SYNTAX_ELIXIR : HM_SYNTAX_ERLANG,
                              m->limits.memory_bytes, &text);
    hm_build_free(build);
    if (error != HM_OK)
        return bif_error(result, A(system_limit));
    *result = heap_text(&m->heap, text);
    machine_charge(m, strlen(text) / 64);
    free(text);
    return BIF_VALUE;
}

/* io_lib:format/2 as a binary; false where it has badarg. */
BIF(format) {
    hm_build *build = hm_build_new();
    struct writer out = new_writer(m);
    hm_term parts[2];
    int error =
        build ? terms_write(&m->heap, build, heap_tuple_of(&m->heap, a[0], a[1]), m->origin) : HM_ENOMEM;
    if (error == HM_OK && hm_tuple_elements(hm_build_term(build), 2, parts))
        error = io_format(&out, parts[0], parts[1]);
    hm_build_free(build);
    machine_charge(m, out.size / 64);
    if (error == HM_OK)
        return bif_value(result, bif_writer_binary(m, &out));
    writer_fini(&out);
    return error == HM_EINVAL ? bif_value(result, A(false)) : bif_error(result, A(system_limit));
}

#define G(name, arity, run)                                                                                  \
    { "erlang", name, arity, true, run }
#define E(name, arity, run)                                                                                  \
    { "erlang", name, arity, false, run }
#define X(name, arity, run)                                                                                  \
    { "$eval", name, arity, false, run }
const struct bif_row bif_text[] = {E("atom_to_list", 1, atom_to_list),
                                   E("atom_to_binary", 1, atom_to_binary),
                                   E("atom_to_binary", 2, atom_to_binary),
                                   E("list_to_atom", 1, list_to_atom),
                                   E("list_to_existing_atom", 1, list_to_atom),
                                   E("binary_to_atom", 1, binary_to_atom),
                                   E("binary_to_atom", 2, binary_to_atom),
                                   E("binary_to_existing_atom", 1, binary_to_atom),
                                   E("binary_to_existing_atom", 2, binary_to_atom),
                                   E("integer_to_list", 1, integer_to_list),
                                   E("integer_to_list", 2, integer_to_list_2),
                                   E("integer_to_binary", 1, integer_to_binary),
                                   E("integer_to_binary", 2, integer_to_binary_2),
                                   E("list_to_integer", 1, list_to_integer),
                                   E("list_to_integer", 2, list_to_integer_2),
                                   E("binary_to_integer", 1, binary_to_integer),
                                   E("binary_to_integer", 2, binary_to_integer_2),
                                   E("float_to_list", 1, float_to_list),
                                   E("float_to_list", 2, float_to_list_2),
                                   E("float_to_binary", 1, float_to_binary),
                                   E("float_to_binary", 2, float_to_binary_2),
                                   E("list_to_float", 1, list_to_float),
                                   E("binary_to_float", 1, binary_to_float),
                                   E("iolist_to_binary", 1, iolist_to_binary),
                                   E("list_to_binary", 1, list_to_binary),
                                   E("iolist_size", 1, iolist_size),
                                   G("byte_size", 1, byte_size),
                                   G("bit_size", 1, bit_size),
                                   G("binary_part", 3, binary_part),
                                   G("binary_part", 2, binary_part_2),
                                   E("binary_to_list", 1, binary_to_list),
                                   {"binary", "part", 3, false, binary_part},
                                   {"binary", "part", 2, false, binary_part_2},
                                   {"binary", "at", 2, false, binary_at},
                                   {"binary", "bin_to_list", 1, false, binary_to_list},
                                   {"binary", "copy", 2, false, binary_copy},
                                   X("find_bytes", 3, find_bytes),
                                   X("chardata_to_binary", 1, chardata_to_binary),
                                   X("utf8_to_list", 1, utf8_to_list),
                                   X("is_valid_utf8", 1, is_valid_utf8),
                                   X("upcase", 1, upcase),
                                   X("downcase", 1, downcase),
                                   X("graphemes", 1, graphemes),
                                   X("is_printable", 1, is_printable),
                                   X("print", 2, print),
                                   X("elixir_float", 1, elixir_float),
                                   X("format", 2, format),
                                   {0}};
