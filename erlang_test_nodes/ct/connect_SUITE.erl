%% Connections: who dials, who sees whom, names, cookies, hidden nodes, long names, IPv6, ends.
-module(connect_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [peer_dials, target_dials, target_dials_nobody, ping, ping_nobody, lists, hidden_target, hidden_peer, hidden_connection, not_allowed, monitor_nodes_on_peer,
     monitor_nodes_on_target, nodedown_reasons, names, wrong_cookie_in, wrong_cookie_out, cookie_for_one_node, long_names,
     short_meets_long, ipv6, many_at_once, both_dial_at_once, dynamic_name, name_in_use, orderly_stop, killed_and_restarted,
     reconnects_on_send, disconnected_and_back, stays_for_others].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

%% A peer whose news about nodes go to a process that keeps them.
watched(P) ->
    ?ON(P, begin
        register(watch, spawn(fun() -> ok = net_kernel:monitor_nodes(true, [nodedown_reason, {node_type, all}]), watch([]) end)),
        ok
    end).

watch(Seen) ->
    receive
        {news, From} -> From ! {news, lists:reverse(Seen)}, watch(Seen);
        {nodeup, N, I} -> watch([{nodeup, N, maps:from_list(I)} | Seen]);
        {nodedown, N, I} -> watch([{nodedown, N, maps:from_list(I)} | Seen])
    end.

%% The first news about Node of that kind, on a peer that is watched.
news(P, What, Node) ->
    ?ON(P, target:wait(fun() ->
        watch ! {news, self()},
        case ?EXPECT({news, L}, [I || {W, N, I} <- L, W =:= What, N =:= Node]) of
            [I | _] -> {true, I};
            [] -> false
        end
    end)).

peer_dials(C) ->
    N = given:target(C),
    P = #{node := Me} = target:start_peer(),
    ?ON(P, begin
        true = net_kernel:connect_node(N),
        ?assert(lists:member(N, nodes())),
        ?assertNot(lists:member(N, nodes(hidden))),
        {ok, Info} = net_kernel:node_info(N),
        ?assertEqual(normal, proplists:get_value(type, Info)),
        target:wait(fun() -> lists:member(Me, erpc:call(N, erlang, nodes, [])) end)
    end),
    target:stop(P).

target_dials(C) ->
    N = given:target(C),
    P = #{node := Me} = target:start_peer(),
    watched(P),
    true = ?ON(given:peer(C), given:call(N, {connect, Me})),
    visible = maps:get(node_type, news(P, nodeup, N)),
    ?ON(P, begin
        ?assert(lists:member(N, nodes())),
        back = given:call(N, {echo, back})
    end),
    true = ?ON(given:peer(C), given:call(N, {connect, Me})), % is there already
    target:stop(P).

target_dials_nobody(C) ->
    N = given:target(C),
    [_, Host] = string:split(atom_to_list(N), "@"),
    false = ?ON(given:peer(C), given:call(N, {connect, list_to_atom(target:unique("nobody") ++ "@" ++ Host)})),
    ?ON(given:peer(C), on = given:call(N, {echo, on})).

ping(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N),
        pong = net_adm:ping(N),
        ?assert(lists:member(N, nodes()))
    end),
    P = target:start_peer(),
    ?ON(P, pong = net_adm:ping(N)),
    target:stop(P).

ping_nobody(C) ->
    N = given:target(C),
    [_, Host] = string:split(atom_to_list(N), "@"),
    ?ON(given:peer(C), pang = net_adm:ping(list_to_atom(target:unique("nobody") ++ "@" ++ Host))).

lists(C) ->
    N = given:target(C),
    #{node := P1} = given:peer(C),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(N),
        ?assert(lists:member(N, nodes())),
        ?assert(lists:member(N, nodes(visible))),
        ?assert(lists:member(N, nodes(connected))),
        ?assert(lists:member(N, nodes(known))),
        ?assertNot(lists:member(N, nodes(hidden))),
        ?assert(lists:member(P1, erpc:call(N, erlang, nodes, [visible]))),
        ?assert(lists:member(P1, erpc:call(N, erlang, nodes, [connected]))),
        ?assertNot(lists:member(P1, erpc:call(N, erlang, nodes, [hidden]))),
        ?assertEqual([N], erpc:call(N, erlang, nodes, [this]))
    end).

