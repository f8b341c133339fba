/*
 * etf/check: is this one well-formed term? The gate that every byte from a peer passes before anything reads
 * it.
 *
 * ei's decoders know no end of buffer and recurse; after this walk (iterative, bounded, limited in depth and
 * number of terms) they are safe. Accepts the tags of erl_ext_dist that can come over distribution without
 * atom cache; refuses COMPRESSED (80), ATOM_CACHE_REF (82), LOCAL_EXT (121) and everything unknown, atoms
 * over 255 characters or with invalid UTF-8, references over 5 words. RECORD_EXT (67, OTP 29) is walked.
 * Pure: no allocation, any thread.
 */
#ifndef HM_ETF_CHECK_H
#define HM_ETF_CHECK_H

#include "base/bytes.h"
#include <hermod/term.h>

/* Checks that `range` starts with one term (no version byte) and stores its size. HM_EBADTERM or
 * HM_ELIMIT. */
int check_term(struct bytes range, const struct hm_check_limits *limits, size_t *size);

#endif
