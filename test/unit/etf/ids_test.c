/* Ids are read and written by hand; ei, which is the reference, is asked here. */
#include "etf_cmocka.h"

#include <ei.h>

#include "etf/ids.h"

static struct names *names;

static int set_up(void **state) {
    names = names_new(10);
    return 0;
}

static int tear_down(void **state) {
    names_free(names);
    return 0;
}

static const uint32_t values[] = {0, 1, 0x7FFF, 0x10000000, 0xFFFFFFFF};
enum { VALUES = sizeof values / sizeof values[0] };

static void pids_are_what_ei_writes(void **state) {
    const hm_node_name *node = names_intern(names, "n@host", 6);
    for (size_t i = 0; i < VALUES; i++) {
        hm_pid pid = {node, values[i], values[(i + 1) % VALUES], values[(i + 2) % VALUES]}, read = HM_NO_PID;
        erlang_pid theirs = {.num = pid.id, .serial = pid.serial, .creation = pid.creation};
        strcpy(theirs.node, "n@host");
        uint8_t ours[PID_BYTES_MAX];
        char ei[100];
        int index = 0;
        assert_int_equal(ei_encode_pid(ei, &index, &theirs), 0);
        assert_int_equal(pid_size(pid), index);
        assert_int_equal(pid_encode(pid, ours), index);
        assert_memory_equal(ours, ei, (size_t)index);
        assert_true(pid_decode(names, (hm_term){(uint8_t *)ei, (size_t)index}, &read));
        assert_true(hm_pid_equal(read, pid));
        index = 0;
        assert_int_equal(ei_decode_pid((char *)ours, &index, &theirs), 0);
        assert_int_equal(theirs.num, pid.id);
        assert_int_equal(theirs.creation, pid.creation);
    }
}

static void refs_are_what_ei_writes(void **state) {
    const hm_node_name *node = names_intern(names, "n@host", 6), *found;
    for (uint32_t words = 1; words <= 5; words++) {
        hm_ref ref = {.node = node, .creation = 0xFFFFFFFE, .words = words}, read;
        erlang_ref theirs = {.len = (int)words, .creation = ref.creation};
        strcpy(theirs.node, "n@host");
        for (uint32_t i = 0; i < words; i++)
            theirs.n[i] = ref.id[i] = values[i];
        uint8_t ours[REF_BYTES_MAX];
        char ei[100];
        int index = 0;
        assert_int_equal(ei_encode_ref(ei, &index, &theirs), 0);
        assert_int_equal(ref_size(&ref), index);
        assert_int_equal(ref_encode(&ref, ours), index);
        assert_memory_equal(ours, ei, (size_t)index);
        assert_true(ref_decode(names, (hm_term){(uint8_t *)ei, (size_t)index}, &read));
        assert_true(hm_ref_equal(&read, &ref));
        assert_true(id_node_decode(names, (hm_term){(uint8_t *)ei, (size_t)index}, &found));
        assert_ptr_equal(found, node);
        read.id[0]++;
        assert_false(hm_ref_equal(&read, &ref));
    }
}

static void reads_what_old_nodes_send(void **state) {
    hm_pid pid;
    hm_ref ref;
    const hm_node_name *node;
    hm_term old_pid = BYTES("gd\0\3n@h\0\0\0\1\0\0\0\2\3"), old_ref = BYTES("ed\0\3n@h\0\0\0\5\1");
    hm_term new_ref = BYTES("r\0\2s\3n@h\1\0\0\0\1\0\0\0\2"), port = BYTES("fs\3n@h\0\0\0\1\1");
    assert_true(pid_decode(names, old_pid, &pid));
    assert_int_equal(pid.creation, 3);
    assert_true(ref_decode(names, old_ref, &ref));
    assert_int_equal(ref.words, 1);
    assert_int_equal(ref.id[0], 5);
    assert_true(ref_decode(names, new_ref, &ref));
    assert_int_equal(ref.words, 2);
    assert_true(id_node_decode(names, port, &node));
    assert_ptr_equal(node, pid.node);
    assert_false(pid_decode(names, old_ref, &pid));
    assert_false(ref_decode(names, port, &ref));
    assert_false(pid_decode(names, (hm_term){0}, &pid));
    drop(old_pid);
    drop(old_ref);
    drop(new_ref);
    drop(port);
}

static void fails_when_the_names_are_full(void **state) {
    struct names *full = names_new(0);
    hm_pid pid = HM_NO_PID;
    hm_term term = BYTES("Xw\1n\0\0\0\1\0\0\0\2\0\0\0\3");
    assert_false(pid_decode(full, term, &pid));
    assert_null(pid.node);
    drop(term);
    names_free(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pids_are_what_ei_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refs_are_what_ei_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_what_old_nodes_send, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fails_when_the_names_are_full, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
