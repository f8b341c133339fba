/*
 * services/users: lists of users, of this node and as other nodes send them.
 *
 * A user is a map with the key id; everything in it is kept byte for byte. `struct users' owns copies of this node's
 * users, each found by its value. Lists of others stay the terms that they are; here is what reads them.
 *
 * It sends nothing and knows no nodes. Equality is Elixir's: `===' for users (Enum.uniq), `==' for ids.
 */
#ifndef HM_SERVICES_USERS_H
#define HM_SERVICES_USERS_H

#include <sys/queue.h>

#include <hermod/term.h>

struct user;

/* Zeroed: empty. */
struct users {
    struct user *table;             /* in the order in which they were added */
    struct user *ids;               /* the same by id, where `==' of ids is `===' */
    LIST_HEAD(users_odd, user) odd; /* the others: ids in which a float may be */
    size_t count, bytes;
};

/* What one node may have; bytes as external terms. */
struct users_limits {
    size_t users, bytes;
};

/* false: not a user. The id borrows from the term. */
bool user_id(hm_term term, hm_term *id);

/* An equal user that is there already becomes the newest. HM_EBADTERM (not a user), HM_ELIMIT, HM_ENOMEM: nothing changed. */
int users_add(struct users *users, hm_term user, const struct users_limits *limits);
/* Every user with this id; how many. */
size_t users_remove(struct users *users, hm_term id);
/* A list, the newest first. */
void users_put(const struct users *users, hm_build *build);
void users_fini(struct users *users);
/* What was `from' is in `to', which was empty, and `from' is empty. */
void users_move(struct users *to, struct users *from);

struct users_left_out {
    size_t strange; /* elements that are no users, and the tail of an improper list */
    size_t over;    /* users over a limit */
};

/* A list of another node: its users are put into build as a list, in their order. HM_EBADTERM: no list.
 * HM_ENOMEM. */
int users_read(hm_term list, const struct users_limits *limits, hm_build *build, struct users_left_out *out);

/* Enum.uniq of the lists, one behind the other, as one list. HM_ENOMEM, HM_ELIMIT (more than 2 GiB). */
int users_put_uniq(const hm_term lists[], size_t count, hm_build *build);

#endif
