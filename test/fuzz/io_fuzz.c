/* layer: otp
 * What anybody may send to an IO device: requests with formats, options, lists of requests. Each is answered
 * once, in the end; then the device still works. The same terms as formats of their own, and as log events.
 *
 * The first byte says how many bytes of input follow, which the device gets in two parts; then come terms:
 * requests. */
#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "etf/check.h"
#include "node/peers.h"
#include "node/process.h"
#include "node/registry.h"
#include "otp/io_format.h"
#include "otp/io_server.h"
#include "otp/otp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 8, CAP = 64 * 1024, ROUNDS = 30 };

struct fuzz {
    struct event_base *base;
    struct hm_node *node;
    hm_process *asker;
    hm_io_server *server;
    hm_pid device;
    int replies;
    bool wanted;
};

static struct fuzz fuzz;

static enum hm_verdict on_reply(hm_process *self, hm_term message) {
    hm_term parts[3];
    (void)self;
    assert(hm_tuple_elements(message, 3, parts) && hm_is_atom(parts[0], "io_reply") &&
           hm_is_atom(parts[1], "as"));
    fuzz.replies++;
    return HM_CONTINUE;
}

static const struct process_class asker_class = {.module = "asker", .receive = on_reply};

static int on_output(void *arg, hm_pid from, const char *text, size_t size) {
    (void)arg;
    assert(hm_pid_equal(from, fuzz.asker->pid) && size && text);
    return size % 2 ? HM_IO_LATER : 0;
}

static void on_input(void *arg, bool wanted) {
    (void)arg;
    fuzz.wanted = wanted;
}

static bool on_echo(void *arg, bool on) {
    (void)arg;
    (void)on;
    return true;
}

static void on_ended(void *arg) {
    (void)arg;
    fuzz.server = NULL;
}

static void on_log(void *arg, enum log_level level, const char *id, const char *text) {
    (void)arg;
    (void)level;
    assert(*id);
    for (const char *c = text; *c; c++)
        assert((unsigned char)*c >= ' ' && *c != 0x7f); /* nothing that moves a terminal */
}

static void open_node(void) {
    struct hm_node *node = calloc(1, sizeof *node);
    fuzz.base = event_base_new();
    fuzz.node = node;
    assert(node && fuzz.base);
    node->base = fuzz.base;
    node->log = (struct log){.level = LOG_DEBUG, .write = on_log};
    node->names = names_new(100);
    node->turn = turn_new(fuzz.base, 100);
    node->name = names_intern(node->names, "n@host", 6);
    node->max_processes = 1000;
    node->max_mailbox = 1000;
    TAILQ_INIT(&node->watches);
    node->dist = (struct dist){.base = fuzz.base,
                               .turn = node->turn,
                               .names = node->names,
                               .log = &node->log,
                               .events = &peers_events,
                               .arg = node,
                               .self = node->name,
                               .creation = 7,
                               .output_high = 1 << 20};
    assert(otp_start(node) == HM_OK);
    assert(process_spawn(node, &asker_class, &fuzz.asker) == HM_OK);
}

static void run(void) {
    for (int i = 0; i < 3; i++)
        event_base_loop(fuzz.base, EVLOOP_NONBLOCK);
}

static void open_device(void) {
    struct hm_io_device device = {.size = sizeof device,
                                  .output = on_output,
                                  .input = on_input,
                                  .echo = on_echo,
                                  .ended = on_ended,
                                  .max_waiting = 4,
                                  .max_output = CAP,
                                  .max_input = 256};
    assert(hm_io_server_start(fuzz.node, &device, NULL, &fuzz.server, &fuzz.device) == HM_OK);
    fuzz.replies = 0;
}

static void ask(hm_pid to, hm_term request) {
    hm_build *build = hm_build_new();
    hm_process *process = process_lookup(fuzz.node, to);
    assert(build && process);
    hm_put_format(build, "{io_request, ~p, as, ~t}", fuzz.asker->pid, request);
    assert(hm_build_error(build) == 0);
    assert(process_deliver_term(process, hm_build_term(build), NULL) == 0);
    hm_build_free(build);
}

/* {Format, Arguments}: text, or an error, and never more than may be. */
static void format(hm_term term) {
    hm_term parts[2];
    struct writer out;
    if (!hm_tuple_elements(term, 2, parts))
        return;
    writer_init(&out, CAP);
    int error = io_format(&out, parts[0], parts[1]);
    assert(error == HM_OK || error == HM_EINVAL || error == HM_ELIMIT);
    assert(out.size <= CAP);
    writer_fini(&out);
}

static void log_event(hm_term term) {
    hm_process *proxy = registry_lookup(fuzz.node, bytes_of("logger_proxy", 12));
    assert(proxy && process_deliver_term(proxy, term, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int sent = 0;
    if (size == 0)
        return 0;
    if (!fuzz.node)
        open_node();
    size_t input_size = data[0] < size - 1 ? data[0] : size - 1, half = input_size / 2;
    const uint8_t *input = data + 1, *at = input + input_size, *end = data + size;
    open_device();
    for (; sent < REQUESTS && at < end; sent++) {
        size_t term_size;
        if (check_term(bytes_of(at, (size_t)(end - at)), NULL, &term_size) != 0)
            break;
        hm_term term = {at, term_size};
        at += term_size;
        format(term);
        log_event(term);
        ask(fuzz.device, term);
        run();
        if (sent == 0)
            hm_io_input(fuzz.server, input, half);
    }
    run();
    hm_io_input(fuzz.server, input + half, input_size - half);
    for (int i = 0; i < ROUNDS && fuzz.replies < sent; i++) {
        run();
        hm_io_eof(fuzz.server);
        hm_io_written(fuzz.server);
        run();
    }
    assert(fuzz.replies == sent);
    ask(fuzz.device, ATOM_TERM("getopts"));
    run();
    assert(fuzz.replies == sent + 1);
    assert(process_deliver_exit(process_lookup(fuzz.node, fuzz.device), fuzz.asker->pid, ATOM_TERM("kill"),
                                true) == 0);
    run();
    assert(!fuzz.server);
    return 0;
}
