#include "etf/print.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "etf/number.h"
#include "etf/utf8.h"
#include "etf/view.h"
#include "etf/words.h"

/* ---- output ---- */

bool print_is_full(const struct printer *p) {
    return p->out.error || (p->limit && p->out.size > p->limit);
}

void print_bytes(struct printer *p, const void *bytes, size_t size) {
    /* one byte over the limit says that something was cut off; no more is needed */
    if (p->limit && size > p->limit + 1 - (p->out.size < p->limit ? p->out.size : p->limit))
        size = p->limit + 1 - (p->out.size < p->limit ? p->out.size : p->limit);
    if (!print_is_full(p))
        writer_put(&p->out, bytes, size);
}

void print_string(struct printer *p, const char *text) {
    print_bytes(p, text, strlen(text));
}

void print_number(struct printer *p, uint64_t number) {
    char room[24];
    int size = snprintf(room, sizeof room, "%llu", (unsigned long long)number);
    print_bytes(p, room, (size_t)size);
}

/* ---- text ---- */

/* What has a letter after the backslash in the syntax. */
static char escape_letter(enum hm_syntax syntax, uint32_t c) {
    switch (c) {
    case '\b': return 'b';
    case '\t': return 't';
    case '\n': return 'n';
    case '\f': return 'f';
    case '\r': return 'r';
    case '\v': return syntax == HM_SYNTAX_JSON ? 0 : 'v';
    case 27: return syntax == HM_SYNTAX_JSON ? 0 : 'e';
    case '\a': return syntax == HM_SYNTAX_ELIXIR ? 'a' : 0;
    default: return 0;
    }
}

static void print_escape(struct printer *p, uint32_t c) {
    char room[24];
    char letter = escape_letter(p->syntax, c);
    int size;
    if (letter)
        size = snprintf(room, sizeof room, "\\%c", letter);
    else if (p->syntax == HM_SYNTAX_ERLANG)
        size = snprintf(room, sizeof room, "\\x{%X}", (unsigned)c);
    else if (p->syntax == HM_SYNTAX_ELIXIR)
        size = snprintf(room, sizeof room, "\\u{%X}", (unsigned)c);
    else if (c < 0x10000)
        size = snprintf(room, sizeof room, "\\u%04X", (unsigned)c);
    else
        size = snprintf(room, sizeof room, "\\u%04X\\u%04X", (unsigned)(0xD800 + ((c - 0x10000) >> 10)),
                        (unsigned)(0xDC00 + (c & 0x3FF)));
    print_bytes(p, room, (size_t)size);
}

void print_escaped(struct printer *p, struct bytes text, char quote) {
    const uint8_t *at = text.at, *end = at + text.size;
    while (at < end && !print_is_full(p)) {
        uint32_t c;
        unsigned size = utf8_next(at, end, &c);
        if (!size)
            return; /* cut off in the middle of a character, over the limit */
        bool interpolates = c == '#' && p->syntax == HM_SYNTAX_ELIXIR && at + 1 < end && at[1] == '{';
        if (quote && (c == (uint8_t)quote || c == '\\' || interpolates)) {
            char room[2] = {'\\', (char)c};
            print_bytes(p, room, 2);
        } else if (utf8_is_printable(c)) {
            print_bytes(p, at, size);
        } else {
            print_escape(p, c);
        }
        at += size;
    }
}

static void print_quoted(struct printer *p, struct bytes text, char quote) {
    print_bytes(p, &quote, 1);
    print_escaped(p, text, quote);
    print_bytes(p, &quote, 1);
}

/* Characters of what the shells take for text; wider than what goes to a terminal as it is. */
static bool is_text_character(enum hm_syntax syntax, uint32_t c) {
    if (c < 0x20)
        return escape_letter(syntax, c) != 0;
    return c != 0x7F && !(c >= 0x80 && c < 0xA0) && (c & 0xFFFE) != 0xFFFE;
}

