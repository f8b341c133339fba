#include "otp/pg_groups.h"

#include <stdlib.h>
#include <string.h>

/* The hash is that of the term, which stands in the key; keys are equal when their terms are. */
struct pg_key {
    hm_term term;
    uint64_t hash;
};

static bool keys_differ(const void *a, const void *b) {
    const struct pg_key *one = a, *other = b;
    return one->hash != other->hash || !hm_term_equal(one->term, other->term);
}

#define HASH_FUNCTION(key, size, value)                                                                      \
    ((void)(size), (value) = (unsigned)(((const struct pg_key *)(const void *)(key))->hash))
#define HASH_KEYCMP(a, b, size) ((void)(size), keys_differ(a, b))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

struct pg_group {
    UT_hash_handle hh;
    struct pg_key key; /* its term lies behind the struct */
    LIST_HEAD(, pg_part) parts;
    struct pg_watches watches;
    bool lost;
    unsigned char bytes[];
};

/*
 * A group has one part for each node that has members in it. They are found by walking: clusters have tens of
 * nodes, and a table of parts would cost more memory than the memberships themselves.
 */
struct pg_part {
    LIST_ENTRY(pg_part) of_group, of_owner;
    struct pg_group *group;
    struct pg_owner *owner;
    struct pg_member *members; /* oldest first */
    uint32_t count, capacity;
    uint64_t round;
};

void pg_groups_init(struct pg_groups *groups, uint64_t max_groups, uint64_t max_members, pg_changed *changed,
                    void *arg) {
    *groups = (struct pg_groups){
        .max_groups = max_groups, .max_members = max_members, .changed = changed, .arg = arg};
}

void pg_groups_fini(struct pg_groups *groups) {
    struct pg_group *group, *next;
    HASH_ITER(hh, groups->table, group, next) {
        HASH_DEL(groups->table, group);
        free(group);
    }
    groups->groups = 0;
}

void pg_owner_init(struct pg_owner *owner, const hm_node_name *node) {
    *owner = (struct pg_owner){.node = node};
    LIST_INIT(&owner->parts);
}

/* ---- groups ---- */

static struct pg_key key_of(hm_term term) {
    return (struct pg_key){term, hm_term_hash(term)};
}

static struct pg_group *find(const struct pg_groups *groups, const struct pg_key *key) {
    struct pg_group *group;
    HASH_FIND(hh, groups->table, key, sizeof *key, group);
    return group;
}

struct pg_group *pg_groups_find(const struct pg_groups *groups, hm_term term) {
    struct pg_key key = key_of(term);
    return find(groups, &key);
}

int pg_groups_get(struct pg_groups *groups, hm_term term, struct pg_group **result) {
    if (term.size > PG_GROUP_BYTES) {
        groups->groups_refused++;
        return HM_ELIMIT;
    }
    struct pg_key key = key_of(term);
    struct pg_group *group = find(groups, &key);
    if (group) {
        *result = group;
        return HM_OK;
    }
    if (groups->groups >= groups->max_groups) {
        groups->groups_refused++;
        return HM_ELIMIT;
    }
    group = malloc(sizeof *group + term.size);
    if (!group)
        return HM_ENOMEM;
    memset(group, 0, sizeof *group);
    memcpy(group->bytes, term.bytes, term.size);
    group->key = (struct pg_key){{group->bytes, term.size}, key.hash};
    LIST_INIT(&group->parts);
    LIST_INIT(&group->watches);
    HASH_ADD(hh, groups->table, key, sizeof group->key, group);
    if (group->lost) {
        free(group);
        return HM_ENOMEM;
    }
    groups->groups++;
    *result = group;
    return HM_OK;
}

void pg_groups_release(struct pg_groups *groups, struct pg_group *group) {
    if (!LIST_EMPTY(&group->parts) || !LIST_EMPTY(&group->watches))
        return;
    HASH_DEL(groups->table, group);
    groups->groups--;
    free(group);
}

