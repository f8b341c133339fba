/*
 * observer_backend: what observer, etop and other tools run on the node that they look at
 * (lib/runtime_tools/src/observer_backend.erl of OTP 25 and 27; the records in runtime_tools/include/observer_backend.hrl).
 *
 * Where a BEAM has something that is not here (tables, ports, sockets of the socket module) the lists are empty and the limits
 * undefined, which observer shows as "Not available": a 0 for a limit would make it divide by zero.
 *
 * procs_info/1 and etop_collect/1 go through the table of processes in pieces, a turn each, so that a node with a million of them
 * still answers everybody else; fetch_stats/2 runs until its receiver ends or tells it to.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "etf/ids.h"
#include "node/timers.h"
#include "otp/bifs.h"
#include "otp/gen_server.h"
#include "otp/sys.h"
#include "otp/vitals.h"

enum {
    PROCESSES_PER_TURN = 2000,
    BUSY_PAUSE_MS = 10,   /* while the connection has too much to write */
    STATS_LEAST_MS = 10,  /* whatever is asked for: each sample walks all processes */
};

static enum mfa_outcome bif_vsn(struct mfa_call *call) {
    hm_put_format(call->result, "{ok, ~c}", HM_VERSION);
    return MFA_VALUE;
}

/* ---- sys_info ---- */

static void put_info(struct hm_node *node, const char *key, hm_term item, hm_build *build) {
    hm_put_tuple(build, 2);
    hm_put_atom(build, key);
    if (!bif_put_system_info(node, item, build))
        hm_put_atom(build, "undefined");
}

static uint32_t put_system_items(struct hm_node *node, hm_build *build) {
    static const char *const ITEMS[] = {
        "logical_processors", "logical_processors_online", "logical_processors_available", "schedulers",
        "schedulers_online",  "otp_release",               "version",                      "system_architecture",
        "kernel_poll",        "smp_support",               "threads",                      "thread_pool_size",
        "process_count",      "process_limit",             "atom_count",                   "atom_limit",
        "port_count",         "ets_count",                 "dist_buf_busy_limit",
    };
    enum { COUNT = sizeof ITEMS / sizeof *ITEMS };
    for (size_t i = 0; i < COUNT; i++) {
        unsigned char atom[2 + 64] = {119 /* SMALL_ATOM_UTF8_EXT */, (unsigned char)strlen(ITEMS[i])};
        memcpy(atom + 2, ITEMS[i], atom[1]);
        put_info(node, ITEMS[i], (hm_term){atom, 2u + atom[1]}, build);
    }
    put_info(node, "wordsize_internal", ATOM_TERM("wordsize"), build);
    put_info(node, "wordsize_external", ATOM_TERM("wordsize"), build);
    put_info(node, "schedulers_available", ATOM_TERM("schedulers_online"), build);
    hm_put_format(build, "{port_limit, undefined}");
    hm_put_format(build, "{ets_limit, undefined}");
    return COUNT + 5;
}

static enum mfa_outcome bif_sys_info(struct mfa_call *call) {
    struct hm_node *node = call->node;
    hm_build *build = call->result;
    struct vitals_io io = vitals_io(node);
    struct vitals_memory memory;
    vitals_memory(node, &memory);
    size_t begin = hm_put_list_begin(build);
    hm_put_format(build, "{uptime, ~i}", mono_ms_between(node->started, mono_now()));
    hm_put_format(build, "{run_queue, ~u}", vitals_run_queue(node));
    hm_put_format(build, "{io_input, ~u}", io.input);
    hm_put_format(build, "{io_output, ~u}", io.output);
    uint32_t items = put_system_items(node, build);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "alloc_info");
    hm_put_list(build, 1);
    vitals_put_allocator(build);
    hm_put_nil(build);
    vitals_put_memory(&memory, build);
    hm_put_list_end(build, begin, 5 + items + VITALS_MEMORY_TYPES);
    return MFA_VALUE;
}

/* ---- processes ---- */

static void put_name_or_call(const hm_process *process, hm_build *build) {
    if (process->name)
        bif_put_process_item(process, "registered_name", build);
    else if (process->class == &gen_server_class && process->state)
        sys_put_initial_call(process, build);
    else
        bif_put_process_item(process, "initial_call", build);
}

