/*
 * cli/help: what --help, --man and --completion print. All of it is made from the option table and the
 * commands, so none of it can be out of date.
 */
#ifndef HM_CLI_HELP_H
#define HM_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

enum { HELP_COLUMNS = 79 };

extern const char *const option_group_titles[GROUP_COUNT];

/* One meaning for each exit code, in the order of enum exit_code. */
extern const char *const exit_code_meanings[];
extern const size_t exit_code_count;

void help_general(FILE *out);
void help_command(FILE *out, const struct command *command);
/* " There are: a, b." for an option that knows its words; else nothing. */
void help_words(FILE *out, const struct option *option);
/* The man page, in roff. */
void help_man(FILE *out);
/* The completion script for bash. */
void help_bash(FILE *out);

#endif
