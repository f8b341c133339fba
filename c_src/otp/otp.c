#include "otp/otp.h"

#include <stdlib.h>

#include "otp/access.h"
#include "otp/bifs.h"
#include "otp/erpc.h"
#include "otp/function.h"
#include "otp/mfa.h"
#include "otp/otp_metrics.h"
#include "otp/releases.h"
#include "otp/supervisor.h"
#include "otp/task_supervisor.h"
#include "otp/trace.h"

/* Each file of functions brings its own. */
static int (*const EXPORTS[])(struct hm_node *node) = {
    bif_global_export,
    bif_hermod_export,
    bif_io_export,
    bif_log_export,
    bif_pg_export,
    bif_process_export,
    bif_system_export,
    bif_code_export,
    bif_servers_export,
    bif_application_export,
    bif_observer_export,
};

static const struct node_hooks hooks = {.on_spawn = erpc_on_spawn};

int otp_start(struct hm_node *node) {
    static const struct {
        const char *name;
        const struct hm_server_class *class;
    } SERVERS[] = {
        {"user", &user_class}, /* the group leader of the others */
        {"logger_proxy", &logger_proxy_class},
        {"net_kernel", &net_kernel_class},
        {"rex", &rex_class},
        {"global_name_server", &global_class},
    };
    struct otp *otp = calloc(1, sizeof *otp);
    if (!otp)
        return HM_ENOMEM;
    LIST_INIT(&otp->releases);
    LIST_INIT(&otp->children);
    LIST_INIT(&otp->exported);
    STAILQ_INIT(&otp->rules);
    LIST_INIT(&otp->task_supervisors);
    otp->starting = true;
    node->otp = otp;
    node->hooks = &hooks;
    if (otp_metrics_add(node, &otp->metrics) != HM_OK)
        return HM_ENOMEM;
    for (size_t i = 0; i < sizeof EXPORTS / sizeof *EXPORTS; i++) {
        int error = EXPORTS[i](node);
        if (error != HM_OK)
            return error;
    }
    hm_pid *const pids[] = {NULL, NULL, &otp->net_kernel, &otp->rex, &otp->global};
    for (size_t i = 0; i < sizeof SERVERS / sizeof *SERVERS; i++) {
        /* They trap exits: a peer that links to one and ends does not take it along. */
        struct hm_start start = {.name = SERVERS[i].name, .trap_exit = true};
        int error = supervisor_start(node, SERVERS[i].class, &start, NULL, pids[i]);
        if (error != HM_OK)
            return error; /* the node is freed by its maker, and otp_stop with it */
    }
    otp->starting = false;
    return supervisor_start_root(node);
}

void otp_stop(struct hm_node *node) {
    if (!node->otp)
        return;
    hm_metrics_remove(otp_of(node)->metrics);
    trace_free(node);
    releases_free(node);
    supervisor_free(node);
    task_supervisors_free(node);
    mfa_table_free(node);
    function_free(node);
    access_free(node);
    free(node->otp);
    node->otp = NULL;
    node->hooks = NULL;
}
