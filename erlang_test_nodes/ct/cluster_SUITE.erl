%% What takes time: net ticks, peers that are stopped, and a cluster that stays whole. The cases run side by side.
-module(cluster_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(TICKTIME, 8).

all() -> [{group, side_by_side}, global_names].
groups() -> [{side_by_side, [parallel], [stopped_target_is_declared_down, stopped_peer_is_declared_down, hidden_and_idle_stays,
                                         cluster_stays_together]}].

init_per_suite(C) -> C.
end_per_suite(_) -> ok.

%% Silence for between 0.75 and 1.25 of the tick time, and what a busy machine adds.
in_time(Ms) ->
    ct:pal("declared down after ~p ms", [Ms]),
    ?assert(Ms >= 750 * ?TICKTIME - 300, Ms),
    ?assert(Ms =< 1250 * ?TICKTIME + 2500, Ms).

stopped_target_is_declared_down(_) ->
    T = #{node := N} = target:start(#{ticktime => ?TICKTIME}),
    P = target:start_peer(#{ticktime => ?TICKTIME}),
    Ms = ?ON(P, begin
        pong = net_adm:ping(N),
        ok = net_kernel:monitor_nodes(true, [nodedown_reason]),
        Ref = monitor(process, {subject, N}),
        os:cmd("kill -STOP " ++ integer_to_list(maps:get(ospid, T))),
        {Ms0, _} = target:ms(fun() -> ?EXPECT({nodedown, N, [{nodedown_reason, net_tick_timeout}]}) end),
        ?EXPECT({'DOWN', Ref, process, {subject, N}, noconnection}),
        Ms0
    end),
    in_time(Ms),
    target:sigcont(T),
    ?ON(P, begin
        target:wait(fun() -> net_kernel:connect_node(N) =:= true end),
        back = given:call(N, {echo, back})
    end),
    [target:stop(X) || X <- [T, P]].

stopped_peer_is_declared_down(_) ->
    T = #{node := N} = target:start(#{ticktime => ?TICKTIME}),
    P = target:start_peer(#{ticktime => ?TICKTIME}),
    Stopped = #{node := S} = target:start_peer(#{ticktime => ?TICKTIME, args => ["-connect_all", "false"]}),
    Pid = ?ON(Stopped, begin pong = net_adm:ping(N), given:idle() end),
    Ms = ?ON(P, begin
        Sub = given:reporting(N),
        ok = given:call(Sub, {monitor_nodes, true}),
        Ref = given:call(Sub, {monitor, Pid}),
        ok = given:call(Sub, clear),
        os:cmd("kill -STOP " ++ integer_to_list(maps:get(ospid, Stopped))),
        {Ms0, _} = target:ms(fun() -> ?EXPECT({subject, Sub, {info, {nodedown, S}}}) end),
        ?EXPECT({subject, Sub, {info, {'DOWN', Ref, process, Pid, noconnection}}}),
        served = given:call(N, {echo, served}),
        Ms0
    end),
    in_time(Ms),
    target:sigcont(Stopped),
    ?ON(Stopped, begin
        target:wait(fun() -> net_kernel:connect_node(N) =:= true end),
        back = given:call(N, {echo, back})
    end),
    [target:stop(X) || X <- [T, P, Stopped]].

%% A connection on which nobody says anything is kept alive by ticks, hidden or not.
hidden_and_idle_stays(_) ->
    T = #{node := N} = target:start(#{ticktime => ?TICKTIME}),
    P = target:start_peer(#{ticktime => ?TICKTIME, hidden => true}),
    ?ON(P, begin
        ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
        pong = net_adm:ping(N),
        ?EXPECT({nodeup, N, _}),
        receive {nodedown, N, _} = Down -> error(Down) after 2 * ?TICKTIME * 1000 -> ok end,
        alive = given:call(N, {echo, alive})
    end),
    [target:stop(X) || X <- [T, P]].

%% Three BEAM nodes as they come (global with its partition prevention) and the target: sync returns at once on
%% each, and for 20 s (90 s with LONG=1) nobody loses anybody.
cluster_stays_together(_) ->
    Stay = case os:getenv("LONG", "") of "" -> 20000; "0" -> 20000; _ -> 90000 end,
    T = #{node := N} = target:start(#{ticktime => ?TICKTIME}),
    Peers = [target:start_peer(#{ticktime => ?TICKTIME}) || _ <- [1, 2, 3]],
    Nodes = [N | [maps:get(node, P) || P <- Peers]],
    [?ON(P, begin
        ok = net_kernel:monitor_nodes(true),
        [true = net_kernel:connect_node(X) || X <- Nodes, X =/= node()]
     end) || P <- Peers],
    sync(Peers),
    Me = self(),
    Watch = [spawn_link(fun() ->
                 ?ON(P, begin
                     ok = net_kernel:monitor_nodes(true),
                     receive {nodedown, _} = Down -> error({Down, node()}) after Stay -> ok end,
                     ?assertEqual(lists:sort(Nodes -- [node()]), lists:sort(nodes())),
                     [pong = net_adm:ping(X) || X <- Nodes]
                 end),
                 Me ! {stayed, self()}
             end) || P <- Peers],
    [receive {stayed, W} -> ok after Stay + ?PATIENCE -> error(timeout) end || W <- Watch],
    sync(Peers),
    ?ON(hd(Peers), ?assertEqual(lists:sort(Nodes -- [N]), lists:sort(erpc:call(N, erlang, nodes, [])))),
    [target:stop(X) || X <- [T | Peers]].

sync(Peers) ->
    [begin
         {Ms, ok} = ?ON(P, target:ms(fun() -> global:sync() end)),
         ct:pal("global:sync on ~p: ~p ms", [maps:get(node, P), Ms]),
         ?assert(Ms < 5000, Ms)
     end || P <- Peers].

%% Names and locks of global among BEAM nodes work with the target in the cluster.
global_names(_) ->
    T = #{node := N} = target:start(#{}),
    Peers = [P1, P2] = [target:start_peer() || _ <- [1, 2]],
    Other = maps:get(node, P2),
    [?ON(P, true = net_kernel:connect_node(N)) || P <- Peers],
    ?ON(P1, begin
        true = net_kernel:connect_node(Other),
        target:wait(fun() -> lists:member(Other, nodes()) end)
    end),
    sync(Peers),
    Name = list_to_atom(target:unique("global")),
    ?ON(P1, begin
        Pid = given:idle(),
        yes = global:register_name(Name, Pid),
        Pid = erpc:call(Other, global, whereis_name, [Name]),
        done = global:trans({some_lock, self()}, fun() -> done end),
        true = global:set_lock({other_lock, self()}, [node() | nodes()], 5),
        true = global:del_lock({other_lock, self()}, [node() | nodes()]),
        global:unregister_name(Name),
        undefined = erpc:call(Other, global, whereis_name, [Name])
    end),
    %% and the same when the target has gone
    target:kill(T),
    ?ON(P1, begin
        given:not_connected(N),
        ok = global:sync(),
        yes = global:register_name(Name, given:idle()),
        true = is_pid(erpc:call(Other, global, whereis_name, [Name])),
        ?assert(lists:member(Other, nodes()))
    end),
    [target:stop(X) || X <- Peers].
