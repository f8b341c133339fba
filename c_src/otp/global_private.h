/*
 * otp/global_private: what the files of otp/global_member share; for nobody else.
 */
#ifndef HM_OTP_GLOBAL_PRIVATE_H
#define HM_OTP_GLOBAL_PRIVATE_H

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <sys/queue.h>

#include "otp/global_locks.h"
#include "otp/global_member.h"
#include "otp/global_names.h"

/* ---- calls to several nodes at once (gen_server:multi_call) ---- */

enum round_answer { ROUND_WAITS, ROUND_TRUE, ROUND_FALSE, ROUND_NONE };

struct round {
    LIST_ENTRY(round) link; /* of member->rounds while answers are missing */
    uint64_t token;
    const hm_node_name **nodes;
    enum round_answer *answers;
    unsigned count, waiting;
};

struct node_list {
    const hm_node_name **at;
    unsigned count;
};

/* Makes the request on every node; this one's answer is there at once. */
void round_begin(struct global_member *m, struct round *round, enum global_actor actor, hm_term request,
                 struct node_list nodes);
void round_end(struct round *round);
bool rounds_answer(struct global_member *m, uint64_t token, const hm_node_name *from, hm_term reply);

/* {set_lock, Id} on nodes without a retry; what was set is taken back when one refuses. */
struct lock_try {
    struct round round, undo;
    enum { TRY_SETS, TRY_TAKES_BACK, TRY_OVER } stage;
    bool result;
};
/* {del_lock, Id} on nodes, on the boss last. */
struct unlock {
    struct round round;
    enum { UNLOCK_OTHERS, UNLOCK_BOSS, UNLOCK_OVER } stage;
    const hm_node_name *boss;
};

void lock_try_begin(struct global_member *m, struct lock_try *try, enum global_actor actor, hm_term requester,
                    struct node_list nodes);
bool lock_try_over(struct global_member *m, struct lock_try *try, enum global_actor actor, hm_term requester);
void lock_try_end(struct lock_try *try);
void unlock_begin(struct global_member *m, struct unlock *unlock, enum global_actor actor, hm_term requester,
                  struct node_list nodes);
bool unlock_over(struct global_member *m, struct unlock *unlock, enum global_actor actor, hm_term requester);

/* ---- other nodes ---- */

enum { NOT_KNOWN = -1 };

enum wait_lock { WAIT_NOTHING, WAIT_LOCK_IS_SET, WAIT_EXCHANGE };
enum saved { SAVED_NOTHING, SAVED_OPS, SAVED_RESOLVED };

/* Two lists of names on their way to two lists of operations. */
struct resolution {
    hm_term names; /* own copy; at goes through it */
    struct hm_list at;
    hm_build *ops, *resolved;
    size_t ops_begin, resolved_begin;
    uint32_t ops_count, resolved_count;
    uint64_t token; /* of the call for the conflict that is open, or 0 */
    struct global_entry his;
    hm_term own_method; /* own copy */
    hm_pid own_pid;
};

/* What global.erl keeps in known, synced, resolvers and the process dictionary, for one node. */
struct other {
    UT_hash_handle hh;
    const hm_node_name *name;
    bool up;               /* a visible connection */
    int64_t known, pending; /* protocol version, or NOT_KNOWN */
    bool removing, synced;
    bool removed_late; /* removing, and told so on a connection over which he may turn out not to know us */
    bool again;            /* a session although the node is known */
    bool met;              /* he has begun a session over this connection, which was given up because we were joined through another node */
    bool redials;          /* the connection is being closed to be made anew */
    int64_t owes_ms;       /* since when he is to be told in_sync, as soon as he has said so; 0: no need */
    int64_t stranger_ms;   /* when he said in_sync without being known; 0: he did not */
    int64_t check_ms;      /* since when he is known, and not asked yet for a name of ours; 0: no need */
    bool asked;
    bool ignore_down;      /* global:disconnect/0 */
    bool has_his_tag;
    int64_t my_tag, his_tag, version; /* my_tag: 0 none */
    int64_t resolver;      /* the tag of its session, or 0 */
    struct {
        bool set;
        int64_t version, tag, since_ms;
        hm_pid locker;
    } early; /* init_connect before there was a session */
    int64_t retry_ms; /* when to begin again after a disagreement; 0: no need */
    enum wait_lock wait_lock;
    hm_term exchange_names;
    enum saved saved;
    hm_term ops, his_ops, his_known, his_ext;
    hm_term requester; /* of the lock */
    struct resolution *resolution;
    /* Somebody wants to be told when it is connected, or cannot be. */
    bool reaching, reach_in_sync;
    unsigned reach_tries;
    hm_ref reach_ref;
    bool lost;
};

/* ---- the locker ---- */

