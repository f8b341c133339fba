/* From bytes to events: reads, cuts frames, checks and decodes them. The one place where a peer's bytes come
 * in. */
#include "dist/channel_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dist/too_deep.h"
#include "etf/check.h"
#include "etf/names.h"
#include "etf/tags.h"

enum {
    INPUT_FIRST = 4 * 1024,     /* enough for a handshake and for calls */
    INPUT_USUAL = 64 * 1024, /* what is read at once stays in the cache until it was handled */
    INPUT_MAX = 256 * 1024,
    LARGE_FRAME = 128 * 1024,   /* above this a frame gets a block of its own; BEAM's fragments stay below */
    READ_BUDGET = 64 * 1024,   /* of one callback, then others have their turn */
};

/* ---- terms ---- */

static __attribute__((cold)) void fail_term(struct channel *channel, int error, const char *what) {
    char detail[160];
    if (error == HM_ELIMIT) {
        channel->dist->counters.over_depth++;
        snprintf(detail, sizeof detail, "%s is nested too deep or has too many terms (max-depth)", what);
        channel_down(channel, DOWN_LIMIT, detail);
    } else if (error == HM_ENOMEM) {
        channel_down(channel, DOWN_MEMORY, "out of memory");
    } else {
        snprintf(detail, sizeof detail, "%s is malformed", what);
        channel_down(channel, DOWN_PROTOCOL, detail);
    }
}

static int check(const struct channel *channel, struct bytes range, size_t *size) {
    struct hm_check_limits limits = {.depth = channel->dist->max_depth};
    return check_term(range, &limits, size);
}

/* BEAM closes the connection when a process of another node than the peer speaks; here as well, or a peer
 * could forge exits and monitors of anybody. */
static bool from_is_peers(const struct channel *channel, const struct control *control) {
    switch (control->kind) {
    case CONTROL_LINK:
    case CONTROL_UNLINK:
    case CONTROL_UNLINK_ACK:
    case CONTROL_EXIT:
    case CONTROL_EXIT2:
    case CONTROL_MONITOR:
    case CONTROL_DEMONITOR:
    case CONTROL_SPAWN_REQUEST:
        return control->from.node == channel->peer;
    default:
        return true;
    }
}

static bool accept_origin(struct channel *channel, const struct control *control) {
    if (from_is_peers(channel, control))
        return true;
    channel_down(channel, DOWN_PROTOCOL, "it speaks for processes of another node");
    return false;
}

static void remember(struct channel *channel, struct bytes tuple, const struct control *control) {
    struct memo *memo = &channel->memo;
    if (control->kind > CONTROL_SEND_ALIAS || tuple.size > sizeof memo->bytes)
        return;
    memcpy(memo->bytes, tuple.at, tuple.size);
    memo->size = tuple.size;
    memo->control = *control;
    if (control->name.at)
        memo->control.name.at = memo->bytes + (control->name.at - tuple.at);
}

/* Decodes a control tuple that was checked. false: the channel is down, or the operation is to be ignored. */
static bool decode(struct channel *channel, struct bytes tuple, struct control *control, hm_term *payload) {
    int error = control_decode((hm_term){tuple.at, tuple.size}, channel->dist->names, control, payload);
    if (error == HM_ENOENT) {
        /* Later releases may have operations that no flag announces; one line is enough. */
        if (!channel->unknown_logged)
            log_warn(channel->dist->log, "peer.unknown_op",
                     "node=%s sends control messages that we do not know; ignored",
                     log_escape(node_name_bytes(channel->peer)).text);
        channel->unknown_logged = true;
        return false;
    }
    if (error == HM_ELIMIT) {
        if (!channel->names_logged)
            log_warn(channel->dist->log, "peer.names",
                     "node=%s tells of nodes beyond the table's limit; ignored (max-names)",
                     log_escape(node_name_bytes(channel->peer)).text);
        channel->names_logged = true;
        return false;
    }
    if (error) {
        fail_term(channel, error, "a control message");
        return false;
    }
    return accept_origin(channel, control);
}

