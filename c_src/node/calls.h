/* node/calls: hm_call. Owns struct call until its outcome lies in the caller's mailbox. One thread. */
#ifndef HM_NODE_CALLS_H
#define HM_NODE_CALLS_H

#include "node/process.h"

/* Is this message the answer to a call of this process, sent to its pid instead of the alias? Then it is taken. */
bool calls_take(hm_process *self, hm_term message);
/* The process ends: its calls are forgotten, without done. */
void calls_on_end(hm_process *process);

#endif
