/*
 * otp/otp: the processes that every node has: user, logger_proxy, net_kernel, rex, global_name_server, hermod_sup;
 * and the functions that can be called from outside. Started by api when a node is made. One thread.
 */
#ifndef HM_OTP_OTP_H
#define HM_OTP_OTP_H

#include "base/clock.h"
#include "node/node.h"

struct access_rule;
struct function;
struct mfa_entry;
struct otp_evaluator;
struct release;
struct task_supervisor;
struct tracing;

/* node->otp */
struct otp {
    hm_pid net_kernel, rex, global;              /* HM_NO_PID while one is being started again */
    LIST_HEAD(, child) children;                 /* supervisor.c */
    struct child *root;                          /* supervisor.c: hermod_sup */
    bool starting;                               /* what is started now is the node's own */
    struct mfa_entry *functions;                 /* mfa_table.c */
    LIST_HEAD(, function) exported;              /* function.c */
    STAILQ_HEAD(, access_rule) rules;            /* access.c */
    LIST_HEAD(, task_supervisor) task_supervisors;
    struct otp_evaluator *evaluator;             /* of the layer above; NULL: closures are undef */
    LIST_HEAD(, release) releases;               /* releases.c */
    struct tracing *tracing;                     /* trace.c; NULL before the first trace */
    int64_t runtime_told_ms, wall_clock_told_ms; /* statistics/1 tells what passed since the last call */
    uint64_t reductions_told;
    struct hm_metrics *metrics; /* otp_metrics.c */
    struct otp_counters {
        uint64_t functions; /* calls of functions, whoever asked */
        uint64_t denied;    /* of these, refused by a rule */
        uint64_t restarts;  /* of children */
        uint64_t io_full;   /* requests of IO devices that were refused */
        uint64_t eval_limit; /* evaluations that were ended */
        uint64_t trace_events;
        uint64_t traces_refused, traces_cut; /* too many; not begun or ended because the recording is full */
    } counters;
};

static inline struct otp *otp_of(const struct hm_node *node) {
    return node->otp;
}

/* Sets node->hooks and starts the servers. */
int otp_start(struct hm_node *node);
void otp_stop(struct hm_node *node); /* after all processes ended: frees node->otp */

/* The classes of the servers, one file each. */
extern const struct hm_server_class user_class, logger_proxy_class, net_kernel_class, rex_class, global_class;

#endif
