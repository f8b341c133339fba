/*
 * The list of users who are there, of "Building Presence feature in Elixir", registered as user_list.
 *
 *     cast {add_user, User}           User is of this node; a map with the key id
 *     cast {remove_user, UserOrId}    the users of this node with that id are gone
 *     call get_users                  [User], of all nodes: Enum.uniq(own ++ those of the others)
 *     call {glance, Max}              {Count, [User]}: the same, Max of them at most, and how many there are
 *     cast {sync, Node, [User]}       to and from the same name on other nodes: all the users of Node
 *
 * The article has two forms of it, which understand each other and which both are served here: one sends the list
 * every three seconds (--user-list-sync interval), the other whenever it changes, and to nodes that are new (change).
 * The own users come first, the newest before the others, then those of the other nodes in the order of their names.
 *
 * Beyond the article:
 *   - A node whose list has the name user_list_delta, too, is only told what changes, and tells only that (user_wire.h, user_replica.h).
 *   Whether it has is asked
 *     when it connects, before anything is sent to it.
 *   - Users of a node that goes down disappear at once in both forms, and so do those of a user_list that ends. Only nodes that
 *     are connected are listened to: nobody would tell when the others go down.
 *   - Who is heard for the first time is told our users at once: a user_list that is started (again) after the nodes were
 *     connected would wait for the next change.
 *   - What happens in one turn is sent once, and at most every PAUSE_MS; a node that does not read fast enough gets the
 *     list when it does.
 *   - A user without id is not taken: a remove_user would end the article's server.
 *
 * As there, casts carry no sender: whoever is in the cluster can speak for any connected node. Who has the cookie is trusted.
 */
#include "services/services.h"

#include <stdlib.h>
#include <string.h>

#include "services/user_list_private.h"
#include "services/user_wire.h"

enum { PAUSE_MS = 20, ASKED_TICKS = 2 };

static const char NAME[] = "user_list";

static void refuse(struct user_list *users, const char *what) {
    users->refused++;
    hm_log(users->self, HM_LOG_WARN, "user_list.refused", "%s", what);
}

static void report_memory(hm_process *self, const char *what) {
    hm_log(self, HM_LOG_ERROR, "user_list.memory", "no memory: %s", what);
}

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
    report_memory(users->self, "the users are sent later");
    return false;
}

static void start_pause(struct user_list *users) {
    if (!users->pausing)
        users->pausing = send_later(users, "pause_over", PAUSE_MS);
}

