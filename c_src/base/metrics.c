#include "base/metrics.h"

#include <stdlib.h>

struct hm_metrics {
    struct metrics *owner;
    struct hm_metrics *next;
    const struct hm_metric *table;
    size_t count;
    hm_metrics_collect *collect;
    void *arg;
    uint32_t hashes[]; /* of the names: a walk compares each with each */
};

struct hm_metrics_out {
    const struct hm_metrics_reader *reader;
    const struct hm_metric *metric;
    bool has_one; /* a sample */
};

/* ---- sources ---- */

static bool is_name(const char *text) {
    if (!text || text[0] < 'a' || text[0] > 'z')
        return false;
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* Some names have a meaning beside those of labels. */
static bool is_label(const char *text) {
    static const char *const TAKEN[] = {"value", "count", "sum", "buckets", "le"};
    for (size_t i = 0; i < sizeof TAKEN / sizeof *TAKEN; i++)
        if (text && strcmp(text, TAKEN[i]) == 0)
            return false;
    return is_name(text);
}

size_t metric_label_count(const struct hm_metric *metric) {
    size_t count = 0;
    while (count < HM_METRIC_LABELS && metric->labels[count])
        count++;
    return count;
}

static bool is_named_well(const struct hm_metric *metric) {
    size_t labels = metric_label_count(metric);
    for (size_t i = 0; i < labels; i++) {
        if (!is_label(metric->labels[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(metric->labels[i], metric->labels[j]) == 0)
                return false;
    }
    return is_name(metric->name);
}

static uint32_t hash_of(const char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static bool agrees(const struct hm_metric *a, const struct hm_metric *b) {
    size_t labels = metric_label_count(a);
    if (a->kind != b->kind || labels != metric_label_count(b))
        return false;
    for (size_t i = 0; i < labels; i++)
        if (strcmp(a->labels[i], b->labels[i]) != 0)
            return false;
    return true;
}

static const struct hm_metric *find(const struct hm_metrics *source, const char *name, uint32_t hash) {
    for (size_t i = 0; i < source->count; i++)
        if (source->hashes[i] == hash && strcmp(source->table[i].name, name) == 0)
            return &source->table[i];
    return NULL;
}

/* 0, or what is wrong with a row of a table: those before it are well. */
static int check_row(const struct metrics *metrics, const struct hm_metric *table, size_t row) {
    if (!is_named_well(&table[row]))
        return HM_ENAME;
    for (size_t i = 0; i < row; i++)
        if (strcmp(table[i].name, table[row].name) == 0)
            return HM_EINVAL;
    for (const struct hm_metrics *other = metrics->first; other; other = other->next) {
        const struct hm_metric *same = find(other, table[row].name, hash_of(table[row].name));
        if (same && !agrees(same, &table[row]))
            return HM_EINVAL;
    }
    return HM_OK;
}

int metrics_add(struct metrics *metrics, const struct hm_metric *table, size_t count, hm_metrics_collect *collect, void *arg,
                struct hm_metrics **made) {
    for (size_t i = 0; i < count; i++) {
        int error = check_row(metrics, table, i);
        if (error)
            return error;
    }
    struct hm_metrics *source = malloc(sizeof *source + count * sizeof *source->hashes);
    if (!source)
        return HM_ENOMEM;
    *source = (struct hm_metrics){metrics, NULL, table, count, collect, arg};
    for (size_t i = 0; i < count; i++)
        source->hashes[i] = hash_of(table[i].name);
    struct hm_metrics **end = &metrics->first;
    while (*end)
        end = &(*end)->next;
    *end = source;
    if (made)
        *made = source;
    return HM_OK;
}

void hm_metrics_remove(hm_metrics *source) {
    if (!source)
        return;
    struct hm_metrics **at = &source->owner->first;
    while (*at != source)
        at = &(*at)->next;
    *at = source->next;
    free(source);
}

void metrics_fini(struct metrics *metrics) {
    while (metrics->first)
        hm_metrics_remove(metrics->first);
}

/* ---- reading ---- */

static void put(hm_metrics_out *out, const struct hm_sample *sample) {
    if (out->has_one && !out->metric->labels[0])
        return; /* two sources tell the same number: nobody could tell which is which */
    out->has_one = true;
    out->reader->sample(out->reader->arg, out->metric, sample);
}

void hm_metric_put(hm_metrics_out *out, const struct hm_text labels[], uint64_t value) {
    put(out, &(struct hm_sample){.labels = labels, .integer = value, .real = (double)value});
}

void hm_metric_put_real(hm_metrics_out *out, const struct hm_text labels[], double value) {
    put(out, &(struct hm_sample){.labels = labels, .is_real = true, .real = value});
}

void hm_metric_put_histogram(hm_metrics_out *out, const struct hm_text labels[], const struct hm_histogram *histogram) {
    put(out, &(struct hm_sample){.labels = labels, .histogram = histogram});
}

static bool came_before(const struct metrics *metrics, const struct hm_metrics *until, size_t row) {
    for (const struct hm_metrics *source = metrics->first; source != until; source = source->next)
        if (find(source, until->table[row].name, until->hashes[row]))
            return true;
    return false;
}

size_t metrics_count(const struct metrics *metrics) {
    size_t count = 0;
    for (const struct hm_metrics *source = metrics->first; source; source = source->next)
        for (size_t i = 0; i < source->count; i++)
            count += !came_before(metrics, source, i);
    return count;
}

static void read_metric(const struct hm_metrics *first, size_t row, const struct hm_metrics_reader *reader) {
    hm_metrics_out out = {.reader = reader, .metric = &first->table[row]};
    reader->metric(reader->arg, out.metric);
    for (const struct hm_metrics *source = first; source; source = source->next) {
        const struct hm_metric *metric = find(source, out.metric->name, first->hashes[row]);
        if (metric)
            source->collect(source->arg, (size_t)(metric - source->table), &out);
    }
}

void metrics_read(const struct metrics *metrics, const struct hm_metrics_reader *reader) {
    for (const struct hm_metrics *source = metrics->first; source; source = source->next)
        for (size_t i = 0; i < source->count; i++)
            if (!came_before(metrics, source, i))
                read_metric(source, i, reader);
}
