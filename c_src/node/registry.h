/* node/registry: names of local processes. Owns the entries; a process points at its own. One thread. */
#ifndef HM_NODE_REGISTRY_H
#define HM_NODE_REGISTRY_H

#include "node/process.h"

/* How long the process with a name takes for a message. What it handled in one run counts with the mean of that run. */
enum { REGISTRY_BOUNDS = 12 };
extern const double REGISTRY_BOUND_SECONDS[REGISTRY_BOUNDS];
struct registry_times {
    uint64_t counts[REGISTRY_BOUNDS + 1]; /* by bound; the last: above all */
    uint64_t ns;                          /* in all */
};

/* text: UTF-8, an atom other than `undefined`. HM_ETAKEN, HM_ESTATE (the process has a name), HM_ENAME, HM_ENOMEM. */
int registry_add(hm_process *process, const char *text, size_t size);
void registry_remove(hm_process *process); /* nothing when it has none */
hm_process *registry_lookup(const struct hm_node *node, struct bytes name);
/* The process, which has a name, handled so many messages in this time. */
void registry_note_run(hm_process *process, uint64_t messages, int64_t ns);
const struct registry_times *registry_times(const hm_process *process); /* NULL without name */
struct bytes registry_name(const hm_process *process); /* size 0 when it has none */
void registry_each(struct hm_node *node, void (*each)(void *arg, struct bytes name, hm_process *process), void *arg);

#endif
