/*
 * otp/global: the process global_name_server, its locker and its registrar: otp/global_member on a node.
 *
 * When it ends (memory, or somebody killed one of the three) the supervisor starts it again, and it closes and dials again all
 * connections to visible nodes: the others still count on what the earlier one knew. On a BEAM the VM ends. One thread.
 */
#ifndef HM_OTP_GLOBAL_H
#define HM_OTP_GLOBAL_H

#include "otp/otp.h"

struct global_member;

/* NULL while it does not run. */
struct global_member *global_member_of(const struct hm_node *node);

#endif
