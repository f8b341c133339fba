#include "node/monitors.h"

#include <event2/event.h>

#include "base/clock.h"
#include "node/refkey.h"

#define HASH_FUNCTION REFKEY_HASH_FUNCTION
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <stdlib.h>
#include <uthash.h>

#include "node/peers.h"
#include "node/registry.h"

enum { AGAIN_MS = 100 };

struct monitor {
    UT_hash_handle hh;
    struct refkey key;
    hm_ref ref;
    hm_process *watcher; /* NULL: watcher_pid of a peer */
    hm_process *target;  /* NULL: of a peer */
    hm_pid watcher_pid, target_pid;
    const hm_node_name *target_node;
    LIST_ENTRY(monitor) of_watcher, of_target, of_peer;
    struct monitor_down down;
    bool at_peer, lost;
    bool fired;     /* its 'DOWN' lies in the mailbox of the watcher, with this struct as its tag */
    bool cancelled; /* and is not wanted any more: out of the table */
    bool owed; /* its DOWN could not be sent: it stands among the owed ones of the node (of_peer), and is tried again */
    bool cut;  /* because the connection went */
    size_t name_size;
    char name[]; /* of the target, when it was monitored by name */
};

static struct monitor *find(const struct hm_node *node, const hm_ref *ref) {
    struct refkey key = refkey_of(ref);
    struct monitor *monitor;
    HASH_FIND(hh, node->monitors, &key, sizeof key, monitor);
    return monitor;
}

static void on_owed(evutil_socket_t fd, short what, void *arg);

static struct monitor *add(struct hm_node *node, const hm_ref *ref, struct bytes name) {
    if (!node->owed_timer && !(node->owed_timer = evtimer_new(node->base, on_owed, node)))
        return NULL;
    struct monitor *monitor = malloc(sizeof *monitor + name.size + 1); /* not calloc, which never takes from a thread's cache */
    if (!monitor)
        return NULL;
    *monitor = (struct monitor){.key = refkey_of(ref), .ref = *ref, .name_size = name.size};
    monitor->name[name.size] = 0;
    if (name.size)
        memcpy(monitor->name, name.at, name.size);
    HASH_ADD(hh, node->monitors, key, sizeof monitor->key, monitor);
    if (monitor->lost) {
        free(monitor);
        return NULL;
    }
    return monitor;
}

/* false: it is only prepared. */
static bool has_target(const struct monitor *monitor) {
    return monitor->target_pid.node || monitor->name_size || monitor->target;
}

/* Nobody's end can fire it from here on. */
static void forget_target(struct monitor *monitor) {
    if (monitor->target)
        LIST_REMOVE(monitor, of_target);
    if (monitor->at_peer || monitor->owed)
        LIST_REMOVE(monitor, of_peer);
    monitor->target = NULL;
    monitor->at_peer = monitor->owed = false;
}

static void drop(struct hm_node *node, struct monitor *monitor) {
    if (!monitor->cancelled)
        HASH_DEL(node->monitors, monitor);
    if (monitor->watcher)
        LIST_REMOVE(monitor, of_watcher);
    forget_target(monitor);
    free(monitor);
}

/* {'DOWN', Ref, process, Pid | {Name, Node}, Reason} to a local watcher. */
static int deliver_down(struct monitor *monitor, hm_term reason) {
    hm_process *watcher = monitor->watcher;
    hm_build *build = node_build_take(watcher->node);
    struct message *message = NULL;
    if (!build)
        goto done;
    hm_put_tuple(build, 5);
    hm_put_atom(build, "DOWN");
    hm_put_ref(build, &monitor->ref);
    hm_put_atom(build, "process");
    if (monitor->name_size) {
        struct bytes node = node_name_bytes(monitor->target_node);
        hm_put_tuple(build, 2);
        hm_put_atom_n(build, monitor->name, monitor->name_size);
        hm_put_atom_n(build, (const char *)node.at, node.size);
    } else {
        hm_put_pid(build, monitor->target_pid);
    }
    hm_put_term(build, reason);
    if (hm_build_error(build) == HM_OK)
        message = message_new(MESSAGE_DOWN, hm_build_term(build), NULL);
done:
    node_build_give(watcher->node, build);
    if (message) {
        message->tag = (uintptr_t)monitor;
        process_deliver(watcher, message);
    }
    return message ? HM_OK : HM_ENOMEM;
}

