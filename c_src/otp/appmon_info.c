#include "otp/appmon_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "etf/ids.h"
#include "node/registry.h"
#include "otp/gen_server.h"
#include "otp/hermod_sup.h"

#define APPMON_INFO "appmon_info"

enum {
    CLIENTS_MAX = 64,
    TASKS_MAX = 256,
    INTERVAL_MS = 2000,       /* appmon_info's own default */
    INTERVAL_LEAST_MS = 100,  /* whatever a task asks for */
    TREE_MAX = 5000,          /* processes that are shown; no page shows more */
    ANCESTORS_MAX = 32,
};

struct task {
    LIST_ENTRY(task) link;
    hm_pid from;
    bool is_app;     /* app; else app_ctrl */
    hm_term aux;     /* a copy */
    int64_t ms;      /* 0: at_most_once */
    uint64_t timer;
    hm_term result;  /* the last one, a copy; size 0: none yet */
};

struct appmon {
    hm_pid starter;
    hm_pid clients[CLIENTS_MAX];
    unsigned client_count;
    unsigned task_count;
    LIST_HEAD(, task) tasks;
};

/* ---- results ---- */

void appmon_put_application(hm_build *build) {
    hm_put_format(build, "{hermod, ~c, ~c}", APPMON_DESCRIPTION, HM_VERSION);
}

/* [{Pid, hermod, {hermod, Description, Version}}] */
static void put_applications(const hm_node *node, hm_build *build) {
    hm_pid root = hm_whereis(node, HERMOD_SUP);
    if (!root.node) {
        hm_put_nil(build);
        return;
    }
    hm_put_list(build, 1);
    hm_put_tuple(build, 3);
    hm_put_pid(build, root);
    hm_put_atom(build, "hermod");
    appmon_put_application(build);
    hm_put_nil(build);
}

struct tree {
    hm_process *root;
    bool links; /* list {Parent, Child}; else {Pid, Name} */
    hm_build *build;
    uint32_t count;
};

static bool hangs_on(const hm_process *process, const hm_process *root) {
    for (int i = 0; process && process != root && i < ANCESTORS_MAX; i++)
        process = process->parent.node ? process_lookup(process->node, process->parent) : NULL;
    return process == root;
}

/* A name, or <0.Id.Serial>: unique on this node, as build_tree wants it. */
static void put_label(const hm_process *process, hm_build *build) {
    char text[HM_ATOM_BYTES];
    struct bytes name = registry_name(process);
    if (name.size)
        snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.at);
    else
        snprintf(text, sizeof text, "<0.%u.%u>", process->pid.id, process->pid.serial);
    hm_put_charlist(build, text);
}

static void put_in_tree(void *arg, hm_process *process) {
    struct tree *tree = arg;
    if (tree->count >= TREE_MAX || (tree->links && process == tree->root) || !hangs_on(process, tree->root))
        return;
    hm_put_tuple(tree->build, 2);
    if (tree->links)
        put_label(process_lookup(process->node, process->parent), tree->build);
    else
        hm_put_pid(tree->build, process->pid);
    put_label(process, tree->build);
    tree->count++;
}

static void put_processes(hm_node *node, struct tree *tree) {
    size_t begin = hm_put_list_begin(tree->build);
    tree->count = 0;
    process_each(node, put_in_tree, tree);
    hm_put_list_end(tree->build, begin, tree->count);
}

/* {Root, [{Pid, Name}], [{Parent, Child}], []}: no other links than those are of interest here. */
static void put_tree(hm_node *node, hm_term application, hm_build *build) {
    hm_process *root = registry_lookup(node, bytes_of(HERMOD_SUP, strlen(HERMOD_SUP)));
    if (!root || !hm_is_atom(application, "hermod")) {
        hm_put_format(build, "{[], [], [], []}");
        return;
    }
    struct tree tree = {.root = root, .build = build};
    hm_put_tuple(build, 4);
    put_label(root, build);
    put_processes(node, &tree);
    tree.links = true;
    put_processes(node, &tree);
    hm_put_nil(build);
}

/* ---- tasks ---- */

static void free_term(hm_term term) {
    free((void *)(uintptr_t)term.bytes);
}

static void drop_task(hm_process *self, struct appmon *appmon, struct task *task) {
    LIST_REMOVE(task, link);
    appmon->task_count--;
    hm_cancel_timer(self, task->timer);
    free_term(task->aux);
    free_term(task->result);
    free(task);
}

