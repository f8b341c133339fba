/*
 * discovery/strategy: what a strategy says of nodes, and where it finds what it needs.
 *
 * For the files of strategies only. A strategy reports every name as often as it likes; what is new, what was
 * lost and what is too much is decided in discovery.c.
 */
#ifndef HM_DISCOVERY_STRATEGY_H
#define HM_DISCOVERY_STRATEGY_H

#include "base/bytes.h"
#include "discovery/discovery.h"

struct event_base;

const struct discovery_options *discovery_options_of(const struct discovery *discovery);
struct event_base *discovery_base(const struct discovery *discovery);

/* The most bytes of a name: 255 characters, as an atom has. */
enum { DISCOVERY_NAME_BYTES = 255 * 4 };

/* Is this a name of a node that one may dial: printable, one @, not too long. */
bool discovery_is_name(struct bytes name);
/* This name was heard of just now. false: it is none (the caller counts it as junk). Our own name is ignored. */
bool discovery_heard(struct discovery *discovery, struct bytes name);

/* Since this was asked last: was there no memory for a name? Those that do not hear of it again by themselves have to ask again. */
bool discovery_has_missed(struct discovery *discovery);

/* For those that ask again and again: what was not heard between begin and end is lost. Without an end nothing is. */
void discovery_round_begin(struct discovery *discovery);
void discovery_round_end(struct discovery *discovery);
/* Within a round: this host could not be asked, so its nodes count as heard. */
void discovery_keep_host(struct discovery *discovery, const char *host);
/* For those that listen: what was not heard for ms is lost. */
void discovery_drop_silent(struct discovery *discovery, int64_t ms);

/* Counts what came from a stranger and made no sense, and says so now and then. from: where it came from; text: what was wrong. */
void discovery_junk(struct discovery *discovery, const char *from, const char *text);
/* What was not meant for us, as a datagram of a cluster with another secret: counted, and said once. */
void discovery_foreign(struct discovery *discovery, const char *from, const char *text);
void discovery_log(struct discovery *discovery, enum hm_log_level level, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What stands before the @ of all nodes: the key "basename", else as in the own name; *size of it. HM_EINVAL with why: there is
 * neither, as for the command that only shows what would be found. */
int discovery_basename(const struct discovery *discovery, const char **basename, size_t *size, char *why, size_t capacity);
/* Counts a question that had no answer of use. */
void discovery_failed(struct discovery *discovery);
/* Something that is tried again did not work, or works again (text NULL): said once until it changes. id as in the log. */
void discovery_trouble(struct discovery *discovery, const char *id, const char *text);

extern const struct discovery_strategy discovery_static, discovery_hosts, discovery_local_epmd, discovery_broadcast,
    discovery_gossip, discovery_nodefinder, discovery_dns, discovery_kubernetes;

#endif
