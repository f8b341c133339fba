/*
 * discovery/discovery: who is there? One struct discovery for each strategy that was asked for.
 *
 * Knows names of nodes and nothing of connections: it says found and lost, and whoever opened it dials. Each
 * strategy is one file and one line of the table in discovery.c; what a strategy sees of this module is in
 * discovery/strategy.h. One thread; nothing blocks, except that `hosts' reads its file.
 */
#ifndef HM_DISCOVERY_DISCOVERY_H
#define HM_DISCOVERY_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hermod/hermod.h>

struct discovery;

struct discovery_key { /* an option of a strategy */
    const char *name;
    enum { KEY_TEXT, KEY_NUMBER, KEY_SECONDS, KEY_FLAG } kind;
    const char *fallback; /* NULL: none */
    uint64_t min, max;    /* of numbers, and of milliseconds */
    const char *help;
};

/* What the one who dials does with a node that is lost. */
enum discovery_lost {
    LOST_FORGET,     /* dials it no more; a connection that is up stays */
    LOST_DISCONNECT, /* ends the connection, too */
};

struct discovery_strategy {
    const char *kind;
    const char *operands; /* what may stand there without a key, "NODE,NODE..."; NULL: nothing */
    size_t least;         /* how many of them must */
    const char *help;
    const struct discovery_key *keys; /* name NULL ends them; NULL: none */
    enum discovery_lost lost;
    bool needs_cookie;
    size_t size; /* of its state */
    /* 0, or a negative error with why; what was opened until then is closed by close. */
    int (*open)(struct discovery *discovery, void *state, char *why, size_t capacity);
    void (*close)(struct discovery *discovery, void *state);
};

/* Every strategy, NULL after the last. */
extern const struct discovery_strategy *const discovery_strategies[];

enum { DISCOVERY_VALUES = 256, DISCOVERY_JUNK_MS = 10000, DISCOVERY_AGAIN_MS = 1000 };

/* KIND[:operand,key=value,...], read. Owns a copy of the text. */
struct discovery_spec {
    const struct discovery_strategy *strategy;
    char *text;
    struct {
        const struct discovery_key *key; /* NULL: an operand */
        const char *value;
    } values[DISCOVERY_VALUES];
    size_t count;
};

/* HM_EINVAL, HM_ENOMEM, with why. Nothing is to be freed then. */
int discovery_parse(const char *text, struct discovery_spec *spec, char *why, size_t capacity);
void discovery_spec_free(struct discovery_spec *spec);

/* The values of a key one after the other, *place beginning with 0; NULL: no more. key NULL: the operands. A default is
 * the only value when none was given. */
const char *discovery_value(const struct discovery_spec *spec, const char *key, size_t *place);
const char *discovery_text(const struct discovery_spec *spec, const char *key); /* the last one given */
uint64_t discovery_number(const struct discovery_spec *spec, const char *key);  /* ms for seconds */
bool discovery_flag(const struct discovery_spec *spec, const char *key);

struct discovery_counters {
    uint64_t junk;    /* datagrams and answers that make no sense */
    uint64_t foreign; /* well formed, but of a cluster with another secret */
    uint64_t refused; /* names over max_nodes */
    uint64_t failed;  /* questions without an answer of use */
};

struct discovery_options {
    hm_node *node;      /* borrowed until close: its loop, its name, its epmd */
    const char *cookie; /* borrowed until close */
    bool silent;        /* only listen: do not tell others of this node */
    const char *kubernetes_host, *kubernetes_port; /* what Kubernetes says in the environment; NULL: nothing. Borrowed until close */
    uint32_t max_nodes; /* names that are found and not lost at the same time; 0: 1000 */
    /* Each name once, until it is lost. Not the own one. Lends the name. Must not close the discovery. false: there is no room for it now. It is
     * said again (`again') each DISCOVERY_AGAIN_MS until it is taken, and is not lost before. */
    bool (*found)(void *arg, const struct discovery *discovery, const char *node, bool again);
    void (*lost)(void *arg, const struct discovery *discovery, const char *node);
    /* A line for humans with a stable id, not more than a few in a minute. May be NULL. */
    void (*log)(void *arg, enum hm_log_level level, const char *id, const char *text);
    void *arg;
};

/* Takes the spec, also when it fails; found may be called before it returns. HM_EINVAL, HM_ESYSTEM, HM_ENOMEM, with why. */
int discovery_open(const struct discovery_options *options, struct discovery_spec *spec, struct discovery **discovery,
                   char *why, size_t capacity);
/* Nothing is said to be lost by this. NULL is allowed. */
void discovery_close(struct discovery *discovery);

const struct discovery_spec *discovery_spec_of(const struct discovery *discovery);
const struct discovery_counters *discovery_counters(const struct discovery *discovery);
size_t discovery_count(const struct discovery *discovery); /* found and not lost */

#endif
