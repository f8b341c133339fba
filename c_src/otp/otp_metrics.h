/*
 * otp/otp_metrics: what the servers of every node tell of themselves: functions, global, pg, supervision; and the program's CPU and memory.
 * Owns nothing.
 */
#ifndef HM_OTP_OTP_METRICS_H
#define HM_OTP_OTP_METRICS_H

#include "otp/otp.h"

/* After node->otp was made. HM_ENOMEM. */
int otp_metrics_add(struct hm_node *node, struct hm_metrics **source);

#endif
