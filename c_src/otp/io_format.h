/*
 * otp/io_format: io_lib:format/2 and the other functions that an io_request may name to make its text.
 *
 * io:format/2 sends format and arguments to the group leader, which does the work (lib/stdlib/src/io.erl).
 * The control sequences are those of lib/stdlib/src/io_lib_format.erl: ~w ~p ~W ~P ~s ~c ~e ~f ~g ~b ~B ~x ~X
 * ~+ ~# ~n ~~ ~i with field width, precision, padding character, * and the modifiers t and l. Terms are
 * io_pretty's. Pure; output goes into a writer, whose cap bounds what a short format may make of itself
 * (~99999999c). Any thread.
 */
#ifndef HM_OTP_IO_FORMAT_H
#define HM_OTP_IO_FORMAT_H

#include "base/bytes.h"
#include <hermod/term.h>

/* Appends UTF-8. HM_EINVAL where OTP has badarg (a malformed format, arguments that do not fit), HM_ELIMIT
 * (the cap, or an integer of thousands of digits), HM_ENOMEM; what was written until then stays. */
int io_format(struct writer *out, hm_term format, hm_term arguments);

/* {put_chars, Encoding, Module, Function, Arguments}: io_lib:format/2, fwrite/2, write/1,2, print/1,4, nl/0.
 * HM_ENOENT: another function, whose code is not here. */
int io_format_apply(struct writer *out, hm_term module, hm_term function, hm_term arguments);

#endif
