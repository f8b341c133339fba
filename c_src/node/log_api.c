/*
 * <hermod/log.h>, and hm_log. What is wanted is asked before the text is made: a server's debug lines cost little while they are off.
 *
 * Servers log what peers say, often with a plain %s. A peer must not be able to begin a line of its own in the log, nor to move the cursor of
 * whoever reads it on a terminal, so control characters are escaped here.
 */
#include <hermod/log.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/process.h"

enum { LINE_BYTES = 1024 };

/* C0, DEL, and C1 as UTF-8 has it: some terminals take U+009B for an escape sequence. */
static bool is_control(const unsigned char *at) {
    return *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f);
}

/* What does not fit is cut off. */
static void escape_controls(const char *text, char line[LINE_BYTES]) {
    size_t used = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at && used < LINE_BYTES - 9; at++) {
        size_t bytes = is_control(at) ? *at == 0xc2 ? 2 : 1 : 0;
        if (!bytes)
            line[used++] = (char)*at;
        for (size_t i = 0; i < bytes; i++)
            used += (size_t)snprintf(line + used, 5, "\\x%02x", at[i]);
        at += bytes == 2;
    }
    line[used] = '\0';
}

__attribute__((format(printf, 4, 0))) static void write_line(hm_node *node, enum log_level level, const char *id,
                                                             const char *format, va_list arguments) {
    char text[LINE_BYTES], line[LINE_BYTES];
    log_levels_learn(&node->log_levels, id, strlen(id));
    if (!log_wants(&node->log, level, id))
        return;
    vsnprintf(text, sizeof text, format, arguments);
    escape_controls(text, line);
    log_write(&node->log, level, id, "%s", line);
}

void hm_log(const hm_process *self, enum hm_log_level level, const char *id, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_line(self->node, (enum log_level)level, id, format, arguments);
    va_end(arguments);
}

void hm_node_log(hm_node *node, enum hm_log_level level, const char *id, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_line(node, (enum log_level)level, id, format, arguments);
    va_end(arguments);
}

int hm_log_set_level(hm_node *node, const char *module, enum hm_log_level level) {
    return log_levels_set(&node->log, &node->log_levels, module, (enum log_level)level);
}

void hm_log_reset_level(hm_node *node, const char *module) {
    log_levels_reset(&node->log, &node->log_levels, module);
}

void hm_log_each_level(hm_node *node, void (*each)(void *arg, const char *module, enum hm_log_level level, bool own), void *arg) {
    const struct log_levels *levels = &node->log_levels;
    enum hm_log_level usual = (enum hm_log_level)levels->usual;
    each(arg, NULL, usual, false);
    for (size_t i = 0; i < levels->count; i++)
        each(arg, levels->modules[i].name, levels->modules[i].own ? (enum hm_log_level)levels->modules[i].level : usual,
             levels->modules[i].own);
}
