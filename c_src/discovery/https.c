#include "discovery/https.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

#include <hermod/hermod.h>

#include "base/clock.h"
#include "discovery/tls_stream.h"
#include "dist/resolve.h"

enum { HEADERS_BYTES = 64 * 1024 };

struct https {
    struct https_request request; /* of its texts, only those below are kept */
    https_done *done;
    void *arg;
    struct resolve *resolve;
    struct tls_stream *tls;
    struct evhttp_connection *connection;
    struct event *deadline, *end; /* end: the callbacks of libevent's client must not free it */
    struct evbuffer *body;
    int status;
    char why[256];
    char *host, *path, *authorization;
};

static void free_https(struct https *https) {
    resolve_cancel(https->resolve);
    if (https->connection)
        evhttp_connection_free(https->connection);
    tls_stream_close(https->tls);
    if (https->deadline)
        event_free(https->deadline);
    if (https->end)
        event_free(https->end);
    if (https->body)
        evbuffer_free(https->body);
    free(https->host);
    free(https->path);
    free(https->authorization);
    free(https);
}

void https_cancel(struct https *https) {
    if (https)
        free_https(https);
}

/* ---- the end ---- */

static void on_end(evutil_socket_t fd, short what, void *arg) {
    struct https *https = arg;
    size_t size = evbuffer_get_length(https->body);
    const unsigned char *at = size ? evbuffer_pullup(https->body, -1) : (const unsigned char *)"";
    struct https_answer answer = {.status = https->status, .why = https->why};
    (void)fd;
    (void)what;
    if (!at) {
        answer.status = 0;
        answer.why = hm_strerror(HM_ENOMEM);
    } else {
        answer.body = bytes_of(at, size);
    }
    https->done(https->arg, &answer);
    free_https(https);
}

static void finish(struct https *https) {
    event_del(https->deadline);
    event_active(https->end, EV_TIMEOUT, 0);
}

static void fail(struct https *https, const char *why) {
    https->status = 0;
    if (!*https->why)
        snprintf(https->why, sizeof https->why, "%s", why);
    finish(https);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
    struct https *https = arg;
    (void)fd;
    (void)what;
    if (https->connection)
        evhttp_connection_free(https->connection);
    https->connection = NULL;
    resolve_cancel(https->resolve);
    https->resolve = NULL;
    fail(https, "no whole answer in time");
}

/* ---- the answer ---- */

static void on_error(enum evhttp_request_error error, void *arg) {
    struct https *https = arg;
    const char *text = error == EVREQ_HTTP_TIMEOUT          ? "no whole answer in time"
                       : error == EVREQ_HTTP_EOF            ? "the connection was closed before the answer was whole"
                       : error == EVREQ_HTTP_DATA_TOO_LONG  ? "the answer is larger than max-bytes"
                       : error == EVREQ_HTTP_INVALID_HEADER ? "what answers does not speak HTTP"
                                                            : "the connection was lost";
    if (error == EVREQ_HTTP_DATA_TOO_LONG || !tls_stream_problem(https->tls, https->why, sizeof https->why))
        snprintf(https->why, sizeof https->why, "%s", text);
}

/* Without a request, or a status, it is the end of an attempt that failed; on_error was called then, or there was no connection. */
static void on_answer(struct evhttp_request *answer, void *arg) {
    struct https *https = arg;
    int status = answer ? evhttp_request_get_response_code(answer) : 0;
    if (!status) {
        if (!*https->why)
            tls_stream_problem(https->tls, https->why, sizeof https->why);
        fail(https, "cannot connect");
        return;
    }
    https->status = status;
    if (evbuffer_add_buffer(https->body, evhttp_request_get_input_buffer(answer)))
        fail(https, hm_strerror(HM_ENOMEM));
    else
        finish(https);
}

/* ---- the question ---- */

static bool add_header(struct evhttp_request *question, const char *name, const char *value) {
    return evhttp_add_header(evhttp_request_get_output_headers(question), name, value) == 0;
}

