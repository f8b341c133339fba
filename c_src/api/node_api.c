/*
 * <hermod/hermod.h>: a node from its options to its end, and its connections.
 *
 * Names follow net_kernel (create_hostpart): an explicit host part is taken as it is, except that a short name's must have no
 * dot; without one the machine's own name is used, up to the first dot for short names, with its domain for long ones.
 */
#include <hermod/hermod.h>

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "etf/ids.h"
#include "eval/evaluator.h"
#include "node/node_metrics.h"
#include "node/peers.h"
#include "node/pool.h"
#include "otp/otp.h"

enum { TURN_BUDGET = 1024 };

#define DEFAULT(value, fallback) ((value) ? (value) : (fallback))

const char *hm_version(void) {
    return HM_VERSION;
}

/* ---- the name ---- */

static int explain(char *why, size_t capacity, int error, const char *format, const char *detail) {
    if (why && capacity)
        snprintf(why, capacity, format, detail);
    return error;
}

static bool own_domain_name(char *host, size_t capacity) {
    struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *found = NULL;
    if (strchr(host, '.'))
        return true;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    bool ok = found->ai_canonname && strchr(found->ai_canonname, '.') && strlen(found->ai_canonname) < capacity;
    if (ok)
        snprintf(host, capacity, "%s", found->ai_canonname);
    freeaddrinfo(found);
    return ok;
}

static int host_part(const struct hm_options *options, char *host, size_t capacity, char *why, size_t why_capacity) {
    if (gethostname(host, capacity) != 0)
        return explain(why, why_capacity, HM_ESYSTEM, "cannot read this machine's name: %s", strerror(errno));
    host[capacity - 1] = '\0';
    if (!options->long_names) {
        host[strcspn(host, ".")] = '\0';
        return HM_OK;
    }
    if (own_domain_name(host, capacity))
        return HM_OK;
    return explain(why, why_capacity, HM_ENAME,
                   "Can't set long node name! This machine's name, %s, has no domain: give the host part yourself, as in "
                   "--name hermod@192.168.1.13, or use a short name (--sname)",
                   host);
}

/* What net_kernel lets a node call itself (valid_name_head). */
static bool is_alive_name(const char *text, size_t size) {
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
    return size > 0 && strspn(text, allowed) >= size;
}

static bool is_plain(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f || strchr("@/\\:;,\"'", text[i]))
            return false;
    return size > 0;
}

static int full_name(const struct hm_options *options, char *name, size_t capacity, char *why, size_t why_capacity) {
    const char *at = strchr(options->name, '@');
    size_t alive = at ? (size_t)(at - options->name) : strlen(options->name);
    char host[256];
    if (at) {
        snprintf(host, sizeof host, "%s", at + 1);
        if (!options->long_names && strchr(host, '.'))
            return explain(why, why_capacity, HM_ENAME,
                           "Can't set short node name! The host part of %s has a dot: drop what follows it, or use a long name "
                           "(--name)",
                           options->name);
    } else {
        int error = host_part(options, host, sizeof host, why, why_capacity);
        if (error != HM_OK)
            return error;
    }
    bool bracketed = strchr(host, ':') != NULL; /* an IPv6 address */
    if (!is_alive_name(options->name, alive))
        return explain(why, why_capacity, HM_ENAME,
                       "\"%s\" is no node name: it takes the form name@host, and name has letters, digits, _ and - only", options->name);
    if ((!bracketed && !is_plain(host, strlen(host))) || alive + strlen(host) > 250)
        return explain(why, why_capacity, HM_ENAME,
                       "\"%s\" is no node name: it takes the form name@host, in printable ASCII without spaces, of 250 characters at most",
                       options->name);
    if ((size_t)snprintf(name, capacity, "%.*s@%s", (int)alive, options->name, host) >= capacity)
        return explain(why, why_capacity, HM_ENAME, "the node name %s is too long", options->name);
    return HM_OK;
}

/* ---- new and free ---- */

