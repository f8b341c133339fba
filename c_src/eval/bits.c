/*
 * The bit syntax: segments of {bin, _, Elements}, built and matched. lib/stdlib/src/eval_bits.erl.
 *
 * Building goes over the segments twice, first to count bits and then to write them.
 */
#include <math.h>

#include "etf/utf8.h"
#include "eval/arith.h"
#include "eval/machine.h"
#include "eval/order.h"

struct segment {
    value form, size; /* expressions; size may be ATOM_default */
    enum atom type;   /* integer, float, binary, utf8, utf16, utf32 */
    bool is_signed, little;
    unsigned unit;
};

static bool read_spec(struct segment *s, value spec, bool *unit_given) {
    switch (spec) {
    case A(integer):
    case A(float):
    case A(utf8):
    case A(utf16):
    case A(utf32): s->type = (enum atom)(spec >> 8); return true;
    case A(binary):
    case A(bytes): s->type = ATOM_binary; return true;
    case A(bitstring):
    case A(bits):
        s->type = ATOM_binary;
        if (!*unit_given)
            s->unit = 1;
        *unit_given = true;
        return true;
    case A(signed): s->is_signed = true; return true;
    case A(unsigned):
    case A(big): return true;
    case A(little): s->little = true; return true;
    case A(native): s->little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__; return true;
    default: break;
    }
    const value *unit = value_tagged(spec, A(unit), 2);
    if (!unit || !value_is_small(unit[1]) || value_small(unit[1]) < 1 || value_small(unit[1]) > 256)
        return false;
    s->unit = (unsigned)value_small(unit[1]);
    *unit_given = true;
    return true;
}

/* The segment of a bin_element. A unit that is given counts, wherever it stands. */
static bool read_segment(struct machine *m, value element, struct segment *s) {
    bool unit_given = false, explicit_unit = false;
    *s = (struct segment){.type = ATOM_integer, .unit = 1};
    if (!form_is(element, A(bin_element), 5))
        return m->bad_form = true, false;
    s->form = form_part(element, 2);
    s->size = form_part(element, 3);
    value specs = form_part(element, 4);
    if (specs == A(default))
        specs = VALUE_NIL;
    for (value list = specs; value_is_cons(list); list = value_tail(list)) {
        unsigned before = s->unit;
        if (!read_spec(s, value_head(list), &unit_given))
            return m->bad_form = true, false;
        if (value_is_tuple(value_head(list)))
            explicit_unit = true;
        else if (explicit_unit)
            s->unit = before;
    }
    if (!unit_given && s->type == ATOM_binary)
        s->unit = 8;
    return true;
}

static bool is_utf(const struct segment *s) {
    return s->type == ATOM_utf8 || s->type == ATOM_utf16 || s->type == ATOM_utf32;
}

static bool is_string(value form) {
    return form_is(form, A(string), 3);
}

value bits_expressions(struct machine *m, value elements) {
    value list = VALUE_NIL;
    for (; value_is_cons(elements); elements = value_tail(elements)) {
        value element = value_head(elements);
        if (!form_is(element, A(bin_element), 5)) {
            m->bad_form = true;
            return VALUE_NIL;
        }
        if (!is_string(form_part(element, 2)))
            list = heap_cons(&m->heap, form_part(element, 2), list);
        if (form_part(element, 3) != A(default))
            list = heap_cons(&m->heap, form_part(element, 3), list);
    }
    return heap_reverse(&m->heap, list, VALUE_NIL);
}

/* ---- bits at any position ---- */

/* The lowest `count` (1..8) bits of byte, at bit `position`. The bytes were zero. */
static void put_bits(uint8_t *to, size_t position, unsigned byte, unsigned count) {
    unsigned shift = position % 8;
    uint8_t *at = to + position / 8;
    unsigned word = (byte << (16 - count) & 0xffff) >> shift;
    at[0] |= (uint8_t)(word >> 8);
    if (shift + count > 8)
        at[1] |= (uint8_t)word;
}

static unsigned get_bits(const struct bits *from, size_t position, unsigned count) {
    struct bits part = {from->at, from->first + position, count};
    return (unsigned)order_byte(&part, 0) >> (8 - count);
}

struct output {
    uint8_t *at; /* NULL: only count */
    size_t position;
};

static void put(struct output *out, unsigned byte, unsigned count) {
    if (out->at && count)
        put_bits(out->at, out->position, byte, count);
    out->position += count;
}

/* ---- building ---- */

/* Byte i of the two's complement. */
static unsigned integer_byte(const struct integer *integer, size_t i, bool *borrow) {
    unsigned byte = i < integer->size ? integer->digits[i] : 0;
    if (!integer->negative)
        return byte;
    byte = 256 - byte - (*borrow ? 0 : 1);
    *borrow = *borrow && (i < integer->size ? integer->digits[i] : 0) == 0;
    return byte & 0xff;
}

