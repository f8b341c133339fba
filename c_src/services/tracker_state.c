#include "services/tracker_state.h"

#include <stdlib.h>
#include <string.h>

#include "services/records.h"

struct tracker_owner {
    uint32_t number, hash;
    hm_term pid;
    LIST_HEAD(, tracker_value) values;
};

struct tracker_state {
    struct tracker_limits limits;
    struct tracker_counters counters;
    tracker_diff *on_diff;
    void *arg;
    struct tracker_replicas replicas; /* the own one first */
    struct tracker_replica *own, *last; /* last: the one that was looked for */
    struct tracker_replica **ids;       /* by id; NULL: free */
    uint32_t id_count;
    uint64_t taken; /* own clock at the begin of the delta */
    struct records values, topics, owners;
    struct record_index by_tag, by_entry, by_topic, by_pid;
    STAILQ_HEAD(, tracker_topic) touched;
    uint64_t *scratch;
    size_t scratch_capacity;
    uint32_t epoch;
};

/* ---- looking ---- */

static uint32_t fold(uint64_t hash) {
    return (uint32_t)(hash ^ (hash >> 32));
}

static uint32_t hash_tag(const struct tracker_replica *replica, uint64_t clock) {
    return fold((clock + ((uint64_t)replica->id << 40)) * UINT64_C(0x9E3779B97F4A7C15));
}

static uint32_t hash_entry(hm_term pid, hm_term topic, hm_term key) {
    uint64_t hash = hm_term_hash(topic) * 31 + hm_term_hash(key);
    return fold(hash * 31 + hm_term_hash(pid));
}

struct wanted {
    const struct tracker_state *state;
    const struct tracker_replica *replica;
    uint64_t clock;
    hm_term pid, topic, key;
};

static bool has_tag(void *arg, uint32_t number) {
    const struct wanted *wanted = arg;
    const struct tracker_value *value = records_at(&wanted->state->values, number);
    return value->clock == wanted->clock && value->replica == wanted->replica;
}

static struct tracker_value *find_tag(const struct tracker_state *state, const struct tracker_replica *replica, uint64_t clock) {
    struct wanted wanted = {.state = state, .replica = replica, .clock = clock};
    uint32_t number = record_index_find(&state->by_tag, hash_tag(replica, clock), has_tag, &wanted);
    return number ? records_at(&state->values, number) : NULL;
}

static bool has_entry(void *arg, uint32_t number) {
    const struct wanted *wanted = arg;
    const struct tracker_value *value = records_at(&wanted->state->values, number);
    return hm_term_equal(value->pid, wanted->pid) && hm_term_equal(value->key, wanted->key) &&
           hm_term_equal(value->topic->name, wanted->topic);
}

struct tracker_value *tracker_state_find(struct tracker_state *state, hm_term pid, hm_term topic, hm_term key) {
    struct wanted wanted = {.state = state, .pid = pid, .topic = topic, .key = key};
    uint32_t number = record_index_find(&state->by_entry, hash_entry(pid, topic, key), has_entry, &wanted);
    return number ? records_at(&state->values, number) : NULL;
}

static bool has_name(void *arg, uint32_t number) {
    const struct wanted *wanted = arg;
    const struct tracker_topic *topic = records_at(&wanted->state->topics, number);
    return hm_term_equal(topic->name, wanted->topic);
}

static struct tracker_topic *find_topic(struct tracker_state *state, uint32_t hash, hm_term name) {
    struct wanted wanted = {.state = state, .topic = name};
    uint32_t number = record_index_find(&state->by_topic, hash, has_name, &wanted);
    return number ? records_at(&state->topics, number) : NULL;
}

const struct tracker_topic *tracker_state_topic(struct tracker_state *state, hm_term topic) {
    return find_topic(state, fold(hm_term_hash(topic)), topic);
}

static bool has_pid(void *arg, uint32_t number) {
    const struct wanted *wanted = arg;
    const struct tracker_owner *owner = records_at(&wanted->state->owners, number);
    return hm_term_equal(owner->pid, wanted->pid);
}

