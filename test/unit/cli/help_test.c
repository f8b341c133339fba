/* What --help, --man and --completion print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/help.h"
#include "services/services.h"

static const struct command *shown; /* the printer below has no argument for it */

/* Not inlined: gcc takes what stands in its text for a pointer into its frame. */
static __attribute__((noinline)) char *text_of(void (*print)(FILE *out)) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print(out);
    fclose(out);
    assert_true(size > 0);
    return text;
}

static void print_shown(FILE *out) {
    help_command(out, shown);
}

static void assert_fits(const char *text) {
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (size > 79)
            fail_msg("%zu columns: %.*s", size, (int)size, text);
        if (size && text[size - 1] == ' ')
            fail_msg("ends in a space: %.*s", (int)size, text);
        text += size + (text[size] == '\n');
    }
}

static void commands_are_complete(void **state) {
    unsigned seen = 0;
    for (size_t i = 0; commands[i]; i++) {
        assert_ptr_equal(command_find(commands[i]->name), commands[i]);
        assert_int_equal(seen & commands[i]->bit, 0);
        seen |= commands[i]->bit;
        assert_non_null(commands[i]->examples[0].line);
    }
    assert_int_equal(seen, IN_ALL);
    assert_null(command_find("strat"));
}

static void general_help_names_every_command(void **state) {
    char *text = text_of(help_general), line[64];
    assert_fits(text);
    for (size_t i = 0; commands[i]; i++) {
        snprintf(line, sizeof line, "\n  %s ", commands[i]->name);
        assert_non_null(strstr(text, line));
    }
    free(text);
}

/* --all is not --allow-rpc. */
static bool has_option(const char *text, const char *line) {
    size_t size = strlen(line);
    while ((text = strstr(text, line)) && text[size] != ' ' && text[size] != '\n')
        text += size;
    return text != NULL;
}

static void help_has_every_option_of_its_command(void **state) {
    for (size_t i = 0; commands[i]; i++) {
        shown = commands[i];
        char *text = text_of(print_shown);
        assert_fits(text);
        for (size_t j = 0; j < option_count; j++) {
            char line[64];
            snprintf(line, sizeof line, "\n  --%s%s%s", option_table[j].name,
                     option_table[j].value ? " " : "", option_table[j].value ? option_table[j].value : "");
            assert_int_equal(has_option(text, line), (option_table[j].commands & shown->bit) != 0);
        }
        free(text);
    }
}

/* In bash itself: what it would offer behind this line. */
static void expect_completion(const char *line, const char *words) {
    char path[] = "/tmp/hermod_completion_XXXXXX", command[512], got[1024] = "";
    char *text = text_of(help_bash);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    snprintf(command, sizeof command, "bash -c '. %s; COMP_LINE=\"%s\" COMP_POINT=%zu; __hermod; echo \"${COMPREPLY[*]}\"'", path,
             line, strlen(line));
    FILE *bash = popen(command, "r");
    assert_non_null(bash);
    assert_non_null(fgets(got, sizeof got, bash));
    assert_int_equal(pclose(bash), 0);
    got[strcspn(got, "\n")] = '\0';
    assert_string_equal(got, words);
    unlink(path);
    free(text);
}

/* Names and not columns: where lines break is another matter. */
static void help_names_the_services(void **state) {
    shown = command_find("start");
    char *help = text_of(print_shown), *man = text_of(help_man);
    const char *in_help = strstr(help, "  --without "), *in_man = strstr(man, "\\-\\-without");
    assert_non_null(in_help);
    assert_non_null(in_man);
    for (const char *const *name = services_names(); *name; name++) {
        assert_non_null(strstr(in_help, *name));
        assert_non_null(strstr(in_man, *name));
    }
    free(help);
    free(man);
    expect_completion("hermod start --without user", "user_list");
}

