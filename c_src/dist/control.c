/*
 * The table of control messages. Adding an operation: a row in `rows`, its number in `forms` when we may send
 * it, a golden frame in test/golden.
 *
 * Numbers, arities and meaning: erl_dist_protocol "Protocol between Connected Nodes"; erts_net_message and
 * erts_dsig_send_* in erts/emulator/beam/dist.c. ALTACT_SIG_SEND (37) exists since OTP 28.
 */
#include "dist/control.h"

#include "dist/flags.h"
#include "etf/view.h"

enum field {
    F_END,
    F_UNUSED,    /* the cookie of old: an atom nobody looks at */
    F_FROM,
    F_TO,
    F_FROM_NAME, /* pid or atom */
    F_TO_NAME,   /* pid or atom */
    F_NAME,
    F_REF,
    F_ID,
    F_LEADER,
    F_MFA,
    F_OPTIONS,
    F_RESULT,
    F_TOKEN,     /* seq_trace: read over */
    F_REASON,
    F_SIG_FLAGS, /* decides what F_SIG_TO is */
    F_SIG_TO,
};

enum { FIELDS_MAX = 7 };

struct row {
    const char *name; /* NULL: no such operation */
    enum control_kind kind;
    bool payload;
    uint64_t flags; /* what must be negotiated before we may send it */
    enum field fields[FIELDS_MAX];
};

#define MONITOR_FLAGS (FLAG_DIST_MONITOR | FLAG_DIST_MONITOR_NAME)

static const struct row rows[] = {
    [1] = {"LINK", CONTROL_LINK, false, 0, {F_FROM, F_TO}},
    [2] = {"SEND", CONTROL_SEND, true, 0, {F_UNUSED, F_TO}},
    [3] = {"EXIT", CONTROL_EXIT, false, 0, {F_FROM, F_TO, F_REASON}},
    [4] = {"UNLINK", CONTROL_UNLINK, false, 0, {F_FROM, F_TO}},
    [6] = {"REG_SEND", CONTROL_SEND_NAME, true, 0, {F_FROM, F_UNUSED, F_NAME}},
    [7] = {"GROUP_LEADER", CONTROL_GROUP_LEADER, false, 0, {F_LEADER, F_TO}},
    [8] = {"EXIT2", CONTROL_EXIT2, false, 0, {F_FROM, F_TO, F_REASON}},
    [12] = {"SEND_TT", CONTROL_SEND, true, 0, {F_UNUSED, F_TO, F_TOKEN}},
    [13] = {"EXIT_TT", CONTROL_EXIT, false, 0, {F_FROM, F_TO, F_TOKEN, F_REASON}},
    [16] = {"REG_SEND_TT", CONTROL_SEND_NAME, true, 0, {F_FROM, F_UNUSED, F_NAME, F_TOKEN}},
    [18] = {"EXIT2_TT", CONTROL_EXIT2, false, 0, {F_FROM, F_TO, F_TOKEN, F_REASON}},
    [19] = {"MONITOR_P", CONTROL_MONITOR, false, MONITOR_FLAGS, {F_FROM, F_TO_NAME, F_REF}},
    [20] = {"DEMONITOR_P", CONTROL_DEMONITOR, false, MONITOR_FLAGS, {F_FROM, F_TO_NAME, F_REF}},
    /* An ei node has DIST_MONITOR alone; it may build a MONITOR_P by hand and then wants the answer. */
    [21] = {"MONITOR_P_EXIT", CONTROL_DOWN, false, FLAG_DIST_MONITOR, {F_FROM_NAME, F_TO, F_REF, F_REASON}},
    [22] = {"SEND_SENDER", CONTROL_SEND, true, FLAG_SEND_SENDER, {F_FROM, F_TO}},
    [23] = {"SEND_SENDER_TT", CONTROL_SEND, true, FLAG_SEND_SENDER, {F_FROM, F_TO, F_TOKEN}},
    [24] = {"PAYLOAD_EXIT", CONTROL_EXIT, true, FLAG_EXIT_PAYLOAD, {F_FROM, F_TO}},
    [25] = {"PAYLOAD_EXIT_TT", CONTROL_EXIT, true, FLAG_EXIT_PAYLOAD, {F_FROM, F_TO, F_TOKEN}},
    [26] = {"PAYLOAD_EXIT2", CONTROL_EXIT2, true, FLAG_EXIT_PAYLOAD, {F_FROM, F_TO}},
    [27] = {"PAYLOAD_EXIT2_TT", CONTROL_EXIT2, true, FLAG_EXIT_PAYLOAD, {F_FROM, F_TO, F_TOKEN}},
    [28] = {"PAYLOAD_MONITOR_P_EXIT", CONTROL_DOWN, true, FLAG_DIST_MONITOR | FLAG_EXIT_PAYLOAD,
            {F_FROM_NAME, F_TO, F_REF}},
    [29] = {"SPAWN_REQUEST", CONTROL_SPAWN_REQUEST, true, FLAG_SPAWN,
            {F_REF, F_FROM, F_LEADER, F_MFA, F_OPTIONS}},
    [30] = {"SPAWN_REQUEST_TT", CONTROL_SPAWN_REQUEST, true, FLAG_SPAWN,
            {F_REF, F_FROM, F_LEADER, F_MFA, F_OPTIONS, F_TOKEN}},
    /* Who asks gets an answer, whatever flags it has: as from a BEAM. */
    [31] = {"SPAWN_REPLY", CONTROL_SPAWN_REPLY, false, 0, {F_REF, F_TO, F_ID, F_RESULT}},
    [32] = {"SPAWN_REPLY_TT", CONTROL_SPAWN_REPLY, false, FLAG_SPAWN, {F_REF, F_TO, F_ID, F_RESULT, F_TOKEN}},
    [33] = {"ALIAS_SEND", CONTROL_SEND_ALIAS, true, FLAG_ALIAS, {F_FROM, F_REF}},
    [34] = {"ALIAS_SEND_TT", CONTROL_SEND_ALIAS, true, FLAG_ALIAS, {F_FROM, F_REF, F_TOKEN}},
    [35] = {"UNLINK_ID", CONTROL_UNLINK, false, FLAG_UNLINK_ID, {F_ID, F_FROM, F_TO}},
    [36] = {"UNLINK_ID_ACK", CONTROL_UNLINK_ACK, false, FLAG_UNLINK_ID, {F_ID, F_FROM, F_TO}},
    [37] = {"ALTACT_SIG_SEND", CONTROL_SEND_ALIAS, true, FLAG_ALTACT_SIG, {F_SIG_FLAGS, F_FROM, F_SIG_TO}},
};

