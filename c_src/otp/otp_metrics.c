#include "otp/otp_metrics.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/node_metrics.h"
#include "node/registry.h"
#include "otp/gen_server.h"
#include "otp/global.h"
#include "otp/global_member.h"
#include "otp/pg.h"
#include "otp/trace.h"
#include "otp/vitals.h"

enum {
    CPU,
    RESIDENT,
    HEAP,
    FUNCTIONS,
    DENIED,
    RESTARTS,
    CALLS,
    GLOBAL_NAMES,
    GLOBAL_LOCKS,
    GLOBAL_KNOWN,
    GLOBAL_SYNCED,
    PG_GROUPS,
    PG_MEMBERS,
    PG_PEERS,
    PG_MONITORS,
    TRACES,
    TRACE_EVENTS,
    LIMIT,
    LIMIT_HITS,
    OTP_METRICS,
};

/* The first two have the names that Prometheus's own libraries give them. */
static const struct hm_metric METRICS[OTP_METRICS] = {
    [CPU] = {"process_cpu_seconds_total", HM_COUNTER, "CPU that the program used, user and system", {0}},
    [RESIDENT] = {"process_resident_memory_bytes", HM_GAUGE, "Memory of the program that is in RAM", {0}},
    [HEAP] = {"hermod_memory_bytes", HM_GAUGE, "Memory of the C heap in use", {0}},
    [FUNCTIONS] = {"hermod_function_calls_total", HM_COUNTER, "Functions called by rpc, erpc, spawn and tasks", {0}},
    [DENIED] = {"hermod_function_calls_denied_total", HM_COUNTER, "Of these, refused by --allow-rpc and --deny-rpc", {0}},
    [RESTARTS] = {"hermod_restarts_total", HM_COUNTER, "Servers and services that ended and were started again", {0}},
    [CALLS] = {"hermod_process_calls_total", HM_COUNTER, "Calls (GenServer.call) that the process with this name got", {"name"}},
    [GLOBAL_NAMES] = {"hermod_global_names", HM_GAUGE, "Names registered globally that this node knows", {0}},
    [GLOBAL_LOCKS] = {"hermod_global_locks", HM_GAUGE, "Holders of global locks", {0}},
    [GLOBAL_KNOWN] = {"hermod_global_known_nodes", HM_GAUGE, "Nodes that global joined with", {0}},
    [GLOBAL_SYNCED] = {"hermod_global_synced_nodes", HM_GAUGE, "Of these, nodes that are in sync", {0}},
    [PG_GROUPS] = {"hermod_pg_groups", HM_GAUGE, "Process groups of a scope", {"scope"}},
    [PG_MEMBERS] = {"hermod_pg_local_members", HM_GAUGE, "Memberships of this node's processes", {"scope"}},
    [PG_PEERS] = {"hermod_pg_peers", HM_GAUGE, "Nodes with the same scope", {"scope"}},
    [PG_MONITORS] = {"hermod_pg_monitors", HM_GAUGE, "Watchers of the groups of a scope", {"scope"}},
    [TRACES] = {"hermod_traces", HM_GAUGE, "Traces that run", {0}},
    [TRACE_EVENTS] = {"hermod_trace_events_total", HM_COUNTER, "Events of traces", {0}},
    [LIMIT] = {"hermod_limit", HM_GAUGE, "What the option of this name is set to", {"limit"}},
    [LIMIT_HITS] = {"hermod_limit_hits_total", HM_COUNTER,
                    "Times that something was refused or dropped because of the option of this name", {"limit"}},
};

/* ---- the program ---- */

