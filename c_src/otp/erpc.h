/*
 * otp/erpc: what a peer spawns here: erpc:execute_call/4, execute_cast/3, and functions of otp/mfa directly.
 *
 * Each is a process that runs its function when it gets its turn and ends with the outcome as exit reason
 * (lib/kernel/src/erpc.erl). The answer to the SPAWN_REQUEST was sent by node/spawn before that. One thread.
 */
#ifndef HM_OTP_ERPC_H
#define HM_OTP_ERPC_H

#include "node/spawn.h"

/* node_hooks.on_spawn */
int erpc_on_spawn(struct hm_node *node, const struct spawn_request *request, hm_pid *pid,
                  const char **refusal);

#endif