static bool put_integer(struct output *out, const struct segment *s, value v, size_t bits) {
    struct integer integer;
    uint8_t room[8];
    if (!value_is_integer(v))
        return false;
    if (!out->at) {
        out->position += bits;
        return true;
    }
    order_integer(v, &integer, room);
    bool borrow = true;
    size_t begin = out->position, whole = bits / 8;
    unsigned part = bits % 8;
    for (size_t i = 0; i < whole; i++) {
        size_t place = s->little ? 8 * i : bits - 8 * (i + 1);
        put_bits(out->at, begin + place, integer_byte(&integer, i, &borrow), 8);
    }
    if (part)
        put_bits(out->at, begin + (s->little ? 8 * whole : 0),
                 integer_byte(&integer, whole, &borrow) & ((1u << part) - 1), part);
    out->position = begin + bits;
    return true;
}

/* IEEE 754 binary16, to nearest even. false: too large. */
static bool half_of_double(double d, uint64_t *half) {
    uint64_t sign = signbit(d) ? 0x8000 : 0;
    int exponent;
    double fraction = frexp(fabs(d), &exponent); /* 0.5 <= fraction < 1 */
    if (d == 0) {
        *half = sign;
        return true;
    }
    int shift = exponent < -13 ? -13 - exponent : 0; /* subnormal */
    double rounded = ldexp(fraction, 11 - shift) + 0x1p52 - 0x1p52; /* no fraction is left beside 2^52 */
    uint64_t mantissa = (uint64_t)rounded;
    if (shift) {
        *half = sign | mantissa; /* rounding up to the smallest normal number carries by itself */
        return true;
    }
    *half = sign + ((uint64_t)(exponent + 14) << 10) + mantissa - 1024;
    return (*half & 0x7c00) != 0x7c00;
}

static double double_of_half(uint64_t half) {
    int exponent = (int)(half >> 10 & 31);
    double fraction = (double)(half & 1023);
    double d = exponent == 0    ? ldexp(fraction, -24)
               : exponent == 31 ? (fraction != 0 ? (double)NAN : (double)INFINITY)
                                : ldexp(fraction + 1024, exponent - 25);
    return half & 0x8000 ? -d : d;
}

static bool put_float(struct output *out, const struct segment *s, value v, size_t bits) {
    double d;
    uint64_t word;
    if (!arith_to_float(v, &d))
        return false;
    if (bits == 64) {
        memcpy(&word, &d, sizeof word);
    } else if (bits == 32) {
        float f = (float)d;
        uint32_t small;
        memcpy(&small, &f, sizeof small);
        word = small;
        if (!isfinite(f))
            return false;
    } else if (bits != 16 || !half_of_double(d, &word)) {
        return false;
    }
    for (size_t i = 0; i < bits / 8; i++)
        put(out, (unsigned)(word >> (s->little ? 8 * i : bits - 8 * (i + 1))) & 0xff, 8);
    return true;
}

static bool put_binary(struct output *out, const struct segment *s, value v, bool all, size_t bits) {
    struct bits from;
    if (!value_bits(v, &from))
        return false;
    if (all)
        bits = from.count;
    if (bits > from.count || (all && bits % s->unit))
        return false;
    if (!out->at) {
        out->position += bits;
        return true;
    }
    if (out->position % 8 == 0 && from.first % 8 == 0 && bits % 8 == 0) {
        if (bits)
            memcpy(out->at + out->position / 8, from.at + from.first / 8, bits / 8);
        out->position += bits;
        return true;
    }
    for (size_t done = 0; done < bits; done += 8) {
        unsigned count = bits - done < 8 ? (unsigned)(bits - done) : 8;
        put(out, get_bits(&from, done, count), count);
    }
    return true;
}

