/*
 * services/tracker_clocks: a set of clocks, as the cloud of a replica is: the operations that are known although earlier ones are not.
 *
 * Held as spans from - to, since operations mostly come in one piece. Owns its array; zeroed is empty. Knows nothing of terms. One thread.
 */
#ifndef HM_SERVICES_TRACKER_CLOCKS_H
#define HM_SERVICES_TRACKER_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tracker_clocks {
    struct tracker_span {
        uint64_t from, to; /* both are in it */
    } *spans;              /* in order, with gaps between them */
    uint32_t count, capacity;
    uint64_t size; /* clocks in all of them */
};

void tracker_clocks_fini(struct tracker_clocks *clocks); /* and it is empty */
bool tracker_clocks_has(const struct tracker_clocks *clocks, uint64_t clock);
/* Sorts `add`, which is the caller's. HM_ENOMEM: nothing has changed. */
int tracker_clocks_add(struct tracker_clocks *clocks, uint64_t *add, size_t count);
/* Takes out all up to this one, and what follows it without a gap: returns the last clock of that. */
uint64_t tracker_clocks_absorb(struct tracker_clocks *clocks, uint64_t clock);

#endif
