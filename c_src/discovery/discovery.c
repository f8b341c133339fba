/* What all strategies share: the table, the names that are known, and how much of them there may be. */
#include "discovery/discovery.h"

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "discovery/strategy.h"
#include "etf/utf8.h"

const struct discovery_strategy *const discovery_strategies[] = {
    &discovery_static,
    &discovery_hosts,
    &discovery_local_epmd,
    &discovery_broadcast,
    &discovery_gossip,
    &discovery_nodefinder,
    &discovery_dns,
    &discovery_kubernetes,
    NULL,
};

enum { MAX_NODES = 1000 };

struct known {
    UT_hash_handle hh;
    struct mono heard;
    uint64_t round;
    bool lost; /* uthash has no memory for it */
    bool taken; /* by whoever is told what was found */
    size_t size;
    char name[];
};

struct discovery {
    struct discovery_options options;
    struct discovery_spec spec;
    struct discovery_counters counters;
    struct known *known;
    uint64_t round;
    struct mono junk_said, refused_said;
    uint64_t junk_quiet;
    struct event *again; /* says what was not taken */
    bool missed;
    char trouble[256]; /* the last one that was said; "": none */
    _Alignas(max_align_t) char state[];
};

const struct discovery_options *discovery_options_of(const struct discovery *discovery) {
    return &discovery->options;
}

struct event_base *discovery_base(const struct discovery *discovery) {
    return hm_node_base(discovery->options.node);
}

const struct discovery_spec *discovery_spec_of(const struct discovery *discovery) {
    return &discovery->spec;
}

const struct discovery_counters *discovery_counters(const struct discovery *discovery) {
    return &discovery->counters;
}

size_t discovery_count(const struct discovery *discovery) {
    return HASH_COUNT(discovery->known);
}

/* ---- what is said ---- */

void discovery_log(struct discovery *discovery, enum hm_log_level level, const char *id, const char *format, ...) {
    char text[512];
    va_list arguments;
    if (!discovery->options.log)
        return;
    int used = snprintf(text, sizeof text, "%s: ", discovery->spec.strategy->kind);
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    discovery->options.log(discovery->options.arg, level, id, text);
}

static bool is_time(struct mono *last, int64_t ms) {
    struct mono now = mono_now();
    if (last->ns && mono_ms_between(*last, now) < ms)
        return false;
    *last = now;
    return true;
}

void discovery_junk(struct discovery *discovery, const char *from, const char *text) {
    discovery->counters.junk++;
    discovery->junk_quiet++;
    if (!is_time(&discovery->junk_said, DISCOVERY_JUNK_MS))
        return;
    discovery_log(discovery, HM_LOG_WARN, "discovery.junk", "ignored %llu that made no sense, the last from %s: %s",
                  (unsigned long long)discovery->junk_quiet, from, text);
    discovery->junk_quiet = 0;
}

void discovery_foreign(struct discovery *discovery, const char *from, const char *text) {
    if (discovery->counters.foreign++ == 0)
        discovery_log(discovery, HM_LOG_INFO, "discovery.foreign", "there is another cluster on this network; from %s: %s", from,
                      text);
}

void discovery_failed(struct discovery *discovery) {
    discovery->counters.failed++;
}

void discovery_trouble(struct discovery *discovery, const char *id, const char *text) {
    if (!text && *discovery->trouble)
        discovery_log(discovery, HM_LOG_INFO, id, "works again");
    else if (text && strncmp(text, discovery->trouble, sizeof discovery->trouble - 1))
        discovery_log(discovery, HM_LOG_WARN, id, "%s", text);
    snprintf(discovery->trouble, sizeof discovery->trouble, "%s", text ? text : "");
}

/* ---- names ---- */

/* Control characters and spaces have no place in a line of the log or in a look-up; @ is there once. */
bool discovery_is_name(struct bytes name) {
    size_t at = 0, ats = 0;
    if (name.size == 0 || name.size > DISCOVERY_NAME_BYTES)
        return false;
    size_t characters = 0;
    for (size_t i = 0; i < name.size; characters++) {
        uint32_t character;
        unsigned size = utf8_next(name.at + i, name.at + name.size, &character);
        if (size == 0 || character == ' ' || !utf8_is_printable(character))
            return false;
        if (character == '@') {
            at = i;
            ats++;
        }
        i += size;
    }
    return ats == 1 && at > 0 && at + 1 < name.size && characters <= 255;
}

int discovery_basename(const struct discovery *discovery, const char **basename, size_t *size, char *why, size_t capacity) {
    const char *given = discovery_text(&discovery->spec, "basename");
    if (!given && discovery->options.silent) {
        snprintf(why, capacity, "%s: what stands before the @ of the nodes has to be said here: basename=NAME",
                 discovery->spec.strategy->kind);
        return HM_EINVAL;
    }
    *basename = given ? given : hm_node_name_of(discovery->options.node);
    *size = strcspn(*basename, "@");
    return HM_OK;
}

