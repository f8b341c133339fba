/*
 * otp/io_server: a process that is an IO device: hm_io_server_start, hm_io_input, hm_io_eof, hm_io_written of
 * <hermod/io.h>.
 *
 * Output and options are served when they arrive, also while others wait for input; reads wait in one queue.
 * Who waits is monitored, so a reader that is gone does not take the next line from the one behind it (on a
 * BEAM it does). What waits is bounded in number and bytes. io_wire knows the terms, io_input the bytes. One
 * thread.
 */
#ifndef HM_OTP_IO_SERVER_H
#define HM_OTP_IO_SERVER_H

#include "node/process.h"
#include <hermod/io.h>

/* The class; its argument is a struct io_server_start, which a supervisor keeps. */
extern const struct hm_server_class io_server_class;

struct io_server_start {
    struct hm_io_device device;
    hm_io_server **server; /* where to put the handle, may be NULL */
};

/* The device's arg. */
void *io_server_argument(const hm_io_server *server);

#endif
