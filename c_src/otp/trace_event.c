/*
 * Events of <hermod/trace.h> as terms and as text. Pure: any thread.
 *
 * The terms are those of dbg: {trace, Who, Tag, What} or {trace, Who, Tag, What, Value}, and trace_ts with a timestamp behind. The words are
 * for people, and safe to print.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include <hermod/trace.h>

enum { TEXT_BYTES = 1000 }; /* of one term in a line, unless the caller says otherwise */

static const char *const TAGS[] = {
    [HM_TRACE_CALL] = "call",
    [HM_TRACE_RETURN] = "return_from",
    [HM_TRACE_EXCEPTION] = "exception_from",
    [HM_TRACE_RECEIVE] = "receive",
    [HM_TRACE_SEND] = "send",
    [HM_TRACE_SPAWNED] = "spawned",
    [HM_TRACE_EXIT] = "exit",
    [HM_TRACE_LINK] = "link",
    [HM_TRACE_UNLINK] = "unlink",
    [HM_TRACE_GETTING_LINKED] = "getting_linked",
    [HM_TRACE_GETTING_UNLINKED] = "getting_unlinked",
    [HM_TRACE_REGISTER] = "register",
    [HM_TRACE_UNREGISTER] = "unregister",
};

const char *hm_trace_end_name(enum hm_trace_end why) {
    static const char *const names[] = {
        [HM_TRACE_STOPPED] = "stopped",
        [HM_TRACE_LIMIT] = "limit",
        [HM_TRACE_RATE] = "rate",
        [HM_TRACE_TARGET_GONE] = "target_gone",
        [HM_TRACE_RECORDING_FULL] = "recording_full",
        [HM_TRACE_NO_MEMORY] = "system_limit",
        [HM_TRACE_OWNER_GONE] = "owner_gone",
    };
    return (size_t)why < sizeof names / sizeof *names ? names[why] : "unknown";
}

static bool has_value(enum hm_trace_type type) {
    return type == HM_TRACE_RETURN || type == HM_TRACE_EXCEPTION || type == HM_TRACE_SEND || type == HM_TRACE_SPAWNED;
}

/* ---- dbg's terms ---- */

void hm_trace_put(hm_build *build, const struct hm_trace_event *event, bool timestamp) {
    hm_put_tuple(build, 3 + (event->what.size != 0) + (event->value.size != 0) + timestamp);
    hm_put_atom(build, timestamp ? "trace_ts" : "trace");
    hm_put_term(build, event->who);
    if (event->type == HM_TRACE_OTHER)
        hm_put_term(build, event->tag);
    else
        hm_put_atom(build, TAGS[event->type]);
    if (event->what.size)
        hm_put_term(build, event->what);
    if (event->value.size)
        hm_put_term(build, event->value);
    if (timestamp) /* erlang:timestamp/0 */
        hm_put_format(build, "{~i, ~i, ~i}", event->time_us / 1000000000000, event->time_us / 1000000 % 1000000,
                      event->time_us % 1000000);
}

static int64_t read_time(hm_term term) {
    int64_t mega, seconds, micro;
    if (!hm_match(term, "{~i, ~i, ~i}", &mega, &seconds, &micro) || mega < 0 || mega > 1000000 || seconds < 0 ||
        seconds >= 1000000 || micro < 0 || micro >= 1000000)
        return 0; /* one of the other clocks that a BEAM can be told to use */
    return (mega * 1000000 + seconds) * 1000000 + micro;
}

static enum hm_trace_type type_of(hm_term tag) {
    for (size_t i = 0; i < sizeof TAGS / sizeof *TAGS; i++)
        if (hm_is_atom(tag, TAGS[i]))
            return (enum hm_trace_type)i;
    return HM_TRACE_OTHER;
}

