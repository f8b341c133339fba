#include "services/tracker_wire.h"

#include <string.h>

static const char STATE[] = "Elixir.Phoenix.Tracker.State";
static const char SET[] = "Elixir.MapSet";

/* ---- reading ---- */

static bool read_ref(hm_term term, struct tracker_ref *ref) {
    hm_term parts[2];
    return hm_tuple_elements(term, 2, parts) && hm_get_atom(parts[0], &ref->node) && ref->node.size > 0 &&
           hm_get_int64(parts[1], &ref->vsn);
}

static bool read_clock(hm_term term, uint64_t *clock) {
    return hm_get_uint64(term, clock) && *clock <= TRACKER_CLOCK_MAX;
}

/* Clocks of tags count from 1. */
static bool read_tag(hm_term term, struct tracker_ref *ref, uint64_t *clock) {
    hm_term parts[2];
    return hm_tuple_elements(term, 2, parts) && read_ref(parts[0], ref) && read_clock(parts[1], clock) && *clock > 0;
}

static bool read_set_members(hm_term term, struct hm_map *members) {
    hm_term name, map;
    return hm_map_get_atom(term, "__struct__", &name) && hm_is_atom(name, SET) && hm_map_get_atom(term, "map", &map) &&
           hm_map_begin(map, members);
}

bool tracker_wire_next_clock(struct hm_map *context, struct tracker_ref *ref, uint64_t *clock) {
    hm_term key, value;
    return hm_map_next(context, &key, &value) && read_ref(key, ref) && read_clock(value, clock);
}

bool tracker_wire_next_cloud(struct hm_map *clouds, struct tracker_ref *ref, struct hm_map *tags) {
    hm_term key, value;
    return hm_map_next(clouds, &key, &value) && read_ref(key, ref) && read_set_members(value, tags);
}

bool tracker_wire_next_tag(struct hm_map *tags, uint64_t *clock) {
    struct tracker_ref ref;
    hm_term key, value;
    return hm_map_next(tags, &key, &value) && read_tag(key, &ref, clock);
}

bool tracker_wire_next_value(struct hm_map *values, struct tracker_ref *ref, uint64_t *clock, hm_term *tuple,
                             hm_term parts[4]) {
    hm_term key;
    return hm_map_next(values, &key, tuple) && read_tag(key, ref, clock) && hm_tuple_elements(*tuple, 4, parts) &&
           hm_term_type(parts[0]) == HM_TYPE_PID && hm_term_type(parts[3]) == HM_TYPE_MAP;
}

bool tracker_ref_equal(const struct tracker_ref *a, const struct tracker_ref *b) {
    return a->vsn == b->vsn && a->node.size == b->node.size && memcmp(a->node.at, b->node.at, a->node.size) == 0;
}

static bool is_context(hm_term term) {
    struct tracker_ref ref;
    struct hm_map map;
    uint64_t clock;
    if (!hm_map_begin(term, &map))
        return false;
    while (map.left)
        if (!tracker_wire_next_clock(&map, &ref, &clock))
            return false;
    return true;
}

static bool is_cloud(struct hm_map tags, const struct tracker_ref *owner) {
    while (tags.left) {
        struct tracker_ref ref;
        hm_term key, value;
        uint64_t clock;
        if (!hm_map_next(&tags, &key, &value) || !read_tag(key, &ref, &clock) || !tracker_ref_equal(&ref, owner))
            return false;
    }
    return true;
}

static bool are_clouds(hm_term term) {
    struct tracker_ref ref;
    struct hm_map map, tags;
    if (!hm_map_begin(term, &map))
        return false;
    while (map.left)
        if (!tracker_wire_next_cloud(&map, &ref, &tags) || !is_cloud(tags, &ref))
            return false;
    return true;
}

static bool are_values(hm_term term) {
    struct tracker_ref ref;
    struct hm_map map;
    hm_term tuple, parts[4];
    uint64_t clock;
    if (!hm_map_begin(term, &map))
        return false;
    while (map.left)
        if (!tracker_wire_next_value(&map, &ref, &clock, &tuple, parts))
            return false;
    return true;
}

