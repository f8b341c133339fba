/*
 * otp/io_wire: the terms of the IO protocol, both ways (stdlib's guide io_protocol; lib/stdlib/src/io.erl,
 * lib/kernel/src/group.erl).
 *
 * {io_request, From, ReplyAs, Request} is answered {io_reply, ReplyAs, Reply}. Requests have two generations:
 * since R13 with an encoding, {get_line, unicode, Prompt}, and before without one, {get_line, Prompt}, which
 * means latin1; nodes that lack the distribution flag UNICODE_IO get the old ones. Reads terms that were
 * checked and has no side effects. Any thread.
 */
#ifndef HM_OTP_IO_WIRE_H
#define HM_OTP_IO_WIRE_H

#include "base/bytes.h"
#include <hermod/term.h>

enum io_request_kind {
    IO_UNKNOWN, /* {error, request} */
    IO_PUT_CHARS,
    IO_PUT_APPLY, /* {put_chars, Encoding, M, F, A}: the text is what the function returns */
    IO_GET_LINE,
    IO_GET_CHARS,
    IO_GET_UNTIL, /* what is read is taken apart by a function: io:read, io:fread */
    IO_GET_PASSWORD,
    IO_GETOPTS,
    IO_SETOPTS,
    IO_COLUMNS,
    IO_ROWS,
    IO_REQUESTS,
    IO_LEFT_OUT, /* it was too large to be taken from the connection: {error, system_limit} */
};

struct io_request {
    enum io_request_kind kind;
    bool latin1;  /* the encoding of the text, or of the answer */
    hm_term term; /* PUT_CHARS: the text; GET_*: the prompt; SETOPTS, REQUESTS: the list */
    hm_term module, function, arguments; /* PUT_APPLY, GET_UNTIL */
    uint64_t count;                      /* GET_CHARS */
};

struct io_message {
    hm_term from, reply_as, request;
};

/* false: not an io_request. From is a pid or some other term. */
bool io_wire_read_message(hm_term message, struct io_message *io);
void io_wire_read_request(hm_term term, struct io_request *request);

/* What a device can be told with setopts. */
struct io_options {
    bool binary, echo, latin1;
};
/* Changes what the list names and leaves the rest; false and no change when it has something else. */
bool io_wire_read_options(hm_term list, struct io_options *options);
void io_wire_put_options(hm_build *build, const struct io_options *options);

/* {io_reply, ReplyAs, and one term of the caller. */
void io_wire_begin_reply(hm_build *build, hm_term reply_as);
/* {put_chars, unicode, <<Text>>} */
void io_wire_put_text(hm_build *build, const void *utf8, size_t size);
/* What was read: UTF-8 as binary or list. false, and nothing is written, when it is asked for in latin1 and
 * has other characters. */
bool io_wire_put_data(hm_build *build, struct bytes utf8, bool binary, bool latin1);

/* io_lib:format_prompt/1: text in any form, an atom, {format, Format, Arguments}, or a term. Errors stick in
 * the writer. */
void io_wire_put_prompt(struct writer *out, hm_term prompt);

#endif
