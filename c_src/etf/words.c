#include "etf/words.h"

static bool all_inner(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (!words_is_inner((char)text.at[i]))
            return false;
    return true;
}

bool words_is_erlang_atom(struct bytes text) {
    static const char *const reserved[] = {
        "after", "and",   "andalso", "band",   "begin",   "bnot", "bor", "bsl",  "bsr", "bxor",
        "case",  "catch", "cond",    "div",    "else",    "end",  "fun", "if",   "let", "maybe",
        "not",   "of",    "or",      "orelse", "receive", "rem",  "try", "when", "xor",
    };
    if (!text.size || !words_is_lower((char)text.at[0]) || !all_inner(text))
        return false;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (bytes_equal(text, bytes_of(reserved[i], strlen(reserved[i]))))
            return false;
    return true;
}

bool words_is_elixir_key(struct bytes text) {
    if (!text.size ||
        !(words_is_lower((char)text.at[0]) || words_is_upper((char)text.at[0]) || text.at[0] == '_'))
        return false;
    char last = (char)text.at[text.size - 1];
    if (last == '?' || last == '!')
        text.size--;
    /* Elixir has @ in atoms, not in variables; both are keys */
    return all_inner(text);
}

bool words_is_elixir_atom(struct bytes text) {
    return words_is_elixir_key(text) || (text.size && words_operator_size(text) == text.size);
}

bool words_is_elixir_alias(struct bytes text, struct bytes *alias) {
    static const char prefix[] = "Elixir.";
    size_t size = sizeof prefix - 1;
    if (text.size <= size || memcmp(text.at, prefix, size) != 0)
        return false;
    struct bytes rest = bytes_of(text.at + size, text.size - size);
    /* Elixir.Foo is Foo: what itself begins so is left to quotes */
    if (rest.size >= size - 1 && memcmp(rest.at, prefix, size - 1) == 0)
        return false;
    bool start = true;
    for (size_t i = 0; i < rest.size; i++) {
        char c = (char)rest.at[i];
        if (start ? !words_is_upper(c) : !(words_is_inner(c) || c == '.') || c == '@')
            return false;
        start = c == '.';
    }
    *alias = rest;
    return !start;
}

size_t words_operator_size(struct bytes text) {
    /* longer ones before those that they begin with */
    static const char *const operators[] = {
        "===",  "!==", "...", "<<<", ">>>", "|||", "&&&", "^^^", "+++", "---", "~>>", "<<~", "<~>", "==",
        "!=",   "=~",  "<=",  ">=",  "&&",  "||",  "++",  "--",  "..",  "<>",  "|>",  "<-",  "->",  "::",
        "\\\\", "+",   "-",   "*",   "/",   "<",   ">",   "!",   "=",   "&",   "|",   "^",   "@",   ".",
    };
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        size_t size = strlen(operators[i]);
        if (size <= text.size && memcmp(text.at, operators[i], size) == 0)
            return size;
    }
    return 0;
}
