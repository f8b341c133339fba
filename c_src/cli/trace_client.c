#include "cli/trace_client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hermod/hermod.h>

#include "cli/command.h"
#include "cli/tool.h"
#include "cli/trace_text.h"
#include "otp/trace_frame.h"

enum { READ_BYTES = 64 * 1024, AT_ONCE_MS = 1000, TEXT_BYTES = 0 };

struct client {
    const struct settings *settings;
    const char *address;
    enum hm_syntax syntax;
    int fd;
    int64_t begun_us, ends_us; /* ends_us 0: it may take any time */
    uint8_t *at;               /* what was read and not printed yet */
    size_t used, capacity;
    uint64_t read, printed, limit; /* limit 0: none */
};

/* ---- HOST:PORT ---- */

static bool is_port(const char *text) {
    size_t size = strlen(text);
    return size > 0 && size < 6 && strspn(text, "0123456789") == size && atoi(text) > 0 && atoi(text) < 65536;
}

int address_read(const char *text, const char *label, char *host, size_t host_capacity, char *port, size_t port_capacity, char *why,
                 size_t capacity) {
    const char *colon = strrchr(text, ':'), *number = colon ? colon + 1 : text;
    size_t size = colon ? (size_t)(colon - text) : 0;
    bool bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';
    if (bracketed) {
        text++;
        size -= 2;
    }
    if (!is_port(number) || (colon && size == 0) || size >= host_capacity || strlen(number) >= port_capacity ||
        (!bracketed && memchr(text, ':', size)))
        return complain(HM_EINVAL, why, capacity, "%s takes a port, or an address and a port, as 127.0.0.1:4711 or [::1]:4711, not \"%s\"", label,
                        bracketed ? text - 1 : text);
    snprintf(host, host_capacity, "%.*s", (int)size, text);
    snprintf(port, port_capacity, "%s", number);
    return 0;
}

/* ---- connect ---- */

/* How long poll may wait. */
static int left_ms(int64_t ends_us) {
    int64_t left = ends_us ? (ends_us - tool_now_us() + 999) / 1000 : -1;
    return ends_us && left < 0 ? 0 : left > 1000000000 ? 1000000000 : (int)left;
}

/* 0, or an errno. The descriptor does not block. */
static int connect_one(struct client *client, const struct addrinfo *to, int64_t ends_us) {
    client->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return errno;
    int error = connect(client->fd, to->ai_addr, to->ai_addrlen) ? errno : 0;
    if (error == EINPROGRESS) {
        struct pollfd ready = {.fd = client->fd, .events = POLLOUT};
        socklen_t size = sizeof error;
        int count = poll(&ready, 1, left_ms(ends_us));
        if (count <= 0)
            error = count == 0 ? ETIMEDOUT : errno;
        else if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size))
            error = errno;
    }
    if (error) {
        close(client->fd);
        client->fd = -1;
    }
    return error;
}

static int dial(struct client *client) {
    const struct settings *settings = client->settings;
    char host[256], port[8], why[WHY_BYTES];
    if (address_read(client->address, "--dbg", host, sizeof host, port, sizeof port, why, sizeof why))
        return give_up(EXIT_USAGE, "%s", why);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_family = settings->family == HM_FAMILY_INET    ? AF_INET
                                          : settings->family == HM_FAMILY_INET6 ? AF_INET6
                                                                                : AF_UNSPEC},
                    *found;
    const char *name = *host ? host : "localhost";
    int problem = getaddrinfo(name, port, &hints, &found), error = ENOENT;
    if (problem)
        return give_up(EXIT_NO_CONNECTION, "--dbg: there is no host %s: %s", name, gai_strerror(problem));
    int64_t ends_us = client->begun_us + (int64_t)settings->timeout_ms * 1000;
    for (const struct addrinfo *one = found; one && client->fd < 0; one = one->ai_next)
        error = connect_one(client, one, ends_us);
    freeaddrinfo(found);
    if (client->fd >= 0)
        return EXIT_FINE;
    return give_up(error == ETIMEDOUT ? EXIT_TIMEOUT : EXIT_NO_CONNECTION, "no connection to %s, port %s: %s%s", name, port, strerror(error),
                   error == ECONNREFUSED ? " (nobody listens there: dbg:tracer(port, dbg:trace_port(ip, PORT)) does)" : "");
}

/* ---- print ---- */

