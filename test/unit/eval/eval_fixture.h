/* Machines without a node, and funs by their text: those that test/golden/record_closures has recorded. */
#ifndef TEST_UNIT_EVAL_FIXTURE_H
#define TEST_UNIT_EVAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "eval/machine.h"
#include "eval/map.h"
#include "eval/order.h"
#include "eval/terms.h"
#include "support/golden.h"

static const struct machine_limits ROOMY = {.memory_bytes = 32 << 20, .depth = 200000, .steps = 50000000};

struct wanted {
    const char *text;
    hm_term fun; /* a copy */
};

static inline void find_fun(const struct golden *golden, void *context) {
    struct wanted *wanted = context;
    struct hm_list list;
    hm_term rows, row, parts[3];
    char text[1024];
    size_t size;
    assert_int_equal(hm_term_check(golden->bytes, golden->size, true, NULL, &rows), HM_OK);
    assert_true(hm_list_begin(rows, &list));
    while (!wanted->fun.size && hm_list_next(&list, &row)) {
        assert_true(hm_tuple_elements(row, 3, parts));
        if (hm_get_text(parts[0], text, sizeof text, &size) && strcmp(text, wanted->text) == 0)
            assert_int_equal(hm_term_copy(parts[1], &wanted->fun), HM_OK);
    }
}

/* free((void *)fun.bytes) */
static inline hm_term recorded_fun(const char *text) {
    struct wanted wanted = {text, {0}};
    golden_each("closures", ".bin", find_fun, &wanted);
    if (!wanted.fun.size)
        print_error("no fun was recorded from %s\n", text);
    assert_true(wanted.fun.size > 0);
    return wanted.fun;
}

static inline enum machine_status run_machine(struct machine *m) {
    enum machine_status status;
    while ((status = machine_run(m, 1000)) == MACHINE_BUSY)
        continue;
    return status;
}

#endif
