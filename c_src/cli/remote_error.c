#include "cli/remote_error.h"

#include <stdlib.h>
#include <string.h>

enum { PRINTED_BYTES = 4000, FRAMES = 12 };

/* A reason that the runtime gives, and what the shells say then. %s: the rest of the reason. */
struct known {
    const char *reason;
    bool with_value; /* {Reason, Value} */
    const char *erlang, *elixir;
};

static const struct known KNOWN[] = {
    {"badarg", false, "bad argument", "(ArgumentError) argument error"},
    {"badarith", false, "an error occurred when evaluating an arithmetic expression",
     "(ArithmeticError) bad argument in arithmetic expression"},
    {"system_limit", false, "a system limit has been reached",
     "(SystemLimitError) a system limit has been reached"},
    {"if_clause", false, "no true branch found when evaluating an if expression",
     "(CondClauseError) no cond clause evaluated to a truthy value"},
    {"badmatch", true, "no match of right hand side value ",
     "(MatchError) no match of right hand side value: "},
    {"case_clause", true, "no case clause matching ", "(CaseClauseError) no case clause matching: "},
    {"try_clause", true, "no try clause matching ", "(TryClauseError) no try clause matching: "},
    {"badmap", true, "bad map: ", "(BadMapError) expected a map, got: "},
    {"badfun", true, "bad function ", "(BadFunctionError) expected a function, got: "},
    {"badkey", true, "bad key: ", "(KeyError) key not found: "},
};

static void put_term(FILE *out, hm_term term, enum hm_syntax syntax) {
    char *text;
    if (hm_term_print(term, syntax, PRINTED_BYTES, &text)) {
        fputs("(no memory to print it)", out);
        return;
    }
    fputs(text, out);
    free(text);
}

/* ---- the stack: [{Module, Function, ArityOrArguments, [{file, "x.erl"}, {line, 12}]}] ---- */

static bool is_frame(hm_term frame, hm_term parts[4]) {
    return hm_tuple_elements(frame, 4, parts) && hm_term_type(parts[0]) == HM_TYPE_ATOM &&
           hm_term_type(parts[1]) == HM_TYPE_ATOM;
}

static bool is_stack(hm_term stack) {
    struct hm_list list;
    hm_term frame, parts[4];
    if (!stack.size || !hm_list_begin(stack, &list))
        return false;
    while (hm_list_next(&list, &frame))
        if (!is_frame(frame, parts))
            return false;
    return hm_list_end(&list, NULL);
}

static bool first_frame(hm_term stack, hm_term parts[4]) {
    struct hm_list list;
    hm_term frame;
    return stack.size && hm_list_begin(stack, &list) && hm_list_next(&list, &frame) && is_frame(frame, parts);
}

static void put_function(FILE *out, const hm_term parts[4], enum hm_syntax syntax) {
    int64_t arity;
    if (!hm_get_int64(parts[2], &arity))
        arity = hm_list_length(parts[2]);
    put_term(out, parts[0], syntax);
    fputc(syntax == HM_SYNTAX_ELIXIR ? '.' : ':', out);
    struct hm_text name;
    if (syntax == HM_SYNTAX_ELIXIR && hm_get_atom(parts[1], &name)) {
        char *text;
        if (hm_term_print(parts[1], HM_SYNTAX_ELIXIR, 0, &text))
            return;
        fputs(text + (*text == ':'), out); /* :run, but Module.run */
        free(text);
    } else {
        put_term(out, parts[1], syntax);
    }
    fprintf(out, "/%lld", (long long)arity);
}

