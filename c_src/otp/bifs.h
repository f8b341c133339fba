/* otp/bifs: the handlers of otp/mfa's table. bif_process.c: about processes; bif_system.c: about the node. */
#ifndef HM_OTP_BIFS_H
#define HM_OTP_BIFS_H

#include "otp/mfa.h"

mfa_handler bif_is_process_alive, bif_process_info_1, bif_process_info_2, bif_processes, bif_registered,
    bif_whereis;
mfa_handler bif_memory_0, bif_memory_1, bif_node_0, bif_nodes_0, bif_nodes_1, bif_statistics, bif_system_info;

#endif
