#include "otp/pg_wire.h"

#include <stdlib.h>

#include "etf/ids.h"
#include "etf/view.h"

/* ---- reading ---- */

static bool is_pid_or_pids(hm_term term) {
    struct hm_list list;
    hm_term element;
    if (hm_term_type(term) == HM_TYPE_PID)
        return true;
    if (!hm_list_begin(term, &list))
        return false;
    while (hm_list_next(&list, &element))
        if (hm_term_type(element) != HM_TYPE_PID)
            return false;
    return hm_list_end(&list, NULL);
}

static bool is_list(hm_term term) {
    struct hm_list list;
    hm_term element;
    if (!hm_list_begin(term, &list))
        return false;
    while (hm_list_next(&list, &element))
        continue;
    return hm_list_end(&list, NULL);
}

/* A list of tuples whose elements behind the first are lists of pids. */
static bool is_entries(hm_term term, unsigned arity) {
    struct hm_list list;
    hm_term element, parts[3];
    if (!hm_list_begin(term, &list))
        return false;
    while (hm_list_next(&list, &element)) {
        if (!hm_tuple_elements(element, arity, parts))
            return false;
        for (unsigned i = 1; i < arity; i++)
            if (!is_pid_or_pids(parts[i]))
                return false;
    }
    return hm_list_end(&list, NULL);
}

static bool is_map_of_members(hm_term term) {
    struct hm_map map;
    hm_term key, value;
    if (!hm_map_begin(term, &map))
        return false;
    while (hm_map_next(&map, &key, &value))
        if (!is_pid_or_pids(value))
            return false;
    return true;
}

static bool read_cast(hm_term *parts, long arity, struct pg_message *result) {
    result->kind = PG_SYNC;
    if (arity == 3 && hm_is_atom(parts[0], "sync")) {
        result->groups = parts[2];
        return is_entries(parts[2], 2);
    }
    if (arity == 4 && hm_is_atom(parts[0], "local_data")) {
        result->groups = parts[3];
        return hm_get_int64(parts[2], &result->version) && is_map_of_members(parts[3]);
    }
    return false;
}

static bool read_plain(hm_term *parts, long arity, struct pg_message *result) {
    if (arity == 2 && hm_is_atom(parts[0], "discover")) {
        result->kind = PG_DISCOVER;
        return true;
    }
    if (arity == 3 && hm_is_atom(parts[0], "discover")) {
        result->kind = PG_DISCOVER;
        return hm_get_int64(parts[2], &result->version);
    }
    if (arity == 4 && hm_is_atom(parts[0], "join")) {
        result->kind = PG_JOIN;
        result->group = parts[2];
        result->members = parts[3];
        return is_pid_or_pids(parts[3]);
    }
    if (arity == 4 && hm_is_atom(parts[0], "leave")) {
        result->kind = PG_LEAVE;
        result->members = parts[2];
        result->groups = parts[3];
        return is_pid_or_pids(parts[2]) && is_list(parts[3]);
    }
    if (arity == 3 && hm_is_atom(parts[0], "update")) {
        result->kind = PG_UPDATE;
        result->groups = parts[2];
        return is_entries(parts[2], 3);
    }
    return false;
}

bool pg_wire_read(struct names *names, hm_term message, bool cast, struct pg_message *result) {
    hm_term parts[4];
    long arity = hm_tuple_arity(message);
    *result = (struct pg_message){0};
    if (arity < 2 || arity > 4 || !hm_tuple_elements(message, (unsigned)arity, parts))
        return false;
    if (!(cast ? read_cast : read_plain)(parts, arity, result))
        return false;
    return pid_decode(names, parts[1], &result->peer);
}

/* ---- members ---- */

void pg_scratch_fini(struct pg_scratch *scratch) {
    free(scratch->at);
    *scratch = (struct pg_scratch){0};
}

