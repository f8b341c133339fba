/*
 * otp/hermod_sup: the registered process that answers for otp/supervisor what a supervisor answers: which_children,
 * count_children, get_childspec, terminate_child, restart_child, delete_child (lib/stdlib/src/supervisor.erl, handle_call/3).
 *
 * start_child fails as on a BEAM without that module: an Erlang function cannot be run here. The servers of the node itself
 * cannot be terminated. Owns nothing. One thread.
 */
#ifndef HM_OTP_HERMOD_SUP_H
#define HM_OTP_HERMOD_SUP_H

#include <hermod/server.h>

#define HERMOD_SUP "hermod_sup"

extern const struct hm_server_class hermod_sup_class;

#endif
