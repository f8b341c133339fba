%% Tracing: of a BEAM with erlang:trace/3, of Hermod with its `tracer', and the same messages of both; then what only Hermod has.
-module(trace_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() -> [functions, functions_that_fail, answers_that_come_later, messages, lives]
    ++ case target:kind() of hermod -> [{group, hermod_only}]; beam -> [] end.

groups() ->
    [{hermod_only, [], [callbacks, shapes, scope, limits, rates, owner_ends, owner_is_lost, handler_ends, handler_by_name, slow_handler, several, too_many,
                        requests_that_make_no_sense, stopped_and_listed, recorded, recording_outlives_the_tracer, full_recording, peers,
                        not_traced_themselves, large_terms, not_allowed, in_the_log, in_the_logger, from_the_shell, shell_says_why,
                        shell_is_interrupted]}].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

end_per_testcase(_, C) ->
    N = given:target(C),
    case target:kind() of
        hermod -> ?ON(given:peer(C), begin ok = ask(N, stop), ok = ask(N, forget) end);
        beam -> ok
    end.

ask(N, Request) -> gen_server:call({tracer, N}, Request).

%% ---- on a peer: events of the target come to this process as messages

trace(hermod, N, {functions, MFA}) -> started(N, MFA, [return]);
trace(hermod, N, {messages, Pid}) -> started(N, Pid, [messages]);
trace(hermod, N, lives) -> started(N, processes, []);
trace(beam, N, What) ->
    Me = self(),
    Ready = make_ref(),
    spawn(N, fun() -> watch(What), Me ! Ready, relay(Me, monitor(process, Me)) end),
    receive Ready -> ok end.

started(N, Target, Options) ->
    {ok, _} = ask(N, {trace, Target, 100, [{handler, self()} | Options]}),
    ok.

watch({functions, {Module, _, _} = MFA}) ->
    {module, _} = code:ensure_loaded(Module),
    erlang:trace(all, true, [call]),
    erlang:trace_pattern(MFA, [{'_', [], [{exception_trace}]}], [global]);
watch({messages, Pid}) -> erlang:trace(Pid, true, [send, 'receive']);
watch(lives) -> erlang:trace(all, true, [procs]).

relay(To, Ref) ->
    receive
        {'DOWN', Ref, _, _, _} -> ok;
        Event -> To ! Event, relay(To, Ref)
    end.

%% ---- both

functions(C) ->
    {K, N} = {target:kind(), given:target(C)},
    ?ON(given:peer(C), begin
        trace(K, N, {functions, {callable, echo, 1}}),
        [begin
             T = rpc:call(N, callable, echo, [T]),
             Pid = ?EXPECT({trace, P, call, {callable, echo, [T]}}, P),
             ?assertEqual(N, node(Pid)),
             ?EXPECT({trace, Pid, return_from, {callable, echo, 1}, T})
         end || T <- [1, <<"Buzz">>, [1, 2], {a, [b | c]}, #{k => 1.5}, self()]],
        N = rpc:call(N, erlang, node, []),
        ?assertEqual([], given:mailbox()),
        Spawned = spawn(N, callable, echo, [spawned]),
        ?EXPECT({trace, Spawned, call, {callable, echo, [spawned]}})
    end).

functions_that_fail(C) ->
    {K, N} = {target:kind(), given:target(C)},
    ?ON(given:peer(C), begin
        trace(K, N, {functions, {callable, raise, 2}}),
        [begin
             catch erpc:call(N, callable, raise, [Class, {a, reason}]),
             Pid = ?EXPECT({trace, P, call, {callable, raise, [Class, {a, reason}]}}, P),
             ?EXPECT({trace, Pid, exception_from, {callable, raise, 2}, {Class, {a, reason}}})
         end || Class <- [throw, exit, error]]
    end).

answers_that_come_later(C) ->
    {K, N} = {target:kind(), given:target(C)},
    ?ON(given:peer(C), begin
        trace(K, N, {functions, {callable, '_', '_'}}),
        slept = rpc:call(N, callable, sleep, [5, slept]),
        Sleeper = ?EXPECT({trace, P1, call, {callable, sleep, [5, slept]}}, P1),
        ?EXPECT({trace, Sleeper, return_from, {callable, sleep, 2}, slept}),
        5050 = rpc:call(N, callable, sum, [100]),
        Worker = ?EXPECT({trace, P2, call, {callable, sum, [100]}}, P2),
        ?EXPECT({trace, Worker, return_from, {callable, sum, 1}, 5050})
    end).

messages(C) ->
    {K, N} = {target:kind(), given:target(C)},
    ?ON(given:peer(C), begin
        Me = self(),
        Pid = given:child(N),
        trace(K, N, {messages, Pid}),
        [x] = given:call(Pid, {echo, [x]}),
        Tag = ?EXPECT({trace, Pid, 'receive', {'$gen_call', {Me, T}, {echo, [x]}}}, T),
        ?EXPECT({trace, Pid, send, {Tag, [x]}, _}),
        gen_server:cast(Pid, {some, cast}),
        ?EXPECT({trace, Pid, 'receive', {'$gen_cast', {some, cast}}}),
        Pid ! hello,
        ?EXPECT({trace, Pid, 'receive', hello}),
        ok = given:call(Pid, {send, Me, back}),
        ?EXPECT({trace, Pid, send, back, Me}),
        ?EXPECT(back)
    end).

lives(C) ->
    {K, N} = {target:kind(), given:target(C)},
    ?ON(given:peer(C), begin
        Me = self(),
        process_flag(trap_exit, true),
        trace(K, N, lives),
        Pid = given:child(N),
        ?EXPECT({trace, Pid, spawned, _, {proc_lib, init_p, _}}),
        true = given:call(Pid, {register, traced}),
        ?EXPECT({trace, Pid, register, traced}),
        true = given:call(Pid, {unregister, traced}),
        ?EXPECT({trace, Pid, unregister, traced}),
        link(Pid),
        ?EXPECT({trace, Pid, getting_linked, Me}),
        unlink(Pid),
        ?EXPECT({trace, Pid, getting_unlinked, Me}),
        Other = given:child(N),
        ok = given:call(Pid, {link, Other}),
        ?EXPECT({trace, Pid, link, Other}),
        ?EXPECT({trace, Other, getting_linked, Pid}),
        ok = given:call(Pid, {unlink, Other}),
        ?EXPECT({trace, Pid, unlink, Other}),
        exit(Pid, {shutdown, bye}),
        ?EXPECT({trace, Pid, exit, {shutdown, bye}}),
        exit(Other, kill),
        ?EXPECT({trace, Other, exit, killed})
    end).

%% ---- Hermod's own

callbacks(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        Pid = given:child(N),
        {ok, Id} = ask(N, {trace, Pid, 8, #{return => true, handler => Me}}),
        x = given:call(Pid, {echo, x}),
        ?EXPECT({trace, Pid, call, {subject, handle_call, [{echo, x}, {Me, [alias | _]}]}}),
        ?EXPECT({trace, Pid, return_from, {subject, handle_call, 2}, x}),
        gen_server:cast(Pid, a_cast),
        ?EXPECT({trace, Pid, call, {subject, handle_cast, [a_cast]}}),
        Pid ! {plain, 1},
        ?EXPECT({trace, Pid, call, {subject, handle_info, [{plain, 1}]}}),
        late = given:call(Pid, {delayed, 5, late}),
        ?EXPECT({trace, Pid, call, {subject, handle_call, [{delayed, 5, late}, _]}}),
        ?EXPECT({trace, Pid, return_from, {subject, handle_call, 2}, late}),
        sys:get_state(Pid),
        exit(Pid, kill),
        ?EXPECT({trace_end, Id, target_gone, 6}),
        ?assertEqual([], given:mailbox())
    end).

shapes(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N, shaped),
        {ok, _} = ask(N, {trace, {shaped, {say, 2}}, 10, [{handler, self()}]}),
        {ok, _} = ask(N, {trace, <<"shaped:tell/_">>, 10, [{handler, self()}, {timestamp, true}]}),
        [gen_server:cast(shaped_on(N), M) || M <- [{say, 1}, {say, 1, 2}, say, {sing, 1}, {tell}, [say, 1], {<<"say">>, 1}, {tell, 1, 2}]],
        ?EXPECT({trace, Pid, call, {subject, handle_cast, [{say, 1}]}}),
        ?EXPECT({trace_ts, Pid, call, {subject, handle_cast, [{tell}]}, {_, _, _}}),
        Time = ?EXPECT({trace_ts, Pid, call, {subject, handle_cast, [{tell, 1, 2}]}, T}, T),
        ?assert(abs(timer:now_diff(Time, os:timestamp())) < 60000000),
        exit(Pid, kill),
        given:gone(Pid),
        ?assertEqual([], given:mailbox())
    end).

shaped_on(N) -> {shaped, N}.

scope(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [Here, There] = [given:child(N) || _ <- [1, 2]],
        {ok, Outside} = ask(N, {trace, Here, 10, [{handler, self()}, {scope, external}]}),
        ok = given:call(There, {cast, Here, local}),
        gen_server:cast(Here, from_outside),
        ?EXPECT({trace, Here, call, {subject, handle_cast, [from_outside]}}),
        ok = ask(N, {stop, Outside}),
        ?EXPECT({trace_end, Outside, stopped, 1}),
        {ok, _} = ask(N, {trace, Here, 10, [{handler, self()}, {scope, local}]}),
        ok = given:call(There, {cast, Here, local}),
        ?EXPECT({trace, Here, call, {subject, handle_cast, [local]}})
    end).

limits(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        {ok, Id} = ask(N, {trace, Pid, 3, [{handler, self()}]}),
        [gen_server:cast(Pid, I) || I <- lists:seq(1, 10)],
        [?EXPECT({trace, Pid, call, {subject, handle_cast, [I]}}) || I <- [1, 2, 3]],
        ?EXPECT({trace_end, Id, limit, 3}),
        10 = length([I || {cast, I} <- given:call(Pid, events)]),
        ?assertEqual([], given:mailbox()),
        {error, noent} = ask(N, {stop, Id})
    end).

rates(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        {ok, Id} = ask(N, {trace, Pid, 10000, [{handler, self()}, {rate, 20}]}),
        flood(Pid, 1000),
        Count = ?EXPECT({trace_end, Id, rate, E}, E),
        ?assert(Count >= 20),
        Count = length([M || {trace, P, call, _} = M <- given:mailbox(), P =:= Pid]),
        pong = gen_server:call({net_kernel, N}, {is_auth, node()}) =:= yes andalso pong
    end).

%% So many in one second, on any machine: it goes on until the trace has ended.
flood(Pid, Count) ->
    [gen_server:cast(Pid, I) || I <- lists:seq(1, Count)],
    [] =:= [end_ || {trace_end, _, _, _} <- given:mailbox()] andalso begin erlang:yield(), flood(Pid, Count) end.

owner_ends(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        {Owner, Ref} = spawn_monitor(fun() -> Me ! ask(N, {trace, subject, 10, [{handler, Me}]}), receive go -> ok end end),
        Id = ?EXPECT({ok, I}, I),
        Owner ! go,
        ?EXPECT({'DOWN', Ref, _, _, normal}),
        ?EXPECT({trace_end, Id, stopped, 0}),
        [] = ask(N, list)
    end).

owner_is_lost(C) ->
    N = given:target(C),
    Lost = target:start_peer(),
    Owner = ?ON(Lost, begin
        Me = self(),
        Pid = spawn(fun() -> Me ! ask(N, {trace, subject, 10}), receive never -> ok end end),
        ?EXPECT({ok, _}, Pid)
    end),
    ?ON(given:peer(C), [#{owner := Owner}] = ask(N, list)),
    target:kill(Lost),
    ?ON(given:peer(C), target:wait(fun() -> ask(N, list) =:= [] end)).

handler_ends(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Handler = given:idle(),
        {ok, _} = ask(N, {trace, subject, 10, [{handler, Handler}]}),
        [_] = ask(N, list),
        given:ended(Handler),
        target:wait(fun() -> ask(N, list) =:= [] end),
        {ok, _} = ask(N, {trace, subject, 10, [{handler, Handler}]}), % is dead
        target:wait(fun() -> ask(N, list) =:= [] end),
        x = given:call(N, {echo, x})
    end).

handler_by_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        register(my_handler, self()),
        {ok, _} = ask(N, {trace, subject, 1, [{handler, {my_handler, node()}}]}),
        x = given:call(N, {echo, x}),
        ?EXPECT({trace, _, call, {subject, handle_call, [{echo, x}, _]}}),
        ?EXPECT({trace_end, _, limit, 1})
    end).

%% Its node reads nothing: what it traces does not pile up here.
slow_handler(_) ->
    T = target:start(#{args => ["--output-high", "64K", "--output-low", "32K", "--max-trace-rate", "1000000"]}),
    [P, Slow] = [target:start_peer(), target:start_peer()],
    N = maps:get(node, T),
    Handler = ?ON(Slow, begin x = given:call(N, {echo, x}), given:idle() end),
    target:sigstop(Slow),
    ?ON(P, begin
        {ok, _} = ask(N, {trace, subject, 10000, [{handler, Handler}, {rate, 1000000}]}),
        Large = binary:copy(<<"x">>, 15000),
        target:wait(fun() -> [gen_server:cast({subject, N}, Large) || _ <- lists:seq(1, 100)], [] =:= ask(N, list) end)
    end),
    target:await_line(T, "trace.slow +" ++ atom_to_list(maps:get(node, Slow)) ++ " does not read what it traces"),
    target:sigcont(Slow),
    [target:stop(X) || X <- [Slow, P, T]].

several(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        {ok, A} = ask(N, {trace, Pid, 1, [{handler, self()}]}),
        {ok, B} = ask(N, {trace, Pid, 2, [{handler, self()}, timestamp]}),
        [gen_server:cast(Pid, I) || I <- [1, 2, 3]],
        ?EXPECT({trace, Pid, call, {_, _, [1]}}),
        ?EXPECT({trace_end, A, limit, 1}),
        ?EXPECT({trace_ts, Pid, call, {_, _, [1]}, _}),
        ?EXPECT({trace_ts, Pid, call, {_, _, [2]}, _}),
        ?EXPECT({trace_end, B, limit, 2})
    end).

too_many(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Answers = [ask(N, {trace, subject, 10, [{output, none}]}) || _ <- lists:seq(1, 1000)],
        32 = length([Id || {ok, Id} <- Answers]),
        [{error, system_limit}] = lists:usort([A || {error, _} = A <- Answers]),
        x = given:call(N, {echo, x}),
        968 = hits(N, 'max-traces'),
        #{hermod_traces := 32} = rpc:call(N, hermod, metrics, []),
        ok = ask(N, stop),
        {ok, _} = ask(N, {trace, subject, 10})
    end).

%% On a node that counts them for the first time.
hits(N, Limit) ->
    #{hermod_limit_hits_total := All} = rpc:call(N, hermod, metrics, []),
    [Hits] = [V || #{limit := L, value := V} <- All, L =:= atom_to_binary(Limit)],
    Hits.

requests_that_make_no_sense(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [Expected = {ask(N, {trace, T, 5}), T} || {T, Expected} <-
            [{T, {{error, E}, T}} || {T, E} <- [{nobody, noproc}, {{nobody, {say, 1}}, noproc}, {{no, function, 1}, undef}, {fun no:function/1, undef},
                                                {{erlang, node, 17}, undef}, {<<"nobody">>, noproc}, {<<"<0.999999.9>">>, noproc}, {{peer, 'no@where'}, noconnection},
                                                {<<"peer:no@where">>, noconnection}]]],
        Dead = given:child(N),
        exit(Dead, kill),
        given:gone(Dead),
        {error, noproc} = ask(N, {trace, Dead, 5}),
        [{error, {badarg, <<_, _/binary>>}} = ask(N, R) || R <-
            [{trace, T, 5} || T <- [1, 1.5, [], #{}, <<>>, self(), make_ref(), fun() -> ok end, tracer, {a, b}, {a, {1, 2}}, {1, 2, 3},
                                    binary:copy(<<"x">>, 10000), <<"a:b/c">>, <<255, 255>>, <<"a", 0>>]] ++
            [{trace, subject, L} || L <- [0, -1, 1.5, infinity, [], #{}, [record], [{limit, 0}], 1 bsl 70, 10001]] ++
            [{trace, subject, 5, O} || O <- [[{rate, 0}], [{rate, 1001}], [what], [{what, 1}], [{scope, everywhere}], [{return, 1}], [{handler, a}],
                                             [{handler, {a, 1}}], [{output, a}], #{1 => 2}, [record | record], 5 + 0.5]]],
        [{error, unknown_call} = ask(N, R) || R <- [what, {trace}, {trace, subject}, {stop, a}, {playback, a}, {trace, 1, 2, 3, 4}, <<>>]],
        [] = ask(N, list)
    end).

stopped_and_listed(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        {ok, A} = ask(N, {trace, subject, 7, [record, {rate, 9}]}),
        {ok, B} = ask(N, {trace, {callable, echo, 1}, #{limit => 8, scope => local, return => true}}),
        [#{id := A, owner := Me, limit := 7, rate := 9, record := true, return := false, scope := external, events := 0},
         #{id := B, owner := Me, limit := 8, rate := 100, record := false, return := true, scope := local}] = ask(N, list),
        ok = ask(N, {stop, A}),
        {error, noent} = ask(N, {stop, A}),
        [#{id := B}] = ask(N, list),
        ok = ask(N, stop),
        [] = ask(N, list)
    end).

recorded(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        {ok, Id} = ask(N, {trace, fun callable:echo/1, 2, [return, record]}),
        {ok, _} = ask(N, {trace, {callable, raise, 2}, 2, [return, record]}),
        <<"Buzz">> = rpc:call(N, callable, echo, [<<"Buzz">>]),
        catch erpc:call(N, callable, raise, [exit, x]),
        target:wait(fun() -> ask(N, list) =:= [] end),
        [Call, Return] = ask(N, {playback, Id}),
        #{module := callable, function := echo, arity := 1, args := [<<"Buzz">>], type := call, datetime := DateTime} = Call,
        6 = map_size(Call),
        #{'__struct__' := 'Elixir.DateTime', calendar := 'Elixir.Calendar.ISO', year := Year, microsecond := {_, 6}, time_zone := <<"Etc/UTC">>,
          zone_abbr := <<"UTC">>, utc_offset := 0, std_offset := 0} = DateTime,
        Now = calendar:datetime_to_gregorian_seconds(calendar:universal_time()),
        Then = calendar:datetime_to_gregorian_seconds({{Year, map_get(month, DateTime), map_get(day, DateTime)},
                                                       {map_get(hour, DateTime), map_get(minute, DateTime), map_get(second, DateTime)}}),
        ?assert(abs(Now - Then) < 60),
        #{module := callable, function := echo, arity := 1, return_value := <<"Buzz">>, type := return} = Return,
        [_, _, #{type := call}, #{type := exception, class := exit, reason := x, function := raise}] = ask(N, playback),
        [{trace_ts, _, call, {callable, echo, [<<"Buzz">>]}, {_, _, _}}, {trace_ts, _, return_from, {callable, echo, 1}, <<"Buzz">>, _}] =
            ask(N, {playback, Id, messages}),
        [] = ask(N, {playback, Id + 100}),
        ok = ask(N, forget),
        [] = ask(N, playback)
    end).

recording_outlives_the_tracer(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Tracer = rpc:call(N, erlang, whereis, [tracer]),
        {ok, _} = ask(N, {trace, subject, 10, [record]}),
        x = given:call(N, {echo, x}),
        exit(Tracer, kill),
        given:gone(Tracer),
        target:wait(fun() -> is_pid(rpc:call(N, erlang, whereis, [tracer])) end),
        [] = ask(N, list),
        [#{function := handle_call, args := [{echo, x}, _]}] = ask(N, playback)
    end).

full_recording(_) ->
    T = target:start(#{args => ["--trace-memory", "16K", "--max-trace-rate", "1000000"]}),
    N = maps:get(node, T),
    P = target:start_peer(),
    ?ON(P, begin
        Pid = given:child(N),
        {ok, Id} = ask(N, {trace, Pid, 10000, [record, {rate, 1000000}, {handler, self()}]}),
        [gen_server:cast(Pid, {I, <<0:1000>>}) || I <- lists:seq(1, 200)],
        Count = ?EXPECT({trace_end, Id, recording_full, E}, E),
        Count = length(ask(N, {playback, Id})),
        ?assert(Count > 10),
        1 = hits(N, 'trace-memory'),
        #{hermod_trace_events_total := Count} = rpc:call(N, hermod, metrics, []),
        {ok, New} = ask(N, {trace, Pid, 1, [record]}),
        gen_server:cast(Pid, new),
        target:wait(fun() -> ask(N, list) =:= [] end),
        [#{args := [new]}] = ask(N, {playback, New}),
        ?assert(length(ask(N, {playback, Id})) < Count),
        x = given:call(N, {echo, x})
    end),
    target:stop(P),
    target:stop(T).

peers(C) ->
    {N, Other} = {given:target(C), maps:get(node, given:peer(2, C))},
    Pid = ?ON(given:peer(2, C), begin x = given:call(N, {echo, x}), given:idle() end),
    ?ON(given:peer(C), begin
        {ok, _} = ask(N, {trace, {peer, Other}, 50, [{handler, self()}]}),
        spawn(Other, gen_server, cast, [{subject, N}, {a, message}]),
        ?EXPECT({trace, Other, 'receive', {{reg_send, _, subject}, {'$gen_cast', {a, message}}}}),
        ok = given:call(N, {link, Pid}),
        ?EXPECT({trace, Other, send, {{link, _, Pid}}, Other}),
        ok = given:call(N, {unlink, Pid}),
        ?EXPECT({trace, Other, send, {{unlink_id, _, _, Pid}}, Other}),
        ?EXPECT({trace, Other, 'receive', {{unlink_id_ack, _, Pid, _}}}),
        Ref = given:call(N, {monitor, Pid}),
        ?EXPECT({trace, Other, send, {{monitor_p, _, Pid, Ref}}, Other}),
        ok = given:call(N, {demonitor, Ref}),
        ?EXPECT({trace, Other, send, {{demonitor_p, _, Pid, Ref}}, Other}),
        ok = given:call(N, {exit, Pid, because}),
        ?EXPECT({trace, Other, send, {{exit2, _, Pid}, because}, Other})
    end).

not_traced_themselves(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        %% Each event goes over the connection that is traced, each is a message to what is traced: none makes another.
        {ok, A} = ask(N, {trace, {peer, node()}, 1000, [{handler, self()}]}),
        {ok, B} = ask(N, {trace, subject, 1000, [{handler, {subject, N}}, {scope, local}]}),
        {subject, N} ! once,
        ?EXPECT({trace, _, 'receive', {{reg_send, _, subject}, once}}),
        [] = [E || #{id := I, events := E} <- ask(N, list), I =:= B, E > 1],
        [E1] = [E || #{id := I, events := E} <- ask(N, list), I =:= A],
        ?assert(E1 < 20),
        {error, {badarg, _}} = ask(N, {trace, tracer, 10}),
        {error, {badarg, _}} = ask(N, {trace, rpc:call(N, erlang, whereis, [tracer]), 10})
    end).

large_terms(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Big = binary:copy(<<"x">>, 1000000),
        {ok, _} = ask(N, {trace, {callable, eight, 8}, 1, [record, {handler, self()}]}),
        rpc:call(N, callable, eight, [1, Big, "two", Big, 5, 6, 7, Big]),
        ?EXPECT({trace, _, call, {callable, eight, [1, {'...', 1000005}, "two", {'...', 1000005}, 5, 6, 7, {'...', 1000005}]}}),
        [#{arity := 8}] = ask(N, playback),
        {ok, _} = ask(N, {trace, {peer, node()}, 100, [{handler, self()}]}),
        %% Of control messages above 64 KiB a BEAM makes fragments that no node can read.
        Request = spawn_request(N, callable, echo, [x], [{large, binary:part(Big, 0, 50000)}]),
        ?EXPECT({trace, _, 'receive', {{spawn_request, Request, _, _, {callable, echo, 1}, {'...', _}}, [x]}})
    end).

not_allowed(_) ->
    T = target:start(#{args => ["--deny-rpc", "tracer"]}),
    P = target:start_peer(),
    N = maps:get(node, T),
    ?ON(P, begin
        [{error, not_allowed} = ask(N, R) || R <- [{trace, subject, 5}, list, playback, stop, forget, {stop, 1}]],
        x = given:call(N, {echo, x})
    end),
    target:await_line(T, "trace.denied node=" ++ atom_to_list(maps:get(node, P)) ++ " may not trace"),
    target:stop(P),
    target:stop(T).

in_the_log(C) ->
    N = given:target(C),
    T = proplists:get_value(target, C),
    ?ON(given:peer(C), begin
        {ok, _} = ask(N, {trace, {callable, echo, 1}, 2, [return, {output, log}]}),
        rpc:call(N, callable, echo, [{<<"in the ", 27, "log">>, 1}])
    end),
    target:await_line(T, "trace.event callable.echo/1 is being called with: \\[\\{\"in the \\\\elog\", 1\\}\\]$"),
    target:await_line(T, "trace.event callable.echo/1 returns: \\{\"in the \\\\elog\", 1\\}$"),
    target:await_line(T, "trace.end .* ends after 2 events: limit").

in_the_logger(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ok = logger:set_primary_config(level, all),
        ok = logger:add_handler(?MODULE, ?MODULE, #{config => self()}),
        {ok, _} = ask(N, {trace, {callable, echo, 1}, 1}),
        rpc:call(N, callable, echo, [<<"Buzz">>]),
        ?EXPECT({logged, info, "callable.echo/1 is being called with: [\"Buzz\"]"}),
        ?EXPECT({logged, info, "Tracing of {:callable, :echo, 1} ends after 1 event: limit"}),
        ok = logger:remove_handler(?MODULE)
    end).

%% logger's callback
log(#{level := Level, msg := {Format, Args}}, #{config := To}) -> To ! {logged, Level, lists:flatten(io_lib:format(Format, Args))};
log(_, _) -> ok.

%% ---- hermod trace

shell(Args) ->
    target:run(target:hermod(), ["trace" | Args], #{env => [{"HERMOD_COOKIE", target:cookie()}]}).

shell_start(Args) ->
    target:start(hermod, #{name => target:unique("trace"), expect => exit, env => [{"HERMOD_COOKIE", target:cookie()}],
                           command => {target:hermod(), ["trace" | Args]}}).

runs(C, Count) -> ?ON(given:peer(C), target:wait(fun() -> Count =:= length(ask(given:target(C), list)) end)).

from_the_shell(C) ->
    N = given:target(C),
    Node = atom_to_list(N),
    W = shell_start(["--limit", "2", "--return", "--record", Node, "callable:echo/1"]),
    J = shell_start(["--limit", "1", "--json", Node, "subject:nothing/0"]),
    runs(C, 2),
    {0, List, <<>>} = shell(["--list", Node]),
    {match, _} = re:run(List, "^\\d+ \"callable:echo/1\" 0 of 2 events, for #PID<.*>$", [multiline]),
    ?ON(given:peer(C), begin rpc:call(N, callable, echo, [<<"Buzz">>]), {subject, N} ! nothing end),
    0 = target:await_exit(W),
    target:await_line(W, "^\\d\\d:\\d\\d:\\d\\d.\\d\\d\\d callable.echo/1 is being called with: \\[\"Buzz\"\\]$"),
    target:await_line(W, "^\\d\\d:\\d\\d:\\d\\d.\\d\\d\\d callable.echo/1 returns: \"Buzz\"$"),
    target:await_line(W, "the trace ends after 2 events"),
    0 = target:await_exit(J),
    target:await_line(J, "^\\{\"type\":\"call\",\"args\":\\[\"nothing\"\\],\"module\":\"subject\",\"function\":\"handle_info\",\"arity\":1,\"datetime\":\"2.*Z\"\\}$"),
    {0, Playback, <<>>} = shell(["--playback", Node]),
    {match, _} = re:run(Playback, "callable.echo/1 returns: \"Buzz\"\n$"),
    {0, <<>>, <<>>} = shell(["--forget", Node]),
    {0, <<>>, <<>>} = shell(["--playback", Node]).

shell_says_why(C) ->
    Node = atom_to_list(given:target(C)),
    [{Status, <<>>, Err} = {Status, <<>>, re_run(Err, Regex)} || {{Status, Regex}, Args} <-
        [{{5, "no process nobody on"}, [Node, "nobody"]}, {{5, "no_such:thing/1 is no function"}, [Node, "no_such:thing/1"]},
         {{5, "no connection to x@y"}, [Node, "peer:x@y"]}, {{2, "a:b/c is no target"}, [Node, "a:b/c"]}, {{2, "say what to trace"}, [Node]},
         {{2, "1 to 10000 events"}, ["--limit", "20000", Node, "subject"]}, {{5, "no trace 999 runs"}, ["--stop", Node, "999"]},
         {{5, "has no tracer: .* a BEAM has dbg"}, [atom_to_list(maps:get(node, given:peer(C))), "subject"]},
         {{2, "exclude each other"}, ["--stop", "--list", Node]}, {{2, "takes no TARGET"}, ["--playback", Node, "x"]},
         {{2, "--scope is local or external"}, ["--scope", "x", Node, "subject"]}],
        {_, _, Err} <- [shell(Args)]].

re_run(Text, Regex) -> {match, _} = re:run(Text, Regex), Text.

shell_is_interrupted(C) ->
    W = shell_start([atom_to_list(given:target(C)), "subject"]),
    runs(C, 1),
    target:kill(W),
    runs(C, 0).
