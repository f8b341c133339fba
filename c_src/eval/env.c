/* Environments: chains of KIND_ENV, the newest binding first; a newer one hides an older. */
#include "eval/machine.h"

static bool same_name(value a, value b) {
    return a == b ||
           (value_is(a, KIND_ATOM) && value_is(b, KIND_ATOM) && bytes_equal(value_bytes(a), value_bytes(b)));
}

value env_get(value env, value name) {
    for (; value_is(env, KIND_ENV); env = value_words(env)[2])
        if (same_name(value_words(env)[0], name))
            return value_words(env)[1];
    return VALUE_NONE;
}

value env_bind(struct heap *heap, value env, value name, value v) {
    value *object = heap_object(heap, KIND_ENV, 3);
    if (!object)
        return env;
    object[1] = name;
    object[2] = v;
    object[3] = env;
    return (value)(uintptr_t)object;
}

value env_add(struct machine *m, value env, value added, value base) {
    /* Between the two there is what one expression or pattern bound: short. The order does not matter, names
     * differ or hide each other the same way when the oldest is put first. */
    value chain = VALUE_NIL;
    for (; value_is(added, KIND_ENV) && added != base; added = value_words(added)[2])
        chain = heap_cons(&m->heap, added, chain);
    for (; value_is_cons(chain); chain = value_tail(chain))
        env = env_bind(&m->heap, env, value_words(value_head(chain))[0], value_words(value_head(chain))[1]);
    return env;
}
