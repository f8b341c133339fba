/*
 * The table is an array of slots; a pid's id is its slot, its serial says which tenant. Free slots are used in the
 * order in which they became free, so that a pid comes back as late as possible (4 Gi tenants a slot).
 */
#include "node/process.h"

#include <stddef.h>
#include <stdlib.h>

#include "etf/ids.h"
#include "node/aliases.h"
#include "node/calls.h"
#include "node/fanout.h"
#include "node/links.h"
#include "node/monitors.h"
#include "node/node_watches.h"
#include "node/reasons.h"
#include "node/registry.h"
#include "node/timers.h"
#include "node/trace.h"

_Static_assert(offsetof(hm_process, mailbox.count) / CACHE_LINE == (offsetof(hm_process, data) - 1) / CACHE_LINE,
               "what every message looks at is on one cache line");

enum {
    NO_SLOT = 0,          /* slot 0 is never used: ids begin with 1 */
    MESSAGES_PER_RUN = 100, /* what one process handles before the others get their turn */
    EXIT_ROOM = 2048,       /* for {'EXIT', Pid, Reason} with the longest name of a node, and a reason of some size */
};

/* ---- table ---- */

static bool grow_table(struct hm_node *node) {
    uint32_t capacity = node->slot_capacity ? node->slot_capacity * 2 : 64;
    struct process_slot *slots = realloc(node->slots, capacity * sizeof *slots);
    if (!slots)
        return false;
    node->slots = slots;
    node->slot_capacity = capacity;
    return true;
}

static uint32_t take_slot(struct hm_node *node) {
    uint32_t id = node->free_first;
    if (id != NO_SLOT) {
        node->free_first = node->slots[id].next_free;
        if (node->free_first == NO_SLOT)
            node->free_last = NO_SLOT;
        return id;
    }
    if (node->slot_count == 0)
        node->slot_count = 1;
    if (node->slot_count >= node->slot_capacity && !grow_table(node))
        return NO_SLOT;
    id = node->slot_count++;
    node->slots[id] = (struct process_slot){0};
    return id;
}

static void give_slot(struct hm_node *node, uint32_t id) {
    struct process_slot *slot = &node->slots[id];
    slot->process = NULL;
    slot->serial++;
    slot->next_free = NO_SLOT;
    if (node->free_last == NO_SLOT)
        node->free_first = id;
    else
        node->slots[node->free_last].next_free = id;
    node->free_last = id;
}

hm_process *process_lookup(const struct hm_node *node, hm_pid pid) {
    if (!node_owns_pid(node, pid) || pid.id == NO_SLOT || pid.id >= node->slot_count)
        return NULL;
    const struct process_slot *slot = &node->slots[pid.id];
    return slot->process && slot->serial == pid.serial ? slot->process : NULL;
}

void process_each(struct hm_node *node, void (*each)(void *arg, hm_process *process), void *arg) {
    for (uint32_t id = 1; id < node->slot_count; id++)
        if (node->slots[id].process)
            each(arg, node->slots[id].process);
}

/* ---- one turn ---- */

static bool makes_stop(const hm_process *process, const struct message *message) {
    /* erts: an exit signal `normal` from another process is ignored unless trapped; one from itself is not. */
    return !hm_is_atom(message->term, "normal") || hm_pid_equal(message->from, process->pid);
}

static const unsigned char exit_head[] = {104, 3, 119, 4, 'E', 'X', 'I', 'T'}; /* SMALL_TUPLE_EXT, SMALL_ATOM_UTF8_EXT */

static size_t exit_size(const struct message *message) {
    return sizeof exit_head + pid_size(message->from) + message->term.size;
}

static hm_term put_exit(const struct message *message, unsigned char *out) {
    memcpy(out, exit_head, sizeof exit_head);
    size_t size = sizeof exit_head + pid_encode(message->from, out + sizeof exit_head);
    memcpy(out + size, message->term.bytes, message->term.size);
    return (hm_term){out, size + message->term.size};
}

