#include "services/plain_text.h"

#include <stdint.h>
#include <string.h>

/* One character at the front of the text: its length in bytes and its code point, or 0xFFFD with the length
 * of the invalid piece. size > 0. */
static size_t take_character(const unsigned char *at, size_t size, uint32_t *code) {
    static const struct {
        unsigned char first, last; /* of the leading byte */
        unsigned char low, high;   /* of the second byte: not overlong, no surrogate, not above 10FFFF */
        unsigned char length;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    if (at[0] < 0x80) {
        *code = at[0];
        return 1;
    }
    *code = 0xFFFD;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (at[0] < forms[i].first || at[0] > forms[i].last)
            continue;
        if (size < 2 || at[1] < forms[i].low || at[1] > forms[i].high)
            return 1;
        uint32_t value = at[0] & (0x7Fu >> forms[i].length);
        value = value << 6 | (at[1] & 0x3Fu);
        for (size_t k = 2; k < forms[i].length; k++) {
            if (k >= size || (at[k] & 0xC0) != 0x80)
                return k;
            value = value << 6 | (at[k] & 0x3Fu);
        }
        *code = value;
        return forms[i].length;
    }
    return 1;
}

static size_t skip_range(const unsigned char *at, size_t size, size_t from, unsigned char low,
                         unsigned char high) {
    while (from < size && at[from] >= low && at[from] <= high)
        from++;
    return from;
}

/* CSI: parameter bytes, intermediate bytes, one final byte. What breaks off is dropped as far as it went. */
static size_t skip_csi(const unsigned char *at, size_t size, size_t from) {
    from = skip_range(at, size, from, 0x30, 0x3F);
    from = skip_range(at, size, from, 0x20, 0x2F);
    return from < size && at[from] >= 0x40 && at[from] <= 0x7E ? from + 1 : from;
}

/* OSC, DCS, SOS, PM, APC: up to BEL or ST. One without an end loses only its introducer, or a single byte
 * could swallow the whole rest of a message. */
static size_t skip_string(const unsigned char *at, size_t size, size_t from) {
    for (size_t i = from; i < size; i++) {
        if (at[i] == 0x07)
            return i + 1;
        if (i + 1 < size && ((at[i] == 0x1B && at[i + 1] == '\\') || (at[i] == 0xC2 && at[i + 1] == 0x9C)))
            return i + 2;
    }
    return from;
}

static size_t skip_escape(const unsigned char *at, size_t size) {
    if (size < 2)
        return 1;
    if (at[1] == '[')
        return skip_csi(at, size, 2);
    if (memchr("]PX^_", at[1], 5))
        return skip_string(at, size, 2);
    size_t end = skip_range(at, size, 1, 0x20, 0x2F);
    return end < size && at[end] >= 0x30 && at[end] <= 0x7E ? end + 1 : end;
}

/* How many bytes a control character and what belongs to it take; *space: something must keep the words
 * apart. */
static size_t skip_control(const unsigned char *at, size_t size, uint32_t code, size_t length, bool *space) {
    *space = false;
    switch (code) {
    case '\t':
    case '\n':
    case '\r':
    case 0x85:
        *space = true;
        return length;
    case 0x1B:
        return skip_escape(at, size);
    case 0x9B:
        return skip_csi(at, size, length);
    case 0x90:
    case 0x98:
    case 0x9D:
    case 0x9E:
    case 0x9F:
        return skip_string(at, size, length);
    default:
        return length;
    }
}

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/* How many bytes from the front are printable ASCII: nearly all text is, and needs no look at single
 * characters. */
static size_t count_ascii(const unsigned char *at, size_t size) {
    size_t i = 0;
    while (i < size && at[i] >= 0x20 && at[i] < 0x7F)
        i++;
    return i;
}

bool plain_text_is_clean(const char *text, size_t size) {
    const unsigned char *at = (const unsigned char *)text;
    for (size_t i = 0; (i += count_ascii(at + i, size - i)) < size;) {
        uint32_t code;
        size_t length = take_character(at + i, size - i, &code);
        /* A genuine U+FFFD has three bytes; a broken piece may have three as well, but not these. */
        if (is_control(code) || (code == 0xFFFD && (length != 3 || memcmp(at + i, "\xEF\xBF\xBD", 3) != 0)))
            return false;
        i += length;
    }
    return true;
}

size_t plain_text_clean(char *out, const char *text, size_t size) {
    const unsigned char *at = (const unsigned char *)text;
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        size_t ascii = count_ascii(at + i, size - i);
        memcpy(out + used, text + i, ascii);
        used += ascii;
        i += ascii;
        if (i == size)
            break;
        uint32_t code;
        size_t length = take_character(at + i, size - i, &code);
        if (is_control(code)) {
            bool space;
            i += skip_control(at + i, size - i, code, length, &space);
            if (space)
                out[used++] = ' ';
        } else if (code == 0xFFFD) {
            memcpy(out + used, "\xEF\xBF\xBD", 3);
            used += 3;
            i += length;
        } else {
            memcpy(out + used, text + i, length);
            used += length;
            i += length;
        }
    }
    return used;
}
