#include "discovery/nodefinder_wire.h"

#include "discovery/crypto.h"
#include "etf/tags.h"
#include "etf/utf8.h"

/* calendar:datetime_to_gregorian_seconds({{1970,1,1},{0,0,0}}) */
static const int64_t gregorian_1970 = 62167219200;

static const struct form {
    unsigned version;
    const char *prefix;
    size_t id_size;
    bool has_connect;
} forms[] = {
    {5, "ERLANG/NODEFINDER 5 ", 32, true},
    {4, "ERLANG/NODEFINDER 4 ", 32, false},
    {3, "ERLANG/NODEFINDER 3 ", 32, false},
    {2, "DISCOVERV2 ", 20, false},
};

/* ---- keys ---- */

int nodefinder_keys_of(const char *cookie, struct nodefinder_keys *keys) {
    uint8_t term[2][4 + 1024];
    size_t size = strlen(cookie), sizes[2] = {4 + size, 3 + size};
    if (size > 255)
        return HM_EINVAL; /* no atom */
    memcpy(term[0], (const uint8_t[]){ETF_VERSION, ETF_ATOM, 0, (uint8_t)size}, 4);
    memcpy(term[0] + 4, cookie, size);
    memcpy(term[1], (const uint8_t[]){ETF_VERSION, ETF_SMALL_ATOM_UTF8, (uint8_t)size}, 3);
    memcpy(term[1] + 3, cookie, size);
    bool good = crypto_sha256(cookie, size, keys->v5);
    for (size_t i = 0; i < 2; i++)
        good = good && crypto_sha256(term[i], sizes[i], keys->v3[i]) &&
               crypto_sha1(term[i], sizes[i], keys->v2[i]);
    return good ? HM_OK : HM_ESYSTEM;
}

static bool mac(bool sha1, const uint8_t *key, const uint8_t seconds[8], struct bytes name, uint8_t id[32]) {
    uint8_t text[8 + NODEFINDER_MAX_BYTES];
    memcpy(text, seconds, 8);
    memcpy(text + 8, name.at, name.size);
    return sha1 ? crypto_hmac_sha1(key, text, 8 + name.size, id) : crypto_hmac_sha256(key, text, 8 + name.size, id);
}

/* ---- out ---- */

int nodefinder_write(struct writer *out, struct bytes name, bool hidden, const struct nodefinder_keys *keys,
                     int64_t now_seconds) {
    uint8_t seconds[8], id[32];
    if (name.size > DISCOVERY_NAME_BYTES)
        return HM_EINVAL;
    set_be64(seconds, (uint64_t)now_seconds);
    if (!mac(false, keys->v5, seconds, name, id))
        return HM_ESYSTEM;
    writer_put(out, forms[0].prefix, strlen(forms[0].prefix));
    writer_put(out, id, sizeof id);
    writer_u8(out, ' ');
    writer_put(out, seconds, sizeof seconds);
    writer_u8(out, ' ');
    writer_u8(out, hidden ? 2 : 1);
    writer_u8(out, ' ');
    writer_put(out, name.at, name.size);
    return out->error;
}

/* ---- in ---- */

static const struct form *find_form(struct reader *in) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t size = strlen(forms[i].prefix);
        if (reader_left(in) < size || memcmp(in->at, forms[i].prefix, size))
            continue;
        reader_take(in, size);
        return &forms[i];
    }
    return NULL;
}

static bool is_ours(const struct form *form, const struct nodefinder_keys *keys, struct bytes id, const uint8_t *seconds,
                    struct bytes name) {
    const uint8_t *const tried[][2] = {
        [2] = {keys->v2[0], keys->v2[1]}, [3] = {keys->v3[0], keys->v3[1]}, [4] = {keys->v5, NULL}, [5] = {keys->v5, NULL}};
    bool good = false;
    for (size_t i = 0; i < 2; i++) {
        uint8_t expected[32];
        const uint8_t *key = tried[form->version][i];
        good = good || (key && mac(form->version == 2, key, seconds, name, expected) &&
                        crypto_equal(expected, id.at, id.size));
    }
    return good;
}

static bool copy_name(const struct form *form, struct bytes name, struct nodefinder_packet *packet) {
    size_t characters = 0;
    packet->size = 0;
    if (form->version == 2) {
        for (size_t i = 0; i < name.size && name.size <= 255; i++)
            packet->size += utf8_put(name.at[i], packet->name + packet->size);
        return name.size > 0 && name.size <= 255;
    }
    if (name.size == 0 || name.size > DISCOVERY_NAME_BYTES || !utf8_valid(name.at, name.size, &characters) || characters > 255)
        return false;
    memcpy(packet->name, name.at, name.size);
    packet->size = name.size;
    return true;
}

enum nodefinder_verdict nodefinder_read(struct bytes datagram, const struct nodefinder_keys *keys, int64_t now_seconds,
                                        int64_t timeout_seconds, struct nodefinder_packet *packet) {
    struct reader in = reader_of(datagram);
    const struct form *form = datagram.size <= NODEFINDER_MAX_BYTES ? find_form(&in) : NULL;
    if (!form)
        return NODEFINDER_JUNK;
    struct bytes id = reader_bytes(&in, form->id_size);
    bool blanks = reader_u8(&in) == ' ';
    const uint8_t *seconds = reader_take(&in, 8);
    blanks = reader_u8(&in) == ' ' && blanks;
    uint8_t connect = form->has_connect ? reader_u8(&in) : 1;
    if (form->has_connect)
        blanks = reader_u8(&in) == ' ' && blanks;
    struct bytes name = reader_rest(&in);
    if (in.failed || !blanks || (connect != 1 && connect != 2) || !copy_name(form, name, packet))
        return NODEFINDER_JUNK;
    if (!is_ours(form, keys, id, seconds, name))
        return NODEFINDER_COOKIE;
    packet->version = form->version;
    packet->hidden = connect == 2;
    /* Unsigned first: the number is the sender's, and may be any. */
    packet->seconds = (int64_t)(get_be64(seconds) - (form->version == 2 ? (uint64_t)gregorian_1970 : 0));
    bool in_time = packet->seconds > now_seconds - timeout_seconds &&
                   packet->seconds <= now_seconds + NODEFINDER_CLOCK_SECONDS;
    return in_time ? NODEFINDER_GOOD : NODEFINDER_EXPIRED;
}
