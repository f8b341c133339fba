%% Functions of the target, exported by C code on Hermod: called, spawned, linked, watched, killed; and what the target calls and spawns elsewhere.
-module(spawn_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [{group, called}, {group, spawned}, {group, hidden}, {group, outward}, {group, lacking}, {group, junk}]
        ++ case target:kind() of hermod -> [{group, hermod_only}]; beam -> [] end.

groups() ->
    [{called, [], [outcomes, outcomes_later_and_from_the_pool, erpc_timeouts, requests, multicalls, block_calls, server_calls,
                   sbcasts, maps, one_process_each, at_the_same_time, large_arguments]},
     {spawned, [], [spawn_links, spawn_monitors, spawn_opts, spawn_requests, spawn_request_replies, killed, ended_by_link,
                    callers_that_die, leaders, stray_messages]},
     {hidden, [], [outcomes, requests, spawn_links, spawn_requests]},
     {outward, [], [calls_out, calls_out_fail, casts_out, spawns_out, spawns_out_fail, spawners_that_end, calls_each_other]},
     {lacking, [], [without_any, without_exit_payload, with_everything]},
     {junk, [], [odd_spawn_requests, odd_requests_to_rex, odd_spawn_replies]},
     {hermod_only, [], [rules, odd_answers]}].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

init_per_group(hidden, C) ->
    P = target:start_peer(#{hidden => true}),
    [{shown, proplists:get_value(peer1, C)}, {peer1, P} | proplists:delete(peer1, C)];
init_per_group(_, C) -> C.

end_per_group(hidden, C) ->
    target:stop(proplists:get_value(peer1, C)),
    ok;
end_per_group(_, _) -> ok.

%% ---- called

outcomes(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [T = erpc:call(N, callable, echo, [T]) ||
            T <- [1, a, "text", <<"bin">>, [1, 2], [1 | 2], #{a => 1.5}, self(), make_ref(), {1, [], <<>>}, fun lists:map/2]],
        {1, 2, 3, 4, 5, 6, 7, "8"} = rpc:call(N, callable, eight, [1, 2, 3, 4, 5, 6, 7, "8"]),
        {ball, 1} = rpc:call(N, callable, raise, [throw, {ball, 1}]),
        {badrpc, {'EXIT', {out, 1}}} = rpc:call(N, callable, raise, [exit, {out, 1}]),
        {badrpc, {'EXIT', {{bad, 1}, [{callable, raise, _, _} | _]}}} = rpc:call(N, callable, raise, [error, {bad, 1}]),
        ?assertThrow({ball, 1}, erpc:call(N, callable, raise, [throw, {ball, 1}])),
        ?assertExit({exception, {out, 1}}, erpc:call(N, callable, raise, [exit, {out, 1}])),
        ?assertError({exception, {bad, 1}, [{callable, raise, _, _} | _]}, erpc:call(N, callable, raise, [error, {bad, 1}])),
        ?assertError({exception, undef, [{callable, echo, [], _} | _]}, erpc:call(N, callable, echo, [])),
        ?assertError({exception, undef, [{callable, no_such, [1], _} | _]}, erpc:call(N, callable, no_such, [1])),
        N = erpc:call(N, erlang, apply, [erlang, node, []]),
        via = erpc:call(N, erlang, apply, [fun callable:echo/1, [via]]),
        ?assertEqual([], given:mailbox())
    end).

outcomes_later_and_from_the_pool(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        slept = rpc:call(N, callable, sleep, [10, slept]),
        slept = erpc:call(N, callable, sleep, [0, slept]),
        5000050000 = rpc:call(N, callable, sum, [100000]),
        ?assertError({exception, badarg, [{callable, sum, _, _} | _]}, erpc:call(N, callable, sum, [x])),
        %% the node answers while a function takes its time
        Slow = erpc:send_request(N, callable, sleep, [1000, slow]),
        quick = rpc:call(N, callable, echo, [quick]),
        no_response = erpc:wait_response(Slow, 0),
        slow = erpc:receive_response(Slow, ?PATIENCE)
    end).

erpc_timeouts(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ?assertError({erpc, timeout}, erpc:call(N, callable, wait, [self()], 50)),
        ?EXPECT({waiting, Pid}, begin
            %% the call was given up, what it called goes on
            true = rpc:call(N, erlang, is_process_alive, [Pid]),
            exit(Pid, kill)
        end),
        {badrpc, timeout} = rpc:call(N, callable, sleep, [200, late], 20),
        alive = rpc:call(N, callable, sleep, [300, alive]),
        ?assertEqual([], given:mailbox())
    end).

requests(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Ids = [erpc:send_request(N, callable, sleep, [(10 - I) * 5, I]) || I <- lists:seq(1, 10)],
        ?assertEqual(lists:seq(1, 10), [erpc:receive_response(Id, ?PATIENCE) || Id <- Ids]),
        Bad = erpc:send_request(N, callable, raise, [exit, out]),
        ?assertExit({exception, out}, erpc:receive_response(Bad, ?PATIENCE)),
        Keys = [rpc:async_call(N, callable, echo, [I]) || I <- lists:seq(1, 5)],
        [1, 2, 3, 4, 5] = [rpc:yield(K) || K <- Keys],
        Key = rpc:async_call(N, callable, sleep, [100, done]),
        timeout = rpc:nb_yield(Key),
        {value, done} = rpc:nb_yield(Key, ?PATIENCE),
        ?assertEqual([], given:mailbox())
    end).

multicalls(C) ->
    N = given:target(C),
    #{node := P2} = given:peer(2, C),
    ?ON(given:peer(C), begin
        Me = node(),
        [{ok, x}, {ok, x}, {ok, x}] = erpc:multicall([N, P2, Me], callable, echo, [x]),
        [{throw, x}, {throw, x}] = erpc:multicall([N, P2], callable, raise, [throw, x]),
        [{exit, {exception, x}}] = erpc:multicall([N], callable, raise, [exit, x]),
        [{error, {erpc, timeout}}, {error, {erpc, timeout}}] = erpc:multicall([N, P2], callable, sleep, [1000, x], 20),
        {[x, x], []} = rpc:multicall([N, P2], callable, echo, [x]),
        {Results, []} = rpc:multicall([N, N, N, P2], callable, sleep, [20, x]),
        [x, x, x, x] = Results,
        ok = erpc:multicast([N, P2], callable, wait, [self()]),
        Pids = [?EXPECT({waiting, Pid}, Pid) || _ <- [1, 2]],
        ?assertEqual(lists:sort([N, P2]), lists:sort([node(P) || P <- Pids])),
        [exit(P, kill) || P <- Pids],
        {pong, _} = {net_adm:ping(N), rpc:pinfo(rpc:call(N, erlang, whereis, [rex]), links)}
    end).

%% rex runs one of them at a time.
block_calls(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        Order = [slow, quick],
        [begin
             spawn_link(fun() ->
                 rpc:call(N, callable, echo, [in_order]), %% connected
                 Me ! {asking, What},
                 Me ! {done, rpc:block_call(N, callable, sleep, [Ms, What])}
             end),
             ?EXPECT({asking, What}),
             %% The request is on its way, behind it on the same connection this one, which needs no rex.
             target:wait(fun() -> rpc:call(N, erlang, node, []) =:= N end)
         end || {What, Ms} <- [{slow, 300}, {quick, 0}]],
        First = receive {done, F} -> F after ?PATIENCE -> error(nothing) end,
        Second = receive {done, S} -> S after ?PATIENCE -> error(nothing) end,
        ?assertEqual(Order, [First, Second]),
        {badrpc, {'EXIT', out}} = rpc:block_call(N, callable, raise, [exit, out]),
        ball = rpc:block_call(N, callable, raise, [throw, ball]),
        {badrpc, timeout} = rpc:block_call(N, callable, sleep, [200, x], 10),
        N = rpc:block_call(N, erlang, node, [])
    end).

server_calls(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = target_name,
        Server = given:child(N, Name),
        ok = given:call(Server, {report, self()}),
        Me = self(),
        spawn_link(fun() -> Me ! {answer, rpc:server_call(N, Name, wrapper, hello)} end),
        ?EXPECT({subject, Server, {info, {Caller, hello}}}, given:call(Server, {send, Caller, {wrapper, N, answered}})),
        ?EXPECT({answer, answered}),
        {error, nodedown} = rpc:server_call(N, no_such_server, wrapper, hello),
        ok = gen_server:stop(Server)
    end).

sbcasts(C) ->
    N = given:target(C),
    #{node := P2} = given:peer(2, C),
    ?ON(given:peer(C), begin
        Server = given:child(N, here_only),
        ok = given:call(Server, {report, self()}),
        {[N], [P2]} = rpc:sbcast([N, P2], here_only, hello),
        ?EXPECT({subject, Server, {info, hello}}),
        abcast = rpc:abcast([N, P2], here_only, again),
        ?EXPECT({subject, Server, {info, again}}),
        {[], [N]} = rpc:sbcast([N], nowhere, hello),
        ok = gen_server:stop(Server)
    end).

maps(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        true = lists:member(N, nodes()),
        ?assertEqual(lists:seq(1, 12), rpc:pmap({callable, echo}, [], lists:seq(1, 12))),
        ?assertEqual([a, b], rpc:parallel_eval([{callable, echo, [a]}, {callable, echo, [b]}])),
        rpc:eval_everywhere([N], callable, wait, [self()]),
        ?EXPECT({waiting, Pid}, exit(Pid, kill))
    end).

one_process_each(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pids = [rpc:call(N, callable, me, []) || _ <- lists:seq(1, 10)],
        ?assertEqual(10, length(lists:usort(Pids))),
        [N] = lists:usort([node(P) || P <- Pids]),
        [ok = given:gone(P) || P <- Pids]
    end).

at_the_same_time(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Ids = [{I, erpc:send_request(N, callable, F, A(I))} ||
                  I <- lists:seq(1, 200), {F, A} <- [{echo, fun(X) -> [X] end}, {sleep, fun(X) -> [X rem 20, X] end}]],
        [I = erpc:receive_response(Id, ?PATIENCE) || {I, Id} <- Ids],
        Sums = [erpc:send_request(N, callable, sum, [I]) || I <- lists:seq(1, 100)],
        ?assertEqual([I * (I + 1) div 2 || I <- lists:seq(1, 100)], [erpc:receive_response(Id, ?PATIENCE) || Id <- Sums])
    end).

large_arguments(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Large = binary:copy(<<"0123456789">>, 200000),
        Large = rpc:call(N, callable, echo, [Large]),
        List = lists:seq(1, 100000),
        List = erpc:call(N, callable, echo, [List]),
        Bytes = [200 || _ <- lists:seq(1, 60000)],
        Bytes = erpc:call(N, callable, echo, [Bytes])
    end).

%% ---- spawned

spawn_links(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Normal = spawn_link(N, callable, echo, [x]),
        ?EXPECT({'EXIT', Normal, normal}),
        Out = spawn_link(N, callable, raise, [exit, out]),
        ?EXPECT({'EXIT', Out, out}),
        Bad = spawn_link(N, callable, raise, [error, bad]),
        ?EXPECT({'EXIT', Bad, {bad, [{callable, raise, _, _} | _]}}),
        Ball = spawn_link(N, callable, raise, [throw, ball]),
        ?EXPECT({'EXIT', Ball, {{nocatch, ball}, _}}),
        Waiting = spawn_link(N, callable, wait, [self()]),
        ?EXPECT({waiting, Waiting}),
        unlink(Waiting),
        exit(Waiting, kill),
        ok = given:gone(Waiting),
        ?assertEqual([], given:mailbox())
    end).

spawn_monitors(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [begin
             {Pid, Ref} = spawn_monitor(N, callable, F, A),
             ?EXPECT({'DOWN', Ref, process, Pid, Why}, true = Check(Why))
         end || {F, A, Check} <- [{echo, [x], fun(W) -> W =:= normal end},
                                  {sleep, [10, x], fun(W) -> W =:= normal end},
                                  {sum, [10], fun(W) -> W =:= normal end},
                                  {raise, [exit, out], fun(W) -> W =:= out end},
                                  {raise, [error, bad], fun({bad, [_ | _]}) -> true; (_) -> false end}]],
        {Pid, Ref} = spawn_monitor(N, callable, wait, [self()]),
        ?EXPECT({waiting, Pid}),
        demonitor(Ref, [flush]),
        exit(Pid, kill),
        ok = given:gone(Pid),
        ?assertEqual([], given:mailbox())
    end).

spawn_opts(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        {Pid, Ref} = spawn_opt(N, callable, raise, [exit, out],
                               [link, monitor, {priority, high}, {fullsweep_after, 10}, {min_heap_size, 1000}, {message_queue_data, off_heap}]),
        ?EXPECT({'EXIT', Pid, out}),
        ?EXPECT({'DOWN', Ref, process, Pid, out}),
        N = node(spawn_opt(N, callable, echo, [x], [])),
        ?assertError(badarg, spawn_opt(N, callable, echo, [x], [no_such_option]))
    end).

spawn_requests(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        R1 = spawn_request(N, callable, wait, [self()], [monitor, link]),
        Pid = ?EXPECT({spawn_reply, R1, ok, P}, P),
        ?EXPECT({waiting, Pid}),
        exit(Pid, bye),
        ?EXPECT({'DOWN', R1, process, Pid, bye}),
        ?EXPECT({'EXIT', Pid, bye}),
        %% a monitor whose reference is an alias until it fires, and whose message has a tag
        R2 = spawn_request(N, callable, sleep, [50, x], [{monitor, [{alias, explicit_unalias}, {tag, my_tag}]}, {reply_tag, my_reply}]),
        ?EXPECT({my_reply, R2, ok, _}),
        R2 ! by_alias,
        ?EXPECT(by_alias),
        ?EXPECT({my_tag, R2, process, _, normal}),
        unalias(R2),
        R3 = spawn_request(N, callable, raise, [exit, out], [{monitor, [{alias, demonitor}]}]),
        ?EXPECT({spawn_reply, R3, ok, _}),
        ?EXPECT({'DOWN', R3, process, _, out}),
        ?assertEqual([], given:mailbox())
    end).

spawn_request_replies(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        R1 = spawn_request(N, callable, raise, [exit, out], [monitor, {reply, no}]),
        ?EXPECT({'DOWN', R1, process, _, out}),
        R2 = spawn_request(N, callable, raise, [exit, out], [monitor, {reply, error_only}]),
        ?EXPECT({'DOWN', R2, process, _, out}),
        R3 = spawn_request(N, callable, echo, [x], [no_such_option, {reply, error_only}]),
        ?EXPECT({spawn_reply, R3, error, badopt}),
        R4 = spawn_request(N, callable, echo, [x], [no_such_option, {reply, success_only}]),
        R5 = spawn_request(N, callable, echo, [x], [{reply, success_only}]),
        ?EXPECT({spawn_reply, R5, ok, _}),
        R6 = spawn_request(N, callable, wait, [self()], [monitor]),
        true = spawn_request_abandon(R6) orelse ?EXPECT({spawn_reply, R6, ok, P}, begin demonitor(R6, [flush]), exit(P, kill) end),
        _ = R4,
        alive = rpc:call(N, callable, echo, [alive]),
        [?assertMatch({waiting, _}, M) || M <- given:mailbox()]
    end).

killed(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [begin
             {Pid, Ref} = spawn_monitor(N, callable, F, A),
             [?EXPECT({waiting, Pid}) || F =:= wait],
             exit(Pid, kill),
             ?EXPECT({'DOWN', Ref, process, Pid, killed})
         end || {F, A} <- [{wait, [self()]}, {sleep, [60000, x]}, {wait, [self()]}]],
        Me = self(),
        Id = erpc:send_request(N, callable, wait, [Me]),
        ?EXPECT({waiting, Runs}, exit(Runs, because)),
        ?assertExit({signal, because}, erpc:receive_response(Id, ?PATIENCE)),
        Key = rpc:async_call(N, callable, wait, [Me]),
        ?EXPECT({waiting, Other}, exit(Other, kill)),
        {badrpc, {'EXIT', killed}} = rpc:yield(Key)
    end).

ended_by_link(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        Owner = spawn(fun() -> spawn_link(N, callable, wait, [Me]), receive {'end', R} -> exit(R) end end),
        Pid = ?EXPECT({waiting, P}, P),
        Ref = monitor(process, Pid),
        Owner ! {'end', over},
        ?EXPECT({'DOWN', Ref, process, Pid, over})
    end).

%% Killed right after they have asked, before the answer can be there.
callers_that_die(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        [begin
             Owner = spawn(fun() -> spawn_request(N, callable, wait, [Me], [link, monitor]), exit(over) end),
             ok = given:gone(Owner)
         end || _ <- lists:seq(1, 20)],
        Pids = [?EXPECT({waiting, P}, P) || _ <- lists:seq(1, 20)],
        [ok = given:gone(P) || P <- Pids],
        alive = rpc:call(N, callable, echo, [alive])
    end).

leaders(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        group_leader(Me, Me),
        Me = rpc:call(N, callable, leader, []),
        Me = rpc:block_call(N, callable, leader, []),
        Me = erpc:call(N, callable, leader, [])
    end).

stray_messages(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        {Pid, Ref} = spawn_monitor(N, callable, wait, [self()]),
        ?EXPECT({waiting, Pid}),
        [Pid ! M || M <- [junk, {callable, echo, [x]}, {io_reply, make_ref(), ok}, {'EXIT', self(), x}, {'$gen_call', {self(), make_ref()}, x}]],
        true = rpc:call(N, erlang, is_process_alive, [Pid]),
        exit(Pid, normal), %% ignored, as by every process that does not trap exits
        true = rpc:call(N, erlang, is_process_alive, [Pid]),
        exit(Pid, enough),
        ?EXPECT({'DOWN', Ref, process, Pid, enough})
    end).

%% ---- outward: the target is the one that asks

calls_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = node(),
        Out = fun(F, A) -> given:call(N, {rpc, Me, callable, F, A, ?PATIENCE}) end,
        [{ok, T} = Out(echo, [T]) || T <- [1, "text", <<"bin">>, [1 | 2], #{a => self()}]],
        {ok, Me} = given:call(N, {rpc, Me, erlang, node, [], ?PATIENCE}),
        {ok, slept} = Out(sleep, [20, slept]),
        {throw, {ball, 1}} = Out(raise, [throw, {ball, 1}]),
        {exit, {out, 1}} = Out(raise, [exit, {out, 1}]),
        {error, {bad, 1}} = Out(raise, [error, {bad, 1}]),
        {error, undef} = Out(no_such, []),
        {ok, N} = given:call(N, {rpc, N, erlang, node, [], ?PATIENCE}) %% itself
    end).

calls_out_fail(C) ->
    N = given:target(C),
    P3 = target:start_peer(),
    #{node := Third} = P3,
    ?ON(given:peer(C), begin
        Me = self(),
        Here = node(),
        {failed, timeout} = given:call(N, {rpc, Here, callable, sleep, [200, x], 20}),
        Gone = list_to_atom("gone@" ++ tl(string:find(atom_to_list(N), "@"))),
        {failed, noconnection} = given:call(N, {rpc, Gone, erlang, node, [], ?PATIENCE}),
        spawn_link(fun() -> Me ! {outcome, given:call(N, {rpc, Here, callable, wait, [Me], ?PATIENCE})} end),
        ?EXPECT({waiting, Pid}, exit(Pid, kill)),
        ?EXPECT({outcome, {signal, killed}}),
        spawn_link(fun() -> Me ! {outcome, given:call(N, {rpc, Third, callable, wait, [Me], ?PATIENCE})} end),
        ?EXPECT({waiting, _})
    end),
    Asking = ?ON(given:peer(C), begin
        Me = self(),
        Pid = spawn(fun() ->
            Me ! asking,
            R = given:call(N, {rpc, Third, callable, sleep, [60000, x], ?PATIENCE}),
            register(outcome_holder, self()),
            receive {ask, From} -> From ! {outcome, R} end
        end),
        ?EXPECT(asking),
        Pid
    end),
    target:kill(P3),
    ?ON(given:peer(C), begin
        target:wait(fun() -> whereis(outcome_holder) =:= Asking end),
        Asking ! {ask, self()},
        ?EXPECT({outcome, {failed, noconnection}})
    end).

casts_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ok = given:call(N, {rpc_cast, node(), callable, wait, [self()]}),
        ?EXPECT({waiting, Pid}, begin
            ?assertEqual(node(), node(Pid)),
            exit(Pid, kill)
        end)
    end).

spawns_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Server = given:reporting(N),
        ok = given:call(Server, {trap_exit, true}),
        {ok, P1} = given:call(Server, {spawn_on, node(), callable, raise, [exit, out], [monitor]}),
        ?EXPECT({subject, Server, {info, {'DOWN', _, process, P1, out}}}),
        {ok, P2} = given:call(Server, {spawn_on, node(), callable, raise, [exit, out], [link]}),
        ?EXPECT({subject, Server, {info, {'EXIT', P2, out}}}),
        {ok, P3} = given:call(Server, {spawn_on, node(), callable, wait, [self()], [link, monitor]}),
        ?EXPECT({waiting, P3}),
        ?assertEqual(node(), node(P3)),
        {links, [Server]} = process_info(P3, links),
        exit(P3, kill),
        ?EXPECT({subject, Server, {info, {'EXIT', P3, killed}}}),
        ?EXPECT({subject, Server, {info, {'DOWN', _, process, P3, killed}}}),
        {ok, P4} = given:call(Server, {spawn_on, node(), callable, echo, [x], []}),
        ok = given:gone(P4),
        ok = gen_server:stop(Server)
    end).

spawns_out_fail(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Server = given:reporting(N),
        Gone = list_to_atom("gone@" ++ tl(string:find(atom_to_list(N), "@"))),
        {error, noconnection} = given:call(Server, {spawn_on, Gone, callable, echo, [x], [monitor, link]}),
        {ok, P} = given:call(Server, {spawn_on, node(), callable, no_such, [], [monitor]}),
        ?EXPECT({subject, Server, {info, {'DOWN', _, process, P, {undef, _}}}}),
        ok = gen_server:stop(Server)
    end).

%% What was linked to it ends with it, monitored only goes on.
spawners_that_end(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Server = given:child(N),
        {ok, Linked} = given:call(Server, {spawn_on, node(), callable, wait, [self()], [link]}),
        {ok, Watched} = given:call(Server, {spawn_on, node(), callable, wait, [self()], [monitor]}),
        [?EXPECT({waiting, _}) || _ <- [1, 2]],
        {monitored_by, [Server]} = process_info(Watched, monitored_by),
        Ref = monitor(process, Linked),
        exit(Server, because),
        ?EXPECT({'DOWN', Ref, process, Linked, because}),
        target:wait(fun() -> {monitored_by, []} =:= process_info(Watched, monitored_by) end),
        exit(Watched, kill)
    end).

%% Two that call each other at the same time, from within what they were called for.
calls_each_other(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        [spawn_link(fun() -> Me ! {I, given:call(N, {rpc, node(), erpc, call, [N, callable, echo, [I]], ?PATIENCE})} end)
         || I <- lists:seq(1, 50)],
        [?EXPECT({I, {ok, I}}) || I <- lists:seq(1, 50)]
    end).

%% ---- peers that lack a capability are served all the same

-define(SPAWN, (1 bsl 32)).
-define(ALIAS, (1 bsl 35)).
-define(EXIT_PAYLOAD, 16#400000).
-define(PUBLISHED, 1).

without_any(C) -> serve_lacking(C, ?SPAWN bor ?ALIAS bor ?EXIT_PAYLOAD).
without_exit_payload(C) -> serve_lacking(C, ?EXIT_PAYLOAD).
with_everything(C) -> serve_lacking(C, 0).

%% erpc from a hidden node without these flags: the answer, then the outcome in the form that it understands.
serve_lacking(C, Lacking) ->
    Name = fakenode:name(),
    {Pid, Ref} = own(Name),
    {ok, S} = fakenode:connect(proplists:get_value(target, C), #{name => Name, flags => fakenode:flags() band bnot (Lacking bor ?PUBLISHED)}),
    ok = fakenode:send(S, fakenode:frame({29, Ref, Pid, Pid, {erpc, execute_call, 4}, [monitor]}, [res, callable, echo, [x]])),
    {{31, Ref, Pid, 2, Runs}, none} = next(S),
    case Lacking band ?EXIT_PAYLOAD of
        0 -> {{28, Runs, Pid, Ref}, {res, return, x}} = next(S);
        _ -> {{21, Runs, Pid, Ref, {res, return, x}}, none} = next(S)
    end,
    ok = fakenode:send(S, fakenode:frame({29, Ref, Pid, Pid, {callable, echo, 1}, [link, no_such_option]}, [x])),
    {{31, Ref, Pid, 0, badopt}, none} = next(S),
    %% rpc as ei programs know it
    ok = fakenode:send(S, fakenode:frame({6, Pid, '', rex}, {Pid, {call, callable, echo, [[1, 2]], user}})),
    {_, {rex, [1, 2]}} = next(S),
    gen_tcp:close(S),
    serves(C).

%% The next frame that is no tick.
next(S) ->
    {ok, <<Size:32>>} = gen_tcp:recv(S, 4, ?PATIENCE),
    case Size of
        0 -> next(S);
        _ ->
            {ok, <<112, Rest/binary>>} = gen_tcp:recv(S, Size, ?PATIENCE),
            {Control, Used} = binary_to_term(Rest, [used]),
            case Rest of
                <<_:Used/binary>> -> {Control, none};
                <<_:Used/binary, Payload/binary>> -> {Control, binary_to_term(Payload)}
            end
    end.

%% ---- junk, over a bare socket: whatever becomes of that connection, the others are served

serves(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        served = rpc:call(N, callable, echo, [served]),
        N = rpc:block_call(N, erlang, node, []),
        served = given:call(N, {echo, served})
    end).

%% Sends each over a connection of its own, which replaces the one before where nobody has seen that close yet. A fake
%% node's pids and references are its own.
send_each(C, Make) ->
    T = proplists:get_value(target, C),
    Name = fakenode:name(),
    {Pid, Ref} = own(Name),
    [begin
         {ok, S} = fakenode:connect(T, #{name => Name, alive => true}),
         fakenode:send(S, Frame),
         serves(C),
         gen_tcp:close(S)
     end || Frame <- Make(Pid, Ref)],
    serves(C).

own(Name) ->
    Atom = <<119, (length(Name)), (list_to_binary(Name))/binary>>,
    {binary_to_term(<<131, 88, Atom/binary, 1:32, 0:32, 77:32>>), binary_to_term(<<131, 90, 3:16, Atom/binary, 77:32, 1:32, 2:32, 3:32>>)}.

odd_spawn_requests(C) ->
    send_each(C, fun(Pid, Ref) ->
        [fakenode:frame({29, Ref, Pid, Pid, Mfa, Opts}, Args) ||
            {Mfa, Opts, Args} <- [{{callable, echo, 1}, [], [1 | 2]}, {{callable, echo, 1}, [], x}, {{callable, echo, 1}, [], []},
                                  {{callable, echo, 1}, [], [1, 2, 3]}, {{callable, echo, 0}, [], [x]}, {{callable, echo, 255}, [], [x]},
                                  {{callable, echo, 1}, [link | monitor], [x]}, {{callable, echo, 1}, x, [x]},
                                  {{callable, echo, 1}, [{monitor}], [x]}, {{callable, echo, 1}, [lists:seq(1, 1000)], [x]},
                                  {{erpc, execute_call, 4}, [monitor], [1, 2, 3, 4]},
                                  {{erpc, execute_call, 4}, [monitor], [Ref, callable, echo, [x | y]]},
                                  {{erpc, execute_call, 4}, [monitor], [Ref, 1, 2, 3]},
                                  {{erpc, execute_call, 4}, [monitor], [Ref, erlang, apply, [erlang, apply, [erlang, apply, [x]]]]},
                                  {{erpc, execute_cast, 3}, [], ["callable", "echo", []]},
                                  {{erlang, apply, 2}, [], [fun callable:no_such/7, [1]]},
                                  {{erlang, apply, 2}, [], [x, y]}]]
            ++ [fakenode:frame({29, Ref, Pid, Pid, Mfa, []}, [x]) ||
                   Mfa <- [{callable, echo, -1}, {callable, echo, 1 bsl 70}, {"callable", echo, 1}, {callable, 1, 1}]]
    end).

odd_requests_to_rex(C) ->
    send_each(C, fun(Pid, Ref) ->
        [fakenode:frame({6, Pid, '', rex}, M) ||
            M <- [{Pid, {call, callable, echo, [x | y], user}}, {Pid, {call, 1, 2, 3, 4}}, {Pid, {call, callable, echo, [x]}},
                  {'$gen_call', {Pid, Ref}, {call, callable, echo, not_a_list, Pid}},
                  {'$gen_call', {Pid, Ref}, {block_call, callable, echo, [a | b], Pid}},
                  {'$gen_call', {Pid, Ref}, {block_call, callable, echo}},
                  {'$gen_cast', {cast, callable, echo, [a | b], Pid}},
                  {Pid, {sbcast, "no atom", x}}, {Pid, features_request}, junk, {Pid, {x, y}}]
                ++ [{x, features_request} || target:kind() =:= hermod]] %% ends a BEAM's rex, and the second time the node
    end).

%% Answers to requests that nobody made.
odd_spawn_replies(C) ->
    send_each(C, fun(Pid, Ref) ->
        [fakenode:frame({31, Ref, Pid, Flags, Result}, none) || Flags <- [0, 3, 1 bsl 40], Result <- [Pid, badarg, noconnection]]
    end).

%% ---- Hermod only

%% Who may call what.

rules(_) ->
    T = target:start(#{args => ["--allow-rpc", "callable", "--allow-rpc", "erlang", "--deny-rpc", "nobody@*:*", "--deny-rpc", "*:erlang"]}),
    #{node := N} = T,
    P = target:start_peer(),
    try
        ?ON(P, begin
            x = rpc:call(N, callable, echo, [x]),
            x = rpc:block_call(N, callable, echo, [x]),
            {badrpc, {'EXIT', {undef, [{erlang, node, [], []}]}}} = rpc:call(N, erlang, node, []),
            {badrpc, {'EXIT', {undef, [{erlang, node, [], []}]}}} = rpc:block_call(N, erlang, node, []),
            {badrpc, {'EXIT', {undef, _}}} = rpc:call(N, erlang, apply, [erlang, node, []]),
            {Pid, Ref} = spawn_monitor(N, erlang, node, []),
            ?EXPECT({'DOWN', Ref, process, Pid, {undef, [{erlang, node, [], []}]}}),
            pong = net_adm:ping(N),
            here = given:call(N, {echo, here})
        end),
        ?assert(lists:any(fun(L) -> string:find(L, "rpc.denied") =/= nomatch end, target:lines(T)))
    after
        [target:stop(X) || X <- [T, P]]
    end.

%% What a node answers that does not keep to the protocol: whoever asked it gets an outcome, or its timeout.
odd_answers(C) ->
    N = given:target(C),
    T = proplists:get_value(target, C),
    Server = given:peer(C),
    [begin
         Name = fakenode:name(),
         {Pid, _} = own(Name),
         {ok, S} = fakenode:connect(T, #{name => Name, flags => fakenode:flags() band bnot ?PUBLISHED}),
         Fake = list_to_atom(Name),
         Me = self(),
         Caller = spawn_link(fun() ->
             Outcome = ?ON(Server, given:call(N, {What, Fake, callable, echo, [x], Option})),
             Me ! {outcome, self(), Outcome}
         end),
         {{29, Ref, From, _, _, Options}, _} = next(S),
         ?assertEqual(What =:= rpc orelse lists:member(monitor, Option), lists:member(monitor, Options)),
         [fakenode:send(S, fakenode:frame(Control, Payload)) || {Control, Payload} <- Answers(Ref, From, Pid)],
         ?EXPECT({outcome, Caller, Outcome}, ?assertEqual(Expected, Outcome)),
         serves(C),
         [] = ?ON(Server, [M || {process, _} = M <- element(2, rpc:call(N, erlang, process_info, [rpc:call(N, erlang, whereis, [subject]), monitors]))]),
         gen_tcp:close(S),
         serves(C)
     end || {What, Option, Expected, Answers} <-
                [{rpc, ?PATIENCE, {failed, badarg}, fun(R, F, _) -> [{{31, R, F, 2, F}, none}] end}, %% our own pid
                 {rpc, ?PATIENCE, {failed, system_limit}, fun(R, F, _) -> [{{31, R, F, 0, system_limit}, none}] end},
                 {rpc, ?PATIENCE, {failed, noconnection}, fun(R, F, _) -> [{{31, R, F, 0, noconnection}, none}] end},
                 {rpc, ?PATIENCE, {signal, x}, fun(R, F, P) -> [{{31, R, F, 2, P}, none}, {{28, P, F, R}, x}] end},
                 {rpc, ?PATIENCE, {signal, {make, return, x}}, fun(R, F, P) -> [{{31, R, F, 2, P}, none}, {{28, P, F, R}, {make, return, x}}] end},
                 {rpc, ?PATIENCE, {failed, badarg}, fun(R, F, P) -> [{{28, P, F, R}, x}, {{31, R, F, 0, P}, none}] end}, %% early, and then no monitor
                 {rpc, 300, {failed, timeout}, fun(R, F, P) -> [{{28, P, F, R}, x}, {{31, R, F, 2, P}, none}] end},
                 {rpc, 300, {failed, timeout}, fun(R, _, P) -> [{{31, R, P, 2, P}, none}] end}, %% to somebody else
                 {spawn_on, [link, monitor], {error, badarg}, fun(R, F, P) -> [{{31, R, F, 1, P}, none}] end},
                 {spawn_on, [monitor], {error, badarg}, fun(R, F, _) -> [{{28, F, F, R}, x}, {{31, R, F, 2, F}, none}] end},
                 {spawn_on, [link], {error, notsup}, fun(R, F, _) -> [{{31, R, F, 3, notsup}, none}, {{31, R, F, 3, notsup}, none}] end}]].
