/*
 * node/aliases: references that stand for a process until they are given up; the answer to a hm_call comes to one.
 * Owns struct alias. One thread.
 */
#ifndef HM_NODE_ALIASES_H
#define HM_NODE_ALIASES_H

#include "node/process.h"

/* Takes what arrives instead of the mailbox; may give the alias up. */
typedef void alias_receive(void *arg, hm_term message, struct block *shared);

/* receive NULL: messages go to the mailbox. NULL without memory. */
struct alias *aliases_add(hm_process *process, const hm_ref *ref, alias_receive *receive, void *arg);
void aliases_remove(struct alias *alias);
struct alias *aliases_lookup(const struct hm_node *node, const hm_ref *ref);
hm_process *alias_process(const struct alias *alias);
/* Its argument when it has this receiver, else NULL. */
void *alias_argument(const struct alias *alias, alias_receive *receive);
void aliases_deliver(struct alias *alias, hm_term message, struct block *shared);
void aliases_on_end(hm_process *process);

#endif
