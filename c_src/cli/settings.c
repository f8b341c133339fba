/* The values of the options: how each kind is read, and which of several sources goes before the others. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/complain.h"
#include "cli/log_setting.h"
#include "cli/options.h"
#include "cli/suggest.h"

static int complain_memory(char *why, size_t capacity) {
    return complain(HM_ENOMEM, why, capacity, "out of memory");
}

/* ---- values ---- */

static bool parse_bool(const char *value, bool *result) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(value, words[i]) == 0) {
            *result = i % 2;
            return true;
        }
    return false;
}

/* Digits only: strtoull takes signs and spaces, and wraps "-1" around. */
static bool parse_digits(const char *text, size_t size, uint64_t *number) {
    uint64_t value = 0;
    if (size == 0)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isdigit((unsigned char)text[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[i] - '0', &value))
            return false;
    *number = value;
    return true;
}

static bool parse_bytes(const char *value, uint64_t *bytes) {
    size_t digits = strspn(value, "0123456789");
    const char *unit = value + digits;
    int shift = 0;
    if (*unit) {
        const char *const units = "KMG";
        const char *found = strchr(units, toupper((unsigned char)*unit));
        if (!found || (unit[1] && strcmp(unit + 1, "iB") && strcmp(unit + 1, "B")))
            return false;
        shift = 10 * (int)(found - units + 1);
    }
    return parse_digits(value, digits, bytes) && !__builtin_mul_overflow(*bytes, (uint64_t)1 << shift, bytes);
}

static bool parse_seconds(const char *value, uint64_t *ms) {
    const char *dot = strchr(value, '.');
    size_t whole = dot ? (size_t)(dot - value) : strlen(value);
    if (!parse_digits(value, whole, ms) || __builtin_mul_overflow(*ms, 1000, ms))
        return false;
    if (!dot)
        return true;
    uint64_t fraction;
    size_t places = strlen(dot + 1);
    if (places > 3 || !parse_digits(dot + 1, places, &fraction))
        return false;
    for (; places < 3; places++)
        fraction *= 10;
    return !__builtin_add_overflow(*ms, fraction, ms);
}

static bool parse_port(const char *text, size_t size, uint16_t *port) {
    uint64_t number;
    if (!parse_digits(text, size, &number) || number < 1 || number > 65535)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_ports(const char *value, struct port_range *range) {
    const char *dash = strchr(value, '-');
    size_t size = dash ? (size_t)(dash - value) : strlen(value);
    struct port_range result;
    if (!parse_port(value, size, &result.first))
        return false;
    result.last = result.first;
    if (dash && (!parse_port(dash + 1, strlen(dash + 1), &result.last) || result.last < result.first))
        return false;
    *range = result;
    return true;
}

static int parse_choice(const struct option *option, const char *value, uint64_t *place, const char *label,
                        char *why, size_t capacity) {
    const char *words[8];
    size_t sizes[8], count = 0;
    for (const char *at = option->choices; at && count < 8; count++) {
        const char *bar = strchr(at, '|');
        words[count] = at;
        sizes[count] = bar ? (size_t)(bar - at) : strlen(at);
        if (strlen(value) == sizes[count] && memcmp(value, at, sizes[count]) == 0) {
            *place = count;
            return 0;
        }
        at = bar ? bar + 1 : NULL;
    }
    struct suggestion best = suggestion_for(value);
    for (size_t i = 0; i < count; i++)
        suggestion_try(&best, words[i], sizes[i]);
    char guess[64];
    return complain(HM_EINVAL, why, capacity, "%s must be one of %s, not \"%s\"%s", label, option->choices,
                    value, suggestion_text(&best, "", guess, sizeof guess));
}

/* A number the way the table's reader would write it: 1024 stays, 67108864 becomes 64M. */
static const char *show_number(const struct option *option, uint64_t number, char *buffer, size_t capacity) {
    if (option->kind == KIND_SECONDS && number % 1000)
        snprintf(buffer, capacity, "%g", (double)number / 1000);
    else if (option->kind == KIND_SECONDS)
        snprintf(buffer, capacity, "%llu", (unsigned long long)number / 1000);
    else if (option->kind == KIND_BYTES && number >= GIB && number % GIB == 0)
        snprintf(buffer, capacity, "%lluG", (unsigned long long)(number / GIB));
    else if (option->kind == KIND_BYTES && number >= MIB && number % MIB == 0)
        snprintf(buffer, capacity, "%lluM", (unsigned long long)(number / MIB));
    else if (option->kind == KIND_BYTES && number >= KIB && number % KIB == 0)
        snprintf(buffer, capacity, "%lluK", (unsigned long long)(number / KIB));
    else
        snprintf(buffer, capacity, "%llu", (unsigned long long)number);
    return buffer;
}

static int set_number(const struct option *option, const char *value, uint64_t *field, const char *label,
                      char *why, size_t capacity) {
    static const char *const what[] = {
        [KIND_NUMBER] = "a number",
        [KIND_SECONDS] = "a number of seconds",
        [KIND_BYTES] = "a number of bytes such as 65536, 64K or 8M",
    };
    uint64_t number;
    bool good = option->kind == KIND_BYTES     ? parse_bytes(value, &number)
                : option->kind == KIND_SECONDS ? parse_seconds(value, &number)
                                               : parse_digits(value, strlen(value), &number);
    if (good && number >= option->min && number <= option->max) {
        *field = number;
        return 0;
    }
    char low[32], high[32];
    return complain(HM_EINVAL, why, capacity, "%s must be %s from %s to %s, not \"%s\"", label,
                    what[option->kind], show_number(option, option->min, low, sizeof low),
                    show_number(option, option->max, high, sizeof high), value);
}

static void clear_list(struct text_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){0};
}

