/*
 * Makes allocations fail, for the tests called *_oom_test.c: the Makefile links those with --wrap for malloc, calloc,
 * realloc, aligned_alloc and strdup, so every call in the layers under test (and in libei, which is linked statically) ends here.
 * Calls inside shared libraries (libevent, cmocka, libc) do not.
 *
 *     for (long n = 0;; n++) {
 *         alloc_fail_at(n);
 *         int error = scenario();
 *         if (!alloc_failed())
 *             break;                       (the scenario has fewer allocations than n: every one has failed once)
 *         assert_int_equal(error, HM_ENOMEM);
 *     }
 *     alloc_fail_never();
 *
 * What leaked when an allocation failed is LeakSanitizer's to say (`make asan`).
 */
#ifndef TEST_SUPPORT_ALLOC_H
#define TEST_SUPPORT_ALLOC_H

#include <stdbool.h>

/* The allocation number n from now (0: the next) fails, and only that one. */
void alloc_fail_at(long n);
/* That one and all that follow: a machine that has run out. */
void alloc_fail_from(long n);
void alloc_fail_never(void);

/* Whether one has failed since it was last said which. */
bool alloc_failed(void);
/* How many there were since then, those that failed included. */
long alloc_count(void);

#endif
