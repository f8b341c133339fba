/* The module hermod: what only this node has. */
#include "otp/bifs.h"
#include "otp/metrics_term.h"

static enum mfa_outcome bif_metrics(struct mfa_call *call) {
    metrics_put_term(call->node, call->result);
    return MFA_VALUE;
}

int bif_hermod_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"hermod", "metrics", 0, bif_metrics, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
