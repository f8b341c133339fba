%% The topic service on two Hermod nodes, which are one service, used from two BEAM peers.
-module(pubsub_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [subscribe_and_publish, another_process, tagged, not_own_messages, publish_from, patterns, any_term, casts, counts, listing,
     unsubscribe, subscriber_ends, refused, both_nodes, order, new_node_learns, service_restarted, large_messages,
     once_for_a_node, two_encodings, a_flood_of_subscriptions, junk, agrees_with_a_model, {group, in_c}, {group, shell}, {group, slow}].
groups() -> [{shell, [], [sub_and_pub, sub_counts, sub_as_json, sub_ends_with_the_service, lines, tool_errors]}, {in_c, [], [c_hears, c_hears_each_topic, c_publishes, c_takes_it_back, c_is_refused, c_ends, c_after_a_restart]}, {slow, [], [drop_newest, drop_oldest, disconnect, kept_memory, a_service_that_does_not_read]}].

init_per_suite(C) ->
    case target:kind() of
        hermod ->
            A = target:start(#{}),
            B = target:start(#{connect => [maps:get(node, A)]}),
            P1 = target:start_peer(),
            P2 = target:start_peer(),
            [{target, A}, {other, B}, {peer1, P1}, {peer2, P2} | C];
        beam ->
            {skip, "the topic service is Hermod's own"}
    end.
end_per_suite(C) -> given:no_nodes(C).

init_per_testcase(_Case, C) -> C.
end_per_testcase(_Case, _C) -> ok.

here(C) -> {pubsub, given:target(C)}.
there(C) -> {pubsub, maps:get(node, proplists:get_value(other, C))}.
topic() -> list_to_binary(target:unique("topic")).
call(Service, Request) -> gen_server:call(Service, Request, 30000).

%% A process that sends us what it hears, with its name.
hearer(Name) ->
    Us = self(),
    spawn_link(fun() -> (fun Hear() -> receive M -> Us ! {Name, M}, Hear() end end)() end).

silent() -> receive M -> error({unexpected, M}) after 0 -> ok end.

%% Whatever was sent to us through this service before has arrived.
settled(Service) ->
    T = make_ref(),
    ok = call(Service, {subscribe, T}),
    1 = call(Service, {publish, T, T}),
    receive T -> ok after 30000 -> error({expected, T, got, given:mailbox()}) end,
    ok = call(Service, {unsubscribe, T}).

known(Service, Topic, Count) ->
    try target:wait(fun() -> Count =:= call(Service, {subscriber_count, Topic}) end)
    catch error:{never_became_true, _} -> error({subscribers, Service, Topic, Count, call(Service, {subscriber_count, Topic}), call(Service, {subscribers, Topic})})
    end.

subscribe_and_publish(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        0 = call(S, {publish, T, nobody}),
        ok = call(S, {subscribe, T}),
        1 = call(S, {publish, T, #{hello => [1.5, <<"x">>]}}),
        ?EXPECT(#{hello := [1.5, <<"x">>]}),
        0 = call(S, {publish, <<T/binary, "x">>, other}),
        ok = call(S, {subscribe, T}),
        1 = call(S, {publish, T, once}),
        ?EXPECT(once),
        settled(S),
        silent()
    end).

another_process(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        Pid = hearer(it),
        ok = call(S, {subscribe, T, Pid}),
        [Pid] = call(S, {subscribers, T}),
        1 = call(S, {publish, T, m}),
        ?EXPECT({it, m})
    end).

tagged(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        ok = call(S, {subscribe, T, #{tagged => true}}),
        ok = call(S, {subscribe, T, hearer(plain), #{tagged => false}}),
        2 = call(S, {publish, T, m}),
        ?EXPECT({T, m}),
        ?EXPECT({plain, m}),
        ok = call(S, {subscribe, T}),
        2 = call(S, {publish, T, again}),
        ?EXPECT(again),
        settled(S),
        ?EXPECT({plain, again}),
        silent()
    end).

not_own_messages(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        ok = call(S, {subscribe, T, #{self => false}}),
        ok = call(S, {subscribe, T, hearer(other), #{self => false}}),
        1 = call(S, {publish, T, m}),
        ?EXPECT({other, m}),
        settled(S),
        silent(),
        ok = gen_server:cast(S, {publish, T, from_nobody}),
        ?EXPECT(from_nobody)
    end).

publish_from(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        Pid = hearer(it),
        ok = call(S, {subscribe, T, Pid}),
        ok = call(S, {subscribe, T}),
        1 = call(S, {publish_from, Pid, T, m}),
        ?EXPECT(m),
        %% Also when it is published through another node.
        known(Other, T, 2),
        _ = call(Other, {publish_from, Pid, T, there}),
        ?EXPECT(there),
        settled(S),
        silent()
    end).

patterns(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        One = <<T/binary, ".*">>,
        Rest = <<T/binary, ".>">>,
        ok = call(S, {subscribe, One, hearer(one), #{tagged => true}}),
        ok = call(S, {subscribe, Rest, hearer(rest)}),
        known(Other, One, 1),
        known(Other, Rest, 1),
        [begin
             Full = <<T/binary, ".a">>,
             2 = call(X, {publish, Full, X}),
             ?EXPECT({one, {Full, X}}), ?EXPECT({rest, X}),
             1 = call(X, {publish, <<T/binary, ".a:b">>, X}),
             ?EXPECT({rest, X}),
             0 = call(X, {publish, T, X}),
             0 = call(X, {publish, <<T/binary, ":a">>, X})
         end || X <- [S, Other]],
        settled(S),
        silent()
    end).

any_term(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        Unique = topic(),
        Topics = [{T, Unique} || T <- [atom, 1, 1.5, -0.0, 1 bsl 100, [], [a | b], "text", <<1:3>>, #{a => 1}, #{1 => [], b => 2}, self(), make_ref(), {}]],
        [ok = call(S, {subscribe, T, #{tagged => true}}) || T <- Topics],
        [begin 1 = call(S, {publish, T, T}), ?EXPECT({T, T}) end || T <- Topics],
        0 = call(S, {publish, {1.0, Unique}, x}),
        [ok = call(S, {unsubscribe, T}) || T <- Topics]
    end).

casts(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        ok = gen_server:cast(S, {subscribe, T, self()}),
        ok = gen_server:cast(S, {publish, T, m}),
        ?EXPECT(m),
        ok = gen_server:cast(S, {publish_from, self(), T, not_to_us}),
        ok = gen_server:cast(S, {unsubscribe, T, self()}),
        ok = gen_server:cast(S, {publish, T, too_late}),
        settled(S),
        silent(),
        %% Who should that be?
        ok = gen_server:cast(S, {subscribe, T}),
        0 = call(S, {subscriber_count, T})
    end).

counts(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        0 = call(S, {subscriber_count, T}),
        [ok = call(X, {subscribe, T, spawn_link(fun() -> receive stop -> ok end end)}) || X <- [S, S, Other]],
        known(S, T, 3),
        known(Other, T, 3),
        3 = call(S, {publish, T, m}),
        3 = call(Other, {publish, T, m})
    end).

listing(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        Pids = [spawn_link(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 5)],
        [ok = call(S, {subscribe, T, P, #{tagged => I rem 2 =:= 0}}) || {I, P} <- lists:enumerate(Pids)],
        ok = call(S, {subscribe, <<T/binary, ":*">>}),
        ?assertEqual(lists:sort(Pids), lists:sort(call(S, {subscribers, T}))),
        Topics = call(S, topics),
        [1 = length([x || X <- Topics, X =:= Y]) || Y <- [T, <<T/binary, ":*">>]],
        [] = call(S, {subscribers, nobody_knows_it})
    end).

unsubscribe(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        {error, not_subscribed} = call(S, {unsubscribe, T}),
        ok = call(S, {subscribe, T}),
        ok = call(S, {unsubscribe, T}),
        {error, not_subscribed} = call(S, {unsubscribe, T}),
        0 = call(S, {publish, T, m}),
        Pid = hearer(it),
        ok = call(S, {subscribe, T, Pid}),
        ok = call(S, {unsubscribe, T, Pid}),
        0 = call(S, {publish, T, m}),
        ?assertNot(lists:member(T, call(S, topics)))
    end).

subscriber_ends(C) ->
    {S, Other} = {here(C), there(C)},
    Peer2 = target:start_peer(),
    ?ON(given:peer(C), begin
        T = topic(),
        Pid = spawn(fun() -> receive stop -> ok end end),
        ok = call(S, {subscribe, T, Pid}),
        ok = call(S, {subscribe, T, spawn(maps:get(node, Peer2), timer, sleep, [infinity])}),
        known(Other, T, 2),
        exit(Pid, kill),
        known(S, T, 1),
        known(Other, T, 1),
        T
    end),
    target:kill(Peer2),
    ?ON(given:peer(C), begin
        target:wait(fun() -> not lists:any(fun(X) -> is_binary(X) andalso 0 < call(S, {subscriber_count, X}) andalso
            lists:any(fun(P) -> node(P) =:= maps:get(node, Peer2) end, call(S, {subscribers, X})) end, call(S, topics)) end)
    end).

refused(C) ->
    S = here(C),
    ?ON(given:peer(C), begin
        {error, invalid_pattern} = call(S, {subscribe, <<"a.>.b">>}),
        {error, invalid_option} = call(S, {subscribe, a, #{policy => whatever}}),
        {error, invalid_option} = call(S, {subscribe, a, #{tagged => 1}}),
        {error, invalid_option} = call(S, {subscribe, a, #{unknown => true}}),
        {error, invalid_option} = call(S, {subscribe, a, not_a_map}),
        {error, not_a_pid} = call(S, {subscribe, a, b, #{}}),
        {error, not_a_pid} = call(S, {publish_from, nobody, a, b}),
        {error, topic_too_large} = call(S, {subscribe, binary:copy(<<"x">>, 100000)}),
        {error, topic_too_large} = call(S, {publish, binary:copy(<<"x">>, 100000), m}),
        {error, limit} = call(S, {subscribe, binary:copy(<<"*.">>, 100)}),
        {error, unknown_call} = call(S, {no, such, request}),
        0 = call(S, {subscriber_count, a})
    end).

both_nodes(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        ok = call(S, {subscribe, T, hearer(a)}),
        ok = call(Other, {subscribe, T, hearer(b), #{tagged => true}}),
        ok = call(Other, {subscribe, T, hearer(c)}),
        known(S, T, 3),
        known(Other, T, 3),
        [begin
             3 = call(X, {publish, T, X}),
             ?EXPECT({a, X}), ?EXPECT({b, {T, X}}), ?EXPECT({c, X})
         end || X <- [S, Other]],
        settled(S), settled(Other),
        silent(),
        %% A subscriber that publishes elsewhere and does not want to hear itself.
        Mine = topic(),
        ok = call(S, {subscribe, Mine, #{self => false}}),
        known(Other, Mine, 1),
        1 = call(Other, {publish, Mine, own}),
        settled(S), settled(Other),
        silent()
    end).

%% One publisher, through the node where nobody is subscribed.
order(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        ok = call(S, {subscribe, T}),
        known(Other, T, 1),
        [ok = gen_server:cast(Other, {publish, T, {I, binary:copy(<<I>>, case I rem 50 of 0 -> 200000; _ -> 10 end)}}) || I <- lists:seq(1, 1000)],
        [receive {N, _} -> ?assertEqual(I, N) after 30000 -> error({expected, I}) end || I <- lists:seq(1, 1000)]
    end).

new_node_learns(C) ->
    {S, Peer} = {here(C), given:peer(C)},
    T = topic(),
    ?ON(Peer, begin
        true = register(stays, spawn(fun() -> receive stop -> ok end end)),
        ok = call(S, {subscribe, T, whereis(stays)})
    end),
    New = target:start(#{connect => [given:target(C)]}),
    Service = {pubsub, maps:get(node, New)},
    ?ON(Peer, begin
        known(Service, T, 1),
        1 = call(Service, {publish, T, m}),
        ok = call(Service, {subscribe, T}),
        known(S, T, 2)
    end),
    target:kill(New),
    ?ON(Peer, begin
        known(S, T, 1),
        stays ! stop
    end).

%% Whoever was subscribed there is not any more, and the others know it.
service_restarted(C) ->
    {S = {pubsub, Node}, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        {T, U} = {topic(), topic()},
        ok = call(S, {subscribe, T}),
        ok = call(Other, {subscribe, U}),
        known(Other, T, 1),
        Old = erpc:call(Node, erlang, whereis, [pubsub]),
        exit(Old, kill),
        known(Other, T, 0),
        target:wait(fun() -> case erpc:call(Node, erlang, whereis, [pubsub]) of undefined -> false; P -> P =/= Old end end),
        known(S, U, 1),
        ok = call(S, {subscribe, T}),
        known(Other, T, 1),
        1 = call(Other, {publish, T, again}),
        ?EXPECT(again),
        ok = call(Other, {unsubscribe, U})
    end).

large_messages(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        [ok = call(S, {subscribe, T, hearer(I)}) || I <- [1, 2, 3]],
        known(Other, T, 3),
        [begin
             Message = << <<(I * 40503):32>> || I <- lists:seq(1, Size div 4) >>,
             [begin
                  3 = call(X, {publish, T, Message}),
                  [receive {I, M} -> ?assert(M =:= Message) after 60000 -> error(nothing_came) end || I <- [1, 2, 3]]
              end || X <- [S, Other]]
         end || Size <- [1000, 16384, 65536, 1 bsl 20, 4 bsl 20]]
    end).

%% Between services: a member of their group that says what it has subscribers for is sent each publication for these once, and no other.
once_for_a_node(C) ->
    {S, Other} = {here(C), there(C)},
    T = topic(),
    ?ON(given:peer(C), begin
        [One, Rest, Dot] = [<<T/binary, X/binary>> || X <- [<<".*">>, <<".>">>, <<".a">>]],
        [0 = call(X, {subscriber_count, T}) || X <- [S, Other]], % both are connected
        case pg:start(pg) of {ok, _} -> ok; {error, {already_started, _}} -> ok end,
        ok = pg:join({hermod, pubsub}, self()),
        Services = [receive {'$pubsub', P, all, L} when is_list(L) -> P after 30000 -> error(not_met) end || _ <- [S, Other]],
        ?assertEqual(lists:sort([N || {_, N} <- [S, Other]]), lists:sort([node(P) || P <- Services])),
        {_, Node} = S,
        [Here] = [P || P <- Services, node(P) =:= Node],
        Here ! {'$pubsub', self(), topics, [{T, 300}, {One, 20}, {Rest, 4}]},
        known(S, T, 300),
        Me = self(),
        300 = call(S, {publish, T, a}),
        24 = call(S, {publish, Dot, b}),
        4 = call(S, {publish, <<Dot/binary, ":c">>, c}),
        0 = call(S, {publish, <<T/binary, ":d">>, d}),
        300 = call(S, {publish_from, Me, T, e}),
        ok = call(S, {subscribe, last}),
        [?EXPECT({'$pubsub', Here, publish, Topic, M, Me, Without}) || {Topic, M, Without} <- [{T, a, false}, {Dot, b, false}, {<<Dot/binary, ":c">>, c, false}, {T, e, true}]],
        %% Behind all that was sent before.
        (fun Told() -> receive {'$pubsub', Here, topics, L2} -> lists:member({last, 1}, L2) orelse Told() after 30000 -> error(not_told) end end)(),
        ok = call(S, {unsubscribe, last}),
        [] = [M || M <- given:mailbox(), element(3, M) =:= publish]
    end),
    %% That member has ended.
    ?ON(given:peer(C), known(S, T, 0)).

%% The same topic in two encodings, again and again before others are told: they are told what is true at the end.
two_encodings(C) ->
    {S, Other} = {here(C), there(C)},
    T = {topic(), [1, 2]},
    Marker = topic(),
    Name = fakenode:name(),
    Pid = fakenode:pid(Name, 1),
    {ok, Socket} = fakenode:connect(proplists:get_value(target, C), #{name => Name}),
    String = fun(X) -> {_, _} = binary:match(X, <<107, 2:16, 1, 2>>), X end,
    List = fun(X) -> binary:replace(X, <<107, 2:16, 1, 2>>, <<108, 2:32, 97, 1, 97, 2, 106>>) end,
    Frame = fun(What, Topic, Encoding) ->
        Body = [112, term_to_binary({6, Pid, '', pubsub}), Encoding(term_to_binary({'$gen_cast', {What, Topic, Pid}}))],
        [<<(iolist_size(Body)):32>>, Body]
    end,
    ok = gen_tcp:send(Socket, [Frame(subscribe, T, String), Frame(unsubscribe, T, String), Frame(subscribe, T, List), Frame(unsubscribe, T, List),
                               Frame(subscribe, T, String), Frame(subscribe, Marker, fun(X) -> X end)]),
    ?ON(given:peer(C), begin
        known(Other, Marker, 1),
        ?assertEqual([1, 1], [call(X, {subscriber_count, T}) || X <- [S, Other]])
    end),
    ok = gen_tcp:close(Socket),
    ?ON(given:peer(C), known(Other, T, 0)).

a_flood_of_subscriptions(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        Pid = spawn(fun() -> receive stop -> ok end end),
        Prefix = topic(),
        [ok = gen_server:cast(S, {subscribe, <<Prefix/binary, (integer_to_binary(I))/binary>>, Pid}) || I <- lists:seq(1, 50000)],
        Last = <<Prefix/binary, "50000">>,
        known(Other, Last, 1),
        exit(Pid, kill),
        known(Other, Last, 0),
        known(S, <<Prefix/binary, "1">>, 0)
    end).

%% Everybody may send a service what it likes.
junk(C) ->
    {S, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        Me = self(),
        [begin S ! M, gen_server:cast(S, M) end ||
            M <- [junk, {}, {'$pubsub', Me, topics, not_a_list}, {'$pubsub', Me, topics, [{a, -1}, {b}, c | d]}, {'$pubsub', not_a_pid, topics, []},
                  {'$pubsub', Me, what, []}, {'$pubsub', Me, publish, a, b, c, d}, {pubsub_dropped, x, -1}, {'DOWN', make_ref(), process, Me, x},
                  {make_ref(), drain}, {make_ref(), tell}, {subscribe}, {publish}, {subscribe, a, b, c, d}]],
        %% A process that says it was a service, and has subscribers for everything.
        S ! {'$pubsub', Me, topics, [{<<"forged">>, 1 bsl 60}]},
        target:wait(fun() -> 0 < call(S, {publish, <<"forged">>, m}) end),
        T = topic(),
        ok = call(S, {subscribe, T}),
        known(Other, T, 1)
    end),
    %% That process has ended.
    ?ON(given:peer(C), known(S, <<"forged">>, 0)).

%% Random subscriptions, ends and publications on two services from two peers, against a list.
agrees_with_a_model(C) ->
    {S, Other, Peer2} = {here(C), there(C), maps:get(node, given:peer(2, C))},
    {module, _} = target:on(given:peer(C), fun() -> {Mod, Bin, File} = code:get_object_code(?MODULE), erpc:call(Peer2, code, load_binary, [Mod, File, Bin]) end),
    ?ON(given:peer(C), begin
        Seed = {os:getpid(), erlang:unique_integer(), os:system_time()}, ct:pal("seed ~p", [Seed]), rand:seed(exsss, erlang:phash2(Seed)),
        Base = topic(),
        Topics = [<<Base/binary, X/binary>> || X <- [<<".a">>, <<".b">>, <<".a.c">>, <<".*">>, <<".>">>, <<":a">>]],
        Published = [<<Base/binary, X/binary>> || X <- [<<".a">>, <<".b">>, <<".a.c">>, <<":a">>, <<>>]],
        Start = fun(N) -> hearer_on(lists:nth(1 + N rem 2, [node(), Peer2]), {hearer, N}) end,
        Hearers = maps:from_list([{N, Start(N)} || N <- lists:seq(1, 6)]),
        run_model(150, [S, Other], Topics, Published, Base, Hearers, Start, #{}, 7)
    end).

hearer_on(Node, Name) ->
    Us = self(),
    spawn(Node, ?MODULE, hear, [Us, Name]).
hear(Us, Name) ->
    monitor(process, Us),
    (fun Hear() -> receive {'DOWN', _, process, Us, _} -> ok; M -> Us ! {Name, M}, Hear() end end)().

pick(L) -> lists:nth(rand:uniform(length(L)), L).

matches(Base, Pattern, Topic) ->
    <<Base:(byte_size(Base))/binary, P/binary>> = Pattern,
    <<Base:(byte_size(Base))/binary, T/binary>> = Topic,
    case {P, T} of
        {X, X} -> true;
        {<<".*">>, <<".", R/binary>>} -> binary:match(R, [<<".">>, <<":">>]) =:= nomatch;
        {<<".>">>, <<".", _/binary>>} -> true;
        _ -> false
    end.

run_model(0, Services, Topics, _, _, Hearers, _, _, _) ->
    [exit(P, kill) || P <- maps:values(Hearers)],
    [known(X, T, 0) || X <- Services, T <- Topics],
    silent();
run_model(Left, Services, Topics, Published, Base, Hearers, Start, Model, Next) ->
    Again = fun(H, M, N) -> run_model(Left - 1, Services, Topics, Published, Base, H, Start, M, N) end,
    N = pick(maps:keys(Hearers)),
    Pid = maps:get(N, Hearers),
    Key = {pick(Services), pick(Topics), N},
    case rand:uniform(10) of
        X when X =< 5 ->
            ok = call(element(1, Key), {subscribe, element(2, Key), Pid}),
            Again(Hearers, Model#{Key => true}, Next);
        6 ->
            _ = call(element(1, Key), {unsubscribe, element(2, Key), Pid}),
            Again(Hearers, maps:remove(Key, Model), Next);
        7 ->
            exit(Pid, kill),
            Again(maps:put(Next, Start(Next), maps:remove(N, Hearers)), maps:filter(fun({_, _, M}, _) -> M =/= N end, Model), Next + 1);
        _ ->
            [known(S, T, length([x || {_, U, _} <- maps:keys(Model), U =:= T])) || S <- Services, T <- Topics],
            Topic = pick(Published),
            Message = {message, Left},
            Wanted = lists:sort([{hearer, M} || {_, T, M} <- maps:keys(Model), matches(Base, T, Topic)]),
            ?assertEqual(length(Wanted), call(pick(Services), {publish, Topic, Message})),
            Got = [receive {H, Message} -> H after 30000 -> error({missing, Topic, Model, given:mailbox()}) end || _ <- Wanted],
            ?assertEqual(Wanted, lists:sort(Got)),
            silent(),
            Again(Hearers, Model, Next)
    end.

%% ---- hermod sub, hermod pub

hermod(Args) -> target:run(target:hermod(), Args, #{env => [{"HERMOD_COOKIE", target:cookie()}]}).
hermod(Args, Stdin) -> target:run(target:hermod(), Args, #{stdin => Stdin, env => [{"HERMOD_COOKIE", target:cookie()}]}).

%% A sub that runs until its end; the answer is a function that waits for what it printed.
sub(C, Args, Topic) ->
    Node = given:target(C),
    Before = count(C, Topic),
    {_, Ref} = spawn_monitor(fun() -> exit({ended, hermod(["sub" | Args] ++ [atom_to_list(Node), shown(Topic)])}) end),
    target:wait(fun() -> count(C, Topic) =:= Before + 1 end),
    fun() -> receive {'DOWN', Ref, process, _, {ended, Result}} -> Result end end.

count(C, Topic) ->
    S = here(C),
    ?ON(given:peer(C), call(S, {subscriber_count, Topic})).
shown(T) when is_binary(T) -> binary_to_list(T);
shown(T) -> lists:flatten(io_lib:format("~w", [T])).

sub_and_pub(C) ->
    Node = atom_to_list(given:target(C)),
    T = topic(),
    One = sub(C, ["--count", "2"], T),
    Two = sub(C, ["--count", "2", "--with-topic", "--elixir"], T),
    {0, <<"2\n">>, <<>>} = hermod(["pub", Node, shown(T), "hello"]),
    {0, <<"2\n">>, <<>>} = hermod(["pub", "--elixir", Node, shown(T), "{:a, \"b\"}"]),
    ?assertEqual({0, <<"hello\n{a,<<\"b\">>}\n">>, <<>>}, One()),
    ?assertEqual({0, iolist_to_binary(["{\"", T, "\", :hello}\n{\"", T, "\", {:a, \"b\"}}\n"]), <<>>}, Two()),
    {0, <<"0\n">>, <<>>} = hermod(["pub", Node, shown(T), "nobody"]).

%% --timeout that somebody gave.
sub_counts(C) ->
    {6, <<>>, Says} = hermod(["sub", "--timeout", "300", atom_to_list(given:target(C)), shown(topic())]),
    ?assertMatch({match, _}, re:run(Says, "no message within 300 ms")).

sub_as_json(C) ->
    T = {user, 7},
    One = sub(C, ["--count", "1", "--json", "--with-topic"], T),
    {0, <<"1\n">>, <<>>} = hermod(["pub", atom_to_list(given:target(C)), "{user, 7}", "#{a => [1, <<\"b\">>]}"]),
    ?assertEqual({0, <<"{\"topic\":[\"user\",7],\"message\":{\"a\":[1,\"b\"]}}\n">>, <<>>}, One()).

%% The subscription is gone, and whoever started it is to know.
sub_ends_with_the_service(C) ->
    {pubsub, Node} = here(C),
    One = sub(C, [], topic()),
    Old = ?ON(given:peer(C), begin P = erpc:call(Node, erlang, whereis, [pubsub]), exit(P, kill), P end),
    {5, <<>>, Says} = One(),
    ?assertMatch({match, _}, re:run(Says, "pubsub on .* has ended")),
    ?ON(given:peer(C), target:wait(fun() -> case erpc:call(Node, erlang, whereis, [pubsub]) of undefined -> false; P -> P =/= Old end end)).

lines(C) ->
    Node = atom_to_list(given:target(C)),
    T = topic(),
    One = sub(C, ["--count", "200"], T),
    Numbers = [integer_to_list(I) ++ "\n" || I <- lists:seq(1, 199)],
    {2, Out, Says} = hermod(["pub", Node, shown(T)], ["{no term\n\n", Numbers, "last"]),
    ?assertEqual(iolist_to_binary(lists:duplicate(200, "1\n")), Out),
    ?assertMatch({match, _}, re:run(Says, "line 1 is left out")),
    {0, Heard, <<>>} = One(),
    ?assertEqual(iolist_to_binary([Numbers, "last\n"]), Heard).

tool_errors(C) ->
    Node = atom_to_list(given:target(C)),
    [begin
         {Status, <<>>, Says} = hermod(Args),
         ?assertMatch({match, _}, re:run(Says, Why), Says)
     end || {Status, Args, Why} <- [
         {1, ["sub", Node, "a.>.b"], "invalid_pattern"},
         {2, ["sub", Node, "{a"], "no Erlang term"},
         {2, ["sub", "--hermes", "--phoenix", "A", Node, "a"], "give one of them"},
         {3, ["sub", "no_such_node", "a"], "no connection"},
         {5, ["sub", atom_to_list(maps:get(node, given:peer(C))), "a"], "no process named pubsub"},
         {5, ["pub", "--phoenix", "No.PubSub", Node, "a", "b"], "nobody in the cluster"},
         {5, ["sub", "--phoenix", "No.PubSub", Node, "a"], "no Phoenix.PubSub of this name"},
         %% A worker of Phoenix.PubSub that is sent such a topic ends.
         {2, ["pub", "--phoenix", "No.PubSub", Node, "{a, b}", "m"], "is text"},
         {2, ["sub", "--phoenix", "No.PubSub", Node, ":a"], "is text"},
         {2, ["pub", Node, "a", "{b"], "no Erlang term"}]].

%% ---- <hermod/pubsub.h>

-define(HEARD(Pid, Topic, Message), {subject, Pid, {heard, {Topic, Message}}}).

c_hears(C) ->
    {S = {_, Node}, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        {T, U} = {topic(), {topic(), [1, 2]}},
        One = given:reporting(Node),
        Two = given:reporting(Node),
        [ok = given:call(P, {pubsub_subscribe, X}) || P <- [One, Two], X <- [T, U]],
        ok = given:call(One, {pubsub_subscribe, <<T/binary, ".>">>}),
        ok = given:call(One, {pubsub_subscribe, T}),
        known(Other, U, 2),
        [begin
             2 = call(X, {publish, T, {m, X}}),
             [?EXPECT(?HEARD(P, T, {m, X})) || P <- [One, Two]],
             2 = call(X, {publish, U, X}),
             [?EXPECT(?HEARD(P, U, X)) || P <- [One, Two]]
         end || X <- [S, Other]],
        Full = <<T/binary, ".a:b">>,
        1 = call(S, {publish, Full, big()}),
        Big = big(),
        ?EXPECT(?HEARD(One, Full, Big)),
        silent()
    end).
big() -> binary:copy(<<"big">>, 100000).

%% One after the other, each again, and back: what was heard last is remembered, short topics in another way than long ones.
c_hears_each_topic(C) ->
    S = {_, Node} = here(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(Node),
        T = topic(),
        Topics = [refused, {T, []} | [<<T/binary, (binary:copy(<<"t">>, N))/binary>> || N <- lists:seq(0, 40)]],
        [ok = given:call(Pid, {pubsub_subscribe, X}) || X <- Topics],
        [known(S, X, 1) || X <- Topics],
        [begin
             1 = call(S, {publish, X, {X, N}}),
             ?EXPECT(?HEARD(Pid, X, {X, N}))
         end || N <- [1, 2], X <- Topics ++ lists:reverse(Topics)],
        [ok = given:call(Pid, {pubsub_unsubscribe, X}) || X <- Topics],
        [known(S, X, 0) || X <- Topics],
        silent()
    end).

c_publishes(C) ->
    {S = {_, Node}, Other} = {here(C), there(C)},
    ?ON(given:peer(C), begin
        T = topic(),
        ok = call(S, {subscribe, T}),
        ok = call(Other, {subscribe, T, hearer(there)}),
        One = given:reporting(Node),
        Two = given:reporting(Node),
        ok = given:call(One, {pubsub_subscribe_not_own, T}),
        ok = given:call(Two, {pubsub_subscribe, T}),
        known(S, T, 4),
        ok = given:call(One, {pubsub_publish, T, a}),
        ?EXPECT(a), ?EXPECT({there, a}), ?EXPECT(?HEARD(Two, T, a)),
        ok = given:call(Two, {pubsub_publish, T, b}),
        ?EXPECT(b), ?EXPECT({there, b}), ?EXPECT(?HEARD(One, T, b)), ?EXPECT(?HEARD(Two, T, b)),
        ok = given:call(Two, {pubsub_publish_from, T, c}),
        ?EXPECT(c), ?EXPECT({there, c}), ?EXPECT(?HEARD(One, T, c)),
        settled(S),
        silent()
    end).

c_takes_it_back(C) ->
    S = {_, Node} = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        Pid = given:reporting(Node),
        {error, _} = given:call(Pid, {pubsub_unsubscribe, T}),
        ok = given:call(Pid, {pubsub_subscribe, T}),
        known(S, T, 1),
        ok = given:call(Pid, {pubsub_unsubscribe, T}),
        known(S, T, 0),
        0 = call(S, {publish, T, m}),
        silent()
    end).

c_is_refused(C) ->
    {_, Node} = here(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(Node),
        ok = given:call(Pid, {pubsub_subscribe, <<"a.>.b">>}),
        ?EXPECT({subject, Pid, {refused, invalid_pattern}}),
        {error, _} = given:call(Pid, {pubsub_unsubscribe, <<"a.>.b">>})
    end).

%% The verdict of the function that heard ends the process.
c_ends(C) ->
    S = {_, Node} = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        Pid = given:reporting(Node),
        Ref = monitor(process, Pid),
        ok = given:call(Pid, {pubsub_subscribe, T}),
        known(S, T, 1),
        1 = call(S, {publish, T, stop}),
        ?EXPECT({'DOWN', Ref, process, Pid, normal}),
        known(S, T, 0)
    end).

c_after_a_restart(C) ->
    S = {_, Node} = here(C),
    ?ON(given:peer(C), begin
        T = topic(),
        Pid = given:reporting(Node),
        ok = given:call(Pid, {pubsub_subscribe, T}),
        known(S, T, 1),
        Old = erpc:call(Node, erlang, whereis, [pubsub]),
        exit(Old, kill),
        target:wait(fun() -> case erpc:call(Node, erlang, whereis, [pubsub]) of undefined -> false; P -> P =/= Old end end),
        known(S, T, 1),
        1 = call(S, {publish, T, m}),
        ?EXPECT(?HEARD(Pid, T, m))
    end).

%% ---- a peer that does not read

%% A peer with a subscriber that is stopped while much more is published than its connection holds; another subscriber hears all of it.
%% Size and Count of the messages; the answer is what the slow one got when its node went on.
slowly(C, Policy, Then) ->
    S = here(C),
    Slow = target:start_peer(),
    Peer = given:peer(C),
    T = topic(),
    {Size, Count} = {200000, 400},
    ?ON(Slow, begin
        Collect = fun Collect(L) -> receive {give, Who} -> Who ! {collected, lists:reverse(L)}, Collect(L); {I, <<_/binary>>} -> Collect([I | L]); M -> Collect([M | L]) end end,
        true = register(collector, spawn(fun() -> Collect([]) end)),
        ok = call(S, {subscribe, T, whereis(collector), #{policy => Policy}})
    end),
    target:sigstop(Slow),
    ?ON(Peer, begin
        ok = call(S, {subscribe, T}),
        Payload = binary:copy(<<7>>, Size),
        [begin ok = gen_server:cast(S, {publish, T, {I, Payload}}), ?EXPECT({I, _}) end || I <- lists:seq(1, Count)]
    end),
    Then(Slow, S, T, Count),
    target:stop(Slow),
    ?ON(Peer, known(S, T, 0)).

%% Of four that are slow, each may have five messages kept, and all of them five.
kept_memory(C) ->
    Small = target:start(#{args => ["--pubsub-kept-memory", "1M"]}),
    S = {pubsub, maps:get(node, Small)},
    Slow = target:start_peer(),
    T = topic(),
    {Size, Count, Names} = {200000, 100, [one, two, three, four]},
    ?ON(Slow, begin
        Collect = fun Collect(L) -> receive {give, Who} -> Who ! {collected, lists:reverse(L)}, Collect(L); {I, <<_/binary>>} -> Collect([I | L]); M -> Collect([M | L]) end end,
        [begin
             true = register(Name, spawn(fun() -> Collect([]) end)),
             ok = call(S, {subscribe, T, whereis(Name), #{policy => drop_oldest}})
         end || Name <- Names]
    end),
    target:sigstop(Slow),
    ?ON(given:peer(C), begin
        Payload = binary:copy(<<7>>, Size),
        [4 = call(S, {publish, T, {I, Payload}}) || I <- lists:seq(1, Count)]
    end),
    target:sigcont(Slow),
    Got = ?ON(Slow, begin
        Ask = fun(Name) -> Name ! {give, self()}, ?EXPECT({collected, L}, L) end,
        [begin
             target:wait(fun() -> L = Ask(Name), Count =:= length([I || I <- L, is_integer(I)]) + lists:sum(dropped(T, L)) end),
             Ask(Name)
         end || Name <- Names]
    end),
    Kept = [length([I || I <- lists:dropwhile(fun is_integer/1, L), is_integer(I)]) || L <- Got],
    ?assert(lists:sum(Kept) =< 5, Kept),
    [target:stop(X) || X <- [Slow, Small]].

%% What could not be sent to another node for its subscribers is told to these.
a_service_that_does_not_read(C) ->
    S = here(C),
    New = target:start(#{connect => [given:target(C)]}),
    Service = {pubsub, maps:get(node, New)},
    Peer = given:peer(C),
    T = topic(),
    {Size, Count} = {200000, 400},
    ?ON(Peer, begin
        Us = self(),
        Collect = fun Collect(L) -> receive {give, Who} -> Who ! {collected, lists:reverse(L)}, Collect(L); {I, <<_/binary>>} -> Collect([I | L]); M -> Collect([M | L]) end end,
        spawn(fun() -> true = register(collector, self()), Us ! registered, Collect([]) end),
        receive registered -> ok end,
        ok = call(Service, {subscribe, T, whereis(collector)}),
        known(S, T, 1)
    end),
    target:sigstop(New),
    ?ON(Peer, begin
        ok = call(S, {subscribe, T}),
        Payload = binary:copy(<<7>>, Size),
        [begin 2 = call(S, {publish, T, {I, Payload}}), ?EXPECT({I, _}) end || I <- lists:seq(1, Count)]
    end),
    target:sigcont(New),
    L = collected(Peer, fun(L) -> lists:member(Count, L) end),
    Got = [I || I <- L, is_integer(I)],
    ?assertEqual(lists:usort(Got), Got),
    ?assert(length(Got) < Count),
    ?assertEqual(Count, length(Got) + lists:sum(dropped(T, L))),
    ?ON(Peer, exit(whereis(collector), kill)),
    target:stop(New).

collected(Slow, Enough) ->
    ?ON(Slow, begin
        target:wait(fun() -> collector ! {give, self()}, Enough(?EXPECT({collected, L}, L)) end),
        collector ! {give, self()},
        ?EXPECT({collected, L}, L)
    end).

dropped(T, L) -> [N || {pubsub_dropped, U, N} <- L, U =:= T].

drop_newest(C) ->
    slowly(C, drop_newest, fun(Slow, S, T, Count) ->
        target:sigcont(Slow),
        L = collected(Slow, fun(L) -> dropped(T, L) =/= [] end),
        Got = [I || I <- L, is_integer(I)],
        ?assertEqual(lists:seq(1, length(Got)), Got),
        ?assert(length(Got) < Count),
        ?assertEqual(Count, length(Got) + lists:sum(dropped(T, L))),
        %% From now on it hears everything again.
        ?ON(given:peer(C), call(S, {publish, T, {back, <<>>}})),
        collected(Slow, fun(M) -> lists:member(back, M) end)
    end).

drop_oldest(C) ->
    slowly(C, drop_oldest, fun(Slow, _S, T, Count) ->
        target:sigcont(Slow),
        L = collected(Slow, fun(L) -> lists:member(Count, L) end),
        Got = [I || I <- L, is_integer(I)],
        ?assertEqual(lists:usort(Got), Got),
        ?assertEqual(Count, length(Got) + lists:sum(dropped(T, L))),
        ?assertEqual(Count, lists:last(Got))
    end).

disconnect(C) ->
    slowly(C, disconnect, fun(_Slow, S, T, _Count) ->
        ?ON(given:peer(C), known(S, T, 0))
    end).