static void try_again_later(struct hm_node *node) {
    struct timeval pause = timeval_of_ms(AGAIN_MS);
    event_add(node->owed_timer, &pause);
}

/* Who watches counts on hearing of an end: a subscriber, a member of a group would stay for ever. The reason, for which there is no memory, is all
 * that is lost, unless it is that the connection went. */
static void owe(struct hm_node *node, struct monitor *monitor) {
    if (monitor->owed)
        return;
    log_error(&node->log, "monitor.memory", "no memory for a DOWN message; it comes later%s", monitor->cut ? "" : ", without its reason");
    forget_target(monitor);
    monitor->owed = true;
    LIST_INSERT_HEAD(&node->owed_monitors, monitor, of_peer);
    try_again_later(node);
}

/* Tells the watcher, wherever it is. The monitor is gone then, or, when the watcher has a message to read, as soon as it is taken. */
static void fire(struct hm_node *node, struct monitor *monitor, hm_term reason) {
    struct monitor_down down = monitor->down;
    if (monitor->watcher && down.on_down) {
        drop(node, monitor);
        down.on_down(down.arg, reason);
        return;
    }
    if (monitor->watcher) {
        if (deliver_down(monitor, reason) != HM_OK) {
            owe(node, monitor);
            return;
        }
        forget_target(monitor);
        monitor->fired = true;
        return;
    }
    struct bytes name = bytes_of(monitor->name, monitor->name_size);
    struct peer *peer = peers_find(node, monitor->watcher_pid.node);
    struct control control = {
        .kind = CONTROL_DOWN, .from = monitor->target_pid, .name = name, .to = monitor->watcher_pid, .ref = monitor->ref};
    if (peer && peer_is_up(peer) && peers_send(peer, &control, reason, NULL) == HM_ENOMEM)
        owe(node, monitor);
    else
        drop(node, monitor);
}

static void fire_owed(struct hm_node *node, struct monitor *monitor) {
    if (monitor->cut)
        fire(node, monitor, ATOM_TERM("noconnection"));
    else
        fire(node, monitor, ATOM_TERM("system_limit"));
}

static void on_owed(evutil_socket_t fd, short what, void *arg) {
    struct hm_node *node = arg;
    struct monitor *monitor, *next;
    (void)fd;
    (void)what;
    for (monitor = LIST_FIRST(&node->owed_monitors); monitor; monitor = next) {
        next = LIST_NEXT(monitor, of_peer);
        fire_owed(node, monitor);
    }
    if (!LIST_EMPTY(&node->owed_monitors))
        try_again_later(node);
}

bool monitors_settle(struct hm_node *node, const hm_node_name *peer) {
    struct monitor *monitor, *next;
    for (monitor = LIST_FIRST(&node->owed_monitors); monitor; monitor = next) {
        next = LIST_NEXT(monitor, of_peer);
        if (!monitor->watcher && monitor->watcher_pid.node == peer) {
            drop(node, monitor); /* it has fired there: noconnection */
        } else if (monitor->watcher && monitor->target_node == peer) {
            fire_owed(node, monitor);
            if (monitor->owed) /* else it lies in the watcher's mailbox */
                return false;
        }
    }
    return true;
}

void monitors_free(struct hm_node *node) {
    if (node->owed_timer)
        event_free(node->owed_timer);
    node->owed_timer = NULL;
}

