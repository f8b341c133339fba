/* node/calls: hm_call, and requests to IO devices. Owns struct call until its outcome lies in the caller's mailbox. One thread. */
#ifndef HM_NODE_CALLS_H
#define HM_NODE_CALLS_H

#include "node/process.h"

/* Is this message the answer to a call of this process, sent to its pid instead of the alias? Then it is taken. */
bool calls_take(hm_process *self, hm_term message);
/* The same as hm_call with an io_request instead of a $gen_call (for otp/io_client): reply is what io_reply brings. done may be NULL. */
int calls_io_request(hm_process *self, hm_address to, hm_term request, int64_t timeout_ms, hm_call_done *done,
                     void *arg);
/* The process ends: its calls are forgotten, without done. */
void calls_on_end(hm_process *process);

#endif
