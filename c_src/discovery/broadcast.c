/*
 * The discovery of distributed_hello_world: every node says its name to 255.255.255.255 every two seconds, and dials whom it hears.
 *
 * A node that falls silent is forgotten, not disconnected: the original has no word for goodbye.
 */
#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "discovery/broadcast_wire.h"
#include "discovery/datagram.h"

struct broadcast {
    struct discovery *discovery;
    struct datagram *datagram;
    struct event *timer;
    int64_t interval_ms, silence_ms;
};

static void on_datagram(void *arg, struct bytes data, const char *from) {
    struct broadcast *broadcast = arg;
    char name[DISCOVERY_NAME_BYTES];
    size_t size;
    if (!broadcast_read(data, name, &size))
        discovery_junk(broadcast->discovery, from, "not \"node::\" and a node name");
    else if (!discovery_heard(broadcast->discovery, bytes_of(name, size)))
        discovery_junk(broadcast->discovery, from, "a name that no node can have");
}

static void announce(struct broadcast *broadcast) {
    const struct discovery_options *options = discovery_options_of(broadcast->discovery);
    const char *own = hm_node_name_of(options->node);
    struct writer out;
    char why[128];
    if (options->silent) {
        datagram_join(broadcast->datagram);
        return;
    }
    writer_init(&out, DATAGRAM_BYTES);
    broadcast_write(&out, bytes_of(own, strlen(own)));
    int error = out.error ? out.error : datagram_send(broadcast->datagram, bytes_of(out.at, out.size), why, sizeof why);
    if (error != HM_ENOMEM) /* no memory: the next one is soon */
        discovery_trouble(broadcast->discovery, "discovery.send", error ? why : NULL);
    writer_fini(&out);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct broadcast *broadcast = arg;
    struct timeval pause = timeval_of_ms(broadcast->interval_ms);
    (void)fd;
    (void)what;
    announce(broadcast);
    discovery_drop_silent(broadcast->discovery, broadcast->silence_ms);
    event_add(broadcast->timer, &pause);
}

static int open_broadcast(struct discovery *discovery, void *state, char *why, size_t capacity) {
    struct broadcast *broadcast = state;
    const struct discovery_spec *spec = discovery_spec_of(discovery);
    struct datagram_options options = {
        .base = discovery_base(discovery),
        .port = (uint16_t)discovery_number(spec, "port"),
        .ttl = 1,
        .received = on_datagram,
        .arg = broadcast,
    };
    broadcast->discovery = discovery;
    broadcast->interval_ms = (int64_t)discovery_number(spec, "interval");
    broadcast->silence_ms = (int64_t)discovery_number(spec, "silence");
    int error = datagram_read_address(spec, "address", &options.target, why, capacity);
    if (!error)
        error = datagram_read_interfaces(spec, &options, why, capacity);
    if (!error)
        error = datagram_open(&options, &broadcast->datagram, why, capacity);
    if (error)
        return error;
    struct timeval now = {0};
    broadcast->timer = evtimer_new(options.base, on_timer, broadcast);
    return broadcast->timer && event_add(broadcast->timer, &now) == 0 ? HM_OK : HM_ENOMEM;
}

static void close_broadcast(struct discovery *discovery, void *state) {
    struct broadcast *broadcast = state;
    (void)discovery;
    if (broadcast->timer)
        event_free(broadcast->timer);
    datagram_close(broadcast->datagram);
}

static const struct discovery_key keys[] = {
    {"port", KEY_NUMBER, "45826", 1, 65535, "UDP port, the same on all nodes"},
    {"address", KEY_TEXT, "255.255.255.255", 0, 0, "where to: everybody, or the broadcast address of one network"},
    {"if", KEY_TEXT, NULL, 0, 0, "INTERFACE or its address; may be repeated. Without it, all"},
    {"interval", KEY_SECONDS, "2", 100, 3600000, "seconds between two announcements"},
    {"silence", KEY_SECONDS, "15", 1000, 86400000, "seconds after which a silent node is forgotten"},
    {0},
};

const struct discovery_strategy discovery_broadcast = {
    .kind = "broadcast",
    .help = "UDP broadcast as in distributed_hello_world: nodes that share a network find each other.",
    .keys = keys,
    .lost = LOST_FORGET,
    .size = sizeof(struct broadcast),
    .open = open_broadcast,
    .close = close_broadcast,
};
