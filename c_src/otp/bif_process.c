/*
 * What erlang:process_info/1,2 and its neighbours say (erts/emulator/beam/erl_process.c, "Process
 * Information").
 *
 * A process here has no heap and no stack of its own: sizes are those of its struct and mailbox, reductions
 * the messages that it handled.
 */
#include "etf/ids.h"
#include "node/aliases.h"
#include "node/links.h"
#include "node/monitors.h"
#include "node/registry.h"
#include "otp/bifs.h"
#include "otp/gen_server.h"
#include "otp/sys.h"

/* ---- lists that are put together by callbacks ---- */

struct listing {
    hm_build *build;
    uint32_t count;
    const hm_node_name *self;
};

static void put_pid(void *arg, hm_process *process) {
    struct listing *listing = arg;
    hm_put_pid(listing->build, process->pid);
    listing->count++;
}

static void put_name(void *arg, struct bytes name, hm_process *process) {
    struct listing *listing = arg;
    (void)process;
    hm_put_atom_n(listing->build, (const char *)name.at, name.size);
    listing->count++;
}

static void put_link(void *arg, hm_pid other) {
    struct listing *listing = arg;
    hm_put_pid(listing->build, other);
    listing->count++;
}

/* {process, Pid} or {process, {Name, Node}}. */
static void put_monitor(void *arg, hm_pid pid, struct bytes name, const hm_node_name *on) {
    struct listing *listing = arg;
    hm_put_tuple(listing->build, 2);
    hm_put_atom(listing->build, "process");
    if (name.size) {
        hm_put_tuple(listing->build, 2);
        hm_put_atom_n(listing->build, (const char *)name.at, name.size);
        hm_put_atom(listing->build, hm_node_name_text(on ? on : listing->self));
    } else {
        hm_put_pid(listing->build, pid);
    }
    listing->count++;
}

static void put_watcher(void *arg, hm_pid pid, struct bytes name, const hm_node_name *on) {
    struct listing *listing = arg;
    (void)name;
    (void)on;
    if (!pid.node)
        return;
    hm_put_pid(listing->build, pid);
    listing->count++;
}

static enum mfa_outcome bif_processes(struct mfa_call *call) {
    struct listing listing = {call->result, 0, call->node->name};
    size_t begin = hm_put_list_begin(call->result);
    process_each(call->node, put_pid, &listing);
    hm_put_list_end(call->result, begin, listing.count);
    return MFA_VALUE;
}

static enum mfa_outcome bif_registered(struct mfa_call *call) {
    struct listing listing = {call->result, 0, call->node->name};
    size_t begin = hm_put_list_begin(call->result);
    registry_each(call->node, put_name, &listing);
    hm_put_list_end(call->result, begin, listing.count);
    return MFA_VALUE;
}

static enum mfa_outcome bif_whereis(struct mfa_call *call) {
    struct hm_text name;
    char room[HM_ATOM_BYTES];
    size_t size;
    if (hm_term_type(call->arguments[0]) != HM_TYPE_ATOM)
        return mfa_badarg(call);
    if (!hm_get_atom(call->arguments[0], &name)) {
        if (!hm_get_text(call->arguments[0], room, sizeof room, &size))
            return mfa_badarg(call);
        name = (struct hm_text){room, size};
    }
    const hm_process *process = registry_lookup(call->node, bytes_of(name.at, name.size));
    if (process)
        hm_put_pid(call->result, process->pid);
    else
        hm_put_atom(call->result, "undefined");
    return MFA_VALUE;
}

/* An argument that must be a pid of this node (of whatever life). */
static bool own_pid(const struct mfa_call *call, hm_pid *pid) {
    return pid_decode(call->node->names, call->arguments[0], pid) && pid->node == call->node->name;
}

static enum mfa_outcome bif_is_process_alive(struct mfa_call *call) {
    hm_pid pid;
    if (!own_pid(call, &pid))
        return mfa_badarg(call);
    hm_put_bool(call->result, process_lookup(call->node, pid) != NULL);
    return MFA_VALUE;
}