static struct tracker_owner *find_owner(const struct tracker_state *state, uint32_t hash, hm_term pid) {
    struct wanted wanted = {.state = state, .pid = pid};
    uint32_t number = record_index_find(&state->by_pid, hash, has_pid, &wanted);
    return number ? records_at(&state->owners, number) : NULL;
}

struct tracker_value *tracker_state_first_of(struct tracker_state *state, hm_term pid) {
    struct tracker_owner *owner = find_owner(state, fold(hm_term_hash(pid)), pid);
    return owner ? LIST_FIRST(&owner->values) : NULL;
}

uint32_t tracker_state_count(const struct tracker_state *state) {
    return state->values.live;
}

const struct tracker_counters *tracker_state_counters(const struct tracker_state *state) {
    return &state->counters;
}

/* ---- topics and owners, which exist as long as they have values ---- */

static void free_term(hm_term term) {
    free((void *)(uintptr_t)term.bytes);
}

static struct tracker_topic *hold_topic(struct tracker_state *state, hm_term name) {
    uint32_t hash = fold(hm_term_hash(name)), number;
    struct tracker_topic *topic = find_topic(state, hash, name);
    if (topic || !(number = records_add(&state->topics)))
        return topic;
    topic = records_at(&state->topics, number);
    topic->number = number;
    topic->hash = hash;
    TAILQ_INIT(&topic->values);
    STAILQ_INIT(&topic->joined);
    STAILQ_INIT(&topic->left);
    if (hm_term_copy(name, &topic->name)) {
        records_remove(&state->topics, number);
        return NULL;
    }
    if (record_index_put(&state->by_topic, hash, number)) {
        free_term(topic->name);
        records_remove(&state->topics, number);
        return NULL;
    }
    return topic;
}

/* One that is touched goes when its news were told. */
static void release_topic(struct tracker_state *state, struct tracker_topic *topic) {
    if (topic->count || topic->touched)
        return;
    record_index_remove(&state->by_topic, topic->hash, topic->number);
    free_term(topic->name);
    records_remove(&state->topics, topic->number);
}

static struct tracker_owner *hold_owner(struct tracker_state *state, hm_term pid) {
    uint32_t hash = fold(hm_term_hash(pid)), number;
    struct tracker_owner *owner = find_owner(state, hash, pid);
    if (owner || !(number = records_add(&state->owners)))
        return owner;
    owner = records_at(&state->owners, number);
    owner->number = number;
    owner->hash = hash;
    LIST_INIT(&owner->values);
    if (hm_term_copy(pid, &owner->pid)) {
        records_remove(&state->owners, number);
        return NULL;
    }
    if (record_index_put(&state->by_pid, hash, number)) {
        free_term(owner->pid);
        records_remove(&state->owners, number);
        return NULL;
    }
    return owner;
}

static void release_owner(struct tracker_state *state, struct tracker_owner *owner) {
    if (!owner || !LIST_EMPTY(&owner->values))
        return;
    record_index_remove(&state->by_pid, owner->hash, owner->number);
    free_term(owner->pid);
    records_remove(&state->owners, owner->number);
}

/* ---- news ---- */

static void touch(struct tracker_state *state, struct tracker_topic *topic) {
    if (topic->touched)
        return;
    topic->touched = true;
    STAILQ_INSERT_TAIL(&state->touched, topic, next_touched);
}

static void tell_joined(struct tracker_state *state, struct tracker_value *value) {
    if (value->shown || !value->replica->up)
        return;
    value->shown = true;
    touch(state, value->topic);
    STAILQ_INSERT_TAIL(&value->topic->joined, value, changed);
}

static bool tell_left(struct tracker_state *state, struct tracker_value *value) {
    if (!value->shown)
        return false;
    value->shown = false;
    touch(state, value->topic);
    STAILQ_INSERT_TAIL(&value->topic->left, value, changed);
    return true;
}

static void free_value(struct tracker_state *state, struct tracker_value *value) {
    free_term(value->tuple);
    records_remove(&state->values, value->number);
}

