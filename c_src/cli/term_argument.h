/*
 * cli/term_argument: NAME and TERM as they are typed on a command line.
 */
#ifndef HM_CLI_TERM_ARGUMENT_H
#define HM_CLI_TERM_ARGUMENT_H

#include <hermod/term.h>

#include "cli/options.h"

/* Reads TERM. *syntax is the language it was written in: what --erlang or --elixir say, else Erlang if it can
 * be Erlang, else Elixir. HM_ESYNTAX with why, which is several lines: what is wrong, the term, and a caret
 * below the place. */
int term_argument_read(hm_build *build, const char *text, const struct settings *settings,
                       enum hm_syntax *syntax, char *why, size_t capacity);

/* Reads TOPIC: text as it is, for a binary; a term when it begins as only a term does, with one of { [ < # %
 * ' " or with a : as an atom of Elixir. Errors as above. */
int topic_argument_read(hm_build *build, const char *text, const struct settings *settings, char *why,
                        size_t capacity);

/* Reads NAME into an atom's text: name, 'any name', :name, :"any name", and My.Module as Elixir means it.
 * HM_ENAME with why. */
int name_argument_read(char *name, size_t capacity, const char *text, char *why, size_t why_capacity);

/* M F [ARGS]: what to call. */
struct call_argument {
    char module[HM_ATOM_BYTES], function[HM_ATOM_BYTES];
    hm_build *arguments; /* the caller's, empty before */
    enum hm_syntax syntax;
};

/* A module as My.Module or :module makes the arguments Elixir, unless --erlang. HM_ENAME, HM_ESYNTAX or
 * HM_EINVAL with why. */
int call_argument_read(struct call_argument *call, char **arguments, int count,
                       const struct settings *settings, char *why, size_t capacity);

/* The other way, for messages: My.Module for 'Elixir.My.Module'. Borrows. */
const char *name_shown(const char *name);

#endif
