/*
 * Global names for the daemon's services (--register-global): keeps each name with its service.
 *
 * A name goes when its process ends. The service is started again under a new pid, and gets its name again; nobody tells when a name is
 * registered on this node again, so this asks, after a pause that grows. Where another process has the global name, this one
 * watches it and tries again when it ends: of several nodes with the same option one has the name, the others stand by.
 */
#include <hermod/global.h>

#include <stdbool.h>
#include <stdlib.h>

#include "services/services.h"

enum { PAUSE_FIRST_MS = 20, PAUSE_LAST_MS = 2000 };

enum phase { WANTED, ASKED, HELD, STANDS_BY };

struct holding {
    const struct service_global_name *wanted;
    enum phase phase;
    hm_ref ref;    /* of the service while it has the name, of the other process while we stand by */
    hm_pid member; /* who was to get the name */
    bool missed;   /* that the service is not there was said */
    bool had;
};

struct keeper {
    const struct service_config *config;
    int64_t pause_ms; /* 0: no timer runs */
    hm_ref server_ref; /* of global's own server: when it is started again it knows no names */
    bool watches_server;
    struct holding holdings[];
};

static void retry_later(hm_process *self) {
    struct keeper *keeper = hm_data(self);
    keeper->pause_ms = keeper->pause_ms ? keeper->pause_ms * 2 : PAUSE_FIRST_MS;
    if (keeper->pause_ms > PAUSE_LAST_MS)
        keeper->pause_ms = PAUSE_LAST_MS;
    hm_set_timeout(self, keeper->pause_ms);
}

static void log_name(hm_process *self, enum hm_log_level level, const char *id, const struct holding *holding,
                     const char *what) {
    char *name = NULL;
    if (hm_term_print(holding->wanted->name, HM_SYNTAX_ERLANG, 200, &name) != 0)
        name = NULL;
    hm_log(self, level, id, "%s, for %s: %s", name ? name : "a global name", holding->wanted->service, what);
    free(name);
}

static void watch(hm_process *self, struct holding *holding, hm_pid pid, enum phase phase) {
    holding->phase = hm_monitor(self, hm_to_pid(pid), &holding->ref) == 0 ? phase : WANTED;
    if (holding->phase == WANTED)
        retry_later(self);
}

static enum hm_verdict on_registered(hm_process *self, void *arg, int error) {
    struct holding *holding = arg;
    hm_pid holder = hm_global_whereis(hm_node_of(self), holding->wanted->name);
    holding->phase = WANTED;
    if (error == 0 || hm_pid_equal(holder, holding->member)) {
        holding->had = true;
        log_name(self, HM_LOG_INFO, "global.name", holding, "registered");
        watch(self, holding, holding->member, HELD);
    } else if (error == HM_ETAKEN && holder.node) {
        log_name(self, HM_LOG_INFO, "global.standby", holding, "another process has the name; waiting for its end");
        watch(self, holding, holder, STANDS_BY);
    } else {
        retry_later(self); /* it ended meanwhile, or this process has another name */
    }
    return HM_CONTINUE;
}

static bool ask(hm_process *self, struct holding *holding) {
    holding->member = hm_whereis(hm_node_of(self), holding->wanted->service);
    if (!holding->member.node) {
        if (!holding->missed && !holding->had)
            log_name(self, HM_LOG_WARN, "global.no_service", holding, "nothing is registered as that; waiting for it");
        holding->missed = true;
        return false;
    }
    holding->phase = ASKED;
    if (hm_global_register(self, holding->wanted->name, holding->member, HM_GLOBAL_RANDOM_EXIT, on_registered,
                           holding) == 0)
        return true;
    holding->phase = WANTED;
    return false;
}

static enum hm_verdict ask_for_all(hm_process *self) {
    struct keeper *keeper = hm_data(self);
    if (!keeper->watches_server)
        keeper->watches_server =
            hm_monitor(self, hm_to_name("global_name_server", NULL), &keeper->server_ref) == 0;
    bool all = keeper->watches_server;
    for (size_t i = 0; i < keeper->config->global_name_count; i++)
        if (keeper->holdings[i].phase == WANTED && !ask(self, &keeper->holdings[i]))
            all = false;
    if (all)
        keeper->pause_ms = 0;
    else
        retry_later(self);
    return HM_CONTINUE;
}

static int init(hm_process *self, void *argument) {
    const struct service_config *config = argument;
    struct keeper *keeper = calloc(1, sizeof *keeper + config->global_name_count * sizeof *keeper->holdings);
    if (!keeper)
        return HM_ENOMEM;
    keeper->config = config;
    for (size_t i = 0; i < config->global_name_count; i++)
        keeper->holdings[i].wanted = &config->global_names[i];
    hm_set_data(self, keeper);
    hm_continue(self); /* what is loaded after the services is there by then */
    return 0;
}

/* A message ends the timeout; what nobody needs must not end the waiting. */
static enum hm_verdict ignore(hm_process *self) {
    const struct keeper *keeper = hm_data(self);
    if (keeper->pause_ms)
        hm_set_timeout(self, keeper->pause_ms);
    return HM_UNKNOWN;
}

static enum hm_verdict call(hm_process *self, hm_term request, const hm_from *from) {
    (void)request;
    (void)from;
    return ignore(self);
}

static enum hm_verdict cast(hm_process *self, hm_term message) {
    (void)message;
    return ignore(self);
}

static enum hm_verdict info(hm_process *self, hm_term message) {
    struct keeper *keeper = hm_data(self);
    hm_term term;
    hm_ref ref;
    if (!hm_match(message, "{'DOWN', ~t, process, _, _}", &term) || !hm_get_ref(hm_node_of(self), term, &ref))
        return ignore(self);
    bool server = keeper->watches_server && hm_ref_equal(&ref, &keeper->server_ref);
    if (server)
        keeper->watches_server = false;
    for (size_t i = 0; i < keeper->config->global_name_count; i++) {
        struct holding *holding = &keeper->holdings[i];
        if (server && (holding->phase == HELD || holding->phase == STANDS_BY)) {
            hm_demonitor(self, &holding->ref);
            holding->phase = WANTED;
        } else if ((holding->phase == HELD || holding->phase == STANDS_BY) && hm_ref_equal(&ref, &holding->ref))
            holding->phase = WANTED;
    }
    if (server) { /* not before it is there again */
        retry_later(self);
        return HM_CONTINUE;
    }
    return ask_for_all(self);
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    free(hm_data(self));
}

static const struct hm_server_class class = {
    .module = "global_names",
    .init = init,
    .call = call,
    .cast = cast,
    .info = info,
    .next = ask_for_all,
    .timeout = ask_for_all,
    .terminate = terminate,
};

int global_names_start(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.restart = true};
    if (!config->global_name_count)
        return 0;
    return hm_server_start(node, &class, &start, (void *)config, NULL);
}
