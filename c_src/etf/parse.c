#include "etf/parse.h"

#include <stdio.h>
#include <stdlib.h>

#include "etf/build.h"
#include "etf/equal.h"
#include "etf/tags.h"
#include "etf/utf8.h"
#include "etf/words.h"

enum { PARSE_DEPTH = 1024 }; /* as check accepts by default */

static bool parse_term(struct parser *p);

/* ---- atoms and text ---- */

static bool put_atom(struct parser *p, struct bytes text, const char *start) {
    size_t characters;
    if (!utf8_valid(text.at, text.size, &characters) || characters > ETF_ATOM_CHARACTERS) {
        p->at = start;
        return parse_fail(p, "an atom has at most 255 characters, of UTF-8");
    }
    hm_put_atom_n(p->build, (const char *)text.at, text.size);
    return true;
}

enum text_kind { TEXT_ATOM, TEXT_CHARLIST, TEXT_BINARY };

static bool parse_text(struct parser *p, enum text_kind kind) {
    struct writer text;
    const char *start = p->at;
    writer_init(&text, SIZE_MAX / 2);
    bool parsed = parse_quoted(p, kind == TEXT_BINARY ? PARSE_BYTES : PARSE_CHARACTERS, &text);
    struct bytes collected = parse_collected(&text);
    if (parsed && kind == TEXT_ATOM)
        parsed = put_atom(p, collected, start);
    else if (parsed && kind == TEXT_BINARY)
        hm_put_binary(p->build, collected.at, collected.size);
    else if (parsed)
        build_charlist(p->build, (const char *)collected.at, collected.size);
    writer_fini(&text);
    return parsed;
}

/* How much of a name there is here; the text is UTF-8, and ends in a 0. */
static size_t letter_size(const struct parser *p, const char *at, bool first) {
    return (uint8_t)*at & 0x80 ? words_letter_size(bytes_of(at, strnlen(at, 4)), p->elixir, first) : 0;
}

static size_t inner_size(const struct parser *p, const char *at) {
    return words_is_inner(*at) ? 1 : letter_size(p, at, false);
}

/* Not an alias, but what may follow a colon in Elixir, or stand before one. */
static bool begins_word(const struct parser *p, const char *at) {
    return words_is_lower(*at) || words_is_upper(*at) || *at == '_' || letter_size(p, at, true);
}

/* An identifier as it stands there; with a ? or ! at its end in Elixir. */
static struct bytes take_word(struct parser *p) {
    const char *start = p->at;
    for (size_t size; (size = inner_size(p, p->at)); p->at += size)
        continue;
    if (p->elixir && (*p->at == '?' || *p->at == '!'))
        p->at++;
    return bytes_of(start, (size_t)(p->at - start));
}

static size_t operator_size(const char *at) {
    return words_operator_size(bytes_of(at, strnlen(at, 4)));
}

/* :name, :"any text", :+ ; after the colon. */
static bool parse_elixir_atom(struct parser *p) {
    const char *start = p->at;
    if (*p->at == '"' || *p->at == '\'')
        return parse_text(p, TEXT_ATOM);
    if (begins_word(p, p->at))
        return put_atom(p, take_word(p), start);
    size_t size = operator_size(p->at);
    if (!size)
        return parse_fail_expected(p, "an atom after the colon");
    p->at += size;
    return put_atom(p, bytes_of(start, size), start);
}

/* Foo.Bar is the atom 'Elixir.Foo.Bar'; a leading Elixir is that already. Not inlined: its room is
 * not for every level of nesting. */
static __attribute__((noinline)) bool parse_alias(struct parser *p) {
    char text[8 + 1024] = "Elixir.";
    const char *start = p->at;
    do {
        while (words_is_inner(*p->at) && *p->at != '@')
            p->at++;
    } while (p->at[0] == '.' && words_is_upper(p->at[1]) && p->at++);
    size_t size = (size_t)(p->at - start);
    bool whole = size >= 6 && memcmp(start, "Elixir", 6) == 0 && (size == 6 || start[6] == '.');
    size_t prefix = whole ? 0 : 7;
    if (size > 1024)
        size = 1024; /* too long for an atom in any case */
    memcpy(text + prefix, start, size);
    return put_atom(p, bytes_of(text, prefix + size), start);
}

/* ---- keywords of Elixir: `key: value` and `"any key": value` ---- */

