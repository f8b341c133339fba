/*
 * The chat server of the ex_messenger exercise, registered as message_server.
 *
 *     call {connect, Nick}                    {ok, <<"ann:bob">>}, nick_in_use, nick_not_allowed, room_full
 *     call {disconnect, Nick}                 ok, user_not_found, not_allowed (from another node than hers)
 *     cast {say, Nick, Text}                  {message, Nick, Text} to every user but Nick
 *     cast {private_message, From, To, Text}  {message, From, Text} to To
 *     cast {list_users, Nick}                 {message, <<"server">>, <<"users: ann, bob">>} to Nick
 *
 * A message to a user is a cast to {message_handler, Node}, one for each user, Node being where its connect
 * came from. A nick is a binary, an atom or a charlist and is sent on as it came; texts leave as binaries.
 * Joining and leaving is announced as if the user had said it, through the own mailbox as in the exercise:
 * after what was said before, to whoever is there by then.
 *
 * Beyond the exercise:
 *   - A user whose node goes down has left. The node and not the process counts: calls come from whatever
 *     process a client uses at the moment, often one that ends right after.
 *   - Nicks and texts have a longest size, and control characters reach nobody's terminal: such a nick is not
 *     allowed, texts are cleaned (plain_text.h). Who says too much is told so by "server".
 *   - Only the server speaks as "server": casts with that nick are dropped.
 *   - A node that does not read fast enough gets its messages later; what waits for it is bounded.
 *
 * As in the exercise, casts carry no sender: whoever is in the cluster can speak with another's nick, and
 * also without having joined. Who has the cookie is trusted.
 */
#include "services/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <hermod/metrics.h>

#include "services/chat_room.h"
#include "services/plain_text.h"

enum { DRAIN_MS = 10 };

struct chat {
    struct chat_room room;
    size_t max_nick, max_message, max_users;
    hm_ref own;      /* in what this server sends to itself, so that no one else can */
    hm_build *build; /* of the message that goes out */
    char *text;      /* max_message bytes and a NUL, then their clean form */
    bool draining;   /* a timer runs that looks after slow nodes */
    uint64_t said, bad_nicks, full, too_long, missed; /* messages passed on; refusals; messages that slow nodes miss */
    hm_metrics *metrics;
};

struct nick {
    enum nick_kind kind;
    size_t size;
    char text[CHAT_NICK_BYTES + 1];
};

/* ---- nicks and texts ---- */

/* false: not a text, empty, too long, or with characters that a nick must not have. */
static bool read_nick(const struct chat *chat, hm_term term, struct nick *nick) {
    switch (hm_term_type(term)) {
    case HM_TYPE_BINARY:
        nick->kind = NICK_BINARY;
        break;
    case HM_TYPE_ATOM:
        nick->kind = NICK_ATOM;
        break;
    case HM_TYPE_LIST:
        nick->kind = NICK_CHARLIST;
        break;
    default:
        return false;
    }
    return hm_get_text(term, nick->text, chat->max_nick + 1, &nick->size) && nick->size > 0 &&
           plain_text_is_clean(nick->text, nick->size);
}

static bool is_server(const struct nick *nick) {
    return strcmp(nick->text, "server") == 0;
}

/* What a user may speak as. */
static bool read_speaker(const struct chat *chat, hm_term term, struct nick *nick) {
    return read_nick(chat, term, nick) && !is_server(nick);
}

static void put_nick(hm_build *build, enum nick_kind kind, const char *text, size_t size) {
    switch (kind) {
    case NICK_BINARY:
        hm_put_binary(build, text, size);
        break;
    case NICK_ATOM:
        hm_put_atom_n(build, text, size);
        break;
    case NICK_CHARLIST:
        hm_put_charlist(build, text);
        break;
    }
}

/* The text of a message, clean; it borrows from the term or from chat->text. HM_ELIMIT: too long.
 * HM_EBADTERM: no text. */
