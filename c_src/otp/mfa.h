/*
 * otp/mfa: the functions that can be called from outside: erpc, rpc, spawn.
 *
 * A table of {module, function, arity} (mfa_table.c), filled by the bif_*.c and by what C programs export (otp/function.c). What is not
 * in it is undef, as on a BEAM where that module is not loaded. A handler runs in the process that was spawned for the call, on whose
 * behalf it may send; it answers at once, or returns MFA_LATER and the process waits (mfa_later.c). One thread.
 */
#ifndef HM_OTP_MFA_H
#define HM_OTP_MFA_H

#include "node/process.h"
#include "otp/otp.h"

enum { MFA_ARGUMENTS = 16 }; /* the most that a row has */

enum mfa_outcome {
    MFA_VALUE, /* result: what the function returned */
    MFA_ERROR, /* result: the reason of error/1, as badarg */
    MFA_EXIT,  /* result: the reason of exit/1 */
    MFA_THROW, /* result: what was thrown */
    MFA_LATER, /* from a handler that called mfa_later */
};

/* What goes on when a function has answered later. Runs in the process, as a message of it, with the outcome and one term as mfa_apply
 * gives them (of size 0 without memory). Called exactly once after MFA_LATER; with self NULL when the process ended before (to free arg). */
typedef enum hm_verdict mfa_done(hm_process *self, void *arg, enum mfa_outcome outcome, hm_term result);

struct mfa_then {
    mfa_done *done;
    void *arg;
};

struct mfa_entry;

struct mfa_call {
    struct hm_node *node;
    hm_process *self; /* who runs it: self() */
    unsigned arity;
    const hm_term *arguments; /* borrowed until the handler returns */
    hm_build *result;         /* exactly one term */
    void *argument;           /* of the row */
    const struct mfa_entry *entry;
    const struct mfa_then *then; /* NULL: whoever calls cannot wait */
    uint64_t traced;             /* traces up to this number may want to know how it ends; 0: nobody does */
};

typedef enum mfa_outcome mfa_handler(struct mfa_call *call);

/* ---- table ---- */

struct mfa_row {
    const char *module, *function;
    unsigned arity; /* at most MFA_ARGUMENTS */
    mfa_handler *handler;
    void *argument; /* for the handler; lives as long as the node */
};

/* Adds all of them or none. Keeps a copy of the names. HM_ETAKEN (there is one like it already), HM_EINVAL, HM_ENAME, HM_ENOMEM. */
int mfa_export(struct hm_node *node, const struct mfa_row *rows, size_t count);
/* NULL: undef. */
const struct mfa_entry *mfa_find(struct hm_node *node, hm_term module, hm_term function, long arity);
const struct mfa_row *mfa_entry_row(const struct mfa_entry *entry);
/* Calls each for every function, in the order in which they were exported; it must not export. */
void mfa_each(struct hm_node *node, void (*each)(void *arg, const struct mfa_row *row), void *arg);
void mfa_table_free(struct hm_node *node);

/* ---- call ---- */

/* Runs M:F(Arguments...) and writes one term into result (empty before): the value, what was thrown, the reason of exit/1, or {Reason,
 * Stack} of an error. erlang:apply/2,3 of functions of the table work; closures are otp_of(node)->evaluator's, undef without it. MFA_LATER
 * when the function takes its time: then->done (copied) gets the outcome. then may be NULL: such functions then fail with notsup. */
enum mfa_outcome mfa_apply(hm_process *self, hm_term module, hm_term function, hm_term arguments, hm_build *result,
                           const struct mfa_then *then);

/* The same, {M, F, Args} with one way to end: then->done gets the outcome, now or later, and its verdict is passed on (HM_CONTINUE when later). A
 * result of size 0: there was no memory for one. */
enum hm_verdict mfa_run(hm_process *self, const hm_term mfa[3], const struct mfa_then *then);

/* Code that is no function of the table: the layer above (eval) can run some of it. */
struct otp_evaluator {
    /* erlang:apply of a closure; outcome and result as mfa_apply's. then as well: NULL means that the caller cannot wait. */
    enum mfa_outcome (*apply_fun)(hm_process *self, hm_term fun, hm_term arguments, hm_build *result,
                                  const struct mfa_then *then);
    /* Messages that closures in this process got and have not taken, as in a BEAM's mailbox: how many. With a build each is put there,
     * the oldest first. */
    uint32_t (*kept)(const hm_process *process, hm_build *build);
};

/* For handlers: badarg, or another reason of error/1. */
enum mfa_outcome mfa_badarg(struct mfa_call *call);
enum mfa_outcome mfa_error(struct mfa_call *call, const char *reason);

/* ---- answering later ---- */

/* A call that is waiting: from mfa_later until mfa_finish, which must be called exactly once for each. */
struct mfa_later;

struct mfa_wait {
    /* What the process gets meanwhile (terms, DOWN); true: it was for this call. NULL: none of it is. May call mfa_finish. */
    bool (*message)(struct mfa_later *later, void *arg, hm_term message);
    /* The process ended before mfa_finish (which then only frees the handle, and may be called in here). May be NULL. */
    void (*ended)(struct mfa_later *later, void *arg);
    void *arg;
};

/* wait may be NULL. On NULL (no memory, or the caller cannot wait) result holds a reason: return MFA_ERROR. */
struct mfa_later *mfa_later(struct mfa_call *call, const struct mfa_wait *wait);
/* The process that waits; NULL after its end. */
hm_process *mfa_later_process(const struct mfa_later *later);
/* Takes the handle, copies the term: a value, what was thrown, or the reason of error/1 or exit/1 (the stack is added). The call goes on
 * in its process's next turn, so this may be called from anywhere on the node's thread. */
void mfa_finish(struct mfa_later *later, enum mfa_outcome outcome, hm_term result);

#endif
