/*
 * The process the_registrar of global.erl: one change of names at a time, under the lock `global` on all nodes that are known
 * (trans_all_known/1). It never ends before a change is done on all of them.
 */
#include <stdlib.h>

#include "node/terms.h"
#include "otp/global_private.h"

enum { MAX_QUEUE = 1000000 }; /* changes that wait */

void registrar_init(struct registrar *registrar) {
    *registrar = (struct registrar){.phase = REGISTRAR_IDLE};
    TAILQ_INIT(&registrar->queue);
}

/* Takes the first one off the queue and answers it; answer NULL: not at all. */
static void drop_first(struct global_member *m, const char *answer) {
    struct registrar *registrar = &m->registrar;
    struct registration *first = TAILQ_FIRST(&registrar->queue);
    TAILQ_REMOVE(&registrar->queue, first, link);
    registrar->count--;
    registrar->again -= first->again;
    hm_term reply = {0};
    hm_build *build = answer ? member_build(m) : NULL;
    if (build) {
        hm_put_atom(build, answer);
        reply = hm_build_term(build);
    }
    if (first->client)
        m->ports->answer(m->arg, first->client, reply);
    term_drop(&first->name);
    term_drop(&first->method);
    free(first);
}

void registrar_free(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    while (!TAILQ_EMPTY(&registrar->queue))
        drop_first(m, NULL);
    term_drop(&registrar->requester);
    node_list_drop(&registrar->nodes);
    lock_try_end(&registrar->try);
    round_end(&registrar->round);
    round_end(&registrar->unlock.round);
}

void registrar_add(struct global_member *m, const struct global_message *message, void *client) {
    struct registrar *registrar = &m->registrar;
    if (registrar->count >= MAX_QUEUE) {
        m->ports->answer(m->arg, client, ATOM_TERM("no"));
        return;
    }
    struct registration *made = calloc(1, sizeof *made);
    if (!made) {
        m->ports->answer(m->arg, client, (hm_term){0});
        member_fail(m);
        return;
    }
    made->unregister = message->kind == GLOBAL_DO_UNREGISTER;
    made->replace = message->flag;
    made->pid = message->pid;
    made->client = client;
    member_copy(m, message->name, &made->name);
    if (!made->unregister)
        member_copy(m, message->method, &made->method);
    TAILQ_INSERT_TAIL(&registrar->queue, made, link);
    registrar->count++;
}

void registrar_add_again(struct global_member *m, const struct global_name *name) {
    struct registrar *registrar = &m->registrar;
    struct registration *made = registrar->count < MAX_QUEUE ? calloc(1, sizeof *made) : NULL;
    if (!made) {
        if (registrar->count < MAX_QUEUE)
            member_fail(m);
        return;
    }
    made->again = true;
    made->pid = name->pid;
    member_copy(m, name->name, &made->name);
    member_copy(m, name->method, &made->method);
    TAILQ_INSERT_TAIL(&registrar->queue, made, link);
    registrar->count++;
    registrar->again++;
}

static void begin_boss(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    const hm_node_name *boss;
    node_list_drop(&registrar->nodes);
    if (!member_known_list(m, true, &registrar->nodes))
        return;
    boss = node_list_greatest(registrar->nodes);
    registrar->phase = REGISTRAR_BOSS;
    lock_try_begin(m, &registrar->try, GLOBAL_REGISTRAR, registrar->requester, (struct node_list){&boss, 1});
}

static void sleep_and_retry(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    registrar->phase = REGISTRAR_SLEEPS;
    registrar->due = false;
    m->ports->set_timer(m->arg, GLOBAL_TIMER_REGISTRAR, member_random_sleep(m, registrar->times++));
}

/* New nodes may have become known while the lock was being set. So may some have gone, and come back unknown: a change that reaches
 * them over the new connection is no longer covered by a lock on the others. (OTP looks for new ones only.) */
