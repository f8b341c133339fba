#include "services/tracker_diff.h"

#include <stdio.h>
#include <stdlib.h>

struct entry {
    const struct tracker_value *value;
    hm_term key;     /* as it is shown */
    hm_build *shown; /* what it is in, when it is not the value's */
    uint64_t hash;
    uint32_t place;
};

static int read_key(struct entry *entry) {
    char text[HM_ATOM_BYTES];
    size_t size;
    int64_t number;
    entry->key = entry->value->key;
    if (hm_term_type(entry->key) == HM_TYPE_ATOM && hm_get_text(entry->key, text, sizeof text, &size))
        ;
    else if (hm_get_int64(entry->key, &number))
        snprintf(text, sizeof text, "%lld", (long long)number);
    else
        return HM_OK;
    if (!(entry->shown = hm_build_new()))
        return HM_ENOMEM;
    hm_put_text(entry->shown, text);
    entry->key = hm_build_term(entry->shown);
    return hm_build_error(entry->shown);
}

static int by_key(const void *a, const void *b) {
    const struct entry *left = a, *right = b;
    /* By the hash first: {1} and {1.0} are equal in the order of terms, and two keys, which must not take turns. */
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    int order = hm_term_compare(left->key, right->key);
    return order ? order : (left->place > right->place) - (left->place < right->place);
}

static uint32_t run_length(const struct entry *entries, uint32_t count) {
    uint32_t length = 1;
    while (length < count && hm_term_equal(entries[0].key, entries[length].key))
        length++;
    return length;
}

static void put_groups(hm_build *build, const struct entry *entries, uint32_t count) {
    uint32_t groups = 0;
    for (uint32_t i = 0; i < count; i += run_length(entries + i, count - i))
        groups++;
    hm_put_map(build, groups);
    for (uint32_t i = 0, length; i < count; i += length) {
        length = run_length(entries + i, count - i);
        hm_put_term(build, entries[i].key);
        hm_put_map(build, 1);
        hm_put_atom(build, "metas");
        hm_put_list(build, length);
        for (uint32_t j = 0; j < length; j++)
            hm_put_term(build, entries[i + j].value->meta);
        hm_put_nil(build);
    }
}

static int put_changes(hm_build *build, const struct tracker_changes *changes) {
    const struct tracker_value *value;
    struct entry *entries;
    uint32_t count = 0;
    int error = HM_OK;
    STAILQ_FOREACH (value, changes, changed)
        count++;
    if (!(entries = calloc(count + 1, sizeof *entries)))
        return HM_ENOMEM;
    count = 0;
    STAILQ_FOREACH (value, changes, changed) {
        entries[count] = (struct entry){.value = value, .place = count};
        error = read_key(&entries[count]);
        entries[count].hash = hm_term_hash(entries[count].key);
        count++;
        if (error)
            break;
    }
    if (!error) {
        qsort(entries, count, sizeof *entries, by_key);
        put_groups(build, entries, count);
    }
    for (uint32_t i = 0; i < count; i++)
        hm_build_free(entries[i].shown);
    free(entries);
    return error;
}

int tracker_diff_put(hm_build *build, const struct tracker_topic *topic) {
    hm_put_map(build, 4);
    hm_put_atom(build, "__struct__");
    hm_put_atom(build, "Elixir.Phoenix.Socket.Broadcast");
    hm_put_atom(build, "topic");
    hm_put_term(build, topic->name);
    hm_put_atom(build, "event");
    hm_put_text(build, "presence_diff");
    hm_put_atom(build, "payload");
    hm_put_map(build, 2);
    hm_put_atom(build, "joins");
    int error = put_changes(build, &topic->joined);
    if (error)
        return error;
    hm_put_atom(build, "leaves");
    error = put_changes(build, &topic->left);
    return error ? error : hm_build_error(build);
}

void tracker_diff_put_list(hm_build *build, const struct tracker_topic *topic, bool with_pid) {
    const struct tracker_value *value;
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    if (topic)
        TAILQ_FOREACH (value, &topic->values, of_topic)
            if (value->replica->up) {
                count++;
                hm_put_tuple(build, with_pid ? 3 : 2);
                hm_put_term(build, value->key);
                if (with_pid)
                    hm_put_term(build, value->pid);
                hm_put_term(build, value->meta);
            }
    hm_put_list_end(build, begin, count);
}
