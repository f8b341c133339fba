#include "support/dist_pair.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dist/channel_private.h"

static enum name_verdict on_name(void *arg, struct channel *channel, const hm_node_name *peer) {
    struct side *side = arg;
    (void)channel;
    side->named++;
    snprintf(side->last_name, sizeof side->last_name, "%s", hm_node_name_text(peer));
    return side->verdict;
}

static const char *cookie(void *arg, const hm_node_name *peer) {
    struct side *side = arg;
    (void)peer;
    return side->cookie;
}

static void on_proved(void *arg, struct channel *channel) {
    struct side *side = arg;
    (void)channel;
    side->proved++;
    if (side->older)
        channel_close(side->older);
    side->older = NULL;
}

static bool on_up(void *arg, struct channel *channel) {
    struct side *side = arg;
    side->ups++;
    side->channel = channel;
    return true;
}

static void on_control(void *arg, struct channel *channel, const struct control *control, hm_term payload,
                       struct block *shared) {
    struct side *side = arg;
    side->controls++;
    side->control = *control;
    side->shared = shared != NULL;
    snprintf(side->name, sizeof side->name, "%.*s", (int)control->name.size,
             control->name.size ? (const char *)control->name.at : "");
    block_release(side->payload);
    side->payload = block_copy(bytes_of(payload.bytes, payload.size));
    if (side->on_control)
        side->on_control(side, channel, control, payload);
}

static void on_busy(void *arg, struct channel *channel, bool busy) {
    struct side *side = arg;
    (void)channel;
    (void)busy;
    side->busies++;
}

static void on_down(void *arg, struct channel *channel, enum down_reason reason, const char *detail) {
    struct side *side = arg;
    side->downs++;
    side->reason = reason;
    snprintf(side->detail, sizeof side->detail, "%s", detail);
    if (side->channel == channel)
        side->channel = NULL;
    if (side->older == channel)
        side->older = NULL;
}

static const struct channel_events events = {on_name, cookie, on_proved, on_up, on_control, on_busy, on_down};

static void write_log(void *arg, enum log_level level, const char *id, const char *text) {
    struct side *side = arg;
    (void)text;
    if (level <= LOG_WARN)
        snprintf(side->logged, sizeof side->logged, "%s", id);
}

void side_init(struct side *side, struct pair *pair, const char *name) {
    *side = (struct side){.pair = pair, .cookie = "cookie", .verdict = NAME_OK};
    side->log = (struct log){.level = LOG_DEBUG, .write = write_log, .arg = side};
    side->dist = (struct dist){
        .base = pair->base,
        .turn = pair->turn,
        .names = names_new(100),
        .log = &side->log,
        .events = &events,
        .arg = side,
        .creation = 4242,
        .flags = FLAGS_OFFERED,
        .setup_ms = 7000,
        .tick_interval_ms = 15000,
        .tick_intensity = 4,
        .max_half_open = 8,
        .max_frame = 16 << 20,
        .max_message = 64 << 20,
        .max_fragments = 4,
        .max_depth = 1024,
        .output_high = 8 << 20,
        .output_low = 1 << 20,
    };
    if (side->dist.names)
        side->dist.self = names_intern(side->dist.names, name, strlen(name));
}

void side_fini(struct side *side) {
    channel_close(side->channel);
    channel_close(side->older);
    pair_settle(side->pair);
    block_release(side->payload);
    dist_fini(&side->dist);
    names_free(side->dist.names);
}

struct pair *pair_new(void) {
    struct pair *pair = calloc(1, sizeof *pair);
    if (!pair)
        return NULL;
    pair->base = event_base_new();
    pair->turn = turn_new(pair->base, 1000);
    if (pair->turn) {
        side_init(&pair->a, pair, "a@host");
        side_init(&pair->b, pair, "b@host");
        if (pair->a.dist.self && pair->b.dist.self)
            return pair;
    }
    pair_free(pair);
    return NULL;
}

void pair_free(struct pair *pair) {
    if (!pair)
        return;
    if (pair->turn) {
        side_fini(&pair->a);
        side_fini(&pair->b);
    }
    turn_free(pair->turn);
    event_base_free(pair->base);
    free(pair);
}

bool pair_connect(struct pair *pair) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return false;
    const hm_node_name *b = names_intern(pair->a.dist.names, "b@host", 6);
    pair->b.channel = channel_accept(&pair->b.dist, fds[1]);
    pair->a.channel = channel_connected(&pair->a.dist, b, fds[0]);
    return b && pair->a.channel && pair->b.channel;
}

int pair_raw_peer(struct pair *pair) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    pair->b.channel = channel_accept(&pair->b.dist, fds[1]);
    return fds[0];
}

static void on_late(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct pair *pair = arg;
    pair->failed = true;
}

bool pair_until(struct pair *pair, bool (*fact)(struct pair *pair)) {
    struct timeval limit = {20, 0};
    struct event *late = event_new(pair->base, -1, 0, on_late, pair);
    event_add(late, &limit);
    pair->failed = false;
    while (!pair->failed && !fact(pair))
        event_base_loop(pair->base, EVLOOP_ONCE);
    event_free(late);
    return !pair->failed;
}

void pair_settle(struct pair *pair) {
    for (int i = 0; i < 8; i++)
        event_base_loop(pair->base, EVLOOP_NONBLOCK);
}

bool pair_both_up(struct pair *pair) {
    return pair->a.ups > 0 && pair->b.ups > 0;
}

bool pair_b_down(struct pair *pair) {
    return pair->b.downs > 0;
}

bool pair_a_down(struct pair *pair) {
    return pair->a.downs > 0;
}

hm_pid side_pid(const struct side *side, uint32_t id) {
    return (hm_pid){side->dist.self, id, 0, side->dist.creation};
}

int side_send_name(struct side *side, uint32_t from, const char *name, hm_term payload, struct block *shared) {
    struct control control = {.kind = CONTROL_SEND_NAME, .from = side_pid(side, from)};
    control.name = bytes_of(name, strlen(name));
    return channel_send(side->channel, &control, payload, shared);
}
