#include "services/user_list_private.h"

#include <string.h>

#include "services/user_wire.h"

enum { PAUSE_MS = 20, ASKED_TICKS = 2 };

/* ---- messages to ourselves ---- */

static const hm_build *build_own(struct user_list *users, const char *what) {
    hm_build_reset(users->scratch);
    hm_put_format(users->scratch, "{~r, ~a}", &users->mark, what);
    return users->scratch;
}

/* Without memory the next message tries again. */
static bool send_later(struct user_list *users, const char *what, int64_t ms) {
    const hm_build *own = build_own(users, what);
    if (hm_build_error(own) == 0 && hm_send_after(users->self, ms, hm_build_term(own), NULL) == 0)
        return true;
    user_list_report_memory(users, "the users are sent later");
    return false;
}

static void start_pause(struct user_list *users) {
    if (!users->pausing)
        users->pausing = send_later(users, "pause_over", PAUSE_MS);
}

void user_list_keep_ticking(struct user_list *users) {
    if (!users->ticking && (users->unmet || !TAILQ_EMPTY(&users->places)))
        users->ticking = send_later(users, "tick", users->tick_ms);
}

static void start_flush(struct user_list *users) {
    if (users->flushing || users->pausing)
        return;
    const hm_build *own = build_own(users, "flush");
    users->flushing = hm_build_error(own) == 0 && hm_send(users->self, hm_to_pid(hm_self(users->self)), hm_build_term(own)) == 0;
    if (!users->flushing)
        start_pause(users);
}

/* ---- to the others ---- */

static int build_sync(struct user_list *users) {
    hm_term list = user_list_own(users);
    if (!list.size)
        return HM_ENOMEM;
    hm_build_reset(users->scratch);
    hm_put_format(users->scratch, "{sync, ~a, ~t}", hm_node_name_of(hm_node_of(users->self)), list);
    return hm_build_error(users->scratch);
}

static bool is_due(const struct place *place) {
    return place->owed && place->form == PLACE_SYNCS;
}

static bool is_anyone_due(const struct user_list *users) {
    const struct place *place;
    TAILQ_FOREACH (place, &users->places, next)
        if (is_due(place))
            return true;
    return false;
}

/* To all that are owed it and read. The list is not even built when nobody is. */
static void flush_syncs(struct user_list *users) {
    struct place *place;
    if (!is_anyone_due(users))
        return;
    if (build_sync(users)) {
        user_list_report_memory(users, "the users are sent later");
        return;
    }
    TAILQ_FOREACH (place, &users->places, next)
        if (is_due(place) && !hm_is_busy(hm_node_of(users->self), place->node) &&
            hm_cast(users->self, hm_to_name(USER_LIST, place->node), hm_build_term(users->scratch)) == 0)
            place->owed = false;
}

static void flush(struct user_list *users) {
    if (!is_anyone_due(users) && !user_replica_owes(users->replica))
        return;
    (void)user_replica_flush(users->replica);
    flush_syncs(users);
    start_pause(users);
}

static void owe_all(struct user_list *users) {
    struct place *place;
    TAILQ_FOREACH (place, &users->places, next)
        place->owed |= place->visible && place->form != PLACE_DELTAS;
}

void user_list_changed(struct user_list *users) {
    users->listed = users->answered = false;
    if (!users->interval)
        owe_all(users);
    start_flush(users);
}

/* ---- other nodes ---- */

/* What it is sent depends on the answer: a hello, or that nobody has the name. */
static void ask_form(struct user_list *users, struct place *place) {
    place->form = PLACE_ASKED;
    place->asked = 0;
    place->owed = place->visible;
    if (!place->bell)
        place->bell = hm_monitor(users->self, hm_to_name(USER_BELL, place->node), &place->bell_monitor) == 0;
    user_replica_greet(users->replica, hm_node_name_text(place->node));
}

static void speak_in_syncs(struct user_list *users, struct place *place) {
    place->form = PLACE_SYNCS;
    if (place->owed)
        start_flush(users);
}

static void stop_monitor(struct user_list *users, struct place *place) {
    if (place->heard)
        hm_demonitor(users->self, &place->monitor);
    place->heard = false;
}

