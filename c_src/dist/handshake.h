/*
 * dist/handshake: the states of a handshake, as acceptor and as initiator. No sockets, no timers: the channel
 * feeds it messages and writes what it answers.
 *
 * It asks the layer above through dist->events (on_name, cookie, on_proved), which may close the channel
 * meanwhile: channel_close calls handshake_abort, and the handshake looks at that after every up-call. It
 * logs why it failed, in a sentence that says what to do (ids hs.cookie, hs.flags, hs.name, hs.not_allowed,
 * hs.timeout). Specification: erl_dist_protocol "Distribution Handshake"; lib/kernel/src/dist_util.erl.
 */
#ifndef HM_DIST_HANDSHAKE_H
#define HM_DIST_HANDSHAKE_H

#include "dist/channel.h"
#include "dist/handshake_wire.h"

enum handshake_state {
    HS_IDLE,
    /* acceptor, named by what it waits for */
    HS_NAME,
    HS_ALIVE_ANSWER,
    HS_COMPLEMENT,
    HS_REPLY,
    /* initiator */
    HS_STATUS,
    HS_CHALLENGE,
    HS_ACK,

    HS_DONE,
    HS_FAILED,
};

struct handshake {
    struct dist *dist;
    struct channel *channel;
    enum handshake_state state;
    bool dialled, old_name, asked_for_name;
    const hm_node_name *peer; /* NULL until it is known; of an acceptor a claim, until handshake_fini */
    uint64_t flags;           /* the peer's, expanded */
    uint32_t creation;        /* the peer's */
    uint32_t challenge;       /* ours */
    enum down_reason reason;  /* of HS_FAILED */
    char detail[256];
};

enum { HANDSHAKE_MESSAGE_MAX = 4096 };

/* peer: whom we dialled; NULL: we accepted. channel is only passed on to the events. */
void handshake_init(struct handshake *handshake, struct dist *dist, struct channel *channel,
                    const hm_node_name *peer);
/* Appends the first message when we are the initiator; the acceptor begins to wait. */
void handshake_start(struct handshake *handshake, struct writer *out);
/* One message without its length. Appends what must be answered, also before a failure. Look at state
 * afterwards. */
void handshake_message(struct handshake *handshake, struct bytes message, struct writer *out);
/* The socket ended, or nothing came for setup_ms: fills reason and detail. */
void handshake_closed(struct handshake *handshake);
void handshake_timeout(struct handshake *handshake);
void handshake_abort(struct handshake *handshake);
/* Before its memory is freed, when nobody holds the peer's name of a handshake that failed any more. */
void handshake_fini(struct handshake *handshake);

const char *handshake_state_name(enum handshake_state state);

#endif
