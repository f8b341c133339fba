#include "cli/term_argument.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/error.h>

#include "cli/complain.h"

enum { SHOWN = 60 }; /* how much of a long term is shown around the mistake */

/* The parser's sentence ends in "at column N"; 0 when it does not. */
static size_t column_of(const char *error) {
    const char *found = NULL;
    for (const char *at = error; (at = strstr(at, "column ")); at++)
        found = at;
    return found ? strtoul(found + strlen("column "), NULL, 10) : 0;
}

static bool is_plain(const char *text) {
    for (; *text; text++)
        if (!isprint((unsigned char)*text))
            return false;
    return true;
}

/* Columns and characters agree only in plain ASCII; other terms get the sentence alone. */
static int show_place(const char *text, const char *error, const char *language, char *why, size_t capacity) {
    size_t column = column_of(error), size = strlen(text);
    if (column == 0 || column > size + 1 || !is_plain(text))
        return complain(HM_ESYNTAX, why, capacity, "this is no %s term: %s", language, error);
    size_t from = column > SHOWN ? column - SHOWN : 0;
    const char *dots = from ? "..." : "";
    size_t left = size - from < 2 * SHOWN ? size - from : 2 * SHOWN;
    return complain(HM_ESYNTAX, why, capacity, "this is no %s term: %s\n  %s%.*s\n  %*s", language, error,
                    dots, (int)left, text + from, (int)(strlen(dots) + column - from), "^");
}

int term_argument_read(hm_build *build, const char *text, const struct settings *settings,
                       enum hm_syntax *syntax, char *why, size_t capacity) {
    char erlang[256], elixir[256];
    int in_erlang =
        settings->elixir ? HM_ESYNTAX : hm_term_parse(text, HM_SYNTAX_ERLANG, build, erlang, sizeof erlang);
    *syntax = HM_SYNTAX_ERLANG;
    if (in_erlang == 0)
        return 0;
    if (in_erlang == HM_ESYNTAX && !settings->erlang) {
        int in_elixir = hm_term_parse(text, HM_SYNTAX_ELIXIR, build, elixir, sizeof elixir);
        *syntax = HM_SYNTAX_ELIXIR;
        if (in_elixir == 0)
            return 0;
        /* It is neither: the language in which more of it made sense is the one that was meant. */
        if (in_elixir == HM_ESYNTAX && (settings->elixir || column_of(elixir) > column_of(erlang)))
            return show_place(text, elixir, "Elixir", why, capacity);
        if (in_elixir != HM_ESYNTAX)
            return complain(in_elixir, why, capacity, "%s", hm_strerror(in_elixir));
    }
    if (in_erlang != HM_ESYNTAX)
        return complain(in_erlang, why, capacity, "%s", hm_strerror(in_erlang));
    return show_place(text, erlang, "Erlang", why, capacity);
}

int topic_argument_read(hm_build *build, const char *text, const struct settings *settings, char *why,
                        size_t capacity) {
    struct settings language = *settings;
    enum hm_syntax syntax;
    /* "room.1" is text to everybody here, and would be a charlist in Erlang. */
    if (*text == '"' && !settings->erlang)
        language.elixir = true;
    if (*text && strchr("{[<#%'\":", *text))
        return term_argument_read(build, text, &language, &syntax, why, capacity);
    hm_put_text(build, text);
    return hm_build_error(build);
}

/* may_be_alias: a capital letter makes it a module of Elixir. what: for the complaint. */
static int read_name(char *name, size_t capacity, const char *text, bool may_be_alias, const char *what,
                     char *why, size_t why_capacity) {
    size_t size = strlen(text);
    bool literal = false;
    const char *prefix = "";
    if (size > 1 && text[0] == ':') {
        text++;
        size--;
        literal = true;
    }
    if (size > 1 && (text[0] == '\'' || text[0] == '"') && text[size - 1] == text[0]) {
        text++;
        size -= 2;
        literal = true;
    }
    /* No Erlang atom begins with a capital unless it is quoted, so this is a module of Elixir. */
    if (may_be_alias && !literal && isupper((unsigned char)text[0]) && strncmp(text, "Elixir.", 7))
        prefix = "Elixir.";
    size_t characters = strlen(prefix);
    for (size_t i = 0; i < size; i++)
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    int written = snprintf(name, capacity, "%s%.*s", prefix, (int)size, text);
    if (size == 0 || characters > 255 || written < 0 || (size_t)written >= capacity)
        return complain(HM_ENAME, why, why_capacity,
                        "\"%.40s\" is no name of a %s: a name is an atom of 1 to 255 characters", text, what);
    return 0;
}

int name_argument_read(char *name, size_t capacity, const char *text, char *why, size_t why_capacity) {
    return read_name(name, capacity, text, true, "process", why, why_capacity);
}

int call_argument_read(struct call_argument *call, char **arguments, int count,
                       const struct settings *settings, char *why, size_t capacity) {
    struct settings language = *settings;
    const char *module = arguments[0];
    int error = read_name(call->module, sizeof call->module, module, true, "module", why, capacity);
    if (!error)
        error =
            read_name(call->function, sizeof call->function, arguments[1], false, "function", why, capacity);
    if (error)
        return error;
    /* My.Module and :module are written by somebody who thinks in Elixir, where "text" is a binary. */
    if (!settings->erlang && (module[0] == ':' || strncmp(call->module, "Elixir.", 7) == 0))
        language.elixir = true;
    const char *list = count > 2 ? arguments[2] : "[]";
    error = term_argument_read(call->arguments, list, &language, &call->syntax, why, capacity);
    if (error)
        return error;
    struct hm_list elements;
    hm_term ignored;
    long length = 0;
    if (hm_list_begin(hm_build_term(call->arguments), &elements))
        for (; hm_list_next(&elements, &ignored); length++)
            continue;
    else
        length = -1;
    if (length < 0 || length > 255 || !hm_list_end(&elements, NULL))
        return complain(HM_EINVAL, why, capacity,
                        "ARGS must be a list of at most 255 terms, as [1, two]: %.60s", list);
    return 0;
}

const char *name_shown(const char *name) {
    return strncmp(name, "Elixir.", 7) == 0 && isupper((unsigned char)name[7]) ? name + 7 : name;
}
