#include "otp/hermod_sup.h"

#include "otp/supervisor.h"

/* ---- which_children, count_children ---- */

struct listing {
    hm_build *build;
    uint32_t count;
};

/* Pid, `restarting' or, for one that was terminated, `undefined'. */
static void put_child_pid(const struct child_view *view, hm_build *build) {
    if (view->pid.node)
        hm_put_pid(build, view->pid);
    else
        hm_put_atom(build, view->state == CHILD_RESTARTING ? "restarting" : "undefined");
}

static void put_child(void *arg, const struct child_view *view) {
    struct listing *listing = arg;
    hm_put_tuple(listing->build, 4);
    hm_put_atom(listing->build, view->id);
    put_child_pid(view, listing->build);
    hm_put_atom(listing->build, "worker");
    hm_put_format(listing->build, "[~a]", view->module);
    listing->count++;
}

static void put_children(const hm_node *node, hm_build *build) {
    struct listing listing = {build, 0};
    size_t begin = hm_put_list_begin(build);
    supervisor_each(node, put_child, &listing);
    hm_put_list_end(build, begin, listing.count);
}

static enum hm_verdict reply_with_children(hm_process *self, const hm_from *from) {
    hm_build *build = hm_build_new();
    if (build)
        put_children(hm_node_of(self), build);
    if (build && hm_build_error(build) == HM_OK)
        hm_reply_term(self, from, hm_build_term(build));
    else
        hm_reply(self, from, "{error, system_limit}");
    hm_build_free(build);
    return HM_CONTINUE;
}

struct counts {
    uint64_t specs, active;
};

static void count_child(void *arg, const struct child_view *view) {
    struct counts *counts = arg;
    counts->specs++;
    counts->active += view->pid.node != NULL;
}

static enum hm_verdict reply_with_counts(hm_process *self, const hm_from *from) {
    struct counts counts = {0};
    supervisor_each(hm_node_of(self), count_child, &counts);
    return hm_reply(self, from, "[{specs, ~u}, {active, ~u}, {supervisors, 0}, {workers, ~u}]", counts.specs,
                    counts.active, counts.specs);
}

/* ---- requests about one child ---- */

/* start: what the module would be started with if it were one of Erlang. terminate runs to its end, so nobody is killed after some
 * time: infinity. */
static enum hm_verdict reply_with_spec(hm_process *self, const hm_from *from, const struct child *child) {
    struct child_view view = supervisor_view(child);
    return hm_reply(self, from,
                    "{ok, #{id => ~a, start => {~a, start_link, []}, restart => permanent, significant => false, "
                    "shutdown => infinity, type => worker, modules => [~a]}}",
                    view.id, view.module, view.module);
}

static enum hm_verdict terminate_child(hm_process *self, const hm_from *from, struct child *child) {
    if (supervisor_view(child).own)
        return hm_reply(self, from, "{error, not_permitted}");
    if (supervisor_terminate(child, from) != HM_OK)
        return hm_reply(self, from, "{error, system_limit}");
    return HM_CONTINUE;
}

static enum hm_verdict restart_child(hm_process *self, const hm_from *from, struct child *child) {
    int error = supervisor_restart(child);
    struct child_view view = supervisor_view(child);
    if (error == HM_OK)
        return hm_reply(self, from, "{ok, ~p}", view.pid);
    if (error == HM_ETAKEN)
        return hm_reply(self, from, "{error, {already_started, ~p}}", hm_whereis(hm_node_of(self), view.id));
    return hm_reply(self, from, "{error, ~s}", hm_strerror(error));
}

static enum hm_verdict delete_child(hm_process *self, const hm_from *from, struct child *child) {
    supervisor_delete(child);
    return hm_reply(self, from, "ok");
}

static enum hm_verdict change_child(hm_process *self, const hm_from *from, struct child *child,
                                    enum hm_verdict (*change)(hm_process *, const hm_from *, struct child *)) {
    switch (supervisor_view(child).state) {
    case CHILD_RUNNING:
    case CHILD_ENDING:
        return hm_reply(self, from, "{error, running}");
    case CHILD_RESTARTING:
        return hm_reply(self, from, "{error, restarting}");
    case CHILD_TERMINATED:
        break;
    }
    return change(self, from, child);
}

/* ---- start_child ---- */

struct spec {
    hm_term id, start, restart, shutdown, type, modules;
};

/* Terms for what a specification leaves out, in the order of struct spec. */
static const struct spec DEFAULTS = {
    .restart = {(const unsigned char *)"w\x09permanent", 11},
    .shutdown = {(const unsigned char *)"b\0\0\x13\x88", 5}, /* 5000 */
    .type = {(const unsigned char *)"w\x06worker", 8},
};

