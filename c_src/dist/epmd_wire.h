/*
 * dist/epmd_wire: requests to epmd and its answers. Bytes only, no sockets.
 *
 * Requests carry a 2-byte length, answers none: they end where their fields end, or where epmd closes.
 * Readers therefore answer 0 for "more bytes are needed" besides 1 and an error. Specification:
 * erl_dist_protocol "EPMD Protocol"; erts/epmd/src/epmd_srv.c.
 */
#ifndef HM_DIST_EPMD_WIRE_H
#define HM_DIST_EPMD_WIRE_H

#include "base/bytes.h"

enum {
    EPMD_NAME_MAX = 1020,
    EPMD_ANSWER_MAX = 64 * 1024, /* of NAMES: more nodes than one host has */
};

/* ALIVE2. hidden is information only: nobody reads the type. */
void epmd_write_alive(struct writer *out, struct bytes name, uint16_t port, bool hidden);
void epmd_write_port_please(struct writer *out, struct bytes name);
void epmd_write_names(struct writer *out);

/* 1: complete, 0: more, HM_EEPMD: no answer to ALIVE2. *result 0 means registered, else the name was
 * refused. */
int epmd_read_alive(struct bytes answer, uint8_t *result, uint32_t *creation);
/* 1: *port; 0: more; HM_ENOENT: not registered; HM_EEPMD. The fields behind the port are not needed, nor
 * read. */
int epmd_read_port(struct bytes answer, uint16_t *port);

/* The names of an answer that is complete (epmd has closed): the first call with *rest = the whole answer. 1:
 * one name; 0: no more; HM_EEPMD. */
int epmd_names_begin(struct bytes answer, struct bytes *rest);
int epmd_names_next(struct bytes *rest, struct bytes *name, uint16_t *port);

#endif
