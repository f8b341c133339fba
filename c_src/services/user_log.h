/*
 * services/user_log: the last changes of a list of users, so that who missed some gets these and not the list.
 *
 * Owns copies. Bounded: what is older than USER_LOG_CHANGES changes or behind USER_LOG_BYTES bytes is forgotten, and without memory all
 * of it. Each change makes one version of the next; the log reaches from some version to the newest.
 */
#ifndef HM_SERVICES_USER_LOG_H
#define HM_SERVICES_USER_LOG_H

#include <sys/queue.h>

#include <hermod/term.h>

enum { USER_LOG_CHANGES = 1024, USER_LOG_BYTES = 256 * 1024 };

struct user_change;

struct user_log {
    TAILQ_HEAD(user_changes, user_change) changes;
    uint64_t from; /* the version before the first of them */
    uint32_t count;
    size_t bytes;
};

void user_log_init(struct user_log *log, uint64_t version);
/* Empty, from this version on. */
void user_log_reset(struct user_log *log, uint64_t version);
/* One more: a user that was added, or an id whose users were removed. */
void user_log_add(struct user_log *log, bool added, hm_term what);
/* Does it have all since that version? bytes: how many they are, at most until `enough' is passed. */
bool user_log_reaches(const struct user_log *log, uint64_t version, size_t enough, size_t *bytes);
/* [{add, User} | {remove, Id}] since a version that it reaches, the oldest first. */
void user_log_put(const struct user_log *log, uint64_t version, hm_build *build);

#endif
