/*
 * http/request: what a request is answered, from what it says: no sockets, no libevent.
 *
 * Everything in it was written by a stranger. It decides on the path, the method, the name under which this node was reached, the token and
 * the sizes, and nothing else: a query is ignored. RFC 9110, 9112; bearer tokens as RFC 6750. Any thread.
 */
#ifndef HM_HTTP_REQUEST_H
#define HM_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

enum http_route {
    HTTP_PAGE,    /* / */
    HTTP_METRICS, /* /metrics */
    HTTP_STATUS,  /* /status.json, what the page shows */
    HTTP_HEALTH,  /* /health: this process runs */
    HTTP_READY,   /* /ready: the node is registered and reachable */
};

enum {
    HTTP_TARGET_BYTES = 1024,
    HTTP_HEADER_BYTES = 8 * 1024, /* all of them, with their names */
};

struct http_request {
    bool readable;             /* GET or HEAD */
    bool old;                  /* HTTP/1.0, which need not name a host */
    const char *target;        /* as it came; NULL: it made no sense */
    const char *host;          /* the headers, NULL: there is none */
    const char *authorization;
    size_t header_bytes;
};

struct http_rules {
    const char *token; /* NULL: none is needed */
    bool loopback;     /* answers only to this machine's own names, unless there is a token */
};

struct http_verdict {
    int status;          /* 200: go on with the route */
    enum http_route route;
    const char *text;    /* a sentence for the body of an error; literal */
    const char *host;    /* of the name under which this node was reached: borrowed from the request; 421 only */
    size_t host_size;
};

struct http_verdict http_judge(const struct http_request *request, const struct http_rules *rules);
/* The reason phrase of the statuses that http_judge and the server give. */
const char *http_reason(int status);

#endif
