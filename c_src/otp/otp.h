/*
 * otp/otp: the processes that every node has: net_kernel, rex, global_name_server; and the functions that can be called from outside.
 * Started by api when a node is made. One thread.
 */
#ifndef HM_OTP_OTP_H
#define HM_OTP_OTP_H

#include "node/node.h"

/* Sets node->hooks and starts the servers. */
int otp_start(struct hm_node *node);
void otp_stop(struct hm_node *node); /* after all processes ended: frees node->otp */

#endif
