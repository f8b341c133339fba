/* Names of <hermod/global.h>; locks are in otp/global_lock.c. */
#include <hermod/global.h>

#include <stdlib.h>

#include "node/peers.h"
#include "otp/global.h"
#include "otp/global_call.h"
#include "otp/global_member.h"

/* ---- what lives as long as the call, or its process ---- */

static enum hm_verdict on_guard(hm_process *self, struct message *message) {
    (void)self;
    free(message->arg);
    return HM_CONTINUE;
}

int global_guard(hm_process *self, void *memory, uint64_t *guard) {
    static const int64_t FOR_EVER_MS = (int64_t)1000 * 3600 * 24 * 365 * 100;
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!message) {
        free(memory);
        return HM_ENOMEM;
    }
    message->run = on_guard;
    message->arg = memory;
    return timers_add(self, FOR_EVER_MS, message, guard);
}

struct asked {
    uint64_t guard;
    hm_global_done *done;
    void *arg;
};

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct asked asked = *(struct asked *)arg;
    timers_cancel(self, asked.guard);
    if (error == HM_OK && hm_is_atom(reply, "no"))
        error = HM_ETAKEN;
    else if (error == HM_EEXIT)
        error = HM_ENOPROC;
    return asked.done ? asked.done(self, asked.arg, error) : HM_CONTINUE;
}

/* Takes request. */
static int ask(hm_process *self, hm_build *request, hm_global_done *done, void *arg) {
    int error = request ? hm_build_error(request) : HM_ENOMEM;
    struct asked *asked = error == HM_OK ? calloc(1, sizeof *asked) : NULL;
    if (error == HM_OK && !asked)
        error = HM_ENOMEM;
    if (error != HM_OK)
        goto done;
    asked->done = done;
    asked->arg = arg;
    if ((error = global_guard(self, asked, &asked->guard)) != HM_OK)
        goto done;
    error = hm_call(self, hm_to_name("global_name_server", NULL), hm_build_term(request), -1, on_answer, asked);
    if (error != HM_OK)
        timers_cancel(self, asked->guard);
done:
    hm_build_free(request);
    return error;
}

/* ---- changes ---- */

_Static_assert((int)HM_GLOBAL_RANDOM_EXIT == (int)GLOBAL_RANDOM_EXIT &&
                   (int)HM_GLOBAL_RANDOM_NOTIFY == (int)GLOBAL_RANDOM_NOTIFY &&
                   (int)HM_GLOBAL_NOTIFY_ALL == (int)GLOBAL_NOTIFY_ALL,
               "one order");

static int do_register(hm_process *self, bool replace, hm_term name, hm_pid pid, enum hm_global_method method,
                       hm_global_done *done, void *arg) {
    if (!name.size || !pid.node || (unsigned)method > HM_GLOBAL_NOTIFY_ALL)
        return HM_EINVAL;
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{'$hm_register', ~a, ~t, ~p, ~t}", replace ? "true" : "false", name, pid,
                      global_method_term((enum global_method)method));
    return ask(self, build, done, arg);
}

int hm_global_register(hm_process *self, hm_term name, hm_pid pid, enum hm_global_method method, hm_global_done *done,
                       void *arg) {
    return do_register(self, false, name, pid, method, done, arg);
}

int hm_global_re_register(hm_process *self, hm_term name, hm_pid pid, enum hm_global_method method,
                          hm_global_done *done, void *arg) {
    return do_register(self, true, name, pid, method, done, arg);
}

int hm_global_unregister(hm_process *self, hm_term name, hm_global_done *done, void *arg) {
    if (!name.size)
        return HM_EINVAL;
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{'$hm_unregister', ~t}", name);
    return ask(self, build, done, arg);
}

int hm_global_sync(hm_process *self, hm_global_done *done, void *arg) {
    hm_build *build = hm_build_new();
    if (build) {
        hm_put_tuple(build, 2);
        hm_put_atom(build, "sync");
        global_put_visible(self->node, build);
    }
    return ask(self, build, done, arg);
}

/* ---- questions ---- */

struct visible {
    hm_build *build;
    uint32_t count;
};

static void put_peer(void *arg, struct peer *peer) {
    struct visible *visible = arg;
    if (!peer_is_up(peer) || !peer_is_visible(peer))
        return;
    global_put_node(visible->build, peer_name(peer));
    visible->count++;
}

void global_put_visible(struct hm_node *node, hm_build *build) {
    size_t begin = hm_put_list_begin(build);
    struct visible visible = {build, 0};
    peers_each(node, put_peer, &visible);
    hm_put_list_end(build, begin, visible.count);
}

hm_pid hm_global_whereis(const hm_node *node, hm_term name) {
    const struct global_member *member = global_member_of(node);
    return member && name.size ? global_member_whereis(member, name) : HM_NO_PID;
}

hm_address hm_to_global(const hm_node *node, hm_term name) {
    hm_pid pid = hm_global_whereis(node, name);
    if (!pid.node)
        pid = (hm_pid){.node = node->name, .creation = node->dist.creation}; /* id 0 is nobody's */
    return hm_to_pid(pid);
}

int hm_global_send(hm_process *self, hm_term name, hm_term message) {
    hm_pid pid = hm_global_whereis(self->node, name);
    return pid.node ? hm_send(self, hm_to_pid(pid), message) : HM_ENOENT;
}

void hm_global_put_registered_names(const hm_node *node, hm_build *build) {
    const struct global_member *member = global_member_of(node);
    if (member)
        global_member_put_names(member, build);
    else
        hm_put_nil(build);
}