/* #etop_proc_info{} */
static void put_process(const hm_process *process, hm_build *build) {
    hm_put_tuple(build, 8);
    hm_put_atom(build, "etop_proc_info");
    hm_put_pid(build, process->pid);
    bif_put_process_item(process, "memory", build);
    bif_put_process_item(process, "reductions", build);
    put_name_or_call(process, build);
    hm_put_int64(build, 0); /* time is measured by tracing */
    bif_put_process_item(process, "current_function", build);
    bif_put_process_item(process, "message_queue_len", build);
}

/* A walk through the table of processes. */
struct walk {
    struct mfa_later *later;
    hm_pid collector;
    bool whole;      /* etop_collect: one message at the end; else one for each piece */
    uint32_t next;   /* slot */
    uint32_t count;  /* in build */
    hm_build *build; /* an open list of records */
    size_t begin;
};

static void free_walk(struct walk *walk) {
    hm_build_free(walk->build);
    free(walk);
}

static void end_walk(struct walk *walk) {
    mfa_finish(walk->later, MFA_VALUE, ATOM_TERM("ok"));
    free_walk(walk);
}

static void on_walker_ended(struct mfa_later *later, void *arg) {
    (void)later;
    end_walk(arg);
}

static void begin_piece(struct walk *walk) {
    hm_build_reset(walk->build);
    walk->count = 0;
    walk->begin = hm_put_list_begin(walk->build);
}

static void put_now(hm_build *build) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    hm_put_format(build, "{~i, ~i, ~i}", (int64_t)now.tv_sec / 1000000, (int64_t)now.tv_sec % 1000000,
                  (int64_t)now.tv_nsec / 1000);
}

