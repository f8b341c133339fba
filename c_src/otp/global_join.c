/*
 * The end of the connection algorithm: both sides know what the other has, and two partitions become one. Here, and on the nodes that are
 * told of it with new_nodes, names change and nodes become known.
 */
#include <stdlib.h>

#include "otp/global_private.h"

/* [{Node, Version}] of him and whom he knows; as [Node] for members before version 7. */
static hm_build *build_new_nodes(struct global_member *m, struct other *other, bool versions, hm_term ops) {
    struct names *names = m->config.names;
    struct hm_list list;
    const hm_node_name *node;
    int64_t version;
    uint32_t count = 1;
    hm_build *build = hm_build_new();
    if (!build)
        return NULL;
    hm_put_tuple(build, 6);
    hm_put_atom(build, "new_nodes");
    global_put_node(build, m->config.self);
    hm_put_term(build, ops);
    size_t begin = hm_put_list_begin(build);
    hm_put_list_end(build, begin, global_copy_ext(names, build, other->his_ext));
    begin = hm_put_list_begin(build);
    if (versions)
        hm_put_tuple(build, 2);
    global_put_node(build, other->name);
    if (versions)
        hm_put_int64(build, other_version(m, other->name));
    hm_list_begin(other->his_known, &list);
    for (; global_next_node(names, &list, &node, &version); count++) {
        if (versions)
            hm_put_tuple(build, 2);
        global_put_node(build, node);
        if (versions)
            hm_put_int64(build, version ? version : other_version(m, node));
    }
    hm_put_list_end(build, begin, count);
    hm_put_format(build, "[{vsn, ~i}, {lock, {global, ~t}}]", other->version, other->requester);
    return build;
}

static struct news *make_news(struct global_member *m, struct other *other, hm_term ops) {
    struct news *news = calloc(1, sizeof *news);
    hm_build *build = build_new_nodes(m, other, true, ops), *old = build_new_nodes(m, other, false, ops);
    if (!news || !build || !old || hm_build_error(build) != HM_OK || hm_build_error(old) != HM_OK ||
        !member_known_list(m, false, &news->nodes) ||
        !(news->old = calloc(news->nodes.count + 1, sizeof *news->old)) ||
        !member_copy(m, hm_build_term(build), &news->message) ||
        !member_copy(m, hm_build_term(old), &news->old_message)) {
        member_fail(m);
    } else {
        for (unsigned i = 0; i < news->nodes.count; i++)
            news->old[i] = other_version(m, news->nodes.at[i]) < GLOBAL_VERSION_WITH_NODES;
    }
    hm_build_free(build);
    hm_build_free(old);
    return news;
}

/* our operations ++ his */
static bool all_ops(struct global_member *m, struct other *other, hm_term *ops) {
    hm_build *build = hm_build_new();
    bool good = false;
    if (build) {
        size_t begin = hm_put_list_begin(build);
        uint32_t count = global_copy_ops(m->config.names, build, other->ops);
        count += global_copy_ops(m->config.names, build, other->his_ops);
        hm_put_list_end(build, begin, count);
        good = hm_build_error(build) == HM_OK && member_copy(m, hm_build_term(build), ops);
    }
    hm_build_free(build);
    if (!good)
        member_fail(m);
    return good;
}

/* Adds nodes to the known ones; those that were not, or may wait for it, are told in_sync when `tell`. */
static void add_known(struct global_member *m, const hm_node_name *node, int64_t version, bool tell) {
    struct other *other = other_get(m, node);
    if (!other)
        return;
    bool added = other->known == NOT_KNOWN;
    if (added || (other->known == GLOBAL_UNKNOWN_VERSION && version))
        other->known = version;
    if (added)
        heal_watch(m, &other->check_ms);
    bool began_again = other->again && other->synced;
    if (began_again)
        session_drop(m, other);
    if ((added || began_again || !other->synced) && tell)
        other_reach(m, other, true); /* (OTP says it only to those that were not known.) */
}

typedef void known_visitor(struct global_member *m, const hm_node_name *node, int64_t version);

static void each_known(struct global_member *m, hm_term nodes, known_visitor *visit) {
    struct hm_list list;
    const hm_node_name *node;
    int64_t version;
    if (hm_list_begin(nodes, &list))
        while (!m->failed && global_next_node(m->config.names, &list, &node, &version))
            if (node != m->config.self)
                visit(m, node, version);
}

/*
 * He hears of us by new_nodes, and says in_sync. OTP says it to him at once: when that message is lost, as when the node that
 * joined us ends, he takes us for in sync, begins no session, and nobody tells us. So he is told when he has said it himself.
 */
static void reach_known(struct global_member *m, const hm_node_name *node, int64_t version) {
    struct other *other = other_get(m, node);
    (void)version;
    if (!other)
        return;
    other_reach(m, other, other->synced);
    if (!other->synced)
        heal_watch(m, &other->owes_ms);
}

/* We are joined with them through him: what we began with them ourselves is over. */
static void cancel_known(struct global_member *m, const hm_node_name *node, int64_t version) {
    struct other *other = other_find(m, node);
    (void)version;
    if (!other)
        return;
    other->met = other->met || other->has_his_tag;
    session_drop(m, other);
}

static void add_his_known(struct global_member *m, const hm_node_name *node, int64_t version) {
    add_known(m, node, version ? version : other_version(m, node), false);
}

static void add_and_tell(struct global_member *m, const hm_node_name *node, int64_t version) {
    add_known(m, node, version, true);
}

void session_join(struct global_member *m, struct other *other) {
    hm_term ops = {0}, his_known = other->his_known;
    other->his_known = (hm_term){0};
    each_known(m, his_known, reach_known);
    if (m->failed || !all_ops(m, other, &ops)) {
        term_drop(&his_known);
        return;
    }
    changes_run(m, ops, other->his_ext, other->requester);
    member_tell_syncers(m, other->name);
    each_known(m, his_known, cancel_known);
    /* It named itself among those whom it knows, and its session went with theirs. */
    if (!other->requester.size) {
        term_drop(&his_known);
        term_drop(&ops);
        return;
    }
    other->his_known = his_known;
    /* The locker sends new_nodes, so that it arrives before its del_lock. */
    struct news *news = make_news(m, other, ops);
    other->his_known = (hm_term){0};
    term_drop(&ops);
    int64_t version = other_version(m, other->name);
    other->pending = NOT_KNOWN;
    session_cancel(m, other, other->my_tag, news);
    session_reset(other);
    add_known(m, other->name, version, false);
    each_known(m, his_known, add_his_known);
    other->synced = true;
    other->met = false;
    other->owes_ms = 0;
    term_drop(&his_known);
}

/* Only from a node that we know: the lock under which it found the others was set here, too, when its own join had already been told.
 * One that was removed meanwhile, and whose message was under way, would bring nodes that are not joined with us. (OTP takes it.) */
void session_on_new_nodes(struct global_member *m, const struct global_message *message) {
    if (!other_is_known(m, message->node))
        return;
    each_known(m, message->known, add_and_tell);
    changes_run(m, message->ops, message->ext, message->requester);
}