hidden_target(_) ->
    T = #{node := N} = target:start(#{hidden => true}),
    P = target:start_peer(),
    watched(P),
    ?ON(P, begin
        true = net_kernel:connect_node(N),
        ?assertNot(lists:member(N, nodes())),
        ?assert(lists:member(N, nodes(hidden))),
        ?assert(lists:member(N, nodes(connected))),
        pong = net_adm:ping(N),
        works = given:call(N, {echo, works})
    end),
    hidden = maps:get(node_type, news(P, nodeup, N)),
    0 = target:shutdown(T),
    hidden = maps:get(node_type, news(P, nodedown, N)),
    target:stop(P).

hidden_peer(C) ->
    N = given:target(C),
    P = #{node := Me} = target:start_peer(#{hidden => true}),
    ?ON(P, begin
        true = net_kernel:connect_node(N),
        ?assertNot(lists:member(N, nodes())),
        ?assert(lists:member(N, nodes(hidden))),
        works = given:call(N, {echo, works}),
        target:wait(fun() -> lists:member(Me, erpc:call(N, erlang, nodes, [hidden])) end),
        ?assertNot(lists:member(Me, erpc:call(N, erlang, nodes, [])))
    end),
    target:stop(P).

%% Both nodes are visible, and this connection is not.
hidden_connection(C) ->
    N = given:target(C),
    P = #{node := Me} = target:start_peer(),
    ?ON(P, begin
        true = net_kernel:hidden_connect_node(N),
        ?assertEqual([], nodes()),
        ?assertEqual([N], nodes(hidden)),
        works = given:call(N, {echo, works}),
        ?assert(lists:member(Me, erpc:call(N, erlang, nodes, [hidden]))),
        ?assertNot(lists:member(Me, erpc:call(N, erlang, nodes, [])))
    end),
    target:stop(P).

%% A peer that lets only others in (net_kernel:allow/1): not_allowed, in both directions, until it lets us.
not_allowed(C) ->
    N = given:target(C),
    P = #{node := Me} = target:start_peer(#{args => ["-connect_all", "false"]}),
    ?ON(P, ok = net_kernel:allow(['somebody@else'])),
    false = ?ON(given:peer(C), given:call(N, {connect, Me})),
    case given:kind_of(C) of
        hermod -> target:await_line(proplists:get_value(target, C), " warn +hs\\.not_allowed .*" ++ atom_to_list(Me));
        beam -> ok
    end,
    ?ON(P, begin
        false = net_kernel:connect_node(N),
        ok = net_kernel:allow([N]),
        true = net_kernel:connect_node(N)
    end),
    target:stop(P).

monitor_nodes_on_peer(_) ->
    T = #{node := N} = target:start(#{}),
    P = target:start_peer(),
    ?ON(P, begin
        ok = net_kernel:monitor_nodes(true),
        pong = net_adm:ping(N),
        ?EXPECT({nodeup, N}),
        true = erlang:disconnect_node(N),
        ?EXPECT({nodedown, N}),
        pong = net_adm:ping(N),
        ?EXPECT({nodeup, N}),
        monitor_node(N, true),
        os:cmd("kill -TERM " ++ integer_to_list(maps:get(ospid, T))),
        Once = receive {nodedown, N} = M -> M end,
        ?EXPECT(Once),
        ?assertEqual([], given:mailbox())
    end),
    0 = target:await_exit(T),
    target:stop(P).

monitor_nodes_on_target(C) ->
    N = given:target(C),
    ?ON(given:peer(C), pong = net_adm:ping(N)),
    Sub = ?ON(given:peer(C), begin S = given:child(N), ok = given:call(S, {monitor_nodes, true}), S end),
    P = #{node := Node} = target:start_peer(),
    ?ON(P, pong = net_adm:ping(N)),
    Seen = fun(What) ->
        ?ON(given:peer(C), target:wait(fun() -> lists:member({info, {What, Node}}, given:call(Sub, events)) end))
    end,
    Seen(nodeup),
    target:kill(P),
    Seen(nodedown),
    ?ON(given:peer(C), begin
        [{info, {nodeup, Node}}, {info, {nodedown, Node}}] =
            [E || E = {info, {_, X}} <- given:call(Sub, events), X =:= Node],
        ok = given:call(Sub, {monitor_nodes, false})
    end).

nodedown_reasons(_) ->
    P = target:start_peer(),
    watched(P),
    [begin
         T = #{node := N} = target:start(#{}),
         ?ON(P, pong = net_adm:ping(N)),
         End(T),
         connection_closed = maps:get(nodedown_reason, news(P, nodedown, N))
     end || End <- [fun target:kill/1, fun target:shutdown/1]],
    target:stop(P).

