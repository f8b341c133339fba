#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

#include <hermod/hermod.h>

enum { OPTION_INDENT = 2, TEXT_INDENT = 26 };

const char *const option_group_titles[GROUP_COUNT] = {
    [GROUP_NAME] = "Name and cookie", [GROUP_NETWORK] = "Network", [GROUP_LIMITS] = "Limits",
    [GROUP_SERVICES] = "Services",    [GROUP_CHAT] = "Chat",       [GROUP_TERMS] = "Question and answer",
    [GROUP_OUTPUT] = "Output",
};

const char *const exit_code_meanings[] = {
    [EXIT_FINE] = "It worked.",
    [EXIT_FAILED] = "It failed here or there: the called process ended, is suspended, memory ran out, a port is taken.",
    [EXIT_USAGE] = "The command line, the environment or the configuration file is wrong.",
    [EXIT_NO_CONNECTION] = "No connection: no such node, no epmd, or the node refused.",
    [EXIT_COOKIE] = "The cookie was refused, or cannot be read.",
    [EXIT_NOPROC] = "The node has no process of that name.",
    [EXIT_TIMEOUT] = "No answer in time.",
    [EXIT_RAISED] = "What rpc or spawn ran there raised an error, threw or exited.",
};
const size_t exit_code_count = sizeof exit_code_meanings / sizeof *exit_code_meanings;

/* Puts words on lines from column `indent` on; the first line is at `column` already. An empty line parts
 * paragraphs. */
static void put_wrapped(FILE *out, const char *text, size_t indent, size_t column) {
    while (*text) {
        size_t gap = strspn(text, " \n");
        const char *blank = strstr(text, "\n\n");
        if (blank && blank < text + gap) {
            fprintf(out, "\n\n%*s", (int)indent, "");
            column = indent;
        } else if (gap && column > indent) {
            size_t word = strcspn(text + gap, " \n");
            if (word && column + 1 + word > HELP_COLUMNS) {
                fprintf(out, "\n%*s", (int)indent, "");
                column = indent;
            } else if (word) {
                fputc(' ', out);
                column++;
            }
        }
        text += gap;
        size_t word = strcspn(text, " \n");
        fprintf(out, "%.*s", (int)word, text);
        column += word;
        text += word;
    }
    fputc('\n', out);
}

void help_words(FILE *out, const struct option *option) {
    const char *const *word = option->words ? option->words() : NULL;
    const char *sep = " There are: ";
    for (; word && *word; word++, sep = ", ")
        fprintf(out, "%s%s", sep, *word);
    if (option->words)
        fputc('.', out);
}

static void put_option(FILE *out, const struct option *option) {
    int width = fprintf(out, "%*s--%s%s%s", OPTION_INDENT, "", option->name, option->value ? " " : "",
                        option->value ? option->value : "");
    if (width + 2 > TEXT_INDENT) {
        fputc('\n', out);
        width = 0;
    }
    fprintf(out, "%*s", TEXT_INDENT - width, "");
    char *text = NULL;
    size_t size;
    FILE *whole = open_memstream(&text, &size);
    if (whole) {
        fputs(option->help, whole);
        help_words(whole, option);
        fprintf(whole, "%s%s%s%s%s%s", option->choices ? " One of " : "", option->choices ? option->choices : "",
                option->choices ? "." : "", option->fallback ? " Default: " : "", option->fallback ? option->fallback : "",
                option->fallback ? "." : "");
        fclose(whole);
    }
    put_wrapped(out, text ? text : option->help, TEXT_INDENT, TEXT_INDENT);
    free(text);
}

static void put_options(FILE *out, unsigned command) {
    for (int group = 0; group < GROUP_COUNT; group++) {
        bool titled = false;
        for (size_t i = 0; i < option_count; i++) {
            const struct option *option = &option_table[i];
            if (option->group != (enum option_group)group || !(option->commands & command))
                continue;
            if (!titled)
                fprintf(out, "\n%s:\n", option_group_titles[group]);
            titled = true;
            put_option(out, option);
        }
    }
}

void help_general(FILE *out) {
    fputs("hermod: a native Erlang node, and tools to talk to any Erlang or Elixir node.\n\n"
          "Usage: hermod COMMAND [OPTIONS] [ARGUMENTS]\n\n"
          "Commands:\n",
          out);
    enum { WIDTH = 15 }; /* longer arguments have their line for themselves */
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "  %-8s %-*s", commands[i]->name, WIDTH, commands[i]->arguments);
        if (strlen(commands[i]->arguments) > WIDTH)
            fprintf(out, "\n%*s", WIDTH + 11, "");
        fprintf(out, " %s\n", commands[i]->summary);
    }
    fputs("\nMore about one of them: hermod COMMAND --help\n\n"
          "Other:\n"
          "  --help             this text\n"
          "  --version          the version\n"
          "  --man              the manual page, in roff: hermod --man | man -l -\n"
          "  --completion bash  a completion script: source <(hermod --completion bash)\n\n"
          "To begin with:\n"
          "  hermod start\n"
          "  hermod ping hermod\n"
          "  hermod chat --server hermod --nick john\n",
          out);
}

void help_command(FILE *out, const struct command *command) {
    fprintf(out, "hermod %s: ", command->name);
    put_wrapped(out, command->summary, 0, strlen("hermod : ") + strlen(command->name));
    fprintf(out, "\nUsage: hermod %s [OPTIONS]%s%s\n\n", command->name, *command->arguments ? " " : "",
            command->arguments);
    put_wrapped(out, command->about, 0, 0);
    fputs("\nExamples:\n", out);
    for (const struct example *e = command->examples; e->line; e++) {
        fprintf(out, "  %s\n      ", e->line);
        put_wrapped(out, e->says, 6, 6);
    }
    put_options(out, command->bit);
    fputs("\nExit codes:\n", out);
    for (size_t i = 0; i < exit_code_count; i++) {
        fprintf(out, "  %zu  ", i);
        put_wrapped(out, exit_code_meanings[i], 5, 5);
    }
    fputc('\n', out);
    put_wrapped(
        out,
        "Every option can also be set in the environment: --net-ticktime as $HERMOD_NET_TICKTIME, and "
        "so on; --epmd-port and --epmd-address as $ERL_EPMD_PORT and $ERL_EPMD_ADDRESS.",
        0, 0);
}
