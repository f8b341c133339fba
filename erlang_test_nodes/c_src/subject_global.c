#include <hermod/global.h>

#include "subject_global.h"

/* What asks the cluster is answered later; arg is the caller. Each kind of question has words of its own for yes and no. */
static enum hm_verdict answer_later(hm_process *self, hm_from *from, int error, const char *yes, const char *no) {
    if (error == HM_OK || error == HM_ETAKEN)
        hm_reply(self, from, "~a", error == HM_OK ? yes : no);
    else
        hm_reply(self, from, "{error, ~i}", (int64_t)error);
    hm_from_free(from);
    return HM_CONTINUE;
}

static enum hm_verdict on_registered(hm_process *self, void *arg, int error) {
    return answer_later(self, arg, error, "yes", "no");
}

static enum hm_verdict on_locked(hm_process *self, void *arg, int error) {
    return answer_later(self, arg, error, "true", "false");
}

static enum hm_verdict on_done(hm_process *self, void *arg, int error) {
    return answer_later(self, arg, error, "ok", "taken");
}

/* The call could not even be made: then nobody else answers. */
static enum hm_verdict asked(hm_process *self, hm_from *from, int error) {
    return error ? answer_later(self, from, error, "", "") : HM_CONTINUE;
}

static bool get_method(hm_term term, enum hm_global_method *method) {
    static const struct {
        const char *name;
        enum hm_global_method method;
    } methods[] = {{"random_exit_name", HM_GLOBAL_RANDOM_EXIT},
                   {"random_notify_name", HM_GLOBAL_RANDOM_NOTIFY},
                   {"notify_all_name", HM_GLOBAL_NOTIFY_ALL}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (hm_is_atom(term, methods[i].name)) {
            *method = methods[i].method;
            return true;
        }
    return false;
}

static enum hm_verdict reply_names(hm_process *self, const hm_from *from) {
    hm_build *build = hm_build_new();
    if (!build)
        return hm_reply(self, from, "{error, no_memory}");
    hm_global_put_registered_names(hm_node_of(self), build);
    hm_reply_term(self, from, hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

/* The requester of a lock is the subject itself. */
static enum hm_verdict lock(hm_process *self, const hm_from *from, hm_term resource, int64_t retries, bool set) {
    hm_from *kept = hm_from_keep(from);
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (kept && build) {
        hm_put_pid(build, hm_self(self));
        struct hm_global_lock lock = {.resource = resource, .requester = hm_build_term(build)};
        error = set ? hm_global_set_lock(self, &lock, (int)retries, on_locked, kept)
                    : hm_global_del_lock(self, &lock, on_locked, kept);
    }
    hm_build_free(build);
    return kept ? asked(self, kept, error) : HM_CONTINUE;
}

/* Requests that ask the whole cluster. */
static enum hm_verdict on_change(hm_process *self, hm_term request, const hm_from *from) {
    enum hm_global_method method;
    hm_term name, how;
    bool again = hm_match(request, "{global_re_register, ~t, ~t}", &name, &how);
    if ((again || hm_match(request, "{global_register, ~t, ~t}", &name, &how)) && get_method(how, &method)) {
        hm_from *kept = hm_from_keep(from);
        return kept ? asked(self, kept,
                            (again ? hm_global_re_register : hm_global_register)(self, name, hm_self(self), method,
                                                                                 on_registered, kept))
                    : HM_CONTINUE;
    }
    if (hm_match(request, "{global_unregister, ~t}", &name)) {
        hm_from *kept = hm_from_keep(from);
        return kept ? asked(self, kept, hm_global_unregister(self, name, on_done, kept)) : HM_CONTINUE;
    }
    if (hm_is_atom(request, "global_sync")) {
        hm_from *kept = hm_from_keep(from);
        return kept ? asked(self, kept, hm_global_sync(self, on_done, kept)) : HM_CONTINUE;
    }
    return HM_UNKNOWN;
}

enum hm_verdict subject_global_call(hm_process *self, hm_term request, const hm_from *from) {
    int64_t retries;
    hm_term a, b;
    if (hm_match(request, "{global_whereis, ~t}", &a)) {
        hm_pid pid = hm_global_whereis(hm_node_of(self), a);
        return pid.node ? hm_reply(self, from, "~p", pid) : hm_reply(self, from, "undefined");
    }
    if (hm_is_atom(request, "global_names"))
        return reply_names(self, from);
    if (hm_match(request, "{global_send, ~t, ~t}", &a, &b))
        return hm_reply(self, from, "~a", hm_global_send(self, a, b) == HM_ENOENT ? "badarg" : "ok");
    if (hm_match(request, "{global_set_lock, ~t, ~i}", &a, &retries))
        return lock(self, from, a, retries, true);
    if (hm_match(request, "{global_del_lock, ~t}", &a))
        return lock(self, from, a, 0, false);
    return on_change(self, request, from);
}
