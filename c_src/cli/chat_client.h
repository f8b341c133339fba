/*
 * cli/chat_client: one user of the chat, as the chat server sees her: joining, leaving, hearing, losing the
 * server and finding it again. Prints what happens through chat_ui, and ends the event loop with chat_finish.
 *
 * chat.c makes the node and owns struct chat; chat_input.c turns what the user types into calls of these
 * functions.
 */
#ifndef HM_CLI_CHAT_CLIENT_H
#define HM_CLI_CHAT_CLIENT_H

#include <event2/util.h>

#include <hermod/server.h>

#include "cli/chat_ui.h"
#include "cli/node_setup.h"

enum {
    CHAT_SIGNALS = 3,
    NICK_BYTES = 256, /* servers have limits of their own */
    KNOWN_NICKS = 64, /* for TAB */
};

struct event;

enum stage {
    STAGE_STARTING, /* the own node, then the first connection */
    STAGE_JOINING,  /* connect is called */
    STAGE_JOINED,
    STAGE_LEFT, /* /leave */
    STAGE_LOST, /* the server is gone; a timer tries again */
    STAGE_QUITTING,
};

struct chat {
    const struct settings *settings;
    struct node_setup setup;
    struct node_argument target;
    struct event_base *base;
    hm_node *node;
    hm_process *self;
    const hm_node_name *peer;
    hm_ref monitor;
    bool monitored;
    struct chat_ui *ui;
    struct event *retry;
    struct event *signals[CHAT_SIGNALS];
    unsigned retry_ms;
    enum stage stage;
    bool been_in;  /* joined at least once: from then on a lost server is waited for */
    bool was_lost; /* for "is back" */
    bool told;     /* why we cannot rejoin has been said */
    bool took_out; /* our own nick has been taken out of the room once in this attempt */
    unsigned users_asked; /* so many /users, without a word of the server yet */
    bool quit_waits;      /* for those words */
    bool name_taken, over;
    int code;
    char known[KNOWN_NICKS][NICK_BYTES];
    size_t known_count, known_next;
};

/* The server that is registered as message_handler; its argument is a struct chat. */
extern const struct hm_server_class chat_handler_class;
/* What the user types; its argument is a struct chat. */
extern const struct chat_ui_events chat_input_events;

/* Asks to be let in. The first refusal ends the program; later ones are told, and tried again when the server
 * had been lost. */
void chat_join(struct chat *chat);
/* Out of the room, and still here. */
void chat_leave(struct chat *chat);
/* Asks who is there; the answer is a message like any other. */
void chat_ask_users(struct chat *chat);
/* Out of the room, then the end; at once when it is asked for again. */
void chat_quit(struct chat *chat);
/* Ends the event loop; code is the exit code. Later calls change nothing. */
void chat_finish(struct chat *chat, int code);
/* For the timer `retry`: dials the server again. */
void chat_on_retry(evutil_socket_t fd, short what, void *chat);

#endif
