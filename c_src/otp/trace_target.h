/*
 * otp/trace_target: what is traced: from a term or text to a struct that the hooks can ask. See struct hm_trace in <hermod/trace.h>.
 *
 * Owns nothing but its own bytes. Reading looks the target up in the node, and is refused when it is not there. One thread.
 */
#ifndef HM_OTP_TRACE_TARGET_H
#define HM_OTP_TRACE_TARGET_H

#include "node/process.h"

enum trace_kind { TRACE_PROCESS, TRACE_FUNCTION, TRACE_NEWS, TRACE_PEER, TRACE_KINDS };

enum { TRACE_ANY_ARITY = -1, TRACE_NAME_BYTES = 256 * 4, TRACE_TEXT_BYTES = 512 };

struct trace_target {
    enum trace_kind kind;
    hm_pid pid;                  /* PROCESS without a name */
    char name[TRACE_NAME_BYTES]; /* PROCESS; FUNCTION: the module */
    char function[TRACE_NAME_BYTES]; /* FUNCTION: "" for any. PROCESS: the tag of the shape, "" for any message */
    long arity;                  /* of the function, or the shape */
    const hm_node_name *peer;
    char text[TRACE_TEXT_BYTES]; /* for people: cut when it is long */
};

/* HM_EINVAL, HM_ENOPROC, HM_ENOENT, HM_ENOCONNECTION; why gets a sentence. */
int trace_target_read(struct hm_node *node, hm_term term, struct trace_target *target, char *why, size_t capacity);

/* Is this process meant (its shape not asked)? */
bool trace_target_is_process(const struct trace_target *target, const hm_process *process);
/* Has a request or message the shape? */
bool trace_target_fits(const struct trace_target *target, hm_term message);
bool trace_target_is_function(const struct trace_target *target, const char *module, const char *function, unsigned arity);

#endif
