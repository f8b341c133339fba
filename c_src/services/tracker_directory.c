/* The process `presence', which answers the call trackers with the names of all of them. */
#include "services/tracker_private.h"

static int directory_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return 0;
}

static enum hm_verdict directory_call(hm_process *self, hm_term request, const hm_from *from) {
    const struct service_config *config = hm_data(self);
    hm_build *build;
    if (!hm_is_atom(request, "trackers"))
        return HM_UNKNOWN;
    if (!(build = hm_build_new()))
        return hm_reply(self, from, "{error, no_memory}");
    hm_put_list(build, (uint32_t)config->tracker_count);
    for (size_t i = 0; i < config->tracker_count; i++)
        hm_put_atom(build, config->trackers[i].name);
    hm_put_nil(build);
    hm_reply_term(self, from, hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

static const struct hm_server_class directory_class = {
    .module = "phoenix_trackers",
    .init = directory_init,
    .call = directory_call,
};

int tracker_start_directory(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.name = "presence", .restart = true};
    return config->tracker_count ? hm_server_start(node, &directory_class, &start, (void *)(uintptr_t)config, NULL) : HM_OK;
}