int hm_trace_read(hm_term term, struct hm_trace_event *event) {
    enum { MOST = 6 };
    hm_term parts[MOST];
    long arity = hm_tuple_arity(term);
    if (arity < 3 || arity > MOST || !hm_tuple_elements(term, (unsigned)arity, parts))
        return HM_EBADTERM;
    struct hm_trace_event read = {.who = parts[1], .tag = parts[2]};
    long count = arity - 3;
    if (hm_is_atom(parts[0], "trace_ts")) {
        if (count < 1)
            return HM_EBADTERM;
        read.time_us = read_time(parts[arity - 1]);
        count--;
    } else if (!hm_is_atom(parts[0], "trace")) {
        return HM_EBADTERM;
    }
    if (count > 2 || hm_term_type(read.tag) != HM_TYPE_ATOM)
        return HM_EBADTERM;
    read.type = type_of(read.tag);
    if (count > 0)
        read.what = parts[3];
    if (count > 1)
        read.value = parts[4];
    if (read.type != HM_TRACE_OTHER && count != 1 + has_value(read.type))
        read.type = HM_TRACE_OTHER; /* a call with what a match specification adds, for instance */
    *event = read;
    return HM_OK;
}

/* ---- {M, F, Args} and {M, F, Arity} ---- */

struct function {
    hm_term module, name, arguments; /* arguments: of size 0 when there is only their number */
    uint64_t arity;
};

static bool read_function(hm_term term, struct function *function) {
    hm_term parts[3];
    if (!hm_tuple_elements(term, 3, parts) || hm_term_type(parts[0]) != HM_TYPE_ATOM ||
        hm_term_type(parts[1]) != HM_TYPE_ATOM)
        return false;
    *function = (struct function){parts[0], parts[1], {0}, 0};
    if (hm_get_uint64(parts[2], &function->arity))
        return true;
    struct hm_list list;
    hm_term element;
    if (!hm_list_begin(parts[2], &list))
        return false;
    function->arguments = parts[2];
    while (hm_list_next(&list, &element))
        function->arity++;
    return hm_list_end(&list, NULL);
}

/* ---- maps ---- */

/* Elixir's %DateTime{} (lib/elixir/lib/calendar/datetime.ex), in UTC. */
static void put_datetime(hm_build *build, int64_t time_us) {
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm tm;
    if (!time_us || !gmtime_r(&seconds, &tm)) {
        hm_put_atom(build, "nil");
        return;
    }
    hm_put_format(build,
                  "#{'__struct__' => 'Elixir.DateTime', calendar => 'Elixir.Calendar.ISO', year => ~i, month => ~i, day => ~i, "
                  "hour => ~i, minute => ~i, second => ~i, microsecond => {~i, 6}, time_zone => \"Etc/UTC\", zone_abbr => \"UTC\", "
                  "utc_offset => 0, std_offset => 0}",
                  (int64_t)tm.tm_year + 1900, (int64_t)tm.tm_mon + 1, (int64_t)tm.tm_mday, (int64_t)tm.tm_hour,
                  (int64_t)tm.tm_min, (int64_t)tm.tm_sec, time_us % 1000000);
}

/* RFC 3339, as DateTime.to_iso8601 writes it. */
static void put_time_text(hm_build *build, int64_t time_us) {
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm tm;
    char text[64], day[32];
    if (!time_us || !gmtime_r(&seconds, &tm)) {
        hm_put_atom(build, "nil");
        return;
    }
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof text, "%s.%06uZ", day, (unsigned)(time_us % 1000000));
    hm_put_text(build, text);
}

static void put_time(hm_build *build, int64_t time_us, bool as_text) {
    hm_put_atom(build, "datetime");
    if (as_text)
        put_time_text(build, time_us);
    else
        put_datetime(build, time_us);
}

static void put_function(hm_build *build, const struct function *function) {
    hm_put_atom(build, "module");
    hm_put_term(build, function->module);
    hm_put_atom(build, "function");
    hm_put_term(build, function->name);
    hm_put_atom(build, "arity");
    hm_put_uint64(build, function->arity);
}

static void put_entry(hm_build *build, const char *key, hm_term value) {
    hm_put_atom(build, key);
    hm_put_term(build, value);
}

static void put_type(hm_build *build, const char *type) {
    hm_put_atom(build, "type");
    hm_put_atom(build, type);
}

