#include "cli/chat_text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NODE_NAME_LIMIT = 32 };

/* The size of the character at text and its code point; 0 when it is no UTF-8 (RFC 3629), or is cut off. */
static size_t decode(const unsigned char *text, size_t size, uint32_t *point) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t value = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3f);
    }
    if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *point = value;
    return length;
}

static bool is_hostile(uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) /* C0, DEL, C1 */
           || point == 0xad || point == 0x200b              /* invisible */
           || (point >= 0x200e && point <= 0x200f)          /* direction marks */
           || (point >= 0x2028 && point <= 0x202e)          /* line separators, direction overrides */
           || (point >= 0x2060 && point <= 0x206f)          /* direction isolates and other invisible ones */
           || point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) ||
           (point >= 0xe0000 && point <= 0xe007f);
}

size_t chat_text_clean(const char *text, size_t size, char *out, size_t capacity) {
    const unsigned char *at = (const unsigned char *)text;
    size_t used = 0, fits = 0; /* fits: where the last character begins behind which "..." has room */
    while (size &&
           (at[size - 1] == ' ' || at[size - 1] == '\n' || at[size - 1] == '\r' || at[size - 1] == '\t'))
        size--;
    for (size_t i = 0; i < size;) {
        uint32_t point = 0;
        size_t length = decode(at + i, size - i, &point);
        char piece[16];
        size_t piece_size;
        if (length == 0)
            piece_size = (size_t)snprintf(piece, sizeof piece, "\\x%02x", at[i]);
        else if (point == '\t')
            piece_size = (size_t)snprintf(piece, sizeof piece, " ");
        else if (is_hostile(point) && point < 0x100)
            piece_size = (size_t)snprintf(piece, sizeof piece, "\\x%02x", (unsigned)point);
        else if (is_hostile(point))
            piece_size = (size_t)snprintf(piece, sizeof piece, "\\u%04x", (unsigned)point);
        else
            memcpy(piece, at + i, piece_size = length);
        if (used + 4 <= capacity)
            fits = used;
        if (used + piece_size + 1 > capacity) {
            memcpy(out + fits, "...", 4);
            return fits + 3;
        }
        memcpy(out + used, piece, piece_size);
        used += piece_size;
        i += length ? length : 1;
    }
    out[used] = '\0';
    return used;
}

bool chat_text_is_clean(const char *text) {
    size_t size = strlen(text), length;
    for (uint32_t point; size; text += length, size -= length) {
        length = decode((const unsigned char *)text, size, &point);
        if (length == 0 || is_hostile(point))
            return false;
    }
    return true;
}

void chat_text_node_name(const char *nick, char *out, size_t capacity) {
    size_t used = 0;
    for (; *nick && used < NODE_NAME_LIMIT && used + 1 < capacity; nick++)
        if (isascii((unsigned char)*nick) && (isalnum((unsigned char)*nick) || *nick == '-' || *nick == '_'))
            out[used++] = *nick;
    out[used] = '\0';
    if (used == 0)
        snprintf(out, capacity, "client");
}

/* The bytes of one key at the start, 0 when more have to come. */
static size_t key_size(const unsigned char *at, size_t size) {
    enum { ESC = 0x1b, CTRL_X = 0x18, LONGEST = 32 };
    if (at[0] == CTRL_X)
        return size < 2 ? 0 : 2;
    if (at[0] == ESC) {
        if (size < 2)
            return 0;
        if (at[1] == 'O')
            return size < 3 ? 0 : 3;
        if (at[1] != '[')
            return 2;
        for (size_t i = 2; i < size && i < LONGEST; i++)
            if (at[i] >= 0x40 && at[i] <= 0x7e)
                return i + 1;
        return size < LONGEST ? 0 : LONGEST;
    }
    size_t length = at[0] < 0xc2 || at[0] > 0xf4 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < length; i++) {
        if (i >= size)
            return 0;
        if ((at[i] & 0xc0) != 0x80)
            return i; /* broken: over before it was whole */
    }
    return length;
}

size_t chat_text_whole_keys(const char *bytes, size_t size) {
    size_t whole = 0;
    while (whole < size) {
        size_t key = key_size((const unsigned char *)bytes + whole, size - whole);
        if (key == 0)
            break;
        whole += key;
    }
    return whole;
}
