/*
 * otp/gen_server: the class of every server that hm_server_start starts.
 *
 * Tells $gen_call, $gen_cast, system messages (otp/sys) and the rest apart, answers the first kind through alias or pid, and calls the
 * slots of a struct hm_server_class. Implements hm_server_start, hm_reply*, hm_from_*, hm_stop, hm_continue, hm_set_timeout of <hermod/server.h>.
 * lib/stdlib/src/{gen,gen_server}.erl. One thread.
 */
#ifndef HM_OTP_GEN_SERVER_H
#define HM_OTP_GEN_SERVER_H

#include "node/process.h"

struct hm_from {
    hm_pid pid;
    bool by_alias;   /* the tag is [alias | Ref] or [[alias | Ref] | _] */
    hm_ref alias;
    hm_term tag;     /* borrowed from the message, or behind this struct when kept */
    struct gen_server *server; /* whose call it is, for sys events; may be NULL */
};

extern const struct process_class gen_server_class;

#endif
