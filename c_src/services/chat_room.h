/*
 * services/chat_room: who is in the room, found by nick and by node.
 *
 * A pure data structure for message_server: users in the order in which they came, a hash table by the text
 * of the nick, and one place for each node that users are on. Users of one node hear the same things under
 * the same registered name, so what waits for a slow node is kept once for each place and not once for each
 * user.
 *
 * It sends nothing and knows no protocol. A user is found in constant time, a place in as many steps as there
 * are nodes.
 */
#ifndef HM_SERVICES_CHAT_ROOM_H
#define HM_SERVICES_CHAT_ROOM_H

#include <sys/queue.h>

#include <hermod/term.h>

/* How a nick was written; it is echoed that way. Two nicks are the same user when their text is. */
enum nick_kind { NICK_BINARY, NICK_ATOM, NICK_CHARLIST };

struct chat_place;

struct chat_user {
    TAILQ_ENTRY(chat_user) in_room;
    TAILQ_ENTRY(chat_user) in_place;
    struct chat_user *next_in_bucket;
    struct chat_place *place;
    uint64_t hash;
    enum nick_kind kind;
    size_t size;
    char nick[]; /* terminated as well */
};

/* A message that a node was too slow to take at once. */
struct chat_waiting {
    STAILQ_ENTRY(chat_waiting) next;
    size_t copies; /* how many users there still have to get it */
    hm_term message;
};

struct chat_place {
    TAILQ_ENTRY(chat_place) in_room;
    const hm_node_name *node;
    TAILQ_HEAD(, chat_user) users;
    size_t user_count;
    STAILQ_HEAD(chat_waiting_list, chat_waiting) waiting;
    size_t waiting_bytes;
    bool overflowed; /* said so already */
};

struct chat_room {
    TAILQ_HEAD(, chat_user) users;
    TAILQ_HEAD(, chat_place) places;
    struct chat_user **buckets;
    size_t bucket_mask;
    size_t user_count;
    uint64_t seed;
};

/* seed: something that peers cannot know, so that nobody can choose nicks that share a bucket. HM_ENOMEM. */
int chat_room_init(struct chat_room *room, uint64_t seed);
void chat_room_fini(struct chat_room *room);

struct chat_user *chat_room_find(const struct chat_room *room, const char *nick, size_t size);
struct chat_place *chat_room_place(const struct chat_room *room, const hm_node_name *node);

/* The nick must not be in the room. Keeps a copy of it. NULL without memory. */
struct chat_user *chat_room_add(struct chat_room *room, const char *nick, size_t size, enum nick_kind kind,
                                const hm_node_name *node);

/* Takes the user out and frees it, and its place when that was the last user there, with what waited for it.
 */
void chat_room_remove(struct chat_room *room, struct chat_user *user);

/* The nicks in the order of arrival with the separator between; malloc'ed. NULL without memory. */
char *chat_room_list(const struct chat_room *room, const char *separator, size_t *size);

/* Keeps a copy of the message until the place takes it. HM_ENOMEM, or HM_ELIMIT when too much waits there
 * already. */
int chat_place_wait(struct chat_place *place, hm_term message, size_t copies);
/* Drops the first message that waits. */
void chat_place_done(struct chat_place *place);

#endif
