/*
 * cli/finder: the --discover options of the daemon: whoever is found is dialled, again and again until it is lost.
 *
 * Owns the open discoveries and the list of what they found. A node that several of them found stays until all of
 * them lost it. Prints nothing.
 */
#ifndef HM_CLI_FINDER_H
#define HM_CLI_FINDER_H

#include <hermod/hermod.h>

#include "cli/options.h"

struct finder;

struct finder_events {
    void (*log)(void *arg, enum hm_log_level level, const char *id, const char *text);
    /* Once: every node that the start waits for is connected, or the time is over; error HM_ETIMEOUT: one of them is
     * mandatory, and text names it. Not called before finder_open returns. */
    void (*settled)(void *arg, int error, const char *text);
    void *arg;
};

/* Are the texts understood? HM_EINVAL, HM_ENOMEM, with why. Opens nothing. */
int finder_check(const struct text_list *list, char *why, size_t capacity);
/* The node has to be started. cookie, node: borrowed until close. Errors with why. */
int finder_open(hm_node *node, const struct settings *settings, const char *cookie, const struct finder_events *events,
                struct finder **finder, char *why, size_t capacity);
/* Before the node is freed. NULL is allowed. */
void finder_close(struct finder *finder);

#endif
