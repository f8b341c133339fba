/*
 * otp/pg_watch: who is told of changes of the groups of one scope: pg:monitor/1,2, pg:monitor_scope/0,1.
 *
 * A watcher gets {Ref, join, Group, Pids} and {Ref, leave, Group, Pids}; Ref is that of the scope's own
 * monitor on it, so a watcher that ends is forgotten. Watchers may be processes of other nodes; nobody is
 * dialled for their sake. Owns its watches. One thread.
 */
#ifndef HM_OTP_PG_WATCH_H
#define HM_OTP_PG_WATCH_H

#include "node/process.h"
#include "otp/pg_groups.h"

struct pg_watchers {
    hm_process *scope;
    struct pg_groups *groups;
    struct pg_watch *table;
    struct pg_watches all; /* of the whole scope */
    uint32_t count, max;
    uint64_t refused; /* times that max was reached */
};

void pg_watchers_init(struct pg_watchers *watchers, hm_process *scope, struct pg_groups *groups,
                      uint32_t max);
/* group NULL: the whole scope. HM_ENOMEM, HM_ELIMIT, HM_ENOCONNECTION (the watcher's node is not connected).
 */
int pg_watchers_add(struct pg_watchers *watchers, hm_pid pid, const hm_term *group, hm_ref *ref);
/* demonitor, or the watcher ended. false: no such watch. */
bool pg_watchers_remove(struct pg_watchers *watchers, const hm_ref *ref);
/* What is in the mailbox of a local watcher of this reference is taken out, too. */
void pg_watchers_flush(hm_process *watcher, const hm_ref *ref);
void pg_watchers_tell(struct pg_watchers *watchers, struct pg_group *group, bool joined,
                      const hm_node_name *node, const struct pg_member *members, uint32_t count);
/* Forgets all; the monitors end with the scope. */
void pg_watchers_fini(struct pg_watchers *watchers);

/* To a process wherever it is, unless its node is not connected: then its DOWN tells, or has told. */
int pg_send(hm_process *scope, hm_pid to, hm_term message);
bool pg_is_reachable(const struct hm_node *node, const hm_node_name *name);

#endif