%% epmd knows the node under its name and its port, and forgets it.
names(_) ->
    T = #{node := N} = target:start(#{}),
    [Name, Host] = string:split(atom_to_list(N), "@"),
    P = target:start_peer(),
    ?ON(P, begin
        {ok, Names} = net_adm:names(),
        {Name, Port} = lists:keyfind(Name, 1, Names),
        {port, Port, Version} = erl_epmd:port_please(Name, Host),
        ?assert(Version >= 5),
        {ok, S} = gen_tcp:connect(Host, Port, []),
        gen_tcp:close(S)
    end),
    0 = target:shutdown(T),
    ?ON(P, begin
        target:wait(fun() -> {ok, L} = net_adm:names(), not lists:keymember(Name, 1, L) end),
        noport = erl_epmd:port_please(Name, Host)
    end),
    target:stop(P).

wrong_cookie_in(C) ->
    N = given:target(C),
    P = #{node := Me} = target:start_peer(#{cookie => "another"}),
    ?ON(P, begin
        false = net_kernel:connect_node(N),
        pang = net_adm:ping(N),
        ?assertEqual([], nodes(connected))
    end),
    %% The log of the one that refused says who and why.
    target:await_line(proplists:get_value(target, C), cookie_refused(given:kind_of(C), Me)),
    ?ON(given:peer(C), on = given:call(N, {echo, on})),
    target:stop(P).

cookie_refused(beam, Peer) -> "from node '?" ++ atom_to_list(Peer) ++ "'? rejected. Invalid challenge reply";
cookie_refused(hermod, Peer) -> " warn +hs\\.cookie .*" ++ atom_to_list(Peer).

wrong_cookie_out(C) ->
    N = given:target(C),
    P = #{node := Other} = target:start_peer(#{cookie => "another"}),
    false = ?ON(given:peer(C), given:call(N, {connect, Other})),
    ?ON(P, ?assertEqual([], nodes(connected))),
    target:await_line(P, cookie_refused(beam, N)),
    target:stop(P).

