/*
 * The configuration file of `hermod start`: the options of the command line, one on each line, without
 * dashes.
 *
 *     # who we are
 *     name = hermod@10.0.0.5
 *     hidden = true
 *     connect = a@10.0.0.6
 *     connect = b@10.0.0.7
 *
 * A value goes to the end of its line, spaces around it are dropped; there is no quoting, since no value
 * needs it. A # begins a comment at the start of a line or after a space.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hermod/error.h>

#include "cli/complain.h"
#include "cli/options.h"
#include "cli/suggest.h"

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static void cut_comment(char *line) {
    for (char *c = line; (c = strchr(c, '#')); c++)
        if (c == line || isspace((unsigned char)c[-1])) {
            *c = '\0';
            return;
        }
}

static int complain_key(const char *place, const char *key, char *why, size_t capacity) {
    char guess[96];
    struct suggestion best = suggestion_for(key);
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].commands & IN_START)
            suggestion_try(&best, option_table[i].name, strlen(option_table[i].name));
    return complain(HM_EINVAL, why, capacity, "%s: unknown option \"%s\"%s", place, key,
                    suggestion_text(&best, "", guess, sizeof guess));
}

/* A cookie in a file that others can read is no secret: the same rule as for ~/.erlang.cookie. */
static int check_secrecy(FILE *file, const char *place, const char *path, char *why, size_t capacity) {
    struct stat info;
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 077))
        return complain(HM_EINVAL, why, capacity,
                        "%s: there is a cookie in this file, and others can read it; do: chmod 600 %s", place,
                        path);
    return 0;
}

static int read_line(struct settings *settings, FILE *file, const char *path, char *line, unsigned number,
                     char *why, size_t capacity) {
    char place[512], label[600];
    snprintf(place, sizeof place, "%s:%u", path, number);
    cut_comment(line);
    char *key = trim(line);
    if (!*key)
        return 0;
    char *equals = strchr(key, '=');
    if (!equals)
        return complain(HM_EINVAL, why, capacity,
                        "%s: expected a line such as `net-ticktime = 60`, found \"%s\"", place, key);
    *equals = '\0';
    key = trim(key);
    char *value = trim(equals + 1);
    if (strncmp(key, "--", 2) == 0)
        key += 2;
    const struct option *option = option_find(key, strlen(key));
    if (!option || !(option->commands & IN_START) || strcmp(key, "help") == 0)
        return complain_key(place, key, why, capacity);
    if (strcmp(key, "config") == 0)
        return complain(HM_EINVAL, why, capacity, "%s: one configuration file cannot name another", place);
    if (option->secret) {
        int error = check_secrecy(file, place, path, why, capacity);
        if (error)
            return error;
    }
    /* The ready line tells where a cookie came from: the place alone reads better there. */
    if (option->secret)
        snprintf(label, sizeof label, "%s", place);
    else
        snprintf(label, sizeof label, "%s: %s", place, key);
    return option_set(settings, option, value, SOURCE_FILE, label, why, capacity);
}

int settings_read_file(struct settings *settings, const char *path, char *why, size_t capacity) {
    FILE *file = fopen(path, "re");
    if (!file)
        return complain(HM_EINVAL, why, capacity, "cannot read the configuration file %s: %s", path,
                        strerror(errno));
    char *line = NULL;
    size_t room = 0;
    int error = 0;
    ssize_t size;
    for (unsigned number = 1; !error && (size = getline(&line, &room, file)) >= 0; number++) {
        if (memchr(line, '\0', (size_t)size))
            error = complain(HM_EINVAL, why, capacity, "%s:%u: this is no text file", path, number);
        else
            error = read_line(settings, file, path, line, number, why, capacity);
    }
    if (!error && ferror(file))
        error = complain(HM_EINVAL, why, capacity, "cannot read the configuration file %s: %s", path,
                         strerror(errno));
    free(line);
    fclose(file);
    return error;
}
