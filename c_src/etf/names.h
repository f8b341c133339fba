/*
 * etf/names: the interned names of nodes.
 *
 * Owns every hm_node_name of one hm_node. A name is entered when a pid, port or reference that carries it is
 * decoded and stays until names_free, so pids can be plain values that compare by pointer. Peers can push
 * names, so there is a cap: over it new names are refused (the operation that carries them fails, nothing
 * else). One thread. Calls nobody back.
 */
#ifndef HM_ETF_NAMES_H
#define HM_ETF_NAMES_H

#include "base/bytes.h"
#include <hermod/term.h>

struct names;

struct names *names_new(size_t max);
void names_free(struct names *names);

/* The interned name of this UTF-8 text, entered when new. NULL: cap reached, no memory, or longer than an
 * atom. */
const hm_node_name *names_intern(struct names *names, const char *text, size_t size);
/*
 * The same for a name that a stranger claims before it proved its cookie: it is there as long as claims of it are held, and stays for good
 * once names_intern was asked for it. Otherwise strangers could fill the table. Each claim ends with one release, after which the
 * pointer may be dead.
 */
const hm_node_name *names_claim(struct names *names, const char *text, size_t size);
void names_release(struct names *names, const hm_node_name *name);
/* Only when it is there already. */
const hm_node_name *names_find(const struct names *names, const char *text, size_t size);
size_t names_count(const struct names *names);
size_t names_max(const struct names *names);
uint64_t names_refused(const struct names *names); /* times that the cap was reached */

struct bytes node_name_bytes(const hm_node_name *name);   /* the text; also terminated by NUL */
struct bytes node_name_encoded(
    const hm_node_name *name); /* the atom in external format, SMALL_ATOM_UTF8 or ATOM_UTF8 */

#endif
