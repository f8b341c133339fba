/*
 * What erlang:nodes/0,1, system_info/1, memory/0,1 and statistics/1 say about this node.
 */
#include <sys/resource.h>
#include <sys/utsname.h>
#include <stdio.h>
#include <unistd.h>

#include "etf/names.h"
#include "node/peers.h"
#include "otp/bifs.h"
#include "otp/vitals.h"

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

static size_t memory_type(hm_term term) {
    size_t type = 0;
    while (type < VITALS_MEMORY_TYPES && !hm_is_atom(term, VITALS_MEMORY_NAMES[type]))
        type++;
    return type;
}

static enum mfa_outcome bif_memory_0(struct mfa_call *call) {
    struct vitals_memory memory;
    vitals_memory(call->node, &memory);
    hm_put_list(call->result, VITALS_MEMORY_TYPES);
    vitals_put_memory(&memory, call->result);
    hm_put_nil(call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_memory_1(struct mfa_call *call) {
    struct hm_list list;
    hm_term item;
    struct vitals_memory memory;
    vitals_memory(call->node, &memory);
    if (!hm_list_begin(call->arguments[0], &list)) {
        size_t type = memory_type(call->arguments[0]);
        if (type == VITALS_MEMORY_TYPES)
            return mfa_badarg(call);
        hm_put_uint64(call->result, memory.bytes[type]);
        return MFA_VALUE;
    }
    size_t begin = hm_put_list_begin(call->result);
    uint32_t count = 0;
    while (hm_list_next(&list, &item)) {
        size_t type = memory_type(item);
        if (type == VITALS_MEMORY_TYPES)
            return mfa_badarg(call);
        hm_put_format(call->result, "{~a, ~u}", VITALS_MEMORY_NAMES[type], memory.bytes[type]);
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
    if (hm_is_atom(item, "io")) {
        struct vitals_io io = vitals_io(node);
        hm_put_format(call->result, "{{input, ~u}, {output, ~u}}", io.input, io.output);
        return MFA_VALUE;
    }
    if (hm_is_atom(item, "context_switches")) {
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        hm_put_format(call->result, "{~i, 0}", (int64_t)usage.ru_nvcsw + usage.ru_nivcsw);
        return MFA_VALUE;
    }
    uint64_t runnable = vitals_run_queue(node);
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
    if (hm_is_atom(item, "scheduler_wall_time") || hm_is_atom(item, "scheduler_wall_time_all")) {
        vitals_put_scheduler_time(node, call->result); /* always on: it costs nothing */
        return MFA_VALUE;
    }
    if (hm_is_atom(item, "microstate_accounting")) {
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

bool bif_put_system_info(const struct hm_node *node, hm_term item, hm_build *build) {
    int64_t number = number_of(node, item);
    const char *atom = number < 0 ? atom_of(item) : NULL;
    if (number >= 0)
        hm_put_int64(build, number);
    else if (atom)
        hm_put_atom(build, atom);
    else if (hm_is_atom(item, "otp_release"))
        hm_put_charlist(build, OTP_RELEASE);
    else if (hm_is_atom(item, "version"))
        hm_put_charlist(build, HM_VERSION);
    else if (hm_is_atom(item, "machine"))
        hm_put_charlist(build, "HERMOD");
    else if (hm_is_atom(item, "system_version"))
        put_version(build);
    else if (hm_is_atom(item, "system_architecture"))
        put_architecture(build);
    else
        return false;
    return true;
}

static enum mfa_outcome bif_system_info(struct mfa_call *call) {
    return bif_put_system_info(call->node, call->arguments[0], call->result) ? MFA_VALUE : mfa_badarg(call);
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
