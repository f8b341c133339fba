/*
 * What erlang:nodes/0,1, system_info/1, memory/0,1 and statistics/1 say about this node.
 */
#include <malloc.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <stdio.h>
#include <unistd.h>

#include "etf/names.h"
#include "node/peers.h"
#include "otp/bifs.h"

/* The release whose protocols we speak: aliases of 5 words, {ok, State} from sys, global 8, pg 0. What a peer
 * or a tool decides by this is right for us. docs/protocol.md. */
#define OTP_RELEASE "27"
enum { ATOM_LIMIT = 1048576 };

/* ---- nodes ---- */

enum {
    WANT_VISIBLE = 1,
    WANT_HIDDEN = 2,
    WANT_THIS = 4,
    WANT_KNOWN = 8, /* also those that are not connected */
};

struct nodes_listing {
    hm_build *build;
    unsigned want;
    uint32_t count;
};

static void put_peer(void *arg, struct peer *peer) {
    struct nodes_listing *listing = arg;
    bool up = peer_is_up(peer);
    unsigned kind = up ? (peer_is_visible(peer) ? WANT_VISIBLE : WANT_HIDDEN) : WANT_KNOWN;
    if (!(listing->want & (kind | WANT_KNOWN)))
        return;
    hm_put_atom(listing->build, hm_node_name_text(peer_name(peer)));
    listing->count++;
}

static unsigned nodes_wanted(hm_term type) {
    return hm_is_atom(type, "visible")     ? WANT_VISIBLE
           : hm_is_atom(type, "hidden")    ? WANT_HIDDEN
           : hm_is_atom(type, "connected") ? WANT_VISIBLE | WANT_HIDDEN
           : hm_is_atom(type, "this")      ? WANT_THIS
           : hm_is_atom(type, "known")     ? WANT_VISIBLE | WANT_HIDDEN | WANT_THIS | WANT_KNOWN
                                           : 0;
}

static enum mfa_outcome put_nodes(struct mfa_call *call, unsigned want) {
    struct nodes_listing listing = {call->result, want, 0};
    size_t begin = hm_put_list_begin(call->result);
    if (want & WANT_THIS) {
        hm_put_atom(call->result, hm_node_name_text(call->node->name));
        listing.count++;
    }
    peers_each(call->node, put_peer, &listing);
    hm_put_list_end(call->result, begin, listing.count);
    return MFA_VALUE;
}

static enum mfa_outcome bif_node_0(struct mfa_call *call) {
    hm_put_atom(call->result, hm_node_name_text(call->node->name));
    return MFA_VALUE;
}

static enum mfa_outcome bif_nodes_0(struct mfa_call *call) {
    return put_nodes(call, WANT_VISIBLE);
}

static enum mfa_outcome bif_nodes_1(struct mfa_call *call) {
    struct hm_list list;
    hm_term type;
    unsigned want = 0;
    if (!hm_list_begin(call->arguments[0], &list)) {
        want = nodes_wanted(call->arguments[0]);
        return want ? put_nodes(call, want) : mfa_badarg(call);
    }
    while (hm_list_next(&list, &type)) {
        unsigned one = nodes_wanted(type);
        if (!one)
            return mfa_badarg(call);
        want |= one;
    }
    return hm_list_end(&list, NULL) ? put_nodes(call, want) : mfa_badarg(call);
}

/* ---- memory ---- */

struct memory {
    uint64_t total, processes, system, atom;
};

static void add_process(void *arg, hm_process *process) {
    *(uint64_t *)arg += process_memory(process);
}

static struct memory measure(struct hm_node *node) {
    struct mallinfo2 info = mallinfo2();
    struct memory memory = {.total = info.uordblks + info.hblkhd};
    process_each(node, add_process, &memory.processes);
    memory.processes += node->slot_capacity * sizeof *node->slots;
    if (memory.processes > memory.total)
        memory.total = memory.processes;
    memory.system = memory.total - memory.processes;
    memory.atom = names_count(node->names) * 64; /* node names are the only atoms that are kept */
    if (memory.atom > memory.system)
        memory.atom = memory.system;
    return memory;
}

static const char *const MEMORY_TYPES[] = {"total",     "processes", "processes_used", "system", "atom",
                                           "atom_used", "binary",    "code",           "ets"};
enum { MEMORY_TYPE_COUNT = sizeof MEMORY_TYPES / sizeof *MEMORY_TYPES };

static uint64_t memory_of(const struct memory *memory, size_t type) {
    switch (type) {
    case 0:
        return memory->total;
    case 1:
    case 2:
        return memory->processes;
    case 3:
        return memory->system;
    case 4:
    case 5:
        return memory->atom;
    default:
        return 0; /* binaries are in their processes; there is no loaded code and no ets */
    }
}