static void tell(struct channel *channel, const struct control *control, hm_term payload,
                 struct block *shared) {
    coalesce_count(&channel->coalesce, control);
    channel->dist->events->on_control(channel->dist->arg, channel, control, payload, shared);
}

static __attribute__((cold)) void tell_too_deep(struct channel *channel, const struct control *control, struct bytes payload) {
    struct too_deep instead;
    channel->dist->counters.over_depth++;
    if (!channel->depth_logged)
        log_warn(channel->dist->log, "peer.too_deep",
                 "node=%s sends terms that are nested too deep, or have too many parts; they are left out, and calls with them answered "
                 "{error,system_limit} (max-depth)",
                 log_escape(node_name_bytes(channel->peer)).text);
    channel->depth_logged = true;
    if (too_deep_replace(control, payload, &instead))
        tell(channel, control, instead.term, NULL);
}

/* A control message and its payload, which is the rest of the message. block: where that lies, or NULL. */
static void tell_with_payload(struct channel *channel, const struct control *control, struct bytes rest, struct block *block) {
    size_t size = 0;
    if (!channel->header_mode && rest.size > 0 && *rest.at == ETF_VERSION)
        rest = bytes_of(rest.at + 1, rest.size - 1);
    int error = check(channel, rest, &size);
    if (!error && size != rest.size)
        error = HM_EBADTERM;
    if (error == HM_ELIMIT)
        tell_too_deep(channel, control, rest);
    else if (error)
        fail_term(channel, error, "a message");
    else
        tell(channel, control, (hm_term){rest.at, rest.size}, block);
}

/* A whole message: control tuple, payload. block: where they lie, or NULL. */
static void on_message(struct channel *channel, struct bytes rest, struct block *block) {
    const struct memo *memo = &channel->memo;
    hm_term reason = {NULL, 0};
    if (!channel->header_mode)
        rest = bytes_of(rest.at + 1, rest.size - 1); /* frame_read saw the version byte */
    if (memo->size && rest.size > memo->size && memcmp(rest.at, memo->bytes, memo->size) == 0) {
        tell_with_payload(channel, &memo->control, bytes_of(rest.at + memo->size, rest.size - memo->size), block);
        return;
    }
    struct control control;
    size_t size = control_hot_decode(rest, channel->dist->names, &control);
    struct bytes tuple = bytes_of(rest.at, size);
    if (size > 0) {
        if (!accept_origin(channel, &control))
            return;
    } else {
        int error = check(channel, rest, &size);
        if (error) {
            fail_term(channel, error, "a control message");
            return;
        }
        tuple.size = size;
        if (!decode(channel, tuple, &control, &reason))
            return;
    }
    /* What follows an operation without payload is ignored, as BEAM does. */
    if (!control_has_payload(&control)) {
        tell(channel, &control, reason, block);
        return;
    }
    remember(channel, tuple, &control);
    tell_with_payload(channel, &control, bytes_of(rest.at + size, rest.size - size), block);
}

static __attribute__((noinline)) void on_fragment(struct channel *channel, const struct frame *frame) {
    struct fragments_message message;
    size_t control_size = 0;
    int result = HM_OK;
    channel->stats.fragments_in++;
    if (frame->kind == FRAME_FIRST)
        result = check(channel, frame->rest, &control_size);
    if (!result)
        result = fragments_add(&channel->fragments, frame, control_size, &message);
    if (result == HM_ELIMIT) {
        struct dist_counters *counters = &channel->dist->counters;
        bool too_many = frame->kind == FRAME_FIRST && channel->fragments.count >= channel->fragments.max_count;
        (*(too_many ? &counters->over_fragments : &counters->over_message))++;
        channel_down(channel, DOWN_LIMIT,
                     "too large a message, or too many unfinished ones (max-message, max-fragments)");
        return;
    }
    if (result < 0)
        fail_term(channel, result, "a fragment");
    if (result <= 0)
        return;

    struct control control;
    hm_term reason = {NULL, 0};
    bool good = decode(channel, message.control, &control, &reason);
    if (good && control_has_payload(&control))
        tell_with_payload(channel, &control, block_bytes(message.payload), message.payload);
    else if (good)
        tell(channel, &control, reason, message.payload);
    block_release(message.payload);
    free((void *)(uintptr_t)message.control.at);
}

