#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_write(const struct log *log, enum log_level level, const char *id, const char *format, ...) {
    if (!log || level > log->level || !log->write)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
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
