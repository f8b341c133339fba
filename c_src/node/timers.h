/* node/timers: timers of processes. Owns struct timer; a timer that fires is a message, and never comes early. One thread. */
#ifndef HM_NODE_TIMERS_H
#define HM_NODE_TIMERS_H

#include "node/process.h"

/* Puts `message` (taken, also on failure) into the mailbox after ms; *number identifies it until then. */
int timers_add(hm_process *process, int64_t ms, struct message *message, uint64_t *number);
/* -1: there is none. */
int64_t timers_left_ms(const hm_process *process, uint64_t number);
/* Of the one that was added last; -1: there is none. */
int64_t timers_first_ms(const hm_process *process);
bool timers_cancel(hm_process *process, uint64_t number);
void timers_on_end(hm_process *process);

#endif
