/*
 * etf/words: which texts are names without quotes in Erlang and Elixir; what print writes bare and parse
 * reads bare.
 *
 * Pure functions over borrowed bytes. Any thread.
 */
#ifndef HM_ETF_WORDS_H
#define HM_ETF_WORDS_H

#include "base/bytes.h"

/* An atom that Erlang writes without quotes: no reserved word. */
bool words_is_erlang_atom(struct bytes text);
/* An atom that Elixir writes as :text. Also operators. */
bool words_is_elixir_atom(struct bytes text);
/* What may stand before a colon in a keyword list or map without quotes. */
bool words_is_elixir_key(struct bytes text);
/* 'Elixir.Foo.Bar': the part that Elixir writes, Foo.Bar. */
bool words_is_elixir_alias(struct bytes text, struct bytes *alias);
/* The size of the letter beyond ASCII at the beginning of the text, with which a name without quotes may begin (`first`) or go on; 0 when
 * there is none. Erlang: those of Latin-1. Elixir: of all scripts; whole blocks of punctuation, symbols and private characters are left
 * out, and more is not known of characters here. */
size_t words_letter_size(struct bytes text, bool elixir, bool first);
/* The operator at the beginning of the text, the longest, that may follow a colon; 0 when there is none. */
size_t words_operator_size(struct bytes text);

static inline bool words_is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
static inline bool words_is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
static inline bool words_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool words_is_inner(char c) { /* what identifiers go on with, in both */
    return words_is_lower(c) || words_is_upper(c) || words_is_digit(c) || c == '_' || c == '@';
}

#endif