static void put_other(hm_build *build, const struct hm_trace_event *event, bool time_as_text) {
    uint32_t count = (event->what.size != 0) + (event->value.size != 0);
    hm_put_map(build, 4);
    put_time(build, event->time_us, time_as_text);
    put_entry(build, "pid", event->who);
    if (event->type == HM_TRACE_OTHER)
        put_entry(build, "type", event->tag);
    else
        put_type(build, TAGS[event->type]);
    hm_put_atom(build, "args");
    hm_put_list(build, count);
    if (event->what.size)
        hm_put_term(build, event->what);
    if (event->value.size)
        hm_put_term(build, event->value);
    hm_put_nil(build);
}

static void put_map(hm_build *build, const struct hm_trace_event *event, bool time_as_text) {
    struct function function;
    hm_term parts[2];
    bool is_function = event->type <= HM_TRACE_EXCEPTION && read_function(event->what, &function);
    if (is_function && event->type == HM_TRACE_CALL && function.arguments.size) {
        hm_put_map(build, 6);
        put_type(build, "call");
        put_entry(build, "args", function.arguments);
    } else if (is_function && event->type == HM_TRACE_RETURN) {
        hm_put_map(build, 6);
        put_type(build, "return");
        put_entry(build, "return_value", event->value);
    } else if (is_function && event->type == HM_TRACE_EXCEPTION && hm_tuple_elements(event->value, 2, parts)) {
        hm_put_map(build, 7);
        put_type(build, "exception");
        put_entry(build, "class", parts[0]);
        put_entry(build, "reason", parts[1]);
    } else {
        put_other(build, event, time_as_text);
        return;
    }
    put_function(build, &function);
    put_time(build, event->time_us, time_as_text);
}

void hm_trace_put_map(hm_build *build, const struct hm_trace_event *event) {
    put_map(build, event, false);
}

/* ---- text ---- */

struct line {
    struct writer text;
    enum hm_syntax syntax;
    size_t limit;
};

static void say(struct line *line, const char *words) {
    writer_put(&line->text, words, strlen(words));
}

static void say_term(struct line *line, hm_term term) {
    char *text;
    int error = hm_term_print(term, line->syntax, line->limit, &text);
    if (error) {
        if (!line->text.error)
            line->text.error = error;
        return;
    }
    say(line, text);
    free(text);
}

/* Elixir writes to_string(module): Elixir.Foo without quotes. What is no plain name keeps them. */
static void say_name(struct line *line, hm_term atom) {
    struct hm_text text;
    bool plain = line->syntax == HM_SYNTAX_ELIXIR && hm_get_atom(atom, &text) && text.size > 0;
    for (size_t i = 0; plain && i < text.size; i++)
        plain = text.at[i] > ' ' && text.at[i] < 0x7f && !strchr("\"'\\,()[]{}", text.at[i]);
    if (plain)
        writer_put(&line->text, text.at, text.size);
    else
        say_term(line, atom);
}

static void say_function(struct line *line, const struct function *function) {
    char arity[24];
    say_name(line, function->module);
    say(line, line->syntax == HM_SYNTAX_ELIXIR ? "." : ":");
    say_name(line, function->name);
    snprintf(arity, sizeof arity, "/%llu", (unsigned long long)function->arity);
    say(line, arity);
}

/* Each by itself: as one list, small integers would read as characters. */
static void say_arguments(struct line *line, hm_term arguments) {
    struct hm_list list;
    hm_term argument;
    bool first = true;
    say(line, "[");
    if (hm_list_begin(arguments, &list))
        for (; hm_list_next(&list, &argument); first = false) {
            if (!first)
                say(line, ", ");
            say_term(line, argument);
        }
    say(line, "]");
}

static void say_failure(struct line *line, hm_term failure) {
    hm_term parts[2];
    if (!hm_tuple_elements(failure, 2, parts)) {
        say(line, " fails: ");
        say_term(line, failure);
        return;
    }
    say(line, hm_is_atom(parts[0], "throw") ? " throws: " : hm_is_atom(parts[0], "exit") ? " exits: " : " raises: ");
    say_term(line, parts[1]);
}

