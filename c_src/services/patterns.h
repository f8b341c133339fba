/*
 * services/patterns: a trie of the patterns of topics, so that what does not match costs nothing.
 *
 * A binary topic has segments, which ':' and '.' divide; all but the first are kept with their separator, so "a.b" and "a:b" differ. A pattern has a
 * segment that is * (any one) or, as the last one, > (one or more). What stands at the end of a pattern is the caller's: a number for each
 * form of topics.h. One thread.
 */
#ifndef HM_SERVICES_PATTERNS_H
#define HM_SERVICES_PATTERNS_H

#include <hermod/term.h>

#include "services/records.h"

enum { PATTERN_SEGMENTS = 64, PATTERN_ENDS = 3 };

struct segments {
    struct {
        const unsigned char *at; /* with its separator, except the first */
        size_t size;
    } part[PATTERN_SEGMENTS];
    unsigned count;
    bool whole; /* false: there are more */
};

/* Borrows the term. false: it is no binary. */
bool segments_read(struct segments *segments, hm_term topic);
/* Whether they are a pattern's; *error: HM_EINVAL (> before the end), HM_ELIMIT (too many segments), or 0. */
bool segments_are_pattern(const struct segments *segments, int *error);

struct patterns {
    struct records edges;
    struct record_index by_segment;
};

void patterns_init(struct patterns *patterns);
void patterns_fini(struct patterns *patterns);
/* The end of this pattern, made when it is new; 0 without memory. Ends are numbers of their own. */
uint32_t patterns_add(struct patterns *patterns, const struct segments *segments);
/* What stands at an end: PATTERN_ENDS numbers, 0 at first. Lends until patterns_trim. */
uint32_t *patterns_at(const struct patterns *patterns, uint32_t end);
/* Takes the end away when nothing stands there any more. */
void patterns_trim(struct patterns *patterns, uint32_t end);
/* Calls each with what stands at the end of every pattern that matches. */
void patterns_match(const struct patterns *patterns, const struct segments *topic,
                    void (*each)(void *arg, const uint32_t numbers[PATTERN_ENDS]), void *arg);
size_t patterns_bytes(const struct patterns *patterns);

#endif
