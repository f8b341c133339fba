/*
 * The list of users who are there, of "Building Presence feature in Elixir", registered as user_list.
 *
 *     cast {add_user, User}           User is of this node; a map with the key id
 *     cast {remove_user, UserOrId}    the users of this node with that id are gone
 *     call get_users                  [User], of all nodes: Enum.uniq(own ++ those of the others)
 *     cast {sync, Node, [User]}       to and from the same name on other nodes: all the users of Node
 *
 * The article has two forms of it, which understand each other and which both are served here: one sends the list
 * every three seconds (--user-list-sync interval), the other whenever it changes, and to nodes that are new (change).
 * The own users come first, the newest before the others, then those of the other nodes in the order of their names.
 *
 * Beyond the article:
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
#include <sys/queue.h>

#include <hermod/metrics.h>

#include "services/users.h"

enum { PAUSE_MS = 20 };

static const char NAME[] = "user_list";

/* A connected node. */
struct place {
    TAILQ_ENTRY(place) next; /* by name */
    const hm_node_name *node;
    bool visible; /* it is sent what changes */
    bool owed;    /* and has not got it yet */
    bool heard;   /* it has a user_list, which is monitored */
    bool over;    /* that it has too many users was said */
    hm_ref monitor;
    hm_term list; /* its users; size 0: none */
};

struct user_list {
    struct users own;
    struct users_limits limits;
    TAILQ_HEAD(, place) places;
    bool interval;       /* the article's first form */
    int64_t interval_ms;
    bool pausing;        /* a timer runs, before whose end nothing is sent; interval: the one that sends */
    bool flushing;       /* a message to ourselves is under way, behind which all of this turn is sent */
    uint64_t refused;    /* casts, and elements of lists */
    uint64_t full;       /* of these, over a limit */
    hm_metrics *metrics;
    hm_ref mark;         /* in what this server sends to itself, so that no one else can */
    hm_build *list;      /* the own users, while `listed' */
    hm_build *answer;    /* to get_users, while `answered' */
    hm_build *scratch;
    bool listed, answered;
};

