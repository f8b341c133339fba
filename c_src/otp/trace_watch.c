/*
 * What happens, as events: the hooks of node/trace and those of otp. Each asks the traces of its kind, and copies for those that are meant.
 * Large terms are replaced by {'...', Bytes} here, so that neither the copy nor anything after it depends on what a peer sends.
 */
#include <stdlib.h>
#include <string.h>

#include "node/registry.h"
#include "otp/gen_server.h"
#include "otp/trace_private.h"

/* ---- terms ---- */

/* `left`: bytes that this event may still have. */
static void put_cut(hm_build *build, hm_term term, size_t *left) {
    if (term.size <= *left) {
        hm_put_term(build, term);
        *left -= term.size;
    } else {
        hm_put_format(build, "{'...', ~u}", (uint64_t)term.size);
    }
}

/* Of a long list of arguments each is cut, and their number stays. */
static void put_arguments(hm_build *build, hm_term arguments, size_t left) {
    struct hm_list list;
    hm_term argument;
    uint32_t count = 0;
    if (arguments.size <= left || !hm_list_begin(arguments, &list)) {
        put_cut(build, arguments, &left);
        return;
    }
    size_t begin = hm_put_list_begin(build);
    for (; hm_list_next(&list, &argument); count++)
        put_cut(build, argument, &left);
    hm_put_list_end(build, begin, count);
}

static size_t room(const struct tracing *tracing) {
    return tracing->waiting_bytes > TRACE_QUEUE_BYTES ? 0 : TRACE_TERM_BYTES;
}

static hm_build *begin(struct tracing *tracing) {
    hm_build_reset(tracing->build);
    return tracing->build;
}

/*
 * An event's three terms are written into one builder, one after the other, as a tuple: {Who, What, Value}.
 */
struct draft {
    struct tracing *tracing;
    hm_build *build;
    size_t left;
};

static struct draft draft_begin(struct tracing *tracing) {
    struct draft draft = {tracing, begin(tracing), room(tracing)};
    hm_put_tuple(draft.build, 3);
    return draft;
}

static void put_none(struct draft *draft) {
    hm_put_nil(draft->build);
}

static void draft_add(const struct draft *draft, struct trace *trace, enum hm_trace_type type, bool has_value) {
    hm_term parts[3];
    if (hm_build_error(draft->build) != HM_OK || !hm_tuple_elements(hm_build_term(draft->build), 3, parts))
        trace_end(trace, HM_TRACE_NO_MEMORY);
    else
        trace_add(trace, type, parts[0], parts[1], has_value ? parts[2] : (hm_term){0});
}

/* ---- messages ---- */

static uint64_t hash_of(const struct hm_from *from) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < from->tag.size; i++)
        hash = (hash ^ from->tag.bytes[i]) * 1099511628211u;
    hash = (hash ^ from->pid.id) * 1099511628211u;
    hash = (hash ^ (uintptr_t)from->pid.node) * 1099511628211u;
    return hash ? hash : 1;
}

static void expect_reply(struct trace *trace, const hm_process *process, const char *module, const struct hm_from *from) {
    trace->calls[trace->next_call++ % TRACE_CALLS] = (struct trace_call){hash_of(from), process->pid, module};
}

/* What the message is to a gen_server: its callback and the arguments. */
static void add_callback(struct trace *trace, hm_process *process, enum gen_kind kind, hm_term body, const struct hm_from *from) {
    struct draft draft = draft_begin(trace->tracing);
    const char *module = ((const struct gen_server *)process->state)->class->module;
    hm_put_pid(draft.build, process->pid);
    hm_put_tuple(draft.build, 3);
    hm_put_atom(draft.build, module);
    hm_put_atom(draft.build, kind == GEN_CALL ? "handle_call" : kind == GEN_CAST ? "handle_cast" : "handle_info");
    hm_put_list(draft.build, kind == GEN_CALL ? 2 : 1);
    put_cut(draft.build, body, &draft.left);
    if (kind == GEN_CALL) {
        hm_put_tuple(draft.build, 2);
        hm_put_pid(draft.build, from->pid);
        put_cut(draft.build, from->tag, &draft.left);
    }
    hm_put_nil(draft.build);
    put_none(&draft);
    if (kind == GEN_CALL && trace->calls)
        expect_reply(trace, process, module, from);
    draft_add(&draft, trace, HM_TRACE_CALL, false);
}

static void add_receive(struct trace *trace, hm_process *process, hm_term message) {
    struct draft draft = draft_begin(trace->tracing);
    hm_put_pid(draft.build, process->pid);
    put_cut(draft.build, message, &draft.left);
    put_none(&draft);
    draft_add(&draft, trace, HM_TRACE_RECEIVE, false);
}

