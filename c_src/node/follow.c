#include "node/follow.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

#include "base/clock.h"
#include "node/registry.h"

enum { AGAIN_MS = 100 };

struct followed {
    UT_hash_handle hh;
    struct hm_node *node;
    LIST_HEAD(, follower) followers;
    struct event *again;
    bool lost; /* the table had no memory for it */
    size_t size;
    char name[];
};

struct follower {
    struct process_waiter waiter;
    LIST_ENTRY(follower) link;
    struct followed *followed;
    hm_process *process;
    hm_registered *registered;
    void *arg;
    bool owed;  /* a call for which there was no memory, or that failed */
    bool asked; /* a message that calls it is in the mailbox */
};

static struct follower *follower_of(struct process_waiter *waiter) {
    return (struct follower *)((char *)waiter - offsetof(struct follower, waiter));
}

static hm_pid registered_pid(const struct followed *followed) {
    const hm_process *process = registry_lookup(followed->node, bytes_of(followed->name, followed->size));
    return process ? process->pid : HM_NO_PID;
}

static void call_later(struct follower *follower) {
    struct timeval pause = timeval_of_ms(AGAIN_MS);
    follower->owed = true;
    event_add(follower->followed->again, &pause);
}

/* Whoever had the name may have ended meanwhile; the next one brings us back. */
static enum hm_verdict run(hm_process *self, struct message *message) {
    struct follower *follower = message->arg;
    if (!self)
        return HM_CONTINUE;
    follower->asked = false;
    hm_pid pid = registered_pid(follower->followed);
    if (pid.node && follower->registered(self, follower->arg, pid))
        call_later(follower);
    return HM_CONTINUE;
}

static void call(struct follower *follower) {
    if (follower->asked)
        return;
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!message) {
        call_later(follower);
        return;
    }
    message->run = run;
    message->arg = follower;
    follower->asked = true;
    process_deliver(follower->process, message);
}

static void on_again(evutil_socket_t fd, short what, void *arg) {
    const struct followed *followed = arg;
    struct follower *follower;
    (void)fd;
    (void)what;
    LIST_FOREACH (follower, &followed->followers, link)
        if (follower->owed) {
            follower->owed = false;
            call(follower);
        }
}

static struct followed *find(const struct hm_node *node, struct bytes name) {
    struct followed *followed;
    HASH_FIND(hh, node->followed, name.at, name.size, followed);
    return followed;
}

void follow_on_registered(struct hm_node *node, struct bytes name) {
    const struct followed *followed = node->followed ? find(node, name) : NULL;
    struct follower *follower;
    if (followed)
        LIST_FOREACH (follower, &followed->followers, link)
            call(follower);
}

static struct followed *new_followed(struct hm_node *node, struct bytes name) {
    struct followed *followed = calloc(1, sizeof *followed + name.size + 1);
    if (!followed)
        return NULL;
    followed->node = node;
    followed->size = name.size;
    memcpy(followed->name, name.at, name.size);
    LIST_INIT(&followed->followers);
    followed->again = evtimer_new(node->base, on_again, followed);
    if (followed->again) {
        HASH_ADD_KEYPTR(hh, node->followed, followed->name, name.size, followed);
        if (!followed->lost)
            return followed;
        event_free(followed->again);
    }
    free(followed);
    return NULL;
}

static void release(struct followed *followed) {
    if (!LIST_EMPTY(&followed->followers))
        return;
    HASH_DEL(followed->node->followed, followed);
    event_free(followed->again);
    free(followed);
}

static void end(struct follower *follower) {
    struct followed *followed = follower->followed;
    LIST_REMOVE(follower, link);
    free(follower);
    release(followed);
}

static void on_ended(struct process_waiter *waiter, hm_term reason) {
    (void)reason;
    end(follower_of(waiter));
}

static const struct waiter_class waiter_class = {.ended = on_ended};

int hm_follow(hm_process *self, const char *name, hm_registered *registered, void *arg) {
    struct bytes text = bytes_of(name, strlen(name));
    struct followed *followed = find(self->node, text);
    struct follower *follower = calloc(1, sizeof *follower);
    if (!followed && follower)
        followed = new_followed(self->node, text);
    if (!followed) {
        free(follower);
        return HM_ENOMEM;
    }
    if (!follower)
        return HM_ENOMEM; /* somebody else follows it, so there is nothing to release */
    *follower = (struct follower){
        .followed = followed, .process = self, .registered = registered, .arg = arg};
    LIST_INSERT_HEAD(&followed->followers, follower, link);
    process_wait(self, &follower->waiter, &waiter_class);
    hm_pid pid = registered_pid(followed);
    int error = pid.node ? registered(self, arg, pid) : HM_OK;
    if (error) {
        process_unwait(&follower->waiter);
        end(follower);
    }
    return error;
}
