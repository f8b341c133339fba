/*
 * dist/channel_private: what the files of a channel share, and nobody else: channel.c (life, writing),
 * channel_dial.c (from a name to a socket), channel_input.c (from bytes to frames), channel_message.c
 * (from frames to events), channel_send.c (from messages to bytes).
 */
#ifndef HM_DIST_CHANNEL_PRIVATE_H
#define HM_DIST_CHANNEL_PRIVATE_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "dist/channel.h"
#include "dist/coalesce.h"
#include "dist/connect.h"
#include "dist/fragment.h"
#include "dist/handshake.h"
#include "dist/output.h"
#include "dist/tick.h"
#include "dist/transport.h"

enum channel_state { CHANNEL_DIALLING, CHANNEL_HANDSHAKE, CHANNEL_UP, CHANNEL_DOWN };

/* From a name to a socket; one of the three is under way. */
struct dialling {
    struct resolve *resolve;
    struct epmd_query *query;
    struct connector *connector;
    struct addresses addresses;
    uint16_t port;
};

/* One linear buffer, parsed in place; a frame that is too large for it goes into a block of its own. */
struct input {
    uint8_t *at;
    size_t start, end, capacity;
    struct block *large;
    size_t large_filled;
    uint32_t unwanted; /* bytes to come of a frame that is not kept */
    bool was_used;     /* since the last tick */
};

/*
 * The control tuple of the last message: most messages of a flood have the same one, so that a compare
 * replaces check and decode (measured: 5 ns against 20). Only for messages, whose control borrows nothing
 * but the name.
 */
struct memo {
    size_t size; /* 0: none */
    struct control control;
    uint8_t bytes[256];
};

/*
 * The control tuple of the last message that was sent: the next one is often from the same process (fan-out),
 * and as often to the same one (a flood of casts). The bytes before `prefix` depend on the sender alone.
 */
struct send_memo {
    size_t size, prefix; /* size 0: none */
    enum control_kind kind;
    hm_pid from, to;
    size_t name_size; /* of SEND_NAME; the name is at the end of bytes */
    uint8_t bytes[256];
};

/* A control tuple holds at most a reason, for peers without EXIT_PAYLOAD. */
enum { SCRATCH_MAX = 16 * 1024 * 1024 };

struct channel {
    struct dist *dist;
    enum channel_state state;
    bool dialled, half_open, header_mode, visible;
    bool busy, told_busy;
    bool blocked; /* the socket takes nothing more; write_event says when it does */
    bool unknown_logged, names_logged, depth_logged;
    const hm_node_name *peer;
    void *user;
    uint64_t flags;
    uint32_t creation;

    struct dialling *dialling;   /* while CHANNEL_DIALLING */
    struct handshake *handshake; /* until it is up */
    struct transport transport;
    struct event read_event, write_event;
    struct event timer;          /* the limit of dialling and handshake, then ticks */
    struct event coalesce_timer;
    bool has_events;

    struct input input;
    struct fragments fragments;
    struct output output;
    struct writer scratch; /* control tuples that are not hot, handshake messages */
    struct memo memo;
    struct send_memo send_memo;
    struct tick tick;
    struct coalesce coalesce;
    struct channel_stats stats;
    struct turn_task flush, reap;
};

/* channel.c */
/* Ends it and tells the layer above. The pointer is dead at the end of the turn. */
__attribute__((cold)) void channel_down(struct channel *channel, enum down_reason reason, const char *detail);
/* As channel_dial, on a socket that is connected already. */
struct channel *channel_connected(struct dist *dist, const hm_node_name *peer, int fd);
/* The socket is there: begins the handshake. */
void channel_begin(struct channel *channel, int fd);
void channel_is_proved(struct channel *channel); /* the handshake is done */
void channel_arm_setup(struct channel *channel);
/* Queues what the handshake has put into scratch. false: the channel is down. */
bool channel_put_handshake(struct channel *channel);
void channel_write_later(struct channel *channel);
void channel_put_tick(struct channel *channel);

/* channel_dial.c */
bool dialling_start(struct channel *channel);
void dialling_stop(struct channel *channel);

/* channel_input.c */
void input_on_readable(evutil_socket_t fd, short what, void *arg);
void input_shrink(struct channel *channel); /* at each tick */
void input_fini(struct channel *channel);

/* channel_message.c */
/* The body of a frame. block: where it lies, or NULL. */
void message_on_frame(struct channel *channel, struct bytes body, struct block *block);
/* The first bytes of the body of a frame that is not kept, its size, and why it is not. Who waits for the message in
 * it gets an answer. */
__attribute__((cold)) void message_on_head(struct channel *channel, struct bytes head, uint32_t size, enum left_out_why why);

#endif
