%% Greeting each other, and knowing who is there: the greeter of the distributed hello world, and the list of users of "Building
%% Presence feature in Elixir" in both its forms. On a BEAM they are those in lib/people.ex; on Hermod they are services.
-module(people_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(GREETER, 'Elixir.Conformance.Greeter').
-define(LIST, 'Elixir.Conformance.UserList').
-define(GREETER_NAME, 'Elixir.DistributedHelloWorld.Greeter').

all() -> [{group, greeter}, {group, change}, {group, interval}]
    ++ case target:kind() of hermod -> [{group, hermod_greeter}, {group, hermod_list}]; beam -> [] end.
groups() ->
    [{greeter, [], [greets_both_ways, all_three_greet, greets_again]},
     {hermod_greeter, [], [greeting_of_anything, other_greeters, without_greeter]},
     {change, [], list_cases() ++ [gone_with_the_node]},
     {interval, [], list_cases()},
     {hermod_list, [], [removed_by_user, gone_with_the_node_in_both_forms, user_list_started_again, sent_every_interval, two_hermods,
                        bad_input, limits, list_is_not_there]}].

%% Of the form that the peers have; a target that is a BEAM always has the one that sends what changes.
list_cases() -> [users_of_all, every_kind_of_term, same_user_twice, list_started_later, three_nodes].

init_per_suite(C) -> C.
end_per_suite(_) -> ok.

init_per_group(Form, C) when Form =:= change; Form =:= interval -> [{form, Form} | C];
init_per_group(_, C) -> [{form, change} | C].
end_per_group(_, _) -> ok.

init_per_testcase(Case, C) when Case =:= other_greeters; Case =:= without_greeter; Case =:= limits; Case =:= list_is_not_there;
                               Case =:= sent_every_interval -> some_nodes(C, 0);
init_per_testcase(_, C) -> some_nodes(C, 2).
end_per_testcase(_, C) -> given:no_nodes(C).

%% A target with its services, and so many peers that are not connected yet.
some_nodes(C, Peers) -> [{target, start_target([])} | [{list_to_atom("peer" ++ integer_to_list(I)), target:start_peer()} || I <- lists:seq(1, Peers)]] ++ C.

start_target(Args) ->
    T = target:start(#{subject => false, args => case target:kind() of hermod -> Args; beam -> [] end}),
    case target:kind() of
        beam -> {ok, _} = ?ON(T, ?GREETER:start()), {ok, _} = ?ON(T, ?LIST:start(change, 100)), T;
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

%% ---- the list of users

%% Every 100 ms instead of 3000: nothing depends on it but how long a test takes.
start_list(Peer, C) ->
    {ok, _} = case proplists:get_value(form, C, change) of
        deltas -> ?ON(Peer, gen_server:start({local, user_list}, 'Elixir.Presence.UserList', [{interval, 100}], []));
        Form -> ?ON(Peer, ?LIST:start(Form, 100))
    end.

with_lists(C) ->
    Peers = [P || {Key, P} <- C, Key =:= peer1 orelse Key =:= peer2],
    [start_list(P, C) || P <- Peers],
    [connect(P, given:target(C)) || P <- Peers],
    Peers.

users(Peer, Node) -> ?ON(Peer, gen_server:call({user_list, Node}, get_users)).
cast(Peer, Node, Message) -> ?ON(Peer, gen_server:cast({user_list, Node}, Message)).
%% As a set: which node's users come first is another test.
become(Peer, Node, Users) -> target:wait(fun() -> There = users(Peer, Node), There -- Users =:= [] andalso Users -- There =:= [] end).
all_become(C, Peers, Users) -> [become(hd(Peers), N, Users) || N <- [given:target(C) | [node_of(P) || P <- Peers]]].

user(Id, Name) -> #{id => Id, name => Name}.

users_of_all(C) ->
    {[P | _] = Peers, T} = {with_lists(C), given:target(C)},
    {Jose, Chris, Ann} = {user(1, <<"José"/utf8>>), user(2, <<"Chris">>), user(<<"ann">>, <<"Ann">>)},
    ?ON(P, ?LIST:add(Jose)),
    cast(P, T, {add_user, Chris}),
    cast(P, T, {add_user, Ann}),
    all_become(C, Peers, [Jose, Chris, Ann]),
    [Ann, Chris, Jose] = users(P, T),
    cast(P, T, {remove_user, 2}),
    all_become(C, Peers, [Jose, Ann]),
    %% only a user's own node removes it
    cast(P, T, {remove_user, 1}),
    cast(P, T, {remove_user, <<"nobody">>}),
    [Ann, Jose] = users(P, T),
    ?ON(P, ?LIST:remove(Jose)),
    cast(P, T, {remove_user, <<"ann">>}),
    all_become(C, Peers, []).

%% Whatever is in a user comes back as it was.
every_kind_of_term(C) ->
    {[P | _] = Peers, T} = {with_lists(C), given:target(C)},
    Us = ?ON(P, #{id => make_ref(), 1 => 1.5, <<"bin">> => <<5:3>>, pid => self(), [a | b] => {}, big => 1 bsl 200, neg => -(1 bsl 70),
           'ünïcode atom' => "charlist", nested => #{#{} => [#{id => 1}]}, f => fun lists:seq/2, '__struct__' => 'Elixir.User',
           many => maps:from_list([{I, integer_to_binary(I)} || I <- lists:seq(1, 100)])}),
    cast(P, T, {add_user, Us}),
    all_become(C, Peers, [Us]),
    There = ?ON(P, Us#{id => {other, self()}}),
    ?ON(P, ?LIST:add(There)),
    all_become(C, Peers, [Us, There]).

%% uniq: the same term once, 1 and 1.0 are two.
same_user_twice(C) ->
    {[P | _] = Peers, T} = {with_lists(C), given:target(C)},
    [cast(P, N, {add_user, #{id => 1}}) || N <- [node_of(P), T, T]],
    cast(P, T, {add_user, #{id => 1.0}}),
    all_become(C, Peers, [#{id => 1}, #{id => 1.0}]),
    [#{id := 1.0}, #{id := 1}] = users(P, T),
    %% == : both of the target go, that of the peer stays
    cast(P, T, {remove_user, 1}),
    target:wait(fun() -> maps:get(users, state(P, T)) =:= [] end),
    all_become(C, Peers, [#{id => 1}]).

%% Whatever a node calls its own users: of the state only this is looked at.
state(Peer, Node) ->
    case ?ON(Peer, sys:get_state({user_list, Node})) of
        #{users := _} = State -> State;
        #{own := #{users := Own}} -> #{users => maps:keys(Own)};
        #{own := Own} -> #{users => Own}
    end.

%% The nodes are connected long before.
list_started_later(C) ->
    {P, T} = {given:peer(C), given:target(C)},
    connect(P, T),
    cast(P, T, {add_user, user(1, x)}),
    [_] = users(P, T),
    start_list(P, C),
    cast(P, node_of(P), {add_user, user(2, y)}),
    case {target:kind(), proplists:get_value(form, C)} of
        {_, deltas} -> all_become(C, [P], [user(1, x), user(2, y)]);
        {beam, _} -> become(P, T, [user(1, x), user(2, y)]); % and the article's list over there has told us before we were there
        {hermod, _} -> all_become(C, [P], [user(1, x), user(2, y)])
    end.

three_nodes(C) ->
    {[A, B] = Peers, T} = {with_lists(C), given:target(C)},
    All = [user(N, X) || X <- lists:seq(1, 20), N <- [{X, a}, {X, b}, {X, t}]],
    [cast(P, node_of(P), {add_user, U}) || {P, K} <- [{A, a}, {B, b}], #{id := {_, K0}} = U <- All, K0 =:= K],
    [cast(A, T, {add_user, U}) || #{id := {_, t}} = U <- All],
    all_become(C, Peers, All).

gone_with_the_node(C) ->
    {[A, B], T} = {with_lists(C), given:target(C)},
    [cast(P, node_of(P), {add_user, user(node_of(P), x)}) || P <- [A, B]],
    %% Also at A and B: what is still under way from a node that ends would come behind its nodedown.
    all_become(C, [A, B], [user(node_of(P), x) || P <- [A, B]]),
    target:kill(B),
    become(A, T, [user(node_of(A), x)]).

%% ---- what only Hermod has

gone_with_the_node_in_both_forms(C) ->
    gone_with_the_node([{form, interval} | C]).

removed_by_user(C) ->
    {P, T} = {given:peer(C), given:target(C)},
    [cast(P, T, {add_user, user(I, x)}) || I <- [1, 2]],
    cast(P, T, {remove_user, #{id => 1}}),
    [#{id := 2}] = users(P, T).

%% Its users were those of a process; the next one is told ours.
user_list_started_again(C) ->
    {[P | _], T} = {with_lists(C), given:target(C)},
    cast(P, node_of(P), {add_user, user(1, x)}),
    cast(P, T, {add_user, user(2, y)}),
    all_become(C, [P], [user(1, x), user(2, y)]),
    ?ON(P, exit(whereis(user_list), kill)),
    become(P, T, [user(2, y)]),
    start_list(P, C),
    become(P, node_of(P), [user(2, y)]).

sent_every_interval(_) ->
    T = start_target(["--user-list-sync", "interval", "--user-list-interval", "0.05"]),
    P = target:start_peer(),
    try
        N = node_of(T),
        ?ON(P, begin
            register(user_list, self()),
            true = net_kernel:connect_node(N),
            gen_server:cast({user_list, N}, {add_user, #{id => 1}}),
            ?EXPECT({'$gen_cast', {sync, N, [#{id := 1}]}}),
            [?EXPECT({'$gen_cast', {sync, N, [#{id := 1}]}}) || _ <- lists:seq(1, 5)],
            gen_server:cast({user_list, N}, {remove_user, 1}),
            [?EXPECT({'$gen_cast', {sync, N, []}}) || _ <- [1, 2]]
        end)
    after
        [target:stop(X) || X <- [T, P]]
    end.

two_hermods(C) ->
    {P, T1} = {given:peer(C), given:target(C)},
    Other = #{node := T2} = start_target(["--connect", atom_to_list(T1)]),
    try
        connect(P, T1), connect(P, T2),
        cast(P, T1, {add_user, user(1, x)}),
        cast(P, T2, {add_user, user(2, y)}),
        [become(P, T, [user(1, x), user(2, y)]) || T <- [T1, T2]],
        cast(P, T1, {remove_user, 1}),
        [become(P, T, [user(2, y)]) || T <- [T1, T2]]
    after
        target:kill(Other)
    end,
    become(P, T1, []).

bad_input(C) ->
    {P, T} = {given:peer(C), given:target(C)},
    connect(P, T),
    Here = node_of(P),
    Bad = [{add_user, junk}, {add_user, #{name => x}}, {add_user, [#{id => 1}]}, {add_user, #{<<"id">> => 1}}, {sync, Here, junk},
           {sync, Here, #{id => 1}}, {sync, 'nobody@nowhere', [#{id => 1}]}, {sync, T, [#{id => 1}]}, {sync, "text", []}, sync, {sync}],
    [cast(P, T, M) || M <- Bad],
    [] = users(P, T),
    cast(P, T, {sync, Here, [junk, #{id => 1}, 7, #{}, [#{id => 2}] | #{id => 3}]}),
    [#{id := 1}] = users(P, T),
    Count = length(Bad) + 5,
    #{refused := Count, users := []} = ?ON(P, sys:get_state({user_list, T})),
    target:await_line(target_handle(C), "user_list.refused *add_user: not a map with the key id"),
    target:await_line(target_handle(C), "user_list.refused *sync: of a node that is not connected"),
    target:await_line(target_handle(C), "user_list.refused *sync of .*: 5 elements are no maps with the key id"),
    cast(P, T, {add_user, user(9, ok)}),
    become(P, T, [#{id => 1}, user(9, ok)]).

limits(_) ->
    T = start_target(["--user-list-max-users", "10", "--user-list-max-bytes", "10K"]),
    P = target:start_peer(),
    try
        N = node_of(T),
        connect(P, N),
        [cast(P, N, {add_user, #{id => I}}) || I <- lists:seq(1, 20)],
        ?assertEqual([#{id => I} || I <- lists:seq(10, 1, -1)], users(P, N)),
        cast(P, N, {sync, node_of(P), [#{id => {p, I}} || I <- lists:seq(1, 100000)]}),
        ?assertEqual([#{id => I} || I <- lists:seq(10, 1, -1)] ++ [#{id => {p, I}} || I <- lists:seq(1, 10)], users(P, N)),
        cast(P, N, {sync, node_of(P), [#{id => 0, huge => binary:copy(<<0>>, 20000)}, #{id => -1}]}),
        ?assertEqual([#{id => I} || I <- lists:seq(10, 1, -1)] ++ [#{id => -1}], users(P, N)),
        cast(P, N, {remove_user, 1}),
        cast(P, N, {add_user, #{id => big, x => binary:copy(<<0>>, 20000)}}),
        9 = length(users(P, N)) - 1,
        target:await_line(T, "user_list.full *a user is not added: 10 users"),
        target:await_line(T, "user_list.full *sync of .*: 99990 users are left out")
    after
        [target:stop(X) || X <- [T, P]]
    end.

list_is_not_there(_) ->
    T = start_target(["--without", "user_list"]),
    P = target:start_peer(),
    try
        connect(P, node_of(T)),
        ?ON(P, ?assertExit({noproc, _}, gen_server:call({user_list, node_of(T)}, get_users)))
    after
        [target:stop(X) || X <- [T, P]]
    end.
