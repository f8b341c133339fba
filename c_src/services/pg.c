/*
 * Process groups for the daemon: starts the scopes that are wanted, and keeps services in groups (--pg-join).
 *
 * A membership ends with the member, or with the scope; both are started again under new pids. So both names are followed, and whichever comes
 * back joins what is there.
 */
#include <hermod/pg.h>

#include <stdbool.h>
#include <stdlib.h>

#include "services/services.h"

struct membership {
    const struct service_pg_join *wanted;
    hm_pid member, scope; /* who joined what; HM_NO_PID at first */
};

struct keeper {
    const struct service_config *config;
    struct membership memberships[];
};

static int join(hm_process *self, void *arg, hm_pid pid) {
    struct membership *membership = arg;
    const struct service_pg_join *wanted = membership->wanted;
    hm_pid member = hm_whereis(hm_node_of(self), wanted->service), scope = hm_whereis(hm_node_of(self), wanted->scope);
    (void)pid;
    if (!member.node || !scope.node || (hm_pid_equal(member, membership->member) && hm_pid_equal(scope, membership->scope)))
        return 0;
    int error = hm_pg_join(hm_node_of(self), wanted->scope, wanted->group, member);
    if (!error) {
        membership->member = member;
        membership->scope = scope;
    }
    return error;
}

/* What is loaded after the services is there by now. */
static enum hm_verdict report_missing(hm_process *self) {
    const struct keeper *keeper = hm_data(self);
    for (size_t i = 0; i < keeper->config->pg_join_count; i++)
        if (!keeper->memberships[i].member.node)
            hm_log(self, HM_LOG_WARN, "pg.no_service", "--pg-join: nothing is registered as %s; waiting for it",
                   keeper->memberships[i].wanted->service);
    return HM_CONTINUE;
}

static int init(hm_process *self, void *argument) {
    const struct service_config *config = argument;
    struct keeper *keeper = calloc(1, sizeof *keeper + config->pg_join_count * sizeof *keeper->memberships);
    int error = keeper ? 0 : HM_ENOMEM;
    for (size_t i = 0; i < config->pg_join_count && !error; i++) {
        struct membership *membership = &keeper->memberships[i];
        membership->wanted = &config->pg_joins[i];
        error = hm_follow(self, membership->wanted->scope, join, membership);
        if (!error)
            error = hm_follow(self, membership->wanted->service, join, membership);
    }
    if (error) {
        free(keeper);
        return error;
    }
    keeper->config = config;
    hm_set_data(self, keeper);
    hm_continue(self);
    return 0;
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
    .next = report_missing,
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