enum { ROWS = sizeof rows / sizeof *rows, FORMS_MAX = 2 };

/* What we send, the best form first. */
static const uint8_t forms[][FORMS_MAX] = {
    [CONTROL_SEND] = {22, 2},
    [CONTROL_SEND_NAME] = {6},
    /* Once ALTACT_SIG is negotiated a BEAM sends to aliases with 37 only; we do the same. Never with the PRIO
     * bit. */
    [CONTROL_SEND_ALIAS] = {37, 33},
    [CONTROL_LINK] = {1},
    [CONTROL_UNLINK] = {35, 4},
    [CONTROL_UNLINK_ACK] = {36},
    [CONTROL_EXIT] = {24, 3},
    [CONTROL_EXIT2] = {26, 8},
    [CONTROL_MONITOR] = {19},
    [CONTROL_DEMONITOR] = {20},
    [CONTROL_DOWN] = {28, 21},
    [CONTROL_SPAWN_REQUEST] = {29},
    [CONTROL_SPAWN_REPLY] = {31},
    [CONTROL_GROUP_LEADER] = {7},
};

const char *control_op_name(unsigned op) {
    return op < ROWS && rows[op].name ? rows[op].name : "?";
}

bool control_has_payload(const struct control *control) {
    return control->op < ROWS && rows[control->op].payload;
}

/* ---- decode ---- */

static void skip_atom(struct reader *r) {
    uint8_t tag = reader_u8(r);
    if (tag == ETF_SMALL_ATOM_UTF8 || tag == ETF_SMALL_ATOM)
        reader_take(r, reader_u8(r));
    else if (tag == ETF_ATOM_UTF8 || tag == ETF_ATOM)
        reader_take(r, reader_u16(r));
    else
        r->failed = true;
}

/* Cuts the next element. The tags that control tuples are made of are walked here, the rest by etf. */
static hm_term cut_element(struct reader *r) {
    const uint8_t *begin = r->at;
    size_t words;
    if (!reader_left(r))
        r->failed = true;
    if (r->failed)
        return (hm_term){NULL, 0};
    switch (*begin) {
    case ETF_SMALL_ATOM_UTF8:
    case ETF_SMALL_ATOM:
    case ETF_ATOM_UTF8:
    case ETF_ATOM:
        skip_atom(r);
        break;
    case ETF_NEW_PID:
    case ETF_PID:
        reader_u8(r);
        skip_atom(r);
        reader_take(r, *begin == ETF_NEW_PID ? 12 : 9);
        break;
    case ETF_NEWER_REFERENCE:
    case ETF_NEW_REFERENCE:
        reader_u8(r);
        words = reader_u16(r);
        skip_atom(r);
        reader_take(r, (*begin == ETF_NEWER_REFERENCE ? 4 : 1) + 4 * words);
        break;
    case ETF_SMALL_INTEGER:
        reader_take(r, 2);
        break;
    case ETF_INTEGER:
        reader_take(r, 5);
        break;
    case ETF_NIL:
        reader_take(r, 1);
        break;
    default:
        reader_take(r, (size_t)(view_skip(begin) - begin));
    }
    return r->failed ? (hm_term){NULL, 0} : (hm_term){begin, (size_t)(r->at - begin)};
}

