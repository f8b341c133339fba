/*
 * services/user_wire: what lists of users say to each other where only changes travel, as casts.
 *
 *     {hello, 1, Node, List, Version, Answer}   Node's list is this process; Answer: true, when it wants to hear the same
 *     {delta, List, From, To, [Change]}         the changes of a list between two versions: {add, User} | {remove, Id}
 *     {full, List, Version, [User]}             all of it, the newest user first
 *     {vector, Who, [{List, Version}]}          what Who has of every list, its own among them
 *     {want, Who, [{List, Version | all}]}      Who asks for what came after
 *
 * A list is named by the pid of its process, so that one which was started again is another. A hello is sent to the name user_list_delta, which
 * nobody has who does not know all this; the rest to the pid in it. No sockets, no state.
 */
#ifndef HM_SERVICES_USER_WIRE_H
#define HM_SERVICES_USER_WIRE_H

#include <hermod/term.h>

#define USER_LIST "user_list"
#define USER_BELL "user_list_delta"

enum { USER_WIRE_FORM = 1 };

/* So many changes no list has had. */
#define USER_VERSION_MAX (UINT64_C(1) << 60)

enum user_kind { USER_HELLO, USER_DELTA, USER_FULL, USER_VECTOR, USER_WANT };

/* Borrows from the term. */
struct user_message {
    enum user_kind kind;
    hm_term list;           /* the pid of a list; of vector and want: who sent it */
    struct hm_text node;    /* hello */
    bool answer;            /* hello */
    uint64_t from, version; /* delta: between them */
    hm_term items;          /* a list */
};

/* HM_EBADTERM: no such message, or one in which something is wrong. Changes and vectors are read whole, users are not looked at. */
int user_wire_read(hm_term term, struct user_message *message);

/* Is it meant to be a message of these, whatever is in it? */
bool user_wire_is_message(hm_term term);
bool user_wire_is_hello(hm_term term);

/* What is in items; false after the last. */
bool user_wire_next_change(struct hm_list *items, bool *added, hm_term *what);
bool user_wire_next_version(struct hm_list *items, hm_term *list, uint64_t *version, bool *all);

void user_wire_put_hello(hm_build *build, const char *node, hm_term list, uint64_t version, bool answer);
/* The items follow. */
void user_wire_put_delta(hm_build *build, hm_term list, uint64_t from, uint64_t to);
void user_wire_put_full(hm_build *build, hm_term list, uint64_t version);
void user_wire_put_vector(hm_build *build, hm_term who);
/* One list. */
void user_wire_put_want(hm_build *build, hm_term who, hm_term list, uint64_t version, bool all);
void user_wire_put_version(hm_build *build, hm_term list, uint64_t version);

#endif
