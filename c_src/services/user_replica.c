#include "services/user_replica.h"

#include <stdlib.h>
#include <string.h>

#include "services/user_log.h"
#include "services/user_wire.h"

/* A list as it is known here. */
struct origin {
    hm_term list; /* its pid */
    uint64_t version;
    struct users users;
    struct user_log log; /* its end is `version' */
};

struct member {
    TAILQ_ENTRY(member) next; /* whose turn it is to get the vector */
    struct origin origin;
    /* What it has of ours. */
    bool told;
    uint64_t sent;
    /* What others have of it and we have not, who said so, and whether there was a tick since. */
    uint64_t heard;
    struct member *teller;
    bool overdue;
    bool asked;         /* for what is before a delta that came too early, since the last tick */
    bool incomplete;    /* users over a limit were left out */
    bool freed;         /* and there is room since */
    bool anew;          /* any version of it is taken */
    uint8_t contradicted; /* by itself: it says that it has not come as far as what is here */
    char node[];
};

/* Messages may be late; an own word that is older twice in a row is hardly that. */
enum { CONTRADICTIONS = 2 };

struct user_replica {
    struct origin own;
    TAILQ_HEAD(, member) members;
    struct users_limits limits;
    const struct user_replica_events *events;
    void *arg;
    struct user_replica_counts counts;
    hm_build *message, *scratch;
    char *node;
};

/* ---- lists ---- */

static int origin_init(struct origin *origin, hm_term list) {
    user_log_init(&origin->log, 0);
    return hm_term_copy(list, &origin->list);
}

static void origin_fini(struct origin *origin) {
    users_fini(&origin->users);
    user_log_reset(&origin->log, 0);
    free((void *)(uintptr_t)origin->list.bytes);
}

static void count_change(struct origin *origin, bool added, hm_term what) {
    origin->version++;
    user_log_add(&origin->log, added, what);
}

/* Its changes since `from', or the list where that is less or there is no other way. Gives what counts these. */
static uint64_t *put_since(struct user_replica *replica, const struct origin *origin, uint64_t from, bool all) {
    size_t bytes;
    hm_build *message = replica->message;
    hm_build_reset(message);
    if (!all && user_log_reaches(&origin->log, from, origin->users.bytes + 64, &bytes) && bytes <= origin->users.bytes + 64) {
        user_wire_put_delta(message, origin->list, from, origin->version);
        user_log_put(&origin->log, from, message);
        return &replica->counts.deltas;
    }
    user_wire_put_full(message, origin->list, origin->version);
    users_put(&origin->users, message);
    return &replica->counts.fulls;
}

/* ---- members ---- */

static struct member *find_node(const struct user_replica *replica, const char *node, size_t size) {
    struct member *member;
    TAILQ_FOREACH (member, &replica->members, next)
        if (strlen(member->node) == size && memcmp(member->node, node, size) == 0)
            return member;
    return NULL;
}

static struct member *find_list(const struct user_replica *replica, hm_term list) {
    struct member *member;
    TAILQ_FOREACH (member, &replica->members, next)
        if (hm_term_equal(member->origin.list, list))
            return member;
    return NULL;
}

static void remove_member(struct user_replica *replica, struct member *member) {
    struct member *other;
    TAILQ_REMOVE(&replica->members, member, next);
    TAILQ_FOREACH (other, &replica->members, next)
        if (other->teller == member) {
            other->teller = NULL;
            other->heard = 0;
        }
    if (member->origin.users.count)
        replica->events->changed(replica->arg, member->node);
    origin_fini(&member->origin);
    free(member);
}

static struct member *add_member(struct user_replica *replica, struct hm_text node, hm_term list) {
    struct member *member = calloc(1, sizeof *member + node.size + 1);
    if (!member || origin_init(&member->origin, list) != 0) {
        free(member);
        return NULL;
    }
    memcpy(member->node, node.at, node.size);
    TAILQ_INSERT_TAIL(&replica->members, member, next);
    return member;
}

static bool send_to(struct user_replica *replica, const struct member *member) {
    return hm_build_error(replica->message) == 0 &&
           replica->events->send(replica->arg, member->node, member->origin.list, hm_build_term(replica->message));
}

