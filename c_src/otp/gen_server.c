#include "otp/gen_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dist/left_out.h"
#include "node/links.h"
#include "node/registry.h"
#include "node/route.h"
#include "node/timers.h"
#include "otp/supervisor.h"
#include "otp/sys.h"
#include "otp/trace.h"

enum {
    PRINTED_BYTES = 300,      /* of a message in the log */
    SHARED_REPLY = 64 * 1024, /* replies from this size on are built in a block that the channel holds */
};

struct process_label process_label(const hm_process *process) {
    struct process_label label;
    struct bytes name = registry_name(process);
    if (name.size)
        snprintf(label.text, sizeof label.text, "%s", log_escape(name).text);
    else
        snprintf(label.text, sizeof label.text, "<0.%u.%u>", process->pid.id, process->pid.serial);
    return label;
}

/* One line about a message or reason; costs nothing when the level is not wanted. */
static void log_term(hm_process *self, enum log_level level, const char *id, const char *what, hm_term term) {
    const struct log *log = &self->node->log;
    if (level > log->level)
        return;
    char *text = NULL;
    if (hm_term_print(term, HM_SYNTAX_ERLANG, PRINTED_BYTES, &text) != HM_OK)
        text = NULL;
    log_write(log, level, id, "%s %s %s", process_label(self).text, what,
              text ? text : "(no memory to print it)");
    free(text);
}

/* ---- replies ---- */

/* The reply in {Tag, Reply}. */
static hm_term reply_in(hm_term message, const struct hm_from *from) {
    size_t before = 2 + from->tag.size;
    return (hm_term){message.bytes + before, message.size - before};
}

/* route_send* refuses an alias when the peer cannot be told one; then the pid gets it, as from a node without
 * aliases. */
static int send_to_caller(struct hm_node *node, hm_pid server, const struct hm_from *from, hm_term message,
                          struct block *shared) {
    if (node->trace)
        trace_on_reply(node, from, reply_in(message, from));
    if (from->by_alias && route_send_alias(node, server, &from->alias, message, shared) == HM_OK)
        return HM_OK;
    return route_send(node, server, hm_to_pid(from->pid), message, shared);
}

static int send_large_reply(struct hm_node *node, hm_pid server, const struct hm_from *from, hm_term reply) {
    struct block *block = block_new(2 + from->tag.size + reply.size);
    if (!block)
        return HM_ENOMEM;
    block->at[0] = 104; /* SMALL_TUPLE_EXT */
    block->at[1] = 2;
    memcpy(block->at + 2, from->tag.bytes, from->tag.size);
    memcpy(block->at + 2 + from->tag.size, reply.bytes, reply.size);
    int error = send_to_caller(node, server, from, (hm_term){block->at, block->size}, block);
    block_release(block);
    return error;
}

int gen_server_send_reply(struct hm_node *node, hm_pid server, const struct hm_from *from, hm_term reply) {
    if (reply.size >= SHARED_REPLY)
        return send_large_reply(node, server, from, reply);
    hm_build *build = node_build_take(node);
    if (!build)
        return HM_ENOMEM;
    hm_put_tuple(build, 2);
    hm_put_term(build, from->tag);
    hm_put_term(build, reply);
    int error = hm_build_error(build);
    if (!error)
        error = send_to_caller(node, server, from, hm_build_term(build), NULL);
    node_build_give(node, build);
    return error;
}

static void report_lost_reply(hm_process *self, const struct hm_from *from, int error) {
    if (error != HM_OK)
        log_warn(&self->node->log, "server.reply", "%s: the answer to a process of %s could not be sent: %s",
                 process_label(self).text, hm_node_name_text(from->pid.node), hm_strerror(error));
}

enum hm_verdict hm_reply_term(hm_process *self, const hm_from *from, hm_term reply) {
    report_lost_reply(self, from, gen_server_send_reply(self->node, self->pid, from, reply));
    if (from->server && from->server->debug)
        sys_note_reply(from->server->debug, reply);
    return HM_CONTINUE;
}

