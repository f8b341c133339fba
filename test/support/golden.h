/*
 * Golden bytes: the files test/golden/RELEASE/PREFIX*SUFFIX, recorded from real nodes. Tests run at the top
 * of the tree.
 */
#ifndef TEST_SUPPORT_GOLDEN_H
#define TEST_SUPPORT_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct golden {
    const char *path;
    uint8_t *bytes; /* exactly size bytes on the heap, so that a sanitizer sees a read behind them */
    size_t size;
};

/* Calls back for each of them; fails the test when there is none. Returns how many. */
size_t golden_each(const char *prefix, const char *suffix,
                   void (*callback)(const struct golden *golden, void *context), void *context);
/* The file beside, with another suffix: its text, malloc'ed and terminated, or NULL. */
char *golden_text_beside(const struct golden *golden, const char *suffix);

#endif
