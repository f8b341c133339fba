/* The names and numbers of a tracker. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/tracker.h"

static const char PREFIX[] = "phx_presence:";

static bool set_name(char name[PHOENIX_NAME_BYTES], const char *text, size_t size) {
    bool alias = size && isupper((unsigned char)*text) && (size < 7 || strncmp(text, "Elixir.", 7) != 0);
    if (!size || size > PHOENIX_NAME_BYTES - 16)
        return false;
    snprintf(name, PHOENIX_NAME_BYTES, "%s%.*s", alias ? "Elixir." : "", (int)size, text);
    return true;
}

/* MyAppWeb.Presence belongs to MyApp.PubSub, in an application as `mix phx.new' makes it. */
static void guess_pubsub(struct tracker *tracker) {
    const char *module = tracker->name + (strncmp(tracker->name, "Elixir.", 7) == 0 ? 7 : 0);
    size_t size = strcspn(module, ".");
    if (size > 3 && memcmp(module + size - 3, "Web", 3) == 0)
        size -= 3;
    snprintf(tracker->pubsub, sizeof tracker->pubsub, "Elixir.%.*s.PubSub", (int)(size < 200 ? size : 200), module);
}

static bool read_number(const char *text, size_t size, uint32_t least, uint32_t most, uint32_t *number) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]) || (value = value * 10 + (uint64_t)(text[i] - '0')) > most)
            return false;
    }
    *number = (uint32_t)value;
    return size > 0 && value >= least;
}

struct setting {
    const char *key;
    uint32_t *number, least, most;
};

static int set(struct tracker *tracker, bool *down_given, const char *text, size_t size, char *why, size_t capacity) {
    const struct setting settings[] = {
        {"shards=", &tracker->shards, 1, TRACKER_SHARDS_MAX},
        {"broadcast_period=", &tracker->periods.broadcast_ms, 10, 3600000},
        {"max_silent_periods=", &tracker->periods.silent, 0, 10000},
        {"down_period=", &tracker->periods.down_ms, 20, INT_MAX},
        {"permdown_period=", &tracker->periods.permdown_ms, 21, INT_MAX},
        {"clock_sample_periods=", &tracker->periods.clock_samples, 1, 10000},
    };
    if (size > 7 && strncmp(text, "pubsub=", 7) == 0) {
        if (set_name(tracker->pubsub, text + 7, size - 7))
            return HM_OK;
        snprintf(why, capacity, "the name of the pubsub is too long");
        return HM_EINVAL;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        size_t key = strlen(settings[i].key);
        if (size < key || memcmp(text, settings[i].key, key) != 0)
            continue;
        if (read_number(text + key, size - key, settings[i].least, settings[i].most, settings[i].number)) {
            *down_given |= settings[i].number == &tracker->periods.down_ms;
            return HM_OK;
        }
        snprintf(why, capacity, "%.*s is not a number from %u to %u", (int)size, text, settings[i].least, settings[i].most);
        return HM_EINVAL;
    }
    snprintf(why, capacity,
             "\"%.*s\" is none of pubsub=NAME, shards=N, broadcast_period=MS, max_silent_periods=N, down_period=MS, permdown_period=MS, "
             "clock_sample_periods=N", (int)(size < 60 ? size : 60), text);
    return HM_EINVAL;
}

static int check_periods(struct tracker_periods *periods, bool down_given, char *why, size_t capacity) {
    uint64_t usual = (uint64_t)periods->broadcast_ms * periods->silent * 2;
    if (!down_given)
        periods->down_ms = usual < INT_MAX ? (uint32_t)usual : INT_MAX;
    if (periods->down_ms < 2 * (uint64_t)periods->broadcast_ms) {
        snprintf(why, capacity, "down_period must be at least twice the broadcast_period");
        return HM_EINVAL;
    }
    if (periods->down_ms <= (uint64_t)periods->broadcast_ms * (periods->silent + 1)) {
        snprintf(why, capacity, "down_period must be longer than the %llu ms in which a replica without news says nothing: "
                 "broadcast_period * (max_silent_periods + 1)", (unsigned long long)periods->broadcast_ms * (periods->silent + 1));
        return HM_EINVAL;
    }
    if (periods->permdown_ms <= periods->down_ms) {
        snprintf(why, capacity, "permdown_period must be larger than the down_period, which is %u ms", periods->down_ms);
        return HM_EINVAL;
    }
    return HM_OK;
}

int tracker_parse(const char *text, struct tracker *tracker, char *why, size_t capacity) {
    size_t size = strcspn(text, ",");
    bool down_given = false;
    *tracker = (struct tracker){.shards = 1, .periods = {1500, 10, 0, 1200000, 2}};
    if (!set_name(tracker->name, text, size)) {
        snprintf(why, capacity, "\"%.60s\" does not name a tracker, as MyAppWeb.Presence", text);
        return HM_EINVAL;
    }
    guess_pubsub(tracker);
    for (text += size; *text; text += size) {
        text++;
        size = strcspn(text, ",");
        int error = set(tracker, &down_given, text, size, why, capacity);
        if (error)
            return error;
    }
    return check_periods(&tracker->periods, down_given, why, capacity);
}

uint32_t tracker_shard_of(const struct tracker *tracker, const void *topic, size_t size) {
    return hm_phash2_binary(topic, size) % tracker->shards;
}

int tracker_shard_in(const struct tracker *tracker, const char *topic, size_t size) {
    char text[PHOENIX_NAME_BYTES + 64];
    size_t prefix = (size_t)snprintf(text, sizeof text, "%s%s_shard", PREFIX, tracker->name);
    uint32_t number;
    if (size <= prefix || memcmp(topic, text, prefix) != 0 || (topic[prefix] == '0' && size > prefix + 1) ||
        !read_number(topic + prefix, size - prefix, 0, tracker->shards - 1, &number))
        return -1;
    return (int)number;
}
