/*
 * services/phoenix: a member of a Phoenix.PubSub, as its adapter Phoenix.PubSub.PG2 is one.
 *
 * For `{Phoenix.PubSub, name: MyApp.PubSub}` in the applications of the cluster, a process 'Elixir.MyApp.PubSub' here
 * takes subscriptions and broadcasts, and one worker for each group of the pool takes what other nodes broadcast. A pool is as large as the
 * largest of the cluster, so that nothing is missed, and broadcasts use as many groups as the smallest has.
 *
 * Follows lib/phoenix/pubsub/pg2.ex and pubsub.ex of phoenix_pubsub.
 */
#ifndef HM_SERVICES_PHOENIX_H
#define HM_SERVICES_PHOENIX_H

#include <hermod/server.h>

enum { PHOENIX_POOL_MAX = 128, PHOENIX_NAME_BYTES = 224 };

struct phoenix {
    char name[PHOENIX_NAME_BYTES]; /* Elixir.MyApp.PubSub */
    unsigned pool_size;            /* workers wanted at least */
    unsigned workers;              /* that run; as long as the node */
    struct phoenix_worker {
        const struct phoenix *phoenix;
        char group[PHOENIX_NAME_BYTES + 32]; /* Elixir.MyApp.PubSub.Adapter_2: the group, and the name that it registers */
    } pool[PHOENIX_POOL_MAX];
};

/* "MyApp.PubSub" or "MyApp.PubSub:4" (pool_size). HM_EINVAL and a sentence in why. */
int phoenix_parse(const char *text, struct phoenix *phoenix, char *why, size_t capacity);

/* The number of the pool's group, from 0, that this is the name of, also of one that we cannot have; -1: of none. */
int phoenix_group_index(const struct phoenix *phoenix, const char *name, size_t size);

#endif