/* #etop_info{}; wall_clock is of old backends, alloc_areas of nobody. */
static void put_etop_info(struct hm_node *node, hm_term records, uint32_t count, hm_build *build) {
    static const enum vitals_memory_type MEMORY[] = {VITALS_TOTAL, VITALS_PROCESSES, VITALS_ETS,
                                                     VITALS_ATOM,  VITALS_CODE,      VITALS_BINARY};
    enum { COUNT = sizeof MEMORY / sizeof *MEMORY };
    struct vitals_memory memory;
    vitals_memory(node, &memory);
    hm_put_tuple(build, 9);
    hm_put_atom(build, "etop_info");
    put_now(build);
    hm_put_uint64(build, count);
    hm_put_atom(build, "undefined");
    vitals_put_scheduler_time(node, build);
    hm_put_uint64(build, vitals_run_queue(node));
    hm_put_nil(build);
    hm_put_list(build, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        hm_put_format(build, "{~a, ~u}", VITALS_MEMORY_NAMES[MEMORY[i]], memory.bytes[MEMORY[i]]);
    hm_put_nil(build);
    hm_put_term(build, records);
}

/* {procs_info, self(), Records} or {self(), #etop_info{}}. */
static bool send_piece(hm_process *self, struct walk *walk) {
    hm_put_list_end(walk->build, walk->begin, walk->count);
    hm_build *build = hm_build_new();
    if (build && walk->whole) {
        hm_put_tuple(build, 2);
        hm_put_pid(build, self->pid);
        put_etop_info(self->node, hm_build_term(walk->build), walk->count, build);
    } else if (build) {
        hm_put_format(build, "{procs_info, ~p, ~t}", self->pid, hm_build_term(walk->build));
    }
    bool sent = build && hm_build_error(walk->build) == HM_OK && hm_build_error(build) == HM_OK &&
                hm_send(self, hm_to_pid(walk->collector), hm_build_term(build)) == HM_OK;
    hm_build_free(build);
    if (!walk->whole)
        begin_piece(walk);
    return sent;
}

/* Records of the next piece; false: that was the last. The one who asks is not told of, as on a BEAM. */
static bool collect_piece(hm_process *self, struct walk *walk) {
    const struct hm_node *node = self->node;
    for (uint32_t i = 0; i < PROCESSES_PER_TURN && walk->next < node->slot_count; i++, walk->next++) {
        const hm_process *process = node->slots[walk->next].process;
        if (!process || process == self)
            continue;
        put_process(process, walk->build);
        walk->count++;
    }
    return walk->next < node->slot_count;
}

static enum hm_verdict on_step(hm_process *self, struct message *message);

static bool step_later(hm_process *self, struct walk *walk, int64_t ms) {
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    uint64_t timer;
    if (!message)
        return false;
    message->run = on_step;
    message->arg = walk;
    if (ms)
        return timers_add(self, ms, message, &timer) == HM_OK;
    process_deliver(self, message);
    return true;
}

static enum hm_verdict on_step(hm_process *self, struct message *message) {
    struct walk *walk = message->arg;
    if (!self)
        return HM_CONTINUE; /* on_walker_ended has freed it */
    if (!walk->whole && hm_is_busy(self->node, walk->collector.node)) {
        if (!step_later(self, walk, BUSY_PAUSE_MS))
            end_walk(walk);
        return HM_CONTINUE;
    }
    bool more = collect_piece(self, walk);
    bool sent = walk->whole && more ? true : send_piece(self, walk);
    if (!sent || !more || !step_later(self, walk, 0))
        end_walk(walk);
    return HM_CONTINUE;
}

static enum mfa_outcome start_walk(struct mfa_call *call, bool whole) {
    struct walk *walk = calloc(1, sizeof *walk);
    hm_pid collector;
    if (!pid_decode(call->node->names, call->arguments[0], &collector)) {
        free(walk);
        return mfa_badarg(call);
    }
    if (!walk || !(walk->build = hm_build_new()))
        goto fail;
    walk->whole = whole;
    walk->collector = collector;
    walk->next = 1;
    begin_piece(walk);
    struct mfa_wait wait = {.ended = on_walker_ended, .arg = walk};
    if (!(walk->later = mfa_later(call, &wait))) {
        free_walk(walk);
        return MFA_ERROR;
    }
    if (!step_later(call->self, walk, 0))
        end_walk(walk);
    return MFA_LATER;
fail:
    free(walk);
    return mfa_error(call, "system_limit");
}

static enum mfa_outcome bif_procs_info(struct mfa_call *call) {
    return start_walk(call, false);
}

static enum mfa_outcome bif_etop_collect(struct mfa_call *call) {
    return start_walk(call, true);
}

/* ---- load charts ---- */

struct stats {
    struct mfa_later *later;
    hm_pid parent;
    int64_t ms;
    uint64_t timer;
};

static void end_stats(struct stats *stats) {
    hm_process *self = mfa_later_process(stats->later);
    if (self && stats->timer && !timers_cancel(self, stats->timer))
        process_drop(self, MESSAGE_CALL, stats->timer); /* it fired, and lies in the mailbox */
    mfa_finish(stats->later, MFA_VALUE, ATOM_TERM("ok"));
    free(stats);
}

static void on_fetcher_ended(struct mfa_later *later, void *arg) {
    (void)later;
    end_stats(arg);
}

/* Any message ends it: `exit' from observer, an exit signal, the end of the receiver. */
static bool on_fetcher_message(struct mfa_later *later, void *arg, hm_term message) {
    (void)later;
    (void)message;
    end_stats(arg);
    return true;
}

/* {stats, 1, SchedulerWallTime, Io, Memory} */
static void send_stats(hm_process *self, const struct stats *stats) {
    struct vitals_io io = vitals_io(self->node);
    struct vitals_memory memory;
    hm_build *build = hm_build_new();
    if (!build)
        return;
    vitals_memory(self->node, &memory);
    hm_put_tuple(build, 5);
    hm_put_atom(build, "stats");
    hm_put_int64(build, 1);
    vitals_put_scheduler_time(self->node, build);
    hm_put_format(build, "{{input, ~u}, {output, ~u}}", io.input, io.output);
    hm_put_list(build, VITALS_MEMORY_TYPES);
    vitals_put_memory(&memory, build);
    hm_put_nil(build);
    if (hm_build_error(build) == HM_OK && !hm_is_busy(self->node, stats->parent.node))
        hm_send(self, hm_to_pid(stats->parent), hm_build_term(build));
    hm_build_free(build);
}

static enum hm_verdict on_sample(hm_process *self, struct message *message);

static bool sample_later(hm_process *self, struct stats *stats) {
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!message)
        return false;
    message->run = on_sample;
    message->arg = stats;
    return timers_add(self, stats->ms, message, &stats->timer) == HM_OK;
}

