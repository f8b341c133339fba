%% One interface to the two kinds of node a suite talks to: `beam' and `hermod'.
%% Both are operating system processes behind a port, so that kill -9, SIGSTOP and SIGTERM
%% are the same thing for both. A start returns when the node is registered and reachable.
%%
%%   start(Kind, Opts) -> Node handle     start_peer(Opts) -> a BEAM node (whatever the target)
%%   on(Peer, Fun)                        run Fun on a BEAM node, its result or exception here
%%   kill/sigstop/sigcont/term            signals
%%   shutdown(T)                          SIGTERM, and the exit status; stop(T): whatever ends it soon
%%   await_exit(T), lines(T), await_line(T, Regex)
%%
%% Opts (all optional): name (string), host (string), long (true: long names), cookie, hidden,
%% connect ([node()]), ticktime (s), family (inet6), epmd_port, subject (false: do not load it),
%% args ([string()] appended), env ([{string(), string()}]), expect (exit: do not wait for ready),
%% netns (the id of a process in whose network namespace it runs).
%% hermod only: name_args (instead of the name), no_cookie, start_epmd, and command ({Program, Args}: all of it).
-module(target).
-export([kind/0, start/1, start/2, start_peer/0, start_peer/1, on/2, on/3, kill/1, sigstop/1, sigcont/1, term/1,
         shutdown/1, stop/1, await_exit/1, await_exit/2, lines/1, await_line/2, await_line/3, wait/1, wait/2,
         unique/1, cookie/0, epmd_port/0, hermod/0, host/0, start_epmd/0, start_epmd/1, stop_epmd/1, epmd_names/0, epmd_names/1, listen_port/1, free_port/0, log_dir/0,
         run/2, run/3, ms/1]).

-define(PATIENCE, 30000).

%% The target of this run.
kind() -> list_to_atom(os:getenv("TEST_TARGET", "beam")).
cookie() -> os:getenv("TEST_COOKIE", "conformance").
epmd_port() -> list_to_integer(os:getenv("ERL_EPMD_PORT", "4369")).
hermod() -> os:getenv("HERMOD", "hermod").
log_dir() -> os:getenv("TEST_LOGS", ".").
host() -> {ok, H} = inet:gethostname(), hd(string:split(H, ".")).

unique(Prefix) ->
    N = binary:decode_unsigned(crypto_free_random(5)),
    lists:flatten(io_lib:format("~s_~s", [Prefix, string:lowercase(integer_to_list(N, 36))])).

crypto_free_random(N) ->
    {ok, F} = file:open("/dev/urandom", [read, raw, binary]),
    {ok, B} = file:read(F, N),
    ok = file:close(F),
    B.

start(Opts) -> start(kind(), Opts).

