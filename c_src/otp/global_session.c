/*
 * The connection algorithm: how two members that met join their partitions (global.erl "Connection algorithm").
 *
 *     init_connect -> , <- init_connect, init_connect_ack both ways     both name their lockers and tags
 *     the lockers lock both partitions: lock_set both ways
 *     exchange both ways                                                all names
 *     resolved both ways                                                who loses, who else is known
 *     new_nodes to one's own partition, in_sync to the other one
 *
 * A session is named by a tag of each side; messages with another tag belong to one that is over.
 */
#include <stdlib.h>

#include "otp/global_private.h"

/* ---- the end of a session ---- */

static void send_cancel(struct global_member *m, const hm_node_name *node, bool has_tag, int64_t tag) {
    hm_build *build = member_build(m);
    hm_put_tuple(build, 3);
    hm_put_atom(build, "cancel_connect");
    global_put_node(build, m->config.self);
    if (has_tag)
        hm_put_int64(build, tag);
    else
        hm_put_atom(build, "undefined");
    member_volatile(m, node);
}

/* cancel_locker/4: the locker lets go of it, the other side is told when it counts on us, the resolver ends. Takes news. */
void session_cancel(struct global_member *m, struct other *other, int64_t tag, struct news *news) {
    if (tag)
        locker_post(m, (struct locker_mail){.kind = MAIL_CANCEL, .node = other->name, .tag = tag, .news = news});
    else
        news_free(news);
    if (other->pending >= GLOBAL_VERSION && other->my_tag == tag)
        send_cancel(m, other->name, other->has_his_tag, other->his_tag);
    if (other->resolver && other->resolver == tag) {
        other->resolver = 0;
        resolution_free(other);
    }
}

void session_reset(struct other *other) {
    other->wait_lock = WAIT_NOTHING;
    other->saved = SAVED_NOTHING;
    other->early.set = false;
    other->again = false;
    other->retry_ms = 0;
    other->version = 0;
    other->my_tag = 0;
    other->has_his_tag = false;
    term_drop(&other->exchange_names);
    term_drop(&other->ops);
    term_drop(&other->his_ops);
    term_drop(&other->his_known);
    term_drop(&other->his_ext);
    term_drop(&other->requester);
}

/* Nothing is left to be done with it. The other side is told so by in_sync, and not by cancel_connect. */
void session_drop(struct global_member *m, struct other *other) {
    other->pending = NOT_KNOWN;
    session_cancel(m, other, other->my_tag, NULL);
    session_reset(other);
}

/* ---- the beginning ---- */

enum { RETRY_MS = 30, RETRY_SPREAD_MS = 70 };

static void init_connect(struct global_member *m, struct other *other, int64_t version, int64_t tag, hm_pid locker);

/* The nodes that are known, with their versions, stand where older ones have more; nobody reads it any more but those who look
 * for nodes to dial. */
static void send_init_connect(struct global_member *m, struct other *other) {
    hm_build *build = member_build(m);
    struct other *each, *next;
    uint32_t count = 0;
    HASH_ITER(hh, m->others, each, next)
        count += each->known != NOT_KNOWN;
    hm_put_tuple(build, 4);
    hm_put_atom(build, "init_connect");
    hm_put_format(build, "{~i, ~i}", (int64_t)GLOBAL_VERSION, other->my_tag);
    global_put_node(build, m->config.self);
    hm_put_tuple(build, 4);
    hm_put_atom(build, "locker");
    hm_put_atom(build, "no_longer_a_pid");
    hm_put_map(build, count);
    HASH_ITER(hh, m->others, each, next)
        if (each->known != NOT_KNOWN) {
            global_put_node(build, each->name);
            hm_put_int64(build, each->known);
        }
    hm_put_pid(build, m->config.pids[GLOBAL_LOCKER]);
    member_cast(m, GLOBAL_SERVER, other->name);
}

void session_begin(struct global_member *m, struct other *other) {
    other->my_tag = ++m->next_tag;
    other->resolver = other->my_tag;
    send_init_connect(m, other);
}

