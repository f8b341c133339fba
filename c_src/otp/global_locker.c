/*
 * The process the_locker of global.erl, with its selective receives: mail waits until the phase takes it.
 *
 * Two lockers that both locked their partition under the same requester id [Smaller, Greater] have joined what is needed to join the
 * partitions; nodes that are in both are locked twice, by both. His locker's id is in the id, so a partition cannot be promised
 * to two others.
 */
#include <stdlib.h>
#include <string.h>

#include "otp/global_private.h"

void news_free(struct news *news) {
    if (!news)
        return;
    term_drop(&news->message);
    term_drop(&news->old_message);
    node_list_drop(&news->nodes);
    free(news->old);
    free(news);
}

void locker_init(struct locker *locker) {
    *locker = (struct locker){.phase = LOCKER_IDLE};
    TAILQ_INIT(&locker->hims);
    TAILQ_INIT(&locker->mail);
}

static void drop_mail(struct locker *locker, struct locker_mail *mail) {
    TAILQ_REMOVE(&locker->mail, mail, link);
    free(mail->him);
    news_free(mail->news);
    free(mail);
}

static void end_attempt(struct locker *locker) {
    term_drop(&locker->requester);
    node_list_drop(&locker->locked);
    node_list_drop(&locker->near);
    lock_try_end(&locker->try);
    round_end(&locker->round);
    round_end(&locker->unlock.round);
    locker->phase = LOCKER_IDLE;
}

void locker_free(struct global_member *m) {
    struct locker *locker = &m->locker;
    struct locker_mail *mail;
    struct him *him;
    while ((mail = TAILQ_FIRST(&locker->mail)))
        drop_mail(locker, mail);
    while ((him = TAILQ_FIRST(&locker->hims))) {
        TAILQ_REMOVE(&locker->hims, him, link);
        free(him);
    }
    end_attempt(locker);
}

void locker_post(struct global_member *m, struct locker_mail mail) {
    struct locker_mail *copy = malloc(sizeof *copy);
    if (!copy) {
        free(mail.him);
        news_free(mail.news);
        member_fail(m);
        return;
    }
    *copy = mail;
    TAILQ_INSERT_TAIL(&m->locker.mail, copy, link);
}

/* ---- whom to join ---- */

static struct him *find_him(struct locker *locker, const hm_node_name *node) {
    struct him *him;
    /* Those on this host first. */
    for (int local = 1; local >= 0; local--)
        TAILQ_FOREACH(him, &locker->hims, link)
            if (him->local == local && him->node == node)
                return him;
    return NULL;
}

static void remove_him(struct locker *locker, const hm_node_name *node, int64_t tag) {
    struct him *him, *next;
    for (him = TAILQ_FIRST(&locker->hims); him; him = next) {
        next = TAILQ_NEXT(him, link);
        if (him->node == node && him->my_tag == tag) {
            TAILQ_REMOVE(&locker->hims, him, link);
            free(him);
        }
    }
}

/* Picks one that is not known yet, of this host's when there are any. NULL: none. */
static struct him *select_him(struct global_member *m) {
    struct locker *locker = &m->locker;
    struct him *him, *next;
    bool local = false;
    uint32_t count = 0;
    TAILQ_FOREACH(him, &locker->hims, link)
        local = local || him->local;
    for (him = TAILQ_FIRST(&locker->hims); him; him = next) {
        next = TAILQ_NEXT(him, link);
        if (him->local != local)
            continue;
        if (other_is_known(m, him->node) && !other_find(m, him->node)->again) {
            TAILQ_REMOVE(&locker->hims, him, link);
            free(him);
        } else {
            count++;
        }
    }
    if (count == 0)
        return NULL;
    uint32_t place = m->ports->random(m->arg, count);
    TAILQ_FOREACH(him, &locker->hims, link)
        if (him->local == local && place-- == 0)
            return him;
    return NULL;
}

/* ---- telling his locker ---- */

/* {lock_set, Pid, IsSet, Known, HisTag} through his server; Known is only of use to protocols that are gone. */
static void put_lock_set(struct global_member *m, hm_build *build, bool is_set, bool tagged, int64_t tag) {
    hm_put_tuple(build, tagged ? 5 : 4);
    hm_put_atom(build, "lock_set");
    hm_put_pid(build, m->config.pids[GLOBAL_LOCKER]);
    hm_put_bool(build, is_set);
    global_member_put_known(m, build, false);
    if (tagged)
        hm_put_int64(build, tag);
}

static void tell_him(struct global_member *m, bool is_set) {
    struct him *him = &m->locker.him;
    hm_build *build = member_build(m);
    put_lock_set(m, build, is_set, true, him->his_tag);
    member_cast(m, GLOBAL_LOCKER, him->node);
}

/* A locker that we do not know (any more) gets a refusal in the form that needs no tag. */
void locker_refuse(struct global_member *m, hm_pid pid) {
    hm_build *build = member_build(m);
    put_lock_set(m, build, false, false, 0);
    member_send_pid(m, GLOBAL_LOCKER, pid);
}

/* ---- locking the own partition ---- */