start_peer() -> start_peer(#{}).
start_peer(Opts) -> start(beam, maps:merge(#{subject => false, name => unique("peer")}, Opts)).

start(Kind, Opts0) ->
    Opts = maps:merge(#{name => unique(atom_to_list(Kind)), cookie => cookie(), epmd_port => epmd_port()}, Opts0),
    Caller = self(),
    Ref = make_ref(),
    Owner = spawn(fun() -> init(Kind, Opts, Caller, Ref) end),
    Mon = monitor(process, Owner),
    receive
        {Ref, {ok, T}} -> demonitor(Mon, [flush]), T;
        {Ref, {error, Why}} -> demonitor(Mon, [flush]), error({start_failed, Kind, Why});
        {'DOWN', Mon, _, _, Why} -> error({start_failed, Kind, Why})
    end.

%% ---- what a suite does with a node

on(T, Fun) -> on(T, Fun, 120000).

on(#{owner := Owner}, Fun, Timeout) ->
    case ask(Owner, {on, Fun}, Timeout) of
        {ok, V} -> V;
        {C, R, St} -> erlang:raise(C, R, St)
    end.

kill(T) ->
    signal(T, "KILL"),
    await_exit(T),
    ok.
sigstop(T) -> signal(T, "STOP").
sigcont(T) -> signal(T, "CONT").
term(T) -> signal(T, "TERM").

shutdown(T) -> term(T), await_exit(T).

%% Clears up: an orderly stop of a BEAM takes a second that no test needs. A hermod that has not been killed must be
%% there still and end well, so that a test during which it fell over does not pass (nor one with a complaint of a sanitizer).
stop(#{kind := hermod} = T) ->
    signal(T, "CONT"),
    term(T),
    case await_exit(T) of
        0 -> ok;
        128 + 9 -> ok;
        timeout -> kill(T), error({does_not_end, T});
        Status -> error({ended_with, Status, lists:nthtail(max(0, length(lines(T)) - 30), lines(T))})
    end;
stop(T) -> kill(T).

await_exit(T) -> await_exit(T, ?PATIENCE).
await_exit(#{owner := Owner}, Timeout) ->
    try ask(Owner, await_exit, Timeout) catch exit:{ask_timeout, _} -> timeout end.

exited(#{owner := Owner}) -> ask(Owner, exited, ?PATIENCE).

lines(#{owner := Owner}) -> ask(Owner, lines, ?PATIENCE).

await_line(T, Regex) -> await_line(T, Regex, ?PATIENCE).
await_line(T, Regex, Timeout) ->
    wait(fun() ->
        case [L || L <- lines(T), re:run(L, Regex, [unicode]) =/= nomatch] of
            [L | _] -> {true, L};
            [] -> false
        end
    end, Timeout).

%% Waits until Fun() is true or {true, Value}; a look costs little, so it looks often.
wait(Fun) -> wait(Fun, ?PATIENCE).
wait(Fun, Timeout) ->
    poll(Fun, erlang:monotonic_time(millisecond) + Timeout, 2).

poll(Fun, Deadline, Pause) ->
    case Fun() of
        true -> true;
        {true, V} -> V;
        Other ->
            case erlang:monotonic_time(millisecond) > Deadline of
                true -> error({never_became_true, Other});
                false -> receive after Pause -> poll(Fun, Deadline, min(Pause * 2, 100)) end
            end
    end.

%% How long Fun took, and what it returned.
ms(Fun) ->
    T0 = erlang:monotonic_time(millisecond),
    V = Fun(),
    {erlang:monotonic_time(millisecond) - T0, V}.

%% Runs a program to its end: {ExitStatus, Stdout, Stderr}. Opts: env, stdin (iodata), timeout.
run(Program, Args) -> run(Program, Args, #{}).
run(Program, Args, Opts) ->
    Base = filename:join(log_dir(), unique("run")),
    {In, Out, Err} = {Base ++ ".in", Base ++ ".out", Base ++ ".err"},
    ok = file:write_file(In, maps:get(stdin, Opts, "")),
    Port = open_port({spawn_executable, "/bin/sh"},
                     [{args, ["-c", "exec \"$0\" \"$@\" <\"$TEST_IN\" >\"$TEST_OUT\" 2>\"$TEST_ERR\"", Program | Args]},
                      {env, [{"TEST_IN", In}, {"TEST_OUT", Out}, {"TEST_ERR", Err} | maps:get(env, Opts, [])]},
                      exit_status]),
    {os_pid, OsPid} = erlang:port_info(Port, os_pid),
    Status = receive {Port, {exit_status, S}} -> S
             after maps:get(timeout, Opts, ?PATIENCE) -> os_kill(OsPid, "KILL"), timeout end,
    {ok, O} = file:read_file(Out),
    {ok, E} = file:read_file(Err),
    [file:delete(F) || F <- [In, Out, Err]],
    {Status, O, E}.

free_port() ->
    {ok, L} = gen_tcp:listen(0, [{reuseaddr, true}]),
    {ok, P} = inet:port(L),
    gen_tcp:close(L),
    P.

%% An epmd of a suite's own, for the suites that kill it.
start_epmd() -> start_epmd(free_port()).
start_epmd(Port) ->
    Caller = self(),
    Ref = make_ref(),
    Owner = spawn(fun() -> init_epmd(Port, Caller, Ref) end),
    T = receive {Ref, Handle} -> Handle#{owner => Owner, epmd_port => Port} end,
    wait(fun() ->
        case gen_tcp:connect({127, 0, 0, 1}, Port, []) of
            {ok, S} -> gen_tcp:close(S), true;
            _ -> false
        end
    end),
    T.

stop_epmd(T) -> kill(T).

%% What epmd on that port knows: [{Name, Port}]. This node is no distributed one, so it asks by itself.
epmd_names() -> epmd_names(epmd_port()).
epmd_names(Port) ->
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]),
    ok = gen_tcp:send(S, <<1:16, $n>>),
    <<_:32, Text/binary>> = read_all(S, <<>>),
    Named = [re:run(L, "^name (\\S+) at port (\\d+)", [{capture, all_but_first, list}])
             || L <- binary:split(Text, <<"\n">>, [global])],
    [{Name, list_to_integer(P)} || {match, [Name, P]} <- Named].

read_all(S, Acc) ->
    case gen_tcp:recv(S, 0, ?PATIENCE) of
        {ok, B} -> read_all(S, <<Acc/binary, B/binary>>);
        {error, closed} -> gen_tcp:close(S), Acc
    end.

listen_port(#{node := Node}) ->
    [Name, _] = string:split(atom_to_list(Node), "@"),
    {Name, Port} = lists:keyfind(Name, 1, epmd_names()),
    Port.

%% ---- the process that owns the port of a node

init(Kind, Opts, Caller, Ref) ->
    {L, Agent} = listen_for_agent(Opts),
    {Program, Args} = inside(Opts, command(Kind, Opts)),
    Env = [{"TEST_AGENT", Agent},
           {"ERL_EPMD_PORT", integer_to_list(maps:get(epmd_port, Opts))},
           {"TEST_CONNECT", lists:flatten(lists:join(" ", [atom_to_list(N) || N <- maps:get(connect, Opts, [])]))},
           {"ERL_LIBS", false}, {"ERL_FLAGS", false}, {"ERL_AFLAGS", false}, {"ERL_ZFLAGS", false}
           | maps:get(env, Opts, [])],
    Port = open_port({spawn_executable, Program},
                     [{args, Args}, {env, Env}, exit_status, stderr_to_stdout, {line, 8192}, binary]),
    {os_pid, OsPid} = erlang:port_info(Port, os_pid),
    {ok, Log} = file:open(filename:join(log_dir(), maps:get(name, Opts) ++ ".log"), [append, raw]),
    file:write(Log, [lists:join(" ", [Program | Args]), $\n]),
    T = #{kind => Kind, name => maps:get(name, Opts), ospid => OsPid, owner => self(), cookie => maps:get(cookie, Opts)},
    St = #{port => Port, ospid => OsPid, log => Log, lines => [], status => undefined, sock => undefined,
           waiting => [], asked => #{}},
    case maps:get(expect, Opts, ready) of
        exit ->
            Caller ! {Ref, {ok, T}},
            loop(St);
        ready when Kind =:= beam -> await_agent(L, T, St, Caller, Ref);
        ready -> await_ready_line(T, St, Caller, Ref)
    end.

%% A port, or the path of a socket where the loopback is another one.
listen_for_agent(#{netns := _, name := Name}) ->
    Path = filename:join(log_dir(), Name ++ ".sock"),
    _ = file:delete(Path), % of one of this name that was killed
    {ok, L} = gen_tcp:listen(0, [binary, {packet, 4}, {active, true}, {ifaddr, {local, Path}}]),
    {L, Path};
listen_for_agent(_) ->
    {ok, L} = gen_tcp:listen(0, [binary, {packet, 4}, {active, true}, {ip, {127, 0, 0, 1}}, {nodelay, true}]),
    {ok, Port} = inet:port(L),
    {L, integer_to_list(Port)}.

inside(#{netns := Pid}, {Program, Args}) ->
    {os:find_executable("nsenter"), ["--net=/proc/" ++ integer_to_list(Pid) ++ "/ns/net", Program | Args]};
inside(_, Command) -> Command.

await_agent(L, T, St = #{port := Port}, Caller, Ref) ->
    Me = self(),
    spawn_link(fun() ->
        {ok, S} = gen_tcp:accept(L),
        ok = gen_tcp:controlling_process(S, Me),
        Me ! {accepted, S},
        receive after infinity -> ok end
    end),
    (fun Wait(S0) ->
        receive
            {Port, {data, D}} -> Wait(line(D, S0));
            {Port, {exit_status, _}} -> Caller ! {Ref, {error, {exited, lists:reverse(maps:get(lines, S0))}}};
            {tcp, Sock, Bin} ->
                {ready, Node, _} = binary_to_term(Bin),
                Caller ! {Ref, {ok, T#{node => Node}}},
                loop(S0#{sock => Sock})
        after ?PATIENCE ->
            os_kill(maps:get(ospid, S0), "KILL"),
            Caller ! {Ref, {error, {never_ready, lists:reverse(maps:get(lines, S0))}}}
        end
    end)(St).

await_ready_line(T, St = #{port := Port, lines := Lines}, Caller, Ref) ->
    Ready = "^(\\S+@\\S+) is ready: port (\\d+), pid (\\d+), cookie from (.+)$",
    Found = [M || Line <- Lines, {match, M} <- [re:run(Line, Ready, [{capture, all_but_first, list}])]],
    case Found of
        [[Node, ListenPort, _Pid, From]] ->
            Caller ! {Ref, {ok, T#{node => list_to_atom(Node), port => list_to_integer(ListenPort), cookie_from => From}}},
            loop(St);
        [] ->
            receive
                {Port, {data, D}} -> await_ready_line(T, line(D, St), Caller, Ref);
                {Port, {exit_status, S}} -> Caller ! {Ref, {error, {exited, S, lists:reverse(Lines)}}}
            after ?PATIENCE ->
                os_kill(maps:get(ospid, St), "KILL"),
                Caller ! {Ref, {error, {never_ready, lists:reverse(Lines)}}}
            end
    end.

loop(St = #{port := Port, waiting := Waiting, asked := Asked}) ->
    receive
        {Port, {data, D}} -> loop(line(D, St));
        {Port, {exit_status, S}} ->
            [reply(F, S) || F <- Waiting],
            [reply(F, {exit, {node_exited, S}, []}) || F <- maps:values(Asked)],
            loop(St#{status => S, waiting => [], asked => #{}});
        {tcp, _, Bin} ->
            {Id, Result} = binary_to_term(Bin),
            case maps:take(Id, Asked) of
                {From, Rest} -> reply(From, Result), loop(St#{asked => Rest});
                error -> loop(St)
            end;
        {ask, From, {on, _}} when map_get(status, St) =/= undefined ->
            reply(From, {exit, {node_exited, map_get(status, St)}, []}),
            loop(St);
        {ask, From, {on, Fun}} ->
            %% A number: a reference of this nameless node would be one of a nameless peer's own.
            Id = erlang:unique_integer(),
            ok = gen_tcp:send(map_get(sock, St), term_to_binary({Id, Fun})),
            loop(St#{asked => Asked#{Id => From}});
        {ask, From, exited} -> reply(From, map_get(status, St) =/= undefined), loop(St);
        {ask, From, lines} -> reply(From, lists:reverse(map_get(lines, St))), loop(St);
        {ask, From, await_exit} ->
            case map_get(status, St) of
                undefined -> loop(St#{waiting => [From | Waiting]});
                S -> reply(From, S), loop(St)
            end;
        _ -> loop(St)
    end.

init_epmd(EpmdPort, Caller, Ref) ->
    Port = open_port({spawn_executable, os:find_executable("epmd")},
                     [{args, ["-port", integer_to_list(EpmdPort)]}, exit_status, stderr_to_stdout, {line, 8192}, binary]),
    {os_pid, OsPid} = erlang:port_info(Port, os_pid),
    {ok, Log} = file:open(filename:join(log_dir(), "epmd.log"), [append, raw]),
    Caller ! {Ref, #{kind => epmd, ospid => OsPid}},
    loop(#{port => Port, ospid => OsPid, log => Log, lines => [], status => undefined, sock => undefined,
           waiting => [], asked => #{}}).

line({_, Text}, St = #{lines := Lines, log := Log}) ->
    file:write(Log, [Text, $\n]),
    St#{lines => [Text | Lines]}.

ask(Owner, What, Timeout) ->
    Ref = make_ref(),
    Mon = monitor(process, Owner),
    Owner ! {ask, {self(), Ref}, What},
    receive
        {Ref, V} -> demonitor(Mon, [flush]), V;
        {'DOWN', Mon, _, _, Why} -> exit({owner_gone, Why})
    after Timeout -> demonitor(Mon, [flush]), exit({ask_timeout, What})
    end.

reply({Pid, Ref}, V) -> Pid ! {Ref, V}.

signal(#{ospid := Pid} = T, Sig) ->
    case exited(T) of
        true -> ok;
        false -> os_kill(Pid, Sig)
    end.

os_kill(Pid, Sig) -> os:cmd("kill -" ++ Sig ++ " " ++ integer_to_list(Pid)), ok.

%% ---- command lines

command(beam, Opts) ->
    Name = maps:get(name, Opts),
    NameArgs = case Opts of
        #{long := true, host := H} -> ["-name", Name ++ "@" ++ H];
        #{host := H} -> ["-sname", Name ++ "@" ++ H];
        #{dynamic := true} -> ["-sname", "undefined"];
        _ -> ["-sname", Name]
    end,
    Paths = lists:append([["-pa", P] || P <- string:tokens(os:getenv("TEST_PATHS", ""), ":")]),
    Args = NameArgs
        ++ ["-setcookie", maps:get(cookie, Opts), "-noinput", "-start_epmd", "false"]
        ++ ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "+S", "2:2", "+A", "1"]
        ++ Paths
        ++ ["-hidden" || maps:get(hidden, Opts, false)]
        ++ lists:append([["-kernel", "net_ticktime", integer_to_list(S)] || {ticktime, S} <- maps:to_list(Opts)])
        ++ lists:append([["-proto_dist", "inet6_tcp"] || {family, inet6} <- maps:to_list(Opts)])
        ++ maps:get(args, Opts, [])
        ++ lists:append([["-s", "subject"] || maps:get(subject, Opts, true)])
        ++ ["-s", "agent"],
    {os:find_executable("erl"), Args};
command(hermod, #{command := Command}) -> Command;
command(hermod, Opts) ->
    Name = maps:get(name, Opts),
    NameArgs = case Opts of
        #{name_args := Given} -> Given;
        #{long := true, host := H} -> ["--name", Name ++ "@" ++ H];
        #{host := H} -> ["--sname", Name ++ "@" ++ H];
        _ -> ["--sname", Name]
    end,
    Args = ["start"] ++ NameArgs
        ++ lists:append([["--cookie", maps:get(cookie, Opts)] || not maps:get(no_cookie, Opts, false)])
        ++ ["--start-epmd", atom_to_list(maps:get(start_epmd, Opts, false))]
        ++ ["--hidden" || maps:get(hidden, Opts, false)]
        ++ lists:append([["--connect", atom_to_list(N)] || N <- maps:get(connect, Opts, [])])
        ++ lists:append([["--net-ticktime", integer_to_list(S)] || {ticktime, S} <- maps:to_list(Opts)])
        ++ lists:append([["--family", "inet6"] || {family, inet6} <- maps:to_list(Opts)])
        ++ lists:append([["--load", os:getenv("TEST_SUBJECT", "subject.so")] || maps:get(subject, Opts, true)])
        ++ maps:get(args, Opts, []),
    {hermod(), Args}.
