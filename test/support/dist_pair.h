/*
 * Two nodes' dist layers in one process, on one loop, and channels between them over a socketpair. Each side
 * writes down what it is told; a test waits for facts with pair_until, never for time.
 */
#ifndef TEST_SUPPORT_DIST_PAIR_H
#define TEST_SUPPORT_DIST_PAIR_H

#include "dist/channel.h"
#include "etf/names.h"

struct pair;

struct side {
    struct pair *pair;
    struct dist dist;
    struct log log;
    char logged[64]; /* the id of the last warning */
    const char *cookie;
    enum name_verdict verdict;
    struct channel *channel; /* up, or being made */
    struct channel *older;   /* closed by on_proved */
    int named, proved, ups, downs, controls, busies, frees;
    enum down_reason reason;
    char detail[256];
    char last_name[256]; /* of the last peer that told its name */
    /* Of the last on_control: */
    struct control control;
    char name[256];
    struct block *payload; /* a copy */
    bool shared;
    /* Called in on_control, NULL for nothing. */
    void (*on_control)(struct side *side, struct channel *channel, const struct control *control, hm_term payload);
    void *context;
};

struct pair {
    struct event_base *base;
    struct turn *turn;
    struct side a, b; /* a@host dials b@host */
    bool failed;
};

struct pair *pair_new(void);
void pair_free(struct pair *pair);
/* A second dist for the same side, over the pair's loop. */
void side_init(struct side *side, struct pair *pair, const char *name);
void side_fini(struct side *side);
/* Connects a (initiator) to b (acceptor). false without memory. */
bool pair_connect(struct pair *pair);
/* A raw socket to b: the test plays the peer. */
int pair_raw_peer(struct pair *pair);
/* Runs the loop until the fact holds; false when it does not come true within seconds. */
bool pair_until(struct pair *pair, bool (*fact)(struct pair *pair));
bool pair_both_up(struct pair *pair);
bool pair_b_down(struct pair *pair);
bool pair_a_down(struct pair *pair);
/* Everything that is ready now, and the end of the turn. */
void pair_settle(struct pair *pair);

/* A process of the side, and a message to a process or name of the other. */
hm_pid side_pid(const struct side *side, uint32_t id);
int side_send_name(struct side *side, uint32_t from, const char *name, hm_term payload, struct block *shared);

#endif
