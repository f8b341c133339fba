/*
 * node/aliases: references that stand for a process until they are given up; answers to hm_call come to one. One thread.
 */
#ifndef HM_NODE_ALIASES_H
#define HM_NODE_ALIASES_H

#include "node/process.h"

struct alias {
    void *table; /* hash handle lives in aliases.c */
    hm_process *process;
    LIST_ENTRY(alias) link;
    /* Not NULL: what arrives is handed to this (once or more) instead of the mailbox. */
    void (*on_message)(void *arg, hm_term message, struct block *shared);
    void *arg;
};

struct alias *aliases_add(hm_process *process, const hm_ref *ref);
void aliases_remove(struct alias *alias);
struct alias *aliases_lookup(const struct hm_node *node, const hm_ref *ref);
void aliases_on_end(hm_process *process);

#endif
