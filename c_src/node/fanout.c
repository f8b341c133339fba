#include "node/fanout.h"

#include <stdlib.h>

enum {
    SLICE = 64, /* receivers before others of the turn are looked at, and the clock */
    /* How far ahead what is fetched: a process has to be there before what waits in it is known, and so on. */
    AHEAD_PROCESS = 24,
    AHEAD_WAITER = 12,
};

struct receiver {
    uint32_t id, serial;
};

struct fanout {
    struct fanout *next;
    hm_process *sender; /* lives: its end settles what it sent */
    struct block *block;
    struct message message; /* what each one is shown; no mailbox ever has it */
    uint32_t done, count;
    bool shown, over; /* somebody is handling the message; all have it, and it goes when he has done */
    struct receiver to[];
};

static size_t weight_of(const struct fanout *fanout) {
    return fanout->count + fanout->block->size / 8;
}

static hm_process *receiver_at(const struct hm_node *node, const struct fanout *fanout, uint32_t at) {
    struct receiver to = fanout->to[at];
    hm_process *process = node->slots[to.id].process;
    return process && node->slots[to.id].serial == to.serial ? process : NULL;
}

/* What each step finds was fetched by the one before, some receivers ago. A slot may have another process by now: it is fetched for nothing.
 * Inlined by order: GCC takes a function that does nothing but this for one without effect, and leaves the call away. */
__attribute__((always_inline)) static inline void fetch_ahead(const struct process_slot *slots, const struct receiver *to, uint32_t left) {
    const hm_process *process;
    if (left <= AHEAD_PROCESS)
        return;
    if ((process = slots[to[AHEAD_PROCESS].id].process))
        __builtin_prefetch(&process->mailbox.count, 1);
    if ((process = slots[to[AHEAD_WAITER].id].process))
        __builtin_prefetch(LIST_FIRST(&process->waiters)); /* of NULL, too */
}

static void put_into_mailbox(const struct hm_node *node, const struct fanout *fanout, hm_process *process) {
    hm_term term = fanout->message.term;
    struct message *message = message_new(MESSAGE_TERM, term, term.size >= SHARE_BYTES ? fanout->block : NULL);
    if (!message) {
        log_error(&node->log, "process.memory", "no memory for a message to many: one of them does not get it");
        return;
    }
    message->from = fanout->message.from;
    message->untraced = fanout->message.untraced;
    process_deliver(process, message);
}

static void free_fanout(struct fanout *fanout) {
    block_release(fanout->block);
    free(fanout);
}

/* The first one is done; the task goes with the last. */
static void finish(struct hm_node *node) {
    struct fanout *fanout = node->fanouts.first;
    node->fanouts.first = fanout->next;
    node->fanouts.weight -= weight_of(fanout);
    fanout->sender->fanouts--;
    fanout->over = true;
    if (!fanout->shown)
        free_fanout(fanout);
    if (!node->fanouts.first) {
        node->fanouts.last = NULL;
        turn_remove(node->turn, &node->fanouts.task);
    }
}

static void run_fanouts(struct turn_task *task) {
    struct hm_node *node = turn_owner(task, struct hm_node, fanouts.task);
    struct fanout *fanout;
    for (unsigned most = SLICE; most > 0 && (fanout = node->fanouts.first); most--) {
        fetch_ahead(node->slots, fanout->to + fanout->done, fanout->count - fanout->done);
        hm_process *process = receiver_at(node, fanout, fanout->done);
        fanout->done++;
        fanout->shown = true;
        if (!process) {
            node->counters.dead_letters++;
        } else if (process_is_free(process)) {
            node->counters.reductions++;
            process_hand(process, &fanout->message);
        } else {
            put_into_mailbox(node, fanout, process);
        }
        fanout->shown = false;
        /* What the handler did may have settled it. */
        if (fanout->over)
            free_fanout(fanout);
        else if (fanout->done == fanout->count)
            finish(node);
    }
    if (node->fanouts.first)
        turn_add(node->turn, TURN_RUN, task);
}

void fanout_settle(struct hm_node *node) {
    struct fanout *fanout;
    while ((fanout = node->fanouts.first)) {
        while (fanout->done < fanout->count) {
            hm_process *process = receiver_at(node, fanout, fanout->done++);
            if (process)
                put_into_mailbox(node, fanout, process);
            else
                node->counters.dead_letters++;
        }
        finish(node);
    }
}

/* Those of this node into the list; how many are of others. */
static size_t list_receivers(struct hm_node *node, struct fanout *fanout, const hm_pid to[], size_t count) {
    const hm_node_name *name = node->name;
    uint32_t creation = node->dist.creation, slots = node->slot_count, listed = 0;
    size_t others = 0, nobody = 0;
    for (size_t i = 0; i < count; i++) {
        if (to[i].node != name) {
            if (to[i].node)
                others++;
            else
                nobody++;
        } else if (to[i].creation == creation && to[i].id < slots) {
            fanout->to[listed++] = (struct receiver){to[i].id, to[i].serial};
        } else {
            nobody++;
        }
    }
    fanout->count = listed;
    node->counters.dead_letters += nobody;
    return others;
}

int fanout_send(hm_process *sender, const hm_pid to[], size_t count, hm_term message, struct block *shared, size_t *here) {
    struct hm_node *node = sender->node;
    if (count >= FANOUT_MAX || node->fanouts.weight + count + message.size / 8 > FANOUT_MAX)
        return HM_ELIMIT;
    struct fanout *fanout = malloc(sizeof *fanout + count * sizeof *fanout->to);
    struct block *block = !fanout ? NULL : shared ? block_hold(shared) : block_copy(bytes_of(message.bytes, message.size));
    if (!block) {
        free(fanout);
        return HM_ENOMEM;
    }
    *fanout = (struct fanout){.sender = sender, .block = block};
    fanout->message = (struct message){.kind = MESSAGE_TERM, .term = message, .from = {.node = sender->on_behalf}, .untraced = node->trace_quiet};
    if (!shared)
        fanout->message.term.bytes = block->at;
    *here = count - list_receivers(node, fanout, to, count);
    if (!fanout->count) {
        block_release(block);
        free(fanout);
        return HM_OK;
    }
    sender->fanouts++;
    node->fanouts.weight += weight_of(fanout);
    if (node->fanouts.last)
        node->fanouts.last->next = fanout;
    else
        node->fanouts.first = fanout;
    node->fanouts.last = fanout;
    node->fanouts.task.run = run_fanouts;
    turn_add(node->turn, TURN_RUN, &node->fanouts.task);
    return HM_OK;
}
