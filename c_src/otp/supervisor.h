/*
 * otp/supervisor: servers that are started again when they end: those of every node, and whose struct hm_start says so.
 *
 * As a permanent child under one_for_one: whatever the reason, until the node stops. It is no process itself, so nobody can end
 * it. A server that keeps ending is started again after a pause instead of bringing the node down: on a BEAM the last
 * supervisor would, and then whatever watches the VM starts it; here that would end everybody else's connections, too.
 *
 * Owns struct child from the first start until the node is freed. One thread.
 */
#ifndef HM_OTP_SUPERVISOR_H
#define HM_OTP_SUPERVISOR_H

#include "node/node.h"

struct child;

/* Starts it and keeps it running: init is called each time with the same argument, which must live as long as the node. *pid (may be
 * NULL) is kept up to date, HM_NO_PID while it does not run. When the first start fails nothing is kept and the error returned. */
int supervisor_start(struct hm_node *node, const struct hm_server_class *class, const struct hm_start *start,
                     void *argument, hm_pid *pid);
/* From gen_server: this child's process is ending. */
void supervisor_on_end(struct child *child);
void supervisor_free(struct hm_node *node);

#endif
