#include "cli/bus_member.h"

#include <stdio.h>
#include <string.h>

static const char PHOENIX_SCOPE[] = "Elixir.Phoenix.PubSub";

bool bus_member_wanted(struct bus_member *member, const struct settings *settings, int *error, char *why, size_t capacity) {
    const char *name = settings->phoenix;
    *member = (struct bus_member){.hermes = settings->hermes};
    *error = 0;
    if (!name && !settings->hermes)
        return false;
    if (name && settings->hermes) {
        snprintf(why, capacity, "--hermes and --phoenix are two different things: give one of them");
        *error = HM_EINVAL;
    } else if (name && (!*name || strlen(name) > 220)) {
        snprintf(why, capacity, "--phoenix: \"%.40s\" does not name a PubSub, as MyApp.PubSub", name);
        *error = HM_EINVAL;
    }
    member->scope = settings->hermes ? "pg" : PHOENIX_SCOPE;
    if (name)
        snprintf(member->adapter, sizeof member->adapter, "%s%s.Adapter",
                 strncmp(name, "Elixir.", 7) == 0 ? "" : "Elixir.", name);
    return true;
}

int bus_member_check_topic(const struct bus_member *member, hm_term topic, char *why, size_t capacity) {
    if (member->hermes || hm_term_type(topic) == HM_TYPE_BINARY)
        return HM_OK;
    snprintf(why, capacity, "--phoenix: a topic of a Phoenix.PubSub is text, and this is another term");
    return HM_EINVAL;
}

void bus_member_fini(struct bus_member *member) {
    hm_build_free(member->groups);
    member->groups = NULL;
}

/* ---- messages ---- */

bool bus_member_read(const struct bus_member *member, hm_term message, hm_term *topic, hm_term *payload) {
    return member->hermes ? hm_match(message, "{broadcast_to_local, ~t, ~t}", topic, payload)
                          : hm_match(message, "{forward_to_local, ~t, ~t, _}", topic, payload);
}

void bus_member_put(const struct bus_member *member, hm_build *build, hm_term topic, hm_term payload) {
    if (member->hermes)
        hm_put_format(build, "{broadcast_to_local, ~t, ~t}", topic, payload);
    else
        hm_put_format(build, "{forward_to_local, ~t, ~t, ~a}", topic, payload, PHOENIX_SCOPE);
}

/* ---- asking the target ---- */

static int ask(struct tool *tool, const char *module, const char *function, hm_build *arguments, hm_rpc_done *done,
               void *arg) {
    int error = arguments ? hm_build_error(arguments) : HM_ENOMEM;
    if (!error) {
        struct hm_rpc call = HM_RPC(tool->peer, module, function, hm_build_term(arguments), tool_left_ms(tool));
        error = hm_rpc_call(tool->self, &call, done, arg);
    }
    hm_build_free(arguments);
    return error;
}

