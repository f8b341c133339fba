/*
 * io and 'Elixir.IO' for rpc and spawn: what is printed goes to the group leader of the process that was
 * spawned for the call, so `spawn(hermod, io, format, ["hello~n"])' prints on the caller's terminal
 * (lib/stdlib/src/io.erl; Elixir's lib/io.ex). The leader formats. The device argument, where there is one,
 * comes first: a pid, a registered name, standard_io (stdio in Elixir) or user.
 *
 * Functions of the evaluator (eval/library) have the same names, and are others: they run in a closure.
 */
#include <stdlib.h>
#include <string.h>

#include "etf/ids.h"
#include "otp/bifs.h"
#include "otp/io_client.h"
#include "otp/io_text.h"
#include "otp/io_wire.h"

enum { INSPECT_BYTES = 1024 * 1024, TEXT_BYTES = 16 * 1024 * 1024 };

/* A call that waits for its device. */
struct printing {
    struct mfa_later *later;
    bool reads;    /* the reply is the value, errors included */
    hm_term value; /* IO.inspect: own copy of what it returns; size 0: `ok' */
};

static void free_printing(struct printing *printing) {
    free((void *)(uintptr_t)printing->value.bytes);
    free(printing);
}

static void on_ended(struct mfa_later *later, void *arg) {
    mfa_finish(later, MFA_VALUE, (hm_term){0});
    free_printing(arg);
}

/* io:conv_reason/1 */
static hm_term reason_of(hm_term reply) {
    hm_term parts[2], reason[3];
    if (!hm_tuple_elements(reply, 2, parts))
        return ATOM_TERM("badarg");
    if (hm_is_atom(parts[1], "terminated"))
        return ATOM_TERM("terminated");
    if (hm_tuple_elements(parts[1], 3, reason) && hm_is_atom(reason[0], "no_translation"))
        return ATOM_TERM("no_translation");
    return ATOM_TERM("badarg");
}

static enum hm_verdict on_done(hm_process *self, void *arg, int error, hm_term reply) {
    static const unsigned char TERMINATED[] = {104, 2,   119, 5,   'e', 'r', 'r', 'o', 'r', 119, 10,
                                               't', 'e', 'r', 'm', 'i', 'n', 'a', 't', 'e', 'd'};
    struct printing *printing = arg;
    (void)self;
    if (error)
        reply = (hm_term){TERMINATED, sizeof TERMINATED};
    if (printing->reads)
        mfa_finish(printing->later, MFA_VALUE, reply);
    else if (hm_is_atom(reply, "ok"))
        mfa_finish(printing->later, MFA_VALUE, printing->value.size ? printing->value : reply);
    else
        mfa_finish(printing->later, MFA_ERROR, reason_of(reply));
    free_printing(printing);
    return HM_CONTINUE;
}

static bool find_device(const struct mfa_call *call, const hm_term *device, hm_pid *pid) {
    *pid = call->self->leader;
    if (!device || hm_is_atom(*device, "standard_io") || hm_is_atom(*device, "stdio"))
        return pid->node != NULL;
    if (pid_decode(call->node->names, *device, pid))
        return true;
    hm_process *process =
        hm_term_type(*device) == HM_TYPE_ATOM ? bif_find_process(call->node, *device) : NULL;
    if (process)
        *pid = process->pid;
    return process != NULL;
}

/* Sends the request that was built, and waits. value: of the function, when it is not `ok'. */
static enum mfa_outcome request(struct mfa_call *call, const hm_term *device, hm_build *build, bool reads,
                                const hm_term *value) {
    struct mfa_wait wait = {.ended = on_ended};
    struct printing *printing = calloc(1, sizeof *printing);
    hm_pid pid;
    if (!printing || !build || hm_build_error(build) || (value && hm_term_copy(*value, &printing->value))) {
        free(printing);
        return mfa_error(call, "system_limit");
    }
    printing->reads = reads;
    wait.arg = printing;
    if (!find_device(call, device, &pid)) {
        free_printing(printing);
        return mfa_badarg(call);
    }
    printing->later = mfa_later(call, &wait);
    if (!printing->later) {
        free_printing(printing);
        return MFA_ERROR;
    }
    if (hm_io_request(call->self, pid, hm_build_term(build), -1, on_done, printing)) {
        mfa_finish(printing->later, MFA_ERROR, ATOM_TERM("system_limit"));
        free_printing(printing);
    }
    return MFA_LATER;
}

static enum mfa_outcome request_and_free(struct mfa_call *call, const hm_term *device, hm_build *build,
                                         bool reads, const hm_term *value) {
    enum mfa_outcome outcome = request(call, device, build, reads, value);
    hm_build_free(build);
    return outcome;
}

static enum mfa_outcome put_text(struct mfa_call *call, const hm_term *device, struct writer *text,
                                 const hm_term *value) {
    hm_build *build = text->error ? NULL : hm_build_new();
    if (build)
        io_wire_put_text(build, text->at, text->size);
    writer_fini(text);
    return request_and_free(call, device, build, false, value);
}

/* ---- io ---- */

static enum mfa_outcome bif_format(struct mfa_call *call) {
    const hm_term *device = call->arity == 3 ? &call->arguments[0] : NULL;
    hm_term format = call->arguments[device ? 1 : 0];
    hm_term arguments =
        call->arity == 1 ? (hm_term){(const unsigned char *)"j", 1} : call->arguments[device ? 2 : 1];
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{put_chars, unicode, io_lib, format, [~t, ~t]}", format, arguments);
    return request_and_free(call, device, build, false, NULL);
}

