#include "otp/io_serve.h"

#include <stdio.h>

#include "etf/utf8.h"
#include "otp/gen_server.h"
#include "otp/io_format.h"
#include "otp/io_text.h"
#include "otp/otp.h"

static void put_error(struct hm_io_server *server, const char *reason) {
    hm_put_format(server->reply, "{error, ~a}", reason);
}

void io_serve_echo(struct hm_io_server *server, bool on) {
    if (server->device.echo)
        server->device.echo(server->device.arg, on);
}

/* ---- output ---- */

/* Latin-1 devices have no other characters: those are written as io_lib does it, \x{20AC}. */
static void to_latin1(struct writer *out, struct bytes utf8) {
    const uint8_t *at = utf8.at, *end = at + utf8.size;
    while (at < end && !out->error) {
        char room[16];
        uint32_t c = 0;
        at += utf8_next(at, end, &c);
        if (c <= 0xFF)
            writer_u8(out, (uint8_t)c);
        else
            writer_put(out, room, (size_t)snprintf(room, sizeof room, "\\x{%X}", (unsigned)c));
    }
}

/* UTF-8 of anybody to the device. 0, HM_ELIMIT (too much waits), HM_ENOMEM, or HM_ESYSTEM: the device has
 * failed. */
static int print(struct hm_io_server *server, struct job *job, struct bytes utf8) {
    struct writer latin1;
    int error = HM_OK;
    if (!utf8.size)
        return HM_OK;
    if (server->unwritten && utf8.size > server->device.max_output - server->unwritten)
        return HM_ELIMIT;
    writer_init(&latin1, server->device.max_output * 2);
    if (server->options.latin1) {
        to_latin1(&latin1, utf8);
        utf8 = bytes_of(latin1.at, latin1.size);
        error = latin1.error;
    }
    if (!error) {
        int taken = server->device.output(server->device.arg, job->from, (const char *)utf8.at, utf8.size);
        if (taken == HM_IO_LATER) {
            job->printed = true;
            server->unwritten += utf8.size;
            if (server->unwritten > server->device.max_output)
                server->unwritten = server->device.max_output;
        }
        error = taken < 0 ? HM_ESYSTEM : HM_OK;
    }
    writer_fini(&latin1);
    return error;
}

void io_serve_refuse(struct hm_io_server *server, const struct job *job, const char *what) {
    otp_of(server->self->node)->counters.io_full++;
    log_warn(&server->self->node->log, "io.full", "%s: %s; a request of a process of %s was refused",
             process_label(server->self).text, what, hm_node_name_text(job->from.node));
    hm_build_reset(server->reply);
    put_error(server, "system_limit");
}

static void put_print_outcome(struct hm_io_server *server, struct job *job, int error) {
    if (!error)
        hm_put_atom(server->reply, "ok");
    else if (error == HM_ESYSTEM)
        put_error(server, "terminated");
    else
        io_serve_refuse(server, job, error == HM_ELIMIT ? "too much to print" : "no memory to print");
}

/* group.erl: {error, {put_chars, Encoding, Chars}} for what is no text. */
static void put_chars(struct hm_io_server *server, struct job *job) {
    const struct io_request *request = &job->request;
    struct writer text;
    writer_init(&text, server->device.max_output);
    int error = io_text_append(&text, request->term, request->latin1 ? IO_TEXT_LATIN1 : IO_TEXT_UNICODE);
    if (error == HM_EINVAL)
        hm_put_format(server->reply, "{error, {put_chars, ~a, ~t}}", request->latin1 ? "latin1" : "unicode",
                      request->term);
    else
        put_print_outcome(server, job, error ? error : print(server, job, bytes_of(text.at, text.size)));
    writer_fini(&text);
}

/* {error, Function} when the function fails; what is not io_lib's would have to be run. */
static void put_apply(struct hm_io_server *server, struct job *job) {
    const struct io_request *request = &job->request;
    struct writer text;
    writer_init(&text, server->device.max_output);
    int error = io_format_apply(&text, request->module, request->function, request->arguments);
    if (error == HM_OK && request->latin1 && !io_text_is_latin1(bytes_of(text.at, text.size)))
        error = HM_EINVAL;
    if (error == HM_ENOENT)
        put_error(server, "enotsup");
    else if (error == HM_EINVAL)
        hm_put_format(server->reply, "{error, ~t}", request->function);
    else
        put_print_outcome(server, job, error ? error : print(server, job, bytes_of(text.at, text.size)));
    writer_fini(&text);
}

/* ---- input ---- */

