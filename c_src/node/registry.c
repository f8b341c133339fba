#include "node/registry.h"

#include "node/follow.h"
#include "node/trace.h"

/* Names are short; uthash's own function takes longer to begin than they are long. */
#define HASH_FUNCTION(text, size, hash) ((hash) = hash_text(text, size))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <stdlib.h>
#include <uthash.h>

static unsigned hash_text(const void *text, size_t size) {
    const uint8_t *at = text;
    unsigned hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash;
}

struct registry_entry {
    UT_hash_handle hh;
    hm_process *process;
    struct registry_times times;
    bool lost; /* the table had no memory for it */
    size_t size;
    char text[];
};

/* Powers of four from 2^10 ns, so that the place is a matter of counting bits. */
#define BOUND(n) ((double)(1ull << (10 + 2 * (n))) / 1e9)
const double REGISTRY_BOUND_SECONDS[REGISTRY_BOUNDS] = {BOUND(0), BOUND(1), BOUND(2), BOUND(3), BOUND(4),  BOUND(5),
                                                        BOUND(6), BOUND(7), BOUND(8), BOUND(9), BOUND(10), BOUND(11)};

static unsigned place_of(uint64_t ns) {
    uint64_t rest = ns ? (ns - 1) >> 10 : 0;
    unsigned bits = rest ? 64 - (unsigned)__builtin_clzll(rest) : 0;
    unsigned place = (bits + 1) / 2;
    return place < REGISTRY_BOUNDS ? place : REGISTRY_BOUNDS;
}

void registry_note_run(hm_process *process, uint64_t messages, int64_t ns) {
    struct registry_times *times = &process->name->times;
    times->counts[place_of((uint64_t)ns / messages)] += messages;
    times->ns += (uint64_t)ns;
}

const struct registry_times *registry_times(const hm_process *process) {
    return process->name ? &process->name->times : NULL;
}

int registry_add(hm_process *process, const char *text, size_t size) {
    struct hm_node *node = process->node;
    if (process->name)
        return HM_ESTATE;
    if (size == 0 || size >= HM_ATOM_BYTES || (size == 9 && memcmp(text, "undefined", 9) == 0))
        return HM_ENAME;
    if (registry_lookup(node, bytes_of(text, size)))
        return HM_ETAKEN;
    struct registry_entry *entry = calloc(1, sizeof *entry + size + 1);
    if (!entry)
        return HM_ENOMEM;
    memcpy(entry->text, text, size);
    entry->size = size;
    entry->process = process;
    HASH_ADD_KEYPTR(hh, node->registry, entry->text, size, entry);
    if (entry->lost) {
        free(entry);
        return HM_ENOMEM;
    }
    process->name = entry;
    trace_news(process, TRACE_REGISTERED, HM_NO_PID, (hm_term){0});
    follow_on_registered(node, bytes_of(entry->text, size));
    return HM_OK;
}

void registry_remove(hm_process *process) {
    struct registry_entry *entry = process->name;
    if (!entry)
        return;
    trace_news(process, TRACE_UNREGISTERED, HM_NO_PID, (hm_term){0});
    HASH_DEL(process->node->registry, entry);
    process->name = NULL;
    free(entry);
}

hm_process *registry_lookup(const struct hm_node *node, struct bytes name) {
    struct registry_entry *entry;
    HASH_FIND(hh, node->registry, name.at, name.size, entry);
    return entry ? entry->process : NULL;
}

struct bytes registry_name(const hm_process *process) {
    return process->name ? bytes_of(process->name->text, process->name->size) : (struct bytes){0};
}

void registry_each(struct hm_node *node, void (*each)(void *arg, struct bytes name, hm_process *process), void *arg) {
    struct registry_entry *entry, *next;
    HASH_ITER(hh, node->registry, entry, next)
        each(arg, bytes_of(entry->text, entry->size), entry->process);
}