static void flush(struct tracker_state *state) {
    struct tracker_topic *topic;
    struct tracker_value *value;
    while ((topic = STAILQ_FIRST(&state->touched))) {
        STAILQ_REMOVE_HEAD(&state->touched, next_touched);
        if (state->on_diff)
            state->on_diff(state->arg, topic);
        topic->touched = false;
        while ((value = STAILQ_FIRST(&topic->left))) {
            STAILQ_REMOVE_HEAD(&topic->left, changed);
            if (value->gone)
                free_value(state, value);
        }
        STAILQ_INIT(&topic->joined);
        release_topic(state, topic);
    }
}

/* ---- values ---- */

/* Takes the tuple on success. */
static int add_value(struct tracker_state *state, struct tracker_replica *replica, uint64_t clock, hm_term tuple) {
    hm_term parts[4];
    uint32_t number;
    if (!hm_tuple_elements(tuple, 4, parts))
        return HM_EBADTERM;
    if (state->values.live >= state->limits.presences)
        return HM_ELIMIT;
    if (!(number = records_add(&state->values)))
        return HM_ENOMEM;
    struct tracker_value *value = records_at(&state->values, number);
    *value = (struct tracker_value){.number = number, .replica = replica, .clock = clock, .mark = state->epoch, .tuple = tuple,
                                    .pid = parts[0], .key = parts[2], .meta = parts[3]};
    value->entry_hash = hash_entry(parts[0], parts[1], parts[2]);
    if (!(value->topic = hold_topic(state, parts[1])))
        goto no_topic;
    if (replica->own && !(value->owner = hold_owner(state, parts[0])))
        goto no_owner;
    if (record_index_put(&state->by_tag, hash_tag(replica, clock), number))
        goto no_tag;
    if (record_index_put(&state->by_entry, value->entry_hash, number))
        goto no_entry;
    TAILQ_INSERT_TAIL(&replica->values, value, of_replica);
    TAILQ_INSERT_TAIL(&value->topic->values, value, of_topic);
    if (value->owner)
        LIST_INSERT_HEAD(&value->owner->values, value, of_owner);
    replica->count++;
    value->topic->count++;
    tell_joined(state, value);
    return HM_OK;
no_entry:
    record_index_remove(&state->by_tag, hash_tag(replica, clock), number);
no_tag:
    release_owner(state, value->owner);
no_owner:
    release_topic(state, value->topic);
no_topic:
    records_remove(&state->values, number);
    return HM_ENOMEM;
}

/* Its memory goes when it was told that it has left. */
static void remove_value(struct tracker_state *state, struct tracker_value *value) {
    struct tracker_topic *topic = value->topic;
    record_index_remove(&state->by_tag, hash_tag(value->replica, value->clock), value->number);
    record_index_remove(&state->by_entry, value->entry_hash, value->number);
    TAILQ_REMOVE(&value->replica->values, value, of_replica);
    TAILQ_REMOVE(&topic->values, value, of_topic);
    value->replica->count--;
    topic->count--;
    if (value->owner) {
        LIST_REMOVE(value, of_owner);
        release_owner(state, value->owner);
    }
    value->gone = true;
    if (tell_left(state, value))
        return;
    free_value(state, value);
    release_topic(state, topic);
}

/* ---- own presences ---- */

/* A tag that finds no memory is missing in the delta: others see the gap in our clocks and ask. */
static int note(struct tracker_replica *replica, uint64_t clock) {
    return tracker_clocks_add(&replica->delta, &clock, 1);
}

static int make_tuple(hm_term pid, hm_term topic, hm_term key, hm_term meta, hm_term *tuple) {
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (!build)
        return error;
    hm_put_tuple(build, 4);
    hm_put_term(build, pid);
    hm_put_term(build, topic);
    hm_put_term(build, key);
    hm_put_term(build, meta);
    error = hm_build_error(build);
    if (!error)
        error = hm_term_copy(hm_build_term(build), tuple);
    hm_build_free(build);
    return error;
}

