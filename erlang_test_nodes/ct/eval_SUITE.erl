%% Funs typed into a shell, run on another node. What they come to there must be what they come to on a BEAM.
-module(eval_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [elixir_expressions, erlang_expressions, shell_funs, prints_on_the_callers_terminal, inspect_in_lines, spawn_monitor_reasons, spawn_link_and_kill,
     through_rpc, casts, funs_come_back, funs_travel, exit_signals, messages_from_others, timers, servers_of_the_node, errors_are_logged_by_the_caller,
     spawned_by_name, calls_of_other_nodes, applies_in_each_other]
        ++ case target:kind() of hermod -> [{group, hermod_only}]; beam -> [] end.

%% What a BEAM does not have: limits, and no code but what it was given.
groups() ->
    [{hermod_only, [], [fair, endless_memory, endless_recursion, endless_steps, many_at_once, foreign_funs, forged_forms, task_supervisor,
                        forbidden, denied]}].

init_per_suite(C) ->
    C1 = given:nodes(C, #{}),
    [?ON(given:peer(I, C1), {ok, _} = application:ensure_all_started(elixir)) || I <- [1, 2]],
    C1.
end_per_suite(C) -> given:no_nodes(C).

%% ---- expressions ----

elixir_expressions(C) -> compare(C, fun elixir/1, expressions:elixir()).
erlang_expressions(C) -> compare(C, fun erlang/1, expressions:erlang()).

compare(C, Make, Expressions) ->
    N = given:target(C),
    Different = ?ON(given:peer(C), begin
        lists:filtermap(fun(E) ->
                                Fun = Make(E),
                                {Here, There} = {outcome(node(), Fun), outcome(N, Fun)},
                                case same(Here, There) of
                                    true -> false;
                                    false -> {true, {E, {beam, Here}, {target, There}}}
                                end
                        end, Expressions)
    end),
    [ct:pal("~ts~n~0tp~n~0tp", [E, A, B]) || {E, A, B} <- Different],
    ?assertEqual([], [E || {E, _, _} <- Different]).

elixir(Text) ->
    {Fun, _} = 'Elixir.Code':eval_string(<<"fn -> ", Text/binary, "\nend">>),
    Fun.
erlang(Text) -> shell(["fun() -> ", lists:droplast(unicode:characters_to_list(Text)), " end."], []).

%% As the Erlang shell makes them: bindings are an orddict, and there are handlers.
shell(Text, Bindings) ->
    {ok, Tokens, _} = erl_scan:string(lists:flatten(Text), {1, 1}),
    {ok, Forms} = erl_parse:parse_exprs(Tokens),
    Local = {eval, fun(F, _, _) -> error({no_shell, F}) end},
    {value, Fun, _} = erl_eval:exprs(Forms, Bindings, Local, {value, fun apply_function/2}),
    Fun.
apply_function({M, F}, As) -> apply(M, F, As);
apply_function(F, As) -> apply(F, As).

outcome(N, Fun) ->
    try {value, plain(erpc:call(N, Fun, 20000))}
    catch
        error:{exception, Reason, [Where | _]} -> {error, plain(Reason), Where};
        error:{exception, Reason, []} -> {error, plain(Reason), nowhere};
        Class:Reason -> {Class, plain(Reason)}
    end.

%% Funs are told apart by what they are, not by where they were made.
plain(F) when is_function(F) -> {a_fun, erlang:fun_info(F, module), erlang:fun_info(F, arity)};
plain(T) when is_tuple(T) -> list_to_tuple(plain(tuple_to_list(T)));
plain([H | T]) -> [plain(H) | plain(T)];
plain(M) when is_map(M) -> maps:map(fun(_, V) -> plain(V) end, M);
plain(X) -> X.

%% Where it failed counts when it was in one of Erlang's own functions; the insides of Elixir's are their own.
same({error, Reason, {erlang, F, As, _}}, {error, Reason, {M, G, Bs, _}}) when is_list(As) ->
    {M, G, plain(Bs)} =:= {erlang, F, plain(As)} orelse F =:= map_get;
same({error, undef, {M, F, As, _}}, {error, undef, {M, F, Bs, _}}) -> plain(As) =:= plain(Bs);
%% OTP 26 and later leave erl_eval out of the stack
same({error, Reason, nowhere}, {error, Reason, {erl_eval, _, _, _}}) -> true;
same({error, Reason, {erl_eval, _, _, _}}, {error, Reason, {M, _, _, _}}) -> M =:= erl_eval;
same({error, Reason, _}, {error, Reason, _}) -> Reason =/= undef;
same(A, B) -> A =:= B.

%% Bindings of the shell, and funs with several.
shell_funs(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        F = shell("fun(X) -> {X, A, B} end.", [{'A', 1}, {'B', [two]}]),
        {0, 1, [two]} = erpc:call(N, erlang, apply, [F, [0]]),
        G = shell("fun Loop(0, Acc) -> Acc; Loop(I, Acc) -> Loop(I - 1, [I + K | Acc]) end.", [{'K', 10}]),
        [11, 12, 13] = erpc:call(N, erlang, apply, [G, [3, []]]),
        {H, _} = 'Elixir.Code':eval_string(<<"a = [1]; b = %{x: 2}; fn y -> {a, b.x, y} end">>),
        {[1], 2, 3} = erpc:call(N, erlang, apply, [H, [3]])
    end).

%% ---- output ----

%% A group leader that keeps what it is told to print.
leader() ->
    Me = self(),
    spawn_link(fun Loop() ->
                       receive
                           {io_request, From, As, {put_chars, unicode, Text}} ->
                               Me ! {printed, unicode:characters_to_binary(Text)},
                               From ! {io_reply, As, ok},
                               Loop();
                           {io_request, From, As, {put_chars, unicode, M, F, A}} ->
                               Me ! {printed, unicode:characters_to_binary(apply(M, F, A))},
                               From ! {io_reply, As, ok},
                               Loop();
                           {io_request, From, As, {get_line, unicode, _}} ->
                               From ! {io_reply, As, <<"typed\n">>},
                               Loop()
                       end
               end).

prints_on_the_callers_terminal(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        group_leader(leader(), self()),
        Says = fun(Text) -> spawn(N, elixir(Text)), ?EXPECT({printed, P}, P) end,
        Name = atom_to_binary(N),
        ?assertEqual(<<Name/binary, "\n">>, Says(<<"IO.puts :erlang.node">>)),
        ?assertEqual(<<"ä€\n"/utf8>>, Says(<<"IO.puts \"ä€\""/utf8>>)),
        ?assertEqual(<<"%{a: [1, {:b, \"x\"}]}\n">>, Says(<<"IO.inspect(%{a: [1, {:b, \"x\"}]})">>)),
        ?assertEqual(<<"sum: 6\n">>, Says(<<"IO.inspect(Enum.sum([1, 2, 3]), label: \"sum\")">>)),
        ?assertEqual(<<"no newline">>, Says(<<"IO.write(:\"no newline\")">>)),
        ?assertEqual(<<"{a,\"b\"} 5 str\n">>, Says(<<":io.format(\"~p ~w ~s~n\", [{:a, 'b'}, 5, \"str\"])">>)),
        ?assertEqual(<<"got typed\n">>, Says(<<"line = IO.gets(\"? \"); IO.puts(\"got \" <> String.trim(line))">>)),
        spawn(N, shell("fun() -> io:format(\"hello ~p~n\", [node()]) end.", [])),
        Hello = <<"hello ", Name/binary, "\n">>,
        %% io:format prints atoms with a dot or an @ in quotes when they need them
        ?assertEqual(Hello, ?EXPECT({printed, P1}, binary:replace(P1, <<"'">>, <<>>, [global]))),
        ok = erpc:call(N, elixir(<<"IO.puts \"through erpc\"">>)),
        ?EXPECT({printed, <<"through erpc\n">>}),
        ok = rpc:call(N, erlang, apply, [elixir(<<"IO.puts \"through rpc\"">>), []]),
        ?EXPECT({printed, <<"through rpc\n">>})
    end).

inspect_in_lines(C) ->
    N = given:target(C),
    Terms = [<<"Enum.to_list(1..40)">>, <<"Enum.map(1..60, & &1), limit: 50">>, <<"for i <- 1..12, do: {i, \"item number #{i}\"}">>,
             <<"%{\"name\" => String.duplicate(\"x\", 40), \"list\" => Enum.to_list(1..20), \"nested\" => %{1 => :b, 2 => {1, 2.0, nil}}}">>,
             <<"[a: String.duplicate(\"x\", 50), b: String.duplicate(\"y\", 50)]">>, <<"{:ok, Enum.map(1..30, & &1 * 1000)}">>,
             <<"%{\"k\" => [1, [2, [3, [4]]]], 5 => %{}}">>, <<"Enum.map(1..10, &String.duplicate(\"ab\", &1))">>],
    ?ON(given:peer(C), begin
        group_leader(leader(), self()),
        [begin
             Fun = elixir(<<"IO.inspect(", T/binary, ")">>),
             spawn(node(), Fun),
             Here = ?EXPECT({printed, P0}, P0),
             spawn(N, Fun),
             ?assertEqual(Here, ?EXPECT({printed, P1}, P1))
         end || T <- Terms]
    end).

%% ---- processes ----

spawn_monitor_reasons(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Reason = fun(Node, Text) -> {P, R} = spawn_opt(Node, elixir(Text), [monitor]), ?EXPECT({'DOWN', R, process, P, W}, W) end,
        normal = Reason(N, <<"1 + 1">>),
        boom = Reason(N, <<"exit(:boom)">>),
        {badarith, [{erlang, '/', [1, 0], _} | _]} = Reason(N, <<"1 / 0">>),
        {undef, [{'Elixir.Nobody', bar, [1], _} | _]} = Reason(N, <<"Nobody.bar(1)">>),
        {{badmatch, 2}, _} = Reason(N, <<"1 = 2">>),
        {{case_clause, 1}, _} = Reason(N, <<"case 1 do 2 -> 3 end">>),
        {{nocatch, ball}, _} = Reason(N, <<"throw :ball">>),
        {#{'__struct__' := 'Elixir.RuntimeError', message := <<"oops">>}, _} = Reason(N, <<"raise \"oops\"">>)
    end).

spawn_link_and_kill(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        P1 = spawn_link(N, elixir(<<"exit(:bye)">>)),
        ?EXPECT({'EXIT', P1, bye}),
        P2 = spawn_link(N, elixir(<<"receive do :never -> 1 end">>)),
        exit(P2, kill),
        ?EXPECT({'EXIT', P2, killed}),
        P3 = spawn_link(N, elixir(<<"Process.flag(:trap_exit, true); receive do {:EXIT, from, r} -> send(from, {:told, r}) end">>)),
        exit(P3, hello),
        ?EXPECT({told, hello}),
        ?EXPECT({'EXIT', P3, normal})
    end).

through_rpc(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        F = elixir(<<"1 + 1">>),
        2 = erpc:call(N, F),
        2 = rpc:call(N, erlang, apply, [F, []]),
        2 = rpc:block_call(N, erlang, apply, [F, []]),
        [2] = element(1, rpc:multicall([N], erlang, apply, [F, []])),
        [{ok, 2}] = erpc:multicall([N], F),
        2 = erpc:receive_response(erpc:send_request(N, F)),
        {badrpc, {'EXIT', {badarith, _}}} = rpc:call(N, erlang, apply, [elixir(<<"1 / 0">>), []]),
        thrown = rpc:call(N, erlang, apply, [elixir(<<"throw :thrown">>), []]),
        {badrpc, {'EXIT', left}} = rpc:call(N, erlang, apply, [elixir(<<"exit :left">>), []]),
        ?assertError({erpc, timeout}, erpc:call(N, elixir(<<"Process.sleep(60000)">>), 50)),
        %% rpc with funs among the arguments of a fun
        G = elixir(<<"fn g, x -> g.(g.(x)) end">>),
        12 = erpc:call(N, erlang, apply, [erpc:call(N, G), [erpc:call(N, elixir(<<"fn x -> x * 2 end">>)), 3]])
    end).

casts(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        {F, _} = 'Elixir.Code':eval_string(<<"fn -> send(me, {:cast, node()}) end">>, [{me, Me}]),
        ok = erpc:cast(N, F),
        ?EXPECT({cast, N}),
        true = rpc:cast(N, erlang, apply, [F, []]),
        ?EXPECT({cast, N})
    end).

%% A fun made there can be called here, with what it has captured; one that was sent comes back as the same.
funs_come_back(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Add = erpc:call(N, elixir(<<"n = 5; unused = 6; fn x -> x + n end">>)),
        8 = Add(3),
        {env, [{_, Bindings, _, _, _, _}]} = erlang:fun_info(Add, env),
        1 = map_size(maps:from_list(case Bindings of M when is_map(M) -> maps:to_list(M); L -> L end)),
        Twice = erpc:call(N, elixir(<<"f = fn x -> x * 2 end; fn x -> f.(f.(x)) end">>)),
        20 = Twice(5),
        Same = elixir(<<"fn x -> x end">>),
        {Id, _} = 'Elixir.Code':eval_string(<<"fn x -> x end">>),
        ?assert(is_function(Same())),
        ?assertEqual(Id, erpc:call(N, erlang, apply, [element(1, 'Elixir.Code':eval_string(<<"fn x -> x end">>)), [Id]])),
        Fact = erpc:call(N, shell("fun() -> fun F(0) -> 1; F(I) -> I * F(I - 1) end end.", [])),
        120 = Fact(5),
        Three = erpc:call(N, elixir(<<"fn a, b, c -> [a, b, c] end">>)),
        [1, 2, 3] = Three(1, 2, 3),
        Plus = erpc:call(N, elixir(<<"&Kernel.+/2">>)),
        3 = Plus(1, 2)
    end).

%% From there to a third node.
funs_travel(C) ->
    N = given:target(C),
    P2 = ?ON(given:peer(2, C), node()),
    Server = ?ON(given:peer(2, C), spawn(fun Loop() -> receive {From, F} -> From ! {done, F(20)}, Loop() end end)),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(P2),
        {F, _} = 'Elixir.Code':eval_string(<<"fn -> k = 2; send(to, {me, fn x -> x + k end}) end">>, [{to, Server}, {me, self()}]),
        spawn(N, F),
        ?EXPECT({done, 22})
    end).

exit_signals(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Victim = given:idle(),
        Ref = monitor(process, Victim),
        %% a BEAM keeps the monitor back until its process sends something else or waits, and the other node's signal may be first
        true = is_process_alive(Victim),
        {F, _} = 'Elixir.Code':eval_string(<<"fn -> Process.exit(victim, :gone) end">>, [{victim, Victim}]),
        true = erpc:call(N, F),
        ?EXPECT({'DOWN', Ref, process, Victim, gone}),
        Other = given:idle(),
        {G, _} = 'Elixir.Code':eval_string(<<"fn -> ref = Process.monitor(pid); send(me, :watching); receive do {:DOWN, ^ref, _, _, r} -> send(me, {:saw, r}) end end">>,
                                           [{pid, Other}, {me, self()}]),
        spawn(N, G),
        ?EXPECT(watching),
        given:ended(Other, because),
        ?EXPECT({saw, because})
    end).

messages_from_others(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        {F, _} = 'Elixir.Code':eval_string(
                   <<"fn -> loop = fn loop, sum -> receive do {:add, n} -> loop.(loop, sum + n); {:get, pid} -> send(pid, {:sum, sum}); loop.(loop, sum) ; :stop -> :ok end end
                      loop.(loop, 0) end">>, []),
        {P, R} = spawn_opt(N, F, [monitor]),
        [P ! {add, I} || I <- lists:seq(1, 10000)],
        P ! {get, self()},
        ?EXPECT({sum, 50005000}),
        P ! ignored,
        P ! {get, self()},
        ?EXPECT({sum, 50005000}),
        P ! stop,
        ?EXPECT({'DOWN', R, process, P, normal})
    end).

timers(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        timeout = erpc:call(N, elixir(<<"receive do :x -> :x after 20 -> :timeout end">>)),
        {T, ok} = timer:tc(fun() -> erpc:call(N, elixir(<<"Process.sleep(100)">>)) end),
        ?assert(T >= 100000),
        [1, 2, 3] = erpc:call(N, elixir(<<"for i <- [2, 3, 1], do: Process.send_after(self(), i, i * 20); for _ <- 1..3, do: (receive do i -> i end)">>)),
        %% the timeout of a receive that was left does not end the next one
        late = erpc:call(N, elixir(<<"send(self(), :a); receive do :a -> 1 after 30 -> 2 end; receive do :b -> :b after 200 -> :late end">>))
    end).

servers_of_the_node(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        {echo, 1} = {echo, erpc:call(N, elixir(<<"GenServer.call(:subject, {:echo, 1})">>))},
        {F, _} = 'Elixir.Code':eval_string(<<"fn -> GenServer.call({:subject, n}, {:echo, :remote}) end">>, [{n, N}]),
        remote = erpc:call(N, F),
        2 = erpc:call(N, shell("fun() -> gen_server:call(subject, {echo, 2}) end.", [])),
        true = erpc:call(N, elixir(<<"is_pid(Process.whereis(:subject)) and Process.alive?(Process.whereis(:subject))">>)),
        true = erpc:call(N, elixir(<<":subject in Process.registered()">>)),
        ?assert(lists:member(node(), erpc:call(N, elixir(<<"Node.list()">>)))),
        %% back to a server of ours
        Server = given:idle(),
        exit(Server, kill),
        {G, _} = 'Elixir.Code':eval_string(<<"fn -> GenServer.call(pid, :x) end">>, [{pid, Server}]),
        ?assertExit({exception, {noproc, {'Elixir.GenServer', call, _}}}, erpc:call(N, G))
    end).

%% An error in a process whose group leader is here is told to our logger.
errors_are_logged_by_the_caller(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Me = self(),
        true = register(eval_suite_log, Me),
        ok = logger:add_handler(eval_suite, eval_SUITE, #{}),
        P = spawn(N, elixir(<<"1 / 0">>)),
        Event = ?EXPECT({logged, #{level := error, meta := #{pid := P}} = E}, E),
        ok = logger:remove_handler(eval_suite),
        unregister(eval_suite_log),
        #{msg := {Format, Args}} = Event,
        Text = unicode:characters_to_binary(io_lib:format(Format, Args)),
        ?assertMatch({match, _}, re:run(Text, "Error in process .* on node .* with exit value:\n.*badarith", [dotall]), Text)
    end).
log(Event, _) -> catch eval_suite_log ! {logged, Event}, ok.

%% Functions of the library, called by name.
spawned_by_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        group_leader(leader(), self()),
        Me = self(),
        F = elixir(<<"fn m, f, a -> apply(m, f, a) end">>),
        6 = erpc:call(N, erlang, apply, [F(), [lists, sum, [[1, 2, 3]]]]),
        {G, _} = 'Elixir.Code':eval_string(<<"fn -> spawn(Enum, :each, [[1, 2], fn x -> send(me, {:each, x}) end]) end">>, [{me, Me}]),
        erpc:call(N, G),
        ?EXPECT({each, 1}),
        ?EXPECT({each, 2})
    end).

%% From there to a third node.
calls_of_other_nodes(C) ->
    N = given:target(C),
    P2 = ?ON(given:peer(2, C), node()),
    ?ON(given:peer(C), begin
        pong = net_adm:ping(P2),
        group_leader(leader(), self()),
        There = fun(Text) -> {F, _} = 'Elixir.Code':eval_string(<<"fn -> ", Text/binary, "\nend">>, [{p, P2}, {me, self()}]), erpc:call(N, F, 20000) end,
        P2 = There(<<":rpc.call(p, :erlang, :node, [])">>),
        P2 = There(<<":erpc.call(p, fn -> node() end)">>),
        {badrpc, {'EXIT', {undef, _}}} = There(<<":rpc.call(p, :foo, :bar, [])">>),
        {badrpc, nodedown} = There(<<":rpc.call(:nobody@nowhere_at_all, :erlang, :node, [])">>),
        {caught, {exception, badarith, [_ | _]}} = There(<<"try do :erpc.call(p, fn -> 1 / 0 end) catch :error, e -> {:caught, e} end">>),
        {thrown, 1} = There(<<"try do :erpc.call(p, fn -> throw 1 end) catch x -> {:thrown, x} end">>),
        {erpc, timeout} = There(<<"try do :erpc.call(p, fn -> Process.sleep(10000) end, 30) catch :error, e -> e end">>),
        Pid = There(<<"Node.spawn(p, fn -> send(me, {:from, node(), self()}) end)">>),
        ?EXPECT({from, P2, Pid}),
        There(<<"Node.spawn(p, IO, :puts, [\"far away\"])">>),
        ?EXPECT({printed, <<"far away\n">>}),
        true = is_pid(There(<<"Node.spawn(:nobody@nowhere_at_all, fn -> 1 end)">>)),
        %% what comes meanwhile is kept
        [{a, 1}, P2] = There(<<"send(self(), {:a, 1}); n = :rpc.call(p, :erlang, :node, []); receive do x -> [x, n] end">>)
    end).

%% An apply in the arguments of an apply, as deep as memory lets.
applies_in_each_other(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        done = erpc:call(N, elixir(<<"args = Enum.reduce(1..20_000, [fn -> :done end, []], fn _, acc -> [&:erlang.apply/2, acc] end)
                                      apply(&:erlang.apply/2, args)">>), 20000)
    end).

%% ---- limits ----

%% While one counts for ever, others are answered.
fair(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Loop = elixir(<<"f = fn f -> f.(f) end; f.(f)">>),
        Pids = [spawn(N, Loop) || _ <- [1, 2, 3]],
        [begin
             {T, x} = timer:tc(fun() -> given:call(N, {echo, x}) end),
             ?assert(T < 1000000, T)
         end || _ <- lists:seq(1, 50)],
        3 = erpc:call(N, elixir(<<"1 + 2">>)),
        [begin exit(P, kill), given:gone(P) end || P <- Pids]
    end).

endless_memory(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ended_by(N, <<"f = fn f, l -> f.(f, [l | [1, 2, 3] ++ [l]]) end; f.(f, [])">>),
        ended_by(N, <<"f = fn f, s -> f.(f, s <> s) end; f.(f, \"0123456789\")">>),
        ended_by(N, <<"String.duplicate(\"x\", 1_000_000_000_000)">>),
        ended_by(N, <<"Enum.to_list(1..100_000_000)">>),
        {P, R} = spawn_opt(N, elixir(<<"receive do :never -> 1 end">>), [monitor]),
        Big = lists:duplicate(100000, {a, "message"}),
        [P ! Big || _ <- lists:seq(1, 20)],
        ?EXPECT({'DOWN', R, process, P, killed}),
        3 = erpc:call(N, elixir(<<"1 + 2">>))
    end).
ended_by(N, Text) ->
    {P, R} = spawn_opt(N, elixir(Text), [monitor]),
    ?EXPECT({'DOWN', R, process, P, killed}).

endless_recursion(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ?assertError({exception, system_limit, _}, erpc:call(N, elixir(<<"f = fn f -> 1 + f.(f) end; f.(f)">>))),
        caught = erpc:call(N, elixir(<<"f = fn f -> 1 + f.(f) end; try do f.(f) rescue SystemLimitError -> :caught end">>)),
        %% deep values can be made, but not sent
        ?assertError({exception, system_limit, _}, erpc:call(N, elixir(<<"Enum.reduce(1..10000, nil, fn _, t -> {t} end)">>))),
        ?assertError({exception, system_limit, _}, erpc:call(N, elixir(<<":erlang.bsl(1, 1_000_000)">>))),
        10000 = erpc:call(N, elixir(<<"f = fn f, n -> if n == 0, do: 0, else: 1 + f.(f, n - 1) end; f.(f, 10_000)">>))
    end).

endless_steps(C) ->
    T = target:start(hermod, #{args => ["--eval-steps", "100000"]}),
    try
        N = maps:get(node, T),
        ?ON(given:peer(C), begin
            ended_by(N, <<"f = fn f -> f.(f) end; f.(f)">>),
            3 = erpc:call(N, elixir(<<"1 + 2">>)),
            %% who waits begins anew
            ok = erpc:call(N, elixir(<<"Enum.each(1..50, fn _ -> Enum.each(1..500, & &1); Process.sleep(1) end)">>))
        end)
    after target:stop(T) end.

many_at_once(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Ids = [erpc:send_request(N, elixir(<<"Process.sleep(10); Enum.sum(1..100)">>)) || _ <- lists:seq(1, 500)],
        [5050 = erpc:receive_response(Id, 30000) || Id <- Ids]
    end).

%% Compiled closures: their code is elsewhere.
foreign_funs(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        ?assertError({exception, undef, [{eval_SUITE, _, _, _} | _]}, erpc:call(N, fun() -> ok end)),
        {F, _} = 'Elixir.Code':eval_string(<<"fn -> f.() end">>, [{f, fun() -> ok end}]),
        ?assertError({exception, undef, [{eval_SUITE, _, _, _} | _]}, erpc:call(N, F)),
        %% but they can be carried about
        G = fun(X) -> X end,
        {H, _} = 'Elixir.Code':eval_string(<<"fn -> {:here, f} end">>, [{f, G}]),
        {here, G} = erpc:call(N, H)
    end).

%% Forms that no compiler would write: each is refused, and the node still answers.
forged_forms(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Good = elixir(<<"x = 1; case {x, [2]} do {1, [y]} when y > 1 -> %{a: <<y::8>>}; _ -> (try do throw(x) catch z -> z end) end">>),
        {env, [{_, _, _, _, _, Clauses}]} = erlang:fun_info(Good, env),
        Bytes = term_to_binary(Good),
        Forms = mutations(Clauses),
        ?assert(length(Forms) > 200),
        [begin
             Fun = with_clauses(Bytes, Clauses, Form),
             case is_function(Fun) of
                 true -> catch erpc:call(N, Fun, 5000);
                 false -> skip
             end
         end || Form <- Forms],
        3 = erpc:call(N, elixir(<<"1 + 2">>))
    end).

%% The same term with one part in it replaced by something else.
mutations(Term) -> lists:append([replace(Term, Junk) || Junk <- [foo, 1, [], {}, {var, 1}, [a | b], #{}, <<"b">>, {tuple, 1, x}, {call, 1, 2, 3}]]).
replace(T, Junk) when is_tuple(T) -> [Junk | [list_to_tuple(L) || L <- inside(tuple_to_list(T), Junk)]];
replace([_ | _] = L, Junk) -> [Junk | inside(L, Junk)];
replace(_, Junk) -> [Junk].
inside([H | T], Junk) -> [[New | T] || New <- replace(H, Junk)] ++ [[H | New] || New <- inside(T, Junk)];
inside(_, _) -> [].

%% A closure with other clauses: what stands in front of them stays.
with_clauses(<<131, 112, _:32, Rest/binary>>, Clauses, New) ->
    <<131, Old/binary>> = term_to_binary(Clauses),
    <<131, Put/binary>> = term_to_binary(New),
    {At, Size} = lists:last(binary:matches(Rest, Old)),
    <<Front:At/binary, _:Size/binary, Back/binary>> = Rest,
    Body = <<Front/binary, Put/binary, Back/binary>>,
    try binary_to_term(<<131, 112, (byte_size(Body) + 4):32, Body/binary>>) catch error:badarg -> bad end.

task_supervisor(C) ->
    T = target:start(hermod, #{args => ["--task-supervisor", "MyTasks"]}),
    try
        N = maps:get(node, T),
        ?ON(given:peer(C), begin
            {F, _} = 'Elixir.Code':eval_string(<<"fn -> Task.Supervisor.async({MyTasks, n}, fn -> {node(), 6 * 7} end) |> Task.await() end">>, [{n, N}]),
            {N, 42} = F()
        end)
    after target:stop(T) end.

forbidden(C) ->
    T = target:start(hermod, #{args => ["--eval", "false"]}),
    try
        N = maps:get(node, T),
        ?ON(given:peer(C), begin
            ?assertError({exception, undef, [{erl_eval, _, _, _} | _]}, erpc:call(N, elixir(<<"1 + 1">>))),
            N = erpc:call(N, erlang, node, [])
        end)
    after target:stop(T) end.

%% --deny-rpc and --allow-rpc: closures are functions of erl_eval, and what they call in the table is asked for, too.
denied(C) ->
    T = target:start(hermod, #{args => ["--deny-rpc", "erl_eval"]}),
    U = target:start(hermod, #{args => ["--deny-rpc", "erlang"]}),
    try
        {N, M} = {maps:get(node, T), maps:get(node, U)},
        ?ON(given:peer(C), begin
            ?assertError({exception, undef, _}, erpc:call(N, elixir(<<"1 + 1">>))),
            2 = erpc:call(M, elixir(<<"1 + 1">>)),
            ?assertError({exception, undef, [{erlang, system_info, _, _} | _]}, erpc:call(M, elixir(<<":erlang.system_info(:otp_release)">>)))
        end)
    after target:stop(T), target:stop(U) end.
