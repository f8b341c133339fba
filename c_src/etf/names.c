#include "etf/names.h"

#include <stdlib.h>

#include "etf/tags.h"
#include "etf/utf8.h"

/* uthash may fail to grow: the entry is then not in the table, and says so itself. Its own hash function
 * (Jenkins) falls through cases in a way that clang warns of; FNV-1a suits texts of 20 bytes. */
static unsigned hash_text(const void *text, size_t size) {
    const uint8_t *at = text;
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash;
}

#define HASH_FUNCTION(text, size, hash) ((hash) = hash_text(text, size))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->refused = true)
#include <uthash.h>

/* `encoded` holds the atom in external format and a NUL, so that one block is both the text and its encoding.
 */
struct hm_node_name {
    UT_hash_handle hh;
    bool refused;
    bool kept;       /* names_intern was asked for it: it stays */
    uint32_t claims;
    uint16_t header_size; /* 2 or 3 */
    uint16_t text_size;
    char encoded[];
};

struct names {
    struct hm_node_name *table;
    struct hm_node_name *last; /* what was asked for before: nearly always the same */
    size_t max;
    uint64_t refused;
};

struct names *names_new(size_t max) {
    struct names *names = calloc(1, sizeof *names);
    if (names)
        names->max = max;
    return names;
}

void names_free(struct names *names) {
    if (!names)
        return;
    struct hm_node_name *name, *next;
    /* the table goes first, in one step; the list that hh keeps is still whole then */
    name = names->table;
    HASH_CLEAR(hh, names->table);
    for (; name; name = next) {
        next = name->hh.next;
        free(name);
    }
    free(names);
}

static const char *text_of(const struct hm_node_name *name) {
    return name->encoded + name->header_size;
}

const hm_node_name *names_find(const struct names *names, const char *text, size_t size) {
    struct hm_node_name *found = NULL;
    HASH_FIND(hh, names->table, text, size, found);
    return found;
}

static struct hm_node_name *new_name(const char *text, size_t size) {
    struct hm_node_name *name = calloc(1, sizeof *name + 3 + size + 1);
    if (!name)
        return NULL;
    name->text_size = (uint16_t)size;
    uint8_t *encoded = (uint8_t *)name->encoded;
    if (size < 256) {
        name->header_size = 2;
        encoded[0] = ETF_SMALL_ATOM_UTF8;
        encoded[1] = (uint8_t)size;
    } else {
        name->header_size = 3;
        encoded[0] = ETF_ATOM_UTF8;
        set_be16(encoded + 1, (uint16_t)size);
    }
    memcpy(name->encoded + name->header_size, text, size);
    return name;
}

static struct hm_node_name *enter(struct names *names, const char *text, size_t size) {
    struct hm_node_name *name;
    HASH_FIND(hh, names->table, text, size, name);
    if (!name) {
        size_t characters;
        if (names_count(names) >= names->max) {
            names->refused++;
            return NULL;
        }
        if (size >= HM_ATOM_BYTES ||
            !utf8_valid((const uint8_t *)text, size, &characters) || characters > ETF_ATOM_CHARACTERS)
            return NULL;
        name = new_name(text, size);
        if (!name)
            return NULL;
        HASH_ADD_KEYPTR(hh, names->table, text_of(name), name->text_size, name);
        if (name->refused) {
            free(name);
            return NULL;
        }
    }
    return name;
}

const hm_node_name *names_intern(struct names *names, const char *text, size_t size) {
    struct hm_node_name *name = names->last;
    if (name && name->text_size == size && memcmp(text_of(name), text, size) == 0)
        return name;
    name = enter(names, text, size);
    if (!name)
        return NULL;
    name->kept = true;
    names->last = name;
    return name;
}

const hm_node_name *names_claim(struct names *names, const char *text, size_t size) {
    struct hm_node_name *name = enter(names, text, size);
    if (name)
        name->claims++;
    return name;
}

void names_release(struct names *names, const hm_node_name *claimed) {
    struct hm_node_name *name = (struct hm_node_name *)(uintptr_t)claimed;
    if (--name->claims > 0 || name->kept)
        return;
    HASH_DEL(names->table, name);
    free(name);
}

size_t names_max(const struct names *names) {
    return names->max;
}

uint64_t names_refused(const struct names *names) {
    return names->refused;
}

size_t names_count(const struct names *names) {
    return HASH_COUNT(names->table);
}

struct bytes node_name_bytes(const hm_node_name *name) {
    return bytes_of(text_of(name), name->text_size);
}

struct bytes node_name_encoded(const hm_node_name *name) {
    return bytes_of(name->encoded, (size_t)name->header_size + name->text_size);
}

/* Public functions of term.h are defined where their work is done: api would only call through. */
HM_API const char *hm_node_name_text(const hm_node_name *name) {
    return text_of(name);
}
