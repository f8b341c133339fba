%% The IP trace port of dbg, both ways: `hermod trace --dbg' as the client of a BEAM's, and of Hermod's; dbg:trace_client as the client of the port
%% of `hermod start --trace-port'.
-module(trace_port_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(FINE, 0).
-define(USAGE, 2).
-define(NO_CONNECTION, 3).
-define(TIMEOUT, 6).

all() -> [{group, client}] ++ case target:kind() of hermod -> [{group, port}]; beam -> [] end.

groups() ->
    [{client, [], [prints_calls, prints_json, prints_elixir, second_client_is_told, nobody_there, no_port_of_a_tracer,
                   wrong_use]},
     %% hermod only: the port
     {port, [], [dbg_is_a_client, what_is_told_before_waits, one_client_at_a_time, slow_client_is_told_what_is_missing, silent_client_costs_nothing,
                 client_comes_again, tool_is_a_client, address_is_taken, loopback_only]}].

init_per_suite(C) ->
    case filelib:is_regular(target:hermod()) of
        true -> [{peer1, target:start_peer()} | C];
        false -> {skip, "there is no hermod program to test"}
    end.
end_per_suite(C) -> given:no_nodes(C).

says(Text, Regex) -> ?assertMatch({match, _}, re:run(Text, Regex, [unicode]), Text).

run(Args) ->
    {Status, Out, Err} = target:run(target:hermod(), ["trace" | Args], #{}),
    ct:log("hermod trace ~p -> ~p~n~ts~n~ts", [Args, Status, Out, Err]),
    {Status, unicode:characters_to_list(Out), unicode:characters_to_list(Err)}.

refused(Status, {Status, "", [_ | _] = Err}) -> Err;
refused(Status, Got) -> error({expected_exit_code, Status, got, Got}).

%% A client that stays.
client(Port, Args) ->
    target:start(hermod, #{name => target:unique("client"), expect => exit,
                           command => {target:hermod(), ["trace", "--dbg", "localhost:" ++ integer_to_list(Port) | Args]}}).

%% ---- what a BEAM sends

%% Traces on a node of its own while Fun runs; Fun gets the node, the port and a function that lets the traced process call lists:reverse/1. A node
%% of its own, which is killed: a VM of OTP 25 dies now and then (in trace_ip_drv.so) when the port of a tracer is closed,
%% or its queue full. (What it sends then is in test/golden.)
traced(Fun) ->
    P = target:start_peer(),
    {Port, Pid} = ?ON(P, begin
        {ok, _} = dbg:tracer(port, dbg:trace_port(ip, 0)),
        {ok, Listen} = dbg:trace_port_control(get_listen_port),
        Traced = spawn(fun() -> traced_loop() end),
        {ok, _} = dbg:p(Traced, [c]),
        {ok, _} = dbg:tpl(lists, reverse, 1, [{'_', [], [{return_trace}]}]),
        {Listen, Traced}
    end),
    Call = fun(Term) -> ?ON(P, begin Pid ! {self(), Term}, receive {Pid, done} -> ok end end) end,
    try Fun(P, Port, Call) after target:kill(P) end.

traced_loop() ->
    receive {From, List} -> lists:reverse(List), From ! {self(), done}, traced_loop() end.

prints_calls(_) ->
    Ended = traced(fun(P, Port, Call) ->
        Node = atom_to_list(maps:get(node, P)),
        T = client(Port, []),
        Call([1, <<"x">>, '\x{e5}']),
        target:await_line(T, <<"^\\(<", (list_to_binary(Node))/binary, "\\.\\d+\\.?\\d*>\\) call lists:reverse\\(\\[1,<<\"x\">>,"/utf8>>),
        target:await_line(T, "returned from lists:reverse/1 -> \\["),
        T
    end),
    ?FINE = target:await_exit(Ended). %% the end of the trace is a good end

prints_json(_) ->
    traced(fun(_, Port, Call) ->
        T = client(Port, ["--json", "--limit", "2"]),
        Call([a, b]),
        ?FINE = target:await_exit(T),
        [First, Second] = target:lines(T),
        says(First, "^\\{.*\"type\":\"call\".*\\}$"),
        says(First, "\"args\":\\[\\[\"a\",\"b\"\\]\\]"),
        says(Second, "\"type\":\"return\""),
        says(Second, "\"return_value\":\\[\"b\",\"a\"\\]")
    end).

prints_elixir(_) ->
    traced(fun(_, Port, Call) ->
        T = client(Port, ["--elixir", "--limit", "1"]),
        Call([nil, {ok, <<"x">>}]),
        ?FINE = target:await_exit(T),
        [Line] = target:lines(T),
        says(Line, "^\\(#PID<.*>\\) call :lists\\.reverse\\(\\[nil, \\{:ok, \"x\"\\}\\]\\)$")
    end).

second_client_is_told(_) ->
    traced(fun(_, Port, Call) ->
        T = client(Port, []),
        Call([first]),
        target:await_line(T, "call lists:reverse"),
        says(refused(?NO_CONNECTION, run(["--dbg", integer_to_list(Port)])), "one client at a time"),
        Call([second]),
        target:await_line(T, "second"),
        target:kill(T)
    end).

nobody_there(_) ->
    Port = integer_to_list(target:free_port()),
    says(refused(?NO_CONNECTION, run(["--dbg", "127.0.0.1:" ++ Port])), "nobody listens there"),
    refused(?NO_CONNECTION, run(["--dbg", "[::1]:" ++ Port])),
    says(refused(?NO_CONNECTION, run(["--dbg", "no.such.host.invalid:1"])), "no host no.such.host.invalid").

%% Something else answers, stops in the middle, or says nothing.
no_port_of_a_tracer(_) ->
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(L),
    Address = ["--dbg", "127.0.0.1:" ++ integer_to_list(Port)],
    Serve = fun(Bytes, Args) ->
        Me = self(),
        spawn_link(fun() -> {ok, S} = gen_tcp:accept(L), ok = gen_tcp:send(S, Bytes),
                            case Args of [] -> gen_tcp:shutdown(S, write); _ -> ok end,
                            gen_tcp:recv(S, 0), Me ! served end),
        Got = run(Address ++ Args),
        receive served -> Got end
    end,
    says(refused(1, Serve(<<"HTTP/1.1 400 Bad Request\r\n">>, [])), "something else than a trace \\(byte 72"),
    says(refused(1, Serve(<<0, 16#ffffffff:32>>, [])), "larger than"),
    says(refused(1, Serve(<<0, 10:32, 131, $h>>, [])), "in the middle of a message"),
    {?FINE, "hello\n*** Dropped 7 messages.\n", Err} =
        Serve([<<0, 3:32, 131, 255, 1>>, <<0, (size_of(hello)):32>>, term_to_binary(hello), <<1, 7:32>>], []),
    says(Err, "3 bytes that are no term"),
    says(refused(?TIMEOUT, Serve(<<0>>, ["--timeout", "300"])), "within 300 ms"),
    gen_tcp:close(L).

size_of(Term) -> byte_size(term_to_binary(Term)).

wrong_use(_) ->
    [refused(?USAGE, run(Args)) || Args <-
        [[], ["--dbg", ""], ["--dbg", "host"], ["--dbg", "host:"], ["--dbg", ":5"], ["--dbg", "host:0"], ["--dbg", "host:65536"], ["--dbg", "::1:5"],
         ["--dbg", "4711", "node"], ["--dbg", "4711", "--record"], ["--dbg", "4711", "--list"]]].

%% ---- what Hermod sends

start_port(Args) ->
    Port = target:free_port(),
    T = target:start(hermod, #{args => ["--trace-port", integer_to_list(Port) | Args]}),
    {T, Port}.

%% As a handler of dbg that tells a process here of what it got.
dbg_client(C, Port) ->
    P = given:peer(C),
    ?ON(P, begin
        Me = self(),
        Pid = spawn(fun() -> Seen = collector([]), Seen end),
        Client = dbg:trace_client(ip, {"localhost", Port}, {fun(M, To) -> To ! {seen, M}, To end, Pid}),
        Me = self(),
        {Pid, Client}
    end).

collector(Seen) ->
    receive
        {seen, M} -> collector([M | Seen]);
        {tell, From} -> From ! {seen_all, lists:reverse(Seen)}, collector(Seen)
    end.

seen(C, {Pid, _}) -> ?ON(given:peer(C), begin Pid ! {tell, self()}, receive {seen_all, All} -> All end end).

await_seen(C, Client, Fun) ->
    target:wait(fun() -> case [M || M <- seen(C, Client), Fun(M)] of [] -> false; [M | _] -> {true, M} end end).

trace(C, T, Options) ->
    Node = maps:get(node, T),
    Request = {trace, <<"subject">>, maps:merge(#{limit => 10000, rate => 1000}, Options)},
    {ok, _} = ?ON(given:peer(C), begin %% a trace ends with the process that asked for it
        Me = self(),
        spawn(fun() -> Me ! {answer, gen_server:call({tracer, Node}, Request)}, receive after infinity -> ok end end),
        receive {answer, Answer} -> Answer end
    end),
    ok.

ask(C, T, Request) -> Node = maps:get(node, T), ?ON(given:peer(C), given:call(Node, Request)).

%% dbg's own client, and its own words for what it gets.
dbg_is_a_client(C) ->
    {T, Port} = start_port([]),
    Client = dbg_client(C, Port),
    trace(C, T, #{return => true}),
    {said, <<"x">>} = ask(C, T, {echo, {said, <<"x">>}}),
    {trace_ts, Pid, call, {subject, handle_call, [{echo, {said, <<"x">>}}, _]}, {_, _, _} = Time} =
        await_seen(C, Client, fun(M) -> is_tuple(M) andalso element(3, M) =:= call end),
    ?assertEqual(maps:get(node, T), ?ON(given:peer(C), node(Pid))),
    ?assert(abs(timer:now_diff(os:timestamp(), Time)) < 60000000),
    {trace_ts, Pid, return_from, {subject, handle_call, 2}, {said, <<"x">>}, _} =
        await_seen(C, Client, fun(M) -> is_tuple(M) andalso element(3, M) =:= return_from end),
    P = given:peer(C),
    Printed = ?ON(P, begin
        File = filename:join(target:log_dir(), target:unique("dbg")),
        {ok, Device} = file:open(File, [write]),
        dbg:dhandler({trace_ts, Pid, call, {subject, handle_call, [a]}, {1, 2, 3}}, Device),
        ok = file:close(Device),
        {ok, Text} = file:read_file(File),
        Text
    end),
    says(Printed, "call subject:handle_call\\(a\\)"),
    target:stop(T), %% the end of the connection is the end of the trace
    await_seen(C, Client, fun(M) -> M =:= end_of_trace end).

what_is_told_before_waits(C) ->
    {T, Port} = start_port(["--trace-port-queue", "5"]),
    trace(C, T, #{}),
    [N = ask(C, T, {echo, N}) || N <- lists:seq(1, 9)],
    Client = dbg_client(C, Port),
    {drop, 4} = await_seen(C, Client, fun(M) -> element(1, M) =:= drop end),
    [1, 2, 3, 4, 5] = [N || {trace_ts, _, call, {_, _, [{echo, N}, _]}, _} <- seen(C, Client)],
    10 = ask(C, T, {echo, 10}),
    await_seen(C, Client, fun(M) -> is_tuple(M) andalso element(1, M) =:= trace_ts andalso element(3, M) =:= call
                                    andalso hd(element(3, element(4, M))) =:= {echo, 10} end),
    target:stop(T).

one_client_at_a_time(C) ->
    {T, Port} = start_port([]),
    Client = dbg_client(C, Port),
    target:await_line(T, "trace.client a client is connected"),
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]),
    {error, closed} = gen_tcp:recv(S, 0, ?PATIENCE),
    trace(C, T, #{}),
    x = ask(C, T, {echo, x}),
    await_seen(C, Client, fun(M) -> is_tuple(M) andalso element(3, M) =:= call end),
    target:stop(T).

%% Frames of a raw connection, until Count calls were told or told to be missing.
frames(S, Buffer, Count, Told, Missing) when Told + Missing < Count ->
    case Buffer of
        <<0, N:32, Term:N/binary, Rest/binary>> -> _ = binary_to_term(Term), frames(S, Rest, Count, Told + 1, Missing);
        <<1, N:32, Rest/binary>> -> frames(S, Rest, Count, Told, Missing + N);
        _ -> {ok, More} = gen_tcp:recv(S, 0, ?PATIENCE), frames(S, <<Buffer/binary, More/binary>>, Count, Told, Missing)
    end;
frames(_, <<>>, Count, Told, Missing) when Told + Missing =:= Count -> {Told, Missing}.

%% A client that does not read: the node answers as ever, keeps no more than its queue, and all is told or told to be missing.
slow_client_is_told_what_is_missing(C) ->
    {T, Port} = start_port(["--trace-port-queue", "20", "--max-trace-rate", "1000000"]),
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}, {recbuf, 4096}, {buffer, 4096}]),
    target:await_line(T, "trace.client a client is connected"),
    trace(C, T, #{rate => 1000000, limit => 10000}),
    Big = binary:copy(<<"x">>, 10000), %% more of it than sockets keep
    Node = maps:get(node, T),
    Count = 2000,
    ?ON(given:peer(C), [Big = given:call(Node, {echo, Big}) || _ <- lists:seq(1, Count)]),
    target:await_line(T, "warn +trace.dropped"),
    true = 10 > length([L || L <- target:lines(T), re:run(L, "trace.dropped") =/= nomatch]), %% not a line for each
    {Told, Missing} = frames(S, <<>>, Count, 0, 0),
    ?assert(Missing > 0, {Told, Missing}),
    gen_tcp:close(S),
    target:stop(T).

silent_client_costs_nothing(C) ->
    {T, Port} = start_port([]),
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]),
    ok = gen_tcp:send(S, binary:copy(<<"junk\n">>, 100000)), %% nobody listens to it
    trace(C, T, #{}),
    x = ask(C, T, {echo, x}),
    {1, 0} = frames(S, <<>>, 1, 0, 0),
    gen_tcp:close(S),
    target:stop(T).

client_comes_again(C) ->
    {T, Port} = start_port([]),
    trace(C, T, #{}),
    [begin
        {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]),
        N = ask(C, T, {echo, N}),
        {1, 0} = frames(S, <<>>, 1, 0, 0),
        case N rem 2 of
            0 -> gen_tcp:close(S);
            1 -> inet:setopts(S, [{linger, {true, 0}}]), gen_tcp:close(S)
        end,
        target:wait(fun() -> length([L || L <- target:lines(T), re:run(L, "client of the trace port is gone") =/= nomatch]) =:= N end)
     end || N <- lists:seq(1, 4)],
    target:stop(T).

tool_is_a_client(C) ->
    {T, Port} = start_port([]),
    Client = client(Port, ["--elixir"]),
    target:await_line(T, "trace.client a client is connected"),
    trace(C, T, #{return => true}),
    {a, <<"b">>} = ask(C, T, {echo, {a, <<"b">>}}),
    target:await_line(Client, "call :subject\\.handle_call\\(\\{:echo, \\{:a, \"b\"\\}\\}, .*\\(Timestamp: "),
    target:await_line(Client, "returned from :subject\\.handle_call/2 -> \\{:a, \"b\"\\}"),
    target:stop(T),
    ?FINE = target:await_exit(Client).

address_is_taken(_) ->
    {ok, L} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(L),
    Start = fun(Args) -> target:run(target:hermod(), ["start", "--sname", target:unique("x"), "--cookie", "c", "--start-epmd", "false", "--trace-port" | Args], #{}) end,
    {1, _, Err} = Start([integer_to_list(Port)]),
    says(Err, "--trace-port: cannot listen on 127.0.0.1, port " ++ integer_to_list(Port)),
    {?USAGE, _, _} = Start(["nonsense"]),
    {?USAGE, _, _} = Start(["not.an.address:4711"]),
    {?USAGE, _, _} = Start(["0"]),
    gen_tcp:close(L).

%% Who is not on this machine has no port to talk to, unless it was asked for.
loopback_only(_) ->
    {ok, Addresses} = inet:getifaddrs(),
    Others = [A || {_, Opts} <- Addresses, {addr, {_, _, _, _} = A} <- Opts, element(1, A) =/= 127],
    {T, Port} = start_port([]),
    [{error, econnrefused} = gen_tcp:connect(A, Port, []) || A <- Others],
    target:stop(T),
    Everywhere = target:free_port(),
    All = target:start(hermod, #{subject => false, args => ["--trace-port", "0.0.0.0:" ++ integer_to_list(Everywhere)]}),
    [begin {ok, S} = gen_tcp:connect(A, Everywhere, []), gen_tcp:close(S) end || A <- [{127, 0, 0, 1} | Others]],
    target:stop(All).
