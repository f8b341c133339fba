%% Lists of users between which only changes travel: lib/user_list.ex on a BEAM, the service user_list on Hermod. What a list of
%% users is, is stated in people_SUITE; here it is run again with these, and then what they say to each other, and to those who know less.
-module(user_list_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).
-import(people_SUITE, [users/2, cast/3, become/3, all_become/3, user/2, connect/2, node_of/1]).

-define(BELL, user_list_delta).

all() -> [{group, lists}, {group, wire}, {group, hosts}] ++ case target:kind() of hermod -> [{group, hermod}]; beam -> [] end.
groups() ->
    [{lists, [], [users_of_all, every_kind_of_term, same_user_twice, list_started_later, three_nodes, gone_with_the_node, started_again,
                  beside_the_article]},
     {wire, [], [only_changes, a_gap_is_asked_for, a_lost_change_is_found, passed_on, whole_list, nothing_to_the_article, spoken_for]},
     {hosts, [], [through_a_third_host, partition_and_crash]},
     {hermod, [], [forged, over_the_limit, who_speaks_how]}].

init_per_suite(C) -> C.
end_per_suite(_) -> ok.

init_per_group(hosts, C) ->
    case netns:start(1) of
        {ok, Net} -> netns:stop(Net), C;
        {skip, Why} -> {skip, Why}
    end;
init_per_group(_, C) -> [{form, deltas} | C].
end_per_group(_, _) -> ok.

init_per_testcase(Case, C) when Case =:= through_a_third_host; Case =:= partition_and_crash -> C;
init_per_testcase(_, C) ->
    [T, P1, P2] = given:parallel([fun() -> start_target([]) end, fun target:start_peer/0, fun target:start_peer/0]),
    [{target, T}, {peer1, P1}, {peer2, P2} | C].
end_per_testcase(_, C) -> given:no_nodes(C).

