/* layer: dist
 * A control tuple: whatever is well-formed is decoded or refused; what was decoded is encoded again, and
 * decoded to the same. */
#include <assert.h>
#include <string.h>

#include "dist/control.h"
#include "dist/flags.h"
#include "dist/left_out.h"
#include "etf/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_again(const struct control *control, hm_term payload, uint64_t flags, struct names *names) {
    static const unsigned char nil[] = {106};
    struct control again;
    struct writer out;
    bool inside;
    size_t size;
    hm_term reason = {NULL, 0};
    if (payload.size == 0)
        payload = (hm_term){nil, 1};
    writer_init(&out, 1 << 20);
    if (control_encode(control, flags, payload, &out, &inside) == 0) {
        assert(check_term(bytes_of(out.at, out.size), NULL, &size) == 0 && size == out.size);
        assert(control_decode((hm_term){out.at, out.size}, names, &again, &reason) == 0);
        assert(again.kind == control->kind && again.id == control->id);
        assert(hm_pid_equal(again.to, control->to));
        assert(bytes_equal(again.name, control->name));
        assert(inside == (reason.size > 0));
    }
    writer_fini(&out);
}

/* The short way says the same as the table, or nothing. */
static void compare_hot(const uint8_t *data, size_t size) {
    struct names *names = names_new(16);
    struct control hot, cold;
    hm_term payload = {NULL, 0};
    size_t term_size, hot_size = control_hot_decode(bytes_of(data, size), names, &hot);
    if (hot_size > 0) {
        assert(check_term(bytes_of(data, size), NULL, &term_size) == 0 && term_size == hot_size);
        assert(control_decode((hm_term){data, term_size}, names, &cold, &payload) == 0 && payload.size == 0);
        assert(hot.kind == cold.kind && hot.op == cold.op && hot.id == cold.id);
        assert(hm_pid_equal(hot.from, cold.from) && hm_pid_equal(hot.to, cold.to));
        assert(hm_ref_equal(&hot.ref, &cold.ref) && bytes_equal(hot.name, cold.name));
        assert(control_has_payload(&hot) == control_has_payload(&cold));
    }
    names_free(names);
}

/* Whatever the payload is, what stands for it is a term. */
static void replace(const uint8_t *data, size_t size) {
    for (unsigned kind = CONTROL_SEND; kind <= CONTROL_GROUP_LEADER; kind++) {
        struct control control = {.kind = kind};
        struct left_out made;
        size_t term_size;
        if (left_out_replace(&control, bytes_of(data, size), &made))
            assert(check_term(bytes_of(made.term.bytes, made.term.size), NULL, &term_size) == 0 && term_size == made.term.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct control control;
    hm_term payload = {NULL, 0};
    size_t term_size;
    compare_hot(data, size);
    replace(data, size);
    if (check_term(bytes_of(data, size), NULL, &term_size) != 0)
        return 0;
    struct names *names = names_new(16);
    if (control_decode((hm_term){data, term_size}, names, &control, &payload) == 0) {
        encode_again(&control, payload, FLAGS_OFFERED, names);
        encode_again(&control, payload, FLAG_UNLINK_ID | FLAG_DIST_MONITOR | FLAG_DIST_MONITOR_NAME, names);
    }
    names_free(names);
    return 0;
}
