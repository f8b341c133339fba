/* Each allocation of an evaluation fails once: it ends as killed or with an error, or does not notice. */
#include "eval_fixture.h"
#include "support/alloc.h"

static hm_term fun;

static int scenario(void) {
    struct library *library;
    struct machine m;
    int error = library_new(&library);
    if (error != HM_OK)
        return error;
    machine_init(&m, library, &ROOMY, NULL);
    machine_apply(&m, terms_read(&m.heap, fun), VALUE_NIL);
    enum machine_status status = run_machine(&m);
    hm_build *build = hm_build_new();
    if (status == MACHINE_VALUE && build)
        error = terms_write(&m.heap, build, m.result, m.origin);
    else
        error = HM_ENOMEM;
    hm_build_free(build);
    machine_fini(&m);
    library_free(library);
    return error;
}

/* The library's own allocations are thousands and alike: those of the first hundred and of the evaluation are
 * tried. */
static void every_allocation_may_fail(void **state) {
    static const char *const TEXTS[] = {
        "inspect({:ok, [a: 1, b: [c: 2]]})", "Enum.sort_by([\"ccc\", \"a\", \"bb\"], &String.length/1)",
        "123456789012345678901234567890 * 987654321098765432109876543210",
        "String.upcase(\"h\xc3\xa9llo w\xc3\xb6rld\")", "f = fn x -> fn y -> x + y end end; f.(1).(2)"};
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        fun = recorded_fun(TEXTS[i]);
        alloc_fail_at(1 << 30);
        assert_int_equal(scenario(), HM_OK);
        long all = alloc_count(), first = i == 0 ? 0 : all - 120;
        alloc_fail_never();
        for (long n = first < 0 ? 0 : first; n < all; n++) {
            if (n == 100 && all - 200 > n)
                n = all - 200;
            alloc_fail_at(n);
            scenario();
            alloc_fail_never();
        }
        free((void *)(uintptr_t)fun.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
