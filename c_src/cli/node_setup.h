/*
 * cli/node_setup: from settings to the options of a node: its name, its cookie, its limits, its log.
 *
 * Reads $HOME for ~/.erlang.cookie and asks the system for the host name; opens nothing else.
 */
#ifndef HM_CLI_NODE_SETUP_H
#define HM_CLI_NODE_SETUP_H

#include <hermod/hermod.h>

#include "cli/log_lines.h"
#include "cli/options.h"

enum { NODE_NAME_BYTES = 768 }; /* a@b with up to 255 characters */

struct node_setup {
    const struct settings *settings; /* borrowed */
    struct hm_options options; /* borrows from the settings and from the fields below */
    char cookie[1024];
    char cookie_from[1100]; /* for humans: "--cookie", "/root/.erlang.cookie" */
    char name[NODE_NAME_BYTES];
    char epmd_start[16];
    struct log_lines log;
};

/* Everything but cookie and name. */
void node_setup_init(struct node_setup *setup, const struct settings *settings);
/* The cookie of --cookie, $HERMOD_COOKIE, the configuration file or ~/.erlang.cookie. HM_ECOOKIE with why. */
int node_setup_cookie(struct node_setup *setup, const struct settings *settings, char *why, size_t capacity);
/* --sname or --name when one was given; else `fallback` as a short name. */
void node_setup_name(struct node_setup *setup, const struct settings *settings, const char *fallback);

/* hm_node_new with what was set up, and the log levels of modules. An error leaves *node NULL, or a node to be freed. The setup, whose log
 * has the node's name from now on, must stay as long as the node. */
int node_setup_node(struct node_setup *setup, struct event_base *base, hm_node **node, char *why, size_t capacity);

/* Another node as the user wrote it. */
struct node_argument {
    char text[NODE_NAME_BYTES]; /* "a@host" */
    const char *host;           /* in text */
    bool long_names;            /* its host part has a dot or is an IPv6 address */
};

/* Reads a, a@host, 'a@host' and :"a@host"; a alone is on this host, or on the host of --name. HM_ENAME with
 * why, also when its kind of name cannot be reached with the --sname or --name in the settings. */
int node_argument_read(struct node_argument *argument, const char *text, const struct settings *settings,
                       char *why, size_t capacity);

/* The host part of short names: the host name up to its first dot. HM_ESYSTEM. */
int short_host(char *host, size_t capacity);

#endif
