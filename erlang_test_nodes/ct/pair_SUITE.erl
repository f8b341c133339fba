%% Two targets talk to each other, which for Hermod is C on both ends. A BEAM peer, connected to both, tells them what to do
%% and looks on.
-module(pair_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() -> [connected_and_visible, calls, large_messages, order, monitors, names, links, exits, both_dial_at_once, killed, {group, slow}].
groups() -> [{slow, [parallel], [idle_stays, stopped]}].

init_per_suite(C) ->
    [{target, target:start(#{ticktime => 8})}, {other, target:start(#{ticktime => 8})},
     {peer1, target:start_peer(#{ticktime => 8, args => ["-connect_all", "false"]})} | C].
end_per_suite(C) -> given:no_nodes(C).

nodes_of(C) -> {given:target(C), maps:get(node, proplists:get_value(other, C))}.

%% A signal from A to B and one from us to B are in no order: waits until the first has arrived.
arrived(Pid, Item, From) ->
    target:wait(fun() ->
        {Item, L} = erpc:call(node(Pid), erlang, process_info, [Pid, Item]),
        lists:member(From, L)
    end).

connected_and_visible(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        true = given:call(A, {connect, B}),
        ?assert(lists:member(B, erpc:call(A, erlang, nodes, []))),
        target:wait(fun() -> lists:member(A, erpc:call(B, erlang, nodes, [])) end)
    end).

calls(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        [{ok, T} = given:call(X, {call, {subject, Y}, {echo, T}, 30000}) || {X, Y} <- [{A, B}, {B, A}], T <- [hello, "x", #{a => [1.5]}]],
        {error, noproc} = given:call(A, {call, {nobody, B}, x, 30000}),
        {error, timeout} = given:call(A, {call, {subject, B}, {hold, pair}, 30}),
        ok = given:call(B, {release, pair, late}),
        Sub = given:child(B),
        {error, {why, 1}} = given:call(A, {call, Sub, {stop, {why, 1}}, 30000}),
        {error, noproc} = given:call(A, {call, Sub, x, 30000})
    end).

large_messages(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        [begin
             Bin = << <<(I * 40503):32>> || I <- lists:seq(1, Size div 4) >>,
             {ok, Back} = given:call(X, {call, {subject, Y}, {echo, Bin}, 60000}, 60000),
             ?assert(Back =:= Bin, {X, Y, Size})
         end || {X, Y} <- [{A, B}, {B, A}], Size <- [65532, 65536, 70000, 1 bsl 20, 8 bsl 20]]
    end).

order(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        Sub = given:child(B),
        Msgs = [{I, binary:copy(<<I>>, case I rem 10 of 0 -> 150000; _ -> I end)} || I <- lists:seq(1, 200)],
        [ok = given:call(A, {cast, Sub, M}) || M <- Msgs],
        target:wait(fun() -> [{cast, M} || M <- Msgs] =:= given:call(Sub, events, 60000) end)
    end).

monitors(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        Watcher = given:reporting(A),
        [begin
             Sub = given:child(B),
             Ref = given:call(Watcher, {monitor, Sub}),
             arrived(Sub, monitored_by, Watcher),
             End(Sub),
             ?EXPECT({subject, Watcher, {info, {'DOWN', Ref, process, Sub, Reason}}})
         end || {End, Reason} <- [{fun(P) -> gen_server:cast(P, {stop, normal}) end, normal},
                                  {fun(P) -> gen_server:cast(P, {stop, {a, [b]}}) end, {a, [b]}},
                                  {fun(P) -> exit(P, kill) end, killed}]],
        Dead = given:child(B),
        ok = gen_server:stop(Dead),
        Late = given:call(Watcher, {monitor, Dead}),
        ?EXPECT({subject, Watcher, {info, {'DOWN', Late, process, Dead, noproc}}})
    end).

names(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        Watcher = given:reporting(A),
        Name = list_to_atom(target:unique("pair")),
        Sub = given:child(B, Name),
        Ref = given:call(Watcher, {monitor, {Name, B}}),
        ok = given:call(A, {send, {Name, B}, hello}),
        target:wait(fun() -> [{info, hello}] =:= given:call(Sub, events) end),
        arrived(Sub, monitored_by, Watcher),
        gen_server:cast(Sub, {stop, bye}),
        ?EXPECT({subject, Watcher, {info, {'DOWN', Ref, process, {Name, B}, bye}}}),
        Nobody = given:call(Watcher, {monitor, {Name, B}}),
        ?EXPECT({subject, Watcher, {info, {'DOWN', Nobody, process, {Name, B}, noproc}}})
    end).

links(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        Linked = given:reporting(A),
        ok = given:call(Linked, {trap_exit, true}),
        [S1, S2, S3] = [given:child(B) || _ <- [1, 2, 3]],
        ok = given:call(Linked, {link, S1}),
        arrived(S1, links, Linked),
        gen_server:cast(S1, {stop, boom}),
        ?EXPECT({subject, Linked, {info, {'EXIT', S1, boom}}}),
        ok = given:call(Linked, {link, S1}),
        ?EXPECT({subject, Linked, {info, {'EXIT', S1, noproc}}}),
        %% unlinked: neither hears of the other
        ok = given:call(Linked, {link, S2}),
        ok = given:call(Linked, {unlink, S2}),
        target:wait(fun() -> {links, []} =:= erpc:call(B, erlang, process_info, [S2, links]) end),
        ok = gen_server:stop(S2, unnoticed, 30000),
        %% the end of the one that does not trap takes the other along
        Ref = monitor(process, S3),
        arrived(S3, monitored_by, self()),
        Sub = given:child(A),
        ok = given:call(Sub, {link, S3}),
        gen_server:cast(Sub, {stop, both}),
        ?EXPECT({'DOWN', Ref, process, S3, both}),
        2 = length(given:call(Linked, events))
    end).

exits(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(B),
        ok = given:call(Sub, {trap_exit, true}),
        ok = given:call(A, {exit, Sub, please}),
        Sender = erpc:call(A, erlang, whereis, [subject]),
        ?EXPECT({subject, Sub, {info, {'EXIT', Sender, please}}}),
        Ref = monitor(process, Sub),
        arrived(Sub, monitored_by, self()),
        ok = given:call(A, {exit, Sub, kill}),
        ?EXPECT({'DOWN', Ref, process, Sub, killed})
    end).

%% Two nodes that know nothing of each other dial at the same time: one connection, both answers are true.
both_dial_at_once(_) ->
    P = target:start_peer(#{args => ["-connect_all", "false"]}),
    [begin
         [T1, T2] = [target:start(#{}) || _ <- [1, 2]],
         {A, B} = {maps:get(node, T1), maps:get(node, T2)},
         ?ON(P, begin
             [pong = net_adm:ping(X) || X <- [A, B]],
             Requests = [gen_server:send_request({subject, X}, {connect, Y}) || {X, Y} <- [{A, B}, {B, A}]],
             [{reply, true} = gen_server:receive_response(R, 30000) || R <- Requests],
             {ok, ok} = given:call(A, {call, {subject, B}, {echo, ok}, 30000}),
             {ok, ok} = given:call(B, {call, {subject, A}, {echo, ok}, 30000})
         end),
         [target:stop(T) || T <- [T1, T2]]
     end || _ <- lists:seq(1, 3)],
    target:stop(P).

%% Nothing is said for longer than the tick time: ticks keep the connection.
idle_stays(C) ->
    {A, B} = nodes_of(C),
    ?ON(given:peer(C), begin
        true = given:call(A, {connect, B}),
        Watchers = [begin W = given:reporting(X), ok = given:call(W, {monitor_nodes, true}), W end || X <- [A, B]],
        receive {subject, _, {info, {nodedown, X}}} when X =:= A; X =:= B -> error({lost, X}) after 12000 -> ok end,
        [ok = given:call(W, {monitor_nodes, false}) || W <- Watchers],
        {ok, still} = given:call(A, {call, {subject, B}, {echo, still}, 30000})
    end).

%% SIGSTOP: the other declares it down by itself.
stopped(C) ->
    {A, _} = nodes_of(C),
    T = #{node := B} = target:start(#{ticktime => 8}),
    ?ON(given:peer(C), begin
        Watcher = given:reporting(A),
        ok = given:call(Watcher, {monitor_nodes, true}),
        Ref = given:call(Watcher, {monitor, {subject, B}}),
        true = given:call(A, {connect, B}),
        {Ms, _} = target:ms(fun() ->
            os:cmd("kill -STOP " ++ integer_to_list(maps:get(ospid, T))),
            ?EXPECT({subject, Watcher, {info, {nodedown, B}}})
        end),
        ?EXPECT({subject, Watcher, {info, {'DOWN', Ref, process, {subject, B}, noconnection}}}),
        ?assert(Ms > 5700 andalso Ms < 12500, Ms)
    end),
    target:kill(T).

killed(C) ->
    {A, _} = nodes_of(C),
    T = #{node := B} = target:start(#{}),
    ?ON(given:peer(C), begin
        Watcher = given:reporting(A),
        ok = given:call(Watcher, {trap_exit, true}),
        Sub = given:child(B),
        Ref = given:call(Watcher, {monitor, Sub}),
        ok = given:call(Watcher, {link, Sub}),
        Call = gen_server:send_request(Watcher, {call, {subject, B}, {hold, for_ever}, 60000}),
        target:wait(fun() -> erpc:call(B, erlang, process_info, [Sub, links]) =:= {links, [Watcher]} end),
        os:cmd("kill -KILL " ++ integer_to_list(maps:get(ospid, T))),
        ?EXPECT({subject, Watcher, {info, {'DOWN', Ref, process, Sub, noconnection}}}),
        ?EXPECT({subject, Watcher, {info, {'EXIT', Sub, noconnection}}}),
        {reply, {error, noconnection}} = gen_server:receive_response(Call, 30000)
    end),
    target:await_exit(T).