static enum hm_verdict on_sample(hm_process *self, struct message *message) {
    struct stats *stats = message->arg;
    if (!self || message->tag != stats->timer)
        return HM_CONTINUE;
    send_stats(self, stats);
    if (!sample_later(self, stats))
        end_stats(stats);
    return HM_CONTINUE;
}

static enum mfa_outcome bif_fetch_stats(struct mfa_call *call) {
    hm_pid parent;
    hm_ref monitor;
    int64_t ms;
    if (!pid_decode(call->node->names, call->arguments[0], &parent) || !hm_get_int64(call->arguments[1], &ms) ||
        ms < 0 || ms > INT_MAX)
        return mfa_badarg(call);
    struct stats *stats = calloc(1, sizeof *stats);
    if (!stats)
        return mfa_error(call, "system_limit");
    stats->parent = parent;
    stats->ms = ms < STATS_LEAST_MS ? STATS_LEAST_MS : ms;
    struct mfa_wait wait = {.message = on_fetcher_message, .ended = on_fetcher_ended, .arg = stats};
    if (!(stats->later = mfa_later(call, &wait))) {
        free(stats);
        return MFA_ERROR;
    }
    hm_trap_exit(call->self, true);
    /* Who spawned it without a link and is gone would be sent to, and dialled, for ever. */
    if (hm_monitor(call->self, hm_to_pid(parent), &monitor) != HM_OK || !sample_later(call->self, stats))
        end_stats(stats);
    return MFA_LATER;
}

/* ---- what a BEAM has and this node has not ---- */

static enum mfa_outcome bif_nothing(struct mfa_call *call) {
    hm_put_nil(call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_get_table_list(struct mfa_call *call) {
    char text[sizeof "Mnesia is not running on: " + HM_ATOM_BYTES];
    if (hm_is_atom(call->arguments[0], "ets"))
        return bif_nothing(call);
    if (!hm_is_atom(call->arguments[0], "mnesia"))
        return mfa_error(call, "function_clause");
    snprintf(text, sizeof text, "Mnesia is not running on: %s", hm_node_name_text(call->node->name));
    hm_put_format(call->result, "{error, ~c}", text);
    return MFA_THROW;
}

/* Sockets of the socket module; our own are not among them. */
static enum mfa_outcome bif_socket_info(struct mfa_call *call) {
    static const char *const COUNTERS[] = {"num_monitors", "num_sockets",  "num_dinet",    "num_dinet6",
                                           "num_dlocal",   "num_tstreams", "num_tdgrams",  "num_tseqpkgs",
                                           "num_pip",      "num_psctp",    "num_ptcp",     "num_pudp"};
    enum { COUNT = sizeof COUNTERS / sizeof *COUNTERS };
    hm_put_list(call->result, COUNT + 1);
    hm_put_format(call->result, "{iov_max, ~i}", (int64_t)sysconf(_SC_IOV_MAX));
    for (size_t i = 0; i < COUNT; i++)
        hm_put_format(call->result, "{~a, 0}", COUNTERS[i]);
    hm_put_nil(call->result);
    return MFA_VALUE;
}

int bif_observer_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"erlang", "ports", 0, bif_nothing, NULL},
        {"observer_backend", "etop_collect", 1, bif_etop_collect, NULL},
        {"observer_backend", "fetch_stats", 2, bif_fetch_stats, NULL},
        {"observer_backend", "get_port_list", 0, bif_nothing, NULL},
        {"observer_backend", "get_socket_list", 0, bif_nothing, NULL},
        {"observer_backend", "get_table_list", 2, bif_get_table_list, NULL},
        {"observer_backend", "procs_info", 1, bif_procs_info, NULL},
        {"observer_backend", "socket_info", 0, bif_socket_info, NULL},
        {"observer_backend", "sys_info", 0, bif_sys_info, NULL},
        {"observer_backend", "vsn", 0, bif_vsn, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
