%% Process groups: a target whose members every BEAM sees, and the reverse. Two BEAM peers with pg, and the target.
%% Groups are named after the case, so that cases do not meet.
-module(pg_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [members_are_seen_both_ways, joined_several_times, terms_as_groups, a_member_that_ends_leaves, a_killed_member_leaves,
     many_pids_at_once, what_is_not_joined, local_and_all, scopes_are_apart, monitor_a_group, monitor_the_scope,
     closest, sends_to_all, rpc_functions, rpc_mistakes, a_peer_that_dies, a_target_that_dies,
     disconnect_and_back, second_target, peers_scope_restarts, targets_scope_restarts, hidden_target, flood, flickering, large_sync]
        %% OTP 29 has other requests for this.
        ++ [monitor_from_far || target:kind() =:= hermod orelse list_to_integer(erlang:system_info(otp_release)) < 29]
        ++ case target:kind() of
               hermod -> [junk, forged_news, pg_join_option, pg_join_waits, without_pg, limits];
               beam -> []
           end
        ++ [no_scope_has_ended].

init_per_suite(C) -> start_nodes(C).
end_per_suite(C) -> given:no_nodes(C).

%% pg on a BEAM only runs when it is asked for. Cases that cut one connection want the others to stay.
beam_pg() -> ["-kernel", "start_pg", "true", "-kernel", "prevent_overlapping_partitions", "false"].
start_target(Opts) ->
    More = case target:kind() of beam -> beam_pg(); hermod -> [] end,
    target:start(Opts#{args => More ++ maps:get(args, Opts, [])}).
start_peer() -> start_peer(#{}).
start_peer(Opts) -> target:start_peer(Opts#{args => beam_pg() ++ maps:get(args, Opts, [])}).

%% A peer and a target that meet nobody else, for cases that count groups.
%% pubsub has a group of its own.
alone(Args) -> {start_peer(), start_target(#{args => Args ++ lists:append([["--without", "pubsub"] || target:kind() =:= hermod])})}.

start_nodes(C) ->
    [T, P1, P2] = [start_target(#{}), start_peer(), start_peer()],
    N = maps:get(node, T),
    [?ON(P, pong = net_adm:ping(N)) || P <- [P1, P2]],
    ?ON(P1, pong = net_adm:ping(maps:get(node, P2))),
    Scope = ?ON(P1, whereis(pg)),
    [{target, T}, {peer1, P1}, {peer2, P2}, {scope1, Scope} | C].

%% ---- on a peer

%% Members as this node and the target see them, sorted, once they are these.
agreed(N, Group, Pids) -> agreed(N, pg, Group, Pids).
agreed(N, Scope, Group, Pids) ->
    Want = lists:sort(Pids),
    target:wait(fun() -> case lists:sort(pg:get_members(Scope, Group)) of Want -> true; Got -> {here, Got} end end),
    target:wait(fun() ->
        case lists:sort(given:call(N, {pg, Scope, {members, Group}})) of Want -> true; Got -> {there, Got} end
    end).

seen(Group, Pids) ->
    Want = lists:sort(Pids),
    target:wait(fun() -> case lists:sort(pg:get_members(Group)) of Want -> true; Got -> Got end end).

%% From a peer: the driver's own way of killing works in the driver only.
kill(#{ospid := Pid}) -> os:cmd("kill -KILL " ++ integer_to_list(Pid)), ok.

scope_of(N) -> rpc:call(N, erlang, whereis, [pg]).

%% ---- cases

members_are_seen_both_ways(C) ->
    N = given:target(C),
    {There, Here} = ?ON(given:peer(C), begin
        There = given:child(N),
        Here = given:idle(),
        ok = given:call(There, {pg, pg, {join, both}}),
        ok = pg:join(both, Here),
        agreed(N, both, [There, Here]),
        {There, Here}
    end),
    ?ON(given:peer(2, C), seen(both, [There, Here])),
    ?ON(given:peer(C), begin
        ok = given:call(There, {pg, pg, {leave, both}}),
        agreed(N, both, [Here]),
        ok = pg:leave(both, Here),
        agreed(N, both, []),
        ?assertNot(lists:member(both, given:call(N, {pg, pg, groups})))
    end).

joined_several_times(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        Here = given:idle(),
        [ok = given:call(There, {pg, pg, {join, times}}) || _ <- [1, 2, 3]],
        ok = pg:join(times, [Here, Here]),
        agreed(N, times, [There, There, There, Here, Here]),
        ok = given:call(There, {pg, pg, {leave, times}}),
        ok = pg:leave(times, Here),
        agreed(N, times, [There, There, Here]),
        ok = gen_server:stop(There),
        given:ended(Here),
        agreed(N, times, [])
    end).

%% Compared as =:= does, whatever they are made of.
terms_as_groups(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        Here = given:idle(),
        Groups = [1, 1.0, -1, 1 bsl 70, [], [1, 2, 3], "text", <<"bin">>, <<1:3>>, {}, {hermes, 'Elixir.Hermes.PubSub'},
                  #{a => 1, b => [#{}], {c} => 2.5}, self(), make_ref(), fun lists:map/2, 'päž', [a | b],
                  lists:seq(1, 300), maps:from_list([{I, I} || I <- lists:seq(1, 50)]), undefined, binary:copy(<<"x">>, 60000)],
        [ok = pg:join(G, Here) || G <- Groups],
        [ok = given:call(There, {pg, pg, {join, G}}) || G <- Groups],
        [agreed(N, G, [There, Here]) || G <- Groups],
        Known = given:call(N, {pg, pg, groups}),
        [?assert(lists:any(fun(K) -> K =:= G end, Known), G) || G <- Groups],
        ok = gen_server:stop(There),
        given:ended(Here),
        [agreed(N, G, []) || G <- Groups]
    end).

a_member_that_ends_leaves(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        [ok = given:call(There, {pg, pg, {join, G}}) || G <- [ends1, ends2, ends1]],
        agreed(N, ends1, [There, There]),
        ok = gen_server:stop(There),
        [agreed(N, G, []) || G <- [ends1, ends2]]
    end).

a_killed_member_leaves(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        Here = given:idle(),
        ok = given:call(There, {pg, pg, {join, killed}}),
        ok = pg:join(killed, Here),
        agreed(N, killed, [There, Here]),
        exit(There, kill),
        exit(Here, kill),
        agreed(N, killed, [])
    end).

many_pids_at_once(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = [given:child(N) || _ <- lists:seq(1, 20)],
        Here = [given:idle() || _ <- lists:seq(1, 20)],
        ok = rpc:call(N, pg, join, [many, There]),
        ok = pg:join(many, Here),
        agreed(N, many, There ++ Here),
        ok = rpc:call(N, pg, leave, [many, lists:sublist(There, 10)]),
        ok = pg:leave(many, lists:sublist(Here, 10)),
        agreed(N, many, lists:nthtail(10, There) ++ lists:nthtail(10, Here)),
        [ok = gen_server:stop(P) || P <- There],
        [given:ended(P) || P <- Here],
        agreed(N, many, [])
    end).

what_is_not_joined(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        not_joined = given:call(There, {pg, pg, {leave, not_joined}}),
        not_joined = rpc:call(N, pg, leave, [not_joined, There]),
        ok = given:call(There, {pg, pg, {join, not_joined}}),
        not_joined = given:call(N, {pg, pg, {leave, not_joined}}),
        agreed(N, not_joined, [There]),
        ok = gen_server:stop(There),
        agreed(N, not_joined, []),
        true = is_pid(whereis(pg))
    end).

local_and_all(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        Here = given:idle(),
        ok = given:call(There, {pg, pg, {join, local}}),
        ok = pg:join(local, Here),
        ok = pg:join(local_elsewhere, Here),
        agreed(N, local, [There, Here]),
        agreed(N, local_elsewhere, [Here]),
        [There] = given:call(N, {pg, pg, {local_members, local}}),
        [] = given:call(N, {pg, pg, {local_members, local_elsewhere}}),
        Local = given:call(N, {pg, pg, local_groups}),
        true = lists:member(local, Local),
        false = lists:member(local_elsewhere, Local),
        true = lists:member(local_elsewhere, given:call(N, {pg, pg, groups})),
        given:ended(Here)
    end).

scopes_are_apart(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ok = given:call(N, {pg, apart, start}),
        ok = given:call(N, {pg, apart, start}),
        {ok, Scope} = pg:start(apart),
        There = given:child(N),
        Here = given:idle(),
        ok = given:call(There, {pg, apart, {join, apart}}),
        ok = pg:join(apart, apart, Here),
        agreed(N, apart, apart, [There, Here]),
        [] = pg:get_members(apart),
        [] = given:call(N, {pg, pg, {members, apart}}),
        %% One side ends it: the other keeps its own.
        ok = gen_server:stop(Scope),
        target:wait(fun() -> given:call(N, {pg, apart, {members, apart}}) =:= [There] end),
        {ok, Again} = pg:start(apart),
        ok = pg:join(apart, apart, Here),
        agreed(N, apart, apart, [There, Here]),
        ok = gen_server:stop(Again),
        ok = gen_server:stop(There)
    end).

monitor_a_group(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        Watcher = given:reporting(N),
        [Here, Other] = [given:idle(), given:idle()],
        Ref = given:call(Watcher, {pg, pg, {monitor, watched}}),
        ok = pg:join(watched, Here),
        ?EXPECT({subject, Watcher, {info, {Ref, join, watched, [Here]}}}),
        ok = given:call(There, {pg, pg, {join, watched}}),
        ?EXPECT({subject, Watcher, {info, {Ref, join, watched, [There]}}}),
        ok = pg:join(watched, [Other, Here]),
        ?EXPECT({subject, Watcher, {info, {Ref, join, watched, [Other, Here]}}}),
        ok = pg:leave(watched, Here),
        ?EXPECT({subject, Watcher, {info, {Ref, leave, watched, [Here]}}}),
        given:ended(Other),
        ?EXPECT({subject, Watcher, {info, {Ref, leave, watched, [Other]}}}),
        ok = gen_server:stop(There),
        ?EXPECT({subject, Watcher, {info, {Ref, leave, watched, [There]}}}),
        ok = given:call(Watcher, {pg, pg, {demonitor, Ref}}),
        %% pg of OTP 29 does not tell any more
        Twice = case target:kind() =:= beam andalso erlang:system_info(otp_release) >= "29" of true -> ok; false -> false end,
        Twice = given:call(Watcher, {pg, pg, {demonitor, Ref}}),
        ok = pg:leave(watched, Here),
        agreed(N, watched, []),
        [] = [M || {subject, _, {info, M}} <- given:mailbox()]
    end).

monitor_the_scope(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ok = given:call(N, {pg, whole, start}),
        {ok, Scope} = pg:start(whole),
        Watcher = given:reporting(N),
        Here = given:idle(),
        Ref = given:call(Watcher, {pg, whole, monitor_scope}),
        ok = pg:join(whole, a, Here),
        ok = pg:join(whole, b, Here),
        ?EXPECT({subject, Watcher, {info, {Ref, join, a, [Here]}}}),
        ?EXPECT({subject, Watcher, {info, {Ref, join, b, [Here]}}}),
        %% The end of the peer's scope is the end of all it had.
        ok = gen_server:stop(Scope),
        ?EXPECT({subject, Watcher, {info, {Ref, leave, a, [Here]}}}),
        ?EXPECT({subject, Watcher, {info, {Ref, leave, b, [Here]}}}),
        ok = given:call(Watcher, {pg, whole, {demonitor, Ref}})
    end).

%% A process of another node may call the scope as pg:monitor/1 does.
monitor_from_far(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        ok = given:call(There, {pg, pg, {join, far}}),
        {Ref, [There]} = gen_server:call({pg, N}, {monitor, far}),
        {All, Map} = gen_server:call({pg, N}, monitor),
        #{far := [There]} = Map,
        ok = gen_server:call({pg, N}, {demonitor, All}),
        ok = given:call(There, {pg, pg, {join, far}}),
        ?EXPECT({Ref, join, far, [There]}),
        ok = gen_server:stop(There),
        ?EXPECT({Ref, leave, far, [There]}),
        ?EXPECT({Ref, leave, far, [There]}),
        ok = gen_server:call({pg, N}, {demonitor, Ref}),
        false = gen_server:call({pg, N}, {demonitor, Ref}),
        false = gen_server:call({pg, N}, {demonitor, make_ref()})
    end).

closest(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        none = given:call(N, {pg, pg, {closest, closest}}),
        Here = [given:idle(), given:idle()],
        ok = pg:join(closest, Here),
        agreed(N, closest, Here),
        Asked = [given:call(N, {pg, pg, {closest, closest}}) || _ <- lists:seq(1, 100)],
        ?assertEqual(lists:sort(Here), lists:usort(Asked)),
        There = given:child(N),
        ok = given:call(There, {pg, pg, {join, closest}}),
        [There] = lists:usort([given:call(N, {pg, pg, {closest, closest}}) || _ <- lists:seq(1, 20)]),
        ok = gen_server:stop(There),
        ok = pg:leave(closest, Here)
    end).

sends_to_all(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        There = given:reporting(N),
        Here = spawn_link(fun() -> receive M -> Me ! {here, M} end end),
        ok = given:call(There, {pg, pg, {join, all}}),
        ok = pg:join(all, Here),
        agreed(N, all, [There, Here]),
        Large = binary:copy(<<"large">>, 20000),
        ok = given:call(N, {pg, pg, {send, all, {hello, Large}}}),
        ?EXPECT({here, {hello, Large}}),
        ?EXPECT({subject, There, {info, {hello, Large}}}),
        ok = gen_server:stop(There)
    end).

rpc_functions(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        Here = given:idle(),
        Rpc = fun(F, A) -> rpc:call(N, pg, F, A) end,
        ok = Rpc(join, [rpc1, There]),
        ok = Rpc(join, [pg, rpc1, [There, There]]),
        ok = pg:join(rpc1, Here),
        agreed(N, rpc1, [There, There, There, Here]),
        [?assertEqual(lists:sort([There, There, There, Here]), lists:sort(Rpc(get_members, A))) || A <- [[rpc1], [pg, rpc1]]],
        [There, There, There] = Rpc(get_local_members, [rpc1]),
        [There, There, There] = Rpc(get_local_members, [pg, rpc1]),
        [?assert(lists:member(rpc1, Rpc(F, A))) || F <- [which_groups, which_local_groups], A <- [[], [pg]]],
        ok = Rpc(leave, [pg, rpc1, There]),
        ok = Rpc(leave, [rpc1, [There, There]]),
        not_joined = Rpc(leave, [rpc1, There]),
        [Here] = Rpc(get_members, [rpc1]),
        {ok, Scope} = Rpc(start, [rpc_scope]),
        {error, {already_started, Scope}} = Rpc(start, [rpc_scope]),
        ok = Rpc(join, [rpc_scope, g, There]),
        [g] = Rpc(which_groups, [rpc_scope]),
        [There] = erpc:call(N, pg, get_members, [rpc_scope, g]),
        {Ref, []} = Rpc(monitor, [nobody_joins]),
        true = is_reference(Ref),
        given:ended(Here),
        ok = gen_server:stop(There)
    end).

rpc_mistakes(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        {badrpc, {'EXIT', {{nolocal, P}, _}}} = rpc:call(N, pg, join, [g, self()]),
        P = self(),
        {badrpc, {'EXIT', {{nolocal, x}, _}}} = rpc:call(N, pg, leave, [g, [There, x]]),
        {badrpc, {'EXIT', {noproc, {gen_server, call, [none, _, infinity]}}}} =
            rpc:call(N, pg, join, [none, g, There]),
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, pg, which_groups, [none]),
        [] = rpc:call(N, pg, get_members, [none, g]),
        {badrpc, {'EXIT', {function_clause, _}}} = rpc:call(N, pg, which_groups, ["none"]),
        {badrpc, {'EXIT', {undef, _}}} = rpc:call(N, pg, no_such, [g]),
        ok = gen_server:stop(There)
    end).

a_peer_that_dies(C) ->
    N = given:target(C),
    P3 = start_peer(),
    Gone = ?ON(P3, begin pong = net_adm:ping(N), G = given:idle(), ok = pg:join(dies, [G, G]), G end),
    ?ON(given:peer(C), begin
        Watcher = given:reporting(N),
        Ref = given:call(Watcher, {pg, pg, {monitor, dies}}),
        target:wait(fun() -> given:call(N, {pg, pg, {members, dies}}) =:= [Gone, Gone] end),
        kill(P3),
        ?EXPECT({subject, Watcher, {info, {Ref, leave, dies, [Gone, Gone]}}}),
        [] = given:call(N, {pg, pg, {members, dies}})
    end),
    target:stop(P3).

a_target_that_dies(C) ->
    T = #{node := N} = start_target(#{}),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N),
        There = given:child(N),
        ok = given:call(There, {pg, pg, {join, target_dies}}),
        Here = given:idle(),
        ok = pg:join(target_dies, Here),
        agreed(N, target_dies, [There, Here]),
        {Ref, _} = pg:monitor(target_dies),
        kill(T),
        ?EXPECT({Ref, leave, target_dies, [There]}),
        [Here] = pg:get_members(target_dies),
        ok = pg:demonitor(Ref),
        given:ended(Here)
    end),
    target:stop(T).

disconnect_and_back(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        There = given:child(N),
        Here = given:idle(),
        ok = given:call(There, {pg, pg, {join, back}}),
        ok = pg:join(back, Here),
        agreed(N, back, [There, Here]),
        [begin
            true = erlang:disconnect_node(N),
            seen(back, [Here]),
            target:wait(fun() -> net_kernel:connect_node(N) =:= true end),
            agreed(N, back, [There, Here])
        end || _ <- lists:seq(1, 5)],
        ok = gen_server:stop(There),
        given:ended(Here),
        agreed(N, back, [])
    end),
    ?ON(given:peer(2, C), begin
        target:wait(fun() -> net_kernel:connect_node(N) =:= true end),
        target:wait(fun() -> net_kernel:connect_node(maps:get(node, given:peer(C))) =:= true end)
    end).

%% Two of the same kind, which nobody introduced to each other but one of them.
second_target(C) ->
    N = given:target(C),
    T = #{node := N2} = start_target(#{connect => [N]}),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N2),
        [One, Two] = [given:child(X) || X <- [N, N2]],
        ok = given:call(One, {pg, pg, {join, pair}}),
        ok = given:call(Two, {pg, pg, {join, pair}}),
        agreed(N, pair, [One, Two]),
        agreed(N2, pair, [One, Two]),
        ok = given:call(One, {pg, pg, {join, pair}}),
        agreed(N2, pair, [One, One, Two]),
        ok = gen_server:stop(One),
        agreed(N2, pair, [Two]),
        kill(T),
        agreed(N, pair, [])
    end),
    target:stop(T).

peers_scope_restarts(C) ->
    N = given:target(C),
    ?ON(given:peer(2, C), begin
        There = given:child(N),
        [Before, After] = [given:idle(), given:idle()],
        ok = given:call(There, {pg, pg, {join, peer_restarts}}),
        ok = pg:join(peer_restarts, Before),
        agreed(N, peer_restarts, [There, Before]),
        exit(whereis(pg), kill),
        target:wait(fun() -> given:call(N, {pg, pg, {members, peer_restarts}}) =:= [There] end),
        target:wait(fun() -> is_pid(whereis(pg)) end),
        agreed(N, peer_restarts, [There]),
        ok = pg:join(peer_restarts, After),
        agreed(N, peer_restarts, [There, After]),
        ok = gen_server:stop(There),
        given:ended(After),
        agreed(N, peer_restarts, [])
    end).

targets_scope_restarts(C) ->
    N = given:target(C),
    ?ON(given:peer(2, C), begin
        There = given:child(N),
        Here = given:idle(),
        ok = given:call(There, {pg, pg, {join, target_restarts}}),
        ok = pg:join(target_restarts, Here),
        agreed(N, target_restarts, [There, Here]),
        Mine = whereis(pg),
        Scope = scope_of(N),
        exit(Scope, kill),
        ok = given:gone(Scope),
        %% What was joined there is gone, what others joined is back.
        target:wait(fun() -> P = scope_of(N), is_pid(P) andalso P =/= Scope end),
        agreed(N, target_restarts, [Here]),
        ok = given:call(There, {pg, pg, {join, target_restarts}}),
        agreed(N, target_restarts, [There, Here]),
        ok = gen_server:stop(There),
        agreed(N, target_restarts, [Here]),
        Mine = whereis(pg),
        given:ended(Here)
    end).

%% Nobody asks a hidden node, and it asks nobody.
hidden_target(C) ->
    T = #{node := N} = start_target(#{hidden => true}),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N),
        There = given:child(N),
        ok = given:call(There, {pg, pg, {join, hidden}}),
        [There] = given:call(N, {pg, pg, {members, hidden}}),
        Here = given:idle(),
        ok = pg:join(hidden, Here),
        [There] = given:call(N, {pg, pg, {members, hidden}}),
        [Here] = pg:get_members(hidden),
        given:ended(Here)
    end),
    target:stop(T).

%% Joins, leaves and ends on both sides at once: afterwards all agree.
flood(C) ->
    N = given:target(C),
    Peers = [given:peer(C), given:peer(2, C)],
    Me = self(),
    [spawn_link(fun() -> Me ! {flooded, ?ON(P, churn(N, 300))} end) || P <- Peers],
    Left = lists:append([receive {flooded, L} -> L after ?PATIENCE -> error(flood) end || _ <- Peers]),
    [?ON(P, [agreed(N, {flood, G}, [Pid || {H, Pid} <- Left, H =:= G]) || G <- lists:seq(0, 4)]) || P <- Peers],
    [?ON(P, [given:ended(Pid) || {_, Pid} <- Left, node(Pid) =:= node()]) || P <- Peers].

churn(N, Rounds) ->
    lists:append([begin
        G = I rem 5,
        Here = given:idle(),
        There = given:child(N),
        ok = pg:join({flood, G}, [Here, Here]),
        ok = given:call(There, {pg, pg, {join, {flood, G}}}),
        ok = pg:leave({flood, G}, Here),
        case I rem 3 of
            0 -> given:ended(Here), gen_server:stop(There), [];
            1 -> exit(There, kill), [{G, Here}];
            2 -> ok = given:call(There, {pg, pg, {leave, {flood, G}}}), gen_server:stop(There), [{G, Here}]
        end
    end || I <- lists:seq(1, Rounds)]).

%% A connection that comes and goes while members do: nobody may be told of a leave of what he was not told to be there,
%% which is the end of a BEAM's scope.
flickering(C) ->
    N = given:target(C),
    P = given:peer(C),
    Me = self(),
    {Scope, Here} = ?ON(P, begin H = given:idle(), ok = pg:join({flood, 0}, H), {whereis(pg), H} end),
    spawn_link(fun() -> Me ! {flooded, ?ON(given:peer(2, C), churn(N, 400))} end),
    Left = flicker(P, N),
    All = [{0, Here} | Left],
    ?ON(P, begin
        target:wait(fun() -> net_kernel:connect_node(N) =:= true end),
        [agreed(N, {flood, G}, [Pid || {H, Pid} <- All, H =:= G]) || G <- lists:seq(0, 4)],
        Scope = whereis(pg),
        given:ended(Here)
    end),
    ?ON(given:peer(2, C), [given:ended(Pid) || {_, Pid} <- Left, node(Pid) =:= node()]).

flicker(P, N) ->
    receive
        {flooded, Left} -> Left
    after 0 ->
        ?ON(P, begin
            erlang:disconnect_node(N),
            target:wait(fun() -> net_kernel:connect_node(N) =:= true end),
            Wait = rand:uniform(20),
            receive after Wait -> ok end
        end),
        flicker(P, N)
    end.

%% As many as Phoenix with a busy cluster has: a fresh target learns them, and its own are learnt.
large_sync(_) ->
    {P, T = #{node := N}} = alone([]),
    ?ON(P, begin
        Here = [given:idle() || _ <- lists:seq(1, 10)],
        [ok = pg:join({large, I}, Here) || I <- lists:seq(1, 2000)],
        pong = net_adm:ping(N),
        target:wait(fun() -> length(rpc:call(N, pg, which_groups, [])) >= 2000 end),
        target:wait(fun() -> length(rpc:call(N, pg, get_members, [{large, 2000}])) =:= 10 end),
        [10 = length(rpc:call(N, pg, get_members, [{large, I}])) || I <- lists:seq(1, 2000, 100)],
        There = [given:child(N) || _ <- lists:seq(1, 5)],
        [ok = rpc:call(N, pg, join, [{large, I}, There]) || I <- lists:seq(1, 500)],
        target:wait(fun() -> length(pg:get_members({large, 500})) =:= 15 end),
        true = erlang:disconnect_node(N),
        target:wait(fun() -> length(pg:get_members({large, 500})) =:= 10 end),
        target:wait(fun() -> net_kernel:connect_node(N) =:= true end),
        target:wait(fun() -> length(pg:get_members({large, 1})) =:= 15 end),
        [given:ended(H) || H <- Here],
        target:wait(fun() -> length(rpc:call(N, pg, which_groups, [])) =:= 500 end)
    end),
    [target:stop(X) || X <- [P, T]].

%% Whatever the cases did: a BEAM's scope does not forgive much.
no_scope_has_ended(C) ->
    ?assertEqual(proplists:get_value(scope1, C), ?ON(given:peer(C), whereis(pg))).

%% ---- hermod only: a BEAM's scope ends on these

junk(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Scope = scope_of(N),
        [begin {pg, N} ! J, gen_server:cast({pg, N}, J) end || J <- junk_terms()],
        {error, unknown_call} = gen_server:call({pg, N}, {no, such, call}),
        {error, {nolocal, _}} = gen_server:call({pg, N}, {join_local, g, self()}),
        Scope = scope_of(N),
        There = given:child(N),
        ok = given:call(There, {pg, pg, {join, after_junk}}),
        agreed(N, after_junk, [There]),
        ok = gen_server:stop(There)
    end).

junk_terms() ->
    Me = self(),
    [junk, {}, [], 1.5, {discover}, {discover, x}, {discover, x, 1}, {discover, Me, x}, {join, Me, g}, {join, Me, g, x},
     {join, Me, g, [x]}, {join, Me, g, [Me | x]}, {join, x, g, Me}, {leave, Me, Me, g}, {leave, Me, x, [g]},
     {leave, Me, Me, [g | h]}, {sync, Me, x}, {sync, Me, [g]}, {sync, Me, [{g, x}]}, {sync, x, []}, {update, Me, x},
     {update, Me, [{g, [], x}]}, {local_data, Me, 1, x}, {local_data, Me, x, #{}}, {nodeup, 17}, {nodedown, x},
     {'DOWN', make_ref(), process, Me, x}, {'DOWN', x, process, y, z}, {'EXIT', Me, normal}, binary:copy(<<0>>, 100000)].

%% A process that plays a scope, in both versions: what it says counts until it ends.
forged_news(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        Scope = scope_of(N),
        There = given:child(N),
        Forger = spawn(fun() -> forge(Me) end),
        {pg, N} ! {discover, Forger, 1},
        ?EXPECT({forger, {'$gen_cast', {local_data, Scope, 1, #{}}}}),
        ?EXPECT({forger, {discover, Scope, 1}}),
        {pg, N} ! {update, Forger, [{forged, [Forger, Me], []}, {forged, [], [Me, There]}]},
        {pg, N} ! {leave, Forger, Forger, [never_joined]},
        target:wait(fun() -> given:call(N, {pg, pg, {members, forged}}) =:= [Forger] end),
        ok = given:call(There, {pg, pg, {join, forged}}),
        ?EXPECT({forger, {update, Scope, [{forged, [There], []}]}}),
        ok = gen_server:stop(There),
        ?EXPECT({forger, {update, Scope, [{forged, [], [There]}]}}),
        %% A member of somebody else's node is none.
        {pg, N} ! {join, Forger, forged, There},
        gen_server:cast({pg, N}, {sync, Forger, [{forged2, [Forger, Forger, There]}]}),
        target:wait(fun() -> given:call(N, {pg, pg, {members, forged2}}) =:= [Forger, Forger] end),
        [] = given:call(N, {pg, pg, {members, forged}}),
        exit(Forger, kill),
        target:wait(fun() -> given:call(N, {pg, pg, {members, forged2}}) =:= [] end),
        Scope = scope_of(N)
    end).

forge(To) -> receive M -> To ! {forger, M}, forge(To) end.

pg_join_option(C) ->
    [begin
        T = start_target(#{args => ["--pg-join", Wrong | More], expect => exit}),
        ?assertEqual(Code, target:await_exit(T)),
        ?assert(lists:any(fun(L) -> string:find(L, Says) =/= nomatch end, target:lines(T)), Wrong)
    end || {Code, Wrong, More, Says} <- [
        {2, "subject", [], "must be SCOPE/GROUP=SERVICE"}, {2, "pg/=subject", [], "must be SCOPE/GROUP=SERVICE"},
        {2, "pg/x", [], "must be SCOPE/GROUP=SERVICE"}, {2, "pg/{x=subject", [], "is no Erlang term"},
        {2, "pg/a=b=subject", [], "is no Erlang term"}, {2, "rex/a=subject", [], "that name has another use"},
        {2, "pg/a=subject", ["--pg-scope", "message_server"], "that name has another use"},
        {2, "pg/a=subject", ["--without", "pg"], "drop --without pg"}]],
    T3 = #{node := N3} = start_target(#{args => ["--pg-join", "pg/{hermes,'Elixir.Hermes.PubSub'}=subject",
                                                  "--pg-join", "Elixir.Phoenix.PubSub/a=subject", "--pg-scope", "third"]}),
    G = {hermes, 'Elixir.Hermes.PubSub'},
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N3),
        Subject = rpc:call(N3, erlang, whereis, [subject]),
        seen(G, [Subject]),
        {ok, Scope} = pg:start('Elixir.Phoenix.PubSub'),
        target:wait(fun() -> pg:get_members('Elixir.Phoenix.PubSub', a) =:= [Subject] end),
        ok = gen_server:stop(Scope),
        [] = rpc:call(N3, pg, which_groups, [third]),
        %% The scope ends: the service is a member again.
        {Ref, [Subject]} = pg:monitor(G),
        exit(scope_of(N3), kill),
        ?EXPECT({Ref, leave, G, [Subject]}),
        ?EXPECT({Ref, join, G, [Subject]}),
        pg:demonitor(Ref)
    end),
    target:stop(T3).

%% The service is not there yet, ends, and comes back.
pg_join_waits(C) ->
    T = #{node := N} = start_target(#{args => ["--pg-join", "pg/waits=late"]}),
    target:await_line(T, "pg.no_service"),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N),
        First = given:child(N, late),
        seen(waits, [First]),
        ok = gen_server:stop(First),
        seen(waits, []),
        Second = given:child(N, late),
        seen(waits, [Second])
    end),
    target:stop(T).

without_pg(C) ->
    T = #{node := N} = start_target(#{args => ["--without", "pg", "--without", "pubsub"]}),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N),
        undefined = scope_of(N),
        [] = rpc:call(N, pg, get_members, [g])
    end),
    target:stop(T).

limits(_) ->
    {P, T = #{node := N}} = alone(["--max-pg-groups", "20", "--max-pg-members", "50", "--max-pg-monitors", "5"]),
    ?ON(P, begin
        Here = given:idle(),
        [ok = pg:join({limit, I}, Here) || I <- lists:seq(1, 100)],
        pong = net_adm:ping(N),
        target:wait(fun() -> length(rpc:call(N, pg, which_groups, [])) =:= 20 end),
        [{_, _} = gen_server:call({pg, N}, {monitor, {limit, 1}}) || _ <- lists:seq(1, 4)],
        There = given:child(N),
        {badrpc, {'EXIT', {system_limit, _}}} = rpc:call(N, pg, join, [one_more, There]),
        given:ended(Here),
        target:wait(fun() -> rpc:call(N, pg, which_groups, []) =:= [] end),
        ok = rpc:call(N, pg, join, [one_more, There]),
        [ok = pg:join(limits, self()) || _ <- lists:seq(1, 60)],
        target:wait(fun() -> length(rpc:call(N, pg, get_members, [limits])) =:= 50 end),
        %% There is room again: all of them are asked for, and known.
        [ok = pg:leave(limits, self()) || _ <- lists:seq(1, 30)],
        target:wait(fun() -> length(rpc:call(N, pg, get_members, [limits])) =:= 30 end),
        [ok = pg:leave(limits, self()) || _ <- lists:seq(1, 30)],
        target:wait(fun() -> rpc:call(N, pg, get_members, [limits]) =:= [] end)
    end),
    target:await_line(T, "pg.limit"),
    [target:stop(X) || X <- [P, T]].