static void set_dist(struct hm_node *node, const struct hm_options *options) {
    struct dist *dist = &node->dist;
    uint32_t ticktime = DEFAULT(options->net_ticktime_ms, 60000);
    dist->base = node->base;
    dist->turn = node->turn;
    dist->names = node->names;
    dist->log = &node->log;
    dist->events = &peers_events;
    dist->arg = node;
    dist->self = node->name;
    dist->flags = options->hidden ? FLAGS_OFFERED & ~FLAG_PUBLISHED : FLAGS_OFFERED;
    dist->family = options->family == HM_FAMILY_INET    ? DIST_FAMILY_INET
                   : options->family == HM_FAMILY_INET6 ? DIST_FAMILY_INET6
                                                        : DIST_FAMILY_ANY;
    dist->epmd = (struct epmd_config){.port = DEFAULT(options->epmd_port, 4369),
                                      .address = node->epmd_address,
                                      .start = node->epmd_start};
    dist->dial_port = options->dial_port;
    dist->no_epmd = options->no_epmd;
    dist->peer_names = options->long_names ? DIST_NAMES_LONG : DIST_NAMES_SHORT;
    dist->setup_ms = DEFAULT(options->setup_ms, 7000);
    dist->tick_intensity = DEFAULT(options->net_tickintensity, 4);
    dist->tick_interval_ms = ticktime / dist->tick_intensity;
    dist->max_half_open = DEFAULT(options->max_half_open, 128);
    dist->max_frame = DEFAULT(options->max_frame, 128u << 20);
    dist->max_message = DEFAULT(options->max_message, 512ull << 20);
    dist->max_fragments = DEFAULT(options->max_fragments, 4096);
    dist->max_depth = DEFAULT(options->max_depth, 1024);
    dist->output_high = DEFAULT(options->output_high, 8u << 20);
    dist->output_max = DEFAULT(options->output_max, dist->output_high < (512u << 20) ? (size_t)1 << 30 : 2 * dist->output_high);
    dist->output_low = DEFAULT(options->output_low, 1u << 20);
}

static int pick_creation(struct hm_node *node) {
    do {
        if (getrandom(&node->dist.creation, sizeof node->dist.creation, 0) != sizeof node->dist.creation)
            return HM_ESYSTEM;
    } while (node->dist.creation < 4); /* 0 is forbidden, 1 to 3 are the old 2-bit ones */
    return HM_OK;
}

static void write_log(void *arg, enum log_level level, const char *id, const char *text) {
    struct hm_node *node = arg;
    node->log_line(node->log_arg, (enum hm_log_level)level, id, text);
}

static char *copy(const char *text, bool *failed) {
    char *made = text ? strdup(text) : NULL;
    if (text && !made)
        *failed = true;
    return made;
}

int hm_node_new(struct event_base *base, const struct hm_options *options, hm_node **result, char *why,
                size_t capacity) {
    char name[512];
    bool failed = false;
    if (!base || !options || options->size < sizeof *options || !options->name)
        return explain(why, capacity, HM_EINVAL, "%s", "the options of a node need a size and a name");
    if (!options->cookie || !*options->cookie)
        return explain(why, capacity, HM_EINVAL, "%s", "a node needs a cookie");
    if (options->no_epmd && !options->no_listen && !options->port_first)
        return explain(why, capacity, HM_EINVAL, "%s",
                       "without epmd nobody can look up a port that the system chose: name one (--port)");
    int error = full_name(options, name, sizeof name, why, capacity);
    if (error != HM_OK)
        return error;
    struct hm_node *node = calloc(1, sizeof *node);
    if (!node)
        return explain(why, capacity, HM_ENOMEM, "%s", hm_strerror(HM_ENOMEM));
    node->base = base;
    node->log = (struct log){(enum log_level)options->log_level, options->log ? write_log : NULL, node,
                             &node->log_limits, &node->log_levels};
    log_levels_init(&node->log_levels, (enum log_level)options->log_level);
    node->log_line = options->log;
    node->log_arg = options->log_arg;
    node->long_names = options->long_names;
    node->hidden = options->hidden;
    node->no_listen = options->no_listen;
    node->global.no_connect_all = options->no_connect_all;
    node->global.allow_overlapping_partitions = options->allow_overlapping_partitions;
    node->global.max_names = options->max_global_names;
    node->global.max_locks = options->max_global_locks;
    node->port_first = options->port_first;
    node->port_last = DEFAULT(options->port_last, options->port_first);
    node->max_processes = DEFAULT(options->max_processes, 1000000);
    node->max_mailbox = DEFAULT(options->max_mailbox, 1000000);
    node->max_pg_groups = options->max_pg_groups;
    node->max_pg_members = options->max_pg_members;
    node->max_pg_monitors = options->max_pg_monitors;
    node->tracing.max = options->max_traces;
    node->tracing.max_events = options->max_trace_events;
    node->tracing.max_rate = options->max_trace_rate;
    node->tracing.memory = options->trace_memory;
    node->started = mono_now();
    node->started_wall = (int64_t)time(NULL);
    TAILQ_INIT(&node->watches);
    node->cookie = copy(options->cookie, &failed);
    node->listen = copy(options->listen, &failed);
    node->epmd_address = copy(options->epmd_address, &failed);
    node->epmd_start = copy(options->epmd_start, &failed);
    node->alive_name = strndup(name, strcspn(name, "@"));
    node->names = names_new(DEFAULT(options->max_names, 65536));
    node->turn = turn_new(base, TURN_BUDGET);
    node->name = node->names ? names_intern(node->names, name, strlen(name)) : NULL;
    if (failed || !node->alive_name || !node->turn || !node->name) {
        error = HM_ENOMEM;
        goto fail;
    }
    if ((error = pick_creation(node)) != HM_OK)
        goto fail;
    set_dist(node, options);
    if ((error = node_metrics_add(node)) != HM_OK || (error = otp_start(node)) != HM_OK)
        goto fail;
    struct evaluator_options evaluator = {options->eval_memory, options->eval_total_memory, options->eval_depth,
                                          options->eval_steps};
    if (!options->no_eval && (error = evaluator_start(node, &evaluator)) != HM_OK)
        goto fail;
    *result = node;
    return HM_OK;
fail:
    explain(why, capacity, error, "%s", hm_strerror(error));
    hm_node_free(node);
    return error;
}