hm_term pg_group_term(const struct pg_group *group) {
    return group->key.term;
}

struct pg_watches *pg_group_watches(struct pg_group *group) {
    return &group->watches;
}

/* ---- parts ---- */

static struct pg_part *find_part(const struct pg_group *group, const struct pg_owner *owner) {
    struct pg_part *part;
    LIST_FOREACH(part, &group->parts, of_group)
    if (part->owner == owner)
        return part;
    return NULL;
}

/* A part that is not in the table yet. */
static struct pg_part *make_part(struct pg_group *group, struct pg_owner *owner, uint32_t capacity) {
    struct pg_part *part = calloc(1, sizeof *part);
    if (!part)
        return NULL;
    part->members = malloc(capacity * sizeof *part->members);
    if (!part->members) {
        free(part);
        return NULL;
    }
    part->group = group;
    part->owner = owner;
    part->capacity = capacity;
    part->round = owner->round;
    return part;
}

static void enter_part(struct pg_part *part) {
    LIST_INSERT_HEAD(&part->group->parts, part, of_group);
    LIST_INSERT_HEAD(&part->owner->parts, part, of_owner);
}

/* Out of the table, and the group too when nothing holds it. */
static void drop_part(struct pg_groups *groups, struct pg_part *part) {
    struct pg_group *group = part->group;
    part->owner->members -= part->count;
    LIST_REMOVE(part, of_group);
    LIST_REMOVE(part, of_owner);
    free(part->members);
    free(part);
    pg_groups_release(groups, group);
}

static bool has_room(struct pg_part *part, uint32_t more) {
    uint64_t wanted = (uint64_t)part->count + more;
    if (wanted <= part->capacity)
        return true;
    uint64_t capacity = part->capacity + part->capacity / 2 + 1;
    capacity = capacity < wanted ? wanted : capacity;
    if (capacity > UINT32_MAX)
        return false;
    struct pg_member *members = realloc(part->members, capacity * sizeof *members);
    if (!members)
        return false;
    part->members = members;
    part->capacity = (uint32_t)capacity;
    return true;
}

static void tell(const struct pg_groups *groups, struct pg_group *group, bool joined,
                 const struct pg_owner *owner, const struct pg_member *members, uint32_t count) {
    if (count)
        groups->changed(groups->arg, group, joined, owner->node, members, count);
}

/* ---- join and leave ---- */

static int add_members(struct pg_groups *groups, struct pg_owner *owner, hm_term term,
                       const struct pg_member *members, uint32_t count) {
    struct pg_group *group;
    int error = pg_groups_get(groups, term, &group);
    if (error != HM_OK)
        return error;
    struct pg_part *part = find_part(group, owner);
    if (part ? !has_room(part, count) : !(part = make_part(group, owner, count))) {
        pg_groups_release(groups, group);
        return HM_ENOMEM;
    }
    if (part->count == 0)
        enter_part(part);
    memcpy(part->members + part->count, members, count * sizeof *members);
    part->count += count;
    owner->members += count;
    tell(groups, group, true, owner, members, count);
    return HM_OK;
}

int pg_groups_join(struct pg_groups *groups, struct pg_owner *owner, hm_term term,
                   const struct pg_member *members, uint32_t count) {
    if (count == 0)
        return HM_OK;
    if (owner->members + count > groups->max_members) {
        groups->members_refused++;
        return HM_ELIMIT;
    }
    return add_members(groups, owner, term, members, count);
}

/* The newest membership of this member. Its order is kept: who reads the list sees the newest first. */
static bool take_member(struct pg_part *part, struct pg_member member) {
    for (uint32_t i = part->count; i-- > 0;)
        if (pg_member_equal(part->members[i], member)) {
            memmove(part->members + i, part->members + i + 1, (part->count - i - 1) * sizeof *part->members);
            part->count--;
            part->owner->members--;
            return true;
        }
    return false;
}