enum hm_verdict hm_reply(hm_process *self, const hm_from *from, const char *pattern, ...) {
    struct hm_node *node = self->node;
    int error = HM_ENOMEM;
    hm_build *build = node_build_take(node);
    if (build) {
        hm_put_tuple(build, 2);
        hm_put_term(build, from->tag);
        va_list arguments;
        va_start(arguments, pattern);
        hm_put_vformat(build, pattern, arguments);
        va_end(arguments);
        error = hm_build_error(build);
    }
    if (!error) {
        hm_term message = hm_build_term(build);
        if (from->server && from->server->debug)
            sys_note_reply(from->server->debug, reply_in(message, from));
        error = send_to_caller(node, self->pid, from, message, NULL);
    }
    report_lost_reply(self, from, error);
    node_build_give(node, build);
    return HM_CONTINUE;
}

hm_from *hm_from_keep(const hm_from *from) {
    hm_from *copy = malloc(sizeof *copy + from->tag.size);
    if (!copy)
        return NULL;
    *copy = *from;
    copy->server = NULL; /* may be gone when it is used; and gen_server:reply/2 is no event for sys either */
    memcpy(copy + 1, from->tag.bytes, from->tag.size);
    copy->tag.bytes = (const unsigned char *)(copy + 1);
    return copy;
}

void hm_from_free(hm_from *from) {
    free(from);
}

hm_pid hm_from_pid(const hm_from *from) {
    return from->pid;
}

/* ---- what a handler asks for ---- */

static struct gen_server *server_of(const hm_process *process) {
    return process->class == &gen_server_class ? process->state : NULL;
}

enum hm_verdict hm_stop(hm_process *self, const char *reason, ...) {
    struct gen_server *server = server_of(self);
    if (server && server->starting) {
        log_error(&self->node->log, "server.init", "%s calls hm_stop in init: return an error there",
                  server->class->module);
        return HM_STOP;
    }
    hm_build *build = node_build_take(self->node);
    if (build) {
        va_list arguments;
        va_start(arguments, reason);
        hm_put_vformat(build, reason, arguments);
        va_end(arguments);
    }
    bool built = build && hm_build_error(build) == HM_OK;
    process_set_reason(self, built ? hm_build_term(build) : ATOM_TERM("system_limit"));
    node_build_give(self->node, build);
    return HM_STOP;
}

static enum hm_verdict run_wanted_next(hm_process *self);

static enum hm_verdict on_next_message(hm_process *self, struct message *message) {
    (void)message;
    return self ? run_wanted_next(self) : HM_CONTINUE;
}

void hm_continue(hm_process *self) {
    struct gen_server *server = server_of(self);
    if (!server || server->next_wanted)
        return;
    server->next_wanted = true;
    if (server->handling)
        return;
    /* Called in init, or in the function of an answer or a timer: those return to node/process, so a message
     * at the head of the mailbox brings us back. Without memory for it, next still runs before the next
     * message is handled. */
    struct message *message = message_new(MESSAGE_CALL, (hm_term){NULL, 0}, NULL);
    if (!message)
        return;
    message->run = on_next_message;
    struct message_list first = STAILQ_HEAD_INITIALIZER(first);
    STAILQ_INSERT_TAIL(&first, message, link);
    mailbox_put_first(&self->mailbox, &first, 1);
    turn_add(self->node->turn, TURN_RUN, &self->task);
}

static enum hm_verdict on_timeout(hm_process *self, struct message *message);

static void cancel_timeout(hm_process *self, struct gen_server *server) {
    timers_cancel(self, server->timeout);
    server->timeout = 0; /* one that fired already lies in the mailbox with an old number */
}

void hm_set_timeout(hm_process *self, int64_t ms) {
    struct gen_server *server = server_of(self);
    if (!server)
        return;
    if (server->timeout)
        cancel_timeout(self, server);
    if (ms < 0)
        return;
    struct message *message = message_new(MESSAGE_CALL, (hm_term){NULL, 0}, NULL);
    if (message)
        message->run = on_timeout;
    if (!message || timers_add(self, ms, message, &server->timeout) != HM_OK) {
        server->timeout = 0;
        log_error(&self->node->log, "server.timeout", "%s: no memory for a timeout; it will not come",
                  process_label(self).text);
    }
}

/* ---- calling the slots ---- */

