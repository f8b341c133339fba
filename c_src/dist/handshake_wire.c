#include "dist/handshake_wire.h"

#include <md5.h>
#include <stdio.h>

static const char *const status_texts[] = {
    [STATUS_OK] = "ok",
    [STATUS_OK_SIMULTANEOUS] = "ok_simultaneous",
    [STATUS_NOK] = "nok",
    [STATUS_NOT_ALLOWED] = "not_allowed",
    [STATUS_ALIVE] = "alive",
    [STATUS_TRUE] = "true",
    [STATUS_FALSE] = "false",
    [STATUS_NAMED] = "named:",
};

enum { STATUSES = sizeof status_texts / sizeof *status_texts };

const char *handshake_status_name(enum handshake_status status) {
    return (unsigned)status < STATUSES ? status_texts[status] : "?";
}

/* ---- read ---- */

static struct reader open_message(struct bytes message, uint8_t tag) {
    struct reader r = reader_of(message);
    if (reader_u8(&r) != tag)
        r.failed = true;
    return r;
}

int handshake_read_name(struct bytes message, struct handshake_name *name) {
    struct handshake_name read = {0};
    struct reader r = open_message(message, 'N');
    if (!r.failed) {
        read.flags = reader_u64(&r);
        read.creation = reader_u32(&r);
        read.name = reader_bytes(&r, reader_u16(&r));
    } else {
        /* Version 5, as OTP 23 and 24 send it to a node that they do not know: the rest of it follows in a
         * complement. */
        r = open_message(message, 'n');
        read.old = true;
        if (reader_u16(&r) != 5)
            return HM_EBADTERM;
        read.flags = reader_u32(&r);
        read.name = reader_rest(&r);
    }
    if (r.failed || read.name.size == 0 || read.name.size > HANDSHAKE_NAME_MAX)
        return HM_EBADTERM;
    *name = read;
    return HM_OK;
}

int handshake_read_status(struct bytes message, enum handshake_status *status, struct bytes *name,
                          uint32_t *creation) {
    struct reader r = open_message(message, 's');
    struct bytes text = reader_rest(&r);
    if (r.failed)
        return HM_EBADTERM;
    size_t named = strlen(status_texts[STATUS_NAMED]);
    if (text.size > named && memcmp(text.at, status_texts[STATUS_NAMED], named) == 0) {
        r = reader_of(bytes_of(text.at + named, text.size - named));
        struct bytes read = reader_bytes(&r, reader_u16(&r));
        uint32_t read_creation = reader_u32(&r);
        if (r.failed || read.size == 0)
            return HM_EBADTERM;
        *name = read;
        *creation = read_creation;
        *status = STATUS_NAMED;
        return HM_OK;
    }
    for (unsigned i = 0; i < STATUSES; i++) {
        if (i != STATUS_NAMED && bytes_equal(text, bytes_of(status_texts[i], strlen(status_texts[i])))) {
            *status = (enum handshake_status)i;
            return HM_OK;
        }
    }
    return HM_EBADTERM;
}

int handshake_read_challenge(struct bytes message, struct handshake_challenge *challenge) {
    struct reader r = open_message(message, 'N');
    struct handshake_challenge read = {.flags = reader_u64(&r)};
    read.challenge = reader_u32(&r);
    read.creation = reader_u32(&r);
    read.name = reader_bytes(&r, reader_u16(&r));
    if (r.failed || read.name.size == 0 || read.name.size > HANDSHAKE_NAME_MAX)
        return HM_EBADTERM;
    *challenge = read;
    return HM_OK;
}

int handshake_read_complement(struct bytes message, struct handshake_complement *complement) {
    struct reader r = open_message(message, 'c');
    struct handshake_complement read = {.flags_high = reader_u32(&r)};
    read.creation = reader_u32(&r);
    if (r.failed)
        return HM_EBADTERM;
    *complement = read;
    return HM_OK;
}

int handshake_read_reply(struct bytes message, struct handshake_reply *reply) {
    struct reader r = open_message(message, 'r');
    uint32_t challenge = reader_u32(&r);
    const uint8_t *digest = reader_take(&r, HANDSHAKE_DIGEST);
    if (!digest || reader_left(&r))
        return HM_EBADTERM;
    reply->challenge = challenge;
    memcpy(reply->digest, digest, HANDSHAKE_DIGEST);
    return HM_OK;
}

int handshake_read_ack(struct bytes message, struct handshake_ack *ack) {
    struct reader r = open_message(message, 'a');
    const uint8_t *digest = reader_take(&r, HANDSHAKE_DIGEST);
    if (!digest || reader_left(&r))
        return HM_EBADTERM;
    memcpy(ack->digest, digest, HANDSHAKE_DIGEST);
    return HM_OK;
}

/* ---- write ---- */

