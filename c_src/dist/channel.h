/*
 * dist/channel: one peer, from dialling or accepting to the last byte. No processes here.
 *
 * A channel owns its socket, handshake, input buffer, fragments, output and ticks. The layer above (node)
 * owns the decision which names may connect and what control messages mean; it is told through struct
 * channel_events.
 *
 * Output: channel_send only appends to this turn's batch; the batch is written once, at the end of the turn.
 * Ticks and small messages go before the fragments of large ones, except that messages of one sender never
 * overtake each other. Above output_high the channel is busy (on_busy), below output_low it is not any more;
 * it never refuses a message, it is the callers who must stop.
 *
 * Life: channel_dial / channel_accept -> on_up -> on_down, or -> on_down alone when it fails before. After
 * on_down, or after channel_close returned, the pointer is dead: the memory goes at the end of the turn. One
 * thread.
 */
#ifndef HM_DIST_CHANNEL_H
#define HM_DIST_CHANNEL_H

#include "base/clock.h"
#include "base/log.h"
#include "base/turn.h"
#include "dist/control.h"
#include "dist/epmd.h"
#include "dist/flags.h"

struct event_base;
struct evdns_base;
struct channel;

enum dist_family { DIST_FAMILY_ANY, DIST_FAMILY_INET, DIST_FAMILY_INET6 };

/* Nodes with short names and nodes with long names do not dial each other. */
enum dist_names { DIST_NAMES_ANY, DIST_NAMES_SHORT, DIST_NAMES_LONG };

/* Why a channel ended, or did not come up. down_reason_text says it to humans, down_reason_error maps to
 * hm_error. */
enum down_reason {
    DOWN_LOCAL,       /* channel_close */
    DOWN_CLOSED,      /* the peer closed, or the connection broke */
    DOWN_NO_HOST,     /* the host part of the name cannot be resolved */
    DOWN_NO_EPMD,     /* no epmd answers there */
    DOWN_NO_NODE,     /* epmd does not know the node */
    DOWN_REFUSED,     /* nobody listens on the port */
    DOWN_SETUP_TIMEOUT, /* no progress in the handshake for setup_ms */
    DOWN_COOKIE,      /* digests differ, or the peer closed when it saw ours */
    DOWN_FLAGS,       /* the peer lacks flags that we need */
    DOWN_NAME,        /* malformed name, or another one than we dialled */
    DOWN_NOT_ALLOWED, /* the peer said not_allowed, or we did */
    DOWN_SIMULTANEOUS, /* lost against the connection that the peer opens itself (nok / ok_simultaneous) */
    DOWN_ALIVE,       /* the peer holds an older connection of ours and did not give it up */
    DOWN_TICK,        /* nothing was heard for net_ticktime */
    DOWN_PROTOCOL,    /* it sent what the protocol does not allow */
    DOWN_LIMIT,       /* a control message, the number of fragments, or what waits for it, over our limit */
    DOWN_MEMORY,
};
enum { DOWN_REASONS = DOWN_MEMORY + 1 };

/* What we say to a node that has told its name (the status of the handshake). */
enum name_verdict {
    NAME_OK,
    NAME_OK_SIMULTANEOUS, /* the caller has closed its own dialling channel to that node before it says so */
    NAME_NOK,             /* our own dialling goes on */
    NAME_NOT_ALLOWED,
    NAME_ALIVE,           /* there is a channel to it that is up */
};

struct channel_events {
    /* Acceptor: a peer has said who it is (its required flags were checked already). For a peer that asks to
     * be named (NAME_ME) the name has been made up before. */
    enum name_verdict (*on_name)(void *arg, struct channel *channel, const hm_node_name *peer);
    /* The cookie for this peer. Lends until it returns to the loop. */
    const char *(*cookie)(void *arg, const hm_node_name *peer);
    /* The peer has proved its cookie; right before the acceptor's ack. An older channel to the same node is
     * closed here by the layer above (NAME_ALIVE answered with true). */
    void (*on_proved)(void *arg, struct channel *channel);
    /* false: there is no memory to be connected; it goes down again. */
    bool (*on_up)(void *arg, struct channel *channel);
    /* payload: the message, reason or argument list, checked; size 0 when the operation has none. Borrowed
     * until return; when shared is not NULL the bytes lie in that block and may be kept with block_hold. */
    void (*on_control)(void *arg, struct channel *channel, const struct control *control, hm_term payload,
                       struct block *shared);
    void (*on_busy)(void *arg, struct channel *channel, bool busy);
    /* Once, unless channel_close was called. detail: a sentence for the log, may be "". */
    void (*on_down)(void *arg, struct channel *channel, enum down_reason reason, const char *detail);
};