static enum hm_verdict call_next(hm_process *self, struct gen_server *server) {
    server->next_wanted = false;
    if (!server->class->next)
        return HM_CONTINUE;
    server->handling = true;
    enum hm_verdict verdict = server->class->next(self);
    server->handling = false;
    if (server->debug)
        sys_event_done(self, NULL);
    return verdict;
}

static enum hm_verdict run_wanted_next(hm_process *self) {
    struct gen_server *server = self->state;
    while (server->next_wanted)
        if (call_next(self, server) == HM_STOP)
            return HM_STOP;
    return HM_CONTINUE;
}

/* After every slot. */
static enum hm_verdict finish(hm_process *self, struct gen_server *server, enum hm_verdict verdict,
                              const struct hm_from *from) {
    server->handling = false;
    if (verdict == HM_STOP)
        return HM_STOP;
    if (server->debug)
        sys_event_done(self, from);
    return run_wanted_next(self);
}

static enum hm_verdict on_timeout(hm_process *self, struct message *message) {
    if (!self)
        return HM_CONTINUE;
    struct gen_server *server = self->state;
    if (run_wanted_next(self) == HM_STOP)
        return HM_STOP;
    if (message->tag != server->timeout)
        return HM_CONTINUE; /* a message was faster */
    server->timeout = 0;
    if (server->debug)
        sys_event_in(self, ATOM_TERM("timeout"));
    server->handling = true;
    enum hm_verdict verdict = server->class->timeout ? server->class->timeout(self) : HM_UNKNOWN;
    if (verdict == HM_UNKNOWN)
        log_info(&self->node->log, "server.unknown", "%s has a timeout and no use for it",
                 process_label(self).text);
    return finish(self, server, verdict, NULL);
}

static enum hm_verdict serve_call(hm_process *self, struct gen_server *server, hm_term request,
                                  struct hm_from *from) {
    from->server = server;
    server->handling = true;
    server->calls++;
    enum hm_verdict verdict = HM_UNKNOWN;
    if (hm_is_atom(request, LEFT_OUT)) {
        hm_reply(self, from, "{error, system_limit}");
        verdict = HM_CONTINUE;
    } else if (server->class->call) {
        verdict = server->class->call(self, request, from);
    }
    if (verdict == HM_UNKNOWN) {
        log_term(self, LOG_WARN, "server.unknown", "does not know the call", request);
        hm_reply(self, from, "{error, unknown_call}");
    }
    return finish(self, server, verdict, from);
}

static enum hm_verdict serve_cast(hm_process *self, struct gen_server *server, hm_term request) {
    server->handling = true;
    enum hm_verdict verdict = server->class->cast ? server->class->cast(self, request) : HM_UNKNOWN;
    if (verdict == HM_UNKNOWN)
        log_term(self, LOG_INFO, "server.unknown", "does not know the cast", request);
    return finish(self, server, verdict, NULL);
}

static enum hm_verdict serve_info(hm_process *self, struct gen_server *server, hm_term message) {
    server->handling = true;
    enum hm_verdict verdict = server->class->info ? server->class->info(self, message) : HM_UNKNOWN;
    if (verdict == HM_UNKNOWN)
        log_term(self, LOG_DEBUG, "server.unknown", "does not know the message", message);
    return finish(self, server, verdict, NULL);
}

static bool is_parents_exit(hm_process *self, hm_term message, hm_term *reason) {
    hm_pid from;
    return self->parent.node && gen_message_read_exit(self->node->names, message, &from, reason) &&
           hm_pid_equal(from, self->parent);
}

static enum hm_verdict receive(hm_process *self, hm_term message) {
    struct gen_server *server = self->state;
    struct hm_from from;
    hm_term body, reason;
    if (server->next_wanted && run_wanted_next(self) == HM_STOP)
        return HM_STOP;
    enum gen_kind kind = gen_message_read(self->node->names, message, &body, &from);
    if (kind == GEN_SYSTEM)
        return sys_handle(self, &from, body); /* goes on waiting where it was: the timeout runs on */
    if (server->timeout)
        cancel_timeout(self, server);
    if (kind == GEN_INFO && is_parents_exit(self, message, &reason)) {
        process_set_reason(self, reason);
        return HM_STOP;
    }
    if (server->debug)
        sys_event_in(self, message);
    switch (kind) {
    case GEN_CALL:
        return serve_call(self, server, body, &from);
    case GEN_CAST:
        return serve_cast(self, server, body);
    case GEN_MALFORMED:
        log_term(self, LOG_WARN, "server.malformed", "got a request from nobody:", message);
        return serve_info(self, server, message);
    case GEN_INFO:
    case GEN_SYSTEM:
        break;
    }
    return serve_info(self, server, message);
}

