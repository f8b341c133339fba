/*
 * otp/task: one task of a task supervisor: waits to be told what to run, runs it, sends {Ref, Result}, ends.
 *
 * Owns struct task until its process ends. The supervisor hears of the end as a process_waiter. One thread.
 */
#ifndef HM_OTP_TASK_H
#define HM_OTP_TASK_H

#include "node/process.h"

/*
 * The arguments of Task.Supervised: [Owner, monitor | nomonitor], then {OwnerPid, Ref, ReplyTo, Callers, {M, F, Args}} tells it what to run;
 * or [Owner, Callers, {M, F, Args}], which runs at once and answers nobody. HM_EINVAL: neither of these.
 */
int task_start(hm_process *supervisor, hm_term arguments, hm_process **task);

#endif
