/*
 * services/tracker_diff: a change of a topic as Phoenix.Presence tells it to the topic's subscribers:
 *
 *     %Phoenix.Socket.Broadcast{topic: Topic, event: "presence_diff",
 *                               payload: %{joins: %{Key => %{metas: [Meta]}}, leaves: %{Key => %{metas: [Meta]}}}}
 *
 * Keys are text there: atoms and integers become it, others stay what they are. Keeps nothing. Follows lib/phoenix/presence.ex of phoenix.
 */
#ifndef HM_SERVICES_TRACKER_DIFF_H
#define HM_SERVICES_TRACKER_DIFF_H

#include "services/tracker_state.h"

/* Puts one term, or sets an error in the builder's way: HM_ENOMEM. */
int tracker_diff_put(hm_build *build, const struct tracker_topic *topic);
/* [{Key, Meta}] of those who are there, oldest first; with_pid: {Key, Pid, Meta}. topic may be NULL. */
void tracker_diff_put_list(hm_build *build, const struct tracker_topic *topic, bool with_pid);

#endif
