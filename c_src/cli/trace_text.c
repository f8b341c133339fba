#include "cli/trace_text.h"

#include <stdlib.h>
#include <string.h>

#include <hermod/trace.h>

enum { PARTS_MAX = 8 };

struct out {
    FILE *file;
    enum hm_syntax syntax;
    size_t limit;
    int error;
};

static void say(struct out *out, const char *words) {
    fputs(words, out->file);
}

static void say_term(struct out *out, hm_term term) {
    char *text;
    int error = hm_term_print(term, out->syntax, out->limit, &text);
    if (error) {
        out->error = error;
        return;
    }
    say(out, text);
    free(text);
}

/* :map as the name of a function, or of what happens, is map. */
static void say_name(struct out *out, hm_term atom) {
    char *text;
    int error = hm_term_print(atom, out->syntax, out->limit, &text);
    if (error) {
        out->error = error;
        return;
    }
    say(out, out->syntax == HM_SYNTAX_ELIXIR && text[0] == ':' ? text + 1 : text);
    free(text);
}

/* M:F(A1,A2), M:F/A, or whatever it is (ffunc/2). */
static void say_function(struct out *out, hm_term term) {
    bool elixir = out->syntax == HM_SYNTAX_ELIXIR;
    hm_term parts[3], argument;
    struct hm_list list;
    if (!hm_tuple_elements(term, 3, parts)) {
        say_term(out, term);
        return;
    }
    say_term(out, parts[0]);
    say(out, elixir ? "." : ":");
    say_name(out, parts[1]);
    if (!hm_list_begin(parts[2], &list)) {
        say(out, "/");
        say_term(out, parts[2]);
        return;
    }
    say(out, "(");
    for (bool first = true; hm_list_next(&list, &argument); first = false) {
        if (!first)
            say(out, elixir ? ", " : ",");
        say_term(out, argument);
    }
    say(out, ")");
}

/* ---- trace, trace_ts ---- */

/* count: of parts, without a timestamp. */
static void say_event(struct out *out, const hm_term parts[], long count) {
    hm_term tag = parts[2];
    bool one = count == 4, two = count == 5;
    say(out, "(");
    say_term(out, parts[1]);
    say(out, ") ");
    if (one && hm_is_atom(tag, "receive")) {
        say(out, "<< ");
        say_term(out, parts[3]);
    } else if (two && hm_is_atom(tag, "send")) {
        say_term(out, parts[4]);
        say(out, " ! ");
        say_term(out, parts[3]);
    } else if ((one || two) && hm_is_atom(tag, "call")) {
        say(out, "call ");
        say_function(out, parts[3]);
        if (two) { /* what a match specification had to say */
            say(out, " (");
            say_term(out, parts[4]);
            say(out, ")");
        }
    } else if (two && hm_is_atom(tag, "return_from")) {
        say(out, "returned from ");
        say_function(out, parts[3]);
        say(out, " -> ");
        say_term(out, parts[4]);
    } else if (one && hm_is_atom(tag, "return_to")) {
        say(out, "returning to ");
        say_function(out, parts[3]);
    } else if (two && hm_is_atom(tag, "spawn")) {
        say(out, "spawn ");
        say_term(out, parts[3]);
        say(out, " as ");
        say_function(out, parts[4]);
    } else {
        for (long i = 2; i < count; i++) {
            if (i > 2)
                say(out, " ");
            if (i == 2)
                say_name(out, tag);
            else
                say_term(out, parts[i]);
        }
    }
}

