#!/usr/bin/env escript
%% Records what a BEAM's global_name_server says to another one's, as it arrives there:
%%   test/golden/global.escript FOLDER      FOLDER is test/golden/otp25, say
%% global_WAY_KIND_N.bin: term_to_binary of the message without its wrapping; WAY is cast, call or plain. The first nine of each kind,
%% from three nodes that meet, change names of all sorts, and lose each other.
-mode(compile).

main([Folder]) ->
    ok = filelib:ensure_dir(filename:join(Folder, "x")),
    [] = os:cmd("epmd -daemon"),
    wait(fun() -> string:prefix(os:cmd("epmd -names"), "epmd: up") =/= nomatch end),
    {ok, _} = net_kernel:start(['golden_m', shortnames]),
    erlang:set_cookie(golden),
    {PeerA, A} = start("golden_a"),
    {PeerZ, Z} = start("golden_z"),
    call(PeerA, global, register_name, [plain, call(PeerA, erlang, whereis, [init])]),
    call(PeerA, global, register_name, [{tuple, 1}, call(PeerA, erlang, whereis, [kernel_sup]), fun global:random_notify_name/3]),
    call(PeerA, global, register_name, [<<"clash">>, call(PeerA, erlang, whereis, [rex]), fun global:notify_all_name/3]),
    call(PeerZ, global, register_name, [<<"clash">>, call(PeerZ, erlang, whereis, [rex]), fun global:notify_all_name/3]),
    call(PeerZ, global, register_name, [unique, call(PeerZ, erlang, whereis, [user])]),
    Server = whereis(global_name_server),
    erlang:trace(Server, true, ['receive']),
    true = net_kernel:connect_node(A),
    ok = global:sync(),
    call(PeerA, global, register_name_external, [external, call(PeerA, erlang, whereis, [user])]),
    true = call(PeerA, net_kernel, connect_node, [Z]),
    wait(fun() -> lists:sort(nodes()) =:= lists:sort([A, Z]) end),
    ok = global:sync(),
    ok = call(PeerA, global, sync, []),
    ok = call(PeerZ, global, sync, []),
    yes = call(PeerZ, global, register_name, [later, call(PeerZ, erlang, whereis, [init])]),
    yes = call(PeerZ, global, re_register_name, [later, call(PeerZ, erlang, whereis, [kernel_sup])]),
    ok = call(PeerZ, global, unregister_name, [later]),
    true = call(PeerA, global, set_lock, [{resource, requester}]),
    true = call(PeerA, global, del_lock, [{resource, requester}]),
    %% the others lose each other, and then us
    true = call(PeerA, erlang, disconnect_node, [Z]),
    wait(fun() -> length(nodes()) < 2 end),
    meet(PeerA, A, PeerZ, Z),
    true = erlang:disconnect_node(A),
    wait(fun() -> nodes() =:= [] end),
    %% two partitions, and a name that the other one keeps
    true = call(PeerA, net_kernel, connect_node, [Z]),
    wait(fun() -> ok = call(PeerA, global, sync, []), lists:member(Z, call(PeerA, erlang, nodes, [])) end),
    wait(fun() -> call(PeerA, global, register_name, [contest, call(PeerA, erlang, whereis, [code_server]), fun global:random_notify_name/3]),
                  is_pid(call(PeerA, global, whereis_name, [contest])) end),
    yes = global:register_name(contest, whereis(init), fun global:random_notify_name/3),
    true = net_kernel:connect_node(A),
    ok = global:sync(),
    wait(fun() -> length(nodes()) =:= 2 end),
    ok = global:sync(),
    true = erlang:disconnect_node(A),
    wait(fun() -> erlang:disconnect_node(Z), nodes() =:= [] end),
    %% a session that is out of step: a second init_connect while the first is being served
    true = net_kernel:connect_node(A),
    Locker = element(8, global:info()),
    [gen_server:cast({global_name_server, A}, {init_connect, {8, 123}, node(), {locker, no_longer_a_pid, #{}, Locker}}) || _ <- [1, 2]],
    timer:sleep(300),
    erlang:trace(Server, false, ['receive']),
    Messages = messages(),
    Kept = keep(Messages, #{}, []),
    [ok = file:write_file(filename:join(Folder, lists:flatten(io_lib:format("global_~s_~s_~b.bin", [Way, Kind, N]))),
                          term_to_binary(Term, [{minor_version, 2}]))
     || {Way, Kind, N, Term} <- Kept],
    io:format("~b messages, ~b kept: ~p~n", [length(Messages), length(Kept), lists:usort([{W, K} || {W, K, _, _} <- Kept])]),
    peer:stop(PeerA),
    peer:stop(PeerZ).

start(Name) ->
    {ok, Peer, Node} = peer:start_link(#{name => Name, connection => standard_io, args => ["-setcookie", "golden"]}),
    {Peer, Node}.

call(Peer, M, F, A) ->
    peer:call(Peer, M, F, A).

meet(PeerA, A, PeerZ, Z) ->
    [erlang:disconnect_node(Node) || Node <- nodes()],
    wait(fun() -> nodes() =:= [] andalso call(PeerA, erlang, nodes, []) =:= [] andalso call(PeerZ, erlang, nodes, []) =:= [] end),
    true = net_kernel:connect_node(A),
    true = net_kernel:connect_node(Z),
    wait(fun() -> lists:member(A, call(PeerZ, erlang, nodes, [])) end),
    wait(fun() -> ok = global:sync(), ok = call(PeerA, global, sync, []), ok = call(PeerZ, global, sync, []), true end).

wait(Fun) ->
    wait(Fun, 200).

wait(Fun, N) when N > 0 ->
    case Fun() of
        true -> ok;
        false -> timer:sleep(50), wait(Fun, N - 1)
    end.

messages() ->
    receive
        {trace, _, 'receive', Message} -> [Message | messages()]
    after 200 -> []
    end.

keep([], _, Kept) ->
    lists:reverse(Kept);
keep([Message | Rest], Counts, Kept) ->
    case classify(Message) of
        {Way, Kind, Term} ->
            case maps:get({Way, Kind}, Counts, 0) of
                N when N < 9 ->
                    keep(Rest, Counts#{{Way, Kind} => N + 1}, [{Way, Kind, N + 1, Term} | Kept]);
                _ ->
                    keep(Rest, Counts, Kept)
            end;
        ignore ->
            keep(Rest, Counts, Kept)
    end.

classify({'$gen_cast', Term}) when is_tuple(Term) -> remote(cast, Term);
classify({'$gen_call', _, Term}) when is_tuple(Term) -> remote(call, Term);
classify(Term) when is_tuple(Term) -> remote(plain, Term);
classify(_) -> ignore.

%% Not what a node's own processes say to its server.
remote(Way, Term) ->
    Kind = element(1, Term),
    Wanted = [init_connect, lock_set, exchange, resolved, new_nodes, in_sync, init_connect_ack, cancel_connect, lost_connection,
              remove_connection, set_lock, del_lock, register, register_ext, unregister],
    Own = Way =:= cast andalso Kind =:= in_sync andalso element(2, Term) =:= node(),
    case lists:member(Kind, Wanted) andalso not Own of
        true -> {Way, Kind, Term};
        false -> ignore
    end.
