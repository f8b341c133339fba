/*
 * dist/control: control messages, the first term of a frame, between bytes and struct control.
 *
 * The table in control.c has one row for each operation of the protocol (number, name, kind, whether a
 * payload follows, flags that enable it, kinds of its fields); decoder, encoder, log and tests share it.
 * Several operations say the same thing (EXIT 3, EXIT_TT 13, PAYLOAD_EXIT 24 and 25): a struct control
 * carries the kind, never the number, so that nobody above has to know which release or flag chose the form.
 * The encoder picks the operation from the flags that were negotiated.
 *
 * Decoding is pure: no side effects. The bytes must have been checked (etf/check); everything in a decoded
 * struct borrows from them. Specification: erl_dist_protocol, "Protocol between Connected Nodes";
 * erts/emulator/beam/dist.c.
 */
#ifndef HM_DIST_CONTROL_H
#define HM_DIST_CONTROL_H

#include "etf/ids.h"

enum control_kind {
    CONTROL_SEND,          /* from?, to; payload = message           2, 12, 22, 23 */
    CONTROL_SEND_NAME,     /* from, name; payload = message          6, 16, 37 */
    CONTROL_SEND_ALIAS,    /* from, ref; payload = message           33, 34, 37 */
    CONTROL_LINK,          /* from, to                               1 */
    CONTROL_UNLINK,        /* from, to, id (0: old form, no ack)     4, 35 */
    CONTROL_UNLINK_ACK,    /* from, to, id                           36 */
    CONTROL_EXIT,          /* from, to; payload = reason: a link broke      3, 13, 24, 25 */
    CONTROL_EXIT2,         /* from, to; payload = reason: exit/2            8, 18, 26, 27, 37
                            * (37 may have a name or ref instead of to) */
    CONTROL_MONITOR,       /* from, to or name, ref                  19 */
    CONTROL_DEMONITOR,     /* from, to or name, ref                  20 */
    CONTROL_DOWN,          /* from or name (what was monitored), to (the watcher), ref; payload = reason   21, 28.
                            * Encoding: a name wins; from may be given beside it, as the one whose messages it
                            * must not overtake. */
    CONTROL_SPAWN_REQUEST, /* ref, from, leader, mfa, options; payload = list of arguments   29, 30 */
    CONTROL_SPAWN_REPLY,   /* ref, to, id (bit 0 link, 1 monitor), result                    31, 32 */
    CONTROL_GROUP_LEADER,  /* leader, to                             7 */
};

struct control {
    enum control_kind kind;
    hm_pid from;   /* HM_NO_PID when the form has none */
    hm_pid to;     /* HM_NO_PID when `name` is used */
    hm_pid leader;
    hm_ref ref;    /* words 0 when the form has none */
    uint64_t id;
    struct bytes name; /* text of an atom (UTF-8), size 0 when a pid is used */
    hm_term mfa;       /* {M, F, Arity} */
    hm_term options;
    hm_term result;
    uint8_t op; /* decoding: the number that came, for the log. Encoding: ignored */
};

/* Bits of ALTACT_SIG_SEND (37), ERTS_DOP_ALTACT_SIG_FLG_* */
enum { CONTROL_SIG_TOKEN = 2, CONTROL_SIG_ALIAS = 4, CONTROL_SIG_NAME = 8, CONTROL_SIG_EXIT = 16 };

/* One row's name for the log, "REG_SEND"; "?" for unknown numbers. */
const char *control_op_name(unsigned op);

/* Decodes the control tuple. When the reason stands inside it (forms without payload) *payload becomes that
 * term, otherwise it is left alone. HM_EBADTERM: not a control message of this protocol (wrong arity or
 * field). HM_ENOENT: a well-formed tuple with an operation that this table does not know. HM_ELIMIT: names
 * are full. */
int control_decode(hm_term tuple, struct names *names, struct control *control, hm_term *payload);
/* Does a payload term follow this control tuple? Decides by the number. */
bool control_has_payload(const struct control *control);

/* Appends the control tuple in the form that these negotiated flags ask for. *reason_inside: the payload was
 * put into the tuple (the peer has no EXIT_PAYLOAD) and must not follow. Returns 0, the writer's error, or
 * HM_EFLAGS when the peer cannot be told this at all (monitor without DIST_MONITOR_NAME, alias without ALIAS,
 * spawn without SPAWN). */
int control_encode(const struct control *control, uint64_t flags, hm_term payload, struct writer *out,
                   bool *reason_inside);

/* What control_decode would make of the control tuple that `bytes` begins with, which nobody has checked; for the forms of most
 * messages only. The size of the tuple; 0: not one of these, and nothing is known about it. */
size_t control_hot_decode(struct bytes bytes, struct names *names, struct control *control);

/* The same bytes for the messages that nearly all traffic consists of, without the table: SEND, and SEND_NAME and SEND_ALIAS
 * with a from. control_hot_size: 0 when this control must go through control_encode, else the room that control_hot_encode needs
 * at most with the same flags; that one returns the size it wrote. */
size_t control_hot_size(const struct control *control, uint64_t flags);
size_t control_hot_encode(const struct control *control, uint64_t flags, uint8_t *out);

#endif