static bool read_spec(hm_term term, struct spec *spec) {
    hm_term value;
    *spec = DEFAULTS;
    if (hm_match(term, "{~t, ~t, ~t, ~t, ~t, ~t}", &spec->id, &spec->start, &spec->restart, &spec->shutdown,
                 &spec->type, &spec->modules))
        return true;
    if (hm_term_type(term) != HM_TYPE_MAP)
        return false;
    hm_map_get_atom(term, "id", &spec->id);
    hm_map_get_atom(term, "start", &spec->start);
    hm_map_get_atom(term, "restart", &spec->restart);
    hm_map_get_atom(term, "type", &spec->type);
    hm_map_get_atom(term, "modules", &spec->modules);
    if (hm_map_get_atom(term, "shutdown", &value))
        spec->shutdown = value;
    else if (hm_is_atom(spec->type, "supervisor"))
        spec->shutdown = (hm_term){(const unsigned char *)"w\x08infinity", 10};
    return true;
}

static enum hm_verdict start_child(hm_process *self, const hm_from *from, hm_term term) {
    struct spec spec;
    hm_term mfa[3], modules;
    if (!read_spec(term, &spec))
        return hm_reply(self, from, "{error, {invalid_child_spec, ~t}}", term);
    if (!spec.id.size || !spec.start.size)
        return hm_reply(self, from, "{error, ~a}", spec.id.size ? "missing_start" : "missing_id");
    if (!hm_tuple_elements(spec.start, 3, mfa) || hm_term_type(mfa[0]) != HM_TYPE_ATOM ||
        hm_term_type(mfa[1]) != HM_TYPE_ATOM || hm_list_length(mfa[2]) < 0)
        return hm_reply(self, from, "{error, {invalid_mfa, ~t}}", spec.start);
    const struct child *child = supervisor_find(hm_node_of(self), spec.id);
    if (child) {
        struct child_view view = supervisor_view(child);
        return view.pid.node ? hm_reply(self, from, "{error, {already_started, ~p}}", view.pid)
                             : hm_reply(self, from, "{error, already_present}");
    }
    hm_build *build = hm_build_new();
    if (build && spec.modules.size)
        hm_put_term(build, spec.modules);
    else if (build)
        hm_put_format(build, "[~t]", mfa[0]);
    if (!build || hm_build_error(build) != HM_OK) {
        hm_build_free(build);
        return hm_reply(self, from, "{error, system_limit}");
    }
    modules = hm_build_term(build);
    hm_reply(self, from,
             "{error, {{'EXIT', {undef, [{~t, ~t, ~t, []}]}}, "
             "{child, undefined, ~t, ~t, ~t, false, ~t, ~t, ~t}}}",
             mfa[0], mfa[1], mfa[2], spec.id, spec.start, spec.restart, spec.shutdown, spec.type, modules);
    hm_build_free(build);
    return HM_CONTINUE;
}

/* ---- the server ---- */

static enum hm_verdict call_about(hm_process *self, const hm_from *from, hm_term what, struct child *child) {
    if (hm_is_atom(what, "get_childspec"))
        return reply_with_spec(self, from, child);
    if (hm_is_atom(what, "terminate_child"))
        return terminate_child(self, from, child);
    if (hm_is_atom(what, "restart_child"))
        return change_child(self, from, child, restart_child);
    if (hm_is_atom(what, "delete_child"))
        return change_child(self, from, child, delete_child);
    return HM_UNKNOWN;
}

static bool is_about_child(hm_term what) {
    return hm_is_atom(what, "get_childspec") || hm_is_atom(what, "terminate_child") ||
           hm_is_atom(what, "restart_child") || hm_is_atom(what, "delete_child");
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_term parts[2];
    if (hm_is_atom(request, "which_children"))
        return reply_with_children(self, from);
    if (hm_is_atom(request, "count_children"))
        return reply_with_counts(self, from);
    if (!hm_tuple_elements(request, 2, parts))
        return HM_UNKNOWN;
    if (hm_is_atom(parts[0], "start_child"))
        return start_child(self, from, parts[1]);
    if (!is_about_child(parts[0]))
        return HM_UNKNOWN;
    struct child *child = supervisor_find(hm_node_of(self), parts[1]);
    return child ? call_about(self, from, parts[0], child) : hm_reply(self, from, "{error, not_found}");
}

static void put_state(hm_process *self, hm_build *build) {
    hm_put_map(build, 4);
    hm_put_atom(build, "strategy");
    hm_put_atom(build, "one_for_one");
    hm_put_atom(build, "intensity");
    hm_put_int64(build, SUPERVISOR_INTENSITY);
    hm_put_atom(build, "period");
    hm_put_int64(build, SUPERVISOR_PERIOD_MS / 1000);
    hm_put_atom(build, "children");
    put_children(hm_node_of(self), build);
}

const struct hm_server_class hermod_sup_class = {.module = HERMOD_SUP, .call = on_call, .state = put_state};
