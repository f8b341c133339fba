/*
 * Terms as JSON (RFC 8259), for scripts that call Erlang nodes: what JSON can say, and for the rest something
 * readable.
 *
 *   true false nil null    true false null null        other atoms        "text"
 *   numbers                numbers, of any size        over 8 KiB         "16#..." (decimal takes too long)
 *   binaries of text       "text"                      other binaries     [1, 255]
 *   tuples, lists          arrays                      [a | b]            {"list":["a"],"tail":"b"}
 *   maps                   objects; keys that are no atoms or text are printed in Erlang's syntax
 *   ids, funs, bitstrings  strings in Erlang's syntax: "<a@host.54.0>"
 */
#include "etf/number.h"
#include "etf/print.h"
#include "etf/view.h"

/* Something that Erlang's syntax has and JSON does not, as a string. */
static void print_foreign(struct printer *p, hm_term term) {
    struct printer erlang = {.syntax = HM_SYNTAX_ERLANG, .limit = p->limit, .depth = p->depth};
    writer_init(&erlang.out, SIZE_MAX / 2);
    print_term(&erlang, term);
    print_string(p, "\"");
    if (erlang.out.size)
        print_escaped(p, bytes_of(erlang.out.at, erlang.out.size), '"');
    print_string(p, "\"");
    if (erlang.out.error)
        p->out.error = erlang.out.error;
    writer_fini(&erlang.out);
}

static void print_text(struct printer *p, struct bytes text) {
    print_string(p, "\"");
    print_escaped(p, text, '"');
    print_string(p, "\"");
}

static __attribute__((noinline)) void print_atom(struct printer *p, hm_term term, bool is_key) {
    char room[2 * 255];
    struct bytes text = view_atom_utf8(term.bytes, room);
    if (!is_key && (hm_is_atom(term, "nil") || hm_is_atom(term, "null")))
        print_string(p, "null");
    else if (!is_key && (hm_is_atom(term, "true") || hm_is_atom(term, "false")))
        print_bytes(p, text.at, text.size);
    else
        print_text(p, text);
}

/* Any valid UTF-8 will do: JSON escapes all. */
static bool is_json_text(const struct printer *p, hm_term term, struct bytes *text) {
    struct printer erlang = {.syntax = HM_SYNTAX_ERLANG, .limit = p->limit};
    const void *bytes;
    size_t size;
    if (!hm_get_binary(term, &bytes, &size))
        return false;
    *text = bytes_of(bytes, size);
    return print_is_text(&erlang, *text);
}

static void print_binary(struct printer *p, hm_term term) {
    struct bytes text;
    if (is_json_text(p, term, &text)) {
        print_text(p, text);
        return;
    }
    print_string(p, "[");
    for (size_t i = 0; i < text.size && !print_is_full(p); i++) {
        print_string(p, i ? "," : "");
        print_number(p, text.at[i]);
    }
    print_string(p, "]");
}

static void print_integer_or_text(struct printer *p, hm_term term) {
    struct integer integer;
    view_integer(term.bytes, &integer);
    const char *quote = integer.size > NUMBER_DECIMAL_BYTES ? "\"" : "";
    print_string(p, quote);
    print_integer(p, term.bytes);
    print_string(p, quote);
}

static void print_array(struct printer *p, hm_term term) {
    struct hm_list list;
    hm_term element, tail;
    bool first = true;
    size_t start = p->out.size;
    print_string(p, "[");
    hm_list_begin(term, &list);
    for (; !print_is_full(p) && hm_list_next(&list, &element); first = false) {
        print_string(p, first ? "" : ",");
        print_json(p, element);
    }
    print_string(p, "]");
    if (print_is_full(p) || hm_list_end(&list, &tail))
        return;
    /* found at its end; what was printed moves aside for the name */
    static const char name[] = "{\"list\":";
    print_string(p, name);
    if (print_is_full(p))
        return;
    uint8_t *at = p->out.at + start;
    memmove(at + sizeof name - 1, at, p->out.size - start - (sizeof name - 1));
    memcpy(at, name, sizeof name - 1);
    print_string(p, ",\"tail\":");
    print_json(p, tail);
    print_string(p, "}");
}

static void print_tuple(struct printer *p, hm_term term) {
    const uint8_t *at;
    long arity = view_tuple(term.bytes, &at);
    print_string(p, "[");
    for (long i = 0; i < arity && !print_is_full(p); i++) {
        const uint8_t *next = view_skip(at);
        print_string(p, i ? "," : "");
        print_json(p, (hm_term){at, (size_t)(next - at)});
        at = next;
    }
    print_string(p, "]");
}

static void print_object(struct printer *p, hm_term term) {
    struct hm_map map;
    hm_term key, value;
    struct bytes text;
    bool first = true;
    print_string(p, "{");
    hm_map_begin(term, &map);
    for (; !print_is_full(p) && hm_map_next(&map, &key, &value); first = false) {
        print_string(p, first ? "" : ",");
        if (view_type(key.bytes) == HM_TYPE_ATOM)
            print_atom(p, key, true);
        else if (is_json_text(p, key, &text))
            print_text(p, text);
        else
            print_foreign(p, key);
        print_string(p, ":");
        print_json(p, value);
    }
    print_string(p, "}");
}

void print_json(struct printer *p, hm_term term) {
    if (print_is_full(p))
        return;
    if (p->depth == HM_DEPTH_MAX + 1) {
        print_string(p, "\"...\"");
        return;
    }
    p->depth++;
    switch (view_type(term.bytes)) {
    case HM_TYPE_ATOM: print_atom(p, term, false); break;
    case HM_TYPE_INTEGER: print_integer_or_text(p, term); break;
    case HM_TYPE_FLOAT: print_float(p, term.bytes); break;
    case HM_TYPE_TUPLE: print_tuple(p, term); break;
    case HM_TYPE_LIST: print_array(p, term); break;
    case HM_TYPE_NIL: print_string(p, "[]"); break;
    case HM_TYPE_BINARY: print_binary(p, term); break;
    case HM_TYPE_MAP: print_object(p, term); break;
    default: print_foreign(p, term); break;
    }
    p->depth--;
}
