/*
 * otp/io_client: requests to IO devices from C processes: hm_io_request and hm_io_put_chars of <hermod/io.h>.
 *
 * Stable: what runs functions for others (closures, exported functions) prints with these. Nothing here
 * waits. The answer is a message of the process that asked, which calls `done` (may be NULL) like that of
 * hm_call: until it is there the process must live, since its end takes the request's monitor along, not the
 * text that was sent.
 *
 *     io_client_put_chars(self, self->leader, text, size, on_printed, state);   // IO.puts, IO.write,
 * IO.inspect io_client_format(self, self->leader, format, arguments, on_printed, state); // io:format,
 * io:fwrite
 *
 * What comes back is the reply of the device: `ok', or {error, Reason}, for which io:put_chars and io:format
 * raise badarg; with an error (HM_ENOPROC, HM_ENOCONNECTION, HM_EEXIT) Erlang has {error, terminated}. One
 * thread.
 */
#ifndef HM_OTP_IO_CLIENT_H
#define HM_OTP_IO_CLIENT_H

#include <hermod/io.h>

/* {put_chars, unicode, <<Text>>}. Borrows the text. HM_EINVAL (leader is no pid), HM_ENOMEM, HM_ELIMIT. */
int io_client_put_chars(hm_process *self, hm_pid device, const void *utf8, size_t size, hm_call_done *done,
                        void *arg);
/* {put_chars, unicode, io_lib, format, [Format, Arguments]}: as io:format/2 sends it, so the device formats.
 */
int io_client_format(hm_process *self, hm_pid device, hm_term format, hm_term arguments, hm_call_done *done,
                     void *arg);

#endif