/* ---- start ---- */

struct ready_call { /* tells that the node is ready when nothing has to be waited for */
    struct turn_task task;
    hm_node *node;
};

static void tell_ready(struct hm_node *node, int error, const char *text) {
    hm_node_ready *ready = node->ready;
    node->ready = NULL;
    if (ready)
        ready(node->ready_arg, error, text);
}

static void run_ready(struct turn_task *task) {
    struct ready_call *call = turn_owner(task, struct ready_call, task);
    struct hm_node *node = call->node;
    free(call);
    if (!node->stopping)
        tell_ready(node, HM_OK, "");
}

static void on_registered(void *arg, int error, uint32_t creation, const char *detail) {
    struct hm_node *node = arg;
    (void)creation; /* ours was chosen before, so that pids could be made */
    tell_ready(node, error, detail);
}

int hm_node_start(hm_node *node, hm_node_ready *ready, void *arg) {
    if (node->ready || node->listener || node->stopping)
        return HM_ESTATE;
    node->ready = ready;
    node->ready_arg = arg;
    if (!node->no_listen) {
        int error =
            listener_open(&node->dist, node->listen, node->port_first, node->port_last, &node->listener);
        if (error != HM_OK) {
            node->ready = NULL;
            return error;
        }
        node->port = listener_port(node->listener);
    }
    if (!node->no_listen && !node->dist.no_epmd) {
        node->registration =
            registration_open(&node->dist, node->alive_name, node->port, node->hidden, on_registered, node);
        if (node->registration)
            return HM_OK;
    } else {
        struct ready_call *call = calloc(1, sizeof *call);
        if (call) {
            call->task.run = run_ready;
            call->node = node;
            turn_add(node->turn, TURN_RUN, &call->task);
            return HM_OK;
        }
    }
    listener_close(node->listener);
    node->listener = NULL;
    node->ready = NULL;
    return HM_ENOMEM;
}

/* ---- stop ---- */

struct names_query {
    LIST_ENTRY(names_query) link;
    struct epmd_query *query;
    hm_epmd_name *each;
    void *arg;
};

static void end_processes(struct hm_node *node) {
    /* Youngest first, as a supervisor ends its children; what terminate starts is ended as well. */
    while (node->process_count) {
        for (uint32_t id = node->slot_count; id-- > 1;)
            if (node->slots[id].process)
                process_exit(node->slots[id].process, ATOM_TERM("shutdown"));
    }
}

void hm_node_stop(hm_node *node) {
    if (node->stopping)
        return;
    node->stopping = true;
    if (node->listener)
        listener_close(node->listener);
    node->listener = NULL;
    end_processes(node);
    peers_free(node);
    if (node->registration)
        registration_close(node->registration);
    node->registration = NULL;
}

static void end_names_queries(struct hm_node *node) {
    struct names_query *query;
    while ((query = LIST_FIRST(&node->names_queries))) {
        LIST_REMOVE(query, link);
        epmd_query_cancel(query->query);
        free(query);
    }
}

void hm_node_free(hm_node *node) {
    if (!node)
        return;
    hm_node_stop(node);
    end_names_queries(node);
    pool_free(node->pool);
    evaluator_stop(node);
    otp_stop(node);
    metrics_fini(&node->metrics);
    turn_free(node->turn);
    dist_fini(&node->dist);
    process_table_free(node);
    names_free(node->names);
    hm_build_free(node->spare_build);
    free(node->cookie);
    free(node->listen);
    free(node->epmd_address);
    free(node->epmd_start);
    free(node->alive_name);
    free(node);
}

/* ---- about the node ---- */

struct event_base *hm_node_base(const hm_node *node) {
    return node->base;
}

const char *hm_node_name_of(const hm_node *node) {
    return hm_node_name_text(node->name);
}

