%% The numbers of a node: hermod:metrics/0, `hermod status', `hermod top', of a BEAM and of Hermod.
-module(status_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(FINE, 0).
-define(FAILED, 1).
-define(NO_CONNECTION, 3).
-define(COOKIE, 4).
-define(TERMINATED, 128 + 15).

all() ->
    [status, status_in_json, top_as_text, top_on_a_terminal, top_ends_with_a_signal, top_on_a_small_terminal, top_is_resized, top_is_suspended,
     top_when_the_node_goes,
     nobody_there]
        ++ case target:kind() of hermod -> [{group, numbers}]; beam -> [] end.

groups() ->
    %% hermod only: a BEAM has no such function
    [{numbers, [], [every_value_has_its_shape, short_status, casts_are_counted, calls_are_counted, handlers_are_timed, peers_come_and_go, ticks_are_counted,
                    wrong_cookie, other_refusals, too_deep, mailbox_is_full, too_many_processes, publications, chat, epmd_was_away,
                    server_was_started_again, calls_that_are_denied, status_tells_what_went_wrong, status_tells_everything]}].

init_per_suite(C) ->
    case filelib:is_regular(target:hermod()) of
        true ->
            All = given:nodes(C),
            ?ON(given:peer(All), true = net_kernel:connect_node(given:target(All))),
            All;
        false -> {skip, "there is no hermod program to test"}
    end.
end_per_suite(C) -> given:no_nodes(C).

node_of(C) -> atom_to_list(given:target(C)).

hermod(Args) ->
    {Status, Out, Err} = target:run(target:hermod(), Args, #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
    ct:log("hermod ~p -> ~p~n~ts~n~ts", [Args, Status, Out, Err]),
    {Status, unicode:characters_to_list(Out), unicode:characters_to_list(Err)}.

says(Text, Regex) -> ?assertMatch({match, _}, re:run(Text, Regex, [unicode, multiline]), Text).
says_not(Text, Regex) -> ?assertEqual(nomatch, re:run(Text, Regex, [unicode, multiline]), Text).

%% ---- what a node tells

metrics(C) -> metrics(given:peer(C), given:target(C)).
metrics(Peer, Node) -> ?ON(Peer, rpc:call(Node, hermod, metrics, [])).

%% The sample with these labels.
sample(M, Name, Labels) ->
    case [S || S <- maps:get(Name, M), maps:with(maps:keys(Labels), S) =:= Labels] of
        [S] -> S;
        Other -> error({Name, Labels, Other})
    end.
value(M, Name, Labels) -> maps:get(value, sample(M, Name, Labels)).
value(M, Name) -> maps:get(Name, M).

%% How much a number has grown while Fun ran.
grows(C, Name, Labels, Fun) -> grows(given:peer(C), given:target(C), Name, Labels, Fun).
grows(Peer, Node, Name, Labels, Fun) ->
    Get = fun() -> case Labels of none -> value(metrics(Peer, Node), Name); _ -> value(metrics(Peer, Node), Name, Labels) end end,
    Before = Get(),
    Fun(),
    Get() - Before.

%% The same for what is counted when a connection has ended, which is after Fun has seen so.
grows_to(C, N, Name, Labels, Fun) ->
    Before = value(metrics(C), Name, Labels),
    Fun(),
    target:wait(fun() -> value(metrics(C), Name, Labels) - Before >= N end),
    N = value(metrics(C), Name, Labels) - Before.

%% Another target for a test that sets limits or breaks things.
with_target(Args, Fun) -> with_target(Args, #{}, Fun).
with_target(Args, Opts, Fun) ->
    T = target:start(Opts#{args => Args}),
    try Fun(T) after target:stop(T) end.

%% ---- the map

every_value_has_its_shape(C) ->
    M = metrics(C),
    true = map_size(M) > 80,
    maps:foreach(fun(Name, Value) ->
        true = is_atom(Name),
        {match, _} = re:run(atom_to_list(Name), "^(hermod|process)_[a-z0-9_]+$"),
        case Value of
            N when is_number(N) -> true = N >= 0;
            Samples when is_list(Samples) -> [shape(Name, S) || S <- Samples], true = length(Samples) =:= length(lists:usort([maps:without([value, sum, count, buckets], S) || S <- Samples]))
        end
    end, M),
    %% OpenMetrics calls a counter without its _total: that must be nobody else's name.
    Stems = [hd(string:replace(atom_to_list(Name), "_total", "", trailing)) || Name <- maps:keys(M)],
    [] = Stems -- lists:usort(Stems),
    [#{node := Node, version := <<"0.", _/binary>>, value := 1}] = maps:get(hermod_info, M),
    Node = list_to_binary(node_of(C)),
    true = is_float(maps:get(hermod_uptime_seconds, M)),
    ?assert(maps:get(hermod_processes, M) >= length(maps:get(hermod_process_messages_total, M))),
    1 = maps:get(hermod_epmd_registered, M),
    ?assertEqual(maps:get(hermod_processes, M), ?ON(given:peer(C), length(rpc:call(given:target(C), erlang, processes, [])))).

short_status(C) ->
    N = given:target(C),
    P = given:peer(C),
    with_target(["--max-mailbox", "10"], fun(#{node := Fresh}) ->
        #{limit_hits := [], connections_refused := []} = ?ON(P, rpc:call(Fresh, hermod, status, [])),
        ?ON(P, begin ok = sys:suspend({subject, Fresh}), [{subject, Fresh} ! I || I <- lists:seq(1, 11)] end),
        target:wait(fun() -> #{limit_hits := Hits} = ?ON(P, rpc:call(Fresh, hermod, status, [])), [{<<"max-mailbox">>, 1}] =:= Hits end)
    end),
    #{node := N, version := <<"0.", _/binary>>, uptime_seconds := Up, memory_bytes := Bytes, processes := Processes, run_queue := _, peers := Peers} =
        ?ON(P, rpc:call(N, hermod, status, [])),
    true = is_float(Up) andalso (Bytes > 10000 orelse os:getenv("HERMOD_VARIANT") =:= "asan") andalso Processes > 10, % its heap tells nothing
    [#{visible := true, received_bytes := In, sent_bytes := Out, waiting_bytes := _, connected_seconds := _}] =
        [Peer || #{node := Name} = Peer <- Peers, Name =:= maps:get(node, P)],
    true = In > 0 andalso Out > 0.

shape(hermod_process_handler_seconds, #{name := Name, count := Count, sum := Sum, buckets := Buckets}) ->
    true = is_binary(Name) andalso is_float(Sum),
    {Bounds, Counts} = lists:unzip(Buckets),
    infinity = lists:last(Bounds),
    Count = lists:last(Counts),
    Counts = lists:sort(Counts),
    Numbers = lists:droplast(Bounds),
    Numbers = lists:usort(Numbers);
shape(Name, #{value := Value} = Sample) ->
    true = is_number(Value) andalso Value >= 0,
    [true = is_binary(L) || L <- maps:values(maps:remove(value, Sample))],
    case lists:suffix("_total", atom_to_list(Name)) of
        true when Name =/= process_cpu_seconds_total -> true = is_integer(Value);
        _ -> true
    end.

%% ---- processes

subject() -> #{name => <<"subject">>}.

casts_are_counted(C) ->
    N = given:target(C),
    Cast = fun() -> ?ON(given:peer(C), begin [gen_server:cast({subject, N}, {count, I}) || I <- lists:seq(1, 500)], given:call(N, {echo, 1}) end) end,
    501 = grows(C, hermod_process_messages_total, subject(), Cast),
    1 = grows(C, hermod_process_calls_total, subject(), Cast),
    %% And one frame each, with what asking takes.
    Me = #{peer => atom_to_binary(maps:get(node, given:peer(C)))},
    Frames = grows(C, hermod_peer_received_frames_total, Me, Cast),
    ?assert(Frames >= 501 andalso Frames < 530),
    Bytes = grows(C, hermod_peer_received_bytes_total, Me, Cast),
    ?assert(Bytes > 501 * 20),
    ?assert(grows(C, hermod_received_bytes_total, none, Cast) > 501 * 20),
    ?ON(given:peer(C), given:call(N, clear)).

calls_are_counted(C) ->
    N = given:target(C),
    10 = grows(C, hermod_process_calls_total, subject(), fun() -> ?ON(given:peer(C), [given:call(N, {echo, I}) || I <- lists:seq(1, 10)]) end).

%% A look at the clock for each run: all messages of it are in the histogram, and the time that they took is bounded by what passed.
handlers_are_timed(C) ->
    N = given:target(C),
    Before = sample(metrics(C), hermod_process_handler_seconds, subject()),
    {Ms, _} = target:ms(fun() -> ?ON(given:peer(C), [given:call(N, {echo, I}) || I <- lists:seq(1, 100)]) end),
    After = sample(metrics(C), hermod_process_handler_seconds, subject()),
    100 = maps:get(count, After) - maps:get(count, Before),
    Took = maps:get(sum, After) - maps:get(sum, Before),
    ?assert(Took > 0 andalso Took * 1000 =< Ms + 1).

mailbox_is_full(C) ->
    with_target(["--max-mailbox", "10"], fun(#{node := N}) ->
        P = given:peer(C),
        ?ON(P, ok = sys:suspend({subject, N})),
        Limit = #{limit => <<"max-mailbox">>},
        Flood = fun() -> ?ON(P, [{subject, N} ! I || I <- lists:seq(1, 25)]) end,
        Full = grows(P, N, hermod_limit_hits_total, Limit, Flood),
        ?assert(Full >= 15),
        Full = value(metrics(P, N), hermod_process_dropped_messages_total, subject()),
        Full = value(metrics(P, N), hermod_messages_dropped_total),
        10 = value(metrics(P, N), hermod_process_mailbox_messages, subject()),
        10 = value(metrics(P, N), hermod_limit, Limit)
    end).

too_many_processes(C) ->
    with_target(["--max-processes", "40"], fun(#{node := N}) ->
        P = given:peer(C),
        Limit = #{limit => <<"max-processes">>},
        0 = value(metrics(P, N), hermod_limit_hits_total, Limit),
        Pids = ?ON(P, [Pid || _ <- lists:seq(1, 45), {ok, Pid} <- [given:call(N, {spawn, undefined, false})]]),
        {badrpc, _} = ?ON(P, rpc:call(N, erlang, node, [])),
        ?ON(P, [begin exit(Pid, kill), given:gone(Pid) end || Pid <- Pids]),
        M = metrics(P, N),
        ?assertEqual(45 - length(Pids) + 1, value(M, hermod_limit_hits_total, Limit)),
        ?assert(length(Pids) > 10 andalso length(Pids) < 40)
    end).

server_was_started_again(C) ->
    N = given:target(C),
    Kill = fun() -> ?ON(given:peer(C), begin
        Old = rpc:call(N, erlang, whereis, [user]),
        exit(Old, kill),
        given:gone(Old),
        target:wait(fun() -> is_pid(rpc:call(N, erlang, whereis, [user])) end)
    end) end,
    1 = grows(C, hermod_restarts_total, none, Kill).

%% ---- connections

peers_come_and_go(C) ->
    T = target:start_peer(),
    Name = atom_to_binary(maps:get(node, T)),
    Size = 200000,
    Total = fun() -> value(metrics(C), hermod_received_bytes_total) end,
    Before = Total(),
    Lost = value(metrics(C), hermod_connections_lost_total, #{reason => <<"closed">>}),
    1 = grows(C, hermod_connections_total, #{direction => <<"accepted">>}, fun() ->
        ?ON(T, begin true = net_kernel:connect_node(given:target(C)), Size = given:call(given:target(C), {size, binary:copy(<<1>>, Size)}) end)
    end),
    M = metrics(C),
    #{visibility := <<"visible">>, direction := <<"accepted">>} = sample(M, hermod_peer_info, #{peer => Name}),
    ?assert(value(M, hermod_peer_received_bytes_total, #{peer => Name}) > Size),
    ?assert(value(M, hermod_peer_received_fragments_total, #{peer => Name}) > 1),
    0 = value(M, hermod_peer_open_fragments, #{peer => Name}),
    target:kill(T),
    target:wait(fun() -> [] =:= [S || #{peer := P} = S <- maps:get(hermod_peer_info, metrics(C)), P =:= Name] end),
    %% Nothing of it is left but what it added.
    After = metrics(C),
    [] = [M1 || {M1, Samples} <- maps:to_list(After), is_list(Samples), #{peer := P} <- Samples, P =:= Name],
    ?assert(Total() - Before > Size),
    Lost = value(After, hermod_connections_lost_total, #{reason => <<"closed">>}) - 1.

ticks_are_counted(_) ->
    T = target:start_peer(#{ticktime => 4}),
    with_target([], #{ticktime => 4}, fun(#{node := N}) ->
        ?ON(T, true = net_kernel:connect_node(N)),
        Name = #{peer => atom_to_binary(maps:get(node, T))},
        Seen = fun(Metric) -> value(?ON(T, rpc:call(N, hermod, metrics, [])), Metric, Name) > 0 end,
        %% Asking is traffic, and where there is traffic nobody ticks: so look seldom.
        target:wait(fun() -> timer:sleep(2500), Seen(hermod_peer_received_ticks_total) andalso Seen(hermod_peer_sent_ticks_total) end)
    end),
    target:kill(T).

refused(Reason) -> #{reason => list_to_binary(Reason)}.

wrong_cookie(C) ->
    T = proplists:get_value(target, C),
    grows_to(C, 1, hermod_connections_refused_total, refused("cookie"), fun() -> {closed, _} = fakenode:connect(T, #{cookie => "wrong"}) end),
    grows_to(C, 1, hermod_connections_refused_total, refused("cookie"), fun() ->
        {?COOKIE, "", _} = hermod(["ping", "--cookie", "wrong", node_of(C)])
    end).

other_refusals(C) ->
    T = proplists:get_value(target, C),
    grows_to(C, 1, hermod_connections_refused_total, refused("flags"), fun() -> {"not_allowed", _} = fakenode:connect(T, #{flags => 1}) end),
    grows_to(C, 1, hermod_connections_refused_total, refused("name"), fun() -> {closed, _} = fakenode:connect(T, #{name => "no_host"}) end),
    grows_to(C, 1, hermod_connections_refused_total, refused("protocol"), fun() ->
        S = fakenode:dial(T),
        ok = gen_tcp:send(S, "GET / HTTP/1.1"),
        closed = fakenode:status(S)
    end),
    with_target(["--max-half-open", "2"], fun(#{node := N} = Small) ->
        P = given:peer(C),
        ?ON(P, true = net_kernel:connect_node(N)),
        Before = value(metrics(P, N), hermod_connections_refused_total, refused("half_open")),
        Silent = [fakenode:dial(Small) || _ <- [1, 2]],
        target:wait(fun() -> value(metrics(P, N), hermod_half_open_connections) =:= 2 end),
        closed = fakenode:status(fakenode:dial(Small)),
        1 = value(metrics(P, N), hermod_connections_refused_total, refused("half_open")) - Before,
        1 = value(metrics(P, N), hermod_limit_hits_total, #{limit => <<"max-half-open">>}),
        [gen_tcp:close(S) || S <- Silent]
    end).

too_deep(C) ->
    T = target:start_peer(),
    Lost = value(metrics(C), hermod_connections_lost_total, #{reason => <<"limit">>}),
    grows_to(C, 1, hermod_limit_hits_total, #{limit => <<"max-depth">>}, fun() ->
        ?ON(T, begin
            Node = given:target(C),
            true = net_kernel:connect_node(Node),
            {error, system_limit} = gen_server:call({subject, Node}, lists:foldl(fun(_, Acc) -> {Acc} end, [], lists:seq(1, 2000)))
        end)
    end),
    Lost = value(metrics(C), hermod_connections_lost_total, #{reason => <<"limit">>}),
    target:kill(T).

epmd_was_away(C) ->
    Epmd = target:start_epmd(),
    Port = maps:get(epmd_port, Epmd),
    T = target:start(#{epmd_port => Port, args => ["--connect", atom_to_list(maps:get(node, given:peer(C)))]}),
    try
        Ask = fun() ->
            {0, Out, _} = target:run(target:hermod(), ["status", "--json", "--dial-port", integer_to_list(maps:get(port, T)), atom_to_list(maps:get(node, T))],
                                     #{env => [{"HERMOD_COOKIE", target:cookie()}]}),
            fun(Name) -> {match, [N]} = re:run(Out, ["\"", Name, "\":(\\d+)"], [{capture, all_but_first, list}]), list_to_integer(N) end
        end,
        First = Ask(),
        {1, 1, 0} = {First("hermod_epmd_registered"), First("hermod_epmd_registrations_total"), First("hermod_epmd_lost_total")},
        target:stop_epmd(Epmd),
        target:wait(fun() -> Now = Ask(), {Now("hermod_epmd_registered"), Now("hermod_epmd_lost_total")} =:= {0, 1} end),
        Again = target:start_epmd(Port),
        target:wait(fun() -> Now = Ask(), {Now("hermod_epmd_registered"), Now("hermod_epmd_registrations_total")} =:= {1, 2} end),
        target:stop_epmd(Again)
    after target:stop(T) end.

%% ---- services

publications(C) ->
    N = given:target(C),
    Service = #{service => <<"pubsub">>},
    Publish = fun() -> ?ON(given:peer(C), begin
        ok = gen_server:call({pubsub, N}, {subscribe, {status, topic}}),
        1 = gen_server:call({pubsub, N}, {publish, {status, topic}, hello}),
        ?EXPECT(hello)
    end) end,
    1 = grows(C, hermod_pubsub_published_total, Service, Publish),
    1 = grows(C, hermod_pubsub_delivered_total, Service, Publish),
    {error, topic_too_large} = ?ON(given:peer(C), gen_server:call({pubsub, N}, {publish, binary:copy(<<"x">>, 10000), hello})),
    1 = value(metrics(C), hermod_limit_hits_total, #{limit => <<"pubsub-max-topic">>}).

chat(C) ->
    P = given:peer(C),
    with_target(["--chat-max-users", "1"], fun(#{node := N}) ->
        ?ON(P, {ok, _} = gen_server:call({message_server, N}, {connect, <<"ann">>})),
        ?ON(P, room_full = gen_server:call({message_server, N}, {connect, <<"bob">>})),
        M = metrics(P, N),
        1 = value(M, hermod_chat_users),
        1 = value(M, hermod_limit_hits_total, #{limit => <<"chat-max-users">>})
    end).

calls_that_are_denied(C) ->
    P = given:peer(C),
    with_target(["--deny-rpc", "lists"], fun(#{node := N}) ->
        {badrpc, {'EXIT', {undef, _}}} = ?ON(P, rpc:call(N, lists, seq, [1, 2])),
        M = metrics(P, N),
        1 = value(M, hermod_function_calls_denied_total),
        ?assert(value(M, hermod_function_calls_total) >= 2)
    end),
    %% The rules are about the module hermod as about any other.
    with_target(["--deny-rpc", "hermod"], fun(#{node := N}) ->
        {badrpc, {'EXIT', {undef, _}}} = metrics(P, N),
        {?FAILED, "", Err} = hermod(["status", atom_to_list(N)]),
        says(Err, "does not let this node call"),
        {?FAILED, "", Err} = hermod(["top", atom_to_list(N)])
    end),
    with_target(["--allow-rpc", "lists"], fun(#{node := N}) ->
        {?FAILED, "", Err} = hermod(["status", atom_to_list(N)]),
        says(Err, "does not let this node call")
    end).

%% ---- hermod status

status(C) ->
    P = given:peer(C),
    {?FINE, Out, ""} = hermod(["status", node_of(C)]),
    says(Out, "^" ++ node_of(C) ++ ": (Hermod 0\\.|Erlang/OTP \\d+).* up \\d+ "),
    says(Out, "memory [0-9.]+ [KM]iB.* processes \\d+, run queue \\d+"),
    says(Out, "^connected nodes: \\d+$"),
    says(Out, "^  " ++ atom_to_list(maps:get(node, P)) ++ " +visible"),
    says_not(Out, "hermod-status"),
    [says_not(Line, " $") || Line <- string:split(Out, "\n", all)].

status_in_json(C) ->
    {?FINE, Out, ""} = hermod(["status", "--json", node_of(C)]),
    says(Out, "^\\{\"node\":\"" ++ node_of(C) ++ "\",\"type\":\"" ++ atom_to_list(target:kind()) ++ "\",\"version\":\"[^\"]+\",\"uptime_seconds\":[0-9.]+"),
    says(Out, "\"peers\":\\[.*\\]\\}$"),
    1 = length(string:split(string:trim(Out), "\n", all)).

status_tells_what_went_wrong(C) ->
    {_, _} = fakenode:connect(proplists:get_value(target, C), #{cookie => "wrong"}),
    target:wait(fun() -> {?FINE, Out, ""} = hermod(["status", node_of(C)]), re:run(Out, "connections refused: cookie") =/= nomatch end),
    {?FINE, Out, ""} = hermod(["status", node_of(C)]),
    says(Out, "^registered processes: \\d+$"),
    says(Out, "^  subject +\\d").

status_tells_everything(C) ->
    {?FINE, Out, ""} = hermod(["status", "--all", node_of(C)]),
    says(Out, "^hermod_limit limit=max-frame 134217728$"),
    says(Out, "^hermod_process_handler_seconds name=subject \\d+ in [0-9.]+ s$"),
    Names = lists:usort([hd(string:split(L, " ")) || "hermod_" ++ _ = L <- string:split(Out, "\n", all)]),
    Shown = [list_to_atom(Name) || Name <- Names],
    %% All of them, but those that have no samples now.
    [] = [Name || {Name, V} <- maps:to_list(metrics(C)), V =/= [], not lists:member(Name, Shown), Name =/= process_cpu_seconds_total,
                  Name =/= process_resident_memory_bytes].

nobody_there(_) ->
    {?NO_CONNECTION, "", _} = hermod(["status", "not_there"]),
    {?NO_CONNECTION, "", _} = hermod(["top", "not_there"]).

%% ---- hermod top

titles() -> case target:kind() of hermod -> "^PROCESS +MSGS/s +CALLS/s +TIME +MAILBOX +MEMORY$"; beam -> "^PROCESS +REDS/s +MAILBOX +MEMORY +FUNCTION$" end.

top_as_text(C) ->
    {?FINE, Out, ""} = hermod(["top", "--count", "2", "--interval", "0.1", "--sort", "name", node_of(C)]),
    2 = length(re:split(Out, "^" ++ node_of(C) ++ "  ", [multiline])) - 1,
    says(Out, "^cpu [0-9.]+%  memory "),
    says(Out, titles()),
    says(Out, "^subject +\\d"),
    says(Out, "^NODE"),
    says(Out, "^" ++ atom_to_list(maps:get(node, given:peer(C))) ++ " "),
    says_not(Out, "\e"),
    [says_not(Line, " $") || Line <- string:split(Out, "\n", all)],
    Rows = [hd(string:split(L, " ")) || L <- tl(string:split(hd(tl(re:split(Out, "PROCESS [^\n]*\n", [{return, list}]))), "\n", all)), L =/= ""],
    true = length(Rows) > 3.

%% Somebody at a terminal of this size: keys go in, what the program draws is kept.
terminal(C, Rows, Columns) ->
    Me = self(),
    Line = lists:append(lists:join(" ", ["trap : INT; stty rows", integer_to_list(Rows), "cols", integer_to_list(Columns), ";", target:hermod(), "top --interval 0.1", node_of(C),
                                         "; echo ended with $?; stty -a"])),
    Pid = spawn(fun() ->
        monitor(process, Me),
        Port = open_port({spawn_executable, os:find_executable("script")},
                         [{args, ["-qfc", Line, "/dev/null"]}, {env, [{"HERMOD_COOKIE", target:cookie()}, {"TERM", "xterm"}, {"SHELL", "/bin/sh"}]},
                          exit_status, stderr_to_stdout, binary]),
        keep(Port, <<>>)
    end),
    Pid.

keep(Port, Seen) ->
    receive
        {Port, {data, D}} -> keep(Port, <<Seen/binary, D/binary>>);
        {Port, {exit_status, _}} -> keep(Port, <<Seen/binary, "(over)">>);
        {type, Text} -> port_command(Port, Text), keep(Port, Seen);
        {forget, From} -> From ! {self(), forgotten}, keep(Port, <<>>);
        {seen, From} -> From ! {self(), Seen}, keep(Port, Seen);
        {'DOWN', _, process, _, _} -> % without its terminal, top ends
            case erlang:port_info(Port, os_pid) of
                {os_pid, OsPid} -> os:cmd("kill -KILL " ++ integer_to_list(OsPid));
                undefined -> over
            end
    end.

seen(T) -> T ! {seen, self()}, receive {T, Seen} -> Seen after ?PATIENCE -> error(no_terminal) end.
forget(T) -> T ! {forget, self()}, receive {T, forgotten} -> ok after ?PATIENCE -> error(no_terminal) end.
shows(T, Regex) ->
    try target:wait(fun() -> re:run(seen(T), Regex, [multiline]) =/= nomatch end)
    catch error:{never_became_true, _} -> error({expected, Regex, got, seen(T)}) end.

%% The other screen is left, the cursor shown, and keys are echoed again.
is_restored(T, Status) ->
    shows(T, "\\(over\\)"),
    Seen = seen(T),
    says(Seen, "\e\\[\\?1049l[^\e]*ended with " ++ integer_to_list(Status)),
    says(Seen, "(^|[^-])icanon"),
    says(Seen, "(^|[^-])echo[ ;\r]").

top_on_a_terminal(C) ->
    T = terminal(C, 24, 100),
    shows(T, "\e\\[\\?1049h"),
    shows(T, "PROCESS "),
    shows(T, "q quit"),
    {match, _} = re:run(seen(T), "NODE"),
    %% p takes the nodes away, h the line of keys.
    T ! {type, "ph"},
    target:wait(fun() -> forget(T), shows(T, "PROCESS "), shows(T, "\e\\[J"), S = seen(T), re:run(S, "NODE") =:= nomatch andalso re:run(S, "q quit") =:= nomatch end),
    T ! {type, "n"},
    %% Keys that mean nothing, and pieces of keys, do nothing.
    T ! {type, "\e[Z\e[99~xyz\0\xff"},
    T ! {type, "\e[B\e[B\e[A\e[6~\e[5~\e[F\e[H"},
    forget(T),
    shows(T, "PROCESS "),
    T ! {type, "q"},
    is_restored(T, ?FINE).

%% By its arguments: the shell and the terminal around it have others.
os_pid_of_top(C) ->
    Arguments = [<<"top">>, <<"--interval">>, <<"0.1">>, list_to_binary(node_of(C)), <<>>],
    target:wait(fun() ->
        {ok, Names} = file:list_dir("/proc"),
        case [Pid || Pid <- Names, {ok, Line} <- [file:read_file("/proc/" ++ Pid ++ "/cmdline")], Arguments =:= tl(binary:split(Line, <<0>>, [global]))] of
            [Pid] -> {true, Pid};
            _ -> false
        end
    end).

top_ends_with_a_signal(C) ->
    [begin
        T = terminal(C, 24, 80),
        shows(T, "PROCESS "),
        os:cmd("kill -" ++ Signal ++ " " ++ os_pid_of_top(C)),
        is_restored(T, Status)
    end || {Signal, Status} <- [{"TERM", ?TERMINATED}, {"HUP", 128 + 1}, {"QUIT", 128 + 3}]],
    T = terminal(C, 24, 80),
    shows(T, "PROCESS "),
    T ! {type, [3]},
    is_restored(T, 128 + 2).

top_on_a_small_terminal(C) ->
    [begin
        T = terminal(C, Rows, Columns),
        shows(T, "\e\\[H"),
        shows(T, "\e\\[J"),
        ?assertMatch({true, _}, fits(picture(T), Rows, Columns)),
        T ! {type, "q"},
        is_restored(T, ?FINE)
    end || {Rows, Columns} <- [{1, 10}, {5, 20}, {10, 40}, {60, 300}]].

%% The lines of one that is drawn from now on.
picture(T) ->
    forget(T),
    Picture = target:wait(fun() ->
        case re:split(seen(T), "\e\\[H") of
            [_, First, _ | _] -> {true, First}; % only what is between two is whole for sure
            _ -> false
        end
    end),
    re:split(re:replace(Picture, "\e\\[[JK]", "", [global]), "\r+\n").

%% No more lines, or longer ones, than there is room for.
fits(Lines, Rows, Columns) -> {length(Lines) =< Rows andalso lists:all(fun(L) -> string:length(L) =< Columns end, Lines), Lines}.

top_is_resized(C) ->
    T = terminal(C, 40, 120),
    shows(T, "PROCESS "),
    {ok, Tty} = file:read_link("/proc/" ++ os_pid_of_top(C) ++ "/fd/1"),
    Resize = fun(Rows, Columns) -> "" = os:cmd(lists:flatten(io_lib:format("stty -F ~s rows ~b cols ~b 2>&1", [Tty, Rows, Columns]))) end,
    Resize(8, 30),
    target:wait(fun() -> element(1, fits(picture(T), 8, 30)) end),
    Resize(40, 120),
    target:wait(fun() -> not element(1, fits(picture(T), 8, 30)) end),
    T ! {type, "q"},
    is_restored(T, ?FINE).

%% As with Ctrl-Z and fg: meanwhile the terminal is the shell's.
top_is_suspended(C) ->
    T = terminal(C, 24, 100),
    shows(T, "PROCESS "),
    Pid = os_pid_of_top(C),
    forget(T),
    os:cmd("kill -TSTP " ++ Pid),
    shows(T, "\e\\[\\?25h\e\\[\\?1049l$"),
    target:wait(fun() -> {ok, Stat} = file:read_file(["/proc/", Pid, "/stat"]), nomatch =/= re:run(Stat, "\\) T ") end),
    {ok, Tty} = file:read_link("/proc/" ++ Pid ++ "/fd/1"),
    says(os:cmd("stty -a -F " ++ Tty), "(^|[^-])icanon"),
    forget(T),
    os:cmd("kill -CONT " ++ Pid),
    shows(T, "\e\\[\\?1049h"),
    shows(T, "PROCESS "),
    says(os:cmd("stty -a -F " ++ Tty), "-icanon"),
    T ! {type, "q"},
    is_restored(T, ?FINE).

top_when_the_node_goes(C) ->
    Target = target:start(#{}),
    T = terminal([{target, Target} | proplists:delete(target, C)], 24, 100),
    shows(T, "PROCESS "),
    target:kill(Target),
    shows(T, "hermod: "),
    is_restored(T, ?NO_CONNECTION).
