/* The registration: connect, ALIVE2, then hold the connection for as long as the name shall live. */
#include "dist/epmd.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dist/connect.h"
#include "dist/epmd_daemon.h"
#include "dist/epmd_wire.h"

enum {
    ATTEMPT_MS = 5000,      /* longest wait for epmd's answer */
    RETRY_MS = 500,         /* epmd went away: a BEAM is back within 2 s, so we are */
    RETRY_STARTED_MS = 20,  /* we started it, and it comes up at once */
    STARTED_PATIENCE_MS = 5000,
    RETRY_TAKEN_MS = 20, /* whoever ended a moment ago: epmd may not have read that yet */
    TAKEN_PATIENCE_MS = 200,
};

enum registration_state { REG_IDLE, REG_CONNECTING, REG_WRITING, REG_WAITING, REG_UP, REG_RETRY };

struct registration {
    struct dist *dist;
    enum registration_state state;
    struct connector *connector;
    struct event event;  /* of the socket */
    struct event timer;
    int fd;
    struct writer request;
    size_t sent;
    uint8_t answer[8];
    size_t answered;
    bool decided;        /* done was called */
    bool complained;     /* this loss was logged */
    bool started_daemon;
    struct mono daemon_since;
    bool taken;          /* somebody had the name, the first time at taken_since */
    struct mono taken_since;
    pid_t daemon;        /* to be collected, 0 none */
    registration_done *done;
    void *arg;
    uint16_t port;
    bool hidden;
    struct registration_counters counters;
    char alive_name[];
};

static void attempt(struct registration *registration);

static void close_socket(struct registration *registration) {
    connect_cancel(registration->connector);
    registration->connector = NULL;
    if (registration->fd < 0)
        return;
    event_del(&registration->event);
    close(registration->fd);
    registration->fd = -1;
}

static void decide(struct registration *registration, int error, uint32_t creation, const char *detail) {
    if (registration->decided)
        return;
    registration->decided = true;
    registration->done(registration->arg, error, creation, detail);
}

static void arm(struct registration *registration, int64_t ms) {
    struct timeval wait = timeval_of_ms(ms);
    event_add(&registration->timer, &wait);
}

/* Starts the daemon when nobody listens, once in a life: an epmd that somebody stops later stays stopped, as
 * with erl. true: it is worth trying again soon. */
static bool start_daemon(struct registration *registration) {
    const struct epmd_config *config = &registration->dist->epmd;
    if (registration->started_daemon)
        return mono_ms_between(registration->daemon_since, mono_now()) < STARTED_PATIENCE_MS;
    if (!config->start || registration->decided)
        return false;
    registration->started_daemon = true;
    registration->daemon_since = mono_now();
    if (epmd_daemon_start(config, &registration->daemon)) {
        registration->daemon = 0;
        registration->daemon_since.ns = 0;
        log_warn(registration->dist->log, "epmd.start",
                 "cannot start \"%s\" (%s): it comes with Erlang",
                 config->start, strerror(errno));
        return false;
    }
    log_info(registration->dist->log, "epmd.start", "no epmd on port %u, started \"%s -daemon\"",
             (unsigned)config->port, config->start);
    return true;
}

/* This attempt is over without success; the next one follows. */
static void retry(struct registration *registration, int error, const char *why) {
    struct dist *dist = registration->dist;
    char detail[160];
    bool was_up = registration->state == REG_UP;
    bool reached = registration->state == REG_WRITING || registration->state == REG_WAITING;
    registration->counters.lost += was_up;
    close_socket(registration);
    registration->state = REG_RETRY;
    /* Who has the port and is no epmd would be in the way of one that we start. */
    bool in_the_way = reached && !registration->started_daemon;
    if (error == HM_EEPMD && !was_up && !in_the_way && !registration->decided && start_daemon(registration)) {
        arm(registration, RETRY_STARTED_MS);
        return;
    }
    if (!registration->complained && registration->decided)
        log_warn(dist->log, "epmd.lost", "%s; peers stay connected, trying again every %d ms", why, RETRY_MS);
    registration->complained = true;
    arm(registration, was_up ? RETRY_STARTED_MS : RETRY_MS);
    snprintf(detail, sizeof detail, "%s", why);
    decide(registration, error, 0, detail);
}