void session_nodeup(struct global_member *m, struct other *other) {
    if ((other->known != NOT_KNOWN && !other->again) || other->resolver)
        return; /* known from others, or met already */
    session_begin(m, other);
    if (other->early.set) {
        other->early.set = false;
        init_connect(m, other, other->early.version, other->early.tag, other->early.locker);
    }
}

/*
 * Our views differ of what session this is: begin again. OTP does so at once, as the other side does, and then
 * each one's new session crosses the other's answer to the old one: seen live, after a connection that lasted
 * for a moment, whose init_connect came with the next one, thousands of times. So we keep quiet until what is
 * under way has arrived; his latest init_connect waits for us meanwhile.
 */
static void restart(struct global_member *m, struct other *other, int64_t my_tag) {
    bool again = other->again;
    session_cancel(m, other, my_tag, NULL);
    session_reset(other);
    other->again = again && !other->synced;
    other->pending = NOT_KNOWN;
    if (my_tag) {
        other->retry_ms = m->ports->now_ms(m->arg) + RETRY_MS + m->ports->random(m->arg, RETRY_SPREAD_MS);
        heal_at(m, other->retry_ms);
    }
}

static bool is_local(const struct global_member *m, const hm_node_name *node) {
    const char *ours = strchr(hm_node_name_text(m->config.self), '@');
    const char *theirs = strchr(hm_node_name_text(node), '@');
    return ours && theirs && strcmp(ours, theirs) == 0;
}

static void send_ack(struct global_member *m, struct other *other) {
    hm_build *build = member_build(m);
    hm_put_tuple(build, 4);
    hm_put_atom(build, "init_connect_ack");
    global_put_node(build, m->config.self);
    hm_put_int64(build, other->his_tag);
    hm_put_int64(build, other->my_tag);
    member_volatile(m, other->name);
}

/* In sync with who is not known, and stays so. To OTP the last element says nothing. */
static void tell_apart(struct global_member *m, const hm_node_name *node) {
    hm_build *build = member_build(m);
    hm_put_tuple(build, 3);
    hm_put_atom(build, "in_sync");
    global_put_node(build, m->config.self);
    hm_put_bool(build, false);
    member_cast(m, GLOBAL_SERVER, node);
}

/* Members of a protocol without tags and acknowledgements (before OTP 25) are told that all is well, and left alone. */
static void leave_alone(struct global_member *m, struct other *other, int64_t version) {
    log_info(m->config.log, "global.old", "%s speaks version %lld of global's protocol, and we %d: its names are not shared",
             hm_node_name_text(other->name), (long long)version, GLOBAL_VERSION);
    session_cancel(m, other, other->my_tag, NULL);
    session_reset(other);
    tell_apart(m, other->name);
}

/*
 * We are joined with him, or he with us, through other nodes: what is left of a session between us ends with his in_sync and ours.
 * A newer BEAM (OTP 27.3.4 is one) to which a cancel_connect comes before that, or an acknowledgement after it, takes it for the loss of our names
 * (restart_connect/3 deletes them) and has no reason to begin anew.
 */
static bool is_joined_through_others(const struct other *other) {
    return (other->known != NOT_KNOWN || other->synced) && !other->again;
}

static void init_connect(struct global_member *m, struct other *other, int64_t version, int64_t tag, hm_pid locker) {
    if (version < GLOBAL_VERSION) {
        leave_alone(m, other, version);
        return;
    }
    if (is_joined_through_others(other)) {
        session_drop(m, other);
    } else if (other->pending != NOT_KNOWN) { /* a second one while the first session is not over: neither counts */
        send_cancel(m, other->name, true, tag);
        restart(m, other, other->my_tag);
    }
    if (other->removed_late)
        other->removing = other->removed_late = other->redials = false; /* he did not know us, and stays */
    other->version = GLOBAL_VERSION;
    other->has_his_tag = true;
    other->his_tag = tag;
    if (!other->resolver) {
        /* We know him, or have been told that he is in sync. As a rule he is about to hear the same of us; else see global_heal.c. */
        other->early.set = true;
        other->early.version = version;
        other->early.tag = tag;
        other->early.locker = locker;
        heal_watch(m, &other->early.since_ms);
        return;
    }
    other->early.set = false;
    struct him *him = malloc(sizeof *him);
    if (!him) {
        member_fail(m);
        return;
    }
    *him = (struct him){.node = other->name,
                        .locker = locker,
                        .my_tag = other->my_tag,
                        .his_tag = tag,
                        .version = version,
                        .local = is_local(m, other->name)};
    locker_post(m, (struct locker_mail){.kind = MAIL_HIM, .node = other->name, .him = him});
    send_ack(m, other);
    other->pending = version;
}

