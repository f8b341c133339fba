/*
 * evhttp makes a connection out of each accepted socket and tells nobody, so a bufferevent that we made for it (evhttp_set_bevcb) and hold a
 * reference to is how we know it: its fd, its age, and that evhttp is done with it, for then it has no callbacks any more. The socket closes
 * when we let go: at once after a request that was served, else up to a second later, so that a client that is still writing junk can read why
 * it was refused instead of finding a reset connection.
 */
#include "http/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/page.h"
#include "http/request.h"
#include "http/token.h"

enum {
    BACKLOG = 128,
    SWEEP_MS = 1000,
    PAUSE_MS = 1000,
    /* evhttp's answer to more is 400; ours, below it, say which limit it was. */
    HARD_HEADER_BYTES = 32 * 1024,
    BODY_BYTES = 4 * 1024,   /* of a request: GET has none */
    INPUT_BYTES = 64 * 1024, /* evhttp goes on reading while it writes */
    ANY_METHOD = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                 EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH,
};

struct client {
    TAILQ_ENTRY(client) link;
    struct bufferevent *stream;
    struct mono born;
    bool asked;                     /* its request is complete */
    struct evhttp_request *waiting; /* for the status */
};
TAILQ_HEAD(clients, client);

struct http_server {
    struct evhttp *http;
    struct event *sweep;  /* while there are clients */
    struct event *resume; /* while there are no file descriptors */
    struct evconnlistener *listeners[2];
    struct http_address address;
    char token[HTTP_TOKEN_BYTES];
    struct http_rules rules;
    struct http_options options;
    struct http_page page;
    struct clients clients; /* oldest first */
    struct http_counters counters;
};

/* ---- clients ---- */

