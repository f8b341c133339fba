/*
 * otp/supervisor: servers that are started again when they end: those of every node, and those whose struct hm_start says so.
 *
 * They are what permanent children under one_for_one are: started again whatever the reason, until the node stops. What starts them again is no
 * process, so nobody can end it. The process hermod_sup (hermod_sup.c) shows them and takes requests; it is started again like one of them. It is
 * their parent but not linked to them, so its end is not theirs. A server that keeps ending is started again after a pause. On a BEAM the last
 * supervisor would end the node instead, and whatever watches the VM would start it; here that would end everybody else's connections, too.
 *
 * Owns struct child from the first start until it is deleted or the node is freed. One thread.
 */
#ifndef HM_OTP_SUPERVISOR_H
#define HM_OTP_SUPERVISOR_H

#include "node/node.h"

struct child;

enum child_state {
    CHILD_RUNNING,
    CHILD_RESTARTING, /* ended, and will be started */
    CHILD_ENDING,     /* was told to end by supervisor_terminate */
    CHILD_TERMINATED, /* ended by supervisor_terminate: waits for supervisor_restart */
};

/* Within PERIOD a child is started again at once this many times; then after pauses. */
enum { SUPERVISOR_INTENSITY = 5, SUPERVISOR_PERIOD_MS = 10 * 1000 };

/* Starts it and keeps it running: init is called each time with the same argument, which must live as long as the node. *pid (may be
 * NULL) is kept up to date, HM_NO_PID while it does not run. When the first start fails nothing is kept and the error returned. */
int supervisor_start(struct hm_node *node, const struct hm_server_class *class, const struct hm_start *start,
                     void *argument, hm_pid *pid);
/* Whether a server of this class is kept running under this name, also while it is being started again. */
bool supervisor_keeps(const struct hm_node *node, const struct hm_server_class *class, const char *name);
/* The process hermod_sup: once, after the servers of the node. */
int supervisor_start_root(struct hm_node *node);
/* From gen_server: this child's process is ending. */
void supervisor_on_end(struct child *child);
void supervisor_free(struct hm_node *node);

/* What a child's parent is now; HM_NO_PID while hermod_sup is being started again. */
hm_pid supervisor_parent_of(const struct child *child);

/* ---- for hermod_sup ---- */

struct child_view {
    const char *id, *module; /* lent until the child is deleted. id: its registered name, without one the module */
    hm_pid pid;              /* HM_NO_PID unless it runs or is ending */
    enum child_state state;
    bool own; /* of the node itself: without it peers would lose the connection, so it cannot be terminated */
};

/* The last started first, as which_children tells them. each must not add or delete children. */
void supervisor_each(const struct hm_node *node, void (*each)(void *arg, const struct child_view *view), void *arg);
/* NULL: no such child. */
struct child *supervisor_find(const struct hm_node *node, hm_term id);
struct child_view supervisor_view(const struct child *child);
/* Ends it with the reason shutdown, and it stays down. `from` (a copy is kept) is answered ok, by hermod_sup, when it has ended;
 * that is before this returns when it was not running. HM_ENOMEM; not for an own one. */
int supervisor_terminate(struct child *child, const hm_from *from);
/* A terminated one. What hm_server_start would give. */
int supervisor_restart(struct child *child);
/* A terminated one: forgets it. */
void supervisor_delete(struct child *child);

#endif