struct him {
    TAILQ_ENTRY(him) link;
    const hm_node_name *node;
    hm_pid locker;
    int64_t my_tag, his_tag, version;
    bool local;
};

enum mail_kind { MAIL_HIM, MAIL_CANCEL, MAIL_LOCK_SET };

struct locker_mail {
    TAILQ_ENTRY(locker_mail) link;
    enum mail_kind kind;
    const hm_node_name *node;
    int64_t tag;
    bool has_tag, flag;
    hm_pid pid;
    struct him *him;         /* MAIL_HIM: taken */
    struct news *news;       /* MAIL_CANCEL: what goes out before the lock is taken back; may be NULL */
};

/* A new_nodes message, and to whom. */
struct news {
    hm_term message, old_message; /* with versions, and for nodes of version 6 and less without */
    struct node_list nodes;
    bool *old;
};
void news_free(struct news *news);

enum locker_phase {
    LOCKER_IDLE,
    LOCKER_BOSS,
    LOCKER_NEAR,
    LOCKER_KNOWN,
    LOCKER_TAKES_BACK, /* what was locked of a partition that could not be locked as a whole */
    LOCKER_ASKED,      /* our partition is locked, and the other's locker told */
    LOCKER_HELD,       /* both are: until the session ends */
    LOCKER_RELEASES,
};

struct locker {
    enum locker_phase phase;
    bool just_synced, waits, due;
    TAILQ_HEAD(, him) hims;
    TAILQ_HEAD(, locker_mail) mail;
    /* The attempt. */
    bool asked_by_him;       /* he was first: we answer */
    bool syncs;              /* released after both were locked */
    struct him him;          /* a copy */
    hm_term requester;
    const hm_node_name *first;
    struct node_list locked; /* what is to be unlocked in the end */
    struct node_list near;
    struct lock_try try;
    struct round round;
    struct unlock unlock;
};

void locker_init(struct locker *locker);
void locker_free(struct global_member *m);
void locker_post(struct global_member *m, struct locker_mail mail);
void locker_refuse(struct global_member *m, hm_pid his_locker);
bool locker_run(struct global_member *m); /* true: something was done */

/* ---- the registrar ---- */

struct registration {
    TAILQ_ENTRY(registration) link;
    bool unregister, replace;
    bool again; /* it is registered, and some may not know it */
    hm_term name, method;
    hm_pid pid;
    void *client; /* NULL: nobody waits for it */
};

enum registrar_phase {
    REGISTRAR_IDLE,
    REGISTRAR_BOSS,
    REGISTRAR_ALL,
    REGISTRAR_TAKES_BACK,
    REGISTRAR_SLEEPS,
    REGISTRAR_CHANGES,
    REGISTRAR_RELEASES,
};

struct registrar {
    enum registrar_phase phase;
    TAILQ_HEAD(, registration) queue; /* the first is being worked on */
    size_t count, again; /* again: of these, names that are registered already */
    unsigned times;
    bool due, yes;
    hm_term requester;
    struct node_list nodes;
    struct lock_try try;
    struct round round;
    struct unlock unlock;
};

void registrar_init(struct registrar *registrar);
void registrar_free(struct global_member *m);
/* Takes client also on failure (the member has failed then). */
void registrar_add(struct global_member *m, const struct global_message *message, void *client);
/* A name of this node once more, if it is registered then. */
void registrar_add_again(struct global_member *m, const struct global_name *name);
bool registrar_run(struct global_member *m);

/* ---- the rest ---- */

struct syncer {
    LIST_ENTRY(syncer) link;
    struct node_list nodes; /* still missing */
    void *client;
};

struct question { /* a whereis that waits until the lock is gone */
    TAILQ_ENTRY(question) link;
    hm_term name, tag;
    hm_pid from;
};

struct loss;

struct global_member {
    struct global_config config;
    const struct global_ports *ports;
    void *arg;
    struct other *others;
    struct global_names names;
    struct global_locks locks;
    bool lock_down; /* the last holder of `global` went, without letting go */
    bool failed;
    struct locker locker;
    struct registrar registrar;
    LIST_HEAD(, round) rounds;
    LIST_HEAD(, syncer) syncers;
    TAILQ_HEAD(, question) questions;
    size_t question_count;
    struct loss *losses; /* partition.c */
    hm_build *build; /* for the message that is being sent */
    hm_term global_atom;
    int64_t next_tag, creation;
    int64_t heal_ms; /* when GLOBAL_TIMER_HEAL comes; 0: not set */
    uint64_t next_token;
};

/* Sticky: no memory. */
void member_fail(struct global_member *m);
/* false, and the member has failed, without memory. */
bool member_copy(struct global_member *m, hm_term term, hm_term *copy);
void term_drop(hm_term *term);

