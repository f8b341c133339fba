/*
 * discovery/lazy: libraries that are loaded when they are first needed, and not when the program starts.
 *
 * For those that cost an idle node memory and that few nodes need. A file lists the functions it calls in a macro, which makes
 * its table and fills it:
 *
 *     #define FUNCTIONS(entry) entry(sha1, EVP_sha1) entry(sha256, EVP_sha256)
 *     static struct library { FUNCTIONS(LAZY_FIELD) bool loaded; } library;
 *     ... FUNCTIONS(LAZY_LOOK_UP) ...
 *
 * Any thread; the file's table is filled under pthread_once.
 */
#ifndef HM_DISCOVERY_LAZY_H
#define HM_DISCOVERY_LAZY_H

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#define LAZY_TEXT_OF(number) #number
#define LAZY_SONAME(stem, version) stem LAZY_TEXT_OF(version)

#define LAZY_FIELD(name, function) __typeof__(function) *name;
/* Expects `handle', `library' and `all', which becomes false when one is missing. */
#define LAZY_LOOK_UP(name, function) all = all && lazy_look_up(handle, #function, &library.name);

/* ISO C has no cast from an object's address to a function's. */
static inline bool lazy_look_up(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

#endif