static void start_ticks(struct user_list *users) {
    if (!users->ticking)
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

/* The own users as a term, size 0 without memory. */
static hm_term own_list(struct user_list *users) {
    if (!users->listed) {
        hm_build_reset(users->list);
        users_put(user_replica_users(users->replica), users->list);
        users->listed = hm_build_error(users->list) == 0;
    }
    return users->listed ? hm_build_term(users->list) : (hm_term){0};
}

static int build_sync(struct user_list *users) {
    hm_term list = own_list(users);
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
        report_memory(users->self, "the users are sent later");
        return;
    }
    TAILQ_FOREACH (place, &users->places, next)
        if (is_due(place) && !hm_is_busy(hm_node_of(users->self), place->node) &&
            hm_cast(users->self, hm_to_name(NAME, place->node), hm_build_term(users->scratch)) == 0)
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

static void on_change(struct user_list *users) {
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
        report_memory(users->self, hm_node_name_text(node));
        return;
    }
    start_ticks(users);
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

/* Those that are there; who has a place keeps it. */
static void add_places(struct user_list *users) {
    hm_nodes(hm_node_of(users->self), HM_NODES_VISIBLE, add_visible, users);
    hm_nodes(hm_node_of(users->self), HM_NODES_HIDDEN, add_hidden, users);
}

static void on_nodedown(struct user_list *users, struct hm_text name) {
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

static void on_down(struct user_list *users, hm_term ref_term, hm_term reason) {
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

static const struct user_replica_events events = {on_send, on_admit, on_member_changed, on_left_out};

/* ---- what comes ---- */

static void on_add(struct user_list *users, hm_term user) {
    const struct users *own = user_replica_users(users->replica);
    switch (user_replica_add(users->replica, user)) {
    case HM_OK:
        on_change(users);
        break;
    case HM_EBADTERM:
        refuse(users, "add_user: not a map with the key id");
        break;
    case HM_ELIMIT:
        users->refused++;
        users->full++;
        hm_log(users->self, HM_LOG_WARN, "user_list.full", "a user is not added: %zu users in %zu bytes are here already", own->count,
               own->bytes);
        break;
    default:
        report_memory(users->self, "a user is not added");
    }
}

static void on_remove(struct user_list *users, hm_term user_or_id) {
    hm_term id;
    if (!user_id(user_or_id, &id))
        id = user_or_id;
    if (user_replica_remove(users->replica, id))
        on_change(users);
}

static void keep_list(struct user_list *users, struct place *place, hm_term list) {
    struct users_left_out out;
    hm_term copy;
    if (place->list.size == list.size && memcmp(place->list.bytes, list.bytes, list.size) == 0)
        return;
    hm_build_reset(users->scratch);
    int error = users_read(list, &users->limits, users->scratch, &out);
    if (error == HM_EBADTERM) {
        refuse(users, "sync: not a list");
        return;
    }
    if (error || hm_term_copy(hm_build_term(users->scratch), &copy) != 0) {
        report_memory(users->self, "a node's users are not taken");
        return;
    }
    bool over = place->over;
    place_forget_list(place);
    place->list = copy;
    place->over = out.over > 0;
    users->answered = false;
    report_left_out(users, hm_node_name_text(place->node), &out, out.over && !over);
}

static void on_sync(struct user_list *users, struct hm_text node, hm_term list) {
    struct place *place = places_find_name(&users->places, node);
    if (!place) {
        refuse(users, "sync: of a node that is not connected");
        return;
    }
    if (place->form == PLACE_DELTAS)
        return; /* from before it knew that we understand more */
    keep_list(users, place, list);
    if (place->form == PLACE_ASKED)
        speak_in_syncs(users, place);
    if (place->heard)
        return;
    place->heard = hm_monitor(users->self, hm_to_name(NAME, place->node), &place->monitor) == 0;
    place->owed |= place->heard;
    start_flush(users);
}

static void on_delta_message(struct user_list *users, hm_term message) {
    int error = user_replica_hear(users->replica, message);
    if (error == HM_EBADTERM)
        refuse(users, "a message about changes is malformed, or of a node that is not connected");
    else if (error)
        report_memory(users->self, "changes of another node's users are asked for later");
    if (user_replica_owes(users->replica))
        start_flush(users);
}

static void on_pause_over(struct user_list *users) {
    users->pausing = false;
    flush(users);
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
    users->ticking = false;
    if (TAILQ_EMPTY(&users->places))
        return;
    start_ticks(users);
    TAILQ_FOREACH (place, &users->places, next)
        look_after(users, place);
    user_replica_tick(users->replica);
    if (!users->interval)
        return;
    owe_all(users);
    flush_syncs(users);
}

/* size 0 without memory. */
static hm_term list_of(struct user_list *users, struct place *place) {
    const struct users *known = user_replica_find(users->replica, hm_node_name_text(place->node), NULL);
    if (!known)
        return place->list;
    if (!place->listed && (place->listed = hm_build_new()))
        users_put(known, place->listed);
    if (place->listed && hm_build_error(place->listed) == 0)
        return hm_build_term(place->listed);
    place_forget_listed(place);
    return (hm_term){0};
}

/* size 0 without memory, or when all lists together are too long for a term. */
static hm_term all_users(struct user_list *users) {
    struct place *place;
    size_t count = 1;
    if (users->answered)
        return hm_build_term(users->answer);
    TAILQ_FOREACH (place, &users->places, next)
        count++;
    hm_term *lists = calloc(count, sizeof *lists);
    if (!lists)
        return (hm_term){0};
    lists[0] = own_list(users);
    count = lists[0].size ? 1 : 0;
    TAILQ_FOREACH (place, &users->places, next)
        if (count && user_list_knows(users, place)) {
            lists[count] = list_of(users, place);
            count = lists[count].size ? count + 1 : 0;
        }
    hm_build_reset(users->answer);
    users->answered = count && users_put_uniq(lists, count, users->answer) == 0;
    free(lists);
    return users->answered ? hm_build_term(users->answer) : (hm_term){0};
}

/* ---- the server ---- */

static enum hm_verdict answer_glance(hm_process *self, const hm_from *from, hm_term all, uint64_t most) {
    struct user_list *users = hm_data(self);
    struct hm_list list;
    hm_term user;
    uint32_t count = 0;
    hm_build_reset(users->scratch);
    hm_put_tuple(users->scratch, 2);
    hm_put_uint64(users->scratch, (uint64_t)hm_list_length(all));
    size_t begin = hm_put_list_begin(users->scratch);
    for (hm_list_begin(all, &list); count < most && hm_list_next(&list, &user); count++)
        hm_put_term(users->scratch, user);
    hm_put_list_end(users->scratch, begin, count);
    if (!hm_build_error(users->scratch))
        return hm_reply_term(self, from, hm_build_term(users->scratch));
    report_memory(self, "a glance is refused");
    return hm_reply(self, from, "{error, system_limit}");
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    uint64_t most;
    bool glance = hm_match(request, "{glance, ~u}", &most);
    if (!glance && !hm_is_atom(request, "get_users"))
        return HM_UNKNOWN;
    hm_term all = all_users(hm_data(self));
    if (all.size && glance)
        return answer_glance(self, from, all, most);
    if (all.size)
        return hm_reply_term(self, from, all);
    report_memory(self, "get_users is refused");
    return hm_reply(self, from, "{error, system_limit}");
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct user_list *users = hm_data(self);
    struct hm_text node;
    hm_term term;
    if (hm_match(message, "{add_user, ~t}", &term))
        on_add(users, term);
    else if (hm_match(message, "{remove_user, ~t}", &term))
        on_remove(users, term);
    else if (hm_match(message, "{sync, ~a, ~t}", &node, &term))
        on_sync(users, node, term);
    else if (user_wire_is_message(message))
        on_delta_message(users, message);
    else {
        users->refused++;
        return HM_UNKNOWN;
    }
    return HM_CONTINUE;
}

static bool is_own(hm_process *self, const struct user_list *users, hm_term term) {
    hm_ref ref;
    return hm_get_ref(hm_node_of(self), term, &ref) && hm_ref_equal(&ref, &users->mark);
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct user_list *users = hm_data(self);
    struct hm_text name;
    hm_term term, reason;
    if (hm_match(message, "{nodeup, _}")) {
        add_places(users);
    } else if (hm_match(message, "{nodedown, ~a}", &name)) {
        on_nodedown(users, name);
    } else if (hm_match(message, "{'DOWN', ~t, process, _, ~t}", &term, &reason)) {
        on_down(users, term, reason);
    } else if (hm_match(message, "{~t, flush}", &term) && is_own(self, users, term)) {
        users->flushing = false;
        flush(users);
    } else if (hm_match(message, "{~t, pause_over}", &term) && is_own(self, users, term)) {
        on_pause_over(users);
    } else if (hm_match(message, "{~t, tick}", &term) && is_own(self, users, term)) {
        on_tick(users);
    } else {
        return HM_UNKNOWN;
    }
    return HM_CONTINUE;
}

static void free_users(struct user_list *users) {
    struct place *place;
    if (!users)
        return;
    hm_metrics_remove(users->metrics);
    user_replica_free(users->replica);
    while ((place = TAILQ_FIRST(&users->places)))
        places_remove(&users->places, place);
    hm_build_free(users->list);
    hm_build_free(users->answer);
    hm_build_free(users->scratch);
    free(users);
}

static int open_replica(struct user_list *users) {
    hm_put_pid(users->scratch, hm_self(users->self));
    if (hm_build_error(users->scratch) == 0)
        users->replica = user_replica_new(hm_node_name_of(hm_node_of(users->self)), hm_build_term(users->scratch), &users->limits, &events,
                                          users);
    return users->replica ? HM_OK : HM_ENOMEM;
}

static int init(hm_process *self, void *argument) {
    const struct service_config *config = argument;
    struct user_list *users = calloc(1, sizeof *users);
    if (!users)
        return HM_ENOMEM;
    TAILQ_INIT(&users->places);
    users->limits.users = config->user_list_max_users ? config->user_list_max_users : USER_LIST_DEFAULT_MAX_USERS;
    users->limits.bytes = config->user_list_max_bytes ? config->user_list_max_bytes : USER_LIST_DEFAULT_MAX_BYTES;
    users->interval = config->user_list_interval;
    users->self = self;
    users->tick_ms = config->user_list_interval_ms ? (int64_t)config->user_list_interval_ms : USER_LIST_DEFAULT_INTERVAL_MS;
    users->mark = hm_make_ref(hm_node_of(self));
    users->list = hm_build_new();
    users->answer = hm_build_new();
    users->scratch = hm_build_new();
    int error = users->list && users->answer && users->scratch ? open_replica(users) : HM_ENOMEM;
    if (!error)
        error = hm_monitor_nodes(self, true, true);
    if (!error)
        error = user_list_add_metrics(users);
    if (error) {
        free_users(users);
        return error;
    }
    hm_set_data(self, users);
    add_places(users);
    return HM_OK;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    free_users(hm_data(self));
}

static const struct hm_server_class class = {
    .module = "user_list",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
    .state = user_list_put_state,
};

int user_list_start(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.name = NAME, .restart = true};
    /* init only reads it. */
    int error = hm_server_start(node, &class, &start, (void *)config, NULL);
    return error ? error : user_bell_start(node);
}