/* ---- items ---- */

typedef void put_item(const hm_process *process, hm_build *build);

static void put_registered_name(const hm_process *process, hm_build *build) {
    struct bytes name = registry_name(process);
    if (name.size)
        hm_put_atom_n(build, (const char *)name.at, name.size);
    else
        hm_put_nil(build);
}

static bool is_server(const hm_process *process) {
    return process->class == &gen_server_class && process->state;
}

/* Where it waits: in the loop of gen_server, of sys while it is suspended, or in what it was spawned to run. */
static void put_current(const hm_process *process, bool location, hm_build *build) {
    bool server = is_server(process), suspended = server && process->suspended;
    hm_put_tuple(build, location ? 4 : 3);
    hm_put_atom(build, suspended ? "sys" : server ? "gen_server" : process->initial_module);
    hm_put_atom(build, suspended ? "suspend_loop" : server ? "loop" : process->initial_function);
    hm_put_int64(build, suspended ? 6 : server ? 7 : process->initial_arity);
    if (location)
        hm_put_nil(build);
}

static void put_current_function(const hm_process *process, hm_build *build) {
    put_current(process, false, build);
}

static void put_current_location(const hm_process *process, hm_build *build) {
    put_current(process, true, build);
}

static void put_current_stacktrace(const hm_process *process, hm_build *build) {
    hm_put_list(build, 1);
    put_current_location(process, build);
    hm_put_nil(build);
}

static void put_initial_call(const hm_process *process, hm_build *build) {
    hm_put_format(build, "{~a, ~a, ~u}", process->initial_module, process->initial_function,
                  (uint64_t)process->initial_arity);
}

static void put_status(const hm_process *process, hm_build *build) {
    hm_put_atom(build, process->running ? "running" : process->mailbox.count ? "runnable" : "waiting");
}

/* What closures that run in it have not taken yet. */
static uint32_t kept_messages(const hm_process *process, hm_build *build) {
    const struct otp_evaluator *evaluator = otp_of(process->node)->evaluator;
    return evaluator ? evaluator->kept(process, build) : 0;
}

static void put_queue_length(const hm_process *process, hm_build *build) {
    hm_put_uint64(build, (uint64_t)process->mailbox.count + process->deferred_count + kept_messages(process, NULL));
}

static uint32_t put_message_list(const struct message_list *list, hm_build *build) {
    const struct message *message;
    uint32_t count = 0;
    STAILQ_FOREACH (message, list, link)
        if (message->kind == MESSAGE_TERM || (message->kind == MESSAGE_DOWN && monitors_is_wanted(message))) {
            hm_put_term(build, message->term);
            count++;
        }
    return count;
}

static void put_messages(const hm_process *process, hm_build *build) {
    size_t begin = hm_put_list_begin(build);
    uint32_t count = kept_messages(process, build);
    count += put_message_list(&process->deferred, build);
    count += put_message_list(&process->mailbox.list, build);
    hm_put_list_end(build, begin, count);
}

static void put_links(const hm_process *process, hm_build *build) {
    struct listing listing = {build, 0, process->node->name};
    size_t begin = hm_put_list_begin(build);
    links_each(process, put_link, &listing);
    hm_put_list_end(build, begin, listing.count);
}

static void put_monitors(const hm_process *process, hm_build *build) {
    struct listing listing = {build, 0, process->node->name};
    size_t begin = hm_put_list_begin(build);
    monitors_each(process, true, put_monitor, &listing);
    hm_put_list_end(build, begin, listing.count);
}

static void put_monitored_by(const hm_process *process, hm_build *build) {
    struct listing listing = {build, 0, process->node->name};
    size_t begin = hm_put_list_begin(build);
    monitors_each(process, false, put_watcher, &listing);
    hm_put_list_end(build, begin, listing.count);
}

static void put_dictionary(const hm_process *process, hm_build *build) {
    if (is_server(process))
        sys_put_dictionary(process, build);
    else
        hm_put_nil(build);
}

static void put_trap_exit(const hm_process *process, hm_build *build) {
    hm_put_bool(build, process->trap_exit);
}