static struct task *find_task(struct appmon *appmon, bool is_app, hm_term aux, hm_pid from) {
    struct task *task;
    LIST_FOREACH (task, &appmon->tasks, link)
        if (task->is_app == is_app && hm_pid_equal(task->from, from) && hm_term_equal(task->aux, aux))
            return task;
    return NULL;
}

static void deliver(hm_process *self, const struct task *task, hm_term result) {
    hm_sendf(self, hm_to_pid(task->from), "{delivery, ~p, ~a, ~t, ~t}", hm_self(self),
             task->is_app ? "app" : "app_ctrl", task->aux, result);
}

static void do_work(hm_process *self, struct task *task) {
    hm_build *build = hm_build_new();
    if (!build)
        return;
    if (task->is_app)
        put_tree(hm_node_of(self), task->aux, build);
    else
        put_applications(hm_node_of(self), build);
    hm_term result = hm_build_term(build), kept;
    if (hm_build_error(build) == HM_OK &&
        (!task->result.size || result.size != task->result.size ||
         memcmp(result.bytes, task->result.bytes, result.size) != 0) &&
        hm_term_copy(result, &kept) == HM_OK) {
        free_term(task->result);
        task->result = kept;
        deliver(self, task, result);
    }
    hm_build_free(build);
}

/* The timer's message names the task by its number: casts can end a task whose timer has fired. */
static void work(hm_process *self, struct appmon *appmon, struct task *task) {
    do_work(self, task);
    if (task->ms == 0) {
        drop_task(self, appmon, task);
        return;
    }
    hm_cancel_timer(self, task->timer); /* one at a time, whoever sent {do_it, ...} */
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{do_it, ~a, ~t, ~p}", task->is_app ? "app" : "app_ctrl", task->aux, task->from);
    if (!build || hm_build_error(build) != HM_OK ||
        hm_send_after(self, task->ms, hm_build_term(build), &task->timer) != HM_OK)
        drop_task(self, appmon, task);
    hm_build_free(build);
}

/* [{timeout, Ms | at_most_once}] */
static int64_t read_interval(hm_term options) {
    struct hm_list list;
    hm_term option;
    int64_t ms;
    if (!hm_list_begin(options, &list))
        return INTERVAL_MS;
    while (hm_list_next(&list, &option)) {
        if (hm_match(option, "{timeout, at_most_once}"))
            return 0;
        if (hm_match(option, "{timeout, ~i}", &ms))
            return ms < INTERVAL_LEAST_MS ? INTERVAL_LEAST_MS : ms;
    }
    return INTERVAL_MS;
}

static void add_task(hm_process *self, struct appmon *appmon, bool is_app, hm_term aux, hm_pid from,
                     hm_term options) {
    if (appmon->task_count >= TASKS_MAX) {
        hm_log(self, HM_LOG_WARN, "appmon.limit", "%u applications are watched already; one more is not", TASKS_MAX);
        return;
    }
    struct task *task = calloc(1, sizeof *task);
    if (!task || hm_term_copy(aux, &task->aux) != HM_OK) {
        free(task);
        return;
    }
    task->is_app = is_app;
    task->from = from;
    task->ms = read_interval(options);
    LIST_INSERT_HEAD(&appmon->tasks, task, link);
    appmon->task_count++;
    work(self, appmon, task);
}

/* ---- the server ---- */

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct appmon *appmon = hm_data(self);
    hm_term parts[5];
    hm_pid from;
    if (!hm_tuple_elements(message, 5, parts) || !pid_decode(self->node->names, parts[0], &from) ||
        !(hm_is_atom(parts[1], "app") || hm_is_atom(parts[1], "app_ctrl")))
        return HM_CONTINUE; /* load and pinfo are of an old appmon */
    bool is_app = hm_is_atom(parts[1], "app");
    struct task *task = find_task(appmon, is_app, parts[2], from);
    if (task)
        drop_task(self, appmon, task);
    if (hm_is_atom(parts[3], "true"))
        add_task(self, appmon, is_app, parts[2], from, parts[4]);
    return HM_CONTINUE;
}

