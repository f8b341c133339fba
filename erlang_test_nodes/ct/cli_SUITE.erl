%% The commands of the hermod program against the target, whichever it is: outputs and exit codes.
%% The group `start' is about `hermod start' itself and so needs no target.
-module(cli_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(FINE, 0).
-define(FAILED, 1).
-define(USAGE, 2).
-define(NO_CONNECTION, 3).
-define(COOKIE, 4).
-define(NOPROC, 5).
-define(TIMEOUT, 6).

all() -> [{group, tools}] ++ case target:kind() of hermod -> [{group, start}]; beam -> [] end.

groups() ->
    [{tools, [], [ping, ping_fails, call_erlang, call_elixir, call_json, call_large, call_names, call_noproc, call_timeout,
                  call_exit, call_no_connection, wrong_cookie, usage, cast, send, names, names_without_epmd, cookie_from_environment,
                  cookie_from_file, long_names, tools_are_hidden, many_at_once, short_of_time, help]},
     %% hermod only
     {start, [], [ready_line, terminal_hints, cookie_is_made, open_cookie_is_refused, bad_names, name_in_use, no_epmd_to_use,
                  starts_epmd, fixed_port, port_range_and_address, without_epmd, restarted_at_once, config_file, signals, load_fails, without_service,
                  connects_to_others_only]}].

init_per_suite(C) ->
    case filelib:is_regular(target:hermod()) of
        true -> given:nodes(C);
        false -> {skip, "there is no hermod program to test"}
    end.
end_per_suite(C) -> given:no_nodes(C).

node_of(C) -> atom_to_list(given:target(C)).

hermod(Args) -> hermod(Args, #{}).
hermod(Args, Opts) ->
    Env = maps:get(env, Opts, [{"HERMOD_COOKIE", target:cookie()}]),
    {Status, Out, Err} = target:run(target:hermod(), Args, Opts#{env => Env}),
    ct:log("hermod ~p -> ~p~n~ts~n~ts", [Args, Status, Out, Err]),
    {Status, unicode:characters_to_list(Out), unicode:characters_to_list(Err)}.

%% A message for a human was given, and nothing that could be taken for an answer.
refused(Status, {Status, "", [_ | _] = Err}) -> Err;
refused(Status, Got) -> error({expected_exit_code, Status, got, Got}).

says(Text, Regex) -> ?assertMatch({match, _}, re:run(Text, Regex, [unicode, caseless]), Text).

call(C, Term) -> call(C, Term, []).
call(C, Term, Args) -> hermod(["call"] ++ Args ++ [node_of(C), "subject", Term]).

%% ---- tools

ping(C) ->
    {?FINE, Out, ""} = hermod(["ping", node_of(C)]),
    says(Out, "^pong from " ++ node_of(C)),
    {?FINE, Json, ""} = hermod(["ping", "--json", node_of(C)]),
    says(Json, "^\\{.*\"node\":\"" ++ node_of(C) ++ "\".*\"answer\":\"pong\".*\\}\n$"),
    %% NODE without @ is on this machine
    [Name, _] = string:split(node_of(C), "@"),
    {?FINE, _, ""} = hermod(["ping", Name]).

ping_fails(_) ->
    says(refused(?NO_CONNECTION, hermod(["ping", "not_there"])), "not_there@"),
    Env = [{"HERMOD_COOKIE", "x"}, {"ERL_EPMD_PORT", integer_to_list(target:free_port())}],
    says(refused(?NO_CONNECTION, hermod(["ping", "not_there"], #{env => Env})), "epmd").

call_erlang(C) ->
    [?assertEqual({?FINE, Answer ++ "\n", ""}, call(C, "{echo, " ++ Term ++ "}"), Term) || {Term, Answer} <-
        [{"hello", "hello"}, {"{a,B}", undefined}, {"{connect, <<\"john\">>}", "{connect,<<\"john\">>}"},
         {"[1, 2.5, -3]", "[1,2.5,-3]"}, {"\"text\"", "\"text\""}, {"'with space'", "'with space'"},
         {"#{a => [b, {}]}", "#{a => [b,{}]}"}, {"<<1,2,255>>", "<<1,2,255>>"}, {"[]", "[]"}, {"[a|b]", "[a|b]"},
         {"123456789012345678901234567890", "123456789012345678901234567890"}], Answer =/= undefined],
    says(refused(?USAGE, call(C, "{echo, B}")), ".").

call_elixir(C) ->
    [?assertEqual({?FINE, Answer ++ "\n", ""}, call(C, "{:echo, " ++ Term ++ "}", ["--elixir"]), Term) || {Term, Answer} <-
        [{":hello", ":hello"}, {"{:connect, \"john\"}", "{:connect, \"john\"}"}, {"[1, 2.5, -3]", "[1, 2.5, -3]"},
         {"%{a: 1}", "%{a: 1}"}, {"nil", "nil"}, {"[a: 1, b: 2]", "[a: 1, b: 2]"}, {"My.Module", "My.Module"},
         {":\"with space\"", ":\"with space\""}]],
    %% where it can only be Elixir it needs no option, and answers in the same syntax
    {?FINE, "{:ok, \"x\"}\n", ""} = call(C, "{:echo, {:ok, \"x\"}}"),
    {?FINE, "{ok,<<\"x\">>}\n", ""} = call(C, "{echo, {ok, <<\"x\">>}}").

call_json(C) ->
    [?assertEqual({?FINE, Answer ++ "\n", ""}, call(C, "{echo, " ++ Term ++ "}", ["--json"]), Term) || {Term, Answer} <-
        [{"{ok, <<\"x\">>}", "[\"ok\",\"x\"]"}, {"[1, 2, [a]]", "[1,2,[\"a\"]]"}, {"#{a => true}", "{\"a\":true}"},
         {"true", "true"}, {"<<\"q\\\"q\">>", "\"q\\\"q\""}, {"[]", "[]"}]].

call_large(C) ->
    {?FINE, Out, ""} = call(C, "{binary, 300000}"),
    ?assertEqual("<<\"" ++ lists:duplicate(300000, $x) ++ "\">>\n", Out).

call_names(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        given:child(N, 'Elixir.My.Server'),
        given:child(N, 'odd name')
    end),
    [{?FINE, "ok\n", ""} = hermod(["call", node_of(C), Name, "{echo, ok}"]) || Name <- ["My.Server", "'odd name'", "'Elixir.My.Server'"]],
    [{?FINE, ":ok\n", ""} = hermod(["call", "--elixir", node_of(C), Name, "{:echo, :ok}"]) || Name <- ["My.Server", ":\"odd name\""]].

call_noproc(C) ->
    Err = refused(?NOPROC, hermod(["call", node_of(C), "nobody", "x"])),
    says(Err, "nobody"),
    says(refused(?NOPROC, hermod(["call", node_of(C), "subjcet", "x"])), "subject").

call_timeout(C) ->
    {Ms, Got} = target:ms(fun() -> call(C, "{hold, cli}", ["--timeout", "100"]) end),
    says(refused(?TIMEOUT, Got), "no answer from subject on " ++ node_of(C) ++ " within 100 ms"),
    ?assert(Ms >= 100, Ms).

call_exit(C) ->
    N = given:target(C),
    ?ON(given:peer(C), given:child(N, dies)),
    says(refused(?FAILED, hermod(["call", node_of(C), "dies", "{stop, {because, <<\"x\">>}}"])), "\\{because,<<\"x\">>\\}").

call_no_connection(_) ->
    refused(?NO_CONNECTION, hermod(["call", "not_there", "subject", "x"])),
    refused(?NO_CONNECTION, hermod(["cast", "not_there", "subject", "x"])),
    refused(?NO_CONNECTION, hermod(["send", "not_there", "subject", "x"])).

wrong_cookie(C) ->
    [says(refused(?COOKIE, hermod([hd(Cmd), "--cookie", "wrong", node_of(C) | tl(Cmd)])), "cookie")
     || Cmd <- [["ping"], ["call", "subject", "x"], ["cast", "subject", "x"], ["send", "subject", "x"]]].

usage(C) ->
    N = node_of(C),
    [refused(?USAGE, hermod(Args)) || Args <-
        [["what"], ["ping"], ["ping", N, "more"], ["call", N], ["call", N, "subject"], ["call", N, "subject", "{a"],
         ["call", N, "subject", "a b"], ["call", N, "subject", ""], ["ping", "--what", N], ["ping", "--timeout", "soon", N],
         ["ping", "--timeout"], ["ping", "@"], ["ping", "a@b@c"], ["cast", N, "subject"], ["send", N, "subject"],
         ["names", "a", "b"], ["chat", "--nick"]]].

cast(C) ->
    N = given:target(C),
    Sub = ?ON(given:peer(C), given:child(N, cast_here)),
    {?FINE, "", ""} = hermod(["cast", node_of(C), "cast_here", "{add, <<\"x\">>}"]),
    {?FINE, "", ""} = hermod(["cast", "--elixir", node_of(C), "cast_here", "{:add, \"y\"}"]),
    [{cast, {add, <<"x">>}}, {cast, {add, <<"y">>}}] = ?ON(given:peer(C), given:call(Sub, events)),
    %% as on a BEAM nobody is told that nobody is there
    {?FINE, "", ""} = hermod(["cast", node_of(C), "nobody", "x"]).

send(C) ->
    N = given:target(C),
    Sub = ?ON(given:peer(C), given:child(N, send_here)),
    {?FINE, "", ""} = hermod(["send", node_of(C), "send_here", "{hello, [1]}"]),
    [{info, {hello, [1]}}] = ?ON(given:peer(C), given:call(Sub, events)).

names(C) ->
    [Name, _] = string:split(node_of(C), "@"),
    {Name, Port} = lists:keyfind(Name, 1, target:epmd_names()),
    {?FINE, Out, ""} = hermod(["names"]),
    says(Out, "(?m)^" ++ Name ++ "@\\S+ at port " ++ integer_to_list(Port) ++ "$"),
    {?FINE, Out2, ""} = hermod(["names", "127.0.0.1"]),
    says(Out2, Name),
    {?FINE, Json, ""} = hermod(["names", "--json"]),
    says(Json, "^\\[.*\\{\"node\":\"" ++ Name ++ "@[^\"]+\",\"port\":" ++ integer_to_list(Port) ++ "\\}.*\\]\n$").

names_without_epmd(_) ->
    Env = [{"ERL_EPMD_PORT", integer_to_list(target:free_port())}],
    says(refused(?NO_CONNECTION, hermod(["names"], #{env => Env})), "epmd").

cookie_from_environment(C) ->
    {?FINE, _, ""} = hermod(["ping", node_of(C)], #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    refused(?COOKIE, hermod(["ping", node_of(C)], #{env => [{"HERMOD_COOKIE", "other"}]})),
    %% what is on the command line goes before it
    {?FINE, _, ""} = hermod(["ping", "--cookie", target:cookie(), node_of(C)], #{env => [{"HERMOD_COOKIE", "other"}]}).

home() ->
    Home = filename:join(target:log_dir(), target:unique("home")),
    ok = file:make_dir(Home),
    Home.

cookie_from_file(C) ->
    Home = home(),
    File = filename:join(Home, ".erlang.cookie"),
    Env = #{env => [{"HOME", Home}, {"HERMOD_COOKIE", false}]},
    ok = file:write_file(File, target:cookie() ++ "\n"),
    ok = file:change_mode(File, 8#400),
    {?FINE, _, ""} = hermod(["ping", node_of(C)], Env),
    ok = file:change_mode(File, 8#644),
    says(refused(?COOKIE, hermod(["ping", node_of(C)], Env)), "\\.erlang\\.cookie"),
    ok = file:delete(File),
    ok = file:del_dir(Home).

long_names(_) ->
    T = #{node := N} = target:start(#{long => true, host => "127.0.0.1"}),
    {?FINE, Out, ""} = hermod(["ping", atom_to_list(N)]),
    says(Out, "^pong"),
    {?FINE, "here\n", ""} = hermod(["call", atom_to_list(N), "subject", "{echo, here}"]),
    {?FINE, "here\n", ""} = hermod(["call", "--name", target:unique("me") ++ "@127.0.0.1", atom_to_list(N), "subject", "{echo, here}"]),
    target:stop(T).

%% Nobody but the node that was asked sees a tool come and go, and that one as hidden.
tools_are_hidden(C) ->
    N = given:target(C),
    Sub = ?ON(given:peer(C), begin
        pong = net_adm:ping(N),
        S = given:child(N),
        ok = given:call(S, {monitor_nodes, true}),
        S
    end),
    Before = ?ON(given:peer(C), erpc:call(N, erlang, nodes, [])),
    [{?FINE, _, ""} = call(C, "{echo, x}") || _ <- [1, 2]],
    ?ON(given:peer(C), begin
        [] = given:call(Sub, events),
        ?assertEqual(Before, erpc:call(N, erlang, nodes, []))
    end).

many_at_once(C) ->
    Me = self(),
    Pids = [spawn_link(fun() ->
                Text = integer_to_list(I) ++ "\n",
                {?FINE, Text, ""} = call(C, "{echo, " ++ integer_to_list(I) ++ "}", ["--timeout", "30000"]),
                Me ! {done, self()}
            end) || I <- lists:seq(1, 20)],
    [?EXPECT({done, P}) || P <- Pids].

%% A ping takes milliseconds, connection and all: the best of some, since others use this machine.
short_of_time(C) ->
    Times = [begin
                 {?FINE, Json, ""} = hermod(["ping", "--json", node_of(C)]),
                 {match, [Ms]} = re:run(Json, "\"ms\":([0-9.]+)", [{capture, all_but_first, list}]),
                 list_to_float(Ms)
             end || _ <- lists:seq(1, 20)],
    ct:pal("ping: best ~p ms", [lists:min(Times)]),
    ?assert(lists:min(Times) < 10, Times).

help(_) ->
    [begin
         {?FINE, Out, ""} = hermod([Command, "--help"]),
         says(Out, "hermod " ++ Command)
     end || Command <- ["start", "ping", "call", "cast", "send", "names", "chat"]],
    {?FINE, Out, ""} = hermod(["--help"]),
    [says(Out, Command) || Command <- ["start", "ping", "call", "cast", "send", "names", "chat"]].

%% ---- start

%% One line on standard output, the log on standard error.
ready_line(_) ->
    Name = target:unique("ready"),
    Out = filename:join(target:log_dir(), Name ++ ".out"),
    T = target:start(hermod, #{name => Name, expect => exit,
                               command => {"/bin/sh", ["-c", "exec \"$0\" \"$@\" >" ++ Out, target:hermod(), "start", "--sname", Name,
                                                       "--cookie", "secret_cookie_of_this"]}}),
    Line = target:wait(fun() ->
        case file:read_file(Out) of
            {ok, B} when byte_size(B) > 0 -> {true, B};
            _ -> false
        end
    end),
    Pid = integer_to_list(maps:get(ospid, T)),
    {Name, Port} = lists:keyfind(Name, 1, target:epmd_names()),
    ?assertEqual({match, [integer_to_list(Port), Pid, "--cookie"]},
                 re:run(Line, "^" ++ Name ++ "@\\S+ is ready: port (\\d+), pid (\\d+), cookie from (.+)\n$",
                        [{capture, all_but_first, list}])),
    ?assertEqual(0, target:shutdown(T)),
    ?assertEqual({ok, Line}, file:read_file(Out)),
    %% the log: time, level, id; never the cookie
    [?assertMatch({match, _}, re:run(L, "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3} (error|warn|info|debug) +[a-z_]+\\.[a-z_.]+ "), L)
     || L <- target:lines(T)],
    ?assertEqual([], [L || L <- target:lines(T), re:run(L, "secret_cookie_of_this") =/= nomatch]),
    file:delete(Out).

terminal_hints(_) ->
    T = target:start(hermod, #{subject => false, args => ["--hints"]}),
    target:await_line(T, "iex.*--cookie|iex.*--sname"),
    target:stop(T).

%% Without a cookie anywhere ~/.erlang.cookie is made, for the owner only, as erl makes it; a BEAM takes it from there.
cookie_is_made(_) ->
    Home = home(),
    File = filename:join(Home, ".erlang.cookie"),
    T = target:start(hermod, #{no_cookie => true, env => [{"HOME", Home}]}),
    {ok, Content} = file:read_file(File),
    {match, [Cookie]} = re:run(Content, "^([A-Z]{20})\n?$", [{capture, all_but_first, list}]),
    {ok, Info} = file:read_file_info(File),
    ?assertEqual(8#400, element(8, Info) band 8#777),
    says(maps:get(cookie_from, T), "\\.erlang\\.cookie"),
    P = target:start_peer(#{cookie => Cookie}),
    ?ON(P, pong = net_adm:ping(maps:get(node, T))),
    [target:stop(X) || X <- [T, P]],
    ok = file:delete(File),
    ok = file:del_dir(Home).

fails_to_start(Opts) ->
    T = target:start(hermod, Opts#{expect => exit, subject => false}),
    Status = target:await_exit(T),
    {Status, unicode:characters_to_list(lists:join("\n", target:lines(T)))}.

open_cookie_is_refused(_) ->
    Home = home(),
    File = filename:join(Home, ".erlang.cookie"),
    ok = file:write_file(File, "ABCDEFGHIJKLMNOPQRST"),
    ok = file:change_mode(File, 8#644),
    {?COOKIE, Text} = fails_to_start(#{no_cookie => true, env => [{"HOME", Home}]}),
    says(Text, "\\.erlang\\.cookie"),
    file:delete(File),
    file:del_dir(Home).

bad_names(_) ->
    [begin
         {?USAGE, Text} = fails_to_start(#{name_args => Args}),
         says(Text, Says)
     end || {Args, Says} <- [{["--sname", "a@b.c"], "short"}, {["--sname", "a@b@c"], "name"},
                             {["--sname", "@x"], "name"}, {["--sname", "a b"], "name"}, {["--sname", "a", "--name", "a@b.c"], "name"}]].

name_in_use(_) ->
    T = target:start(hermod, #{}),
    {Status, Text} = fails_to_start(#{name => maps:get(name, T)}),
    ?assert(is_integer(Status) andalso Status =/= 0),
    says(Text, "in use|taken|already"),
    target:stop(T).

no_epmd_to_use(_) ->
    {Status, Text} = fails_to_start(#{epmd_port => target:free_port()}),
    ?assert(is_integer(Status) andalso Status =/= 0),
    says(Text, "epmd").

%% As erl does; the daemon outlives the node, so it is told to end here.
starts_epmd(_) ->
    Port = target:free_port(),
    T = #{name := Name} = target:start(hermod, #{epmd_port => Port, start_epmd => true, subject => false}),
    ?assert(lists:keymember(Name, 1, target:epmd_names(Port))),
    ?assertEqual(0, target:shutdown(T)),
    target:wait(fun() -> target:epmd_names(Port) =:= [] end),
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]),
    ok = gen_tcp:send(S, <<1:16, $k>>),
    {ok, <<"OK">>} = gen_tcp:recv(S, 2, ?PATIENCE),
    gen_tcp:close(S).

fixed_port(_) ->
    Port = target:free_port(),
    T = #{name := Name, port := Port} = target:start(hermod, #{args => ["--port", integer_to_list(Port)]}),
    {Name, Port} = lists:keyfind(Name, 1, target:epmd_names()),
    target:stop(T).

%% No epmd at all: a BEAM that is told the port finds it.
without_epmd(_) ->
    Port = target:free_port(),
    Nobody = target:free_port(),
    T = #{node := N, port := Port} =
        target:start(hermod, #{epmd_port => Nobody, args => ["--no-epmd", "--port", integer_to_list(Port)]}),
    P = target:start_peer(#{args => ["-erl_epmd_port", integer_to_list(Port), "-dist_listen", "false"]}),
    ?ON(P, begin
        pong = net_adm:ping(N),
        here = given:call(N, {echo, here})
    end),
    {?FINE, "here\n", ""} = hermod(["call", "--dial-port", integer_to_list(Port), atom_to_list(N), "subject", "{echo, here}"],
                                   #{env => [{"HERMOD_COOKIE", target:cookie()}, {"ERL_EPMD_PORT", integer_to_list(Nobody)}]}),
    %% another node than the one that was meant; nobody
    says(refused(?NO_CONNECTION, hermod(["ping", "--dial-port", integer_to_list(Port), "another"])), atom_to_list(N)),
    says(refused(?NO_CONNECTION, hermod(["ping", "--dial-port", integer_to_list(Nobody), "another"])), "port " ++ integer_to_list(Nobody)),
    [target:stop(X) || X <- [T, P]].

%% As a service manager does it: the end of the first is hardly over when the second begins.
restarted_at_once(_) ->
    Name = target:unique("again"),
    [begin
         T = target:start(hermod, #{name => Name, subject => false}),
         ?assertEqual(0, target:shutdown(T))
     end || _ <- lists:seq(1, 10)].

%% The second of a range when the first is taken; one address only.
port_range_and_address(_) ->
    {ok, Taken} = gen_tcp:listen(0, [{ip, {0, 0, 0, 0}}]),
    {ok, First} = inet:port(Taken),
    Range = integer_to_list(First) ++ "-" ++ integer_to_list(First + 20),
    T = #{name := Name, port := Port} = target:start(hermod, #{subject => false, args => ["--port", Range, "--listen", "127.0.0.1"]}),
    ?assert(Port > First andalso Port =< First + 20),
    {Name, Port} = lists:keyfind(Name, 1, target:epmd_names()),
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, []),
    {error, econnrefused} = gen_tcp:connect({127, 0, 0, 2}, Port, []),
    [gen_tcp:close(X) || X <- [S, Taken]],
    target:stop(T),
    {?USAGE, Text} = fails_to_start(#{args => ["--listen", "192.0.2.1"]}),
    says(Text, "192\\.0\\.2\\.1").

config_file(_) ->
    File = filename:join(target:log_dir(), target:unique("hermod") ++ ".conf"),
    Port = target:free_port(),
    ok = file:write_file(File, ["# a comment\nport = ", integer_to_list(Port), "\nhidden = true\n"]),
    T = #{node := N, port := Port} = target:start(hermod, #{args => ["--config", File]}),
    P = target:start_peer(),
    ?ON(P, begin
        pong = net_adm:ping(N),
        ?assert(lists:member(N, nodes(hidden)))
    end),
    [target:stop(X) || X <- [T, P]],
    ok = file:write_file(File, "no-such-option = 1\n"),
    {?USAGE, Text} = fails_to_start(#{args => ["--config", File]}),
    says(Text, "no-such-option"),
    file:delete(File).

signals(_) ->
    [begin
         T = target:start(hermod, #{}),
         os:cmd("kill -" ++ Signal ++ " " ++ integer_to_list(maps:get(ospid, T))),
         ?assertEqual(0, target:await_exit(T), Signal)
     end || Signal <- ["TERM", "INT"]].

load_fails(_) ->
    {Status, Text} = fails_to_start(#{args => ["--load", "/no/such/file.so"]}),
    ?assert(is_integer(Status) andalso Status =/= 0),
    says(Text, "/no/such/file\\.so").

without_service(_) ->
    T = #{node := N} = target:start(hermod, #{args => ["--without", "message_server"]}),
    P = target:start_peer(),
    ?ON(P, begin
        ?assertExit({noproc, _}, gen_server:call({message_server, N}, {connect, <<"x">>})),
        here = given:call(N, {echo, here})
    end),
    [target:stop(X) || X <- [T, P]].

%% A configuration that all nodes of a cluster share names each of them.
connects_to_others_only(_) ->
    P = #{node := There} = target:start_peer(),
    Name = target:unique("itself"),
    [_, Host] = string:lexemes(atom_to_list(There), "@"),
    T = #{node := N} = target:start(hermod, #{name => Name, args => ["--connect", Name ++ "@" ++ Host, "--connect", atom_to_list(There)]}),
    ?ON(P, begin
        target:wait(fun() -> lists:member(N, nodes()) end),
        here = given:call(N, {echo, here})
    end),
    [target:stop(X) || X <- [T, P]].