/* The context of a delta is empty: what it covers is in its clouds. */
static bool read_set(hm_term term, struct tracker_set *set) {
    hm_term parts[2], name, mode;
    set->full = hm_tuple_elements(term, 2, parts);
    if (set->full) {
        term = parts[0];
        set->values = parts[1];
    }
    return hm_map_get_atom(term, "__struct__", &name) && hm_is_atom(name, STATE) &&
           hm_map_get_atom(term, "mode", &mode) && hm_is_atom(mode, set->full ? "normal" : "delta") &&
           hm_map_get_atom(term, "context", &set->context) && is_context(set->context) &&
           hm_map_get_atom(term, "clouds", &set->clouds) && are_clouds(set->clouds) &&
           (set->full || hm_map_get_atom(term, "values", &set->values)) && are_values(set->values);
}

static bool read_clocks(hm_term term, hm_term *context) {
    struct tracker_ref ref;
    hm_term parts[2];
    if (!hm_tuple_elements(term, 2, parts) || !read_ref(parts[0], &ref) || !is_context(parts[1]))
        return false;
    *context = parts[1];
    return true;
}

int tracker_wire_read(hm_term term, struct tracker_message *message) {
    hm_term from, body, clocks;
    bool fine = false;
    *message = (struct tracker_message){0};
    if (hm_match(term, "{pub, heartbeat, ~t, ~t, ~t}", &from, &body, &clocks)) {
        message->kind = TRACKER_HEARTBEAT;
        message->has_set = !hm_is_atom(body, "empty");
        fine = read_clocks(clocks, &message->context) && (!message->has_set || read_set(body, &message->set));
    } else if (hm_match(term, "{pub, transfer_req, ~t, ~t, ~t}", &message->request, &from, &clocks)) {
        message->kind = TRACKER_TRANSFER_REQ;
        fine = read_clocks(clocks, &message->context);
    } else if (hm_match(term, "{pub, transfer_ack, ~t, ~t, ~t}", &message->request, &from, &body)) {
        message->kind = TRACKER_TRANSFER_ACK;
        message->has_set = true;
        fine = read_set(body, &message->set);
    } else if (hm_match(term, "{pub, graceful_permdown, ~t}", &from)) {
        message->kind = TRACKER_PERMDOWN;
        fine = true;
    }
    return fine && read_ref(from, &message->from) ? HM_OK : HM_EBADTERM;
}

/* ---- writing ---- */

void tracker_wire_put_ref(hm_build *build, const struct tracker_ref *ref) {
    hm_put_tuple(build, 2);
    hm_put_atom_n(build, ref->node.at, ref->node.size);
    hm_put_int64(build, ref->vsn);
}

void tracker_wire_put_tag(hm_build *build, const struct tracker_ref *ref, uint64_t clock) {
    hm_put_tuple(build, 2);
    tracker_wire_put_ref(build, ref);
    hm_put_uint64(build, clock);
}

/* Without `version', as Elixir 1.17 and later write it; the earlier ones do not miss it. */
void tracker_wire_put_set(hm_build *build, uint32_t size) {
    hm_put_map(build, 2);
    hm_put_atom(build, "__struct__");
    hm_put_atom(build, SET);
    hm_put_atom(build, "map");
    hm_put_map(build, size);
}

void tracker_wire_put_member(hm_build *build) {
    hm_put_nil(build);
}

void tracker_wire_put_state(hm_build *build, bool full, const struct tracker_ref *owner) {
    hm_put_map(build, 5 + TRACKER_STATE_REST);
    hm_put_atom(build, "__struct__");
    hm_put_atom(build, STATE);
    hm_put_atom(build, "mode");
    hm_put_atom(build, full ? "normal" : "delta");
    hm_put_atom(build, "pids");
    hm_put_atom(build, "nil");
    hm_put_atom(build, "delta");
    hm_put_atom(build, "unset");
    hm_put_atom(build, "replica");
    tracker_wire_put_ref(build, owner);
}
