%% Hermod in the publish/subscribe of others: Hermes, a design of one's own, and Phoenix.PubSub; two Hermod nodes and two BEAM peers,
%% all connected with each other.
-module(bus_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(MINE, "name=my.coordinator,scope=my.scope,group=[mine],message={'$message', about, '$topic'}").
-define(PUBSUB, 'Elixir.My.PubSub').

all() -> [{group, hermes}, {group, own_design}, {group, phoenix}, refused_at_start].
groups() ->
    [{hermes, [], [in_the_group, beam_to_all, hermod_to_all, another_hermod_to_all, order, coordinator_ends, nothing_else, strange_terms, shell_pub, shell_sub]},
     {own_design, [], [own_in, own_out]},
     {phoenix, [], [members_and_names, broadcast_in, broadcast_out, larger_pool_elsewhere, direct, from_a_process, local_only, channels,
                    workers_never_crash, worker_restarted, scope_restarted, shell_phoenix_pub, shell_phoenix_sub]}].

init_per_suite(C) ->
    case target:kind() of
        hermod ->
            Args = ["--bus", "hermes", "--bus", ?MINE, "--phoenix-pubsub", "My.PubSub"],
            A = target:start(#{args => Args}),
            B = target:start(#{args => Args, connect => [maps:get(node, A)]}),
            P1 = target:start_peer(),
            P2 = target:start_peer(),
            Nodes = [maps:get(node, X) || X <- [A, B, P1, P2]],
            [target:on(P, fun() ->
                [true = net_kernel:connect_node(N) || N <- Nodes],
                target:wait(fun() -> length(nodes()) =:= 3 end)
            end) || P <- [P1, P2]],
            [{target, A}, {other, B}, {peer1, P1}, {peer2, P2} | C];
        beam ->
            {skip, "on a BEAM these are somebody's applications"}
    end.
end_per_suite(C) -> given:no_nodes(C).

%% A coordinator on each BEAM peer; they know all four.
init_per_group(hermes, C) ->
    [target:on(given:peer(I, C), fun() -> register(the_coordinator, keep(fun coordinator:hermes/0)) end) || I <- [1, 2]],
    [target:on(given:peer(I, C), fun() -> target:wait(fun() -> 4 =:= length(pg:get_members({hermes, 'Elixir.Hermes.PubSub'})) end) end) || I <- [1, 2]],
    C;
init_per_group(phoenix, C) ->
    [target:on(given:peer(I, C), fun() -> register(the_coordinator, keep(fun() -> hd(coordinator:phoenix(?PUBSUB, 1)) end)) end) || I <- [1, 2]],
    [target:on(given:peer(I, C), fun() -> members(1, 4) end) || I <- [1, 2]],
    C;
init_per_group(_, C) -> C.

end_per_group(own_design, _) -> ok;
end_per_group(_, C) ->
    [target:on(given:peer(I, C), fun() ->
        coordinator:stop(erpc:call(node(), fun() -> the_coordinator ! {give, self()}, receive {coordinator, P} -> P end end)),
        exit(whereis(the_coordinator), kill)
    end) || I <- [1, 2]],
    ok.

%% The name the_coordinator: a process that knows the pid; the coordinator itself has its protocol's name.
keep(Start) ->
    Us = self(),
    Keeper = spawn(fun() -> Pid = Start(), Us ! started, (fun Loop() -> receive {give, Who} -> Who ! {coordinator, Pid}, Loop() end end)() end),
    receive started -> Keeper after 30000 -> error(not_started) end.
the_coordinator() -> the_coordinator ! {give, self()}, ?EXPECT({coordinator, Pid}, Pid).

members(Index, Count) ->
    Group = list_to_atom(atom_to_list(?PUBSUB) ++ ".Adapter" ++ case Index of 1 -> ""; I -> "_" ++ integer_to_list(I) end),
    target:wait(fun() -> Count =:= length(pg:get_members('Elixir.Phoenix.PubSub', Group)) end).

here(C) -> {pubsub, given:target(C)}.
there(C) -> {pubsub, maps:get(node, proplists:get_value(other, C))}.
topic() -> list_to_binary(target:unique("topic")).
call(Service, Request) -> gen_server:call(Service, Request, 30000).

hearer(Name, Subscribe) ->
    Us = self(),
    Pid = spawn_link(fun() ->
        ok = Subscribe(),
        Us ! {ready, self()},
        (fun Hear() -> receive M -> Us ! {Name, M}, Hear() end end)()
    end),
    receive {ready, Pid} -> Pid after 30000 -> error(not_ready) end.

%% Subscribers everywhere: on this BEAM and on the two Hermods.
hearers(Topic, S, Other) ->
    hearer(beam, fun() -> coordinator:subscribe(Topic) end),
    [hearer(Name, fun() -> call(X, {subscribe, Topic}) end) || {Name, X} <- [{here, S}, {there, Other}]],
    %% Nobody may miss anything because the other does not know yet.
    case S of
        {pubsub, _} -> target:wait(fun() -> 2 =:= call(S, {subscriber_count, Topic}) andalso 2 =:= call(Other, {subscriber_count, Topic}) end);
        _ -> ok
    end.

%% Each of them gets these messages and then, sent after those by all ways, the last one; nothing in between.
exactly(Names, Messages) ->
    [[?EXPECT({Name, M}) || M <- Messages] || Name <- Names],
    receive M -> error({unexpected, M}) after 0 -> ok end.

%% ---- Hermes

in_the_group(C) ->
    ?ON(given:peer(C), begin
        Nodes = lists:sort([node(P) || P <- pg:get_members({hermes, 'Elixir.Hermes.PubSub'})]),
        ?assertEqual(lists:sort([node() | nodes()]), Nodes),
        ?assert(is_pid(erpc:call(element(2, here(C)), erlang, whereis, ['Elixir.Hermes.PGServer'])))
    end).

%% The second round would show what came twice: a publisher's messages keep their order on every way.
beam_to_all(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        [begin
             coordinator:publish(hermes, T, {from_beam, I}),
             [?EXPECT({Name, {from_beam, I}}) || Name <- [beam, here, there]]
         end || I <- [1, 2, 3]],
        exactly([], [])
    end).

hermod_to_all(C) -> out(C, fun here/1).
another_hermod_to_all(C) -> out(C, fun there/1).

out(C, Where) ->
    {S, Other, X} = {here(C), there(C), Where(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        [begin
             2 = call(X, {publish, T, #{name => I}}),
             [?EXPECT({Name, #{name := I}}) || Name <- [beam, here, there]]
         end || I <- [1, 2, 3]],
        exactly([], [])
    end).

order(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        [coordinator:publish(hermes, T, {a, I}) || I <- lists:seq(1, 500)],
        [ok = gen_server:cast(S, {publish, T, {b, I}}) || I <- lists:seq(1, 500)],
        [[receive {Name, {Who, N}} -> ?assertEqual(I, N) after 30000 -> error({Name, Who, I}) end || I <- lists:seq(1, 500)]
         || Name <- [beam, here, there], Who <- [a, b]]
    end).

%% The one on the second peer ends while messages are on their way to it.
coordinator_ends(C) ->
    {S, Other, Node2} = {here(C), there(C), maps:get(node, given:peer(2, C))},
    ?ON(given:peer(C), begin
        T = topic(),
        Group = {hermes, 'Elixir.Hermes.PubSub'},
        hearers(T, S, Other),
        [Theirs] = [P || P <- pg:get_members(Group), node(P) =:= Node2],
        [ok = gen_server:cast(S, {publish, T, I}) || I <- lists:seq(1, 200)],
        exit(Theirs, kill),
        [ok = gen_server:cast(S, {publish, T, I}) || I <- lists:seq(201, 400)],
        [[receive {Name, N} -> ?assertEqual(I, N) after 30000 -> error({Name, I}) end || I <- lists:seq(1, 400)] || Name <- [beam, here, there]],
        target:wait(fun() -> not lists:member(Theirs, pg:get_members(Group)) end),
        _ = erpc:call(Node2, coordinator, hermes, []),
        target:wait(fun() -> 4 =:= length(pg:get_members(Group)) end)
    end).

%% The coordinators are still those of the beginning: nothing that they do not know was sent to them.
nothing_else(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        Before = the_coordinator(),
        ok = call(S, {subscribe, <<"x">>}),
        ok = call(S, {unsubscribe, <<"x">>}),
        0 = call(S, {publish, <<"x">>, {any, [thing]}}),
        {error, unknown_call} = call(S, nonsense),
        T = topic(),
        hearer(beam, fun() -> coordinator:subscribe(T) end),
        0 = call(S, {publish, T, last}),
        ?EXPECT({beam, last}),
        ?assert(is_process_alive(Before)),
        ?assertEqual(Before, whereis('Elixir.Hermes.PGServer'))
    end).

strange_terms(C) ->
    {S, Node} = {here(C), given:target(C)},
    ?ON(given:peer(C), begin
        [{'Elixir.Hermes.PGServer', Node} ! M || M <- [junk, {}, {broadcast_to_local}, {broadcast_to_local, a}, {broadcast_to_local, a, b, c}, [1 | 2]]],
        T = {topic, [1.5 | self()]},
        ok = call(S, {subscribe, T}),
        coordinator:publish(hermes, T, #{}),
        ?EXPECT(#{})
    end).

%% ---- hermod pub and sub as members, without a daemon of their own

hermod(Args) -> target:run(target:hermod(), Args, #{env => [{"HERMOD_COOKIE", target:cookie()}]}).

shell_pub(C) -> from_the_shell(C, ["--hermes"], 4).
shell_phoenix_pub(C) -> from_the_shell(C, ["--phoenix", "My.PubSub"], 4).

from_the_shell(C, Option, Members) ->
    Peer = given:peer(C),
    T = topic(),
    ?ON(Peer, begin
        Us = self(),
        register(shell_hearer, spawn(fun() -> ok = coordinator:subscribe(T), Us ! ready, receive M -> receive {give, Who} -> Who ! {got, M} end end end)),
        ?EXPECT(ready)
    end),
    {0, Out, <<>>} = hermod(["pub"] ++ Option ++ [atom_to_list(maps:get(node, Peer)), binary_to_list(T), "{hello, 1}"]),
    ?assertEqual(Members, binary_to_integer(string:trim(Out))),
    ?ON(Peer, begin shell_hearer ! {give, self()}, ?EXPECT({got, {hello, 1}}) end).

shell_sub(C) -> to_the_shell(C, ["--hermes"], fun(T, M) -> coordinator:publish(hermes, T, M) end).
shell_phoenix_sub(C) -> to_the_shell(C, ["--phoenix", "My.PubSub"], fun broadcast/2).

%% What both BEAMs publish, once each; and their scopes live on when the tool is gone.
to_the_shell(C, Option, Publish) ->
    T = topic(),
    Peers = [given:peer(I, C) || I <- [1, 2]],
    Nodes = [maps:get(node, P) || P <- Peers],
    {_, Ref} = spawn_monitor(fun() -> exit({ended, hermod(["sub", "--count", "2"] ++ Option ++ [atom_to_list(hd(Nodes)), binary_to_list(T)])}) end),
    Scope = case Option of ["--hermes"] -> pg; _ -> 'Elixir.Phoenix.PubSub' end,
    Members = fun() -> [P || G <- pg:which_groups(Scope), P <- pg:get_members(Scope, G), lists:prefix("hermod-sub", atom_to_list(node(P)))] end,
    Before = [target:on(P, fun() -> target:wait(fun() -> Members() =/= [] end), whereis(Scope) end) || P <- Peers],
    [target:on(P, fun() -> Publish(<<"another">>, no), Publish(T, node()) end) || P <- Peers],
    {0, Out, <<>>} = receive {'DOWN', Ref, process, _, {ended, Result}} -> Result end,
    ?assertEqual(lists:sort(Nodes), lists:sort([binary_to_atom(L) || L <- string:lexemes(Out, "\n")])),
    ?assertEqual(Before, [target:on(P, fun() -> target:wait(fun() -> Members() =:= [] end), whereis(Scope) end) || P <- Peers]).

%% ---- a design of one's own

own_in(C) ->
    {S, Node} = {here(C), given:target(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        ok = call(S, {subscribe, T}),
        {'my.coordinator', Node} ! {hello, about, T},
        ?EXPECT(hello),
        {'my.coordinator', Node} ! {hello, with, T},
        {'my.coordinator', Node} ! {again, about, T},
        ?EXPECT(again),
        receive M -> error(M) after 0 -> ok end
    end).

own_out(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        {ok, _} = pg:start('my.scope'),
        ok = pg:join('my.scope', [mine], self()),
        target:wait(fun() -> 3 =:= length(pg:get_members('my.scope', [mine])) end),
        T = topic(),
        target:wait(fun() -> _ = call(S, {publish, T, {a, b}}), receive {{a, b}, about, T} -> true after 0 -> false end end),
        pg:leave('my.scope', [mine], self())
    end).

%% ---- Phoenix.PubSub

pool(C) -> {?PUBSUB, given:target(C)}.
pool_there(C) -> {?PUBSUB, maps:get(node, proplists:get_value(other, C))}.
broadcast(Topic, Message) -> coordinator:publish(phoenix, {?PUBSUB, 1, 'Elixir.Phoenix.PubSub'}, Topic, Message).

members_and_names(C) ->
    ?ON(given:peer(C), begin
        Group = 'Elixir.My.PubSub.Adapter',
        ?assertEqual(lists:sort([node() | nodes()]), lists:sort([node(P) || P <- pg:get_members('Elixir.Phoenix.PubSub', Group)])),
        [?assertEqual(P, erpc:call(node(P), erlang, whereis, [Group])) || P <- pg:get_members('Elixir.Phoenix.PubSub', Group)]
    end).

broadcast_in(C) ->
    {S, Other} = {pool(C), pool_there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        [begin broadcast(T, {m, I}), [?EXPECT({Name, {m, I}}) || Name <- [beam, here, there]] end || I <- [1, 2, 3]],
        exactly([], [])
    end).

broadcast_out(C) ->
    {S, Other} = {pool(C), pool_there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        [begin ok = call(X, {broadcast, T, {m, I}}), [?EXPECT({Name, {m, I}}) || Name <- [beam, here, there]] end || I <- [1, 2, 3], X <- [S, Other]],
        ok = gen_server:cast(S, {broadcast, T, cast}),
        [?EXPECT({Name, cast}) || Name <- [beam, here, there]],
        exactly([], [])
    end).

%% An application with three workers; the others have one, so broadcasts go on using the first group.
larger_pool_elsewhere(C) ->
    {S, Other} = {pool(C), pool_there(C)},
    New = target:start_peer(),
    Nodes = [given:target(C), element(2, Other), maps:get(node, given:peer(C)), maps:get(node, given:peer(2, C))],
    ?ON(New, begin
        [true = net_kernel:connect_node(N) || N <- Nodes],
        Us = self(),
        spawn(fun() -> coordinator:phoenix(?PUBSUB, 3), Us ! started, receive stop -> ok end end),
        ?EXPECT(started),
        members(1, 5),
        [members(I, 3) || I <- [2, 3]],
        T = topic(),
        hearers(T, S, Other),
        [begin
             Groups = list_to_atom("Elixir.My.PubSub.Adapter" ++ G),
             [P ! {forward_to_local, T, {G, I}, 'Elixir.Phoenix.PubSub'} || P <- pg:get_members('Elixir.Phoenix.PubSub', Groups), node(P) =/= node()],
             [?EXPECT({Name, {G, I}}) || Name <- [here, there]]
         end || I <- [1, 2], G <- ["", "_2", "_3"]],
        ok = call(S, {broadcast, T, back}),
        [?EXPECT({Name, back}) || Name <- [beam, here, there]],
        exactly([], [])
    end),
    target:kill(New).

direct(C) ->
    {S, Other} = {pool(C), pool_there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        {'Elixir.My.PubSub.Adapter', element(2, S)} ! {forward_to_local, T, one, 'Elixir.Phoenix.PubSub'},
        ?EXPECT({here, one}),
        ok = call(S, {direct_broadcast, node(), T, two}),
        ?EXPECT({beam, two}),
        ok = call(S, {direct_broadcast, element(2, Other), T, three}),
        ?EXPECT({there, three}),
        ok = call(S, {direct_broadcast, element(2, S), T, four}),
        ?EXPECT({here, four}),
        {error, not_a_node} = call(S, {direct_broadcast, <<"x">>, T, five}),
        exactly([], [])
    end).

from_a_process(C) ->
    {S, Other} = {pool(C), pool_there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        ok = call(S, {subscribe, T}),
        ok = call(S, {broadcast_from, self(), T, m}),
        [?EXPECT({Name, m}) || Name <- [beam, here, there]],
        ok = call(S, {broadcast, T, n}),
        ?EXPECT(n),
        [?EXPECT({Name, n}) || Name <- [beam, here, there]],
        ok = call(S, {unsubscribe, T}),
        ok = call(S, {unsubscribe, T}),
        exactly([], [])
    end).

local_only(C) ->
    {S, Other} = {pool(C), pool_there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        ok = call(S, {local_broadcast, T, m}),
        ?EXPECT({here, m}),
        ok = call(S, {broadcast, T, n}),
        [?EXPECT({Name, n}) || Name <- [beam, here, there]],
        exactly([], [])
    end).

channels(C) ->
    {S, Other} = {pool(C), pool_there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearers(T, S, Other),
        Broadcast = #{'__struct__' => 'Elixir.Phoenix.Socket.Broadcast', topic => T, event => <<"new_msg">>, payload => #{<<"body">> => <<"hi">>}},
        coordinator:publish(phoenix, {?PUBSUB, 1, 'Elixir.Phoenix.Channel.Server'}, T, Broadcast),
        [?EXPECT({Name, Broadcast}) || Name <- [beam, here, there]],
        ok = call(S, {broadcast, T, Broadcast, 'Elixir.Phoenix.Channel.Server'}),
        [?EXPECT({Name, Broadcast}) || Name <- [beam, here, there]],
        exactly([], [])
    end).

%% What their workers could not take is answered with an error and not sent; what ours cannot take does nothing.
workers_never_crash(C) ->
    {S, Node} = {pool(C), given:target(C)},
    ?ON(given:peer(C), begin
        Before = the_coordinator(),
        T = topic(),
        Broadcast = #{'__struct__' => 'Elixir.Phoenix.Socket.Broadcast', topic => T, event => <<"e">>, payload => #{}},
        {error, topic_not_a_binary} = call(S, {broadcast, an_atom, m}),
        {error, unknown_dispatcher} = call(S, {broadcast, T, m, 'Elixir.Some.Dispatcher'}),
        {error, not_a_broadcast} = call(S, {broadcast, T, m, 'Elixir.Phoenix.Channel.Server'}),
        {error, not_a_broadcast} = call(S, {broadcast, T, Broadcast#{payload => [1]}, 'Elixir.Phoenix.Channel.Server'}),
        [{error, not_json} = call(S, {broadcast, T, Broadcast#{payload => #{a => X}}, 'Elixir.Phoenix.Channel.Server'})
         || X <- [{b, c}, self(), <<255>>, [1 | 2], #{'__struct__' => 'Elixir.My.Struct'}]],
        {error, not_a_pid} = call(S, {broadcast_from, me, T, m}),
        {error, topic_not_a_binary} = call(S, {subscribe, an_atom}),
        {error, not_a_pid} = call(S, {subscribe, T, me}),
        {error, invalid_option} = call(S, {subscribe, T, #{a => 1}}),
        {error, unknown_call} = call(S, {broadcast, T}),
        [{Name, Node} ! M || Name <- ['Elixir.My.PubSub.Adapter', ?PUBSUB],
                             M <- [junk, {forward_to_local, T}, {forward_to_local, an_atom, b, c}, {forward_to_local, 1, 2, 3, 4}, {'$phoenix', x}, [a | b]]],
        hearers(T, S, S),
        broadcast(T, m),
        [?EXPECT({Name, m}) || Name <- [beam, here, there]],
        ?assert(is_process_alive(Before))
    end).

worker_restarted(C) ->
    {S, Node} = {pool(C), given:target(C)},
    Group = 'Elixir.My.PubSub.Adapter',
    ?ON(given:peer(C), begin
        T = topic(),
        hearer(here, fun() -> call(S, {subscribe, T}) end),
        Old = erpc:call(Node, erlang, whereis, [Group]),
        exit(Old, kill),
        target:wait(fun() -> [P || P <- pg:get_members('Elixir.Phoenix.PubSub', Group), node(P) =:= Node, P =/= Old] =/= [] end),
        broadcast(T, m),
        ?EXPECT({here, m})
    end).

scope_restarted(C) ->
    {S, Node} = {pool(C), given:target(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        hearer(here, fun() -> call(S, {subscribe, T}) end),
        Old = erpc:call(Node, erlang, whereis, ['Elixir.Phoenix.PubSub']),
        exit(Old, kill),
        target:wait(fun() -> case erpc:call(Node, erlang, whereis, ['Elixir.Phoenix.PubSub']) of undefined -> false; P -> P =/= Old end end),
        members(1, 4),
        broadcast(T, m),
        ?EXPECT({here, m}),
        hearer(beam, fun() -> coordinator:subscribe(T) end),
        target:wait(fun() -> ok = call(S, {broadcast, T, final}), receive {beam, final} -> true after 50 -> false end end)
    end).

%% ---- the command line

refused_at_start(_C) ->
    [begin
         {Status, _, Out} = target:run(target:hermod(), ["start", "--sname", target:unique("no"), "--cookie", "c" | Args]),
         ?assertEqual(2, Status),
         ?assertMatch({match, _}, re:run(Out, Says))
     end || {Args, Says} <- [{["--bus", "mercury"], "there is no bus mercury"},
                             {["--bus", "name=a,group={b,message={'$topic','$message'}"], "the group of a bus"},
                             {["--phoenix-pubsub", "My.PubSub:0"], "pool size"},
                             {["--bus", "hermes", "--without", "pubsub"], "--bus needs the service pubsub"},
                             {["--bus", "hermes", "--without", "bus"], "--bus needs the service bus"},
                             {["--phoenix-pubsub", "My.PubSub", "--without", "phoenix"], "--phoenix-pubsub needs the service phoenix"},
                             {["--phoenix-presence", "My.Presence", "--without", "phoenix_tracker"], "needs the service phoenix_tracker"}]].