static void say_hello(struct user_replica *replica, const char *node, hm_term to, bool answer) {
    hm_build_reset(replica->message);
    user_wire_put_hello(replica->message, replica->node, replica->own.list, replica->own.version, answer);
    if (hm_build_error(replica->message) == 0)
        (void)replica->events->send(replica->arg, node, to, hm_build_term(replica->message));
}

static void ask(struct user_replica *replica, const struct member *whom, const struct member *about, bool all) {
    hm_build_reset(replica->message);
    user_wire_put_want(replica->message, replica->own.list, about->origin.list, about->origin.version, all);
    if (send_to(replica, whom))
        replica->counts.wants++;
}

/* ---- what comes ---- */

static int hear_hello(struct user_replica *replica, const struct user_message *hello) {
    struct member *member = find_node(replica, hello->node.at, hello->node.size);
    bool new = !member || !hm_term_equal(member->origin.list, hello->list);
    if (new) {
        if (hm_term_equal(hello->list, replica->own.list) || !replica->events->admit(replica->arg, hello->node, hello->list))
            return HM_EBADTERM;
        if (member)
            remove_member(replica, member);
        member = add_member(replica, hello->node, hello->list);
        if (!member)
            return HM_ENOMEM;
    }
    if (hello->version > member->origin.version) {
        member->heard = hello->version;
        member->teller = member;
    }
    if (new || hello->answer)
        member->told = false;
    if (hello->answer)
        say_hello(replica, member->node, member->origin.list, false);
    return HM_OK;
}

static void leave_out(struct user_replica *replica, struct member *member, size_t strange, size_t over) {
    struct users_left_out out = {strange, member->incomplete ? 0 : over};
    member->incomplete |= over > 0;
    if (out.strange || out.over)
        replica->events->left_out(replica->arg, member->node, &out);
}

/* What was behind is no longer. */
static void settle(struct member *member) {
    if (member->heard <= member->origin.version)
        member->overdue = false;
}

static int apply(struct user_replica *replica, struct member *member, bool added, hm_term what) {
    struct origin *origin = &member->origin;
    int error = 0;
    if (added) {
        error = users_add(&origin->users, what, &replica->limits);
        if (error == HM_ENOMEM)
            return error;
    } else if (users_remove(&origin->users, what)) {
        member->freed = member->incomplete;
    }
    if (error)
        leave_out(replica, member, error == HM_EBADTERM, error == HM_ELIMIT);
    count_change(origin, added, what);
    return HM_OK;
}

static int hear_delta(struct user_replica *replica, const struct user_message *delta) {
    struct member *member = find_list(replica, delta->list);
    struct hm_list left;
    hm_term what;
    bool added;
    int error = 0;
    if (!member || delta->version <= member->origin.version)
        return HM_OK;
    if (delta->from > member->origin.version) {
        if (!member->asked)
            ask(replica, member, member, false);
        member->asked = true;
        return HM_OK;
    }
    uint64_t known = member->origin.version - delta->from;
    hm_list_begin(delta->items, &left);
    while (!error && user_wire_next_change(&left, &added, &what)) {
        if (known)
            known--;
        else
            error = apply(replica, member, added, what);
    }
    settle(member);
    replica->events->changed(replica->arg, member->node);
    return error;
}

static int read_users(const struct user_replica *replica, hm_term list, struct users *users) {
    struct hm_list left;
    size_t count = (size_t)hm_list_length(list), i = 0;
    hm_term *all = calloc(count + 1, sizeof *all);
    int error = all ? HM_OK : HM_ENOMEM;
    if (error)
        return error;
    hm_list_begin(list, &left);
    while (hm_list_next(&left, &all[i]))
        i++;
    while (i-- && !error)
        error = users_add(users, all[i], &replica->limits);
    free(all);
    if (error)
        users_fini(users);
    return error;
}

