#include "base/log.h"

#include "base/clock.h"
#include "base/log_levels.h"

#include <stdarg.h>
#include <stdio.h>

static size_t place_of(const char *id) {
    size_t hash = 5381;
    for (; *id; id++)
        hash = hash * 33 + (unsigned char)*id;
    return hash % LOG_LIMIT_PLACES;
}

/* May a line of this id be written now? *left_out: how many were not, since the last one that was. */
static bool is_due(struct log_limits *limits, const char *id, uint32_t *left_out) {
    int64_t second = mono_now().ns / 1000000000;
    size_t place = place_of(id);
    *left_out = 0;
    if (limits->places[place].second != second) {
        limits->places[place].second = second;
        limits->places[place].written = 0;
        *left_out = limits->places[place].left_out;
        limits->places[place].left_out = 0;
    }
    if (limits->places[place].written < LOG_PER_SECOND) {
        limits->places[place].written++;
        return true;
    }
    limits->places[place].left_out++;
    return false;
}

bool log_wants(const struct log *log, enum log_level level, const char *id) {
    if (!log || level > log->level || !log->write)
        return false;
    const struct log_module *module = log->levels ? log_levels_find(log->levels, id, strlen(id)) : NULL;
    return !log->levels || level <= (module && module->own ? module->level : log->levels->usual);
}

void log_write(const struct log *log, enum log_level level, const char *id, const char *format, ...) {
    if (!log_wants(log, level, id))
        return;
    uint32_t left_out = 0;
    if (log->limits && !is_due(log->limits, id, &left_out)) {
        log->limits->left_out++;
        return;
    }
    if (log->limits)
        log->limits->written[level]++;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (left_out && used >= 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, " (%u lines like this were left out)", left_out);
    log->write(log->arg, level, id, text);
}

const char *log_level_name(enum log_level level) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    return (unsigned)level < sizeof names / sizeof *names ? names[level] : "?";
}

struct escaped log_escape(struct bytes bytes) {
    static const char hex[] = "0123456789abcdef";
    struct escaped out;
    size_t used = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.at[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';
        if (used + (plain ? 1 : 4) > sizeof out.text - 4) {
            memcpy(out.text + used, "...", 3);
            used += 3;
            break;
        }
        if (plain) {
            out.text[used++] = (char)c;
        } else {
            out.text[used++] = '\\';
            out.text[used++] = 'x';
            out.text[used++] = hex[c >> 4];
            out.text[used++] = hex[c & 15];
        }
    }
    out.text[used] = '\0';
    return out;
}
