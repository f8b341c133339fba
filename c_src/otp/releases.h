/*
 * otp/releases: what a peer's release expects, where releases differ above the distribution.
 *
 * So far one thing: sys:get_state/1 of stdlib before 5.1 (OTP 25, 26.0) wants the bare state, later ones {ok,
 * State}. Flags do not tell them apart, so the peer is asked once per connection, when it first matters:
 * application:get_key(stdlib, vsn) through its rex server, at most RELEASES_WAIT_MS. Who does not answer is
 * taken for a newer one. One thread.
 */
#ifndef HM_OTP_RELEASES_H
#define HM_OTP_RELEASES_H

#include "otp/otp.h"

enum { RELEASES_WAIT_MS = 500 };

enum state_form { STATE_UNKNOWN, STATE_BARE, STATE_TAGGED };

/* STATE_UNKNOWN: ask. This node's own name, and a node without otp, are STATE_TAGGED. */
enum state_form releases_state_form(const struct hm_node *node, const hm_node_name *peer);
/* done is called once, from the loop; with STATE_UNKNOWN, only to free arg, when the connection or the node
 * ends first. */
int releases_ask(struct hm_node *node, const hm_node_name *peer,
                 void (*done)(struct hm_node *node, enum state_form form, void *arg), void *arg);
/* The connection is gone: the peer may come back as another release. */
void releases_forget(struct hm_node *node, const hm_node_name *peer);
void releases_free(struct hm_node *node);

/* "5.1.1" >= 5.1: pure, for tests. */
bool releases_is_tagged_stdlib(const char *version);

#endif
