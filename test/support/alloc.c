#include "support/alloc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The linker makes these of malloc and its kin; see WRAP_ALLOC in the Makefile. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);

static long countdown = -1;
static bool for_ever;
static bool failed;
static long count;

static void arm(long n, bool from_then_on) {
    countdown = n;
    for_ever = from_then_on;
    failed = false;
    count = 0;
}

void alloc_fail_at(long n) {
    arm(n, false);
}

void alloc_fail_from(long n) {
    arm(n, true);
}

void alloc_fail_never(void) {
    arm(-1, false);
}

bool alloc_failed(void) {
    return failed;
}

long alloc_count(void) {
    return count;
}

static bool fails_now(void) {
    count++;
    if (countdown < 0)
        return false;
    if (countdown > 0) {
        countdown--;
        return false;
    }
    if (!for_ever)
        countdown = -1;
    failed = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t size) {
    return fails_now() ? NULL : __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return fails_now() ? NULL : __real_aligned_alloc(alignment, size);
}

/* libc's own would call libc's malloc, which no wrapper sees. */
char *__wrap_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);

    return copy != NULL ? memcpy(copy, text, size) : NULL;
}