static bool is_pid(hm_term term) {
    return term.bytes[0] == ETF_NEW_PID || term.bytes[0] == ETF_PID;
}

static bool is_ref(hm_term term) {
    uint8_t tag = term.bytes[0];
    return tag == ETF_NEWER_REFERENCE || tag == ETF_NEW_REFERENCE || tag == ETF_REFERENCE;
}

static int take_pid(struct names *names, hm_term term, hm_pid *pid) {
    if (!is_pid(term))
        return HM_EBADTERM;
    return pid_decode(names, term, pid) ? HM_OK : HM_ELIMIT;
}

static int take_ref(struct names *names, hm_term term, hm_ref *ref) {
    if (!is_ref(term))
        return HM_EBADTERM;
    return ref_decode(names, term, ref) ? HM_OK : HM_ELIMIT;
}

/* A name of a process is UTF-8. Old peers may say it in Latin-1, which is the same as long as it is ASCII; a
 * name that is not has no place to be converted into here, and no release that we talk to sends one. */
static int take_atom(hm_term term, struct bytes *text) {
    struct reader r = reader_of(bytes_of(term.bytes, term.size));
    uint8_t tag = reader_u8(&r);
    bool small = tag == ETF_SMALL_ATOM_UTF8 || tag == ETF_SMALL_ATOM;
    if (!small && tag != ETF_ATOM_UTF8 && tag != ETF_ATOM)
        return HM_EBADTERM;
    struct bytes read = reader_bytes(&r, small ? reader_u8(&r) : reader_u16(&r));
    if (tag == ETF_SMALL_ATOM || tag == ETF_ATOM)
        for (size_t i = 0; i < read.size; i++)
            if (read.at[i] >= 0x80)
                return HM_EBADTERM;
    *text = read;
    return r.failed ? HM_EBADTERM : HM_OK;
}

/* The low 64 bits of an integer >= 0; *exact tells that there were no others. */
static int take_unsigned(hm_term term, uint64_t *value, bool *exact) {
    struct reader r = reader_of(bytes_of(term.bytes, term.size));
    uint8_t tag = reader_u8(&r);
    uint32_t digits;
    *exact = true;
    *value = 0;
    if (tag == ETF_SMALL_INTEGER) {
        *value = reader_u8(&r);
    } else if (tag == ETF_INTEGER) {
        *value = reader_u32(&r);
        if (*value > INT32_MAX)
            return HM_EBADTERM;
    } else if (tag == ETF_SMALL_BIG || tag == ETF_LARGE_BIG) {
        digits = tag == ETF_SMALL_BIG ? reader_u8(&r) : reader_u32(&r);
        if (reader_u8(&r) != 0)
            return HM_EBADTERM;
        struct bytes little = reader_bytes(&r, digits);
        for (size_t i = 0; i < little.size; i++) {
            if (i < 8)
                *value |= (uint64_t)little.at[i] << (8 * i);
            else if (little.at[i])
                *exact = false;
        }
    } else {
        return HM_EBADTERM;
    }
    return r.failed ? HM_EBADTERM : HM_OK;
}

static int take_tuple(hm_term term) {
    return term.bytes[0] == ETF_SMALL_TUPLE || term.bytes[0] == ETF_LARGE_TUPLE ? HM_OK : HM_EBADTERM;
}

static int take_pid_or_name(struct names *names, hm_term term, hm_pid *pid, struct bytes *name) {
    return is_pid(term) ? take_pid(names, term, pid) : take_atom(term, name);
}