bool print_is_text(const struct printer *p, struct bytes text) {
    const uint8_t *at = text.at, *end = at + text.size;
    bool cut = p->limit && text.size > p->limit + 4;
    if (cut)
        end = at + p->limit + 4;
    while (at < end) {
        uint32_t c;
        unsigned size = utf8_next(at, end, &c);
        if (!size)
            return cut && end - at < 4;
        if (!is_text_character(p->syntax, c))
            return false;
        at += size;
    }
    return true;
}

/* ---- leaves ---- */

static void print_atom(struct printer *p, struct bytes text) {
    struct bytes alias;
    if (p->syntax == HM_SYNTAX_ERLANG) {
        if (words_is_erlang_atom(text))
            print_bytes(p, text.at, text.size);
        else
            print_quoted(p, text, '\'');
        return;
    }
    if (bytes_equal(text, bytes_of("nil", 3)) || bytes_equal(text, bytes_of("true", 4)) ||
        bytes_equal(text, bytes_of("false", 5)) || bytes_equal(text, bytes_of("Elixir", 6))) {
        print_bytes(p, text.at, text.size);
    } else if (words_is_elixir_alias(text, &alias)) {
        print_bytes(p, alias.at, alias.size);
    } else {
        print_string(p, ":");
        if (words_is_elixir_atom(text))
            print_bytes(p, text.at, text.size);
        else
            print_quoted(p, text, '"');
    }
}

static __attribute__((noinline)) void print_atom_at(struct printer *p, const uint8_t *at) {
    char room[2 * 255];
    print_atom(p, view_atom_utf8(at, room));
}

void print_integer(struct printer *p, const uint8_t *at) {
    struct integer integer;
    view_integer(at, &integer);
    if (integer.negative)
        print_string(p, "-");
    if (integer.size <= 8) {
        uint64_t value = 0;
        for (size_t i = integer.size; i-- > 0;)
            value = value << 8 | integer.digits[i];
        print_number(p, value);
        return;
    }
    bool hex = integer.size > NUMBER_DECIMAL_BYTES;
    char *digits = hex ? number_print_hex(&integer) : number_print_decimal(&integer);
    if (!digits) {
        p->out.error = HM_ENOMEM;
        return;
    }
    if (hex)
        print_string(p, p->syntax == HM_SYNTAX_ELIXIR ? "0x" : "16#");
    print_string(p, digits);
    free(digits);
}

void print_float(struct printer *p, const uint8_t *at) {
    char room[NUMBER_FLOAT_TEXT];
    double value = 0;
    view_float(at, &value);
    print_bytes(p, room, number_print_float(value, p->syntax == HM_SYNTAX_ELIXIR, room));
}

void print_bits(struct printer *p, const uint8_t *at) {
    const char *separator = p->syntax == HM_SYNTAX_ERLANG ? "," : ", ";
    struct bytes bytes;
    unsigned last_bits;
    view_bits(at, &bytes, &last_bits);
    print_string(p, "<<");
    for (size_t i = 0; i < bytes.size && !print_is_full(p); i++) {
        bool part = i + 1 == bytes.size && last_bits != 8;
        if (i)
            print_string(p, separator);
        print_number(p, part ? bytes.at[i] >> (8 - last_bits) : bytes.at[i]);
        if (part) {
            print_string(p, p->syntax == HM_SYNTAX_ERLANG ? ":" : "::size(");
            print_number(p, last_bits);
            print_string(p, p->syntax == HM_SYNTAX_ERLANG ? "" : ")");
        }
    }
    print_string(p, ">>");
}

static void print_binary(struct printer *p, const uint8_t *at) {
    struct bytes bytes;
    unsigned last_bits;
    view_bits(at, &bytes, &last_bits);
    bool erlang = p->syntax == HM_SYNTAX_ERLANG;
    if ((last_bits && last_bits != 8) || (erlang && !bytes.size) || !print_is_text(p, bytes)) {
        print_bits(p, at);
        return;
    }
    if (!erlang) {
        print_quoted(p, bytes, '"');
        return;
    }
    bool ascii = true;
    for (size_t i = 0; i < bytes.size && ascii; i++)
        ascii = bytes.at[i] < 0x80;
    print_string(p, "<<");
    print_quoted(p, bytes, '"');
    print_string(p, ascii ? ">>" : "/utf8>>");
}