static void give_up_on(struct tool *tool, int error) {
    tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

int bus_member_coordinators(struct bus_member *member, struct tool *tool, hm_rpc_done *done) {
    hm_build *arguments = hm_build_new();
    if (arguments && member->hermes)
        hm_put_format(arguments, "[pg, {hermes, 'Elixir.Hermes.PubSub'}]");
    else if (arguments)
        hm_put_format(arguments, "[~a, ~a]", member->scope, member->adapter);
    return ask(tool, "pg", "get_members", arguments, done, tool);
}

/* ---- the scope: who asks is told of our one member ---- */

static void tell(hm_process *self, const struct bus_member *member, hm_address to) {
    hm_build *build = hm_build_new();
    struct hm_list groups;
    hm_term group;
    uint32_t count = 0;
    if (!build)
        return;
    hm_put_tuple(build, 3);
    hm_put_atom(build, "sync");
    hm_put_pid(build, hm_self(self));
    size_t begin = hm_put_list_begin(build);
    if (hm_list_begin(hm_build_term(member->groups), &groups))
        for (; hm_list_next(&groups, &group); count++)
            hm_put_format(build, "{~t, [~p]}", group, member->member);
    hm_put_list_end(build, begin, count);
    if (!hm_build_error(build))
        hm_cast(self, to, hm_build_term(build));
    hm_build_free(build);
}

/* sync: the members of others are not our business. */
static enum hm_verdict on_scope_cast(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static enum hm_verdict on_scope_info(hm_process *self, hm_term message) {
    const struct bus_member *member = hm_data(self);
    hm_term pid_term;
    hm_pid pid;
    if ((hm_match(message, "{discover, ~t}", &pid_term) || hm_match(message, "{discover, ~t, _}", &pid_term)) &&
        hm_get_pid(hm_node_of(self), pid_term, &pid))
        tell(self, member, hm_to_pid(pid));
    return HM_CONTINUE; /* joins and leaves */
}

static void discover(void *arg, const hm_node_name *peer) {
    hm_process *self = arg;
    const struct bus_member *member = hm_data(self);
    hm_sendf(self, hm_to_name(member->scope, peer), "{discover, ~p}", hm_self(self));
}

static int on_scope_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    hm_nodes(hm_node_of(self), HM_NODES_CONNECTED, discover, self);
    return 0;
}

static const struct hm_server_class scope_class = {.module = "pg", .init = on_scope_init, .cast = on_scope_cast, .info = on_scope_info};

/* ---- joining ---- */

static void open_scope(struct bus_member *member) {
    struct tool *tool = member->tool;
    struct hm_start start = {.name = member->scope};
    member->member = hm_self(tool->self);
    int error = hm_server_start(tool->node, &scope_class, &start, member, NULL);
    if (error)
        give_up_on(tool, error);
    else
        member->ready(tool);
}

static void on_dialled(void *arg, int error, const char *text) {
    struct bus_member *member = arg;
    (void)error; /* a node that is going down is no reason to do without the others */
    (void)text;
    if (--member->dialling == 0)
        open_scope(member);
}

static enum hm_verdict on_nodes(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct bus_member *member = arg;
    struct tool *tool = member->tool;
    struct hm_list list;
    struct hm_text name;
    hm_term element;
    (void)self;
    member->dialling = 1; /* ourselves: so that the count does not reach 0 before the last was dialled */
    if (result->error) {
        give_up_on(tool, result->error);
        return HM_CONTINUE;
    }
    if (hm_list_begin(result->value, &list))
        while (hm_list_next(&list, &element)) {
            char text[HM_ATOM_BYTES];
            if (!hm_get_atom(element, &name) || name.size >= sizeof text)
                continue;
            memcpy(text, name.at, name.size);
            text[name.size] = '\0';
            const hm_node_name *peer = hm_node_find(tool->node, text);
            member->dialling++;
            if (!peer || hm_connect(tool->node, peer, on_dialled, member))
                member->dialling--;
        }
    on_dialled(member, 0, NULL);
    return HM_CONTINUE;
}

static void ask_nodes(struct bus_member *member) {
    struct tool *tool = member->tool;
    hm_build *none = hm_build_new();
    if (none)
        hm_put_nil(none);
    int error = ask(tool, "erlang", "nodes", none, on_nodes, member);
    if (error)
        give_up_on(tool, error);
}

/* Those of the pool, which may have several workers: broadcasts go to any of them. */
static enum hm_verdict on_groups(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct bus_member *member = arg;
    struct tool *tool = member->tool;
    size_t prefix = strlen(member->adapter), begin;
    struct hm_list list;
    struct hm_text name;
    hm_term element;
    uint32_t count = 0;
    (void)self;
    begin = hm_put_list_begin(member->groups);
    if (!result->error && hm_list_begin(result->value, &list))
        while (hm_list_next(&list, &element))
            if (hm_get_atom(element, &name) && name.size >= prefix && memcmp(name.at, member->adapter, prefix) == 0 &&
                (name.size == prefix || name.at[prefix] == '_')) {
                hm_put_term(member->groups, element);
                count++;
            }
    hm_put_list_end(member->groups, begin, count);
    if (!count)
        tool_finish(tool, give_up(EXIT_NOPROC, "%s has no Phoenix.PubSub of this name: nobody is in the group %s",
                                  tool->target.text, member->adapter));
    else
        ask_nodes(member);
    return HM_CONTINUE;
}

void bus_member_join(struct bus_member *member, struct tool *tool, void (*ready)(struct tool *tool)) {
    member->tool = tool;
    member->ready = ready;
    member->groups = hm_build_new();
    if (!member->groups) {
        give_up_on(tool, HM_ENOMEM);
        return;
    }
    if (!member->hermes) {
        hm_build *scope = hm_build_new();
        if (scope)
            hm_put_format(scope, "[~a]", member->scope);
        int error = ask(tool, "pg", "which_groups", scope, on_groups, member);
        if (error)
            give_up_on(tool, error);
        return;
    }
    hm_put_format(member->groups, "[{hermes, 'Elixir.Hermes.PubSub'}]");
    ask_nodes(member);
}
