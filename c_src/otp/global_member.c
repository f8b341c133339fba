#include "otp/global_member.h"

#include <stdlib.h>

#include "etf/ids.h"
#include "node/terms.h"
#include "otp/global_private.h"

enum { MAX_QUESTIONS = 10000 };

/* ---- sync ---- */

static bool drop_from_list(struct node_list *list, const hm_node_name *node) {
    for (unsigned i = 0; i < list->count; i++)
        if (list->at[i] == node) {
            list->at[i] = list->at[--list->count];
            return true;
        }
    return false;
}

static void free_syncer(struct global_member *m, struct syncer *syncer, hm_term reply) {
    m->ports->answer(m->arg, syncer->client, reply);
    LIST_REMOVE(syncer, link);
    node_list_drop(&syncer->nodes);
    free(syncer);
}

/* The node is in sync, or gone: nobody waits for it any more. */
void member_tell_syncers(struct global_member *m, const hm_node_name *node) {
    struct syncer *syncer, *next;
    for (syncer = LIST_FIRST(&m->syncers); syncer; syncer = next) {
        next = LIST_NEXT(syncer, link);
        if (drop_from_list(&syncer->nodes, node) && syncer->nodes.count == 0)
            free_syncer(m, syncer, ATOM_TERM("ok"));
    }
}

static enum global_answer sync_with(struct global_member *m, hm_term nodes, hm_build *reply, void *(*keep)(void *arg),
                                    void *keep_arg) {
    struct hm_list list;
    const hm_node_name *node;
    int64_t version;
    long length = hm_list_length(nodes);
    struct syncer *syncer = calloc(1, sizeof *syncer);
    struct node_list missing = {calloc((size_t)length + 1, sizeof *missing.at), 0};
    if (!syncer || !missing.at)
        goto fail;
    hm_list_begin(nodes, &list);
    while (global_next_node(m->config.names, &list, &node, &version)) {
        struct other *other = other_get(m, node);
        if (other && !other->synced)
            missing.at[missing.count++] = node;
    }
    if (missing.count == 0) {
        free(missing.at);
        free(syncer);
        hm_put_atom(reply, "ok");
        return GLOBAL_ANSWERED;
    }
    if (!(syncer->client = keep(keep_arg)))
        goto fail;
    syncer->nodes = missing;
    LIST_INSERT_HEAD(&m->syncers, syncer, link);
    for (unsigned i = 0; i < syncer->nodes.count; i++) {
        struct other *other = other_find(m, syncer->nodes.at[i]);
        if (other)
            other_reach(m, other, false);
    }
    return GLOBAL_LATER;
fail:
    free(missing.at);
    free(syncer);
    member_fail(m);
    return GLOBAL_NO_ANSWER;
}

/* ---- whereis while the lock is set ---- */

static void answer_question(struct global_member *m, hm_pid from, hm_term tag, hm_term name) {
    hm_pid pid = changes_where(m, name);
    hm_build *build = member_build(m);
    hm_put_tuple(build, 2);
    hm_put_term(build, tag);
    if (pid.node)
        hm_put_pid(build, pid);
    else
        hm_put_atom(build, "undefined");
    member_send_pid(m, GLOBAL_SERVER, from);
}

static void free_question(struct global_member *m, struct question *question) {
    TAILQ_REMOVE(&m->questions, question, link);
    m->question_count--;
    term_drop(&question->name);
    term_drop(&question->tag);
    free(question);
}

/* OTP asks itself again after a while; here the answer comes when the lock goes. */
void member_answer_questions(struct global_member *m) {
    struct question *question;
    while (!member_lock_is_set(m) && (question = TAILQ_FIRST(&m->questions))) {
        answer_question(m, question->from, question->tag, question->name);
        free_question(m, question);
    }
}

static bool on_whereis(struct global_member *m, const struct global_message *message) {
    hm_term from_term, tag;
    hm_pid from;
    if (!hm_match(message->client, "{~t, ~t}", &from_term, &tag) || !pid_decode(m->config.names, from_term, &from))
        return false;
    if (!member_lock_is_set(m) || m->question_count >= MAX_QUESTIONS) {
        answer_question(m, from, tag, message->name);
        return true;
    }
    struct question *question = calloc(1, sizeof *question);
    if (!question) {
        member_fail(m);
        return true;
    }
    question->from = from;
    TAILQ_INSERT_TAIL(&m->questions, question, link);
    m->question_count++;
    member_copy(m, message->name, &question->name);
    member_copy(m, tag, &question->tag);
    return true;
}

