#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/chat_room.h"

/* A room looks at the address of a node name only. */
static const hm_node_name *node(unsigned number) {
    static char names[256];
    return (const hm_node_name *)(names + number);
}

static struct chat_user *add(struct chat_room *room, const char *nick, unsigned at) {
    struct chat_user *user = chat_room_add(room, nick, strlen(nick), NICK_BINARY, node(at));
    assert_non_null(user);
    return user;
}

static struct chat_user *find(const struct chat_room *room, const char *nick) {
    return chat_room_find(room, nick, strlen(nick));
}

static void users_are_found_by_text(void **state) {
    (void)state;
    struct chat_room room;
    assert_int_equal(chat_room_init(&room, 1), 0);
    struct chat_user *ann = add(&room, "ann", 1);
    add(&room, "bob", 2);
    assert_ptr_equal(find(&room, "ann"), ann);
    assert_null(find(&room, "an"));
    assert_null(find(&room, "anna"));
    chat_room_remove(&room, ann);
    assert_null(find(&room, "ann"));
    assert_non_null(find(&room, "bob"));
    add(&room, "ann", 2);
    assert_non_null(find(&room, "ann"));
    chat_room_fini(&room);
}

static void thousands_of_users_on_many_nodes(void **state) {
    (void)state;
    enum { USERS = 5000, NODES = 100 };
    struct chat_room room;
    assert_int_equal(chat_room_init(&room, 2), 0);
    char nick[16];
    for (unsigned i = 0; i < USERS; i++) {
        snprintf(nick, sizeof nick, "user%u", i);
        add(&room, nick, i % NODES);
    }
    assert_int_equal(room.user_count, USERS);
    assert_int_equal(chat_room_place(&room, node(7))->user_count, USERS / NODES);
    for (unsigned i = 0; i < USERS; i++) {
        snprintf(nick, sizeof nick, "user%u", i);
        assert_non_null(find(&room, nick));
    }
    struct chat_place *place;
    while ((place = chat_room_place(&room, node(7))))
        chat_room_remove(&room, TAILQ_FIRST(&place->users));
    assert_int_equal(room.user_count, USERS - USERS / NODES);
    assert_null(find(&room, "user7"));
    assert_non_null(find(&room, "user8"));
    chat_room_fini(&room);
}

static void the_list_is_in_the_order_of_arrival(void **state) {
    (void)state;
    struct chat_room room;
    size_t size;
    assert_int_equal(chat_room_init(&room, 3), 0);
    char *list = chat_room_list(&room, ":", &size);
    assert_string_equal(list, "");
    free(list);
    add(&room, "john", 1);
    add(&room, "mary", 2);
    add(&room, "ann", 1);
    list = chat_room_list(&room, ", ", &size);
    assert_string_equal(list, "john, mary, ann");
    assert_int_equal(size, strlen(list));
    free(list);
    chat_room_fini(&room);
}

static void what_waits_is_kept_in_order_and_bounded(void **state) {
    (void)state;
    struct chat_room room;
    assert_int_equal(chat_room_init(&room, 4), 0);
    struct chat_place *place = add(&room, "ann", 1)->place;
    unsigned char bytes[1 << 16] = {106};
    hm_term large = {bytes, sizeof bytes}, nil = {bytes, 1};
    assert_int_equal(chat_place_wait(place, nil, 3), 0);
    int error, count = 0;
    while ((error = chat_place_wait(place, large, 1)) == 0)
        count++;
    assert_int_equal(error, HM_ELIMIT);
    assert_in_range(count, 16, 1024);
    assert_int_equal(STAILQ_FIRST(&place->waiting)->copies, 3);
    assert_int_equal(STAILQ_FIRST(&place->waiting)->message.size, 1);
    chat_place_done(place);
    assert_int_equal(STAILQ_FIRST(&place->waiting)->message.size, sizeof bytes);
    chat_place_done(place);
    assert_int_equal(chat_place_wait(place, large, 1), 0);
    chat_room_fini(&room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_found_by_text),
        cmocka_unit_test(thousands_of_users_on_many_nodes),
        cmocka_unit_test(the_list_is_in_the_order_of_arrival),
        cmocka_unit_test(what_waits_is_kept_in_order_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
