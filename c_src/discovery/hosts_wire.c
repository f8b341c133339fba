#include "discovery/hosts_wire.h"

#include <ctype.h>

static int peek(const struct hosts_reader *reader) {
    return reader->rest.size ? reader->rest.at[0] : -1;
}

static int take(struct hosts_reader *reader) {
    int c = peek(reader);
    if (c >= 0) {
        reader->rest.at++;
        reader->rest.size--;
        reader->line += c == '\n';
    }
    return c;
}

static void skip_blanks(struct hosts_reader *reader) {
    int c;
    while ((c = peek(reader)) >= 0 && (isspace(c) || c == '%'))
        if (take(reader) == '%')
            while (peek(reader) >= 0 && peek(reader) != '\n')
                take(reader);
}

static bool append(char *host, size_t *used, int c) {
    if (*used + 1 >= HOSTS_HOST_BYTES || c <= ' ' || c == 0x7f || c == '@')
        return false;
    host[(*used)++] = (char)c;
    return true;
}

/* Host names need no escape but that of a quote or a backslash. */
static bool read_quoted(struct hosts_reader *reader, char *host, size_t *used) {
    int quote = take(reader), c;
    while ((c = take(reader)) != quote) {
        if (c == '\\')
            c = take(reader);
        if (!append(host, used, c))
            return false;
    }
    return *used > 0;
}

static bool read_bare(struct hosts_reader *reader, char *host, size_t *used) {
    int c = peek(reader);
    if (c < 0 || !islower(c))
        return false;
    while ((c = peek(reader)) >= 0 && (isalnum(c) || c == '_'))
        if (!append(host, used, take(reader)))
            return false;
    return true;
}

int hosts_next(struct hosts_reader *reader, char host[HOSTS_HOST_BYTES]) {
    size_t used = 0;
    skip_blanks(reader);
    int c = peek(reader);
    if (c < 0)
        return 0;
    bool good = c == '\'' || c == '"' ? read_quoted(reader, host, &used) : read_bare(reader, host, &used);
    skip_blanks(reader);
    if (!good || take(reader) != '.')
        return HM_ESYNTAX;
    c = peek(reader);
    if (c >= 0 && !isspace(c) && c != '%') /* a full stop is followed by white space */
        return HM_ESYNTAX;
    host[used] = '\0';
    return 1;
}
