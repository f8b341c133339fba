#include "discovery/epmd_poll.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/node.h"

enum { AT_ONCE = 8 }; /* a list of hundreds of hosts is no reason to open hundreds of sockets */

struct question {
    struct epmd_poll *poll;
    struct epmd_query *query; /* NULL: free */
    const char *host;
};

struct epmd_poll {
    struct discovery *discovery;
    struct event *timer;
    const char *const *hosts;
    size_t count, next, failed; /* next: of this round */
    bool local, missed; /* missed: there was no memory for a part of this round */
    int64_t interval_ms;
    unsigned running;
    char trouble[200];
    struct question questions[AT_ONCE];
};

static void ask_next(struct epmd_poll *poll);

static void end_round(struct epmd_poll *poll) {
    discovery_round_end(poll->discovery);
    discovery_trouble(poll->discovery, "discovery.epmd", poll->failed ? poll->trouble : NULL);
    if (discovery_has_missed(poll->discovery))
        poll->missed = true;
    if (poll->interval_ms || poll->missed) {
        struct timeval pause = timeval_of_ms(poll->interval_ms ? poll->interval_ms : DISCOVERY_AGAIN_MS);
        event_add(poll->timer, &pause);
    }
}

static void note_failure(struct epmd_poll *poll, const char *host, int error) {
    discovery_keep_host(poll->discovery, host);
    discovery_failed(poll->discovery);
    poll->missed |= error == HM_ENOMEM;
    if (poll->failed++ == 0)
        snprintf(poll->trouble, sizeof poll->trouble, "epmd on %.100s: %s", host,
                 error == HM_EEPMD           ? "none answers"
                 : error == HM_ENOCONNECTION ? "there is no such host"
                                             : hm_strerror(error));
}

static void on_name(void *arg, const char *name, size_t size, uint16_t port, int error) {
    struct question *question = arg;
    struct epmd_poll *poll = question->poll;
    char node[DISCOVERY_NAME_BYTES + 1];
    (void)port;
    if (name) {
        int used = snprintf(node, sizeof node, "%.*s@%s", (int)size, name, question->host);
        if (used >= (int)sizeof node || !discovery_heard(poll->discovery, bytes_of(node, (size_t)used)))
            discovery_junk(poll->discovery, question->host, "a name that no node can have");
        return;
    }
    question->query = NULL;
    poll->running--;
    if (error)
        note_failure(poll, question->host, error);
    ask_next(poll);
}

static void ask_next(struct epmd_poll *poll) {
    struct dist *dist = &discovery_options_of(poll->discovery)->node->dist;
    for (size_t i = 0; i < AT_ONCE && poll->next < poll->count; i++) {
        struct question *question = &poll->questions[i];
        if (question->query)
            continue;
        *question = (struct question){.poll = poll, .host = poll->hosts[poll->next++]};
        question->query = epmd_names(dist, poll->local ? "localhost" : question->host, on_name, question);
        if (question->query)
            poll->running++;
        else
            note_failure(poll, question->host, HM_ENOMEM);
    }
    if (poll->running == 0)
        end_round(poll);
}

static void begin_round(evutil_socket_t fd, short what, void *arg) {
    struct epmd_poll *poll = arg;
    (void)fd;
    (void)what;
    poll->next = poll->failed = 0;
    poll->missed = false;
    discovery_round_begin(poll->discovery);
    ask_next(poll);
}

struct epmd_poll *epmd_poll_open(struct discovery *discovery, const char *const *hosts, size_t count, bool local,
                                 int64_t interval_ms) {
    struct epmd_poll *poll = calloc(1, sizeof *poll);
    if (!poll)
        return NULL;
    *poll = (struct epmd_poll){
        .discovery = discovery, .hosts = hosts, .count = count, .local = local, .interval_ms = interval_ms};
    struct timeval now = {0};
    poll->timer = evtimer_new(discovery_base(discovery), begin_round, poll);
    if (poll->timer && event_add(poll->timer, &now) == 0)
        return poll;
    epmd_poll_close(poll);
    return NULL;
}

void epmd_poll_close(struct epmd_poll *poll) {
    if (!poll)
        return;
    for (size_t i = 0; i < AT_ONCE; i++)
        if (poll->questions[i].query)
            epmd_query_cancel(poll->questions[i].query);
    if (poll->timer)
        event_free(poll->timer);
    free(poll);
}
