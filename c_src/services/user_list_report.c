#include "services/user_list_private.h"

bool user_list_knows(const struct user_list *users, const struct place *place) {
    return place->list.size || user_replica_find(users->replica, hm_node_name_text(place->node), NULL);
}

static const char *form_text(const struct place *place) {
    return place->form == PLACE_ASKED ? "asked" : place->form == PLACE_SYNCS ? "syncs" : "deltas";
}

static void put_lists(struct user_list *users, hm_build *state) {
    struct place *place;
    uint32_t count = 0;
    TAILQ_FOREACH (place, &users->places, next)
        count += user_list_knows(users, place);
    hm_put_map(state, count);
    TAILQ_FOREACH (place, &users->places, next)
        if (user_list_knows(users, place)) {
            const struct users *known = user_replica_find(users->replica, hm_node_name_text(place->node), NULL);
            hm_put_atom(state, hm_node_name_text(place->node));
            if (known)
                users_put(known, state);
            else
                hm_put_term(state, place->list);
        }
}

/* #{Node => asked | syncs | {deltas, Version}} */
static void put_forms(struct user_list *users, hm_build *state) {
    struct place *place;
    uint32_t count = 0;
    uint64_t version;
    TAILQ_FOREACH (place, &users->places, next)
        count++;
    hm_put_map(state, count);
    TAILQ_FOREACH (place, &users->places, next) {
        hm_put_atom(state, hm_node_name_text(place->node));
        if (user_replica_find(users->replica, hm_node_name_text(place->node), &version))
            hm_put_format(state, "{deltas, ~u}", version);
        else
            hm_put_atom(state, form_text(place));
    }
}

void user_list_put_state(hm_process *self, hm_build *state) {
    struct user_list *users = hm_data(self);
    const struct user_replica_counts *sent = user_replica_counted(users->replica);
    hm_put_map(state, 6);
    hm_put_atom(state, "users");
    users_put(user_replica_users(users->replica), state);
    hm_put_atom(state, "version");
    hm_put_uint64(state, user_replica_version(users->replica));
    hm_put_atom(state, "nodes_state");
    put_lists(users, state);
    hm_put_atom(state, "nodes");
    put_forms(users, state);
    hm_put_atom(state, "sent");
    hm_put_format(state, "#{deltas => ~u, fulls => ~u, vectors => ~u, wants => ~u}", sent->deltas, sent->fulls, sent->vectors, sent->wants);
    hm_put_atom(state, "refused");
    hm_put_uint64(state, users->refused);
}

/* ---- metrics ---- */

enum { METRIC_USERS, METRIC_NODES, METRIC_SENT, METRIC_REFUSED, METRIC_LIMIT_HITS, METRICS };

static const struct hm_metric metrics[METRICS] = {
    [METRIC_USERS] = {"hermod_user_list_users", HM_GAUGE, "Users of this node in user_list", {0}},
    [METRIC_NODES] = {"hermod_user_list_nodes", HM_GAUGE, "Other nodes whose users are known", {0}},
    [METRIC_SENT] = {"hermod_user_list_sent_total", HM_COUNTER, "Messages to nodes that are only sent what changes", {"message"}},
    [METRIC_REFUSED] = {"hermod_user_list_refused_total", HM_COUNTER, "Requests and users that were refused", {0}},
    [METRIC_LIMIT_HITS] = {"hermod_limit_hits_total", HM_COUNTER,
                           "Times that something was refused or dropped because of the option of this name", {"limit"}},
};

static void collect_sent(const struct user_list *users, hm_metrics_out *out) {
    const struct user_replica_counts *sent = user_replica_counted(users->replica);
    static const char *const names[] = {"delta", "full", "vector", "want"};
    const uint64_t counts[] = {sent->deltas, sent->fulls, sent->vectors, sent->wants};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct hm_text name = hm_text_of(names[i]);
        hm_metric_put(out, &name, counts[i]);
    }
}

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct user_list *users = arg;
    if (metric == METRIC_SENT) {
        collect_sent(users, out);
        return;
    }
    struct hm_text limit = hm_text_of("user-list-max-users");
    const struct place *place;
    uint64_t nodes = 0;
    TAILQ_FOREACH (place, &users->places, next)
        nodes += user_list_knows(users, place);
    const uint64_t values[METRICS] = {[METRIC_USERS] = user_replica_users(users->replica)->count,
                                      [METRIC_NODES] = nodes,
                                      [METRIC_REFUSED] = users->refused,
                                      [METRIC_LIMIT_HITS] = users->full};
    hm_metric_put(out, metric == METRIC_LIMIT_HITS ? &limit : NULL, values[metric]);
}

int user_list_add_metrics(struct user_list *users) {
    return hm_metrics_add(hm_node_of(users->self), metrics, METRICS, collect, users, &users->metrics);
}