static int add_own(struct tracker_state *state, hm_term pid, hm_term topic, hm_term key, hm_term meta, uint64_t clock) {
    hm_term tuple;
    int error = make_tuple(pid, topic, key, meta, &tuple);
    if (!error && (error = add_value(state, state->own, clock, tuple)))
        free_term(tuple);
    return error;
}

int tracker_state_join(struct tracker_state *state, hm_term pid, hm_term topic, hm_term key, hm_term meta) {
    int error = add_own(state, pid, topic, key, meta, state->own->clock + 1);
    if (error)
        return error;
    note(state->own, ++state->own->clock);
    flush(state);
    return HM_OK;
}

/* The removal is an operation with a tag of its own, which no value has. Without memory for the tag that goes it is not in the delta either: nobody
 * must take it for known who has not heard what it removed. */
static void leave(struct tracker_state *state, struct tracker_value *value) {
    state->own->clock++;
    if (!note(state->own, value->clock))
        note(state->own, state->own->clock);
    remove_value(state, value);
}

int tracker_state_update(struct tracker_state *state, struct tracker_value *value, hm_term meta) {
    int error = add_own(state, value->pid, value->topic->name, value->key, meta, state->own->clock + 2);
    if (error)
        return error;
    leave(state, value);
    note(state->own, ++state->own->clock);
    flush(state);
    return HM_OK;
}

void tracker_state_leave(struct tracker_state *state, struct tracker_value *value) {
    leave(state, value);
    flush(state);
}

void tracker_state_leave_all(struct tracker_state *state, hm_term pid) {
    struct tracker_value *value;
    while ((value = tracker_state_first_of(state, pid)))
        leave(state, value);
    flush(state);
}

/* ---- replicas ---- */

struct tracker_replica *tracker_state_own(const struct tracker_state *state) {
    return state->own;
}

const struct tracker_replicas *tracker_state_replicas(const struct tracker_state *state) {
    return &state->replicas;
}

uint32_t tracker_state_ids(const struct tracker_state *state) {
    return state->id_count;
}

static struct tracker_replica *look_up(struct tracker_state *state, const struct tracker_ref *ref) {
    if (!state->last || !tracker_ref_equal(&state->last->ref, ref))
        state->last = tracker_state_replica(state, ref);
    return state->last;
}

struct tracker_replica *tracker_state_replica(const struct tracker_state *state, const struct tracker_ref *ref) {
    struct tracker_replica *replica;
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (tracker_ref_equal(&replica->ref, ref))
            return replica;
    return NULL;
}

struct tracker_replica *tracker_state_named(const struct tracker_state *state, struct hm_text node) {
    struct tracker_replica *replica;
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (replica->ref.node.size == node.size && memcmp(replica->ref.node.at, node.at, node.size) == 0)
            return replica;
    return NULL;
}

static struct tracker_replica *add_replica(struct tracker_state *state, const struct tracker_ref *ref) {
    uint32_t id = 0;
    while (id < state->id_count && state->ids[id])
        id++;
    if (id >= state->limits.replicas || ref->node.size >= HM_ATOM_BYTES)
        return NULL;
    if (id == state->id_count) {
        struct tracker_replica **ids = realloc(state->ids, (id + 1) * sizeof(struct tracker_replica *));
        if (!ids)
            return NULL;
        state->ids = ids;
    }
    struct tracker_replica *replica = calloc(1, sizeof *replica + ref->node.size + 1);
    if (!replica)
        return NULL;
    memcpy(replica->node, ref->node.at, ref->node.size);
    replica->ref = (struct tracker_ref){{replica->node, ref->node.size}, ref->vsn};
    replica->id = id;
    TAILQ_INIT(&replica->values);
    TAILQ_INSERT_TAIL(&state->replicas, replica, next);
    state->ids[id] = replica;
    if (id == state->id_count)
        state->id_count++;
    return replica;
}

struct tracker_replica *tracker_state_up(struct tracker_state *state, const struct tracker_ref *ref) {
    struct tracker_replica *replica = tracker_state_replica(state, ref);
    struct tracker_value *value;
    if (!replica && !(replica = add_replica(state, ref)))
        return NULL;
    replica->up = true;
    TAILQ_FOREACH (value, &replica->values, of_replica)
        tell_joined(state, value);
    flush(state);
    return replica;
}