static int read_text(struct chat *chat, hm_term term, const char **text, size_t *size) {
    const void *bytes;
    if (hm_get_binary(term, &bytes, size))
        *text = bytes;
    else if (hm_get_text(term, chat->text, chat->max_message + 1, size))
        *text = chat->text;
    else
        return HM_EBADTERM;
    if (*size > chat->max_message)
        return HM_ELIMIT;
    if (!plain_text_is_clean(*text, *size)) {
        char *clean = chat->text + chat->max_message + 1;
        *size = plain_text_clean(clean, *text, *size);
        *text = clean;
    }
    return 0;
}

/* ---- sending ---- */

/* How many copies are left, because the node is busy. What cannot be sent at all is gone, as a cast is. */
static size_t send_copies(hm_process *self, const struct chat_place *place, hm_term message, size_t copies) {
    hm_address to = hm_to_name("message_handler", place->node);
    for (; copies > 0; copies--) {
        if (hm_is_busy(hm_node_of(self), place->node))
            break;
        hm_cast(self, to, message);
    }
    return copies;
}

/* To this server itself: {Own, What, Nick, Text}. */
static void send_self(hm_process *self, struct chat *chat, const char *what, const struct nick *nick,
                      const char *text, size_t size) {
    hm_build_reset(chat->build);
    hm_put_tuple(chat->build, 4);
    hm_put_ref(chat->build, &chat->own);
    hm_put_atom(chat->build, what);
    put_nick(chat->build, nick->kind, nick->text, nick->size);
    hm_put_binary(chat->build, text, size);
    int error = hm_build_error(chat->build);
    if (!error)
        error = hm_send(self, hm_to_pid(hm_self(self)), hm_build_term(chat->build));
    if (error)
        hm_log(self, HM_LOG_WARN, "chat.lost", "a message of the server is lost: %s", hm_strerror(error));
}

static void start_drain(hm_process *self, struct chat *chat) {
    if (chat->draining)
        return;
    hm_build_reset(chat->build);
    hm_put_tuple(chat->build, 2);
    hm_put_ref(chat->build, &chat->own);
    hm_put_atom(chat->build, "drain");
    chat->draining = hm_build_error(chat->build) == 0 &&
                     hm_send_after(self, DRAIN_MS, hm_build_term(chat->build), NULL) == 0;
}

static void drain(hm_process *self, struct chat *chat) {
    struct chat_place *place;
    bool waiting = false;
    chat->draining = false;
    TAILQ_FOREACH (place, &chat->room.places, in_room) {
        struct chat_waiting *first;
        while ((first = STAILQ_FIRST(&place->waiting))) {
            first->copies = send_copies(self, place, first->message, first->copies);
            if (first->copies > 0) {
                waiting = true;
                break;
            }
            chat_place_done(place);
        }
        if (!first)
            place->overflowed = false;
    }
    if (waiting)
        start_drain(self, chat);
}

/* true: some of it waits. */
static bool deliver(hm_process *self, struct chat_place *place, hm_term message, size_t copies) {
    if (STAILQ_EMPTY(&place->waiting))
        copies = send_copies(self, place, message, copies);
    if (copies == 0)
        return false;
    int error = chat_place_wait(place, message, copies);
    if (error)
        ((struct chat *)hm_data(self))->missed += copies;
    if (error && !place->overflowed) {
        place->overflowed = true;
        hm_log(self, HM_LOG_WARN, "chat.slow", "%s does not read: it misses messages (%s)",
               hm_node_name_text(place->node), hm_strerror(error));
    }
    return true;
}

/* {message, Nick, Text} into the builder. */
static int build_message(hm_build *build, const struct nick *nick, const char *text, size_t size) {
    hm_build_reset(build);
    hm_put_tuple(build, 3);
    hm_put_atom(build, "message");
    put_nick(build, nick->kind, nick->text, nick->size);
    hm_put_binary(build, text, size);
    return hm_build_error(build);
}

