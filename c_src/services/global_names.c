/*
 * Global names for the daemon's services (--register-global): keeps each name with its service.
 *
 * A name goes when its process ends, and with global's own server. So the services' names and that server's are followed: whenever one of them
 * is there again, under a new pid, the name is asked for again. Where another process has the global name, this one
 * watches it and asks when it ends: of several nodes with the same option one has the name, the others stand by.
 */
#include <hermod/global.h>

#include <stdbool.h>
#include <stdlib.h>

#include "services/services.h"

/* Of what nobody tells the end: no memory, or a service that has another name already. */
enum { PAUSE_FIRST_MS = 20, PAUSE_LAST_MS = 2000 };

static const char GLOBAL[] = "global_name_server";

enum phase { WANTED, ASKED, HELD, STANDS_BY };

struct keeper;

struct holding {
    struct keeper *keeper;
    const struct service_global_name *wanted;
    enum phase phase;
    hm_ref ref;    /* of the service while it has the name, of the other process while we stand by */
    hm_pid member; /* who was to get the name */
    bool again;    /* ask again after the pause */
};

struct keeper {
    const struct service_config *config;
    int64_t pause_ms; /* the next one; 0: the first */
    struct holding holdings[];
};

static void log_name(hm_process *self, enum hm_log_level level, const char *id, const struct holding *holding,
                     const char *what) {
    char *name = NULL;
    if (hm_term_print(holding->wanted->name, HM_SYNTAX_ERLANG, 200, &name) != 0)
        name = NULL;
    hm_log(self, level, id, "%s, for %s: %s", name ? name : "a global name", holding->wanted->service, what);
    free(name);
}

/* Every message ends the timeout; what nobody needs must not end the waiting. */
static void keep_waiting(hm_process *self, const struct keeper *keeper) {
    for (size_t i = 0; i < keeper->config->global_name_count; i++)
        if (keeper->holdings[i].again)
            hm_set_timeout(self, keeper->pause_ms ? keeper->pause_ms : PAUSE_FIRST_MS);
}

static void ask_later(hm_process *self, struct holding *holding) {
    holding->phase = WANTED;
    holding->again = true;
    keep_waiting(self, holding->keeper);
}

static void watch(hm_process *self, struct holding *holding, hm_pid pid, enum phase phase) {
    if (hm_monitor(self, hm_to_pid(pid), &holding->ref)) {
        ask_later(self, holding);
        return;
    }
    holding->phase = phase;
    holding->keeper->pause_ms = 0;
}

static enum hm_verdict on_registered(hm_process *self, void *arg, int error);

/* Nothing to do without the service, or without global: we are called when they are there. */
static void ask(hm_process *self, struct holding *holding) {
    hm_node *node = hm_node_of(self);
    holding->phase = WANTED;
    holding->again = false;
    holding->member = hm_whereis(node, holding->wanted->service);
    if (!holding->member.node || !hm_whereis(node, GLOBAL).node)
        return;
    holding->phase = ASKED;
    if (hm_global_register(self, holding->wanted->name, holding->member, HM_GLOBAL_RANDOM_EXIT, on_registered, holding))
        ask_later(self, holding);
}

static enum hm_verdict on_registered(hm_process *self, void *arg, int error) {
    struct holding *holding = arg;
    hm_pid holder = hm_global_whereis(hm_node_of(self), holding->wanted->name);
    if (error == 0 || hm_pid_equal(holder, holding->member)) {
        log_name(self, HM_LOG_INFO, "global.name", holding, "registered");
        watch(self, holding, holding->member, HELD);
    } else if (error == HM_ETAKEN && holder.node) {
        log_name(self, HM_LOG_INFO, "global.standby", holding, "another process has the name; waiting for its end");
        watch(self, holding, holder, STANDS_BY);
    } else if (error == HM_ENOPROC) {
        ask(self, holding); /* global was started again meanwhile, or will be */
    } else {
        ask_later(self, holding); /* who had it ended meanwhile, or the service has another name */
    }
    keep_waiting(self, holding->keeper);
    return HM_CONTINUE;
}