static double cpu_seconds(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* 0 where /proc is not there. */
static uint64_t resident_bytes(void) {
    unsigned long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- processes with a name ---- */

struct walk {
    size_t metric;
    hm_metrics_out *out;
    unsigned left;
    uint64_t groups, members, monitors; /* LIMIT_HITS: summed up over the scopes */
};

static void put_calls(void *arg, struct bytes name, hm_process *process) {
    struct walk *walk = arg;
    if (walk->left == 0)
        return;
    walk->left--;
    const struct gen_server *server = process->class == &gen_server_class ? process->state : NULL;
    struct hm_text label = metrics_text(name);
    if (server)
        hm_metric_put(walk->out, &label, server->calls);
}

static void put_scope(void *arg, struct bytes name, hm_process *process) {
    struct walk *walk = arg;
    const struct pg_scope *scope = process->class == &gen_server_class ? pg_find(process->node, name) : NULL;
    if (!scope)
        return;
    const uint64_t values[OTP_METRICS] = {[PG_GROUPS] = scope->groups.groups,
                                          [PG_MEMBERS] = scope->own.members,
                                          [PG_PEERS] = scope->peer_count,
                                          [PG_MONITORS] = scope->watchers.count};
    struct hm_text label = metrics_text(name);
    if (walk->metric != LIMIT_HITS)
        hm_metric_put(walk->out, &label, values[walk->metric]);
    walk->groups += scope->groups.groups_refused;
    walk->members += scope->groups.members_refused;
    walk->monitors += scope->watchers.refused;
}

/* ---- the rest ---- */

static struct global_stats global_stats(const struct hm_node *node) {
    const struct global_member *member = global_member_of(node);
    return member ? global_member_stats(member) : (struct global_stats){0};
}

static void put(hm_metrics_out *out, const char *label, uint64_t value) {
    struct hm_text text = hm_text_of(label);
    hm_metric_put(out, &text, value);
}

static void put_hits(struct hm_node *node, hm_metrics_out *out) {
    struct global_stats global = global_stats(node);
    struct walk scopes = {.metric = LIMIT_HITS};
    const struct otp_counters *counters = &otp_of(node)->counters;
    registry_each(node, put_scope, &scopes);
    put(out, "max-global-names", global.names_refused);
    put(out, "max-global-locks", global.locks_refused);
    put(out, "max-pg-groups", scopes.groups);
    put(out, "max-pg-members", scopes.members);
    put(out, "max-pg-monitors", scopes.monitors);
    put(out, "io", counters->io_full);
    put(out, "eval", counters->eval_limit);
    put(out, "max-traces", counters->traces_refused);
    put(out, "trace-memory", counters->traces_cut);
}

static uint64_t number_of(struct hm_node *node, size_t metric) {
    const struct otp_counters *counters = &otp_of(node)->counters;
    struct global_stats global = global_stats(node);
    switch (metric) {
    case RESIDENT:
        return resident_bytes();
    case HEAP:
        return vitals_heap_bytes();
    case FUNCTIONS:
        return counters->functions;
    case DENIED:
        return counters->denied;
    case RESTARTS:
        return counters->restarts;
    case TRACES:
        return trace_count(node);
    case TRACE_EVENTS:
        return counters->trace_events;
    case GLOBAL_NAMES:
        return global.names;
    case GLOBAL_LOCKS:
        return global.locks;
    case GLOBAL_KNOWN:
        return global.known;
    case GLOBAL_SYNCED:
        return global.synced;
    default:
        return 0;
    }
}

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    struct hm_node *node = arg;
    struct global_stats global;
    switch (metric) {
    case CPU:
        hm_metric_put_real(out, NULL, cpu_seconds());
        break;
    case CALLS:
        registry_each(node, put_calls, &(struct walk){.out = out, .left = METRICS_PROCESSES});
        break;
    case PG_GROUPS:
    case PG_MEMBERS:
    case PG_PEERS:
    case PG_MONITORS:
        registry_each(node, put_scope, &(struct walk){.metric = metric, .out = out});
        break;
    case LIMIT:
        global = global_stats(node);
        put(out, "max-global-names", global.max_names);
        put(out, "max-global-locks", global.max_locks);
        break;
    case LIMIT_HITS:
        put_hits(node, out);
        break;
    default:
        hm_metric_put(out, NULL, number_of(node, metric));
    }
}

int otp_metrics_add(struct hm_node *node, struct hm_metrics **source) {
    return metrics_add(&node->metrics, METRICS, OTP_METRICS, collect, node, source);
}
