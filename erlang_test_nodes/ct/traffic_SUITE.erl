%% Large messages both ways, fragments, and small calls that do not wait for them.
-module(traffic_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(BIG, (64 bsl 20)).

all() -> [around_fragment_sizes, fragments_interleaved, big_echo, big_in, big_out, small_calls_meanwhile, other_peer_meanwhile,
          big_from_two_peers, many_small].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

%% A binary in which no part looks like another, so that a fragment in the wrong place shows.
pattern(Size) ->
    Words = Size div 4 + 1,
    Bin = << <<(I * 2654435761):32>> || I <- lists:seq(1, Words) >>,
    binary:part(Bin, 0, Size).

around_fragment_sizes(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [begin
             Bin = pattern(Size),
             ?assert(Bin =:= given:call(N, {echo, Bin}), Size)
         end || Base <- [64 bsl 10, 128 bsl 10, 1 bsl 20], Size <- [Base - 200, Base - 1, Base, Base + 1, Base + 200]],
        %% large, but not one large binary
        Terms = [{I, pattern(100), "text", #{I => [I]}} || I <- lists:seq(1, 5000)],
        ?assert(Terms =:= given:call(N, {echo, Terms}))
    end).

%% Several large messages at once from several processes: their fragments mix.
fragments_interleaved(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        Pids = [spawn_link(fun() ->
                    Bin = pattern(300000 + I * 1000),
                    [true = Bin =:= given:call(N, {echo, Bin}) || _ <- lists:seq(1, 3)],
                    Me ! {done, self()}
                end) || I <- lists:seq(1, 10)],
        [?EXPECT({done, Pid}) || Pid <- Pids]
    end).

big_echo(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Bin = binary:copy(pattern(1 bsl 20), ?BIG div (1 bsl 20)),
        ?assert(Bin =:= given:call(N, {echo, Bin}, infinity))
    end).

big_in(C) ->
    N = given:target(C),
    ?ON(given:peer(C), ?assertEqual(?BIG, given:call(N, {size, binary:copy(<<"y">>, ?BIG)}, infinity))).

big_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), ?assert(binary:copy(<<"x">>, ?BIG) =:= given:call(N, {binary, ?BIG}, infinity))).

%% From the same node, over the same connection.
small_calls_meanwhile(C) ->
    small_calls(C, given:peer(1, C)).

%% From another node.
other_peer_meanwhile(C) ->
    small_calls(C, given:peer(2, C)).

%% One process after the other asks for 64 MiB, there is always such an answer on its way. Small calls are answered
%% between: if each waited for the large message in front of it, as many large ones would be through by then.
small_calls(C, Small) ->
    N = given:target(C),
    Large = given:peer(1, C),
    Loops = ?ON(Large, begin
        true = counter_new(large),
        [spawn(fun() -> large_calls(given:child(N)) end) || _ <- [1, 2]]
    end),
    ?ON(Large, target:wait(fun() -> counted(large) >= 1 end)),
    Before = ?ON(Large, counted(large)),
    {Ms, _} = ?ON(Small, begin
        Sub = given:child(N),
        target:ms(fun() -> [I = given:call(Sub, {echo, I}, infinity) || I <- lists:seq(1, 20)] end)
    end),
    After = ?ON(Large, counted(large)),
    ?ON(Large, begin
        [exit(L, kill) || L <- Loops],
        gone = counter_gone(large)
    end),
    ct:pal("20 small calls took ~p ms, ~p large ones were answered meanwhile", [Ms, After - Before]),
    ?assert(After - Before < 15, After - Before).

large_calls(Sub) ->
    ?BIG = byte_size(given:call(Sub, {binary, ?BIG}, infinity)),
    erlang:garbage_collect(),
    counters:add(persistent_term:get(large), 1, 1),
    large_calls(Sub).

counter_new(Name) -> persistent_term:put(Name, counters:new(1, [])), true.
counter_gone(Name) -> persistent_term:erase(Name), gone.
counted(Name) -> counters:get(persistent_term:get(Name), 1).

big_from_two_peers(C) ->
    N = given:target(C),
    Driver = self(),
    Pids = [spawn_link(fun() ->
                Bin = ?ON(P, begin B = pattern(8 bsl 20), B =:= given:call(N, {echo, B}, infinity) end),
                Driver ! {done, self(), Bin}
            end) || P <- [given:peer(1, C), given:peer(2, C)]],
    [?EXPECT({done, Pid, true}) || Pid <- Pids].

many_small(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:child(N),
        [gen_server:cast(Sub, I) || I <- lists:seq(1, 50000)],
        ?assertEqual([{cast, I} || I <- lists:seq(1, 50000)], given:call(Sub, events, infinity))
    end).
