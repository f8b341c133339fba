/*
 * otp/global_table: hash tables whose keys are terms, next to tables by reference, for uthash; include it before uthash.h.
 *
 * The two kinds of keys are told apart by their size. Pure.
 */
#ifndef HM_OTP_GLOBAL_TABLE_H
#define HM_OTP_GLOBAL_TABLE_H

#include <string.h>

#include "node/refkey.h"

_Static_assert(sizeof(hm_term) != sizeof(struct refkey), "keys are told apart by their size");

static inline unsigned global_table_hash(const void *key, size_t size) {
    return size == sizeof(hm_term) ? (unsigned)hm_term_hash(*(const hm_term *)key) : refkey_hash(key);
}

static inline int global_table_differ(const void *a, const void *b, size_t size) {
    if (size == sizeof(hm_term))
        return !hm_term_equal(*(const hm_term *)a, *(const hm_term *)b);
    return memcmp(a, b, size);
}

#define HASH_FUNCTION(key, size, hash) ((hash) = global_table_hash(key, size))
#define HASH_KEYCMP(a, b, size) global_table_differ(a, b, size)
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)

#endif
