-module('Elixir.Task').
-export([async/1, async/3, await/1, await/2, start/1, start_link/1, yield/1, yield/2]).
async(F) ->
    Me = self(),
    {Pid, Ref} = erlang:spawn_monitor(fun() -> receive {go, R} -> Me ! {R, F()} end end),
    erlang:link(Pid),
    Pid ! {go, Ref},
    #{'__struct__' => 'Elixir.Task', pid => Pid, ref => Ref, owner => Me, mfa => {erlang, apply, 2}}.
async(M, F, A) -> async(fun() -> apply(M, F, A) end).
await(T) -> await(T, 5000).
await(#{ref := Ref} = T, Timeout) ->
    receive
        {Ref, V} -> erlang:demonitor(Ref, [flush]), V;
        {'DOWN', Ref, _, _, Why} -> exit({Why, {'Elixir.Task', await, [T, Timeout]}})
    after Timeout ->
            erlang:demonitor(Ref, [flush]),
            exit({timeout, {'Elixir.Task', await, [T, Timeout]}})
    end.
yield(T) -> yield(T, 5000).
yield(#{ref := Ref}, Timeout) ->
    receive
        {Ref, V} -> erlang:demonitor(Ref, [flush]), {ok, V};
        {'DOWN', Ref, _, _, Why} -> {exit, Why}
    after Timeout -> nil
    end.
start(F) -> {ok, erlang:spawn(F)}.
start_link(F) -> {ok, erlang:spawn_link(F)}.