static void after_leave(struct pg_groups *groups, struct pg_part *part) {
    if (part->count == 0) {
        drop_part(groups, part);
    } else if (part->count < part->capacity / 4) {
        struct pg_member *members = realloc(part->members, part->count * 2 * sizeof *members);
        if (members) {
            part->members = members;
            part->capacity = part->count * 2;
        }
    }
}

uint32_t pg_groups_leave(struct pg_groups *groups, struct pg_owner *owner, hm_term term,
                         struct pg_member *members, uint32_t count) {
    struct pg_group *group = pg_groups_find(groups, term);
    struct pg_part *part = group ? find_part(group, owner) : NULL;
    uint32_t left = 0;
    if (!part)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        if (take_member(part, members[i]))
            members[left++] = members[i];
    tell(groups, group, false, owner, members, left);
    after_leave(groups, part);
    return left;
}

void pg_groups_leave_one(struct pg_groups *groups, struct pg_owner *owner, struct pg_group *group,
                         struct pg_member member) {
    struct pg_part *part = find_part(group, owner);
    if (!part || !take_member(part, member))
        return;
    tell(groups, group, false, owner, &member, 1);
    after_leave(groups, part);
}

void pg_groups_drop(struct pg_groups *groups, struct pg_owner *owner) {
    struct pg_part *part;
    while ((part = LIST_FIRST(&owner->parts))) {
        tell(groups, part->group, false, owner, part->members, part->count);
        drop_part(groups, part);
    }
}

/* ---- replace ---- */

void pg_groups_replace_begin(struct pg_owner *owner) {
    owner->round++;
    owner->fresh = 0;
}

static int compare_members(const void *a, const void *b) {
    const struct pg_member *one = a, *other = b;
    if (one->id != other->id)
        return one->id < other->id ? -1 : 1;
    if (one->serial != other->serial)
        return one->serial < other->serial ? -1 : 1;
    return one->creation == other->creation ? 0 : one->creation < other->creation ? -1 : 1;
}

/* Tells what is in `more` and not in `less`, each as often as it is there; both are sorted. */
static void tell_difference(const struct pg_groups *groups, const struct pg_part *part, bool joined,
                            struct pg_member *more, uint32_t more_count, const struct pg_member *less,
                            uint32_t less_count) {
    uint32_t found = 0, at = 0;
    for (uint32_t i = 0; i < more_count; i++) {
        while (at < less_count && compare_members(&less[at], &more[i]) < 0)
            at++;
        if (at < less_count && pg_member_equal(less[at], more[i]))
            at++;
        else
            more[found++] = more[i];
    }
    tell(groups, part->group, joined, part->owner, more, found);
}

static bool is_same(const struct pg_part *part, const struct pg_member *members, uint32_t count) {
    return part->count == count && memcmp(part->members, members, count * sizeof *members) == 0;
}

/* The members of a part that exists. `before` becomes scratch. */
static int exchange(struct pg_groups *groups, struct pg_part *part, const struct pg_member *members,
                    uint32_t count) {
    size_t bytes = count * sizeof *members;
    struct pg_member *now = malloc(bytes), *sorted = malloc(bytes), *again = malloc(bytes);
    if (!now || !sorted || !again) {
        free(now);
        free(sorted);
        free(again);
        return HM_ENOMEM;
    }
    memcpy(now, members, bytes);
    memcpy(sorted, members, bytes);
    struct pg_member *before = part->members;
    uint32_t before_count = part->count;
    part->members = now;
    part->count = part->capacity = count;
    part->owner->members += count;
    part->owner->members -= before_count;
    qsort(sorted, count, sizeof *sorted, compare_members);
    qsort(before, before_count, sizeof *before, compare_members);
    memcpy(again, sorted, bytes);
    tell_difference(groups, part, true, again, count, before, before_count);
    tell_difference(groups, part, false, before, before_count, sorted, count);
    free(before);
    free(sorted);
    free(again);
    return HM_OK;
}