/* An empty builder for the next message; the message in it is sent by member_send*, which check it. */
hm_build *member_build(struct global_member *m);
void member_cast(struct global_member *m, enum global_actor from, const hm_node_name *to);
void member_volatile(struct global_member *m, const hm_node_name *to);
void member_send_pid(struct global_member *m, enum global_actor from, hm_pid to);

struct other *other_find(const struct global_member *m, const hm_node_name *name);
struct other *other_get(struct global_member *m, const hm_node_name *name); /* NULL: failed, or this node */
bool other_is_known(const struct global_member *m, const hm_node_name *name);
/* Version as global.erl's node_vsn/2: 0 when unknown. */
int64_t other_version(const struct global_member *m, const hm_node_name *name);
void other_free(struct global_member *m, struct other *other);
void other_drop_idle(struct global_member *m, struct other *other);
/* Has the node told in_sync when it is connected (at once when it is), and notices when it cannot be. */
void other_reach(struct global_member *m, struct other *other, bool in_sync);
/* Another try, within the number that other_reach allows. */
void other_try_to_reach(struct global_member *m, struct other *other);
void other_stop_reaching(struct global_member *m, struct other *other);
void member_tell_in_sync(struct global_member *m, const hm_node_name *node);

/* global_session.c */
void session_nodeup(struct global_member *m, struct other *other);
void session_message(struct global_member *m, const struct global_message *message, bool to_locker);
void session_begin(struct global_member *m, struct other *other);
void session_cancel(struct global_member *m, struct other *other, int64_t tag, struct news *news);
void session_reset(struct other *other);
void session_drop(struct global_member *m, struct other *other);

/* global_heal.c */
/* GLOBAL_TIMER_HEAL comes at this time or earlier. */
void heal_at(struct global_member *m, int64_t at_ms);
/* Notes the time: if that is not taken back (0) within seconds, something is missing. */
void heal_watch(struct global_member *m, int64_t *since_ms);
void heal_run(struct global_member *m);
/* The answer to the question for a name of ours. */
void heal_on_names(struct global_member *m, const struct global_message *message);

/* global_join.c */
void session_join(struct global_member *m, struct other *other);
void session_on_new_nodes(struct global_member *m, const struct global_message *message);

/* global_changes.c */
void changes_delete(struct global_member *m, struct global_name *name);
/* Operations of a session or of new_nodes; requester is that of the lock under which they were made. */
void changes_run(struct global_member *m, hm_term ops, hm_term ext, hm_term requester);
/* The names of its processes. They would go with the connection, if it is there and the other side closes it. */
void changes_forget_node(struct global_member *m, const hm_node_name *node);
void changes_on_down(struct global_member *m, const hm_ref *ref);
hm_pid changes_where(const struct global_member *m, hm_term name);
void member_answer_questions(struct global_member *m);
void member_tell_syncers(struct global_member *m, const hm_node_name *node);

enum down_kind { DOWN_DISCONNECTED, DOWN_IGNORE, DOWN_REMOVE };
void member_handle_down(struct global_member *m, struct other *other, enum down_kind kind);
/* A session's resolver is done. */
void member_on_ops(struct global_member *m, struct other *other, hm_term ops, hm_term resolved);
void member_on_lock_set(struct global_member *m, const hm_node_name *node, int64_t tag, hm_term requester);
/* set_lock, del_lock, register, unregister by a process; the answer true or yes is true. */
bool member_change(struct global_member *m, hm_pid from, const struct global_message *message);
/* The nodes that are known, this one in front when `self`, and room for two more. false: failed. */
bool member_known_list(struct global_member *m, bool self, struct node_list *list);
void node_list_drop(struct node_list *list);
const hm_node_name *node_list_greatest(struct node_list list);
int node_compare(const hm_node_name *a, const hm_node_name *b);
bool member_lock_is_set(const struct global_member *m);
/* A pause of a random length: random_sleep/1. */
int64_t member_random_sleep(struct global_member *m, unsigned times);

/* Takes names. Ends with member_on_ops, at once or later; or with resolution_free. */
void resolution_begin(struct global_member *m, struct other *other, hm_term names);
bool resolution_answer(struct global_member *m, uint64_t token, hm_term reply);
void resolution_free(struct other *other);

void partition_lost(struct global_member *m, const struct other *other);
void partition_on_lost(struct global_member *m, const struct global_message *message);
void partition_on_remove(struct global_member *m, const struct global_message *message);
/* It was removed while there was no connection to tell it so, and now there is one. */
void partition_remove_again(struct global_member *m, struct other *other);
/* He knows us, and we do not know him: he forgets us, and the connection is made anew. */
void partition_begin_anew(struct global_member *m, struct other *other);
void partition_sweep(struct global_member *m);
void partition_free(struct global_member *m);

#endif
