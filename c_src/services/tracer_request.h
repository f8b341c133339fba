/*
 * services/tracer_request: what `tracer` is asked, from the term of a call to a struct. Pure; everything borrows from the term.
 */
#ifndef HM_SERVICES_TRACER_REQUEST_H
#define HM_SERVICES_TRACER_REQUEST_H

#include <hermod/term.h>

enum tracer_what {
    TRACER_TRACE,    /* {trace, Target, Limit}, {trace, Target, Options}, {trace, Target, Limit, Options} */
    TRACER_STOP,     /* {stop, Id} */
    TRACER_STOP_ALL, /* stop */
    TRACER_PLAYBACK, /* playback, {playback, Id}, {playback, Id, messages} */
    TRACER_FORGET,   /* forget */
    TRACER_LIST,     /* list */
};

/* Where events go when no handler is given. */
enum tracer_output {
    TRACER_TO_LOG = 1,    /* the log of this node */
    TRACER_TO_LOGGER = 2, /* the logger of the node that asked, as what it logs itself */
    TRACER_TO_BOTH = TRACER_TO_LOG | TRACER_TO_LOGGER,
    TRACER_TO_NOBODY = 0,
};

struct tracer_request {
    enum tracer_what what;
    uint64_t id;      /* PLAYBACK: 0 for all */
    bool as_messages; /* PLAYBACK: dbg's, not maps */
    /* TRACE */
    hm_term target;
    uint32_t limit, rate; /* 0: not given. Larger numbers than fit are as large as they can be */
    bool returns, record, local, messages, timestamp;
    bool has_output;
    enum tracer_output output;
    hm_term handler; /* of size 0: none */
};

/* Options are a list of atoms and pairs, or a map: limit, rate, return, record, scope (local | external), messages, timestamp, handler, output (log |
 * logger | both | none). HM_ENOENT: another request. HM_EINVAL: why gets a sentence. */
int tracer_request_read(hm_term term, struct tracer_request *request, char *why, size_t capacity);

#endif
