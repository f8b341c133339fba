%% gen_server across nodes: calls, casts, plain messages, late replies, stops, multi_call.
-module(server_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [call_answers, every_kind_of_term, reply_after_return, replies_out_of_order, call_by_pid, unknown_name_is_noproc_at_once,
     dead_pid_is_noproc, late_reply_vanishes, late_reply_does_not_disturb_the_next, stop_with_reply, stop_without_reply,
     crash_in_cast, exit_reason_is_verbatim, cast_and_info_in_order, cast_to_unknown_name, cast_by_pid, plain_tag, odd_tags,
     send_request, multi_call, abcast, server_timeout, server_continue, timer_and_cancel, stop_normal, stop_reason,
     stop_by_name, stop_unknown, stop_runs_terminate, register_and_unregister, name_is_taken, name_after_death, names_of_every_kind,
     calls_out, calls_out_fail, casts_out, sends_out, reply_to_many, same_sender_keeps_order].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

call_answers(C) ->
    N = given:target(C),
    ?ON(given:peer(C), hello = gen_server:call({subject, N}, {echo, hello})).

every_kind_of_term(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Terms = [a, '', 'with space', 'Elixir.Foo.Bar', 'æøå', '日本', list_to_atom(lists:duplicate(255, $x)),
                 0, 1, 255, 256, -1, 1 bsl 27, -(1 bsl 27), 1 bsl 31, -(1 bsl 31), 1 bsl 63, -(1 bsl 63), 1 bsl 64, 1 bsl 4000,
                 -(1 bsl 4000), 0.0, -0.0, 1.5, 1.0e308, 5.0e-324,
                 [], "string", [1, 2, 3], [a | b], [1, 2 | 3], lists:duplicate(70000, 7), lists:seq(1, 300), [[[]], [[[]]]],
                 {}, {a}, {1, {2, {3, {}}}}, list_to_tuple(lists:seq(1, 300)),
                 <<>>, <<"x">>, <<1:1>>, <<5:7>>, <<0:65535>>, binary:copy(<<"y">>, 100000),
                 #{}, #{a => 1, "b" => <<"c">>, {d} => [e]}, maps:from_list([{I, I} || I <- lists:seq(1, 100)]),
                 self(), make_ref(), hd(erlang:ports()), fun erlang:node/0, fun() -> N end, alias(),
                 lists:foldl(fun(I, Acc) -> {I, Acc} end, nil, lists:seq(1, 200))],
        [?assertEqual(T, gen_server:call({subject, N}, {echo, T})) || T <- Terms],
        ?assertEqual(Terms, gen_server:call({subject, N}, {echo, Terms}))
    end).

reply_after_return(C) ->
    N = given:target(C),
    ?ON(given:peer(C), later = given:call(N, {delayed, 20, later})).

%% The first caller waits while the second is answered, and then it is.
replies_out_of_order(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        spawn_link(fun() -> Me ! {first, given:call(N, {hold, first})} end),
        spawn_link(fun() -> Me ! {second, given:call(N, {hold, second})} end),
        target:wait(fun() -> given:call(N, {release, second, 2}) =:= ok end),
        ?EXPECT({second, 2}),
        target:wait(fun() -> given:call(N, {release, first, 1}) =:= ok end),
        ?EXPECT({first, 1})
    end).

call_by_pid(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        N = node(Pid),
        by_pid = given:call(Pid, {echo, by_pid})
    end).

unknown_name_is_noproc_at_once(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ?assertExit({noproc, {gen_server, call, [{nobody, N}, x, infinity]}}, gen_server:call({nobody, N}, x, infinity)),
        ?assertExit({noproc, _}, gen_server:call({nobody, N}, x))
    end).

dead_pid_is_noproc(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        bye = given:call(Pid, {stop, normal, bye}),
        given:gone(Pid),
        ?assertExit({noproc, _}, gen_server:call(Pid, x, infinity))
    end).

%% A caller that gave up gets nothing in its mailbox when the answer comes after all.
late_reply_vanishes(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ?assertExit({timeout, _}, gen_server:call({subject, N}, {hold, late}, 20)),
        target:wait(fun() -> given:call(N, {release, late, too_late}) =:= ok end),
        %% What the subject sends now comes after the late reply would have.
        ok = given:call(N, {send, self(), after_the_reply}),
        ?EXPECT(after_the_reply),
        ?assertEqual([], given:mailbox())
    end).

late_reply_does_not_disturb_the_next(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ?assertExit({timeout, _}, gen_server:call({subject, N}, {delayed, 60, late}, 10)),
        [I = given:call(N, {echo, I}) || I <- lists:seq(1, 20)],
        next = given:call(N, {delayed, 120, next}),
        ?assertEqual([], given:mailbox())
    end).

stop_with_reply(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        bye = given:call(Pid, {stop, {shutdown, done}, bye}),
        ?EXPECT({'DOWN', Ref, process, Pid, {shutdown, done}})
    end).

stop_without_reply(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ?assertExit({my_reason, {gen_server, call, _}}, given:call(Pid, {stop, my_reason}))
    end).

crash_in_cast(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        gen_server:cast(Pid, {crash, {bad, "thing", <<1, 2>>}}),
        ?EXPECT({'DOWN', Ref, process, Pid, {bad, "thing", <<1, 2>>}})
    end).

exit_reason_is_verbatim(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Reason = {make_ref(), self(), #{deep => [1, 2.0, "three", <<4:5>>]}, fun lists:map/2},
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        gen_server:cast(Pid, {stop, Reason}),
        ?EXPECT({'DOWN', Ref, process, Pid, Reason})
    end).

cast_and_info_in_order(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        [case I rem 2 of 0 -> gen_server:cast(Pid, I); 1 -> Pid ! I end || I <- lists:seq(1, 2000)],
        Expected = [case I rem 2 of 0 -> {cast, I}; 1 -> {info, I} end || I <- lists:seq(1, 2000)],
        ?assertEqual(Expected, given:call(Pid, events))
    end).

cast_to_unknown_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ok = gen_server:cast({nobody, N}, x),
        {nobody, N} ! x,
        here = given:call(N, {echo, here}),
        ?assertEqual([], given:mailbox())
    end).

cast_by_pid(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        gen_server:cast(Pid, {a, [1]}),
        ?EXPECT({subject, Pid, {cast, {a, [1]}}})
    end).

%% Old nodes and ei programs tag a call with a plain reference: the reply comes to the pid.
plain_tag(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Ref = make_ref(),
        {subject, N} ! {'$gen_call', {self(), Ref}, {echo, plain}},
        ?EXPECT({Ref, plain})
    end).

odd_tags(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Tags = [<<"t">>, [a | b], {make_ref(), node()}, "string", #{k => v}, 1 bsl 100, 1.5, [[x | y] | z]],
        [begin
             {subject, N} ! {'$gen_call', {self(), Tag}, {echo, Tag}},
             ?EXPECT({Tag, Tag})
         end || Tag <- Tags]
    end).

send_request(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        R1 = gen_server:send_request({subject, N}, {delayed, 20, one}),
        R2 = gen_server:send_request({subject, N}, {echo, two}),
        {reply, two} = gen_server:wait_response(R2, 30000),
        {reply, one} = gen_server:receive_response(R1, 30000),
        R3 = gen_server:send_request({nobody, N}, x),
        {error, {noproc, {nobody, N}}} = gen_server:receive_response(R3, 30000)
    end).

multi_call(C) ->
    N = given:target(C),
    #{node := P2} = given:peer(2, C),
    ?ON(given:peer(C), begin
        {[{N, m}], [P2]} = gen_server:multi_call([N, P2], subject, {echo, m}),
        {[{N, m}], [P2]} = gen_server:multi_call([P2, N], subject, {echo, m}, 30000),
        {[], [N]} = gen_server:multi_call([N], nobody, x, 30000),
        {[], [N]} = gen_server:multi_call([N], subject, {hold, multi}, 20),
        target:wait(fun() -> given:call(N, {release, multi, x}) =:= ok end),
        ?assertEqual([], given:mailbox())
    end).

abcast(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("abcast")),
        Pid = given:child(N, Name),
        ok = given:call(Pid, {report, self()}),
        abcast = gen_server:abcast([N, node()], Name, {to, all}),
        ?EXPECT({subject, Pid, {cast, {to, all}}})
    end).

server_timeout(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        ok = given:call(Pid, {timeout, 10}),
        ?EXPECT({subject, Pid, {info, timeout}})
    end).

server_continue(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        %% The continuation runs before the message that is waiting already.
        Continue = gen_server:send_request(Pid, {continue, more}),
        gen_server:cast(Pid, next),
        {reply, ok} = gen_server:receive_response(Continue, 30000),
        [{continue, more}, {cast, next}] = given:call(Pid, events)
    end).

timer_and_cancel(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        Slow = given:call(Pid, {timer, 60000, never}),
        Quick = given:call(Pid, {timer, 10, soon}),
        ?EXPECT({subject, Pid, {info, soon}}),
        true = given:call(Pid, {cancel, Slow}),
        false = given:call(Pid, {cancel, Quick})
    end).

stop_normal(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        ok = gen_server:stop(Pid),
        ?EXPECT({'DOWN', Ref, process, Pid, normal})
    end).

stop_reason(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        ok = gen_server:stop(Pid, {shutdown, "asked"}, 30000),
        ?EXPECT({'DOWN', Ref, process, Pid, {shutdown, "asked"}})
    end).

stop_by_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("stop")),
        Pid = given:child(N, Name),
        Ref = monitor(process, {Name, N}),
        ok = gen_server:stop({Name, N}, bye, 30000),
        ?EXPECT({'DOWN', Ref, process, {Name, N}, bye}),
        ?assertExit({noproc, _}, given:call(Pid, x))
    end).