static bool read_place(hm_term location, char *file, size_t capacity, int64_t *line) {
    struct hm_list list;
    hm_term item, pair[2];
    size_t size;
    *file = '\0';
    *line = 0;
    if (!hm_list_begin(location, &list))
        return false;
    while (hm_list_next(&list, &item)) {
        if (!hm_tuple_elements(item, 2, pair))
            continue;
        if (hm_is_atom(pair[0], "file") && !hm_get_text(pair[1], file, capacity, &size))
            *file = '\0';
        if (hm_is_atom(pair[0], "line"))
            hm_get_int64(pair[1], line);
    }
    for (char *c = file; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?'; /* nothing that a terminal would act on */
    return *file;
}

static void put_frame(FILE *out, const hm_term parts[4], enum hm_syntax syntax, bool first) {
    char file[300];
    int64_t line;
    bool placed = read_place(parts[3], file, sizeof file, &line);
    if (syntax == HM_SYNTAX_ELIXIR) {
        fputs("    ", out);
        if (placed)
            fprintf(out, "%s:%lld: ", file, (long long)line);
        put_function(out, parts, syntax);
    } else {
        fputs(first ? "  in function  " : "  in call from ", out);
        put_function(out, parts, syntax);
        if (placed)
            fprintf(out, " (%s, line %lld)", file, (long long)line);
    }
}

/* ---- what it was ---- */

/* Elixir: %RuntimeError{message: "..."} and the like. */
static bool put_exception(FILE *out, hm_term reason, enum hm_syntax syntax) {
    hm_term name, message;
    struct hm_text module;
    char text[PRINTED_BYTES], *escaped;
    size_t size;
    if (!hm_map_get_atom(reason, "__exception__", &message) ||
        !hm_map_get_atom(reason, "__struct__", &name) || !hm_get_atom(name, &module))
        return false;
    fputs("(", out);
    put_term(out, name, HM_SYNTAX_ELIXIR);
    fputs(") ", out);
    if (hm_map_get_atom(reason, "message", &message) && hm_get_text(message, text, sizeof text, &size) &&
        hm_term_print(message, HM_SYNTAX_ELIXIR, PRINTED_BYTES, &escaped) == HM_OK) {
        size_t length = strlen(escaped);
        bool quoted = length > 1 && escaped[0] == '"' && escaped[length - 1] == '"';
        fwrite(escaped + quoted, 1, length - 2 * quoted, out); /* escaped, but without the quotes around it */
        free(escaped);
    } else {
        put_term(out, reason, syntax);
    }
    return true;
}

static bool put_known(FILE *out, hm_term reason, enum hm_syntax syntax) {
    hm_term pair[2];
    bool elixir = syntax == HM_SYNTAX_ELIXIR, is_pair = hm_tuple_elements(reason, 2, pair);
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        const struct known *known = &KNOWN[i];
        if (known->with_value ? !is_pair || !hm_is_atom(pair[0], known->reason)
                              : !hm_is_atom(reason, known->reason))
            continue;
        fputs(elixir ? known->elixir : known->erlang, out);
        if (known->with_value)
            put_term(out, pair[1], syntax);
        return true;
    }
    return false;
}

static void put_error(FILE *out, const struct remote_error *error, enum hm_syntax syntax) {
    bool elixir = syntax == HM_SYNTAX_ELIXIR;
    hm_term top[4];
    bool undef = hm_is_atom(error->reason, "undef"), clause = hm_is_atom(error->reason, "function_clause");
    if (put_exception(out, error->reason, syntax))
        return;
    if ((undef || clause) && first_frame(error->stack, top)) {
        fputs(undef    ? elixir ? "(UndefinedFunctionError) function " : "undefined function "
              : elixir ? "(FunctionClauseError) no function clause matching in "
                       : "no function clause matching ",
              out);
        put_function(out, top, syntax);
        if (undef && elixir)
            fputs(" is undefined", out);
        return;
    }
    if (put_known(out, error->reason, syntax))
        return;
    if (elixir)
        fputs("(ErlangError) Erlang error: ", out);
    put_term(out, error->reason, syntax);
}

