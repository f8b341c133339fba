/*
 * node/terms: atoms that the runtime itself says, encoded at compile time. Pure.
 */
#ifndef HM_NODE_TERMS_H
#define HM_NODE_TERMS_H

#include <hermod/term.h>

/* SMALL_ATOM_UTF8_EXT of a string literal of less than 256 bytes. */
#define ATOM_TERM(text) \
    ((hm_term){(const unsigned char *)&(const struct { unsigned char tag, size; char at[sizeof(text)]; }){ \
                   119, sizeof(text) - 1, text}, sizeof(text) + 1})

#endif
