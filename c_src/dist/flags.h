/*
 * dist/flags: the distribution flags (erts/emulator/beam/dist.h; see docs/protocol.md for each one's effect).
 * Pure.
 */
#ifndef HM_DIST_FLAGS_H
#define HM_DIST_FLAGS_H

#include <stddef.h>
#include <stdint.h>

#define FLAG_PUBLISHED 0x1ull
#define FLAG_EXTENDED_REFERENCES 0x4ull
#define FLAG_DIST_MONITOR 0x8ull
#define FLAG_FUN_TAGS 0x10ull
#define FLAG_DIST_MONITOR_NAME 0x20ull
#define FLAG_NEW_FUN_TAGS 0x80ull
#define FLAG_EXTENDED_PIDS_PORTS 0x100ull
#define FLAG_EXPORT_PTR_TAG 0x200ull
#define FLAG_BIT_BINARIES 0x400ull
#define FLAG_NEW_FLOATS 0x800ull
#define FLAG_UNICODE_IO 0x1000ull
#define FLAG_DIST_HDR_ATOM_CACHE 0x2000ull
#define FLAG_SMALL_ATOM_TAGS 0x4000ull
#define FLAG_UTF8_ATOMS 0x10000ull
#define FLAG_MAP_TAG 0x20000ull
#define FLAG_BIG_CREATION 0x40000ull
#define FLAG_SEND_SENDER 0x80000ull
#define FLAG_BIG_SEQTRACE_LABELS 0x100000ull
#define FLAG_EXIT_PAYLOAD 0x400000ull
#define FLAG_FRAGMENTS 0x800000ull
#define FLAG_HANDSHAKE_23 0x1000000ull
#define FLAG_UNLINK_ID 0x2000000ull
#define FLAG_MANDATORY_25_DIGEST 0x4000000ull
#define FLAG_SPAWN (1ull << 32)
#define FLAG_NAME_ME (1ull << 33)
#define FLAG_V4_NC (1ull << 34)
#define FLAG_ALIAS (1ull << 35)
#define FLAG_ALTACT_SIG (1ull << 37)
#define FLAG_NATIVE_RECORDS (1ull << 38)

/* What MANDATORY_25_DIGEST stands for. */
#define FLAGS_MANDATORY_25 \
    (FLAG_EXTENDED_REFERENCES | FLAG_FUN_TAGS | FLAG_NEW_FUN_TAGS | FLAG_EXTENDED_PIDS_PORTS | FLAG_EXPORT_PTR_TAG | \
     FLAG_BIT_BINARIES | FLAG_NEW_FLOATS | FLAG_UTF8_ATOMS | FLAG_MAP_TAG | FLAG_BIG_CREATION | FLAG_HANDSHAKE_23)

/* What we need of a peer: as OTP 25, so that ei nodes may come. */
#define FLAGS_REQUIRED FLAGS_MANDATORY_25

/* What we offer: everything but the atom cache, so that payloads stay verbatim. */
#define FLAGS_OFFERED \
    (FLAG_PUBLISHED | FLAG_DIST_MONITOR | FLAG_DIST_MONITOR_NAME | FLAG_UNICODE_IO | FLAG_SMALL_ATOM_TAGS | \
     FLAG_SEND_SENDER | FLAG_BIG_SEQTRACE_LABELS | FLAG_EXIT_PAYLOAD | FLAG_FRAGMENTS | FLAG_UNLINK_ID | \
     FLAG_MANDATORY_25_DIGEST | FLAG_SPAWN | FLAG_V4_NC | FLAG_ALIAS | FLAG_ALTACT_SIG | FLAG_NATIVE_RECORDS | \
     FLAGS_MANDATORY_25)

/* With the digest spelled out. */
uint64_t flags_expand(uint64_t flags);
/* The names of the set bits, "V4_NC, UNLINK_ID", into buffer (terminated, cut when it does not fit). */
void flags_names(uint64_t flags, char *buffer, size_t capacity);

#endif
