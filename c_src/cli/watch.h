/*
 * cli/watch: what the files of `hermod watch' share: watch.c has nodes, names and groups, watch_presence.c who is present.
 *
 * Everything hangs on the struct watch that is the tool's arg.
 */
#ifndef HM_CLI_WATCH_H
#define HM_CLI_WATCH_H

#include <hermod/rpc.h>

#include "cli/tool.h"

/* A list as it was when it was last asked for, in term order. */
struct shot {
    hm_term copy;
    hm_term *items; /* in copy */
    size_t count;
};

/* A tracker of the node: --phoenix-presence. */
struct watched_tracker {
    struct tool *tool;
    char name[HM_ATOM_BYTES];
    hm_ref end;
    bool asked, watching;
    uint64_t count; /* when it was asked */
};

struct watch_presences {
    struct shot users; /* of user_list */
    bool users_asked, users_unknown; /* unknown: nobody says what its user_list is */
    bool users_known;                /* it answers get_users */
    bool trackers_asked;
    struct watched_tracker *trackers;
    size_t tracker_count;
};

struct watch {
    struct shot nodes, names;
    struct watched_scope *scopes;
    size_t scope_count, waiting; /* for so many answers, before the first line */
    size_t groups;
    struct watch_presences presences;
    uint64_t lines;
    bool begun; /* the first line was printed */
    hm_build *line;
};

/* ---- watch.c ---- */

void watch_give_up_on(struct tool *tool, int error);
enum hm_syntax watch_syntax(const struct tool *tool);
void watch_print_term(struct tool *tool, hm_term term, enum hm_syntax syntax, const char *before);
void watch_print_json(struct tool *tool); /* watch->line */
void watch_end_line(struct tool *tool);
/* When everything was heard once: from now on changes are printed. */
void watch_begin(struct tool *tool);
int watch_ask(struct tool *tool, const char *module, const char *function, const char *arguments, hm_rpc_done *done, void *arg);
bool watch_has_failed(struct tool *tool, const struct hm_rpc_result *result);
bool watch_is_registered(const struct watch *watch, const char *name);

void shot_fini(struct shot *shot);
/* Prints what is only in one of them, and keeps the new one. HM_EBADTERM (no list), HM_ENOMEM: nothing has changed. */
int shot_replace(struct tool *tool, struct shot *old, hm_term list, void (*print)(struct tool *tool, bool came, hm_term item));

/* ---- watch_presence.c ---- */

/* After the names were looked at: asks who is present. */
void watch_presences_look(struct tool *tool);
uint64_t watch_presences_count(const struct watch_presences *presences);
/* Was that the end of a tracker? */
bool watch_presences_down(struct watch_presences *presences, const hm_ref *ref);
/* false: the message is not from a tracker. */
bool watch_presences_info(struct tool *tool, hm_term message);
void watch_presences_fini(struct watch_presences *presences);

#endif
