-module(sys).
-export([get_state/1, get_state/2, get_status/1, get_status/2]).
get_state(S) -> get_state(S, 5000).
get_state(S, T) -> case ask(S, get_state, T) of {ok, State} -> State; State -> State end.
get_status(S) -> get_status(S, 5000).
get_status(S, T) -> ask(S, get_status, T).
ask(S, What, T) ->
    case gen_server:ask(S, system, What, T) of
        {ok, Reply} -> Reply;
        {error, Why} -> exit({Why, {sys, What, [S]}})
    end.
