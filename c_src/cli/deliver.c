/*
 * "It was sent" is worth little when the socket is closed right behind the message: unread bytes in our own
 * receive buffer make the kernel reset the connection, and the other side may lose what it has not read yet.
 * So the node is asked something after the message (net_kernel's is_auth, as ping does): its answer says that
 * it has taken the message before.
 */
#include "cli/deliver.h"

#include "cli/term_argument.h"
#include "cli/tool.h"

enum { CONFIRM_MS = 1000 }; /* for nodes that answer nobody's calls, as those made with erl_interface */

struct delivery {
    char name[HM_ATOM_BYTES];
    hm_build *message;
    bool cast;
};

static enum hm_verdict on_confirmed(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    (void)self;
    (void)reply;
    if (error == HM_ENOCONNECTION)
        tool_finish(tool, give_up(EXIT_NO_CONNECTION,
                                  "the connection to %s was lost; the message may not have arrived",
                                  tool->target.text));
    else
        tool_finish(tool, EXIT_FINE);
    return HM_CONTINUE;
}

static void hand_over(struct tool *tool) {
    struct delivery *delivery = tool->arg;
    hm_address to = hm_to_name(delivery->name, tool->peer);
    hm_term message = hm_build_term(delivery->message);
    int64_t left = tool_left_ms(tool);
    int error = delivery->cast ? hm_cast(tool->self, to, message) : hm_send(tool->self, to, message);
    if (!error) {
        hm_build_reset(delivery->message);
        hm_put_format(delivery->message, "{is_auth, ~a}", hm_node_name_of(tool->node));
        error = hm_build_error(delivery->message);
    }
    if (!error)
        error = hm_call(tool->self, hm_to_name("net_kernel", tool->peer), hm_build_term(delivery->message),
                        left < CONFIRM_MS ? left : CONFIRM_MS, on_confirmed, tool);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

int deliver(const struct settings *settings, const char *command, char **arguments, bool cast) {
    struct delivery delivery = {.message = hm_build_new(), .cast = cast};
    enum hm_syntax syntax;
    char why[WHY_BYTES];
    int code;
    int error = delivery.message
                    ? name_argument_read(delivery.name, sizeof delivery.name, arguments[1], why, sizeof why)
                    : HM_ENOMEM;
    if (!error)
        error = term_argument_read(delivery.message, arguments[2], settings, &syntax, why, sizeof why);
    if (error)
        code = give_up(exit_code_of(error), "%s", error == HM_ENOMEM ? hm_strerror(error) : why);
    else
        code = tool_run(settings, command, arguments[0], hand_over, &delivery);
    hm_build_free(delivery.message);
    return code;
}
