/*
 * http/server: --metrics: libevent's HTTP server with limits of its own.
 *
 * Owns the listening sockets and the connections. It knows no node: what it serves comes from struct http_content, and http/request decides
 * who gets it. One request for each connection, GET or HEAD, no body.
 *
 * Against those who are slow, silent or many: a connection ends when it is timeout_ms old, whatever it is doing (evhttp's own timeouts begin
 * anew with every byte); when there are max_connections, the oldest that has not sent its request makes room for the next, so that whoever asks
 * is served; what waits to be written is bounded.
 *
 * Content is asked for on the node's thread. Callbacks must not close the server. One thread.
 */
#ifndef HM_HTTP_SERVER_H
#define HM_HTTP_SERVER_H

#include "base/bytes.h"
#include "base/log.h"
#include "http/address.h"

struct event_base;
struct http_server;

struct http_content {
    /* The text of /metrics. An error: 503. */
    int (*metrics)(void *arg, struct writer *out);
    /* Asks for what the page shows: http_server_give_status follows, now or later. An error: 503. */
    int (*ask_status)(void *arg);
    bool (*is_ready)(void *arg);
    void *arg;
};

struct http_options {
    struct event_base *base;
    const struct http_address *address;
    const char *token; /* NULL: none is needed. A copy is kept */
    uint32_t max_connections;
    uint32_t timeout_ms;
    const struct log *log;       /* borrowed until close */
    struct http_content content; /* likewise */
};

enum {
    HTTP_BODY_BYTES = 16 * 1024 * 1024,   /* the largest answer */
    HTTP_OUTPUT_BYTES = 32 * 1024 * 1024, /* over this, no further answer is made before some of it was read */
};

/* HM_ESYSTEM with why (the port is taken, no such address here), HM_ENOMEM. */
int http_server_open(const struct http_options *options, struct http_server **server, char *why, size_t capacity);
/* NULL is allowed. Ends all connections. */
void http_server_close(struct http_server *server);

/* Answers everybody who waits for the status; size 0: there is none (503). Holds the block while it is written. */
void http_server_give_status(struct http_server *server, struct block *json);

/* Where it listens; count of them. Borrowed. */
const struct http_address *http_server_address(const struct http_server *server);

struct http_counters {
    uint64_t requests;  /* with an answer, whatever it was */
    uint64_t refused;   /* of them, those that were not answered 200 */
    uint64_t denied;    /* of them, for want of the token */
    uint64_t full;      /* connections that made room for another one */
    uint64_t timeouts;  /* connections that were too old */
    uint64_t too_large; /* requests over a limit */
    uint64_t too_much;  /* answers that were not made: too much waited, or they were too large */
    uint32_t connections;
};
void http_server_counters(const struct http_server *server, struct http_counters *counters);

#endif