static void on_init_connect(struct global_member *m, const struct global_message *message) {
    struct other *other = other_find(m, message->node);
    if (!other || !other->up)
        return; /* a hidden node, which takes no part */
    if (!m->config.connect_all)
        tell_apart(m, message->node); /* we take no part either; nobody shall wait for us */
    else
        init_connect(m, other, message->version, message->tag, message->pid);
}

static void on_ack(struct global_member *m, const struct global_message *message) {
    struct other *other = other_find(m, message->node);
    bool agreed = other && other->my_tag && message->has_tag && message->tag == other->my_tag &&
                  other->has_his_tag == message->has_his_tag &&
                  (!other->has_his_tag || other->his_tag == message->his_tag);
    if (agreed && other->again && other->early.set) {
        other->early.set = false;
        init_connect(m, other, other->early.version, other->early.tag, other->early.locker);
    }
    if (!other || !other->up || agreed)
        return;
    if (is_joined_through_others(other)) {
        other->met = true;
        return;
    }
    send_cancel(m, other->name, message->has_his_tag, message->his_tag);
    if (!other->retry_ms)
        restart(m, other, other->my_tag);
}

static void on_cancel(struct global_member *m, const struct global_message *message) {
    struct other *other = other_find(m, message->node);
    if (other && message->has_tag && other->my_tag == message->tag)
        restart(m, other, other->my_tag);
}

/* ---- lock, exchange, resolved ---- */

static void on_lock_set(struct global_member *m, const struct global_message *message, bool to_locker) {
    struct other *other = other_find(m, message->pid.node);
    if (!other)
        return;
    if (message->has_tag && !to_locker && other->my_tag != message->tag) {
        /* Of a session that is over. OTP says nothing, and his locker waits with his partition locked if he does not know that. */
        if (message->flag)
            locker_refuse(m, message->pid);
        return;
    }
    locker_post(m, (struct locker_mail){.kind = MAIL_LOCK_SET,
                                        .node = message->pid.node,
                                        .pid = message->pid,
                                        .has_tag = message->has_tag,
                                        .tag = message->tag,
                                        .flag = message->flag});
}

static void send_names(struct global_member *m, struct other *other) {
    hm_build *build = member_build(m);
    hm_put_tuple(build, 5);
    hm_put_atom(build, "exchange");
    global_put_node(build, m->config.self);
    size_t begin = hm_put_list_begin(build);
    hm_put_list_end(build, begin, global_names_put(&m->names, build));
    hm_put_nil(build);
    hm_put_int64(build, other->his_tag);
    member_cast(m, GLOBAL_SERVER, other->name);
}

static void begin_exchange(struct global_member *m, struct other *other, hm_term names) {
    other->wait_lock = WAIT_NOTHING;
    if (other->resolver)
        resolution_begin(m, other, names);
    else
        term_drop(&names);
}

void member_on_lock_set(struct global_member *m, const hm_node_name *node, int64_t tag, hm_term requester) {
    struct other *other = other_find(m, node);
    if (!other || other->my_tag != tag || !other->has_his_tag) {
        if (other)
            session_cancel(m, other, tag, NULL);
        else
            locker_post(m, (struct locker_mail){.kind = MAIL_CANCEL, .node = node, .tag = tag});
        return;
    }
    send_names(m, other);
    term_drop(&other->requester);
    if (!member_copy(m, requester, &other->requester))
        return;
    if (other->wait_lock == WAIT_EXCHANGE) {
        hm_term names = other->exchange_names;
        other->exchange_names = (hm_term){0};
        begin_exchange(m, other, names);
    } else {
        other->wait_lock = WAIT_LOCK_IS_SET;
    }
}