uint16_t hm_node_port(const hm_node *node) {
    return node->port;
}

uint32_t hm_node_creation(const hm_node *node) {
    return node->dist.creation;
}

bool hm_get_pid(hm_node *node, hm_term term, hm_pid *pid) {
    return pid_decode(node->names, term, pid);
}

bool hm_get_ref(hm_node *node, hm_term term, hm_ref *ref) {
    return ref_decode(node->names, term, ref);
}

hm_ref hm_make_ref(hm_node *node) {
    return node_make_ref(node);
}

/* ---- other nodes ---- */

static bool is_node_name(const char *name) {
    const char *at = strchr(name, '@');
    return at && at != name && at[1] && !strchr(at + 1, '@');
}

const hm_node_name *hm_node_find(hm_node *node, const char *name) {
    if (!is_node_name(name))
        return NULL;
    return names_intern(node->names, name, strlen(name));
}

int hm_connect(hm_node *node, const hm_node_name *name, hm_connect_done *done, void *arg) {
    struct peer *peer = peers_get(node, name);
    if (!peer)
        return name == node->name || !name ? HM_EINVAL : HM_ENOMEM;
    return peers_connect(peer, done, arg);
}

int hm_keep_connected(hm_node *node, const hm_node_name *name) {
    struct peer *peer = peers_get(node, name);
    if (!peer)
        return name == node->name || !name ? HM_EINVAL : HM_ENOMEM;
    return peers_keep(peer);
}

int hm_candidate_add(hm_node *node, const char *text) {
    if (!is_node_name(text) || strlen(text) > HM_ATOM_BYTES)
        return HM_ENAME;
    const hm_node_name *name = names_claim(node->names, text, strlen(text));
    if (!name)
        return names_count(node->names) < names_max(node->names) ? HM_ENOMEM : HM_ELIMIT;
    struct peer *peer = name == node->name ? NULL : peers_get(node, name);
    if (!peer || peers_is_candidate(peer)) {
        bool is_own = name == node->name;
        names_release(node->names, name);
        return peer ? HM_OK : is_own ? HM_ENAME : HM_ENOMEM;
    }
    int error = peers_keep_candidate(peer);
    if (error)
        hm_candidate_remove(node, text);
    return error;
}

void hm_candidate_remove(hm_node *node, const char *text) {
    const hm_node_name *name = names_find(node->names, text, strlen(text));
    struct peer *peer = name ? peers_find(node, name) : NULL;
    if (!peer || !peers_is_candidate(peer))
        return;
    peers_forget_candidate(peer);
    /* Connected, or somebody waits for it: then it is more than a rumour. */
    if (peers_find(node, name))
        names_intern(node->names, text, strlen(text));
    names_release(node->names, name);
}

bool hm_disconnect(hm_node *node, const hm_node_name *name) {
    struct peer *peer = peers_find(node, name);
    return peer && peers_disconnect(peer);
}

struct nodes_call {
    enum hm_nodes kinds;
    void (*each)(void *arg, const hm_node_name *peer);
    void *arg;
};

static void pass_node(void *arg, struct peer *peer) {
    struct nodes_call *call = arg;
    if (peer_is_up(peer) && (call->kinds & (peer_is_visible(peer) ? HM_NODES_VISIBLE : HM_NODES_HIDDEN)))
        call->each(call->arg, peer_name(peer));
}

void hm_nodes(hm_node *node, enum hm_nodes kinds, void (*each)(void *arg, const hm_node_name *peer), void *arg) {
    struct nodes_call call = {kinds, each, arg};
    peers_each(node, pass_node, &call);
}

/* ---- epmd ---- */

static void pass_name(void *arg, const char *name, size_t size, uint16_t port, int error) {
    struct names_query *query = arg;
    char text[HM_ATOM_BYTES];
    if (name) {
        if (size >= sizeof text)
            return;
        memcpy(text, name, size);
        text[size] = '\0';
        query->each(query->arg, text, port, HM_OK);
        return;
    }
    hm_epmd_name *each = query->each;
    void *each_arg = query->arg;
    LIST_REMOVE(query, link);
    free(query);
    each(each_arg, NULL, 0, error);
}

int hm_epmd_names(hm_node *node, const char *host, hm_epmd_name *each, void *arg) {
    struct names_query *query = calloc(1, sizeof *query);
    if (!query)
        return HM_ENOMEM;
    query->each = each;
    query->arg = arg;
    LIST_INSERT_HEAD(&node->names_queries, query, link);
    query->query = epmd_names(&node->dist, host ? host : "localhost", pass_name, query);
    if (query->query)
        return HM_OK;
    LIST_REMOVE(query, link);
    free(query);
    return HM_ENOMEM;
}
