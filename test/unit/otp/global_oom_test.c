/*
 * Every allocation of global fails once. A member that lacks memory fails as a whole and says nothing more, since half of its protocol stops
 * registration in the cluster; its process is then started again.
 */
#include "unit/otp/otp_fixture.h"

#include <hermod/global.h>

#include "otp/global.h"
#include "support/alloc.h"
#include "unit/otp/global_alone.h"

struct file {
    unsigned char bytes[4096];
    size_t size;
};

static void load(struct file *file, const char *path) {
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    file->size = fread(file->bytes, 1, sizeof file->bytes, in);
    assert_in_range(file->size, 1, sizeof file->bytes - 1);
    fclose(in);
}

static void a_member_fails_as_a_whole(void **state) {
    static const char *const PATHS[] = {"test/fuzz/corpus/global/join", "test/fuzz/corpus/global/join_and_lose",
                                        "test/fuzz/corpus/global/lock_and_ask", "test/fuzz/corpus/global/active"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        static struct file file;
        long n = 0, failures = 0;
        bool reached = true;
        load(&file, PATHS[i]);
        for (; reached; n++) {
            struct alone alone;
            assert_true(alone_init(&alone));
            alloc_fail_at(n);
            if (alone_begin(&alone)) {
                alone_feed(&alone, file.bytes, file.size);
                failures += global_member_failed(alone.member);
            }
            reached = alloc_failed();
            alloc_fail_never();
            if (!reached)
                assert_false(global_member_failed(alone.member));
            global_member_free(alone.member);
            names_free(alone.names);
        }
        assert_true(n > 20 && failures > 10);
    }
}

/* ---- the node ---- */

static enum hm_verdict on_done(hm_process *self, void *arg, int error) {
    (*(int *)arg)++;
    return HM_CONTINUE;
}

static void the_node_goes_on(void **state) {
    bool reached = true;
    for (long n = 0; reached; n++) {
        struct fixture fixture;
        unsigned char room[HM_ATOM_ROOM], other[HM_ATOM_ROOM];
        int done = 0;
        assert_int_equal(fixture_open(&fixture), HM_OK);
        assert_int_equal(process_spawn(fixture.node, &probe_class, &fixture.probe.process), HM_OK);
        hm_process *self = fixture.probe.process;
        self->state = &fixture.probe;
        hm_term name = hm_atom_in(room, "name"), requester = hm_atom_in(other, "me");
        struct hm_global_lock lock = {.resource = name, .requester = requester};
        alloc_fail_at(n);
        int asked = hm_global_register(self, name, self->pid, HM_GLOBAL_RANDOM_EXIT, on_done, &done) == HM_OK;
        fixture_run(&fixture);
        asked += hm_global_set_lock(self, &lock, 0, on_done, &done) == HM_OK;
        fixture_run(&fixture);
        asked += hm_global_del_lock(self, &lock, on_done, &done) == HM_OK;
        asked += hm_global_sync(self, on_done, &done) == HM_OK;
        asked += hm_global_unregister(self, name, on_done, &done) == HM_OK;
        fixture_run(&fixture);
        reached = alloc_failed();
        alloc_fail_never();
        assert_true(done <= asked);
        if (!reached)
            assert_int_equal(done, 5);
        fixture_run(&fixture);
        assert_non_null(hm_whereis(fixture.node, "global_name_server").node);
        done = 0;
        assert_int_equal(hm_global_re_register(self, name, self->pid, HM_GLOBAL_RANDOM_EXIT, on_done, &done), HM_OK);
        fixture_run(&fixture);
        assert_int_equal(done, 1);
        assert_true(hm_pid_equal(hm_global_whereis(fixture.node, name), self->pid));
        fixture_close(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_fails_as_a_whole),
        cmocka_unit_test(the_node_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
