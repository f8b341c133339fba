/* layer: otp
 * What a peer's scope says: it is refused whole, or acted on; whatever came, the table is consistent and
 * empties. */
#include <assert.h>

#include "etf/check.h"
#include "otp/pg_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
    struct pg_groups groups;
    struct pg_owner own, peer;
    struct pg_scratch scratch;
    int64_t joined; /* by `changed' */
};

static void on_changed(void *arg, struct pg_group *group, bool joined, const hm_node_name *node,
                       const struct pg_member *members, uint32_t count) {
    struct state *state = arg;
    assert(group && node && members && count > 0);
    state->joined += joined ? (int64_t)count : -(int64_t)count;
}

static bool members(struct state *state, hm_term term) {
    uint64_t strangers = 0;
    return pg_wire_members(term, state->peer.node, &state->scratch, &strangers) == 0;
}

static void act(struct state *state, const struct pg_message *message) {
    struct pg_entries entries;
    struct hm_list list;
    hm_term group, joined, left;
    if (message->kind == PG_JOIN && members(state, message->members))
        pg_groups_join(&state->groups, &state->peer, message->group, state->scratch.at, state->scratch.count);
    if (message->kind == PG_LEAVE && hm_list_begin(message->groups, &list))
        while (hm_list_next(&list, &group) && members(state, message->members))
            pg_groups_leave(&state->groups, &state->peer, group, state->scratch.at, state->scratch.count);
    if (message->kind == PG_UPDATE) {
        pg_entries_begin(&entries, message);
        while (pg_entries_next(&entries, &group, &joined, &left)) {
            if (members(state, joined))
                pg_groups_join(&state->groups, &state->peer, group, state->scratch.at, state->scratch.count);
            if (members(state, left))
                pg_groups_leave(&state->groups, &state->peer, group, state->scratch.at, state->scratch.count);
        }
    }
    if (message->kind == PG_SYNC) {
        pg_groups_replace_begin(&state->peer);
        pg_entries_begin(&entries, message);
        while (pg_entries_next(&entries, &group, &joined, &left))
            if (members(state, joined) && state->scratch.count)
                pg_groups_replace(&state->groups, &state->peer, group, state->scratch.at,
                                  state->scratch.count);
        pg_groups_replace_end(&state->groups, &state->peer);
    }
}

/* What we would tell others of these groups is a message, too. */
static void say(struct state *state, struct names *names, hm_pid self, int version) {
    hm_build *build = hm_build_new();
    struct pg_message message;
    hm_term term, body;
    assert(build);
    pg_wire_put_sync(build, version, self, &state->peer);
    assert(hm_build_error(build) == 0);
    term = hm_build_term(build);
    assert(hm_match(term, "{'$gen_cast', ~t}", &body));
    assert(pg_wire_read(names, body, true, &message) && message.kind == PG_SYNC &&
           message.version == version);
    hm_build_free(build);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct names *names = names_new(16);
    struct state state = {0};
    size_t used = 0;
    assert(names);
    pg_groups_init(&state.groups, 20, 50, on_changed, &state);
    pg_owner_init(&state.own, names_intern(names, "own@host", 8));
    /* Several messages in a row, of the peer that the first one names. */
    for (int i = 0; i < 8 && used < size; i++) {
        struct pg_message message;
        size_t term_size;
        if (check_term(bytes_of(data + used, size - used), NULL, &term_size) != 0)
            break;
        hm_term term = {data + used, term_size}, body;
        used += term_size;
        bool cast = hm_match(term, "{'$gen_cast', ~t}", &body);
        if (!pg_wire_read(names, cast ? body : term, cast, &message))
            continue;
        if (!state.peer.node)
            pg_owner_init(&state.peer, message.peer.node);
        act(&state, &message);
        assert(state.joined == (int64_t)state.peer.members && state.peer.members <= 50 &&
               state.groups.groups <= 20);
        say(&state, names, message.peer, i % 2);
    }
    if (state.peer.node)
        pg_groups_drop(&state.groups, &state.peer);
    assert(state.joined == 0 && state.groups.groups == 0);
    pg_groups_fini(&state.groups);
    pg_scratch_fini(&state.scratch);
    names_free(names);
    return 0;
}
