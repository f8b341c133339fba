/*
 * etf/view: reading checked terms in place; behind the reading functions of <hermod/term.h>.
 *
 * The bytes are checked (etf/check) or built (etf/build): nothing here looks for the end of the buffer, and
 * nothing here may be called on bytes from a peer before that. Pure, allocates nothing, any thread.
 *
 * ei_skip_term and ei_decode_* are not used for this: they are recursive, know no RECORD_EXT, and copy atoms
 * and pids into kilobytes.
 */
#ifndef HM_ETF_VIEW_H
#define HM_ETF_VIEW_H

#include "base/bytes.h"
#include "etf/tags.h"
#include <hermod/term.h>

/* The first byte after the term that starts at `at`. Iterative. */
const uint8_t *view_skip(const uint8_t *at);
enum hm_type view_type(const uint8_t *at);

static inline bool view_is_atom_tag(uint8_t tag) {
    return tag == ETF_SMALL_ATOM_UTF8 || tag == ETF_ATOM_UTF8 || tag == ETF_SMALL_ATOM || tag == ETF_ATOM;
}
/* The text of an atom as it stands there; `latin1` when it is not UTF-8 (then every byte is a character). */
struct bytes view_atom(const uint8_t *at, bool *latin1);
/* The same as UTF-8; Latin-1 is converted into `room`. */
struct bytes view_atom_utf8(const uint8_t *at, char room[2 * 255]);

/* An integer of any encoding: its magnitude, little endian, without leading zeros (0 has no digits, is not
 * negative). digits may point into `small`: do not copy the struct. */
struct integer {
    bool negative;
    size_t size;
    const uint8_t *digits;
    uint8_t small[4];
};
bool view_integer(const uint8_t *at, struct integer *integer);
/* Both encodings of floats, not integers. */
bool view_float(const uint8_t *at, double *value);

/* Binaries and bitstrings: the bits of the last byte, 1..8, or 0 when there are no bytes. */
bool view_bits(const uint8_t *at, struct bytes *bytes, unsigned *last_bits);

/* Pid, port or reference, taken apart. Ports put the id into words[0] (low) and words[1]; pids id
 * and serial. */
struct id {
    const uint8_t *node; /* an atom */
    uint32_t creation;
    uint32_t count;
    uint32_t words[ETF_REFERENCE_WORDS];
};
bool view_id(const uint8_t *at, struct id *id);

struct fun {
    bool external; /* fun M:F/A; then only module, function and arity are set */
    const uint8_t *module, *function;
    uint8_t arity;
    uint32_t index;
    const uint8_t *unique; /* 16 bytes */
    const uint8_t *old_index, *old_unique, *pid;
    uint32_t free_count;
    const uint8_t *free_variables;
};
bool view_fun(const uint8_t *at, struct fun *fun);

/* RECORD_EXT of OTP 29 (EEP 79): count names, then as many values. */
struct record {
    uint32_t count;
    uint8_t flags;
    const uint8_t *module, *name, *fields, *values;
};
bool view_record(const uint8_t *at, struct record *record);

/* The arity of a tuple and its first element, or -1. */
long view_tuple(const uint8_t *at, const uint8_t **elements);

#endif
