/*
 * Every node of the hosts in a .hosts.erlang: net_adm:world/0, and libcluster's ErlangHosts with a timeout. The file is read
 * once, at the start.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/epmd_poll.h"
#include "discovery/hosts_wire.h"

enum { HOSTS_MAX = 1024, FILE_BYTES = 1024 * 1024 };

struct hosts {
    char **names;
    size_t count;
    struct epmd_poll *poll;
};

static int read_file(const char *path, struct writer *out, char *why, size_t capacity) {
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(why, capacity, "hosts: cannot read %.300s: %s", path, strerror(errno));
        return HM_EINVAL;
    }
    char part[4096];
    size_t size;
    errno = 0;
    while ((size = fread(part, 1, sizeof part, file)))
        writer_put(out, part, size);
    bool failed = ferror(file);
    if (failed)
        snprintf(why, capacity, "hosts: cannot read %.300s: %s", path, strerror(errno));
    fclose(file);
    if (out->error == HM_ELIMIT)
        snprintf(why, capacity, "hosts: %.300s has more than %d bytes", path, FILE_BYTES);
    return failed || out->error == HM_ELIMIT ? HM_EINVAL : out->error;
}

static int read_hosts(struct hosts *hosts, struct bytes text, const char *path, char *why, size_t capacity) {
    struct hosts_reader reader = {.rest = text, .line = 1};
    char host[HOSTS_HOST_BYTES];
    int outcome = 0;
    hosts->names = calloc(HOSTS_MAX, sizeof *hosts->names);
    if (!hosts->names)
        return HM_ENOMEM;
    while (hosts->count < HOSTS_MAX && (outcome = hosts_next(&reader, host)) == 1) {
        hosts->names[hosts->count] = strdup(host);
        if (!hosts->names[hosts->count++])
            return HM_ENOMEM;
    }
    if (outcome < 0)
        snprintf(why, capacity, "hosts: %.300s:%u: expected a host as Erlang writes it: 'a.example.org'.", path, reader.line);
    else if (hosts->count == HOSTS_MAX)
        snprintf(why, capacity, "hosts: %.300s has more than %d hosts", path, HOSTS_MAX - 1);
    else if (hosts->count == 0)
        snprintf(why, capacity, "hosts: there is no host in %.300s", path);
    else
        return HM_OK;
    return HM_EINVAL;
}

static int open_hosts(struct discovery *discovery, void *state, char *why, size_t capacity) {
    struct hosts *hosts = state;
    const struct discovery_spec *spec = discovery_spec_of(discovery);
    struct writer text;
    size_t place = 0;
    const char *path = discovery_value(spec, NULL, &place);
    writer_init(&text, FILE_BYTES);
    int error = read_file(path, &text, why, capacity);
    if (!error)
        error = read_hosts(hosts, bytes_of(text.at, text.size), path, why, capacity);
    writer_fini(&text);
    if (error)
        return error;
    hosts->poll = epmd_poll_open(discovery, (const char *const *)hosts->names, hosts->count, false,
                                 (int64_t)discovery_number(spec, "interval"));
    return hosts->poll ? HM_OK : HM_ENOMEM;
}

static void close_hosts(struct discovery *discovery, void *state) {
    struct hosts *hosts = state;
    (void)discovery;
    epmd_poll_close(hosts->poll);
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->names[i]);
    free(hosts->names);
}

static const struct discovery_key keys[] = {
    {"interval", KEY_SECONDS, "30", 0, 86400000, "seconds between two questions to each host; 0: ask once"},
    {0},
};

const struct discovery_strategy discovery_hosts = {
    .kind = "hosts",
    .operands = "FILE",
    .least = 1,
    .help = "Every node of the hosts in FILE, which is written as Erlang's .hosts.erlang.",
    .keys = keys,
    .lost = LOST_FORGET,
    .size = sizeof(struct hosts),
    .open = open_hosts,
    .close = close_hosts,
};