stop_unknown(C) ->
    N = given:target(C),
    ?ON(given:peer(C), ?assertExit(noproc, gen_server:stop({nobody, N}))).

stop_runs_terminate(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        ok = gen_server:stop(Pid, normal, 30000),
        ?EXPECT({subject, Pid, {terminate, normal}}),
        Pid2 = given:reporting(N),
        gen_server:cast(Pid2, {stop, broken}),
        ?EXPECT({subject, Pid2, {terminate, broken}})
    end).

register_and_unregister(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("reg")),
        Pid = given:child(N),
        true = given:call(Pid, {register, Name}),
        by_name = given:call({Name, N}, {echo, by_name}),
        Pid = erpc:call(N, erlang, whereis, [Name]),
        true = given:call(Pid, {unregister, Name}),
        false = given:call(Pid, {unregister, Name}),
        ?assertExit({noproc, _}, given:call({Name, N}, {echo, x}))
    end).

name_is_taken(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("taken")),
        Pid = given:child(N, Name),
        Other = given:child(N),
        false = given:call(Other, {register, Name}),
        false = given:call(Other, {register, subject}),
        {error, {already_started, Pid}} = given:call(N, {spawn, Name, false})
    end).

name_after_death(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("again")),
        Pid = given:child(N, Name),
        ok = gen_server:stop(Pid),
        Pid2 = given:child(N, Name),
        ?assertNotEqual(Pid, Pid2),
        again = given:call({Name, N}, {echo, again})
    end).

