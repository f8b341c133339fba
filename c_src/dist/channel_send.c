/* From a message to the bytes of its frame, in the batch that the end of the turn writes. */
#include "dist/channel_private.h"

#include "etf/tags.h"

enum { SCRATCH_KEPT = 4096 };

static bool same_pid(hm_pid a, hm_pid b) {
    return a.id == b.id && a.serial == b.serial && a.node == b.node && a.creation == b.creation;
}

/* Only tuples that fit are remembered: longer names are rare. */
static void remember(struct send_memo *memo, const struct control *control, struct bytes tuple) {
    memo->size = 0;
    if (tuple.size > sizeof memo->bytes)
        return;
    memcpy(memo->bytes, tuple.at, tuple.size);
    memo->size = tuple.size;
    memo->kind = control->kind;
    memo->from = control->from;
    memo->to = control->to;
    memo->name_size = control->name.size;
    memo->prefix = memo->size - (control->kind == CONTROL_SEND ? pid_size(control->to) : control->name.size);
}

static bool same_name(const struct send_memo *memo, struct bytes name) {
    return memo->name_size == name.size && memcmp(memo->bytes + memo->prefix, name.at, name.size) == 0;
}

static size_t put_control(struct channel *channel, const struct control *control, uint8_t *out) {
    struct send_memo *memo = &channel->send_memo;
    if (control->kind == CONTROL_SEND_ALIAS) /* of one call: it won't come again */
        return control_hot_encode(control, channel->flags, out);
    if (memo->size && memo->kind == control->kind && same_pid(memo->from, control->from)) {
        bool to_pid = control->kind == CONTROL_SEND;
        if (to_pid ? same_pid(memo->to, control->to) : same_name(memo, control->name)) {
            memcpy(out, memo->bytes, memo->size);
            return memo->size;
        }
        if (to_pid) {
            memcpy(out, memo->bytes, memo->prefix);
            return memo->prefix + pid_encode(control->to, out + memo->prefix);
        }
    }
    size_t size = control_hot_encode(control, channel->flags, out);
    remember(memo, control, bytes_of(out, size));
    return size;
}

static int put_hot(struct channel *channel, const struct control *control, size_t most, hm_term payload, struct block *shared) {
    bool header = channel->header_mode, refer = output_refers(shared, payload.size);
    size_t head = header ? FRAME_WHOLE_HEAD : FRAME_PASS_HEAD;
    uint8_t *at = output_reserve(&channel->output, head + most + 1 + (refer ? OUTPUT_REFERENCE : payload.size));
    if (!at)
        return HM_ENOMEM;
    size_t size = head + put_control(channel, control, at + head);
    if (!header)
        at[size++] = ETF_VERSION;
    frame_whole_head(at, header, size - head + payload.size);
    if (!refer) {
        memcpy(at + size, payload.bytes, payload.size);
        size += payload.size;
    }
    output_commit(&channel->output, size);
    if (refer)
        output_refer(&channel->output, shared, bytes_of(payload.bytes, payload.size));
    return HM_OK;
}

static int put_cold(struct channel *channel, const struct control *control, hm_term payload,
                    struct block *shared) {
    bool reason_inside;
    writer_reset(&channel->scratch);
    int error = control_encode(control, channel->flags, payload, &channel->scratch, &reason_inside);
    if (error)
        return error;
    struct outgoing message = {
        .sender = control->from,
        .control = bytes_of(channel->scratch.at, channel->scratch.size),
        .payload = reason_inside ? (hm_term){NULL, 0} : payload,
        .shared = shared,
    };
    error = output_message(&channel->output, &message);
    if (channel->scratch.capacity > SCRATCH_KEPT)
        writer_fini(&channel->scratch);
    return error;
}

int channel_send(struct channel *channel, const struct control *control, hm_term payload,
                 struct block *shared) {
    if (channel->state != CHANNEL_UP)
        return HM_ENOCONNECTION;
    bool small = payload.size > 0 && payload.size <= FRAME_PIECE; /* and never fragmented */
    size_t hot = small && !output_has_bulk(&channel->output) ? control_hot_size(control, channel->flags) : 0;
    int error = hot ? put_hot(channel, control, hot, payload, shared) : put_cold(channel, control, payload, shared);
    if (error)
        return error;
    channel->stats.frames_out++;
    coalesce_sent(&channel->coalesce);
    if (output_pending(&channel->output) > channel->dist->output_high)
        channel->busy = true;
    if (!channel->flush.queued)
        channel_write_later(channel);
    return HM_OK;
}
