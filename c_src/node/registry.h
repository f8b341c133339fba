/* node/registry: names of local processes. Owns the entries; a process points at its own. One thread. */
#ifndef HM_NODE_REGISTRY_H
#define HM_NODE_REGISTRY_H

#include "node/process.h"

/* text: UTF-8, an atom other than `undefined`. HM_ETAKEN, HM_ESTATE (the process has a name), HM_ENAME, HM_ENOMEM. */
int registry_add(hm_process *process, const char *text, size_t size);
void registry_remove(hm_process *process); /* nothing when it has none */
hm_process *registry_lookup(const struct hm_node *node, struct bytes name);
struct bytes registry_name(const hm_process *process); /* size 0 when it has none */
void registry_each(struct hm_node *node, void (*each)(void *arg, struct bytes name, hm_process *process), void *arg);

#endif
