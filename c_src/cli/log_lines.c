#include "cli/log_lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What a pipe takes whole or not at all is PIPE_BUF, 4096 on Linux. */
enum { LINE_BYTES = 4000 };

static const char *const levels[] = {"error", "warn", "info", "debug"};

static size_t format_text(char *line, size_t capacity, enum hm_log_level level, const char *id, const char *text) {
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

/* ---- JSON ---- */

struct room {
    char *at;
    size_t used, limit;
};

static bool put(struct room *room, const char *bytes, size_t size) {
    if (room->used > room->limit || size > room->limit - room->used)
        return false;
    memcpy(room->at + room->used, bytes, size);
    room->used += size;
    return true;
}

static bool put_text(struct room *room, const char *text) {
    return put(room, text, strlen(text));
}

/* How many bytes the character at text has, 0 when it is no UTF-8 (Unicode 15, table 3-7). Text ends in a zero, which continues nothing. */
static size_t utf8_size(const unsigned char *text) {
    unsigned char lead = text[0];
    if (lead < 0x80)
        return 1;
    size_t size = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (lead == 0xe0 && text[1] < 0xa0) || (lead == 0xf0 && text[1] < 0x90);
    bool beyond = (lead == 0xed && text[1] > 0x9f) || (lead == 0xf4 && text[1] > 0x8f);
    return overlong || beyond ? 0 : size;
}

static bool put_character(struct room *room, const unsigned char *at, size_t size) {
    char escape[8];
    if (size == 0)
        return put_text(room, "\xef\xbf\xbd");
    if (size > 1)
        return put(room, (const char *)at, size);
    switch (*at) {
    case '"':
        return put_text(room, "\\\"");
    case '\\':
        return put_text(room, "\\\\");
    case '\n':
        return put_text(room, "\\n");
    case '\t':
        return put_text(room, "\\t");
    default:
        if (*at >= 0x20 && *at != 0x7f)
            return put(room, (const char *)at, 1);
        snprintf(escape, sizeof escape, "\\u%04x", *at);
        return put_text(room, escape);
    }
}

/* A string; what does not fit is cut between two characters. */
static void put_string(struct room *room, const char *text) {
    static const char cut[] = "...";
    room->limit -= sizeof cut; /* and the quote */
    put_text(room, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t size = utf8_size(at);
        if (!put_character(room, at, size)) {
            room->limit += sizeof cut;
            put_text(room, "...\"");
            return;
        }
        at += size ? size : 1;
    }
    room->limit += sizeof cut;
    put_text(room, "\"");
}

static size_t format_json(const struct log_lines *log, char *line, size_t capacity, enum hm_log_level level, const char *id,
                          const char *text) {
    struct room room = {line, 0, capacity - 2}; /* "}" and the end of the line */
    struct timespec now;
    struct tm parts;
    char date[24] = "", time[128];

    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(time, sizeof time, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"id\":", date, now.tv_nsec / 1000000, levels[level]);
    put_text(&room, time);
    put_string(&room, id);
    if (log->node) {
        put_text(&room, ",\"node\":");
        put_string(&room, log->node);
    }
    put_text(&room, ",\"message\":");
    put_string(&room, text);
    room.limit = capacity;
    put_text(&room, "}\n");
    return room.used;
}

size_t log_lines_format(const struct log_lines *log, char *line, size_t capacity, enum hm_log_level level, const char *id,
                        const char *text) {
    return log->json ? format_json(log, line, capacity, level, id, text) : format_text(line, capacity, level, id, text);
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
        size_t size = log_lines_format(log, line, sizeof line, HM_LOG_WARN, "log.dropped", missing);
        if (!write_line(log->fd, line, size)) {
            log->dropped++;
            return;
        }
        log->dropped = 0;
    }
    size_t size = log_lines_format(log, line, sizeof line, level, id, text);
    if (!write_line(log->fd, line, size))
        log->dropped++;
}
