/*
 * The reading functions of <hermod/term.h>, over etf/view.
 *
 * Public functions are defined here and not in api/: api would only call through, and these are called for
 * every message. A term of size 0 (an empty builder's, a zeroed struct) is no term of any type: every
 * function answers false or -1.
 */
#include "etf/number.h"
#include "etf/utf8.h"
#include "etf/view.h"

/* Elements of STRING_EXT have no encoding of their own; they are lent from here and so outlive any list. */
#define I(n) {ETF_SMALL_INTEGER, n}
#define I8(n) I(n), I(n + 1), I(n + 2), I(n + 3), I(n + 4), I(n + 5), I(n + 6), I(n + 7)
#define I64(n) I8(n), I8(n + 8), I8(n + 16), I8(n + 24), I8(n + 32), I8(n + 40), I8(n + 48), I8(n + 56)
static const uint8_t small_integers[256][2] = {I64(0), I64(64), I64(128), I64(192)};
#undef I
#undef I8
#undef I64

static inline uint8_t tag_of(hm_term term) {
    return term.size ? term.bytes[0] : 0;
}

HM_API enum hm_type hm_term_type(hm_term term) {
    return term.size ? view_type(term.bytes) : HM_TYPE_NIL;
}

/* ---- atoms, numbers, text ---- */

HM_API bool hm_is_atom(hm_term term, const char *text) {
    uint8_t tag = tag_of(term);
    if (tag == ETF_SMALL_ATOM_UTF8) {
        size_t size = term.bytes[1];
        return strlen(text) == size && memcmp(term.bytes + 2, text, size) == 0;
    }
    if (!view_is_atom_tag(tag))
        return false;
    char room[2 * 255];
    return bytes_equal(view_atom_utf8(term.bytes, room), bytes_of(text, strlen(text)));
}

HM_API bool hm_get_atom(hm_term term, struct hm_text *text) {
    if (!view_is_atom_tag(tag_of(term)))
        return false;
    bool latin1;
    struct bytes atom = view_atom(term.bytes, &latin1);
    for (size_t i = 0; latin1 && i < atom.size; i++)
        if (atom.at[i] >= 0x80)
            return false;
    *text = (struct hm_text){(const char *)atom.at, atom.size};
    return true;
}

/* The magnitude when it has at most 64 bits. */
static bool read_magnitude(hm_term term, bool *negative, uint64_t *magnitude) {
    struct integer integer;
    if (!term.size || !view_integer(term.bytes, &integer) || integer.size > 8)
        return false;
    uint64_t value = 0;
    for (size_t i = integer.size; i-- > 0;)
        value = value << 8 | integer.digits[i];
    *negative = integer.negative;
    *magnitude = value;
    return true;
}

