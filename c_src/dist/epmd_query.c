/* Look-ups: resolve, connect, write the request, read until the answer is complete. */
#include "dist/epmd_query.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <unistd.h>

#include "dist/connect.h"
#include "dist/epmd_wire.h"

struct epmd_query {
    struct dist *dist;
    struct resolve *resolve;
    struct connector *connector;
    struct event event;
    bool event_used;
    int fd;
    struct writer request, answer;
    size_t sent;
    epmd_lookup_done *lookup; /* one of the two */
    epmd_names_each *each;
    void *arg;
};

static void free_query(struct epmd_query *query) {
    resolve_cancel(query->resolve);
    connect_cancel(query->connector);
    if (query->event_used)
        event_del(&query->event);
    if (query->fd >= 0)
        close(query->fd);
    writer_fini(&query->request);
    writer_fini(&query->answer);
    free(query);
}

void epmd_query_cancel(struct epmd_query *query) {
    if (query)
        free_query(query);
}

/* The callbacks of a query may start another one or end the program's interest in everything: free first. */
static void finish_lookup(struct epmd_query *query, int error, uint16_t port) {
    epmd_lookup_done *done = query->lookup;
    void *arg = query->arg;
    free_query(query);
    done(arg, error, port);
}

static void finish_names(struct epmd_query *query, int error) {
    epmd_names_each *each = query->each;
    void *arg = query->arg;
    struct writer answer = query->answer;
    query->answer = (struct writer){0};
    free_query(query);

    struct bytes rest = {NULL, 0}, name;
    uint16_t port;
    if (!error)
        error = epmd_names_begin(bytes_of(answer.at, answer.size), &rest);
    while (!error) {
        int more = epmd_names_next(&rest, &name, &port);
        if (more <= 0) {
            error = more;
            break;
        }
        each(arg, (const char *)name.at, name.size, port, HM_OK);
    }
    writer_fini(&answer);
    each(arg, NULL, 0, 0, error);
}

static void fail(struct epmd_query *query, int error) {
    if (query->lookup)
        finish_lookup(query, error, 0);
    else
        finish_names(query, error);
}

/* true: the query is over. */
static bool look_at_answer(struct epmd_query *query, bool closed) {
    struct bytes answer = bytes_of(query->answer.at, query->answer.size);
    uint16_t port = 0;
    if (!query->lookup) {
        if (closed)
            finish_names(query, HM_OK);
        return closed;
    }
    int complete = epmd_read_port(answer, &port);
    if (complete == 0 && !closed)
        return false;
    finish_lookup(query, complete == 0 ? HM_EEPMD : complete < 0 ? complete : HM_OK, port);
    return true;
}

static void wait_for(struct epmd_query *query, short what);

static void on_event(evutil_socket_t fd, short what, void *arg) {
    struct epmd_query *query = arg;
    if (what & EV_TIMEOUT) {
        fail(query, HM_EEPMD);
        return;
    }
    if (what & EV_WRITE) {
        size_t left = query->request.size - query->sent;
        ssize_t n = send(fd, query->request.at + query->sent, left, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            fail(query, HM_EEPMD);
            return;
        }
        query->sent += n > 0 ? (size_t)n : 0;
        wait_for(query, query->sent < query->request.size ? EV_WRITE : EV_READ);
        return;
    }
    uint8_t bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for(query, EV_READ);
        return;
    }
    if (n > 0)
        writer_put(&query->answer, bytes, (size_t)n);
    if (n < 0 || query->answer.error)
        fail(query, query->answer.error == HM_ENOMEM ? HM_ENOMEM : HM_EEPMD);
    else if (!look_at_answer(query, n == 0))
        wait_for(query, EV_READ);
}

static void wait_for(struct epmd_query *query, short what) {
    struct timeval timeout = timeval_of_ms(query->dist->setup_ms);
    query->event_used = true;
    event_assign(&query->event, query->dist->base, query->fd, what, on_event, query);
    event_add(&query->event, &timeout);
}

static void on_connected(void *arg, int fd, int error) {
    struct epmd_query *query = arg;
    (void)error;
    query->connector = NULL;
    query->fd = fd;
    if (fd < 0)
        fail(query, HM_EEPMD);
    else
        wait_for(query, EV_WRITE);
}

static bool start_connect(struct epmd_query *query, const struct addresses *addresses) {
    query->connector = connect_open(query->dist, addresses, query->dist->epmd.port, query->dist->setup_ms,
                                    on_connected, query);
    return query->connector != NULL;
}

static void on_resolved(void *arg, const struct addresses *addresses) {
    struct epmd_query *query = arg;
    query->resolve = NULL;
    if (addresses->count == 0)
        fail(query, HM_ENOCONNECTION);
    else if (!start_connect(query, addresses))
        fail(query, HM_ENOMEM);
}

static struct epmd_query *new_query(struct dist *dist, void *arg) {
    struct epmd_query *query = calloc(1, sizeof *query);
    if (!query)
        return NULL;
    query->dist = dist;
    query->arg = arg;
    query->fd = -1;
    writer_init(&query->request, EPMD_NAME_MAX + 16);
    writer_init(&query->answer, EPMD_ANSWER_MAX);
    return query;
}

static struct epmd_query *start_resolve(struct epmd_query *query, const char *host) {
    if (!query->request.error)
        query->resolve = resolve_open(query->dist, host, on_resolved, query);
    if (!query->resolve) {
        free_query(query);
        return NULL;
    }
    return query;
}

struct epmd_query *epmd_lookup(struct dist *dist, const char *host, const char *alive_name,
                               epmd_lookup_done *done, void *arg) {
    struct epmd_query *query = new_query(dist, arg);
    if (!query)
        return NULL;
    query->lookup = done;
    epmd_write_port_please(&query->request, bytes_of(alive_name, strlen(alive_name)));
    return start_resolve(query, host);
}

struct epmd_query *epmd_lookup_at(struct dist *dist, const struct addresses *addresses,
                                  struct bytes alive_name, epmd_lookup_done *done, void *arg) {
    struct epmd_query *query = new_query(dist, arg);
    if (!query)
        return NULL;
    query->lookup = done;
    epmd_write_port_please(&query->request, alive_name);
    if (query->request.error || !start_connect(query, addresses)) {
        free_query(query);
        return NULL;
    }
    return query;
}

struct epmd_query *epmd_names(struct dist *dist, const char *host, epmd_names_each *each, void *arg) {
    struct epmd_query *query = new_query(dist, arg);
    if (!query)
        return NULL;
    query->each = each;
    epmd_write_names(&query->request);
    return start_resolve(query, host);
}
