/* The life of a channel, and when its output is written. */
#include "dist/channel_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "etf/names.h"

enum {
    WRITE_BUDGET = 1024 * 1024, /* of one turn: a fast peer must not keep us in its bulk */
};

static const struct {
    const char *name, *text;
    int error;
} down_rows[] = {
    [DOWN_LOCAL] = {"closed_here", "closed by us", HM_ENOCONNECTION},
    [DOWN_CLOSED] = {"closed", "connection closed", HM_ENOCONNECTION},
    [DOWN_NO_HOST] = {"no_host", "no such host", HM_ENOCONNECTION},
    [DOWN_NO_EPMD] = {"no_epmd", "no epmd", HM_EEPMD},
    [DOWN_NO_NODE] = {"no_node", "no such node", HM_ENOCONNECTION},
    [DOWN_REFUSED] = {"connection_refused", "cannot connect", HM_ENOCONNECTION},
    [DOWN_SETUP_TIMEOUT] = {"timeout", "timeout while connecting", HM_ENOCONNECTION},
    [DOWN_COOKIE] = {"cookie", "cookies differ", HM_ECOOKIE},
    [DOWN_FLAGS] = {"flags", "missing distribution flags", HM_EFLAGS},
    [DOWN_NAME] = {"name", "wrong node name", HM_ENAME},
    [DOWN_NOT_ALLOWED] = {"not_allowed", "not allowed", HM_ENOCONNECTION},
    [DOWN_SIMULTANEOUS] = {"simultaneous", "both dialled", HM_ENOCONNECTION},
    [DOWN_ALIVE] = {"alive", "connected already", HM_ENOCONNECTION},
    [DOWN_TICK] = {"tick", "net_tick_timeout", HM_ENOCONNECTION},
    [DOWN_PROTOCOL] = {"protocol", "protocol error", HM_ENOCONNECTION},
    [DOWN_LIMIT] = {"limit", "limit exceeded", HM_ELIMIT},
    [DOWN_MEMORY] = {"memory", "out of memory", HM_ENOMEM},
};

const char *down_reason_text(enum down_reason reason) {
    return (unsigned)reason < sizeof down_rows / sizeof *down_rows ? down_rows[reason].text : "?";
}

const char *down_reason_name(enum down_reason reason) {
    return (unsigned)reason < sizeof down_rows / sizeof *down_rows ? down_rows[reason].name : "?";
}

int down_reason_error(enum down_reason reason) {
    bool known = (unsigned)reason < sizeof down_rows / sizeof *down_rows;
    return known ? down_rows[reason].error : HM_ENOCONNECTION;
}

/* ---- end ---- */

static void free_channel(struct channel *channel) {
    dialling_stop(channel);
    input_fini(channel);
    output_fini(&channel->output);
    fragments_fini(&channel->fragments);
    writer_fini(&channel->scratch);
    if (channel->handshake)
        handshake_fini(channel->handshake);
    free(channel->handshake);
    free(channel);
}

static void on_reap(struct turn_task *task) {
    free_channel(turn_owner(task, struct channel, reap));
}

static void count_end(const struct channel *channel, enum down_reason reason) {
    struct dist_counters *counters = &channel->dist->counters;
    if (channel->state == CHANNEL_UP)
        counters->lost[reason]++;
    else
        (channel->dialled ? counters->failed : counters->refused)[reason]++;
}

/* Out of everything that could call back; the memory stays until the end of the turn, since somebody may
 * stand in it. */
static void shut(struct channel *channel, enum down_reason reason) {
    count_end(channel, reason);
    channel->state = CHANNEL_DOWN;
    if (channel->half_open)
        channel->dist->half_open--;
    channel->half_open = false;
    dialling_stop(channel);
    if (channel->handshake && channel->handshake->state != HS_FAILED)
        handshake_abort(channel->handshake);
    event_del(&channel->timer);
    if (channel->has_events) {
        event_del(&channel->read_event);
        event_del(&channel->write_event);
        event_del(&channel->coalesce_timer);
    }
    if (channel->transport.ops)
        channel->transport.ops->close(&channel->transport);
    turn_remove(channel->dist->turn, &channel->flush);
    turn_add(channel->dist->turn, TURN_REAP, &channel->reap);
}