static void put_error_handler(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_atom(build, "error_handler");
}

static void put_priority(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_atom(build, "normal");
}

static void put_group_leader(const hm_process *process, hm_build *build) {
    hm_put_pid(build, process->leader.node ? process->leader : process->pid);
}

static void put_parent(const hm_process *process, hm_build *build) {
    if (process->parent.node)
        hm_put_pid(build, process->parent);
    else
        hm_put_atom(build, "undefined");
}

static size_t memory_of(const hm_process *process) {
    return process_memory(process) + (is_server(process) ? sizeof(struct gen_server) : 0);
}

static void put_memory(const hm_process *process, hm_build *build) {
    hm_put_uint64(build, memory_of(process));
}

static void put_words(const hm_process *process, hm_build *build) {
    hm_put_uint64(build, memory_of(process) / sizeof(void *));
}

static void put_zero(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_int64(build, 0);
}

static void put_empty(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_nil(build);
}

static void put_false(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_bool(build, false);
}

static void put_undefined(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_atom(build, "undefined");
}

static void put_on_heap(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_atom(build, "on_heap");
}

static void put_reductions(const hm_process *process, hm_build *build) {
    hm_put_uint64(build, process->handled);
}

static void put_suspending(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_nil(build);
}

static void put_garbage_collection(const hm_process *process, hm_build *build) {
    (void)process;
    hm_put_format(
        build, "[{max_heap_size, #{error_logger => true, kill => true, size => 0}}, {min_bin_vheap_size, 0}, "
               "{min_heap_size, 0}, {fullsweep_after, 65535}, {minor_gcs, 0}]");
}

/* In the order of process_info/1 for those that it shows. */
static const struct item {
    const char *name;
    bool shown; /* by process_info/1 */
    put_item *put;
} ITEMS[] = {
    {"registered_name", true, put_registered_name},
    {"current_function", true, put_current_function},
    {"initial_call", true, put_initial_call},
    {"status", true, put_status},
    {"message_queue_len", true, put_queue_length},
    {"links", true, put_links},
    {"dictionary", true, put_dictionary},
    {"trap_exit", true, put_trap_exit},
    {"error_handler", true, put_error_handler},
    {"priority", true, put_priority},
    {"group_leader", true, put_group_leader},
    {"total_heap_size", true, put_words},
    {"heap_size", true, put_words},
    {"stack_size", true, put_zero},
    {"reductions", true, put_reductions},
    {"garbage_collection", true, put_garbage_collection},
    {"suspending", true, put_suspending},
    {"async_dist", false, put_false},
    {"backtrace", false, NULL},
    {"binary", false, put_empty},
    {"catchlevel", false, put_zero},
    {"current_location", false, put_current_location},
    {"current_stacktrace", false, put_current_stacktrace},
    {"garbage_collection_info", false, put_empty},
    {"label", false, put_undefined},
    {"last_calls", false, put_false},
    {"memory", false, put_memory},
    {"message_queue_data", false, put_on_heap},
    {"messages", false, put_messages},
    {"min_bin_vheap_size", false, put_zero},
    {"min_heap_size", false, put_zero},
    {"monitored_by", false, put_monitored_by},
    {"monitors", false, put_monitors},
    {"parent", false, put_parent},
    {"sequential_trace_token", false, put_empty},
    {"trace", false, put_zero},
};

enum { ITEM_COUNT = sizeof ITEMS / sizeof *ITEMS };

static const struct item *find_item(hm_term name) {
    for (size_t i = 0; i < ITEM_COUNT; i++)
        if (hm_is_atom(name, ITEMS[i].name))
            return &ITEMS[i];
    return NULL;
}

static void put_pair(const struct item *item, const hm_process *process, hm_build *build) {
    hm_put_tuple(build, 2);
    hm_put_atom(build, item->name);
    if (item->put)
        item->put(process, build);
    else
        hm_put_binary(build, "", 0); /* backtrace: nothing to show */
}