/* ---- events ---- */

/* The locker and the registrar do what has become possible. */
static void go_on(struct global_member *m) {
    while (!m->failed && (locker_run(m) || registrar_run(m)))
        continue;
}

void global_member_nodeup(struct global_member *m, const hm_node_name *node) {
    struct other *other = other_get(m, node);
    if (!other || m->failed)
        return;
    other->up = true;
    bool tell = other->reaching && other->reach_in_sync;
    other_stop_reaching(m, other);
    if (other->removing)
        partition_remove_again(m, other);
    else if (tell)
        member_tell_in_sync(m, node);
    if (other->owes_ms)
        heal_watch(m, &other->owes_ms);
    if (m->config.connect_all)
        session_nodeup(m, other);
    go_on(m);
}

/* handle_nodedown/3. Names and locks of its processes go by their monitors. */
void member_handle_down(struct global_member *m, struct other *other, enum down_kind kind) {
    session_cancel(m, other, other->my_tag, NULL);
    session_reset(other);
    switch (kind) {
    case DOWN_REMOVE:
        other->removing = true;
        changes_forget_node(m, other->name);
        break;
    case DOWN_IGNORE:
        other->removing = false;
        break;
    case DOWN_DISCONNECTED:
        if (!other->removing)
            partition_lost(m, other);
        other->removing = false;
        break;
    }
    if (kind != DOWN_REMOVE)
        other->removed_late = false;
    other->known = other->pending = NOT_KNOWN;
    other->synced = other->met = false;
    other->owes_ms = other->stranger_ms = other->check_ms = 0;
    other->asked = false;
}

void global_member_nodedown(struct global_member *m, const hm_node_name *node) {
    struct other *other = other_find(m, node);
    if (!other || m->failed)
        return;
    other->up = false;
    member_tell_syncers(m, node);
    if (!other->ignore_down)
        member_handle_down(m, other, DOWN_DISCONNECTED);
    other->ignore_down = false;
    if (other->redials)
        other_reach(m, other, false);
    other->redials = false;
    other_drop_idle(m, other);
    go_on(m);
}

static bool reach_failed(struct global_member *m, const hm_ref *ref) {
    struct other *other, *next;
    HASH_ITER(hh, m->others, other, next) {
        if (!other->reaching || !hm_ref_equal(&other->reach_ref, ref))
            continue;
        other->reaching = false;
        if (other->reach_tries-- > 0) {
            other_try_to_reach(m, other);
            return true;
        }
        log_warn(m->config.log, "global.unreachable", "cannot connect to %s, of which another node told",
                 hm_node_name_text(other->name));
        member_tell_syncers(m, other->name);
        member_handle_down(m, other, DOWN_DISCONNECTED);
        other_drop_idle(m, other);
        return true;
    }
    return false;
}

void global_member_down(struct global_member *m, const hm_ref *ref) {
    if (m->failed)
        return;
    if (!reach_failed(m, ref))
        changes_on_down(m, ref);
    go_on(m);
}

void global_member_answer(struct global_member *m, uint64_t token, const hm_node_name *from, hm_term reply) {
    if (!m->failed && !rounds_answer(m, token, from, reply))
        resolution_answer(m, token, reply);
    go_on(m);
}

void global_member_timer(struct global_member *m, enum global_timer timer) {
    if (timer == GLOBAL_TIMER_LOCKER)
        m->locker.due = true;
    else if (timer == GLOBAL_TIMER_REGISTRAR)
        m->registrar.due = true;
    else if (timer == GLOBAL_TIMER_HEAL)
        heal_run(m);
    else
        partition_sweep(m);
    go_on(m);
}

bool global_member_cast(struct global_member *m, hm_term term, bool to_locker) {
    struct global_message message;
    if (m->failed || !global_read_cast(m->config.names, term, &message))
        return m->failed;
    if (to_locker && message.kind != GLOBAL_LOCK_SET)
        return false;
    session_message(m, &message, to_locker);
    go_on(m);
    return true;
}

