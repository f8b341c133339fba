#include "etf/view.h"

#include "etf/number.h"
#include "etf/utf8.h"

/* ---- skipping ---- */

static inline const uint8_t *skip_atom(const uint8_t *at) {
    if (at[0] == ETF_SMALL_ATOM_UTF8 || at[0] == ETF_SMALL_ATOM)
        return at + 2 + at[1];
    return at + 3 + get_be16(at + 1);
}

const uint8_t *view_skip(const uint8_t *at) {
    /* how many terms are still to skip; what nests is only counted, so this needs no stack */
    uint64_t left = 1;
    while (left--) {
        switch (at[0]) {
        case ETF_SMALL_ATOM_UTF8:
        case ETF_SMALL_ATOM: at += 2 + at[1]; break;
        case ETF_ATOM_UTF8:
        case ETF_ATOM: at += 3 + get_be16(at + 1); break;
        case ETF_SMALL_INTEGER: at += 2; break;
        case ETF_INTEGER: at += 5; break;
        case ETF_NEW_FLOAT: at += 9; break;
        case ETF_FLOAT: at += 32; break;
        case ETF_NIL: at += 1; break;
        case ETF_SMALL_BIG: at += 3 + at[1]; break;
        case ETF_LARGE_BIG: at += 6 + (size_t)get_be32(at + 1); break;
        case ETF_STRING: at += 3 + get_be16(at + 1); break;
        case ETF_BINARY: at += 5 + (size_t)get_be32(at + 1); break;
        case ETF_BITSTRING: at += 6 + (size_t)get_be32(at + 1); break;
        case ETF_NEW_PID:
        case ETF_V4_PORT: at = skip_atom(at + 1) + 12; break;
        case ETF_PID: at = skip_atom(at + 1) + 9; break;
        case ETF_NEW_PORT: at = skip_atom(at + 1) + 8; break;
        case ETF_PORT:
        case ETF_REFERENCE: at = skip_atom(at + 1) + 5; break;
        case ETF_NEWER_REFERENCE: at = skip_atom(at + 3) + 4 + 4 * (size_t)get_be16(at + 1); break;
        case ETF_NEW_REFERENCE: at = skip_atom(at + 3) + 1 + 4 * (size_t)get_be16(at + 1); break;
        case ETF_EXPORT: at = skip_atom(skip_atom(at + 1)) + 2; break;
        case ETF_NEW_FUN: at += 1 + (size_t)get_be32(at + 1); break;
        case ETF_SMALL_TUPLE:
            left += at[1];
            at += 2;
            break;
        case ETF_LARGE_TUPLE:
            left += get_be32(at + 1);
            at += 5;
            break;
        case ETF_LIST:
            left += (uint64_t)get_be32(at + 1) + 1;
            at += 5;
            break;
        case ETF_MAP:
            left += 2 * (uint64_t)get_be32(at + 1);
            at += 5;
            break;
        case ETF_RECORD:
            left += 2 + 2 * (uint64_t)get_be32(at + 1); /* module, name and field names are terms, too */
            at += 6;
            break;
        }
    }
    return at;
}

/* ---- parts of terms ---- */

enum hm_type view_type(const uint8_t *at) {
    switch (at[0]) {
    case ETF_SMALL_ATOM_UTF8:
    case ETF_ATOM_UTF8:
    case ETF_SMALL_ATOM:
    case ETF_ATOM: return HM_TYPE_ATOM;
    case ETF_SMALL_INTEGER:
    case ETF_INTEGER:
    case ETF_SMALL_BIG:
    case ETF_LARGE_BIG: return HM_TYPE_INTEGER;
    case ETF_NEW_FLOAT:
    case ETF_FLOAT: return HM_TYPE_FLOAT;
    case ETF_NEW_PID:
    case ETF_PID: return HM_TYPE_PID;
    case ETF_V4_PORT:
    case ETF_NEW_PORT:
    case ETF_PORT: return HM_TYPE_PORT;
    case ETF_NEWER_REFERENCE:
    case ETF_NEW_REFERENCE:
    case ETF_REFERENCE: return HM_TYPE_REFERENCE;
    case ETF_NEW_FUN:
    case ETF_EXPORT: return HM_TYPE_FUN;
    case ETF_SMALL_TUPLE:
    case ETF_LARGE_TUPLE: return HM_TYPE_TUPLE;
    case ETF_BINARY: return HM_TYPE_BINARY;
    case ETF_BITSTRING: return at[5] % 8 ? HM_TYPE_BITSTRING : HM_TYPE_BINARY;
    case ETF_MAP: return HM_TYPE_MAP;
    case ETF_RECORD: return HM_TYPE_RECORD;
    case ETF_STRING: return get_be16(at + 1) ? HM_TYPE_LIST : HM_TYPE_NIL;
    case ETF_LIST: return get_be32(at + 1) ? HM_TYPE_LIST : HM_TYPE_NIL; /* check: then its tail is [] */
    default: return HM_TYPE_NIL;
    }
}

struct bytes view_atom(const uint8_t *at, bool *latin1) {
    *latin1 = at[0] == ETF_SMALL_ATOM || at[0] == ETF_ATOM;
    if (at[0] == ETF_SMALL_ATOM_UTF8 || at[0] == ETF_SMALL_ATOM)
        return bytes_of(at + 2, at[1]);
    return bytes_of(at + 3, get_be16(at + 1));
}