static void on_message(hm_process *process, const hm_node_name *origin, hm_term message) {
    struct tracing *tracing = otp_of(process->node)->tracing;
    struct trace *trace;
    struct hm_from from;
    hm_term body;
    bool wanted = false;
    if (!tracing->running_by_kind[TRACE_PROCESS])
        return;
    enum gen_kind kind = gen_message_read(process->node->names, message, &body, &from);
    bool is_server = process->class == &gen_server_class && process->state;
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        if (trace->over || !trace_target_is_process(&trace->target, process))
            continue;
        wanted = true;
        if ((!origin && !trace->options.local) || !trace_target_fits(&trace->target, body))
            continue;
        if (!trace->options.messages && is_server && kind == GEN_SYSTEM)
            continue; /* for sys, not for the server */
        if (!trace_is_due(trace))
            continue;
        if (trace->options.messages || !is_server)
            add_receive(trace, process, message);
        else
            add_callback(trace, process, kind, body, &from);
    }
    if (!wanted) /* whoever wanted is gone, or it has another name now */
        process->traced = false;
}

static void put_receiver(struct draft *draft, hm_address to, const hm_ref *alias) {
    if (alias)
        hm_put_ref(draft->build, alias);
    else if (!to.name)
        hm_put_pid(draft->build, to.pid);
    else if (!to.node)
        hm_put_atom(draft->build, to.name);
    else
        hm_put_format(draft->build, "{~a, ~a}", to.name, hm_node_name_text(to.node));
}

static bool is_outside(const struct hm_node *node, hm_address to, const hm_ref *alias) {
    const hm_node_name *on = alias ? alias->node : to.name ? to.node : to.pid.node;
    return on && on != node->name;
}

static void on_send(struct hm_node *node, hm_pid from, hm_address to, const hm_ref *alias, hm_term message) {
    struct tracing *tracing = otp_of(node)->tracing;
    struct trace *trace;
    hm_process *process = NULL;
    if (node->trace_quiet || !tracing->running_by_kind[TRACE_PROCESS] || !(process = process_lookup(node, from)) ||
        !process->traced)
        return;
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        struct hm_from caller;
        hm_term body;
        if (trace->over || !trace->options.messages || !trace_target_is_process(&trace->target, process) ||
            (!trace->options.local && !is_outside(node, to, alias)))
            continue;
        gen_message_read(node->names, message, &body, &caller);
        if (!trace_target_fits(&trace->target, body) || !trace_is_due(trace))
            continue;
        struct draft draft = draft_begin(tracing);
        hm_put_pid(draft.build, from);
        put_cut(draft.build, message, &draft.left);
        put_receiver(&draft, to, alias);
        draft_add(&draft, trace, HM_TRACE_SEND, true);
    }
}

static struct trace_call *take_call(struct trace *trace, uint64_t hash) {
    for (unsigned i = 0; i < TRACE_CALLS; i++)
        if (trace->calls[i].hash == hash) {
            trace->calls[i].hash = 0;
            return &trace->calls[i];
        }
    return NULL;
}

void trace_on_reply(struct hm_node *node, const struct hm_from *from, hm_term reply) {
    struct tracing *tracing = otp_of(node)->tracing;
    struct trace *trace;
    const struct trace_call *call;
    if (!tracing->running_by_kind[TRACE_PROCESS])
        return;
    uint64_t hash = hash_of(from);
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        if (trace->over || trace->target.kind != TRACE_PROCESS || !trace->calls || !(call = take_call(trace, hash)) ||
            !trace_is_due(trace))
            continue;
        struct draft draft = draft_begin(tracing);
        hm_put_pid(draft.build, call->who);
        hm_put_format(draft.build, "{~a, handle_call, 2}", call->module);
        put_cut(draft.build, reply, &draft.left);
        draft_add(&draft, trace, HM_TRACE_RETURN, true);
    }
}

/* ---- functions ---- */

static bool is_wanted_function(const struct trace *trace, const hm_process *process, const struct mfa_row *row) {
    return !trace->over && trace->target.kind == TRACE_FUNCTION && (process->on_behalf || trace->options.local) &&
           trace_target_is_function(&trace->target, row->module, row->function, row->arity);
}

