/* otp/function: what <hermod/function.h> exports. Owns struct function until the node is freed. One thread. */
#ifndef HM_OTP_FUNCTION_H
#define HM_OTP_FUNCTION_H

#include "node/node.h"

void function_free(struct hm_node *node); /* after mfa_table_free and all processes */

#endif
