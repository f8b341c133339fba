/*
 * cli/tool: the node behind a command such as call: hidden, without a listening socket, gone after one
 * question.
 *
 * tool_run connects to the node that was named and then calls `connected`, which asks its question in the
 * name of tool->self and ends with tool_finish; everything has to be over within --timeout. A file of cli/
 * that is a command uses it.
 */
#ifndef HM_CLI_TOOL_H
#define HM_CLI_TOOL_H

#include <hermod/server.h>

#include "cli/command.h"
#include "cli/node_setup.h"

struct event;

struct tool {
    const struct settings *settings;
    struct node_setup setup; /* as long as the node: its log is in there */
    struct event_base *base;
    hm_node *node;
    hm_process *self;
    struct node_argument target;
    const hm_node_name *peer;
    struct event *deadline;
    int64_t begun_us, ends_us;
    const char *waiting_for; /* what --timeout is told about */
    void (*connected)(struct tool *tool);
    /* For those that need more; set in connected, may be NULL: a message to tool->self; the node is freed, and the loop is
     * about to be. */
    enum hm_verdict (*info)(struct tool *tool, hm_term message);
    void (*closing)(struct tool *tool);
    void (*leaving)(struct tool *tool); /* before the node is freed */
    void *arg;
    const char *asked; /* who is to answer, for what --timeout says: a process, or without a target epmd; NULL: the node */
    const char *missing; /* noproc_explain's */
    int code;
    bool over;
};

/* command: "call", for the node's name. Returns the exit code, when everything is printed and freed. */
int tool_run(const struct settings *settings, const char *command, const char *target,
             void (*connected)(struct tool *tool), void *arg);
/* The answer is there: code is the exit code. Later calls change nothing. */
void tool_finish(struct tool *tool, int code);

/* From now on --timeout counts only when somebody gave it: what is waited for may take any time. */
void tool_wait_as_long_as_it_takes(struct tool *tool);

/* For those that need no peer (names): a node that is started, then `ready`. */
int tool_run_alone(const struct settings *settings, const char *command, void (*ready)(struct tool *tool),
                   void *arg);

/* The same, and `leaving` is called before the node is freed (it may not have been started then). */
int tool_run_alone_until(const struct settings *settings, const char *command, void (*ready)(struct tool *tool),
                         void (*leaving)(struct tool *tool), void *arg);

int64_t tool_left_ms(const struct tool *tool);
int64_t tool_now_us(void);

/* The outcome of a call that did not go well: says it and gives the exit code. reply as given to
 * hm_call_done. */
int tool_explain(const struct tool *tool, const char *name, int error, hm_term reply, enum hm_syntax syntax);

#endif