static void registered(struct registration *registration, uint32_t creation) {
    registration->state = REG_UP;
    registration->counters.registered++;
    /* A daemon that we started may not have been collected yet: look once more, later. */
    if (registration->daemon)
        arm(registration, RETRY_MS);
    else
        event_del(&registration->timer);
    if (registration->decided)
        log_info(registration->dist->log, "epmd.up", "registered as \"%s\" again", registration->alive_name);
    registration->complained = false;
    decide(registration, HM_OK, creation, "");
}

/* At the start only: a node that is started again at once meets the registration of its earlier life. */
static bool wait_for_name(struct registration *registration) {
    if (registration->decided)
        return false;
    if (!registration->taken)
        registration->taken_since = mono_now();
    registration->taken = true;
    if (mono_ms_between(registration->taken_since, mono_now()) >= TAKEN_PATIENCE_MS)
        return false;
    close_socket(registration);
    registration->state = REG_RETRY;
    arm(registration, RETRY_TAKEN_MS);
    return true;
}

static void take_answer(struct registration *registration) {
    uint8_t result;
    uint32_t creation;
    char why[160];
    struct bytes answer = bytes_of(registration->answer, registration->answered);
    int complete = epmd_read_alive(answer, &result, &creation);
    if (complete == 0)
        return;
    if (complete < 0) {
        snprintf(why, sizeof why, "port %u answers, but is no epmd", (unsigned)registration->dist->epmd.port);
        retry(registration, HM_EEPMD, why);
    } else if (result != 0) {
        if (wait_for_name(registration))
            return;
        /* epmd keeps such a connection open: closing it is up to us. */
        snprintf(why, sizeof why, "the name \"%s\" is in use on this machine", registration->alive_name);
        retry(registration, HM_ETAKEN, why);
    } else {
        registered(registration, creation);
    }
}

static void on_readable(struct registration *registration) {
    uint8_t unexpected[64];
    bool up = registration->state == REG_UP;
    uint8_t *to = up ? unexpected : registration->answer + registration->answered;
    size_t room = up ? sizeof unexpected : sizeof registration->answer - registration->answered;
    ssize_t n = recv(registration->fd, to, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        retry(registration, HM_EEPMD, up ? "the connection to epmd is gone" : "epmd closed the connection");
        return;
    }
    if (up)
        return;
    registration->answered += (size_t)n;
    take_answer(registration);
}

static void watch(struct registration *registration, short what);

static void on_event(evutil_socket_t fd, short what, void *arg) {
    struct registration *registration = arg;
    if (!(what & EV_WRITE)) {
        on_readable(registration);
        return;
    }
    ssize_t n = send(fd, registration->request.at + registration->sent,
                     registration->request.size - registration->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        retry(registration, HM_EEPMD, "epmd closed the connection");
        return;
    }
    registration->sent += n > 0 ? (size_t)n : 0;
    if (registration->sent == registration->request.size) {
        registration->state = REG_WAITING;
        event_del(&registration->event);
        watch(registration, EV_READ);
    }
}

static void watch(struct registration *registration, short what) {
    event_assign(&registration->event, registration->dist->base, registration->fd, (short)(what | EV_PERSIST),
                 on_event, registration);
    event_add(&registration->event, NULL);
}

static void on_connected(void *arg, int fd, int error) {
    struct registration *registration = arg;
    char why[160];
    registration->connector = NULL;
    if (fd < 0) {
        snprintf(why, sizeof why, "no epmd on port %u of this machine (%s)",
                 (unsigned)registration->dist->epmd.port, strerror(error));
        retry(registration, HM_EEPMD, why);
        return;
    }
    registration->fd = fd;
    registration->state = REG_WRITING;
    registration->sent = 0;
    registration->answered = 0;
    watch(registration, EV_WRITE);
}