static void refuse(hm_process *self, const char *what) {
    struct user_list *users = hm_data(self);
    users->refused++;
    hm_log(self, HM_LOG_WARN, "user_list.refused", "%s", what);
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
static void start_pause(hm_process *self, struct user_list *users) {
    if (users->pausing)
        return;
    const hm_build *own = build_own(users, "pause_over");
    users->pausing = hm_build_error(own) == 0 &&
                     hm_send_after(self, users->interval ? users->interval_ms : PAUSE_MS, hm_build_term(own), NULL) == 0;
    if (!users->pausing)
        report_memory(self, "the users are sent later");
}

static void start_flush(hm_process *self, struct user_list *users) {
    if (users->interval || users->flushing || users->pausing)
        return;
    const hm_build *own = build_own(users, "flush");
    users->flushing = hm_build_error(own) == 0 && hm_send(self, hm_to_pid(hm_self(self)), hm_build_term(own)) == 0;
    if (!users->flushing)
        start_pause(self, users);
}

/* ---- to the others ---- */

/* The own users as a term, size 0 without memory. */
static hm_term own_list(struct user_list *users) {
    if (!users->listed) {
        hm_build_reset(users->list);
        users_put(&users->own, users->list);
        users->listed = hm_build_error(users->list) == 0;
    }
    return users->listed ? hm_build_term(users->list) : (hm_term){0};
}

static int build_sync(hm_process *self, struct user_list *users) {
    hm_term list = own_list(users);
    if (!list.size)
        return HM_ENOMEM;
    hm_build_reset(users->scratch);
    hm_put_format(users->scratch, "{sync, ~a, ~t}", hm_node_name_of(hm_node_of(self)), list);
    return hm_build_error(users->scratch);
}

/* To all that are owed it and read. */
static void flush(hm_process *self, struct user_list *users) {
    struct place *place;
    bool sent = false, left = false;
    int error = build_sync(self, users);
    if (error)
        report_memory(self, "the users are sent later");
    TAILQ_FOREACH (place, &users->places, next) {
        if (!place->owed)
            continue;
        if (!error && !hm_is_busy(hm_node_of(self), place->node) &&
            hm_cast(self, hm_to_name(NAME, place->node), hm_build_term(users->scratch)) == 0) {
            place->owed = false;
            sent = true;
        } else {
            left = true;
        }
    }
    if (sent || left || users->interval)
        start_pause(self, users);
}

static void owe_all(struct user_list *users) {
    struct place *place;
    TAILQ_FOREACH (place, &users->places, next)
        place->owed |= place->visible;
}

static void owe(hm_process *self, struct user_list *users, struct place *place) {
    place->owed = true;
    if (users->interval)
        flush(self, users); /* there is only this one */
    else
        start_flush(self, users);
}

static void on_pause_over(hm_process *self, struct user_list *users) {
    struct place *place;
    bool owed = false;
    users->pausing = false;
    if (users->interval)
        owe_all(users);
    TAILQ_FOREACH (place, &users->places, next)
        owed |= place->owed;
    if (owed || users->interval)
        flush(self, users);
}

static void on_change(hm_process *self, struct user_list *users) {
    users->listed = users->answered = false;
    if (users->interval)
        return;
    owe_all(users);
    start_flush(self, users);
}

/* ---- other nodes ---- */

static struct place *find_place(struct user_list *users, const hm_node_name *node) {
    struct place *place;
    TAILQ_FOREACH (place, &users->places, next)
        if (place->node == node)
            return place;
    return NULL;
}

static struct place *place_of(hm_process *self, struct hm_text name) {
    char text[HM_ATOM_BYTES];
    if (name.size >= sizeof text)
        return NULL;
    memcpy(text, name.at, name.size);
    text[name.size] = '\0';
    /* Not hm_node_find: a node that is not connected must not take a place in the table of names. */
    struct user_list *users = hm_data(self);
    struct place *place;
    TAILQ_FOREACH (place, &users->places, next)
        if (strcmp(hm_node_name_text(place->node), text) == 0)
            return place;
    return NULL;
}

static void forget_list(struct user_list *users, struct place *place) {
    if (place->list.size)
        users->answered = false;
    free((void *)place->list.bytes);
    place->list = (hm_term){0};
    place->over = false;
}

static void add_place(hm_process *self, const hm_node_name *node, bool visible) {
    struct user_list *users = hm_data(self);
    struct place *place = find_place(users, node), *behind;
    if (place) {
        place->visible |= visible;
        return;
    }
    place = calloc(1, sizeof *place);
    if (!place) {
        report_memory(self, hm_node_name_text(node));
        return;
    }
    place->node = node;
    place->visible = visible;
    TAILQ_FOREACH (behind, &users->places, next)
        if (strcmp(hm_node_name_text(behind->node), hm_node_name_text(node)) > 0)
            break;
    if (behind)
        TAILQ_INSERT_BEFORE(behind, place, next);
    else
        TAILQ_INSERT_TAIL(&users->places, place, next);
    if (visible && !users->interval)
        owe(self, users, place);
}

static void remove_place(struct user_list *users, struct place *place) {
    forget_list(users, place);
    TAILQ_REMOVE(&users->places, place, next);
    free(place);
}

static void add_visible(void *self, const hm_node_name *node) {
    add_place(self, node, true);
}

static void add_hidden(void *self, const hm_node_name *node) {
    add_place(self, node, false);
}

/* Those that are there; who has a place keeps it. */
static void add_places(hm_process *self) {
    hm_nodes(hm_node_of(self), HM_NODES_VISIBLE, add_visible, self);
    hm_nodes(hm_node_of(self), HM_NODES_HIDDEN, add_hidden, self);
}

static void on_nodedown(hm_process *self, struct hm_text name) {
    struct place *place = place_of(self, name);
    if (place)
        remove_place(hm_data(self), place);
}

/* Its user_list ended; the next one begins with no users. noproc: there never was one, and who told us is somebody else. */
static void on_down(hm_process *self, hm_term ref_term, hm_term reason) {
    struct user_list *users = hm_data(self);
    struct place *place;
    hm_ref ref;
    if (!hm_get_ref(hm_node_of(self), ref_term, &ref))
        return;
    TAILQ_FOREACH (place, &users->places, next)
        if (place->heard && hm_ref_equal(&place->monitor, &ref)) {
            place->heard = false;
            if (!hm_is_atom(reason, "noproc"))
                forget_list(users, place);
            return;
        }
}

/* ---- what comes ---- */

static void on_add(hm_process *self, struct user_list *users, hm_term user) {
    switch (users_add(&users->own, user, &users->limits)) {
    case HM_OK:
        on_change(self, users);
        break;
    case HM_EBADTERM:
        refuse(self, "add_user: not a map with the key id");
        break;
    case HM_ELIMIT:
        users->refused++;
        users->full++;
        hm_log(self, HM_LOG_WARN, "user_list.full", "a user is not added: %zu users in %zu bytes are here already",
               users->own.count, users->own.bytes);
        break;
    default:
        report_memory(self, "a user is not added");
    }
}

static void on_remove(hm_process *self, struct user_list *users, hm_term user_or_id) {
    hm_term id;
    if (!user_id(user_or_id, &id))
        id = user_or_id;
    if (users_remove(&users->own, id))
        on_change(self, users);
}

static void report_left_out(hm_process *self, struct place *place, const struct users_left_out *out) {
    struct user_list *users = hm_data(self);
    users->refused += out->strange + out->over;
    if (out->strange)
        hm_log(self, HM_LOG_WARN, "user_list.refused", "sync of %s: %zu elements are no maps with the key id",
               hm_node_name_text(place->node), out->strange);
    users->full += out->over;
    if (out->over && !place->over)
        hm_log(self, HM_LOG_WARN, "user_list.full", "sync of %s: %zu users are left out", hm_node_name_text(place->node),
               out->over);
    place->over = out->over > 0;
}

static void keep_list(hm_process *self, struct user_list *users, struct place *place, hm_term list) {
    struct users_left_out out;
    hm_term copy;
    if (place->list.size == list.size && memcmp(place->list.bytes, list.bytes, list.size) == 0)
        return;
    hm_build_reset(users->scratch);
    int error = users_read(list, &users->limits, users->scratch, &out);
    if (error == HM_EBADTERM) {
        refuse(self, "sync: not a list");
        return;
    }
    if (error || hm_term_copy(hm_build_term(users->scratch), &copy) != 0) {
        report_memory(self, "a node's users are not taken");
        return;
    }
    bool over = place->over;
    forget_list(users, place);
    place->over = over;
    place->list = copy;
    users->answered = false;
    report_left_out(self, place, &out);
}

static void on_sync(hm_process *self, struct user_list *users, struct hm_text node, hm_term list) {
    struct place *place = place_of(self, node);
    if (!place) {
        refuse(self, "sync: of a node that is not connected");
        return;
    }
    keep_list(self, users, place, list);
    if (place->heard)
        return;
    place->heard = hm_monitor(self, hm_to_name(NAME, place->node), &place->monitor) == 0;
    if (place->heard)
        owe(self, users, place);
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
        if (count && place->list.size)
            lists[count++] = place->list;
    hm_build_reset(users->answer);
    users->answered = count && users_put_uniq(lists, count, users->answer) == 0;
    free(lists);
    return users->answered ? hm_build_term(users->answer) : (hm_term){0};
}

/* ---- the server ---- */

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    if (!hm_is_atom(request, "get_users"))
        return HM_UNKNOWN;
    hm_term all = all_users(hm_data(self));
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
        on_add(self, users, term);
    else if (hm_match(message, "{remove_user, ~t}", &term))
        on_remove(self, users, term);
    else if (hm_match(message, "{sync, ~a, ~t}", &node, &term))
        on_sync(self, users, node, term);
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
        add_places(self);
    } else if (hm_match(message, "{nodedown, ~a}", &name)) {
        on_nodedown(self, name);
    } else if (hm_match(message, "{'DOWN', ~t, process, _, ~t}", &term, &reason)) {
        on_down(self, term, reason);
    } else if (hm_match(message, "{~t, flush}", &term) && is_own(self, users, term)) {
        users->flushing = false;
        flush(self, users);
    } else if (hm_match(message, "{~t, pause_over}", &term) && is_own(self, users, term)) {
        on_pause_over(self, users);
    } else {
        return HM_UNKNOWN;
    }
    return HM_CONTINUE;
}