static int print_message(struct client *client, struct bytes message) {
    const struct hm_check_limits limits = {.depth = (uint32_t)client->settings->max_depth};
    hm_term term;
    int error = hm_term_check(message.at, message.size, true, &limits, &term);
    if (error) { /* of the others it is not known that they are bad, too */
        give_up(EXIT_FAILED, "%s sent %zu bytes that are no term: %s", client->address, message.size, hm_strerror(error));
        return EXIT_FINE;
    }
    error = trace_text_print(stdout, term, client->syntax, TEXT_BYTES);
    return error ? give_up(EXIT_FAILED, "cannot print a message: %s", hm_strerror(error)) : EXIT_FINE;
}

/* *over: as many as --limit. */
static int print_all(struct client *client, bool *over) {
    size_t done = 0, wanted;
    int code = EXIT_FINE;
    while (!code && !*over) {
        struct trace_frame frame;
        int64_t size = trace_frame_read(bytes_of(client->at + done, client->used - done), (uint32_t)client->settings->max_frame, &frame, &wanted);
        if (size == 0)
            break;
        if (size == HM_ELIMIT)
            return give_up(EXIT_FAILED, "%s announces a message that is larger than %llu bytes", client->address,
                           (unsigned long long)client->settings->max_frame);
        if (size < 0)
            return give_up(EXIT_FAILED, "%s sends something else than a trace (byte %u where 0 or 1 must be): is it the port of a tracer?",
                           client->address, client->at[done]);
        if (frame.kind == TRACE_FRAME_DROPPED)
            trace_text_print_dropped(stdout, frame.dropped, client->syntax);
        else
            code = print_message(client, frame.message);
        done += (size_t)size;
        client->printed++;
        *over = client->limit && client->printed >= client->limit;
    }
    memmove(client->at, client->at + done, client->used - done);
    client->used -= done;
    if (fflush(stdout) && !code)
        code = EXIT_FAILED; /* nobody reads: main says why, unless it is a pipe that was closed */
    return code;
}

static bool make_room(struct client *client) {
    if (client->capacity - client->used >= READ_BYTES)
        return true;
    size_t capacity = client->capacity ? client->capacity * 2 : 2 * READ_BYTES;
    uint8_t *at = realloc(client->at, capacity);
    if (!at)
        return false;
    client->at = at;
    client->capacity = capacity;
    return true;
}

static int explain_end(const struct client *client) {
    if (client->used)
        return give_up(EXIT_FAILED, "%s closed the connection in the middle of a message", client->address);
    if (!client->read && tool_now_us() - client->begun_us < AT_ONCE_MS * 1000)
        return give_up(EXIT_NO_CONNECTION, "%s closed the connection at once: it takes one client at a time, and may have one", client->address);
    return EXIT_FINE;
}

static int print_until_the_end(struct client *client) {
    bool over = false;
    int code = EXIT_FINE;
    while (!code && !over) {
        struct pollfd ready[] = {{.fd = client->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        int count = poll(ready, 2, left_ms(client->ends_us));
        if (count < 0 && errno != EINTR)
            return give_up(EXIT_FAILED, "cannot wait for a message: %s", strerror(errno));
        if (count == 0)
            return give_up(EXIT_TIMEOUT, "no end of the trace within %llu ms", (unsigned long long)client->settings->timeout_ms);
        if (ready[1].revents & (POLLERR | POLLHUP)) /* `hermod trace ... | head' */
            return EXIT_FAILED;
        if (count < 0 || !ready[0].revents)
            continue;
        if (!make_room(client))
            return give_up(EXIT_FAILED, "out of memory");
        ssize_t size = read(client->fd, client->at + client->used, client->capacity - client->used);
        if (size == 0)
            return explain_end(client);
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR)
                return give_up(EXIT_NO_CONNECTION, "the connection to %s is lost: %s", client->address, strerror(errno));
            continue;
        }
        client->used += (size_t)size;
        client->read += (uint64_t)size;
        code = print_all(client, &over);
    }
    return code;
}

int trace_client_run(const struct settings *settings, const char *address) {
    struct client client = {.settings = settings, .address = address, .fd = -1, .begun_us = tool_now_us()};
    client.syntax = settings->json ? HM_SYNTAX_JSON : settings->elixir ? HM_SYNTAX_ELIXIR : HM_SYNTAX_ERLANG;
    if (option_source(settings, "limit") != SOURCE_DEFAULT)
        client.limit = settings->trace_limit;
    if (option_source(settings, "timeout") != SOURCE_DEFAULT)
        client.ends_us = client.begun_us + (int64_t)settings->timeout_ms * 1000;
    int code = dial(&client);
    if (!code)
        code = print_until_the_end(&client);
    if (client.fd >= 0)
        close(client.fd);
    free(client.at);
    return code;
}
