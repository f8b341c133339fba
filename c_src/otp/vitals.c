#include "otp/vitals.h"

#include <malloc.h>
#include <time.h>

#include "etf/names.h"
#include "node/peers.h"
#include "node/process.h"

enum { ATOM_BYTES = 64 }; /* of a node name, about */

const char *const VITALS_MEMORY_NAMES[VITALS_MEMORY_TYPES] = {
    "total", "processes", "processes_used", "system", "atom", "atom_used", "binary", "code", "ets"};

/* ---- memory ---- */

static void add_process(void *arg, hm_process *process) {
    *(uint64_t *)arg += process_memory(process);
}

uint64_t vitals_heap_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void vitals_memory(struct hm_node *node, struct vitals_memory *memory) {
    uint64_t total = vitals_heap_bytes();
    uint64_t processes = node->slot_capacity * sizeof *node->slots;
    uint64_t atom = names_count(node->names) * ATOM_BYTES; /* node names are the only atoms that are kept */
    process_each(node, add_process, &processes);
    if (processes > total)
        total = processes;
    if (atom > total - processes)
        atom = total - processes;
    *memory = (struct vitals_memory){.bytes = {[VITALS_TOTAL] = total,
                                               [VITALS_PROCESSES] = processes,
                                               [VITALS_PROCESSES_USED] = processes,
                                               [VITALS_SYSTEM] = total - processes,
                                               [VITALS_ATOM] = atom,
                                               [VITALS_ATOM_USED] = atom}};
}

void vitals_put_memory(const struct vitals_memory *memory, hm_build *build) {
    for (size_t type = 0; type < VITALS_MEMORY_TYPES; type++)
        hm_put_format(build, "{~a, ~u}", VITALS_MEMORY_NAMES[type], memory->bytes[type]);
}

/* The largest values of a carrier's life are not kept: what is now stands in all three places. */
static void put_carriers(hm_build *build, const char *kind, uint64_t blocks, uint64_t carriers) {
    hm_put_format(build, "{~a, [{blocks, [{malloc, [{size, ~u, ~u, ~u}]}]}, {carriers_size, ~u, ~u, ~u}]}", kind,
                  blocks, blocks, blocks, carriers, carriers, carriers);
}

void vitals_put_allocator(hm_build *build) {
    struct mallinfo2 info = mallinfo2();
    hm_put_tuple(build, 2);
    hm_put_atom(build, "malloc");
    hm_put_list(build, 1);
    hm_put_tuple(build, 3);
    hm_put_atom(build, "instance");
    hm_put_int64(build, 0);
    hm_put_list(build, 2);
    put_carriers(build, "mbcs", info.uordblks, info.arena);
    put_carriers(build, "sbcs", info.hblkhd, info.hblkhd);
    hm_put_nil(build);
    hm_put_nil(build);
}

/* ---- traffic ---- */

static void add_traffic(void *arg, struct peer *peer) {
    struct vitals_io *io = arg;
    struct channel_stats stats;
    struct channel *channel = peer_is_up(peer) ? peer_channel(peer) : NULL;
    if (!channel)
        return;
    channel_stats(channel, &stats);
    io->input += stats.bytes_in;
    io->output += stats.bytes_out;
}

struct vitals_io vitals_io(struct hm_node *node) {
    struct vitals_io io = {node->counters.gone.bytes_in, node->counters.gone.bytes_out};
    peers_each(node, add_traffic, &io);
    return io;
}

/* ---- work ---- */

static void count_runnable(void *arg, hm_process *process) {
    *(uint64_t *)arg += process->mailbox.count != 0;
}

uint64_t vitals_run_queue(struct hm_node *node) {
    uint64_t runnable = 0;
    process_each(node, count_runnable, &runnable);
    return runnable;
}

void vitals_put_scheduler_time(const struct hm_node *node, hm_build *build) {
    struct timespec cpu = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    uint64_t active = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
    uint64_t total = (uint64_t)(mono_now().ns - node->started.ns);
    /* The thread may have worked before the node was made. */
    hm_put_format(build, "[{1, ~u, ~u}]", active < total ? active : total, total);
}