int pg_scratch_add(struct pg_scratch *scratch, struct pg_member member) {
    if (scratch->count == scratch->capacity) {
        uint32_t capacity = scratch->capacity ? scratch->capacity * 2 : 64;
        struct pg_member *at = capacity > scratch->capacity ? realloc(scratch->at, capacity * sizeof *at)
                                                            : NULL;
        if (!at)
            return HM_ENOMEM;
        scratch->at = at;
        scratch->capacity = capacity;
    }
    scratch->at[scratch->count++] = member;
    return HM_OK;
}

/* Compared as text instead of interned: members are many, and a stranger's names need no place in the table.
 */
static bool is_of_node(const struct id *id, const hm_node_name *node) {
    struct bytes encoded = node_name_encoded(node);
    char room[2 * 255];
    bool usual = encoded.at[0] == ETF_SMALL_ATOM_UTF8 && id->node[0] == encoded.at[0];
    if (usual) /* the same size, then as many bytes are there */
        return id->node[1] == encoded.at[1] && memcmp(id->node, encoded.at, encoded.size) == 0;
    return bytes_equal(view_atom_utf8(id->node, room), node_name_bytes(node));
}

static int take_member(hm_term term, const hm_node_name *node, struct pg_scratch *scratch,
                       uint64_t *strangers) {
    struct id id;
    if (!view_id(term.bytes, &id) || !is_of_node(&id, node)) {
        ++*strangers;
        return HM_OK;
    }
    return pg_scratch_add(scratch, (struct pg_member){id.words[0], id.words[1], id.creation});
}

int pg_wire_members(hm_term members, const hm_node_name *node, struct pg_scratch *scratch,
                    uint64_t *strangers) {
    struct hm_list list;
    hm_term element;
    scratch->count = 0;
    if (!hm_list_begin(members, &list))
        return take_member(members, node, scratch, strangers);
    int error = HM_OK;
    while (error == HM_OK && hm_list_next(&list, &element))
        error = take_member(element, node, scratch, strangers);
    return error;
}

void pg_entries_begin(struct pg_entries *entries, const struct pg_message *message) {
    *entries = (struct pg_entries){.is_update = message->kind == PG_UPDATE};
    entries->is_map = hm_map_begin(message->groups, &entries->map);
    if (!entries->is_map)
        hm_list_begin(message->groups, &entries->list);
}

bool pg_entries_next(struct pg_entries *entries, hm_term *group, hm_term *joined, hm_term *left) {
    hm_term element, parts[3];
    if (entries->is_map)
        return hm_map_next(&entries->map, group, joined);
    if (!hm_list_next(&entries->list, &element) ||
        !hm_tuple_elements(element, entries->is_update ? 3 : 2, parts))
        return false;
    *group = parts[0];
    *joined = parts[1];
    if (entries->is_update)
        *left = parts[2];
    return true;
}

/* ---- writing ---- */

void pg_wire_put_members(hm_build *build, const hm_node_name *node, const struct pg_member *members,
                         uint32_t count) {
    hm_put_list(build, count);
    for (uint32_t i = 0; i < count; i++)
        hm_put_pid(build, pg_member_pid(node, members[i]));
    hm_put_nil(build);
}

static void put_pid_or_pids(hm_build *build, const hm_node_name *node, const struct pg_member *members,
                            uint32_t count) {
    if (count == 1)
        hm_put_pid(build, pg_member_pid(node, members[0]));
    else
        pg_wire_put_members(build, node, members, count);
}

void pg_wire_put_discover(hm_build *build, hm_pid self, int version) {
    if (version)
        hm_put_format(build, "{discover, ~p, ~i}", self, (int64_t)version);
    else
        hm_put_format(build, "{discover, ~p}", self);
}

