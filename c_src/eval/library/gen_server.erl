%% Clients of servers, here or on any node; lib/stdlib/src/gen.erl.
-module(gen_server).
-export([call/2, call/3, cast/2, reply/2, stop/1, stop/3, abcast/3, ask/4]).

call(To, Request) -> call(To, Request, 5000, [To, Request]).
call(To, Request, Timeout) -> call(To, Request, Timeout, [To, Request, Timeout]).
call(To, Request, Timeout, Args) ->
    case ask(To, '$gen_call', Request, Timeout) of
        {ok, Reply} -> Reply;
        {error, Why} -> exit({Why, {gen_server, call, Args}})
    end.

cast({global, Name}, Request) -> catch global:send(Name, {'$gen_cast', Request}), ok;
cast(To, Request) -> catch erlang:send(To, {'$gen_cast', Request}), ok.

abcast(Nodes, Name, Request) -> [cast({Name, Node}, Request) || Node <- Nodes], abcast.

reply({_, [alias | Alias] = Tag}, Reply) -> Alias ! {Tag, Reply}, ok;
reply({_, [[alias | Alias] | _] = Tag}, Reply) -> Alias ! {Tag, Reply}, ok;
reply({To, Tag}, Reply) -> catch To ! {Tag, Reply}, ok.

stop(To) -> stop(To, normal, infinity).
stop(To, Reason, Timeout) ->
    Ref = erlang:monitor(process, where(To)),
    Alias = erlang:alias(),
    catch erlang:send(where(To), {system, {self(), [alias | Alias]}, {terminate, Reason}}),
    receive
        {'DOWN', Ref, process, _, Reason} -> erlang:unalias(Alias), ok;
        {'DOWN', Ref, process, _, Other} -> erlang:unalias(Alias), exit({Other, {sys, terminate, [To, Reason, Timeout]}})
    after Timeout ->
            erlang:demonitor(Ref, [flush]),
            erlang:unalias(Alias),
            exit({timeout, {sys, terminate, [To, Reason, Timeout]}})
    end.

ask(To, Kind, Request, Timeout) ->
    case where(To) of
        undefined -> {error, noproc};
        Pid when Pid =:= self() -> {error, calling_self};
        Dest -> ask_process(Dest, Kind, Request, Timeout)
    end.
ask_process(Dest, Kind, Request, Timeout) ->
    Ref = erlang:monitor(process, Dest),
    Alias = erlang:alias(),
    catch erlang:send(Dest, {Kind, {self(), [alias | Alias]}, Request}),
    receive
        {[alias | Alias], '$hm_left_out'} -> %% LEFT_OUT of dist/left_out.h
            erlang:demonitor(Ref, [flush]),
            erlang:unalias(Alias),
            {error, system_limit};
        {[alias | Alias], Reply} ->
            erlang:demonitor(Ref, [flush]),
            erlang:unalias(Alias),
            {ok, Reply};
        {'DOWN', Ref, process, _, noconnection} ->
            erlang:unalias(Alias),
            {error, {nodedown, node_of(Dest)}};
        {'DOWN', Ref, process, _, Why} ->
            erlang:unalias(Alias),
            {error, Why}
    after Timeout ->
            erlang:demonitor(Ref, [flush]),
            erlang:unalias(Alias),
            {error, timeout}
    end.
where({global, Name}) -> global:whereis_name(Name);
where({Name, Node}) when Node =:= node() -> erlang:whereis(Name);
where(Name) when is_atom(Name) -> erlang:whereis(Name);
where(To) -> To.
node_of({_, Node}) -> Node;
node_of(Pid) -> node(Pid).