static void say(hm_process *self, struct chat *chat, const struct nick *nick, const char *text, size_t size) {
    if (build_message(chat->build, nick, text, size) != 0)
        return;
    chat->said++;
    hm_term message = hm_build_term(chat->build);
    const struct chat_user *speaker = chat_room_find(&chat->room, nick->text, nick->size);
    struct chat_place *place;
    bool waiting = false;
    TAILQ_FOREACH (place, &chat->room.places, in_room) {
        size_t copies = place->user_count - (speaker && speaker->place == place ? 1 : 0);
        waiting |= copies > 0 && deliver(self, place, message, copies);
    }
    if (waiting)
        start_drain(self, chat);
}

static void tell(hm_process *self, struct chat *chat, const struct nick *from, const struct nick *to,
                 const char *text, size_t size) {
    const struct chat_user *user = chat_room_find(&chat->room, to->text, to->size);
    if (user && build_message(chat->build, from, text, size) == 0 &&
        deliver(self, user->place, hm_build_term(chat->build), 1))
        start_drain(self, chat);
}

/* ---- coming and going ---- */

static void announce(hm_process *self, struct chat *chat, const struct nick *nick, const char *what) {
    char text[CHAT_NICK_BYTES + 32];
    int size = snprintf(text, sizeof text, "* %s has %s *", nick->text, what);
    send_self(self, chat, "say", nick, text, (size_t)size);
}

static enum hm_verdict on_connect(hm_process *self, struct chat *chat, hm_term term, const hm_from *from) {
    struct nick nick;
    if (!read_speaker(chat, term, &nick)) {
        chat->bad_nicks++;
        return hm_reply(self, from, "nick_not_allowed");
    }
    if (chat_room_find(&chat->room, nick.text, nick.size))
        return hm_reply(self, from, "nick_in_use");
    if (chat->room.user_count >= chat->max_users) {
        chat->full++;
        return hm_reply(self, from, "room_full");
    }

    const hm_node_name *node = hm_from_pid(from).node;
    struct chat_user *user = chat_room_add(&chat->room, nick.text, nick.size, nick.kind, node);
    size_t size;
    char *list = user ? chat_room_list(&chat->room, ":", &size) : NULL;
    if (!list) {
        if (user)
            chat_room_remove(&chat->room, user);
        hm_log(self, HM_LOG_WARN, "chat.memory", "no memory for %s@%s", nick.text, hm_node_name_text(node));
        return hm_reply(self, from, "room_full");
    }
    hm_log(self, HM_LOG_INFO, "chat.join", "%s at %s, now %zu", nick.text, hm_node_name_text(node),
           chat->room.user_count);
    announce(self, chat, &nick, "joined");
    hm_reply(self, from, "{ok, ~b}", list, size);
    free(list);
    return HM_CONTINUE;
}

static void leave(hm_process *self, struct chat *chat, struct chat_user *user, const char *why) {
    struct nick nick = {.kind = user->kind, .size = user->size};
    memcpy(nick.text, user->nick, user->size + 1);
    hm_log(self, HM_LOG_INFO, "chat.leave", "%s at %s: %s, now %zu", nick.text,
           hm_node_name_text(user->place->node), why, chat->room.user_count - 1);
    chat_room_remove(&chat->room, user);
    announce(self, chat, &nick, "left");
}

static enum hm_verdict on_disconnect(hm_process *self, struct chat *chat, hm_term term, const hm_from *from) {
    struct nick nick;
    struct chat_user *user = NULL;
    if (read_nick(chat, term, &nick))
        user = chat_room_find(&chat->room, nick.text, nick.size);
    if (!user)
        return hm_reply(self, from, "user_not_found");
    if (user->place->node != hm_from_pid(from).node)
        return hm_reply(self, from, "not_allowed");
    leave(self, chat, user, "disconnected");
    return hm_reply(self, from, "ok");
}

static void on_nodedown(hm_process *self, struct chat *chat, struct hm_text name) {
    char text[HM_ATOM_BYTES];
    if (name.size >= sizeof text)
        return;
    memcpy(text, name.at, name.size);
    text[name.size] = '\0';
    const hm_node_name *node = hm_node_find(hm_node_of(self), text);
    struct chat_place *place;
    while (node && (place = chat_room_place(&chat->room, node)))
        leave(self, chat, TAILQ_FIRST(&place->users), "node down");
}

