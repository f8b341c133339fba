/* layer: eval */
/* Closures with any forms: evaluation ends within its limits, and what it comes to can be written and
 * checked. */
#include <stdint.h>
#include <stdlib.h>

#include "eval/machine.h"
#include "eval/terms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static struct library *library_once(void) {
    static struct library *library;
    if (!library)
        require(library_new(&library) == HM_OK);
    return library;
}

static void write_result(struct machine *m, value v) {
    hm_build *build = hm_build_new();
    hm_term term;
    if (terms_write(&m->heap, build, v, m->origin) == HM_OK) {
        hm_term built = hm_build_term(build);
        require(hm_build_error(build) == HM_OK);
        struct hm_check_limits limits = {.depth = HM_DEPTH_MAX};
        int error = hm_term_check(built.bytes, built.size, true, &limits, &term);
        require(error == HM_OK || error == HM_ELIMIT);
    }
    hm_build_free(build);
}

/* As many arguments as it wants. */
static value arguments_for(struct machine *m, value fun) {
    value list = VALUE_NIL;
    int64_t arity = value_is(fun, KIND_FUN) ? value_small(value_words(fun)[FUN_ARITY]) : 0;
    for (int64_t i = 0; i < arity; i++)
        list = heap_cons(&m->heap, i % 2 ? heap_text(&m->heap, "text") : value_of_small(i), list);
    return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct machine_limits limits = {.memory_bytes = 4 << 20, .depth = 5000, .steps = 60000};
    struct machine m;
    hm_term term;
    if (hm_term_check(data, size, false, NULL, &term) != HM_OK)
        return 0;
    machine_init(&m, library_once(), &limits, NULL);
    value fun = terms_read(&m.heap, term);
    machine_apply(&m, fun, arguments_for(&m, fun));
    enum machine_status status;
    int messages = 0;
    while ((status = machine_run(&m, 500)) == MACHINE_BUSY || (status == MACHINE_WAITING && messages < 3)) {
        if (status == MACHINE_BUSY)
            continue;
        if (messages++ == 2)
            machine_timeout(&m);
        else
            machine_deliver(&m, term);
    }
    if (status == MACHINE_VALUE)
        write_result(&m, m.result);
    if (status == MACHINE_RAISED) {
        write_result(&m, m.reason);
        write_result(&m, m.stack);
    }
    machine_fini(&m);
    return 0;
}