static void add_place(struct user_list *users, const hm_node_name *node, bool visible) {
    struct place *place = places_find(&users->places, node);
    if (place && (place->visible || !visible))
        return;
    if (place)
        place->visible = true;
    else
        place = places_add(&users->places, node, visible);
    if (!place) {
        user_list_report_memory(users, hm_node_name_text(node));
        users->unmet = true;
        return;
    }
    if (!visible)
        place->form = PLACE_SYNCS; /* it may ask, as others do; it is not asked */
    else if (place->form != PLACE_DELTAS)
        ask_form(users, place);
}

static void add_visible(void *users, const hm_node_name *node) {
    add_place(users, node, true);
}

static void add_hidden(void *users, const hm_node_name *node) {
    add_place(users, node, false);
}

void user_list_add_nodes(struct user_list *users) {
    hm_nodes(hm_node_of(users->self), HM_NODES_VISIBLE, add_visible, users);
    hm_nodes(hm_node_of(users->self), HM_NODES_HIDDEN, add_hidden, users);
    user_list_keep_ticking(users);
}

/* Of a node that there was no memory to tell of, its own word is the first that is heard. */
static struct place *find_speaker(struct user_list *users, struct hm_text name) {
    struct place *place = places_find_name(&users->places, name);
    if (place)
        return place;
    user_list_add_nodes(users);
    return places_find_name(&users->places, name);
}

void user_list_nodedown(struct user_list *users, struct hm_text name) {
    struct place *place = places_find_name(&users->places, name);
    if (!place)
        return;
    user_replica_down(users->replica, hm_node_name_text(place->node), (hm_term){0});
    users->answered &= place->list.size == 0;
    places_remove(&users->places, place);
}

/* Its user_list ended; the next one begins with no users. noproc: there never was one, and who told us is somebody else. */
static void on_list_down(struct user_list *users, struct place *place, hm_term reason) {
    place->heard = false;
    if (place->form == PLACE_DELTAS) {
        user_replica_down(users->replica, hm_node_name_text(place->node), (hm_term){0});
        place->form = PLACE_SYNCS;
        if (!hm_is_atom(reason, "noconnection")) /* then nodedown follows, and to ask would be to connect again */
            ask_form(users, place);
    } else if (!hm_is_atom(reason, "noproc")) {
        users->answered &= !place_forget_list(place);
    }
}

void user_list_down(struct user_list *users, hm_term ref_term, hm_term reason) {
    struct place *place;
    hm_ref ref;
    if (!hm_get_ref(hm_node_of(users->self), ref_term, &ref))
        return;
    TAILQ_FOREACH (place, &users->places, next) {
        if (place->heard && hm_ref_equal(&place->monitor, &ref)) {
            on_list_down(users, place, reason);
            return;
        }
        if (place->bell && hm_ref_equal(&place->bell_monitor, &ref)) {
            place->bell = false;
            if (place->form == PLACE_ASKED && !hm_is_atom(reason, "noconnection"))
                speak_in_syncs(users, place);
            return;
        }
    }
}

/* ---- what the replica asks of us ---- */

static bool on_send(void *arg, const char *name, hm_term list, hm_term message) {
    struct user_list *users = arg;
    hm_node *node = hm_node_of(users->self);
    const struct place *place = places_find_name(&users->places, (struct hm_text){name, strlen(name)});
    hm_pid pid;
    if (!place || hm_is_busy(node, place->node))
        return false;
    if (!list.size)
        return hm_cast(users->self, hm_to_name(USER_BELL, place->node), message) == 0;
    return hm_get_pid(node, list, &pid) && hm_cast(users->self, hm_to_pid(pid), message) == 0;
}

static bool on_admit(void *arg, struct hm_text name, hm_term list) {
    struct user_list *users = arg;
    struct place *place = places_find_name(&users->places, name);
    hm_pid pid;
    hm_ref monitor;
    if (!place || !hm_get_pid(hm_node_of(users->self), list, &pid) || pid.node != place->node ||
        hm_monitor(users->self, hm_to_pid(pid), &monitor) != 0)
        return false;
    stop_monitor(users, place);
    place->monitor = monitor;
    place->heard = true;
    place->form = PLACE_DELTAS;
    place->owed = false;
    users->answered &= !place_forget_list(place);
    return true;
}

static void on_member_changed(void *arg, const char *name) {
    struct user_list *users = arg;
    struct place *place = places_find_name(&users->places, (struct hm_text){name, strlen(name)});
    users->answered = false;
    if (place)
        place_forget_listed(place);
}

