#include "http/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hermod/error.h>

/* A secret that Kubernetes mounts belongs to root and is read through the group, so a group may. */
enum { FORBIDDEN = S_IWGRP | S_IROTH | S_IWOTH };

static const char MAKE_ONE[] = "make one with: (umask 077; head -c 24 /dev/urandom | base64 >FILE)";

static bool is_token(const char *text, size_t size) {
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    size_t letters = strspn(text, LETTERS);
    return letters > 0 && letters + strspn(text + letters, "=") == size;
}

static int read_file(int fd, char *text, size_t capacity, struct stat *status) {
    if (fstat(fd, status))
        return HM_ESYSTEM;
    if (!S_ISREG(status->st_mode))
        return HM_EINVAL;
    ssize_t size = read(fd, text, capacity - 1);
    if (size < 0)
        return HM_ESYSTEM;
    text[size] = '\0';
    return HM_OK;
}

int http_token_load(const char *path, char token[HTTP_TOKEN_BYTES], char *why, size_t capacity) {
    char text[HTTP_TOKEN_BYTES + 64];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = fd >= 0 ? read_file(fd, text, sizeof text, &status) : errno == ENOENT ? HM_ENOENT : HM_ESYSTEM;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (error == HM_EINVAL) {
        snprintf(why, capacity, "%s is no regular file", path);
        return error;
    }
    if (error) {
        snprintf(why, capacity, "cannot read %s: %s; %s", path, strerror(cause), MAKE_ONE);
        return error;
    }
    if (status.st_mode & FORBIDDEN) {
        snprintf(why, capacity, "%s must not be readable by everybody, nor writable by others: chmod 400 %s", path, path);
        error = HM_EINVAL;
    }
    text[strcspn(text, "\r\n")] = '\0';
    size_t size = strlen(text);
    if (!error && (size < HTTP_TOKEN_LEAST || size >= HTTP_TOKEN_BYTES || !is_token(text, size))) {
        snprintf(why, capacity, "the first line of %s is no token (%d to %d letters, digits and -._~+/=); %s", path,
                 HTTP_TOKEN_LEAST, HTTP_TOKEN_BYTES - 1, MAKE_ONE);
        error = HM_EINVAL;
    }
    if (!error)
        memcpy(token, text, size + 1);
    explicit_bzero(text, sizeof text);
    return error;
}

bool http_token_admits(const char *token, const char *authorization) {
    static const char SCHEME[] = "Bearer ";
    if (!authorization || strncasecmp(authorization, SCHEME, sizeof SCHEME - 1) != 0)
        return false;
    const char *given = authorization + sizeof SCHEME - 1;
    given += strspn(given, " ");
    size_t size = strlen(given), expected = strlen(token);
    /* Walks over what was given, so that the time tells its length and not ours. */
    volatile uint8_t difference = size != expected;
    for (size_t i = 0; i < size; i++)
        difference |= (uint8_t)(given[i] ^ token[i % expected]);
    return difference == 0;
}