static void on_frame(struct channel *channel, struct bytes body, struct block *block) {
    struct frame frame;
    channel->stats.frames_in++;
    if (frame_read(body, channel->header_mode, &frame)) {
        channel_down(channel, DOWN_PROTOCOL, "a frame starts with neither of the agreed headers");
        return;
    }
    if (frame.kind == FRAME_WHOLE)
        on_message(channel, frame.rest, block);
    else
        on_fragment(channel, &frame);
}

static void on_tick(struct channel *channel) {
    channel->stats.ticks_in++;
    if (tick_answer(&channel->tick, output_pending(&channel->output) > 0))
        channel_put_tick(channel);
}

/* ---- frames ---- */

static void on_handshake_message(struct channel *channel, struct bytes message) {
    struct handshake *handshake = channel->handshake;
    channel_arm_setup(channel);
    handshake_message(handshake, message, &channel->scratch);
    if (channel->state != CHANNEL_HANDSHAKE)
        return;
    channel->peer = handshake->peer;
    if (!channel_put_handshake(channel))
        return;
    if (handshake->state == HS_FAILED)
        channel_down(channel, handshake->reason, handshake->detail);
    else if (handshake->state == HS_DONE)
        channel_is_proved(channel);
}

/* 2 bytes of length. false: more bytes are needed. */
static __attribute__((cold)) bool next_handshake_message(struct channel *channel) {
    struct input *input = &channel->input;
    size_t have = input->end - input->start;
    if (have < 2)
        return false;
    size_t size = get_be16(input->at + input->start);
    if (size > HANDSHAKE_MESSAGE_MAX - 2) {
        channel_down(channel, DOWN_PROTOCOL, "a message of the handshake is too long: is it a node?");
        return false;
    }
    if (have - 2 < size)
        return false;
    struct bytes message = bytes_of(input->at + input->start + 2, size);
    input->start += 2 + size;
    on_handshake_message(channel, message);
    return true;
}

/* The rest of this frame will be read into a block of its own. */
static __attribute__((noinline)) void start_large(struct channel *channel, size_t size) {
    struct input *input = &channel->input;
    input->large = block_new(size);
    if (!input->large) {
        channel_down(channel, DOWN_MEMORY, "out of memory for a large frame");
        return;
    }
    input->start += 4;
    input->large_filled = input->end - input->start;
    memcpy(input->large->at, input->at + input->start, input->large_filled);
    input->start = input->end = 0;
}

/* 4 bytes of length. false: more bytes are needed. */
static bool next_frame(struct channel *channel) {
    struct input *input = &channel->input;
    size_t have = input->end - input->start;
    if (have < 4)
        return false;
    size_t size = get_be32(input->at + input->start);
    if (size > channel->dist->max_frame) {
        channel->dist->counters.over_frame++;
        channel_down(channel, DOWN_LIMIT, "a frame is too large (max-frame)");
        return false;
    }
    if (have - 4 < size) {
        if (size > LARGE_FRAME)
            start_large(channel, size);
        return false;
    }
    struct bytes body = bytes_of(input->at + input->start + 4, size);
    input->start += 4 + size;
    if (size == 0)
        on_tick(channel);
    else
        on_frame(channel, body, NULL);
    return true;
}

/* Everything that is complete. The peer's last handshake message and its first frames may stand in one
 * buffer. */
static void consume(struct channel *channel) {
    struct input *input = &channel->input;
    if (input->large && input->large_filled == input->large->size) {
        struct block *block = input->large;
        input->large = NULL;
        on_frame(channel, block_bytes(block), block);
        block_release(block);
        return;
    }
    while (channel->state == CHANNEL_HANDSHAKE && next_handshake_message(channel))
        ;
    while (channel->state == CHANNEL_UP && !input->large && next_frame(channel))
        ;
    if (input->start == input->end)
        input->start = input->end = 0;
}

