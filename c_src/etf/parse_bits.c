#include "etf/parse.h"

#include <stdlib.h>

#include "etf/build.h"
#include "etf/utf8.h"
#include "etf/words.h"

/*
 * <<1, 2:3, "text", "text"/utf8>> and <<1, 2::size(3), "text">>: integers of 1 to 64 bits and texts. The
 * segments of floats and the types little, signed, unit are for programs, not for what people type.
 */
struct bits {
    struct writer bytes;
    unsigned used; /* bits of the last byte, 0 when it is whole */
};

static void put_bits(struct bits *bits, uint64_t value, unsigned count) {
    while (count) {
        if (bits->used == 0)
            writer_u8(&bits->bytes, 0);
        if (bits->bytes.error)
            return;
        unsigned room = 8 - bits->used, take = count < room ? count : room;
        uint8_t part = (uint8_t)(value >> (count - take) & ((1u << take) - 1));
        bits->bytes.at[bits->bytes.size - 1] |= (uint8_t)(part << (room - take));
        bits->used = (bits->used + take) % 8;
        count -= take;
    }
}

/* A size behind an integer: :3 in Erlang, ::3 or ::size(3) in Elixir. */
static bool parse_size(struct parser *p, uint64_t *size) {
    *size = 8;
    if (!parse_next_is(p, p->elixir ? "::" : ":"))
        return true;
    bool call = p->elixir && parse_next_is(p, "size(");
    parse_skip_space(p);
    if (!parse_uint(p, 64, size))
        return false;
    return !call || parse_next_is(p, ")") || parse_fail_expected(p, ")");
}

static bool parse_integer_segment(struct parser *p, struct bits *bits) {
    struct parse_number number = {0};
    const char *start = p->at;
    uint64_t size, value = 0;
    if (*p->at == (p->elixir ? '?' : '$')) {
        uint32_t character;
        p->at++;
        if (!parse_character(p, &character))
            return false;
        value = character;
    } else {
        if (!parse_number(p, &number))
            return false;
        if (number.is_float || number.size > 8) {
            free(number.digits);
            p->at = start;
            return parse_fail_expected(p, "an integer of at most 64 bits");
        }
        for (size_t i = number.size; i-- > 0;)
            value = value << 8 | number.digits[i];
        free(number.digits);
    }
    if (!parse_size(p, &size))
        return false;
    uint64_t most = size == 64 ? UINT64_MAX : (1ull << size) - 1;
    if (number.negative ? size == 0 || value > 1ull << (size - 1) : value > most) {
        p->at = start;
        return parse_fail(p, "the integer does not fit into %u bits", (unsigned)size);
    }
    put_bits(bits, number.negative ? 0 - value : value, (unsigned)size);
    return true;
}

static bool put_text(struct parser *p, struct bits *bits, struct bytes text, bool utf8, const char *start) {
    const uint8_t *at = text.at, *end = at + text.size;
    while (at < end) {
        uint32_t character = *at;
        unsigned size = utf8 ? 1 : utf8_next(at, end, &character);
        if (character > 255) {
            p->at = start;
            return parse_fail(p, "a character over 255 needs \"text\"/utf8, for the text");
        }
        put_bits(bits, character, 8);
        at += size;
    }
    return true;
}

static bool parse_text_segment(struct parser *p, struct bits *bits) {
    struct writer text;
    const char *start = p->at;
    writer_init(&text, SIZE_MAX / 2);
    bool parsed = parse_quoted(p, PARSE_BYTES, &text);
    if (parsed) {
        /* Elixir's text is UTF-8 in any case; Erlang's is a character a byte, unless it says utf8 */
        bool utf8 = p->elixir;
        if (parse_next_is(p, p->elixir ? "::" : "/")) {
            utf8 = parse_next_is(p, "utf8");
            if (!utf8 && !(p->elixir && parse_next_is(p, "binary")))
                parsed = parse_fail_expected(p, "utf8");
            utf8 = utf8 || p->elixir;
        }
        parsed = parsed && put_text(p, bits, parse_collected(&text), utf8, start);
    }
    writer_fini(&text);
    return parsed;
}

static bool parse_segments(struct parser *p, struct bits *bits) {
    for (bool first = true; !parse_next_is(p, ">>"); first = false) {
        if (!first && !parse_next_is(p, ","))
            return parse_fail_expected(p, ", or >>");
        parse_skip_space(p);
        if (*p->at == '"') {
            if (!parse_text_segment(p, bits))
                return false;
        } else if (words_is_digit(*p->at) || *p->at == '-' || *p->at == (p->elixir ? '?' : '$')) {
            if (!parse_integer_segment(p, bits))
                return false;
        } else {
            return parse_fail_expected(p, "an integer or \"text\"");
        }
        if (bits->bytes.error)
            return parse_fail_memory(p);
    }
    return true;
}

bool parse_bits(struct parser *p) {
    struct bits bits = {0};
    writer_init(&bits.bytes, SIZE_MAX / 2);
    bool parsed = parse_segments(p, &bits);
    if (parsed)
        build_bits(p->build, bits.bytes.at, bits.bytes.size, bits.used ? bits.used : 8);
    writer_fini(&bits.bytes);
    return parsed;
}
