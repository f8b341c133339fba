/*
 * otp/global_names: the table of globally registered names of one member: {Name, Pid, Method}, as global's ets tables.
 *
 * Owns copies of names and methods. Knows no monitors: the owner of the table makes one for each entry and finds the entry
 * again by its reference. Two names may have the same pid. A cap, since every peer can push names. One thread.
 */
#ifndef HM_OTP_GLOBAL_NAMES_H
#define HM_OTP_GLOBAL_NAMES_H

#include <uthash.h>

#include "node/refkey.h"

struct global_name {
    UT_hash_handle by_name, by_ref;
    struct refkey key;
    hm_term name, method;
    hm_pid pid;
    hm_ref ref;                       /* of the monitor */
    const hm_node_name *external;     /* register_ext: the node that registered it, else NULL */
    bool lost;
};

struct global_names {
    struct global_name *names, *refs;
    size_t count, max;
    uint64_t refused; /* times that max was reached */
};

void global_names_init(struct global_names *table, size_t max);
void global_names_fini(struct global_names *table);
struct global_name *global_names_find(const struct global_names *table, hm_term name);
struct global_name *global_names_find_ref(const struct global_names *table, const hm_ref *ref);
/* A name of this pid, for the rule that a process has one. A walk over all names. */
struct global_name *global_names_of_pid(const struct global_names *table, hm_pid pid);
/* A new entry; there must be none of this name. Keeps copies. HM_ENOMEM, HM_ELIMIT. */
int global_names_add(struct global_names *table, hm_term name, hm_pid pid, hm_term method, const hm_ref *ref,
                     const hm_node_name *external);
void global_names_remove(struct global_names *table, struct global_name *name);
void global_names_each(const struct global_names *table, void (*each)(void *arg, const struct global_name *name),
                       void *arg);
/* The elements {Name, Pid, Method}, or of external names {Name, Pid, Node}; their number. */
uint32_t global_names_put(const struct global_names *table, hm_build *build);
uint32_t global_names_put_external(const struct global_names *table, hm_build *build);

#endif
