/*
 * base/log_levels: which lines of a log are wanted, by module: the first word of an id, "peer" of "peer.up".
 *
 * A module has a level of its own or the usual one. The modules of this program are in the table from the beginning, so that a slip of
 * the pen can be told from a module that says nothing just now; those of other servers are added when they speak or are set. Part of one
 * struct log; no locks.
 */
#ifndef HM_BASE_LOG_LEVELS_H
#define HM_BASE_LOG_LEVELS_H

#include "base/log.h"

enum { LOG_MODULE_BYTES = 24, LOG_MODULES_MAX = 128 };

struct log_module {
    char name[LOG_MODULE_BYTES];
    bool own; /* it has a level of its own */
    enum log_level level;
};

struct log_levels {
    enum log_level usual, initial; /* initial: what it was at the start */
    size_t count;
    struct log_module modules[LOG_MODULES_MAX];
};

void log_levels_init(struct log_levels *levels, enum log_level usual);
/* name: a word, or an id that begins with it. NULL: not known. */
const struct log_module *log_levels_find(const struct log_levels *levels, const char *name, size_t size);
/* The module of this id, if there is room: false when not, or when there is no word before the dot. */
bool log_levels_learn(struct log_levels *levels, const char *id, size_t size);
/* NULL: the usual level. HM_ENAME (no word: letters in lower case, digits, _; at most LOG_MODULE_BYTES - 1), HM_ELIMIT. log->level follows. */
int log_levels_set(struct log *log, struct log_levels *levels, const char *module, enum log_level level);
/* The module gets the usual level again; the usual level (NULL) that of the start. */
void log_levels_reset(struct log *log, struct log_levels *levels, const char *module);

#endif
