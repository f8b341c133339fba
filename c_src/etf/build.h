/*
 * etf/build: writing terms; behind the builder of <hermod/term.h>, and what parse needs beside it.
 *
 * ei encodes (ei_encode_*), but into room that our own writer has reserved: ei_x_* would grow the buffer by a
 * constant, lose it when realloc fails, and count in int. One thread for each builder.
 */
#ifndef HM_ETF_BUILD_H
#define HM_ETF_BUILD_H

#include <hermod/term.h>

/* A place to come back to. */
struct build_mark {
    size_t size;
    int64_t missing;
};
struct build_mark build_mark(const hm_build *build);
void build_rollback(hm_build *build, struct build_mark mark);
/* What was written since the mark, as one term. Lends until the builder is changed. */
hm_term build_since(const hm_build *build, struct build_mark mark);

/* The finished term, which must not be a failed one, without a copy of it: the builder is empty then. NULL without memory, and nothing has
 * changed. */
struct block;
struct block *build_take(hm_build *build);

/* What sticks, without asking whether the term is complete. */
int build_sticky_error(const hm_build *build);
/* Makes the error stick, unless there is one. */
void build_fail(hm_build *build, int error);

/* A tuple or a map whose size is known only after its terms: begin, put them, end with their number (of
 * pairs). */
size_t build_tuple_begin(hm_build *build);
void build_tuple_end(hm_build *build, size_t begin, uint32_t arity);
size_t build_map_begin(hm_build *build);
void build_map_end(hm_build *build, size_t begin, uint32_t size);
/* hm_put_list_end for an improper list: the tail is the last term that was put, and is not counted. */
void build_list_end_improper(hm_build *build, size_t begin, uint32_t length);

/* Integers of any size: the magnitude, little endian, without leading zeros. */
void build_integer(hm_build *build, bool negative, const uint8_t *digits, size_t size);
/* Bits of the last byte, 1..8. */
void build_bits(hm_build *build, const uint8_t *bytes, size_t size, unsigned last_bits);
/* UTF-8 in, a list of its characters out. */
void build_charlist(hm_build *build, const char *text, size_t size_bytes);
/* Ids of nodes whose names nobody has interned. */
void build_pid(hm_build *build, const char *node, size_t node_size, uint32_t id, uint32_t serial,
               uint32_t creation);
/* fun M:F/A: begin, put the two atoms, end. */
void build_export_begin(hm_build *build);
void build_export_end(hm_build *build, uint8_t arity);

#endif
