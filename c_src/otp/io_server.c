#include "otp/io_server.h"

#include <stdlib.h>

#include "etf/ids.h"
#include "node/monitors.h"
#include "node/route.h"
#include "otp/gen_server.h"
#include "otp/io_serve.h"

enum {
    MAX_WAITING = 1000,
    MAX_OUTPUT = 16 * 1024 * 1024,
    MAX_INPUT = 1024 * 1024,
    MAX_KEPT = 16 * 1024 * 1024, /* bytes of requests that wait */
};

void *io_server_argument(const hm_io_server *server) {
    return server->device.arg;
}

/* ---- replies ---- */

static void send_reply(struct hm_io_server *server, hm_pid to, hm_term reply_as, hm_term reply) {
    hm_process *self = server->self;
    hm_build *build = node_build_take(self->node);
    int error = HM_ENOMEM;
    if (build) {
        io_wire_begin_reply(build, reply_as);
        hm_put_term(build, reply);
        error = hm_build_error(build);
    }
    if (!error)
        error = hm_send(self, hm_to_pid(to), hm_build_term(build));
    if (error)
        log_error(&self->node->log, "io.reply", "%s: the answer to an IO request is lost: %s",
                  process_label(self).text, hm_strerror(error));
    node_build_give(self->node, build);
}

static void forget_job(struct hm_io_server *server, struct jobs *queue, struct job *job) {
    TAILQ_REMOVE(queue, job, link);
    server->waiting--;
    server->kept -= job->size;
    if (job->monitored)
        hm_demonitor(server->self, &job->monitor);
    if (job->hidden)
        io_serve_echo(server, server->options.echo);
    free(job->bytes);
    free(job);
}

/* ---- input ---- */

static void want_input(struct hm_io_server *server, bool wanted) {
    if (server->wanted == wanted || !server->device.input)
        return;
    server->wanted = wanted;
    server->device.input(server->device.arg, wanted);
}

/* Makes `term`, or the first in it when it is a list of requests, the one that is due. false: an empty list.
 */
static bool enter_request(struct job *job, hm_term term) {
    io_wire_read_request(term, &job->request);
    while (job->request.kind == IO_REQUESTS && job->depth < IO_NESTING) {
        hm_list_begin(job->request.term, &job->lists[job->depth++]);
        hm_term first;
        while (job->depth && !hm_list_next(&job->lists[job->depth - 1], &first))
            job->depth--;
        if (!job->depth)
            return false;
        io_wire_read_request(first, &job->request);
    }
    return true;
}

/* The next of the lists that it is in. */
static bool next_request(struct job *job) {
    hm_term next;
    while (job->depth) {
        if (hm_list_next(&job->lists[job->depth - 1], &next))
            return enter_request(job, next);
        job->depth--;
    }
    return false;
}

/* Serves what can be served. true: the reply to the message is there. */
static bool run(struct hm_io_server *server, struct job *job, bool may_read) {
    while (true) {
        if (io_serve_reads(&job->request) && !may_read)
            return false;
        if (!io_serve(server, job))
            return false;
        if (!hm_is_atom(hm_build_term(server->reply), "ok") || !next_request(job))
            return true;
    }
}

/* ---- waiting ---- */

static void move(hm_term *term, const uint8_t *from, const uint8_t *to) {
    if (term->bytes)
        term->bytes = to + (term->bytes - from);
}

/* A copy of the job that no longer borrows the message. NULL: it is one too many, or there is no memory. */
static struct job *keep(struct hm_io_server *server, const struct job *job, hm_term message) {
    if (server->waiting >= server->device.max_waiting || message.size > MAX_KEPT - server->kept)
        return NULL;
    struct job *kept = malloc(sizeof *kept);
    uint8_t *bytes = malloc(message.size);
    if (!kept || !bytes) {
        free(kept);
        free(bytes);
        return NULL;
    }
    *kept = *job;
    memcpy(bytes, message.bytes, message.size);
    kept->bytes = bytes;
    kept->size = message.size;
    hm_term *const terms[] = {&kept->io.from,          &kept->io.reply_as,    &kept->io.request,
                              &kept->request.term,     &kept->request.module, &kept->request.function,
                              &kept->request.arguments};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        move(terms[i], message.bytes, bytes);
    for (unsigned i = 0; i < kept->depth; i++)
        move(&kept->lists[i].rest, message.bytes, bytes);
    server->waiting++;
    server->kept += message.size;
    return kept;
}

