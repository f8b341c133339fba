/*
 * user_list_delta: the name under which a list of users can be told that somebody speaks of changes, without harm to those that would not
 * understand it: where nobody has the name, what is sent to it is dropped, and a monitor says so at once.
 *
 * Passes a hello on to user_list, and knows nothing more.
 */
#include "services/services.h"

#include "services/user_wire.h"

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    if (!user_wire_is_hello(message))
        return HM_UNKNOWN;
    if (hm_cast(self, hm_to_name(USER_LIST, NULL), message) != 0)
        hm_log(self, HM_LOG_ERROR, "user_list.memory", "no memory: a hello is not passed on");
    return HM_CONTINUE;
}

static const struct hm_server_class class = {.module = "user_list_delta", .cast = on_cast};

int user_bell_start(hm_node *node) {
    struct hm_start start = {.name = USER_BELL, .restart = true};
    return hm_server_start(node, &class, &start, NULL, NULL);
}
