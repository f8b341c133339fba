/*
 * otp/gen_server: the class of every server that hm_server_start starts.
 *
 * Tells $gen_call, $gen_cast, system messages (otp/sys) and the rest apart (otp/gen_message), answers calls
 * through alias or pid, and calls the slots of a struct hm_server_class. Implements hm_server_start,
 * hm_reply*, hm_from_*, hm_stop, hm_continue, hm_set_timeout of <hermod/server.h>.
 * lib/stdlib/src/{gen,gen_server}.erl. One thread.
 */
#ifndef HM_OTP_GEN_SERVER_H
#define HM_OTP_GEN_SERVER_H

#include "node/process.h"
#include "otp/gen_message.h"

struct sys_debug;

/* process->state of a server. Small: most processes of a node may be servers that wait. */
struct gen_server {
    const struct hm_server_class *class;
    struct sys_debug *debug; /* NULL unless a system message asked for trace, log or statistics */
    struct child *child;     /* of the supervisor, NULL when it is nobody's */
    uint64_t calls;          /* requests of $gen_call so far */
    uint64_t timeout;        /* number of the running timer of hm_set_timeout, or 0 */
    bool starting;           /* inside init */
    bool handling;           /* inside another slot: what hm_continue asked for is done when it returns */
    bool next_wanted;
};

extern const struct process_class gen_server_class;

/* hm_server_start, for the supervisor (child, may be NULL). */
int gen_server_start(struct hm_node *node, const struct hm_server_class *server_class,
                     const struct hm_start *start, void *argument, struct child *child, hm_pid *pid);

/* {Tag, Reply} to where it belongs, as if `server` (a pid of this node) sent it. */
int gen_server_send_reply(struct hm_node *node, hm_pid server, const struct hm_from *from, hm_term reply);

/* What logs call a process: its registered name, or <0.Id.Serial>. */
struct process_label {
    char text[256];
};
struct process_label process_label(const hm_process *process);

#endif
