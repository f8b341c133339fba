#include "cli/log_setting.h"

#include <stdio.h>
#include <string.h>

#include "cli/complain.h"
#include "cli/options.h"
#include "cli/suggest.h"

static const char *const levels[] = {"error", "warn", "info", "debug", "default"};
enum { RESET = 4 };

static bool read_level(struct log_setting *setting, const char *text, size_t size, bool may_reset) {
    if (size == 7 && memcmp(text, "warning", size) == 0) /* as logger has it */
        size = 4;
    for (size_t i = 0; i <= (may_reset ? RESET : HM_LOG_DEBUG); i++)
        if (strlen(levels[i]) == size && memcmp(levels[i], text, size) == 0) {
            setting->reset = i == RESET;
            setting->level = i == RESET ? HM_LOG_INFO : (enum hm_log_level)i;
            return true;
        }
    return false;
}

static bool is_module(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '_'))
            return false;
    return size > 0;
}

int log_setting_read(struct log_setting *setting, const char *text, size_t size, bool may_reset, const char *label, char *why,
                     size_t capacity) {
    const char *sign = memchr(text, '=', size);
    size_t name = sign ? (size_t)(sign - text) : 0, skip = sign ? name + 1 : 0;
    char given[64], guess[64];
    *setting = (struct log_setting){0};
    if (sign && (!is_module(text, name) || name >= sizeof setting->module))
        return complain(HM_EINVAL, why, capacity, "%s: \"%.*s\" is no module of the log: they are the first words of the ids, as peer of peer.up",
                        label, (int)(name < 60 ? name : 60), text);
    if (name != 7 || memcmp(text, "default", 7) != 0) /* default=debug is debug */
        memcpy(setting->module, text, name);
    if (read_level(setting, text + skip, size - skip, may_reset && sign))
        return 0;
    snprintf(given, sizeof given, "%.*s", (int)(size - skip), text + skip);
    struct suggestion best = suggestion_for(given);
    for (size_t i = 0; i <= (may_reset && sign ? RESET : HM_LOG_DEBUG); i++)
        suggestion_try(&best, levels[i], strlen(levels[i]));
    return complain(HM_EINVAL, why, capacity, "%s must be one of %s%s%s, not \"%s\"%s", label, LOG_LEVEL_CHOICES, may_reset && sign ? "|default" : "",
                    sign ? "" : ", or MODULE=LEVEL", given, suggestion_text(&best, "", guess, sizeof guess));
}
