#include "discovery/json_value.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "base/lazy.h"

#define FUNCTIONS(entry)                    \
    entry(load, json_loadb)                 \
    entry(free, json_delete)                \
    entry(member, json_object_get)          \
    entry(element, json_array_get)          \
    entry(count, json_array_size)           \
    entry(text, json_string_value)          \
    entry(text_size, json_string_length)

static struct library {
    FUNCTIONS(LAZY_FIELD)
    bool loaded;
} library;

static void load(void) {
    void *handle = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    bool all = handle != NULL;
    FUNCTIONS(LAZY_LOOK_UP)
    library.loaded = all;
}

bool json_value_load(char *why, size_t capacity) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!library.loaded)
        snprintf(why, capacity, "libjansson.so.4 cannot be loaded (on Debian it is in the package libjansson4)");
    return library.loaded;
}

/* jansson's values; the name is ours so that nobody else needs its header. */
static const json_t *inner(const struct json_value *value) {
    return (const json_t *)value;
}

static const struct json_value *outer(const json_t *value) {
    return (const struct json_value *)value;
}

/* Not fewer than there are: what stands in texts is counted, too. */
static bool has_too_many(struct bytes text, size_t most) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.at[i] == ',' || text.at[i] == ':' || text.at[i] == '[' || text.at[i] == '{';
    return count > most;
}

int json_value_read(struct bytes text, size_t most, struct json_value **root, char *why, size_t capacity) {
    json_error_t error = {.text = ""};
    if (!json_value_load(why, capacity))
        return HM_ESYSTEM;
    if (has_too_many(text, most)) {
        snprintf(why, capacity, "more than %zu values", most);
        return HM_ELIMIT;
    }
    json_t *value = library.load((const char *)text.at, text.size, 0, &error);
    *root = (struct json_value *)value;
    if (value)
        return HM_OK;
    if (json_error_code(&error) == json_error_out_of_memory || !*error.text) {
        snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
        return HM_ENOMEM;
    }
    snprintf(why, capacity, "no JSON: %s", log_escape(bytes_of(error.text, strlen(error.text))).text);
    return HM_ESYNTAX;
}

/* Nobody else holds it, so its only reference is ours (json_decref is not called: its end is a function of the library). */
void json_value_free(struct json_value *root) {
    if (root)
        library.free((json_t *)root);
}

const struct json_value *json_value_member(const struct json_value *value, const char *name) {
    return value ? outer(library.member(inner(value), name)) : NULL;
}

const struct json_value *json_value_element(const struct json_value *value, size_t place) {
    return value ? outer(library.element(inner(value), place)) : NULL;
}

size_t json_value_count(const struct json_value *value) {
    return value ? library.count(inner(value)) : 0;
}

bool json_value_is_object(const struct json_value *value) {
    return json_is_object(inner(value));
}

bool json_value_is_list(const struct json_value *value) {
    return json_is_array(inner(value));
}

bool json_value_is_none(const struct json_value *value) {
    return !value || json_is_null(inner(value));
}

bool json_value_is_false(const struct json_value *value) {
    return json_is_false(inner(value));
}

bool json_value_text(const struct json_value *value, struct bytes *text) {
    if (!json_is_string(inner(value)))
        return false;
    *text = bytes_of(library.text(inner(value)), library.text_size(inner(value)));
    return true;
}