int monitors_add(hm_process *watcher, hm_address target, const struct monitor_down *down, hm_ref *ref) {
    struct hm_node *node = watcher->node;
    struct bytes name = target.name ? bytes_of(target.name, strlen(target.name)) : (struct bytes){0};
    const hm_node_name *on = target.name ? (target.node ? target.node : node->name) : target.pid.node;
    struct peer *peer = NULL;
    if (!on)
        return HM_EINVAL;
    if (on != node->name && !(peer = peers_get(node, on)))
        return HM_ENOMEM;
    hm_ref made = ref->words ? *ref : node_make_ref(node); /* hm_call brings its own */
    struct monitor *monitor = add(node, &made, name);
    if (!monitor)
        return HM_ENOMEM;
    *ref = made;
    monitor->watcher = watcher;
    monitor->watcher_pid = watcher->pid;
    monitor->target_pid = target.name ? HM_NO_PID : target.pid;
    monitor->target_node = on;
    if (down)
        monitor->down = *down;
    LIST_INSERT_HEAD(&watcher->watching, monitor, of_watcher);
    if (!peer) {
        hm_process *process = name.size ? registry_lookup(node, name) : process_lookup(node, target.pid);
        if (!process) {
            fire(node, monitor, ATOM_TERM("noproc"));
            return HM_OK;
        }
        monitor->target = process;
        LIST_INSERT_HEAD(&process->watched_by, monitor, of_target);
        return HM_OK;
    }
    monitor->at_peer = true;
    LIST_INSERT_HEAD(&peer_relations(peer)->monitors, monitor, of_peer);
    struct control control = {
        .kind = CONTROL_MONITOR, .from = watcher->pid, .to = monitor->target_pid, .name = name, .ref = made};
    int error = peers_send(peer, &control, (hm_term){0}, NULL);
    if (error == HM_ENOCONNECTION) {
        fire(node, monitor, ATOM_TERM("noconnection"));
        return HM_OK;
    }
    if (error == HM_EFLAGS)
        return HM_OK; /* as the BEAM does: the monitor can only fire noconnection */
    if (error != HM_OK)
        drop(node, monitor);
    return error;
}

static void give_up(struct hm_node *node, struct monitor *monitor) {
    struct peer *peer = monitor->at_peer ? peers_find(node, monitor->target_node) : NULL;
    if (peer && peer_takes_signals(peer) && has_target(monitor)) {
        struct control control = {.kind = CONTROL_DEMONITOR,
                                  .from = monitor->watcher_pid,
                                  .to = monitor->target_pid,
                                  .name = bytes_of(monitor->name, monitor->name_size),
                                  .ref = monitor->ref};
        peers_send(peer, &control, (hm_term){0}, NULL);
    }
    drop(node, monitor);
}

void monitors_remove(hm_process *watcher, const hm_ref *ref) {
    struct monitor *monitor = find(watcher->node, ref);
    if (!monitor || monitor->watcher != watcher)
        return;
    if (!monitor->fired) {
        give_up(watcher->node, monitor);
        return;
    }
    /* Looking for the message would cost a walk through the mailbox, for each of those who ended together: it is left out when it is taken. */
    HASH_DEL(watcher->node->monitors, monitor);
    monitor->cancelled = true;
}

bool monitors_take(hm_process *watcher, const struct message *down) {
    struct monitor *monitor = (struct monitor *)(uintptr_t)down->tag;
    bool wanted = !monitor->cancelled;
    drop(watcher->node, monitor);
    return wanted;
}

bool monitors_is_wanted(const struct message *down) {
    return !((const struct monitor *)(uintptr_t)down->tag)->cancelled;
}

