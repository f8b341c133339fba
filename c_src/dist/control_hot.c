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

/* An atom in plain ASCII: no validation needed. */
static struct bytes take_atom(struct reader *r) {
    if (reader_u8(r) != ETF_SMALL_ATOM_UTF8)
        r->failed = true;
    struct bytes text = reader_bytes(r, reader_u8(r));
    uint8_t all = 0;
    for (size_t i = 0; i < text.size; i++)
        all |= text.at[i];
    if (all & 0x80)
        r->failed = true;
    return text;
}

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
    control->name = take_atom(r);
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
        take_atom(&r); /* the cookie of old */
        control->name = take_atom(&r);
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

size_t control_hot_size(const struct control *control) {
    if (control->kind == CONTROL_SEND && control->to.node)
        return 8 + pid_size(control->to) + (control->from.node ? pid_size(control->from) : 0);
    if (control->kind == CONTROL_SEND_NAME && control->from.node && control->name.size > 0 &&
        control->name.size < 256)
        return 9 + pid_size(control->from) + control->name.size;
    return 0;
}

size_t control_hot_encode(const struct control *control, uint64_t flags, uint8_t *out) {
    uint8_t *at = out;
    *at++ = ETF_SMALL_TUPLE;
    if (control->kind == CONTROL_SEND_NAME) {
        *at++ = 4;
        *at++ = ETF_SMALL_INTEGER;
        *at++ = 6;
        at += pid_encode(control->from, at);
        *at++ = ETF_SMALL_ATOM_UTF8;
        *at++ = 0;
        *at++ = ETF_SMALL_ATOM_UTF8;
        *at++ = (uint8_t)control->name.size;
        memcpy(at, control->name.at, control->name.size);
        at += control->name.size;
        return (size_t)(at - out);
    }
    *at++ = 3;
    *at++ = ETF_SMALL_INTEGER;
    if (control->from.node && (flags & FLAG_SEND_SENDER)) {
        *at++ = 22;
        at += pid_encode(control->from, at);
    } else {
        *at++ = 2;
        *at++ = ETF_SMALL_ATOM_UTF8;
        *at++ = 0;
    }
    at += pid_encode(control->to, at);
    return (size_t)(at - out);
}
