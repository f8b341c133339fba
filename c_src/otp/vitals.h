/*
 * otp/vitals: what the node uses and does, measured: memory, input and output, run queue, time at work.
 *
 * For erlang:memory/0,1, statistics/1 and what observer_backend makes of them. Owns nothing; every answer is measured when it is asked
 * for, on the node's thread.
 */
#ifndef HM_OTP_VITALS_H
#define HM_OTP_VITALS_H

#include "node/node.h"

/* The types of erlang:memory/0 in its order. */
enum vitals_memory_type {
    VITALS_TOTAL,
    VITALS_PROCESSES,
    VITALS_PROCESSES_USED,
    VITALS_SYSTEM,
    VITALS_ATOM,
    VITALS_ATOM_USED,
    VITALS_BINARY, /* 0: binaries are in their processes */
    VITALS_CODE,   /* 0: nothing is loaded */
    VITALS_ETS,    /* 0: there are no tables */
    VITALS_MEMORY_TYPES,
};

extern const char *const VITALS_MEMORY_NAMES[VITALS_MEMORY_TYPES];

struct vitals_memory {
    uint64_t bytes[VITALS_MEMORY_TYPES];
};

/* Of the C heap. */
uint64_t vitals_heap_bytes(void);
void vitals_memory(struct hm_node *node, struct vitals_memory *memory);
/* VITALS_MEMORY_TYPES elements of a list: {Type, Bytes}. */
void vitals_put_memory(const struct vitals_memory *memory, hm_build *build);
/* The C library's heap as one allocator in the shape of system_info({allocator_sizes, _}): its arena is the carrier of many blocks,
 * a block that was mapped alone is a carrier of its own. One element of a list. */
void vitals_put_allocator(hm_build *build);

struct vitals_io {
    uint64_t input, output; /* bytes of all connections since the node was made */
};
struct vitals_io vitals_io(struct hm_node *node);

/* Processes with mail. */
uint64_t vitals_run_queue(struct hm_node *node);

/* [{1, Active, Total}] of statistics(scheduler_wall_time): nanoseconds of CPU that the node's thread used, and that passed. */
void vitals_put_scheduler_time(const struct hm_node *node, hm_build *build);

#endif
