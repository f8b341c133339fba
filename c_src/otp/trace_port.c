/*
 * The trace port of <hermod/trace.h>: what the traces of this node tell, for a client of dbg:trace_client(ip, {Host, Port}) on any node.
 *
 * As the port of OTP (lib/runtime_tools/c_src/trace_ip_drv.c): one client at a time, a second is closed at once; what is told while there is
 * none waits for the next, within bounds.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hermod/metrics.h>

#include "base/clock.h"
#include "dist/resolve.h"
#include "node/node.h"
#include "otp/trace.h"
#include "otp/trace_queue.h"

enum { QUEUE_MESSAGES = 200, QUEUE_BYTES = 16 * 1024 * 1024, BACKLOG = 8, PAUSE_MS = 1000 };

struct hm_trace_port {
    struct trace_sink sink;
    struct hm_node *node;
    struct trace_queue queue;
    hm_metrics *metrics;
    int listen_fd, fd; /* -1: none */
    uint16_t port;
    struct event *acceptable, *resume, *readable, *writable;
    bool slow; /* the log has heard of it: once until it keeps up */
};

/* ---- the client ---- */

static void free_event(struct event **event) {
    if (*event)
        event_free(*event);
    *event = NULL;
}

static void lose_client(struct hm_trace_port *port, const char *why) {
    log_info(&port->node->log, "trace.client", "the client of the trace port is gone: %s", why);
    free_event(&port->readable);
    free_event(&port->writable);
    close(port->fd);
    port->fd = -1;
    port->slow = false;
}

static void write_waiting(struct hm_trace_port *port) {
    if (port->fd < 0 || trace_queue_is_empty(&port->queue))
        return;
    if (trace_queue_write(&port->queue, port->fd) != HM_OK)
        lose_client(port, strerror(errno));
    else if (!trace_queue_is_empty(&port->queue))
        event_add(port->writable, NULL);
    else
        port->slow = false;
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    write_waiting(arg);
}

/* A client says nothing; what it sends nevertheless is not for anybody. */
static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct hm_trace_port *port = arg;
    char nothing[4096];
    (void)what;
    ssize_t size = read(fd, nothing, sizeof nothing);
    if (size == 0)
        lose_client(port, "it closed the connection");
    else if (size < 0 && errno != EAGAIN && errno != EINTR)
        lose_client(port, strerror(errno));
}

static void take_client(struct hm_trace_port *port, int fd) {
    if (port->fd >= 0) {
        log_info(&port->node->log, "trace.client", "the trace port has a client: a second one is closed");
        close(fd);
        return;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); /* whoever only listens is never heard to die otherwise */
    port->readable = event_new(port->node->base, fd, EV_READ | EV_PERSIST, on_readable, port);
    port->writable = event_new(port->node->base, fd, EV_WRITE, on_writable, port);
    if (!port->readable || !port->writable || event_add(port->readable, NULL)) {
        log_error(&port->node->log, "trace.memory", "no memory for the client of the trace port");
        free_event(&port->readable);
        free_event(&port->writable);
        close(fd);
        return;
    }
    port->fd = fd;
    trace_queue_begin(&port->queue);
    log_info(&port->node->log, "trace.client", "a client is connected to the trace port; %u messages waited for it", port->queue.messages);
    write_waiting(port);
}

/* ---- the listening socket ---- */

static void on_acceptable(evutil_socket_t fd, short what, void *arg) {
    struct hm_trace_port *port = arg;
    struct timeval pause = timeval_of_ms(PAUSE_MS);
    (void)what;
    int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
        take_client(port, client);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        event_del(port->acceptable);
        event_add(port->resume, &pause);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    struct hm_trace_port *port = arg;
    (void)fd;
    (void)what;
    event_add(port->acceptable, NULL);
}

