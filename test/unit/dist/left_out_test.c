#include "dist_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "dist/left_out.h"

#define PID "\x58\x77\x03" "a@b" "\0\0\0\1\0\0\0\0\0\0\0\7"
#define REF "\x5a\0\1\x77\x03" "a@b" "\0\0\0\7\0\0\0\1"
#define MARK "\x77\x0c$hm_left_out"

static struct bytes deep(const char *head, size_t size, uint8_t *room) {
    memcpy(room, head, size);
    for (unsigned i = 0; i < 2000; i++)
        memcpy(room + size + i * 5, "\x6c\0\0\0\1", 5);
    memset(room + size + 10000, 0x6a, 2001);
    return bytes_of(room, size + 12001);
}

struct example {
    enum control_kind kind;
    const char *head, *becomes;
    size_t head_size, size; /* size 0: it is left out */
};
#define BECOMES(kind, head, bytes) {kind, head, bytes, sizeof(head) - 1, sizeof(bytes) - 1}
#define GONE(kind, head) {kind, head, "", sizeof(head) - 1, 0}

static const struct example examples[] = {
    BECOMES(CONTROL_EXIT, "", "\x77\x0csystem_limit"),
    BECOMES(CONTROL_EXIT2, "\x68\2\x77\1x", "\x77\x0csystem_limit"),
    BECOMES(CONTROL_DOWN, "", "\x77\x0csystem_limit"),
    BECOMES(CONTROL_SPAWN_REQUEST, "", MARK),
    BECOMES(CONTROL_SEND, "\x68\3\x77\x09$gen_call\x68\2" PID REF, "\x68\3\x77\x09$gen_call\x68\2" PID REF MARK),
    BECOMES(CONTROL_SEND_NAME, "\x68\3\x77\x09$gen_call\x68\2" PID "\x6c\0\0\0\1\x77\5alias" REF,
            "\x68\3\x77\x09$gen_call\x68\2" PID "\x6c\0\0\0\1\x77\5alias" REF MARK),
    BECOMES(CONTROL_SEND_ALIAS, "\x68\2" REF, "\x68\2" REF MARK),
    BECOMES(CONTROL_SEND_ALIAS, "\x68\2\x6c\0\0\0\1\x77\5alias" REF, "\x68\2\x6c\0\0\0\1\x77\5alias" REF MARK),
    BECOMES(CONTROL_SEND, "\x68\4\x77\x0aio_request" PID REF, "\x68\4\x77\x0aio_request" PID REF MARK),
    BECOMES(CONTROL_SEND, "\x68\3\x77\x08io_reply" REF, "\x68\3\x77\x08io_reply" REF MARK),
    GONE(CONTROL_SEND, ""),
    GONE(CONTROL_SEND, "\x68\2\x77\x09$gen_cast"),
    GONE(CONTROL_SEND, "\x68\3\x77\x09$gen_call"), /* who asks is too deep, too */
    GONE(CONTROL_SEND, "\x68\4\x77\x09$gen_call\x68\2" PID REF),
    GONE(CONTROL_SEND, "\x68\4\x77\x0aio_request" PID),
    BECOMES(CONTROL_SEND, "\x68\3\x77\x06system\x68\2" PID REF, "\x68\3\x77\x06system\x68\2" PID REF MARK),
    GONE(CONTROL_SEND, "\x68\2"),
};

static void keeps_who_waits_for_an_answer(void **state) {
    uint8_t room[13000];
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *example = &examples[i];
        struct left_out made;
        struct control control = {.kind = example->kind};
        bool replaced = left_out_replace(&control, deep(example->head, example->head_size, room), &made);
        assert_int_equal(replaced, example->size > 0);
        if (replaced) {
            assert_int_equal(made.term.size, example->size);
            assert_memory_equal(made.term.bytes, example->becomes, example->size);
        }
    }
}

/* It may be anything: cut anywhere, or with a tag that has no room. */
static void takes_anything(void **state) {
    static const char call[] = "\x68\3\x77\x09$gen_call\x68\2" PID REF;
    uint8_t room[13000];
    struct left_out made;
    struct control control = {.kind = CONTROL_SEND};
    (void)state;
    for (size_t size = 0; size < sizeof call - 1; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        memcpy(cut, call, size);
        assert_false(left_out_replace(&control, bytes_of(cut, size), &made));
        free(cut);
    }
    memcpy(room, "\x68\3\x77\x09$gen_call\x6d\0\0\x10\0", 18);
    memset(room + 18, 'x', sizeof room - 18);
    assert_false(left_out_replace(&control, bytes_of(room, sizeof room), &made));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_who_waits_for_an_answer),
        cmocka_unit_test(takes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