static bool say_call(struct line *line, const struct hm_trace_event *event) {
    struct function function;
    if (event->type > HM_TRACE_EXCEPTION || !read_function(event->what, &function) ||
        (event->type == HM_TRACE_CALL && !function.arguments.size))
        return false;
    say_function(line, &function);
    if (event->type == HM_TRACE_CALL) {
        say(line, " is being called with: ");
        say_arguments(line, function.arguments);
    } else if (event->type == HM_TRACE_RETURN) {
        say(line, " returns: ");
        say_term(line, event->value);
    } else {
        say_failure(line, event->value);
    }
    return true;
}

static void say_start(struct line *line, const struct hm_trace_event *event) {
    struct function function;
    say(line, " is started by ");
    say_term(line, event->what);
    say(line, ": ");
    if (!read_function(event->value, &function)) {
        say_term(line, event->value);
        return;
    }
    say_function(line, &function);
    if (function.arguments.size) {
        say(line, " with: ");
        say_arguments(line, function.arguments);
    }
}

/* {Control} or {Control, Message}. */
static void say_control(struct line *line, hm_term term) {
    hm_term parts[2] = {term};
    long count = hm_tuple_arity(term);
    if (count == 1 || count == 2)
        hm_tuple_elements(term, (unsigned)count, parts);
    else
        count = 1;
    for (long i = 0; i < count; i++) {
        say(line, " ");
        say_term(line, parts[i]);
    }
}

static void say_event(struct line *line, const struct hm_trace_event *event) {
    static const char *const WORDS[] = {
        [HM_TRACE_RECEIVE] = " receives: ",
        [HM_TRACE_EXIT] = " exits: ",
        [HM_TRACE_LINK] = " links to ",
        [HM_TRACE_UNLINK] = " unlinks ",
        [HM_TRACE_GETTING_LINKED] = " is linked by ",
        [HM_TRACE_GETTING_UNLINKED] = " is unlinked by ",
        [HM_TRACE_REGISTER] = " is registered as ",
        [HM_TRACE_UNREGISTER] = " gives up the name ",
    };
    if (say_call(line, event))
        return;
    bool of_node = hm_term_type(event->who) == HM_TYPE_ATOM;
    if (of_node && (event->type == HM_TRACE_RECEIVE || event->type == HM_TRACE_SEND)) {
        say(line, event->type == HM_TRACE_SEND ? "to " : "from ");
        say_name(line, event->who);
        say(line, ":");
        say_control(line, event->what);
        return;
    }
    say_term(line, event->who);
    if (event->type == HM_TRACE_SEND) {
        say(line, " sends to ");
        say_term(line, event->value);
        say(line, ": ");
        say_term(line, event->what);
    } else if (event->type == HM_TRACE_SPAWNED) {
        say_start(line, event);
    } else if (event->type < HM_TRACE_OTHER && event->type > HM_TRACE_EXCEPTION) {
        say(line, WORDS[event->type]);
        say_term(line, event->what);
    } else {
        say(line, " ");
        say_name(line, event->tag.size ? event->tag : event->what);
        for (size_t i = 0; i < 2; i++) {
            hm_term term = i ? event->value : event->tag.size ? event->what : (hm_term){0};
            if (term.size) {
                say(line, " ");
                say_term(line, term);
            }
        }
    }
}

static int print_json(const struct hm_trace_event *event, char **text) {
    hm_build *build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    put_map(build, event, true);
    int error = hm_build_error(build);
    if (error == HM_OK)
        error = hm_term_print(hm_build_term(build), HM_SYNTAX_JSON, 0, text);
    hm_build_free(build);
    return error;
}

int hm_trace_print(const struct hm_trace_event *event, enum hm_syntax syntax, size_t limit, char **text) {
    if (syntax == HM_SYNTAX_JSON)
        return print_json(event, text); /* cut, it would be no JSON */
    struct line line = {.syntax = syntax, .limit = limit ? limit : TEXT_BYTES};
    writer_init(&line.text, SIZE_MAX / 2);
    say_event(&line, event);
    writer_u8(&line.text, 0);
    if (line.text.error) {
        int error = line.text.error;
        writer_fini(&line.text);
        return error;
    }
    *text = (char *)line.text.at;
    return HM_OK;
}