/* What the socket takes at once, for a refusal or the last words of an orderly stop. */
static void write_last(struct channel *channel) {
    size_t written;
    if (channel->transport.ops && output_pending(&channel->output))
        output_write(&channel->output, &channel->transport, SIZE_MAX, &written);
}

void channel_down(struct channel *channel, enum down_reason reason, const char *detail) {
    if (channel->state == CHANNEL_DOWN)
        return;
    if (channel->state == CHANNEL_HANDSHAKE)
        write_last(channel);
    shut(channel, reason);
    channel->dist->events->on_down(channel->dist->arg, channel, reason, detail);
}

void channel_close(struct channel *channel) {
    if (!channel || channel->state == CHANNEL_DOWN)
        return;
    write_last(channel);
    shut(channel, DOWN_LOCAL);
}

/* ---- output ---- */

/* Says so when the channel got busy or free; outside of channel_send, whose caller may hold things in its
 * hands. */
static void tell_busy(struct channel *channel) {
    if (channel->state != CHANNEL_UP)
        return;
    if (channel->busy && output_pending(&channel->output) <= channel->dist->output_low)
        channel->busy = false;
    if (channel->busy == channel->told_busy)
        return;
    channel->told_busy = channel->busy;
    channel->stats.busy += channel->busy;
    channel->dist->events->on_busy(channel->dist->arg, channel, channel->busy);
}

/* It asks, and does not read the answers. true: it was given up. */
static bool is_too_slow(struct channel *channel) {
    struct dist *dist = channel->dist;
    char detail[128];
    if (!channel->blocked || !dist->output_max || channel->output.held <= dist->output_max)
        return false;
    dist->counters.over_output++;
    snprintf(detail, sizeof detail, "it does not read, and more than %zu bytes wait for it (output-max)", dist->output_max);
    channel_down(channel, DOWN_LIMIT, detail);
    return true;
}

static void flush(struct channel *channel) {
    size_t written;
    if (channel->blocked) {
        if (!is_too_slow(channel))
            tell_busy(channel);
        return;
    }
    enum output_result result = output_write(&channel->output, &channel->transport, WRITE_BUDGET, &written);
    channel->stats.bytes_out += written;
    if (written)
        tick_written(&channel->tick);
    switch (result) {
    case OUTPUT_EMPTY:
        break;
    case OUTPUT_BLOCKED:
        channel->blocked = true;
        event_add(&channel->write_event, NULL);
        if (is_too_slow(channel))
            return;
        break;
    case OUTPUT_BUDGET:
        event_add(&channel->write_event, NULL);
        break;
    case OUTPUT_FAILED:
        /* The peer has closed. What it said before is still to be read, and says more (not_allowed, a last
         * message): the read ends this channel, and it is due now. */
        channel->blocked = true;
        if (errno != EPIPE && errno != ECONNRESET)
            channel_down(channel, DOWN_CLOSED, strerror(errno));
        return;
    case OUTPUT_MEMORY:
        channel_down(channel, DOWN_MEMORY, "out of memory for output");
        return;
    }
    tell_busy(channel);
}

static void on_flush(struct turn_task *task) {
    struct channel *channel = turn_owner(task, struct channel, flush);
    flush(channel);
    if (channel->transport.owed)
        channel->transport.ops->settle(&channel->transport);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct channel *channel = arg;
    channel->blocked = false;
    flush(channel);
}

void channel_write_later(struct channel *channel) {
    turn_add(channel->dist->turn, TURN_FLUSH, &channel->flush);
}