/* evhttp freed its connection: it took its callbacks off the bufferevent. */
static bool is_over(const struct client *client) {
    bufferevent_event_cb on_event;
    bufferevent_getcb(client->stream, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

static void forget(struct http_server *server, struct client *client) {
    TAILQ_REMOVE(&server->clients, client, link);
    server->counters.connections--;
    bufferevent_disable(client->stream, EV_READ | EV_WRITE);
    bufferevent_decref(client->stream);
    free(client);
}

static void say(const struct client *client, int status, const char *text) {
    char answer[512];
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s\n",
                        status, http_reason(status), strlen(text) + 1, text);
    int fd = bufferevent_getfd(client->stream);
    if (fd >= 0 && send(fd, answer, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* it did not listen either */
}

/* Ends a connection at whatever point it is, as if it had broken. */
static void cut(struct http_server *server, struct client *client, int status, const char *text) {
    struct evhttp_request *waiting = client->waiting;
    if (!client->asked)
        say(client, status, text);
    client->waiting = NULL;
    if (!is_over(client))
        bufferevent_trigger_event(client->stream, BEV_EVENT_ERROR | BEV_EVENT_READING, 0);
    if (waiting) /* evhttp leaves a request that we have to us, and frees it when it is answered */
        evhttp_send_reply(waiting, status, NULL, NULL);
    forget(server, client);
}

static void sweep(struct http_server *server) {
    struct mono now = mono_now();
    struct client *client = TAILQ_FIRST(&server->clients);
    while (client) {
        struct client *next = TAILQ_NEXT(client, link);
        if (is_over(client)) {
            forget(server, client);
        } else if (mono_ms_between(client->born, now) >= server->options.timeout_ms) {
            server->counters.timeouts++;
            log_info(server->options.log, "http.timeout", "a connection to --metrics %s for %u ms: closed",
                     client->asked ? "was not read from" : "did not send its request", (unsigned)server->options.timeout_ms);
            cut(server, client, 408, "No complete request came in time.");
        }
        client = next;
    }
}

/* Soon enough for the oldest one's deadline. */
static void schedule_sweep(struct http_server *server, int64_t ms) {
    const struct client *oldest = TAILQ_FIRST(&server->clients);
    int64_t left = oldest ? server->options.timeout_ms - mono_ms_between(oldest->born, mono_now()) : ms;
    struct timeval wait = timeval_of_ms(left >= ms ? ms : left > 0 ? left : 0);
    event_add(server->sweep, &wait);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg) {
    struct http_server *server = arg;
    (void)fd;
    (void)what;
    sweep(server);
    if (!TAILQ_EMPTY(&server->clients))
        schedule_sweep(server, SWEEP_MS);
}

/* Who has asked is being answered; of the others the oldest has had most of its time. */
static void make_room(struct http_server *server) {
    struct client *client = TAILQ_FIRST(&server->clients);
    while (client && client->asked)
        client = TAILQ_NEXT(client, link);
    if (!client)
        client = TAILQ_FIRST(&server->clients);
    server->counters.full++;
    log_warn(server->options.log, "http.full",
             "%u connections to --metrics: the oldest without a request is closed for the next (--metrics-connections)",
             (unsigned)server->counters.connections);
    cut(server, client, 503, "Too many connections.");
}

/* evhttp asks for a bufferevent for a socket that it has accepted. */
static struct bufferevent *on_accepted(struct event_base *base, void *arg) {
    struct http_server *server = arg;
    sweep(server);
    if (server->counters.connections >= server->options.max_connections)
        make_room(server);
    struct client *client = calloc(1, sizeof *client);
    if (client)
        client->stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!client || !client->stream) {
        free(client);
        return NULL; /* evhttp makes one of its own, or closes the socket */
    }
    bufferevent_incref(client->stream);
    bufferevent_setwatermark(client->stream, EV_READ, 0, INPUT_BYTES);
    client->born = mono_now();
    TAILQ_INSERT_TAIL(&server->clients, client, link);
    server->counters.connections++;
    if (!event_pending(server->sweep, EV_TIMEOUT, NULL))
        schedule_sweep(server, SWEEP_MS);
    return client->stream;
}

static struct client *find_client(struct http_server *server, struct evhttp_request *request) {
    struct bufferevent *stream = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
    struct client *client;
    TAILQ_FOREACH(client, &server->clients, link)
        if (client->stream == stream)
            return client;
    return NULL;
}

/* ---- answers ---- */

static void on_answered(struct evhttp_request *request, void *arg) {
    struct http_server *server = arg;
    (void)request; /* evhttp frees the connection after this */
    schedule_sweep(server, 0);
}

static size_t waiting_output(const struct http_server *server) {
    const struct client *client;
    size_t size = 0;
    TAILQ_FOREACH(client, &server->clients, link)
        size += evbuffer_get_length(bufferevent_get_output(client->stream));
    return size;
}

static void release_block(const void *bytes, size_t size, void *block) {
    (void)bytes;
    (void)size;
    block_release(block);
}

/* body: held while it is written; its first `size' bytes count. NULL: none. */
static void answer(struct http_server *server, struct evhttp_request *request, int status, const char *type, struct block *body,
                   size_t size) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *buffer = evbuffer_new();
    char length[24];
    server->counters.requests++;
    server->counters.refused += status != 200;
    snprintf(length, sizeof length, "%zu", size);
    evhttp_add_header(headers, "Connection", "close");
    if (*evhttp_request_get_uri(request) != '/')
        evhttp_add_header(headers, "Proxy-Connection", "close"); /* which evhttp goes by when the target is a whole URL */
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Content-Length", length); /* evhttp would leave it out for HEAD */
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "Cross-Origin-Resource-Policy", "same-origin");
    if (!evhttp_find_header(headers, "Content-Security-Policy"))
        evhttp_add_header(headers, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (size && buffer && evhttp_request_get_command(request) != EVHTTP_REQ_HEAD &&
        evbuffer_add_reference(buffer, body->at, size, release_block, block_hold(body)) != 0) {
        block_release(body);
        status = 503;
    }
    if (status == 200)
        evhttp_request_set_on_complete_cb(request, on_answered, server);
    evhttp_send_reply(request, status, http_reason(status), buffer);
    if (buffer)
        evbuffer_free(buffer);
}

static void answer_text(struct http_server *server, struct evhttp_request *request, int status, const char *text) {
    size_t size = strlen(text);
    struct block *body = block_new(size + 1);
    if (body) {
        memcpy(body->at, text, size);
        body->at[size] = '\n';
    }
    answer(server, request, status, "text/plain; charset=utf-8", body, body ? size + 1 : 0);
    block_release(body);
}

static void refuse_output(struct http_server *server, struct evhttp_request *request, int error) {
    server->counters.too_much++;
    log_warn(server->options.log, "http.output", "a request to --metrics is not answered: %s",
             error == HM_ELIMIT ? "it is too much at once" : hm_strerror(error));
    answer_text(server, request, 503, "There is too much to tell, or no memory for it.");
}

static void answer_metrics(struct http_server *server, struct evhttp_request *request) {
    struct writer text;
    writer_init(&text, HTTP_BODY_BYTES);
    int error = waiting_output(server) > HTTP_OUTPUT_BYTES ? HM_ELIMIT
                                                           : server->options.content.metrics(server->options.content.arg, &text);
    struct block *body = error || text.error ? NULL : block_copy(bytes_of(text.at, text.size));
    if (!error)
        error = text.error ? text.error : body ? HM_OK : HM_ENOMEM;
    writer_fini(&text);
    if (error)
        refuse_output(server, request, error);
    else
        answer(server, request, 200, "text/plain; version=0.0.4; charset=utf-8", body, body->size);
    block_release(body);
}

static void answer_page(struct http_server *server, struct evhttp_request *request) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct bytes page = http_page_bytes();
    struct block *body = block_copy(page);
    evhttp_add_header(headers, "Content-Security-Policy", server->page.policy);
    answer(server, request, body ? 200 : 503, "text/html; charset=utf-8", body, body ? body->size : 0);
    block_release(body);
}