/* <a@host.54.0>: the shells have a number for the node, which says nothing outside of them. */
__attribute__((noinline)) void print_id(struct printer *p, const uint8_t *at) {
    char room[2 * 255];
    bool elixir = p->syntax == HM_SYNTAX_ELIXIR;
    enum hm_type type = view_type(at);
    struct id id;
    view_id(at, &id);
    if (type == HM_TYPE_PID)
        print_string(p, elixir ? "#PID<" : "<");
    else if (type == HM_TYPE_PORT)
        print_string(p, "#Port<");
    else
        print_string(p, elixir ? "#Reference<" : "#Ref<");
    print_escaped(p, view_atom_utf8(id.node, room), '>');
    if (type == HM_TYPE_PORT) {
        print_string(p, ".");
        print_number(p, (uint64_t)id.words[1] << 32 | id.words[0]);
    }
    for (uint32_t i = 0; i < id.count && type != HM_TYPE_PORT; i++) {
        print_string(p, ".");
        /* references from the last word, which is how the shells have it; pids id and serial */
        print_number(p, id.words[type == HM_TYPE_PID ? i : id.count - 1 - i]);
    }
    print_string(p, ">");
}

void print_fun(struct printer *p, const uint8_t *at) {
    bool elixir = p->syntax == HM_SYNTAX_ELIXIR;
    struct fun fun;
    view_fun(at, &fun);
    if (fun.external) {
        print_string(p, elixir ? "&" : "fun ");
        print_atom_at(p, fun.module);
        print_string(p, elixir ? "." : ":");
        if (elixir) {
            /* &:lists.map/2: the name has no colon */
            char room[2 * 255];
            struct bytes name = view_atom_utf8(fun.function, room);
            if (words_is_elixir_atom(name))
                print_bytes(p, name.at, name.size);
            else
                print_quoted(p, name, '"');
        } else {
            print_atom_at(p, fun.function);
        }
        print_string(p, "/");
        print_number(p, fun.arity);
        return;
    }
    print_string(p, elixir ? "#Function<" : "#Fun<");
    if (!elixir) {
        print_atom_at(p, fun.module);
        print_string(p, ".");
    }
    print_integer(p, fun.old_index);
    print_string(p, ".");
    print_integer(p, fun.old_unique);
    if (elixir) {
        print_string(p, "/");
        print_number(p, fun.arity);
        print_string(p, " in ");
        print_atom_at(p, fun.module);
    }
    print_string(p, ">");
}

/* ---- containers ---- */

static void print_separator(struct printer *p, bool first) {
    if (!first)
        print_string(p, p->syntax == HM_SYNTAX_ERLANG ? "," : ", ");
}

static void print_tuple(struct printer *p, hm_term term) {
    const uint8_t *at;
    long arity = view_tuple(term.bytes, &at);
    print_string(p, "{");
    for (long i = 0; i < arity && !print_is_full(p); i++) {
        const uint8_t *next = view_skip(at);
        print_separator(p, i == 0);
        print_term(p, (hm_term){at, (size_t)(next - at)});
        at = next;
    }
    print_string(p, "}");
}

/* A proper list of characters: in Erlang of Latin-1 (as a shell without +pc unicode: [1000] is rarely text),
 * in Elixir of ASCII. */
static bool is_charlist(const struct printer *p, hm_term term) {
    struct hm_list list;
    hm_term element;
    hm_list_begin(term, &list);
    for (size_t n = 0; hm_list_next(&list, &element); n++) {
        int64_t c;
        if (element.bytes[0] > ETF_INTEGER || element.bytes[0] < ETF_SMALL_INTEGER ||
            !hm_get_int64(element, &c) || c < 0 || c > (p->syntax == HM_SYNTAX_ELIXIR ? 0x7E : 0xFF) ||
            !is_text_character(p->syntax, (uint32_t)c))
            return false;
        if (p->limit && n > p->limit)
            return true;
    }
    return hm_list_end(&list, NULL);
}

