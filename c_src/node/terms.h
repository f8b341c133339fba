/*
 * node/terms: atoms that the runtime itself says, encoded at compile time. Pure.
 */
#ifndef HM_NODE_TERMS_H
#define HM_NODE_TERMS_H

#include <hermod/term.h>

/* SMALL_ATOM_UTF8_EXT of a string literal of less than 256 bytes. Static: it may be returned and kept. */
#define ATOM_TERM(text) \
    (__extension__({ \
        static const struct { \
            unsigned char tag, size; \
            char at[sizeof(text)]; \
        } atom_ = {119, sizeof(text) - 1, text}; \
        (hm_term){(const unsigned char *)&atom_, sizeof(text) + 1}; \
    }))

#endif