static bool put_character(struct output *out, const struct segment *s, value v) {
    char text[4];
    if (!value_is_small(v) || value_small(v) < 0 || value_small(v) > 0x10ffff)
        return false;
    uint32_t c = (uint32_t)value_small(v);
    unsigned size = utf8_put(c, text);
    if (!size)
        return false;
    if (s->type == ATOM_utf8) {
        for (unsigned i = 0; i < size; i++)
            put(out, (uint8_t)text[i], 8);
        return true;
    }
    uint32_t units[2] = {c, 0};
    unsigned count = 1, width = s->type == ATOM_utf32 ? 4 : 2;
    if (width == 2 && c >= 0x10000) {
        units[0] = 0xd800 + ((c - 0x10000) >> 10);
        units[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
        count = 2;
    }
    for (unsigned n = 0; n < count; n++)
        for (unsigned i = 0; i < width; i++)
            put(out, units[n] >> 8 * (s->little ? i : width - 1 - i) & 0xff, 8);
    return true;
}

/* Bits of a size: 0 .. what memory could hold. */
static bool read_size(value v, unsigned unit, size_t *bits) {
    if (!value_is_small(v) || value_small(v) < 0 || value_small(v) > (int64_t)1 << 36)
        return false;
    *bits = (size_t)value_small(v) * unit;
    return true;
}

static bool put_segment(struct output *out, const struct segment *s, value v, value size) {
    size_t bits = s->type == ATOM_float ? 64 : 8;
    if (is_utf(s))
        return size == VALUE_NONE && put_character(out, s, v);
    if (size && !read_size(size, s->unit, &bits))
        return false;
    if (s->type == ATOM_binary)
        return put_binary(out, s, v, !size, bits);
    return s->type == ATOM_float ? put_float(out, s, v, bits) : put_integer(out, s, v, bits);
}

static bool put_all(struct machine *m, struct output *out, value elements, const value values[],
                    size_t count) {
    size_t used = 0;
    struct segment s;
    for (; value_is_cons(elements); elements = value_tail(elements)) {
        if (!read_segment(m, value_head(elements), &s))
            return false;
        bool string = is_string(s.form), sized = s.size != A(default);
        if (used + !string + sized > count)
            return m->bad_form = true, false;
        value v = string ? VALUE_NONE : values[used++], size = sized ? values[used++] : VALUE_NONE;
        if (!string && !put_segment(out, &s, v, size))
            return false;
        for (value text = string ? form_part(s.form, 2) : VALUE_NIL; value_is_cons(text);
             text = value_tail(text))
            if (!put_segment(out, &s, value_head(text), size))
                return false;
    }
    return true;
}

bool bits_build(struct machine *m, value elements, const value values[], size_t count, value *made) {
    struct output out = {0};
    if (!put_all(m, &out, elements, values, count))
        return false;
    size_t bits = out.position;
    machine_charge(m, bits / 1024);
    if (bits / 8 > m->limits.memory_bytes) {
        m->heap.exhausted = true;
        return false;
    }
    out = (struct output){heap_binary_room(&m->heap, (bits + 7) / 8, made), 0};
    if (!out.at)
        return true;
    memset(out.at, 0, (bits + 7) / 8);
    put_all(m, &out, elements, values, count);
    *made = heap_part(&m->heap, *made, 0, bits);
    return true;
}

value bits_join(struct machine *m, const value parts[], size_t count, size_t bits) {
    static const struct segment whole = {.type = ATOM_binary, .unit = 1};
    value made;
    struct output out = {heap_binary_room(&m->heap, (bits + 7) / 8, &made), 0};
    if (!out.at)
        return made;
    memset(out.at, 0, (bits + 7) / 8);
    for (size_t i = 0; i < count; i++)
        put_binary(&out, &whole, parts[i], true, 0);
    return heap_part(&m->heap, made, 0, bits);
}

/* ---- matching ---- */

static value get_integer(struct machine *m, const struct segment *s, const struct bits *from, size_t position,
                         size_t bits) {
    uint8_t digits[ARITH_BYTES + 1];
    size_t whole = bits / 8, size = (bits + 7) / 8;
    unsigned part = bits % 8;
    if (size > ARITH_BYTES) {
        m->heap.too_deep = true;
        return value_of_small(0);
    }
    for (size_t i = 0; i < whole; i++)
        digits[i] = (uint8_t)get_bits(from, position + (s->little ? 8 * i : bits - 8 * (i + 1)), 8);
    if (part)
        digits[whole] = (uint8_t)get_bits(from, position + (s->little ? 8 * whole : 0), part);
    bool negative = s->is_signed && bits && digits[size - 1] >> ((part ? part : 8) - 1) & 1;
    if (negative) { /* the magnitude is 2^bits - value */
        unsigned carry = 1;
        for (size_t i = 0; i < size; i++) {
            carry += (uint8_t)~digits[i];
            digits[i] = (uint8_t)carry;
            carry >>= 8;
        }
        if (part)
            digits[size - 1] &= (uint8_t)((1u << part) - 1);
        /* The most negative number: its magnitude is the bit that was cut off. */
        bool zero = true;
        for (size_t i = 0; i < size; i++)
            zero = zero && digits[i] == 0;
        if (zero)
            digits[bits / 8] = (uint8_t)(1u << part), size = bits / 8 + 1;
    }
    return heap_big(&m->heap, negative, digits, size);
}

static bool get_float(struct machine *m, const struct segment *s, const struct bits *from, size_t position,
                      size_t bits, value *v) {
    uint64_t word = 0;
    double d;
    for (size_t i = 0; i < bits / 8; i++)
        word |= (uint64_t)get_bits(from, position + 8 * i, 8) << (s->little ? 8 * i : bits - 8 * (i + 1));
    if (bits == 64) {
        memcpy(&d, &word, sizeof d);
    } else if (bits == 32) {
        uint32_t small = (uint32_t)word;
        float f;
        memcpy(&f, &small, sizeof f);
        d = (double)f;
    } else {
        d = double_of_half(word);
    }
    *v = heap_float(&m->heap, isfinite(d) ? d : 0);
    return isfinite(d);
}

/* The number of bits that a character takes, 0: none is there. */
static size_t get_character(const struct segment *s, const struct bits *from, size_t position, uint32_t *c) {
    uint8_t bytes[4] = {0};
    size_t left = (from->count - position) / 8, count = left < 4 ? left : 4;
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)get_bits(from, position + 8 * i, 8);
    if (s->type == ATOM_utf8)
        return count ? 8 * utf8_next(bytes, bytes + count, c) : 0;
    char text[4];
    if (s->type == ATOM_utf32) {
        *c = s->little
                 ? (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0]
                 : get_be32(bytes);
        return count == 4 && utf8_put(*c, text) ? 32 : 0;
    }
    uint32_t high = s->little ? (uint32_t)(bytes[1] << 8 | bytes[0]) : get_be16(bytes);
    uint32_t low = s->little ? (uint32_t)(bytes[3] << 8 | bytes[2]) : get_be16(bytes + 2);
    *c = high;
    if (count < 2 || (high >= 0xdc00 && high < 0xe000))
        return 0;
    if (high < 0xd800 || high >= 0xe000)
        return 16;
    if (count < 4 || low < 0xdc00 || low >= 0xe000)
        return 0;
    *c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 32;
}

