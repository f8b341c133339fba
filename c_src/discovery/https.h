/*
 * discovery/https: asks a server for one thing: GET over TLS (tls_stream), through libevent's HTTP client. Never blocks.
 *
 * One connection for each question. Redirects are not followed: the answer is whatever the server says first. One thread.
 */
#ifndef HM_DISCOVERY_HTTPS_H
#define HM_DISCOVERY_HTTPS_H

#include "base/bytes.h"

struct dist;
struct https;

struct https_request {      /* texts are borrowed until it returns */
    struct dist *dist;      /* its loop, its resolver; borrowed until the end */
    const char *host;       /* name or address, as in the server's certificate */
    uint16_t port;
    const char *path;       /* with the query */
    const char *token;      /* of the bearer; NULL: none */
    const char *authorities; /* file in PEM format */
    size_t most_bytes;      /* of the answer's body */
    int64_t patience_ms;    /* for everything */
};

struct https_answer { /* lent until it returns */
    int status;       /* 200, 404...; 0: there is no answer, and why tells */
    struct bytes body;
    const char *why;
};

typedef void https_done(void *arg, const struct https_answer *answer);

/* Never calls back before it returns; over when it has. HM_ESYSTEM, HM_EINVAL (authorities), HM_ENOMEM, with why. */
int https_open(const struct https_request *request, https_done *done, void *arg, struct https **https, char *why,
               size_t capacity);
void https_cancel(struct https *https); /* NULL is allowed */

#endif