start_target(Args) ->
    T = target:start(#{subject => false, args => case target:kind() of hermod -> ["--user-list-interval", "0.1" | Args]; beam -> [] end}),
    start_there(T),
    T.

start_there(#{kind := hermod}) -> ok;
start_there(Node) -> people_SUITE:start_list(Node, [{form, deltas}]).

%% ---- a list of users is what it was

users_of_all(C) -> people_SUITE:users_of_all(C).
every_kind_of_term(C) -> people_SUITE:every_kind_of_term(C).
same_user_twice(C) -> people_SUITE:same_user_twice(C).
list_started_later(C) -> people_SUITE:list_started_later(C).
three_nodes(C) -> people_SUITE:three_nodes(C).
gone_with_the_node(C) -> people_SUITE:gone_with_the_node(C).

started_again(C) ->
    [P | _] = people_SUITE:with_lists(C),
    T = given:target(C),
    cast(P, node_of(P), {add_user, user(1, x)}),
    cast(P, T, {add_user, user(2, y)}),
    all_become(C, [P], [user(1, x), user(2, y)]),
    ?ON(P, exit(whereis(user_list), kill)),
    become(P, T, [user(2, y)]),
    target:wait(fun() -> ?ON(P, whereis(?BELL)) =:= undefined end),
    start_there(P),
    become(P, node_of(P), [user(2, y)]),
    cast(P, node_of(P), {add_user, user(3, z)}),
    all_become(C, [P], [user(2, y), user(3, z)]).

%% One that speaks as the article does, and ends of what it does not know, sees all and is seen by all.
beside_the_article(C) ->
    {A, B, T} = {given:peer(1, C), given:peer(2, C), given:target(C)},
    people_SUITE:start_list(A, [{form, change}]),
    start_there(B),
    connect(A, T), connect(B, T),
    target:wait(fun() -> lists:member(node_of(B), ?ON(A, nodes())) end),
    Article = ?ON(A, whereis(user_list)),
    [cast(A, N, {add_user, user(N, X)}) || X <- [1, 2], N <- [T, node_of(A), node_of(B)]],
    all_become(C, [A, B], [user(N, X) || N <- [T, node_of(A), node_of(B)], X <- [1, 2]]),
    cast(A, T, {remove_user, T}),
    cast(A, node_of(B), {remove_user, node_of(B)}),
    all_become(C, [A, B], [user(node_of(A), X) || X <- [1, 2]]),
    Article = ?ON(A, whereis(user_list)),
    target:kill(B),
    all_become(C, [A], [user(node_of(A), X) || X <- [1, 2]]).

%% ---- what they say, to somebody who only listens

%% Runs on a peer that is such a server itself: Fun(the target's list, the target).
listening(C, Fun) ->
    {P, T} = {given:peer(C), given:target(C)},
    ?ON(P, begin
        register(?BELL, self()),
        connected = connected_to(T),
        List = ?EXPECT({'$gen_cast', {hello, 1, T, L, 0, true}}, L),
        say(List, {hello, 1, node(), self(), 0, false}),
        Fun(List, T)
    end).

connected_to(T) -> case net_kernel:connect_node(T) of true -> connected; Else -> Else end.
say(List, Message) -> gen_server:cast(List, Message).
add(T, Users) -> [gen_server:cast({user_list, T}, {add_user, U}) || U <- Users].
now_there(T) -> gen_server:call({user_list, T}, get_users).
gets(T, Users) -> target:wait(fun() -> now_there(T) =:= Users end).

%% All deltas of a list up to a version.
deltas(_, V, V) -> [];
deltas(List, From, V) -> ?EXPECT({'$gen_cast', {delta, List, From, To, Changes}}, Changes ++ deltas(List, To, V)).

only_changes(C) ->
    listening(C, fun(List, T) ->
        Users = [#{id => I} || I <- lists:seq(1, 1000)],
        add(T, Users),
        ?assertEqual([{add, U} || U <- Users], deltas(List, 0, 1000)),
        gen_server:cast({user_list, T}, {remove_user, 7}),
        gen_server:cast({user_list, T}, {remove_user, nobody}),
        add(T, [#{id => <<"x">>, name => <<"José"/utf8>>}]),
        ?assertEqual([{remove, 7}, {add, #{id => <<"x">>, name => <<"José"/utf8>>}}], deltas(List, 1000, 1002)),
        ?EXPECT({'$gen_cast', {vector, List, [{List, 1002} | _]}}),
        Own = self(),
        ?EXPECT({'$gen_cast', {vector, List, [{List, 1002}, {Own, 0}]}}),
        none({full, List})
    end).

none(What) ->
    {_, Messages} = process_info(self(), messages),
    [] = [M || {'$gen_cast', M} <- Messages, {element(1, M), element(2, M)} =:= What].

a_gap_is_asked_for(C) ->
    listening(C, fun(List, T) ->
        Own = self(),
        say(List, {delta, self(), 2, 3, [{add, #{id => 3}}]}),
        ?EXPECT({'$gen_cast', {want, List, [{Own, 0}]}}),
        [] = now_there(T),
        say(List, {delta, self(), 0, 2, [{add, #{id => 1}}, {add, #{id => 2}}]}),
        say(List, {delta, self(), 1, 3, [{add, #{id => 2}}, {add, #{id => 3}}]}), % what is known of it is left out
        say(List, {delta, self(), 0, 1, [{add, #{id => old}}]}),
        gets(T, [#{id => 3}, #{id => 2}, #{id => 1}]),
        say(List, {delta, self(), 3, 4, [{remove, 2}]}),
        gets(T, [#{id => 3}, #{id => 1}]),
        add(T, [#{id => t}]),
        [{add, #{id := t}}] = deltas(List, 0, 1),
        say(List, {want, self(), [{List, 0}, {self(), 0}, {junk, 0}]}),
        [{add, #{id := t}}] = deltas(List, 0, 1)
    end).

%% Nothing comes after it that would not fit.
a_lost_change_is_found(C) ->
    listening(C, fun(List, T) ->
        Own = self(),
        say(List, {vector, self(), [{self(), 2}]}),
        ?EXPECT({'$gen_cast', {want, List, [{Own, 0}]}}),
        say(List, {delta, self(), 0, 2, [{add, #{id => 1}}, {add, #{id => 2}}]}),
        gets(T, [#{id => 2}, #{id => 1}])
    end).

%% What the target knows of one it tells to another who asks.
passed_on(C) ->
    Other = given:peer(2, C),
    start_there(Other),
    connect(Other, given:target(C)),
    cast(Other, node_of(Other), {add_user, user(1, x)}),
    become(Other, given:target(C), [user(1, x)]),
    Theirs = ?ON(Other, whereis(user_list)),
    listening(C, fun(List, T) ->
        ?EXPECT({'$gen_cast', {vector, List, [{List, 0} | Others]}}, true = lists:member({Theirs, 1}, Others)),
        say(List, {want, self(), [{Theirs, 0}]}),
        [{add, #{id := 1}}] = deltas(Theirs, 0, 1),
        say(List, {want, self(), [{Theirs, all}]}),
        ?EXPECT({'$gen_cast', {full, Theirs, 1, [#{id := 1}]}}),
        [#{id := 1}] = now_there(T)
    end).

%% To who is further behind than the last changes reach, and where the list is shorter than its changes.
whole_list(C) ->
    listening(C, fun(List, T) ->
        add(T, [#{id => I} || I <- lists:seq(1, 3000)]),
        told_until(List, 0, 3000),
        say(List, {want, self(), [{List, 5}]}),
        ?EXPECT({'$gen_cast', {full, List, 3000, Users}}, ?assertEqual([#{id => I} || I <- lists:seq(3000, 1, -1)], Users)),
        say(List, {want, self(), [{List, 2999}]}),
        [{add, #{id := 3000}}] = deltas(List, 2999, 3000),
        say(List, {full, self(), 10, [#{id => b}, #{id => a}]}),
        target:wait(fun() -> lists:sublist(lists:reverse(now_there(T)), 2) =:= [#{id => a}, #{id => b}] end),
        say(List, {delta, self(), 10, 12, [{add, #{id => a}}, {remove, b}]}),
        target:wait(fun() -> lists:last(now_there(T)) =:= #{id => a} end)
    end).

%% A burst may be longer than what is kept of changes.
told_until(_, V, V) -> ok;
told_until(List, From, V) ->
    receive
        {'$gen_cast', {delta, List, From, To, _}} -> told_until(List, To, V);
        {'$gen_cast', {full, List, To, Users}} when length(Users) =:= To -> told_until(List, To, V)
    after ?PATIENCE -> error(given:mailbox()) end.

%% Somebody who has nothing but the article's name: not a word that the article's server would end of.
nothing_to_the_article(C) ->
    {P, T} = {given:peer(C), given:target(C)},
    ?ON(P, begin
        register(user_list, self()),
        connected = connected_to(T),
        ?EXPECT({'$gen_cast', {sync, T, []}}),
        add(T, [#{id => 1}]),
        ?EXPECT({'$gen_cast', {sync, T, [#{id := 1}]}}),
        gen_server:cast({user_list, T}, {sync, node(), [#{id => 2}]}),
        gets(T, [#{id => 1}, #{id => 2}]),
        ?EXPECT({'$gen_cast', {sync, T, [#{id := 1}]}}),
        gen_server:cast({user_list, T}, {remove_user, 1}),
        ?EXPECT({'$gen_cast', {sync, T, []}}),
        {_, Rest} = process_info(self(), messages),
        [] = [M || M <- Rest, element(1, element(2, M)) =/= sync]
    end).

%% Somebody else's word for a list lasts until its own is heard.
spoken_for(C) ->
    listening(C, fun(List, T) ->
        Own = self(),
        say(List, {full, self(), 1 bsl 59, [#{id => ghost}]}),
        gets(T, [#{id => ghost}]),
        [say(List, {vector, self(), [{self(), 1}]}) || _ <- [1, 2]],
        ?EXPECT({'$gen_cast', {want, List, [{Own, all}]}}),
        say(List, {full, self(), 1, [#{id => 1}]}),
        gets(T, [#{id => 1}])
    end).

%% ---- hosts whose packets are lost

hosts(Roles, Opts) ->
    {ok, Net} = netns:start(length(Roles) + 1),
    Numbered = lists:zip([control | Roles], lists:seq(1, length(Roles) + 1)),
    Host = fun(R) -> proplists:get_value(R, Numbered) end,
    M = mesh:start([{R, #{args => args(R)}} || R <- Roles], Opts, fun(t4, _) -> netns:place(Net, Host(lists:last(Roles))); (R, _) -> netns:place(Net, Host(R)) end),
    [start_there(mesh:target_of(M, R)) || R <- Roles],
    {M, Net, Host}.

%% `global' would close connections of its own accord.
args(Role) ->
    case {atom_to_list(Role), target:kind()} of
        {"t" ++ _, hermod} -> ["--user-list-interval", "0.2", "--connect-all", "false"];
        _ -> ["-connect_all", "false"]
    end.

meet(M, Roles) -> [mesh:connect(M, A, B) || A <- Roles, B <- Roles, A < B].
change(M, Role, Message) -> cast(mesh:control(M), mesh:node_of(M, Role), Message).
see(M, Roles, Users) -> [become(mesh:control(M), mesh:node_of(M, R), Users) || R <- Roles].

%% Two hosts cannot hear each other and have not noticed yet (that takes a minute): changes come by way of the third.
through_a_third_host(_) ->
    Roles = [t1, t2, b1],
    {M, Net, Host} = hosts(Roles, #{ticktime => 120}),
    try
        meet(M, Roles),
        [change(M, R, {add_user, user(R, 1)}) || R <- Roles],
        see(M, Roles, [user(R, 1) || R <- Roles]),
        Lost = [{Host(t1), Host(b1)}, {Host(b1), Host(t1)}],
        netns:drop(Net, Lost),
        change(M, t1, {add_user, user(t1, 2)}),
        change(M, b1, {remove_user, b1}),
        change(M, b1, {add_user, user(b1, 2)}),
        see(M, Roles, [user(t1, 1), user(t1, 2), user(t2, 1), user(b1, 2)]),
        netns:pass(Net, Lost),
        change(M, t1, {remove_user, t1}),
        see(M, Roles, [user(t2, 1), user(b1, 2)])
    after
        mesh:stop(M), netns:stop(Net)
    end.

partition_and_crash(_) ->
    {As, Bs} = {[b1, t1], [t2, t3]},
    Roles = As ++ Bs,
    {M, Net, Host} = hosts(Roles, #{ticktime => 4}),
    try
        meet(M, Roles),
        [change(M, R, {add_user, user(R, 1)}) || R <- Roles],
        see(M, Roles, [user(R, 1) || R <- Roles]),
        Lost = [{Host(X), Host(Y)} || A <- As, B <- Bs, {X, Y} <- [{A, B}, {B, A}]],
        netns:drop(Net, Lost),
        [see(M, Part, [user(R, 1) || R <- Part]) || Part <- [As, Bs]],
        [change(M, R, {add_user, user(R, 2)}) || R <- Roles],
        change(M, b1, {remove_user, b1}),
        change(M, t2, {remove_user, t2}),
        change(M, b1, {add_user, user(b1, 3)}),
        change(M, t2, {add_user, user(t2, 3)}),
        see(M, As, [user(b1, 3), user(t1, 1), user(t1, 2)]),
        see(M, Bs, [user(t2, 3), user(t3, 1), user(t3, 2)]),
        netns:pass(Net, Lost),
        target:wait(fun() -> meet(M, Roles), lists:all(fun(R) -> length(mesh:run(M, R, erlang, nodes, [])) =:= 3 end, Roles) end),
        see(M, Roles, [user(b1, 3), user(t1, 1), user(t1, 2), user(t2, 3), user(t3, 1), user(t3, 2)]),
        mesh:kill(M, t3),
        see(M, [b1, t1, t2], [user(b1, 3), user(t1, 1), user(t1, 2), user(t2, 3)]),
        %% another node on that host
        More = mesh:add(M, t4, #{args => args(t4)}),
        try
            Now = [b1, t1, t2, t4],
            start_there(mesh:target_of(More, t4)),
            meet(More, Now),
            change(More, t4, {add_user, user(t4, 1)}),
            see(More, Now, [user(b1, 3), user(t1, 1), user(t1, 2), user(t2, 3), user(t4, 1)])
        after
            target:stop(mesh:target_of(More, t4))
        end
    after
        mesh:stop(M), netns:stop(Net)
    end.

%% ---- what only Hermod has

forged(C) ->
    listening(C, fun(List, T) ->
        Bad = [{hello, 1, node(), self(), 0, perhaps}, {hello, 2, node(), self(), 0, true}, {hello, 1, nobody@nowhere, self(), 0, true},
               {hello, 1, node(), List, 0, true}, {hello, 1, node(), junk, 0, true}, {hello, 1, T, List, 0, true},
               {delta, self(), 0, 2, [{add, #{id => 1}}]}, {delta, self(), 1, 0, []}, {delta, self(), 0, 1, junk},
               {full, self(), 1 bsl 61, []}, {full, self(), 1, junk}, {full, self(), 1, [#{id => 1} | x]}, {vector, self(), [x]},
               {want, self(), #{}}, {want, self(), [{List, -1}]}],
        [say(List, M) || M <- Bad],
        [] = now_there(T),
        #{refused := Refused} = sys:get_state({user_list, T}),
        ?assertEqual(length(Bad), Refused),
        gen_server:cast({?BELL, T}, junk),
        gen_server:cast({?BELL, T}, {delta, self(), 0, 1, [{add, #{id => 1}}]}),
        say(List, {delta, self(), 0, 3, [{add, #{id => 1}}, {add, #{name => x}}, {add, junk}]}),
        gets(T, [#{id => 1}])
    end),
    target:await_line(proplists:get_value(target, C), "user_list.refused *a message about changes is malformed"),
    target:await_line(proplists:get_value(target, C), "server.unknown").

over_the_limit(_) ->
    T = start_target(["--user-list-max-users", "10"]),
    P = target:start_peer(),
    try
        listening([{target, T}, {peer1, P}], fun(List, N) ->
            Own = self(),
            say(List, {delta, self(), 0, 20, [{add, #{id => I}} || I <- lists:seq(1, 20)]}),
            gets(N, [#{id => I} || I <- lists:seq(10, 1, -1)]),
            say(List, {delta, self(), 20, 21, [{remove, 1}]}),
            ?EXPECT({'$gen_cast', {want, List, [{Own, all}]}}),
            say(List, {full, self(), 21, [#{id => I} || I <- lists:seq(20, 2, -1)]}),
            gets(N, [#{id => I} || I <- lists:seq(20, 11, -1)])
        end),
        target:await_line(T, "user_list.full *sync of .*: 1 users are left out")
    after
        [target:stop(X) || X <- [T, P]]
    end.

who_speaks_how(C) ->
    {A, B, T} = {given:peer(1, C), given:peer(2, C), given:target(C)},
    people_SUITE:start_list(A, [{form, change}]),
    start_there(B),
    connect(A, T), connect(B, T),
    cast(A, node_of(B), {add_user, user(1, x)}),
    become(A, T, [user(1, x)]),
    {NodeA, NodeB} = {node_of(A), node_of(B)},
    target:wait(fun() ->
        #{nodes := Nodes} = ?ON(A, sys:get_state({user_list, T})),
        Nodes =:= #{NodeA => syncs, NodeB => {deltas, 1}}
    end),
    #{version := 0, sent := #{fulls := 0}} = ?ON(A, sys:get_state({user_list, T})).
