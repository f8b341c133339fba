/*
 * The program: picks the command, collects its settings and runs it. Only files of cli/ may exit or read the
 * environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hermod/hermod.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/suggest.h"

/* A descriptor 0 to 2 that is closed would become a socket, and what is printed would go to a peer. */
static void hold_standard_files(void) {
    for (int fd = 0; fd <= 2; fd++)
        while (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
                return;
}

/* What was printed must have arrived, or a script takes half an answer for a whole one. */
static int flushed(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno != EPIPE)
        give_up(EXIT_FAILED, "cannot write to standard output: %s", strerror(errno));
    return code ? code : EXIT_FAILED;
}

static int complain_usage(const char *why, const char *command) {
    give_up(EXIT_USAGE, "%s", why);
    fprintf(stderr, "Try: hermod %s%s--help\n", command, *command ? " " : "");
    return EXIT_USAGE;
}

static int complain_command(const char *word) {
    char guess[64];
    struct suggestion best = suggestion_for(word);
    for (size_t i = 0; commands[i]; i++)
        suggestion_try(&best, commands[i]->name, strlen(commands[i]->name));
    char why[256];
    snprintf(why, sizeof why, "there is no %s \"%.100s\"%s", word[0] == '-' ? "option" : "command", word,
             suggestion_text(&best, "", guess, sizeof guess));
    return complain_usage(why, "");
}

static int help(int argc, char **argv) {
    if (argc < 1) {
        help_general(stdout);
        return EXIT_FINE;
    }
    const struct command *command = command_find(argv[0]);
    if (!command)
        return complain_command(argv[0]);
    help_command(stdout, command);
    return EXIT_FINE;
}

/* What main itself knows: options without a command. -1: it is something else. */
static int run_option(int argc, char **argv) {
    const char *word = argv[0];
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("hermod %s\n", hm_version());
        return EXIT_FINE;
    }
    if (strcmp(word, "--man") == 0) {
        help_man(stdout);
        return EXIT_FINE;
    }
    if (strcmp(word, "--completion") == 0 || strcmp(word, "--completion=bash") == 0) {
        if (word[strlen("--completion")] == '\0' && (argc < 2 || strcmp(argv[1], "bash")))
            return complain_usage(
                "--completion needs the name of a shell, and knows only bash: --completion bash", "");
        help_bash(stdout);
        return EXIT_FINE;
    }
    return -1;
}

static int check_operands(const struct command *command, int count, char *why, size_t capacity) {
    if (count >= command->least && count <= command->most)
        return 0;
    if (command->most == 0)
        return complain(HM_EINVAL, why, capacity, "%s takes options only", command->name);
    return complain(HM_EINVAL, why, capacity, "%s takes %s: %s", command->name,
                    command->most > 1                 ? "these arguments"
                    : command->least == command->most ? "one argument"
                                                      : "at most one argument",
                    command->arguments);
}

static int run_command(const struct command *command, int argc, char **argv) {
    char why[WHY_BYTES];
    struct settings settings;
    int count = 0;
    char **operands = calloc((size_t)argc + 1, sizeof *operands);
    int error = operands ? settings_init(&settings) : HM_ENOMEM;
    if (error) {
        free(operands);
        return give_up(EXIT_FAILED, "%s", hm_strerror(error));
    }
    error = settings_read_arguments(&settings, command->bit, command->name, argc, argv, operands, &count, why,
                                    sizeof why);
    if (!error && settings.help) {
        help_command(stdout, command);
        goto done;
    }
    if (!error)
        error = check_operands(command, count, why, sizeof why);
    if (!error)
        error = settings_read_environment(&settings, command->bit, getenv, why, sizeof why);
    if (!error && settings.config)
        error = settings_read_file(&settings, settings.config, why, sizeof why);
    if (!error)
        error = settings_check(&settings, why, sizeof why);
done:;
    int code;
    if (error == HM_ENOMEM)
        code = give_up(EXIT_FAILED, "%s", why);
    else if (error)
        code = complain_usage(why, command->name);
    else
        code = settings.help ? EXIT_FINE : command->run(&settings, count, operands);
    settings_fini(&settings);
    free(operands);
    return code;
}

int main(int argc, char **argv) {
    hold_standard_files();
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help_general(stderr);
        return EXIT_USAGE;
    }
    int code = run_option(argc - 1, argv + 1);
    if (code >= 0)
        return flushed(code);
    const struct command *command = command_find(argv[1]);
    if (!command)
        return complain_command(argv[1]);
    return flushed(run_command(command, argc - 2, argv + 2));
}
