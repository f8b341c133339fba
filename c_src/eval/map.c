#include "eval/map.h"

#include <stdlib.h>

#include "eval/order.h"

/* The index of the first key that is not smaller; *found: it is this key. */
static size_t search(struct heap *heap, value map, value key, bool *found) {
    const value *words = value_words(map);
    size_t low = 0, high = value_map_size(map);
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = order_compare_exact(heap, words[2 * middle], key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

value map_get(struct heap *heap, value map, value key) {
    bool found;
    size_t at = search(heap, map, key, &found);
    return found ? value_words(map)[2 * at + 1] : VALUE_NONE;
}

static value *new_map(struct heap *heap, size_t pairs, value *map) {
    value *object = heap_object(heap, KIND_MAP, 2 * pairs);
    *map = object ? (value)(uintptr_t)object : VALUE_NIL;
    return object ? object + 1 : NULL;
}

value map_put(struct heap *heap, value map, value key, value v) {
    bool found;
    size_t size = value_map_size(map), at = search(heap, map, key, &found);
    const value *from = value_words(map);
    value made;
    value *to = new_map(heap, size + !found, &made);
    if (!to)
        return made;
    memcpy(to, from, 2 * at * sizeof *to);
    to[2 * at] = found ? from[2 * at] : key;
    to[2 * at + 1] = v;
    memcpy(to + 2 * at + 2, from + 2 * (at + found), 2 * (size - at - found) * sizeof *to);
    return made;
}

value map_remove(struct heap *heap, value map, value key) {
    bool found;
    size_t size = value_map_size(map), at = search(heap, map, key, &found);
    const value *from = value_words(map);
    value made;
    if (!found)
        return map;
    value *to = new_map(heap, size - 1, &made);
    if (!to)
        return made;
    memcpy(to, from, 2 * at * sizeof *to);
    memcpy(to + 2 * at, from + 2 * at + 2, 2 * (size - at - 1) * sizeof *to);
    return made;
}

/* Merge sort, stable, of pairs[0..count) with `room` for as many. */
static void sort(struct heap *heap, value pairs[], value room[], size_t count) {
    if (count < 2)
        return;
    size_t half = count / 2, left = 0, right = half, at = 0;
    sort(heap, pairs, room, half);
    sort(heap, pairs + 2 * half, room, count - half);
    memcpy(room, pairs, 2 * half * sizeof *room);
    while (left < half) {
        bool from_left = right == count || order_compare_exact(heap, room[2 * left], pairs[2 * right]) <= 0;
        const value *pair = from_left ? room + 2 * left++ : pairs + 2 * right++;
        pairs[2 * at] = pair[0];
        pairs[2 * at + 1] = pair[1];
        at++;
    }
}

static bool is_sorted(struct heap *heap, size_t count, const value pairs[]) {
    for (size_t i = 1; i < count; i++)
        if (order_compare_exact(heap, pairs[2 * i - 2], pairs[2 * i]) >= 0)
            return false;
    return true;
}

value map_of_pairs(struct heap *heap, size_t count, const value pairs[]) {
    value made;
    value *to = new_map(heap, count, &made);
    if (!to)
        return made;
    if (count)
        memcpy(to, pairs, 2 * count * sizeof *to);
    if (is_sorted(heap, count, to))
        return made;
    value *room = malloc(2 * count * sizeof *room);
    if (!room) {
        heap->exhausted = true;
        return VALUE_NIL;
    }
    sort(heap, to, room, count);
    free(room);
    size_t unique = 0;
    for (size_t i = 0; i < count; i++) {
        if (unique && order_compare_exact(heap, to[2 * unique - 2], to[2 * i]) == 0)
            unique--;
        to[2 * unique] = to[2 * i];
        to[2 * unique + 1] = to[2 * i + 1];
        unique++;
    }
    if (unique == count)
        return made;
    value *exact = new_map(heap, unique, &made);
    if (exact)
        memcpy(exact, to, 2 * unique * sizeof *exact);
    return made;
}
