/*
 * otp/access: which node may call functions of which module. The rules of <hermod/function.h>; asked by otp/mfa for each call.
 *
 * Owns the rules, from the first until the node is freed. One thread.
 */
#ifndef HM_OTP_ACCESS_H
#define HM_OTP_ACCESS_H

#include "node/process.h"

/* May self, for the node on whose behalf it runs, call functions of this module? Says so in the log when not. */
bool access_allows(hm_process *self, hm_term module, hm_term function);
void access_free(struct hm_node *node);

#endif
