/*
 * erl_dist_protocol SPAWN_REQUEST. Options that only tune the BEAM's memory and scheduling are accepted and change nothing.
 */
#include "node/spawn.h"

#include "dist/left_out.h"
#include "node/links.h"
#include "node/monitors.h"

struct options {
    bool link, monitor;
};

static bool is_tuning(hm_term option) {
    static const char *const names[] = {"priority",        "min_heap_size", "min_bin_vheap_size", "fullsweep_after",
                                        "max_heap_size",   "message_queue_data", "async_dist",    "scheduler"};
    hm_term parts[2];
    if (!hm_tuple_elements(option, 2, parts))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (hm_is_atom(parts[0], names[i]))
            return true;
    return false;
}

static bool read_options(hm_term term, struct options *options) {
    struct hm_list list;
    hm_term option, parts[2];
    if (!hm_list_begin(term, &list))
        return false;
    while (hm_list_next(&list, &option)) {
        if (hm_is_atom(option, "link"))
            options->link = true;
        else if (hm_is_atom(option, "monitor") ||
                 (hm_tuple_elements(option, 2, parts) && hm_is_atom(parts[0], "monitor")))
            options->monitor = true;
        else if (!is_tuning(option))
            return false;
    }
    return hm_list_end(&list, NULL);
}

static bool read_mfa(hm_term mfa, hm_term arguments, struct spawn_request *request) {
    hm_term parts[3];
    uint64_t arity;
    struct hm_list list;
    hm_term ignored;
    if (!hm_tuple_elements(mfa, 3, parts) || hm_term_type(parts[0]) != HM_TYPE_ATOM ||
        hm_term_type(parts[1]) != HM_TYPE_ATOM || !hm_get_uint64(parts[2], &arity) || arity > 255)
        return false;
    if (!hm_list_begin(arguments, &list))
        return false;
    uint64_t length = 0;
    while (hm_list_next(&list, &ignored))
        length++;
    if (length != arity || !hm_list_end(&list, NULL))
        return false;
    request->module = parts[0];
    request->function = parts[1];
    request->arity = (uint32_t)arity;
    request->arguments = arguments;
    return true;
}

static void reply(struct peer *peer, const struct control *request, uint64_t flags, hm_term result) {
    struct control control = {
        .kind = CONTROL_SPAWN_REPLY, .ref = request->ref, .to = request->from, .id = flags, .result = result};
    if (peers_send(peer, &control, (hm_term){0}, NULL) == HM_ENOMEM)
        peers_cut(peer); /* who asked waits for it */
}

static void refuse(struct peer *peer, const struct control *request, const char *why) {
    hm_build *build = hm_build_new();
    if (build)
        hm_put_atom(build, why);
    reply(peer, request, 0, build ? hm_build_term(build) : ATOM_TERM("system_limit"));
    hm_build_free(build);
}

void spawn_on_request(struct hm_node *node, struct peer *peer, const struct control *control, hm_term arguments) {
    struct options options = {0};
    struct spawn_request request = {
        .from = control->from, .leader = control->leader, .ref = control->ref, .peer = peer_name(peer)};
    if (!read_options(control->options, &options)) {
        refuse(peer, control, "badopt");
        return;
    }
    if (!read_mfa(control->mfa, arguments, &request)) {
        refuse(peer, control, hm_is_atom(arguments, LEFT_OUT) ? "system_limit" : "badarg");
        return;
    }
    hm_pid pid;
    const char *refusal = "system_limit";
    if (!node->hooks || !node->hooks->on_spawn || node->hooks->on_spawn(node, &request, &pid, &refusal) != HM_OK) {
        refuse(peer, control, refusal);
        return;
    }
    hm_process *process = process_lookup(node, pid);
    hm_build *build = hm_build_new();
    if (process && build) {
        hm_put_pid(build, pid);
        reply(peer, control, (options.link ? 1u : 0u) | (options.monitor ? 2u : 0u), hm_build_term(build));
        if (options.link)
            links_on_link(process, control->from);
        if (options.monitor)
            monitors_on_monitor(node, peer, control->from, pid, (struct bytes){0}, process, &control->ref);
    } else {
        if (process)
            process_deliver_exit(process, pid, ATOM_TERM("system_limit"), true);
        refuse(peer, control, "system_limit");
    }
    hm_build_free(build);
}
