%% Greeting each other, and knowing who is there: the greeter of the distributed hello world. On a BEAM it is the one in
%% lib/people.ex; on Hermod it is the service.
-module(people_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(GREETER, 'Elixir.Conformance.Greeter').
-define(GREETER_NAME, 'Elixir.DistributedHelloWorld.Greeter').

all() -> [{group, greeter}] ++ case target:kind() of hermod -> [{group, hermod_greeter}]; beam -> [] end.
groups() ->
    [{greeter, [], [greets_both_ways, all_three_greet, greets_again]},
     {hermod_greeter, [], [greeting_of_anything, other_greeters, without_greeter]}].

init_per_suite(C) -> C.
end_per_suite(_) -> ok.

init_per_testcase(Case, C) when Case =:= other_greeters; Case =:= without_greeter -> some_nodes(C, 0);
init_per_testcase(_, C) -> some_nodes(C, 2).
end_per_testcase(_, C) -> given:no_nodes(C).

%% A target with its services, and so many peers that are not connected yet.
some_nodes(C, Peers) -> [{target, start_target([])} | [{list_to_atom("peer" ++ integer_to_list(I)), target:start_peer()} || I <- lists:seq(1, Peers)]] ++ C.

start_target(Args) ->
    T = target:start(#{subject => false, args => case target:kind() of hermod -> Args; beam -> [] end}),
    case target:kind() of
        beam -> {ok, _} = ?ON(T, ?GREETER:start()), T;
        hermod -> T
    end.

target_handle(C) -> proplists:get_value(target, C).
node_of(#{node := Node}) -> Node.

%% ---- the greeter

start_greeter(Peer) -> {ok, _} = ?ON(Peer, ?GREETER:start()).

hears(Peer, From) -> target:wait(fun() -> lists:member(From, ?ON(Peer, ?GREETER:heard())) end).
target_hears(C, From) -> target_hears(C, From, 1).
target_hears(C, From, Times) ->
    T = target_handle(C),
    Count = case target:kind() of
        beam -> fun() -> length([N || N <- ?ON(T, ?GREETER:heard()), N =:= From]) end;
        hermod ->
            Line = "greeter.hello *Hello world from :\"?" ++ re:replace(atom_to_list(From), "\\.", "\\\\.", [global, {return, list}]) ++ "\"?$",
            fun() -> length([L || L <- target:lines(T), re:run(L, Line) =/= nomatch]) end
    end,
    target:wait(fun() -> Count() >= Times end).

connect(Peer, Node) -> true = ?ON(Peer, net_kernel:connect_node(Node)).

greets_both_ways(C) ->
    start_greeter(given:peer(C)),
    connect(given:peer(C), given:target(C)),
    hears(given:peer(C), given:target(C)),
    target_hears(C, node_of(given:peer(C))).

all_three_greet(C) ->
    [A, B] = [given:peer(1, C), given:peer(2, C)],
    [start_greeter(P) || P <- [A, B]],
    connect(A, given:target(C)),
    connect(B, given:target(C)),
    [hears(P, given:target(C)) || P <- [A, B]],
    [target_hears(C, node_of(P)) || P <- [A, B]],
    hears(A, node_of(B)),
    hears(B, node_of(A)).

%% Each nodeup is greeted.
greets_again(C) ->
    {P, T} = {given:peer(C), given:target(C)},
    start_greeter(P),
    connect(P, T),
    target_hears(C, node_of(P), 1),
    true = ?ON(P, begin monitor_node(T, true), erlang:disconnect_node(T), ?EXPECT({nodedown, T}), true end),
    target:wait(fun() -> is_gone(C, node_of(P)) end),
    connect(P, T),
    target_hears(C, node_of(P), 2),
    target:wait(fun() -> 2 =:= length([N || N <- ?ON(P, ?GREETER:heard()), N =:= T]) end).

%% The target has noticed, too: only then does it see the node come up again.
is_gone(C, Node) ->
    Peer = given:peer(2, C),
    not lists:member(Node, ?ON(Peer, erpc:call(given:target(C), erlang, nodes, []))).

%% ---- what only Hermod has

greeting_of_anything(C) ->
    {P, T} = {given:peer(C), given:target(C)},
    ?ON(P, [gen_server:cast({?GREETER_NAME, T}, M) || M <- [{greet, <<"a\e[2J\nb">>}, {greet, {x, [self()]}}, greet, {greet, a, b}]]),
    target:await_line(target_handle(C), "greeter.hello *Hello world from \"a\\\\e\\[2J\\\\nb\"$"),
    target:await_line(target_handle(C), "greeter.hello *Hello world from \\{:x, \\[#PID<"),
    ?ON(P, gen_server:cast({?GREETER_NAME, T}, {greet, last})),
    target:await_line(target_handle(C), "greeter.hello *Hello world from :last$"),
    #{heard := 3} = ?ON(P, sys:get_state({?GREETER_NAME, T})).

other_greeters(_) ->
    T = start_target(["--greeter", "My.Greeter", "--greeter", "host"]),
    P = target:start_peer(),
    try
        ?ON(P, begin
            register('Elixir.My.Greeter', self()),
            spawn(fun() -> register(host, self()), receive {'$gen_cast', M} -> 'Elixir.My.Greeter' ! {host, M} end end),
            target:wait(fun() -> whereis(host) =/= undefined end),
            true = net_kernel:connect_node(node_of(T)),
            ?EXPECT({'$gen_cast', {greet, From}}, ?assertEqual(node_of(T), From)),
            ?EXPECT({host, {greet, _}}),
            undefined = erpc:call(node_of(T), erlang, whereis, [?GREETER_NAME])
        end)
    after
        [target:stop(N) || N <- [T, P]]
    end.

without_greeter(_) ->
    T = start_target(["--without", "greeter"]),
    P = target:start_peer(),
    try
        start_greeter(P),
        connect(P, node_of(T)),
        undefined = ?ON(P, erpc:call(node_of(T), erlang, whereis, [?GREETER_NAME])),
        [] = ?ON(P, ?GREETER:heard())
    after
        [target:stop(N) || N <- [T, P]]
    end.