static void put_message(FILE *out, const struct remote_error *error, enum hm_syntax syntax) {
    static const char *const ERLANG[] = {[HM_RPC_THROW] = "exception throw: ",
                                         [HM_RPC_EXIT] = "exception exit: ",
                                         [HM_RPC_ERROR] = "exception error: ",
                                         [HM_RPC_SIGNAL] = "the process was ended: ",
                                         [HM_RPC_REFUSED] = "the node refused: "};
    static const char *const ELIXIR[] = {[HM_RPC_THROW] = "** (throw) ",
                                         [HM_RPC_EXIT] = "** (exit) ",
                                         [HM_RPC_ERROR] = "** ",
                                         [HM_RPC_SIGNAL] = "** (EXIT) ",
                                         [HM_RPC_REFUSED] = "** the node refused: "};
    fputs(syntax == HM_SYNTAX_ELIXIR ? ELIXIR[error->kind] : ERLANG[error->kind], out);
    if (error->kind == HM_RPC_ERROR)
        put_error(out, error, syntax);
    else
        put_term(out, error->reason, syntax);
}

struct remote_error remote_error_of_exit(hm_term reason) {
    hm_term parts[2], thrown[2];
    if (hm_tuple_elements(reason, 2, parts) && is_stack(parts[1])) {
        if (hm_tuple_elements(parts[0], 2, thrown) && hm_is_atom(thrown[0], "nocatch"))
            return (struct remote_error){HM_RPC_THROW, thrown[1], parts[1]};
        return (struct remote_error){HM_RPC_ERROR, parts[0], parts[1]};
    }
    return (struct remote_error){HM_RPC_EXIT, reason, {0}};
}

void remote_error_print(FILE *out, const struct remote_error *error, enum hm_syntax syntax) {
    struct hm_list list;
    hm_term frame, parts[4];
    put_message(out, error, syntax);
    fputc('\n', out);
    if (!is_stack(error->stack))
        return;
    hm_list_begin(error->stack, &list);
    for (int i = 0; i < FRAMES && hm_list_next(&list, &frame); i++)
        if (is_frame(frame, parts)) {
            put_frame(out, parts, syntax, i == 0);
            fputc('\n', out);
        }
}

/* What one of these functions prints, as a binary. */
static void put_printed(hm_build *build, void (*print)(FILE *out, const void *what, enum hm_syntax syntax),
                        const void *what, enum hm_syntax syntax) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out) {
        print(out, what, syntax);
        fclose(out);
    }
    hm_put_binary(build, text ? text : "", size);
    free(text);
}

static void print_message(FILE *out, const void *error, enum hm_syntax syntax) {
    put_message(out, error, syntax);
}

static void print_frame(FILE *out, const void *parts, enum hm_syntax syntax) {
    const hm_term *frame = parts;
    char file[300];
    int64_t line;
    put_function(out, frame, syntax);
    if (read_place(frame[3], file, sizeof file, &line))
        fprintf(out, " (%s:%lld)", file, (long long)line);
}

void remote_error_put(hm_build *build, const struct remote_error *error, enum hm_syntax syntax) {
    static const char *const CLASSES[] = {[HM_RPC_THROW] = "throw",
                                          [HM_RPC_EXIT] = "exit",
                                          [HM_RPC_ERROR] = "error",
                                          [HM_RPC_SIGNAL] = "signal",
                                          [HM_RPC_REFUSED] = "refused"};
    struct hm_list list;
    hm_term frame, parts[4];
    hm_put_map(build, 4);
    hm_put_atom(build, "class");
    hm_put_atom(build, CLASSES[error->kind]);
    hm_put_atom(build, "message");
    put_printed(build, print_message, error, syntax);
    hm_put_atom(build, "reason");
    hm_put_term(build, error->reason);
    hm_put_atom(build, "stack");
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    if (is_stack(error->stack) && hm_list_begin(error->stack, &list))
        for (; count < FRAMES && hm_list_next(&list, &frame) && is_frame(frame, parts); count++)
            put_printed(build, print_frame, parts, syntax);
    hm_put_list_end(build, begin, count);
}