bool global_member_plain(struct global_member *m, hm_term term) {
    struct global_message message;
    bool known = true;
    if (m->failed || !global_read_plain(m->config.names, term, &message))
        return m->failed;
    switch (message.kind) {
    case GLOBAL_LOST_CONNECTION:
        partition_on_lost(m, &message);
        break;
    case GLOBAL_REMOVE_CONNECTION:
        partition_on_remove(m, &message);
        break;
    case GLOBAL_WHEREIS_ANSWER:
        heal_on_names(m, &message);
        break;
    case GLOBAL_WHEREIS:
        known = on_whereis(m, &message);
        break;
    default:
        session_message(m, &message, false);
    }
    go_on(m);
    return known;
}

/* ---- calls ---- */

/* All connections are closed, without telling the others that they were lost. */
static void disconnect_all(struct global_member *m, hm_build *reply) {
    struct other *other, *next;
    size_t begin = hm_put_list_begin(reply);
    uint32_t count = 0;
    HASH_ITER(hh, m->others, other, next) {
        if (!other->up)
            continue;
        other->ignore_down = true;
        member_handle_down(m, other, DOWN_IGNORE);
        global_put_node(reply, other->name);
        count++;
        m->ports->disconnect(m->arg, other->name);
    }
    hm_put_list_end(reply, begin, count);
}

static enum global_answer answer_call(struct global_member *m, hm_pid from, const struct global_message *message,
                                      hm_build *reply, void *(*keep)(void *arg), void *keep_arg) {
    size_t begin;
    void *client;
    switch (message->kind) {
    case GLOBAL_SET_LOCK:
    case GLOBAL_DEL_LOCK:
        hm_put_bool(reply, member_change(m, from, message));
        return GLOBAL_ANSWERED;
    case GLOBAL_REGISTER:
        member_change(m, from, message);
        hm_put_atom(reply, "yes");
        return GLOBAL_ANSWERED;
    case GLOBAL_UNREGISTER:
        member_change(m, from, message);
        hm_put_atom(reply, "ok");
        return GLOBAL_ANSWERED;
    case GLOBAL_GET_KNOWN:
    case GLOBAL_GET_SYNCED:
        global_member_put_known(m, reply, message->kind == GLOBAL_GET_SYNCED);
        return GLOBAL_ANSWERED;
    case GLOBAL_GET_VERSION:
        hm_put_int64(reply, GLOBAL_VERSION);
        return GLOBAL_ANSWERED;
    case GLOBAL_GET_NAMES_EXT:
        begin = hm_put_list_begin(reply);
        hm_put_list_end(reply, begin, global_names_put_external(&m->names, reply));
        return GLOBAL_ANSWERED;
    case GLOBAL_INFO:
        global_member_put_info(m, reply);
        return GLOBAL_ANSWERED;
    case GLOBAL_SYNC:
        return sync_with(m, message->known, reply, keep, keep_arg);
    case GLOBAL_DISCONNECT:
        disconnect_all(m, reply);
        return GLOBAL_ANSWERED;
    case GLOBAL_DO_REGISTER:
    case GLOBAL_DO_UNREGISTER:
        /* Others have a registrar of their own. */
        if (from.node != m->config.self || !(client = keep(keep_arg)))
            return GLOBAL_NO_ANSWER;
        registrar_add(m, message, client);
        return GLOBAL_LATER;
    default:
        return GLOBAL_NO_ANSWER;
    }
}

enum global_answer global_member_call(struct global_member *m, hm_pid from, hm_term request, hm_build *reply,
                                      void *(*keep)(void *arg), void *keep_arg) {
    struct global_message message;
    if (m->failed || !global_read_call(m->config.names, request, &message))
        return GLOBAL_NO_ANSWER;
    enum global_answer answer = answer_call(m, from, &message, reply, keep, keep_arg);
    go_on(m);
    return m->failed && answer == GLOBAL_ANSWERED ? GLOBAL_NO_ANSWER : answer;
}

/* ---- questions ---- */

hm_pid global_member_whereis(const struct global_member *m, hm_term name) {
    return changes_where(m, name);
}

struct list_of_names {
    hm_build *build;
    uint32_t count;
};

static void put_name(void *arg, const struct global_name *name) {
    struct list_of_names *list = arg;
    hm_put_term(list->build, name->name);
    list->count++;
}

void global_member_put_names(const struct global_member *m, hm_build *build) {
    size_t begin = hm_put_list_begin(build);
    struct list_of_names list = {build, 0};
    global_names_each(&m->names, put_name, &list);
    hm_put_list_end(build, begin, list.count);
}