/* ---- reading ---- */

/* Room for at least the rest of the frame that has begun; twice as much as before when the last read filled
 * it all. */
static bool make_room(struct channel *channel, bool filled) {
    struct input *input = &channel->input;
    size_t have = input->end - input->start;
    size_t capacity = input->capacity ? input->capacity : INPUT_FIRST;
    if (input->start > 0) {
        memmove(input->at, input->at + input->start, have);
        input->start = 0;
        input->end = have;
    }
    if (channel->state == CHANNEL_UP) {
        size_t frame = have >= 4 ? 4 + (size_t)get_be32(input->at) : 0;
        if (filled && capacity < INPUT_USUAL)
            capacity *= 4;
        while (capacity < frame)
            capacity *= 2;
        if (capacity > INPUT_MAX)
            capacity = INPUT_MAX;
    }
    if (capacity == input->capacity)
        return true;
    uint8_t *grown = realloc(input->at, capacity);
    if (!grown) {
        if (input->end < input->capacity)
            return true; /* it will do as it is */
        channel_down(channel, DOWN_MEMORY, "out of memory");
        return false;
    }
    input->at = grown;
    input->capacity = capacity;
    return true;
}

static __attribute__((cold)) void on_end(struct channel *channel, ssize_t result) {
    char detail[96] = "";
    if (channel->state == CHANNEL_HANDSHAKE) {
        handshake_closed(channel->handshake);
        channel_down(channel, channel->handshake->reason, channel->handshake->detail);
        return;
    }
    if (result < 0)
        snprintf(detail, sizeof detail, "%s", strerror(errno));
    channel_down(channel, DOWN_CLOSED, detail);
}

static void coalesce_reads(struct channel *channel, struct mono now, size_t taken, bool timeout) {
    struct coalesce *coalesce = &channel->coalesce;
    bool changed = coalesce_judge(coalesce, now, taken, timeout);
    if (changed)
        setsockopt(channel->transport.fd, SOL_SOCKET, SO_RCVLOWAT, &coalesce->low_water,
                   sizeof coalesce->low_water);
    if (coalesce->low_water > 1) {
        struct timeval wait = timeval_of_ms(1);
        event_add(&channel->coalesce_timer, &wait);
    } else if (changed) {
        event_del(&channel->coalesce_timer);
    }
}

void input_on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    struct channel *channel = arg;
    struct input *input = &channel->input;
    struct mono now = mono_now();
    size_t taken = 0;
    bool filled, grow = false;
    while (taken < READ_BUDGET) {
        uint8_t *to;
        size_t room;
        if (input->large) {
            to = input->large->at + input->large_filled;
            room = input->large->size - input->large_filled;
        } else {
            if (!make_room(channel, grow))
                return;
            to = input->at + input->end;
            room = input->capacity - input->end;
        }
        ssize_t n = channel->transport.ops->read(&channel->transport, to, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n <= 0) {
            on_end(channel, n);
            return;
        }
        taken += (size_t)n;
        channel->stats.bytes_in += (size_t)n;
        *(input->large ? &input->large_filled : &input->end) += (size_t)n;
        filled = (size_t)n == room;
        grow = filled && !input->large;
        consume(channel);
        if (channel->state == CHANNEL_DOWN)
            return;
        if (!filled)
            break; /* the socket is empty: the next read would only say so */
    }
    if (channel->state != CHANNEL_UP)
        return;
    if (taken) {
        input->was_used = true;
        tick_read(&channel->tick, now);
    }
    coalesce_reads(channel, now, taken, what & EV_TIMEOUT);
}

void input_shrink(struct channel *channel) {
    struct input *input = &channel->input;
    if (!input->was_used && input->start == input->end) {
        free(input->at);
        *input = (struct input){.large = input->large, .large_filled = input->large_filled};
    }
    input->was_used = false;
}

void input_fini(struct channel *channel) {
    struct input *input = &channel->input;
    block_release(input->large);
    free(input->at);
    *input = (struct input){0};
}
