#include "cli/log_lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* What a pipe takes whole or not at all is PIPE_BUF, 4096 on Linux. */
enum { LINE_BYTES = 4000 };

size_t log_lines_format(char *line, size_t capacity, enum hm_log_level level, const char *id,
                        const char *text) {
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct timespec now;
    struct tm parts;
    char time[32] = "";

    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &parts))
        strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
    int size = snprintf(line, capacity, "%s.%03ld %-5s %-9s %s\n", time, now.tv_nsec / 1000000, levels[level],
                        id, text);
    if (size < 0)
        return 0;
    if ((size_t)size >= capacity) {
        size = (int)capacity - 1;
        line[size - 1] = '\n';
    }
    return (size_t)size;
}

static bool write_line(int fd, const char *line, size_t size) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
        return false;
    ssize_t done;
    do
        done = write(fd, line, size);
    while (done < 0 && errno == EINTR);
    return done == (ssize_t)size;
}

void log_lines_write(void *arg, enum hm_log_level level, const char *id, const char *text) {
    struct log_lines *log = arg;
    char line[LINE_BYTES];

    if (log->dropped) {
        char missing[80];
        snprintf(missing, sizeof missing, "%lu lines are missing here: nobody read them in time",
                 log->dropped);
        size_t size = log_lines_format(line, sizeof line, HM_LOG_WARN, "log.dropped", missing);
        if (!write_line(log->fd, line, size)) {
            log->dropped++;
            return;
        }
        log->dropped = 0;
    }
    size_t size = log_lines_format(line, sizeof line, level, id, text);
    if (!write_line(log->fd, line, size))
        log->dropped++;
}