/* Without memory for 4 bytes the next interval tries again. */
void channel_put_tick(struct channel *channel) {
    uint8_t *at = output_reserve(&channel->output, 4);
    if (!at)
        return;
    memset(at, 0, 4);
    output_commit(&channel->output, 4);
    channel->stats.ticks_out++;
    channel_write_later(channel);
}

/* ---- begin ---- */

static void on_tick_timer(struct channel *channel) {
    bool pending = output_pending(&channel->output) > 0;
    channel->stats.ticks_missed += !channel->tick.was_read;
    switch (tick_fire(&channel->tick, pending, mono_now())) {
    case TICK_DOWN:
        channel_down(channel, DOWN_TICK, "nothing was heard for net_ticktime");
        return;
    case TICK_SEND:
        channel_put_tick(channel);
        break;
    case TICK_NOTHING:
        break;
    }
    input_shrink(channel);
    if (!pending)
        output_shrink(&channel->output);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct channel *channel = arg;
    char detail[96];
    switch (channel->state) {
    case CHANNEL_UP:
        on_tick_timer(channel);
        break;
    case CHANNEL_HANDSHAKE:
        handshake_timeout(channel->handshake);
        channel_down(channel, channel->handshake->reason, channel->handshake->detail);
        break;
    case CHANNEL_DIALLING:
        snprintf(detail, sizeof detail, "no answer in %u ms", (unsigned)channel->dist->setup_ms);
        channel_down(channel, DOWN_SETUP_TIMEOUT, detail);
        break;
    case CHANNEL_DOWN:
        break;
    }
}

void channel_arm_setup(struct channel *channel) {
    struct timeval wait = timeval_of_ms(channel->dist->setup_ms);
    event_add(&channel->timer, &wait);
}

static struct channel *new_channel(struct dist *dist, const hm_node_name *peer) {
    struct channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        return NULL;
    channel->dist = dist;
    channel->peer = peer;
    channel->dialled = peer != NULL;
    channel->flush.run = on_flush;
    channel->reap.run = on_reap;
    coalesce_init(&channel->coalesce);
    output_init(&channel->output, channel->dist->output_high);
    fragments_init(&channel->fragments, dist->max_fragments, dist->max_message);
    writer_init(&channel->scratch, SCRATCH_MAX);
    event_assign(&channel->timer, dist->base, -1, 0, on_timer, channel);
    channel->handshake = malloc(sizeof *channel->handshake);
    if (!channel->handshake) {
        free_channel(channel);
        return NULL;
    }
    handshake_init(channel->handshake, dist, channel, peer);
    return channel;
}

void channel_begin(struct channel *channel, int fd) {
    struct event_base *base = channel->dist->base;
    transport_tcp_init(&channel->transport, fd);
    event_assign(&channel->read_event, base, fd, EV_READ | EV_PERSIST, input_on_readable, channel);
    event_assign(&channel->write_event, base, fd, EV_WRITE, on_writable, channel);
    event_assign(&channel->coalesce_timer, base, -1, 0, input_on_readable, channel);
    channel->has_events = true;
    channel->state = CHANNEL_HANDSHAKE;
    channel_arm_setup(channel);
    event_add(&channel->read_event, NULL);
    handshake_start(channel->handshake, &channel->scratch);
    if (channel->handshake->state == HS_FAILED)
        channel_down(channel, channel->handshake->reason, channel->handshake->detail);
    else
        channel_put_handshake(channel);
}

bool channel_put_handshake(struct channel *channel) {
    struct writer *scratch = &channel->scratch;
    if (scratch->size == 0 && !scratch->error)
        return true;
    uint8_t *at = scratch->error ? NULL : output_reserve(&channel->output, scratch->size);
    if (!at) {
        channel_down(channel, DOWN_MEMORY, "out of memory");
        return false;
    }
    memcpy(at, scratch->at, scratch->size);
    output_commit(&channel->output, scratch->size);
    writer_reset(scratch);
    channel_write_later(channel);
    return true;
}

