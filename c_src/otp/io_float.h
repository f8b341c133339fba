/*
 * otp/io_float: ~e, ~f and ~g: a float with a number of digits (lib/stdlib/src/io_lib_format.erl,
 * float_data/1 on).
 *
 * The 21 digits of float_to_list/1 are rounded as decimals, half up, as OTP does it: printf rounds the binary
 * value and differs. Pure. Any thread.
 */
#ifndef HM_OTP_IO_FLOAT_H
#define HM_OTP_IO_FLOAT_H

#include "base/bytes.h"

/* precision: digits behind the dot, at least 1; for e significant digits, at least 2; for g, at least 1.
 * HM_EINVAL when less. */
int io_float_f(struct writer *out, double value, int64_t precision);
int io_float_e(struct writer *out, double value, int64_t precision);
int io_float_g(struct writer *out, double value, int64_t precision);

#endif
