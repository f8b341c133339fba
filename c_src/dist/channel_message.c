/* From frames to events: checks and decodes their messages, and puts fragments together. */
#include "dist/channel_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "dist/left_out.h"
#include "etf/check.h"
#include "etf/names.h"
#include "etf/tags.h"

/* Why a message is left out, and the size: of its frame (LEFT_OUT_FRAME, LEFT_OUT_MEMORY), or about that of its fragments together. */
struct excess {
    enum left_out_why why;
    uint64_t size;
};

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

/* cut: there were more bytes, and it may have ended in them. */
static __attribute__((cold)) void fail_control(struct channel *channel, int error, bool cut) {
    if (cut && error == HM_EBADTERM)
        channel_down(channel, DOWN_LIMIT, "a frame is too large, and does not begin with a control message that can be read (max-frame)");
    else
        fail_term(channel, error, "a control message");
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

/* ---- what is left out ---- */

static void log_too_deep(struct channel *channel) {
    if (!channel->depth_logged)
        log_warn(channel->dist->log, "peer.too_deep",
                 "node=%s sends terms that are nested too deep, or have too many parts; they are left out, and calls with them answered "
                 "{error,system_limit} (max-depth)",
                 log_escape(node_name_bytes(channel->peer)).text);
    channel->depth_logged = true;
}

static void log_left_out(struct channel *channel, const struct excess *excess, bool answered) {
    struct dist *dist = channel->dist;
    char reason[160];
    switch (excess->why) {
    case LEFT_OUT_FRAME:
        snprintf(reason, sizeof reason, "its frame is larger than the %llu of max-frame", (unsigned long long)dist->max_frame);
        dist->counters.over_frame++;
        break;
    case LEFT_OUT_MESSAGE:
        snprintf(reason, sizeof reason, "%s than the %llu of max-message", excess->size > dist->max_message ? "more" : "with others that are unfinished more",
                 (unsigned long long)dist->max_message);
        dist->counters.over_message++;
        break;
    case LEFT_OUT_COUNT:
        snprintf(reason, sizeof reason, "%llu others are unfinished, max-fragments", (unsigned long long)dist->max_fragments);
        dist->counters.over_fragments++;
        break;
    case LEFT_OUT_MEMORY:
        snprintf(reason, sizeof reason, "there is no memory for it");
        break;
    case LEFT_OUT_DEPTH:
        dist->counters.over_depth++;
        log_too_deep(channel);
        return;
    }
    log_warn(dist->log, "peer.too_large", "node=%s sends a message of about %llu bytes: it is left out%s (%s)", log_escape(node_name_bytes(channel->peer)).text,
             (unsigned long long)excess->size, answered ? ", and who waits for it is told system_limit" : "", reason);
}

/* payload: its bytes, or the first of them. */
static __attribute__((cold)) void leave_out(struct channel *channel, const struct control *control, struct bytes payload, const struct excess *excess) {
    struct left_out instead;
    bool answered = left_out_replace(control, payload, &instead);
    log_left_out(channel, excess, answered);
    if (answered)
        tell(channel, control, instead.term, NULL);
}

/* ---- messages ---- */

static struct bytes without_version(const struct channel *channel, struct bytes rest) {
    bool has = !channel->header_mode && rest.size > 0 && *rest.at == ETF_VERSION;
    return has ? bytes_of(rest.at + 1, rest.size - 1) : rest;
}

/* A control message and its payload, which is the rest of the message. block: where that lies, or NULL. */
static void tell_with_payload(struct channel *channel, const struct control *control, struct bytes rest, struct block *block) {
    size_t size = 0;
    rest = without_version(channel, rest);
    int error = check(channel, rest, &size);
    if (!error && size != rest.size)
        error = HM_EBADTERM;
    if (error == HM_ELIMIT)
        leave_out(channel, control, rest, &(struct excess){.why = LEFT_OUT_DEPTH});
    else if (error)
        fail_term(channel, error, "a message");
    else
        tell(channel, control, (hm_term){rest.at, rest.size}, block);
}

/* excess: rest is the beginning of the payload only; NULL: it is all there. Inlined with what calls it, so that usual messages do not pay for
 * others: 30 instructions for each. */
static inline __attribute__((always_inline)) void on_payload(struct channel *channel, const struct control *control, struct bytes rest,
                                                             struct block *block, const struct excess *excess) {
    if (excess)
        leave_out(channel, control, without_version(channel, rest), excess);
    else
        tell_with_payload(channel, control, rest, block);
}

/* A whole message: control tuple, payload. block: where they lie, or NULL. */
static inline __attribute__((always_inline)) void on_message(struct channel *channel, struct bytes rest, struct block *block,
                                                             const struct excess *excess) {
    const struct memo *memo = &channel->memo;
    hm_term reason = {NULL, 0};
    if (!channel->header_mode)
        rest = bytes_of(rest.at + 1, rest.size - 1); /* frame_read saw the version byte */
    if (memo->size && rest.size > memo->size && memcmp(rest.at, memo->bytes, memo->size) == 0) {
        on_payload(channel, &memo->control, bytes_of(rest.at + memo->size, rest.size - memo->size), block, excess);
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
            fail_control(channel, error, excess != NULL);
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
    on_payload(channel, &control, bytes_of(rest.at + size, rest.size - size), block, excess);
}

static void on_fragmented(struct channel *channel, const struct fragments_message *message, const struct excess *excess) {
    struct control control;
    hm_term reason = {NULL, 0};
    bool good = decode(channel, message->control, &control, &reason);
    if (good && !control_has_payload(&control))
        tell(channel, &control, reason, message->payload);
    else if (good && message->payload)
        tell_with_payload(channel, &control, block_bytes(message->payload), message->payload);
    else if (good)
        leave_out(channel, &control, bytes_of(message->head, message->head_size), excess);
}

/* whole: of its frame, when that is not kept. */
static __attribute__((noinline)) void on_fragment(struct channel *channel, const struct frame *frame, const struct excess *whole) {
    struct fragments_message message;
    size_t control_size = 0;
    int result = HM_OK;
    channel->stats.fragments_in++;
    if (frame->kind == FRAME_FIRST)
        result = check(channel, frame->rest, &control_size);
    if (result) {
        fail_control(channel, result, whole != NULL);
        return;
    }
    result = fragments_add(&channel->fragments, frame, control_size, &message);
    if (result == HM_ELIMIT) {
        channel->dist->counters.over_fragments++;
        channel_down(channel, DOWN_LIMIT, "too many unfinished messages, also of those that are left out (max-fragments)");
        return;
    }
    if (result < 0)
        fail_term(channel, result, "a fragment");
    if (result <= 0)
        return;

    struct excess excess = {0};
    if (!message.payload)
        excess = (struct excess){message.why, message.size};
    on_fragmented(channel, &message, whole ? whole : &excess);
    block_release(message.payload);
    free((void *)(uintptr_t)message.control.at);
}

static inline __attribute__((always_inline)) void on_frame(struct channel *channel, struct bytes body, struct block *block,
                                                           const struct excess *excess) {
    struct frame frame;
    channel->stats.frames_in++;
    if (frame_read(body, channel->header_mode, &frame)) {
        channel_down(channel, DOWN_PROTOCOL, "a frame starts with neither of the agreed headers");
        return;
    }
    if (excess)
        frame.cut = (uint32_t)excess->size;
    if (frame.kind == FRAME_WHOLE)
        on_message(channel, frame.rest, block, excess);
    else
        on_fragment(channel, &frame, excess);
}

void message_on_frame(struct channel *channel, struct bytes body, struct block *block) {
    on_frame(channel, body, block, NULL);
}

void message_on_head(struct channel *channel, struct bytes head, uint32_t size, enum left_out_why why) {
    struct excess excess = {.why = why, .size = size};
    on_frame(channel, head, NULL, &excess);
}