uint64_t trace_on_call(hm_process *process, const struct mfa_row *row, hm_term arguments) {
    struct tracing *tracing = otp_of(process->node)->tracing;
    struct trace *trace;
    bool returns = false;
    if (process->node->trace_quiet || !tracing->running_by_kind[TRACE_FUNCTION])
        return 0;
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        if (!is_wanted_function(trace, process, row) || !trace_is_due(trace))
            continue;
        struct draft draft = draft_begin(tracing);
        hm_put_pid(draft.build, process->pid);
        hm_put_tuple(draft.build, 3);
        hm_put_atom(draft.build, row->module);
        hm_put_atom(draft.build, row->function);
        put_arguments(draft.build, arguments, draft.left);
        put_none(&draft);
        draft_add(&draft, trace, HM_TRACE_CALL, false);
        returns = returns || trace->options.returns;
    }
    return returns ? tracing->last_id : 0;
}

void trace_on_outcome(hm_process *process, uint64_t traced, const struct mfa_row *row, enum mfa_outcome outcome,
                      hm_term result) {
    static const char *const CLASSES[] = {[MFA_ERROR] = "error", [MFA_EXIT] = "exit", [MFA_THROW] = "throw"};
    struct tracing *tracing = otp_of(process->node)->tracing;
    struct trace *trace;
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        if (trace->id > traced || !trace->options.returns || !is_wanted_function(trace, process, row) || !trace_is_due(trace))
            continue;
        struct draft draft = draft_begin(tracing);
        hm_put_pid(draft.build, process->pid);
        hm_put_format(draft.build, "{~a, ~a, ~u}", row->module, row->function, (uint64_t)row->arity);
        if (outcome != MFA_VALUE) {
            hm_put_tuple(draft.build, 2);
            hm_put_atom(draft.build, CLASSES[outcome]);
        }
        if (result.size)
            put_cut(draft.build, result, &draft.left);
        else
            hm_put_atom(draft.build, "undefined");
        draft_add(&draft, trace, outcome == MFA_VALUE ? HM_TRACE_RETURN : HM_TRACE_EXCEPTION, true);
    }
}

/* ---- processes ---- */

static void put_start(struct draft *draft, const hm_process *process, hm_pid parent, hm_term request) {
    hm_term mfa[3];
    if (parent.node)
        hm_put_pid(draft->build, parent);
    else
        hm_put_atom(draft->build, "undefined");
    if (hm_tuple_elements(request, 3, mfa)) {
        hm_put_tuple(draft->build, 3);
        hm_put_term(draft->build, mfa[0]);
        hm_put_term(draft->build, mfa[1]);
        put_arguments(draft->build, mfa[2], draft->left);
    } else {
        hm_put_format(draft->build, "{~a, ~a, ~u}", process->initial_module, process->initial_function,
                      (uint64_t)process->initial_arity);
    }
}

static enum hm_trace_type put_news(struct draft *draft, const hm_process *process, enum trace_news news, hm_pid other, hm_term term) {
    static const enum hm_trace_type TYPES[] = {
        [TRACE_STARTED] = HM_TRACE_SPAWNED,
        [TRACE_ENDED] = HM_TRACE_EXIT,
        [TRACE_LINKED] = HM_TRACE_LINK,
        [TRACE_UNLINKED] = HM_TRACE_UNLINK,
        [TRACE_GETTING_LINKED] = HM_TRACE_GETTING_LINKED,
        [TRACE_GETTING_UNLINKED] = HM_TRACE_GETTING_UNLINKED,
        [TRACE_REGISTERED] = HM_TRACE_REGISTER,
        [TRACE_UNREGISTERED] = HM_TRACE_UNREGISTER,
    };
    hm_put_pid(draft->build, process->pid);
    if (news == TRACE_STARTED) {
        put_start(draft, process, other, term);
        return TYPES[news];
    }
    if (news == TRACE_ENDED) {
        put_cut(draft->build, term, &draft->left);
    } else if (news == TRACE_REGISTERED || news == TRACE_UNREGISTERED) {
        struct bytes name = registry_name(process);
        hm_put_atom_n(draft->build, (const char *)name.at, name.size);
    } else {
        hm_put_pid(draft->build, other);
    }
    put_none(draft);
    return TYPES[news];
}

/* A name moves on to another process, and its trace with it; a pid does not come back. */
static void follow(struct trace *trace, hm_process *process, enum trace_news news) {
    if (trace->target.kind != TRACE_PROCESS)
        return;
    if (news == TRACE_REGISTERED && trace_target_is_process(&trace->target, process))
        process->traced = true;
    else if (news == TRACE_ENDED && !trace->target.name[0] && hm_pid_equal(trace->target.pid, process->pid))
        trace_end(trace, HM_TRACE_TARGET_GONE);
}

static void on_news(hm_process *process, enum trace_news news, hm_pid other, hm_term term) {
    struct tracing *tracing = otp_of(process->node)->tracing;
    struct trace *trace;
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        if (trace->over)
            continue;
        follow(trace, process, news);
        if (trace->target.kind != TRACE_NEWS || tracing->node->trace_quiet || !trace_is_due(trace))
            continue;
        struct draft draft = draft_begin(tracing);
        enum hm_trace_type type = put_news(&draft, process, news, other, term);
        draft_add(&draft, trace, type, news == TRACE_STARTED);
    }
}