/* Events since the beginning, of all channels. */
struct dist_counters {
    uint64_t accepted, dialled;       /* came up */
    uint64_t refused[DOWN_REASONS];   /* accepted, and did not come up */
    uint64_t failed[DOWN_REASONS];    /* dialled, and did not */
    uint64_t lost[DOWN_REASONS];      /* were up */
    uint64_t half_open, pauses;       /* connections over max_half_open; times that no file descriptor was left for one */
    uint64_t over_frame, over_message, over_fragments, over_depth, over_output; /* the limits of struct dist */
};

/* What all channels of a node share; borrowed by every channel, listener and look-up. */
struct dist {
    struct event_base *base;
    struct evdns_base *dns; /* NULL: made on first need by dist itself, freed by dist_fini */
    struct turn *turn;
    struct names *names;
    const struct log *log;
    const struct channel_events *events;
    void *arg; /* for the events */

    const hm_node_name *self;
    uint32_t creation; /* never 0 */
    uint64_t flags;    /* what we offer: FLAGS_OFFERED, without FLAG_PUBLISHED when hidden */
    enum dist_family family;
    struct epmd_config epmd;
    uint16_t dial_port; /* not 0: every node listens there and epmd is not asked (-erl_epmd_port) */
    bool no_epmd;       /* never ask epmd */
    enum dist_names peer_names; /* whose names may be dialled; DIST_NAMES_ANY checks nothing */

    uint32_t setup_ms;            /* longest silence in a handshake, 7000 */
    uint32_t tick_interval_ms;    /* net_ticktime / net_tickintensity, 15000 */
    uint32_t tick_intensity;      /* 4 */
    uint32_t max_half_open;       /* accepted channels that are not up yet, 128 */
    uint32_t max_frame;           /* bytes of one frame, 128 MiB; of a larger one the message is left out */
    uint64_t max_message;         /* of one message made of fragments, and of all unfinished ones, 512 MiB; what is larger is left out */
    uint32_t max_fragments;       /* unfinished sequences of one peer, 4096; a further one is left out */
    uint32_t max_depth;           /* nesting of terms, 1024 */
    size_t output_high, output_low; /* 8 MiB, 1 MiB */
    size_t output_max;            /* memory that may wait for a peer that does not read, 1 GiB; 0: any */

    uint32_t half_open;    /* dist's own counts */
    uint32_t next_dynamic; /* names made up for NAME_ME */
    struct dist_counters counters;
};

void dist_fini(struct dist *dist);

/* Starts to connect; never calls back before it returns. NULL without memory. */
struct channel *channel_dial(struct dist *dist, const hm_node_name *peer);
/* Takes the connected, non-blocking socket (closes it when it fails). NULL: no memory or too many
 * half-open. */
struct channel *channel_accept(struct dist *dist, int fd);
/* Ends it without on_down. What was sent before is written as far as the socket takes it now. Idempotent
 * within a turn. */
void channel_close(struct channel *channel);

/* The peer's name: NULL for an accepted channel that has not told it yet. */
const hm_node_name *channel_peer(const struct channel *channel);
bool channel_is_up(const struct channel *channel);
bool channel_is_dialled(const struct channel *channel);
uint64_t channel_flags(const struct channel *channel);     /* negotiated, valid when up */
uint32_t channel_creation(const struct channel *channel);  /* the peer's */
bool channel_is_visible(const struct channel *channel);    /* both sides are PUBLISHED */
bool channel_is_busy(const struct channel *channel);
void channel_set_user(struct channel *channel, void *user);
void *channel_user(const struct channel *channel);

/* Queues a control message (and its payload, a term without version byte) for the end of this turn. Only when
 * up. When shared is not NULL, payload lies in that block: large ones are referenced, not copied. HM_ENOMEM;
 * HM_EFLAGS when the peer cannot be told (see control_encode). */
int channel_send(struct channel *channel, const struct control *control, hm_term payload,
                 struct block *shared);

struct channel_stats {
    uint64_t frames_in, frames_out, bytes_in, bytes_out, ticks_in, ticks_out, fragments_in, fragments_out;
    uint64_t ticks_missed; /* intervals in which nothing came */
    uint64_t busy;         /* times that output_high was passed */
    size_t output_bytes;   /* waiting to be written */
    uint32_t fragments_open; /* messages of which a part has come */
};
void channel_stats(const struct channel *channel, struct channel_stats *stats);
void channel_stats_add(struct channel_stats *sum, const struct channel_stats *stats);

const char *down_reason_text(enum down_reason reason);
const char *down_reason_name(enum down_reason reason); /* one word, for counters */
int down_reason_error(enum down_reason reason);

#endif