/* ---- the server ---- */

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_term nick;
    if (hm_match(request, "{connect, ~t}", &nick))
        return on_connect(self, hm_data(self), nick, from);
    if (hm_match(request, "{disconnect, ~t}", &nick))
        return on_disconnect(self, hm_data(self), nick, from);
    return HM_UNKNOWN;
}

/* Says why a text is not sent on, as far as somebody can be told. */
static enum hm_verdict refuse_text(hm_process *self, struct chat *chat, int error, const struct nick *nick) {
    if (error != HM_ELIMIT)
        return HM_UNKNOWN;
    char text[64];
    chat->too_long++;
    int size = snprintf(text, sizeof text, "your message is too long, %zu bytes at most", chat->max_message);
    send_self(self, chat, "tell", nick, text, (size_t)size);
    return HM_CONTINUE;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct chat *chat = hm_data(self);
    struct nick nick, to;
    hm_term nick_term, to_term, text_term;
    const char *text;
    size_t size;
    int error;
    if (hm_match(message, "{say, ~t, ~t}", &nick_term, &text_term)) {
        if (!read_speaker(chat, nick_term, &nick))
            return HM_UNKNOWN;
        if ((error = read_text(chat, text_term, &text, &size)) != 0)
            return refuse_text(self, chat, error, &nick);
        say(self, chat, &nick, text, size);
        return HM_CONTINUE;
    }
    if (hm_match(message, "{private_message, ~t, ~t, ~t}", &nick_term, &to_term, &text_term)) {
        if (!read_speaker(chat, nick_term, &nick))
            return HM_UNKNOWN;
        if ((error = read_text(chat, text_term, &text, &size)) != 0)
            return refuse_text(self, chat, error, &nick);
        if (read_nick(chat, to_term, &to))
            tell(self, chat, &nick, &to, text, size);
        return HM_CONTINUE;
    }
    if (hm_match(message, "{list_users, ~t}", &nick_term)) {
        char *list;
        if (!read_nick(chat, nick_term, &nick) || !(list = chat_room_list(&chat->room, ", ", &size)))
            return HM_CONTINUE;
        char *line;
        int length = asprintf(&line, "users: %s", list);
        free(list);
        if (length < 0)
            return HM_CONTINUE;
        send_self(self, chat, "tell", &nick, line, (size_t)length);
        free(line);
        return HM_CONTINUE;
    }
    return HM_UNKNOWN;
}

static bool is_own(hm_process *self, const struct chat *chat, hm_term term) {
    hm_ref ref;
    return hm_get_ref(hm_node_of(self), term, &ref) && hm_ref_equal(&ref, &chat->own);
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    static const struct nick server = {.kind = NICK_BINARY, .size = 6, .text = "server"};
    struct chat *chat = hm_data(self);
    struct hm_text what, name;
    hm_term own, nick_term, text_term;
    const void *text;
    size_t size;
    struct nick nick;
    if (hm_match(message, "{nodedown, ~a}", &name)) {
        on_nodedown(self, chat, name);
        return HM_CONTINUE;
    }
    if (hm_match(message, "{nodeup, _}"))
        return HM_CONTINUE;
    if (hm_match(message, "{~t, drain}", &own) && is_own(self, chat, own)) {
        drain(self, chat);
        return HM_CONTINUE;
    }
    if (hm_match(message, "{~t, ~a, ~t, ~t}", &own, &what, &nick_term, &text_term) &&
        is_own(self, chat, own)) {
        if (read_nick(chat, nick_term, &nick) && hm_get_binary(text_term, &text, &size)) {
            if (what.size == 3)
                say(self, chat, &nick, text, size);
            else
                tell(self, chat, &server, &nick, text, size);
        }
        return HM_CONTINUE;
    }
    return HM_UNKNOWN;
}