static struct known *add(struct discovery *discovery, struct bytes name) {
    struct known *known = malloc(sizeof *known + name.size + 1);
    if (!known)
        return NULL;
    *known = (struct known){.size = name.size};
    memcpy(known->name, name.at, name.size);
    known->name[name.size] = '\0';
    HASH_ADD(hh, discovery->known, name, (unsigned)name.size, known);
    if (!known->lost)
        return known;
    free(known);
    return NULL;
}

static void refuse(struct discovery *discovery, const char *because) {
    discovery->counters.refused++;
    if (is_time(&discovery->refused_said, DISCOVERY_JUNK_MS))
        discovery_log(discovery, HM_LOG_WARN, "discovery.limit", "a further node is left out: %s; %llu until now",
                      because, (unsigned long long)discovery->counters.refused);
}

static void say_found(struct discovery *discovery, struct known *known, bool again) {
    struct timeval pause = timeval_of_ms(DISCOVERY_AGAIN_MS);
    known->taken = discovery->options.found(discovery->options.arg, discovery, known->name, again);
    if (!known->taken && !event_pending(discovery->again, EV_TIMEOUT, NULL))
        event_add(discovery->again, &pause);
}

static void say_again(evutil_socket_t fd, short what, void *arg) {
    struct discovery *discovery = arg;
    struct known *known, *next;
    (void)fd;
    (void)what;
    HASH_ITER(hh, discovery->known, known, next)
        if (!known->taken)
            say_found(discovery, known, true);
}

bool discovery_has_missed(struct discovery *discovery) {
    bool missed = discovery->missed;
    discovery->missed = false;
    return missed;
}

bool discovery_heard(struct discovery *discovery, struct bytes name) {
    const char *own = hm_node_name_of(discovery->options.node);
    if (!discovery_is_name(name))
        return false;
    if (!discovery->options.silent && bytes_equal(name, bytes_of(own, strlen(own))))
        return true;
    struct known *known;
    HASH_FIND(hh, discovery->known, name.at, (unsigned)name.size, known);
    bool is_new = !known;
    if (is_new && HASH_COUNT(discovery->known) >= discovery->options.max_nodes) {
        refuse(discovery, "there are as many as --max-discovered allows");
        return true;
    }
    if (is_new && !(known = add(discovery, name))) {
        discovery->missed = true;
        refuse(discovery, "no memory");
        return true;
    }
    known->heard = mono_now();
    known->round = discovery->round;
    if (is_new)
        say_found(discovery, known, false);
    return true;
}

static void drop(struct discovery *discovery, struct known *known) {
    HASH_DEL(discovery->known, known);
    if (known->taken)
        discovery->options.lost(discovery->options.arg, discovery, known->name);
    free(known);
}

void discovery_round_begin(struct discovery *discovery) {
    discovery->round++;
}

void discovery_keep_host(struct discovery *discovery, const char *host) {
    struct known *known, *next;
    HASH_ITER(hh, discovery->known, known, next)
        if (strcmp(strchr(known->name, '@') + 1, host) == 0)
            known->round = discovery->round;
}

void discovery_round_end(struct discovery *discovery) {
    struct known *known, *next;
    HASH_ITER(hh, discovery->known, known, next)
        if (known->round != discovery->round)
            drop(discovery, known);
}

void discovery_drop_silent(struct discovery *discovery, int64_t ms) {
    struct known *known, *next;
    struct mono now = mono_now();
    HASH_ITER(hh, discovery->known, known, next)
        if (mono_ms_between(known->heard, now) >= ms)
            drop(discovery, known);
}

/* ---- life ---- */

int discovery_open(const struct discovery_options *options, struct discovery_spec *spec, struct discovery **result,
                   char *why, size_t capacity) {
    struct discovery *discovery = calloc(1, sizeof *discovery + spec->strategy->size);
    if (!discovery) {
        discovery_spec_free(spec);
        snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
        return HM_ENOMEM;
    }
    discovery->options = *options;
    discovery->spec = *spec;
    spec->text = NULL;
    if (!discovery->options.max_nodes)
        discovery->options.max_nodes = MAX_NODES;
    snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
    discovery->again = evtimer_new(discovery_base(discovery), say_again, discovery);
    int error = !discovery->again ? HM_ENOMEM : discovery->spec.strategy->open(discovery, discovery->state, why, capacity);
    if (error)
        discovery_close(discovery);
    else
        *result = discovery;
    return error;
}

void discovery_close(struct discovery *discovery) {
    struct known *known, *next;
    if (!discovery)
        return;
    if (discovery->spec.strategy->close)
        discovery->spec.strategy->close(discovery, discovery->state);
    HASH_ITER(hh, discovery->known, known, next) {
        HASH_DEL(discovery->known, known);
        free(known);
    }
    if (discovery->again)
        event_free(discovery->again);
    discovery_spec_free(&discovery->spec);
    free(discovery);
}
