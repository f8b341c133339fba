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

#include "services/user_list_private.h"
#include "services/user_wire.h"

void user_list_refuse(struct user_list *users, const char *what) {
    users->refused++;
    hm_log(users->self, HM_LOG_WARN, "user_list.refused", "%s", what);
}

void user_list_report_memory(struct user_list *users, const char *what) {
    hm_log(users->self, HM_LOG_ERROR, "user_list.memory", "no memory: %s", what);
}

/* ---- what is known ---- */

hm_term user_list_own(struct user_list *users) {
    if (!users->listed) {
        hm_build_reset(users->list);
        users_put(user_replica_users(users->replica), users->list);
        users->listed = hm_build_error(users->list) == 0;
    }
    return users->listed ? hm_build_term(users->list) : (hm_term){0};
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
    lists[0] = user_list_own(users);
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

/* ---- the own users ---- */

static void on_add(struct user_list *users, hm_term user) {
    const struct users *own = user_replica_users(users->replica);
    switch (user_replica_add(users->replica, user)) {
    case HM_OK:
        user_list_changed(users);
        break;
    case HM_EBADTERM:
        user_list_refuse(users, "add_user: not a map with the key id");
        break;
    case HM_ELIMIT:
        users->refused++;
        users->full++;
        hm_log(users->self, HM_LOG_WARN, "user_list.full", "a user is not added: %zu users in %zu bytes are here already", own->count,
               own->bytes);
        break;
    default:
        user_list_report_memory(users, "a user is not added");
    }
}

static void on_remove(struct user_list *users, hm_term user_or_id) {
    hm_term id;
    if (!user_id(user_or_id, &id))
        id = user_or_id;
    if (user_replica_remove(users->replica, id))
        user_list_changed(users);
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
    user_list_report_memory(users, "a glance is refused");
    return hm_reply(self, from, "{error, system_limit}");
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct user_list *users = hm_data(self);
    uint64_t most;
    bool glance = hm_match(request, "{glance, ~u}", &most);
    if (!glance && !hm_is_atom(request, "get_users"))
        return HM_UNKNOWN;
    user_list_keep_ticking(users);
    hm_term all = all_users(users);
    if (all.size && glance)
        return answer_glance(self, from, all, most);
    if (all.size)
        return hm_reply_term(self, from, all);
    user_list_report_memory(users, "get_users is refused");
    return hm_reply(self, from, "{error, system_limit}");
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct user_list *users = hm_data(self);
    struct hm_text node;
    hm_term term;
    user_list_keep_ticking(users);
    if (hm_match(message, "{add_user, ~t}", &term))
        on_add(users, term);
    else if (hm_match(message, "{remove_user, ~t}", &term))
        on_remove(users, term);
    else if (hm_match(message, "{sync, ~a, ~t}", &node, &term))
        user_list_sync(users, node, term);
    else if (user_wire_is_message(message))
        user_list_hear(users, message);
    else {
        users->refused++;
        return HM_UNKNOWN;
    }
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct user_list *users = hm_data(self);
    struct hm_text name;
    hm_term term, reason;
    user_list_keep_ticking(users);
    if (hm_match(message, "{nodeup, _}")) {
        user_list_add_nodes(users);
    } else if (hm_match(message, "{nodedown, ~a}", &name)) {
        user_list_nodedown(users, name);
    } else if (hm_match(message, "{'DOWN', ~t, process, _, ~t}", &term, &reason)) {
        user_list_down(users, term, reason);
    } else if (!user_list_own_message(users, message)) {
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
        users->replica = user_replica_new(hm_node_name_of(hm_node_of(users->self)), hm_build_term(users->scratch), &users->limits, &user_list_events,
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
    user_list_add_nodes(users);
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
    struct hm_start start = {.name = USER_LIST, .restart = true};
    /* init only reads it. */
    int error = hm_server_start(node, &class, &start, (void *)config, NULL);
    return error ? error : user_bell_start(node);
}