%% A peer that has our cookie for us only.
cookie_for_one_node(C) ->
    N = given:target(C),
    P = target:start_peer(#{cookie => "another"}),
    Cookie = list_to_atom(target:cookie()),
    ?ON(P, begin
        true = erlang:set_cookie(N, Cookie),
        pong = net_adm:ping(N)
    end),
    target:stop(P).

long_names(_) ->
    T = #{node := N} = target:start(#{long => true, host => "127.0.0.1"}),
    P = #{node := Me} = target:start_peer(#{long => true, host => "127.0.0.1"}),
    ?assertMatch([_, "127.0.0.1"], string:split(atom_to_list(N), "@")),
    ?ON(P, begin
        pong = net_adm:ping(N),
        true = erlang:disconnect_node(N),
        long = given:call(N, {echo, long})
    end),
    P2 = #{node := Other} = target:start_peer(#{long => true, host => "127.0.0.1"}),
    ?ON(P, true = given:call(N, {connect, Other})),
    ?ON(P2, given:visible(N)),
    ?ON(P, ?assert(lists:member(Me, erpc:call(N, erlang, nodes, [])))),
    [target:stop(X) || X <- [T, P, P2]].

%% A short name cannot dial a long one nor the other way round, and nobody is harmed.
short_meets_long(C) ->
    N = given:target(C),
    P = #{node := Long} = target:start_peer(#{long => true, host => "127.0.0.1"}),
    ?ON(P, ?assertNotEqual(true, net_kernel:connect_node(N))),
    ?ON(given:peer(C), begin
        false = given:call(N, {connect, Long}),
        on = given:call(N, {echo, on})
    end),
    target:stop(P).

ipv6(_) ->
    case gen_tcp:listen(0, [inet6, {ip, {0, 0, 0, 0, 0, 0, 0, 1}}]) of
        {ok, L} ->
            gen_tcp:close(L),
            Opts = #{long => true, host => "::1", family => inet6},
            T = #{node := N} = target:start(Opts),
            P = #{node := Me} = target:start_peer(Opts),
            ?ON(P, begin
                pong = net_adm:ping(N),
                six = given:call(N, {echo, six})
            end),
            P2 = #{node := Other} = target:start_peer(Opts),
            ?ON(P, true = given:call(N, {connect, Other})),
            ?ON(P2, given:visible(N)),
            ?ON(P, ?assert(lists:member(Me, erpc:call(N, erlang, nodes, [])))),
            [target:stop(X) || X <- [T, P, P2]];
        {error, _} -> {skip, "no IPv6 here"}
    end.

%% Eight nodes dial the target while it dials them: one connection to each is what remains.
many_at_once(_) ->
    Names = [target:unique("many") || _ <- lists:seq(1, 8)],
    Nodes = [list_to_atom(Name ++ "@" ++ target:host()) || Name <- Names],
    TName = target:unique("dialled"),
    Target = list_to_atom(TName ++ "@" ++ target:host()),
    Me = self(),
    Start = fun(F) -> spawn_link(fun() -> T = F(), Me ! {started, self(), T} end) end,
    PeerPids = [Start(fun() -> target:start_peer(#{name => Name, connect => [Target]}) end) || Name <- Names],
    Peers = [?EXPECT({started, Pid, T}, T) || Pid <- PeerPids],
    %% each dials from now on, as often as it can, until the target is there
    Dialling = [spawn_link(fun() -> ?ON(P, subject:dial(Target)), Me ! {connected, self()} end) || P <- Peers],
    T = #{node := Target} = target:start(#{name => TName, connect => Nodes}),
    [?EXPECT({connected, D}) || D <- Dialling],
    Checks = [spawn_link(fun() ->
                  ?ON(P, begin
                      target:wait(fun() -> lists:member(Target, nodes()) end),
                      [I = given:call(Target, {echo, I}) || I <- lists:seq(1, 50)],
                      ok = net_kernel:monitor_nodes(true),
                      pong = net_adm:ping(Target)
                  end),
                  Me ! {checked, self()}
              end) || P <- Peers],
    [?EXPECT({checked, K}) || K <- Checks],
    ?ON(hd(Peers), target:wait(fun() -> lists:sort(Nodes) =:= lists:sort(erpc:call(Target, erlang, nodes, [])) end)),
    [target:stop(X) || X <- [T | Peers]].

%% The simultaneous connect on purpose, many times, with one peer whose name is less and one whose name is greater.
both_dial_at_once(_) ->
    T = #{node := N} = target:start(#{name => target:unique("mmm")}),
    P0 = target:start_peer(),
    Peers = [target:start_peer(#{name => target:unique(Name)}) || Name <- ["aaa", "zzz"]],
    [begin
         Me = self(),
         Other = maps:get(node, P),
         [begin
              A = spawn_link(fun() -> Me ! {self(), ?ON(P, net_kernel:connect_node(N))} end),
              B = spawn_link(fun() -> Me ! {self(), ?ON(P0, given:call(N, {connect, Other}))} end),
              ?EXPECT({A, true}),
              ?EXPECT({B, true}),
              ?ON(P, begin
                  I = given:call(N, {echo, I}),
                  true = erlang:disconnect_node(N)
              end),
              ?ON(P0, target:wait(fun() -> not lists:member(Other, erpc:call(N, erlang, nodes, [])) end))
          end || I <- lists:seq(1, 10)]
     end || P <- Peers],
    [target:stop(X) || X <- [T, P0 | Peers]].

%% `erl -remsh' and `-sname undefined': the node gets its name from the first one it dials.
dynamic_name(C) ->
    N = given:target(C),
    P = target:start_peer(#{dynamic => true}),
    case given:kind_of(C) of
        beam ->
            ?ON(P, begin
                true = net_kernel:connect_node(N),
                ?assert(node() =/= nonode@nohost),
                ?assert(lists:member(N, nodes(hidden))),
                named = given:call(N, {echo, named})
            end);
        hermod ->
            %% Either it gives a name as a BEAM does, or it refuses; never a peer with half a name.
            ?ON(P, case net_kernel:connect_node(N) of
                true -> named = given:call(N, {echo, named});
                _ -> ?assertEqual([], nodes(connected))
            end)
    end,
    ?ON(given:peer(C), begin
        on = given:call(N, {echo, on}),
        [] = [X || X <- erpc:call(N, erlang, nodes, [connected]), not lists:member($@, atom_to_list(X))]
    end),
    target:stop(P).

%% A second node of the same name does not start, and the first does not notice.
name_in_use(C) ->
    N = given:target(C),
    [Name, _] = string:split(atom_to_list(N), "@"),
    T = target:start(#{name => Name, expect => exit}),
    Status = target:await_exit(T),
    ?assert(is_integer(Status) andalso Status =/= 0),
    ?assert(lists:any(fun(L) -> re:run(L, "in use|taken|already|duplicate", [caseless]) =/= nomatch end, target:lines(T))),
    ?ON(given:peer(C), on = given:call(N, {echo, on})).

%% SIGTERM: peers see nodedown at once, epmd forgets the name, the exit status is 0.
orderly_stop(_) ->
    T = #{node := N} = target:start(#{}),
    [Name, _] = string:split(atom_to_list(N), "@"),
    P = target:start_peer(),
    ?ON(P, begin
        pong = net_adm:ping(N),
        monitor_node(N, true),
        os:cmd("kill -TERM " ++ integer_to_list(maps:get(ospid, T))),
        ?EXPECT({nodedown, N}),
        target:wait(fun() -> {ok, L} = net_adm:names(), not lists:keymember(Name, 1, L) end)
    end),
    0 = target:await_exit(T),
    target:stop(P).

%% Gone without a word and back under its name: another creation, so the old pids are dead.
killed_and_restarted(_) ->
    Name = target:unique("again"),
    T = #{node := N} = target:start(#{name => Name}),
    P = target:start_peer(),
    Old = ?ON(P, begin pong = net_adm:ping(N), given:child(N) end),
    Local = ?ON(P, erpc:call(N, erlang, whereis, [subject])),
    target:kill(T),
    ?ON(P, begin
        given:not_connected(N),
        target:wait(fun() -> {ok, L} = net_adm:names(), not lists:keymember(Name, 1, L) end)
    end),
    T2 = #{node := N} = target:start(#{name => Name}),
    ?ON(P, begin
        pong = net_adm:ping(N),
        New = erpc:call(N, erlang, whereis, [subject]),
        ?assertNotEqual(Local, New),
        [begin
             ?assertExit({noproc, _}, gen_server:call(Pid, {echo, old}, 30000)),
             Ref = monitor(process, Pid),
             ?EXPECT({'DOWN', Ref, process, Pid, noproc}),
             exit(Pid, kill),
             Pid ! hello
         end || Pid <- [Old, Local]],
        new = given:call(New, {echo, new}),
        [] = given:call(New, events)
    end),
    [target:stop(X) || X <- [T2, P]].

%% Whoever has something to say connects.
reconnects_on_send(C) ->
    N = given:target(C),
    P = #{node := Me} = target:start_peer(),
    ?ON(P, begin
        pong = net_adm:ping(N),
        true = erlang:disconnect_node(N),
        register(me, spawn(fun() -> receive hello -> receive {ask, From} -> From ! {had, hello} end end end)),
        ok
    end),
    ?ON(given:peer(C), begin
        target:wait(fun() -> not lists:member(Me, erpc:call(N, erlang, nodes, [])) end),
        ok = given:call(N, {send, {me, Me}, hello})
    end),
    ?ON(P, begin
        me ! {ask, self()},
        ?EXPECT({had, hello}),
        given:visible(N)
    end),
    target:stop(P).

%% A peer that disconnects and has something to say at once: we may hear of the new connection before the end of the old one (alive).
disconnected_and_back(C) ->
    N = given:target(C),
    Peers = [target:start_peer(#{args => ["-connect_all", "false"]}) || _ <- [1, 2]],
    Me = self(),
    Busy = [spawn_link(fun() ->
                ?ON(P, [begin
                    I = given:call(N, {echo, I}),
                    true = erlang:disconnect_node(N),
                    Ref = make_ref(),
                    case I rem 3 of 0 -> ok; 1 -> pong = net_adm:ping(N); 2 -> true = net_kernel:connect_node(N) end,
                    ok = given:call(N, {send, self(), Ref}),
                    ?EXPECT(Ref)
                end || I <- lists:seq(1, 100)]),
                Me ! {done, self()}
            end) || P <- Peers],
    [?EXPECT({done, B}) || B <- Busy],
    [target:stop(P) || P <- Peers].

%% The end of one peer is nothing to the others.
stays_for_others(C) ->
    N = given:target(C),
    #{node := P1} = given:peer(C),
    ?ON(given:peer(C), begin pong = net_adm:ping(N), ok end),
    Watch = ?ON(given:peer(C), begin S = given:child(N), ok = given:call(S, {monitor_nodes, true}), S end),
    [begin
         P = #{node := Node} = target:start_peer(#{args => ["-connect_all", "false"]}),
         ?ON(P, pong = net_adm:ping(N)),
         target:kill(P),
         ?ON(given:peer(C), target:wait(fun() -> lists:member({info, {nodedown, Node}}, given:call(Watch, events)) end))
     end || _ <- [1, 2]],
    ?ON(given:peer(C), [] = [E || E = {info, {nodedown, X}} <- given:call(Watch, events), X =:= P1]).
