/* io_lib:write/2: terms in one line, strings as lists of numbers. The other half of otp/io_pretty.h is
 * io_pretty.c. */
#include "otp/io_pretty.h"

#include <stdio.h>
#include <stdlib.h>

#include "etf/number.h"
#include "etf/print.h"
#include "otp/io_text.h"

/* Numbers, pids, funs: printed by etf/print. */
static void put_leaf(struct writer *out, hm_term term, void (*print)(struct printer *p, const uint8_t *at)) {
    struct printer printer = {.out = *out, .syntax = HM_SYNTAX_ERLANG};
    print(&printer, term.bytes);
    *out = printer.out;
}

static void put_text(struct writer *out, const char *text) {
    writer_put(out, text, strlen(text));
}

static void put_bits(struct writer *out, hm_term term, int64_t depth) {
    struct bytes bytes;
    unsigned last_bits;
    char room[16];
    view_bits(term.bytes, &bytes, &last_bits);
    put_text(out, "<<");
    for (size_t i = 0; i < bytes.size && !out->error; i++, depth--) {
        bool part = i + 1 == bytes.size && last_bits != 8;
        if (i)
            put_text(out, ",");
        if (depth == 1) {
            put_text(out, "...");
            break;
        }
        int size = part ? snprintf(room, sizeof room, "%u:%u", bytes.at[i] >> (8 - last_bits), last_bits)
                        : snprintf(room, sizeof room, "%u", bytes.at[i]);
        writer_put(out, room, (size_t)size);
    }
    put_text(out, ">>");
}

static void put_list(struct writer *out, hm_term term, int64_t depth, bool unicode) {
    struct hm_list list;
    hm_term element;
    int64_t left = depth - 1; /* for the tail, which is less with each element */
    if (depth == 1) {
        put_text(out, "[...]");
        return;
    }
    put_text(out, "[");
    hm_list_begin(term, &list);
    if (hm_list_next(&list, &element))
        io_write_term(out, element, left, unicode);
    while (!out->error) {
        bool more = hm_list_next(&list, &element);
        if (!more && hm_list_end(&list, &element))
            break;
        if (left-- == 1) {
            put_text(out, "|...");
            break;
        }
        put_text(out, more ? "," : "|");
        io_write_term(out, element, left, unicode);
        if (!more)
            break;
    }
    put_text(out, "]");
}

static void put_tuple(struct writer *out, hm_term term, int64_t depth, bool unicode) {
    const uint8_t *at;
    long arity = view_tuple(term.bytes, &at);
    int64_t left = depth - 1;
    if (arity && depth == 1) {
        put_text(out, "{...}");
        return;
    }
    put_text(out, "{");
    for (long i = 0; i < arity && !out->error; i++) {
        const uint8_t *next = view_skip(at);
        if (i && left-- == 1) {
            put_text(out, ",...");
            break;
        }
        if (i)
            put_text(out, ",");
        io_write_term(out, (hm_term){at, (size_t)(next - at)}, left, unicode);
        at = next;
    }
    put_text(out, "}");
}

static void put_map(struct writer *out, hm_term term, int64_t depth, bool unicode) {
    struct hm_map map;
    hm_term key, value;
    int64_t inner = depth - 1, left = inner;
    put_text(out, "#{");
    hm_map_begin(term, &map);
    for (bool first = true; depth != 1 && !out->error; first = false) {
        bool more = hm_map_next(&map, &key, &value);
        if (!more && first)
            break;
        if (!first && left-- == 1) { /* also behind the last one, as OTP has it */
            put_text(out, ",...");
            break;
        }
        if (!more)
            break;
        if (!first)
            put_text(out, ",");
        io_write_term(out, key, inner, unicode);
        put_text(out, " => ");
        io_write_term(out, value, inner, unicode);
    }
    put_text(out, "}");
}

void io_write_term(struct writer *out, hm_term term, int64_t depth, bool unicode) {
    if (depth == 0) {
        put_text(out, "...");
        return;
    }
    switch (hm_term_type(term)) {
    case HM_TYPE_ATOM: io_text_write_atom(out, term, !unicode); break;
    case HM_TYPE_INTEGER: put_leaf(out, term, print_integer); break;
    case HM_TYPE_FLOAT: put_leaf(out, term, print_float); break;
    case HM_TYPE_PID:
    case HM_TYPE_PORT:
    case HM_TYPE_REFERENCE: put_leaf(out, term, print_id); break;
    case HM_TYPE_FUN: put_leaf(out, term, print_fun); break;
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING: put_bits(out, term, depth); break;
    case HM_TYPE_NIL: put_text(out, "[]"); break;
    case HM_TYPE_LIST: put_list(out, term, depth, unicode); break;
    case HM_TYPE_TUPLE: put_tuple(out, term, depth, unicode); break;
    case HM_TYPE_MAP: put_map(out, term, depth, unicode); break;
    case HM_TYPE_RECORD: {
        struct printer printer = {.out = *out, .syntax = HM_SYNTAX_ERLANG};
        print_term(&printer, term);
        *out = printer.out;
    }
    }
}

/* ---- integers ---- */

/* Divides little endian words by a small number; the remainder. */
static uint32_t divide(uint32_t *words, size_t *count, uint32_t by) {
    uint64_t rest = 0;
    for (size_t i = *count; i-- > 0;) {
        rest = rest << 32 | words[i];
        words[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    while (*count && !words[*count - 1])
        --*count;
    return (uint32_t)rest;
}

int io_put_integer(struct writer *out, hm_term term, unsigned base, bool lower, struct bytes prefix) {
    const char *digits =
        lower ? "0123456789abcdefghijklmnopqrstuvwxyz" : "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct integer integer;
    if (base < 2 || base > 36 || !view_integer(term.bytes, &integer))
        return HM_EINVAL;
    if (integer.size > NUMBER_DECIMAL_BYTES)
        return HM_ELIMIT;
    size_t count = (integer.size + 3) / 4, used = 0;
    uint32_t *words = calloc(count + 1, sizeof *words);
    char *text = malloc(integer.size * 8 + 1); /* the least base has a digit for each bit */
    int error = words && text ? HM_OK : HM_ENOMEM;
    if (error == HM_OK) {
        for (size_t i = 0; i < integer.size; i++)
            words[i / 4] |= (uint32_t)integer.digits[i] << i % 4 * 8;
        uint32_t chunk = base, places = 1; /* several digits with each division */
        while ((uint64_t)chunk * base <= UINT32_MAX) {
            chunk *= base;
            places++;
        }
        while (count && !words[count - 1])
            count--;
        do {
            uint32_t rest = divide(words, &count, chunk);
            for (uint32_t i = 0; i < places && (count || rest || (i == 0 && !used)); i++) {
                text[used++] = digits[rest % base];
                rest /= base;
            }
        } while (count);
        if (integer.negative)
            writer_u8(out, '-');
        writer_put(out, prefix.at, prefix.size);
        while (used)
            writer_u8(out, (uint8_t)text[--used]);
        error = out->error;
    }
    free(words);
    free(text);
    return error;
}
