#include "otp/global_table.h"

#include "otp/global_locks.h"

#include <stdlib.h>

void global_locks_init(struct global_locks *table, size_t max) {
    *table = (struct global_locks){.max = max};
}

static void free_lock(struct global_lock *lock) {
    free((void *)(uintptr_t)lock->resource.bytes);
    free((void *)(uintptr_t)lock->requester.bytes);
    free(lock);
}

void global_locks_fini(struct global_locks *table) {
    struct global_holder *holder, *next;
    HASH_ITER(hh, table->refs, holder, next)
        global_locks_remove(table, holder);
}

struct global_lock *global_locks_find(const struct global_locks *table, hm_term resource) {
    struct global_lock *lock;
    HASH_FIND(hh, table->locks, &resource, sizeof resource, lock);
    return lock;
}

bool global_locks_allow(const struct global_locks *table, hm_term resource, hm_term requester) {
    const struct global_lock *lock = global_locks_find(table, resource);
    return !lock || hm_term_equal(lock->requester, requester);
}

struct global_holder *global_lock_holder(const struct global_lock *lock, hm_pid pid) {
    struct global_holder *holder;
    LIST_FOREACH(holder, &lock->holders, link)
        if (hm_pid_equal(holder->pid, pid))
            return holder;
    return NULL;
}

static struct global_lock *add_lock(struct global_locks *table, hm_term resource, hm_term requester) {
    struct global_lock *lock = calloc(1, sizeof *lock);
    if (!lock)
        return NULL;
    LIST_INIT(&lock->holders);
    if (hm_term_copy(resource, &lock->resource) != HM_OK || hm_term_copy(requester, &lock->requester) != HM_OK)
        goto fail;
    HASH_ADD(hh, table->locks, resource, sizeof lock->resource, lock);
    if (!lock->lost)
        return lock;
fail:
    free_lock(lock);
    return NULL;
}

static void remove_lock(struct global_locks *table, struct global_lock *lock) {
    HASH_DELETE(hh, table->locks, lock);
    free_lock(lock);
}

int global_locks_add(struct global_locks *table, hm_term resource, hm_term requester, hm_pid pid, const hm_ref *ref) {
    if (table->count >= table->max) {
        table->refused++;
        return HM_ELIMIT;
    }
    struct global_lock *lock = global_locks_find(table, resource);
    struct global_holder *holder = calloc(1, sizeof *holder);
    if (!holder)
        return HM_ENOMEM;
    if (!lock && !(lock = add_lock(table, resource, requester))) {
        free(holder);
        return HM_ENOMEM;
    }
    holder->key = refkey_of(ref);
    holder->ref = *ref;
    holder->pid = pid;
    holder->lock = lock;
    HASH_ADD(hh, table->refs, key, sizeof holder->key, holder);
    if (holder->lost) {
        free(holder);
        if (LIST_EMPTY(&lock->holders))
            remove_lock(table, lock);
        return HM_ENOMEM;
    }
    LIST_INSERT_HEAD(&lock->holders, holder, link);
    table->count++;
    return HM_OK;
}

struct global_holder *global_locks_find_ref(const struct global_locks *table, const hm_ref *ref) {
    struct refkey key = refkey_of(ref);
    struct global_holder *holder;
    HASH_FIND(hh, table->refs, &key, sizeof key, holder);
    return holder;
}

bool global_locks_remove(struct global_locks *table, struct global_holder *holder) {
    struct global_lock *lock = holder->lock;
    HASH_DELETE(hh, table->refs, holder);
    LIST_REMOVE(holder, link);
    free(holder);
    table->count--;
    if (!LIST_EMPTY(&lock->holders))
        return false;
    remove_lock(table, lock);
    return true;
}