static void begin_try(struct global_member *m, enum locker_phase phase, struct node_list nodes) {
    m->locker.phase = phase;
    lock_try_begin(m, &m->locker.try, GLOBAL_LOCKER, m->locker.requester, nodes);
}

static void begin_taking_back(struct global_member *m, struct node_list nodes) {
    struct locker *locker = &m->locker;
    hm_build *build = hm_build_new();
    locker->phase = LOCKER_TAKES_BACK;
    if (build)
        hm_put_format(build, "{del_lock, {global, ~t}}", locker->requester);
    if (!build || hm_build_error(build) != HM_OK)
        member_fail(m);
    else
        round_begin(m, &locker->round, GLOBAL_LOCKER, hm_build_term(build), nodes);
    hm_build_free(build);
}

static void on_not_locked(struct global_member *m) {
    struct locker *locker = &m->locker;
    if (locker->asked_by_him)
        tell_him(m, false);
    end_attempt(locker);
}

static void on_locked(struct global_member *m) {
    struct locker *locker = &m->locker;
    tell_him(m, true);
    locker->phase = locker->asked_by_him ? LOCKER_HELD : LOCKER_ASKED;
    if (locker->asked_by_him) {
        locker->syncs = true;
        member_on_lock_set(m, locker->him.node, locker->him.my_tag, locker->requester);
    }
}

/* The boss is the greatest node: everybody begins with it, so that of many who lock one wins. (lock_nodes_safely/3) */
static void begin_attempt(struct global_member *m, const struct him *him, bool asked_by_him) {
    struct locker *locker = &m->locker;
    struct node_list known;
    locker->him = *him;
    locker->asked_by_him = asked_by_him;
    locker->syncs = false;
    hm_build *build = member_build(m);
    global_put_requester(build, m->config.pids[GLOBAL_LOCKER], him->locker);
    if (hm_build_error(build) != HM_OK || !member_copy(m, hm_build_term(build), &locker->requester) ||
        !member_known_list(m, true, &known)) {
        member_fail(m);
        return;
    }
    locker->first = node_list_greatest(known);
    node_list_drop(&known);
    if (locker->first != m->config.self && !global_locks_allow(&m->locks, m->global_atom, locker->requester)) {
        on_not_locked(m);
        return;
    }
    begin_try(m, LOCKER_BOSS, (struct node_list){&locker->first, 1});
}

/* This node and, when we begin, his: that prevents a deadlock. */
static void lock_near(struct global_member *m) {
    struct locker *locker = &m->locker;
    locker->near = (struct node_list){calloc(3, sizeof *locker->near.at), 0};
    if (!locker->near.at) {
        member_fail(m);
        return;
    }
    if (locker->first != m->config.self)
        locker->near.at[locker->near.count++] = m->config.self;
    if (!locker->asked_by_him && locker->first != locker->him.node)
        locker->near.at[locker->near.count++] = locker->him.node;
    begin_try(m, LOCKER_NEAR, locker->near);
}

/* Who is known now is locked, and what is locked now is unlocked in the end, whoever is known by then. */
static void lock_known(struct global_member *m) {
    struct locker *locker = &m->locker;
    struct node_list known;
    if (!member_known_list(m, true, &locker->locked) || !member_known_list(m, false, &known))
        return;
    if (!locker->asked_by_him)
        locker->locked.at[locker->locked.count++] = locker->him.node;
    unsigned count = 0, bosses = 0;
    for (unsigned i = 0; i < locker->locked.count; i++)
        bosses += locker->locked.at[i] == locker->first;
    if (bosses == 0) /* it went, and came back while it was being locked; OTP forgets it here */
        locker->locked.at[locker->locked.count++] = locker->first;
    for (unsigned i = 0; i < known.count; i++)
        if (known.at[i] != locker->first)
            known.at[count++] = known.at[i];
    known.count = count;
    begin_try(m, LOCKER_KNOWN, known);
    node_list_drop(&known);
}

static bool run_locking(struct global_member *m) {
    struct locker *locker = &m->locker;
    if (!lock_try_over(m, &locker->try, GLOBAL_LOCKER, locker->requester))
        return false;
    bool locked = locker->try.result;
    switch (locker->phase) {
    case LOCKER_BOSS:
        if (locked)
            lock_near(m);
        else
            on_not_locked(m);
        return true;
    case LOCKER_NEAR:
        if (locked)
            lock_known(m);
        else
            begin_taking_back(m, (struct node_list){&locker->first, 1});
        return true;
    default:
        if (locked) {
            on_locked(m);
        } else {
            locker->near.at[locker->near.count++] = locker->first;
            begin_taking_back(m, locker->near);
        }
        return true;
    }
}

/* ---- the end of an attempt ---- */

static void send_news(struct global_member *m, const struct news *news) {
    for (unsigned i = 0; i < news->nodes.count; i++) {
        hm_build *build = member_build(m);
        hm_put_term(build, news->old[i] ? news->old_message : news->message);
        member_cast(m, GLOBAL_LOCKER, news->nodes.at[i]);
    }
}

static void release(struct global_member *m) {
    struct locker *locker = &m->locker;
    locker->phase = LOCKER_RELEASES;
    unlock_begin(m, &locker->unlock, GLOBAL_LOCKER, locker->requester, locker->locked);
}

