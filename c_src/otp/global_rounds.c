#include <stdlib.h>

#include "otp/global_private.h"

/* gen_server:multi_call: nodes that cannot be reached, or where nobody has the name, just give no answer. */
void round_begin(struct global_member *m, struct round *round, enum global_actor actor, hm_term request,
                 struct node_list nodes) {
    *round = (struct round){.token = ++m->next_token};
    round->nodes = calloc(nodes.count + 1, sizeof *round->nodes);
    round->answers = calloc(nodes.count + 1, sizeof *round->answers);
    if (!round->nodes || !round->answers) {
        free(round->nodes);
        free(round->answers);
        *round = (struct round){0};
        member_fail(m);
        return;
    }
    round->count = nodes.count;
    LIST_INSERT_HEAD(&m->rounds, round, link);
    for (unsigned i = 0; i < nodes.count; i++) {
        struct global_message message;
        round->nodes[i] = nodes.at[i];
        if (nodes.at[i] == m->config.self) {
            bool yes = global_read_call(m->config.names, request, &message) &&
                       member_change(m, m->config.pids[actor], &message);
            round->answers[i] = yes ? ROUND_TRUE : ROUND_FALSE;
            continue;
        }
        int error = m->ports->call(m->arg, actor, nodes.at[i], request, round->token);
        if (error == HM_ENOMEM)
            member_fail(m);
        round->answers[i] = error == HM_OK ? ROUND_WAITS : ROUND_NONE;
        round->waiting += error == HM_OK;
    }
}

void round_end(struct round *round) {
    if (round->nodes)
        LIST_REMOVE(round, link);
    free(round->nodes);
    free(round->answers);
    *round = (struct round){0};
}

static bool round_answer(struct round *round, const hm_node_name *from, hm_term reply) {
    for (unsigned i = 0; i < round->count; i++)
        if (round->nodes[i] == from && round->answers[i] == ROUND_WAITS) {
            round->answers[i] = !reply.size                  ? ROUND_NONE
                                : hm_is_atom(reply, "false") ? ROUND_FALSE
                                                             : ROUND_TRUE;
            round->waiting--;
            return true;
        }
    return false;
}

bool rounds_answer(struct global_member *m, uint64_t token, const hm_node_name *from, hm_term reply) {
    struct round *round;
    LIST_FOREACH(round, &m->rounds, link)
        if (round->token == token)
            return round_answer(round, from, reply);
    return false;
}

/* ---- set_lock with 0 retries ---- */

static void call_lock(struct global_member *m, struct round *round, enum global_actor actor, const char *what,
                      hm_term requester, struct node_list nodes) {
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{~a, {global, ~t}}", what, requester);
    if (!build || hm_build_error(build) != HM_OK)
        member_fail(m);
    else
        round_begin(m, round, actor, hm_build_term(build), nodes);
    hm_build_free(build);
}

/* del_lock, to whom we are connected: a node that was lost takes its locks back by itself, and asking it would dial it again, against the will
 * of whoever has just disconnected it. (OTP asks.) */
static void call_unlock(struct global_member *m, struct round *round, enum global_actor actor, hm_term requester,
                        struct node_list nodes) {
    struct node_list connected = {calloc(nodes.count + 1, sizeof *connected.at), 0};
    if (!connected.at) {
        member_fail(m);
        return;
    }
    for (unsigned i = 0; i < nodes.count; i++)
        if (m->ports->is_connected(m->arg, nodes.at[i]))
            connected.at[connected.count++] = nodes.at[i];
    call_lock(m, round, actor, "del_lock", requester, connected);
    free(connected.at);
}

static bool has_self(const struct global_member *m, struct node_list nodes) {
    for (unsigned i = 0; i < nodes.count; i++)
        if (nodes.at[i] == m->config.self)
            return true;
    return false;
}

void lock_try_begin(struct global_member *m, struct lock_try *try, enum global_actor actor, hm_term requester,
                    struct node_list nodes) {
    *try = (struct lock_try){.stage = TRY_OVER, .result = nodes.count == 0};
    if (nodes.count == 0)
        return;
    /* When this node would refuse, the others need not be asked. */
    if (nodes.count > 1 && has_self(m, nodes) && !global_locks_allow(&m->locks, m->global_atom, requester))
        return;
    try->stage = TRY_SETS;
    call_lock(m, &try->round, actor, "set_lock", requester, nodes);
}

/* No answer counts as a refusal: a node that is known and cannot be reached right now would miss what the lock is for. It answers soon, or is
 * not known any more. (OTP goes on without it.) */
static bool all_granted(const struct round *round) {
    for (unsigned i = 0; i < round->count; i++)
        if (round->answers[i] != ROUND_TRUE)
            return false;
    return true;
}

/* Takes the locks back that were set; the list of nodes is cut down to them. */
static void take_back(struct global_member *m, struct lock_try *try, enum global_actor actor, hm_term requester) {
    struct node_list set = {try->round.nodes, 0};
    for (unsigned i = 0; i < try->round.count; i++)
        if (try->round.answers[i] == ROUND_TRUE)
            set.at[set.count++] = try->round.nodes[i];
    try->stage = TRY_TAKES_BACK;
    call_unlock(m, &try->undo, actor, requester, set);
}

bool lock_try_over(struct global_member *m, struct lock_try *try, enum global_actor actor, hm_term requester) {
    if (m->failed)
        return false;
    if (try->stage == TRY_SETS && !try->round.waiting) {
        try->result = all_granted(&try->round);
        if (!try->result && try->round.count > 1)
            take_back(m, try, actor, requester);
        else
            try->stage = TRY_OVER;
    }
    if (try->stage == TRY_TAKES_BACK && !try->undo.waiting)
        try->stage = TRY_OVER;
    if (m->failed || try->stage != TRY_OVER)
        return false;
    lock_try_end(try);
    return true;
}

void lock_try_end(struct lock_try *try) {
    round_end(&try->round);
    round_end(&try->undo);
}

/* ---- del_lock ---- */

/* The boss last: who has locked the boss then finds the others free (delete_global_lock/2). */
void unlock_begin(struct global_member *m, struct unlock *unlock, enum global_actor actor, hm_term requester,
                  struct node_list nodes) {
    *unlock = (struct unlock){.stage = UNLOCK_OTHERS, .boss = node_list_greatest(nodes)};
    struct node_list others = {calloc(nodes.count + 1, sizeof *others.at), 0};
    if (!others.at) {
        member_fail(m);
        return;
    }
    for (unsigned i = 0; i < nodes.count; i++)
        if (nodes.at[i] != unlock->boss)
            others.at[others.count++] = nodes.at[i];
    call_unlock(m, &unlock->round, actor, requester, others);
    free(others.at);
}

bool unlock_over(struct global_member *m, struct unlock *unlock, enum global_actor actor, hm_term requester) {
    if (m->failed || unlock->round.waiting)
        return false;
    if (unlock->stage == UNLOCK_OTHERS) {
        round_end(&unlock->round);
        unlock->stage = UNLOCK_BOSS;
        call_unlock(m, &unlock->round, actor, requester, (struct node_list){&unlock->boss, 1});
        if (m->failed || unlock->round.waiting)
            return false;
    }
    round_end(&unlock->round);
    unlock->stage = UNLOCK_OVER;
    return true;
}
