/*
 * node/reasons: exit reasons that need no memory.
 *
 * The end of a process has to be told even when there is no memory for its reason: these are told as they are, for others the nearest of them
 * stands in. Pure.
 */
#ifndef HM_NODE_REASONS_H
#define HM_NODE_REASONS_H

#include <hermod/term.h>

enum reason {
    REASON_OTHER, /* none of these */
    REASON_NORMAL,
    REASON_SHUTDOWN,
    REASON_KILLED,
    REASON_KILL,
    REASON_NOPROC,
    REASON_NOCONNECTION,
    REASON_SYSTEM_LIMIT,
};

enum reason reason_known(hm_term reason);
/* The same or, of another one, REASON_SHUTDOWN for {shutdown, _} and REASON_SYSTEM_LIMIT for the rest: nobody takes an error for an orderly end, nor
 * the other way round. */
enum reason reason_nearest(hm_term reason);
/* Static. Of REASON_OTHER it is empty. */
hm_term reason_term(enum reason reason);

#endif