static void ask_status(struct http_server *server, struct evhttp_request *request, struct client *client) {
    if (waiting_output(server) > HTTP_OUTPUT_BYTES) {
        refuse_output(server, request, HM_ELIMIT);
        return;
    }
    client->waiting = request;
    int error = server->options.content.ask_status(server->options.content.arg);
    if (error && client->waiting) {
        client->waiting = NULL;
        refuse_output(server, request, error);
    }
}

void http_server_give_status(struct http_server *server, struct block *json) {
    struct client *client;
    TAILQ_FOREACH(client, &server->clients, link) {
        struct evhttp_request *request = client->waiting;
        client->waiting = NULL;
        if (request && json)
            answer(server, request, 200, "application/json", json, json->size);
        else if (request)
            refuse_output(server, request, HM_ENOMEM);
    }
}

static size_t header_bytes(const struct evkeyvalq *headers) {
    const struct evkeyval *header;
    size_t size = 0;
    TAILQ_FOREACH(header, headers, next)
        size += strlen(header->key) + strlen(header->value) + 4;
    return size;
}

static void log_refusal(struct http_server *server, struct evhttp_request *request, const struct http_verdict *verdict) {
    char *address = NULL;
    uint16_t port = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    if (verdict->status == 401) {
        server->counters.denied++;
        log_warn(server->options.log, "http.token", "from=%s a request to --metrics without the token", address ? address : "?");
    } else if (verdict->status == 421) {
        log_warn(server->options.log, "http.host",
                 "from=%s a request to --metrics for the host %s, which is no name of this machine alone; give a --metrics-token",
                 address ? address : "?", log_escape(bytes_of(verdict->host, verdict->host_size)).text);
    } else if (verdict->status == 414 || verdict->status == 431) {
        server->counters.too_large++;
    }
}

static void refuse(struct http_server *server, struct evhttp_request *request, const struct http_verdict *verdict) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    log_refusal(server, request, verdict);
    if (verdict->status == 401)
        evhttp_add_header(headers, "WWW-Authenticate", "Bearer realm=\"hermod\"");
    if (verdict->status == 405)
        evhttp_add_header(headers, "Allow", "GET, HEAD");
    answer_text(server, request, verdict->status, verdict->text);
}

static void on_request(struct evhttp_request *request, void *arg) {
    struct http_server *server = arg;
    struct client *client = find_client(server, request);
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    struct http_request facts = {
        .readable = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD,
        .old = request->major < 1 || (request->major == 1 && request->minor == 0),
        .target = evhttp_request_get_uri(request),
        .host = evhttp_find_header(headers, "Host"),
        .authorization = evhttp_find_header(headers, "Authorization"),
        .header_bytes = header_bytes(headers),
    };
    if (!client) {
        answer_text(server, request, 503, "There is no memory.");
        return;
    }
    client->asked = true;
    struct http_verdict verdict = http_judge(&facts, &server->rules);
    if (verdict.status != 200) {
        refuse(server, request, &verdict);
        return;
    }
    switch (verdict.route) {
    case HTTP_PAGE:
        answer_page(server, request);
        break;
    case HTTP_METRICS:
        answer_metrics(server, request);
        break;
    case HTTP_STATUS:
        ask_status(server, request, client);
        break;
    case HTTP_HEALTH:
        answer_text(server, request, 200, "ok");
        break;
    case HTTP_READY:
        if (server->options.content.is_ready(server->options.content.arg))
            answer_text(server, request, 200, "ok");
        else
            answer_text(server, request, 503, "The node is starting.");
        break;
    }
}

/* ---- listening ---- */

static void enable_listeners(struct http_server *server, bool on) {
    for (size_t i = 0; i < server->address.count; i++)
        if (server->listeners[i] && on)
            evconnlistener_enable(server->listeners[i]);
        else if (server->listeners[i])
            evconnlistener_disable(server->listeners[i]);
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    enable_listeners(arg, true);
}

