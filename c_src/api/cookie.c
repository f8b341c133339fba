/*
 * The cookie file, as lib/kernel/src/auth.erl keeps it: a regular file that only its owner can read; the cookie is its first line, with
 * whatever spaces are in it, and nothing but empty lines may follow; a missing one is made with 20 random capital letters and mode 0400.
 */
#include <hermod/hermod.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COOKIE_LETTERS = 20, COOKIE_MAX = 255 };

static int explain(char *why, size_t capacity, int error, const char *format, const char *path, const char *detail) {
    if (why && capacity)
        snprintf(why, capacity, format, path, detail);
    return error;
}

static int make_file(const char *path, char *why, size_t capacity) {
    unsigned char random[COOKIE_LETTERS];
    char text[COOKIE_LETTERS + 1];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return explain(why, capacity, HM_ESYSTEM, "cannot make the cookie file %s: no random numbers%s", path, "");
    for (size_t i = 0; i < sizeof random; i++)
        text[i] = (char)('A' + random[i] % 26);
    text[COOKIE_LETTERS] = '\n';
    /* Written under another name first: a node that starts at the same time must not read half of it. */
    char draft[4096];
    if ((size_t)snprintf(draft, sizeof draft, "%s.%ld", path, (long)getpid()) >= sizeof draft)
        return explain(why, capacity, HM_EINVAL, "the name of the cookie file %s is too long%s", path, "");
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0)
        return explain(why, capacity, HM_ESYSTEM, "cannot make the cookie file %s: %s", path, strerror(errno));
    bool written = write(fd, text, sizeof text) == (ssize_t)sizeof text && fsync(fd) == 0;
    int cause = errno;
    close(fd);
    /* link fails when somebody else was first: then theirs is the cookie. */
    if (written && link(draft, path) != 0 && errno != EEXIST) {
        written = false;
        cause = errno;
    }
    unlink(draft);
    return written ? HM_OK
                   : explain(why, capacity, HM_ESYSTEM, "cannot write the cookie file %s: %s", path, strerror(cause));
}

int hm_cookie_load(const char *path, bool create, char *cookie, size_t cookie_capacity, char *why,
                   size_t why_capacity) {
    char text[COOKIE_MAX + 2];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && create) {
        int error = make_file(path, why, why_capacity);
        if (error != HM_OK)
            return error;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    if (fd < 0) {
        int error = errno == ENOENT ? HM_ENOENT : HM_ESYSTEM;
        return explain(why, why_capacity, error, "cannot read the cookie file %s: %s", path, strerror(errno));
    }
    ssize_t size = -1;
    bool known = fstat(fd, &status) == 0;
    if (known && S_ISREG(status.st_mode))
        size = read(fd, text, sizeof text - 1);
    close(fd);
    if (!known || !S_ISREG(status.st_mode))
        return explain(why, why_capacity, HM_EINVAL, "the cookie file %s is no regular file%s", path, "");
    if (status.st_mode & 077)
        return explain(why, why_capacity, HM_EINVAL,
                       "the cookie file %s must be readable by its owner only: chmod 400 %s", path, path);
    if (size < 0)
        return explain(why, why_capacity, HM_ESYSTEM, "cannot read the cookie file %s: %s", path, strerror(errno));
    size_t length = 0, end = (size_t)size;
    while (length < end && text[length] >= ' ' && text[length] <= '~')
        length++;
    /* check_cookie of auth.erl: a space at the end of the line is part of the cookie. */
    for (size_t i = length; i < end; i++)
        if (text[i] != '\r' && text[i] != '\n' && text[i] != ' ')
            return explain(why, why_capacity, HM_EINVAL,
                           "the cookie file %s must have one line of printable ASCII, and nothing else%s", path, "");
    if (length == 0)
        return explain(why, why_capacity, HM_EINVAL, "the cookie file %s is empty: write a cookie into it, or remove it%s",
                       path, "");
    if (length > COOKIE_MAX || length >= cookie_capacity)
        return explain(why, why_capacity, HM_EINVAL, "the cookie in %s is longer than 255 characters%s", path, "");
    memcpy(cookie, text, length);
    cookie[length] = '\0';
    return HM_OK;
}
