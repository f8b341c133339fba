/*
 * cli/log_lines: the log of the daemon, one line on standard error for each event.
 *
 *     2026-11-21T02:31:49.123 info  peer.up   node=a@vm ...
 *
 * A reader that stalls must not stall the node: a line that a full pipe or a stopped terminal would not take
 * at once is dropped and counted, and the next line that gets through says how many are missing. A closed
 * standard error is silently put up with.
 */
#ifndef HM_CLI_LOG_LINES_H
#define HM_CLI_LOG_LINES_H

#include <hermod/hermod.h>

struct log_lines {
    int fd;
    unsigned long dropped;
};

/* For hm_options.log; log_arg is a struct log_lines. */
void log_lines_write(void *arg, enum hm_log_level level, const char *id, const char *text);
/* The line alone, with its newline; returns its size. */
size_t log_lines_format(char *line, size_t capacity, enum hm_log_level level, const char *id,
                        const char *text);

#endif