/* The reply is there: sent, or kept until the text is written. */
static void finish(struct hm_io_server *server, struct job *job, hm_term message) {
    hm_term reply = hm_build_term(server->reply);
    if (hm_build_error(server->reply))
        reply = ATOM_TERM("error"); /* without memory for a better one */
    if (job->printed && server->unwritten && hm_is_atom(reply, "ok")) {
        struct job *kept = keep(server, job, message);
        if (kept) {
            TAILQ_INSERT_TAIL(&server->printers, kept, link);
            return;
        }
    }
    send_reply(server, job->from, job->io.reply_as, reply);
}

/* Waits for input: behind the others. */
static void wait_for_input(struct hm_io_server *server, struct job *job, hm_term message) {
    struct job *kept = keep(server, job, message);
    if (!kept) {
        if (job->hidden)
            io_serve_echo(server, server->options.echo);
        io_serve_refuse(server, job, "too many wait for input");
        finish(server, job, message);
        return;
    }
    TAILQ_INSERT_TAIL(&server->readers, kept, link);
    /* Down at once when it is gone already; without memory it is just not watched. */
    kept->monitored = hm_monitor(server->self, hm_to_pid(kept->from), &kept->monitor) == HM_OK;
}

/* Whoever is first gets what there is. */
static void serve_readers(struct hm_io_server *server) {
    struct job *job;
    while ((job = TAILQ_FIRST(&server->readers)) && run(server, job, true)) {
        struct job done = *job; /* finish may keep it again, among the printers */
        hm_term message = {job->bytes, job->size};
        TAILQ_REMOVE(&server->readers, job, link);
        server->waiting--;
        server->kept -= job->size;
        if (job->monitored)
            hm_demonitor(server->self, &job->monitor);
        done.monitored = false;
        finish(server, &done, message);
        free(job->bytes);
        free(job);
    }
    want_input(server, job != NULL);
}

static void on_request(struct hm_io_server *server, struct job *job, hm_term message) {
    bool first = TAILQ_EMPTY(&server->readers);
    if (!enter_request(job, job->io.request)) {
        send_reply(server, job->from, job->io.reply_as, ATOM_TERM("ok"));
        return;
    }
    if (run(server, job, first)) {
        finish(server, job, message);
        return;
    }
    wait_for_input(server, job, message);
    want_input(server, !TAILQ_EMPTY(&server->readers));
}

static void on_down(struct hm_io_server *server, const hm_ref *ref) {
    struct job *job;
    TAILQ_FOREACH(job, &server->readers, link)
    if (job->monitored && hm_ref_equal(&job->monitor, ref)) {
        job->monitored = false;
        forget_job(server, &server->readers, job);
        serve_readers(server); /* the next one has its turn, and its prompt */
        return;
    }
}

/* ---- the process ---- */

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct hm_io_server *server = hm_data(self);
    struct job job = {0};
    hm_term reference;
    hm_ref ref;
    if (io_wire_read_message(message, &job.io)) {
        if (!pid_decode(self->node->names, job.io.from, &job.from))
            return HM_UNKNOWN;
        on_request(server, &job, message);
        return HM_CONTINUE;
    }
    if (hm_match(message, "{'DOWN', ~t, process, _, _}", &reference) &&
        ref_decode(self->node->names, reference, &ref)) {
        on_down(server, &ref);
        return HM_CONTINUE;
    }
    return hm_match(message, "{'EXIT', _, _}") ? HM_CONTINUE : HM_UNKNOWN;
}

