/* <hermod/log.h>, and hm_log. What is wanted is asked before the text is made: a server's debug lines cost little while they are off. */
#include <hermod/log.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/process.h"

__attribute__((format(printf, 4, 0))) static void write_line(hm_node *node, enum log_level level, const char *id,
                                                             const char *format, va_list arguments) {
    char text[1024];
    log_levels_learn(&node->log_levels, id, strlen(id));
    if (!log_wants(&node->log, level, id))
        return;
    vsnprintf(text, sizeof text, format, arguments);
    log_write(&node->log, level, id, "%s", text);
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