void channel_is_proved(struct channel *channel) {
    const struct dist *dist = channel->dist;
    struct handshake *handshake = channel->handshake;
    struct timeval interval = timeval_of_ms(dist->tick_interval_ms);
    channel->flags = flags_expand(dist->flags) & handshake->flags;
    channel->creation = handshake->creation;
    channel->visible = channel->flags & FLAG_PUBLISHED;
    channel->header_mode = channel->flags & (FLAG_FRAGMENTS | FLAG_DIST_HDR_ATOM_CACHE);
    channel->output.header_mode = channel->header_mode;
    if (channel->half_open)
        channel->dist->half_open--;
    channel->half_open = false;
    channel->state = CHANNEL_UP;
    (*(channel->dialled ? &channel->dist->counters.dialled : &channel->dist->counters.accepted))++;
    channel->handshake = NULL;
    handshake_fini(handshake);
    free(handshake);
    event_del(&channel->timer);
    event_assign(&channel->timer, dist->base, -1, EV_PERSIST, on_timer, channel);
    event_add(&channel->timer, &interval);
    tick_init(&channel->tick, dist->tick_interval_ms, dist->tick_intensity, !channel->visible, mono_now());
    if (!dist->events->on_up(dist->arg, channel))
        channel_down(channel, DOWN_MEMORY, "");
}

struct channel *channel_dial(struct dist *dist, const hm_node_name *peer) {
    struct channel *channel = new_channel(dist, peer);
    if (!channel)
        return NULL;
    channel->state = CHANNEL_DIALLING;
    if (!dialling_start(channel)) {
        free_channel(channel);
        return NULL;
    }
    channel_arm_setup(channel);
    return channel;
}

struct channel *channel_connected(struct dist *dist, const hm_node_name *peer, int fd) {
    struct channel *channel = new_channel(dist, peer);
    if (channel)
        channel_begin(channel, fd);
    else
        close(fd);
    return channel;
}

struct channel *channel_accept(struct dist *dist, int fd) {
    bool is_full = dist->half_open >= dist->max_half_open;
    struct channel *channel = is_full ? NULL : new_channel(dist, NULL);
    dist->counters.half_open += is_full;
    if (!channel) {
        close(fd);
        return NULL;
    }
    channel->half_open = true;
    dist->half_open++;
    channel_begin(channel, fd);
    return channel;
}

/* ---- what it is ---- */

const hm_node_name *channel_peer(const struct channel *channel) {
    return channel->peer;
}

bool channel_is_up(const struct channel *channel) {
    return channel->state == CHANNEL_UP;
}

bool channel_is_dialled(const struct channel *channel) {
    return channel->dialled;
}

uint64_t channel_flags(const struct channel *channel) {
    return channel->flags;
}

uint32_t channel_creation(const struct channel *channel) {
    return channel->creation;
}

bool channel_is_visible(const struct channel *channel) {
    return channel->visible;
}

bool channel_is_busy(const struct channel *channel) {
    return channel->busy;
}

void channel_set_user(struct channel *channel, void *user) {
    channel->user = user;
}

void *channel_user(const struct channel *channel) {
    return channel->user;
}

void channel_stats(const struct channel *channel, struct channel_stats *stats) {
    *stats = channel->stats;
    stats->fragments_out = channel->output.fragments;
    stats->output_bytes = output_pending(&channel->output);
    stats->fragments_open = channel->fragments.count;
}

void channel_stats_add(struct channel_stats *sum, const struct channel_stats *stats) {
    sum->frames_in += stats->frames_in;
    sum->frames_out += stats->frames_out;
    sum->bytes_in += stats->bytes_in;
    sum->bytes_out += stats->bytes_out;
    sum->ticks_in += stats->ticks_in;
    sum->ticks_out += stats->ticks_out;
    sum->fragments_in += stats->fragments_in;
    sum->fragments_out += stats->fragments_out;
    sum->ticks_missed += stats->ticks_missed;
    sum->busy += stats->busy;
    sum->output_bytes += stats->output_bytes;
    sum->fragments_open += stats->fragments_open;
}