struct bytes view_atom_utf8(const uint8_t *at, char room[2 * 255]) {
    bool latin1;
    struct bytes text = view_atom(at, &latin1);
    if (!latin1)
        return text;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++)
        size += utf8_put(text.at[i], room + size);
    return bytes_of(room, size);
}

bool view_integer(const uint8_t *at, struct integer *integer) {
    switch (at[0]) {
    case ETF_SMALL_INTEGER:
        integer->negative = false;
        integer->digits = at + 1;
        integer->size = 1;
        break;
    case ETF_INTEGER: {
        int32_t value = (int32_t)get_be32(at + 1);
        uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
        integer->negative = value < 0;
        for (int i = 0; i < 4; i++)
            integer->small[i] = (uint8_t)(magnitude >> 8 * i);
        integer->digits = integer->small;
        integer->size = 4;
        break;
    }
    case ETF_SMALL_BIG:
        integer->negative = at[2] != 0;
        integer->digits = at + 3;
        integer->size = at[1];
        break;
    case ETF_LARGE_BIG:
        integer->negative = at[5] != 0;
        integer->digits = at + 6;
        integer->size = get_be32(at + 1);
        break;
    default: return false;
    }
    while (integer->size && integer->digits[integer->size - 1] == 0)
        integer->size--;
    if (integer->size == 0)
        integer->negative = false;
    return true;
}

bool view_float(const uint8_t *at, double *value) {
    if (at[0] == ETF_NEW_FLOAT) {
        uint64_t bits = get_be64(at + 1);
        memcpy(value, &bits, sizeof *value);
        return true;
    }
    return at[0] == ETF_FLOAT && number_parse_old_float(at + 1, value);
}

bool view_bits(const uint8_t *at, struct bytes *bytes, unsigned *last_bits) {
    if (at[0] == ETF_BINARY) {
        *bytes = bytes_of(at + 5, get_be32(at + 1));
        *last_bits = bytes->size ? 8 : 0;
        return true;
    }
    if (at[0] == ETF_BITSTRING) {
        *bytes = bytes_of(at + 6, get_be32(at + 1));
        *last_bits = at[5];
        return true;
    }
    return false;
}

bool view_id(const uint8_t *at, struct id *id) {
    uint8_t tag = at[0];
    bool many = tag == ETF_NEWER_REFERENCE || tag == ETF_NEW_REFERENCE;
    id->node = at + (many ? 3 : 1);
    switch (tag) {
    case ETF_NEW_PID:
    case ETF_PID:
    case ETF_V4_PORT:
    case ETF_NEW_PORT:
    case ETF_PORT:
    case ETF_REFERENCE:
    case ETF_NEWER_REFERENCE:
    case ETF_NEW_REFERENCE: break;
    default: return false;
    }
    const uint8_t *p = skip_atom(id->node);
    switch (tag) {
    case ETF_NEW_PID:
    case ETF_PID:
        id->count = 2;
        id->words[0] = get_be32(p);
        id->words[1] = get_be32(p + 4);
        id->creation = tag == ETF_NEW_PID ? get_be32(p + 8) : p[8];
        return true;
    case ETF_V4_PORT:
        id->count = 2;
        id->words[0] = get_be32(p + 4);
        id->words[1] = get_be32(p);
        id->creation = get_be32(p + 8);
        return true;
    case ETF_NEW_PORT:
    case ETF_PORT:
        id->count = 2;
        id->words[0] = get_be32(p);
        id->words[1] = 0;
        id->creation = tag == ETF_NEW_PORT ? get_be32(p + 4) : p[4];
        return true;
    case ETF_REFERENCE:
        id->count = 1;
        id->words[0] = get_be32(p);
        id->creation = p[4];
        return true;
    default:
        id->count = get_be16(at + 1);
        id->creation = tag == ETF_NEWER_REFERENCE ? get_be32(p) : p[0];
        p += tag == ETF_NEWER_REFERENCE ? 4 : 1;
        for (uint32_t i = 0; i < id->count; i++)
            id->words[i] = get_be32(p + 4 * i);
        return true;
    }
}

bool view_fun(const uint8_t *at, struct fun *fun) {
    *fun = (struct fun){0};
    if (at[0] == ETF_EXPORT) {
        fun->external = true;
        fun->module = at + 1;
        fun->function = skip_atom(fun->module);
        fun->arity = skip_atom(fun->function)[1];
        return true;
    }
    if (at[0] != ETF_NEW_FUN)
        return false;
    fun->arity = at[5];
    fun->unique = at + 6;
    fun->index = get_be32(at + 22);
    fun->free_count = get_be32(at + 26);
    fun->module = at + 30;
    fun->old_index = skip_atom(fun->module);
    fun->old_unique = view_skip(fun->old_index);
    fun->pid = view_skip(fun->old_unique);
    fun->free_variables = view_skip(fun->pid);
    return true;
}

bool view_record(const uint8_t *at, struct record *record) {
    if (at[0] != ETF_RECORD)
        return false;
    record->count = get_be32(at + 1);
    record->flags = at[5];
    record->module = at + 6;
    record->name = skip_atom(record->module);
    record->fields = skip_atom(record->name);
    record->values = record->fields;
    for (uint32_t i = 0; i < record->count; i++)
        record->values = skip_atom(record->values);
    return true;
}

long view_tuple(const uint8_t *at, const uint8_t **elements) {
    if (at[0] == ETF_SMALL_TUPLE) {
        *elements = at + 2;
        return at[1];
    }
    if (at[0] == ETF_LARGE_TUPLE) {
        *elements = at + 5;
        return get_be32(at + 1);
    }
    return -1;
}
