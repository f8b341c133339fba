/*
 * discovery/hosts_wire: the text of a .hosts.erlang, as net_adm:host_file reads it: Erlang terms, each an atom or a
 * string, each followed by a full stop; comments begin with %.
 *
 * Bytes only, no file. Specification: kernel's net_adm.erl (file:path_consult).
 */
#ifndef HM_DISCOVERY_HOSTS_WIRE_H
#define HM_DISCOVERY_HOSTS_WIRE_H

#include "base/bytes.h"

enum { HOSTS_HOST_BYTES = 256 };

struct hosts_reader {
    struct bytes rest;
    unsigned line;
};

/* 1: the next host; 0: no more; HM_ESYNTAX: reader->line tells where. */
int hosts_next(struct hosts_reader *reader, char host[HOSTS_HOST_BYTES]);

#endif