/* Whether a key begins here, with a colon that is neither :: nor the start of an atom. Consumes nothing. */
static bool is_keyword(const struct parser *p) {
    const char *t = p->at;
    if (!p->elixir)
        return false;
    if (*t == '"') {
        for (t++; *t && *t != '"'; t++)
            if (*t == '\\' && t[1])
                t++;
        if (!*t)
            return false;
        t++;
    } else if (begins_word(p, t)) {
        for (size_t size; (size = inner_size(p, t)); t += size)
            continue;
        if (*t == '?' || *t == '!')
            t++;
    } else {
        size_t size = operator_size(t);
        return size && t[size] == ':' && t[size + 1] && strchr(" \t\r\n", t[size + 1]); /* &:lists.map/2 is no key */
    }
    return t[0] == ':' && t[1] != ':';
}

static bool parse_keyword_key(struct parser *p) {
    const char *start = p->at;
    if (*p->at == '"') {
        if (!parse_text(p, TEXT_ATOM))
            return false;
    } else {
        struct bytes key = begins_word(p, p->at) ? take_word(p) : bytes_of(start, operator_size(start));
        p->at = start + key.size;
        if (!put_atom(p, key, start))
            return false;
    }
    p->at++; /* the colon */
    return true;
}

/* ---- containers ---- */

static bool parse_tuple(struct parser *p) {
    size_t begin = build_tuple_begin(p->build);
    uint32_t arity = 0;
    bool more = !parse_next_is(p, "}");
    for (; more; arity++)
        if (!parse_term(p) || !parse_more(p, '}', &more))
            return false;
    build_tuple_end(p->build, begin, arity);
    return true;
}

static bool parse_element(struct parser *p) {
    parse_skip_space(p);
    if (!is_keyword(p))
        return parse_term(p);
    hm_put_tuple(p->build, 2);
    return parse_keyword_key(p) && parse_term(p);
}

static bool parse_list(struct parser *p) {
    size_t begin = hm_put_list_begin(p->build);
    uint32_t length = 0;
    bool more = !parse_next_is(p, "]");
    while (more) {
        if (!parse_element(p))
            return false;
        length++;
        if (parse_next_is(p, "|")) {
            if (!parse_term(p))
                return false;
            build_list_end_improper(p->build, begin, length);
            return parse_next_is(p, "]") || parse_fail_expected(p, "]");
        }
        if (!parse_next_is(p, "]")) {
            if (!parse_next_is(p, ","))
                return parse_fail_expected(p, ", or | or ]");
        } else {
            more = false;
        }
    }
    hm_put_list_end(p->build, begin, length);
    return true;
}

/* A key that stands twice: the shells take the last; here it is a mistake, and the BEAM would drop the
 * connection. */
static bool refuse_duplicates(struct parser *p, struct build_mark mark) {
    hm_term key;
    char *text;
    if (build_sticky_error(p->build) || !equal_find_duplicate_key(build_since(p->build, mark), &key))
        return true;
    if (hm_term_print(key, p->elixir ? HM_SYNTAX_ELIXIR : HM_SYNTAX_ERLANG, 60, &text) != HM_OK)
        return parse_fail_memory(p);
    parse_fail(p, "the key %s stands twice in the map that ends", text);
    free(text);
    return false;
}

/* After #{ or %{ or %Name{; `structure` is the text of Name, or NULL. */
static bool parse_map(struct parser *p, const char *structure) {
    struct build_mark mark = build_mark(p->build);
    size_t begin = build_map_begin(p->build);
    uint32_t size = 0;
    if (structure) {
        const char *resume = p->at;
        hm_put_atom(p->build, "__struct__");
        p->at = structure;
        if (!parse_alias(p))
            return false;
        p->at = resume;
        size++;
    }
    bool more = !parse_next_is(p, "}");
    for (; more; size++) {
        parse_skip_space(p);
        if (is_keyword(p)) {
            if (!parse_keyword_key(p))
                return false;
        } else if (!parse_term(p) || !(parse_next_is(p, "=>") || parse_fail_expected(p, "=>"))) {
            return false;
        }
        if (!parse_term(p) || !parse_more(p, '}', &more))
            return false;
    }
    build_map_end(p->build, begin, size);
    return refuse_duplicates(p, mark);
}

static bool parse_elixir_map(struct parser *p) {
    const char *structure = words_is_upper(*p->at) ? p->at : NULL;
    while (structure && (words_is_inner(*p->at) || *p->at == '.'))
        p->at++;
    if (*p->at != '{')
        return parse_fail_expected(p, "{");
    p->at++;
    return parse_map(p, structure);
}

/* ---- ids, funs, numbers ---- */

