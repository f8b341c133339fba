/*
 * otp/gen_message: the shapes of messages that gen (lib/stdlib/src/gen.erl) and sys send to a process.
 *
 * Recognised in place: what nearly every message begins with is a constant prefix, and the rest is cut out of
 * the message without copying. Other encodings of the same atoms (old peers) take a slower way to the same
 * answer. The input is checked bytes. Owns nothing; results borrow from the message. One thread (names).
 */
#ifndef HM_OTP_GEN_MESSAGE_H
#define HM_OTP_GEN_MESSAGE_H

#include "etf/names.h"
#include <hermod/server.h>

struct gen_server;

struct hm_from {
    hm_pid pid;
    bool by_alias; /* the tag is [alias | Ref] or [[alias | Ref] | _] */
    hm_ref alias;
    hm_term tag;               /* borrowed from the message, or behind this struct when kept */
    struct gen_server *server; /* whose handler has this call right now (for sys events), or NULL */
};

enum gen_kind {
    GEN_CALL,      /* {'$gen_call', From, Request} */
    GEN_CAST,      /* {'$gen_cast', Request} */
    GEN_SYSTEM,    /* {system, From, Request} */
    GEN_MALFORMED, /* $gen_call or system whose From is no {Pid, Tag}: nobody to answer to */
    GEN_INFO,      /* anything else */
};

/* body: the request of the first three, the whole message of the others. from: set for calls and system
 * messages. */
enum gen_kind gen_message_read(struct names *names, hm_term message, hm_term *body, struct hm_from *from);
/* The same question without decoding: for a suspended process, which serves only these. */
bool gen_message_is_system(hm_term message);
/* {'EXIT', Pid, Reason}. */
bool gen_message_read_exit(struct names *names, hm_term message, hm_pid *pid, hm_term *reason);
/* {Pid, Tag}. */
bool gen_from_read(struct names *names, hm_term term, struct hm_from *from);

#endif