static bool append_text(struct text_list *list, const char *text) {
    char *copy = strdup(text);
    char **items = copy ? realloc(list->items, (list->count + 1) * sizeof *items) : NULL;
    if (!items) {
        free(copy);
        return false;
    }
    items[list->count++] = copy;
    list->items = items;
    return true;
}

/* "info,peer=debug": all of it or nothing. */
static int set_levels(struct log_option *field, const char *value, bool again, const char *label, char *why, size_t capacity) {
    struct log_option made = {field->level, {0}};
    int error = 0;
    for (const char *at = value; at && !error;) {
        struct log_setting setting;
        size_t size = strcspn(at, ",");
        char *part = strndup(at, size);
        error = part ? log_setting_read(&setting, at, size, false, label, why, capacity) : complain_memory(why, capacity);
        if (!error && !*setting.module)
            made.level = setting.level;
        else if (!error && !append_text(&made.modules, part))
            error = complain_memory(why, capacity);
        free(part);
        at = at[size] ? at + size + 1 : NULL;
    }
    for (size_t i = 0; again && !error && i < made.modules.count; i++)
        if (!append_text(&field->modules, made.modules.items[i]))
            error = complain_memory(why, capacity);
    if (error || again) {
        clear_list(&made.modules);
    } else {
        clear_list(&field->modules);
        field->modules = made.modules;
    }
    if (!error)
        field->level = made.level;
    return error;
}

static bool replace_text(char **field, const char *text) {
    char *copy = strdup(text);
    if (!copy)
        return false;
    free(*field);
    *field = copy;
    return true;
}

int option_set(struct settings *settings, const struct option *option, const char *value,
               enum option_source source, const char *label, char *why, size_t capacity) {
    unsigned char *known = &settings->source[option - option_table];
    void *field = (char *)settings + option->field;
    int error = 0;

    if (source < *known)
        return 0;
    switch (option->kind) {
    case KIND_FLAG:
    case KIND_BOOL:
        if (!parse_bool(value, field))
            return complain(HM_EINVAL, why, capacity, "%s must be true or false, not \"%s\"", label, value);
        break;
    case KIND_TEXT:
    case KIND_FILE:
        if (!*value)
            return complain(HM_EINVAL, why, capacity, "%s needs a value that is not empty", label);
        if (!replace_text(field, value))
            return complain_memory(why, capacity);
        break;
    case KIND_LIST:
        if (!*value)
            return complain(HM_EINVAL, why, capacity, "%s needs a value that is not empty", label);
        if (source > *known)
            clear_list(field);
        if (!append_text(field, value))
            return complain_memory(why, capacity);
        break;
    case KIND_LEVELS:
        error = set_levels(field, value, source == *known, label, why, capacity);
        break;
    case KIND_PORTS:
        if (!parse_ports(value, field))
            return complain(
                HM_EINVAL, why, capacity,
                "%s must be a port such as 9100 or a range such as 9100-9105 (1 to 65535), not \"%s\"", label,
                value);
        break;
    case KIND_CHOICE:
        error = parse_choice(option, value, field, label, why, capacity);
        break;
    case KIND_NUMBER:
    case KIND_SECONDS:
    case KIND_BYTES:
        error = set_number(option, value, field, label, why, capacity);
        break;
    }
    if (error)
        return error;
    if (option->secret && field == (void *)&settings->cookie && !replace_text(&settings->cookie_from, label))
        return complain_memory(why, capacity);
    *known = (unsigned char)source;
    return 0;
}