void global_member_put_known(const struct global_member *m, hm_build *build, bool synced) {
    struct other *other, *next;
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    HASH_ITER(hh, m->others, other, next)
        if (synced ? other->synced : other->known != NOT_KNOWN) {
            global_put_node(build, other->name);
            count++;
        }
    hm_put_list_end(build, begin, count);
}

static uint32_t count_map(const struct global_member *m) {
    struct other *other, *next;
    uint32_t count = 0;
    HASH_ITER(hh, m->others, other, next)
        count += (other->known != NOT_KNOWN) + (other->pending != NOT_KNOWN) + other->removing;
    return count;
}

static void put_map_key(hm_build *build, const char *what, const hm_node_name *node) {
    hm_put_tuple(build, 2);
    hm_put_atom(build, what);
    global_put_node(build, node);
}

/* #state{conf, known, synced, resolvers, syncers, node_name, the_locker, the_registrar, trace, global_lock_down} */
void global_member_put_info(const struct global_member *m, hm_build *build) {
    struct other *other, *next;
    hm_put_tuple(build, 11);
    hm_put_atom(build, "state");
    hm_put_tuple(build, 3);
    hm_put_atom(build, "conf");
    hm_put_bool(build, m->config.connect_all);
    hm_put_bool(build, m->config.prevent_overlapping_partitions);
    hm_put_map(build, count_map(m));
    HASH_ITER(hh, m->others, other, next) {
        if (other->known != NOT_KNOWN) {
            global_put_node(build, other->name);
            hm_put_int64(build, other->known);
        }
        if (other->pending != NOT_KNOWN) {
            put_map_key(build, "pending", other->name);
            hm_put_int64(build, other->pending);
        }
        if (other->removing) {
            put_map_key(build, "removing", other->name);
            hm_put_atom(build, "yes");
        }
    }
    global_member_put_known(m, build, true);
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    HASH_ITER(hh, m->others, other, next)
        if (other->resolver) {
            hm_put_tuple(build, 3);
            global_put_node(build, other->name);
            hm_put_int64(build, other->resolver);
            hm_put_pid(build, m->config.pids[GLOBAL_SERVER]);
            count++;
        }
    hm_put_list_end(build, begin, count);
    hm_put_nil(build);
    global_put_node(build, m->config.self);
    hm_put_pid(build, m->config.pids[GLOBAL_LOCKER]);
    hm_put_pid(build, m->config.pids[GLOBAL_REGISTRAR]);
    hm_put_atom(build, "no_trace");
    hm_put_bool(build, m->lock_down);
}

struct global_counts global_member_count(const struct global_member *m) {
    struct other *other, *next;
    struct global_counts counts = {.names = m->names.count, .holders = m->locks.count};
    HASH_ITER(hh, m->others, other, next) {
        counts.known += other->known != NOT_KNOWN;
        counts.synced += other->synced;
        counts.sessions += other->resolver != 0;
    }
    counts.busy = m->locker.phase != LOCKER_IDLE || !TAILQ_EMPTY(&m->locker.mail) || m->registrar.count > 0;
    return counts;
}

/* ---- life ---- */

struct global_member *global_member_new(const struct global_config *config, const struct global_ports *ports,
                                        void *arg) {
    struct global_member *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->config = *config;
    m->ports = ports;
    m->arg = arg;
    m->global_atom = ATOM_TERM("global");
    global_names_init(&m->names, config->max_names);
    global_locks_init(&m->locks, config->max_locks);
    locker_init(&m->locker);
    registrar_init(&m->registrar);
    TAILQ_INIT(&m->questions);
    /* As init/1: random above the 32 bits of the creation, so that another start of this node is another one. */
    m->creation = ((int64_t)ports->random(arg, 1u << 28) << 32) + config->creation + ((int64_t)1 << 59);
    m->build = hm_build_new();
    if (m->build)
        return m;
    free(m);
    return NULL;
}

void global_member_free(struct global_member *m) {
    struct other *other, *next;
    if (!m)
        return;
    while (!TAILQ_EMPTY(&m->questions))
        free_question(m, TAILQ_FIRST(&m->questions));
    while (!LIST_EMPTY(&m->syncers))
        free_syncer(m, LIST_FIRST(&m->syncers), (hm_term){0});
    registrar_free(m);
    locker_free(m);
    HASH_ITER(hh, m->others, other, next)
        other_free(m, other);
    partition_free(m);
    global_names_fini(&m->names);
    global_locks_fini(&m->locks);
    hm_build_free(m->build);
    free(m);
}
