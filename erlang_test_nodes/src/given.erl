%% What a test is given: nodes to talk to, fresh subjects, and ways to ask them.
%% The functions below the first group run on a BEAM peer, inside target:on/2.
-module(given).
-compile({no_auto_import, [nodes/1, nodes/2]}).
-export([nodes/1, nodes/2, no_nodes/1, parallel/1, target/1, peer/1, peer/2, kind_of/1]).
-export([call/2, call/3, child/1, child/2, linked_child/1, gone/1, mailbox/0, visible/1, not_connected/1, reporting/1,
         ended/1, ended/2, idle/0, death/1]).

%% ---- in the driver

%% A target with the subject, and two BEAM peers.
nodes(Config) -> nodes(Config, #{}).
nodes(Config, Opts) ->
    Start = [fun() -> target:start(Opts) end, fun() -> target:start_peer(maps:with([ticktime], Opts)) end,
             fun() -> target:start_peer(maps:with([ticktime], Opts)) end],
    [T, P1, P2] = parallel(Start),
    [{target, T}, {peer1, P1}, {peer2, P2} | Config].

no_nodes(Config) ->
    [target:stop(T) || {_, T = #{ospid := _}} <- Config],
    ok.

parallel(Funs) ->
    Refs = [element(2, spawn_monitor(fun() -> exit({done, F()}) end)) || F <- Funs],
    [receive {'DOWN', R, _, _, {done, V}} -> V; {'DOWN', R, _, _, Why} -> error(Why) end || R <- Refs].

target(Config) -> maps:get(node, proplists:get_value(target, Config)).
peer(Config) -> peer(1, Config).
peer(1, Config) -> proplists:get_value(peer1, Config);
peer(2, Config) -> proplists:get_value(peer2, Config).
kind_of(Config) -> maps:get(kind, proplists:get_value(target, Config)).

%% ---- on a peer

%% Asks the subject of a node, or the subject with this pid or {Name, Node}.
call(Who, Req) -> call(Who, Req, 30000).
call(Node, Req, Timeout) when is_atom(Node) -> gen_server:call({subject, Node}, Req, Timeout);
call(Who, Req, Timeout) -> gen_server:call(Who, Req, Timeout).

%% A fresh subject, registered or not.
child(Node) -> child(Node, undefined).
child(Node, Name) -> {ok, Pid} = call(Node, {spawn, Name, false}), Pid.
linked_child(Parent) -> {ok, Pid} = call(Parent, {spawn, undefined, true}), Pid.

%% A fresh subject that tells us its events.
reporting(Node) ->
    Pid = child(Node),
    ok = call(Pid, {report, self()}),
    Pid.

%% Waits until the process is gone, whatever the reason.
gone(Pid) -> death(Pid), ok.

death(Pid) ->
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, process, _, Why} -> Why after 30000 -> error({still_there, Pid}) end.

%% A process here that waits to be told how to end: ended(Pid, Reason) ends it.
idle() -> spawn(fun() -> receive {'end', Reason} -> exit(Reason) end end).
ended(Pid) -> ended(Pid, normal).
ended(Pid, Reason) ->
    Ref = monitor(process, Pid),
    Pid ! {'end', Reason},
    receive {'DOWN', Ref, _, _, _} -> ok end.

mailbox() -> {messages, M} = process_info(self(), messages), M.

visible(Node) -> target:wait(fun() -> lists:member(Node, erlang:nodes()) end).
not_connected(Node) -> target:wait(fun() -> not lists:member(Node, erlang:nodes(connected)) end).
