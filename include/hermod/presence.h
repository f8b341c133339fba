/*
 * Presence, in C: who is there, over a replica of a Phoenix.Presence or Phoenix.Tracker that runs on this node
 * (`hermod start --phoenix-presence MyAppWeb.Presence`).
 *
 *     hm_presence_track(self, "Elixir.MyAppWeb.Presence", hm_self(self), topic, key, meta, on_tracked, NULL);
 *
 * What is tracked is seen by Phoenix.Presence.list on every node of the application a moment later, until it is untracked or the process ends. Topics
 * are binaries, keys any term (Phoenix.Presence wants text), metas maps; phx_ref is put into a meta. When the tracker's process ends and is
 * started again, nothing is tracked any more: who tracks monitors its name (hm_monitor).
 *
 * Each function asks the process of that name on this node and gives done its answer, as hm_call does; requests of one process are served
 * in their order. An answer {error, Reason} is one of those in docs/presence.md. done may be NULL where the answer does not matter: a
 * refusal is then logged. The terms are borrowed until the function returns. HM_ENOPROC (no such tracker on this node; done is not called),
 * HM_ENOMEM. Node thread only. Follows lib/phoenix/tracker.ex of phoenix_pubsub.
 */
#ifndef HERMOD_PRESENCE_H
#define HERMOD_PRESENCE_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* {ok, Ref}, Ref being the meta's phx_ref; {error, {already_tracked, Pid, Topic, Key}}. pid: a process of any node. */
HM_API int hm_presence_track(hm_process *self, const char *tracker, hm_pid pid, hm_term topic, hm_term key, hm_term meta,
                             hm_call_done *done, void *arg);
/* Another meta: {ok, Ref}; {error, nopresence}. */
HM_API int hm_presence_update(hm_process *self, const char *tracker, hm_pid pid, hm_term topic, hm_term key, hm_term meta,
                              hm_call_done *done, void *arg);
/* ok, also when it was not tracked. */
HM_API int hm_presence_untrack(hm_process *self, const char *tracker, hm_pid pid, hm_term topic, hm_term key,
                               hm_call_done *done, void *arg);
/* The same for all topics of the process. */
HM_API int hm_presence_untrack_all(hm_process *self, const char *tracker, hm_pid pid, hm_call_done *done, void *arg);

/* [{Key, Meta}] of all nodes, those that were tracked first at first. done is required: HM_EINVAL. */
HM_API int hm_presence_list(hm_process *self, const char *tracker, hm_term topic, hm_call_done *done, void *arg);
/* {ok, [{Key, Meta}]}; every change from then on comes to this process as a message, %Phoenix.Socket.Broadcast{event: "presence_diff"}, until
 * hm_presence_unwatch or its end. done is required: HM_EINVAL. */
HM_API int hm_presence_watch(hm_process *self, const char *tracker, hm_term topic, hm_call_done *done, void *arg);
/* No more changes; nobody is told the outcome. */
HM_API int hm_presence_unwatch(hm_process *self, const char *tracker, hm_term topic);

#ifdef __cplusplus
}
#endif
#endif