static void put_state(hm_process *self, hm_build *state) {
    const struct chat *chat = hm_data(self);
    const struct chat_user *user;
    hm_put_map(state, (uint32_t)chat->room.user_count);
    TAILQ_FOREACH (user, &chat->room.users, in_room) {
        put_nick(state, user->kind, user->nick, user->size);
        hm_put_atom(state, hm_node_name_text(user->place->node));
    }
}

/* ---- metrics ---- */

enum { METRIC_USERS, METRIC_SAID, METRIC_MISSED, METRIC_BAD_NICKS, METRIC_LIMIT_HITS, METRICS };

static const struct hm_metric metrics[METRICS] = {
    [METRIC_USERS] = {"hermod_chat_users", HM_GAUGE, "Users in the chat room", {0}},
    [METRIC_SAID] = {"hermod_chat_messages_total", HM_COUNTER, "Messages to the whole room", {0}},
    [METRIC_MISSED] = {"hermod_chat_missed_total", HM_COUNTER, "Messages that users of slow nodes missed", {0}},
    [METRIC_BAD_NICKS] = {"hermod_chat_refused_nicks_total", HM_COUNTER, "Nicks that are too long, or no nicks", {0}},
    [METRIC_LIMIT_HITS] = {"hermod_limit_hits_total", HM_COUNTER,
                           "Times that something was refused or dropped because of the option of this name", {"limit"}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct chat *chat = arg;
    struct hm_text limits[] = {hm_text_of("chat-max-users"), hm_text_of("chat-max-message")};
    switch (metric) {
    case METRIC_USERS:
        hm_metric_put(out, NULL, chat->room.user_count);
        break;
    case METRIC_SAID:
        hm_metric_put(out, NULL, chat->said);
        break;
    case METRIC_MISSED:
        hm_metric_put(out, NULL, chat->missed);
        break;
    case METRIC_BAD_NICKS:
        hm_metric_put(out, NULL, chat->bad_nicks);
        break;
    default:
        hm_metric_put(out, &limits[0], chat->full);
        hm_metric_put(out, &limits[1], chat->too_long);
    }
}

static void free_chat(struct chat *chat) {
    if (!chat)
        return;
    hm_metrics_remove(chat->metrics);
    if (chat->room.buckets)
        chat_room_fini(&chat->room);
    hm_build_free(chat->build);
    free(chat->text);
    free(chat);
}

static size_t number_or(size_t number, size_t otherwise) {
    return number ? number : otherwise;
}

static int init(hm_process *self, void *argument) {
    const struct service_config *config = argument;
    struct chat *chat = calloc(1, sizeof *chat);
    uint64_t seed;
    int error = HM_ENOMEM;
    if (!chat)
        goto fail;
    chat->max_nick = number_or(config->chat_max_nick, CHAT_DEFAULT_MAX_NICK);
    chat->max_message = number_or(config->chat_max_message, CHAT_DEFAULT_MAX_MESSAGE);
    chat->max_users = number_or(config->chat_max_users, CHAT_DEFAULT_MAX_USERS);
    chat->own = hm_make_ref(hm_node_of(self));
    chat->build = hm_build_new();
    chat->text = malloc(chat->max_message + 1 + PLAIN_TEXT_GROWTH * chat->max_message);
    if (!chat->build || !chat->text)
        goto fail;
    error = HM_ESYSTEM;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        goto fail;
    if ((error = chat_room_init(&chat->room, seed)) != 0)
        goto fail;
    if ((error = hm_monitor_nodes(self, true, true)) != 0)
        goto fail;
    if ((error = hm_metrics_add(hm_node_of(self), metrics, METRICS, collect, chat, &chat->metrics)) != 0)
        goto fail;
    hm_set_data(self, chat);
    return 0;
fail:
    free_chat(chat);
    return error;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    free_chat(hm_data(self));
}

static const struct hm_server_class message_server = {
    .module = "message_server",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
    .state = put_state,
};

int message_server_start(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.name = "message_server", .restart = true};
    /* init only reads it. */
    return hm_server_start(node, &message_server, &start, (void *)config, NULL);
}