/* F_SIG_FLAGS and F_SIG_TO: what an ALTACT_SIG_SEND is. Bits that we do not know must be ignored. */
static int take_signal_to(struct names *names, hm_term term, uint64_t bits, struct control *control) {
    if (bits & CONTROL_SIG_ALIAS) {
        control->kind = CONTROL_SEND_ALIAS;
        if (bits & CONTROL_SIG_EXIT)
            control->kind = CONTROL_EXIT2;
        return bits & CONTROL_SIG_NAME ? HM_EBADTERM : take_ref(names, term, &control->ref);
    }
    if (bits & CONTROL_SIG_NAME) {
        control->kind = bits & CONTROL_SIG_EXIT ? CONTROL_EXIT2 : CONTROL_SEND_NAME;
        return take_atom(term, &control->name);
    }
    control->kind = bits & CONTROL_SIG_EXIT ? CONTROL_EXIT2 : CONTROL_SEND;
    return take_pid(names, term, &control->to);
}

static int take_field(enum field field, hm_term term, struct names *names, struct control *control,
                      uint64_t *signal_bits, hm_term *reason) {
    struct bytes unused;
    bool exact;
    int error;
    switch (field) {
    case F_UNUSED:
        return take_atom(term, &unused);
    case F_FROM:
        return take_pid(names, term, &control->from);
    case F_TO:
        return take_pid(names, term, &control->to);
    case F_FROM_NAME:
        return take_pid_or_name(names, term, &control->from, &control->name);
    case F_TO_NAME:
        return take_pid_or_name(names, term, &control->to, &control->name);
    case F_NAME:
        return take_atom(term, &control->name);
    case F_REF:
        return take_ref(names, term, &control->ref);
    case F_ID:
        error = take_unsigned(term, &control->id, &exact);
        return error ? error : exact ? HM_OK : HM_EBADTERM;
    case F_LEADER:
        return take_pid(names, term, &control->leader);
    case F_MFA:
        control->mfa = term;
        return take_tuple(term);
    case F_OPTIONS:
        control->options = term;
        return HM_OK;
    case F_RESULT:
        control->result = term;
        return HM_OK;
    case F_TOKEN:
        return HM_OK;
    case F_REASON:
        *reason = term;
        return HM_OK;
    case F_SIG_FLAGS:
        return take_unsigned(term, signal_bits, &exact);
    case F_SIG_TO:
        return take_signal_to(names, term, *signal_bits, control);
    case F_END:
        break;
    }
    return HM_EBADTERM;
}

int control_decode(hm_term tuple, struct names *names, struct control *control, hm_term *payload) {
    struct reader r = reader_of(bytes_of(tuple.bytes, tuple.size));
    uint8_t tag = reader_u8(&r);
    uint32_t arity = tag == ETF_SMALL_TUPLE ? reader_u8(&r) : tag == ETF_LARGE_TUPLE ? reader_u32(&r) : 0;
    uint64_t op, signal_bits = 0;
    hm_term reason = {NULL, 0};
    bool exact;

    if (r.failed || arity == 0)
        return HM_EBADTERM;
    hm_term number = cut_element(&r);
    if (r.failed || take_unsigned(number, &op, &exact))
        return HM_EBADTERM;
    if (!exact || op >= ROWS || !rows[op].name)
        return HM_ENOENT;

    const struct row *row = &rows[op];
    struct control decoded = {.kind = row->kind, .op = (uint8_t)op};
    uint32_t taken = 1;
    for (; row->fields[taken - 1] != F_END; taken++) {
        if (taken >= arity)
            return HM_EBADTERM;
        hm_term element = cut_element(&r);
        if (r.failed)
            return HM_EBADTERM;
        int error = take_field(row->fields[taken - 1], element, names, &decoded, &signal_bits, &reason);
        if (error)
            return error;
    }
    /* Only ALTACT_SIG_SEND may grow: a token, and whatever later releases append. */
    if (taken != arity && row->fields[0] != F_SIG_FLAGS)
        return HM_EBADTERM;
    if (row->fields[0] == F_SIG_FLAGS && (signal_bits & CONTROL_SIG_TOKEN) && taken == arity)
        return HM_EBADTERM;
    *control = decoded;
    if (reason.bytes)
        *payload = reason;
    return HM_OK;
}

/* ---- encode ---- */

static void put_pid(struct writer *out, hm_pid pid) {
    uint8_t *at = writer_reserve(out, pid_size(pid));
    if (at)
        out->size += pid_encode(pid, at);
}

static void put_ref(struct writer *out, const hm_ref *ref) {
    uint8_t *at = writer_reserve(out, ref_size(ref));
    if (at)
        out->size += ref_encode(ref, at);
}

static void put_atom(struct writer *out, struct bytes text) {
    uint8_t *at = writer_reserve(out, 3 + text.size);
    if (at)
        out->size += atom_encode(text, at);
}

