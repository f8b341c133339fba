/*
 * etf/print: terms as text; behind hm_term_print.
 *
 * print.c has the output, the choice of what is text, and Erlang's and Elixir's syntax, print_json.c the
 * rest. Nothing that a terminal would act on is ever written: what is not printable is escaped, in atoms and
 * node names, too. Recursive, as deep as the terms, which check limits (and deeper terms of a builder end in
 * "..."). Calls nobody back. Any thread, one printer by one thread.
 */
#ifndef HM_ETF_PRINT_H
#define HM_ETF_PRINT_H

#include "base/bytes.h"
#include <hermod/term.h>

struct printer {
    struct writer out;
    enum hm_syntax syntax;
    size_t limit; /* 0: none */
    unsigned depth;
};

/* Whether more output would be cut off, or can't be stored. Loops ask, so that a limit bounds time as
 * well. */
bool print_is_full(const struct printer *p);
void print_bytes(struct printer *p, const void *bytes, size_t size);
void print_string(struct printer *p, const char *text);
void print_number(struct printer *p, uint64_t number);

/* Text that is put between quotes (0: between none): the quote, backslashes and what is not printable are
 * escaped as the syntax has it. The text is valid UTF-8 or cut off at its end. */
void print_escaped(struct printer *p, struct bytes text, char quote);
/* Valid UTF-8 of characters that a shell would print as text. With a limit only what fits is looked at. */
bool print_is_text(const struct printer *p, struct bytes text);

/* A pid, port, reference or fun as "a@host.1.2" inside the brackets of the syntax. */
void print_id(struct printer *p, const uint8_t *at);
void print_fun(struct printer *p, const uint8_t *at);
void print_integer(struct printer *p, const uint8_t *at);
void print_float(struct printer *p, const uint8_t *at);
/* <<1,2,3:4>> */
void print_bits(struct printer *p, const uint8_t *at);

/* In the printer's syntax, Erlang or Elixir. */
void print_term(struct printer *p, hm_term term);
void print_json(struct printer *p, hm_term term);

#endif
