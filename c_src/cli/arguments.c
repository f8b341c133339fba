/* Options from the command line and from the environment. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/error.h>

#include "cli/complain.h"
#include "cli/options.h"
#include "cli/suggest.h"

static int complain_unknown(unsigned command, const char *argument, size_t size, char *why, size_t capacity) {
    char typed[64], guess[96];
    size_t dashes = strspn(argument, "-");
    snprintf(typed, sizeof typed, "%.*s", (int)(size - dashes), argument + dashes);
    struct suggestion best = suggestion_for(typed);
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].commands & command)
            suggestion_try(&best, option_table[i].name, strlen(option_table[i].name));
    return complain(HM_EINVAL, why, capacity, "unknown option %.*s%s", (int)size, argument,
                    suggestion_text(&best, "--", guess, sizeof guess));
}

/* An argument that begins with a dash and is meant as a term: -1, or a lone dash. */
static bool is_operand(const char *argument) {
    return argument[0] != '-' || argument[1] == '\0' || isdigit((unsigned char)argument[1]);
}

int settings_read_arguments(struct settings *settings, unsigned command, const char *command_name, int argc,
                            char **argv, char **operands, int *count, char *why, size_t capacity) {
    *count = 0;
    for (int i = 0; i < argc; i++) {
        char *argument = argv[i];
        if (strcmp(argument, "--") == 0) {
            while (++i < argc)
                operands[(*count)++] = argv[i];
            break;
        }
        if (is_operand(argument)) {
            operands[(*count)++] = argument;
            continue;
        }
        if (strcmp(argument, "-h") == 0) {
            settings->help = true;
            continue;
        }
        size_t size = strcspn(argument, "=");
        const struct option *option =
            size > 2 && argument[1] == '-' ? option_find(argument + 2, size - 2) : NULL;
        if (!option)
            return complain_unknown(command, argument, size, why, capacity);
        if (!(option->commands & command))
            return complain(HM_EINVAL, why, capacity, "%s has no option --%s%s", command_name,
                            option->name,
                            option->commands == IN_START  ? ": it belongs to hermod start"
                            : option->commands == IN_CHAT ? ": it belongs to hermod chat"
                                                          : "");
        char label[64];
        snprintf(label, sizeof label, "--%s", option->name);
        char *value = argument[size] == '=' ? argument + size + 1 : NULL;
        if (!value && option->kind != KIND_FLAG) {
            /* The next argument is the value whatever it looks like, but "--sname --cookie" is a slip. */
            if (i + 1 >= argc || strncmp(argv[i + 1], "--", 2) == 0)
                return complain(HM_EINVAL, why, capacity, "%s needs a value: %s %s", label, label,
                                option->value);
            value = argv[++i];
        }
        int error =
            option_set(settings, option, value ? value : "true", SOURCE_ARGUMENT, label, why, capacity);
        if (error)
            return error;
        if (option->secret)
            memset(value, '*', strlen(value));
    }
    return 0;
}

static int read_list(struct settings *settings, const struct option *option, const char *value,
                     const char *label, char *why, size_t capacity) {
    char *copy = strdup(value), *rest = copy, *word;
    int error = copy ? 0 : complain(HM_ENOMEM, why, capacity, "out of memory");
    while (!error && (word = strsep(&rest, " ")))
        if (*word)
            error = option_set(settings, option, word, SOURCE_ENVIRONMENT, label, why, capacity);
    free(copy);
    return error;
}

int settings_read_environment(struct settings *settings, unsigned command, char *(*look_up)(const char *name),
                              char *why, size_t capacity) {
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &option_table[i];
        char name[64], label[80];
        const char *variable = option_variable(option, name, sizeof name);
        const char *value = option->commands & command ? look_up(variable) : NULL;
        /* An empty variable is how a shell script says "not set". */
        if (!value || !*value || strcmp(option->name, "help") == 0)
            continue;
        /* Kubernetes tells every pod of a service that is called hermod: HERMOD_PORT=tcp://10.0.0.1:9100. */
        if (option->kind == KIND_PORTS && strstr(value, "://"))
            continue;
        snprintf(label, sizeof label, "$%s", variable);
        int error = option->kind == KIND_LIST
                        ? read_list(settings, option, value, label, why, capacity)
                        : option_set(settings, option, value, SOURCE_ENVIRONMENT, label, why, capacity);
        if (error)
            return error;
    }
    return 0;
}
