#include "services/patterns.h"

#include <stdlib.h>
#include <string.h>

/* One segment, below another. */
struct edge {
    unsigned char *text;
    uint32_t size;
    uint32_t parent; /* 0: the root */
    uint32_t children;
    uint32_t ends[PATTERN_ENDS];
};

static struct edge *edge_at(const struct patterns *patterns, uint32_t number) {
    return records_at(&patterns->edges, number);
}

void patterns_init(struct patterns *patterns) {
    *patterns = (struct patterns){0};
    records_init(&patterns->edges, sizeof(struct edge));
}

void patterns_fini(struct patterns *patterns) {
    for (uint32_t i = 0; i < patterns->by_segment.capacity; i++)
        if (patterns->by_segment.slots[i].number)
            free(edge_at(patterns, patterns->by_segment.slots[i].number)->text);
    record_index_fini(&patterns->by_segment);
    records_fini(&patterns->edges);
}

size_t patterns_bytes(const struct patterns *patterns) {
    return records_bytes(&patterns->edges) + record_index_bytes(&patterns->by_segment);
}

uint32_t *patterns_at(const struct patterns *patterns, uint32_t end) {
    return edge_at(patterns, end)->ends;
}

/* ---- segments ---- */

static bool is_separator(unsigned char byte) {
    return byte == ':' || byte == '.';
}

bool segments_read(struct segments *segments, hm_term topic) {
    const void *binary;
    size_t size, from = 0;
    if (!hm_get_binary(topic, &binary, &size))
        return false;
    const unsigned char *bytes = binary;
    segments->count = 0;
    segments->whole = true;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && !is_separator(bytes[i]))
            continue;
        if (segments->count == PATTERN_SEGMENTS) {
            segments->whole = false;
            break;
        }
        segments->part[segments->count].at = bytes + from;
        segments->part[segments->count++].size = i - from;
        from = i;
    }
    return true;
}

/* What stands in a segment, when that is a wildcard; else 0. */
static unsigned char wildcard_of(const struct segments *segments, unsigned i) {
    size_t skip = i > 0;
    if (segments->part[i].size != skip + 1)
        return 0;
    unsigned char only = segments->part[i].at[skip];
    return only == '*' || only == '>' ? only : 0;
}

bool segments_are_pattern(const struct segments *segments, int *error) {
    bool pattern = false;
    *error = 0;
    for (unsigned i = 0; i < segments->count; i++) {
        unsigned char wildcard = wildcard_of(segments, i);
        pattern |= wildcard != 0;
        if (wildcard == '>' && (i + 1 < segments->count || !segments->whole))
            *error = HM_EINVAL;
    }
    if (pattern && !segments->whole && !*error)
        *error = HM_ELIMIT;
    return pattern;
}

/* ---- edges ---- */

static uint32_t hash_segment(uint32_t parent, const unsigned char *text, size_t size) {
    uint64_t hash = 0xCBF29CE484222325u ^ parent; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ text[i]) * 0x100000001B3u;
    return (uint32_t)(hash ^ hash >> 32);
}

struct question {
    const struct patterns *patterns;
    uint32_t parent;
    const unsigned char *text;
    size_t size;
};

static bool is_segment(void *arg, uint32_t number) {
    const struct question *question = arg;
    const struct edge *edge = edge_at(question->patterns, number);
    return edge->parent == question->parent && edge->size == question->size &&
           memcmp(edge->text, question->text, question->size) == 0;
}

static uint32_t find(const struct patterns *patterns, uint32_t parent, const unsigned char *text, size_t size) {
    struct question question = {patterns, parent, text, size};
    return record_index_find(&patterns->by_segment, hash_segment(parent, text, size), is_segment, &question);
}

static uint32_t add(struct patterns *patterns, uint32_t parent, const unsigned char *text, size_t size) {
    uint32_t number = size < UINT32_MAX ? records_add(&patterns->edges) : 0;
    if (!number)
        return 0;
    struct edge *edge = edge_at(patterns, number);
    edge->parent = parent;
    edge->size = (uint32_t)size;
    edge->text = malloc(size + 1); /* a segment may be empty */
    if (!edge->text || record_index_put(&patterns->by_segment, hash_segment(parent, text, size), number)) {
        free(edge->text);
        records_remove(&patterns->edges, number);
        return 0;
    }
    memcpy(edge->text, text, size);
    if (parent)
        edge_at(patterns, parent)->children++;
    return number;
}

static bool is_needed(const struct edge *edge) {
    for (int i = 0; i < PATTERN_ENDS; i++)
        if (edge->ends[i])
            return true;
    return edge->children > 0;
}

void patterns_trim(struct patterns *patterns, uint32_t number) {
    while (number) {
        struct edge *edge = edge_at(patterns, number);
        if (is_needed(edge))
            return;
        uint32_t parent = edge->parent;
        record_index_remove(&patterns->by_segment, hash_segment(parent, edge->text, edge->size), number);
        free(edge->text);
        records_remove(&patterns->edges, number);
        if (parent)
            edge_at(patterns, parent)->children--;
        number = parent;
    }
}

uint32_t patterns_add(struct patterns *patterns, const struct segments *segments) {
    uint32_t at = 0;
    for (unsigned i = 0; i < segments->count; i++) {
        uint32_t next = find(patterns, at, segments->part[i].at, segments->part[i].size);
        if (!next)
            next = add(patterns, at, segments->part[i].at, segments->part[i].size);
        if (!next) {
            patterns_trim(patterns, at);
            return 0;
        }
        at = next;
    }
    return at;
}

/* ---- matching ---- */

struct walk {
    const struct patterns *patterns;
    const struct segments *topic;
    void (*each)(void *arg, const uint32_t numbers[PATTERN_ENDS]);
    void *arg;
};

static void tell(const struct walk *walk, uint32_t end) {
    if (end)
        walk->each(walk->arg, edge_at(walk->patterns, end)->ends);
}

/* The edge for * or > below parent, at the place of segment i. */
static uint32_t find_wildcard(const struct walk *walk, uint32_t parent, unsigned i, unsigned char wildcard) {
    unsigned char text[2] = {walk->topic->part[i].at[0], wildcard};
    return i > 0 ? find(walk->patterns, parent, text, 2) : find(walk->patterns, parent, &wildcard, 1);
}

/* At each segment there are at most two ways on, so the ways that wait are at most one for each segment above. */
void patterns_match(const struct patterns *patterns, const struct segments *topic,
                    void (*each)(void *arg, const uint32_t numbers[PATTERN_ENDS]), void *arg) {
    struct walk walk = {patterns, topic, each, arg};
    struct {
        uint32_t edge;
        unsigned depth;
    } waiting[PATTERN_SEGMENTS + 1] = {{0, 0}};
    unsigned count = 1;
    while (count > 0) {
        uint32_t edge = waiting[--count].edge;
        unsigned depth = waiting[count].depth;
        if (depth == topic->count) {
            if (topic->whole)
                tell(&walk, edge);
            continue;
        }
        if (edge && !edge_at(patterns, edge)->children)
            continue;
        tell(&walk, find_wildcard(&walk, edge, depth, '>'));
        uint32_t ways[2] = {find_wildcard(&walk, edge, depth, '*'), 0};
        if (!wildcard_of(topic, depth))
            ways[1] = find(patterns, edge, topic->part[depth].at, topic->part[depth].size);
        for (int way = 0; way < 2; way++)
            if (ways[way]) {
                waiting[count].edge = ways[way];
                waiting[count++].depth = depth + 1;
            }
    }
}
