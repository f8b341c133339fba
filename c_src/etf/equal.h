/*
 * etf/equal: equality and hashing of checked terms; behind hm_term_equal and hm_term_hash.
 *
 * Recursive, as deep as the terms, which check limits. Pure but for a temporary index of large maps; without
 * memory for it the answer is the same, later. Any thread.
 */
#ifndef HM_ETF_EQUAL_H
#define HM_ETF_EQUAL_H

#include <hermod/term.h>

/* A key that stands twice in a map: the BEAM takes such a map for garbage and drops the connection. */
bool equal_find_duplicate_key(hm_term map, hm_term *key);

#endif