static bool say_trace(struct out *out, hm_term message) {
    hm_term parts[PARTS_MAX];
    long arity = hm_tuple_arity(message);
    if (arity < 3 || arity > PARTS_MAX || !hm_tuple_elements(message, (unsigned)arity, parts))
        return false;
    bool timed = hm_is_atom(parts[0], "trace_ts");
    if ((!timed && !hm_is_atom(parts[0], "trace")) || (timed && arity < 4))
        return false;
    long count = arity - timed;
    if (count == 4 && hm_is_atom(parts[2], "receive") && hm_match(parts[3], "{dbg, ok}"))
        return true; /* dbg's own */
    say_event(out, parts, count);
    if (timed) {
        say(out, " (Timestamp: ");
        say_term(out, parts[arity - 1]);
        say(out, ")");
    }
    say(out, "\n");
    return true;
}

/* ---- seq_trace ---- */

static bool say_sequence(struct out *out, hm_term message) {
    hm_term label, info, time = {0}, serial, from, to, what;
    if (!hm_match(message, "{seq_trace, ~t, ~t}", &label, &info) && !hm_match(message, "{seq_trace, ~t, ~t, ~t}", &label, &info, &time))
        return false;
    say(out, "SeqTrace ");
    if (time.size) {
        say_term(out, time);
        say(out, " ");
    }
    say(out, "[");
    say_term(out, label);
    say(out, "]: ");
    bool sent = hm_match(info, "{send, ~t, ~t, ~t, ~t}", &serial, &from, &to, &what);
    if (sent || hm_match(info, "{'receive', ~t, ~t, ~t, ~t}", &serial, &from, &to, &what)) {
        say(out, "(");
        say_term(out, sent ? from : to);
        say(out, ") ");
        if (sent)
            say_term(out, to);
        say(out, sent ? " ! " : "<< ");
        say_term(out, what);
    } else if (hm_match(info, "{print, ~t, ~t, ~t, ~t}", &serial, &from, &to, &what)) {
        say(out, "-> ");
        say_term(out, what);
    } else {
        say_term(out, info);
        say(out, "\n");
        return true;
    }
    say(out, " [Serial: ");
    say_term(out, serial);
    if (!sent) {
        say(out, ", From: ");
        say_term(out, from);
    }
    say(out, "]\n");
    return true;
}

/* ---- JSON ---- */

static int print_object(FILE *out, hm_term message) {
    struct hm_trace_event event;
    char *text = NULL, *whole = NULL;
    int error = hm_trace_read(message, &event);
    if (!error)
        error = hm_trace_print(&event, HM_SYNTAX_JSON, 0, &whole);
    if (error == HM_EBADTERM && (error = hm_term_print(message, HM_SYNTAX_ERLANG, 0, &text)) == 0) {
        /* No event that has those keys, or a term that JSON cannot say. */
        hm_build *build = hm_build_new();
        if (build)
            hm_put_format(build, "#{type => other, text => ~s}", text);
        error = build ? hm_build_error(build) : HM_ENOMEM;
        if (!error)
            error = hm_term_print(hm_build_term(build), HM_SYNTAX_JSON, 0, &whole);
        hm_build_free(build);
    }
    if (!error)
        fprintf(out, "%s\n", whole);
    free(text);
    free(whole);
    return error;
}

/* ---- both ---- */

int trace_text_print(FILE *file, hm_term message, enum hm_syntax syntax, size_t limit) {
    struct out out = {file, syntax, limit, 0};
    uint64_t count;
    if (hm_match(message, "{drop, ~u}", &count)) {
        trace_text_print_dropped(file, count, syntax);
        return 0;
    }
    if (syntax == HM_SYNTAX_JSON)
        return print_object(file, message);
    if (!say_trace(&out, message) && !say_sequence(&out, message)) {
        say_term(&out, message);
        say(&out, "\n");
    }
    return out.error;
}

void trace_text_print_dropped(FILE *file, uint64_t count, enum hm_syntax syntax) {
    unsigned long long number = count;
    if (syntax == HM_SYNTAX_JSON)
        fprintf(file, "{\"type\":\"drop\",\"count\":%llu}\n", number);
    else
        fprintf(file, "*** Dropped %llu message%s.\n", number, number == 1 ? "" : "s");
}