void handshake_write_name(struct writer *out, const struct handshake_name *name) {
    writer_u16(out, (uint16_t)((name->old ? 7 : 15) + name->name.size));
    if (name->old) {
        writer_u8(out, 'n');
        writer_u16(out, 5);
        writer_u32(out, (uint32_t)name->flags);
    } else {
        writer_u8(out, 'N');
        writer_u64(out, name->flags);
        writer_u32(out, name->creation);
        writer_u16(out, (uint16_t)name->name.size);
    }
    writer_put(out, name->name.at, name->name.size);
}

void handshake_write_status(struct writer *out, enum handshake_status status, struct bytes name,
                            uint32_t creation) {
    const char *text = status_texts[status];
    size_t size = strlen(text);
    bool named = status == STATUS_NAMED;
    writer_u16(out, (uint16_t)(1 + size + (named ? 2 + name.size + 4 : 0)));
    writer_u8(out, 's');
    writer_put(out, text, size);
    if (!named)
        return;
    writer_u16(out, (uint16_t)name.size);
    writer_put(out, name.at, name.size);
    writer_u32(out, creation);
}

void handshake_write_challenge(struct writer *out, const struct handshake_challenge *challenge) {
    writer_u16(out, (uint16_t)(19 + challenge->name.size));
    writer_u8(out, 'N');
    writer_u64(out, challenge->flags);
    writer_u32(out, challenge->challenge);
    writer_u32(out, challenge->creation);
    writer_u16(out, (uint16_t)challenge->name.size);
    writer_put(out, challenge->name.at, challenge->name.size);
}

void handshake_write_complement(struct writer *out, const struct handshake_complement *complement) {
    writer_u16(out, 9);
    writer_u8(out, 'c');
    writer_u32(out, complement->flags_high);
    writer_u32(out, complement->creation);
}

void handshake_write_reply(struct writer *out, const struct handshake_reply *reply) {
    writer_u16(out, 1 + 4 + HANDSHAKE_DIGEST);
    writer_u8(out, 'r');
    writer_u32(out, reply->challenge);
    writer_put(out, reply->digest, HANDSHAKE_DIGEST);
}

void handshake_write_ack(struct writer *out, const struct handshake_ack *ack) {
    writer_u16(out, 1 + HANDSHAKE_DIGEST);
    writer_u8(out, 'a');
    writer_put(out, ack->digest, HANDSHAKE_DIGEST);
}

/* ---- digests and names ---- */

void handshake_digest(const char *cookie, uint32_t challenge, uint8_t digest[HANDSHAKE_DIGEST]) {
    char decimal[12];
    int length = snprintf(decimal, sizeof decimal, "%u", (unsigned)challenge);
    MD5_CTX md5;
    MD5Init(&md5);
    MD5Update(&md5, (const uint8_t *)cookie, strlen(cookie));
    MD5Update(&md5, (const uint8_t *)decimal, (size_t)length);
    MD5Final(digest, &md5);
    explicit_bzero(&md5, sizeof md5);
}

bool handshake_digest_equal(const uint8_t a[HANDSHAKE_DIGEST], const uint8_t b[HANDSHAKE_DIGEST]) {
    volatile uint8_t difference = 0;
    for (int i = 0; i < HANDSHAKE_DIGEST; i++)
        difference |= (uint8_t)(a[i] ^ b[i]);
    return difference == 0;
}

size_t handshake_name_utf8(struct bytes latin1, char *out, size_t capacity) {
    size_t used = 0;
    for (size_t i = 0; i < latin1.size; i++) {
        uint8_t c = latin1.at[i];
        if (capacity - used < (c < 0x80 ? 1 : 2))
            return 0;
        if (c < 0x80) {
            out[used++] = (char)c;
        } else {
            out[used++] = (char)(0xc0 | c >> 6);
            out[used++] = (char)(0x80 | (c & 0x3f));
        }
    }
    return used;
}

size_t handshake_name_latin1(struct bytes utf8, char *out, size_t capacity) {
    size_t used = 0;
    for (size_t i = 0; i < utf8.size; i++) {
        uint8_t c = utf8.at[i];
        if (used == capacity)
            return 0;
        if (c >= 0x80) {
            /* Two bytes starting with c2 or c3 are U+0080..U+00FF. */
            if ((c != 0xc2 && c != 0xc3) || i + 1 == utf8.size || (utf8.at[i + 1] & 0xc0) != 0x80)
                return 0;
            c = (uint8_t)((c & 3) << 6 | (utf8.at[++i] & 0x3f));
        }
        out[used++] = (char)c;
    }
    return used;
}

static bool printable(struct bytes name) {
    size_t characters = 0;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.at[i];
        if (c <= 0x20 || c == 0x7f)
            return false;
        if ((c & 0xc0) != 0x80)
            characters++;
    }
    return characters <= 255;
}

bool handshake_name_valid(struct bytes name) {
    const uint8_t *at = name.size ? memchr(name.at, '@', name.size) : NULL;
    if (!at || at == name.at)
        return false;
    size_t host = name.size - (size_t)(at - name.at) - 1;
    return host > 0 && !memchr(at + 1, '@', host) && printable(name);
}

bool handshake_host_valid(struct bytes host) {
    return host.size > 0 && !memchr(host.at, '@', host.size) && printable(host);
}
