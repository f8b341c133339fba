/*
 * otp/appmon_info: the registered server that tells observer, while somebody looks at its page of applications, which there are and how
 * their processes hang together (lib/runtime_tools/src/appmon_info.erl).
 *
 * Casts {From, app_ctrl | app, Aux, true | false, Options} begin and end a task: its result is sent as {delivery, self(), Command, Aux,
 * Result} at once and again whenever it is another one. Ends with its last client. Owns its tasks. One thread.
 */
#ifndef HM_OTP_APPMON_INFO_H
#define HM_OTP_APPMON_INFO_H

#include <hermod/server.h>

#define APPMON_DESCRIPTION "Erlang node in C"

/* Starts it, or makes client one more of its clients. It ends when starter does, or the last client. */
int appmon_start(hm_node *node, hm_pid starter, hm_pid client, hm_pid *server);
/* {hermod, Description, Version} */
void appmon_put_application(hm_build *build);

#endif