static bool add_headers(const struct https *https, struct evhttp_request *question) {
    char host[300], agent[64];
    bool is_ipv6 = strchr(https->host, ':') != NULL;
    int used = snprintf(host, sizeof host, is_ipv6 ? "[%s]" : "%s", https->host);
    if (https->request.port != 443)
        snprintf(host + used, sizeof host - (size_t)used, ":%u", https->request.port);
    snprintf(agent, sizeof agent, "hermod/%s", HM_VERSION);
    return add_header(question, "Host", host) && add_header(question, "User-Agent", agent) &&
           add_header(question, "Accept", "application/json") && add_header(question, "Connection", "close") &&
           (!https->authorization || add_header(question, "Authorization", https->authorization));
}

static bool ask(struct https *https, const char *address) {
    struct bufferevent *stream = tls_stream_take(https->tls);
    https->connection = evhttp_connection_base_bufferevent_new(https->request.dist->base, NULL, stream, address, https->request.port);
    if (!https->connection) {
        bufferevent_free(stream);
        return false;
    }
    evhttp_connection_set_max_headers_size(https->connection, HEADERS_BYTES);
    evhttp_connection_set_max_body_size(https->connection, (ev_ssize_t)https->request.most_bytes);
    struct evhttp_request *question = evhttp_request_new(on_answer, https);
    if (!question)
        return false;
    evhttp_request_set_error_cb(question, on_error);
    if (!add_headers(https, question)) {
        evhttp_request_free(question);
        return false;
    }
    return evhttp_make_request(https->connection, question, EVHTTP_REQ_GET, https->path) == 0;
}

static void on_resolved(void *arg, const struct addresses *addresses) {
    struct https *https = arg;
    char address[INET6_ADDRSTRLEN];
    https->resolve = NULL;
    if (addresses->count == 0) {
        fail(https, "there is no such host");
        return;
    }
    const union address *first = &addresses->at[0];
    const void *bytes = first->any.sa_family == AF_INET6 ? (const void *)&first->in6.sin6_addr : &first->in.sin_addr;
    inet_ntop(first->any.sa_family, bytes, address, sizeof address);
    if (!ask(https, address))
        fail(https, hm_strerror(HM_ENOMEM));
}

static bool is_address(const char *host) {
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* An address is used as it is: it may be of a family that our node does not use among nodes. */
static bool start(struct https *https) {
    if (is_address(https->host))
        return ask(https, https->host);
    https->resolve = resolve_open(https->request.dist, https->host, on_resolved, https);
    return https->resolve != NULL;
}

static bool copy_texts(struct https *https, const struct https_request *request) {
    https->host = strdup(request->host);
    https->path = strdup(request->path);
    if (request->token) {
        size_t size = strlen("Bearer ") + strlen(request->token) + 1;
        https->authorization = malloc(size);
        if (!https->authorization)
            return false;
        snprintf(https->authorization, size, "Bearer %s", request->token);
    }
    return https->host && https->path;
}

int https_open(const struct https_request *request, https_done *done, void *arg, struct https **result, char *why,
               size_t capacity) {
    struct timeval patience = timeval_of_ms(request->patience_ms);
    struct https *https = calloc(1, sizeof *https);
    int error = HM_ENOMEM;
    snprintf(why, capacity, "%s", hm_strerror(error));
    if (!https)
        return error;
    https->request = *request;
    https->done = done;
    https->arg = arg;
    https->deadline = evtimer_new(request->dist->base, on_deadline, https);
    https->end = evtimer_new(request->dist->base, on_end, https);
    https->body = evbuffer_new();
    if (!https->deadline || !https->end || !https->body || !copy_texts(https, request))
        goto fail;
    error = tls_stream_open(request->dist->base, request->host, request->authorities, &https->tls, why, capacity);
    if (error)
        goto fail;
    error = HM_ENOMEM;
    if (!start(https) || event_add(https->deadline, &patience))
        goto fail;
    *result = https;
    return HM_OK;
fail:
    free_https(https);
    return error;
}
