/* Locks of <hermod/global.h>: set_lock/3 and del_lock/2 of global.erl, in the process that wants them. */
#include <hermod/global.h>

#include <stdlib.h>
#include <sys/random.h>

#include "node/peers.h"
#include "otp/global_call.h"

enum stage { SETS, TAKES_BACK, SLEEPS, DELETES };

struct operation;

struct target {
    struct operation *operation;
    const hm_node_name *node;
    bool wanted, granted;
};

/* One allocation, terms behind it. */
struct operation {
    uint64_t guard;
    hm_global_done *done;
    void *arg;
    int retries;
    unsigned times;
    enum stage stage;
    size_t count, waiting;
    bool refused;
    hm_term resource, requester;
    struct target targets[];
};

static enum hm_verdict step(hm_process *self, struct operation *operation);

static enum hm_verdict finish(hm_process *self, struct operation *operation, int error) {
    hm_global_done *done = operation->done;
    void *arg = operation->arg;
    timers_cancel(self, operation->guard);
    return done ? done(self, arg, error) : HM_CONTINUE;
}

/* ---- one round ---- */

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct target *target = arg;
    struct operation *operation = target->operation;
    if (operation->stage == SETS) {
        /* Nodes without an answer do not count, as in gen_server:multi_call. */
        target->granted = error == HM_OK && hm_is_atom(reply, "true");
        operation->refused = operation->refused || (error == HM_OK && !target->granted);
    }
    operation->waiting--;
    return operation->waiting ? HM_CONTINUE : step(self, operation);
}

static int call_all(hm_process *self, struct operation *operation, const char *what) {
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (build) {
        hm_put_format(build, "{~a, {~t, ~t}}", what, operation->resource, operation->requester);
        error = hm_build_error(build);
    }
    operation->waiting = 1; /* this one, until all are on their way */
    for (size_t i = 0; error == HM_OK && i < operation->count; i++) {
        struct target *target = &operation->targets[i];
        if (!target->wanted)
            continue;
        operation->waiting++;
        if (hm_call(self, hm_to_name("global_name_server", target->node), hm_build_term(build), -1, on_answer, target) !=
            HM_OK)
            operation->waiting--;
    }
    hm_build_free(build);
    operation->waiting--;
    return error;
}

/* Answers are messages, so none has come yet. */
static enum hm_verdict run_round(hm_process *self, struct operation *operation, enum stage stage, const char *what) {
    operation->stage = stage;
    int error = call_all(self, operation, what);
    if (error != HM_OK)
        return finish(self, operation, error);
    return operation->waiting ? HM_CONTINUE : step(self, operation);
}

/* ---- set_lock ---- */

static enum hm_verdict begin_setting(hm_process *self, struct operation *operation) {
    operation->refused = false;
    for (size_t i = 0; i < operation->count; i++) {
        operation->targets[i].wanted = true;
        operation->targets[i].granted = false;
    }
    return run_round(self, operation, SETS, "set_lock");
}

static enum hm_verdict on_awake(hm_process *self, struct message *message) {
    return self ? begin_setting(self, message->arg) : HM_CONTINUE;
}

/* random_sleep/1: up to a quarter of a second first, then twice as long each time, 8 s at most. */
static enum hm_verdict sleep_a_while(hm_process *self, struct operation *operation) {
    uint32_t value = 0;
    unsigned most = operation->times > 5 ? 8000 : (1u << operation->times) * 1000 / 8;
    if (operation->retries == 0)
        return finish(self, operation, HM_ETAKEN);
    if (operation->retries > 0)
        operation->retries--;
    operation->times++;
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        value = (uint32_t)mono_now().ns;
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!message)
        return finish(self, operation, HM_ENOMEM);
    message->run = on_awake;
    message->arg = operation;
    operation->stage = SLEEPS;
    if (timers_add(self, 1 + value % most, message, NULL) != HM_OK)
        return finish(self, operation, HM_ENOMEM);
    return HM_CONTINUE;
}