/* Whoever waits for it, else the class. */
static enum hm_verdict receive(hm_process *process, hm_term term) {
    struct process_waiter *waiter, *next;
    for (waiter = LIST_FIRST(&process->waiters); waiter; waiter = next) {
        next = LIST_NEXT(waiter, link);
        enum hm_verdict verdict = waiter->class->message ? waiter->class->message(waiter, process, term) : HM_UNKNOWN;
        if (verdict != HM_UNKNOWN)
            return verdict;
    }
    return process->class->receive(process, term);
}

static void trace_message(hm_process *process, const hm_node_name *origin, hm_term term) {
    if (process->traced && process->node->trace)
        process->node->trace->on_message(process, origin, term);
}

static enum hm_verdict handle_exit(hm_process *process, struct message *message) {
    if (message->untrappable) {
        process_set_reason(process, ATOM_TERM("killed"));
        return HM_STOP;
    }
    if (!process->trap_exit) {
        if (!makes_stop(process, message))
            return HM_CONTINUE;
        process_set_reason(process, message->term);
        return HM_STOP;
    }
    /* Who traps exits counts on them: most need no memory, and without it for a large reason another one stands in. */
    unsigned char room[EXIT_ROOM], *larger = NULL;
    if (exit_size(message) > sizeof room && !(larger = malloc(exit_size(message)))) {
        log_error(&process->node->log, "process.memory", "no memory for an exit reason of %zu bytes; it is left out", message->term.size);
        message->term = reason_term(reason_nearest(message->term));
    }
    hm_term term = put_exit(message, larger ? larger : room);
    trace_message(process, message->from.node == process->node->name ? NULL : message->from.node, term);
    enum hm_verdict verdict = receive(process, term);
    free(larger);
    return verdict;
}

static enum hm_verdict handle_term(hm_process *process, const struct message *message) {
    process->origin = message->from.node;
    if (!LIST_EMPTY(&process->calls) && calls_take(process, message->term))
        return HM_CONTINUE;
    if (!message->untraced)
        trace_message(process, message->from.node, message->term);
    return receive(process, message->term);
}

static enum hm_verdict handle(hm_process *process, struct message *message) {
    switch (message->kind) {
    case MESSAGE_TERM:
        return handle_term(process, message);
    case MESSAGE_DOWN:
        if (!monitors_take(process, message))
            return HM_CONTINUE;
        trace_message(process, NULL, message->term);
        return receive(process, message->term);
    case MESSAGE_EXIT:
        return handle_exit(process, message);
    case MESSAGE_CALL: {
        enum hm_verdict (*run)(hm_process *, struct message *) = message->run;
        message->run = NULL; /* it ran: message_free has nothing to give back */
        return run(process, message);
    }
    }
    return HM_CONTINUE;
}

static bool may_pass(hm_process *process, const struct message *message) {
    if (message->kind == MESSAGE_EXIT)
        /* The end of the parent ends a suspended process, too (sys:suspend_loop/6). */
        return message->untrappable || !process->trap_exit || hm_pid_equal(message->from, process->parent);
    return message->kind == MESSAGE_TERM && process->class->urgent && process->class->urgent(process, message->term);
}

static void stop(hm_process *process) {
    struct block *reason = process->reason;
    hm_term known = process->known_reason ? reason_term(process->known_reason) : ATOM_TERM("normal");
    process->reason = NULL;
    process->running = false;
    process_exit(process, reason ? (hm_term){reason->at, reason->size} : known);
    block_release(reason);
}

void process_hand(hm_process *process, const struct message *message) {
    process->running = true;
    enum hm_verdict verdict = handle_term(process, message);
    process->handled++;
    process->running = false;
    if (verdict == HM_STOP)
        stop(process);
}