static int hear_full(struct user_replica *replica, const struct user_message *full) {
    struct member *member = find_list(replica, full->list);
    struct users users = {0};
    struct users_left_out out;
    if (!member)
        return HM_OK;
    struct origin *origin = &member->origin;
    bool same_again = member->incomplete && full->version == origin->version;
    if (full->version <= origin->version && !member->anew && !same_again)
        return HM_OK;
    hm_build_reset(replica->scratch);
    int error = users_read(full->items, &replica->limits, replica->scratch, &out);
    if (!error)
        error = read_users(replica, hm_build_term(replica->scratch), &users);
    if (error)
        return error;
    users_fini(&origin->users);
    users_move(&origin->users, &users);
    origin->version = full->version;
    user_log_reset(&origin->log, full->version);
    member->anew = member->freed = false;
    member->contradicted = 0;
    if (!out.over)
        member->incomplete = false;
    leave_out(replica, member, out.strange, out.over);
    settle(member);
    replica->events->changed(replica->arg, member->node);
    return HM_OK;
}

static int hear_vector(struct user_replica *replica, const struct user_message *vector) {
    struct member *teller = find_list(replica, vector->list), *member;
    struct hm_list left;
    hm_term list;
    uint64_t version;
    bool all;
    if (!teller)
        return HM_OK;
    hm_list_begin(vector->items, &left);
    while (user_wire_next_version(&left, &list, &version, &all)) {
        member = find_list(replica, list);
        if (!member)
            continue;
        if (version > member->origin.version && version > member->heard) {
            member->heard = version;
            member->teller = teller;
        }
        if (member == teller)
            member->contradicted = version < member->origin.version ? (uint8_t)(member->contradicted + 1) : 0;
    }
    return HM_OK;
}

static int hear_want(struct user_replica *replica, const struct user_message *want) {
    struct member *who = find_list(replica, want->list);
    const struct member *member;
    struct hm_list left;
    hm_term list;
    uint64_t version;
    size_t bytes;
    bool all;
    if (!who)
        return HM_OK;
    hm_list_begin(want->items, &left);
    while (user_wire_next_version(&left, &list, &version, &all)) {
        bool own = hm_term_equal(list, replica->own.list);
        member = own ? NULL : find_list(replica, list);
        const struct origin *origin = own ? &replica->own : member ? &member->origin : NULL;
        if (!origin || (!all && version >= origin->version))
            continue;
        /* What was left out here would be missing there. */
        if (member && (member->anew || (member->incomplete && (all || !user_log_reaches(&origin->log, version, SIZE_MAX, &bytes)))))
            continue;
        uint64_t *counter = put_since(replica, origin, version, all);
        if (!send_to(replica, who))
            continue;
        ++*counter;
        if (own) {
            who->told = true;
            who->sent = origin->version;
        }
    }
    return HM_OK;
}

int user_replica_hear(struct user_replica *replica, hm_term term) {
    struct user_message message;
    int error = user_wire_read(term, &message);
    if (error)
        return error;
    switch (message.kind) {
    case USER_HELLO:
        return hear_hello(replica, &message);
    case USER_DELTA:
        return hear_delta(replica, &message);
    case USER_FULL:
        return hear_full(replica, &message);
    case USER_VECTOR:
        return hear_vector(replica, &message);
    case USER_WANT:
        return hear_want(replica, &message);
    }
    return HM_EBADTERM;
}

/* ---- what goes ---- */

static bool lacks(const struct user_replica *replica, const struct member *member) {
    return member->told ? member->sent != replica->own.version : replica->own.version > 0;
}

bool user_replica_owes(const struct user_replica *replica) {
    const struct member *member;
    TAILQ_FOREACH (member, &replica->members, next)
        if (lacks(replica, member))
            return true;
    return false;
}

bool user_replica_flush(struct user_replica *replica) {
    struct member *member;
    uint64_t built = UINT64_MAX, *counter = NULL;
    bool all_sent = true;
    TAILQ_FOREACH (member, &replica->members, next) {
        if (!lacks(replica, member))
            continue;
        uint64_t from = member->told ? member->sent : 0;
        if (from != built)
            counter = put_since(replica, &replica->own, from, false);
        built = from;
        if (send_to(replica, member)) {
            ++*counter;
            member->told = true;
            member->sent = replica->own.version;
        } else {
            all_sent = false;
        }
    }
    return all_sent;
}