static void put_state(hm_process *self, hm_build *state) {
    struct user_list *users = hm_data(self);
    struct place *place;
    uint32_t count = 0;
    TAILQ_FOREACH (place, &users->places, next)
        count += place->list.size > 0;
    hm_put_map(state, 3);
    hm_put_atom(state, "users");
    users_put(&users->own, state);
    hm_put_atom(state, "nodes_state");
    hm_put_map(state, count);
    TAILQ_FOREACH (place, &users->places, next)
        if (place->list.size) {
            hm_put_atom(state, hm_node_name_text(place->node));
            hm_put_term(state, place->list);
        }
    hm_put_atom(state, "refused");
    hm_put_uint64(state, users->refused);
}

/* ---- metrics ---- */

enum { METRIC_USERS, METRIC_NODES, METRIC_REFUSED, METRIC_LIMIT_HITS, METRICS };

static const struct hm_metric metrics[METRICS] = {
    [METRIC_USERS] = {"hermod_user_list_users", HM_GAUGE, "Users of this node in user_list", {0}},
    [METRIC_NODES] = {"hermod_user_list_nodes", HM_GAUGE, "Other nodes whose users are known", {0}},
    [METRIC_REFUSED] = {"hermod_user_list_refused_total", HM_COUNTER, "Requests and users that were refused", {0}},
    [METRIC_LIMIT_HITS] = {"hermod_limit_hits_total", HM_COUNTER,
                           "Times that something was refused or dropped because of the option of this name", {"limit"}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct user_list *users = arg;
    struct hm_text limit = hm_text_of("user-list-max-users");
    const struct place *place;
    uint64_t nodes = 0;
    TAILQ_FOREACH (place, &users->places, next)
        nodes += place->list.size > 0;
    const uint64_t values[METRICS] = {
        [METRIC_USERS] = users->own.count, [METRIC_NODES] = nodes, [METRIC_REFUSED] = users->refused, [METRIC_LIMIT_HITS] = users->full};
    hm_metric_put(out, metric == METRIC_LIMIT_HITS ? &limit : NULL, values[metric]);
}

static void free_users(struct user_list *users) {
    struct place *place;
    if (!users)
        return;
    hm_metrics_remove(users->metrics);
    while ((place = TAILQ_FIRST(&users->places)))
        remove_place(users, place);
    users_fini(&users->own);
    hm_build_free(users->list);
    hm_build_free(users->answer);
    hm_build_free(users->scratch);
    free(users);
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
    users->interval_ms = config->user_list_interval_ms ? (int64_t)config->user_list_interval_ms : USER_LIST_DEFAULT_INTERVAL_MS;
    users->mark = hm_make_ref(hm_node_of(self));
    users->list = hm_build_new();
    users->answer = hm_build_new();
    users->scratch = hm_build_new();
    int error = users->list && users->answer && users->scratch ? hm_monitor_nodes(self, true, true) : HM_ENOMEM;
    if (!error)
        error = hm_metrics_add(hm_node_of(self), metrics, METRICS, collect, users, &users->metrics);
    if (error) {
        free_users(users);
        return error;
    }
    hm_set_data(self, users);
    add_places(self);
    if (users->interval)
        start_pause(self, users);
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
    .state = put_state,
};

int user_list_start(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.name = NAME, .restart = true};
    /* init only reads it. */
    return hm_server_start(node, &class, &start, (void *)config, NULL);
}
