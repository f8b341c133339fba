#include "services/user_log.h"

#include <stdlib.h>
#include <string.h>

struct user_change {
    TAILQ_ENTRY(user_change) next;
    bool added;
    size_t size;
    unsigned char bytes[];
};

void user_log_init(struct user_log *log, uint64_t version) {
    TAILQ_INIT(&log->changes);
    log->from = version;
    log->count = 0;
    log->bytes = 0;
}

static void drop_first(struct user_log *log) {
    struct user_change *change = TAILQ_FIRST(&log->changes);
    TAILQ_REMOVE(&log->changes, change, next);
    log->from++;
    log->count--;
    log->bytes -= change->size;
    free(change);
}

void user_log_reset(struct user_log *log, uint64_t version) {
    while (log->count)
        drop_first(log);
    log->from = version;
}

void user_log_add(struct user_log *log, bool added, hm_term what) {
    struct user_change *change = what.size <= USER_LOG_BYTES ? malloc(sizeof *change + what.size) : NULL;
    if (!change) {
        user_log_reset(log, log->from + log->count + 1);
        return;
    }
    change->added = added;
    change->size = what.size;
    memcpy(change->bytes, what.bytes, what.size);
    TAILQ_INSERT_TAIL(&log->changes, change, next);
    log->count++;
    log->bytes += what.size;
    while (log->count > USER_LOG_CHANGES || log->bytes > USER_LOG_BYTES)
        drop_first(log);
}

/* The first change since that version; most want the last few. */
static struct user_change *find_after(const struct user_log *log, uint64_t version) {
    struct user_change *change = TAILQ_LAST(&log->changes, user_changes);
    for (uint64_t left = log->from + log->count - version; left > 1; left--)
        change = TAILQ_PREV(change, user_changes, next);
    return change;
}

bool user_log_reaches(const struct user_log *log, uint64_t version, size_t enough, size_t *bytes) {
    *bytes = 0;
    if (version < log->from || version > log->from + log->count)
        return false;
    if (version == log->from + log->count)
        return true;
    const struct user_change *change = find_after(log, version);
    for (; change && *bytes <= enough; change = TAILQ_NEXT(change, next))
        *bytes += change->size;
    return true;
}

void user_log_put(const struct user_log *log, uint64_t version, hm_build *build) {
    uint32_t count = (uint32_t)(log->from + log->count - version);
    const struct user_change *change = count ? find_after(log, version) : NULL;
    hm_put_list(build, count);
    for (; change; change = TAILQ_NEXT(change, next)) {
        hm_put_tuple(build, 2);
        hm_put_atom(build, change->added ? "add" : "remove");
        hm_put_term(build, (hm_term){change->bytes, change->size});
    }
    hm_put_nil(build);
}
