#include "otp/releases.h"

#include <stdlib.h>

#include "dist/channel.h"
#include "node/peers.h"

struct question {
    LIST_ENTRY(question) link;
    void (*done)(struct hm_node *node, enum state_form form, void *arg);
    void *arg;
};

/* One peer in one connection (its creation tells lives apart). */
struct release {
    LIST_ENTRY(release) link;
    const hm_node_name *peer;
    uint32_t creation;
    enum state_form state;
    uint32_t number; /* of the asking, so that an answer that comes after releases_forget is known as old */
    LIST_HEAD(, question) questions; /* while state is unknown */
};

static uint32_t creation_of(const struct hm_node *node, const hm_node_name *peer) {
    const struct peer *found = peers_find(node, peer);
    const struct channel *channel = found && peer_is_up(found) ? peer_channel(found) : NULL;
    return channel ? channel_creation(channel) : 0;
}

static struct release *find(const struct hm_node *node, const hm_node_name *peer) {
    struct release *release;
    LIST_FOREACH (release, &otp_of(node)->releases, link)
        if (release->peer == peer)
            return release;
    return NULL;
}

bool releases_is_tagged_stdlib(const char *version) {
    char *end;
    unsigned long major = strtoul(version, &end, 10);
    if (end == version)
        return true;
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    return major > 5 || (major == 5 && minor >= 1);
}

enum state_form releases_state_form(const struct hm_node *node, const hm_node_name *peer) {
    if (!otp_of(node) || peer == node->name)
        return STATE_TAGGED;
    const struct release *release = find(node, peer);
    return release && release->creation == creation_of(node, peer) ? release->state : STATE_UNKNOWN;
}

static void answer(struct hm_node *node, struct release *release, enum state_form form) {
    struct question *question;
    while ((question = LIST_FIRST(&release->questions))) {
        LIST_REMOVE(question, link);
        question->done(node, form, question->arg);
        free(question);
    }
}

/* Whoever still waits for an answer is gone with the connection; an answer would only dial it again. */
static void forget(struct hm_node *node, struct release *release) {
    answer(node, release, STATE_UNKNOWN);
    LIST_REMOVE(release, link);
    free(release);
}

void releases_forget(struct hm_node *node, const hm_node_name *peer) {
    struct release *release = otp_of(node) ? find(node, peer) : NULL;
    if (release)
        forget(node, release);
}

void releases_free(struct hm_node *node) {
    struct release *release;
    while ((release = LIST_FIRST(&otp_of(node)->releases)))
        forget(node, release);
}

static enum hm_verdict on_version(hm_process *self, void *arg, int error, hm_term reply) {
    struct hm_node *node = hm_node_of(self);
    struct release *release;
    hm_term version;
    char text[32];
    size_t size;
    LIST_FOREACH (release, &otp_of(node)->releases, link)
        if (release->number == (uint32_t)(uintptr_t)arg && release->state == STATE_UNKNOWN)
            break;
    if (!release)
        return HM_CONTINUE;
    /* {ok, "4.2"}; anything else is no BEAM, or one that we may not ask: the newer form. */
    bool bare = error == HM_OK && hm_match(reply, "{ok, ~t}", &version) &&
                hm_get_text(version, text, sizeof text, &size) && !releases_is_tagged_stdlib(text);
    release->state = bare ? STATE_BARE : STATE_TAGGED;
    answer(node, release, release->state);
    return HM_CONTINUE;
}

static int ask(struct hm_node *node, struct release *release) {
    hm_process *asker = process_lookup(node, otp_of(node)->net_kernel);
    hm_build *build = asker ? hm_build_new() : NULL;
    if (!build)
        return asker ? HM_ENOMEM : HM_ESTATE;
    release->number = (uint32_t)++node->next_timer;
    hm_put_format(build, "{call, application, get_key, [stdlib, vsn], ~p}", asker->pid);
    int error = hm_build_error(build);
    if (!error)
        error = hm_call(asker, hm_to_name("rex", release->peer), hm_build_term(build), RELEASES_WAIT_MS,
                        on_version, (void *)(uintptr_t)release->number);
    hm_build_free(build);
    return error;
}

int releases_ask(struct hm_node *node, const hm_node_name *peer,
                 void (*done)(struct hm_node *node, enum state_form form, void *arg), void *arg) {
    if (!otp_of(node))
        return HM_ESTATE;
    struct question *question = calloc(1, sizeof *question);
    if (!question)
        return HM_ENOMEM;
    question->done = done;
    question->arg = arg;
    struct release *release = find(node, peer);
    uint32_t creation = creation_of(node, peer);
    if (release && release->creation != creation) {
        forget(node, release);
        release = NULL;
    }
    if (!release) {
        int error = HM_ENOMEM;
        release = calloc(1, sizeof *release);
        if (release) {
            release->peer = peer;
            release->creation = creation;
            LIST_INIT(&release->questions);
            error = ask(node, release);
        }
        if (error != HM_OK) {
            free(release);
            free(question);
            return error;
        }
        LIST_INSERT_HEAD(&otp_of(node)->releases, release, link);
    }
    LIST_INSERT_HEAD(&release->questions, question, link);
    return HM_OK;
}
