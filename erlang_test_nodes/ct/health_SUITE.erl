%% What a supervisor of services, a probe of a container or somebody at a shell hears of a node: `hermod ping --process', sd_notify.
-module(health_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(FINE, 0).
-define(FAILED, 1).
-define(USAGE, 2).
-define(NO_CONNECTION, 3).
-define(COOKIE, 4).
-define(NOPROC, 5).
-define(TIMEOUT, 6).

all() -> [{group, process}] ++ case target:kind() of hermod -> [{group, daemon}]; beam -> [] end.

groups() ->
    [{process, [], [process_answers, process_in_json, every_service_answers, process_is_not_there, process_is_suspended, process_ends,
                    process_is_silent, process_without_rpc, process_usage]},
     %% hermod only: about `hermod start'
     {daemon, [], [manager_is_told, manager_without_path, hung_node_is_silent, manager_is_not_there, log_in_json, log_format_in_a_file, log_levels, log_levels_over_rpc, log_levels_at_the_start, log_levels_refused]}].

init_per_suite(C) ->
    case filelib:is_regular(target:hermod()) of
        true -> given:nodes(C);
        false -> {skip, "there is no hermod program to test"}
    end.
end_per_suite(C) -> given:no_nodes(C).

node_of(C) -> atom_to_list(given:target(C)).

