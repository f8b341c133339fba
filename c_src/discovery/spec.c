/* KIND[:operand,key=value,...]: one text for the command line, the environment and the configuration file. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/discovery.h"

static int complain(char *why, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int complain(char *why, size_t capacity, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, capacity, format, arguments);
    va_end(arguments);
    return HM_EINVAL;
}

static void append(char *text, size_t capacity, const char *separator, const char *word) {
    size_t used = strlen(text);
    snprintf(text + used, capacity - used, "%s%s", used ? separator : "", word);
}

static int complain_kind(const char *kind, char *why, size_t capacity) {
    char all[256] = "";
    for (size_t i = 0; discovery_strategies[i]; i++)
        append(all, sizeof all, ", ", discovery_strategies[i]->kind);
    return complain(why, capacity, "there is no way to find nodes called \"%.64s\" (there are: %s)", kind, all);
}

static int complain_key(const struct discovery_strategy *strategy, const char *word, char *why, size_t capacity) {
    char all[512] = "";
    for (const struct discovery_key *key = strategy->keys; key && key->name; key++)
        append(all, sizeof all, ", ", key->name);
    if (!*all)
        return complain(why, capacity, "%s takes no \"%.64s\"", strategy->kind, word);
    return complain(why, capacity, "%s takes no \"%.64s\" (it takes: %s)", strategy->kind, word, all);
}

static const struct discovery_key *find_key(const struct discovery_strategy *strategy, const char *name, size_t size) {
    for (const struct discovery_key *key = strategy->keys; key && key->name; key++)
        if (strlen(key->name) == size && memcmp(key->name, name, size) == 0)
            return key;
    return NULL;
}

/* Digits, and for seconds a fraction of up to three; in milliseconds then. */
static bool read_number(const char *text, bool is_seconds, uint64_t *number) {
    uint64_t value = 0, places = 0;
    bool has_dot = false;
    if (!isdigit((unsigned char)*text))
        return false;
    for (; *text; text++) {
        if (*text == '.' && is_seconds && !has_dot) {
            has_dot = true;
            continue;
        }
        if (!isdigit((unsigned char)*text) || value > UINT32_MAX || (has_dot && ++places > 3))
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    for (; is_seconds && places < 3; places++)
        value *= 10;
    *number = value;
    return true;
}

static int check_value(const struct discovery_strategy *strategy, const struct discovery_key *key, const char *value,
                       char *why, size_t capacity) {
    uint64_t number;
    bool is_seconds = key->kind == KEY_SECONDS;
    double unit = is_seconds ? 1000 : 1;
    switch (key->kind) {
    case KEY_TEXT:
        if (!*value)
            return complain(why, capacity, "%s: %s needs a value that is not empty", strategy->kind, key->name);
        return HM_OK;
    case KEY_FLAG:
        if (strcmp(value, "true") && strcmp(value, "false"))
            return complain(why, capacity, "%s: %s is true or false, not \"%.64s\"", strategy->kind, key->name, value);
        return HM_OK;
    default:
        if (!read_number(value, is_seconds, &number) || number < key->min || number > key->max)
            return complain(why, capacity, "%s: %s is a number%s from %.10g to %.10g, not \"%.64s\"", strategy->kind,
                            key->name, is_seconds ? " of seconds" : "", (double)key->min / unit,
                            (double)key->max / unit, value);
        return HM_OK;
    }
}

static int read_word(struct discovery_spec *spec, char *word, char *why, size_t capacity) {
    const struct discovery_strategy *strategy = spec->strategy;
    const struct discovery_key *key = NULL;
    char *equals = strchr(word, '=');
    const char *value = word;
    if (spec->count == DISCOVERY_VALUES)
        return complain(why, capacity, "%s: more than %d options", strategy->kind, DISCOVERY_VALUES);
    if (equals) {
        key = find_key(strategy, word, (size_t)(equals - word));
        *equals = '\0';
        value = equals + 1;
    } else if ((key = find_key(strategy, word, strlen(word)))) {
        if (key->kind != KEY_FLAG)
            return complain(why, capacity, "%s: %s needs a value, as in %s=...", strategy->kind, word, word);
        value = "true";
    }
    if (!*word || (!key && (equals || !strategy->operands)))
        return *word ? complain_key(strategy, word, why, capacity)
                     : complain(why, capacity, "%s: there is nothing between two commas, or at the end", strategy->kind);
    int error = key ? check_value(strategy, key, value, why, capacity) : HM_OK;
    if (error)
        return error;
    spec->values[spec->count].key = key;
    spec->values[spec->count++].value = value;
    return HM_OK;
}

static int check_operands(const struct discovery_spec *spec, char *why, size_t capacity) {
    size_t count = 0;
    for (size_t i = 0; i < spec->count; i++)
        count += !spec->values[i].key;
    if (count < spec->strategy->least)
        return complain(why, capacity, "%s needs something behind it: %s:%s", spec->strategy->kind, spec->strategy->kind,
                        spec->strategy->operands);
    return HM_OK;
}

/* The end of a word, where the next begins; NULL: it was the last. A comma behind a backslash belongs to the word, without it. */
static char *end_word(char *word) {
    char *out = word;
    for (char *in = word; *in; in++) {
        if (*in == ',') {
            *out = '\0';
            return in + 1;
        }
        in += *in == '\\' && in[1] == ',';
        *out++ = *in;
    }
    *out = '\0';
    return NULL;
}

int discovery_parse(const char *text, struct discovery_spec *spec, char *why, size_t capacity) {
    *spec = (struct discovery_spec){.text = strdup(text)};
    if (!spec->text) {
        snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
        return HM_ENOMEM;
    }
    char *colon = strchr(spec->text, ':'), *word = colon ? colon + 1 : NULL;
    if (colon)
        *colon = '\0';
    for (size_t i = 0; discovery_strategies[i]; i++)
        if (strcmp(discovery_strategies[i]->kind, spec->text) == 0)
            spec->strategy = discovery_strategies[i];
    int error = spec->strategy ? HM_OK : complain_kind(spec->text, why, capacity);
    while (!error && word) {
        char *next = end_word(word);
        error = read_word(spec, word, why, capacity);
        word = next;
    }
    if (!error)
        error = check_operands(spec, why, capacity);
    if (error)
        discovery_spec_free(spec);
    return error;
}

void discovery_spec_free(struct discovery_spec *spec) {
    free(spec->text);
    spec->text = NULL;
    spec->count = 0;
}

static const struct discovery_key *key_named(const struct discovery_spec *spec, const char *name) {
    return name ? find_key(spec->strategy, name, strlen(name)) : NULL;
}

const char *discovery_value(const struct discovery_spec *spec, const char *name, size_t *place) {
    const struct discovery_key *key = key_named(spec, name);
    bool is_first = *place == 0;
    while (*place < spec->count) {
        size_t i = (*place)++;
        if (spec->values[i].key == key)
            return spec->values[i].value;
    }
    if (!key || !is_first)
        return NULL;
    *place = spec->count + 1;
    return key->fallback;
}

const char *discovery_text(const struct discovery_spec *spec, const char *name) {
    const struct discovery_key *key = key_named(spec, name);
    const char *value = key ? key->fallback : NULL;
    for (size_t i = 0; i < spec->count; i++)
        if (key && spec->values[i].key == key)
            value = spec->values[i].value;
    return value;
}

uint64_t discovery_number(const struct discovery_spec *spec, const char *name) {
    const struct discovery_key *key = key_named(spec, name);
    const char *text = discovery_text(spec, name);
    uint64_t number = 0;
    return text && read_number(text, key->kind == KEY_SECONDS, &number) ? number : 0;
}

bool discovery_flag(const struct discovery_spec *spec, const char *name) {
    const char *text = discovery_text(spec, name);
    return text && strcmp(text, "true") == 0;
}
