#include "services/user_wire.h"

static bool are_changes(hm_term items, uint64_t count) {
    struct hm_list left;
    hm_term what;
    bool added;
    uint64_t seen = 0;
    long length = hm_list_length(items);
    if (length < 0 || (uint64_t)length != count || !hm_list_begin(items, &left))
        return false;
    while (user_wire_next_change(&left, &added, &what))
        seen++;
    return seen == count && hm_list_end(&left, NULL);
}

static bool are_versions(hm_term items, bool with_all) {
    struct hm_list left;
    hm_term list;
    uint64_t version, seen = 0;
    long length = hm_list_length(items);
    bool all;
    if (length < 0 || !hm_list_begin(items, &left))
        return false;
    while (user_wire_next_version(&left, &list, &version, &all)) {
        if (all && !with_all)
            return false;
        seen++;
    }
    return seen == (uint64_t)length && hm_list_end(&left, NULL);
}

static bool is_list(hm_term term) {
    struct hm_list left;
    if (!hm_list_begin(term, &left))
        return false;
    for (hm_term item; hm_list_next(&left, &item);)
        continue;
    return hm_list_end(&left, NULL);
}

bool user_wire_is_hello(hm_term term) {
    return hm_match(term, "{hello, _, _, _, _, _}");
}

bool user_wire_is_message(hm_term term) {
    return hm_match(term, "{delta, _, _, _, _}") || hm_match(term, "{vector, _, _}") || hm_match(term, "{want, _, _}") ||
           hm_match(term, "{full, _, _, _}") || user_wire_is_hello(term);
}

int user_wire_read(hm_term term, struct user_message *message) {
    struct hm_text answer;
    *message = (struct user_message){0};
    if (hm_match(term, "{hello, 1, ~a, ~t, ~u, ~a}", &message->node, &message->list, &message->version, &answer)) {
        hm_term elements[6];
        message->kind = USER_HELLO;
        hm_tuple_elements(term, 6, elements);
        if (!hm_get_bool(elements[5], &message->answer))
            return HM_EBADTERM;
    } else if (hm_match(term, "{delta, ~t, ~u, ~u, ~t}", &message->list, &message->from, &message->version, &message->items)) {
        message->kind = USER_DELTA;
        if (message->from >= message->version || !are_changes(message->items, message->version - message->from))
            return HM_EBADTERM;
    } else if (hm_match(term, "{full, ~t, ~u, ~t}", &message->list, &message->version, &message->items)) {
        message->kind = USER_FULL;
        if (!is_list(message->items))
            return HM_EBADTERM;
    } else if (hm_match(term, "{vector, ~t, ~t}", &message->list, &message->items)) {
        message->kind = USER_VECTOR;
        if (!are_versions(message->items, false))
            return HM_EBADTERM;
    } else if (hm_match(term, "{want, ~t, ~t}", &message->list, &message->items)) {
        message->kind = USER_WANT;
        if (!are_versions(message->items, true))
            return HM_EBADTERM;
    } else {
        return HM_EBADTERM;
    }
    return message->version > USER_VERSION_MAX ? HM_EBADTERM : HM_OK;
}

bool user_wire_next_change(struct hm_list *items, bool *added, hm_term *what) {
    hm_term change, parts[2];
    if (!hm_list_next(items, &change) || !hm_tuple_elements(change, 2, parts))
        return false;
    *what = parts[1];
    *added = hm_is_atom(parts[0], "add");
    return *added || hm_is_atom(parts[0], "remove");
}

bool user_wire_next_version(struct hm_list *items, hm_term *list, uint64_t *version, bool *all) {
    hm_term item, parts[2];
    if (!hm_list_next(items, &item) || !hm_tuple_elements(item, 2, parts))
        return false;
    *list = parts[0];
    *all = hm_is_atom(parts[1], "all");
    if (*all)
        *version = 0;
    return *all || (hm_get_uint64(parts[1], version) && *version <= USER_VERSION_MAX);
}

void user_wire_put_hello(hm_build *build, const char *node, hm_term list, uint64_t version, bool answer) {
    hm_put_format(build, "{hello, ~u, ~a, ~t, ~u, ~a}", (uint64_t)USER_WIRE_FORM, node, list, version, answer ? "true" : "false");
}

void user_wire_put_delta(hm_build *build, hm_term list, uint64_t from, uint64_t to) {
    hm_put_tuple(build, 5);
    hm_put_atom(build, "delta");
    hm_put_term(build, list);
    hm_put_uint64(build, from);
    hm_put_uint64(build, to);
}

void user_wire_put_full(hm_build *build, hm_term list, uint64_t version) {
    hm_put_tuple(build, 4);
    hm_put_atom(build, "full");
    hm_put_term(build, list);
    hm_put_uint64(build, version);
}

void user_wire_put_vector(hm_build *build, hm_term who) {
    hm_put_tuple(build, 3);
    hm_put_atom(build, "vector");
    hm_put_term(build, who);
}

void user_wire_put_want(hm_build *build, hm_term who, hm_term list, uint64_t version, bool all) {
    if (all)
        hm_put_format(build, "{want, ~t, [{~t, all}]}", who, list);
    else
        hm_put_format(build, "{want, ~t, [{~t, ~u}]}", who, list, version);
}

void user_wire_put_version(hm_build *build, hm_term list, uint64_t version) {
    hm_put_format(build, "{~t, ~u}", list, version);
}
