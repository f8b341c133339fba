%% `hermod watch', of a BEAM and of Hermod.
-module(watch_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() -> [names, nodes_come_and_go, groups_as_they_change, another_scope, scope_started_later, json, elixir, users, other_user_list,
          ends_with_the_node, ends_in_time, nobody_there] ++ case target:kind() of hermod -> [presences, not_told]; beam -> [] end.

init_per_suite(C) ->
    case filelib:is_regular(target:hermod()) of
        true ->
            All = given:nodes(C),
            case target:kind() of
                beam -> ?ON(proplists:get_value(target, All), {ok, _} = pg:start(pg));
                hermod -> ok
            end,
            ?ON(given:peer(All), {ok, _} = pg:start(pg)),
            connect(given:peer(All), given:target(All)),
            All;
        false -> {skip, "there is no hermod program to test"}
    end.
end_per_suite(C) -> given:no_nodes(C).

connect(Peer, Node) -> true = ?ON(Peer, net_kernel:connect_node(Node)).

%% Somebody who watches, from the first line on.
watch(C, Args) -> watch_node(given:target(C), Args).
watch_node(Node, Args) ->
    W = target:start(hermod, #{name => target:unique("watch"), expect => exit, env => [{"HERMOD_COOKIE", target:cookie()}],
                               command => {target:hermod(), ["watch", "--interval", "0.05"] ++ Args ++ [atom_to_list(Node)]}}),
    target:await_line(W, "watching"),
    W.

watching(C, Fun) -> watching(C, [], Fun).
watching(C, Args, Fun) ->
    W = watch(C, Args),
    try Fun(W) after target:kill(W) end.

sees(W, Regex) -> target:await_line(W, Regex).
changes(W) -> tl(target:lines(W)).

%% The registered name of a process of the target, from its beginning to its end.
with_name(C, Name, Fun) ->
    P = given:peer(C),
    Pid = ?ON(P, given:child(given:target(C), Name)),
    Value = Fun(),
    ?ON(P, begin exit(Pid, kill), given:gone(Pid) end),
    Value.

names(C) ->
    watching(C, fun(W) ->
        with_name(C, 'odd name', fun() -> sees(W, "^registered 'odd name'$") end),
        sees(W, "^unregistered 'odd name'$"),
        with_name(C, plain, fun() -> sees(W, "^registered plain$") end),
        sees(W, "^unregistered plain$"),
        4 = length(changes(W))
    end).

nodes_come_and_go(C) ->
    New = target:start_peer(),
    Name = "'?" ++ atom_to_list(maps:get(node, New)) ++ "'?$",
    watching(C, fun(W) ->
        connect(New, given:target(C)),
        sees(W, "^nodeup " ++ Name),
        target:kill(New),
        sees(W, "^nodedown " ++ Name)
    end).

groups_as_they_change(C) ->
    P = given:peer(C),
    watching(C, fun(W) ->
        Pid = ?ON(P, begin Idle = given:idle(), pg:join({my, [group]}, [Idle, Idle]), pg:join(other, Idle), Idle end),
        Shown = "<[^ ]+@[^ ]+>$",
        sees(W, "^join pg \\{my,\\[group\\]\\} " ++ Shown),
        sees(W, "^join pg other " ++ Shown),
        ?ON(P, pg:leave(other, Pid)),
        sees(W, "^leave pg other " ++ Shown),
        ?ON(P, given:ended(Pid)),
        target:wait(fun() -> 2 =:= length([L || <<"leave pg {my", _/binary>> = L <- changes(W)]) end),
        2 = length([L || <<"join pg {my", _/binary>> = L <- changes(W)])
    end).

start_scope(C, Scope) ->
    T = proplists:get_value(target, C),
    {ok, _} = case target:kind() of
        beam -> ?ON(T, pg:start(Scope));
        hermod -> ?ON(given:peer(C), erpc:call(given:target(C), pg, start, [Scope]))
    end,
    ?ON(given:peer(C), pg:start(Scope)).

another_scope(C) ->
    start_scope(C, my_scope),
    watching(C, ["--scope", "my_scope", "--scope", "pg"], fun(W) ->
        ?ON(given:peer(C), begin Pid = given:idle(), pg:join(my_scope, g, Pid), pg:join(h, Pid), given:ended(Pid) end),
        [sees(W, L) || L <- ["^join my_scope g ", "^join pg h ", "^leave my_scope g ", "^leave pg h "]]
    end).

scope_started_later(C) ->
    watching(C, ["--scope", "late"], fun(W) ->
        start_scope(C, late),
        sees(W, "^registered late$"),
        ?ON(given:peer(C), pg:join(late, g, given:idle())),
        sees(W, "^join late g ")
    end).

json(C) ->
    watching(C, ["--json"], fun(W) ->
        [First | _] = target:lines(W),
        {match, _} = re:run(First, ["^\\{\"event\":\"watching\",\"node\":\"", atom_to_list(given:target(C)), "\",\"nodes\":\\[.*\\],\"names\":\\[.*\"net_kernel\".*\\],\"groups\":\\d+,\"presences\":\\d+\\}$"]),
        with_name(C, my_name, fun() -> sees(W, "^\\{\"event\":\"registered\",\"name\":\"my_name\"\\}$") end),
        ?ON(given:peer(C), pg:join({a, <<"b">>}, given:idle())),
        sees(W, "^\\{\"event\":\"join\",\"scope\":\"pg\",\"group\":\\[\"a\",\"b\"\\],\"pid\":\"<.*>\"\\}$")
    end).

elixir(C) ->
    watching(C, ["--elixir"], fun(W) ->
        with_name(C, 'Elixir.My.Name', fun() -> sees(W, "^registered My.Name$") end),
        ?ON(given:peer(C), pg:join({a, <<"b">>}, given:idle())),
        sees(W, "^join pg \\{:a, \"b\"\\} #PID<.*>$")
    end).

start_users(C) ->
    case target:kind() of
        beam -> people_SUITE:start_list(proplists:get_value(target, C), [{form, deltas}]);
        hermod -> ok
    end.

users(C) ->
    {P, T} = {given:peer(C), given:target(C)},
    Cast = fun(M) -> ?ON(P, gen_server:cast({user_list, T}, M)) end,
    start_users(C),
    Cast({add_user, #{id => 1}}),
    [_] = people_SUITE:users(P, T),
    watching(C, fun(W) ->
        [First | _] = target:lines(W),
        {match, _} = re:run(First, ", 1 presence$"),
        Cast({add_user, #{id => ann, name => <<"Ann">>}}),
        sees(W, "^presence_join user_list #\\{id => ann,name => <<\"Ann\">>\\}$"),
        Cast({remove_user, 1}),
        sees(W, "^presence_leave user_list #\\{id => 1\\}$"),
        2 = length(changes(W))
    end),
    watching(C, ["--json"], fun(W) ->
        Cast({add_user, #{id => 2}}),
        sees(W, "^\\{\"event\":\"presence_join\",\"tracker\":\"user_list\",\"user\":\\{\"id\":2\\}\\}$")
    end),
    watching(C, ["--elixir"], fun(W) ->
        [Cast({remove_user, Id}) || Id <- [2, ann]],
        sees(W, "^presence_leave user_list %\\{id: :ann, name: \"Ann\"\\}$"),
        sees(W, "^presence_leave user_list %\\{id: 2\\}$")
    end).

%% Something of that name that nobody knows is not asked: it could end of it.
other_user_list(C) ->
    P = given:peer(2, C),
    Pid = ?ON(P, begin Idle = given:idle(), register(user_list, Idle), Idle end),
    W = watch_node(maps:get(node, P), []),
    try
        [First | _] = target:lines(W),
        {match, _} = re:run(First, ", 0 presences$"),
        ?ON(P, register(one_more, given:idle())),
        sees(W, "^registered one_more$"),
        {messages, []} = ?ON(P, process_info(Pid, messages))
    after
        target:kill(W),
        ?ON(P, exit(Pid, kill))
    end.

presences(_) ->
    Tracker = 'Elixir.MyAppWeb.Presence',
    T = target:start(#{subject => false, args => ["--phoenix-presence", "MyAppWeb.Presence", "--phoenix-presence", "Other.Presence,pubsub=MyApp.PubSub"]}),
    P = target:start_peer(),
    N = maps:get(node, T),
    Call = fun(M) -> ?ON(P, gen_server:call({Tracker, N}, M)) end,
    Who = ?ON(P, given:idle()),
    try
        {ok, _} = Call({track, Who, <<"room:1">>, <<"ann">>, #{}}),
        W = watch_node(N, []),
        [First | _] = target:lines(W),
        {match, _} = re:run(First, ", 1 presence$"),
        {ok, _} = Call({track, Who, <<"room:2">>, <<"bob">>, #{device => phone}}),
        sees(W, "^presence_join 'Elixir.MyAppWeb.Presence' <<\"room:2\">> <<\"bob\">> #\\{device => phone,phx_ref => <<\".*\">>\\}$"),
        {ok, _} = Call({update, Who, <<"room:1">>, <<"ann">>, #{a => 1}}),
        sees(W, "^presence_leave 'Elixir.MyAppWeb.Presence' <<\"room:1\">> <<\"ann\">> #\\{phx_ref => "),
        sees(W, "^presence_join 'Elixir.MyAppWeb.Presence' <<\"room:1\">> <<\"ann\">> #\\{a => 1,"),
        ?ON(P, gen_server:call({'Elixir.Other.Presence', N}, {track, Who, <<"x">>, <<"y">>, #{}})),
        sees(W, "^presence_join 'Elixir.Other.Presence' <<\"x\">> <<\"y\">> "),
        J = watch_node(N, ["--json"]),
        ?ON(P, given:ended(Who)),
        sees(W, "^presence_leave 'Elixir.MyAppWeb.Presence' <<\"room:2\">> <<\"bob\">> "),
        sees(J, "^\\{\"event\":\"presence_leave\",\"tracker\":\"Elixir.MyAppWeb.Presence\",\"topic\":\"room:2\",\"key\":\"bob\",\"meta\":\\{\"device\":\"phone\",.*\\}\\}$"),
        %% one that ended and is there again tells again
        ?ON(P, begin exit(erpc:call(N, erlang, whereis, [Tracker]), kill), target:wait(fun() -> is_pid(erpc:call(N, erlang, whereis, [Tracker])) end) end),
        Next = ?ON(P, given:idle()),
        target:wait(fun() -> #{watchers := Watchers} = ?ON(P, sys:get_state({Tracker, N})), Watchers >= 2 end),
        {ok, _} = Call({track, Next, <<"room:3">>, <<"cy">>, #{}}),
        [sees(X, "room:3.*cy") || X <- [W, J]],
        [target:kill(X) || X <- [W, J]]
    after
        [target:stop(X) || X <- [T, P]]
    end.

ends_with_the_node(_) ->
    T = target:start(#{}),
    W = watch_node(maps:get(node, T), []),
    target:kill(T),
    3 = target:await_exit(W),
    sees(W, "is gone$").

ends_in_time(C) ->
    W = watch(C, ["--count", "1"]),
    with_name(C, once, fun() -> 0 = target:await_exit(W) end),
    [_] = changes(W),
    6 = target:await_exit(watch(C, ["--timeout", "1500"])).

nobody_there(_) ->
    {3, <<>>, Err} = target:run(target:hermod(), ["watch", "nobody_there"], #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    {match, _} = re:run(Err, "no connection to nobody_there").

not_told(_) ->
    T = target:start(#{subject => false, args => ["--deny-rpc", "erlang"]}),
    {1, <<>>, Err} = target:run(target:hermod(), ["watch", atom_to_list(maps:get(node, T))], #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    target:stop(T),
    {match, _} = re:run(Err, "does not tell of its nodes and names: undef").
