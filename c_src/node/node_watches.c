#include "node/node_watches.h"

#include <stdlib.h>

struct node_watch {
    TAILQ_ENTRY(node_watch) link;
    hm_process *process;
    LIST_HEAD(, node_news) news;
    bool all; /* hidden nodes too */
};

/* What a watch will be told of a peer. */
struct node_news {
    LIST_ENTRY(node_news) of_peer, of_watch;
    struct node_watch *watch;
    struct peer *peer;
    struct message *up, *down; /* NULL: told */
};

static struct message *make_message(const struct peer *peer, const char *what) {
    struct hm_node *node = peer_node(peer);
    hm_build *build = node_build_take(node);
    struct message *message = NULL;
    if (!build)
        return NULL;
    hm_put_tuple(build, 2);
    hm_put_atom(build, what);
    hm_put_atom(build, hm_node_name_text(peer_name(peer)));
    if (hm_build_error(build) == HM_OK)
        message = message_new(MESSAGE_TERM, hm_build_term(build), NULL);
    node_build_give(node, build);
    if (message)
        message->always = true;
    return message;
}

static void drop_news(struct node_news *news) {
    LIST_REMOVE(news, of_peer);
    LIST_REMOVE(news, of_watch);
    message_free(news->up);
    message_free(news->down);
    free(news);
}

static void drop_news_of_peer(struct peer *peer) {
    struct node_news *news;
    while ((news = LIST_FIRST(&peer_relations(peer)->news)))
        drop_news(news);
}

static int prepare(struct node_watch *watch, struct peer *peer, bool with_up) {
    struct node_news *news = calloc(1, sizeof *news);
    if (!news)
        return HM_ENOMEM;
    news->watch = watch;
    news->peer = peer;
    LIST_INSERT_HEAD(&peer_relations(peer)->news, news, of_peer);
    LIST_INSERT_HEAD(&watch->news, news, of_watch);
    news->down = make_message(peer, "nodedown");
    news->up = with_up ? make_message(peer, "nodeup") : NULL;
    if (news->down && (news->up || !with_up))
        return HM_OK;
    drop_news(news);
    return HM_ENOMEM;
}

/* ---- watches ---- */

struct preparing {
    struct node_watch *watch;
    bool hidden; /* those of the hidden peers, else those of the others */
    int error;
};

static void prepare_peer(void *arg, struct peer *peer) {
    struct preparing *preparing = arg;
    if (preparing->error == HM_OK && peer_is_up(peer) && peer_is_visible(peer) != preparing->hidden)
        preparing->error = prepare(preparing->watch, peer, false);
}

static int prepare_peers(struct node_watch *watch, bool hidden) {
    struct preparing preparing = {.watch = watch, .hidden = hidden};
    peers_each(watch->process->node, prepare_peer, &preparing);
    return preparing.error;
}

static void drop_hidden(struct node_watch *watch) {
    struct node_news *news, *next;
    for (news = LIST_FIRST(&watch->news); news; news = next) {
        next = LIST_NEXT(news, of_watch);
        if (!peer_is_visible(news->peer))
            drop_news(news);
    }
}

static int change(struct node_watch *watch, bool all) {
    int error = all && !watch->all ? prepare_peers(watch, true) : HM_OK;
    if (error != HM_OK || !all)
        drop_hidden(watch);
    if (error == HM_OK)
        watch->all = all;
    return error;
}

int node_watches_add(hm_process *process, bool all) {
    struct hm_node *node = process->node;
    if (process->node_watch)
        return change(process->node_watch, all);
    struct node_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return HM_ENOMEM;
    watch->process = process;
    LIST_INIT(&watch->news);
    TAILQ_INSERT_TAIL(&node->watches, watch, link);
    process->node_watch = watch;
    int error = prepare_peers(watch, false);
    if (error == HM_OK)
        error = change(watch, all);
    if (error != HM_OK)
        node_watches_remove(process);
    return error;
}

void node_watches_remove(hm_process *process) {
    struct node_watch *watch = process->node_watch;
    struct node_news *news;
    if (!watch)
        return;
    while ((news = LIST_FIRST(&watch->news)))
        drop_news(news);
    TAILQ_REMOVE(&process->node->watches, watch, link);
    process->node_watch = NULL;
    free(watch);
}

/* ---- telling ---- */

int node_watches_prepare(struct peer *peer, bool visible) {
    struct node_watch *watch;
    TAILQ_FOREACH(watch, &peer_node(peer)->watches, link) {
        if ((visible || watch->all) && prepare(watch, peer, true) != HM_OK) {
            drop_news_of_peer(peer);
            return HM_ENOMEM;
        }
    }
    return HM_OK;
}

static void deliver(const struct node_news *news, struct message *message) {
    message->untraced = peer_node(news->peer)->trace_quiet;
    process_deliver(news->watch->process, message);
}

void node_watches_tell_up(struct peer *peer) {
    struct node_news *news;
    LIST_FOREACH(news, &peer_relations(peer)->news, of_peer) {
        deliver(news, news->up);
        news->up = NULL;
    }
}

void node_watches_tell_down(struct peer *peer) {
    struct node_news *news;
    LIST_FOREACH(news, &peer_relations(peer)->news, of_peer) {
        deliver(news, news->down);
        news->down = NULL;
    }
    drop_news_of_peer(peer);
}