/* A read comes to its turn: false when it cannot be served at all, and the reply says why. */
static bool begin_read(struct hm_io_server *server, struct job *job) {
    const struct io_request *request = &job->request;
    struct writer prompt;
    if (job->prompted)
        return true;
    if (request->kind == IO_GET_CHARS && request->count > server->device.max_input / 4) {
        io_serve_refuse(server, job, "too many characters to read at once");
        return false;
    }
    if (request->kind == IO_GET_PASSWORD) {
        if (!server->device.input || !server->device.echo ||
            !server->device.echo(server->device.arg, false)) {
            put_error(server, "enotsup");
            return false;
        }
        job->hidden = true;
    } else {
        writer_init(&prompt, server->device.max_output);
        io_wire_put_prompt(&prompt, request->term);
        if (!prompt.error)
            print(server, job, bytes_of(prompt.at, prompt.size));
        writer_fini(&prompt);
    }
    job->prompted = true;
    return true;
}

static enum io_taken take(struct hm_io_server *server, const struct io_request *request, struct bytes *data) {
    bool latin1 = server->options.latin1;
    *data = bytes_of(NULL, 0);
    if (request->kind == IO_GET_CHARS && request->count == 0)
        return IO_TAKEN_DATA;
    if (!server->device.input)
        return IO_TAKEN_EOF;
    return request->kind == IO_GET_CHARS ? io_input_characters(&server->input, request->count, latin1, data)
                                         : io_input_line(&server->input, data);
}

static void end_password(struct hm_io_server *server, struct job *job, struct bytes *line) {
    if (line->size && line->at[line->size - 1] == '\n')
        line->size--;
    job->hidden = false;
    io_serve_echo(server, server->options.echo);
    print(server, job, bytes_of("\n", 1)); /* the one that was typed was not shown */
}

/* false: it has to wait. */
static bool read_input(struct hm_io_server *server, struct job *job) {
    const struct io_request *request = &job->request;
    struct writer text;
    struct bytes data;
    if (!begin_read(server, job))
        return true;
    enum io_taken taken = take(server, request, &data);
    size_t size = data.size;
    if (taken == IO_TAKEN_NOTHING)
        return false;
    job->prompted = false;
    bool password = request->kind == IO_GET_PASSWORD;
    if (password)
        end_password(server, job, &data);
    writer_init(&text, server->device.max_input * 2);
    io_input_decode(&text, data, server->options.latin1);
    if (taken == IO_TAKEN_EOF)
        hm_put_atom(server->reply, "eof");
    else if (text.error)
        io_serve_refuse(server, job, "no memory for the input"); /* it stays where it is */
    else if (io_wire_put_data(server->reply, bytes_of(text.at, text.size),
                              server->options.binary && !password, request->latin1))
        io_input_drop(&server->input, size);
    else
        hm_put_format(server->reply, "{error, {no_translation, unicode, latin1}}");
    writer_fini(&text);
    return true;
}

/* ---- one request ---- */

static void put_geometry(struct hm_io_server *server, enum io_request_kind kind) {
    unsigned columns, rows;
    if (server->device.geometry && server->device.geometry(server->device.arg, &columns, &rows))
        hm_put_uint64(server->reply, kind == IO_COLUMNS ? columns : rows);
    else
        put_error(server, "enotsup");
}

static void set_options(struct hm_io_server *server, const struct io_request *request) {
    bool echo = server->options.echo;
    if (!io_wire_read_options(request->term, &server->options)) {
        put_error(server, "enotsup");
        return;
    }
    if (server->options.echo != echo)
        io_serve_echo(server, server->options.echo);
    hm_put_atom(server->reply, "ok");
}

bool io_serve(struct hm_io_server *server, struct job *job) {
    hm_build_reset(server->reply);
    switch (job->request.kind) {
    case IO_PUT_CHARS: put_chars(server, job); return true;
    case IO_PUT_APPLY: put_apply(server, job); return true;
    case IO_GET_LINE:
    case IO_GET_CHARS:
    case IO_GET_PASSWORD: return read_input(server, job);
    case IO_GETOPTS: io_wire_put_options(server->reply, &server->options); return true;
    case IO_SETOPTS: set_options(server, &job->request); return true;
    case IO_COLUMNS:
    case IO_ROWS: put_geometry(server, job->request.kind); return true;
    case IO_GET_UNTIL: /* io:read, io:fread: their functions run on a BEAM only */
        put_error(server, "enotsup");
        return true;
    case IO_LEFT_OUT: io_serve_refuse(server, job, "a request larger or deeper than allowed"); return true;
    case IO_REQUESTS: /* too deep for next_request */
    case IO_UNKNOWN: break;
    }
    put_error(server, "request");
    return true;
}