static enum mfa_outcome bif_process_info_1(struct mfa_call *call) {
    hm_pid pid;
    if (!own_pid(call, &pid))
        return mfa_badarg(call);
    const hm_process *process = process_lookup(call->node, pid);
    if (!process) {
        hm_put_atom(call->result, "undefined");
        return MFA_VALUE;
    }
    size_t begin = hm_put_list_begin(call->result);
    uint32_t count = 0;
    for (size_t i = 0; i < ITEM_COUNT; i++) {
        if (!ITEMS[i].shown || (ITEMS[i].put == put_registered_name && registry_name(process).size == 0))
            continue;
        put_pair(&ITEMS[i], process, call->result);
        count++;
    }
    hm_put_list_end(call->result, begin, count);
    return MFA_VALUE;
}

void bif_put_process_item(const hm_process *process, const char *name, hm_build *build) {
    size_t i = 0;
    while (i < ITEM_COUNT && strcmp(ITEMS[i].name, name) != 0)
        i++;
    if (i < ITEM_COUNT && ITEMS[i].put)
        ITEMS[i].put(process, build);
    else
        hm_put_atom(build, "undefined");
}

/* {dictionary, Key} (OTP 26.2): {{dictionary, Key}, Value}. There are no dictionaries but that of a
 * gen_server. */
static bool is_dictionary_key(hm_term item) {
    return hm_match(item, "{dictionary, _}");
}

static void put_dictionary_value(hm_term item, const hm_process *process, hm_build *build) {
    hm_term key;
    hm_put_tuple(build, 2);
    hm_put_term(build, item);
    if (!hm_match(item, "{dictionary, ~t}", &key) || !is_server(process))
        hm_put_atom(build, "undefined");
    else if (hm_is_atom(key, "$initial_call"))
        sys_put_initial_call(process, build);
    else if (hm_is_atom(key, "$ancestors"))
        sys_put_ancestors(process, build);
    else
        hm_put_atom(build, "undefined");
}

static bool put_wanted(hm_term name, const hm_process *process, hm_build *build) {
    const struct item *item = find_item(name);
    if (item)
        put_pair(item, process, build);
    else if (is_dictionary_key(name))
        put_dictionary_value(name, process, build);
    else
        return false;
    return true;
}

static bool is_item(hm_term name) {
    return find_item(name) || is_dictionary_key(name);
}

static enum mfa_outcome bif_process_info_2(struct mfa_call *call) {
    hm_term wanted = call->arguments[1], name;
    struct hm_list list;
    hm_pid pid;
    if (!own_pid(call, &pid))
        return mfa_badarg(call);
    bool many = hm_list_begin(wanted, &list);
    if (!many && !is_item(wanted))
        return mfa_badarg(call);
    while (many && hm_list_next(&list, &name))
        if (!is_item(name))
            return mfa_badarg(call);
    if (many && !hm_list_end(&list, NULL))
        return mfa_badarg(call);
    const hm_process *process = process_lookup(call->node, pid);
    if (!process) {
        hm_put_atom(call->result, "undefined");
        return MFA_VALUE;
    }
    if (!many) {
        /* The one exception of process_info/2: a process without name gives [] and no pair. */
        if (hm_is_atom(wanted, "registered_name") && registry_name(process).size == 0)
            hm_put_nil(call->result);
        else
            put_wanted(wanted, process, call->result);
        return MFA_VALUE;
    }
    hm_list_begin(wanted, &list);
    size_t begin = hm_put_list_begin(call->result);
    uint32_t count = 0;
    while (hm_list_next(&list, &name))
        if (put_wanted(name, process, call->result))
            count++;
    hm_put_list_end(call->result, begin, count);
    return MFA_VALUE;
}

int bif_process_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"erlang", "is_process_alive", 1, bif_is_process_alive, NULL},
        {"erlang", "process_info", 1, bif_process_info_1, NULL},
        {"erlang", "process_info", 2, bif_process_info_2, NULL},
        {"erlang", "processes", 0, bif_processes, NULL},
        {"erlang", "registered", 0, bif_registered, NULL},
        {"erlang", "whereis", 1, bif_whereis, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
