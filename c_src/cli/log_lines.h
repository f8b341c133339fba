/*
 * cli/log_lines: the log of the daemon, one line on standard error for each event: text, or a JSON object.
 *
 *     2026-11-21T02:31:49.123 info  peer.up   node=a@vm ...
 *     {"time":"2026-11-21T01:31:49.123Z","level":"info","id":"peer.up","node":"hermod@vm","message":"node=a@vm ..."}
 *
 * The time is that of the clock on the wall in text, and UTC in JSON (RFC 3339). Whatever is in a message, the object is valid JSON and UTF-8: bytes
 * that are none become U+FFFD, and a message that is too long for one line is cut and ends in "...".
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
    bool json;
    const char *node; /* its name, when it has one; the object has no "node" before. Lent */
    unsigned long dropped;
};

/* For hm_options.log; log_arg is a struct log_lines. */
void log_lines_write(void *arg, enum hm_log_level level, const char *id, const char *text);
/* The line alone, with its newline; returns its size. capacity: 512 at least. */
size_t log_lines_format(const struct log_lines *log, char *line, size_t capacity, enum hm_log_level level, const char *id,
                        const char *text);

#endif
