#include "etf/utf8.h"

#include <string.h>

#include <hermod/term.h>

unsigned utf8_next(const uint8_t *at, const uint8_t *end, uint32_t *character) {
    size_t left = (size_t)(end - at);
    uint8_t first = at[0];
    if (first < 0x80) {
        *character = first;
        return 1;
    }
    if (first < 0xC2)
        return 0;
    if (first < 0xE0) {
        if (left < 2 || (at[1] & 0xC0) != 0x80)
            return 0;
        *character = (uint32_t)(first & 0x1F) << 6 | (at[1] & 0x3F);
        return 2;
    }
    if (first < 0xF0) {
        if (left < 3 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80)
            return 0;
        uint32_t c = (uint32_t)(first & 0x0F) << 12 | (uint32_t)(at[1] & 0x3F) << 6 | (at[2] & 0x3F);
        if (c < 0x800 || (c >= 0xD800 && c < 0xE000))
            return 0;
        *character = c;
        return 3;
    }
    if (first > 0xF4 || left < 4 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 ||
        (at[3] & 0xC0) != 0x80)
        return 0;
    uint32_t c = (uint32_t)(first & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12 |
                 (uint32_t)(at[2] & 0x3F) << 6 | (at[3] & 0x3F);
    if (c < 0x10000 || c > 0x10FFFF)
        return 0;
    *character = c;
    return 4;
}

bool utf8_valid(const uint8_t *at, size_t size, size_t *characters) {
    const uint8_t *end = at + size;
    size_t count = 0;
    while (at < end) {
        /* nearly all text is ASCII: eight bytes at a time */
        while (end - at >= 8) {
            uint64_t eight;
            memcpy(&eight, at, 8);
            if (eight & 0x8080808080808080u)
                break;
            at += 8;
            count += 8;
        }
        /* and what is left of an atom: one at a time, without a call */
        while (at < end && *at < 0x80) {
            at++;
            count++;
        }
        if (at == end)
            break;
        uint32_t character;
        unsigned used = utf8_next(at, end, &character);
        if (!used)
            return false;
        at += used;
        count++;
    }
    if (characters)
        *characters = count;
    return true;
}

unsigned utf8_put(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        if (c >= 0xD800 && c < 0xE000)
            return 0;
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    if (c > 0x10FFFF)
        return 0;
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Not iswprint: that asks the locale, and takes the marks that reverse a line for printable. */
bool utf8_is_printable(uint32_t c) {
    if (c < 0x7F)
        return c >= 0x20;
    if (c < 0xA0 || c == 0xAD || c > 0x10FFFF || (c >= 0xD800 && c < 0xF900) || (c & 0xFFFE) == 0xFFFE)
        return false; /* C1 controls, soft hyphen, surrogates and private use, noncharacters */
    if (c >= 0xE0000)
        return false; /* tags, private planes */
    if ((c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F))
        return false; /* zero width, line separators, direction marks */
    if (c == 0x61C || c == 0x180E || c == 0xFEFF || (c >= 0xFFF0 && c <= 0xFFFB) ||
        (c >= 0xFDD0 && c <= 0xFDEF))
        return false;
    return true;
}

bool hm_is_utf8(const void *bytes, size_t size) {
    return utf8_valid(bytes, size, NULL);
}
