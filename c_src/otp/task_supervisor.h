/*
 * otp/task_supervisor: Task.Supervisor of Elixir, as processes of other nodes use it (elixir/lib/task/supervisor.ex, supervised.ex,
 * dynamic_supervisor.ex): async, async_nolink, async_stream, start_child, children, terminate_child.
 *
 * A server under a name, and a process for each task. The tasks' functions are those of otp/mfa. Tasks end with their supervisor; one whose
 * owner ends, or that is not told what to do within five seconds, ends too. Owns its list of tasks. One thread.
 */
#ifndef HM_OTP_TASK_SUPERVISOR_H
#define HM_OTP_TASK_SUPERVISOR_H

#include "node/node.h"

struct task_supervisor;

/* After all processes. */
void task_supervisors_free(struct hm_node *node);

#endif
