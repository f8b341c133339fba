/* Names and locks of a member as the server changes them for others and for its own locker and registrar. */
#include <stdio.h>
#include <stdlib.h>

#include "otp/global_private.h"

static const char *print_name(hm_term name, char *text, size_t capacity) {
    char *printed = NULL;
    if (hm_term_print(name, HM_SYNTAX_ERLANG, capacity - 1, &printed) != HM_OK)
        return "(no memory to print it)";
    snprintf(text, capacity, "%s", printed);
    free(printed);
    return text;
}

hm_pid changes_where(const struct global_member *m, hm_term name) {
    const struct global_name *found = global_names_find(&m->names, name);
    if (!found)
        return HM_NO_PID;
    /* A process of this node that has ended has no name any more, though the news may be on their way. */
    if (found->pid.node == m->config.self && !m->ports->is_alive(m->arg, found->pid))
        return HM_NO_PID;
    return found->pid;
}

bool member_lock_is_set(const struct global_member *m) {
    return global_locks_find(&m->locks, m->global_atom) != NULL;
}

void changes_delete(struct global_member *m, struct global_name *name) {
    m->ports->demonitor(m->arg, &name->ref);
    global_names_remove(&m->names, name);
}

/* Who changes a name must hold the lock: else its node was gone for a while and this message is late
 * (insert_global_name/6, lock_still_set/3). */
static bool holds_lock(const struct global_member *m, hm_pid from, hm_term requester) {
    const struct global_lock *lock = global_locks_find(&m->locks, m->global_atom);
    if (!lock)
        return !m->lock_down;
    if (from.node)
        return global_lock_holder(lock, from) != NULL;
    return requester.size && hm_term_equal(lock->requester, requester);
}

static void keep_name(struct global_member *m, hm_term name, hm_pid pid, hm_term method, const hm_node_name *external) {
    hm_ref ref = {0};
    if (m->ports->monitor(m->arg, pid, &ref) != HM_OK) {
        member_fail(m);
        return;
    }
    int error = global_names_add(&m->names, name, pid, method, &ref, external);
    if (error == HM_OK)
        return;
    m->ports->demonitor(m->arg, &ref);
    if (error == HM_ELIMIT) {
        char text[128];
        log_warn(m->config.log, "global.names_full", "%s is not kept: there are %zu global names (--max-global-names)",
                 print_name(name, text, sizeof text), m->names.count);
    } else {
        member_fail(m);
    }
}

static void insert_name(struct global_member *m, hm_term name, hm_pid pid, hm_term method,
                        const hm_node_name *external, hm_pid from, hm_term requester) {
    struct global_name *old = global_names_find(&m->names, name);
    if (old)
        changes_delete(m, old);
    if (holds_lock(m, from, requester))
        keep_name(m, name, pid, method, external);
}

static void delete_name(struct global_member *m, hm_term name) {
    struct global_name *old = global_names_find(&m->names, name);
    if (old)
        changes_delete(m, old);
}

/* External names, the others, what is deleted: in this order (do_ops/5). */
void changes_run(struct global_member *m, hm_term ops, hm_term ext, hm_term requester) {
    for (int pass = 0; pass < 3; pass++) {
        struct hm_list list;
        struct global_entry entry;
        bool insert;
        if (!hm_list_begin(ops, &list))
            return;
        while (!m->failed && global_next_op(m->config.names, &list, &insert, &entry)) {
            if (!insert) {
                if (pass == 2)
                    delete_name(m, entry.name);
                continue;
            }
            const hm_node_name *node = global_find_ext(m->config.names, ext, entry.name, entry.pid);
            if (pass == (node ? 0 : 1))
                insert_name(m, entry.name, entry.pid, entry.method, node, HM_NO_PID, requester);
        }
    }
}

