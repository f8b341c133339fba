/*
 * Names and locks of the whole cluster: global of OTP, in C.
 *
 * A name is any term and stands for one process, the same on every node. Every node knows all names, so looking one up asks nobody;
 * changing one goes through a lock on all nodes, so it answers later, as a message of the process that asked. A name is gone when its
 * process ends. From Elixir these are {:global, name}, :global.whereis_name/1 and so on of any node.
 *
 *     static enum hm_verdict on_registered(hm_process *self, void *arg, int error) { ... }
 *
 *     unsigned char room[HM_ATOM_ROOM];
 *     hm_global_register(self, hm_atom_in(room, "counter"), hm_self(self), HM_GLOBAL_RANDOM_EXIT, on_registered, NULL);
 *
 *     hm_call(self, hm_to_global(node, name), request, 5000, done, arg);
 *
 * A hidden node, and one with no_connect_all, has names of its own only. Node thread only. Follows lib/kernel/src/global.erl of OTP.
 */
#ifndef HERMOD_GLOBAL_H
#define HERMOD_GLOBAL_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happens when two parts of a cluster meet and each has this name for a process of its own. */
enum hm_global_method {
    HM_GLOBAL_RANDOM_EXIT,   /* one of the two is killed: OTP's default */
    HM_GLOBAL_RANDOM_NOTIFY, /* one loses the name and gets {global_name_conflict, Name} */
    HM_GLOBAL_NOTIFY_ALL,    /* both lose it and get {global_name_conflict, Name, OtherPid} */
};

/* How it went. Called exactly once, except when this process ends first. */
typedef enum hm_verdict hm_global_done(hm_process *self, void *arg, int error);

/* Registers a process of any node. done gets HM_OK, HM_ETAKEN (the name is taken, or the process has another one already), or HM_ENOPROC (the
 * name server was started again meanwhile: ask whether the name is there). Borrows name until it returns. done may be NULL.
 * HM_EINVAL (no name, no pid), HM_ENOMEM: done is not called then. */
HM_API int hm_global_register(hm_process *self, hm_term name, hm_pid pid, enum hm_global_method method,
                              hm_global_done *done, void *arg);
/* The same, in place of whoever has the name. */
HM_API int hm_global_re_register(hm_process *self, hm_term name, hm_pid pid, enum hm_global_method method,
                                 hm_global_done *done, void *arg);
/* HM_OK also when nobody had it. */
HM_API int hm_global_unregister(hm_process *self, hm_term name, hm_global_done *done, void *arg);

/* HM_NO_PID: nobody. */
HM_API hm_pid hm_global_whereis(const hm_node *node, hm_term name);
/* Where a global name leads to at this moment, for hm_send, hm_call, hm_monitor and the like. Nobody has it: to a process that is not
 * there (a call ends with HM_ENOPROC, a message is lost). */
HM_API hm_address hm_to_global(const hm_node *node, hm_term name);
/* global:send/2. HM_ENOENT: nobody has the name; else as hm_send. */
HM_API int hm_global_send(hm_process *self, hm_term name, hm_term message);
/* Puts a list of all names. */
HM_API void hm_global_put_registered_names(const hm_node *node, hm_build *build);

/* done gets HM_OK when this node knows all names of the nodes that are connected now, and they its. */
HM_API int hm_global_sync(hm_process *self, hm_global_done *done, void *arg);

/* A lock on a resource, for a requester: any two terms. Processes that give the same requester hold it together; others wait. */
struct hm_global_lock {
    hm_term resource, requester;
    const hm_node_name *const *nodes; /* NULL: this node and all visible ones that are connected */
    size_t count;
};

/* global:set_lock/3: done gets HM_OK when the lock is set on all nodes, HM_ETAKEN when it was not after so many retries (negative: until it
 * is). Between them are random pauses up to 8 s. The lock goes when this process ends, or its node is lost. HM_EINVAL, HM_ENOMEM. */
HM_API int hm_global_set_lock(hm_process *self, const struct hm_global_lock *lock, int retries, hm_global_done *done,
                              void *arg);
/* global:del_lock/2, on the same nodes. done may be NULL. */
HM_API int hm_global_del_lock(hm_process *self, const struct hm_global_lock *lock, hm_global_done *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif
