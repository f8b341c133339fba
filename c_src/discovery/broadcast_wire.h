/*
 * discovery/broadcast_wire: the datagram of distributed_hello_world: "node::" and the name as an external term.
 *
 * Bytes only. See discovery/name_wire for the encodings of the name.
 */
#ifndef HM_DISCOVERY_BROADCAST_WIRE_H
#define HM_DISCOVERY_BROADCAST_WIRE_H

#include "discovery/strategy.h"

void broadcast_write(struct writer *out, struct bytes name);
/* false: not one of these datagrams. name gets the UTF-8 text. */
bool broadcast_read(struct bytes datagram, char name[DISCOVERY_NAME_BYTES], size_t *size);

#endif