void changes_forget_node(struct global_member *m, const hm_node_name *node) {
    struct global_name *name, *next;
    HASH_ITER(by_ref, m->names.refs, name, next)
        if (name->pid.node == node)
            changes_delete(m, name);
}

/* ---- locks ---- */

static bool set_lock(struct global_member *m, hm_pid from, const struct global_message *message) {
    struct global_lock *lock = global_locks_find(&m->locks, message->resource);
    hm_ref ref = {0};
    if (lock && !hm_term_equal(lock->requester, message->requester))
        return false;
    if (lock && global_lock_holder(lock, from))
        return true;
    /* What lay in the mailbox when we closed the connection: its caller got no answer and will not let go. The monitor would make a new
     * connection, and find that process well. (OTP has that gap.) */
    if (!m->ports->is_connected(m->arg, from.node))
        return false;
    if (m->ports->monitor(m->arg, from, &ref) != HM_OK) {
        member_fail(m);
        return false;
    }
    int error = global_locks_add(&m->locks, message->resource, message->requester, from, &ref);
    if (error == HM_OK)
        return true;
    m->ports->demonitor(m->arg, &ref);
    if (error == HM_ELIMIT)
        log_warn(m->config.log, "global.locks_full", "a lock for %s is refused: %zu are held (--max-global-locks)",
                 hm_node_name_text(from.node), m->locks.count);
    else
        member_fail(m);
    return false;
}

static void remove_holder(struct global_member *m, struct global_holder *holder, bool down) {
    bool global = hm_term_equal(holder->lock->resource, m->global_atom);
    hm_ref ref = holder->ref;
    if (!global_locks_remove(&m->locks, holder))
        global = false;
    m->ports->demonitor(m->arg, &ref);
    if (global) {
        m->lock_down = down;
        member_answer_questions(m);
    }
}

static void del_lock(struct global_member *m, hm_pid from, const struct global_message *message) {
    struct global_lock *lock = global_locks_find(&m->locks, message->resource);
    if (!lock || !hm_term_equal(lock->requester, message->requester))
        return;
    struct global_holder *holder = global_lock_holder(lock, from);
    if (holder)
        remove_holder(m, holder, false);
}

bool member_change(struct global_member *m, hm_pid from, const struct global_message *message) {
    switch (message->kind) {
    case GLOBAL_SET_LOCK:
        return set_lock(m, from, message);
    case GLOBAL_DEL_LOCK:
        del_lock(m, from, message);
        return true;
    case GLOBAL_REGISTER:
        insert_name(m, message->name, message->pid, message->method, message->node, from, (hm_term){0});
        return true;
    case GLOBAL_UNREGISTER:
        delete_name(m, message->name);
        return true;
    default:
        return false;
    }
}

/* A name came with the news of its node, and a first attempt to connect there failed: as long as more follow the name stays, or
 * this node would be the only one without it. (OTP deletes it.) */
static bool is_being_reached(const struct global_member *m, const struct global_name *name) {
    const struct other *other = other_find(m, name->pid.node);
    return other && !other->up && other->reaching && other->known != NOT_KNOWN;
}

static void monitor_again(struct global_member *m, struct global_name *name) {
    hm_term copy, method;
    bool copied = member_copy(m, name->name, &copy);
    copied = member_copy(m, name->method, &method) && copied; /* both are freed below */
    if (copied) {
        hm_pid pid = name->pid;
        const hm_node_name *external = name->external;
        global_names_remove(&m->names, name);
        keep_name(m, copy, pid, method, external);
    }
    term_drop(&copy);
    term_drop(&method);
}

void changes_on_down(struct global_member *m, const hm_ref *ref) {
    struct global_holder *holder = global_locks_find_ref(&m->locks, ref);
    if (holder)
        remove_holder(m, holder, true);
    struct global_name *name = global_names_find_ref(&m->names, ref);
    if (name && is_being_reached(m, name))
        monitor_again(m, name);
    else if (name)
        changes_delete(m, name);
}