static int on_init(hm_process *self, void *argument) {
    const struct io_server_start *start = argument;
    struct hm_io_server *server = calloc(1, sizeof *server);
    hm_build *reply = hm_build_new();
    if (!server || !reply) {
        free(server);
        hm_build_free(reply);
        return HM_ENOMEM;
    }
    server->self = self;
    server->reply = reply;
    server->device = start->device;
    if (!server->device.max_waiting)
        server->device.max_waiting = MAX_WAITING;
    if (!server->device.max_output)
        server->device.max_output = MAX_OUTPUT;
    if (!server->device.max_input)
        server->device.max_input = MAX_INPUT;
    server->options = (struct io_options){.binary = start->device.binary, .echo = true};
    TAILQ_INIT(&server->readers);
    TAILQ_INIT(&server->printers);
    io_input_init(&server->input, server->device.max_input);
    hm_set_data(self, server);
    if (start->server)
        *start->server = server;
    return HM_OK;
}

static void on_terminate(hm_process *self, hm_term reason) {
    struct hm_io_server *server = hm_data(self);
    struct job *job;
    (void)reason;
    /* Whoever waits has a monitor on this process, and hears of its end. */
    while ((job = TAILQ_FIRST(&server->readers)))
        forget_job(server, &server->readers, job);
    while ((job = TAILQ_FIRST(&server->printers)))
        forget_job(server, &server->printers, job);
    want_input(server, false);
    io_input_fini(&server->input);
    hm_build_free(server->reply);
    if (server->device.ended)
        server->device.ended(server->device.arg);
    free(server);
}

static void put_state(hm_process *self, hm_build *state) {
    struct hm_io_server *server = hm_data(self);
    hm_put_tuple(state, 3);
    hm_put_atom(state, "io_server");
    io_wire_put_options(state, &server->options);
    hm_put_format(state, "[{waiting, ~u}, {kept, ~u}, {unwritten, ~u}]", (uint64_t)server->waiting,
                  (uint64_t)server->kept, (uint64_t)server->unwritten);
}

const struct hm_server_class io_server_class = {
    .module = "io_server", .init = on_init, .info = on_info, .terminate = on_terminate, .state = put_state};

/* ---- what the device tells ---- */

static enum hm_verdict on_event(hm_process *self, struct message *message) {
    struct job *job;
    (void)message;
    if (!self)
        return HM_CONTINUE;
    struct hm_io_server *server = hm_data(self);
    server->awake = false;
    if (server->written) {
        server->written = false;
        server->unwritten = 0;
        while ((job = TAILQ_FIRST(&server->printers))) {
            send_reply(server, job->from, job->io.reply_as, ATOM_TERM("ok"));
            forget_job(server, &server->printers, job);
        }
    }
    serve_readers(server);
    return HM_CONTINUE;
}

/* Handlers run in the process's turn, not on the stack of the device's callback. */
static void wake(struct hm_io_server *server) {
    if (server->awake)
        return;
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!message) {
        log_error(&server->self->node->log, "io.memory",
                  "%s: no memory for news of the device; they wait for the next",
                  process_label(server->self).text);
        return;
    }
    message->run = on_event;
    server->awake = true;
    process_deliver(server->self, message);
}

int hm_io_input(hm_io_server *server, const void *bytes, size_t size) {
    int error = io_input_add(&server->input, bytes, size);
    wake(server);
    return error;
}

void hm_io_eof(hm_io_server *server) {
    server->input.eof = true;
    server->wanted = false; /* the device has stopped by itself */
    wake(server);
}

void hm_io_written(hm_io_server *server) {
    server->written = true;
    wake(server);
}

int hm_io_server_start(hm_node *node, const struct hm_io_device *device, const struct hm_start *start,
                       hm_io_server **server, hm_pid *pid) {
    struct hm_start how = start ? *start : (struct hm_start){0};
    struct io_server_start argument = {.server = server};
    if (how.restart || !device->output || device->size > sizeof argument.device)
        return HM_EINVAL;
    memcpy(&argument.device, device, device->size);
    how.trap_exit = true;
    return hm_server_start(node, &io_server_class, &how, &argument, pid);
}
