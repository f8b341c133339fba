#include "cli/libedit.h"

#include <pthread.h>

static struct libedit library;
static bool loaded;

static void load(void) {
    void *handle = dlopen("libedit.so.2", RTLD_NOW | RTLD_LOCAL);
    bool all = handle != NULL;
    LIBEDIT_FUNCTIONS(LAZY_LOOK_UP)
    loaded = all;
}

const struct libedit *libedit_get(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}
