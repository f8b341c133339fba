/* layer: services
 * What other nodes' lists of users say, several messages in a row, as they are cast: each is refused or taken; what is kept is within the
 * limits, and what we say to it is a message, too. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "services/user_replica.h"
#include "services/user_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 8 };

static const struct users_limits limits = {8, 512};

struct fuzz {
    struct user_replica *replica;
    char nodes[NODES][HM_ATOM_BYTES]; /* that were admitted */
    unsigned count;
};

static bool on_send(void *arg, const char *node, hm_term list, hm_term message) {
    struct user_message read;
    (void)arg;
    assert(*node || !list.size);
    assert(user_wire_is_message(message) && user_wire_read(message, &read) == 0);
    return message.size % 5 != 0;
}

static bool on_admit(void *arg, struct hm_text node, hm_term list) {
    struct fuzz *fuzz = arg;
    assert(list.size > 0);
    if (fuzz->count == NODES || node.size == 0 || node.size >= HM_ATOM_BYTES || memchr(node.at, 0, node.size))
        return false;
    memcpy(fuzz->nodes[fuzz->count], node.at, node.size);
    fuzz->nodes[fuzz->count++][node.size] = '\0';
    return true;
}

static void on_changed(void *arg, const char *node) {
    (void)arg;
    assert(*node);
}

static void on_left_out(void *arg, const char *node, const struct users_left_out *out) {
    (void)arg;
    assert(*node && (out->strange || out->over));
}

static const struct user_replica_events events = {on_send, on_admit, on_changed, on_left_out};

static void check_users(const struct users *users) {
    hm_build *list = hm_build_new(), *again = hm_build_new();
    struct users_left_out out;
    assert(users->count <= limits.users && users->bytes <= limits.bytes);
    users_put(users, list);
    assert(hm_build_error(list) == 0 && hm_list_length(hm_build_term(list)) == (long)users->count);
    assert(users_read(hm_build_term(list), &limits, again, &out) == 0 && out.strange == 0 && out.over == 0);
    hm_build_free(list);
    hm_build_free(again);
}

static void check(const struct fuzz *fuzz) {
    uint64_t version;
    for (unsigned i = 0; i < fuzz->count; i++) {
        const struct users *users = user_replica_find(fuzz->replica, fuzz->nodes[i], &version);
        if (!users)
            continue;
        assert(version <= 2 * USER_VERSION_MAX);
        check_users(users);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned char own[] = {119, 3, 'o', 'w', 'n'}, user[] = {116, 0, 0, 0, 1, 119, 2, 'i', 'd', 97, 1};
    static const struct hm_check_limits check_limits = {.depth = 64};
    const uint8_t *end = data + size;
    struct fuzz fuzz = {0};
    hm_term term, message;
    fuzz.replica = user_replica_new("own@host", (hm_term){own, sizeof own}, &limits, &events, &fuzz);
    assert(fuzz.replica);
    for (int i = 0; i < 32 && data < end && hm_term_check(data, (size_t)(end - data), false, &check_limits, &term) == 0; i++) {
        data = term.bytes + term.size;
        if (!hm_match(term, "{'$gen_cast', ~t}", &message))
            message = term;
        int error = user_replica_hear(fuzz.replica, message);
        assert(error == 0 || error == HM_EBADTERM);
        check(&fuzz);
        /* Between messages, what happens here. */
        switch (data < end ? *data % 4 : 0) {
        case 0:
            user_replica_tick(fuzz.replica);
            break;
        case 1:
            assert(user_replica_add(fuzz.replica, (hm_term){user, sizeof user}) == 0);
            break;
        case 2:
            (void)user_replica_flush(fuzz.replica);
            break;
        default:
            if (fuzz.count)
                user_replica_greet(fuzz.replica, fuzz.nodes[0]);
        }
    }
    for (unsigned i = 0; i < fuzz.count; i++) {
        user_replica_tick(fuzz.replica);
        user_replica_down(fuzz.replica, fuzz.nodes[i], (hm_term){0});
        assert(!user_replica_find(fuzz.replica, fuzz.nodes[i], NULL));
    }
    assert(user_replica_users(fuzz.replica)->count <= 1);
    user_replica_free(fuzz.replica);
    return 0;
}
