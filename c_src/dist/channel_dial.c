/* From a node's name to a connected socket: resolve the host, ask its epmd for the port, try each address. */
#include "dist/channel_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "dist/epmd_query.h"
#include "etf/names.h"

/* name@host in two; the name was checked by the layer above, yet one without @ is only a host that is not
 * found. */
static struct bytes alive_of(const hm_node_name *peer) {
    struct bytes name = node_name_bytes(peer);
    const uint8_t *at = memchr(name.at, '@', name.size);
    return bytes_of(name.at, at ? (size_t)(at - name.at) : name.size);
}

static const char *host_of(const hm_node_name *peer) {
    struct bytes alive = alive_of(peer), name = node_name_bytes(peer);
    return alive.size == name.size ? "" : (const char *)alive.at + alive.size + 1;
}

/* inet_tcp_dist:splitnode/3: a node with a short name does not dial a host part with a dot, nor one with a long
 * name a host part without; an IPv6 address is a long name. The node that would answer calls us by a name that
 * cannot be dialled from there. NULL, or why not. */
static const char *refuse_name(const struct dist *dist, const hm_node_name *peer) {
    const char *host = host_of(peer);
    bool is_long = strpbrk(host, ".:") != NULL;
    if (dist->peer_names == DIST_NAMES_SHORT && is_long)
        return "it has a long name and this node a short one: use --name for both, or --sname";
    if (dist->peer_names == DIST_NAMES_LONG && !is_long)
        return "it has a short name and this node a long one: use --sname for both, or --name";
    return NULL;
}

static void on_connected(void *arg, int fd, int error) {
    struct channel *channel = arg;
    char detail[160];
    channel->dialling->connector = NULL;
    if (fd >= 0) {
        dialling_stop(channel);
        channel_begin(channel, fd);
        return;
    }
    snprintf(detail, sizeof detail, "port %u: %s", channel->dialling->port, strerror(error));
    channel_down(channel, DOWN_REFUSED, detail);
}

static void connect_to(struct channel *channel, uint16_t port) {
    struct dialling *dialling = channel->dialling;
    dialling->port = port;
    channel_arm_setup(channel);
    dialling->connector = connect_open(channel->dist, &dialling->addresses, port, channel->dist->setup_ms,
                                       on_connected, channel);
    if (!dialling->connector)
        channel_down(channel, DOWN_MEMORY, "out of memory");
}

static void on_port(void *arg, int error, uint16_t port) {
    struct channel *channel = arg;
    char detail[80];
    snprintf(detail, sizeof detail, "none answers on port %u of that host", (unsigned)channel->dist->epmd.port);
    channel->dialling->query = NULL;
    if (error == HM_OK)
        connect_to(channel, port);
    else if (error == HM_ENOENT)
        channel_down(channel, DOWN_NO_NODE, "epmd on that host does not know the node: is it running?");
    else if (error == HM_ENOMEM)
        channel_down(channel, DOWN_MEMORY, "out of memory");
    else
        channel_down(channel, DOWN_NO_EPMD, detail);
}

static void on_resolved(void *arg, const struct addresses *addresses) {
    struct channel *channel = arg;
    const struct dist *dist = channel->dist;
    struct dialling *dialling = channel->dialling;
    const char *refused = refuse_name(dist, channel->peer);
    dialling->resolve = NULL;
    dialling->addresses = *addresses;
    if (refused) {
        channel_down(channel, DOWN_NO_HOST, refused);
        return;
    }
    if (addresses->count == 0) {
        channel_down(channel, DOWN_NO_HOST, "the host part of the name has no address");
        return;
    }
    if (dist->dial_port) {
        connect_to(channel, dist->dial_port);
        return;
    }
    if (dist->no_epmd) {
        channel_down(channel, DOWN_NO_EPMD, "without epmd there must be a fixed port to dial");
        return;
    }
    channel_arm_setup(channel);
    dialling->query = epmd_lookup_at(channel->dist, addresses, alive_of(channel->peer), on_port, channel);
    if (!dialling->query)
        channel_down(channel, DOWN_MEMORY, "out of memory");
}

bool dialling_start(struct channel *channel) {
    channel->dialling = calloc(1, sizeof *channel->dialling);
    if (!channel->dialling)
        return false;
    channel->dialling->resolve = resolve_open(channel->dist, host_of(channel->peer), on_resolved, channel);
    return channel->dialling->resolve != NULL;
}

void dialling_stop(struct channel *channel) {
    struct dialling *dialling = channel->dialling;
    if (!dialling)
        return;
    channel->dialling = NULL;
    resolve_cancel(dialling->resolve);
    epmd_query_cancel(dialling->query);
    connect_cancel(dialling->connector);
    free(dialling);
}
