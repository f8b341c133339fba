/*
 * Process groups for the daemon: starts the scopes that are wanted, and keeps services in groups (--pg-join).
 *
 * A membership ends with the member, or with the scope; both are started again under new pids. So each
 * service is monitored, and each scope; what ended is joined again as soon as it is back. Nobody tells when a
 * name is registered again, so this asks, after a pause that grows.
 */
#include <hermod/pg.h>

#include <stdbool.h>
#include <stdlib.h>

#include "services/services.h"

enum { PAUSE_FIRST_MS = 20, PAUSE_LAST_MS = 2000 };

struct membership {
    const struct service_pg_join *wanted;
    hm_pid member; /* HM_NO_PID while it is not joined */
    hm_ref member_ref, scope_ref;
    bool joined_before;
    bool missed; /* that the service is not there was said */
};

struct keeper {
    const struct service_config *config;
    int64_t pause_ms; /* 0: no timer runs */
    struct membership memberships[];
};

/* Once: at the first look for one that never was there (a name mistyped), later for one that does not come
 * back. */
static void report_missing(hm_process *self, struct membership *membership) {
    const struct keeper *keeper = hm_data(self);
    if (membership->missed || (membership->joined_before && keeper->pause_ms < PAUSE_LAST_MS))
        return;
    membership->missed = true;
    hm_log(self, HM_LOG_WARN, "pg.no_service", "--pg-join: nothing is registered as %s; waiting for it",
           membership->wanted->service);
}

/* When the service and its scope are there: joins, and watches both. */
static bool join(hm_process *self, struct membership *membership) {
    const struct service_pg_join *wanted = membership->wanted;
    hm_node *node = hm_node_of(self);
    hm_pid member = hm_whereis(node, wanted->service);
    if (!member.node) {
        report_missing(self, membership);
        return false;
    }
    if (hm_monitor(self, hm_to_pid(member), &membership->member_ref) != 0)
        return false;
    if (hm_monitor(self, hm_to_name(wanted->scope, NULL), &membership->scope_ref) != 0) {
        hm_demonitor(self, &membership->member_ref);
        return false;
    }
    if (hm_pg_join(node, wanted->scope, wanted->group, member) != 0) {
        hm_demonitor(self, &membership->member_ref);
        hm_demonitor(self, &membership->scope_ref);
        return false;
    }
    membership->member = member;
    membership->joined_before = true;
    membership->missed = false;
    return true;
}

static enum hm_verdict join_all(hm_process *self) {
    struct keeper *keeper = hm_data(self);
    bool all = true;
    for (size_t i = 0; i < keeper->config->pg_join_count; i++)
        if (!keeper->memberships[i].member.node && !join(self, &keeper->memberships[i]))
            all = false;
    if (all) {
        keeper->pause_ms = 0;
        return HM_CONTINUE;
    }
    keeper->pause_ms = keeper->pause_ms ? keeper->pause_ms * 2 : PAUSE_FIRST_MS;
    if (keeper->pause_ms > PAUSE_LAST_MS)
        keeper->pause_ms = PAUSE_LAST_MS;
    hm_set_timeout(self, keeper->pause_ms);
    return HM_CONTINUE;
}

static int init(hm_process *self, void *argument) {
    const struct service_config *config = argument;
    struct keeper *keeper = calloc(1, sizeof *keeper + config->pg_join_count * sizeof *keeper->memberships);
    if (!keeper)
        return HM_ENOMEM;
    keeper->config = config;
    for (size_t i = 0; i < config->pg_join_count; i++)
        keeper->memberships[i].wanted = &config->pg_joins[i];
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

static bool is_about(const hm_ref *ref, struct membership *membership) {
    return membership->member.node &&
           (hm_ref_equal(ref, &membership->member_ref) || hm_ref_equal(ref, &membership->scope_ref));
}

static enum hm_verdict info(hm_process *self, hm_term message) {
    struct keeper *keeper = hm_data(self);
    hm_term term;
    hm_ref ref;
    if (!hm_match(message, "{'DOWN', ~t, process, _, _}", &term) || !hm_get_ref(hm_node_of(self), term, &ref))
        return ignore(self);
    for (size_t i = 0; i < keeper->config->pg_join_count; i++) {
        struct membership *membership = &keeper->memberships[i];
        if (!is_about(&ref, membership))
            continue;
        hm_demonitor(self, &membership->member_ref);
        hm_demonitor(self, &membership->scope_ref);
        membership->member = HM_NO_PID;
    }
    return join_all(self);
}

/* Only those of a keeper that was ended itself: its next one joins them again, and they would be in twice. */
static void terminate(hm_process *self, hm_term reason) {
    struct keeper *keeper = hm_data(self);
    (void)reason;
    for (size_t i = 0; i < keeper->config->pg_join_count; i++) {
        const struct membership *membership = &keeper->memberships[i];
        if (membership->member.node)
            hm_pg_leave(hm_node_of(self), membership->wanted->scope, membership->wanted->group,
                        membership->member);
    }
    free(keeper);
}

static const struct hm_server_class class = {
    .module = "pg_joins",
    .init = init,
    .call = call,
    .cast = cast,
    .info = info,
    .next = join_all,
    .timeout = join_all,
    .terminate = terminate,
};

int pg_service_start(hm_node *node, const struct service_config *config) {
    int error = hm_pg_start(node, NULL);
    for (size_t i = 0; error == 0 && i < config->pg_scope_count; i++)
        error = hm_pg_start(node, config->pg_scopes[i]);
    for (size_t i = 0; error == 0 && i < config->pg_join_count; i++)
        error = hm_pg_start(node, config->pg_joins[i].scope);
    if (error || !config->pg_join_count)
        return error;
    struct hm_start start = {.restart = true};
    return hm_server_start(node, &class, &start, (void *)config, NULL);
}
