#include "cli/suggest.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 40 }; /* longer words are no typos of ours */

static unsigned least(unsigned a, unsigned b, unsigned c) {
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Damerau's distance (insert, delete, replace, swap neighbours): "snmae" is one slip away from "sname". */
static unsigned distance_of(const char *a, size_t a_size, const char *b, size_t b_size) {
    unsigned rows[3][LONGEST + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b_size; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        unsigned *reuse = before;
        before = last;
        last = now;
        now = reuse;
    }
    return last[b_size];
}

struct suggestion suggestion_for(const char *typed) {
    return (struct suggestion){.typed = typed};
}

void suggestion_try(struct suggestion *best, const char *word, size_t size) {
    size_t typed = strlen(best->typed);
    if (typed == 0 || typed > LONGEST || size > LONGEST)
        return;
    unsigned distance = distance_of(best->typed, typed, word, size);
    /* The beginning of a word is a good hint too, but a slip is a better one. */
    if (typed >= 3 && size > typed && memcmp(word, best->typed, typed) == 0 && distance > 2)
        distance = 2;
    unsigned limit = typed < 3 ? 1 : typed < 8 ? 2 : 3;
    if (distance <= limit && distance < size && (!best->word || distance < best->distance)) {
        best->word = word;
        best->size = size;
        best->distance = distance;
    }
}

const char *suggestion_text(const struct suggestion *best, const char *prefix, char *buffer,
                            size_t capacity) {
    if (!best->word)
        return "";
    snprintf(buffer, capacity, "; did you mean %s%.*s?", prefix, (int)best->size, best->word);
    return buffer;
}