enum option_source option_source(const struct settings *settings, const char *name) {
    const struct option *option = option_find(name, strlen(name));
    return option ? settings->source[option - option_table] : SOURCE_DEFAULT;
}

/* ---- all of them ---- */

int settings_init(struct settings *settings) {
    *settings = (struct settings){0};
    for (size_t i = 0; i < option_count; i++) {
        char why[WHY_BYTES];
        const struct option *option = &option_table[i];
        int error = option->fallback ? option_set(settings, option, option->fallback, SOURCE_DEFAULT,
                                                  option->name, why, sizeof why)
                                     : 0;
        if (error) {
            settings_fini(settings);
            return error;
        }
    }
    return 0;
}

void settings_fini(struct settings *settings) {
    for (size_t i = 0; i < option_count; i++) {
        void *field = (char *)settings + option_table[i].field;
        if (option_table[i].kind == KIND_TEXT || option_table[i].kind == KIND_FILE)
            free(*(char **)field);
        else if (option_table[i].kind == KIND_LIST)
            clear_list(field);
        else if (option_table[i].kind == KIND_LEVELS)
            clear_list(&((struct log_option *)field)->modules);
    }
    free(settings->cookie_from);
    *settings = (struct settings){0};
}

static const struct option *row(const char *name) {
    return option_find(name, strlen(name));
}

/* Of two options that exclude each other the one from the stronger source wins; from the same source it is a
 * mistake. */
static int choose_one(struct settings *settings, const char *one, const char *other, bool both,
                      bool *drop_one, char *why, size_t capacity) {
    *drop_one = false;
    if (!both)
        return 0;
    enum option_source a = settings->source[row(one) - option_table],
                       b = settings->source[row(other) - option_table];
    if (a == b)
        return complain(HM_EINVAL, why, capacity, "--%s and --%s exclude each other: give one of them", one,
                        other);
    *drop_one = a < b;
    return 0;
}

int settings_check(struct settings *settings, char *why, size_t capacity) {
    bool drop;
    int error =
        choose_one(settings, "sname", "name", settings->sname && settings->name, &drop, why, capacity);
    if (error)
        return error;
    if (settings->sname && settings->name) {
        char **weaker = drop ? &settings->sname : &settings->name;
        free(*weaker);
        *weaker = NULL;
    }
    error =
        choose_one(settings, "erlang", "elixir", settings->erlang && settings->elixir, &drop, why, capacity);
    if (error)
        return error;
    if (settings->erlang && settings->elixir)
        *(drop ? &settings->erlang : &settings->elixir) = false;
    if (settings->no_epmd && settings->port.first == 0)
        return complain(
            HM_EINVAL, why, capacity,
            "--no-epmd needs --port: without epmd, others must know on which port this node listens");
    if (settings->output_low >= settings->output_high)
        return complain(HM_EINVAL, why, capacity,
                        "--output-low (%llu) must be less than --output-high (%llu)",
                        (unsigned long long)settings->output_low, (unsigned long long)settings->output_high);
    if (settings->output_max && settings->output_max <= settings->output_high)
        return complain(HM_EINVAL, why, capacity,
                        "--output-max (%llu) must be more than --output-high (%llu)",
                        (unsigned long long)settings->output_max, (unsigned long long)settings->output_high);
    return 0;
}
