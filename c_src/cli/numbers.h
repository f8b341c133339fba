/*
 * cli/numbers: what a node tells of itself at one moment, for status and top.
 *
 * A Hermod node is asked for its metrics, a BEAM node with the functions that it has; what that lacks is 0, and has_ says so. With
 * `processes' every process is asked for as etop does (observer_backend, in the application runtime_tools of a BEAM node). Everything
 * in a struct numbers lives until numbers_free.
 */
#ifndef HM_CLI_NUMBERS_H
#define HM_CLI_NUMBERS_H

#include "cli/tool.h"

struct peer_numbers {
    struct hm_text name; /* of a node, as it is: not fit for a terminal */
    bool visible, dialled, busy;
    double connected; /* seconds */
    uint64_t in_bytes, out_bytes, in_frames, out_frames, waiting, missed;
};

struct process_numbers { /* with a name; Hermod only */
    struct hm_text name;
    uint64_t messages, calls, mailbox, dropped;
    double seconds; /* in its handlers */
};

struct etop_numbers { /* any process */
    hm_term pid, name; /* name: an atom, or {M, F, A} with which it was started */
    uint64_t memory, work, mailbox; /* work: reductions */
    hm_term function;  /* {M, F, A}, or an atom */
};

struct numbers {
    int64_t at_us;
    bool is_hermod;
    char version[64];
    double uptime, cpu; /* seconds */
    uint64_t memory, resident, processes, run_queue, work, in_bytes, out_bytes; /* resident: Hermod only */
    struct peer_numbers *peers;
    size_t peer_count;
    struct process_numbers *named;
    size_t named_count;
    struct etop_numbers *all;
    size_t all_count;
    bool has_all; /* processes were asked for, and the node told them */
    hm_term metrics; /* of Hermod: the map of otp/metrics_term.h; else size 0 */
    /* The rest is numbers.c's. */
    hm_term etop, visible, hidden;
};

enum { NUMBERS_ANSWERS = 11 };

struct numbers_answer { /* numbers.c's: which of the questions to a BEAM */
    struct numbers_question *question;
    unsigned number;
};

struct numbers_question {
    /* Set by the caller. */
    struct tool *tool;
    bool processes;
    void (*done)(struct tool *tool, struct numbers *numbers); /* the receiver frees them */
    void (*failing)(struct tool *tool); /* before a failure is printed and the tool finished; may be NULL */
    /* The rest is numbers.c's. */
    struct numbers *numbers;
    unsigned waiting; /* answers that are missing */
    struct numbers_answer answers[NUMBERS_ANSWERS];
    bool asking;
};

/* Asks; done is called later, or the tool is finished. Nothing while an earlier question is open. */
void numbers_ask(struct numbers_question *question);
/* A message of the tool: true when it was for the question. */
bool numbers_info(struct numbers_question *question, hm_term message);
/* After the tool has ended. */
void numbers_question_fini(struct numbers_question *question);
void numbers_free(struct numbers *numbers);

/* ---- in the metrics ---- */

/* A metric without labels; 0 when it is not there. */
double metrics_number(hm_term metrics, const char *name);
/* The sum of all samples with this value of this label; label NULL: of all. */
double metrics_sum(hm_term metrics, const char *name, const char *label, const char *value);
/* Each sample of a metric with labels. */
void metrics_each(hm_term metrics, const char *name, void (*each)(void *arg, hm_term sample), void *arg);
bool sample_label(hm_term sample, const char *label, struct hm_text *value);
double sample_value(hm_term sample, const char *key); /* "value", "sum", "count" */

#endif