hermod(Args) ->
    {Status, Out, Err} = target:run(target:hermod(), Args, #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    ct:log("hermod ~p -> ~p~n~ts~n~ts", [Args, Status, Out, Err]),
    {Status, unicode:characters_to_list(Out), unicode:characters_to_list(Err)}.

ping(Node, Name, Args) -> hermod(["ping", "--process", Name] ++ Args ++ [Node]).

refused(Status, {Status, "", [_ | _] = Err}) -> Err;
refused(Status, Got) -> error({expected_exit_code, Status, got, Got}).

says(Text, Regex) -> ?assertMatch({match, _}, re:run(Text, Regex, [unicode]), Text).

%% ---- ping --process

process_answers(C) ->
    {?FINE, Out, ""} = ping(node_of(C), "subject", []),
    says(Out, "^pong from subject on " ++ node_of(C) ++ " in [0-9.]+ ms\n$"),
    N = given:target(C),
    ?ON(given:peer(C), given:child(N, 'Elixir.My.Probed')),
    {?FINE, Module, ""} = ping(node_of(C), "My.Probed", []),
    says(Module, "^pong from My.Probed on "),
    %% It heard nothing of that.
    [] = [E || E <- ?ON(given:peer(C), given:call({'Elixir.My.Probed', N}, events)), element(1, E) =/= call].

process_in_json(C) ->
    {?FINE, Out, ""} = ping(node_of(C), "subject", ["--json"]),
    says(Out, "^\\{\"node\":\"" ++ node_of(C) ++ "\",\"process\":\"subject\",\"answer\":\"pong\",\"ms\":[0-9.]+,\"messages\":[0-9]+\\}\n$"),
    N = given:target(C),
    ?ON(given:peer(C), given:child(N, 'odd "name"')),
    {?FINE, Odd, ""} = ping(node_of(C), "'odd \"name\"'", ["--json"]),
    says(Odd, "\"process\":\"odd \\\\\"name\\\\\"\"").

%% Whatever is registered on Hermod is asked as a gen_server is; on a BEAM its gen_servers and supervisors are.
every_service_answers(C) ->
    Names = case target:kind() of
        beam -> [kernel_sup, kernel_safe_sup, net_kernel, rex, erl_signal_server];
        hermod -> ?ON(given:peer(C), erpc:call(given:target(C), erlang, registered, []))
    end,
    true = length(Names) > 4,
    [{?FINE, _, ""} = ping(node_of(C), lists:flatten(io_lib:format("~p", [Name])), []) || Name <- Names].

process_is_not_there(C) ->
    says(refused(?NOPROC, ping(node_of(C), "subjcet", [])), "did you mean subject\\?"),
    refused(?NOPROC, ping(node_of(C), "nobody_at_all", [])),
    refused(?NO_CONNECTION, ping("not_there", "subject", [])),
    refused(?COOKIE, ping(node_of(C), "subject", ["--cookie", "wrong"])).

process_is_suspended(C) ->
    N = given:target(C),
    P = given:peer(C),
    ?ON(P, begin given:child(N, sleeper), sys:suspend({sleeper, N}) end),
    says(refused(?FAILED, ping(node_of(C), "sleeper", [])), "is suspended"),
    ?ON(P, sys:resume({sleeper, N})),
    {?FINE, _, ""} = ping(node_of(C), "sleeper", []).

process_ends(C) ->
    N = given:target(C),
    P = given:peer(C),
    Pid = ?ON(P, given:child(N, mortal)),
    {?FINE, _, ""} = ping(node_of(C), "mortal", []),
    ?ON(P, begin exit(Pid, kill), given:gone(Pid) end),
    refused(?NOPROC, ping(node_of(C), "mortal", [])).

%% Of a process that says nothing, what it is doing is told. Only a BEAM has processes that block, or are no servers.
process_is_silent(C) ->
    P = given:peer(C),
    ?ON(P, begin
        register(busy_one, proc_lib:spawn(fun() -> timer:sleep(infinity) end)),
        busy_one ! one_that_waits
    end),
    Node = atom_to_list(maps:get(node, P)),
    {Ms, Got} = target:ms(fun() -> ping(Node, "busy_one", ["--timeout", "900"]) end),
    Err = refused(?TIMEOUT, Got),
    says(Err, "no answer from busy_one on " ++ Node ++ " within 900 ms: it is in timer:sleep/1 with 2 messages waiting"),
    ?assert(Ms < 20000, Ms),
    %% A node that stands still, whatever it is: the whole of it is over in time.
    T = target:start(#{}),
    target:sigstop(T),
    refused(?TIMEOUT, ping(atom_to_list(maps:get(node, T)), "subject", ["--timeout", "500"])),
    target:stop(T).

%% Where rpc is refused, the answer alone counts.
process_without_rpc(_) ->
    case target:kind() of
        beam -> ok;
        hermod ->
            T = target:start(#{args => ["--deny-rpc", "erlang"]}),
            {?FINE, _, ""} = ping(atom_to_list(maps:get(node, T)), "subject", []),
            target:stop(T)
    end.

process_usage(C) ->
    [refused(?USAGE, hermod(["ping" | Args])) || Args <-
        [["--process", "", node_of(C)], ["--process", node_of(C)],
         ["--process", lists:duplicate(300, $a), node_of(C)]]].

%% ---- the service manager

%% A manager: a datagram socket. What it gets comes as {udp, ...} to this process.
manager(Path) ->
    {ok, S} = gen_udp:open(0, [binary, {ifaddr, {local, Path}}, {active, true}]),
    S.

start_managed(Path, Env, Args) ->
    Shown = case Path of <<0, Name/binary>> -> "@" ++ binary_to_list(Name); _ -> Path end,
    target:start(hermod, #{subject => false, args => Args, env => [{"NOTIFY_SOCKET", Shown} | Env]}).

told(S) -> receive {udp, S, _, _, Text} -> Text after ?PATIENCE -> error({not_told, given:mailbox()}) end.

flush(S) -> receive {udp, S, _, _, _} -> flush(S) after 0 -> ok end.

%% READY is the first thing it hears, and then it can be reached; its own epmd does not speak for it.
manager_is_told(C) ->
    Path = filename:join(target:log_dir(), target:unique("notify")),
    S = manager(Path),
    T = start_managed(Path, [{"WATCHDOG_USEC", "200000"}], []),
    Node = maps:get(node, T),
    <<"READY=1\nSTATUS=", Status/binary>> = told(S),
    says(Status, atom_to_list(Node) ++ ", port [0-9]+$"),
    pong = ?ON(given:peer(C), net_adm:ping(Node)),
    [<<"WATCHDOG=1">> = told(S) || _ <- lists:seq(1, 5)],
    target:term(T),
    ok = stopping(S),
    0 = target:await_exit(T),
    gen_udp:close(S),
    file:delete(Path).

stopping(S) ->
    case told(S) of
        <<"WATCHDOG=1">> -> stopping(S);
        <<"STOPPING=1\n", _/binary>> -> ok
    end.

%% A name in the abstract namespace; and no life signs where none are wanted, or of another process.
manager_without_path(_) ->
    Name = list_to_binary(target:unique("abstract")),
    S = manager(<<0, Name/binary>>),
    [begin
        T = start_managed(<<0, Name/binary>>, Env, []),
        <<"READY=1\n", _/binary>> = told(S),
        target:stop(T),
        <<"STOPPING=1\n", _/binary>> = told(S)
     end || Env <- [[], [{"WATCHDOG_USEC", "1000"}, {"WATCHDOG_PID", "1"}]]],
    gen_udp:close(S).

hung_node_is_silent(_) ->
    Path = filename:join(target:log_dir(), target:unique("notify")),
    S = manager(Path),
    T = start_managed(Path, [{"WATCHDOG_USEC", "20000"}], []),
    [_ | _] = [told(S) || _ <- lists:seq(1, 10)],
    target:sigstop(T),
    target:wait(fun() -> {ok, Stat} = file:read_file(["/proc/", integer_to_list(maps:get(ospid, T)), "/stat"]),
                         nomatch =/= re:run(Stat, "\\) T ") end),
    flush(S),
    receive {udp, S, _, _, Sign} -> error({alive, Sign}) after 500 -> ok end,
    target:sigcont(T),
    <<"WATCHDOG=1">> = told(S),
    target:stop(T),
    gen_udp:close(S),
    file:delete(Path).

%% A manager that cannot be told is no reason not to run.
manager_is_not_there(_) ->
    [begin
        T = start_managed(Path, [{"WATCHDOG_USEC", "1000"}], []),
        target:await_line(T, "warn +notify.socket +.*NOTIFY_SOCKET"),
        target:stop(T)
     end || Path <- ["/not/there", "nonsense"]].

%% ---- the log

object(Level, Id, Node, Message) ->
    ["^\\{\"time\":\"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z\",\"level\":\"", Level, "\",\"id\":\"", Id, "\",\"node\":\"",
     atom_to_list(Node), "\",\"message\":\"", Message, "\"\\}$"].

%% Nothing but objects after the line that says that it is ready, whatever a peer says.
log_in_json(C) ->
    T = target:start(hermod, #{subject => false, args => ["--log-format", "json"]}),
    Node = maps:get(node, T),
    P = given:peer(C),
    ?ON(P, begin
        pong = net_adm:ping(Node),
        io:put_chars(erpc:call(Node, erlang, whereis, [user]), <<"say \"hi\" \\ gr\x{fc}\x{df} \x{1f600} \e[2J\n"/utf8>>)
    end),
    target:await_line(T, object("info", "peer.up", Node, "node=" ++ atom_to_list(maps:get(node, P)) ++ ".*")),
    target:await_line(T, object("info", "io.output", Node, <<".*say \\\\\"hi\\\\\" .* gr\x{fc}\x{df} \x{1f600} .*2J"/utf8>>)),
    target:term(T),
    0 = target:await_exit(T),
    [Ready | Lines] = target:lines(T),
    says(Ready, "is ready:"),
    [_ | _] = Lines,
    [says(L, object("[a-z]+", "[a-z_.]+", Node, ".*")) || L <- Lines].

log_format_in_a_file(_) ->
    File = filename:join(target:log_dir(), target:unique("config")),
    ok = file:write_file(File, "log-format = json\nlog-level = debug\n"),
    T = target:start(hermod, #{subject => false, args => ["--config", File]}),
    {?FINE, _, _} = hermod(["ping", atom_to_list(maps:get(node, T))]),
    target:await_line(T, object("debug", "[a-z_.]+", maps:get(node, T), ".*")),
    target:stop(T),
    file:delete(File),
    says(refused(?USAGE, hermod(["start", "--log-format", "jsno"])), "must be one of text\\|json, not \"jsno\"; did you mean json\\?").

lines_of(T, Regex) -> [L || L <- target:lines(T), re:run(L, Regex) =/= nomatch].

%% Handshakes are told while hs is at debug, and not before and after.
log_levels(_) ->
    T = target:start(hermod, #{subject => false}),
    Node = atom_to_list(maps:get(node, T)),
    {?FINE, All, ""} = hermod(["log", Node]),
    says(All, "^default +info\n"),
    says(All, "\nhs +default\n"),
    [] = lines_of(T, "hs.state"),
    {?FINE, "hs           debug\n", ""} = hermod(["log", Node, "hs=debug"]),
    {?FINE, _, ""} = hermod(["ping", Node]),
    target:await_line(T, "debug +hs.state"),
    [] = lines_of(T, "debug +peer"),
    {?FINE, "default      warn\nhs           default\n", ""} = hermod(["log", Node, "hs=default", "warn"]),
    Told = length(target:lines(T)),
    {?FINE, _, ""} = hermod(["ping", Node]),
    {?FINE, "{\"default\":\"warn\"" ++ _, ""} = hermod(["log", "--json", Node]),
    Told = length(target:lines(T)),
    {?FINE, "default      info\n", ""} = hermod(["log", Node, "default=default"]),
    target:await_line(T, "info +peer.down"),
    target:stop(T).

log_levels_over_rpc(C) ->
    T = target:start(hermod, #{subject => false, args => ["--log-level", "warn,chat=error"]}),
    Denied = target:start(hermod, #{subject => false, args => ["--deny-rpc", "hermod"]}),
    Node = maps:get(node, T),
    Set = fun(Args) -> ?ON(given:peer(C), erpc:call(Node, hermod, set_log_level, Args)) end,
    Levels = fun() -> ?ON(given:peer(C), erpc:call(Node, hermod, log_levels, [])) end,
    #{default := warn, modules := #{chat := error, peer := default}} = Levels(),
    ok = Set([peer, debug]),
    ok = Set([default, warning]),
    #{default := warn, modules := #{chat := error, peer := debug}} = Levels(),
    ok = Set([peer, default]),
    {error, {unknown_module, 'peer.up'}} = Set(['peer.up', debug]),
    {error, {unknown_module, nobody}} = Set([nobody, debug]),
    {error, {unknown_module, 'N\x{f6}'}} = Set(['N\x{f6}', debug]),
    [?assertError({exception, badarg, _}, Set(Bad)) || Bad <- [[peer, loud], [peer, 1], ["peer", debug], [1, debug]]],
    #{default := warn, modules := #{chat := error, peer := default}} = Levels(),
    [?assertError({exception, undef, _}, ?ON(given:peer(C), erpc:call(maps:get(node, Denied), hermod, F, A)))
     || {F, A} <- [{log_levels, []}, {set_log_level, [peer, debug]}]],
    says(refused(?FAILED, hermod(["log", atom_to_list(maps:get(node, Denied))])), "does not tell of its log"),
    [target:stop(N) || N <- [T, Denied]].

log_levels_at_the_start(_) ->
    T = target:start(hermod, #{subject => false, args => ["--log-level", "error", "--log-level", "hs=debug"]}),
    {?FINE, _, ""} = hermod(["ping", atom_to_list(maps:get(node, T))]),
    target:await_line(T, "debug +hs.state .*done"),
    [] = lines_of(T, "peer.up"),
    target:stop(T),
    says(refused(?USAGE, hermod(["start", "--log-level", "sh=debug"])), "no module \"sh\" in the log; did you mean hs\\?"),
    %% A server that is loaded may have any.
    L = target:start(hermod, #{args => ["--log-level", "my_module=debug"]}),
    says(element(2, hermod(["log", atom_to_list(maps:get(node, L))])), "\nmy_module +debug\n"),
    target:stop(L).

log_levels_refused(C) ->
    Peer = atom_to_list(maps:get(node, given:peer(C))),
    says(refused(?FAILED, hermod(["log", Peer])), "no Hermod node"),
    T = target:start(hermod, #{subject => false}),
    Node = atom_to_list(maps:get(node, T)),
    says(refused(?USAGE, hermod(["log", Node, "hs=debug", "pear=debug"])), "no module \"pear\".*did you mean peer"),
    {?FINE, "hs           default\n", ""} = hermod(["log", Node, "hs=default"]), %% nothing of it was done
    [refused(?USAGE, hermod(["log", Node, Bad])) || Bad <- ["hs", "=debug", "hs=", "Hs=debug", "hs=loud", "hs.state=debug", "default"]],
    refused(?USAGE, hermod(["log"])),
    refused(?NO_CONNECTION, hermod(["log", "not_there", "hs=debug"])),
    target:stop(T).
