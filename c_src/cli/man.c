/* The manual page. groff_man(7) tells what the macros do, man-pages(7) what belongs where. */
#include <string.h>

#include <hermod/hermod.h>

#include "cli/help.h"

/* Text as it is: a dash is a dash to be copied, nothing at the start of a line is a macro. */
static void put_text(FILE *out, const char *text) {
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        start = *text == '\n';
        switch (*text) {
        case '-':
            fputs("\\-", out);
            break;
        case '\\':
            fputs("\\e", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        case '`':
            fputs("\\(ga", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void put_paragraphs(FILE *out, const char *text) {
    for (const char *end; (end = strstr(text, "\n\n")); text = end + 2) {
        char part[4096];
        snprintf(part, sizeof part, "%.*s", (int)(end - text), text);
        put_text(out, part);
        fputs("\n.PP\n", out);
    }
    put_text(out, text);
    fputc('\n', out);
}

static void put_command(FILE *out, const struct command *command) {
    fprintf(out, ".SS hermod %s [OPTIONS] ", command->name);
    put_text(out, command->arguments);
    fputc('\n', out);
    put_paragraphs(out, command->about);
    for (const struct example *e = command->examples; e->line; e++) {
        fputs(".TP\n\\fB", out);
        put_text(out, e->line);
        fputs("\\fR\n", out);
        put_text(out, e->says);
        fputc('\n', out);
    }
}

static void put_option(FILE *out, const struct option *option) {
    char buffer[64];
    fputs(".TP\n\\fB\\-\\-", out);
    put_text(out, option->name);
    fputs("\\fR", out);
    if (option->value) {
        fputs(" \\fI", out);
        put_text(out, option->value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_text(out, option->help);
    help_words(out, option);
    if (option->choices) {
        fputs(" One of ", out);
        put_text(out, option->choices);
        fputc('.', out);
    }
    if (option->fallback)
        fprintf(out, " Default: %s.", option->fallback);
    fputs("\n(", out);
    const char *sep = "";
    for (size_t i = 0; commands[i]; i++)
        if (option->commands & commands[i]->bit) {
            fprintf(out, "%s%s", sep, commands[i]->name);
            sep = ", ";
        }
    if (strcmp(option->name, "help"))
        fprintf(out, "; $%s", option_variable(option, buffer, sizeof buffer));
    fputs(")\n", out);
}

void help_man(FILE *out) {
    fprintf(out, ".TH HERMOD 1 \"\" \"hermod %s\" \"User Commands\"\n", HM_VERSION);
    fputs(".SH NAME\nhermod \\- a native Erlang node, and tools to talk to Erlang nodes\n"
          ".SH SYNOPSIS\n",
          out);
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "%s\\fBhermod %s\\fR [OPTIONS] ", i ? ".br\n" : "", commands[i]->name);
        put_text(out, commands[i]->arguments);
        fputc('\n', out);
    }
    fputs(".SH DESCRIPTION\n", out);
    put_paragraphs(
        out, "hermod start runs a node that is a full member of an Erlang cluster: it is in Node.list(), "
             "and GenServer calls, monitors, links, :rpc and :sys work with it.\n\n"
             "The other commands are short-lived hidden nodes; they talk to any node, be it Hermod or BEAM.");
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; commands[i]; i++)
        put_command(out, commands[i]);
    fputs(".SH OPTIONS\nAfter each option stand the commands that have it, and its environment variable. A "
          "value on the command line\ngoes before one in the environment, and that before one in the "
          "configuration file.\n",
          out);
    for (int group = 0; group < GROUP_COUNT; group++) {
        fprintf(out, ".SS %s\n", option_group_titles[group]);
        for (size_t i = 0; i < option_count; i++)
            if (option_table[i].group == (enum option_group)group)
                put_option(out, &option_table[i]);
    }
    fputs(
        ".SH CONFIGURATION FILE\nThe options of hermod start, one on each line, without dashes. An option "
        "that may be repeated is repeated:\n.PP\n.nf\n.RS\n"
        "# who we are\nname = hermod@10.0.0.5\nhidden = true\n\nconnect = a@10.0.0.6\nconnect = b@10.0.0.7\n"
        "net\\-ticktime = 8\n.RE\n.fi\n",
        out);
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < exit_code_count; i++)
        fprintf(out, ".TP\n.B %zu\n%s\n", i, exit_code_meanings[i]);
    fputs(".TP\n.B 130, 143\nCtrl\\-C, SIGTERM; start and chat end with 0 then.\n", out);
    fputs(".SH FILES\n.TP\n\\fI\\(ti/.erlang.cookie\\fR\nThe cookie, shared with erl and iex. Made with mode "
          "0400 when it is missing; refused when others can read it.\n"
          ".SH SEE ALSO\n.BR erl (1),\n.BR epmd (1),\n.BR iex (1)\n",
          out);
}