static bool run_release(struct global_member *m) {
    struct locker *locker = &m->locker;
    if (!unlock_over(m, &locker->unlock, GLOBAL_LOCKER, locker->requester))
        return false;
    if (locker->syncs) {
        locker->just_synced = true;
        remove_him(locker, locker->him.node, locker->him.my_tag);
    }
    end_attempt(locker);
    return true;
}

static bool is_about_him(const struct locker *locker, const struct locker_mail *mail) {
    return mail->node == locker->him.node;
}

/* Waits for the end of the session only. */
static bool run_held(struct global_member *m) {
    struct locker *locker = &m->locker;
    struct locker_mail *mail;
    TAILQ_FOREACH(mail, &locker->mail, link) {
        if (mail->kind != MAIL_CANCEL || !is_about_him(locker, mail) || mail->tag != locker->him.my_tag)
            continue;
        if (mail->news)
            send_news(m, mail->news);
        if (locker->phase == LOCKER_ASKED)
            remove_him(locker, mail->node, mail->tag);
        drop_mail(locker, mail);
        release(m);
        return true;
    }
    return false;
}

/* Waits for his answer, or the end of the session. */
static bool run_asked(struct global_member *m) {
    struct locker *locker = &m->locker;
    struct locker_mail *mail, *next;
    for (mail = TAILQ_FIRST(&locker->mail); mail; mail = next) {
        next = TAILQ_NEXT(mail, link);
        if (!is_about_him(locker, mail))
            continue;
        if (mail->kind == MAIL_CANCEL && mail->tag == locker->him.my_tag)
            return run_held(m);
        if (mail->kind != MAIL_LOCK_SET)
            continue;
        bool mine = !mail->has_tag || mail->tag == locker->him.my_tag, is_set = mail->flag;
        drop_mail(locker, mail);
        if (!mine)
            continue; /* of an earlier session */
        if (is_set) {
            locker->phase = LOCKER_HELD;
            locker->syncs = true;
            member_on_lock_set(m, locker->him.node, locker->him.my_tag, locker->requester);
        } else {
            release(m);
        }
        return true;
    }
    return false;
}

/* ---- idle ---- */

static void take_idle_mail(struct global_member *m, struct locker_mail *mail) {
    struct locker *locker = &m->locker;
    struct him *him;
    switch (mail->kind) {
    case MAIL_HIM:
        TAILQ_INSERT_HEAD(&locker->hims, mail->him, link);
        mail->him = NULL;
        break;
    case MAIL_CANCEL:
        if (!mail->news)
            remove_him(locker, mail->node, mail->tag);
        break;
    case MAIL_LOCK_SET:
        if (!mail->flag)
            break; /* an answer that comes late */
        him = find_him(locker, mail->node);
        if (him && (!mail->has_tag || mail->tag == him->my_tag)) {
            struct him copy = *him;
            copy.locker = mail->pid;
            begin_attempt(m, &copy, true);
        } else {
            locker_refuse(m, mail->pid);
        }
        break;
    }
}

/* Not at once, or of the nodes of one partition those that fail would never get the lock in between. */
static void wait_for_mail(struct global_member *m) {
    struct locker *locker = &m->locker;
    int64_t ms = -1;
    if (!TAILQ_EMPTY(&locker->hims)) {
        size_t known = global_member_count(m).known;
        ms = locker->just_synced ? 0 : known == 0 ? 200 : 1000 + 100 * (int64_t)known;
        if (ms > 3000)
            ms = 3000;
    }
    locker->just_synced = false;
    locker->waits = true;
    m->ports->set_timer(m->arg, GLOBAL_TIMER_LOCKER, ms);
}

static bool run_idle(struct global_member *m) {
    struct locker *locker = &m->locker;
    struct locker_mail *mail = TAILQ_FIRST(&locker->mail);
    if (mail) {
        locker->waits = false;
        locker->due = false;
        TAILQ_REMOVE(&locker->mail, mail, link);
        take_idle_mail(m, mail);
        free(mail->him);
        news_free(mail->news);
        free(mail);
        return true;
    }
    if (!locker->due) {
        if (!locker->waits)
            wait_for_mail(m);
        return false;
    }
    locker->due = false;
    locker->waits = false;
    struct him *him = member_lock_is_set(m) ? NULL : select_him(m);
    if (him) {
        struct him copy = *him;
        begin_attempt(m, &copy, false);
    }
    return true;
}

bool locker_run(struct global_member *m) {
    struct locker *locker = &m->locker;
    switch (locker->phase) {
    case LOCKER_IDLE:
        return run_idle(m);
    case LOCKER_BOSS:
    case LOCKER_NEAR:
    case LOCKER_KNOWN:
        return run_locking(m);
    case LOCKER_TAKES_BACK:
        if (locker->round.waiting)
            return false;
        on_not_locked(m);
        return true;
    case LOCKER_ASKED:
        return run_asked(m);
    case LOCKER_HELD:
        return run_held(m);
    case LOCKER_RELEASES:
        return run_release(m);
    }
    return false;
}