/* {update, Self, [{Group, Joined, Left}]} with one group. */
static void put_update(hm_build *build, hm_pid self, hm_term group, const struct pg_member *joined,
                       uint32_t joined_count, const struct pg_member *left, uint32_t left_count) {
    hm_put_tuple(build, 3);
    hm_put_atom(build, "update");
    hm_put_pid(build, self);
    hm_put_list(build, 1);
    hm_put_tuple(build, 3);
    hm_put_term(build, group);
    pg_wire_put_members(build, self.node, joined, joined_count);
    pg_wire_put_members(build, self.node, left, left_count);
    hm_put_nil(build);
}

void pg_wire_put_join(hm_build *build, int version, hm_pid self, hm_term group,
                      const struct pg_member *members, uint32_t count) {
    if (version) {
        put_update(build, self, group, members, count, NULL, 0);
        return;
    }
    hm_put_tuple(build, 4);
    hm_put_atom(build, "join");
    hm_put_pid(build, self);
    hm_put_term(build, group);
    put_pid_or_pids(build, self.node, members, count);
}

void pg_wire_put_leave(hm_build *build, int version, hm_pid self, hm_term group,
                       const struct pg_member *members, uint32_t count) {
    if (version) {
        put_update(build, self, group, NULL, 0, members, count);
        return;
    }
    hm_put_tuple(build, 4);
    hm_put_atom(build, "leave");
    hm_put_pid(build, self);
    put_pid_or_pids(build, self.node, members, count);
    hm_put_list(build, 1);
    hm_put_term(build, group);
    hm_put_nil(build);
}

/* {Group, [], [Pid]} of each; `update' folds over them, so a group may be named twice. */
static void put_end_update(hm_build *build, hm_pid self, struct pg_member member,
                           struct pg_group *const *groups, uint32_t count) {
    hm_put_tuple(build, 3);
    hm_put_atom(build, "update");
    hm_put_pid(build, self);
    hm_put_list(build, count);
    for (uint32_t i = 0; i < count; i++) {
        hm_put_tuple(build, 3);
        hm_put_term(build, pg_group_term(groups[i]));
        hm_put_nil(build);
        pg_wire_put_members(build, self.node, &member, 1);
    }
    hm_put_nil(build);
}

void pg_wire_put_end(hm_build *build, int version, hm_pid self, struct pg_member member,
                     struct pg_group *const *groups, uint32_t count) {
    if (version) {
        put_end_update(build, self, member, groups, count);
        return;
    }
    hm_put_tuple(build, 4);
    hm_put_atom(build, "leave");
    hm_put_pid(build, self);
    hm_put_pid(build, pg_member_pid(self.node, member));
    hm_put_list(build, count);
    for (uint32_t i = 0; i < count; i++)
        hm_put_term(build, pg_group_term(groups[i]));
    hm_put_nil(build);
}

struct sync {
    hm_build *build;
    const hm_node_name *node;
    uint32_t count;
    bool as_map;
};

static void count_group(void *arg, struct pg_group *group, const struct pg_member *members, uint32_t count) {
    struct sync *sync = arg;
    (void)group;
    (void)members;
    (void)count;
    sync->count++;
}

static void put_group(void *arg, struct pg_group *group, const struct pg_member *members, uint32_t count) {
    struct sync *sync = arg;
    if (!sync->as_map)
        hm_put_tuple(sync->build, 2);
    hm_put_term(sync->build, pg_group_term(group));
    pg_wire_put_members(sync->build, sync->node, members, count);
}

void pg_wire_put_sync(hm_build *build, int version, hm_pid self, const struct pg_owner *own) {
    struct sync sync = {.build = build, .node = self.node, .as_map = version != 0};
    pg_owner_each(own, count_group, &sync);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "$gen_cast");
    hm_put_tuple(build, version ? 4 : 3);
    hm_put_atom(build, version ? "local_data" : "sync");
    hm_put_pid(build, self);
    if (version) {
        hm_put_int64(build, version);
        hm_put_map(build, sync.count);
    } else {
        hm_put_list(build, sync.count);
    }
    pg_owner_each(own, put_group, &sync);
    if (!version)
        hm_put_nil(build);
}