static void report_left_out(struct user_list *users, const char *node, const struct users_left_out *out, bool over) {
    users->refused += out->strange + out->over;
    users->full += out->over;
    if (out->strange)
        hm_log(users->self, HM_LOG_WARN, "user_list.refused", "sync of %s: %zu elements are no maps with the key id", node,
               out->strange);
    if (over)
        hm_log(users->self, HM_LOG_WARN, "user_list.full", "sync of %s: %zu users are left out", node, out->over);
}

static void on_left_out(void *arg, const char *node, const struct users_left_out *out) {
    report_left_out(arg, node, out, out->over > 0);
}

const struct user_replica_events user_list_events = {on_send, on_admit, on_member_changed, on_left_out};

/* ---- what they say ---- */

static void keep_list(struct user_list *users, struct place *place, hm_term list) {
    struct users_left_out out;
    hm_term copy;
    if (place->list.size == list.size && memcmp(place->list.bytes, list.bytes, list.size) == 0)
        return;
    hm_build_reset(users->scratch);
    int error = users_read(list, &users->limits, users->scratch, &out);
    if (error == HM_EBADTERM) {
        user_list_refuse(users, "sync: not a list");
        return;
    }
    if (error || hm_term_copy(hm_build_term(users->scratch), &copy) != 0) {
        user_list_report_memory(users, "a node's users are not taken");
        return;
    }
    bool over = place->over;
    place_forget_list(place);
    place->list = copy;
    place->over = out.over > 0;
    users->answered = false;
    report_left_out(users, hm_node_name_text(place->node), &out, out.over && !over);
}

void user_list_sync(struct user_list *users, struct hm_text node, hm_term list) {
    struct place *place = find_speaker(users, node);
    if (!place) {
        user_list_refuse(users, "sync: of a node that is not connected");
        return;
    }
    if (place->form == PLACE_DELTAS)
        return; /* from before it knew that we understand more */
    keep_list(users, place, list);
    if (place->form == PLACE_ASKED)
        speak_in_syncs(users, place);
    if (place->heard)
        return;
    place->heard = hm_monitor(users->self, hm_to_name(USER_LIST, place->node), &place->monitor) == 0;
    place->owed |= place->heard;
    start_flush(users);
}

void user_list_hear(struct user_list *users, hm_term message) {
    struct hm_text node;
    if (hm_match(message, "{hello, _, ~a, _, _, _}", &node))
        (void)find_speaker(users, node);
    int error = user_replica_hear(users->replica, message);
    if (error == HM_EBADTERM)
        user_list_refuse(users, "a message about changes is malformed, or of a node that is not connected");
    else if (error)
        user_list_report_memory(users, "changes of another node's users are asked for later");
    if (user_replica_owes(users->replica))
        start_flush(users);
}

/* A node that has the name but does not answer is served as the article's are; it may say hello later. */
static void look_after(struct user_list *users, struct place *place) {
    if (place->form != PLACE_DELTAS && place->bell)
        user_replica_greet(users->replica, hm_node_name_text(place->node));
    if (place->form == PLACE_ASKED && ++place->asked >= ASKED_TICKS)
        speak_in_syncs(users, place);
}

static void on_tick(struct user_list *users) {
    struct place *place;
    users->ticking = users->unmet = false;
    user_list_add_nodes(users); /* whom there was no memory to tell of, too */
    TAILQ_FOREACH (place, &users->places, next)
        look_after(users, place);
    user_replica_tick(users->replica);
    if (users->interval) {
        owe_all(users);
        flush_syncs(users);
    }
    if (is_anyone_due(users) || user_replica_owes(users->replica)) /* there was no memory for the pause after which it is sent */
        start_flush(users);
}

bool user_list_own_message(struct user_list *users, hm_term message) {
    hm_term mark, what;
    hm_ref ref;
    if (!hm_match(message, "{~t, ~t}", &mark, &what) || !hm_get_ref(hm_node_of(users->self), mark, &ref) ||
        !hm_ref_equal(&ref, &users->mark))
        return false;
    if (hm_is_atom(what, "tick")) {
        on_tick(users);
        return true;
    }
    if (hm_is_atom(what, "flush"))
        users->flushing = false;
    else
        users->pausing = false;
    flush(users);
    return true;
}
