/*
 * otp/pg_local: the processes of this node that are in groups of one scope: a monitor on each, and what it
 * joined, in the order in which it did.
 *
 * Beside otp/pg_groups, which has the members of each group. Owns its entries and monitors. One thread.
 */
#ifndef HM_OTP_PG_LOCAL_H
#define HM_OTP_PG_LOCAL_H

#include "node/process.h"
#include "otp/pg_groups.h"

struct pg_local;

struct pg_locals {
    hm_process *scope; /* who monitors */
    struct pg_local *table;
};

/* One more membership. HM_ENOMEM. */
int pg_locals_join(struct pg_locals *locals, struct pg_member member, struct pg_group *group);
/* One less, the newest; false: there is none. With the last one the monitor goes. */
bool pg_locals_leave(struct pg_locals *locals, struct pg_member member, struct pg_group *group);

/* The process ended, as its monitor says: takes the entry out. NULL: no member, or another monitor's message.
 */
struct pg_local *pg_locals_take(struct pg_locals *locals, struct pg_member member, const hm_ref *ref);
/* What it had joined, the last first, a group as often as it was joined. */
struct pg_group *const *pg_local_groups(const struct pg_local *local, uint32_t *count);
void pg_local_free(struct pg_local *local);

/* Forgets all; the monitors end with the scope. */
void pg_locals_fini(struct pg_locals *locals);

#endif
