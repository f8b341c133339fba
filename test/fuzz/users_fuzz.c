/* layer: services
 * Casts to user_list from a peer: whatever a list of users holds, what is kept of it is within the limits, are users, and can be
 * merged and read again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "services/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct users_limits limits = {8, 512};

static void check_list(hm_term list) {
    hm_build *good = hm_build_new(), *merged = hm_build_new(), *again = hm_build_new();
    struct users_left_out out;
    struct hm_list left;
    hm_term id;
    size_t bytes = 0, count = 0;
    if (users_read(list, &limits, good, &out) == 0) {
        hm_term lists[] = {hm_build_term(good), hm_build_term(good)};
        assert(hm_list_begin(lists[0], &left));
        for (hm_term user; hm_list_next(&left, &user); count++) {
            assert(user_id(user, &id));
            bytes += user.size;
        }
        assert(count <= limits.users && bytes <= limits.bytes);
        assert(users_put_uniq(lists, 2, merged) == 0);
        assert(hm_list_length(hm_build_term(merged)) <= (long)count);
        assert(users_read(hm_build_term(merged), &limits, again, &out) == 0 && out.strange == 0 && out.over == 0);
    }
    hm_build_free(good);
    hm_build_free(merged);
    hm_build_free(again);
}

/* Each is added twice and removed by its id. */
static void check_users(hm_term list) {
    struct users users = {0};
    struct hm_list left;
    hm_term id;
    if (!hm_list_begin(list, &left))
        return;
    for (hm_term user; hm_list_next(&left, &user);)
        if (users_add(&users, user, &limits) == 0) {
            size_t count = users.count;
            assert(users_add(&users, user, &limits) == 0 && users.count == count);
        }
    assert(users.count <= limits.users && users.bytes <= limits.bytes);
    hm_list_begin(list, &left);
    for (hm_term user; hm_list_next(&left, &user);)
        if (user_id(user, &id)) {
            users_remove(&users, id);
            assert(users_remove(&users, id) == 0);
        }
    assert(users.count == 0 && users.bytes == 0);
    users_fini(&users);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hm_term term, list;
    struct hm_check_limits shallow = {.depth = 256};
    if (hm_term_check(data, size, true, &shallow, &term) != 0)
        return 0;
    if (!hm_match(term, "{'$gen_cast', {sync, _, ~t}}", &list))
        list = term;
    check_list(list);
    check_users(list);
    return 0;
}
