#include "node/aliases.h"

#include "node/refkey.h"

#define HASH_FUNCTION REFKEY_HASH_FUNCTION
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <stdlib.h>
#include <uthash.h>


struct alias {
    UT_hash_handle hh;
    struct refkey key;
    hm_process *process;
    LIST_ENTRY(alias) link;
    alias_receive *receive;
    void *arg;
    bool lost;
};

struct alias *aliases_add(hm_process *process, const hm_ref *ref, alias_receive *receive, void *arg) {
    struct alias *alias = calloc(1, sizeof *alias);
    if (!alias)
        return NULL;
    alias->key = refkey_of(ref);
    alias->process = process;
    alias->receive = receive;
    alias->arg = arg;
    HASH_ADD(hh, process->node->aliases, key, sizeof alias->key, alias);
    if (alias->lost) {
        free(alias);
        return NULL;
    }
    LIST_INSERT_HEAD(&process->aliases, alias, link);
    return alias;
}

void aliases_remove(struct alias *alias) {
    HASH_DEL(alias->process->node->aliases, alias);
    LIST_REMOVE(alias, link);
    free(alias);
}

struct alias *aliases_lookup(const struct hm_node *node, const hm_ref *ref) {
    struct refkey key = refkey_of(ref);
    struct alias *alias;
    HASH_FIND(hh, node->aliases, &key, sizeof key, alias);
    return alias;
}

hm_process *alias_process(const struct alias *alias) {
    return alias->process;
}

void *alias_argument(const struct alias *alias, alias_receive *receive) {
    return alias->receive == receive ? alias->arg : NULL;
}

void aliases_deliver(struct alias *alias, hm_term message, struct block *shared) {
    if (alias->receive)
        alias->receive(alias->arg, message, shared);
    else
        process_deliver_term(alias->process, message, shared);
}

void aliases_on_end(hm_process *process) {
    struct alias *alias;
    while ((alias = LIST_FIRST(&process->aliases)))
        aliases_remove(alias);
}