/* <"a@host".Id.Serial.Creation>, after the <. */
static bool parse_pid(struct parser *p) {
    uint64_t numbers[3];
    struct writer node;
    const char *start = p->at;
    writer_init(&node, SIZE_MAX / 2);
    bool parsed = parse_quoted(p, PARSE_CHARACTERS, &node);
    for (int i = 0; i < 3 && parsed; i++)
        parsed = (parse_next_is(p, ".") || parse_fail_expected(p, ".Id.Serial.Creation")) &&
                 parse_uint(p, UINT32_MAX, &numbers[i]);
    parsed = parsed && (parse_next_is(p, ">") || parse_fail_expected(p, ">"));
    if (parsed) {
        size_t characters;
        struct bytes name = parse_collected(&node);
        if (utf8_valid(name.at, name.size, &characters) && characters <= ETF_ATOM_CHARACTERS) {
            build_pid(p->build, (const char *)name.at, name.size, (uint32_t)numbers[0], (uint32_t)numbers[1],
                      (uint32_t)numbers[2]);
        } else {
            p->at = start;
            parsed = parse_fail(p, "the name of a node has at most 255 characters, of UTF-8");
        }
    }
    writer_fini(&node);
    return parsed;
}

/* Without quotes, in Erlang. */
static bool begins_atom(const struct parser *p) {
    return words_is_lower(*p->at) || letter_size(p, p->at, true);
}

/* An atom as the syntax has it, without anything around it. */
static bool parse_module(struct parser *p) {
    const char *start = p->at;
    if (p->elixir && *p->at == ':') {
        p->at++;
        return parse_elixir_atom(p);
    }
    if (p->elixir && words_is_upper(*p->at))
        return parse_alias(p);
    if (!p->elixir && *p->at == '\'')
        return parse_text(p, TEXT_ATOM);
    if (!p->elixir && begins_atom(p))
        return put_atom(p, take_word(p), start);
    return parse_fail_expected(p, "a module");
}

static bool parse_function(struct parser *p) {
    const char *start = p->at;
    if (*p->at == '\'' || *p->at == '"')
        return parse_text(p, TEXT_ATOM);
    if (begins_word(p, p->at))
        return put_atom(p, take_word(p), start);
    size_t size = p->elixir ? operator_size(p->at) : 0;
    if (!size)
        return parse_fail_expected(p, "the name of a function");
    p->at += size;
    return put_atom(p, bytes_of(start, size), start);
}

/* fun lists:map/2 and &:lists.map/2, after fun or &. */
static bool parse_external_fun(struct parser *p) {
    uint64_t arity;
    build_export_begin(p->build);
    parse_skip_space(p);
    if (!parse_module(p))
        return false;
    if (!parse_next_is(p, p->elixir ? "." : ":"))
        return parse_fail_expected(p, p->elixir ? ".function/arity" : ":function/arity");
    if (!parse_function(p))
        return false;
    if (!parse_next_is(p, "/"))
        return parse_fail_expected(p, "/arity");
    if (!parse_uint(p, 255, &arity))
        return false;
    build_export_end(p->build, (uint8_t)arity);
    return true;
}

static bool parse_number_term(struct parser *p) {
    struct parse_number number;
    if (!parse_number(p, &number))
        return false;
    if (number.is_float)
        hm_put_double(p->build, number.value);
    else
        build_integer(p->build, number.negative, number.digits, number.size);
    free(number.digits);
    return true;
}

static bool parse_character_term(struct parser *p) {
    uint32_t character;
    p->at++;
    if (!parse_character(p, &character))
        return false;
    hm_put_uint64(p->build, character);
    return true;
}

/* ---- terms ---- */

static bool word_is(struct bytes word, const char *text) {
    return bytes_equal(word, bytes_of(text, strlen(text)));
}

/* #PID<0.1.0>, <0.1.0>, #Ref<...>: what the shells print for eyes only. */
static bool fail_opaque(struct parser *p) {
    return parse_fail(p, "this says too little to be read (a pid is written <\"node@host\".Id.Serial.Creation>)");
}