/* The session of a message, or NULL when it is over; then the locker is told, too. */
static struct other *find_session(struct global_member *m, const struct global_message *message) {
    struct other *other = other_find(m, message->node);
    if (!other || !message->has_tag)
        return NULL;
    if (other->my_tag == message->tag)
        return other;
    session_cancel(m, other, message->tag, NULL);
    return NULL;
}

static void on_exchange(struct global_member *m, const struct global_message *message) {
    struct other *other = find_session(m, message);
    hm_term names;
    if (!other || other->wait_lock == WAIT_EXCHANGE || !member_copy(m, message->names, &names))
        return;
    if (other->wait_lock == WAIT_LOCK_IS_SET) {
        begin_exchange(m, other, names);
        return;
    }
    other->wait_lock = WAIT_EXCHANGE;
    other->exchange_names = names;
}

/* But for him, who may be known to us and is joined with us again: a BEAM would take itself for one of its others. */
static void put_known(struct global_member *m, hm_build *build, const struct other *him) {
    struct other *other, *next;
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    HASH_ITER(hh, m->others, other, next) {
        if (other->known == NOT_KNOWN || other == him)
            continue;
        hm_put_tuple(build, 2);
        global_put_node(build, other->name);
        hm_put_int64(build, other->known);
        count++;
    }
    hm_put_list_end(build, begin, count);
}

static void send_resolved(struct global_member *m, struct other *other, hm_term resolved) {
    hm_build *build = member_build(m);
    hm_put_tuple(build, 7);
    hm_put_atom(build, "resolved");
    global_put_node(build, m->config.self);
    hm_put_term(build, resolved);
    put_known(m, build, other);
    hm_put_atom(build, "unused");
    size_t begin = hm_put_list_begin(build);
    hm_put_list_end(build, begin, global_names_put_external(&m->names, build));
    hm_put_int64(build, other->his_tag);
    member_cast(m, GLOBAL_SERVER, other->name);
}

void member_on_ops(struct global_member *m, struct other *other, hm_term ops, hm_term resolved) {
    send_resolved(m, other, resolved);
    bool his_came = other->saved == SAVED_RESOLVED;
    term_drop(&other->ops);
    if (!member_copy(m, ops, &other->ops))
        return;
    other->saved = SAVED_OPS;
    if (his_came)
        session_join(m, other);
}

static void on_resolved(struct global_member *m, const struct global_message *message) {
    struct other *other = find_session(m, message);
    if (!other || other->his_ops.size)
        return;
    if (!member_copy(m, message->ops, &other->his_ops) || !member_copy(m, message->known, &other->his_known) ||
        !member_copy(m, message->ext, &other->his_ext))
        return;
    if (other->saved == SAVED_OPS)
        session_join(m, other);
    else
        other->saved = SAVED_RESOLVED;
}

/* ---- in sync ---- */

static void on_in_sync(struct global_member *m, const struct global_message *message) {
    struct other *other = other_find(m, message->node);
    if (!other || !other->up)
        return;
    member_tell_syncers(m, other->name);
    other->synced = true;
    bool answers = other->owes_ms || other->again;
    session_drop(m, other);
    other->met = false;
    if (answers)
        member_tell_in_sync(m, other->name);
    other->owes_ms = 0;
    if (other->known == NOT_KNOWN && message->flag)
        heal_watch(m, &other->stranger_ms);
}

void session_message(struct global_member *m, const struct global_message *message, bool to_locker) {
    switch (message->kind) {
    case GLOBAL_INIT_CONNECT:
        on_init_connect(m, message);
        break;
    case GLOBAL_INIT_CONNECT_ACK:
        on_ack(m, message);
        break;
    case GLOBAL_CANCEL_CONNECT:
        on_cancel(m, message);
        break;
    case GLOBAL_LOCK_SET:
        on_lock_set(m, message, to_locker);
        break;
    case GLOBAL_EXCHANGE:
        on_exchange(m, message);
        break;
    case GLOBAL_RESOLVED:
        on_resolved(m, message);
        break;
    case GLOBAL_NEW_NODES:
        session_on_new_nodes(m, message);
        break;
    case GLOBAL_IN_SYNC:
        on_in_sync(m, message);
        break;
    default:
        break;
    }
}
