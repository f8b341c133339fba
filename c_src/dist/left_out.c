#include "dist/left_out.h"

#include <string.h>

#include "etf/check.h"
#include "etf/tags.h"

enum { ATOM_HEAD = 2 };

static void put_atom(struct left_out *made, size_t at, const char *text) {
    size_t size = strlen(text);
    made->room[at] = ETF_SMALL_ATOM_UTF8;
    made->room[at + 1] = (uint8_t)size;
    memcpy(made->room + at + ATOM_HEAD, text, size);
    made->term = (hm_term){made->room, at + ATOM_HEAD + size};
}

/* The element at *at that is a term within the limits; *at goes behind it. */
static bool next_element(struct bytes payload, size_t *at, hm_term *element) {
    size_t size;
    if (check_term(bytes_of(payload.at + *at, payload.size - *at), NULL, &size))
        return false;
    *element = (hm_term){payload.at + *at, size};
    *at += size;
    return true;
}

/* {'$gen_call', From, _}, {system, From, _}, {io_request, From, As, _}, {io_reply, As, _}; {Ref, _} and {[alias | Ref], _}, which are answers. */
static bool keeps_head(struct bytes payload, size_t *head) {
    hm_term first, next;
    size_t at = 2;
    if (payload.size < 2 || payload.at[0] != ETF_SMALL_TUPLE || !next_element(payload, &at, &first))
        return false;
    enum hm_type type = hm_term_type(first);
    unsigned arity = payload.at[1];
    bool waits = arity == 2 && (type == HM_TYPE_REFERENCE || type == HM_TYPE_LIST);
    if (arity == 3 && (hm_is_atom(first, "$gen_call") || hm_is_atom(first, "system") || hm_is_atom(first, "io_reply")))
        waits = next_element(payload, &at, &next);
    else if (arity == 4 && hm_is_atom(first, "io_request"))
        waits = next_element(payload, &at, &next) && next_element(payload, &at, &next);
    *head = at;
    return waits;
}

bool left_out_replace(const struct control *control, struct bytes payload, struct left_out *made) {
    size_t head;
    switch (control->kind) {
    case CONTROL_EXIT:
    case CONTROL_EXIT2:
    case CONTROL_DOWN:
        put_atom(made, 0, "system_limit");
        return true;
    case CONTROL_SPAWN_REQUEST:
        put_atom(made, 0, LEFT_OUT);
        return true;
    default:
        break;
    }
    if (!keeps_head(payload, &head) || head > sizeof made->room - ATOM_HEAD - strlen(LEFT_OUT))
        return false;
    memcpy(made->room, payload.at, head);
    put_atom(made, head, LEFT_OUT);
    return true;
}