static enum mfa_outcome bif_put_chars(struct mfa_call *call) {
    struct writer text;
    writer_init(&text, TEXT_BYTES);
    if (io_text_append(&text, call->arguments[call->arity - 1], IO_TEXT_UNICODE) == HM_EINVAL) {
        writer_fini(&text);
        return mfa_badarg(call);
    }
    return put_text(call, call->arity == 2 ? &call->arguments[0] : NULL, &text, NULL);
}

static enum mfa_outcome bif_nl(struct mfa_call *call) {
    struct writer text;
    writer_init(&text, TEXT_BYTES);
    writer_u8(&text, '\n');
    return put_text(call, call->arity == 1 ? &call->arguments[0] : NULL, &text, NULL);
}

static enum mfa_outcome bif_write(struct mfa_call *call) {
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{put_chars, unicode, io_lib, write, [~t]}", call->arguments[call->arity - 1]);
    return request_and_free(call, call->arity == 2 ? &call->arguments[0] : NULL, build, false, NULL);
}

static enum mfa_outcome bif_get_line(struct mfa_call *call) {
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{get_line, unicode, ~t}", call->arguments[call->arity - 1]);
    return request_and_free(call, call->arity == 2 ? &call->arguments[0] : NULL, build, true, NULL);
}

static enum mfa_outcome bif_get_chars(struct mfa_call *call) {
    hm_term prompt = call->arguments[call->arity - 2], count = call->arguments[call->arity - 1];
    uint64_t number;
    if (!hm_get_uint64(count, &number))
        return mfa_badarg(call);
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{get_chars, unicode, ~t, ~t}", prompt, count);
    return request_and_free(call, call->arity == 3 ? &call->arguments[0] : NULL, build, true, NULL);
}

/* ---- IO ---- */

/* String.Chars.to_string/1 of what is no chardata. */
static int append_item(struct writer *text, hm_term item) {
    enum hm_type type = hm_term_type(item);
    char *printed;
    if (type == HM_TYPE_ATOM && !hm_is_atom(item, "nil")) {
        io_text_put_atom(text, item);
        return text->error;
    }
    if (type != HM_TYPE_INTEGER && type != HM_TYPE_FLOAT)
        return type == HM_TYPE_ATOM ? HM_OK : io_text_append(text, item, IO_TEXT_UNICODE);
    int error = hm_term_print(item, HM_SYNTAX_ELIXIR, 0, &printed);
    if (error)
        return error;
    writer_put(text, printed, strlen(printed));
    free(printed);
    return text->error;
}

static enum mfa_outcome print_item(struct mfa_call *call, bool newline) {
    struct writer text;
    writer_init(&text, TEXT_BYTES);
    if (append_item(&text, call->arguments[call->arity - 1]) == HM_EINVAL) {
        writer_fini(&text);
        return mfa_badarg(call);
    }
    if (newline)
        writer_u8(&text, '\n');
    return put_text(call, call->arity == 2 ? &call->arguments[0] : NULL, &text, NULL);
}

static enum mfa_outcome bif_io_puts(struct mfa_call *call) {
    return print_item(call, true);
}

static enum mfa_outcome bif_io_write(struct mfa_call *call) {
    return print_item(call, false);
}

static enum mfa_outcome bif_io_inspect(struct mfa_call *call) {
    struct writer text;
    char *printed;
    if (hm_term_print(call->arguments[0], HM_SYNTAX_ELIXIR, INSPECT_BYTES, &printed))
        return mfa_error(call, "system_limit");
    writer_init(&text, 2 * INSPECT_BYTES);
    writer_put(&text, printed, strlen(printed));
    writer_u8(&text, '\n');
    free(printed);
    return put_text(call, NULL, &text, &call->arguments[0]);
}

int bif_io_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"io", "format", 1, bif_format, NULL},
        {"io", "format", 2, bif_format, NULL},
        {"io", "format", 3, bif_format, NULL},
        {"io", "fwrite", 1, bif_format, NULL},
        {"io", "fwrite", 2, bif_format, NULL},
        {"io", "fwrite", 3, bif_format, NULL},
        {"io", "put_chars", 1, bif_put_chars, NULL},
        {"io", "put_chars", 2, bif_put_chars, NULL},
        {"io", "nl", 0, bif_nl, NULL},
        {"io", "nl", 1, bif_nl, NULL},
        {"io", "write", 1, bif_write, NULL},
        {"io", "write", 2, bif_write, NULL},
        {"io", "get_line", 1, bif_get_line, NULL},
        {"io", "get_line", 2, bif_get_line, NULL},
        {"io", "get_chars", 2, bif_get_chars, NULL},
        {"io", "get_chars", 3, bif_get_chars, NULL},
        {"Elixir.IO", "puts", 1, bif_io_puts, NULL},
        {"Elixir.IO", "puts", 2, bif_io_puts, NULL},
        {"Elixir.IO", "write", 1, bif_io_write, NULL},
        {"Elixir.IO", "write", 2, bif_io_write, NULL},
        {"Elixir.IO", "inspect", 1, bif_io_inspect, NULL},
        {"Elixir.IO", "gets", 1, bif_get_line, NULL},
        {"Elixir.IO", "gets", 2, bif_get_line, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
