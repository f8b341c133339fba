#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/records.h"

struct entry {
    uint32_t key;
    uint64_t filler;
};

struct question {
    const struct records *records;
    uint32_t key;
};

static bool same(void *arg, uint32_t number) {
    const struct question *question = arg;
    const struct entry *entry = records_at(question->records, number);
    return entry->key == question->key;
}

static uint32_t find(const struct records *records, const struct record_index *index, uint32_t hash,
                     uint32_t key) {
    struct question question = {records, key};
    return record_index_find(index, hash, same, &question);
}

static void numbers_are_used_again(void **state) {
    (void)state;
    struct records records;
    records_init(&records, sizeof(struct entry));
    uint32_t first = records_add(&records), second = records_add(&records);
    assert_int_equal(first, 1);
    assert_int_not_equal(first, second);
    struct entry *entry = records_at(&records, first);
    entry->filler = UINT64_MAX;
    records_remove(&records, first);
    assert_int_equal(records_add(&records), first);
    entry = records_at(&records, first);
    assert_int_equal(entry->filler, 0);
    assert_int_equal(entry->key, 0);
    records_fini(&records);
}

static void addresses_stay(void **state) {
    (void)state;
    enum { MANY = 5 * RECORDS_CHUNK };
    struct records records;
    records_init(&records, sizeof(struct entry));
    uint32_t first = records_add(&records);
    struct entry *entry = records_at(&records, first);
    entry->key = 77;
    for (int i = 0; i < MANY; i++)
        assert_int_not_equal(records_add(&records), 0);
    assert_ptr_equal(records_at(&records, first), entry);
    assert_int_equal(entry->key, 77);
    assert_int_equal(records.live, MANY + 1);
    records_fini(&records);
}

static void the_last_one_frees_the_memory(void **state) {
    (void)state;
    struct records records;
    records_init(&records, sizeof(struct entry));
    uint32_t number = records_add(&records);
    assert_int_not_equal(records_bytes(&records), 0);
    records_remove(&records, number);
    assert_int_equal(records_bytes(&records), 0);
    assert_int_equal(records_add(&records), 1);
    records_fini(&records);
}

/* Few hashes, so that runs of equal and of neighbouring ones come about, against a plain array. */
static void random_puts_and_removes_agree_with_an_array(void **state) {
    (void)state;
    enum { KEYS = 300, STEPS = 200000 };
    static uint32_t number_of[KEYS];
    struct records records;
    struct record_index index = {0};
    uint32_t random = 12345;
    memset(number_of, 0, sizeof number_of);
    records_init(&records, sizeof(struct entry));
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525u + 1013904223u;
        uint32_t key = (random >> 8) % KEYS, hash = key % 37;
        assert_int_equal(find(&records, &index, hash, key), number_of[key]);
        if (number_of[key]) {
            record_index_remove(&index, hash, number_of[key]);
            records_remove(&records, number_of[key]);
            number_of[key] = 0;
        } else {
            number_of[key] = records_add(&records);
            ((struct entry *)records_at(&records, number_of[key]))->key = key;
            assert_int_equal(record_index_put(&index, hash, number_of[key]), 0);
        }
    }
    for (uint32_t key = 0; key < KEYS; key++)
        assert_int_equal(find(&records, &index, key % 37, key), number_of[key]);
    record_index_fini(&index);
    records_fini(&records);
}

static void an_index_that_empties_shrinks(void **state) {
    (void)state;
    enum { MANY = 10000 };
    struct records records;
    struct record_index index = {0};
    records_init(&records, sizeof(struct entry));
    for (uint32_t i = 1; i <= MANY; i++) {
        assert_int_equal(records_add(&records), i);
        ((struct entry *)records_at(&records, i))->key = i;
        assert_int_equal(record_index_put(&index, i, i), 0);
    }
    size_t full = record_index_bytes(&index);
    assert_true(full <= MANY * 8 * 4);
    for (uint32_t i = 1; i < MANY; i++)
        record_index_remove(&index, i, i);
    assert_true(record_index_bytes(&index) < full / 100);
    assert_int_equal(find(&records, &index, MANY, MANY), MANY);
    record_index_remove(&index, MANY, MANY);
    assert_int_equal(record_index_bytes(&index), 0);
    records_fini(&records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_used_again),
        cmocka_unit_test(addresses_stay),
        cmocka_unit_test(the_last_one_frees_the_memory),
        cmocka_unit_test(random_puts_and_removes_agree_with_an_array),
        cmocka_unit_test(an_index_that_empties_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