/* While suspended: system messages, and the end of the parent (sys:suspend_loop/6). */
static bool urgent(hm_process *self, hm_term message) {
    hm_term reason;
    return gen_message_is_system(message) || is_parents_exit(self, message, &reason);
}

/* ---- life ---- */

/* normal, shutdown and {shutdown, _} are how servers are meant to end; a kill is somebody's decision. */
static bool is_expected(hm_term reason) {
    return hm_is_atom(reason, "normal") || hm_is_atom(reason, "shutdown") || hm_is_atom(reason, "killed") ||
           hm_match(reason, "{shutdown, _}");
}

static void ended(hm_process *self, hm_term reason) {
    struct gen_server *server = self->state;
    if (!is_expected(reason))
        log_term(self, LOG_WARN, "server.exit", "ends, reason:", reason);
    server->handling = true;
    if (server->class->terminate)
        server->class->terminate(self, reason);
    if (server->child)
        supervisor_on_end(server->child);
    sys_debug_free(server->debug);
    free(server);
    self->state = NULL;
}

const struct process_class gen_server_class = {
    .module = "gen_server",
    .receive = receive,
    .urgent = urgent,
    .ended = ended,
};

static int run_init(hm_process *self, struct gen_server *server, void *argument) {
    if (!server->class->init)
        return HM_OK;
    server->starting = true;
    int error = server->class->init(self, argument);
    server->starting = false;
    return error > 0 ? HM_EINVAL : error; /* a verdict is no error code: hm_stop in init */
}

int gen_server_start(struct hm_node *node, const struct hm_server_class *server_class,
                     const struct hm_start *start, void *argument, struct child *child, hm_pid *pid) {
    if (!server_class || !server_class->module)
        return HM_EINVAL;
    if (node->stopping)
        return HM_ESTATE;
    hm_process *self;
    int error = process_spawn(node, &gen_server_class, &self);
    if (error != HM_OK)
        return error;
    struct gen_server *server = calloc(1, sizeof *server);
    self->state = server;
    if (!server) {
        error = HM_ENOMEM;
        goto fail;
    }
    server->class = server_class;
    server->child = child;
    /* What process_info shows for every gen_server of a BEAM; '$initial_call' names the class. */
    self->initial_module = "proc_lib";
    self->initial_function = "init_p";
    self->initial_arity = 5;
    self->trap_exit = start->trap_exit;
    self->parent = child ? supervisor_parent_of(child) : start->link;
    if (start->leader.node)
        self->leader = start->leader;
    if (start->name && (error = registry_add(self, start->name, strlen(start->name))) != HM_OK)
        goto fail;
    if ((error = run_init(self, server, argument)) != HM_OK)
        goto fail;
    /* Not before init, as it would be on the BEAM: there the starter and init run side by side. Here nobody
     * can tell, and a start that fails leaves no link behind. */
    if (start->link.node && (error = links_add(self, start->link)) != HM_OK) {
        if (server_class->terminate)
            server_class->terminate(self, ATOM_TERM("system_limit"));
        goto fail;
    }
    process_started(self, (hm_term){0});
    if (pid)
        *pid = self->pid;
    return HM_OK;
fail:
    free(server);
    self->state = NULL;
    process_abandon(self);
    return error;
}

int hm_server_start(hm_node *node, const struct hm_server_class *server_class, const struct hm_start *start,
                    void *argument, hm_pid *pid) {
    static const struct hm_start plain;
    if (!start)
        start = &plain;
    if (!start->restart)
        return gen_server_start(node, server_class, start, argument, NULL, pid);
    if (start->link.node)
        return HM_EINVAL; /* who is linked ends with the first one: there is nobody to come back for */
    int error = supervisor_start(node, server_class, start, argument, NULL);
    if (error == HM_OK && pid)
        *pid = start->name ? hm_whereis(node, start->name) : HM_NO_PID;
    return error;
}