static bool next_is_brace(struct hm_list list) {
    hm_term element;
    int64_t c;
    return hm_list_next(&list, &element) && hm_get_int64(element, &c) && c == '{';
}

static void print_charlist(struct printer *p, hm_term term) {
    struct hm_list list;
    hm_term element;
    int64_t c;
    print_string(p, p->syntax == HM_SYNTAX_ELIXIR ? "~c\"" : "\"");
    hm_list_begin(term, &list);
    while (hm_list_next(&list, &element) && !print_is_full(p)) {
        char room[4];
        hm_get_int64(element, &c);
        if (c == '#' && p->syntax == HM_SYNTAX_ELIXIR && next_is_brace(list))
            print_string(p, "\\#");
        else
            print_escaped(p, bytes_of(room, utf8_put((uint32_t)c, room)), '"');
    }
    print_string(p, "\"");
}

/* The atom of a key that Elixir writes as `key:`; aliases are none. */
static bool is_keyword_key(hm_term term) {
    char room[2 * 255];
    struct bytes text, alias;
    if (!view_is_atom_tag(term.bytes[0]))
        return false;
    text = view_atom_utf8(term.bytes, room);
    return !words_is_elixir_alias(text, &alias);
}

static __attribute__((noinline)) void print_keyword_key(struct printer *p, hm_term term) {
    char room[2 * 255];
    struct bytes text = view_atom_utf8(term.bytes, room);
    if (words_is_elixir_key(text))
        print_bytes(p, text.at, text.size);
    else
        print_quoted(p, text, '"');
    print_string(p, ": ");
}

static bool is_keyword_list(const struct printer *p, hm_term term) {
    struct hm_list list;
    hm_term element, pair[2];
    hm_list_begin(term, &list);
    for (size_t n = 0; hm_list_next(&list, &element); n++) {
        if (!hm_tuple_elements(element, 2, pair) || !is_keyword_key(pair[0]))
            return false;
        if (p->limit && n > p->limit)
            return true;
    }
    return hm_list_end(&list, NULL);
}

static void print_list(struct printer *p, hm_term term) {
    struct hm_list list;
    hm_term element, pair[2];
    if (is_charlist(p, term)) {
        print_charlist(p, term);
        return;
    }
    bool keywords = p->syntax == HM_SYNTAX_ELIXIR && is_keyword_list(p, term);
    print_string(p, "[");
    hm_list_begin(term, &list);
    for (bool first = true; !print_is_full(p) && hm_list_next(&list, &element); first = false) {
        print_separator(p, first);
        if (keywords) {
            hm_tuple_elements(element, 2, pair);
            print_keyword_key(p, pair[0]);
            print_term(p, pair[1]);
        } else {
            print_term(p, element);
        }
    }
    if (!print_is_full(p) && !hm_list_end(&list, &element)) {
        print_string(p, p->syntax == HM_SYNTAX_ERLANG ? "|" : " | ");
        print_term(p, element);
    }
    print_string(p, "]");
}

/* The name of a struct that can be written as %Name{a: 1}. */
static bool find_struct_name(hm_term term, bool keywords, hm_term *key, hm_term *name) {
    struct hm_map map;
    hm_map_begin(term, &map);
    while (keywords && hm_map_next(&map, key, name))
        if (hm_is_atom(*key, "__struct__"))
            return view_is_atom_tag(name->bytes[0]) && !is_keyword_key(*name);
    return false;
}

static bool is_keyword_map(const struct printer *p, hm_term term) {
    struct hm_map map;
    hm_term key, value;
    hm_map_begin(term, &map);
    for (size_t n = 0; hm_map_next(&map, &key, &value); n++) {
        if (!is_keyword_key(key))
            return false;
        if (p->limit && n > p->limit)
            break;
    }
    return true;
}