void tracker_state_down(struct tracker_state *state, struct tracker_replica *replica) {
    struct tracker_value *value;
    replica->up = false;
    TAILQ_FOREACH (value, &replica->values, of_replica)
        tell_left(state, value);
    flush(state);
}

static void free_replica(struct tracker_state *state, struct tracker_replica *replica) {
    TAILQ_REMOVE(&state->replicas, replica, next);
    state->ids[replica->id] = NULL;
    state->last = NULL;
    tracker_clocks_fini(&replica->cloud);
    tracker_clocks_fini(&replica->delta);
    free(replica->pending);
    free(replica);
}

void tracker_state_permdown(struct tracker_state *state, struct tracker_replica *replica) {
    struct tracker_replica *other;
    struct tracker_value *value;
    while ((value = TAILQ_FIRST(&replica->values)))
        remove_value(state, value);
    flush(state);
    TAILQ_FOREACH (other, &state->replicas, next)
        if (replica->id < other->pending_count)
            other->pending[replica->id] = 0;
    free_replica(state, replica);
}

/* ---- merging ---- */

static bool is_known(const struct tracker_replica *replica, uint64_t clock) {
    return clock <= replica->clock || tracker_clocks_has(&replica->cloud, clock);
}

/* New ones are added; those that are here and there are marked. */
static int merge_values(struct tracker_state *state, hm_term values) {
    struct tracker_ref ref;
    struct hm_map map;
    hm_term tuple, parts[4], copy;
    uint64_t clock;
    int error = HM_OK;
    hm_map_begin(values, &map);
    while (!error && tracker_wire_next_value(&map, &ref, &clock, &tuple, parts)) {
        struct tracker_replica *replica = look_up(state, &ref);
        struct tracker_value *value;
        if (!replica) {
            state->counters.unknown++;
        } else if ((value = find_tag(state, replica, clock))) {
            value->mark = state->epoch;
        } else if (!replica->own && !is_known(replica, clock) && !(error = hm_term_copy(tuple, &copy))) {
            error = add_value(state, replica, clock, copy);
            if (error)
                free_term(copy);
            if (error == HM_ELIMIT) {
                state->counters.presences++;
                replica->partial = true;
                error = HM_OK;
            }
        }
    }
    return error;
}

/* Known there, and not there: removed. What we learn so others may not have heard; the tag goes into the own delta. */
static void remove_unmarked(struct tracker_state *state, struct tracker_value *value) {
    struct tracker_replica *replica = value->replica;
    if (value->mark == state->epoch)
        return;
    note(replica, value->clock);
    remove_value(state, value);
}

static int reserve(struct tracker_state *state, size_t count) {
    if (count <= state->scratch_capacity)
        return HM_OK;
    uint64_t *scratch = realloc(state->scratch, count * sizeof *scratch);
    if (!scratch)
        return HM_ENOMEM;
    state->scratch = scratch;
    state->scratch_capacity = count;
    return HM_OK;
}

static int merge_cloud(struct tracker_state *state, struct tracker_replica *replica, struct hm_map tags) {
    uint64_t clock;
    size_t count = 0;
    int error = reserve(state, tags.left);
    while (!error && tracker_wire_next_tag(&tags, &clock)) {
        struct tracker_value *value = find_tag(state, replica, clock);
        if (value)
            remove_unmarked(state, value);
        if (clock > replica->clock)
            state->scratch[count++] = clock;
    }
    if (error)
        return error;
    if (replica->cloud.size + count > state->limits.cloud) {
        state->counters.tags += count;
        return HM_OK;
    }
    return tracker_clocks_add(&replica->cloud, state->scratch, count);
}

static void merge_context(struct tracker_state *state, struct tracker_replica *replica, uint64_t clock) {
    struct tracker_value *value, *next;
    for (value = TAILQ_FIRST(&replica->values); value; value = next) {
        next = TAILQ_NEXT(value, of_replica);
        if (value->clock <= clock)
            remove_unmarked(state, value);
    }
    if (clock > replica->clock)
        replica->clock = clock;
}

