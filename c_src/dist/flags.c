#include "dist/flags.h"

#include <stdio.h>

static const struct {
    uint64_t flag;
    const char *name;
} flag_rows[] = {
    {FLAG_PUBLISHED, "PUBLISHED"},
    {0x2ull, "ATOM_CACHE"},
    {FLAG_EXTENDED_REFERENCES, "EXTENDED_REFERENCES"},
    {FLAG_DIST_MONITOR, "DIST_MONITOR"},
    {FLAG_FUN_TAGS, "FUN_TAGS"},
    {FLAG_DIST_MONITOR_NAME, "DIST_MONITOR_NAME"},
    {0x40ull, "HIDDEN_ATOM_CACHE"},
    {FLAG_NEW_FUN_TAGS, "NEW_FUN_TAGS"},
    {FLAG_EXTENDED_PIDS_PORTS, "EXTENDED_PIDS_PORTS"},
    {FLAG_EXPORT_PTR_TAG, "EXPORT_PTR_TAG"},
    {FLAG_BIT_BINARIES, "BIT_BINARIES"},
    {FLAG_NEW_FLOATS, "NEW_FLOATS"},
    {FLAG_UNICODE_IO, "UNICODE_IO"},
    {FLAG_DIST_HDR_ATOM_CACHE, "DIST_HDR_ATOM_CACHE"},
    {FLAG_SMALL_ATOM_TAGS, "SMALL_ATOM_TAGS"},
    {FLAG_UTF8_ATOMS, "UTF8_ATOMS"},
    {FLAG_MAP_TAG, "MAP_TAG"},
    {FLAG_BIG_CREATION, "BIG_CREATION"},
    {FLAG_SEND_SENDER, "SEND_SENDER"},
    {FLAG_BIG_SEQTRACE_LABELS, "BIG_SEQTRACE_LABELS"},
    {FLAG_EXIT_PAYLOAD, "EXIT_PAYLOAD"},
    {FLAG_FRAGMENTS, "FRAGMENTS"},
    {FLAG_HANDSHAKE_23, "HANDSHAKE_23"},
    {FLAG_UNLINK_ID, "UNLINK_ID"},
    {FLAG_MANDATORY_25_DIGEST, "MANDATORY_25_DIGEST"},
    {FLAG_SPAWN, "SPAWN"},
    {FLAG_NAME_ME, "NAME_ME"},
    {FLAG_V4_NC, "V4_NC"},
    {FLAG_ALIAS, "ALIAS"},
    {FLAG_ALTACT_SIG, "ALTACT_SIG"},
    {FLAG_NATIVE_RECORDS, "NATIVE_RECORDS"},
};

uint64_t flags_expand(uint64_t flags) {
    return flags & FLAG_MANDATORY_25_DIGEST ? flags | FLAGS_MANDATORY_25 : flags;
}

void flags_names(uint64_t flags, char *buffer, size_t capacity) {
    if (capacity == 0)
        return;
    size_t used = 0;
    buffer[0] = '\0';
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t flag = 1ull << bit;
        if (!(flags & flag))
            continue;
        char number[8];
        const char *name = number;
        snprintf(number, sizeof number, "bit %u", bit);
        for (size_t i = 0; i < sizeof flag_rows / sizeof *flag_rows; i++)
            if (flag_rows[i].flag == flag)
                name = flag_rows[i].name;
        int added = snprintf(buffer + used, capacity - used, "%s%s", used ? ", " : "", name);
        if (added < 0 || (size_t)added >= capacity - used)
            return;
        used += (size_t)added;
    }
}