static void put_unsigned(struct writer *out, uint64_t value) {
    if (value <= 255) {
        writer_u8(out, ETF_SMALL_INTEGER);
        writer_u8(out, (uint8_t)value);
    } else if (value <= INT32_MAX) {
        writer_u8(out, ETF_INTEGER);
        writer_u32(out, (uint32_t)value);
    } else {
        uint8_t digits[8], count = 0;
        for (; value; value >>= 8)
            digits[count++] = (uint8_t)value;
        writer_u8(out, ETF_SMALL_BIG);
        writer_u8(out, count);
        writer_u8(out, 0);
        writer_put(out, digits, count);
    }
}

/* The name and not the pid. The atom '' is a name too (nobody's, but its monitor wants an answer): a place,
 * size 0. */
static bool has_name(const struct control *control, hm_pid instead) {
    return control->name.size > 0 || (!instead.node && control->name.at);
}

/* Is there what this field needs? */
static bool can_put(enum field field, const struct control *control, hm_term payload) {
    switch (field) {
    case F_FROM:
        return control->from.node != NULL;
    case F_TO:
        return control->to.node != NULL;
    case F_FROM_NAME:
        return control->from.node || has_name(control, control->from);
    case F_TO_NAME:
        return control->to.node || has_name(control, control->to);
    case F_NAME:
        return has_name(control, HM_NO_PID) && control->name.size < HM_ATOM_BYTES;
    case F_REF:
    case F_SIG_TO: /* we send 37 to aliases only */
        return control->ref.words > 0 && control->ref.node;
    case F_ID:
        return control->kind == CONTROL_SPAWN_REPLY || control->id > 0;
    case F_LEADER:
        return control->leader.node != NULL;
    case F_MFA:
        return control->mfa.size > 0;
    case F_OPTIONS:
        return control->options.size > 0;
    case F_RESULT:
        return control->result.size > 0;
    case F_REASON:
        return payload.size > 0;
    default:
        return true;
    }
}

static void put_field(enum field field, const struct control *control, hm_term payload, struct writer *out,
                      bool *reason_inside) {
    switch (field) {
    case F_UNUSED:
        put_atom(out, bytes_of(NULL, 0));
        break;
    case F_FROM:
        put_pid(out, control->from);
        break;
    case F_TO:
        put_pid(out, control->to);
        break;
    case F_FROM_NAME:
        if (has_name(control, control->from))
            put_atom(out, control->name);
        else
            put_pid(out, control->from);
        break;
    case F_TO_NAME:
        if (has_name(control, control->to))
            put_atom(out, control->name);
        else
            put_pid(out, control->to);
        break;
    case F_NAME:
        put_atom(out, control->name);
        break;
    case F_REF:
    case F_SIG_TO:
        put_ref(out, &control->ref);
        break;
    case F_ID:
        put_unsigned(out, control->id);
        break;
    case F_LEADER:
        put_pid(out, control->leader);
        break;
    case F_MFA:
        writer_put(out, control->mfa.bytes, control->mfa.size);
        break;
    case F_OPTIONS:
        writer_put(out, control->options.bytes, control->options.size);
        break;
    case F_RESULT:
        writer_put(out, control->result.bytes, control->result.size);
        break;
    case F_REASON:
        writer_put(out, payload.bytes, payload.size);
        *reason_inside = true;
        break;
    case F_SIG_FLAGS:
        put_unsigned(out, CONTROL_SIG_ALIAS);
        break;
    case F_TOKEN:
    case F_END:
        break;
    }
}

static bool can_send(const struct row *row, const struct control *control, hm_term payload) {
    for (const enum field *field = row->fields; *field != F_END; field++)
        if (!can_put(*field, control, payload))
            return false;
    return !row->payload || payload.size > 0;
}

int control_encode(const struct control *control, uint64_t flags, hm_term payload, struct writer *out,
                   bool *reason_inside) {
    int error = HM_EFLAGS;
    *reason_inside = false;
    for (unsigned form = 0; form < FORMS_MAX && forms[control->kind][form]; form++) {
        unsigned op = forms[control->kind][form];
        const struct row *row = &rows[op];
        if ((row->flags & flags) != row->flags)
            continue;
        if (!can_send(row, control, payload)) {
            error = HM_EINVAL;
            continue;
        }
        unsigned arity = 1;
        while (row->fields[arity - 1] != F_END)
            arity++;
        writer_u8(out, ETF_SMALL_TUPLE);
        writer_u8(out, (uint8_t)arity);
        put_unsigned(out, op);
        for (const enum field *field = row->fields; *field != F_END; field++)
            put_field(*field, control, payload, out, reason_inside);
        return out->error;
    }
    return error;
}
