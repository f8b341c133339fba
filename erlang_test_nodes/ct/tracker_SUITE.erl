%% Hermod in the presence of a Phoenix application: two Hermod nodes and two BEAM peers with replicas of the same tracker, of two shards.
-module(tracker_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(PUBSUB, 'Elixir.MyApp.PubSub').
-define(TRACKER, 'Elixir.MyAppWeb.Presence').
-define(PERIODS, "broadcast_period=50,max_silent_periods=4,down_period=1500,permdown_period=10000").
-define(OPTS, #{period => 50, silent => 4, down => 1500, permdown => 10000}).

all() -> [joins, updates, leaves, process_ends, from_anywhere, refusals, diffs, pubsub_subscribers, ten_thousand, partition, forgotten, goodbye, tracker_killed,
          node_killed, peer_restarted, pubsub_restarted, strange_messages, strange_topic, shell, refused_at_start].

init_per_suite(C) ->
    case target:kind() of
        hermod -> C;
        beam -> {skip, "on a BEAM this is somebody's application"}
    end.
end_per_suite(_) -> ok.

init_per_testcase(refused_at_start, C) -> C;
init_per_testcase(_, C) ->
    A = start_hermod([]),
    B = start_hermod([node_of(A)]),
    P1 = target:start_peer(),
    P2 = target:start_peer(),
    Nodes = [node_of(X) || X <- [A, B, P1, P2]],
    [start_replica(P, Nodes) || P <- [P1, P2]],
    [eventually(P, fun() -> 3 =:= length([1 || {_, up} <- tracker_replica:replicas(shard(I))]) end) || P <- [P1, P2], I <- [0, 1]],
    [eventually(P1, fun() -> 6 =:= length([1 || {_, _, up} <- call(N, replicas)]) end) || N <- [node_of(A), node_of(B)]],
    [{target, A}, {other, B}, {peer1, P1}, {peer2, P2} | C].
end_per_testcase(_, C) -> given:no_nodes(C).

start_hermod(Connect) ->
    target:start(#{subject => false, connect => Connect, args => ["--phoenix-presence", "MyAppWeb.Presence,shards=2," ?PERIODS]}).

start_replica(P, Nodes) ->
    ?ON(P, begin
        [true = net_kernel:connect_node(N) || N <- Nodes],
        Us = self(),
        spawn(fun() ->
            coordinator:phoenix(?PUBSUB, 1),
            [tracker_replica:start(?PUBSUB, shard(I), ?OPTS) || I <- [0, 1]],
            Us ! started,
            receive stop -> ok end
        end),
        ?EXPECT(started)
    end).

node_of(T) -> maps:get(node, T).
other(C) -> node_of(proplists:get_value(other, C)).
hermods(C) -> [given:target(C), other(C)].
peers(C) -> [given:peer(1, C), given:peer(2, C)].
shard(I) -> list_to_atom(atom_to_list(?TRACKER) ++ "_shard" ++ integer_to_list(I)).
shard_of(Topic) -> shard(erlang:phash2(Topic, 2)).
call(Node, Request) -> gen_server:call({?TRACKER, Node}, Request, 30000).
topic() -> list_to_binary(target:unique("room")).
eventually(P, Fun) -> ?ON(P, target:wait(Fun)).
plain(L) -> lists:sort([{K, maps:without([phx_ref, phx_ref_prev], M)} || {K, M} <- L]).
meta(M) -> M#{phx_ref => list_to_binary(target:unique("ref"))}.

%% Everywhere the same is known of this topic, and it is this.
agree(C, Topic, Expected) ->
    [eventually(P, fun() -> lists:sort(Expected) =:= plain(tracker_replica:list(shard_of(Topic), Topic)) end) || P <- peers(C)],
    [eventually(given:peer(C), fun() -> lists:sort(Expected) =:= plain(call(N, {list, Topic})) end) || N <- hermods(C)].

%% With a BEAM replica, and with a Hermod; by a process of a peer.
on_beam(P, Topic, Key, Meta) -> ?ON(P, begin Pid = given:idle(), ok = tracker_replica:track(shard_of(Topic), Pid, Topic, Key, meta(Meta)), Pid end).
on_hermod(P, Node, Topic, Key, Meta) ->
    ?ON(P, begin Pid = given:idle(), {ok, Ref} = call(Node, {track, Pid, Topic, Key, Meta}), 16 = byte_size(Ref), Pid end).

%% Topics of both shards.
joins(C) ->
    [P1, P2] = peers(C),
    [begin
         T = <<"room:", (integer_to_binary(I))/binary>>,
         on_beam(P1, T, <<"one">>, #{n => I}),
         on_beam(P2, T, <<"two">>, #{}),
         [A, B] = hermods(C),
         on_hermod(P1, A, T, <<"three">>, #{<<"any">> => [thing, 1.5, {I}]}),
         on_hermod(P2, B, T, four, #{}),
         agree(C, T, [{<<"one">>, #{n => I}}, {<<"two">>, #{}}, {<<"three">>, #{<<"any">> => [thing, 1.5, {I}]}}, {four, #{}}])
     end || I <- [1, 2, 3, 4]].

updates(C) ->
    [P1, _] = peers(C),
    [A, B] = hermods(C),
    T = topic(),
    One = on_beam(P1, T, <<"one">>, #{n => 1}),
    Two = on_hermod(P1, A, T, <<"two">>, #{n => 1}),
    agree(C, T, [{<<"one">>, #{n => 1}}, {<<"two">>, #{n => 1}}]),
    ?ON(P1, begin
        ok = tracker_replica:update(shard_of(T), One, T, <<"one">>, meta(#{n => 2})),
        [{Two, #{phx_ref := Before}}] = call(B, {get_by_key, T, <<"two">>}),
        {ok, Ref} = call(A, {update, Two, T, <<"two">>, #{n => 2, phx_ref => ignored}}),
        [{Two, #{phx_ref := Ref, phx_ref_prev := Before, n := 2}}] = call(A, {get_by_key, T, <<"two">>}),
        {error, nopresence} = call(B, {update, Two, T, <<"two">>, #{}})
    end),
    agree(C, T, [{<<"one">>, #{n => 2}}, {<<"two">>, #{n => 2}}]).

leaves(C) ->
    [P1, _] = peers(C),
    [A, B] = hermods(C),
    T = topic(),
    One = on_beam(P1, T, <<"one">>, #{}),
    Two = on_hermod(P1, A, T, <<"two">>, #{}),
    Three = on_hermod(P1, B, T, <<"three">>, #{}),
    agree(C, T, [{K, #{}} || K <- [<<"one">>, <<"two">>, <<"three">>]]),
    ?ON(P1, begin
        ok = tracker_replica:untrack(shard_of(T), One, T, <<"one">>),
        ok = call(A, {untrack, Two, T, <<"two">>}),
        ok = call(A, {untrack, Two, T, <<"two">>}),
        ok = call(A, {untrack, Three}),
        true = is_process_alive(Two)
    end),
    agree(C, T, [{<<"three">>, #{}}]),
    ?ON(P1, ok = call(B, {untrack, Three})),
    agree(C, T, []).

process_ends(C) ->
    [P1, P2] = peers(C),
    [A, _] = hermods(C),
    {T, T2} = {topic(), topic()},
    One = on_beam(P1, T, <<"one">>, #{}),
    Two = on_hermod(P2, A, T, <<"two">>, #{}),
    ?ON(P2, {ok, _} = call(A, {track, Two, T2, <<"two">>, #{}})),
    agree(C, T, [{<<"one">>, #{}}, {<<"two">>, #{}}]),
    agree(C, T2, [{<<"two">>, #{}}]),
    ?ON(P2, given:ended(Two)),
    agree(C, T, [{<<"one">>, #{}}]),
    agree(C, T2, []),
    ?ON(P1, given:ended(One)),
    agree(C, T, []),
    Dead = ?ON(P1, begin Pid = given:idle(), given:ended(Pid), Pid end),
    ?ON(P1, {ok, _} = call(A, {track, Dead, T, <<"dead">>, #{}})),
    agree(C, T, []).

%% A process of one node, tracked by a Hermod: it leaves with its node, too.
from_anywhere(C) ->
    T = topic(),
    [A, B] = hermods(C),
    P3 = target:start_peer(),
    ?ON(P3, true = net_kernel:connect_node(A)),
    on_hermod(P3, A, T, <<"far">>, #{}),
    ?ON(given:peer(C), ok = gen_server:cast({?TRACKER, B}, {track, self(), T, <<"cast">>, #{}})),
    eventually(given:peer(C), fun() -> {<<"far">>, #{}} =:= hd(plain(call(B, {list, T})) ++ [none]) end),
    target:kill(P3),
    agree(C, T, []).

refusals(C) ->
    [A, B] = hermods(C),
    T = topic(),
    Pid = on_beam(given:peer(C), T, <<"k">>, #{}),
    agree(C, T, [{<<"k">>, #{}}]),
    ?ON(given:peer(C), begin
        [{error, {already_tracked, Pid, T, <<"k">>}} = call(N, {track, Pid, T, <<"k">>, #{}}) || N <- [A, B]],
        {error, topic_not_a_binary} = call(A, {track, self(), an_atom, k, #{}}),
        {error, topic_not_a_binary} = call(A, {watch, an_atom}),
        {error, topic_too_large} = call(A, {track, self(), binary:copy(<<"x">>, 5000), k, #{}}),
        {error, meta_not_a_map} = call(A, {track, self(), T, k, []}),
        {error, meta_not_a_map} = call(A, {update, Pid, T, <<"k">>, fun(M) -> M end}),
        {error, not_a_pid} = call(A, {track, me, T, k, #{}}),
        {error, too_large} = call(A, {track, self(), T, k, #{a => binary:copy(<<"x">>, 2000000)}}),
        {error, nopresence} = call(A, {update, self(), T, k, #{}}),
        {error, unknown_call} = call(A, nonsense),
        [] = call(A, {list, an_atom}),
        [] = call(A, {get_by_key, an_atom, k})
    end),
    agree(C, T, [{<<"k">>, #{}}]).

%% The list and what changes after it, without a gap.
diffs(C) ->
    [P1, P2] = peers(C),
    [A, B] = hermods(C),
    T = topic(),
    on_beam(P2, T, <<"first">>, #{}),
    agree(C, T, [{<<"first">>, #{}}]),
    ?ON(P1, begin
        {ok, [{<<"first">>, #{}}]} = call(A, {watch, T}),
        Pid = given:idle(),
        {ok, R1} = call(B, {track, Pid, T, 7, #{n => 1}}),
        #{joins := #{<<"7">> := #{metas := [#{n := 1, phx_ref := R1}]}}, leaves := None} = diff(T),
        0 = map_size(None),
        {ok, R2} = call(B, {update, Pid, T, 7, #{n => 2}}),
        #{joins := #{<<"7">> := #{metas := [#{n := 2, phx_ref := R2, phx_ref_prev := R1}]}}, leaves := #{<<"7">> := #{metas := [#{n := 1}]}}} = diff(T),
        given:ended(Pid),
        #{joins := None, leaves := #{<<"7">> := #{metas := [#{n := 2}]}}} = diff(T),
        ok = call(A, {unwatch, T}),
        {ok, _} = call(A, {track, self(), T, k, #{}}),
        ok = call(A, {untrack, self()}),
        receive M -> error(M) after 0 -> ok end
    end).

diff(T) ->
    ?EXPECT(#{'__struct__' := 'Elixir.Phoenix.Socket.Broadcast', topic := T, event := <<"presence_diff">>, payload := Payload}, Payload).

%% As with Phoenix.Presence: who is subscribed to the topic with the pubsub of a node hears it, once, and only from that node.
pubsub_subscribers(C) ->
    [A, B] = hermods(C),
    T = topic(),
    ?ON(given:peer(C), begin
        ok = coordinator:subscribe(T),
        ok = gen_server:call({?PUBSUB, A}, {subscribe, T}),
        {ok, _} = call(B, {track, self(), T, <<"k">>, #{}}),
        #{joins := #{<<"k">> := _}} = diff(T),
        ok = call(B, {untrack, self()}),
        #{leaves := #{<<"k">> := _}} = diff(T),
        receive M -> error(M) after 0 -> ok end
    end).

ten_thousand(C) ->
    [P1, P2] = peers(C),
    [A, B] = hermods(C),
    Topics = [<<"big:", (integer_to_binary(I))/binary>> || I <- lists:seq(1, 20)],
    Count = fun(N) -> lists:sum([length(call(N, {list, T})) || T <- Topics]) end,
    Here = fun() -> lists:sum([tracker_replica:tracked(shard(I)) || I <- [0, 1]]) end,
    {Far, Near} = ?ON(P1, begin
        [F, N] = [given:idle(), given:idle()],
        [begin
             ok = tracker_replica:track(shard_of(T), N, T, I, meta(#{n => I})),
             {ok, _} = call(A, {track, F, T, -I, #{n => I}})
         end || T <- Topics, I <- lists:seq(1, 250)],
        {F, N}
    end),
    [eventually(P1, fun() -> Count(N) =:= 10000 end) || N <- [A, B]],
    [eventually(P, fun() -> Here() =:= 10000 end) || P <- [P1, P2]],
    %% One that comes later asks for all of it.
    D = start_hermod(hermods(C)),
    ?ON(P1, net_kernel:connect_node(node_of(D))),
    ?ON(P2, net_kernel:connect_node(node_of(D))),
    eventually(P1, fun() -> Count(node_of(D)) =:= 10000 end),
    target:stop(D),
    ?ON(P1, [given:ended(P) || P <- [Far, Near]]),
    [eventually(P1, fun() -> Count(N) =:= 0 end) || N <- [A, B]],
    [eventually(P, fun() -> Here() =:= 0 end) || P <- [P1, P2]].

%% The second peer is cut off: down for all, and all are down for it; what happened meanwhile is known after.
partition(C) ->
    [P1, P2] = peers(C),
    [A, _] = hermods(C),
    T = topic(),
    Two = on_beam(P2, T, <<"two">>, #{}),
    Mine = on_hermod(P1, A, T, <<"hermod">>, #{}),
    agree(C, T, [{<<"two">>, #{}}, {<<"hermod">>, #{}}]),
    ?ON(P2, [tracker_replica:hush(shard(I), true) || I <- [0, 1]]),
    [eventually(P1, fun() -> [{<<"hermod">>, #{}}] =:= plain(call(N, {list, T})) end) || N <- hermods(C)],
    eventually(P2, fun() -> [{<<"two">>, #{}}] =:= plain(tracker_replica:list(shard_of(T), T)) end),
    ?ON(P2, begin
        ok = tracker_replica:untrack(shard_of(T), Two, T, <<"two">>),
        ok = tracker_replica:track(shard_of(T), Two, T, <<"two again">>, meta(#{}))
    end),
    ?ON(P1, begin {ok, _} = call(A, {update, Mine, T, <<"hermod">>, #{n => 2}}), {ok, _} = call(A, {track, Mine, T, <<"more">>, #{}}) end),
    ?ON(P2, [tracker_replica:hush(shard(I), false) || I <- [0, 1]]),
    agree(C, T, [{<<"two again">>, #{}}, {<<"hermod">>, #{n => 2}}, {<<"more">>, #{}}]).

%% Longer than permdown_period: forgotten, and learnt again.
forgotten(C) ->
    [P1, P2] = peers(C),
    T = topic(),
    on_beam(P2, T, <<"two">>, #{}),
    agree(C, T, [{<<"two">>, #{}}]),
    ?ON(P2, [tracker_replica:hush(shard(I), true) || I <- [0, 1]]),
    [eventually(P1, fun() -> 4 =:= length(call(N, replicas)) end) || N <- hermods(C)],
    ?ON(P2, [tracker_replica:hush(shard(I), false) || I <- [0, 1]]),
    agree(C, T, [{<<"two">>, #{}}]).

%% Both ways: at once, and not after a silence.
goodbye(C) ->
    [P1, P2] = peers(C),
    B = other(C),
    T = topic(),
    on_beam(P2, T, <<"two">>, #{}),
    on_hermod(P1, B, T, <<"hermod">>, #{}),
    agree(C, T, [{<<"two">>, #{}}, {<<"hermod">>, #{}}]),
    ?ON(P2, [ok = tracker_replica:stop(shard(I)) || I <- [0, 1]]),
    eventually(P1, fun() -> [{<<"hermod">>, #{}}] =:= plain(call(B, {list, T})) end),
    2 = length([1 || {_, N, _} <- ?ON(P1, call(B, replicas)), N =:= given:target(C)]),
    0 = length([1 || {_, N, _} <- ?ON(P1, call(B, replicas)), N =:= node_of(P2)]),
    0 = target:shutdown(proplists:get_value(other, C)),
    eventually(P1, fun() -> [] =:= tracker_replica:list(shard_of(T), T) end),
    ?ON(P1, false = lists:keymember(B, 1, tracker_replica:replicas(shard_of(T)))).

%% Its supervisor starts it again, with a new version and without presences.
tracker_killed(C) ->
    [P1, _] = peers(C),
    [A, _] = hermods(C),
    T = topic(),
    on_beam(P1, T, <<"one">>, #{}),
    Pid = on_hermod(P1, A, T, <<"hermod">>, #{}),
    agree(C, T, [{<<"one">>, #{}}, {<<"hermod">>, #{}}]),
    ?ON(P1, exit(erpc:call(A, erlang, whereis, [?TRACKER]), kill)),
    agree(C, T, [{<<"one">>, #{}}]),
    ?ON(P1, {ok, _} = call(A, {track, Pid, T, <<"hermod">>, #{n => 2}})),
    agree(C, T, [{<<"one">>, #{}}, {<<"hermod">>, #{n => 2}}]).

node_killed(C) ->
    [P1, _] = peers(C),
    [A, B] = hermods(C),
    T = topic(),
    on_hermod(P1, A, T, <<"a">>, #{}),
    on_hermod(P1, B, T, <<"b">>, #{}),
    agree(C, T, [{<<"a">>, #{}}, {<<"b">>, #{}}]),
    target:kill(proplists:get_value(other, C)),
    [eventually(P, fun() -> [{<<"a">>, #{}}] =:= plain(tracker_replica:list(shard_of(T), T)) end) || P <- peers(C)],
    eventually(P1, fun() -> [{<<"a">>, #{}}] =:= plain(call(A, {list, T})) end).

%% The same name with a new version, before the old one was missed.
peer_restarted(C) ->
    [P1, P2] = peers(C),
    T = topic(),
    on_beam(P2, T, <<"before">>, #{}),
    agree(C, T, [{<<"before">>, #{}}]),
    ?ON(P2, begin
        [begin
             Ref = monitor(process, shard(I)),
             exit(whereis(shard(I)), kill),
             receive {'DOWN', Ref, _, _, _} -> ok end
         end || I <- [0, 1]],
        Us = self(),
        spawn(fun() -> [tracker_replica:start(?PUBSUB, shard(I), ?OPTS) || I <- [0, 1]], Us ! started, receive stop -> ok end end),
        ?EXPECT(started)
    end),
    on_beam(P2, T, <<"after">>, #{}),
    agree(C, T, [{<<"after">>, #{}}]),
    on_beam(P1, T, <<"one">>, #{}),
    agree(C, T, [{<<"after">>, #{}}, {<<"one">>, #{}}]).

%% The pubsub under the tracker ends on its node; the tracker is subscribed again.
pubsub_restarted(C) ->
    [P1, _] = peers(C),
    [A, _] = hermods(C),
    T = topic(),
    ?ON(P1, exit(erpc:call(A, erlang, whereis, [?PUBSUB]), kill)),
    on_beam(P1, T, <<"one">>, #{}),
    agree(C, T, [{<<"one">>, #{}}]).

%% What no tracker says is logged and does nothing; the replicas of the peers are still those of the beginning.
strange_messages(C) ->
    [P1, _] = peers(C),
    [A, _] = hermods(C),
    T = topic(),
    ?ON(P1, begin
        Before = [whereis(shard(I)) || I <- [0, 1]],
        Topic = <<"phx_presence:", (atom_to_binary(shard(0)))/binary>>,
        Ref = {node(), 1},
        State = #{'__struct__' => 'Elixir.Phoenix.Tracker.State', mode => delta, context => #{}, clouds => #{}, values => #{}},
        Values = fun(V) -> {pub, heartbeat, Ref, State#{values => V}, {Ref, #{}}} end,
        [{list_to_atom(atom_to_list(?PUBSUB) ++ ".Adapter"), A} ! {forward_to_local, Topic, M, 'Elixir.Phoenix.PubSub'} || M <- [
            junk, {pub}, {pub, heartbeat}, {pub, heartbeat, Ref, empty, Ref}, {pub, heartbeat, Ref, #{}, {Ref, #{}}}, {pub, heartbeat, {1, 2}, empty, {Ref, #{}}},
            {pub, heartbeat, Ref, empty, {Ref, #{Ref => 1 bsl 80}}}, Values(#{{Ref, 0} => {self(), T, k, #{}}}), Values(#{{Ref, 1} => {me, T, k, #{}}}),
            Values(#{{Ref, 1} => {self(), T, k, []}}), {pub, transfer_req, r, {'nobody@nowhere', 1}, {Ref, #{}}}, {pub, transfer_ack, r, Ref, {State, #{}}},
            {pub, graceful_permdown, {'nobody@nowhere', 1}}, {pub, transfer_ack, r, {'nobody@nowhere', 1}, State#{values => #{{{'nobody@nowhere', 1}, 1} => {self(), T, k, #{}}}}}]],
        {?TRACKER, A} ! {<<"phx_presence:">>, x},
        {?TRACKER, A} ! [a | b],
        false = lists:member('nobody@nowhere', nodes()),
        [] = call(A, {list, T}),
        ?assertEqual(Before, [whereis(shard(I)) || I <- [0, 1]])
    end),
    {true, _} = {true, target:await_line(proplists:get_value(target, C), "presence.malformed")},
    on_beam(P1, T, <<"fine">>, #{}),
    agree(C, T, [{<<"fine">>, #{}}]).

%% A topic that is no binary, which an application may track: what else that node says is known all the same.
strange_topic(C) ->
    [P1, _] = peers(C),
    T = topic(),
    ?ON(P1, begin
        Pid = given:idle(),
        ok = tracker_replica:track(shard_of(T), Pid, {a, topic}, k, meta(#{})),
        ok = tracker_replica:track(shard_of(T), Pid, T, k, meta(#{}))
    end),
    agree(C, T, [{k, #{}}]).

%% ---- the command line

hermod(Args) -> target:run(target:hermod(), Args, #{env => [{"HERMOD_COOKIE", target:cookie()}]}).

shell(C) ->
    T = topic(),
    [A, _] = hermods(C),
    [P1, _] = peers(C),
    Text = binary_to_list(T),
    on_beam(P1, T, <<"ann">>, #{n => 1}),
    agree(C, T, [{<<"ann">>, #{n => 1}}]),
    {0, Out, <<>>} = hermod(["presence", atom_to_list(A), Text]),
    {match, _} = re:run(Out, "^\"ann\" %\\{.*n: 1.*\\}\n$"),
    {_, Ref} = spawn_monitor(fun() -> exit({ended, hermod(["presence", "--watch", "--json", "--count", "3", atom_to_list(A), Text])}) end),
    eventually(P1, fun() -> 1 =:= maps:get(watchers, sys:get_state({?TRACKER, A})) end),
    Pid = on_hermod(P1, A, T, <<"bob">>, #{}),
    ?ON(P1, given:ended(Pid)),
    Lines = receive {'DOWN', Ref, process, _, {ended, {0, Watched, <<>>}}} -> string:lexemes(Watched, "\n") after 30000 -> error(no_end) end,
    [{match, _} = re:run(Line, Says) || {Line, Says} <- lists:zip(Lines, ["\"event\":\"join\".*\"key\":\"ann\"", "\"event\":\"join\".*\"key\":\"bob\"",
                                                                        "\"event\":\"leave\".*\"key\":\"bob\""])],
    {5, <<>>, _} = hermod(["presence", "--tracker", "Another", atom_to_list(A), Text]),
    {5, <<>>, _} = hermod(["presence", atom_to_list(node_of(P1)), Text]).

refused_at_start(_C) ->
    [begin
         {Status, _, Out} = target:run(target:hermod(), ["start", "--sname", target:unique("no"), "--cookie", "c" | Args]),
         ?assertEqual(2, Status),
         ?assertMatch({match, _}, re:run(Out, Says))
     end || {Args, Says} <- [{["--phoenix-presence", ",shards=2"], "does not name a tracker"},
                             {["--phoenix-presence", "A.Presence,shards=0"], "shards=0"},
                             {["--phoenix-presence", "A.Presence,colour=red"], "colour=red"},
                             {["--phoenix-presence", "A.Presence,down_period=2000"], "down_period must be"},
                             {["--phoenix-presence", "A.Presence", "--without", "phoenix"], "needs the service phoenix"}]].
