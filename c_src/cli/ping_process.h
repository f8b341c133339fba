/*
 * cli/ping_process: does a process answer? `hermod ping NODE --process NAME`.
 *
 * Asks for its statistics (sys:statistics/2), which every OTP process answers by itself, without its state and without a change. Then, what
 * erlang:process_info/2 tells: a suspended process answers, too, but does not work; of a busy one it tells what it does. Without that (a
 * node that refuses rpc) the answer alone counts.
 */
#ifndef HM_CLI_PING_PROCESS_H
#define HM_CLI_PING_PROCESS_H

#include "cli/options.h"

/* Returns the exit code, when everything is printed and freed. name: as the user wrote it. */
int ping_process(const struct settings *settings, const char *target, const char *name);

#endif
