%% `hermod rpc' and `hermod spawn': what runs on the node prints and reads where the command runs. The functions that print are those of
%% a BEAM peer; what the target itself can be called for is asked of the target.
-module(iotool_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(FINE, 0).
-define(FAILED, 1).
-define(USAGE, 2).
-define(NO_CONNECTION, 3).
-define(TIMEOUT, 6).
-define(RAISED, 7).

all() ->
    [rpc_target, rpc_target_prints, rpc_undef_on_target, rpc_value, rpc_prints, rpc_formats, rpc_reads_lines, rpc_end_of_input, rpc_input_from_nothing,
     rpc_binary_for_elixir, rpc_error, rpc_exit, rpc_throw, rpc_elixir_error, rpc_json, rpc_json_error, rpc_password_needs_terminal,
     rpc_usage, rpc_no_connection, rpc_timeout, rpc_waits_without_timeout, rpc_large_output, rpc_output_closed, rpc_node_dies,
     rpc_logs, spawn_prints, spawn_child_prints, spawn_reason, spawn_json, spawn_waits, spawn_ends_with_the_command,
     spawn_detached, interrupted, asks_again_when_the_node_dials_an_earlier_command].

init_per_suite(C) ->
    case filelib:is_regular(target:hermod()) of
        true -> given:nodes(C);
        false -> {skip, "there is no hermod program to test"}
    end.
end_per_suite(C) -> given:no_nodes(C).

hermod(Args) -> hermod(Args, #{}).
hermod(Args, Opts) ->
    {Status, Out, Err} = target:run(target:hermod(), Args, Opts#{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    ct:log("hermod ~p -> ~p~n~ts~n~ts", [Args, Status, Out, Err]),
    {Status, unicode:characters_to_list(Out), unicode:characters_to_list(Err)}.

peer(C) -> atom_to_list(maps:get(node, given:peer(C))).
rpc(C, Args) -> rpc(C, Args, "").
rpc(C, Args, Stdin) -> hermod(["rpc", peer(C) | Args], #{stdin => Stdin}).
spawned(C, Args) -> hermod(["spawn", peer(C) | Args]).

says(Text, Regex) -> ?assertMatch({match, _}, re:run(Text, Regex, [unicode]), Text).

%% Expressions on the peer, with what they print and read here.
eval(C, Command, Text) -> eval(C, Command, Text, []).
eval(C, Command, Text, Options) ->
    eval(C, Command, Text, Options, "").
eval(C, Command, Text, Options, Stdin) ->
    ?ON(given:peer(C), ok = define_eval()),
    hermod([Command] ++ Options ++ [peer(C), "evaluate", "text", "[" ++ lists:flatten(io_lib:format("~p", [Text])) ++ "]"],
           #{stdin => Stdin}).

%% evaluate:text("1 + 1.") on the peer.
define_eval() ->
    Forms = [{attribute, 1, module, evaluate}, {attribute, 2, export, [{text, 1}]},
             begin
                 {ok, Tokens, _} = erl_scan:string(
                     "text(T) -> {ok, Ts, _} = erl_scan:string(T), {ok, Es} = erl_parse:parse_exprs(Ts),"
                     " {value, V, _} = erl_eval:exprs(Es, []), V."),
                 {ok, Form} = erl_parse:parse_form(Tokens),
                 Form
             end],
    {ok, evaluate, Bin} = compile:forms(Forms),
    {module, evaluate} = code:load_binary(evaluate, "evaluate.erl", Bin),
    ok.

rpc_target(C) ->
    Node = atom_to_list(given:target(C)),
    {?FINE, Out, ""} = hermod(["rpc", Node, "erlang", "node"]),
    Out = Node ++ "\n",
    {?FINE, ":undefined\n", ""} = hermod(["rpc", Node, ":erlang", "whereis", "[:nobody]"]).

rpc_target_prints(C) ->
    Node = atom_to_list(given:target(C)),
    {?FINE, "hello {a}\nok\n", ""} = hermod(["rpc", Node, "io", "format", "[\"hello ~p~n\", [{a}]]"]),
    {?FINE, "? \n\"joe\\n\"\n", ""} = hermod(["rpc", Node, "io", "get_line", "[\"? \"]"], #{stdin => "joe\n"}),
    {?FINE, "hello\nnormal\n", ""} = hermod(["spawn", Node, "io", "put_chars", "[\"hello\"]"]).

rpc_undef_on_target(C) ->
    {?RAISED, "", Err} = hermod(["rpc", atom_to_list(given:target(C)), "nobody", "knows", "[1]"]),
    says(Err, "^exception error: undefined function nobody:knows/1\n").

rpc_value(C) ->
    [?assertEqual({?FINE, Out, ""}, rpc(C, Args), Args) || {Args, Out} <-
        [{["lists", "seq", "[1, 3]"], "[1,2,3]\n"}, {[":lists", ":seq", "[1, 3]"], "[1, 2, 3]\n"},
         {["erlang", "list_to_binary", "[\"abc\"]"], "<<\"abc\">>\n"}, {[":erlang", "byte_size", "[\"abc\"]"], "3\n"},
         {["erlang", "is_list", "[\"abc\"]"], "true\n"}, {["--erlang", "erlang", "self", "[]"], undefined},
         {["erlang", "tuple_to_list", "[{a, b}]"], "[a,b]\n"}], Out =/= undefined].

rpc_prints(C) ->
    {?FINE, "hello\nok\n", ""} = rpc(C, ["io", "put_chars", "[\"hello\n\"]"]),
    {?FINE, "no end\nok\n", ""} = rpc(C, ["io", "put_chars", "[\"no end\"]"]),
    {?FINE, [16#e9, 16#20ac, $\n | "ok\n"], ""} = rpc(C, ["io", "put_chars", "[[233, 8364, 10]]"]).

rpc_formats(C) ->
    {?FINE, "{a,\"b\"} 1.500000\nok\n", ""} = rpc(C, ["io", "format", "[\"~p ~f~n\", [{a, \"b\"}, 1.5]]"]).

rpc_reads_lines(C) ->
    {?FINE, Out, ""} = eval(C, "rpc", "{io:get_line(\"a> \"), io:get_chars(\"b> \", 2), io:get_line(\"c> \")}.", [], "one\ntwo\nthree\n"),
    "a> b> c> \n{\"one\\n\",\"tw\",\"o\\n\"}\n" = Out.

rpc_end_of_input(C) ->
    {?FINE, Out, ""} = eval(C, "rpc", "[io:get_line('') || _ <- [1, 2, 3]].", [], "one\nrest"),
    "[\"one\\n\",\"rest\",eof]\n" = Out.

rpc_input_from_nothing(C) ->
    {?FINE, "eof\n", ""} = rpc(C, ["io", "get_line", "['']"]),
    {?FINE, "eof\n", ""} = hermod(["rpc", peer(C), "io", "get_chars", "['', 3]"]).

%% What Elixir expects of a terminal; the module tells.
rpc_binary_for_elixir(C) ->
    {?FINE, "\"one\\n\"\n", ""} = rpc(C, [":io", "get_line", "[:\"\"]"], "one\n"),
    {?FINE, "\"one\\n\"\n", ""} = rpc(C, ["io", "get_line", "['']"], "one\n"),
    {?FINE, "<<\"one\\n\">>\n", ""} = eval(C, "rpc", "io:setopts([binary]), io:get_line('').", [], "one\n").

rpc_error(C) ->
    {?RAISED, "", Err} = rpc(C, ["erlang", "error", "[{badmatch, 17}]"]),
    says(Err, "^exception error: no match of right hand side value 17\n"),
    {?RAISED, "before\n", Err2} = eval(C, "rpc", "io:put_chars(\"before\"), lists:map(x, 1)."),
    says(Err2, "^exception error: no function clause matching lists:map/2\n  in function  lists:map/2 \\(lists.erl, line \\d+\\)\n").

rpc_exit(C) -> {?RAISED, "", "exception exit: {a,b}\n"} = rpc(C, ["erlang", "exit", "[{a, b}]"]).
rpc_throw(C) -> {?RAISED, "", "exception throw: ball\n"} = rpc(C, ["erlang", "throw", "[ball]"]).

rpc_elixir_error(C) ->
    {?RAISED, "", "** (exit) :because\n"} = rpc(C, [":erlang", "exit", "[:because]"]),
    {?RAISED, "", Err} = rpc(C, ["Nobody", "knows", "[1]"]),
    says(Err, "^\\*\\* \\(UndefinedFunctionError\\) function Nobody.knows/1 is undefined\n"),
    {?RAISED, "", Err2} = rpc(C, [":erlang", "error", "[%{__exception__: true, __struct__: RuntimeError, message: \"oops\"}]"]),
    says(Err2, "^\\*\\* \\(RuntimeError\\) oops\n").

rpc_json(C) ->
    {?FINE, "{\"a\":[1,2]}\n", "printed\n"} =
        eval(C, "rpc", "io:put_chars(\"printed\n\"), #{a => {1, 2}}.", ["--json"]).

rpc_json_error(C) ->
    {?RAISED, Out, ""} = hermod(["rpc", "--json", peer(C), "erlang", "error", "[badarg]"]),
    says(Out, "^{\"class\":\"error\",\"message\":\"exception error: bad argument\",\"reason\":\"badarg\",\"stack\":\\[.*\\]}\n$"),
    {?RAISED, Out2, ""} = hermod(["rpc", "--json", peer(C), "erlang", "throw", "[{a, 1}]"]),
    says(Out2, "^{\"class\":\"throw\",.*\"reason\":\\[\"a\",1\\],\"stack\":\\[\\]}\n$").

rpc_password_needs_terminal(C) -> {?FINE, "{error,enotsup}\n", ""} = rpc(C, ["io", "get_password"], "secret\n").

rpc_usage(C) ->
    [begin
         {?USAGE, "", Err} = hermod(["rpc" | Args]),
         ?assertNotEqual("", Err)
     end || Args <- [[], [peer(C)], [peer(C), "m"], [peer(C), "m", "f", "x"], [peer(C), "m", "f", "[1"], [peer(C), "m", "f", "[]", "more"],
                     ["--detach", peer(C), "m", "f"]]].

rpc_no_connection(_) ->
    {?NO_CONNECTION, "", _} = hermod(["rpc", "not_there", "erlang", "node"]).

rpc_timeout(C) ->
    {?TIMEOUT, "", Err} = hermod(["rpc", "--timeout", "300", peer(C), "timer", "sleep", "[60000]"]),
    says(Err, "300 ms").

%% --timeout is 5 s where it is not given, but not for the function.
rpc_waits_without_timeout(C) ->
    {Ms, {?FINE, "ok\n", ""}} = target:ms(fun() -> rpc(C, ["timer", "sleep", "[5500]"]) end),
    ?assert(Ms > 5400).

rpc_large_output(C) ->
    {?FINE, Out, ""} = eval(C, "rpc", "[io:put_chars([lists:duplicate(99, $x), $\n]) || _ <- lists:seq(1, 20000)], ok."),
    ?assertEqual(20000 * 100 + 3, length(Out)).

%% Nobody reads any more: the command ends, and so does what it called for.
rpc_output_closed(C) ->
    ?ON(given:peer(C), ok = define_eval()),
    {0, Out, _} = target:run("/bin/sh", ["-c", "\"$0\" \"$@\" | head -n 2", target:hermod(), "spawn", peer(C), "evaluate", "text",
                                         "[\"F = fun(F) -> io:put_chars([$x, 10]), F(F) end, register(endless, self()), F(F).\"]"],
                             #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    <<"x\nx\n">> = Out,
    ?ON(given:peer(C), true = wait_until(fun() -> whereis(endless) =:= undefined end)).

wait_until(Fun) -> target:wait(Fun).

rpc_node_dies(C) ->
    T = target:start_peer(),
    Node = atom_to_list(maps:get(node, T)),
    {?NO_CONNECTION, "", Err} = hermod(["rpc", Node, "erlang", "halt", "[0, [{flush, false}]]"]),
    says(Err, "lost"),
    target:stop(T),
    ?ON(given:peer(C), ok).

%% The node's own handlers leave the events out: they are shown here.
rpc_logs(C) ->
    {?FINE, "ok\n", Err} = rpc(C, ["logger", "error", "[\"something ~p\", [wrong]]"]),
    says(Err, "error logger.remote <[^ ]+> something wrong\n").

spawn_prints(C) ->
    {?FINE, "hello a\nnormal\n", ""} = spawned(C, ["io", "format", "[\"hello ~p~n\", [a]]"]),
    {?FINE, "x\n:normal\n", ""} = spawned(C, [":io", "put_chars", "[\"x\"]"]).

spawn_child_prints(C) ->
    {?FINE, "child\nnormal\n", ""} =
        eval(C, "spawn", "{_, R} = spawn_monitor(fun() -> io:put_chars(\"child\n\") end), receive {'DOWN', R, _, _, _} -> ok end.").

spawn_reason(C) ->
    {?RAISED, "", "exception exit: {because,1}\n"} = spawned(C, ["erlang", "exit", "[{because, 1}]"]),
    {?RAISED, "", Err} = spawned(C, ["erlang", "error", "[badarg]"]),
    says(Err, "(?m)^exception error: bad argument\n"),
    {?RAISED, "", Err2} = spawned(C, ["nobody", "knows"]),
    says(Err2, "(?m)^exception error: undefined function nobody:knows/0\n"),
    {?RAISED, "", Err3} = spawned(C, ["erlang", "throw", "[ball]"]),
    says(Err3, "(?m)^exception throw: ball\n").

spawn_json(C) ->
    {?FINE, "\"normal\"\n", "x\n"} = hermod(["spawn", "--json", peer(C), "io", "put_chars", "[\"x\"]"]),
    {?RAISED, Out, ""} = hermod(["spawn", "--json", peer(C), "erlang", "exit", "[because]"]),
    says(Out, "^{\"class\":\"exit\",.*\"reason\":\"because\"").

spawn_waits(C) ->
    {Ms, {?FINE, "normal\n", ""}} = target:ms(fun() -> spawned(C, ["timer", "sleep", "[300]"]) end),
    ?assert(Ms >= 300).

spawn_ends_with_the_command(C) ->
    {?TIMEOUT, "", _} = eval(C, "spawn", "register(long, self()), timer:sleep(60000).", ["--timeout", "1000"]),
    ?ON(given:peer(C), true = wait_until(fun() -> whereis(long) =:= undefined end)).

%% It prints on its own node, where it lives on.
spawn_detached(C) ->
    {Ms, {?FINE, Out, ""}} = target:ms(fun() ->
        eval(C, "spawn", "register(detached, self()), io:put_chars(\"detached says hello\n\"), timer:sleep(60000).", ["--detach"]) end),
    ?assert(Ms < 10000),
    says(Out, "^<" ++ peer(C) ++ "\\.\\d+\\.\\d+>\n$"),
    target:await_line(given:peer(C), "detached says hello"),
    ?ON(given:peer(C), begin
        true = wait_until(fun() -> whereis(detached) =/= undefined end),
        Ref = monitor(process, detached),
        exit(whereis(detached), kill),
        ?EXPECT({'DOWN', Ref, _, _, killed})
    end).

%% Ctrl-C takes leave in order: the status says so, and the process is gone.
interrupted(C) ->
    ?ON(given:peer(C), ok = define_eval()),
    Script = "\"$0\" \"$@\" & pid=$!; while ! grep -q started out.txt 2>/dev/null; do sleep 0.05; done; kill -INT $pid; wait $pid",
    Dir = filename:join(target:log_dir(), target:unique("interrupted")),
    ok = file:make_dir(Dir),
    {Status, _, _} = target:run("/bin/bash", ["-mc", "cd " ++ Dir ++ "; exec > out.txt; " ++ Script, target:hermod(), "spawn", peer(C), "evaluate", "text",
                                             "[\"register(interrupted, self()), io:put_chars([\\\"started\\\", 10]), timer:sleep(60000).\"]"],
                                #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    130 = Status,
    ?ON(given:peer(C), true = wait_until(fun() -> whereis(interrupted) =:= undefined end)).

%% A node that has something left for a command that is gone dials it, in vain, and tells the next command of that name to wait for its
%% own connection (nok), which never comes: a command does not listen.
asks_again_when_the_node_dials_an_earlier_command(C) ->
    Peer = given:peer(C),
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {packet, 2}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(L),
    spawn_link(fun() ->
        [begin
             {ok, S} = gen_tcp:accept(L),
             {ok, <<$N, _/binary>>} = gen_tcp:recv(S, 0),
             ok = gen_tcp:send(S, "snok"),
             gen_tcp:close(S)
         end || _ <- [1, 2, 3]],
        {ok, In} = gen_tcp:accept(L),
        {ok, Out} = gen_tcp:connect({127, 0, 0, 1}, target:listen_port(Peer), [binary, {active, true}]),
        ok = inet:setopts(In, [{packet, raw}, {active, true}]),
        pass_on(In, Out)
    end),
    {Status, Out, _} = hermod(["rpc", "--dial-port", integer_to_list(Port), peer(C), "erlang", "node"]),
    {?FINE, Out} = {Status, peer(C) ++ "\n"},
    gen_tcp:close(L).

pass_on(A, B) ->
    receive
        {tcp, A, Bytes} -> ok = gen_tcp:send(B, Bytes), pass_on(A, B);
        {tcp, B, Bytes} -> gen_tcp:send(A, Bytes), pass_on(A, B);
        {tcp_closed, _} -> gen_tcp:close(A), gen_tcp:close(B)
    end.