int pg_groups_replace(struct pg_groups *groups, struct pg_owner *owner, hm_term term,
                      const struct pg_member *members, uint32_t count) {
    struct pg_group *group = pg_groups_find(groups, term);
    struct pg_part *part = group ? find_part(group, owner) : NULL;
    int error = HM_OK;
    if (owner->fresh + count > groups->max_members) {
        groups->members_refused++;
        return HM_ELIMIT;
    }
    if (!part)
        error = add_members(groups, owner, term, members, count);
    else if (!is_same(part, members, count))
        error = exchange(groups, part, members, count);
    if (error != HM_OK)
        return error;
    if (part)
        part->round = owner->round;
    owner->fresh += count;
    return HM_OK;
}

void pg_groups_replace_end(struct pg_groups *groups, struct pg_owner *owner) {
    struct pg_part *part, *next;
    for (part = LIST_FIRST(&owner->parts); part; part = next) {
        next = LIST_NEXT(part, of_owner);
        if (part->round == owner->round)
            continue;
        tell(groups, part->group, false, owner, part->members, part->count);
        drop_part(groups, part);
    }
}

/* ---- reading ---- */

static bool is_wanted(const struct pg_part *part, const struct pg_owner *own, enum pg_which which) {
    return which == PG_ALL || (part->owner == own) == (which == PG_LOCAL);
}

void pg_cursor_begin(struct pg_cursor *cursor, const struct pg_group *group, const struct pg_owner *own,
                     enum pg_which which) {
    *cursor = (struct pg_cursor){.own = own, .which = which, .group = group, .second = which == PG_REMOTE};
    if (!group)
        return;
    cursor->part = which == PG_REMOTE ? LIST_FIRST(&group->parts) : find_part(group, own);
    if (cursor->part)
        cursor->left = cursor->part->count;
}

bool pg_cursor_next(struct pg_cursor *cursor, hm_pid *pid) {
    while (true) {
        const struct pg_part *part = cursor->part;
        if (part && cursor->left && (!cursor->second || part->owner != cursor->own)) {
            *pid = pg_member_pid(part->owner->node, part->members[--cursor->left]);
            return true;
        }
        if (cursor->second)
            cursor->part = part ? LIST_NEXT(part, of_group) : NULL;
        else if (cursor->which == PG_ALL && cursor->group)
            cursor->part = LIST_FIRST(&cursor->group->parts);
        else
            cursor->part = NULL;
        cursor->second = true;
        if (!cursor->part)
            return false;
        cursor->left = cursor->part->count;
    }
}

uint64_t pg_group_count(const struct pg_group *group, const struct pg_owner *own, enum pg_which which) {
    const struct pg_part *part;
    uint64_t count = 0;
    LIST_FOREACH(part, &group->parts, of_group)
    if (is_wanted(part, own, which))
        count += part->count;
    return count;
}

void pg_groups_each(const struct pg_groups *groups, const struct pg_owner *own, enum pg_which which, uint64_t most,
                    void (*each)(void *arg, struct pg_group *group), void *arg) {
    struct pg_group *group, *next;
    if (which == PG_LOCAL) {
        struct pg_part *part;
        LIST_FOREACH(part, &own->parts, of_owner) {
            if (most-- == 0)
                return;
            each(arg, part->group);
        }
        return;
    }
    HASH_ITER(hh, groups->table, group, next)
    if (pg_group_count(group, own, which)) {
        if (most-- == 0)
            return;
        each(arg, group);
    }
}

void pg_owner_each(const struct pg_owner *owner,
                   void (*each)(void *arg, struct pg_group *group, const struct pg_member *members,
                                uint32_t count),
                   void *arg) {
    struct pg_part *part;
    LIST_FOREACH(part, &owner->parts, of_owner)
    each(arg, part->group, part->members, part->count);
}