static enum hm_verdict take_back(hm_process *self, struct operation *operation) {
    for (size_t i = 0; i < operation->count; i++)
        operation->targets[i].wanted = operation->targets[i].granted;
    return run_round(self, operation, TAKES_BACK, "del_lock");
}

static enum hm_verdict step(hm_process *self, struct operation *operation) {
    switch (operation->stage) {
    case SETS:
        return operation->refused ? take_back(self, operation) : finish(self, operation, HM_OK);
    case TAKES_BACK:
        return sleep_a_while(self, operation);
    case SLEEPS:
    case DELETES:
        break;
    }
    return finish(self, operation, HM_OK);
}

/* ---- begin ---- */

struct peers_list {
    const hm_node_name **at; /* NULL: only count */
    size_t count;
};

static void add_peer(void *arg, struct peer *peer) {
    struct peers_list *list = arg;
    if (!peer_is_up(peer) || !peer_is_visible(peer))
        return;
    if (list->at)
        list->at[list->count] = peer_name(peer);
    list->count++;
}

static size_t count_nodes(hm_process *self, const struct hm_global_lock *lock) {
    struct peers_list list = {NULL, 1};
    if (lock->nodes)
        return lock->count;
    peers_each(self->node, add_peer, &list);
    return list.count;
}

static hm_term place(unsigned char **at, hm_term term) {
    hm_term placed = {*at, term.size};
    memcpy(*at, term.bytes, term.size);
    *at += term.size;
    return placed;
}

static int operation_new(hm_process *self, const struct hm_global_lock *lock, hm_global_done *done, void *arg,
                         struct operation **result) {
    if (!lock->resource.size || !lock->requester.size || (lock->nodes && lock->count == 0))
        return HM_EINVAL;
    size_t count = count_nodes(self, lock);
    const hm_node_name **names = calloc(count, sizeof *names);
    struct operation *operation = calloc(1, sizeof *operation + count * sizeof operation->targets[0] +
                                                lock->resource.size + lock->requester.size);
    if (!names || !operation) {
        free((void *)names);
        free(operation);
        return HM_ENOMEM;
    }
    if (lock->nodes) {
        memcpy((void *)names, (const void *)lock->nodes, count * sizeof *names);
    } else {
        struct peers_list list = {names, 1};
        names[0] = self->node->name;
        peers_each(self->node, add_peer, &list);
    }
    for (size_t i = 0; i < count; i++)
        operation->targets[i] = (struct target){.operation = operation, .node = names[i], .wanted = true};
    free((void *)names);
    unsigned char *room = (unsigned char *)&operation->targets[count];
    operation->resource = place(&room, lock->resource);
    operation->requester = place(&room, lock->requester);
    operation->count = count;
    operation->done = done;
    operation->arg = arg;
    operation->times = 1;
    *result = operation;
    return global_guard(self, operation, &operation->guard);
}

/* The first round: what it cannot even begin is the caller's error. */
static int begin(hm_process *self, struct operation *operation, enum stage stage, const char *what) {
    operation->stage = stage;
    int error = call_all(self, operation, what);
    if (error == HM_OK && operation->waiting == 0)
        error = HM_ENOMEM; /* not one call could be made */
    if (error != HM_OK)
        timers_cancel(self, operation->guard);
    return error;
}

int hm_global_set_lock(hm_process *self, const struct hm_global_lock *lock, int retries, hm_global_done *done,
                       void *arg) {
    struct operation *operation;
    int error = operation_new(self, lock, done, arg, &operation);
    if (error != HM_OK)
        return error;
    operation->retries = retries;
    return begin(self, operation, SETS, "set_lock");
}

int hm_global_del_lock(hm_process *self, const struct hm_global_lock *lock, hm_global_done *done, void *arg) {
    struct operation *operation;
    int error = operation_new(self, lock, done, arg, &operation);
    if (error != HM_OK)
        return error;
    return begin(self, operation, DELETES, "del_lock");
}
