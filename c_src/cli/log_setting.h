/*
 * cli/log_setting: LEVEL and MODULE=LEVEL, as --log-level and `hermod log' take them.
 */
#ifndef HM_CLI_LOG_SETTING_H
#define HM_CLI_LOG_SETTING_H

#include <hermod/log.h>

struct log_setting {
    char module[64]; /* "": all that have no level of their own */
    bool reset;      /* `default' instead of a level */
    enum hm_log_level level;
};

/* The word for --help and completion: "error|warn|info|debug". */
#define LOG_LEVEL_CHOICES "error|warn|info|debug"

/* Reads one of them; may_reset: MODULE=default and default=default, too. label: what the sentence in why says it is. HM_EINVAL. */
int log_setting_read(struct log_setting *setting, const char *text, size_t size, bool may_reset, const char *label, char *why,
                     size_t capacity);

#endif
