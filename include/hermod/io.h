/*
 * The IO protocol of Erlang from both ends: print to the group leader of whoever asked, and be one.
 *
 * A process prints by sending a request to its group leader, which is often on another node: the shell that called
 * it. hm_io_put_chars does what IO.puts and io:put_chars do,
 *
 *     hm_io_put_chars(self, hm_group_leader(self), "hello\n", 6, -1, NULL, NULL);
 *
 * and the text appears on that terminal. Node thread only. The wire is that of lib/stdlib/src/io.erl and
 * lib/kernel/src/group.erl of OTP.
 */
#ifndef HERMOD_IO_H
#define HERMOD_IO_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- printing, and other requests to a device ----------------------------------------------------------------- */

/*
 * Asks an IO device (a group leader, the pid of a file, a process of this node) to do something: request is what
 * stands in an io_request, as {put_chars, unicode, <<"text">>}, {get_line, unicode, <<"> ">>} or getopts. Borrows
 * it. Never blocks: the answer comes to `done` as a message of this process, so the handler returns meanwhile.
 * error 0 and the reply (ok, a line, eof, {error, Reason} ...); HM_ENOPROC, HM_ENOCONNECTION, HM_ETIMEOUT, or
 * HM_EEXIT and the exit reason, when the device ends first. done may be NULL for those who do not want to know; it
 * is called exactly once, except when this process ends first. timeout_ms negative: no limit, as io:put_chars/2.
 * On an error return (HM_ENOMEM, HM_ELIMIT, HM_EINVAL: no pid) it is not called.
 */
HM_API int hm_io_request(hm_process *self, hm_pid device, hm_term request, int64_t timeout_ms, hm_call_done *done,
                         void *arg);
/* The same for {put_chars, unicode, Text}; the text is UTF-8, borrowed, and checked by the device. */
HM_API int hm_io_put_chars(hm_process *self, hm_pid device, const void *utf8, size_t size, int64_t timeout_ms,
                           hm_call_done *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif
