/*
 * discovery/name_wire: the name of a node as an atom in external format.
 *
 * Out goes SMALL_ATOM_UTF8_EXT or ATOM_UTF8_EXT (119, 118), which OTP 20 and later read and OTP 26 and later write. ATOM_EXT (100,
 * Latin-1), which OTP 25 writes, and SMALL_ATOM_EXT (115) are read as well. Bytes only.
 */
#ifndef HM_DISCOVERY_NAME_WIRE_H
#define HM_DISCOVERY_NAME_WIRE_H

#include "discovery/strategy.h"

/* Without version byte. */
void name_wire_write(struct writer *out, struct bytes name);
/* An atom at the reader's place, as UTF-8. */
bool name_wire_read(struct reader *in, char name[DISCOVERY_NAME_BYTES], size_t *size);

#endif
