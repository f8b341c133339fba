/*
 * otp/global_locks: the locks of one member: ResourceId -> {RequesterId, [{Pid, monitor}]}, as global's ets tables.
 *
 * A resource is locked for one requester, by any number of processes that use the same requester id; it is free when the last
 * one let go. Owns copies of the terms; the monitors are made by the owner of the table. A cap on resources and holders together, since
 * peers can push them. One thread.
 */
#ifndef HM_OTP_GLOBAL_LOCKS_H
#define HM_OTP_GLOBAL_LOCKS_H

#include <sys/queue.h>
#include <uthash.h>

#include "node/refkey.h"

struct global_lock;

struct global_holder {
    UT_hash_handle hh;
    struct refkey key;
    LIST_ENTRY(global_holder) link;
    struct global_lock *lock;
    hm_pid pid;
    hm_ref ref;
    bool lost;
};

struct global_lock {
    UT_hash_handle hh;
    hm_term resource, requester;
    LIST_HEAD(, global_holder) holders;
    bool lost;
};

struct global_locks {
    struct global_lock *locks;
    struct global_holder *refs;
    size_t count, max; /* of holders */
    uint64_t refused;  /* times that max was reached */
};

void global_locks_init(struct global_locks *table, size_t max);
void global_locks_fini(struct global_locks *table);
struct global_lock *global_locks_find(const struct global_locks *table, hm_term resource);
/* May this requester lock it now? */
bool global_locks_allow(const struct global_locks *table, hm_term resource, hm_term requester);
struct global_holder *global_lock_holder(const struct global_lock *lock, hm_pid pid);
/* A further holder; the lock is made when there is none. HM_ENOMEM, HM_ELIMIT. */
int global_locks_add(struct global_locks *table, hm_term resource, hm_term requester, hm_pid pid, const hm_ref *ref);
struct global_holder *global_locks_find_ref(const struct global_locks *table, const hm_ref *ref);
/* true when it was the last one, and the lock is gone. */
bool global_locks_remove(struct global_locks *table, struct global_holder *holder);

#endif