static bool same_nodes(struct global_member *m) {
    struct node_list now, *then = &m->registrar.nodes;
    if (!member_known_list(m, true, &now))
        return false;
    bool same = now.count == then->count;
    for (unsigned i = 0; i < now.count && same; i++) {
        bool found = false;
        for (unsigned j = 0; j < then->count && !found; j++)
            found = then->at[j] == now.at[i];
        same = found;
    }
    node_list_drop(&now);
    return same;
}

static void begin_release(struct global_member *m, enum registrar_phase phase) {
    struct registrar *registrar = &m->registrar;
    registrar->phase = phase;
    unlock_begin(m, &registrar->unlock, GLOBAL_REGISTRAR, registrar->requester, registrar->nodes);
}

/* The lock is held everywhere. */
static void change(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    struct registration *first = TAILQ_FIRST(&registrar->queue);
    bool wanted = true;
    if (first->again)
        wanted = hm_pid_equal(changes_where(m, first->name), first->pid);
    else if (!first->unregister && !first->replace)
        wanted = !changes_where(m, first->name).node && !global_names_of_pid(&m->names, first->pid);
    registrar->yes = wanted;
    if (!wanted) {
        begin_release(m, REGISTRAR_RELEASES);
        return;
    }
    hm_build *build = hm_build_new();
    if (build && first->unregister)
        hm_put_format(build, "{unregister, ~t}", first->name);
    else if (build)
        hm_put_format(build, "{register, ~t, ~p, ~t}", first->name, first->pid, first->method);
    registrar->phase = REGISTRAR_CHANGES;
    if (!build || hm_build_error(build) != HM_OK)
        member_fail(m);
    else
        round_begin(m, &registrar->round, GLOBAL_REGISTRAR, hm_build_term(build), registrar->nodes);
    hm_build_free(build);
}

static bool run_idle(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    struct registration *first = TAILQ_FIRST(&registrar->queue);
    if (!first)
        return false;
    if (first->unregister && !changes_where(m, first->name).node) {
        drop_first(m, "ok");
        return true;
    }
    if (!registrar->requester.size) {
        hm_build *build = member_build(m);
        hm_put_pid(build, m->config.pids[GLOBAL_REGISTRAR]);
        if (!member_copy(m, hm_build_term(build), &registrar->requester))
            return false;
    }
    registrar->times = 0;
    begin_boss(m);
    return true;
}

static bool run_locking(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    if (!lock_try_over(m, &registrar->try, GLOBAL_REGISTRAR, registrar->requester))
        return false;
    bool locked = registrar->try.result;
    if (registrar->phase == REGISTRAR_BOSS && locked) {
        registrar->phase = REGISTRAR_ALL;
        lock_try_begin(m, &registrar->try, GLOBAL_REGISTRAR, registrar->requester, registrar->nodes);
    } else if (registrar->phase == REGISTRAR_BOSS) {
        sleep_and_retry(m);
    } else if (locked && same_nodes(m)) {
        change(m);
    } else {
        begin_release(m, REGISTRAR_TAKES_BACK);
    }
    return true;
}

static bool run_release(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    if (!unlock_over(m, &registrar->unlock, GLOBAL_REGISTRAR, registrar->requester))
        return false;
    if (registrar->phase == REGISTRAR_TAKES_BACK) {
        sleep_and_retry(m);
        return true;
    }
    registrar->phase = REGISTRAR_IDLE;
    drop_first(m, TAILQ_FIRST(&registrar->queue)->unregister ? "ok" : registrar->yes ? "yes" : "no");
    return true;
}

bool registrar_run(struct global_member *m) {
    struct registrar *registrar = &m->registrar;
    switch (registrar->phase) {
    case REGISTRAR_IDLE:
        return run_idle(m);
    case REGISTRAR_BOSS:
    case REGISTRAR_ALL:
        return run_locking(m);
    case REGISTRAR_SLEEPS:
        if (!registrar->due)
            return false;
        begin_boss(m);
        return true;
    case REGISTRAR_CHANGES:
        if (registrar->round.waiting)
            return false;
        round_end(&registrar->round);
        begin_release(m, REGISTRAR_RELEASES);
        return true;
    case REGISTRAR_TAKES_BACK:
    case REGISTRAR_RELEASES:
        return run_release(m);
    }
    return false;
}
