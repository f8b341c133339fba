#include "dist/epmd_wire.h"

enum {
    NAMES_REQUEST = 110,
    ALIVE2_REPLY_32 = 118, /* creation of 32 bits */
    PORT2_REPLY = 119,
    ALIVE2_REQUEST = 120,
    ALIVE2_REPLY_16 = 121,
    PORT2_REQUEST = 122,
    TYPE_HIDDEN = 72,
    TYPE_NORMAL = 77,
    PROTOCOL_TCP = 0,
    DIST_VERSION = 6, /* highest and lowest: asks for a creation of 32 bits */
};

void epmd_write_alive(struct writer *out, struct bytes name, uint16_t port, bool hidden) {
    writer_u16(out, (uint16_t)(13 + name.size));
    writer_u8(out, ALIVE2_REQUEST);
    writer_u16(out, port);
    writer_u8(out, hidden ? TYPE_HIDDEN : TYPE_NORMAL);
    writer_u8(out, PROTOCOL_TCP);
    writer_u16(out, DIST_VERSION);
    writer_u16(out, DIST_VERSION);
    writer_u16(out, (uint16_t)name.size);
    writer_put(out, name.at, name.size);
    writer_u16(out, 0); /* Extra */
}

void epmd_write_port_please(struct writer *out, struct bytes name) {
    writer_u16(out, (uint16_t)(1 + name.size));
    writer_u8(out, PORT2_REQUEST);
    writer_put(out, name.at, name.size);
}

void epmd_write_names(struct writer *out) {
    writer_u16(out, 1);
    writer_u8(out, NAMES_REQUEST);
}

int epmd_read_alive(struct bytes answer, uint8_t *result, uint32_t *creation) {
    if (answer.size == 0)
        return 0;
    struct reader r = reader_of(answer);
    uint8_t tag = reader_u8(&r);
    if (tag != ALIVE2_REPLY_32 && tag != ALIVE2_REPLY_16)
        return HM_EEPMD;
    uint8_t read = reader_u8(&r);
    uint32_t read_creation = tag == ALIVE2_REPLY_32 ? reader_u32(&r) : reader_u16(&r);
    if (r.failed)
        return 0;
    *result = read;
    *creation = read_creation;
    return 1;
}

int epmd_read_port(struct bytes answer, uint16_t *port) {
    if (answer.size == 0)
        return 0;
    struct reader r = reader_of(answer);
    if (reader_u8(&r) != PORT2_REPLY)
        return HM_EEPMD;
    if (reader_left(&r) == 0)
        return 0;
    if (reader_u8(&r) != 0)
        return HM_ENOENT;
    uint16_t read = reader_u16(&r);
    if (r.failed)
        return 0;
    *port = read;
    return 1;
}

int epmd_names_begin(struct bytes answer, struct bytes *rest) {
    struct reader r = reader_of(answer);
    reader_u32(&r); /* epmd's own port */
    struct bytes lines = reader_rest(&r);
    if (r.failed)
        return HM_EEPMD;
    *rest = lines;
    return HM_OK;
}

static bool skip_text(struct reader *r, const char *text) {
    size_t size = strlen(text);
    const uint8_t *at = reader_take(r, size);
    if (!at || memcmp(at, text, size) != 0)
        r->failed = true;
    return !r->failed;
}

/* "name NAME at port PORT\n". A name may hold spaces, so " at port " is looked for from the line's end. */
int epmd_names_next(struct bytes *rest, struct bytes *name, uint16_t *port) {
    static const char begin[] = "name ", middle[] = " at port ";
    if (rest->size == 0)
        return 0;
    const uint8_t *newline = memchr(rest->at, '\n', rest->size);
    if (!newline)
        return HM_EEPMD;
    struct reader r = reader_of(bytes_of(rest->at, (size_t)(newline - rest->at)));
    if (!skip_text(&r, begin))
        return HM_EEPMD;
    const uint8_t *digits = r.end;
    uint32_t number = 0, place = 1;
    while (digits > r.at && digits[-1] >= '0' && digits[-1] <= '9' && r.end - digits < 5) {
        number += place * (uint32_t)(*--digits - '0');
        place *= 10;
    }
    size_t middle_size = sizeof middle - 1;
    if (digits == r.end || number > UINT16_MAX || (size_t)(digits - r.at) <= middle_size ||
        memcmp(digits - middle_size, middle, middle_size) != 0)
        return HM_EEPMD;
    *name = bytes_of(r.at, (size_t)(digits - r.at) - middle_size);
    *port = (uint16_t)number;
    *rest = bytes_of(newline + 1, rest->size - (size_t)(newline + 1 - rest->at));
    return 1;
}