static int service_is_there(hm_process *self, void *arg, hm_pid pid) {
    struct holding *holding = arg;
    (void)pid;
    if (holding->phase == WANTED)
        ask(self, holding);
    keep_waiting(self, holding->keeper);
    return 0;
}

/* It knows no names when it was started again. */
static int global_is_there(hm_process *self, void *arg, hm_pid pid) {
    struct keeper *keeper = arg;
    (void)pid;
    for (size_t i = 0; i < keeper->config->global_name_count; i++) {
        struct holding *holding = &keeper->holdings[i];
        if (holding->phase == ASKED)
            continue; /* that is answered */
        if (holding->phase != WANTED)
            hm_demonitor(self, &holding->ref);
        ask(self, holding);
    }
    keep_waiting(self, keeper);
    return 0;
}

/* What is loaded after the services is there by now. */
static enum hm_verdict report_missing(hm_process *self) {
    const struct keeper *keeper = hm_data(self);
    for (size_t i = 0; i < keeper->config->global_name_count; i++)
        if (!hm_whereis(hm_node_of(self), keeper->holdings[i].wanted->service).node)
            log_name(self, HM_LOG_WARN, "global.no_service", &keeper->holdings[i],
                     "nothing is registered as that; waiting for it");
    keep_waiting(self, keeper);
    return HM_CONTINUE;
}

static int init(hm_process *self, void *argument) {
    const struct service_config *config = argument;
    struct keeper *keeper = calloc(1, sizeof *keeper + config->global_name_count * sizeof *keeper->holdings);
    int error = keeper ? 0 : HM_ENOMEM;
    if (keeper)
        keeper->config = config;
    for (size_t i = 0; i < config->global_name_count && !error; i++) {
        keeper->holdings[i].keeper = keeper;
        keeper->holdings[i].wanted = &config->global_names[i];
        error = hm_follow(self, config->global_names[i].service, service_is_there, &keeper->holdings[i]);
    }
    if (!error)
        error = hm_follow(self, GLOBAL, global_is_there, keeper);
    if (error) {
        free(keeper);
        return error;
    }
    hm_set_data(self, keeper);
    hm_continue(self);
    return 0;
}

static enum hm_verdict call(hm_process *self, hm_term request, const hm_from *from) {
    (void)request;
    (void)from;
    keep_waiting(self, hm_data(self));
    return HM_UNKNOWN;
}

static enum hm_verdict cast(hm_process *self, hm_term message) {
    (void)message;
    keep_waiting(self, hm_data(self));
    return HM_UNKNOWN;
}

static enum hm_verdict info(hm_process *self, hm_term message) {
    struct keeper *keeper = hm_data(self);
    enum hm_verdict verdict = HM_UNKNOWN;
    hm_term term;
    hm_ref ref;
    if (hm_match(message, "{'DOWN', ~t, process, _, _}", &term) && hm_get_ref(hm_node_of(self), term, &ref))
        for (size_t i = 0; i < keeper->config->global_name_count; i++) {
            struct holding *holding = &keeper->holdings[i];
            if ((holding->phase == HELD || holding->phase == STANDS_BY) && hm_ref_equal(&ref, &holding->ref)) {
                ask(self, holding);
                verdict = HM_CONTINUE;
            }
        }
    keep_waiting(self, keeper);
    return verdict;
}

static enum hm_verdict ask_again(hm_process *self) {
    struct keeper *keeper = hm_data(self);
    keeper->pause_ms = keeper->pause_ms ? keeper->pause_ms * 2 : 2 * PAUSE_FIRST_MS;
    if (keeper->pause_ms > PAUSE_LAST_MS)
        keeper->pause_ms = PAUSE_LAST_MS;
    for (size_t i = 0; i < keeper->config->global_name_count; i++)
        if (keeper->holdings[i].again)
            ask(self, &keeper->holdings[i]);
    return HM_CONTINUE;
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
    .next = report_missing,
    .timeout = ask_again,
    .terminate = terminate,
};

int global_names_start(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.restart = true};
    if (!config->global_name_count)
        return 0;
    return hm_server_start(node, &class, &start, (void *)config, NULL);
}
