%% rpc, erpc and remote spawn: the functions that tools and operators call.
-module(rpc_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [node_and_nodes, registered, whereis_, processes_, process_info_list, process_info_items, is_process_alive_, system_info,
     memory, statistics, undef, badarg, erpc_undef, erpc_forms, rpc_forms, multicall, casts, spawn_undef, dead_and_unknown,
     caller_that_dies, many_callers]
        ++ case target:kind() of hermod -> [rex_comes_back]; beam -> [] end.

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

node_and_nodes(C) ->
    N = given:target(C),
    #{node := P2} = given:peer(2, C),
    ?ON(given:peer(2, C), pong = net_adm:ping(N)),
    ?ON(given:peer(C), begin
        N = rpc:call(N, erlang, node, []),
        N = erpc:call(N, erlang, node, []),
        [?assert(lists:member(X, rpc:call(N, erlang, nodes, A))) || X <- [node(), P2], A <- [[], [visible], [connected]]],
        ?assertEqual([N], rpc:call(N, erlang, nodes, [this])),
        ?assertEqual([], rpc:call(N, erlang, nodes, [hidden]))
    end).

registered(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Names = rpc:call(N, erlang, registered, []),
        [?assert(lists:member(X, Names), X) || X <- [subject, net_kernel, rex, global_name_server]]
    end).

whereis_(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = rpc:call(N, erlang, whereis, [subject]),
        N = node(Pid),
        found = given:call(Pid, {echo, found}),
        undefined = rpc:call(N, erlang, whereis, [nobody])
    end).

processes_(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Before = rpc:call(N, erlang, processes, []),
        ?assert(lists:all(fun(P) -> is_pid(P) andalso node(P) =:= N end, Before)),
        ?assert(lists:member(Pid, Before)),
        ?assert(lists:member(rpc:call(N, erlang, whereis, [subject]), Before)),
        ok = gen_server:stop(Pid),
        ?assertNot(lists:member(Pid, rpc:call(N, erlang, processes, [])))
    end).

process_info_list(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = rpc:call(N, erlang, whereis, [subject]),
        Info = rpc:call(N, erlang, process_info, [Pid]),
        ?assertEqual(subject, proplists:get_value(registered_name, Info)),
        ?assertEqual(0, proplists:get_value(message_queue_len, Info)),
        ?assert(is_atom(proplists:get_value(status, Info))),
        ?assertEqual(false, proplists:get_value(trap_exit, Info)),
        ?assert(is_pid(proplists:get_value(group_leader, Info))),
        ?assert(is_list(proplists:get_value(links, Info))),
        [?assert(is_integer(proplists:get_value(K, Info)), K) || K <- [reductions, total_heap_size]]
    end).

process_info_items(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = rpc:call(N, erlang, whereis, [subject]),
        {registered_name, subject} = rpc:call(N, erlang, process_info, [Pid, registered_name]),
        {message_queue_len, 0} = rpc:call(N, erlang, process_info, [Pid, message_queue_len]),
        [{message_queue_len, 0}, {registered_name, subject}] =
            rpc:call(N, erlang, process_info, [Pid, [message_queue_len, registered_name]]),
        {memory, M} = rpc:call(N, erlang, process_info, [Pid, memory]),
        ?assert(is_integer(M) andalso M > 0),
        Child = given:child(N),
        [] = rpc:call(N, erlang, process_info, [Child, registered_name]),
        link(Child),
        Me = self(),
        {links, [Me]} = rpc:call(N, erlang, process_info, [Child, links]),
        Ref = monitor(process, Child),
        {monitored_by, [Me]} = rpc:call(N, erlang, process_info, [Child, monitored_by]),
        demonitor(Ref),
        given:call(Child, {monitor, Me}),
        {monitors, [{process, Me}]} = rpc:call(N, erlang, process_info, [Child, monitors]),
        unlink(Child),
        ok = gen_server:stop(Child),
        undefined = rpc:call(N, erlang, process_info, [Child]),
        undefined = rpc:call(N, erlang, process_info, [Child, message_queue_len])
    end).

is_process_alive_(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        true = rpc:call(N, erlang, is_process_alive, [Pid]),
        ok = gen_server:stop(Pid),
        false = rpc:call(N, erlang, is_process_alive, [Pid])
    end).

system_info(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Release = rpc:call(N, erlang, system_info, [otp_release]),
        ?assert(list_to_integer(Release) >= 25),
        [?assert(io_lib:printable_list(rpc:call(N, erlang, system_info, [K])), K) || K <- [version, system_version, system_architecture]],
        [?assert(is_integer(rpc:call(N, erlang, system_info, [K])), K) ||
            K <- [process_count, process_limit, schedulers, schedulers_online, logical_processors, wordsize]],
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, system_info, [no_such_item])
    end).

memory(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        All = rpc:call(N, erlang, memory, []),
        [?assert(is_integer(proplists:get_value(K, All)), K) ||
            K <- [total, processes, processes_used, system, atom, atom_used, binary, code, ets]],
        ?assert(proplists:get_value(total, All) > 0),
        ?assert(is_integer(rpc:call(N, erlang, memory, [total])))
    end).

statistics(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [begin
             {Total, Since} = rpc:call(N, erlang, statistics, [K]),
             ?assert(is_integer(Total) andalso is_integer(Since), K)
         end || K <- [runtime, wall_clock, reductions]],
        {{input, I}, {output, O}} = rpc:call(N, erlang, statistics, [io]),
        ?assert(is_integer(I) andalso is_integer(O)),
        ?assert(is_integer(rpc:call(N, erlang, statistics, [run_queue]))),
        {W1, _} = rpc:call(N, erlang, statistics, [wall_clock]),
        {W2, _} = target:wait(fun() -> {W, _} = R = rpc:call(N, erlang, statistics, [wall_clock]), W > W1 andalso {true, R} end),
        ?assert(W2 > W1)
    end).