int tracker_state_merge(struct tracker_state *state, const struct tracker_set *set) {
    struct tracker_replica *replica;
    struct tracker_ref ref;
    struct hm_map map, tags;
    uint64_t clock;
    if (++state->epoch == 0) {
        TAILQ_FOREACH (replica, &state->replicas, next) {
            struct tracker_value *value;
            TAILQ_FOREACH (value, &replica->values, of_replica)
                value->mark = 0;
        }
        state->epoch = 1;
    }
    int error = merge_values(state, set->values);
    /* Own presences are removed here alone, and own clocks are nobody else's. */
    hm_map_begin(set->clouds, &map);
    while (!error && tracker_wire_next_cloud(&map, &ref, &tags))
        if ((replica = look_up(state, &ref)) && !replica->own)
            error = merge_cloud(state, replica, tags);
    hm_map_begin(set->context, &map);
    while (!error && tracker_wire_next_clock(&map, &ref, &clock))
        if ((replica = look_up(state, &ref)) && !replica->own)
            merge_context(state, replica, clock);
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (!replica->own)
            replica->clock = tracker_clocks_absorb(&replica->cloud, replica->clock);
    flush(state);
    return error;
}

/* ---- what is sent ---- */

bool tracker_state_has_delta(const struct tracker_state *state) {
    const struct tracker_replica *replica;
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (replica->delta.count)
            return true;
    return false;
}

void tracker_state_reset_delta(struct tracker_state *state) {
    struct tracker_replica *replica;
    TAILQ_FOREACH (replica, &state->replicas, next)
        tracker_clocks_fini(&replica->delta);
    state->taken = state->own->clock;
}

static void put_cloud(hm_build *build, const struct tracker_replica *replica, const struct tracker_clocks *clocks) {
    tracker_wire_put_ref(build, &replica->ref);
    tracker_wire_put_set(build, (uint32_t)clocks->size);
    for (uint32_t i = 0; i < clocks->count; i++)
        for (uint64_t clock = clocks->spans[i].from; clock <= clocks->spans[i].to; clock++) {
            tracker_wire_put_tag(build, &replica->ref, clock);
            tracker_wire_put_member(build);
        }
}

static void put_value(hm_build *build, const struct tracker_value *value) {
    tracker_wire_put_tag(build, &value->replica->ref, value->clock);
    hm_put_term(build, value->tuple);
}

static void put_one_clock(hm_build *build, const struct tracker_ref *ref, uint64_t clock) {
    hm_put_map(build, 1);
    tracker_wire_put_ref(build, ref);
    hm_put_uint64(build, clock);
}

void tracker_state_put_delta(struct tracker_state *state, hm_build *build) {
    const struct tracker_replica *replica, *own = state->own;
    const struct tracker_value *value, *first = NULL;
    uint32_t clouds = 0, values = 0;
    TAILQ_FOREACH (replica, &state->replicas, next)
        clouds += replica->delta.count > 0;
    TAILQ_FOREACH_REVERSE (value, &own->values, tracker_values, of_replica) {
        if (value->clock <= state->taken)
            break;
        first = value;
        values++;
    }
    tracker_wire_put_state(build, false, &own->ref);
    hm_put_atom(build, "context");
    hm_put_map(build, 0);
    hm_put_atom(build, "clouds");
    hm_put_map(build, clouds);
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (replica->delta.count)
            put_cloud(build, replica, &replica->delta);
    hm_put_atom(build, "values");
    hm_put_map(build, values);
    for (value = first; value; value = TAILQ_NEXT(value, of_replica))
        put_value(build, value);
    hm_put_atom(build, "replicas");
    hm_put_map(build, 0);
    hm_put_atom(build, "range");
    hm_put_tuple(build, 2);
    put_one_clock(build, &own->ref, state->taken);
    put_one_clock(build, &own->ref, own->clock);
}

