/*
 * What traces recorded: one list for the node, in the order in which it happened, so that it outlives the traces and their processes. When
 * it is full, what ended traces recorded is forgotten, the oldest first; what running ones did is not.
 */
#include <stdlib.h>

#include "etf/build.h"
#include "otp/trace_private.h"

size_t recorder_capacity(const struct hm_node *node) {
    return node->tracing.memory ? node->tracing.memory : TRACE_DEFAULT_MEMORY;
}

static void drop(struct tracing *tracing, struct trace_item *item) {
    TAILQ_REMOVE(&tracing->records, item, record);
    tracing->recorded_bytes -= item->size;
    item->recorded = false;
    trace_item_release(item);
}

bool recorder_make_room(struct tracing *tracing, size_t size) {
    size_t capacity = recorder_capacity(tracing->node);
    struct trace_item *item = TAILQ_FIRST(&tracing->records), *next;
    if (size > capacity)
        return false;
    if (tracing->recorded_bytes + size <= capacity)
        return true;
    /* Some more than needed, so that this is not done again for the next. */
    for (; item && tracing->recorded_bytes + size > capacity - capacity / 8; item = next) {
        next = TAILQ_NEXT(item, record);
        if (!trace_is_running(tracing, item->event.trace))
            drop(tracing, item);
    }
    return tracing->recorded_bytes + size <= capacity;
}

void recorder_add(struct tracing *tracing, struct trace_item *item) {
    item->recorded = true;
    tracing->recorded_bytes += item->size;
    TAILQ_INSERT_TAIL(&tracing->records, item, record);
}

void recorder_clear(struct tracing *tracing) {
    struct trace_item *item;
    while ((item = TAILQ_FIRST(&tracing->records)))
        drop(tracing, item);
}

int hm_trace_playback(hm_node *node, uint64_t id, bool messages, hm_build *build) {
    const struct tracing *tracing = otp_of(node)->tracing;
    const struct trace_item *item;
    uint32_t count = 0;
    size_t list = hm_put_list_begin(build);
    if (tracing)
        TAILQ_FOREACH(item, &tracing->records, record)
            if (!id || item->event.trace == id) {
                if (messages)
                    hm_trace_put(build, &item->event, true);
                else
                    hm_trace_put_map(build, &item->event);
                count++;
            }
    hm_put_list_end(build, list, count);
    return build_sticky_error(build);
}

void hm_trace_forget(hm_node *node) {
    if (otp_of(node)->tracing)
        recorder_clear(otp_of(node)->tracing);
}
