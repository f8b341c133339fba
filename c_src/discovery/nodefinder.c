/*
 * The multicast of okeuday/nodefinder: a node says once that it is there, with a proof that it knows the cookie, and is dialled by
 * those who hear it.
 *
 * The original says so at its start only. We repeat it, since a datagram may be lost and a bridge may still be learning; nodes that are
 * connected to us already take no notice. A node is forgotten when its last word is older than the time for which it counts.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "discovery/datagram.h"
#include "discovery/nodefinder_wire.h"
#include "node/node.h"

struct nodefinder {
    struct discovery *discovery;
    struct datagram *datagram;
    struct event *timer, *check;
    struct nodefinder_keys keys;
    int64_t interval_ms, timeout_ms;
};

static void on_datagram(void *arg, struct bytes data, const char *from) {
    struct nodefinder *finder = arg;
    struct nodefinder_packet packet;
    const char *why = NULL;
    switch (nodefinder_read(data, &finder->keys, time(NULL), finder->timeout_ms / 1000, &packet)) {
    case NODEFINDER_GOOD:
        if (!discovery_heard(finder->discovery, bytes_of(packet.name, packet.size)))
            why = "a name that no node can have";
        break;
    case NODEFINDER_JUNK:
        why = "none of nodefinder's packets";
        break;
    case NODEFINDER_COOKIE:
        discovery_foreign(finder->discovery, from, "made with another cookie");
        break;
    case NODEFINDER_EXPIRED:
        why = "too old, or from the future: do the clocks agree?";
        break;
    }
    if (why)
        discovery_junk(finder->discovery, from, why);
}

static void announce(struct nodefinder *finder) {
    const struct discovery_options *options = discovery_options_of(finder->discovery);
    const char *own = hm_node_name_of(options->node);
    struct writer out;
    char why[128] = "the crypto library makes no proof";
    datagram_join(finder->datagram);
    if (options->silent)
        return;
    writer_init(&out, NODEFINDER_MAX_BYTES);
    int error = nodefinder_write(&out, bytes_of(own, strlen(own)), options->node->hidden, &finder->keys, time(NULL));
    if (!error)
        error = datagram_send(finder->datagram, bytes_of(out.at, out.size), why, sizeof why);
    if (error != HM_ENOMEM) /* no memory: the next one is soon */
        discovery_trouble(finder->discovery, "discovery.send", error ? why : NULL);
    writer_fini(&out);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct nodefinder *finder = arg;
    struct timeval pause = timeval_of_ms(finder->interval_ms);
    (void)fd;
    (void)what;
    announce(finder);
    if (finder->interval_ms)
        event_add(finder->timer, &pause);
}

static void on_check(evutil_socket_t fd, short what, void *arg) {
    struct nodefinder *finder = arg;
    (void)fd;
    (void)what;
    discovery_drop_silent(finder->discovery, finder->timeout_ms);
}

static int start_timers(struct nodefinder *finder, struct event_base *base) {
    struct timeval now = {0}, often = timeval_of_ms(finder->timeout_ms < 10000 ? 100 : finder->timeout_ms / 100);
    finder->timer = evtimer_new(base, on_timer, finder);
    finder->check = event_new(base, -1, EV_PERSIST, on_check, finder);
    bool good = finder->timer && finder->check && !event_add(finder->timer, &now) && !event_add(finder->check, &often);
    return good ? HM_OK : HM_ENOMEM;
}

static int open_nodefinder(struct discovery *discovery, void *state, char *why, size_t capacity) {
    struct nodefinder *finder = state;
    const struct discovery_spec *spec = discovery_spec_of(discovery);
    struct datagram_options options = {
        .base = discovery_base(discovery),
        .port = (uint16_t)discovery_number(spec, "port"),
        .ttl = (uint8_t)discovery_number(spec, "ttl"),
        .other_source = true,
        .received = on_datagram,
        .arg = finder,
    };
    finder->discovery = discovery;
    finder->interval_ms = (int64_t)discovery_number(spec, "interval");
    finder->timeout_ms = (int64_t)discovery_number(spec, "window");
    if (nodefinder_keys_of(discovery_options_of(discovery)->cookie, &finder->keys)) {
        snprintf(why, capacity, "nodefinder: no keys can be made of the cookie: it is longer than an atom, or the crypto library refuses");
        return HM_ESYSTEM;
    }
    int error = datagram_read_address(spec, "group", &options.target, why, capacity);
    options.bind = options.target;
    if (!error && !IN_MULTICAST(ntohl(options.target.s_addr))) {
        snprintf(why, capacity, "nodefinder: %s is no multicast group", discovery_text(spec, "group"));
        error = HM_EINVAL;
    }
    if (!error)
        error = datagram_read_interfaces(spec, &options, why, capacity);
    if (!error)
        error = datagram_open(&options, &finder->datagram, why, capacity);
    return error ? error : start_timers(finder, options.base);
}

static void close_nodefinder(struct discovery *discovery, void *state) {
    struct nodefinder *finder = state;
    (void)discovery;
    if (finder->timer)
        event_free(finder->timer);
    if (finder->check)
        event_free(finder->check);
    datagram_close(finder->datagram);
}

static const struct discovery_key keys[] = {
    {"port", KEY_NUMBER, "4475", 1, 65535, "UDP port"},
    {"group", KEY_TEXT, "224.0.0.1", 0, 0, "multicast group"},
    {"if", KEY_TEXT, NULL, 0, 0, "INTERFACE or its address; may be repeated. Without it, all"},
    {"ttl", KEY_NUMBER, "1", 0, 255, "how many routers an announcement may pass"},
    {"interval", KEY_SECONDS, "30", 0, 86400000, "seconds between two announcements; 0: only at the start, as the original"},
    {"window", KEY_SECONDS, "300", 1000, 86400000, "seconds for which an announcement counts"},
    {0},
};

const struct discovery_strategy discovery_nodefinder = {
    .kind = "nodefinder",
    .help = "The multicast of nodefinder, proved with the cookie.",
    .keys = keys,
    .lost = LOST_FORGET,
    .needs_cookie = true,
    .size = sizeof(struct nodefinder),
    .open = open_nodefinder,
    .close = close_nodefinder,
};
