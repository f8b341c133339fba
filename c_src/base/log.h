/*
 * base/log: one line for each event, with a stable id.
 *
 * A struct log belongs to one node and is passed down; there is no global one. The writer is the owner's (the daemon
 * writes to standard error, a library user gets lines through hm_options). Bytes that a peer chose are escaped with
 * log_escape before they are formatted; cookies are never logged. Any layer may call it; no locks: node thread only.
 *
 * ids are words with dots, "peer.up", "hs.cookie": tests and operators match them, docs/operations.md lists them.
 */
#ifndef HM_BASE_LOG_H
#define HM_BASE_LOG_H

#include "base/bytes.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* A peer must not be able to fill a disk: of one id at most LOG_PER_SECOND lines are written in a second, the next one says how many
 * were left out. Two ids that share a place share its allowance. */
enum { LOG_PER_SECOND = 50, LOG_LIMIT_PLACES = 64 };

struct log_limits {
    struct {
        int64_t second;
        uint32_t written, left_out;
    } places[LOG_LIMIT_PLACES];
    uint64_t written[LOG_DEBUG + 1], left_out; /* in all, by level */
};

struct log_levels;

struct log {
    enum log_level level; /* the most talkative level that any module writes */
    void (*write)(void *arg, enum log_level level, const char *id, const char *text);
    void *arg;
    struct log_limits *limits; /* NULL: no limit */
    const struct log_levels *levels; /* the level of each module (log_levels.h). NULL: level, for all of them */
};

/* Would a line of this id be written? */
bool log_wants(const struct log *log, enum log_level level, const char *id);

void log_write(const struct log *log, enum log_level level, const char *id, const char *format, ...)
    __attribute__((cold, format(printf, 4, 5)));

#define log_error(log, id, ...) log_write(log, LOG_ERROR, id, __VA_ARGS__)
#define log_warn(log, id, ...) log_write(log, LOG_WARN, id, __VA_ARGS__)
#define log_info(log, id, ...) log_write(log, LOG_INFO, id, __VA_ARGS__)
/* The arguments are not evaluated unless somebody's debug lines are wanted. */
#define log_debug(log, id, ...) \
    do { \
        if ((log)->level >= LOG_DEBUG) \
            log_write(log, LOG_DEBUG, id, __VA_ARGS__); \
    } while (0)

const char *log_level_name(enum log_level level);

/* Bytes of a stranger, safe to print: what is no printable ASCII becomes \xNN; cut at the buffer's end with "...". */
struct escaped {
    char text[256];
};
struct escaped log_escape(struct bytes bytes);

#endif
