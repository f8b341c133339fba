/*
 * otp/global_call: what the files behind <hermod/global.h> share.
 */
#ifndef HM_OTP_GLOBAL_CALL_H
#define HM_OTP_GLOBAL_CALL_H

#include "node/process.h"
#include "node/timers.h"

/* Memory (of malloc; taken, also on failure) that is freed with timers_cancel(self, *guard), or when the process ends: hm_call does not
 * tell its caller of that. */
int global_guard(hm_process *self, void *memory, uint64_t *guard);
/* A list of the visible nodes that are connected. */
void global_put_visible(struct hm_node *node, hm_build *build);

#endif
