/*
 * otp/io_serve: one request of an IO device after the other; the part of otp/io_server that knows what each
 * of them does.
 *
 * io_server owns the structs here, keeps what has to wait and sends the replies; io_serve writes the reply of
 * the request that is due, or says that it has to wait for input. One thread.
 */
#ifndef HM_OTP_IO_SERVE_H
#define HM_OTP_IO_SERVE_H

#include "node/process.h"
#include "otp/io_input.h"
#include "otp/io_wire.h"
#include <hermod/io.h>

enum { IO_NESTING = 16 }; /* of {requests, [{requests, ...}]}; io.erl flattens them */

/* A message that is being worked on; only those that have to wait are copied. */
struct job {
    TAILQ_ENTRY(job) link;
    hm_pid from;
    hm_ref monitor;
    bool monitored, prompted, printed, hidden; /* hidden: echo is off for it */
    struct io_message io;                      /* into bytes, once it waits */
    uint8_t *bytes;
    size_t size;
    struct io_request request;        /* the one that is due */
    struct hm_list lists[IO_NESTING]; /* of request lists: what comes after it */
    unsigned depth;
};

TAILQ_HEAD(jobs, job);

struct hm_io_server {
    hm_process *self;
    struct hm_io_device device;
    struct io_options options;
    struct jobs readers;  /* wait for input; the first one gets it */
    struct jobs printers; /* wait until their text is written */
    uint32_t waiting;
    size_t kept;      /* bytes of those */
    size_t unwritten; /* bytes that the device has taken with HM_IO_LATER */
    struct io_input input;
    bool wanted, awake,
        written; /* the device was asked for input; an event lies in the mailbox; it is about hm_io_written */
    hm_build *reply;
};

/* Writes the reply of the request that is due into server->reply; false: it waits for input. */
bool io_serve(struct hm_io_server *server, struct job *job);
static inline bool io_serve_reads(const struct io_request *request) {
    return request->kind == IO_GET_LINE || request->kind == IO_GET_CHARS || request->kind == IO_GET_PASSWORD;
}
/* The device shows what is typed, or not. */
void io_serve_echo(struct hm_io_server *server, bool on);
/* {error, system_limit}, with a line in the log. */
void io_serve_refuse(struct hm_io_server *server, const struct job *job, const char *what);

#endif