static int open_socket(union address *address, uint16_t number) {
    int on = 1;
    address_set_port(address, number);
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t size = address_size(address);
    if (bind(fd, &address->any, size) == 0 && listen(fd, BACKLOG) == 0 && getsockname(fd, &address->any, &size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* ---- events ---- */

static void on_event(struct trace_sink *sink, const struct hm_trace_event *event) {
    struct hm_trace_port *port = (struct hm_trace_port *)sink; /* its first member */
    hm_build *build = hm_build_new();
    bool added = false;
    if (build) {
        hm_trace_put(build, event, true);
        hm_term term = hm_build_error(build) == HM_OK ? hm_build_term(build) : (hm_term){0};
        added = term.size && trace_queue_add(&port->queue, bytes_of(term.bytes, term.size));
    }
    if (!build || (!added && hm_build_error(build) != HM_OK))
        trace_queue_drop(&port->queue);
    hm_build_free(build);
    if (!added && port->fd >= 0 && !port->slow) {
        port->slow = true;
        log_warn(&port->node->log, "trace.dropped", "the client of the trace port is too slow: events are dropped (--trace-port-queue)");
    }
    if (port->fd >= 0 && !trace_queue_is_empty(&port->queue))
        event_add(port->writable, NULL); /* from the loop, all of a turn at once */
}

/* ---- metrics ---- */

enum { EVENTS, DROPPED, WAITING, METRICS };

static const struct hm_metric TABLE[METRICS] = {
    [EVENTS] = {"hermod_trace_port_events_total", HM_COUNTER, "Events for the client of the trace port", {0}},
    [DROPPED] = {"hermod_trace_port_dropped_total", HM_COUNTER, "Events that it was too slow for", {0}},
    [WAITING] = {"hermod_trace_port_waiting", HM_GAUGE, "Events that wait for it", {0}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct trace_queue *queue = &((struct hm_trace_port *)arg)->queue;
    hm_metric_put(out, NULL, metric == EVENTS ? queue->added : metric == DROPPED ? queue->dropped : queue->messages);
}

/* ---- open and close ---- */

static int explain(int error, char *why, size_t capacity, const char *format, const char *text, unsigned number) {
    if (why)
        snprintf(why, capacity, format, text, number, strerror(errno));
    return error;
}

int hm_trace_port_open(hm_node *node, const struct hm_trace_port_options *options, hm_trace_port **result, char *why, size_t capacity) {
    struct addresses addresses;
    const char *address = options->address ? options->address : "127.0.0.1";
    if (!resolve_local(address, node->dist.family, &addresses) || !addresses.count)
        return explain(HM_EINVAL, why, capacity, "%s is no address of this machine", address, 0);
    struct hm_trace_port *port = calloc(1, sizeof *port);
    int error = HM_ENOMEM;
    if (!port)
        return explain(error, why, capacity, "%s", hm_strerror(error), 0);
    *port = (struct hm_trace_port){.sink.on_event = on_event, .node = node, .listen_fd = -1, .fd = -1};
    trace_queue_init(&port->queue, options->queue ? options->queue : QUEUE_MESSAGES, QUEUE_BYTES);
    if ((error = trace_sink_add(node, &port->sink)) != HM_OK)
        goto fail;
    port->listen_fd = open_socket(&addresses.at[0], options->port);
    if (port->listen_fd < 0) {
        error = errno == EADDRINUSE ? HM_ETAKEN : HM_ESYSTEM;
        explain(error, why, capacity, "cannot listen on %s, port %u: %s", address, options->port);
        hm_trace_port_close(port);
        return error;
    }
    port->port = address_port(&addresses.at[0]);
    port->acceptable = event_new(node->base, port->listen_fd, EV_READ | EV_PERSIST, on_acceptable, port);
    port->resume = evtimer_new(node->base, on_resume, port);
    if (!port->acceptable || !port->resume || event_add(port->acceptable, NULL) ||
        hm_metrics_add(node, TABLE, METRICS, collect, port, &port->metrics) != HM_OK) {
        error = HM_ENOMEM;
        goto fail;
    }
    log_info(&node->log, "trace.port", "traces can be read on %s, port %u: dbg:trace_client(ip, {Host, %u})", address, port->port, port->port);
    *result = port;
    return HM_OK;
fail:
    explain(error, why, capacity, "%s", hm_strerror(error), 0);
    hm_trace_port_close(port);
    return error;
}

uint16_t hm_trace_port_number(const hm_trace_port *port) {
    return port->port;
}

void hm_trace_port_close(hm_trace_port *port) {
    if (!port)
        return;
    if (port->fd >= 0) {
        trace_queue_write(&port->queue, port->fd); /* what it takes at once; the end of the connection is the end of the trace */
        close(port->fd);
    }
    if (port->listen_fd >= 0)
        close(port->listen_fd);
    free_event(&port->acceptable);
    free_event(&port->resume);
    free_event(&port->readable);
    free_event(&port->writable);
    hm_metrics_remove(port->metrics);
    if (port->sink.tracing)
        trace_sink_remove(&port->sink);
    trace_queue_fini(&port->queue);
    free(port);
}
