/*
 * cli/libedit: the functions of libedit that the chat needs.
 *
 * It and what it brings cost 300 kB, which a node that edits no lines does without (base/lazy). Node thread.
 */
#ifndef HM_CLI_LIBEDIT_H
#define HM_CLI_LIBEDIT_H

#include <histedit.h>

#include "base/lazy.h"

/* name in the struct, function of the library */
#define LIBEDIT_FUNCTIONS(entry)                                                                             \
    entry(init, el_init)                                                                                     \
    entry(end, el_end)                                                                                       \
    entry(get, el_get)                                                                                       \
    entry(set, el_set)                                                                                       \
    entry(wset, el_wset)                                                                                     \
    entry(line, el_line)                                                                                     \
    entry(insertstr, el_insertstr)                                                                           \
    entry(gets, el_gets)                                                                                     \
    entry(resize, el_resize)                                                                                 \
    entry(history, history)                                                                                  \
    entry(history_init, history_init)                                                                        \
    entry(history_end, history_end)

struct libedit {
    LIBEDIT_FUNCTIONS(LAZY_FIELD)
};

/* NULL: this machine has none (on Debian it is in the package libedit2). */
const struct libedit *libedit_get(void);

#endif
