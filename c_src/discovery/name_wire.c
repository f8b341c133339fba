#include "discovery/name_wire.h"

#include "etf/tags.h"
#include "etf/utf8.h"

void name_wire_write(struct writer *out, struct bytes name) {
    if (name.size < 256) {
        writer_u8(out, ETF_SMALL_ATOM_UTF8);
        writer_u8(out, (uint8_t)name.size);
    } else {
        writer_u8(out, ETF_ATOM_UTF8);
        writer_u16(out, (uint16_t)name.size);
    }
    writer_put(out, name.at, name.size);
}

static size_t from_latin1(struct bytes text, char name[DISCOVERY_NAME_BYTES]) {
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++)
        used += utf8_put(text.at[i], name + used);
    return used;
}

bool name_wire_read(struct reader *in, char name[DISCOVERY_NAME_BYTES], size_t *size) {
    uint8_t tag = reader_u8(in);
    bool is_small = tag == ETF_SMALL_ATOM_UTF8 || tag == ETF_SMALL_ATOM;
    bool is_latin1 = tag == ETF_SMALL_ATOM || tag == ETF_ATOM;
    size_t characters = 0;
    if (!is_small && tag != ETF_ATOM_UTF8 && tag != ETF_ATOM)
        return false;
    struct bytes text = reader_bytes(in, is_small ? reader_u8(in) : reader_u16(in));
    if (in->failed || text.size > (is_latin1 ? 255 : DISCOVERY_NAME_BYTES))
        return false;
    if (is_latin1) {
        *size = from_latin1(text, name);
        return true;
    }
    if (!utf8_valid(text.at, text.size, &characters) || characters > 255)
        return false;
    memcpy(name, text.at, text.size);
    *size = text.size;
    return true;
}