static bool parse_erlang(struct parser *p) {
    const char *start = p->at;
    switch (*p->at) {
    case '\'': return parse_text(p, TEXT_ATOM);
    case '"': return parse_text(p, TEXT_CHARLIST);
    case '$': return parse_character_term(p);
    case '#':
        p->at++;
        if (words_is_upper(*p->at))
            return fail_opaque(p);
        return parse_next_is(p, "{") ? parse_map(p, NULL) : parse_fail_expected(p, "{");
    default: break;
    }
    if (begins_atom(p)) {
        struct bytes word = take_word(p);
        if (word_is(word, "fun"))
            return parse_external_fun(p);
        return put_atom(p, word, start);
    }
    if (words_is_upper(*p->at) || *p->at == '_' || letter_size(p, p->at, false))
        return parse_fail(p, "a variable is no term (write the value, or quotes around an atom)");
    return parse_fail_expected(p, "a term");
}

static bool parse_elixir(struct parser *p) {
    const char *start = p->at;
    switch (*p->at) {
    case ':': p->at++; return parse_elixir_atom(p);
    case '"': return parse_text(p, TEXT_BINARY);
    case '\'': return parse_text(p, TEXT_CHARLIST);
    case '?': return parse_character_term(p);
    case '%': p->at++; return parse_elixir_map(p);
    case '&': p->at++; return parse_external_fun(p);
    case '~':
        if (p->at[1] == 'c' && (p->at[2] == '"' || p->at[2] == '\'')) {
            p->at += 2;
            return parse_text(p, TEXT_CHARLIST);
        }
        return parse_fail(p, "of the sigils only ~c\"...\" is known");
    default: break;
    }
    if (words_is_upper(*p->at))
        return parse_alias(p);
    if (*p->at == '#')
        return fail_opaque(p);
    if (begins_word(p, p->at)) {
        struct bytes word = take_word(p);
        if (word_is(word, "nil") || word_is(word, "true") || word_is(word, "false"))
            return put_atom(p, word, start);
        p->at = start;
        return parse_fail(p, "a variable is no term (an atom is :%.*s)", word.size > 40 ? 40 : (int)word.size,
                          start);
    }
    return parse_fail_expected(p, "a term");
}

static bool parse_here(struct parser *p) {
    switch (*p->at) {
    case '{': p->at++; return parse_tuple(p);
    case '[': p->at++; return parse_list(p);
    case '<':
        p->at++;
        if (*p->at == '"')
            return parse_pid(p);
        if (*p->at++ == '<')
            return parse_bits(p);
        p->at--;
        return words_is_digit(*p->at) ? fail_opaque(p) : parse_fail_expected(p, "another <");
    case '-':
    case '+':
    case '0' ... '9': return parse_number_term(p);
    default: return p->elixir ? parse_elixir(p) : parse_erlang(p);
    }
}

static bool parse_term(struct parser *p) {
    parse_skip_space(p);
    if (p->depth == PARSE_DEPTH)
        return parse_fail(p, "terms are nested too deep");
    p->depth++;
    bool parsed = parse_here(p);
    p->depth--;
    return parsed;
}

static int parse_text_as(struct parser *p, const char *text, bool elixir, hm_build *build) {
    struct build_mark mark = build_mark(build);
    *p = (struct parser){.text = text, .at = text, .elixir = elixir, .build = build};
    if (parse_term(p)) {
        parse_skip_space(p);
        if (!elixir && *p->at == '.') /* as in a shell */
            p->at++;
        parse_skip_space(p);
        if (*p->at)
            parse_fail_expected(p, "the end");
    }
    if (p->error)
        build_rollback(build, mark);
    return p->error;
}

/* Public functions of term.h are defined where their work is done: api would only call through. */
HM_API int hm_term_parse(const char *text, enum hm_syntax syntax, hm_build *build, char *error,
                         size_t capacity) {
    struct parser first, second;
    const struct parser *said = &first;
    int result = build_sticky_error(build);
    if (result)
        return result;
    if (syntax == HM_SYNTAX_JSON || syntax < HM_SYNTAX_ERLANG || syntax > HM_SYNTAX_ANY)
        return HM_EINVAL;
    if (!utf8_valid((const uint8_t *)text, strlen(text), NULL)) {
        if (capacity)
            snprintf(error, capacity, "the text is not valid UTF-8");
        return HM_ESYNTAX;
    }
    result = parse_text_as(&first, text, syntax == HM_SYNTAX_ELIXIR, build);
    if (result == HM_ESYNTAX && syntax == HM_SYNTAX_ANY) {
        result = parse_text_as(&second, text, true, build);
        /* what came further is what was meant */
        if (result == HM_ESYNTAX && second.failed_at > first.failed_at)
            said = &second;
    }
    if (result == HM_ESYNTAX && capacity)
        snprintf(error, capacity, "%s", said->message);
    return result ? result : build_sticky_error(build);
}
