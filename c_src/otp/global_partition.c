/*
 * prevent_overlapping_partitions (global.erl "Prevent Overlapping Partitions Algorithm"): who loses a connection tells everybody it
 * knows, everybody passes that on once, and drops the node that was lost.
 *
 * As OTP: the effect of one broken link a - b is that all others drop both, since nobody can tell which of the two is in trouble.
 */
#include <stddef.h>
#include <stdlib.h>

#include "otp/global_private.h"

#define HASH_LOSS_KEY (offsetof(struct loss, to) + sizeof(const hm_node_name *) - offsetof(struct loss, from))

enum {
    KEEP_MS = 60 * 60 * 1000, /* what was seen is remembered for an hour, as lost_conn_info_cleanup_time */
    SWEEP_MS = 10 * 60 * 1000,
    MAX_LOSSES = 100000, /* pairs of nodes; over it the oldest goes */
};

struct loss {
    UT_hash_handle hh;
    const hm_node_name *from, *to; /* the key */
    int64_t creation, operation, seen_ms;
    bool lost;
};

static void forget(struct global_member *m, struct loss *loss) {
    HASH_DELETE(hh, m->losses, loss);
    free(loss);
}

void partition_free(struct global_member *m) {
    struct loss *loss, *next;
    HASH_ITER(hh, m->losses, loss, next)
        forget(m, loss);
}

void partition_sweep(struct global_member *m) {
    struct loss *loss, *next;
    int64_t now = m->ports->now_ms(m->arg);
    HASH_ITER(hh, m->losses, loss, next)
        if (now - loss->seen_ms >= KEEP_MS)
            forget(m, loss);
    if (m->losses)
        m->ports->set_timer(m->arg, GLOBAL_TIMER_SWEEP, SWEEP_MS);
}

/* {lost_connection, From, Creation, Operation, To} to all that are known, or about to be, and understand it. */
static void multicast(struct global_member *m, const hm_node_name *from, int64_t creation, int64_t operation,
                      const hm_node_name *to, const hm_node_name *except) {
    struct other *other, *next;
    HASH_ITER(hh, m->others, other, next) {
        bool known = other->known >= GLOBAL_VERSION_WITH_NODES, pending = other->pending >= GLOBAL_VERSION_WITH_NODES;
        if (other->name == except || (!known && !pending))
            continue;
        hm_build *build = member_build(m);
        hm_put_tuple(build, 5);
        hm_put_atom(build, "lost_connection");
        global_put_node(build, from);
        hm_put_int64(build, creation);
        hm_put_int64(build, operation);
        global_put_node(build, to);
        member_volatile(m, other->name);
    }
}

static bool is_on(const struct global_member *m) {
    return m->config.connect_all && m->config.prevent_overlapping_partitions;
}

void partition_lost(struct global_member *m, const struct other *other) {
    if (is_on(m))
        multicast(m, m->config.self, m->creation, ++m->next_tag, other->name, other->name);
}

/* false: seen before. */
static bool remember(struct global_member *m, const struct global_message *message) {
    struct {
        const hm_node_name *from, *to;
    } key = {message->node, message->other};
    struct loss *loss;
    HASH_FIND(hh, m->losses, &key, HASH_LOSS_KEY, loss);
    if (loss && loss->creation == message->creation && message->operation <= loss->operation)
        return false;
    if (!loss) {
        if (HASH_COUNT(m->losses) >= MAX_LOSSES)
            forget(m, m->losses);
        if (!m->losses)
            m->ports->set_timer(m->arg, GLOBAL_TIMER_SWEEP, SWEEP_MS);
        loss = calloc(1, sizeof *loss);
        if (!loss) {
            member_fail(m);
            return false;
        }
        loss->from = key.from;
        loss->to = key.to;
        HASH_ADD(hh, m->losses, from, HASH_LOSS_KEY, loss);
        if (loss->lost) {
            free(loss);
            member_fail(m);
            return false;
        }
    }
    loss->creation = message->creation;
    loss->operation = message->operation;
    loss->seen_ms = m->ports->now_ms(m->arg);
    return true;
}

static bool is_potentially_known(const struct other *other) {
    return other && (other->known != NOT_KNOWN || other->pending != NOT_KNOWN);
}

static void log_removal(struct global_member *m, const char *what, const struct other *other) {
    log_warn(m->config.log, "global.remove", "%s %s in order to prevent overlapping partitions", what,
             hm_node_name_text(other->name));
}

static void tell_remove(struct global_member *m, const struct other *other) {
    hm_build *build = member_build(m);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "remove_connection");
    global_put_node(build, m->config.self);
    member_volatile(m, other->name);
}

/* When it knows us, it does not begin a session, and we would never know it: OTP has this gap. When it does not, it
 * does not mind. */
void partition_remove_again(struct global_member *m, struct other *other) {
    other->removed_late = true;
    tell_remove(m, other);
}

void partition_begin_anew(struct global_member *m, struct other *other) {
    other->removing = other->removed_late = other->redials = true;
    tell_remove(m, other);
}

static bool concerns_us(const struct global_member *m, const hm_node_name *node) {
    const struct other *other = other_find(m, node);
    return node == m->config.self || (other && (other->up || is_potentially_known(other)));
}

/* What is said of two strangers is kept from the others, who know who we know. OTP passes it on; but two reports
 * on the same pair with different creations, which it takes turns to call new, go round among the members for
 * ever. */
void partition_on_lost(struct global_member *m, const struct global_message *message) {
    if (!is_on(m) || (!concerns_us(m, message->node) && !concerns_us(m, message->other)))
        return;
    if (!remember(m, message))
        return;
    multicast(m, message->node, message->creation, message->operation, message->other, message->node);
    /* When we are who was lost: the others drop us by themselves, and we drop who says so. */
    struct other *other = other_find(m, message->other == m->config.self ? message->node : message->other);
    if (!is_potentially_known(other))
        return;
    if (other_version(m, other->name) < GLOBAL_VERSION_WITH_NODES) {
        m->ports->disconnect(m->arg, other->name);
        log_removal(m, "disconnected from", other);
    } else {
        tell_remove(m, other);
        log_removal(m, "requested disconnect from", other);
    }
    member_handle_down(m, other, DOWN_REMOVE);
}

void partition_on_remove(struct global_member *m, const struct global_message *message) {
    struct other *other = other_find(m, message->node);
    if (!is_potentially_known(other))
        return;
    m->ports->disconnect(m->arg, other->name);
    member_handle_down(m, other, DOWN_REMOVE);
    log_removal(m, "disconnected from", other);
}
