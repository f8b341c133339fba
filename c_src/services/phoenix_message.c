#include "services/phoenix_message.h"

enum {
    BROADCAST_NAME_MAX = 255, /* bytes of topic and event before binary data */
    NESTING_MAX = 256,
};

static const char CHANNELS[] = "Elixir.Phoenix.Channel.Server";

/* ---- JSON, as Phoenix's libraries for it make it of terms ---- */

static bool is_json(hm_term term, unsigned left);

static bool is_json_text(hm_term term) {
    const void *bytes;
    size_t size;
    return hm_get_binary(term, &bytes, &size) && hm_is_utf8(bytes, size);
}

static bool is_json_list(hm_term term, unsigned left) {
    struct hm_list list;
    hm_term element;
    if (!hm_list_begin(term, &list))
        return false;
    while (hm_list_next(&list, &element))
        if (!is_json(element, left))
            return false;
    return hm_list_end(&list, NULL);
}

static bool is_json_key(hm_term key) {
    switch (hm_term_type(key)) {
    case HM_TYPE_ATOM:
        return !hm_is_atom(key, "__struct__");
    case HM_TYPE_INTEGER:
    case HM_TYPE_FLOAT:
        return true;
    default:
        return is_json_text(key);
    }
}

static bool is_json_map(hm_term term, unsigned left) {
    struct hm_map map;
    hm_term key, value;
    if (!hm_map_begin(term, &map))
        return false;
    while (hm_map_next(&map, &key, &value))
        if (!is_json_key(key) || !is_json(value, left))
            return false;
    return true;
}

static bool is_json(hm_term term, unsigned left) {
    switch (hm_term_type(term)) {
    case HM_TYPE_ATOM:
    case HM_TYPE_INTEGER:
    case HM_TYPE_FLOAT:
    case HM_TYPE_NIL:
        return true;
    case HM_TYPE_BINARY:
        return is_json_text(term);
    case HM_TYPE_LIST:
        return left > 0 && is_json_list(term, left - 1);
    case HM_TYPE_MAP:
        return left > 0 && is_json_map(term, left - 1);
    default:
        return false;
    }
}

/* ---- what a broadcast is ---- */

static bool get_binary_of(hm_term map, const char *key, hm_term *value) {
    return hm_map_get_atom(map, key, value) && hm_term_type(*value) == HM_TYPE_BINARY;
}

static bool is_short(hm_term name) {
    const void *bytes;
    size_t size;
    return hm_get_binary(name, &bytes, &size) && size <= BROADCAST_NAME_MAX;
}

/* Other messages are passed on as they are, but nobody sends them with this dispatcher. */
static const char *broadcast_refusal(hm_term message) {
    hm_term name, topic, event, payload;
    if (!hm_map_get_atom(message, "__struct__", &name) || !hm_is_atom(name, "Elixir.Phoenix.Socket.Broadcast") ||
        !get_binary_of(message, "topic", &topic) || !get_binary_of(message, "event", &event) ||
        !hm_map_get_atom(message, "payload", &payload))
        return "not_a_broadcast";
    if (hm_match(payload, "{binary, ~b}", &(struct hm_text){0}))
        return is_short(topic) && is_short(event) ? NULL : "name_too_long";
    if (hm_term_type(payload) != HM_TYPE_MAP)
        return "not_a_broadcast";
    return is_json_text(topic) && is_json_text(event) && is_json(payload, NESTING_MAX) ? NULL : "not_json";
}

const char *phoenix_message_refusal(hm_term topic, hm_term message, hm_term dispatcher) {
    if (hm_term_type(topic) != HM_TYPE_BINARY)
        return "topic_not_a_binary";
    if (!dispatcher.size || hm_is_atom(dispatcher, PHOENIX_USUAL_DISPATCHER))
        return NULL;
    return hm_is_atom(dispatcher, CHANNELS) ? broadcast_refusal(message) : "unknown_dispatcher";
}
