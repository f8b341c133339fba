/* hm_presence_*: requests to a tracker of this node. */
#include <hermod/presence.h>

#include <stdarg.h>

enum { TIMEOUT_MS = 5000 }; /* it is a process of this node; as GenServer.call */

/* Of this node, never of another: on a BEAM the process with that name is a supervisor, which ends on a request that it does not know. */
static int request(hm_process *self, const char *tracker, hm_call_done *done, void *arg, const char *pattern, ...) {
    hm_build *build;
    va_list arguments;
    if (!hm_whereis(hm_node_of(self), tracker).node)
        return HM_ENOPROC;
    if (!(build = hm_build_new()))
        return HM_ENOMEM;
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    int error = hm_build_error(build);
    if (!error)
        error = done ? hm_call(self, hm_to_name(tracker, NULL), hm_build_term(build), TIMEOUT_MS, done, arg)
                     : hm_cast(self, hm_to_name(tracker, NULL), hm_build_term(build));
    hm_build_free(build);
    return error;
}

int hm_presence_track(hm_process *self, const char *tracker, hm_pid pid, hm_term topic, hm_term key, hm_term meta,
                      hm_call_done *done, void *arg) {
    return request(self, tracker, done, arg, "{track, ~p, ~t, ~t, ~t}", pid, topic, key, meta);
}

int hm_presence_update(hm_process *self, const char *tracker, hm_pid pid, hm_term topic, hm_term key, hm_term meta,
                       hm_call_done *done, void *arg) {
    return request(self, tracker, done, arg, "{update, ~p, ~t, ~t, ~t}", pid, topic, key, meta);
}

int hm_presence_untrack(hm_process *self, const char *tracker, hm_pid pid, hm_term topic, hm_term key, hm_call_done *done,
                        void *arg) {
    return request(self, tracker, done, arg, "{untrack, ~p, ~t, ~t}", pid, topic, key);
}

int hm_presence_untrack_all(hm_process *self, const char *tracker, hm_pid pid, hm_call_done *done, void *arg) {
    return request(self, tracker, done, arg, "{untrack, ~p}", pid);
}

int hm_presence_list(hm_process *self, const char *tracker, hm_term topic, hm_call_done *done, void *arg) {
    return done ? request(self, tracker, done, arg, "{list, ~t}", topic) : HM_EINVAL;
}

int hm_presence_watch(hm_process *self, const char *tracker, hm_term topic, hm_call_done *done, void *arg) {
    return done ? request(self, tracker, done, arg, "{watch, ~t, ~p}", topic, hm_self(self)) : HM_EINVAL;
}

int hm_presence_unwatch(hm_process *self, const char *tracker, hm_term topic) {
    return request(self, tracker, NULL, NULL, "{unwatch, ~t, ~p}", topic, hm_self(self));
}