static void on_accept_error(struct evconnlistener *listener, void *arg) {
    struct http_server *server = arg;
    struct timeval wait = timeval_of_ms(PAUSE_MS);
    (void)listener;
    log_warn(server->options.log, "http.paused", "cannot accept (%s); trying again in %d ms: raise the limit of open files",
             strerror(errno), PAUSE_MS);
    enable_listeners(server, false);
    event_add(server->resume, &wait);
}

static int open_socket(const union http_socket_address *address) {
    int on = 1, off = 0;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6) /* [::] is all addresses */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    socklen_t size = http_address_size(address);
    if (bind(fd, &address->any, size) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int listen_on(struct http_server *server, size_t place) {
    union http_socket_address *address = &server->address.at[place];
    int fd = open_socket(address);
    if (fd < 0)
        return HM_ESYSTEM;
    socklen_t size = sizeof *address;
    getsockname(fd, &address->any, &size);
    struct evconnlistener *listener =
        evconnlistener_new(server->options.base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener) {
        close(fd);
        return HM_ENOMEM;
    }
    if (!evhttp_bind_listener(server->http, listener)) {
        evconnlistener_free(listener);
        return HM_ENOMEM;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    server->listeners[place] = listener;
    return HM_OK;
}

/* A machine without IPv6 has the one loopback address. */
static bool is_absent(int cause) {
    return cause == EAFNOSUPPORT || cause == EADDRNOTAVAIL;
}

static int open_listeners(struct http_server *server, char *why, size_t capacity) {
    char text[HTTP_ADDRESS_TEXT];
    size_t count = server->address.count;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            http_address_set_port(&server->address.at[i], http_address_port(&server->address.at[0]));
        int error = listen_on(server, i);
        if (error == HM_ESYSTEM && i > 0 && is_absent(errno)) {
            server->address.count = i;
            break;
        }
        if (error) {
            snprintf(why, capacity, "cannot listen on %s: %s", http_address_text(&server->address.at[i], text),
                     error == HM_ESYSTEM ? strerror(errno) : hm_strerror(error));
            return error;
        }
        log_info(server->options.log, "http.listen", "http://%s/", http_address_text(&server->address.at[i], text));
    }
    return HM_OK;
}

/* ---- life ---- */

int http_server_open(const struct http_options *options, struct http_server **opened, char *why, size_t capacity) {
    struct http_server *server = calloc(1, sizeof *server);
    snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
    if (!server)
        return HM_ENOMEM;
    server->options = *options;
    server->address = *options->address;
    server->rules.loopback = options->address->loopback;
    if (options->token) {
        snprintf(server->token, sizeof server->token, "%s", options->token);
        server->rules.token = server->token;
    }
    TAILQ_INIT(&server->clients);
    http_page_init(&server->page);
    server->http = evhttp_new(options->base);
    server->sweep = evtimer_new(options->base, on_sweep, server);
    server->resume = evtimer_new(options->base, on_resume, server);
    int error = server->http && server->sweep && server->resume ? HM_OK : HM_ENOMEM;
    if (!error) {
        /* Later than ours, which says what is wrong before it closes. */
        struct timeval timeout = timeval_of_ms((int64_t)options->timeout_ms + 5 * SWEEP_MS);
        evhttp_set_timeout_tv(server->http, &timeout);
        evhttp_set_max_headers_size(server->http, HARD_HEADER_BYTES);
        evhttp_set_max_body_size(server->http, BODY_BYTES);
        evhttp_set_allowed_methods(server->http, ANY_METHOD);
        evhttp_set_bevcb(server->http, on_accepted, server);
        evhttp_set_gencb(server->http, on_request, server);
        error = open_listeners(server, why, capacity);
    }
    if (error)
        http_server_close(server);
    else
        *opened = server;
    return error;
}

void http_server_close(struct http_server *server) {
    if (!server)
        return;
    if (server->http)
        evhttp_free(server->http);
    while (!TAILQ_EMPTY(&server->clients))
        forget(server, TAILQ_FIRST(&server->clients));
    if (server->sweep)
        event_free(server->sweep);
    if (server->resume)
        event_free(server->resume);
    explicit_bzero(server, sizeof *server);
    free(server);
}

const struct http_address *http_server_address(const struct http_server *server) {
    return &server->address;
}

void http_server_counters(const struct http_server *server, struct http_counters *counters) {
    *counters = server->counters;
}
