/*
 * services/phoenix_message: what the workers of a Phoenix.PubSub on other nodes can take without ending.
 *
 * A worker hands a broadcast to its dispatcher, a module, and ends where that raises. The usual one delivers any term for a binary topic.
 * That of channels makes JSON of a %Phoenix.Socket.Broadcast{} for the browsers that are there, or bytes when the payload is {:binary, Data};
 * so topic, event and payload have to be what can be said in these. A struct is refused, too: whether its application has JSON for it nobody
 * knows here. Others are not sent.
 *
 * Pure functions. Follows lib/phoenix/channel/server.ex and lib/phoenix/socket/serializers/v2_json_serializer.ex of phoenix.
 */
#ifndef HM_SERVICES_PHOENIX_MESSAGE_H
#define HM_SERVICES_PHOENIX_MESSAGE_H

#include <hermod/term.h>

#define PHOENIX_USUAL_DISPATCHER "Elixir.Phoenix.PubSub"

/* NULL, or the reason in the answer {error, Reason}. dispatcher: empty for the usual one. */
const char *phoenix_message_refusal(hm_term topic, hm_term message, hm_term dispatcher);

#endif
