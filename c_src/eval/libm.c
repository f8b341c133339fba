#include "eval/libm.h"

#include <gnu/lib-names.h>
#include <pthread.h>

#include "base/lazy.h"

static struct libm library;
static bool loaded;

static void load(void) {
    void *handle = dlopen(LIBM_SO, RTLD_NOW | RTLD_LOCAL);
    bool all = handle != NULL;
#define LOOK_UP(name) LAZY_LOOK_UP(name, name)
    LIBM_OF_ONE(LOOK_UP)
    LIBM_OF_TWO(LOOK_UP)
    loaded = all;
}

const struct libm *libm_get(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}
