#include "cli/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hermod/error.h>

int complain(int error, char *why, size_t capacity, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, capacity, format, arguments);
    va_end(arguments);
    return error;
}

/* One write: lines of several processes on one terminal stay whole. */
int give_up(int code, const char *format, ...) {
    char text[4096] = "hermod: ";
    va_list arguments;
    va_start(arguments, format);
    size_t used = strlen(text);
    int size = vsnprintf(text + used, sizeof text - used - 1, format, arguments);
    va_end(arguments);
    used += size < 0 ? 0 : (size_t)size < sizeof text - used - 1 ? (size_t)size : sizeof text - used - 2;
    text[used++] = '\n';
    if (write(STDERR_FILENO, text, used) < 0)
        return code; /* nobody is there to be told */
    return code;
}

int exit_code_of(int error) {
    switch (error) {
    case HM_OK:
        return EXIT_FINE;
    case HM_EINVAL:
    case HM_ENAME:
    case HM_ESYNTAX:
        return EXIT_USAGE;
    case HM_ENOCONNECTION:
    case HM_ENOENT:
    case HM_EEPMD:
    case HM_EFLAGS:
        return EXIT_NO_CONNECTION;
    case HM_ECOOKIE:
        return EXIT_COOKIE;
    case HM_ENOPROC:
        return EXIT_NOPROC;
    case HM_ETIMEOUT:
        return EXIT_TIMEOUT;
    default:
        return EXIT_FAILED;
    }
}

int exit_code_of_connection(int error) {
    return error == HM_ENAME ? EXIT_NO_CONNECTION : exit_code_of(error);
}
