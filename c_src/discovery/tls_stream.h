/*
 * discovery/tls_stream: a client's end of TLS over TCP, as a bufferevent. The server's certificate is always checked, against
 * the authorities of one file and the name or address that was asked for.
 *
 * libevent_openssl and OpenSSL are loaded when the first of these functions is called: idle nodes do without (see
 * discovery/crypto.h). TLS 1.2 and later. One thread.
 */
#ifndef HM_DISCOVERY_TLS_STREAM_H
#define HM_DISCOVERY_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct bufferevent;
struct event_base;
struct tls_stream;

/* false with why: a library is not there. */
bool tls_stream_load(char *why, size_t capacity);
/* Not connected yet. host: the name, or address, that the certificate has to have; authorities: a file in PEM format.
 * HM_ESYSTEM, HM_EINVAL (the file), HM_ENOMEM, with why. */
int tls_stream_open(struct event_base *base, const char *host, const char *authorities, struct tls_stream **stream, char *why,
                    size_t capacity);
/* For whoever speaks through it, and frees it: the bufferevent, before tls_stream_close. May be taken once. */
struct bufferevent *tls_stream_take(struct tls_stream *stream);
/* What OpenSSL has against the connection, once it failed: a sentence. false: nothing, it failed for another reason. */
bool tls_stream_problem(struct tls_stream *stream, char *text, size_t capacity);
void tls_stream_close(struct tls_stream *stream); /* NULL is allowed */

#endif
