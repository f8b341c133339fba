/*
 * The few forms that nearly all traffic consists of, without the table and, on the way in, without a walk before: a call is a
 * monitor, a message to a name and a demonitor, and three times check, take apart and look up was a third of what it cost.
 *
 * Reads bytes that nobody has checked, through a bounded reader, and only the encodings that OTP 25 and later write (88, 90, 119). Whatever
 * else it meets, it says so and leaves the bytes to the table: it refuses nothing. Tests and a fuzz target hold it against control.c.
 */
#include "dist/control.h"

#include "dist/flags.h"
#include "etf/tags.h"

/* ---- in ---- */

static struct bytes take_atom(struct reader *r) {
    if (reader_u8(r) != ETF_SMALL_ATOM_UTF8)
        r->failed = true;
    return reader_bytes(r, reader_u8(r));
}

/* In plain ASCII: no validation needed. */
static struct bytes take_ascii(struct reader *r) {
    struct bytes text = take_atom(r);
    if (!bytes_are_ascii(text))
        r->failed = true;
    return text;
}

/* Its bytes need no look: a node that is known was looked at, and names_intern takes no other that is not UTF-8. */
static const hm_node_name *take_node(struct reader *r, struct names *names) {
    struct bytes text = take_atom(r);
    const hm_node_name *node = r->failed ? NULL : names_intern(names, (const char *)text.at, text.size);
    if (!node)
        r->failed = true; /* the table says why */
    return node;
}

static void take_pid(struct reader *r, struct names *names, hm_pid *pid) {
    if (reader_u8(r) != ETF_NEW_PID)
        r->failed = true;
    pid->node = take_node(r, names);
    const uint8_t *at = reader_take(r, 12);
    if (!at)
        return;
    pid->id = get_be32(at);
    pid->serial = get_be32(at + 4);
    pid->creation = get_be32(at + 8);
}

static void take_ref(struct reader *r, struct names *names, hm_ref *ref) {
    if (reader_u8(r) != ETF_NEWER_REFERENCE)
        r->failed = true;
    ref->words = reader_u16(r);
    if (ref->words == 0 || ref->words > ETF_REFERENCE_WORDS)
        r->failed = true;
    ref->node = take_node(r, names);
    ref->creation = reader_u32(r);
    for (uint32_t i = 0; i < ref->words && !r->failed; i++)
        ref->id[i] = reader_u32(r);
}

/* A pid, or a name: an empty one is left to the table. */
static void take_target(struct reader *r, struct names *names, struct control *control) {
    if (reader_left(r) > 0 && *r->at == ETF_NEW_PID) {
        take_pid(r, names, &control->to);
        return;
    }
    control->name = take_ascii(r);
    if (control->name.size == 0)
        r->failed = true;
}

size_t control_hot_decode(struct bytes bytes, struct names *names, struct control *control) {
    struct reader r = reader_of(bytes);
    const uint8_t *head = reader_take(&r, 4);
    if (!head || head[0] != ETF_SMALL_TUPLE || head[2] != ETF_SMALL_INTEGER)
        return 0;
    uint8_t arity = head[1];
    *control = (struct control){.op = head[3]};
    switch (control->op) {
    case 6:
        control->kind = CONTROL_SEND_NAME;
        take_pid(&r, names, &control->from);
        take_ascii(&r); /* the cookie of old */
        control->name = take_ascii(&r);
        if (arity != 4 || control->name.size == 0)
            return 0;
        break;
    case 19:
    case 20:
        control->kind = control->op == 19 ? CONTROL_MONITOR : CONTROL_DEMONITOR;
        take_pid(&r, names, &control->from);
        take_target(&r, names, control);
        take_ref(&r, names, &control->ref);
        if (arity != 4)
            return 0;
        break;
    case 22:
        control->kind = CONTROL_SEND;
        take_pid(&r, names, &control->from);
        take_pid(&r, names, &control->to);
        if (arity != 3)
            return 0;
        break;
    default:
        return 0;
    }
    return r.failed ? 0 : (size_t)(r.at - bytes.at);
}

/* ---- out ---- */

size_t control_hot_size(const struct control *control, uint64_t flags) {
    size_t from = control->from.node ? pid_size(control->from) : 0;
    switch (control->kind) {
    case CONTROL_SEND:
        return control->to.node ? 8 + from + pid_size(control->to) : 0;
    case CONTROL_SEND_NAME:
        return from && control->name.size > 0 && control->name.size < 256 ? 9 + from + control->name.size : 0;
    case CONTROL_SEND_ALIAS:
        return from && control->ref.words && control->ref.node && (flags & (FLAG_ALIAS | FLAG_ALTACT_SIG)) ? 6 + from + ref_size(&control->ref) : 0;
    default:
        return 0;
    }
}

static uint8_t *put_head(uint8_t *at, uint8_t arity, uint8_t op) {
    *at++ = ETF_SMALL_TUPLE;
    *at++ = arity;
    *at++ = ETF_SMALL_INTEGER;
    *at++ = op;
    return at;
}

size_t control_hot_encode(const struct control *control, uint64_t flags, uint8_t *out) {
    static const struct bytes cookie = {NULL, 0}; /* of old */
    uint8_t *at;
    switch (control->kind) {
    case CONTROL_SEND_NAME:
        at = put_head(out, 4, 6);
        at += pid_encode(control->from, at);
        at += atom_encode(cookie, at);
        at += atom_encode(control->name, at);
        break;
    case CONTROL_SEND_ALIAS:
        if (flags & FLAG_ALTACT_SIG) {
            at = put_head(out, 4, 37);
            *at++ = ETF_SMALL_INTEGER;
            *at++ = CONTROL_SIG_ALIAS;
        } else {
            at = put_head(out, 3, 33);
        }
        at += pid_encode(control->from, at);
        at += ref_encode(&control->ref, at);
        break;
    default:
        if (control->from.node && (flags & FLAG_SEND_SENDER)) {
            at = put_head(out, 3, 22);
            at += pid_encode(control->from, at);
        } else {
            at = put_head(out, 3, 2);
            at += atom_encode(cookie, at);
        }
        at += pid_encode(control->to, at);
        break;
    }
    return (size_t)(at - out);
}