names_of_every_kind(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [begin
             Pid = given:child(N),
             true = given:call(Pid, {register, Name}),
             Ref = monitor(process, {Name, N}),
             heard = given:call({Name, N}, {echo, heard}),
             Pid = erpc:call(N, erlang, whereis, [Name]),
             gen_server:cast({Name, N}, {stop, bye}),
             ?EXPECT({'DOWN', Ref, process, {Name, N}, bye})
         end || Name <- ['with space', 'æøå', '日本', list_to_atom(lists:duplicate(255, $x)), list_to_atom(lists:duplicate(200, 16#e6)),
                         list_to_atom(lists:duplicate(255, 16#65e5))]],
        [begin
             Ref = monitor(process, {Name, N}),
             ?EXPECT({'DOWN', Ref, process, {Name, N}, noproc})
         end || Name <- ['', undefined, '日本']]
    end).

%% ---- the other way: what a process of the target asks of us

answering() ->
    receive
        {'$gen_call', From, {ask, X}} -> gen_server:reply(From, {answer, X}), answering();
        {'$gen_call', _, silence} -> answering();
        {'$gen_call', _, {die, Why}} -> exit(Why);
        {tell, To} -> To ! {told, flush()}, answering()
    end.

flush() -> receive M -> [M | flush()] after 0 -> [] end.

calls_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("answering")),
        Pid = spawn_link(fun answering/0),
        register(Name, Pid),
        {ok, {answer, 1}} = given:call(N, {call, {Name, node()}, {ask, 1}, 30000}),
        {ok, {answer, [2, "x"]}} = given:call(N, {call, Pid, {ask, [2, "x"]}, 30000})
    end).

calls_out_fail(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("answering")),
        register(Name, spawn(fun answering/0)),
        {error, timeout} = given:call(N, {call, {Name, node()}, silence, 30}),
        {error, noproc} = given:call(N, {call, {nobody, node()}, x, 30000}),
        {error, {why, "not"}} = given:call(N, {call, {Name, node()}, {die, {why, "not"}}, 30000}),
        {error, noproc} = given:call(N, {call, {Name, node()}, x, 30000}),
        [_, Host] = string:split(atom_to_list(node()), "@"),
        {error, noconnection} = given:call(N, {call, {x, list_to_atom("no_such_node@" ++ Host)}, x, 30000})
    end).

casts_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("me")),
        register(Name, self()),
        ok = given:call(N, {cast, {Name, node()}, one}),
        ok = given:call(N, {cast, self(), two}),
        ?EXPECT({'$gen_cast', one}),
        ?EXPECT({'$gen_cast', two})
    end).

sends_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("me")),
        register(Name, self()),
        ok = given:call(N, {send, {Name, node()}, {by, name}}),
        ok = given:call(N, {send, self(), {by, pid}}),
        ok = given:call(N, {send, {nobody, node()}, lost}),
        ?EXPECT({by, name}),
        ?EXPECT({by, pid}),
        %% to a name of its own node
        Child = given:child(N, Name),
        ok = given:call(Child, {report, self()}),
        ok = given:call(N, {send, Name, {own, name}}),
        ?EXPECT({subject, Child, {info, {own, name}}})
    end).

reply_to_many(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        [spawn_link(fun() -> [I = given:call(N, {echo, I}) || _ <- lists:seq(1, 20)], Me ! {done, I} end)
         || I <- lists:seq(1, 100)],
        [?EXPECT({done, I}) || I <- lists:seq(1, 100)]
    end).

%% One process of the target to one of ours, casts and sends of any size: in order.
same_sender_keeps_order(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        Msgs = [{I, binary:copy(<<I:8>>, case I rem 7 of 0 -> 100000; _ -> I end)} || I <- lists:seq(1, 200)],
        [Pid ! M || M <- Msgs],
        Got = [receive {subject, Pid, {info, M}} -> M after 30000 -> error(missing) end || _ <- Msgs],
        ?assertEqual(Msgs, Got)
    end).