static void the_man_page_has_everything(void **state) {
    char *text = text_of(help_man);
    assert_int_equal(strncmp(text, ".TH HERMOD 1 ", 13), 0);
    for (size_t i = 0; i < option_count; i++) {
        char name[64] = "\\fB\\-\\-", variable[64];
        for (const char *c = option_table[i].name; *c; c++)
            strncat(name, *c == '-' ? "\\-" : (char[]){*c, '\0'}, sizeof name - strlen(name) - 1);
        strcat(name, "\\fR");
        assert_non_null(strstr(text, name));
        if (strcmp(option_table[i].name, "help"))
            assert_non_null(strstr(text, option_variable(&option_table[i], variable, sizeof variable)));
    }
    /* Every line that begins with a dot is a macro. */
    for (const char *dot = text; (dot = strstr(dot, "\n.")); dot++)
        assert_true((dot[2] >= 'A' && dot[2] <= 'Z') || strncmp(dot + 2, "br\n", 3) == 0 ||
                    strncmp(dot + 2, "nf\n", 3) == 0 || strncmp(dot + 2, "fi\n", 3) == 0);
    free(text);
}

static void completion_has_every_command_and_option(void **state) {
    char *text = text_of(help_bash);
    for (size_t i = 0; commands[i]; i++) {
        char line[64];
        snprintf(line, sizeof line, "        %s) options='", commands[i]->name);
        const char *options = strstr(text, line);
        assert_non_null(options);
        char *end = strchr(options, '\n');
        *end = '\0';
        for (size_t j = 0; j < option_count; j++) {
            char word[64];
            snprintf(word, sizeof word, "--%s", option_table[j].name);
            if (option_table[j].commands & commands[i]->bit)
                assert_non_null(strstr(options, word));
        }
        *end = '\n';
    }
    free(text);
}

static void completion_of_discovery(void **state) {
    expect_completion("hermod discover --js", "--json");
    expect_completion("hermod start --discover d", "dns:");
    expect_completion("hermod start --discover=k", "kubernetes");
    expect_completion("hermod discover kubernetes:sel", "selector=");
    expect_completion("hermod discover broadcast:port=4000,s", "4000,silence=");
    expect_completion("hermod discover local-epmd:x", "");
}

/* A program beside the script, so that the line names one that is there: it answers `names --quiet'. */
static void completion_of_nodes(void **state) {
    char directory[] = "/tmp/hermod_nodes_XXXXXX", path[64], line[160];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/hermod", directory);
    FILE *program = fopen(path, "w");
    assert_non_null(program);
    fputs("#!/bin/sh\n[ \"$1 $2\" = 'names --quiet' ] && printf 'a@vm\\nb@vm\\n'\n", program);
    fchmod(fileno(program), 0700);
    fclose(program);
    for (size_t i = 0; commands[i]; i++) {
        bool takes_node = strstr(commands[i]->arguments, "NODE") != NULL;
        snprintf(line, sizeof line, "%s %s ", path, commands[i]->name);
        if (takes_node || strcmp(commands[i]->name, "discover"))
            expect_completion(line, takes_node ? "a@vm b@vm" : "");
        snprintf(line, sizeof line, "%s %s a@vm ", path, commands[i]->name);
        if (takes_node)
            expect_completion(line, "");
    }
    snprintf(line, sizeof line, "%s call --json --timeout 500 --cookie=x b", path);
    expect_completion(line, "b@vm");
    snprintf(line, sizeof line, "%s ping --timeout ", path);
    expect_completion(line, "");
    snprintf(line, sizeof line, "%s chat --server a", path);
    expect_completion(line, "a@vm");
    unlink(path);
    rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_complete),
        cmocka_unit_test(general_help_names_every_command),
        cmocka_unit_test(help_has_every_option_of_its_command),
        cmocka_unit_test(help_names_the_services),
        cmocka_unit_test(the_man_page_has_everything),
        cmocka_unit_test(completion_has_every_command_and_option),
        cmocka_unit_test(completion_of_discovery),
        cmocka_unit_test(completion_of_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