static size_t memory_type(hm_term term) {
    size_t type = 0;
    while (type < MEMORY_TYPE_COUNT && !hm_is_atom(term, MEMORY_TYPES[type]))
        type++;
    return type;
}

static enum mfa_outcome bif_memory_0(struct mfa_call *call) {
    struct memory memory = measure(call->node);
    hm_put_list(call->result, MEMORY_TYPE_COUNT);
    for (size_t type = 0; type < MEMORY_TYPE_COUNT; type++)
        hm_put_format(call->result, "{~a, ~u}", MEMORY_TYPES[type], memory_of(&memory, type));
    hm_put_nil(call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_memory_1(struct mfa_call *call) {
    struct hm_list list;
    hm_term item;
    struct memory memory = measure(call->node);
    if (!hm_list_begin(call->arguments[0], &list)) {
        size_t type = memory_type(call->arguments[0]);
        if (type == MEMORY_TYPE_COUNT)
            return mfa_badarg(call);
        hm_put_uint64(call->result, memory_of(&memory, type));
        return MFA_VALUE;
    }
    size_t begin = hm_put_list_begin(call->result);
    uint32_t count = 0;
    while (hm_list_next(&list, &item)) {
        size_t type = memory_type(item);
        if (type == MEMORY_TYPE_COUNT)
            return mfa_badarg(call);
        hm_put_format(call->result, "{~a, ~u}", MEMORY_TYPES[type], memory_of(&memory, type));
        count++;
    }
    if (!hm_list_end(&list, NULL))
        return mfa_badarg(call);
    hm_put_list_end(call->result, begin, count);
    return MFA_VALUE;
}

/* ---- statistics ---- */

static struct otp *otp_or_none(struct mfa_call *call, struct otp *none) {
    return otp_of(call->node) ? otp_of(call->node) : none;
}

/* {Total, SinceLastCall} */
static enum mfa_outcome put_since(struct mfa_call *call, int64_t now, int64_t *told) {
    hm_put_format(call->result, "{~i, ~i}", now, now - *told);
    *told = now;
    return MFA_VALUE;
}

static int64_t cpu_ms(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void add_traffic(void *arg, struct peer *peer) {
    uint64_t *bytes = arg;
    struct channel_stats stats;
    struct channel *channel = peer_is_up(peer) ? peer_channel(peer) : NULL;
    if (!channel)
        return;
    channel_stats(channel, &stats);
    bytes[0] += stats.bytes_in;
    bytes[1] += stats.bytes_out;
}

static void count_runnable(void *arg, hm_process *process) {
    *(uint64_t *)arg += process->mailbox.count != 0;
}

static enum mfa_outcome bif_statistics(struct mfa_call *call) {
    struct otp none = {0}, *otp = otp_or_none(call, &none);
    struct hm_node *node = call->node;
    hm_term item = call->arguments[0];
    if (hm_is_atom(item, "runtime"))
        return put_since(call, cpu_ms(), &otp->runtime_told_ms);
    if (hm_is_atom(item, "wall_clock"))
        return put_since(call, mono_ms_between(node->started, mono_now()), &otp->wall_clock_told_ms);
    if (hm_is_atom(item, "reductions") || hm_is_atom(item, "exact_reductions")) {
        uint64_t now = node->counters.reductions;
        hm_put_format(call->result, "{~u, ~u}", now, now - otp->reductions_told);
        otp->reductions_told = now;
        return MFA_VALUE;
    }
    if (hm_is_atom(item, "io")) { /* of the connections that are up */
        uint64_t bytes[2] = {0, 0};
        peers_each(node, add_traffic, bytes);
        hm_put_format(call->result, "{{input, ~u}, {output, ~u}}", bytes[0], bytes[1]);
        return MFA_VALUE;
    }
    if (hm_is_atom(item, "context_switches")) {
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        hm_put_format(call->result, "{~i, 0}", (int64_t)usage.ru_nvcsw + usage.ru_nivcsw);
        return MFA_VALUE;
    }
    uint64_t runnable = 0;
    process_each(node, count_runnable, &runnable);
    if (hm_is_atom(item, "run_queue") || hm_is_atom(item, "total_run_queue_lengths") ||
        hm_is_atom(item, "total_run_queue_lengths_all") || hm_is_atom(item, "total_active_tasks") ||
        hm_is_atom(item, "total_active_tasks_all")) {
        hm_put_uint64(call->result, runnable);
        return MFA_VALUE;
    }
    if (hm_is_atom(item, "run_queue_lengths") || hm_is_atom(item, "run_queue_lengths_all") ||
        hm_is_atom(item, "active_tasks") || hm_is_atom(item, "active_tasks_all")) {
        hm_put_format(call->result, "[~u]", runnable);
        return MFA_VALUE;
    }
    if (hm_is_atom(item, "garbage_collection")) {
        hm_put_format(call->result, "{0, 0, 0}");
        return MFA_VALUE;
    }
    if (hm_is_atom(item, "scheduler_wall_time") || hm_is_atom(item, "scheduler_wall_time_all") ||
        hm_is_atom(item, "microstate_accounting")) {
        hm_put_atom(call->result, "undefined"); /* as when nobody has switched it on */
        return MFA_VALUE;
    }
    return mfa_badarg(call);
}

/* ---- system_info ---- */

static void put_architecture(hm_build *build) {
    struct utsname name;
    char text[256];
    if (uname(&name) != 0)
        snprintf(text, sizeof text, "unknown");
    else
        snprintf(text, sizeof text, "%.64s-unknown-%.64s-gnu", name.machine,
                 strcmp(name.sysname, "Linux") == 0 ? "linux" : name.sysname);
    hm_put_charlist(build, text);
}

static void put_version(hm_build *build) {
    hm_put_charlist(build,
                    "Hermod " HM_VERSION " [64-bit] [smp:1:1] [protocols of Erlang/OTP " OTP_RELEASE "]\n");
}

/* Items with a number; -1: not one of them. */
static int64_t number_of(const struct hm_node *node, hm_term item) {
    static const struct {
        const char *name;
        int64_t value;
    } FIXED[] = {
        {"schedulers", 1},
        {"schedulers_online", 1},
        {"dirty_cpu_schedulers", 0},
        {"dirty_cpu_schedulers_online", 0},
        {"dirty_io_schedulers", 0},
        {"thread_pool_size", 0},
        {"wordsize", sizeof(void *)},
        {"atom_limit", ATOM_LIMIT},
        {"port_count", 0},
        {"port_limit", 0},
        {"ets_count", 0},
        {"ets_limit", 0},
        {"compat_rel", 27},
    };
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++)
        if (hm_is_atom(item, FIXED[i].name))
            return FIXED[i].value;
    if (hm_is_atom(item, "process_count"))
        return node->process_count;
    if (hm_is_atom(item, "process_limit"))
        return node->max_processes;
    if (hm_is_atom(item, "logical_processors"))
        return sysconf(_SC_NPROCESSORS_CONF);
    if (hm_is_atom(item, "logical_processors_online") || hm_is_atom(item, "logical_processors_available"))
        return sysconf(_SC_NPROCESSORS_ONLN);
    if (hm_is_atom(item, "creation"))
        return node->dist.creation;
    if (hm_is_atom(item, "atom_count"))
        return (int64_t)names_count(node->names);
    if (hm_is_atom(item, "dist_buf_busy_limit"))
        return (int64_t)node->dist.output_high;
    if (hm_match(item, "{wordsize, internal}") || hm_match(item, "{wordsize, external}"))
        return sizeof(void *);
    return -1;
}

/* Items with an atom, or NULL. */
static const char *atom_of(hm_term item) {
    static const struct {
        const char *name, *value;
    } FIXED[] = {
        {"kernel_poll", "true"},
        {"smp_support", "true"},
        {"threads", "true"},
        {"multi_scheduling", "disabled"},
        {"scheduler_bind_type", "unbound"},
        {"build_type", "opt"},
        {"emu_type", "opt"},
        {"debug_compiled", "false"},
        {"heap_type", "private"},
        {"dynamic_trace", "none"},
        {"modified_timing_level", "undefined"},
        {"cpu_topology", "undefined"},
        {"endian", __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "little" : "big"},
    };
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++)
        if (hm_is_atom(item, FIXED[i].name))
            return FIXED[i].value;
    return NULL;
}

static enum mfa_outcome bif_system_info(struct mfa_call *call) {
    hm_term item = call->arguments[0];
    int64_t number = number_of(call->node, item);
    const char *atom = number < 0 ? atom_of(item) : NULL;
    if (number >= 0)
        hm_put_int64(call->result, number);
    else if (atom)
        hm_put_atom(call->result, atom);
    else if (hm_is_atom(item, "otp_release"))
        hm_put_charlist(call->result, OTP_RELEASE);
    else if (hm_is_atom(item, "version"))
        hm_put_charlist(call->result, HM_VERSION);
    else if (hm_is_atom(item, "machine"))
        hm_put_charlist(call->result, "HERMOD");
    else if (hm_is_atom(item, "system_version"))
        put_version(call->result);
    else if (hm_is_atom(item, "system_architecture"))
        put_architecture(call->result);
    else
        return mfa_badarg(call);
    return MFA_VALUE;
}

int bif_system_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"erlang", "memory", 0, bif_memory_0, NULL},
        {"erlang", "memory", 1, bif_memory_1, NULL},
        {"erlang", "node", 0, bif_node_0, NULL},
        {"erlang", "nodes", 0, bif_nodes_0, NULL},
        {"erlang", "nodes", 1, bif_nodes_1, NULL},
        {"erlang", "statistics", 1, bif_statistics, NULL},
        {"erlang", "system_info", 1, bif_system_info, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