static void print_map(struct printer *p, hm_term term) {
    struct hm_map map;
    hm_term key, value, skip = {NULL, 0}, name;
    bool elixir = p->syntax == HM_SYNTAX_ELIXIR;
    bool keywords = elixir && is_keyword_map(p, term);
    print_string(p, elixir ? "%" : "#");
    if (find_struct_name(term, keywords, &skip, &name))
        print_atom_at(p, name.bytes);
    else
        skip.bytes = NULL;
    print_string(p, "{");
    hm_map_begin(term, &map);
    bool first = true;
    while (!print_is_full(p) && hm_map_next(&map, &key, &value)) {
        if (key.bytes == skip.bytes)
            continue;
        print_separator(p, first);
        first = false;
        if (keywords) {
            print_keyword_key(p, key);
        } else {
            print_term(p, key);
            print_string(p, " => ");
        }
        print_term(p, value);
    }
    print_string(p, "}");
}

/* Native records of OTP 29, as Erlang writes them; Elixir has no words for them. */
static void print_record(struct printer *p, const uint8_t *at) {
    struct record record;
    view_record(at, &record);
    print_string(p, "#");
    print_atom_at(p, record.module);
    print_string(p, ":");
    print_atom_at(p, record.name);
    print_string(p, "{");
    for (uint32_t i = 0; i < record.count && !print_is_full(p); i++) {
        const uint8_t *next = view_skip(record.values);
        print_separator(p, i == 0);
        print_atom_at(p, record.fields);
        print_string(p, " = ");
        print_term(p, (hm_term){record.values, (size_t)(next - record.values)});
        record.fields = view_skip(record.fields);
        record.values = next;
    }
    print_string(p, "}");
}

void print_term(struct printer *p, hm_term term) {
    if (print_is_full(p))
        return;
    if (p->depth == HM_DEPTH_MAX + 1) {
        print_string(p, "...");
        return;
    }
    p->depth++;
    switch (view_type(term.bytes)) {
    case HM_TYPE_ATOM: print_atom_at(p, term.bytes); break;
    case HM_TYPE_INTEGER: print_integer(p, term.bytes); break;
    case HM_TYPE_FLOAT: print_float(p, term.bytes); break;
    case HM_TYPE_PID:
    case HM_TYPE_PORT:
    case HM_TYPE_REFERENCE: print_id(p, term.bytes); break;
    case HM_TYPE_FUN: print_fun(p, term.bytes); break;
    case HM_TYPE_TUPLE: print_tuple(p, term); break;
    case HM_TYPE_LIST: print_list(p, term); break;
    case HM_TYPE_NIL: print_string(p, "[]"); break;
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING: print_binary(p, term.bytes); break;
    case HM_TYPE_MAP: print_map(p, term); break;
    case HM_TYPE_RECORD: print_record(p, term.bytes); break;
    }
    p->depth--;
}

/* Public functions of term.h are defined where their work is done: api would only call through. */
HM_API int hm_term_print(hm_term term, enum hm_syntax syntax, size_t limit, char **text) {
    if (!term.size || syntax < HM_SYNTAX_ERLANG || syntax > HM_SYNTAX_JSON)
        return HM_EINVAL;
    struct printer p = {.syntax = syntax, .limit = limit > SIZE_MAX / 4 ? 0 : limit};
    writer_init(&p.out, SIZE_MAX / 2);
    if (syntax == HM_SYNTAX_JSON)
        print_json(&p, term);
    else
        print_term(&p, term);
    if (p.limit && p.out.size > p.limit) {
        /* back to where a character begins */
        p.out.size = p.limit;
        while (p.out.size && (p.out.at[p.out.size] & 0xC0) == 0x80)
            p.out.size--;
        writer_put(&p.out, "...", 3);
    }
    writer_u8(&p.out, 0);
    if (p.out.error) {
        int error = p.out.error;
        writer_fini(&p.out);
        return error;
    }
    *text = (char *)p.out.at;
    return HM_OK;
}
