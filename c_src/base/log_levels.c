#include "base/log_levels.h"

#include <hermod/error.h>
#include <string.h>

/* The first words of the ids in this tree: test/check-log-ids compares. In alphabetical order. */
static const char *const MODULES[] = {
    "appmon", "call",   "chat",    "discovery", "epmd",       "eval",  "global", "greeter", "hs",  "http", "io",   "link",   "listen",
    "log",    "logger", "monitor", "node",      "notify",     "peer",  "pg",     "phoenix", "presence", "process", "pubsub", "rex",
    "rpc",    "server", "signal",  "spawn",     "supervisor", "sys",   "task",   "trace", "user_list",
};
_Static_assert(sizeof MODULES / sizeof *MODULES < LOG_MODULES_MAX, "there must be room for the modules of users");

static size_t word_size(const char *text, size_t size) {
    const char *dot = memchr(text, '.', size);
    return dot ? (size_t)(dot - text) : size;
}

static bool is_word(const char *text, size_t size) {
    if (size == 0 || size >= LOG_MODULE_BYTES)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '_'))
            return false;
    return true;
}

const struct log_module *log_levels_find(const struct log_levels *levels, const char *name, size_t size) {
    size = word_size(name, size);
    for (size_t i = 0; i < levels->count; i++) {
        const struct log_module *module = &levels->modules[i];
        if (module->name[0] == name[0] && strncmp(module->name, name, size) == 0 && module->name[size] == '\0')
            return module;
    }
    return NULL;
}

static struct log_module *need(struct log_levels *levels, const char *name, size_t size) {
    struct log_module *module = (struct log_module *)log_levels_find(levels, name, size);
    if (module || levels->count == LOG_MODULES_MAX)
        return module;
    module = &levels->modules[levels->count++];
    memcpy(module->name, name, size);
    return module;
}

bool log_levels_learn(struct log_levels *levels, const char *id, size_t size) {
    size = word_size(id, size);
    return is_word(id, size) && need(levels, id, size);
}

void log_levels_init(struct log_levels *levels, enum log_level usual) {
    *levels = (struct log_levels){.usual = usual, .initial = usual};
    for (size_t i = 0; i < sizeof MODULES / sizeof *MODULES; i++)
        need(levels, MODULES[i], strlen(MODULES[i]));
}

/* Lines above the most talkative level of all are not even looked up. */
static void follow(struct log *log, const struct log_levels *levels) {
    log->level = levels->usual;
    for (size_t i = 0; i < levels->count; i++)
        if (levels->modules[i].own && levels->modules[i].level > log->level)
            log->level = levels->modules[i].level;
}

int log_levels_set(struct log *log, struct log_levels *levels, const char *name, enum log_level level) {
    if (!name) {
        levels->usual = level;
    } else {
        size_t size = strlen(name);
        struct log_module *module = is_word(name, size) ? need(levels, name, size) : NULL;
        if (!module)
            return is_word(name, size) ? HM_ELIMIT : HM_ENAME;
        module->own = true;
        module->level = level;
    }
    follow(log, levels);
    return HM_OK;
}

void log_levels_reset(struct log *log, struct log_levels *levels, const char *name) {
    struct log_module *module = name ? (struct log_module *)log_levels_find(levels, name, strlen(name)) : NULL;
    if (!name)
        levels->usual = levels->initial;
    else if (module)
        module->own = false;
    follow(log, levels);
}
