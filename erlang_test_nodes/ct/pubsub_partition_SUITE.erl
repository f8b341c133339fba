%% Random subscriptions, ends of subscribers, of services and nodes, and partitions, on three Hermod nodes behind wires, against a model that says
%% of each publication who must hear it, who may, and that nobody else does.
%%
%% Subscribers are processes of a BEAM node whose links are cut as the others' (b1), of one whose links are not (control), and of the three nodes
%% themselves, in C. Between two moments of calm nothing is waited for: publications, changes and losses overtake each other as they like. A delivery through
%% the service P to a subscriber through the service S
%%
%%   must come   when everything between them has been as it is since the last calm, and stays so until the next one
%%   may come    when something changed: a subscription of which P may not know, a link that was cut or healed, a service that was started again
%%   must not    when P = S or not, what is subscribed no more when it is published; across a link that is cut; a second time
%%
%% and what is published through one service arrives in order, on each way. TEST_SEED=N repeats the steps of a run that printed N.
-module(pubsub_partition_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(SERVICES, [t1, t2, t3]).
-define(LINKS, [{b1, t1}, {b1, t2}, {b1, t3}, {t1, t2}, {t1, t3}, {t2, t3}]).
-define(TOPICS, [<<"p.a">>, <<"p.b">>, <<"p.a.c">>, <<"p.*">>, <<"p.>">>, {term, 1}]).
-define(PUBLISHED, [<<"p.a">>, <<"p.b">>, <<"p.a.c">>, {term, 1}, <<"p">>]).
-define(BARRIER, barrier).

all() -> [links_are_cut, links_fall_silent].

init_per_suite(C) ->
    case target:kind() of
        hermod -> C;
        beam -> {skip, "the topic service is Hermod's own"}
    end.
end_per_suite(_) -> ok.

init_per_testcase(_, C) -> C.
end_per_testcase(_, _) -> ok.

links_are_cut(_) -> [run(250, cut, #{}) || _ <- runs(2)].
links_fall_silent(_) -> [run(60, silence, #{ticktime => 4}) || _ <- runs(1)].

runs(N) ->
    case {os:getenv("TEST_SEED"), os:getenv("LONG")} of
        {false, false} -> lists:seq(1, N);
        {false, _} -> lists:seq(1, 10 * N);
        _ -> [1]
    end.

seed() ->
    case os:getenv("TEST_SEED") of
        false -> erlang:phash2({os:getpid(), erlang:unique_integer(), os:system_time()});
        Text -> list_to_integer(Text)
    end.

%% ---- the steps

%% links: {A, B} => up, healed (whole again, and perhaps not connected), down, silent
%% subs: {Service, Topic, Hearer} => known (to all services that are linked), fresh, unsure (whether it is one), doomed
%% pubs: since the last calm; log: what was done since then, for whoever reads why it failed
run(Steps, Loss, Common) ->
    Seed = seed(),
    ct:pal("TEST_SEED=~b", [Seed]),
    rand:seed(exsss, Seed),
    M = mesh:start([{b1, #{as => "b", args => ["-kernel", "prevent_overlapping_partitions", "false"]}}
                    | [{T, #{as => atom_to_list(T), args => ["--no-prevent-overlapping-partitions"]}} || T <- ?SERVICES]], Common),
    put(mesh, M),
    try
        ?ON(mesh:control(M), start_collector()),
        S0 = #{mesh => M, loss => Loss, links => maps:from_list([{L, healed} || L <- ?LINKS]), young => ?SERVICES, hearers => #{}, subs => #{}, pubs => [],
               next => 1, calm => false, log => []},
        S1 = lists:foldl(fun({Name, At}, S) -> new_hearer(Name, At, S) end, S0,
                         [{c0, control}, {b0, b1} | lists:enumerate([control, control, b1, b1, b1, t1, t2, t3])]),
        S2 = lists:foldl(fun(_, S) -> step(S) end, calm(S1), lists:seq(1, Steps)),
        everybody_leaves(calm(lists:foldl(fun heal/2, calm(S2), ?LINKS)))
    catch Class:Why:Trace ->
        ct:pal("failed with TEST_SEED=~b~n~p", [Seed, Why]),
        erlang:raise(Class, {seed, Seed, Why}, Trace)
    after
        mesh:stop(get(mesh))
    end.

step(S) ->
    case rand:uniform(100) of
        N when N =< 32 -> subscribe(pick(hearers(S)), pick(?TOPICS), pick(?SERVICES), S);
        N when N =< 44 -> unsubscribe(pick_or(maps:keys(maps:filter(fun({_, T, _}, _) -> T =/= ?BARRIER end, maps:get(subs, S))), none), S);
        N when N =< 48 -> kill(pick(hearers(S)), S);
        N when N =< 56 -> lose(pick_or([L || {L, X} <- lists:sort(maps:to_list(maps:get(links, S))), X =:= up orelse X =:= healed], none), S);
        N when N =< 65 -> heal(pick_or([L || {L, X} <- lists:sort(maps:to_list(maps:get(links, S))), X =:= down orelse X =:= silent], none), S);
        N when N =< 66 -> end_service(pick(?SERVICES), S);
        N when N =< 68 -> end_scope(pick(?SERVICES), S);
        69 -> end_node(pick(?SERVICES), S);
        N when N =< 92 -> publish(pick(?SERVICES), pick(?PUBLISHED), S);
        _ -> calm(S)
    end.

pick(L) -> lists:nth(rand:uniform(length(L)), L).
pick_or([], Else) -> Else;
pick_or(L, _) -> pick(lists:sort(L)).

did(What, S = #{log := Log}) -> S#{log := [What | Log], calm := false}.

link_of(A, B) -> {min(A, B), max(A, B)}.
link_state(A, B, _) when A =:= B; A =:= control; B =:= control -> up;
link_state(A, B, #{links := Links}) -> maps:get(link_of(A, B), Links).
at(H, #{hearers := Hearers}) -> element(1, maps:get(H, Hearers)).
pid(H, #{hearers := Hearers}) -> element(2, maps:get(H, Hearers)).
hearers(#{hearers := Hearers}) -> lists:sort([H || H <- maps:keys(Hearers), is_integer(H)]).
is_c(H, S) -> lists:member(at(H, S), ?SERVICES).

service(T, #{mesh := M}) -> {pubsub, mesh:node_of(M, T)}.
call(T, Request, S = #{mesh := M}) ->
    To = service(T, S),
    ?ON(mesh:control(M), gen_server:call(To, Request, 30000)).

%% In C through the own node only.
subscribe(H, Topic, T0, S = #{subs := Subs}) ->
    T = case is_c(H, S) of true -> at(H, S); false -> T0 end,
    Key = {T, Topic, H},
    Pid = pid(H, S),
    case is_c(H, S) of
        true -> ok = asked(Pid, {pubsub_subscribe, Topic}, S);
        false -> ok = call(T, {subscribe, Topic, Pid}, S)
    end,
    Status = case {maps:get(Key, Subs, none), link_state(T, at(H, S), S)} of
        {none, up} -> fresh;
        {none, _} -> unsure;
        {Known, _} -> Known
    end,
    did({subscribe, Key, Status}, overtaken(S#{subs := Subs#{Key => Status}})).

asked(Pid, Request, #{mesh := M}) -> ?ON(mesh:control(M), gen_server:call(Pid, Request, 30000)).

unsubscribe(none, S) -> S;
unsubscribe(Key = {T, Topic, H}, S = #{subs := Subs}) ->
    Pid = pid(H, S),
    Result = case is_c(H, S) of
        true -> asked(Pid, {pubsub_unsubscribe, Topic}, S);
        false -> call(T, {unsubscribe, Topic, Pid}, S)
    end,
    case maps:get(Key, Subs) of
        Sure when Sure =:= known; Sure =:= fresh -> ?assertEqual(ok, Result, Key);
        _ -> ok
    end,
    Late = fun(P, K) -> K =:= Key andalso (P =/= T orelse is_c(H, S)) end,
    did({unsubscribe, Key}, perhaps(Late, S#{subs := maps:remove(Key, Subs)})).

kill(H, S = #{hearers := Hearers}) ->
    {At, Pid} = maps:get(H, Hearers),
    collector(S, fun() -> exit(Pid, kill), given:gone(Pid) end),
    did({kill, H}, replace(H, At, S)).

%% Its subscriptions went with it.
replace(H, At, S = #{hearers := Hearers, subs := Subs}) ->
    S1 = perhaps(fun(_, {_, _, Other}) -> Other =:= H end, S),
    Next = case H of b0 -> b0; c0 -> c0; _ -> 1 + lists:max(hearers(S)) end,
    new_hearer(Next, At, S1#{hearers := maps:remove(H, Hearers), subs := maps:filter(fun({_, _, Other}, _) -> Other =/= H end, Subs)}).

lose(none, S) -> S;
lose(L, S = #{loss := cut}) -> cut(L, S);
lose(L, S = #{mesh := M, links := Links, subs := Subs}) ->
    {A, B} = L,
    mesh:silence(M, [A], [B]),
    Doomed = maps:map(fun(K, V) -> case through(L, K, S) of true -> doomed; false -> V end end, Subs),
    did({silent, L}, perhaps(crosses(L, S), S#{links := Links#{L := silent}, subs := Doomed})).

cut(L = {A, B}, S = #{mesh := M, links := Links, subs := Subs}) ->
    mesh:split(M, [A], [B]),
    did({cut, L}, perhaps(crosses(L, S), S#{links := Links#{L := down}, subs := maps:filter(fun(K, _) -> not through(L, K, S) end, Subs)})).

%% The way from a service to its subscriber; and the whole way of a publication.
through(L, {T, _, H}, S) -> link_of(T, at(H, S)) =:= L.
crosses(L, S) -> fun(P, K = {T, _, _}) -> link_of(P, T) =:= L orelse through(L, K, S) end.

%% Nobody believes any more that the old connection was there.
heal(none, S) -> S;
heal(L, S) when map_get(L, map_get(links, S)) =:= up; map_get(L, map_get(links, S)) =:= healed -> S;
heal(L = {A, B}, S0 = #{mesh := M}) ->
    S = #{links := Links} = noticed(L, S0),
    mesh:heal(M, [A], [B]),
    did({heal, L}, overtaken(S#{links := Links#{L := healed}})).

noticed(L = {A, B}, S = #{mesh := M, links := Links, subs := Subs}) ->
    mesh:apart(M, [A], [B]),
    case maps:get(L, Links) of
        silent -> S#{links := Links#{L := down}, subs := maps:filter(fun(K, V) -> V =/= doomed orelse not through(L, K, S) end, Subs)};
        down -> S
    end.

end_service(T, S = #{mesh := M, subs := Subs, young := Young}) ->
    Node = mesh:node_of(M, T),
    ?ON(mesh:control(M), restarted(Node, pubsub)),
    %% In C they subscribe again by themselves.
    Left = maps:filter(fun({X, _, H}, _) -> X =/= T orelse is_c(H, S) end, Subs),
    did({end_service, T}, perhaps(fun(P, {X, _, _}) -> X =:= T andalso P =/= T end,
                                  S#{subs := maps:map(fun({X, _, _}, _) when X =:= T -> unsure; (_, V) -> V end, Left), young := lists:usort([T | Young])})).

%% The services are the same and keep knowing each other: nothing is lost by it.
end_scope(T, S = #{mesh := M}) ->
    Node = mesh:node_of(M, T),
    ?ON(mesh:control(M), restarted(Node, pg)),
    did({end_scope, T}, S).

restarted(Node, Name) ->
    Old = erpc:call(Node, erlang, whereis, [Name]),
    exit(Old, kill),
    target:wait(fun() -> case erpc:call(Node, erlang, whereis, [Name]) of undefined -> false; P -> P =/= Old end end).

end_node(T, S = #{mesh := M, links := Links, subs := Subs, hearers := Hearers, young := Young}) ->
    case lists:member(silent, maps:values(Links)) of
        true -> S;
        false ->
            mesh:kill(M, T),
            mesh:lost(M, [b1 | ?SERVICES] -- [T], T),
            Again = mesh:add(M, T),
            put(mesh, Again),
            S1 = perhaps(fun(P, {X, _, H}) -> P =:= T orelse X =:= T orelse at(H, S) =:= T end, S),
            S2 = S1#{mesh := Again, young := lists:usort([T | Young]), subs := maps:filter(fun({X, _, _}, _) -> X =/= T end, Subs),
                     links := maps:map(fun({A, B}, V) when A =:= T; B =:= T -> case V of down -> down; _ -> healed end; (_, V) -> V end, Links)},
            did({end_node, T}, lists:foldl(fun({H, {At, _}}, X) when At =:= T -> replace(H, At, X); (_, X) -> X end, S2, lists:sort(maps:to_list(Hearers))))
    end.

%% ---- publications, and what becomes of them

publish(P, Topic, S = #{next := Id, subs := Subs, pubs := Pubs, calm := Calm}) ->
    Payload = case rand:uniform(8) of 1 -> binary:copy(<<Id>>, 150000); _ -> <<>> end,
    Count = call(P, {publish, Topic, {m, Id, P, Payload}}, S),
    Ways = [{way(P, K, V, S), K} || {K = {_, Given, _}, V} <- lists:sort(maps:to_list(Subs)), matches(Given, Topic)],
    Must = [K || {must, K} <- Ways],
    To = [T || T <- ?SERVICES, T =/= P, link_state(P, T, S) =/= down],
    ?assert(not Calm orelse Count =:= length(Must), {count, Count, Must, Topic, P}),
    (did({publish, Id, P, Topic}, S))#{next := Id + 1, calm := Calm, pubs := [{Id, P, Must, [K || {may, K} <- Ways], Topic, To} | Pubs]}.

%% must, may or no.
way(P, {T, _, H}, Status, S = #{young := Young}) ->
    Between = case link_state(P, T, S) of
        up when P =/= T -> case lists:member(P, Young) orelse lists:member(T, Young) of true -> may; false -> must end;
        X -> by_link(X)
    end,
    Known = case Status of known -> must; fresh when P =:= T -> must; _ -> may end,
    least([Between, by_link(link_state(T, at(H, S), S)), Known]).

least(Ways) -> hd([X || X <- [no, may, must], lists:member(X, Ways)]).

by_link(up) -> must;
by_link(down) -> no;
by_link(_) -> may.

%% What would have had to come through this may be lost now.
perhaps(Concerns, S = #{pubs := Pubs}) ->
    S#{pubs := [begin
        {Lost, Still} = lists:partition(fun(K) -> Concerns(P, K) end, Must),
        {Id, P, Still, Lost ++ May, Topic, To}
    end || {Id, P, Must, May, Topic, To} <- Pubs]}.

%% What is on its way to another service may come later there than a subscription, or than a link.
overtaken(S = #{pubs := Pubs, subs := Subs}) ->
    S#{pubs := [begin
        More = [K || K = {T, Given, H} <- lists:sort(maps:keys(Subs)), lists:member(T, To), matches(Given, Topic), by_link(link_state(T, at(H, S), S)) =/= no],
        {Id, P, Must, lists:usort(May ++ (More -- Must)), Topic, To}
    end || {Id, P, Must, May, Topic, To} <- Pubs]}.

matches(X, X) -> true;
matches(<<"p.*">>, <<"p.", R/binary>>) -> binary:match(R, <<".">>) =:= nomatch;
matches(<<"p.>">>, <<"p.", _/binary>>) -> true;
matches(_, _) -> false.

%% ---- calm: everything that can be known is known everywhere, what was under way has arrived, and it was what the model says

calm(S0) ->
    S1 = lists:foldl(fun({L, silent}, S) -> noticed(L, S); (_, S) -> S end, S0, maps:to_list(maps:get(links, S0))),
    S2 = #{mesh := M, links := Links} = connected(S1),
    Up = maps:map(fun(_, down) -> down; (_, _) -> up end, Links),
    S3 = #{subs := Subs} = S2#{links := Up},
    Reachable = maps:filter(fun({T, _, H}, _) -> link_state(T, at(H, S3), S3) =:= up end, Subs),
    [subscribe(H, Topic, T, S3) || {{T, Topic, H}, unsure} <- maps:to_list(Reachable), not is_c(H, S3)],
    Barriers = [{T, ?BARRIER, H} || T <- ?SERVICES, H <- [b0, c0], link_state(T, at(H, S3), S3) =:= up],
    [subscribe(H, ?BARRIER, T, S3) || {T, _, H} = K <- Barriers, not is_map_key(K, Reachable)],
    S4 = S3#{subs := maps:map(fun(_, _) -> known end, maps:merge(Reachable, maps:from_list([{K, known} || K <- Barriers]))), young := []},
    Wanted = [{T, Topic, count(T, Topic, S4)} || T <- ?SERVICES, Topic <- [?BARRIER | ?TOPICS]],
    Named = [{service(T, S4), Topic, Count} || {T, Topic, Count} <- Wanted],
    try ?ON(mesh:control(M), target:wait(fun() -> counts(Named) end))
    catch error:{never_became_true, Else} -> error({counts, Else, model, S4}) end,
    S5 = lists:foldl(fun(T, S) -> publish(T, ?BARRIER, S) end, S4#{calm := true}, ?SERVICES),
    check(S5),
    S5#{pubs := [], log := [], calm := true}.

counts(Wanted) ->
    case [{Service, Topic, wanted, Count, is, Is} || {Service, Topic, Count} <- Wanted,
                                                     Is <- [gen_server:call(Service, {subscriber_count, Topic}, 30000)], Is =/= Count] of
        [] -> true;
        Else -> Else
    end.

count(T, Topic, S = #{subs := Subs}) -> length([x || {X, Given, _} <- maps:keys(Subs), Given =:= Topic, link_state(T, X, S) =:= up]).

connected(S = #{mesh := M, links := Links}) ->
    Pairs = [{mesh:node_of(M, A), mesh:node_of(M, B)} || {{A, B}, healed} <- maps:to_list(Links)],
    ?ON(mesh:control(M), [target:wait(fun() ->
        _ = gen_server:call({subject, A}, {connect, B}, 30000),
        lists:member(B, erpc:call(A, erlang, nodes, [])) andalso lists:member(A, erpc:call(B, erlang, nodes, []))
    end) || {A, B} <- Pairs]),
    S.

check(S = #{pubs := Pubs, hearers := Hearers, log := Log}) ->
    Last = lists:sublist(Pubs, length(?SERVICES)),
    Pids = maps:from_list([{Pid, H} || {H, {_, Pid}} <- maps:to_list(Hearers)]),
    %% The last are known to arrive, behind everything else on their ways.
    Expected = lists:sum([length(Must) || {_, _, Must, _, _, _} <- Last]),
    Ids = [element(1, Pub) || Pub <- Last],
    Sync = [Pid || {_, {_, Pid}} <- maps:to_list(Hearers)],
    Got = collector(S, fun() -> heard(Ids, Expected), [sync(P) || P <- Sync], everything() end),
    %% Those that are dead now may have heard what they were sent before.
    Of = [{maps:get(Pid, Pids, {gone, Pid}), Message} || {Pid, Message} <- Got],
    Wrong = lists:append([wrong(Pub, Of, Pids) || Pub <- Pubs]),
    Strange = [X || {H, _} = X <- Of, not is_tuple(H), not lists:keymember(id_of(element(2, X)), 1, Pubs)],
    Unordered = [{H, P, L} || H <- maps:keys(Hearers), P <- ?SERVICES, L <- [[Id || {X, {m, Id, Y, _}} <- Of, X =:= H, Y =:= P]],
                              length(sequences(L)) > length(services_to(H, P, Pubs))],
    case {Wrong, Strange, Unordered} of
        {[], [], []} -> ok;
        _ -> error({deliveries, [{wrong, Wrong}, {strange, Strange}, {unordered, Unordered}, {steps, lists:reverse(Log)}]})
    end.

%% A message for every service through which it is subscribed comes by as many ways, each in order: the fewest ordered sequences that L is made of.
sequences(L) -> lists:foldl(fun(X, Lasts) -> insert(X, Lasts) end, [], L).
insert(X, Lasts) ->
    case lists:partition(fun(Last) -> Last =< X end, Lasts) of
        {[], _} -> [X | Lasts];
        {Fit, Not} -> [X | lists:delete(lists:max(Fit), Fit)] ++ Not
    end.
services_to(H, P, Pubs) -> lists:usort([T || {_, X, Must, May, _, _} <- Pubs, X =:= P, {T, _, Y} <- Must ++ May, Y =:= H]).

id_of({m, Id, _, _}) -> Id;
id_of(_) -> none.

%% How often each living hearer got it, and how often it had to and could.
wrong({Id, P, Must, May, _, _}, Of, Pids) ->
    [{publication, Id, P, H, at_least, Least, at_most, Least + More, got, Got}
     || H <- maps:values(Pids),
        Least <- [length([x || {_, _, X} <- Must, X =:= H])],
        More <- [length([x || {_, _, X} <- May, X =:= H])],
        Got <- [length([x || {X, {m, I, _, _}} <- Of, X =:= H, I =:= Id])],
        Got < Least orelse Got > Least + More].

everybody_leaves(S = #{hearers := Hearers, mesh := M}) ->
    collector(S, fun() -> [begin exit(Pid, kill), given:gone(Pid) end || {_, {_, Pid}} <- maps:to_list(Hearers)] end),
    Services = [service(T, S) || T <- ?SERVICES],
    ?ON(mesh:control(M), [target:wait(fun() -> [] =:= gen_server:call(X, topics) andalso 0 =:= gen_server:call(X, {subscriber_count, ?BARRIER}) end) || X <- Services]),
    ?ON(mesh:control(M), exit(whereis(collector), kill)).

%% ---- on the control node: the process to which all subscribers tell what they hear

start_collector() ->
    Us = self(),
    spawn(fun() ->
        register(collector, self()),
        Us ! registered,
        (fun Loop() -> receive {run, Who, Ref, Fun} -> Who ! {Ref, Fun()} end, Loop() end)()
    end),
    receive registered -> ok end.

collector(#{mesh := M}, Fun) ->
    target:on(mesh:control(M), fun() ->
        Ref = monitor(process, collector),
        collector ! {run, self(), Ref, Fun},
        receive
            {Ref, V} -> demonitor(Ref, [flush]), V;
            {'DOWN', Ref, _, _, Why} -> error({collector, Why})
        end
    end).

new_hearer(Name, At, S = #{mesh := M, hearers := Hearers}) ->
    Pid = case At of
        control -> collector(S, fun() -> Us = self(), spawn(fun() -> hear(Us) end) end);
        b1 -> Node = mesh:node_of(M, b1), collector(S, fun() -> spawn(Node, ?MODULE, hear, [self()]) end);
        _ -> Node = mesh:node_of(M, At), collector(S, fun() -> given:reporting(Node) end)
    end,
    S#{hearers := Hearers#{Name => {At, Pid}}}.

hear(Collector) ->
    receive {sync, Ref} -> Collector ! Ref; M -> Collector ! {hear, self(), M} end,
    hear(Collector).

%% What it sent us before has arrived.
sync(Pid) ->
    case node(Pid) =:= node() orelse lists:member(node(Pid), nodes(hidden)) andalso is_beam(node(Pid)) of
        true -> Ref = make_ref(), Pid ! {sync, Ref}, receive Ref -> ok after ?PATIENCE -> error({silent, Pid}) end;
        false -> _ = gen_server:call(Pid, events, ?PATIENCE)
    end.
is_beam(Node) -> hd(atom_to_list(Node)) =:= $b.

heard(Ids, Expected) ->
    target:wait(fun() ->
        Got = length([x || {_, {m, Id, _, _}} <- mail(), lists:member(Id, Ids)]),
        Got >= Expected orelse {Got, 'of', Expected}
    end).

mail() -> {messages, L} = process_info(self(), messages), lists:append([one(M) || M <- L]).
one({hear, Pid, M}) -> [{Pid, M}];
one({subject, Pid, {heard, {_, M}}}) -> [{Pid, M}];
one(_) -> [].

everything() ->
    L = mail(),
    (fun Flush() -> receive {hear, _, _} -> Flush(); {subject, _, _} -> Flush() after 0 -> ok end end)(),
    L.
