#include "dist/epmd_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hermod/error.h>

extern char **environ;

enum { ARGUMENTS_MAX = 32 };

/* The command may have arguments of its own, separated by spaces, as in erl's -epmd. Cuts `command` up. */
static int split(char *command, char *arguments[], int most) {
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(command, " ", &rest); word && count < most; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    return count;
}

int epmd_daemon_start(const struct epmd_config *config, pid_t *pid) {
    char port[8], *arguments[ARGUMENTS_MAX];
    char *command = strdup(config->start);
    if (!command) {
        errno = ENOMEM;
        return HM_ESYSTEM;
    }
    int count = split(command, arguments, ARGUMENTS_MAX - 6);
    arguments[count++] = (char *)(uintptr_t) "-daemon";
    arguments[count++] = (char *)(uintptr_t) "-port";
    snprintf(port, sizeof port, "%u", (unsigned)config->port);
    arguments[count++] = port;
    if (config->address && *config->address) {
        arguments[count++] = (char *)(uintptr_t) "-address";
        arguments[count++] = (char *)(uintptr_t)config->address;
    }
    arguments[count] = NULL;

    /* Nothing of ours but the environment: no signal masks, no ignored signals, no terminal. Our sockets
     * close on exec. */
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&files);
    int error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDERR_FILENO);
    if (!error)
        error = posix_spawnp(pid, arguments[0], &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    free(command);
    errno = error;
    return error ? HM_ESYSTEM : HM_OK;
}

bool epmd_daemon_collect(pid_t pid) {
    int status;
    pid_t ended = waitpid(pid, &status, WNOHANG);
    return ended == pid || (ended < 0 && errno != EINTR);
}