int monitors_prepare(hm_process *watcher, struct peer *peer, const struct monitor_down *down, const hm_ref *ref) {
    struct monitor *monitor = add(watcher->node, ref, (struct bytes){0});
    if (!monitor)
        return HM_ENOMEM;
    monitor->watcher = watcher;
    monitor->watcher_pid = watcher->pid;
    monitor->target_node = peer_name(peer);
    if (down)
        monitor->down = *down;
    monitor->at_peer = true;
    LIST_INSERT_HEAD(&watcher->watching, monitor, of_watcher);
    LIST_INSERT_HEAD(&peer_relations(peer)->monitors, monitor, of_peer);
    return HM_OK;
}

void monitors_adopt(struct hm_node *node, const hm_ref *ref, hm_pid target) {
    struct monitor *monitor = find(node, ref);
    if (monitor)
        monitor->target_pid = target;
}

void monitors_forget(struct hm_node *node, const hm_ref *ref) {
    struct monitor *monitor = find(node, ref);
    if (monitor && !monitor->fired)
        drop(node, monitor);
}

void monitors_on_monitor(struct hm_node *node, struct peer *peer, hm_pid from, hm_pid target_pid,
                         struct bytes target_name, hm_process *target, const hm_ref *ref) {
    if (target && find(node, ref))
        return; /* the peer used a reference twice: the first stands */
    struct monitor *monitor = target ? add(node, ref, target_name) : NULL;
    if (!monitor) {
        struct control control = {.kind = CONTROL_DOWN,
                                  .from = target_name.size ? HM_NO_PID : target_pid,
                                  .name = target_name,
                                  .to = from,
                                  .ref = *ref};
        if (peers_send(peer, &control, ATOM_TERM("noproc"), NULL) == HM_ENOMEM)
            peers_cut(peer);
        return;
    }
    monitor->watcher_pid = from;
    monitor->target = target;
    monitor->target_pid = target->pid;
    monitor->target_node = node->name;
    monitor->at_peer = true;
    LIST_INSERT_HEAD(&target->watched_by, monitor, of_target);
    LIST_INSERT_HEAD(&peer_relations(peer)->monitors, monitor, of_peer);
}

void monitors_on_demonitor(struct hm_node *node, struct peer *peer, const hm_ref *ref) {
    struct monitor *monitor = find(node, ref);
    if (monitor && !monitor->watcher && monitor->watcher_pid.node == peer_name(peer))
        drop(node, monitor);
}

void monitors_on_down(struct hm_node *node, struct peer *peer, const hm_ref *ref, hm_term reason) {
    struct monitor *monitor = find(node, ref);
    /* Of what was spawned, before the answer named it: a peer that is wrong. Its answer, or its end, will come. */
    if (monitor && monitor->watcher && monitor->at_peer && monitor->target_node == peer_name(peer) && has_target(monitor))
        fire(node, monitor, reason);
}

void monitors_on_end(hm_process *process, hm_term reason) {
    struct monitor *monitor;
    while ((monitor = LIST_FIRST(&process->watched_by)))
        fire(process->node, monitor, reason);
    while ((monitor = LIST_FIRST(&process->watching)))
        give_up(process->node, monitor);
}

void monitors_on_peer_down(struct hm_node *node, struct peer *peer) {
    struct monitor *monitor;
    while ((monitor = LIST_FIRST(&peer_relations(peer)->monitors))) {
        monitor->cut = true;
        if (monitor->watcher)
            fire(node, monitor, ATOM_TERM("noconnection"));
        else
            drop(node, monitor);
    }
}

void monitors_each(const hm_process *process, bool watching,
                   void (*each)(void *arg, hm_pid pid, struct bytes name, const hm_node_name *on), void *arg) {
    struct monitor *monitor;
    if (watching) {
        LIST_FOREACH(monitor, &process->watching, of_watcher)
            if (has_target(monitor) && !monitor->fired)
                each(arg, monitor->target_pid, bytes_of(monitor->name, monitor->name_size), monitor->target_node);
    } else {
        LIST_FOREACH(monitor, &process->watched_by, of_target)
            each(arg, monitor->watcher_pid, (struct bytes){0}, monitor->watcher_pid.node);
    }
}