HM_API bool hm_get_int64(hm_term term, int64_t *value) {
    if (tag_of(term) == ETF_SMALL_INTEGER) {
        *value = term.bytes[1];
        return true;
    }
    bool negative;
    uint64_t magnitude;
    if (!read_magnitude(term, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

HM_API bool hm_get_uint64(hm_term term, uint64_t *value) {
    bool negative;
    uint64_t magnitude;
    if (!read_magnitude(term, &negative, &magnitude) || negative)
        return false;
    *value = magnitude;
    return true;
}

HM_API bool hm_get_double(hm_term term, double *value) {
    struct integer integer;
    if (!term.size)
        return false;
    if (view_integer(term.bytes, &integer))
        return number_integer_to_float(&integer, value);
    return view_float(term.bytes, value);
}

HM_API bool hm_get_bool(hm_term term, bool *value) {
    bool yes = hm_is_atom(term, "true");
    if (!yes && !hm_is_atom(term, "false"))
        return false;
    *value = yes;
    return true;
}

HM_API bool hm_get_binary(hm_term term, const void **bytes, size_t *size) {
    struct bytes found;
    unsigned last_bits;
    if (!term.size || !view_bits(term.bytes, &found, &last_bits) || last_bits % 8)
        return false;
    *bytes = found.at;
    *size = found.size;
    return true;
}

struct text_out {
    char *at;
    size_t size, capacity;
};

static bool put_text(struct text_out *out, const void *text, size_t size) {
    if (size >= out->capacity - out->size) /* one byte stays for the NUL */
        return false;
    if (size)
        memcpy(out->at + out->size, text, size);
    out->size += size;
    return true;
}

static bool put_character(struct text_out *out, uint32_t character) {
    char room[4];
    unsigned size = utf8_put(character, room);
    return size && put_text(out, room, size);
}

/* A character as an integer, a binary, an atom or STRING_EXT: what chardata is made of beside lists. */
static bool put_text_leaf(struct text_out *out, hm_term term) {
    char room[2 * 255];
    uint64_t character;
    const void *binary;
    size_t size;
    if (view_is_atom_tag(tag_of(term))) {
        struct bytes atom = view_atom_utf8(term.bytes, room);
        return put_text(out, atom.at, atom.size);
    }
    if (tag_of(term) == ETF_STRING) {
        size = get_be16(term.bytes + 1);
        for (size_t i = 0; i < size; i++)
            if (!put_character(out, term.bytes[3 + i]))
                return false;
        return true;
    }
    if (hm_get_binary(term, &binary, &size))
        return put_text(out, binary, size);
    return hm_get_uint64(term, &character) && character <= 0x10FFFF &&
           put_character(out, (uint32_t)character);
}

HM_API bool hm_get_text(hm_term term, char *buffer, size_t capacity, size_t *size) {
    struct text_out out = {buffer, 0, capacity};
    if (!term.size || !capacity || hm_term_type(term) == HM_TYPE_INTEGER)
        return false;
    /* lists are only counted: their elements and tails stand one after the other, however they nest */
    const uint8_t *at = term.bytes;
    for (uint64_t left = 1; left; left--) {
        if (at[0] == ETF_LIST) {
            left += (uint64_t)get_be32(at + 1) + 1;
            at += 5;
        } else if (at[0] == ETF_NIL) {
            at += 1;
        } else {
            const uint8_t *next = view_skip(at);
            if (!put_text_leaf(&out, (hm_term){at, (size_t)(next - at)}))
                return false;
            at = next;
        }
    }
    if (!utf8_valid((const uint8_t *)buffer, out.size, NULL))
        return false;
    buffer[out.size] = 0;
    if (size)
        *size = out.size;
    return true;
}

/* ---- tuples ---- */

HM_API long hm_tuple_arity(hm_term term) {
    const uint8_t *elements;
    return term.size ? view_tuple(term.bytes, &elements) : -1;
}

HM_API bool hm_tuple_elements(hm_term term, unsigned arity, hm_term elements[]) {
    const uint8_t *at, *end = term.bytes + term.size;
    if (!term.size || view_tuple(term.bytes, &at) != (long)arity)
        return false;
    for (unsigned i = 0; i < arity; i++) {
        const uint8_t *next = i + 1 == arity ? end : view_skip(at);
        elements[i] = (hm_term){at, (size_t)(next - at)};
        at = next;
    }
    return true;
}

/* ---- lists ---- */

/* Steps into `rest` while no elements are left and it goes on: a list may come in pieces, although the BEAM
 * sends none. */
static void enter_list(struct hm_list *list) {
    while (!list->left && list->rest.size) {
        const uint8_t *at = list->rest.bytes;
        size_t header = at[0] == ETF_LIST ? 5 : 3;
        if (at[0] == ETF_LIST)
            list->left = get_be32(at + 1);
        else if (at[0] == ETF_STRING && !list->string)
            list->left = get_be16(at + 1);
        else
            return;
        list->string = at[0] == ETF_STRING;
        list->rest.bytes += header;
        list->rest.size -= header;
    }
}

HM_API bool hm_list_begin(hm_term term, struct hm_list *list) {
    enum hm_type type = hm_term_type(term);
    if (!term.size || (type != HM_TYPE_LIST && type != HM_TYPE_NIL))
        return false;
    *list = (struct hm_list){.rest = term};
    enter_list(list);
    return true;
}

HM_API bool hm_list_next(struct hm_list *list, hm_term *element) {
    if (!list->left)
        return false;
    list->left--;
    if (list->string) {
        *element = (hm_term){small_integers[list->rest.bytes[0]], 2};
        list->rest.bytes++;
        list->rest.size--;
        return true;
    }
    const uint8_t *next = view_skip(list->rest.bytes);
    size_t size = (size_t)(next - list->rest.bytes);
    *element = (hm_term){list->rest.bytes, size};
    list->rest.bytes = next;
    list->rest.size -= size;
    enter_list(list);
    return true;
}

HM_API bool hm_list_end(const struct hm_list *list, hm_term *tail) {
    if (list->left)
        return false;
    /* nothing is behind the elements of a string */
    if (list->string || !list->rest.size || list->rest.bytes[0] == ETF_NIL)
        return true;
    if (tail)
        *tail = list->rest;
    return false;
}

HM_API long hm_list_length(hm_term term) {
    struct hm_list list;
    if (!hm_list_begin(term, &list))
        return -1;
    long length = 0;
    hm_term element;
    for (;;) {
        if (list.string)
            return length + (long)list.left;
        if (!hm_list_next(&list, &element))
            return length;
        length++;
    }
}

/* ---- maps ---- */

HM_API bool hm_map_begin(hm_term term, struct hm_map *map) {
    if (tag_of(term) != ETF_MAP)
        return false;
    *map = (struct hm_map){{term.bytes + 5, term.size - 5}, get_be32(term.bytes + 1)};
    return true;
}

HM_API bool hm_map_next(struct hm_map *map, hm_term *key, hm_term *value) {
    if (!map->left)
        return false;
    map->left--;
    const uint8_t *end = map->rest.bytes + map->rest.size;
    const uint8_t *middle = view_skip(map->rest.bytes);
    const uint8_t *next = map->left ? view_skip(middle) : end;
    *key = (hm_term){map->rest.bytes, (size_t)(middle - map->rest.bytes)};
    *value = (hm_term){middle, (size_t)(next - middle)};
    map->rest = (hm_term){next, (size_t)(end - next)};
    return true;
}

HM_API long hm_map_size(hm_term term) {
    return tag_of(term) == ETF_MAP ? (long)get_be32(term.bytes + 1) : -1;
}

HM_API bool hm_map_get(hm_term term, hm_term key, hm_term *value) {
    struct hm_map map;
    hm_term k, v;
    if (!hm_map_begin(term, &map))
        return false;
    while (hm_map_next(&map, &k, &v))
        if (hm_term_equal(k, key)) {
            *value = v;
            return true;
        }
    return false;
}

HM_API bool hm_map_get_atom(hm_term term, const char *key, hm_term *value) {
    struct hm_map map;
    hm_term k, v;
    if (!hm_map_begin(term, &map))
        return false;
    while (hm_map_next(&map, &k, &v))
        if (hm_is_atom(k, key)) {
            *value = v;
            return true;
        }
    return false;
}