/* Where our epmd listens: the configured addresses, and the loopback, on which it always does. */
static void epmd_addresses(const struct dist *dist, struct addresses *addresses) {
    struct addresses loopback;
    addresses->count = 0;
    const char *rest = dist->epmd.address ? dist->epmd.address : "";
    while (*rest) {
        char one[64];
        size_t size = strcspn(rest, ",");
        snprintf(one, sizeof one, "%.*s", (int)size, rest);
        struct addresses literal;
        if (resolve_local(one, DIST_FAMILY_ANY, &literal) && literal.count)
            addresses_add(addresses, DIST_FAMILY_ANY, &literal.at[0].any);
        rest += size + (rest[size] == ',');
    }
    resolve_loopback(dist->family, &loopback);
    for (unsigned i = 0; i < loopback.count; i++)
        addresses_add(addresses, DIST_FAMILY_ANY, &loopback.at[i].any);
    /* A machine without IPv6 in a family that wants it: epmd is on 127.0.0.1 all the same. */
    resolve_loopback(DIST_FAMILY_INET, &loopback);
    addresses_add(addresses, DIST_FAMILY_ANY, &loopback.at[0].any);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct registration *registration = arg;
    if (registration->daemon && epmd_daemon_collect(registration->daemon))
        registration->daemon = 0;
    switch (registration->state) {
    case REG_UP:
        if (registration->daemon)
            arm(registration, RETRY_MS);
        break;
    case REG_IDLE:
    case REG_RETRY:
        attempt(registration);
        break;
    case REG_CONNECTING:
    case REG_WRITING:
    case REG_WAITING:
        retry(registration, HM_EEPMD, "epmd does not answer");
        break;
    }
}

static void attempt(struct registration *registration) {
    struct addresses addresses;
    epmd_addresses(registration->dist, &addresses);
    registration->state = REG_CONNECTING;
    registration->counters.attempts++;
    arm(registration, ATTEMPT_MS);
    registration->connector = connect_open(registration->dist, &addresses, registration->dist->epmd.port,
                                           ATTEMPT_MS, on_connected, registration);
    if (!registration->connector)
        retry(registration, HM_ENOMEM, "out of memory");
}

struct registration *registration_open(struct dist *dist, const char *alive_name, uint16_t port, bool hidden,
                                       registration_done *done, void *arg) {
    size_t size = strlen(alive_name) + 1;
    struct registration *registration = calloc(1, sizeof *registration + size);
    if (!registration)
        return NULL;
    registration->dist = dist;
    registration->fd = -1;
    registration->done = done;
    registration->arg = arg;
    registration->port = port;
    registration->hidden = hidden;
    memcpy(registration->alive_name, alive_name, size);
    writer_init(&registration->request, EPMD_NAME_MAX + 32);
    epmd_write_alive(&registration->request, bytes_of(alive_name, size - 1), port, hidden);
    if (registration->request.error) {
        writer_fini(&registration->request);
        free(registration);
        return NULL;
    }
    event_assign(&registration->timer, dist->base, -1, 0, on_timer, registration);
    /* From the loop, so that done is never called before this returns. */
    event_active(&registration->timer, EV_TIMEOUT, 0);
    return registration;
}

void registration_close(struct registration *registration) {
    if (!registration)
        return;
    close_socket(registration);
    event_del(&registration->timer);
    if (registration->daemon)
        epmd_daemon_collect(registration->daemon);
    writer_fini(&registration->request);
    free(registration);
}

bool registration_is_up(const struct registration *registration) {
    return registration && registration->state == REG_UP;
}

struct registration_counters registration_counters(const struct registration *registration) {
    return registration ? registration->counters : (struct registration_counters){0};
}