static void run_process(struct turn_task *task) {
    hm_process *process = turn_owner(task, hm_process, task);
    struct message *message;
    if (process->killed) {
        process_set_reason(process, ATOM_TERM("killed"));
        stop(process);
        return;
    }
    /* What it sends to itself meanwhile waits for the next run, or one that always does would never let go. */
    unsigned most = process->mailbox.count < MESSAGES_PER_RUN ? process->mailbox.count : MESSAGES_PER_RUN;
    uint64_t before = process->handled;
    /* One look at the clock for a whole run, and for those only that have a name and with it a place for what comes of it: a look at each
     * message would be a tenth of what a cast takes. */
    struct mono began = process->name ? mono_now() : (struct mono){0};
    process->running = true;
    while (most-- > 0 && (message = mailbox_take(&process->mailbox))) {
        if (process->suspended && !may_pass(process, message)) {
            STAILQ_INSERT_TAIL(&process->deferred, message, link);
            process->deferred_count++;
            continue;
        }
        enum hm_verdict verdict = handle(process, message);
        message_free(message);
        process->handled++;
        if (verdict == HM_STOP) {
            process->node->counters.reductions += process->handled - before;
            stop(process);
            return;
        }
    }
    uint64_t handled = process->handled - before;
    process->node->counters.reductions += handled;
    process->running = false;
    if (process->name && began.ns && handled)
        registry_note_run(process, handled, mono_now().ns - began.ns);
    if (process->mailbox.count)
        turn_add(process->node->turn, TURN_RUN, &process->task);
}

/* ---- life ---- */

int process_spawn(struct hm_node *node, const struct process_class *class, hm_process **result) {
    if (node->process_count >= node->max_processes) {
        node->counters.process_refusals++;
        return HM_ELIMIT;
    }
    hm_process *process = slab_take(&node->processes, sizeof *process);
    if (!process)
        return HM_ENOMEM;
    uint32_t id = take_slot(node);
    if (id == NO_SLOT) {
        slab_give(&node->processes, sizeof *process, process);
        return HM_ENOMEM;
    }
    node->slots[id].process = process;
    node->process_count++;
    node->counters.processes_started++;
    process->task.run = run_process;
    process->node = node;
    process->class = class;
    process->pid = (hm_pid){node->name, id, node->slots[id].serial, node->dist.creation};
    process->leader = node->leader.node ? node->leader : process->pid;
    process->initial_module = class->module;
    process->initial_function = "init";
    process->initial_arity = 1;
    mailbox_init(&process->mailbox);
    STAILQ_INIT(&process->deferred);
    LIST_INIT(&process->links);
    LIST_INIT(&process->watching);
    LIST_INIT(&process->watched_by);
    LIST_INIT(&process->aliases);
    LIST_INIT(&process->timers);
    LIST_INIT(&process->calls);
    LIST_INIT(&process->waiters);
    *result = process;
    return HM_OK;
}

void process_started(hm_process *process, hm_term request) {
    trace_news(process, TRACE_STARTED, process->parent, request);
}

static void reap_process(struct turn_task *task) {
    hm_process *process = turn_owner(task, hm_process, task);
    slab_give(&process->node->processes, sizeof *process, process);
}

void process_wait(hm_process *process, struct process_waiter *waiter, const struct waiter_class *class) {
    waiter->class = class;
    LIST_INSERT_HEAD(&process->waiters, waiter, link);
}

static void end_waiters(hm_process *process, hm_term reason) {
    struct process_waiter *waiter;
    while ((waiter = LIST_FIRST(&process->waiters))) {
        process_unwait(waiter);
        if (waiter->class->ended)
            waiter->class->ended(waiter, reason);
    }
}

/* Out of all tables; the memory goes at the end of the turn, for handlers may still stand on the stack. */
static void remove_process(hm_process *process) {
    struct hm_node *node = process->node;
    if (fanout_waits(process)) /* by its last words */
        fanout_settle(node);
    calls_on_end(process);
    timers_on_end(process);
    aliases_on_end(process);
    node_watches_remove(process);
    registry_remove(process);
    mailbox_put_first(&process->mailbox, &process->deferred, process->deferred_count);
    process->deferred_count = 0;
    mailbox_fini(&process->mailbox);
    block_release(process->reason);
    process->reason = NULL;
    give_slot(node, process->pid.id);
    node->process_count--;
    process->ended = true;
    turn_remove(node->turn, &process->task);
    process->task.run = reap_process;
    turn_add(node->turn, TURN_REAP, &process->task);
}

void process_abandon(hm_process *process) {
    end_waiters(process, ATOM_TERM("noproc"));
    links_on_end(process, ATOM_TERM("normal"));
    monitors_on_end(process, ATOM_TERM("noproc"));
    remove_process(process);
}

