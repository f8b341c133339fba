#include "otp/io_text.h"

#include <stdio.h>

#include "etf/utf8.h"
#include "etf/view.h"
#include "etf/words.h"

int io_text_put(struct writer *out, int64_t character) {
    char room[4];
    unsigned size = character < 0 || character > 0x10FFFF ? 0 : utf8_put((uint32_t)character, room);
    if (!size)
        return HM_EINVAL;
    writer_put(out, room, size);
    return out->error;
}

int io_text_fill(struct writer *out, int64_t character, uint64_t count) {
    char room[4];
    unsigned size = character < 0 || character > 0x10FFFF ? 0 : utf8_put((uint32_t)character, room);
    if (!count)
        return HM_OK;
    if (!size)
        return HM_EINVAL;
    uint8_t *at = writer_reserve(out, count < SIZE_MAX / 4 ? (size_t)count * size : SIZE_MAX);
    if (!at)
        return out->error;
    for (uint64_t i = 0; i < count; i++)
        memcpy(at + i * size, room, size);
    out->size += (size_t)count * size;
    return HM_OK;
}

void io_text_put_atom(struct writer *out, hm_term atom) {
    char room[2 * 255];
    struct bytes text = view_atom_utf8(atom.bytes, room);
    writer_put(out, text.at, text.size);
}

static void put_latin1(struct writer *out, const uint8_t *at, size_t size) {
    for (size_t i = 0; i < size && !out->error; i++)
        io_text_put(out, at[i]);
}

/* Checked as a whole by the caller when it is Unicode: a character may be cut between two binaries. */
static int append_binary(struct writer *out, hm_term term, enum io_text_kind kind) {
    const void *bytes;
    size_t size;
    if (!hm_get_binary(term, &bytes, &size))
        return HM_EINVAL;
    if (kind == IO_TEXT_LATIN1 || (kind == IO_TEXT_LENIENT && !utf8_valid(bytes, size, NULL)))
        put_latin1(out, bytes, size);
    else
        writer_put(out, bytes, size);
    return out->error;
}

static int append(struct writer *out, hm_term chars, enum io_text_kind kind) {
    struct hm_list list;
    hm_term element;
    int64_t c;
    if (!hm_list_begin(chars, &list))
        return append_binary(out, chars, kind);
    while (hm_list_next(&list, &element)) {
        int error;
        if (hm_get_int64(element, &c))
            error = kind == IO_TEXT_LATIN1 && c > 0xFF ? HM_EINVAL : io_text_put(out, c);
        else
            error = append(out, element, kind);
        if (error)
            return error;
    }
    return hm_list_end(&list, &element) ? HM_OK : append_binary(out, element, kind);
}

int io_text_append(struct writer *out, hm_term chars, enum io_text_kind kind) {
    size_t begin = out->size;
    int error = append(out, chars, kind);
    if (!error && kind == IO_TEXT_UNICODE && out->size > begin &&
        !utf8_valid(out->at + begin, out->size - begin, NULL))
        return HM_EINVAL;
    return error;
}

size_t io_text_length(const uint8_t *at, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += (at[i] & 0xC0) != 0x80;
    return count;
}

size_t io_text_bytes_of(const uint8_t *at, size_t size, size_t count) {
    size_t i = 0;
    for (; i < size; i++)
        if ((at[i] & 0xC0) != 0x80 && count-- == 0)
            break;
    return i;
}

bool io_text_is_latin1(struct bytes utf8) {
    for (size_t i = 0; i < utf8.size; i++)
        if (utf8.at[i] > 0xC3) /* the first byte of U+0100 and above */
            return false;
    return true;
}

/* ---- between quotes ---- */

bool io_text_is_printable(uint32_t c) {
    return (c >= 0x20 && c <= 0x7E) || (c >= 0xA0 && c <= 0xFF) || (c >= 8 && c <= 13) || c == 27;
}

static char escape_letter(uint32_t c) {
    switch (c) {
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\v': return 'v';
    case '\b': return 'b';
    case '\f': return 'f';
    case 27: return 'e';
    case 127: return 'd';
    default: return 0;
    }
}

/* io_lib:string_char/4 */
static void put_escaped(struct writer *out, uint32_t c, char quote, bool latin1) {
    char room[16];
    int size;
    if (c == (uint8_t)quote || c == '\\')
        size = snprintf(room, sizeof room, "\\%c", (char)c);
    else if (c >= 0xA0 && latin1 && c > 0xFF)
        size = snprintf(room, sizeof room, "\\x{%X}", (unsigned)c);
    else if (c >= 0xA0 || (c >= 0x20 && c <= 0x7E))
        size = (int)utf8_put(c, room);
    else if (escape_letter(c))
        size = snprintf(room, sizeof room, "\\%c", escape_letter(c));
    else
        size = snprintf(room, sizeof room, "\\%03o", (unsigned)c);
    writer_put(out, room, (size_t)size);
}

void io_text_quote(struct writer *out, const uint8_t *at, size_t size, char quote, bool latin1) {
    const uint8_t *end = at + size;
    writer_u8(out, (uint8_t)quote);
    while (at < end && !out->error) {
        uint32_t c;
        unsigned used = utf8_next(at, end, &c);
        if (!used)
            break; /* callers pass valid text */
        put_escaped(out, c, quote, latin1);
        at += used;
    }
    writer_u8(out, (uint8_t)quote);
}

static bool is_letter(uint32_t c, bool first) {
    if (c < 0x80)
        return first ? words_is_lower((char)c) : words_is_inner((char)c);
    if (c > 0xFF || c == 0xF7 || c == 0xD7)
        return false;
    return c >= (first ? 0xDF : 0xC0);
}

/* io_lib:quote_atom/2: letters of Latin-1 need no quotes. */
static bool is_plain_atom(struct bytes text) {
    const uint8_t *at = text.at, *end = at + text.size;
    bool ascii = true;
    for (; at < end;) {
        uint32_t c;
        unsigned used = utf8_next(at, end, &c);
        if (!used || !is_letter(c, at == text.at))
            return false;
        ascii = ascii && c < 0x80;
        at += used;
    }
    /* which has the reserved words, all of ASCII; `maybe' is none before OTP 27, and quotes do not hurt */
    return text.size && (!ascii || words_is_erlang_atom(text));
}

void io_text_write_atom(struct writer *out, hm_term atom, bool latin1) {
    char room[2 * 255];
    struct bytes text = view_atom_utf8(atom.bytes, room);
    if (is_plain_atom(text))
        writer_put(out, text.at, text.size);
    else
        io_text_quote(out, text.at, text.size, '\'', latin1);
}
