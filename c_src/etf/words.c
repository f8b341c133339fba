#include "etf/words.h"

#include "etf/utf8.h"

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

static bool is_letter_of_elixir(uint32_t c, bool first) {
    static const struct {
        uint32_t first, last;
    } none[] = {{0x00, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB6},     {0xB8, 0xB9},     {0xBB, 0xBF},     {0xD7, 0xD7},
                {0xF7, 0xF7},     {0x2000, 0x206F}, {0x20A0, 0x20CF}, {0x2190, 0x2BFF}, {0x2E00, 0x2E7F}, {0x3000, 0x3004},
                {0x3008, 0x3020}, {0xD800, 0xF8FF}, {0xFE10, 0xFE6F}, {0xFF00, 0xFF0F}, {0xFFF0, 0xFFFF}, {0x1F000, 0x1FAFF}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (c >= none[i].first && c <= none[i].last)
            return false;
    bool combines = c == 0xB7 || (c >= 0x300 && c <= 0x36F);
    return utf8_is_printable(c) && !(first && combines);
}

size_t words_letter_size(struct bytes text, bool elixir, bool first) {
    uint32_t c;
    size_t size = text.size ? utf8_next(text.at, text.at + text.size, &c) : 0;
    if (size < 2)
        return 0;
    if (elixir)
        return is_letter_of_elixir(c, first) ? size : 0;
    return c >= (first ? 0xDFu : 0xC0u) && c <= 0xFF && c != 0xD7 && c != 0xF7 ? size : 0;
}

size_t words_operator_size(struct bytes text) {
    /* longer ones before those that they begin with */
    static const char *const operators[] = {
        "..//", "<<>>", "%{}", "{}", "**", "~>", "<~", "%", "===",  "!==", "...", "<<<", ">>>", "|||", "&&&", "^^^", "+++", "---", "~>>", "<<~", "<~>", "==",
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