static enum bits_outcome get_segment(struct machine *m, const struct segment *s, value pattern, value size,
                                     value v, size_t *position, value *env, value outer) {
    struct bits from;
    size_t bits = s->type == ATOM_float ? 64 : 8;
    value found;
    value_bits(v, &from);
    if (is_utf(s)) {
        uint32_t c;
        if (!(bits = get_character(s, &from, *position, &c)))
            return BITS_SHORT;
        found = value_of_small(c);
    } else if (size && !read_size(size, s->unit, &bits)) {
        return BITS_SHORT;
    } else {
        size_t left = from.count - *position;
        if (s->type == ATOM_binary && !size)
            bits = left % s->unit ? left + 1 : left;
        if (bits > left)
            return BITS_SHORT;
        machine_charge(m, s->type == ATOM_integer ? bits / 64 : 0);
        if (s->type == ATOM_binary)
            found = heap_part(&m->heap, v, *position, bits);
        else if (s->type == ATOM_integer)
            found = get_integer(m, s, &from, *position, bits);
        else if ((bits != 64 && bits != 32 && bits != 16) || !get_float(m, s, &from, *position, bits, &found))
            return *position += bits, BITS_NOMATCH;
    }
    *position += bits;
    if (m->heap.exhausted)
        return BITS_NOMATCH;
    return match_pattern(m, pattern, found, env, outer) ? BITS_MATCH : BITS_NOMATCH;
}

/* "text": a segment for each character. */
static enum bits_outcome get_string(struct machine *m, const struct segment *s, value size, value v,
                                    size_t *position) {
    struct segment each = *s;
    value env = VALUE_NIL;
    enum bits_outcome outcome = BITS_MATCH;
    for (value text = form_part(s->form, 2); value_is_cons(text); text = value_tail(text)) {
        value literal = heap_tuple_of(&m->heap, A(integer), value_of_small(0), value_head(text));
        enum bits_outcome one = get_segment(m, &each, literal, size, v, position, &env, VALUE_NIL);
        if (one == BITS_SHORT)
            return one;
        if (one == BITS_NOMATCH)
            outcome = one;
    }
    return outcome;
}

enum bits_outcome bits_match(struct machine *m, value elements, value v, value *env, value outer,
                             value *rest) {
    struct segment s;
    struct bits bits;
    size_t position = 0;
    enum bits_outcome outcome = BITS_MATCH;
    if (!value_bits(v, &bits))
        return BITS_SHORT;
    for (; value_is_cons(elements); elements = value_tail(elements)) {
        value size = VALUE_NONE;
        if (!read_segment(m, value_head(elements), &s))
            return BITS_SHORT;
        if (s.size != A(default) && !guard_value(m, s.size, *env, &size) &&
            !guard_value(m, s.size, outer, &size))
            return BITS_SHORT;
        enum bits_outcome one = is_string(s.form)
                                    ? get_string(m, &s, size, v, &position)
                                    : get_segment(m, &s, s.form, size, v, &position, env, outer);
        if (one == BITS_SHORT || (one == BITS_NOMATCH && !rest))
            return one;
        if (one == BITS_NOMATCH)
            outcome = one;
    }
    if (rest)
        *rest = heap_part(&m->heap, v, position, bits.count - position);
    else if (position != bits.count)
        return BITS_SHORT;
    return outcome;
}