/* ---- control messages ---- */

static void put_pid(hm_build *build, hm_pid pid) {
    if (pid.node)
        hm_put_pid(build, pid);
    else
        hm_put_atom(build, "");
}

static void put_name_or_pid(hm_build *build, struct bytes name, hm_pid pid) {
    if (name.size)
        hm_put_atom_n(build, (const char *)name.at, name.size);
    else
        put_pid(build, pid);
}

/* The fields in the order of erl_dist_protocol, with the operation's name in front instead of the number. */
static void put_control(struct draft *draft, const struct control *control) {
    static const struct {
        const char *name;
        uint32_t fields;
    } FORMS[] = {
        [CONTROL_SEND] = {"send", 2},
        [CONTROL_SEND_NAME] = {"reg_send", 2},
        [CONTROL_SEND_ALIAS] = {"alias_send", 2},
        [CONTROL_LINK] = {"link", 2},
        [CONTROL_UNLINK] = {"unlink_id", 3},
        [CONTROL_UNLINK_ACK] = {"unlink_id_ack", 3},
        [CONTROL_EXIT] = {"exit", 2},
        [CONTROL_EXIT2] = {"exit2", 2},
        [CONTROL_MONITOR] = {"monitor_p", 3},
        [CONTROL_DEMONITOR] = {"demonitor_p", 3},
        [CONTROL_DOWN] = {"monitor_p_exit", 3},
        [CONTROL_SPAWN_REQUEST] = {"spawn_request", 5},
        [CONTROL_SPAWN_REPLY] = {"spawn_reply", 4},
        [CONTROL_GROUP_LEADER] = {"group_leader", 2},
    };
    hm_build *build = draft->build;
    hm_put_tuple(build, 1 + FORMS[control->kind].fields);
    hm_put_atom(build, FORMS[control->kind].name);
    switch (control->kind) {
    case CONTROL_SEND_ALIAS:
        put_pid(build, control->from);
        hm_put_ref(build, &control->ref);
        return;
    case CONTROL_UNLINK:
    case CONTROL_UNLINK_ACK:
        hm_put_uint64(build, control->id);
        break;
    case CONTROL_DOWN:
        put_name_or_pid(build, control->name, control->from);
        put_pid(build, control->to);
        hm_put_ref(build, &control->ref);
        return;
    case CONTROL_SPAWN_REQUEST:
        hm_put_ref(build, &control->ref);
        put_pid(build, control->from);
        put_pid(build, control->leader);
        put_cut(build, control->mfa, &draft->left);
        put_cut(build, control->options, &draft->left);
        return;
    case CONTROL_SPAWN_REPLY:
        hm_put_ref(build, &control->ref);
        put_pid(build, control->to);
        hm_put_uint64(build, control->id);
        put_cut(build, control->result, &draft->left);
        return;
    case CONTROL_GROUP_LEADER:
        put_pid(build, control->leader);
        put_pid(build, control->to);
        return;
    default:
        break;
    }
    put_pid(build, control->from);
    if (control->kind == CONTROL_EXIT2 && control->ref.words)
        hm_put_ref(build, &control->ref);
    else
        put_name_or_pid(build, control->name, control->to);
    if (control->kind == CONTROL_MONITOR || control->kind == CONTROL_DEMONITOR)
        hm_put_ref(build, &control->ref);
}

static void on_control(struct hm_node *node, const hm_node_name *peer, bool out, const struct control *control, hm_term payload) {
    struct tracing *tracing = otp_of(node)->tracing;
    struct trace *trace;
    if (node->trace_quiet || !tracing->running_by_kind[TRACE_PEER])
        return;
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        if (trace->over || trace->target.kind != TRACE_PEER || trace->target.peer != peer || !trace_is_due(trace))
            continue;
        struct draft draft = draft_begin(tracing);
        hm_put_atom(draft.build, hm_node_name_text(peer));
        hm_put_tuple(draft.build, payload.size ? 2 : 1);
        put_control(&draft, control);
        if (payload.size)
            put_cut(draft.build, payload, &draft.left);
        hm_put_atom(draft.build, hm_node_name_text(peer));
        draft_add(&draft, trace, out ? HM_TRACE_SEND : HM_TRACE_RECEIVE, out);
    }
}

const struct node_trace trace_hooks = {
    .on_message = on_message,
    .on_send = on_send,
    .on_news = on_news,
    .on_control = on_control,
};
