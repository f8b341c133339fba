/* From bytes to frames: reads, and cuts at the lengths. The one place where a peer's bytes come in. */
#include "dist/channel_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    INPUT_FIRST = 4 * 1024,     /* enough for a handshake and for calls */
    INPUT_USUAL = 64 * 1024, /* what is read at once stays in the cache until it was handled */
    INPUT_MAX = 256 * 1024,
    LARGE_FRAME = 128 * 1024,   /* above this a frame gets a block of its own; BEAM's fragments stay below */
    READ_BUDGET = 64 * 1024,   /* of one callback, then others have their turn */
    OVERSIZED_HEAD = 16 * 1024 - 4, /* with its length; control tuples of nodes have 8 KiB at most, what LEFT_OUT_HEAD is for 4 */
};

/* ---- frames ---- */

static void on_tick(struct channel *channel) {
    channel->stats.ticks_in++;
    if (tick_answer(&channel->tick, output_pending(&channel->output) > 0))
        channel_put_tick(channel);
}

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

/* The bytes of a frame that is not kept go as they come. false: it has more of them. */
static __attribute__((cold)) bool pass_over(struct input *input) {
    size_t have = input->end - input->start;
    size_t now = input->unwanted < have ? input->unwanted : have;
    input->start += now;
    input->unwanted -= (uint32_t)now;
    return input->unwanted == 0;
}

/* A frame that is not kept: its head says who waits for an answer. false: more bytes are needed for that. */
static __attribute__((cold)) bool leave_out(struct channel *channel, uint32_t size, enum left_out_why why) {
    struct input *input = &channel->input;
    uint32_t head = size < OVERSIZED_HEAD ? size : OVERSIZED_HEAD;
    if (input->end - input->start - 4 < head)
        return false;
    struct bytes body = bytes_of(input->at + input->start + 4, head);
    input->start += 4;
    input->unwanted = size;
    message_on_head(channel, body, size, why);
    return pass_over(input);
}

/* The rest of this frame will be read into a block of its own. */
static __attribute__((noinline)) bool start_large(struct channel *channel, uint32_t size) {
    struct input *input = &channel->input;
    input->large = block_new(size);
    if (!input->large)
        return leave_out(channel, size, LEFT_OUT_MEMORY);
    input->start += 4;
    input->large_filled = input->end - input->start;
    memcpy(input->large->at, input->at + input->start, input->large_filled);
    input->start = input->end = 0;
    return false;
}

/* 4 bytes of length. false: more bytes are needed. */
static bool next_frame(struct channel *channel) {
    struct input *input = &channel->input;
    size_t have = input->end - input->start;
    if (have < 4)
        return false;
    uint32_t size = get_be32(input->at + input->start);
    if (size > channel->dist->max_frame)
        return leave_out(channel, size, LEFT_OUT_FRAME);
    if (have - 4 < size)
        return size > LARGE_FRAME && start_large(channel, size);
    struct bytes body = bytes_of(input->at + input->start + 4, size);
    input->start += 4 + size;
    if (size == 0)
        on_tick(channel);
    else
        message_on_frame(channel, body, NULL);
    return true;
}

/* Everything that is complete. The peer's last handshake message and its first frames may stand in one
 * buffer. */
static void consume(struct channel *channel) {
    struct input *input = &channel->input;
    if (input->large && input->large_filled == input->large->size) {
        struct block *block = input->large;
        input->large = NULL;
        message_on_frame(channel, block_bytes(block), block);
        block_release(block);
        return;
    }
    if (input->unwanted)
        pass_over(input);
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
        if (frame > 4 + (size_t)channel->dist->max_frame)
            frame = 4 + OVERSIZED_HEAD;
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

static void read_socket(struct channel *channel, bool timeout) {
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
        if (channel->transport.owed)
            channel_write_later(channel); /* which settles it */
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
    coalesce_reads(channel, now, taken, timeout);
}

void input_on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    struct channel *channel = arg;
    struct turn *turn = channel->dist->turn;
    turn_enter(turn);
    read_socket(channel, what & EV_TIMEOUT);
    turn_leave(turn);
}

void input_shrink(struct channel *channel) {
    struct input *input = &channel->input;
    if (!input->was_used && input->start == input->end) {
        free(input->at);
        *input = (struct input){.large = input->large, .large_filled = input->large_filled, .unwanted = input->unwanted};
    }
    input->was_used = false;
}

void input_fini(struct channel *channel) {
    struct input *input = &channel->input;
    block_release(input->large);
    free(input->at);
    *input = (struct input){0};
}