undef(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        {badrpc, {'EXIT', {undef, [{no_such_module, f, [], _} | _]}}} = rpc:call(N, no_such_module, f, []),
        {badrpc, {'EXIT', {undef, [{no_such_module, f, [1, "x"], _} | _]}}} = rpc:call(N, no_such_module, f, [1, "x"]),
        {badrpc, {'EXIT', {undef, [{erlang, no_such_function, [], _} | _]}}} = rpc:call(N, erlang, no_such_function, []),
        {badrpc, {'EXIT', {undef, [{erlang, node, [1, 2, 3], _} | _]}}} = rpc:call(N, erlang, node, [1, 2, 3])
    end).

badarg(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, whereis, ["no atom"]),
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, process_info, [self()]),
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, is_process_alive, [x]),
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, process_info, [rpc:call(N, erlang, whereis, [subject]), no_item]),
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, nodes, [no_kind]),
        ?assertMatch({badrpc, {'EXIT', {_, _}}}, rpc:call(N, erlang, memory, [no_kind])),
        {badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, erlang, statistics, [no_kind])
    end).

erpc_undef(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ?assertError({exception, undef, [{no_such_module, f, [a, b], _} | _]}, erpc:call(N, no_such_module, f, [a, b])),
        ?assertError({exception, badarg, [_ | _]}, erpc:call(N, erlang, whereis, ["no atom"]))
    end).

erpc_forms(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        N = erpc:call(N, erlang, node, [], 30000),
        Id = erpc:send_request(N, erlang, node, []),
        {response, N} = erpc:wait_response(Id, 30000),
        Ids = [erpc:send_request(N, erlang, whereis, [X]) || X <- [subject, nobody]],
        [Pid, undefined] = [erpc:receive_response(I, 30000) || I <- Ids],
        N = node(Pid),
        [{ok, N}, {ok, Me}] = erpc:multicall([N, node()], erlang, node, []),
        Me = node(),
        ok = erpc:multicast([N], erlang, node, []),
        ?assertEqual([], given:mailbox())
    end).

rpc_forms(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Key = rpc:async_call(N, erlang, node, []),
        N = rpc:yield(Key),
        N = rpc:block_call(N, erlang, node, []),
        N = rpc:call(N, erlang, node, [], 30000),
        Nodes = [rpc:call(N, erlang, node, []) || _ <- lists:seq(1, 50)],
        [N] = lists:usort(Nodes)
    end).

multicall(C) ->
    N = given:target(C),
    #{node := P2} = given:peer(2, C),
    ?ON(given:peer(C), begin
        Gone = list_to_atom("gone@" ++ tl(string:find(atom_to_list(node()), "@"))),
        {[N, P2], [Gone]} = rpc:multicall([N, Gone, P2], erlang, node, [], 30000),
        {[{badrpc, {'EXIT', {undef, _}}}], []} = rpc:multicall([N], no_such_module, f, [], 30000)
    end).

casts(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        true = rpc:cast(N, erlang, node, []),
        true = rpc:cast(N, no_such_module, f, []),
        ok = erpc:cast(N, erlang, node, []),
        ok = erpc:cast(N, no_such_module, f, []),
        N = rpc:call(N, erlang, node, []),
        ?assertEqual([], given:mailbox())
    end).

%% A function that is not there: the process that was to run it has ended with that reason.
spawn_undef(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        {Pid, Ref} = spawn_monitor(N, no_such_module, f, [x]),
        ?EXPECT({'DOWN', Ref, process, Pid, {undef, [{no_such_module, f, [x], []}]}}),
        Linked = spawn_link(N, no_such_module, f, []),
        ?EXPECT({'EXIT', Linked, {undef, [{no_such_module, f, [], []}]}}),
        N = node(spawn(N, no_such_module, f, [])),
        Req = spawn_request(N, no_such_module, f, [], [monitor, {reply_tag, tag}]),
        ?EXPECT({tag, Req, ok, _}),
        ?EXPECT({'DOWN', Req, process, _, {undef, _}}),
        alive = given:call(N, {echo, alive})
    end).

dead_and_unknown(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Gone = list_to_atom("gone@" ++ tl(string:find(atom_to_list(N), "@"))),
        {badrpc, nodedown} = rpc:call(Gone, erlang, node, []),
        ?assertError({erpc, noconnection}, erpc:call(Gone, erlang, node, []))
    end).

%% Callers that are killed in the middle leave nothing that harms the next.
caller_that_dies(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pids = [spawn(fun Loop() -> rpc:call(N, erlang, processes, []), Loop() end) || _ <- lists:seq(1, 10)],
        [N = rpc:call(N, erlang, node, []) || _ <- lists:seq(1, 20)],
        [exit(P, kill) || P <- Pids],
        N = rpc:call(N, erlang, node, [])
    end).

many_callers(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        [spawn_link(fun() -> [N = erpc:call(N, erlang, node, []) || _ <- lists:seq(1, 20)], Me ! {done, I} end)
         || I <- lists:seq(1, 50)],
        [?EXPECT({done, I}) || I <- lists:seq(1, 50)]
    end).

%% Hermod only: a BEAM ends when its rex does.
rex_comes_back(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Old = rpc:call(N, erlang, whereis, [rex]),
        exit(Old, kill),
        ok = given:gone(Old),
        target:wait(fun() ->
            New = rpc:call(N, erlang, whereis, [rex]),
            is_pid(New) andalso New =/= Old
        end),
        N = rpc:block_call(N, erlang, node, [])
    end).
