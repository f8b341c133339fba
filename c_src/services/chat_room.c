#include "services/chat_room.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BUCKETS = 16,
    /* For one node, beyond what the node itself holds back before it calls a peer busy. */
    MAX_WAITING_BYTES = 16 << 20,
};

/* FNV-1a with a secret start. */
static uint64_t hash_nick(const struct chat_room *room, const char *nick, size_t size) {
    uint64_t hash = 0xcbf29ce484222325u ^ room->seed;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)nick[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

int chat_room_init(struct chat_room *room, uint64_t seed) {
    *room = (struct chat_room){.seed = seed, .bucket_mask = FIRST_BUCKETS - 1};
    TAILQ_INIT(&room->users);
    TAILQ_INIT(&room->places);
    room->buckets = calloc(FIRST_BUCKETS, sizeof *room->buckets);
    return room->buckets ? 0 : HM_ENOMEM;
}

void chat_room_fini(struct chat_room *room) {
    struct chat_user *user;
    while ((user = TAILQ_FIRST(&room->users)))
        chat_room_remove(room, user);
    free(room->buckets);
}

/* A table that cannot grow only gets slower. */
static void grow(struct chat_room *room) {
    size_t count = (room->bucket_mask + 1) * 2;
    struct chat_user **buckets = calloc(count, sizeof *buckets);
    if (!buckets)
        return;
    struct chat_user *user;
    TAILQ_FOREACH (user, &room->users, in_room) {
        struct chat_user **bucket = &buckets[user->hash & (count - 1)];
        user->next_in_bucket = *bucket;
        *bucket = user;
    }
    free(room->buckets);
    room->buckets = buckets;
    room->bucket_mask = count - 1;
}

struct chat_user *chat_room_find(const struct chat_room *room, const char *nick, size_t size) {
    uint64_t hash = hash_nick(room, nick, size);
    struct chat_user *user = room->buckets[hash & room->bucket_mask];
    while (user && (user->hash != hash || user->size != size || memcmp(user->nick, nick, size) != 0))
        user = user->next_in_bucket;
    return user;
}

/* Nodes are few beside users and what they say, so a walk is good enough. */
struct chat_place *chat_room_place(const struct chat_room *room, const hm_node_name *node) {
    struct chat_place *place;
    TAILQ_FOREACH (place, &room->places, in_room)
        if (place->node == node)
            return place;
    return NULL;
}

static struct chat_place *hold_place(struct chat_room *room, const hm_node_name *node) {
    struct chat_place *place = chat_room_place(room, node);
    if (place)
        return place;
    place = calloc(1, sizeof *place);
    if (!place)
        return NULL;
    place->node = node;
    TAILQ_INIT(&place->users);
    STAILQ_INIT(&place->waiting);
    TAILQ_INSERT_TAIL(&room->places, place, in_room);
    return place;
}

static void release_place(struct chat_room *room, struct chat_place *place) {
    if (place->user_count > 0)
        return;
    while (!STAILQ_EMPTY(&place->waiting))
        chat_place_done(place);
    TAILQ_REMOVE(&room->places, place, in_room);
    free(place);
}

struct chat_user *chat_room_add(struct chat_room *room, const char *nick, size_t size, enum nick_kind kind,
                                const hm_node_name *node) {
    struct chat_user *user = malloc(sizeof *user + size + 1);
    struct chat_place *place = user ? hold_place(room, node) : NULL;
    if (!place) {
        free(user);
        return NULL;
    }
    *user =
        (struct chat_user){.place = place, .hash = hash_nick(room, nick, size), .kind = kind, .size = size};
    memcpy(user->nick, nick, size);
    user->nick[size] = '\0';
    if (room->user_count > room->bucket_mask)
        grow(room);
    struct chat_user **bucket = &room->buckets[user->hash & room->bucket_mask];
    user->next_in_bucket = *bucket;
    *bucket = user;
    TAILQ_INSERT_TAIL(&room->users, user, in_room);
    TAILQ_INSERT_TAIL(&place->users, user, in_place);
    room->user_count++;
    place->user_count++;
    return user;
}

void chat_room_remove(struct chat_room *room, struct chat_user *user) {
    struct chat_user **link = &room->buckets[user->hash & room->bucket_mask];
    while (*link != user)
        link = &(*link)->next_in_bucket;
    *link = user->next_in_bucket;
    TAILQ_REMOVE(&room->users, user, in_room);
    TAILQ_REMOVE(&user->place->users, user, in_place);
    room->user_count--;
    user->place->user_count--;
    release_place(room, user->place);
    free(user);
}

char *chat_room_list(const struct chat_room *room, const char *separator, size_t *size) {
    size_t gap = strlen(separator), total = 0;
    const struct chat_user *user;
    TAILQ_FOREACH (user, &room->users, in_room)
        total += user->size + gap;
    char *list = malloc(total + 1);
    if (!list)
        return NULL;
    char *at = list;
    TAILQ_FOREACH (user, &room->users, in_room) {
        if (at != list)
            at = mempcpy(at, separator, gap);
        at = mempcpy(at, user->nick, user->size);
    }
    *at = '\0';
    *size = (size_t)(at - list);
    return list;
}

int chat_place_wait(struct chat_place *place, hm_term message, size_t copies) {
    if (place->waiting_bytes + message.size > MAX_WAITING_BYTES)
        return HM_ELIMIT;
    struct chat_waiting *waiting = malloc(sizeof *waiting);
    if (!waiting || hm_term_copy(message, &waiting->message) != 0) {
        free(waiting);
        return HM_ENOMEM;
    }
    waiting->copies = copies;
    STAILQ_INSERT_TAIL(&place->waiting, waiting, next);
    place->waiting_bytes += message.size;
    return 0;
}

void chat_place_done(struct chat_place *place) {
    struct chat_waiting *waiting = STAILQ_FIRST(&place->waiting);
    STAILQ_REMOVE_HEAD(&place->waiting, next);
    place->waiting_bytes -= waiting->message.size;
    free((void *)waiting->message.bytes);
    free(waiting);
}
