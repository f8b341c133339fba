#include "services/users.h"

#include <stdlib.h>
#include <string.h>

/* Keys are hm_terms; their hash is always given. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#define HASH_KEYCMP(a, b, size) (!hm_term_equal(*(const hm_term *)(a), *(const hm_term *)(b)))
#include <uthash.h>

struct user {
    UT_hash_handle hh, by_id;
    LIST_ENTRY(user) odd;
    bool lost;
    hm_term term, id; /* term: in bytes */
    unsigned char bytes[];
};

/* One that uniq has seen. */
struct seen {
    UT_hash_handle hh;
    bool lost;
    hm_term term;
};

/* The lower bits are a bucket's number. */
static unsigned hash_of(hm_term term) {
    uint64_t hash = hm_term_hash(term);
    return (unsigned)(hash ^ hash >> 32);
}

bool user_id(hm_term term, hm_term *id) {
    return hm_term_type(term) == HM_TYPE_MAP && hm_map_get_atom(term, "id", id);
}

/* Nothing but the same term is == to it, a float aside. */
static bool is_plain(hm_term id) {
    switch (hm_term_type(id)) {
    case HM_TYPE_ATOM:
    case HM_TYPE_INTEGER:
    case HM_TYPE_BINARY:
    case HM_TYPE_PID:
    case HM_TYPE_PORT:
    case HM_TYPE_REFERENCE:
        return true;
    default:
        return false;
    }
}

static bool add_id(struct users *users, struct user *user) {
    if (!is_plain(user->id)) {
        LIST_INSERT_HEAD(&users->odd, user, odd);
        return true;
    }
    unsigned hash = hash_of(user->id);
    HASH_ADD_KEYPTR_BYHASHVALUE(by_id, users->ids, &user->id, sizeof user->id, hash, user);
    return !user->lost;
}

static void drop(struct users *users, struct user *user) {
    users->count--;
    users->bytes -= user->term.size;
    HASH_DELETE(hh, users->table, user);
    if (is_plain(user->id))
        HASH_DELETE(by_id, users->ids, user);
    else
        LIST_REMOVE(user, odd);
    free(user);
}

int users_add(struct users *users, hm_term term, const struct users_limits *limits) {
    hm_term id;
    struct user *known;
    unsigned hash;
    if (!user_id(term, &id))
        return HM_EBADTERM;
    hash = hash_of(term);
    HASH_FIND_BYHASHVALUE(hh, users->table, &term, sizeof term, hash, known);
    if (!known && (users->count >= limits->users || term.size > limits->bytes - users->bytes))
        return HM_ELIMIT;
    struct user *user = calloc(1, sizeof *user + term.size);
    if (!user)
        return HM_ENOMEM;
    memcpy(user->bytes, term.bytes, term.size);
    user->term = (hm_term){user->bytes, term.size};
    user_id(user->term, &user->id);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, users->table, &user->term, sizeof user->term, hash, user);
    if (user->lost) {
        free(user);
        return HM_ENOMEM;
    }
    if (!add_id(users, user)) {
        HASH_DELETE(hh, users->table, user);
        free(user);
        return HM_ENOMEM;
    }
    users->count++;
    users->bytes += term.size;
    if (known)
        drop(users, known);
    return HM_OK;
}

/* A float, or what has one in it, may be == to any other id. */
static void remove_among_all(struct users *users, hm_term id) {
    struct user *user, *next;
    HASH_ITER(hh, users->table, user, next)
        if (hm_term_compare(user->id, id) == 0)
            drop(users, user);
}

static void remove_plain(struct users *users, hm_term id) {
    struct user *user, *next;
    unsigned hash = hash_of(id);
    for (;;) {
        HASH_FIND_BYHASHVALUE(by_id, users->ids, &id, sizeof id, hash, user);
        if (!user)
            break;
        drop(users, user);
    }
    for (user = LIST_FIRST(&users->odd); user; user = next) {
        next = LIST_NEXT(user, odd);
        if (hm_term_compare(user->id, id) == 0)
            drop(users, user);
    }
}

size_t users_remove(struct users *users, hm_term id) {
    size_t before = users->count;
    if (is_plain(id))
        remove_plain(users, id);
    else
        remove_among_all(users, id);
    return before - users->count;
}

void users_put(const struct users *users, hm_build *build) {
    hm_put_list(build, (uint32_t)users->count);
    const struct user *user = users->table ? ELMT_FROM_HH(users->table->hh.tbl, users->table->hh.tbl->tail) : NULL;
    for (; user; user = user->hh.prev)
        hm_put_term(build, user->term);
    hm_put_nil(build);
}

void users_fini(struct users *users) {
    struct user *user, *next;
    HASH_ITER(hh, users->table, user, next)
        drop(users, user);
}

void users_move(struct users *to, struct users *from) {
    *to = *from;
    if (!LIST_EMPTY(&to->odd))
        LIST_FIRST(&to->odd)->odd.le_prev = &LIST_FIRST(&to->odd);
    *from = (struct users){0};
}

int users_read(hm_term list, const struct users_limits *limits, hm_build *build, struct users_left_out *out) {
    struct hm_list left;
    hm_term term, id;
    size_t bytes = 0;
    uint32_t count = 0;
    memset(out, 0, sizeof *out);
    if (!hm_list_begin(list, &left))
        return HM_EBADTERM;
    size_t begin = hm_put_list_begin(build);
    while (hm_list_next(&left, &term)) {
        if (!user_id(term, &id)) {
            out->strange++;
        } else if (count >= limits->users || term.size > limits->bytes - bytes) {
            out->over++;
        } else {
            hm_put_term(build, term);
            bytes += term.size;
            count++;
        }
    }
    hm_put_list_end(build, begin, count);
    if (!hm_list_end(&left, NULL))
        out->strange++;
    return hm_build_error(build);
}

static size_t count_all(const hm_term lists[], size_t count) {
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        long length = hm_list_length(lists[i]);
        all += length > 0 ? (size_t)length : 0;
    }
    return all;
}

int users_put_uniq(const hm_term lists[], size_t count, hm_build *build) {
    size_t all = count_all(lists, count), used = 0;
    struct seen *table = NULL, *known, *seen = calloc(all + 1, sizeof *seen);
    struct hm_list list;
    int error = HM_ENOMEM;
    if (!seen)
        return error;
    size_t begin = hm_put_list_begin(build);
    for (size_t i = 0; i < count; i++) {
        if (!hm_list_begin(lists[i], &list))
            continue;
        for (hm_term term; hm_list_next(&list, &term);) {
            unsigned hash = hash_of(term);
            HASH_FIND_BYHASHVALUE(hh, table, &term, sizeof term, hash, known);
            if (known)
                continue;
            struct seen *entry = &seen[used++];
            entry->term = term;
            HASH_ADD_KEYPTR_BYHASHVALUE(hh, table, &entry->term, sizeof entry->term, hash, entry);
            if (entry->lost)
                goto out;
            hm_put_term(build, term);
        }
    }
    hm_put_list_end(build, begin, (uint32_t)used);
    error = hm_build_error(build);
out:
    HASH_CLEAR(hh, table);
    free(seen);
    return error;
}