static int add_client(hm_process *self, struct appmon *appmon, hm_pid client) {
    for (unsigned i = 0; i < appmon->client_count; i++)
        if (hm_pid_equal(appmon->clients[i], client))
            return HM_OK;
    if (appmon->client_count == CLIENTS_MAX) {
        hm_log(self, HM_LOG_WARN, "appmon.limit", "%u observers watch applications already; one more may not",
               CLIENTS_MAX);
        return HM_ELIMIT;
    }
    int error = hm_link(self, client);
    if (error == HM_OK)
        appmon->clients[appmon->client_count++] = client;
    return error;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_term parts[2];
    hm_pid client;
    if (hm_tuple_elements(request, 2, parts) && hm_is_atom(parts[0], "register_client") &&
        pid_decode(self->node->names, parts[1], &client) && add_client(self, hm_data(self), client) != HM_OK)
        return hm_reply(self, from, "{error, system_limit}");
    return hm_reply(self, from, "ok");
}

static void forget_client(hm_process *self, struct appmon *appmon, hm_pid pid) {
    struct task *task, *next;
    for (task = LIST_FIRST(&appmon->tasks); task; task = next) {
        next = LIST_NEXT(task, link);
        if (hm_pid_equal(task->from, pid))
            drop_task(self, appmon, task);
    }
    for (unsigned i = 0; i < appmon->client_count; i++)
        if (hm_pid_equal(appmon->clients[i], pid))
            appmon->clients[i--] = appmon->clients[--appmon->client_count];
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct appmon *appmon = hm_data(self);
    hm_term parts[4];
    hm_pid pid;
    if (hm_tuple_elements(message, 4, parts) && hm_is_atom(parts[0], "do_it") &&
        pid_decode(self->node->names, parts[3], &pid)) {
        struct task *task = find_task(appmon, hm_is_atom(parts[1], "app"), parts[2], pid);
        if (task)
            work(self, appmon, task);
        return HM_CONTINUE;
    }
    if (!hm_tuple_elements(message, 3, parts) || !hm_is_atom(parts[0], "EXIT") ||
        !pid_decode(self->node->names, parts[1], &pid))
        return HM_UNKNOWN;
    if (hm_pid_equal(pid, appmon->starter)) /* how it is meant to end: nothing to report */
        return hm_is_atom(parts[2], "normal") ? hm_stop(self, "normal") : hm_stop(self, "{shutdown, ~t}", parts[2]);
    forget_client(self, appmon, pid);
    return appmon->client_count ? HM_CONTINUE : hm_stop(self, "normal");
}

static int init(hm_process *self, void *argument) {
    const hm_pid *pids = argument; /* starter, client */
    struct appmon *appmon = calloc(1, sizeof *appmon);
    if (!appmon)
        return HM_ENOMEM;
    appmon->starter = pids[0];
    LIST_INIT(&appmon->tasks);
    int error = add_client(self, appmon, pids[1]);
    if (error != HM_OK) {
        free(appmon);
        return error;
    }
    hm_set_data(self, appmon);
    return HM_OK;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    struct appmon *appmon = hm_data(self);
    while (!LIST_EMPTY(&appmon->tasks))
        drop_task(self, appmon, LIST_FIRST(&appmon->tasks));
    free(appmon);
}

static void put_state(hm_process *self, hm_build *build) {
    const struct appmon *appmon = hm_data(self);
    hm_put_format(build, "#{starter => ~p, clients => ~u, tasks => ~u}", appmon->starter,
                  (uint64_t)appmon->client_count, (uint64_t)appmon->task_count);
}

static const struct hm_server_class appmon_class = {.module = APPMON_INFO,
                                                    .init = init,
                                                    .call = on_call,
                                                    .cast = on_cast,
                                                    .info = on_info,
                                                    .terminate = terminate,
                                                    .state = put_state};

int appmon_start(hm_node *node, hm_pid starter, hm_pid client, hm_pid *server) {
    hm_pid pids[] = {starter, client};
    struct hm_start start = {.name = APPMON_INFO, .trap_exit = true};
    hm_process *running = registry_lookup(node, bytes_of(APPMON_INFO, strlen(APPMON_INFO)));
    if (!running)
        return hm_server_start(node, &appmon_class, &start, pids, server);
    if (running->class != &gen_server_class || ((struct gen_server *)running->state)->class != &appmon_class)
        return HM_ETAKEN;
    *server = running->pid;
    return add_client(running, running->data, client);
}
