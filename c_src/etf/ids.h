/*
 * etf/ids: pids, references and ports between external format and plain values; atoms into external format.
 *
 * Written and read in place instead of through ei: an erlang_pid of ei is 1 KiB, and a control tuple of
 * nearly every message holds one (measured: 91 ns against 5-20 ns a message). Layout: erl_ext_dist
 * NEW_PID_EXT (88), PID_EXT (103), NEWER_REFERENCE_EXT (90), NEW_REFERENCE_EXT (114), REFERENCE_EXT (101).
 * Tests hold both directions against ei. The input is checked bytes. One thread (names).
 */
#ifndef HM_ETF_IDS_H
#define HM_ETF_IDS_H

#include "etf/names.h"

enum {
    PID_BYTES_MAX = 1 + 3 + 1020 + 12,
    REF_BYTES_MAX = 3 + 3 + 1020 + 4 + 5 * 4,
};

/* false: another term, or its node's name cannot be entered. */
bool pid_decode(struct names *names, hm_term term, hm_pid *pid);
bool ref_decode(struct names *names, hm_term term, hm_ref *ref);
/* The node of a pid, port or reference, without decoding the rest. */
bool id_node_decode(struct names *names, hm_term term, const hm_node_name **node);

/* Size in external format, and the bytes: out must have that much room. Returns the number of
 * bytes written. */
size_t pid_size(hm_pid pid);
size_t pid_encode(hm_pid pid, uint8_t *out);
size_t ref_size(const hm_ref *ref);
size_t ref_encode(const hm_ref *ref, uint8_t *out);
/* At most 3 bytes more than the text, which is known to be that of an atom. */
size_t atom_encode(struct bytes text, uint8_t *out);

#endif