static void tell_vector(struct user_replica *replica) {
    struct member *next = TAILQ_FIRST(&replica->members);
    const struct member *member;
    hm_build *message = replica->message;
    uint32_t count = 1;
    if (!next)
        return;
    TAILQ_FOREACH (member, &replica->members, next)
        count += !member->anew;
    hm_build_reset(message);
    user_wire_put_vector(message, replica->own.list);
    hm_put_list(message, count);
    user_wire_put_version(message, replica->own.list, replica->own.version);
    TAILQ_FOREACH (member, &replica->members, next)
        if (!member->anew)
            user_wire_put_version(message, member->origin.list, member->origin.version);
    hm_put_nil(message);
    if (send_to(replica, next))
        replica->counts.vectors++;
    TAILQ_REMOVE(&replica->members, next, next);
    TAILQ_INSERT_TAIL(&replica->members, next, next);
}

static void look_after(struct user_replica *replica, struct member *member) {
    member->asked = false;
    if (member->contradicted >= CONTRADICTIONS || member->anew || member->freed) {
        member->anew |= member->contradicted >= CONTRADICTIONS;
        member->contradicted = 0;
        member->freed = false;
        ask(replica, member, member, true);
    } else if (member->heard > member->origin.version) {
        if (member->overdue) {
            ask(replica, member->teller, member, false);
            member->heard = 0; /* until somebody says so again */
        }
        member->overdue = !member->overdue;
    } else {
        member->heard = 0;
        member->overdue = false;
    }
}

void user_replica_tick(struct user_replica *replica) {
    struct member *member;
    TAILQ_FOREACH (member, &replica->members, next)
        look_after(replica, member);
    tell_vector(replica);
}

void user_replica_greet(struct user_replica *replica, const char *node) {
    say_hello(replica, node, (hm_term){0}, true);
}

void user_replica_down(struct user_replica *replica, const char *node, hm_term list) {
    struct member *member = find_node(replica, node, strlen(node));
    if (member && (!list.size || hm_term_equal(list, member->origin.list)))
        remove_member(replica, member);
}

/* ---- the own users ---- */

int user_replica_add(struct user_replica *replica, hm_term user) {
    int error = users_add(&replica->own.users, user, &replica->limits);
    if (!error)
        count_change(&replica->own, true, user);
    return error;
}

size_t user_replica_remove(struct user_replica *replica, hm_term id) {
    size_t removed = users_remove(&replica->own.users, id);
    if (removed)
        count_change(&replica->own, false, id);
    return removed;
}

const struct users *user_replica_users(const struct user_replica *replica) {
    return &replica->own.users;
}

const struct users *user_replica_find(const struct user_replica *replica, const char *node, uint64_t *version) {
    const struct member *member = find_node(replica, node, strlen(node));
    if (!member)
        return NULL;
    if (version)
        *version = member->origin.version;
    return &member->origin.users;
}

uint64_t user_replica_version(const struct user_replica *replica) {
    return replica->own.version;
}

const struct user_replica_counts *user_replica_counted(const struct user_replica *replica) {
    return &replica->counts;
}

struct user_replica *user_replica_new(const char *node, hm_term list, const struct users_limits *limits,
                                      const struct user_replica_events *events, void *arg) {
    struct user_replica *replica = calloc(1, sizeof *replica);
    if (!replica)
        return NULL;
    TAILQ_INIT(&replica->members);
    replica->limits = *limits;
    replica->events = events;
    replica->arg = arg;
    int error = origin_init(&replica->own, list);
    replica->node = strdup(node);
    replica->message = hm_build_new();
    replica->scratch = hm_build_new();
    if (error || !replica->node || !replica->message || !replica->scratch) {
        user_replica_free(replica);
        return NULL;
    }
    return replica;
}

void user_replica_free(struct user_replica *replica) {
    struct member *member;
    if (!replica)
        return;
    while ((member = TAILQ_FIRST(&replica->members))) {
        TAILQ_REMOVE(&replica->members, member, next);
        origin_fini(&member->origin);
        free(member);
    }
    origin_fini(&replica->own);
    hm_build_free(replica->message);
    hm_build_free(replica->scratch);
    free(replica->node);
    free(replica);
}
