/*
 * libcluster's Gossip: heartbeats to a multicast group at random intervals; who hears one dials.
 *
 * Several clusters may share a network, each with a secret of its own: what cannot be decrypted is their business, not junk.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "discovery/crypto.h"
#include "discovery/datagram.h"
#include "discovery/gossip_wire.h"

struct gossip {
    struct discovery *discovery;
    struct datagram *datagram;
    struct event *timer;
    struct gossip_key key;
    bool has_key;
    int64_t interval_ms, silence_ms;
};

static void on_datagram(void *arg, struct bytes data, const char *from) {
    struct gossip *gossip = arg;
    char name[DISCOVERY_NAME_BYTES];
    size_t size;
    bool is_ours = gossip_read(data, gossip->has_key ? &gossip->key : NULL, name, &size);
    if (!is_ours && gossip_is_foreign(data, gossip->has_key))
        discovery_foreign(gossip->discovery, from, "a heartbeat with another secret, or with one where the other side has none");
    else if (!is_ours)
        discovery_junk(gossip->discovery, from, "no heartbeat");
    else if (!discovery_heard(gossip->discovery, bytes_of(name, size)))
        discovery_junk(gossip->discovery, from, "a name that no node can have");
}

static void announce(struct gossip *gossip) {
    const struct discovery_options *options = discovery_options_of(gossip->discovery);
    const char *own = hm_node_name_of(options->node);
    uint8_t iv[GOSSIP_BLOCK_BYTES];
    struct writer out;
    char why[128] = "the crypto library is not there, or the kernel gives no random numbers";
    if (options->silent) {
        datagram_join(gossip->datagram);
        return;
    }
    writer_init(&out, GOSSIP_MAX_BYTES);
    int error = crypto_random(iv, sizeof iv) ? HM_OK : HM_ESYSTEM;
    if (!error)
        error = gossip_write(&out, bytes_of(own, strlen(own)), gossip->has_key ? &gossip->key : NULL, iv);
    if (!error)
        error = datagram_send(gossip->datagram, bytes_of(out.at, out.size), why, sizeof why);
    if (error != HM_ENOMEM) /* no memory: the next one is soon */
        discovery_trouble(gossip->discovery, "discovery.send", error ? why : NULL);
    writer_fini(&out);
}

/* Random as in the original: nodes that were started at once do not send at once for ever. */
static int64_t random_ms(int64_t most_ms) {
    uint32_t number = 0;
    if (!crypto_random(&number, sizeof number))
        return most_ms;
    return 1 + (int64_t)(number % (uint64_t)most_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct gossip *gossip = arg;
    struct timeval pause = timeval_of_ms(random_ms(gossip->interval_ms));
    (void)fd;
    (void)what;
    announce(gossip);
    discovery_drop_silent(gossip->discovery, gossip->silence_ms);
    event_add(gossip->timer, &pause);
}

static int read_group(const struct discovery_spec *spec, struct datagram_options *options, char *why, size_t capacity) {
    bool is_broadcast = discovery_flag(spec, "broadcast-only");
    int error = datagram_read_address(spec, "group", &options->target, why, capacity);
    if (!error)
        error = datagram_read_address(spec, "bind", &options->bind, why, capacity);
    if (!error)
        error = datagram_read_interfaces(spec, options, why, capacity);
    options->unjoined = is_broadcast;
    if (!error && !is_broadcast && !IN_MULTICAST(ntohl(options->target.s_addr))) {
        snprintf(why, capacity, "gossip: %s is no multicast group; with broadcast-only it may be another address",
                 discovery_text(spec, "group"));
        error = HM_EINVAL;
    }
    return error;
}

static int open_gossip(struct discovery *discovery, void *state, char *why, size_t capacity) {
    struct gossip *gossip = state;
    const struct discovery_spec *spec = discovery_spec_of(discovery);
    const char *secret = discovery_text(spec, "secret");
    struct datagram_options options = {
        .base = discovery_base(discovery),
        .port = (uint16_t)discovery_number(spec, "port"),
        .ttl = (uint8_t)discovery_number(spec, "ttl"),
        .received = on_datagram,
        .arg = gossip,
    };
    gossip->discovery = discovery;
    gossip->interval_ms = (int64_t)discovery_number(spec, "interval");
    gossip->silence_ms = (int64_t)discovery_number(spec, "silence");
    gossip->has_key = secret != NULL;
    if (secret && gossip_key_of(secret, &gossip->key)) {
        snprintf(why, capacity, "gossip: the crypto library makes no key of the secret");
        return HM_ESYSTEM;
    }
    int error = read_group(spec, &options, why, capacity);
    if (!error)
        error = datagram_open(&options, &gossip->datagram, why, capacity);
    if (error)
        return error;
    struct timeval now = {0};
    gossip->timer = evtimer_new(options.base, on_timer, gossip);
    return gossip->timer && event_add(gossip->timer, &now) == 0 ? HM_OK : HM_ENOMEM;
}

static void close_gossip(struct discovery *discovery, void *state) {
    struct gossip *gossip = state;
    (void)discovery;
    if (gossip->timer)
        event_free(gossip->timer);
    datagram_close(gossip->datagram);
}

static const struct discovery_key keys[] = {
    {"port", KEY_NUMBER, "45892", 1, 65535, "UDP port (libcluster: port)"},
    {"group", KEY_TEXT, "233.252.1.32", 0, 0, "multicast group (multicast_addr); 230.1.1.251 before libcluster 3.3"},
    {"bind", KEY_TEXT, "0.0.0.0", 0, 0, "address to listen on (if_addr)"},
    {"if", KEY_TEXT, NULL, 0, 0, "INTERFACE or its address (multicast_if); may be repeated. Without it, all"},
    {"ttl", KEY_NUMBER, "1", 0, 255, "how many routers a heartbeat may pass (multicast_ttl)"},
    {"secret", KEY_TEXT, NULL, 0, 0, "heartbeats are encrypted (secret)"},
    {"broadcast-only", KEY_FLAG, "false", 0, 0, "send to group, which is any address then, and join nothing (broadcast_only)"},
    {"interval", KEY_SECONDS, "5", 10, 3600000, "seconds: the longest of the random pauses between two heartbeats"},
    {"silence", KEY_SECONDS, "30", 1000, 86400000, "seconds after which a silent node is forgotten"},
    {0},
};

const struct discovery_strategy discovery_gossip = {
    .kind = "gossip",
    .help = "Multicast as libcluster's Gossip has it: joins its clusters.",
    .keys = keys,
    .lost = LOST_FORGET,
    .size = sizeof(struct gossip),
    .open = open_gossip,
    .close = close_gossip,
};
