#include "otp/global_table.h"

#include "otp/global_names.h"

#include <stdlib.h>

#include "otp/global_wire.h"

void global_names_init(struct global_names *table, size_t max) {
    *table = (struct global_names){.max = max};
}

static void free_name(struct global_name *name) {
    free((void *)(uintptr_t)name->name.bytes);
    free((void *)(uintptr_t)name->method.bytes);
    free(name);
}

void global_names_fini(struct global_names *table) {
    struct global_name *name, *next;
    HASH_CLEAR(by_name, table->names);
    HASH_ITER(by_ref, table->refs, name, next) {
        HASH_DELETE(by_ref, table->refs, name);
        free_name(name);
    }
    table->count = 0;
}

struct global_name *global_names_find(const struct global_names *table, hm_term name) {
    struct global_name *found;
    HASH_FIND(by_name, table->names, &name, sizeof name, found);
    return found;
}

struct global_name *global_names_find_ref(const struct global_names *table, const hm_ref *ref) {
    struct refkey key = refkey_of(ref);
    struct global_name *found;
    HASH_FIND(by_ref, table->refs, &key, sizeof key, found);
    return found;
}

struct global_name *global_names_of_pid(const struct global_names *table, hm_pid pid) {
    struct global_name *name, *next;
    HASH_ITER(by_ref, table->refs, name, next)
        if (hm_pid_equal(name->pid, pid))
            return name;
    return NULL;
}

int global_names_add(struct global_names *table, hm_term name, hm_pid pid, hm_term method, const hm_ref *ref,
                     const hm_node_name *external) {
    if (table->count >= table->max) {
        table->refused++;
        return HM_ELIMIT;
    }
    struct global_name *made = calloc(1, sizeof *made);
    if (!made)
        return HM_ENOMEM;
    if (hm_term_copy(name, &made->name) != HM_OK || hm_term_copy(method, &made->method) != HM_OK)
        goto fail;
    made->pid = pid;
    made->ref = *ref;
    made->key = refkey_of(ref);
    made->external = external;
    HASH_ADD(by_ref, table->refs, key, sizeof made->key, made);
    if (made->lost)
        goto fail;
    HASH_ADD(by_name, table->names, name, sizeof made->name, made);
    if (made->lost) {
        HASH_DELETE(by_ref, table->refs, made);
        goto fail;
    }
    table->count++;
    return HM_OK;
fail:
    free_name(made);
    return HM_ENOMEM;
}

void global_names_remove(struct global_names *table, struct global_name *name) {
    HASH_DELETE(by_name, table->names, name);
    HASH_DELETE(by_ref, table->refs, name);
    table->count--;
    free_name(name);
}

void global_names_each(const struct global_names *table, void (*each)(void *arg, const struct global_name *name),
                       void *arg) {
    struct global_name *name, *next;
    HASH_ITER(by_ref, table->refs, name, next)
        each(arg, name);
}

uint32_t global_names_put(const struct global_names *table, hm_build *build) {
    struct global_name *name, *next;
    uint32_t count = 0;
    HASH_ITER(by_ref, table->refs, name, next) {
        hm_put_tuple(build, 3);
        hm_put_term(build, name->name);
        hm_put_pid(build, name->pid);
        hm_put_term(build, name->method);
        count++;
    }
    return count;
}

uint32_t global_names_put_external(const struct global_names *table, hm_build *build) {
    struct global_name *name, *next;
    uint32_t count = 0;
    HASH_ITER(by_ref, table->refs, name, next) {
        if (!name->external)
            continue;
        hm_put_tuple(build, 3);
        hm_put_term(build, name->name);
        hm_put_pid(build, name->pid);
        global_put_node(build, name->external);
        count++;
    }
    return count;
}
