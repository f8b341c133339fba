/*
 * otp/bifs: the functions of OTP's own modules that can be called from outside.
 *
 * Each bif_*.c exports its functions into otp/mfa's table when the node is made: a file is one function here and one line in otp.c.
 */
#ifndef HM_OTP_BIFS_H
#define HM_OTP_BIFS_H

#include "otp/mfa.h"

int bif_process_export(struct hm_node *node); /* about processes */
int bif_system_export(struct hm_node *node);  /* about the node */

#endif
