/*
 * services/tracker: a replica of a Phoenix.Tracker, as the Phoenix.Presence of an application is one.
 *
 * A process with the tracker's name, 'Elixir.MyAppWeb.Presence', holds all its shards; it hears the other nodes through the Phoenix.PubSub
 * that the application uses (phoenix.h) and speaks to their workers directly. Processes of any node are tracked with calls to it, and are
 * watched: one that ends has left.
 *
 * Follows lib/phoenix/tracker.ex and tracker/shard.ex of phoenix_pubsub, and lib/phoenix/presence.ex of phoenix.
 */
#ifndef HM_SERVICES_TRACKER_H
#define HM_SERVICES_TRACKER_H

#include "services/phoenix.h"
#include "services/tracker_shard.h"

enum { TRACKER_SHARDS_MAX = 128, TRACKER_REPLICAS_MAX = 1024, TRACKER_CLOUD_MAX = 1000000 };

struct tracker {
    char name[PHOENIX_NAME_BYTES];   /* Elixir.MyAppWeb.Presence */
    char pubsub[PHOENIX_NAME_BYTES]; /* Elixir.MyApp.PubSub */
    char adapter[PHOENIX_NAME_BYTES + 32]; /* the group of its first worker on each node, and its name */
    uint32_t shards;
    struct tracker_periods periods;
    uint32_t max_presences; /* of each shard; 0: the default */
};

/* "MyAppWeb.Presence[,pubsub=MyApp.PubSub][,shards=N][,broadcast_period=MS][,max_silent_periods=N][,down_period=MS]
 * [,permdown_period=MS][,clock_sample_periods=N]"; without pubsub, the one that a generated application has. HM_EINVAL and a sentence in why. */
int tracker_parse(const char *text, struct tracker *tracker, char *why, size_t capacity);

/* The shard of a topic. */
uint32_t tracker_shard_of(const struct tracker *tracker, const void *topic, size_t size);
/* The number of the shard in a topic on which shards talk, "phx_presence:NAME_shard3"; -1: another topic. */
int tracker_shard_in(const struct tracker *tracker, const char *topic, size_t size);

#endif
