#include "eval/atoms.h"

#include <stdlib.h>

#define uthash_malloc malloc
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->number = -1)
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    long number;
    struct bytes text;
    uint8_t room[];
};

struct atoms {
    struct entry *by_text;
    struct entry **by_number;
    size_t count, capacity;
};

static bool grow(struct atoms *atoms) {
    size_t capacity = atoms->capacity ? atoms->capacity * 2 : 1024;
    struct entry **by_number = realloc(atoms->by_number, capacity * sizeof(struct entry *));
    if (!by_number)
        return false;
    atoms->by_number = by_number;
    atoms->capacity = capacity;
    return true;
}

static struct entry *find(const struct atoms *atoms, struct bytes text) {
    struct entry *entry = NULL;
    HASH_FIND(hh, atoms->by_text, text.at, text.size, entry);
    return entry;
}

long atoms_find(const struct atoms *atoms, struct bytes text) {
    const struct entry *entry = find(atoms, text);
    return entry ? entry->number : -1;
}

long atoms_enter(struct atoms *atoms, struct bytes text) {
    struct entry *entry = find(atoms, text);
    if (entry)
        return entry->number;
    if (atoms->count == atoms->capacity && !grow(atoms))
        return -1;
    entry = malloc(sizeof *entry + text.size);
    if (!entry)
        return -1;
    memcpy(entry->room, text.at, text.size);
    entry->text = bytes_of(entry->room, text.size);
    entry->number = (long)atoms->count;
    HASH_ADD_KEYPTR(hh, atoms->by_text, entry->room, text.size, entry);
    if (entry->number < 0) {
        free(entry);
        return -1;
    }
    atoms->by_number[atoms->count++] = entry;
    return entry->number;
}

struct bytes atoms_text(const struct atoms *atoms, size_t number) {
    return atoms->by_number[number]->text;
}

struct atoms *atoms_new(void) {
    static const char *const TEXTS[] = {
#define X(name, text) text,
        ATOM_LIST(X)
#undef X
    };
    struct atoms *atoms = calloc(1, sizeof *atoms);
    if (!atoms)
        return NULL;
    for (size_t i = 0; i < ATOM_COUNT; i++)
        if (atoms_enter(atoms, bytes_of(TEXTS[i], strlen(TEXTS[i]))) != (long)i) {
            atoms_free(atoms);
            return NULL;
        }
    return atoms;
}

void atoms_free(struct atoms *atoms) {
    if (!atoms)
        return;
    HASH_CLEAR(hh, atoms->by_text);
    for (size_t i = 0; i < atoms->count; i++)
        free(atoms->by_number[i]);
    free(atoms->by_number);
    free(atoms);
}
