/*
 * otp/sys: system messages, {system, From, Request}: what sys:get_state/1, get_status/1, suspend/1, trace/2
 * ... send.
 *
 * Owns the debug options of a server (trace, log, statistics), which exist only while somebody wants them.
 * Follows lib/stdlib/src/sys.erl (do_cmd, debug_cmd); the differences between releases in otp/releases. One
 * thread.
 */
#ifndef HM_OTP_SYS_H
#define HM_OTP_SYS_H

#include "otp/gen_server.h"

struct sys_debug;

/* Answers a system message to a server. HM_STOP (reason set) for {terminate, Reason}. */
enum hm_verdict sys_handle(hm_process *self, const struct hm_from *from, hm_term request);

/* Events of a server whose debug is not NULL: a message came; its handler is done (from: the call that it
 * handled, else NULL). Between these two sys_note_reply says what was answered. */
void sys_event_in(hm_process *self, hm_term message);
void sys_event_done(hm_process *self, const struct hm_from *from);
void sys_note_reply(struct sys_debug *debug, hm_term reply);

void sys_debug_free(struct sys_debug *debug); /* NULL is allowed */

/* Appends what sys:get_status/1 returns. */
void sys_put_status(hm_process *self, hm_build *build);
/* Appends the server's state, one term. */
void sys_put_state(hm_process *self, hm_build *build);
/* {{Y, Mo, D}, {H, Mi, S}}, local time. */
void sys_put_local_time(hm_build *build, int64_t seconds);
/* Parts of the process dictionary that a gen_server has on a BEAM, and the whole: {Module, init, 1}, as a rule; parents by name or
 * pid. Of processes of the class gen_server only, but for ancestors. */
void sys_put_initial_call(const hm_process *process, hm_build *build);
void sys_put_ancestors(const hm_process *process, hm_build *build);
void sys_put_dictionary(const hm_process *process, hm_build *build);

#endif