void process_exit(hm_process *process, hm_term reason) {
    if (process->ended || process->running)
        return;
    if (fanout_waits(process))
        fanout_settle(process->node);
    process->running = true; /* ended may send to itself; it must not come back here */
    trace_news(process, TRACE_ENDED, HM_NO_PID, reason);
    if (process->class->ended)
        process->class->ended(process, reason);
    /* What terminate left behind with hm_stop is not the reason any more. */
    registry_remove(process);
    end_waiters(process, reason);
    links_on_end(process, reason);
    monitors_on_end(process, reason);
    remove_process(process);
}

int process_set_reason(hm_process *process, hm_term reason) {
    enum reason known = reason_known(reason);
    struct block *copy = known ? NULL : block_copy(bytes_of(reason.bytes, reason.size));
    if (!copy)
        process->known_reason = (uint8_t)reason_nearest(reason);
    block_release(process->reason);
    process->reason = copy;
    return known || copy ? HM_OK : HM_ENOMEM;
}

/* ---- mail ---- */

void process_deliver(hm_process *process, struct message *message) {
    struct hm_node *node = process->node;
    if (process->ended) {
        message_free(message);
        return;
    }
    if (process->mailbox.count + process->deferred_count >= node->max_mailbox && message->kind == MESSAGE_TERM && !message->always) {
        process->drops++;
        if (node->counters.mailbox_drops++ % 100000 == 0)
            log_warn(&node->log, "process.mailbox_full",
                     "mailbox of %s (pid id %u) is full with %u messages: new ones are dropped (--max-mailbox)",
                     process->class->module, process->pid.id, process->mailbox.count + process->deferred_count);
        message_free(message);
        return;
    }
    mailbox_put(&process->mailbox, message);
    turn_add(node->turn, TURN_RUN, &process->task);
}

int process_deliver_term(hm_process *process, hm_term term, struct block *shared) {
    return process_deliver_from(process, NULL, term, shared);
}

int process_deliver_from(hm_process *process, const hm_node_name *origin, hm_term term, struct block *shared) {
    struct message *message = message_new(MESSAGE_TERM, term, shared);
    if (!message)
        return HM_ENOMEM;
    message->from.node = origin;
    message->untraced = process->node->trace_quiet;
    process_deliver(process, message);
    return HM_OK;
}

int process_deliver_exit(hm_process *process, hm_pid from, hm_term reason, bool untrappable) {
    struct message *message = message_new(MESSAGE_EXIT, reason, NULL);
    if (!message && untrappable) { /* it need not wait behind messages */
        process->killed = true;
        turn_add(process->node->turn, TURN_RUN, &process->task);
        return HM_OK;
    }
    if (!message)
        return HM_ENOMEM;
    message->from = from;
    message->untrappable = untrappable;
    process_deliver(process, message);
    return HM_OK;
}

void process_drop(hm_process *process, enum message_kind kind, uint64_t tag) {
    if (process->mailbox.count)
        process->mailbox.count = messages_drop(&process->mailbox.list, kind, tag);
    if (process->deferred_count)
        process->deferred_count = messages_drop(&process->deferred, kind, tag);
}

void process_suspend(hm_process *process) {
    process->suspended = true;
}

void process_resume(hm_process *process) {
    if (!process->suspended)
        return;
    process->suspended = false;
    uint32_t count = process->deferred_count;
    process->deferred_count = 0;
    mailbox_put_first(&process->mailbox, &process->deferred, count);
    STAILQ_INIT(&process->deferred);
    if (process->mailbox.count)
        turn_add(process->node->turn, TURN_RUN, &process->task);
}

size_t process_memory(const hm_process *process) {
    size_t bytes = sizeof *process;
    const struct message *message;
    STAILQ_FOREACH(message, &process->mailbox.list, link)
        bytes += sizeof *message + (message->shared ? 0 : message->term.size);
    STAILQ_FOREACH(message, &process->deferred, link)
        bytes += sizeof *message + (message->shared ? 0 : message->term.size);
    return bytes;
}

void process_table_free(struct hm_node *node) {
    links_free(node);
    monitors_free(node);
    free(node->slots);
    slab_fini(&node->processes);
    node->slots = NULL;
    node->slot_count = node->slot_capacity = 0;
}
