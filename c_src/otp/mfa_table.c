/*
 * {module, function, arity} -> row. The key is the length of the module's name, both names and the arity: with a separator instead, names
 * that contain it would meet.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "etf/utf8.h"
#include "etf/view.h"
#include "otp/mfa.h"

#define HASH_FUNCTION(key, size, hash) ((hash) = hash_key(key, size))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->refused = true)
#include <uthash.h>

enum { KEY_BYTES = 2 + 2 * HM_ATOM_BYTES + 1, ATOM_CHARACTERS = 255 };

static unsigned hash_key(const void *key, size_t size) {
    const uint8_t *at = key;
    unsigned hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return hash;
}

struct mfa_entry {
    UT_hash_handle hh;
    bool refused; /* the table had no memory for it */
    struct mfa_row row; /* its names stand behind key */
    size_t key_size;
    char key[];
};

static size_t put_key(char key[KEY_BYTES], struct bytes module, struct bytes function, unsigned arity) {
    set_be16((uint8_t *)key, (uint16_t)module.size);
    memcpy(key + 2, module.at, module.size);
    memcpy(key + 2 + module.size, function.at, function.size);
    key[2 + module.size + function.size] = (char)arity;
    return 2 + module.size + function.size + 1;
}

static bool is_atom_text(const char *text, size_t size) {
    size_t characters;
    return size < HM_ATOM_BYTES && utf8_valid((const uint8_t *)text, size, &characters) && characters <= ATOM_CHARACTERS;
}

static int add(struct otp *otp, const struct mfa_row *row) {
    size_t module = strlen(row->module), function = strlen(row->function);
    char key[KEY_BYTES];
    struct mfa_entry *entry;
    if (!row->handler || row->arity > MFA_ARGUMENTS)
        return HM_EINVAL;
    if (module == 0 || function == 0 || !is_atom_text(row->module, module) || !is_atom_text(row->function, function))
        return HM_ENAME;
    size_t size = put_key(key, bytes_of(row->module, module), bytes_of(row->function, function), row->arity);
    HASH_FIND(hh, otp->functions, key, size, entry);
    if (entry)
        return HM_ETAKEN;
    entry = calloc(1, sizeof *entry + size + module + 1 + function + 1);
    if (!entry)
        return HM_ENOMEM;
    memcpy(entry->key, key, size);
    entry->key_size = size;
    entry->row = *row;
    entry->row.module = memcpy(entry->key + size, row->module, module + 1);
    entry->row.function = memcpy(entry->key + size + module + 1, row->function, function + 1);
    HASH_ADD_KEYPTR(hh, otp->functions, entry->key, entry->key_size, entry);
    if (entry->refused) {
        free(entry);
        return HM_ENOMEM;
    }
    return HM_OK;
}

static struct mfa_entry *find(const struct otp *otp, struct bytes module, struct bytes function, unsigned arity) {
    char key[KEY_BYTES];
    struct mfa_entry *entry;
    size_t size = put_key(key, module, function, arity);
    HASH_FIND(hh, otp->functions, key, size, entry);
    return entry;
}

int mfa_export(struct hm_node *node, const struct mfa_row *rows, size_t count) {
    struct otp *otp = otp_of(node);
    for (size_t i = 0; i < count; i++) {
        int error = add(otp, &rows[i]);
        if (error == HM_OK)
            continue;
        while (i-- > 0) {
            const struct mfa_row *row = &rows[i];
            struct mfa_entry *entry = find(otp, bytes_of(row->module, strlen(row->module)),
                                           bytes_of(row->function, strlen(row->function)), row->arity);
            HASH_DEL(otp->functions, entry);
            free(entry);
        }
        return error;
    }
    return HM_OK;
}

const struct mfa_entry *mfa_find(struct hm_node *node, hm_term module, hm_term function, long arity) {
    char rooms[2][2 * 255];
    const struct otp *otp = otp_of(node);
    if (!otp || arity < 0 || arity > MFA_ARGUMENTS || hm_term_type(module) != HM_TYPE_ATOM ||
        hm_term_type(function) != HM_TYPE_ATOM)
        return NULL;
    return find(otp, view_atom_utf8(module.bytes, rooms[0]), view_atom_utf8(function.bytes, rooms[1]), (unsigned)arity);
}

const struct mfa_row *mfa_entry_row(const struct mfa_entry *entry) {
    return &entry->row;
}

void mfa_each(struct hm_node *node, void (*each)(void *arg, const struct mfa_row *row), void *arg) {
    for (struct mfa_entry *entry = otp_of(node)->functions; entry; entry = entry->hh.next)
        each(arg, &entry->row);
}

void mfa_table_free(struct hm_node *node) {
    struct mfa_entry *entry = otp_of(node)->functions, *next;
    HASH_CLEAR(hh, otp_of(node)->functions);
    for (; entry; entry = next) {
        next = entry->hh.next;
        free(entry);
    }
}
