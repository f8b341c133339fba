/*
 * What follows from a join by itself, as a rule, and did not: it is made up for after a while. OTP leaves all of it as it is.
 */
#include <stdlib.h>

#include "otp/global_private.h"

enum { HEAL_MS = 5000 };

void heal_at(struct global_member *m, int64_t at_ms) {
    if (m->heal_ms && m->heal_ms <= at_ms)
        return;
    int64_t left = at_ms - m->ports->now_ms(m->arg);
    m->heal_ms = at_ms;
    m->ports->set_timer(m->arg, GLOBAL_TIMER_HEAL, left > 0 ? left : 0);
}

void heal_watch(struct global_member *m, int64_t *since_ms) {
    *since_ms = m->ports->now_ms(m->arg);
    heal_at(m, *since_ms + HEAL_MS);
}

/* HEAL_MS after this; when it is not, the timer comes then. */
static bool is_due(struct global_member *m, int64_t since_ms) {
    if (m->ports->now_ms(m->arg) - since_ms >= HEAL_MS)
        return true;
    heal_at(m, since_ms + HEAL_MS);
    return false;
}

/* ---- sessions ---- */

static void begin_again(struct global_member *m, struct other *other) {
    log_info(m->config.log, "global.again", "%s does not know us: a session with it is begun again",
             hm_node_name_text(other->name));
    other->again = true;
    session_begin(m, other);
}

/*
 * Who told us of him ended before it told him of us: he waits for a session with us, or has given his up, and we take him for known and never
 * get in sync. We begin a session as if the connection were new; his init_connect counts if he acknowledges ours with the tag of it. One of us
 * that waits in the same way does likewise. The other way round, a BEAM that knows us would ignore our session: it has to forget us first.
 */
static void heal_session(struct global_member *m, struct other *other) {
    if (other->early.set && !(other->known != NOT_KNOWN && other->synced)) {
        if (is_due(m, other->early.since_ms))
            begin_again(m, other);
    } else if (other->owes_ms && is_due(m, other->owes_ms)) {
        if (other->met) {
            begin_again(m, other);
        } else { /* he knows us from before, and so does not say it */
            other->owes_ms = 0;
            member_tell_in_sync(m, other->name);
        }
    } else if (other->stranger_ms && other->known == NOT_KNOWN && is_due(m, other->stranger_ms)) {
        log_info(m->config.log, "global.again", "%s knows us, and we do not know it: the connection is made anew",
                 hm_node_name_text(other->name));
        other->stranger_ms = 0;
        partition_begin_anew(m, other);
    }
}

/* ---- names ---- */

/*
 * A BEAM may be in sync and lack our names. From OTP 28 on the end of a lock overtakes the new_nodes that was sent under it, when its
 * sender ends, and restart_connect/3 deletes them: those of one node all at once. So one of them is asked for, with the message that global.erl
 * sends to itself (handle_info({whereis, ...})), and if it is missing all are registered again.
 */
static const struct global_name *own_name(const struct global_member *m) {
    struct global_name *name, *next;
    HASH_ITER(by_ref, m->names.refs, name, next)
        if (name->pid.node == m->config.self && !name->external && m->ports->is_alive(m->arg, name->pid))
            return name;
    return NULL;
}

static void ask_for_name(struct global_member *m, struct other *other) {
    const struct global_name *name = own_name(m);
    other->check_ms = 0;
    other->asked = name != NULL;
    if (!name)
        return;
    hm_build *build = member_build(m);
    hm_put_format(build, "{whereis, ~t, {~p, {global_names, ~a}}}", name->name, m->config.pids[GLOBAL_SERVER],
                  hm_node_name_text(other->name));
    member_volatile(m, other->name);
}

void heal_on_names(struct global_member *m, const struct global_message *message) {
    struct other *other = other_find(m, message->node);
    struct global_name *name, *next;
    if (!other || !other->asked)
        return;
    other->asked = false;
    if (message->flag || other->known == NOT_KNOWN || m->registrar.again > 0)
        return;
    log_info(m->config.log, "global.names_lost", "%s does not have the names of this node: they are registered again",
             hm_node_name_text(other->name));
    HASH_ITER(by_ref, m->names.refs, name, next)
        if (name->pid.node == m->config.self && !name->external)
            registrar_add_again(m, name);
}

/* ---- the timer ---- */

void heal_run(struct global_member *m) {
    struct other *other, *next;
    int64_t now = m->ports->now_ms(m->arg);
    m->heal_ms = 0;
    HASH_ITER(hh, m->others, other, next) {
        if (other->up && other->retry_ms && now < other->retry_ms) {
            heal_at(m, other->retry_ms);
        } else if (other->up && other->retry_ms) { /* restart() has put it off */
            other->retry_ms = 0;
            session_nodeup(m, other);
        } else if (other->up && !other->resolver) {
            heal_session(m, other);
        }
        if (other->up && other->known != NOT_KNOWN && other->check_ms && is_due(m, other->check_ms))
            ask_for_name(m, other);
    }
}