void tracker_state_put_context(const struct tracker_state *state, hm_build *build) {
    const struct tracker_replica *replica;
    uint32_t count = 0;
    TAILQ_FOREACH (replica, &state->replicas, next)
        count += replica->up && !replica->partial;
    hm_put_map(build, count);
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (replica->up && !replica->partial) {
            tracker_wire_put_ref(build, &replica->ref);
            hm_put_uint64(build, replica->clock);
        }
}

static bool is_in(const struct tracker_replica *replica, hm_term context) {
    struct tracker_ref ref;
    struct hm_map map;
    uint64_t clock;
    hm_map_begin(context, &map);
    while (!replica->partial && tracker_wire_next_clock(&map, &ref, &clock))
        if (tracker_ref_equal(&ref, &replica->ref))
            return true;
    return false;
}

void tracker_state_put_full(const struct tracker_state *state, hm_build *build, const struct tracker_ref *to,
                            hm_term context) {
    const struct tracker_replica *replica;
    const struct tracker_value *value;
    uint32_t count = 0, clouds = 0, values = 0, all = 0;
    TAILQ_FOREACH (replica, &state->replicas, next) {
        bool wanted = is_in(replica, context);
        all++;
        count += wanted;
        clouds += wanted && replica->cloud.count;
        values += wanted && !tracker_ref_equal(&replica->ref, to) ? replica->count : 0;
    }
    hm_put_tuple(build, 2);
    tracker_wire_put_state(build, true, &state->own->ref);
    hm_put_atom(build, "context");
    hm_put_map(build, count);
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (is_in(replica, context)) {
            tracker_wire_put_ref(build, &replica->ref);
            hm_put_uint64(build, replica->clock);
        }
    hm_put_atom(build, "clouds");
    hm_put_map(build, clouds);
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (replica->cloud.count && is_in(replica, context))
            put_cloud(build, replica, &replica->cloud);
    hm_put_atom(build, "values");
    hm_put_atom(build, "nil");
    hm_put_atom(build, "replicas");
    hm_put_map(build, all);
    TAILQ_FOREACH (replica, &state->replicas, next) {
        tracker_wire_put_ref(build, &replica->ref);
        hm_put_atom(build, replica->up ? "up" : "down");
    }
    hm_put_atom(build, "range");
    hm_put_tuple(build, 2);
    hm_put_map(build, 0);
    hm_put_map(build, 0);
    hm_put_map(build, values);
    TAILQ_FOREACH (replica, &state->replicas, next)
        if (!tracker_ref_equal(&replica->ref, to) && is_in(replica, context))
            TAILQ_FOREACH (value, &replica->values, of_replica)
                put_value(build, value);
}

/* ---- begin and end ---- */

struct tracker_state *tracker_state_new(const struct tracker_ref *own, const struct tracker_limits *limits,
                                        tracker_diff *on_diff, void *arg) {
    struct tracker_state *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->limits = *limits;
    state->on_diff = on_diff;
    state->arg = arg;
    TAILQ_INIT(&state->replicas);
    STAILQ_INIT(&state->touched);
    records_init(&state->values, sizeof(struct tracker_value));
    records_init(&state->topics, sizeof(struct tracker_topic));
    records_init(&state->owners, sizeof(struct tracker_owner));
    state->own = add_replica(state, own);
    if (!state->own) {
        tracker_state_free(state);
        return NULL;
    }
    state->own->own = state->own->up = true;
    return state;
}

void tracker_state_free(struct tracker_state *state) {
    struct tracker_replica *replica;
    struct tracker_value *value;
    if (!state)
        return;
    state->on_diff = NULL;
    while ((replica = TAILQ_FIRST(&state->replicas))) {
        while ((value = TAILQ_FIRST(&replica->values)))
            remove_value(state, value);
        flush(state);
        free_replica(state, replica);
    }
    records_fini(&state->values);
    records_fini(&state->topics);
    records_fini(&state->owners);
    record_index_fini(&state->by_tag);
    record_index_fini(&state->by_entry);
    record_index_fini(&state->by_topic);
    record_index_fini(&state->by_pid);
    free(state->ids);
    free(state->scratch);
    free(state);
}
