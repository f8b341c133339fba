%% The load generator, and who writes the report. Runs on a node of its own, started by `run`; both servers are
%% driven through the same functions, turn by turn, so that what else the machine does hits both.
%%
%% From the environment: BENCH_FIGURES and BENCH_ROUNDS; BENCH_HERMOD, BENCH_BEAM, BENCH_FLOODER as
%% "node@host pid" (the two servers that are measured, and a Hermod that floods the first); BENCH_START_HERMOD
%% and BENCH_START_BEAM, shell commands that start a node named by $NODE.
-module(bench_load).
-export([main/0, listeners/4]).

-define(CASTS, 400000).
-define(FLOOD_HERMOD, 3000000).
-define(FLOOD_BEAM, 300000).
-define(CALLS, 5000).
-define(CALLERS, 64).
-define(CALLS_EACH, 800).
-define(SUBSCRIBERS, 1000).
-define(PUBLISHES, 250).
-define(IDLE, 100000).
-define(GROUPS, 10000).
-define(MEMBERS_EACH, 10).
-define(LOCAL, 100000).   % subscribers of one node
-define(TOPICS, 1000000).
-define(NODES, 10).
-define(PATIENCE, 120000).

main() ->
    Status = try report(figures()), 0
             catch C:R:Trace -> io:format(standard_error, "bench: ~p ~p~n~p~n", [C, R, Trace]), 1
             end,
    erlang:halt(Status).

figures() ->
    [list_to_existing_atom(F) || F <- string:lexemes(os:getenv("BENCH_FIGURES"), ", ")].

target(Name) ->
    [Node, Pid] = string:lexemes(os:getenv(Name), " "),
    {list_to_atom(Node), Pid}.

report(Figures) ->
    Hermod = target("BENCH_HERMOD"),
    Beam = target("BENCH_BEAM"),
    [pong = ping(Node, 5000) || {Node, _} <- [Hermod, Beam]],
    {ok, _} = gen_server:start({local, bench}, bench_server, bench, []),
    io:format("~-44ts ~26ts ~26ts ~8ts~n", ["median [min-max]", "Hermod", "BEAM", "H/B"]),
    Missed = lists:sum([figure(F, Hermod, Beam) || F <- Figures]),
    io:format("~n~ts~n", [case Missed of
                              0 -> "Every target is reached.";
                              _ -> io_lib:format("~b targets are not reached.", [Missed])
                          end]).

%% ---- the figures: rounds of {Name => Number} for each side, and which of them has a target ----

figure(casts, Hermod, Beam) ->
    rows("casts from one BEAM process", fun casts/1, Hermod, Beam,
         [{rate, "casts/s", {ratio_at_least, 1.3}}, {cpu_us, "us CPU per cast", {ratio_at_most, 1 / 8}}]);
figure(call, Hermod, Beam) ->
    rows("calls, one caller", fun(T) -> calls(T, 1, ?CALLS) end, Hermod, Beam,
         [{p50_us, "us p50", {ratio_at_most, 0.7}}, {p99_us, "us p99", none}, {rate, "calls/s", none},
          {cpu_us, "us CPU per call", {ratio_at_most, 0.55}}]);
figure(echo, _, Beam) ->
    rows("a lone call's bytes: a C program that answers without reading them, beside a BEAM's call",
         fun(T) when T =:= Beam -> calls(T, 1, ?CALLS); (echo) -> echo() end, echo, Beam,
         [{p50_us, "us p50", none}, {cpu_us, "us CPU for each", none}]);
figure(trace, Hermod, _) ->
    alone("calls of a server beside a busy one that is traced, to those when nothing is", fun() -> trace(Hermod) end,
          [{p50, "their p50", {at_most, 1.1}}, {p99, "their p99", none}, {cpu, "CPU for each call, the busy one's included", {at_most, 1.1}}]);
figure(calls, Hermod, Beam) ->
    rows("calls, 64 callers", fun(T) -> calls(T, ?CALLERS, ?CALLS_EACH) end, Hermod, Beam,
         [{p50_us, "us p50", none}, {p99_us, "us p99", none}, {rate, "calls/s", none},
          {cpu_us, "us CPU per call", {ratio_at_most, 0.4}}]);
figure(fanout, Hermod, Beam) ->
    rows("100 bytes to 1000 remote subscribers", fun fanout/1, Hermod, Beam,
         [{rate, "deliveries/s", none}, {cpu_us, "us CPU per delivery", {ratio_at_most, 1 / 16}}]);
figure(flood, Hermod, Beam) ->
    {Flooder, _} = target("BENCH_FLOODER"),
    pong = ping(Flooder, 5000),
    Side = fun(T) when T =:= Hermod -> flood(Flooder, T, ?FLOOD_HERMOD);
              ({Node, _}) -> flood(Node, {node(), os:getpid()}, ?FLOOD_BEAM)
           end,
    rows("casts, each side to its own kind", Side, Hermod, Beam,
         [{rate, "casts/s", {at_least, 5.0e6}}, {cpu_us, "us CPU per cast, receiver", none}]);
figure(start, Hermod, Beam) ->
    rows("a node that has just been started", fun(T) -> start(T =:= Hermod) end, Hermod, Beam,
         [{ms, "ms from exec to pong", {at_most, 10.0}}, {idle_kb, "KB resident, idle", {at_most, 4096.0}}]);
figure(memory, Hermod, Beam) ->
    rows(1, "100 000 idle servers", fun(T) -> memory(T =:= Hermod) end, Hermod, Beam,
         [{kb, "KB resident with them", none}, {bytes, "bytes each", {at_most, 512.0}}]);
figure(pg, Hermod, Beam) ->
    rows("100 000 memberships of 10 000 process groups", fun(T) -> pg(T =:= Hermod) end, Hermod, Beam,
         [{in_ms, "ms until it knows a BEAM's", {ratio_at_most, 1.1}},
          {out_ms, "ms until a BEAM knows its", {ratio_at_most, 1.1}}, {bytes, "bytes each", {at_most, 64.0}}]);

figure(pubsub, Hermod, Beam) ->
    Others = [start_node(false) || _ <- lists:seq(1, ?NODES)],
    Ten = [Node || {_, Node, _, _} <- Others],
    Remote = lists:sum([rows(io_lib:format("~b bytes to ~b subscribers on ~b other node~s", [Size, Count, length(On), [$s || tl(On) =/= []]]),
                             fun(T) -> publish_to(T, On, Count, Size, Times) end, Hermod, Beam,
                             [{rate, "deliveries/s", none}, {cpu_us, "us CPU per delivery", {ratio_at_most, 1 / 20}}])
                        || {On, Count, Size, Times} <- [{[node()], 1000, 16, 200}, {[node()], 1000, 4096, 50}, {[node()], 1000, 65536, 5},
                                                        {[node()], ?LOCAL, 16, 4}, {Ten, 1000, 16, 200}, {Ten, ?LOCAL, 16, 4}]]),
    [stop_node(Node, Port, Pid) || {_, Node, Port, Pid} <- Others],
    [{ok, _} = gen_server:call({bench_pubsub, Node}, {subscribers, ?LOCAL}, ?PATIENCE) || {Node, _} <- [Hermod, Beam]],
    Remote + lists:sum([rows(io_lib:format("~b bytes to 100 000 subscribers of the node", [Size]), fun(T) -> dispatch(T, Size, Times) end, Hermod, Beam,
                             [{rate, "deliveries/s", none}, {cpu_us, "us CPU per delivery", none}])
                        || {Size, Times} <- [{16, 10}, {4096, 5}, {65536, 2}]]);
figure(cluster, _, _) ->
    lists:sum([cluster(Count) || Count <- [1, ?NODES]]);
figure(topics, _, _) ->
    alone("a million topics with a subscriber each, and with one", fun topics/0,
          [{rate, "subscriptions/s", {at_least, 5.0e5}}, {bytes, "bytes for both, beyond the topic", {at_most, 200.0}},
           {flat, "CPU per publication, to that with one topic", {at_most, 1.2}}]);
figure(nodes, _, _) ->
    alone("a million subscribers on 10 nodes of this machine", fun nodes/0,
          [{subscribe_s, "s until all are subscribed", {at_most, 3.0}}, {deliver_ms, "ms from publish to the last", {at_most, 150.0}}]);
figure(users, _, _) ->
    Rows = [{bytes, "bytes on the wire", none}, {sent_us, "us CPU, who tells it", none}, {heard_us, "us CPU, who hears it", none}],
    lists:sum([rows(io_lib:format("a change among ~b users; ~ts", [N, Text]), fun(IsHermod) -> users(IsHermod, way(IsHermod, Way), N) end, true, false, Rows)
               || N <- [10, 1000, 100000], {Way, Text} <- [{each, "Hermod tells the change, the BEAM the list"}, {lists, "both tell the list"}]]).

way(true, each) -> changes;
way(_, _) -> lists.

reset({Node, _}) -> ok = gen_server:call({bench, Node}, reset, ?PATIENCE).

casts({Node, Pid} = Target) ->
    reset(Target),
    Message = {item, binary:copy(<<"i">>, 26)},
    measure(Pid, ?CASTS, fun() ->
        send_casts({bench, Node}, ?CASTS, Message),
        ?CASTS = gen_server:call({bench, Node}, count, ?PATIENCE),
        #{}
    end).

send_casts(_, 0, _) -> ok;
send_casts(To, N, Message) ->
    gen_server:cast(To, Message),
    send_casts(To, N - 1, Message).

calls({Node, Pid}, Callers, Each) ->
    measure(Pid, Callers * Each, fun() ->
        Self = self(),
        Pids = [spawn_link(fun() -> Self ! {self(), call_times({bench, Node}, Each, [])} end)
                || _ <- lists:seq(1, Callers)],
        Times = lists:sort(lists:append([receive {P, Ts} -> Ts end || P <- Pids])),
        #{p50_us => percentile(50, Times), p99_us => percentile(99, Times)}
    end).

%% The frames of a call and its answer (echo.c), from a process that waits for each: a node writes each control message alone.
echo() ->
    Port = open_port({spawn_executable, os:getenv("HOME") ++ "/echo"}, [{line, 16}, exit_status]),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    receive {Port, {data, {eol, Line}}} -> ok after ?PATIENCE -> Line = exit(silent) end,
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, list_to_integer(Line), [binary, {packet, 4}, {nodelay, true}]),
    Result = measure(integer_to_list(Pid), ?CALLS, fun() ->
        Times = lists:sort(echo_times(Socket, [binary:copy(<<"e">>, Size) || Size <- [60, 60, 115]], ?CALLS, [])),
        #{p50_us => percentile(50, Times)}
    end),
    ok = gen_tcp:close(Socket),
    wait_exit(Port),
    Result.

echo_times(_, _, 0, Times) -> Times;
echo_times(Socket, Frames, N, Times) ->
    Before = erlang:monotonic_time(),
    [ok = gen_tcp:send(Socket, Frame) || Frame <- Frames],
    receive {tcp, Socket, _} -> ok after ?PATIENCE -> exit(silent) end,
    echo_times(Socket, Frames, N - 1, [erlang:monotonic_time() - Before | Times]).

call_times(_, 0, Times) -> Times;
call_times(To, N, Times) ->
    Before = erlang:monotonic_time(),
    pong = gen_server:call(To, ping, ?PATIENCE),
    call_times(To, N - 1, [erlang:monotonic_time() - Before | Times]).

percentile(Percent, Sorted) ->
    Time = lists:nth(max(1, length(Sorted) * Percent div 100), Sorted),
    erlang:convert_time_unit(Time, native, nanosecond) / 1000.

%% A busy server that is traced as much as is allowed: a thousand events, and again in the next second.
trace({Node, _} = Target) ->
    Busy = spawn_link(fun() -> busy(Node) end),
    Plain = beside(Target),
    Watcher = spawn_link(fun() -> watch(Node) end),
    Traced = beside(Target),
    [begin unlink(P), exit(P, kill) end || P <- [Busy, Watcher]],
    maps:map(fun(_, Key) -> maps:get(Key, Traced) / maps:get(Key, Plain) end, #{p50 => p50_us, p99 => p99_us, cpu => cpu_us}).

busy(Node) ->
    send_casts({bench, Node}, 50, {item, <<"i">>}),
    pong = gen_server:call({bench, Node}, ping, ?PATIENCE),
    busy(Node).

watch(Node) ->
    {ok, Id} = gen_server:call({tracer, Node}, {trace, bench, 10000, [{rate, 1000}, {handler, self()}]}, ?PATIENCE),
    receive {trace_end, Id, rate, _} -> ok after ?PATIENCE -> exit(no_end) end,
    flush(),
    receive after 1000 -> watch(Node) end.

flush() -> receive _ -> flush() after 0 -> ok end.

%% About two seconds of calls.
beside({Node, Pid}) ->
    measure(Pid, 4 * ?CALLS, fun() ->
        Times = lists:sort([begin
            Before = erlang:monotonic_time(),
            [] = gen_server:call({pubsub, Node}, topics, ?PATIENCE),
            erlang:monotonic_time() - Before
        end || _ <- lists:seq(1, 4 * ?CALLS)]),
        #{p50_us => percentile(50, Times), p99_us => percentile(99, Times)}
    end).

fanout({Node, Pid} = Target) ->
    reset(Target),
    Self = self(),
    Pids = [spawn_link(fun() -> subscriber(?PUBLISHES, Self) end) || _ <- lists:seq(1, ?SUBSCRIBERS)],
    [ok = gen_server:call({bench, Node}, {subscribe, P}, ?PATIENCE) || P <- Pids],
    measure(Pid, ?PUBLISHES * ?SUBSCRIBERS, fun() ->
        ok = gen_server:call({bench, Node}, {publish, ?PUBLISHES, binary:copy(<<"m">>, 100)}, ?PATIENCE),
        [receive {P, heard} -> ok after ?PATIENCE -> exit(lost) end || P <- Pids],
        #{}
    end).

subscriber(0, Collector) -> Collector ! {self(), heard};
subscriber(N, Collector) -> receive <<"m", _/binary>> -> subscriber(N - 1, Collector) end.

flood(From, {Node, Pid} = Target, Count) ->
    reset(Target),
    %% Connected before the clock runs.
    {ok, _, _} = gen_server:call({bench, From}, {flood, Node, 1, warm}, ?PATIENCE),
    reset(Target),
    Before = cpu_ns(Pid),
    {ok, Us, Count} =
        gen_server:call({bench, From}, {flood, Node, Count, {item, binary:copy(<<"i">>, 26)}}, ?PATIENCE),
    #{rate => Count * 1.0e6 / Us, cpu_us => (cpu_ns(Pid) - Before) / 1000 / Count}.

%% From the moment that the command is given to a shell that becomes it, as `time' would see it.
start(IsHermod) ->
    {Us, Node, Port, Pid} = start_node(IsHermod),
    Idle = resident_kb(Pid),
    stop_node(Node, Port, Pid),
    #{ms => Us / 1000, idle_kb => Idle}.

memory(IsHermod) ->
    {_, Node, Port, Pid} = start_node(IsHermod),
    ok = gen_server:call({bench, Node}, reset, ?PATIENCE),
    Before = resident_kb(Pid),
    ok = gen_server:call({bench, Node}, {spawn, ?IDLE}, ?PATIENCE),
    After = resident_kb(Pid),
    stop_node(Node, Port, Pid),
    #{kb => After, bytes => (After - Before) * 1024 / ?IDLE}.

%% A scope is started beside one that is full already; then it, too, is full, and one starts here. What is measured ends when
%% the new scope answers a call that came behind all the groups.
pg(IsHermod) ->
    {_, Node, Port, Pid} = start_node(IsHermod),
    {ok, Here} = pg:start(bench_in),
    Members = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, ?MEMBERS_EACH)],
    [ok = pg:join(bench_in, {bench, <<"room">>, G}, Members) || G <- lists:seq(1, ?GROUPS)],
    Before = resident_kb(Pid),
    InMs = elapsed_ms(fun() ->
        {ok, _} = rpc:call(Node, pg, start, [bench_in]),
        await_members(fun() -> rpc:call(Node, pg, get_members, [bench_in, {bench, <<"room">>, 1}]) end),
        false = gen_server:call({bench_in, Node}, {demonitor, make_ref()}, ?PATIENCE)
    end),
    After = resident_kb(Pid),
    ?GROUPS = length(rpc:call(Node, pg, which_groups, [bench_in])),
    gen_server:stop(Here),
    [P ! stop || P <- Members],
    There = lists:duplicate(?MEMBERS_EACH, rpc:call(Node, erlang, whereis, [bench])),
    {ok, _} = rpc:call(Node, pg, start, [bench_out]),
    [ok = rpc:call(Node, pg, join, [bench_out, {bench, <<"room">>, G}, There]) || G <- lists:seq(1, ?GROUPS)],
    OutMs = elapsed_ms(fun() ->
        {ok, _} = pg:start(bench_out),
        await_members(fun() -> pg:get_members(bench_out, {bench, <<"room">>, 1}) end),
        false = gen_server:call(bench_out, {demonitor, make_ref()}, ?PATIENCE)
    end),
    ?GROUPS = length(pg:which_groups(bench_out)),
    gen_server:stop(bench_out),
    stop_node(Node, Port, Pid),
    #{in_ms => InMs, out_ms => OutMs, bytes => (After - Before) * 1024 / (?GROUPS * ?MEMBERS_EACH)}.

%% The subscribers are here.
publish_to({Node, Pid}, On, Count, Size, Times) ->
    Payload = binary:copy(<<"x">>, Size),
    Topic = <<"remote">>,
    Pids = lists:append([erpc:call(N, ?MODULE, listeners, [Count div length(On), Size, Times, self()]) || N <- On]),
    To = service(Node),
    [ok = gen_server:cast({To, Node}, {subscribe, Topic, P}) || P <- Pids],
    await(fun() -> Count =:= gen_server:call({To, Node}, {subscriber_count, Topic}, ?PATIENCE) end),
    #{owners := Owners} = Result = measure(Pid, Count * Times, fun() ->
        [gen_server:cast({To, Node}, {publish, Topic, Payload}) || _ <- lists:seq(1, Times)],
        #{owners => [receive {heard, N, Owner} -> Owner after ?PATIENCE -> exit({lost, N}) end || N <- On]}
    end),
    [Owner ! stop || Owner <- Owners],
    await(fun() -> 0 =:= gen_server:call({To, Node}, {subscriber_count, Topic}, ?PATIENCE) end),
    Result.

%% Processes of this node that each hear so many messages of a size. Us is told when all of them have, by the one that ends them with itself.
listeners(Count, Size, Times, Us) ->
    Self = self(),
    Owner = spawn(fun() ->
        Owner = self(),
        Self ! {Owner, [spawn_link(fun() -> listen(Owner, Size, Times) end) || _ <- lists:seq(1, Count)]},
        [receive heard -> ok end || _ <- lists:seq(1, Count)],
        Us ! {heard, node(), Owner},
        receive stop -> exit(stopped) end
    end),
    receive {Owner, Pids} -> Pids end.

listen(Owner, _, 0) -> Owner ! heard, receive stop -> ok end;
listen(Owner, Size, Times) -> receive M when byte_size(M) =:= Size -> listen(Owner, Size, Times - 1) end.

service(Node) ->
    case rpc:call(Node, erlang, whereis, [pubsub]) of undefined -> bench_pubsub; _ -> pubsub end.

dispatch({Node, Pid}, Size, Times) ->
    Payload = binary:copy(<<"x">>, Size),
    ok = gen_server:call({bench_pubsub, Node}, {expect, ?LOCAL * Times}, ?PATIENCE),
    To = service(Node),
    measure(Pid, ?LOCAL * Times, fun() ->
        [gen_server:cast({To, Node}, {publish, <<"bench">>, Payload}) || _ <- lists:seq(1, Times)],
        _ = gen_server:call({bench_pubsub, Node}, wait, ?PATIENCE),
        #{}
    end).

%% A node publishes, and others have the subscribers: each of them gets one message for all of its own, in Hermod's cluster from one service pubsub to the
%% next, in the BEAM's from coordinator to coordinator, as with Phoenix.PubSub and Hermes. CPU is that of all these nodes.
cluster(Count) ->
    Sides = [Hermod, Beam] = [begin
        Started = [start_node(IsHermod) || _ <- lists:seq(0, Count)],
        Nodes = [Node || {_, Node, _, _} <- Started],
        await_mesh(Nodes),
        {IsHermod, Nodes, [Pid || {_, _, _, Pid} <- Started], Started}
    end || IsHermod <- [true, false]],
    Missed = lists:sum([begin
        [subscribers(Side, All div Count) || Side <- Sides],
        lists:sum([rows(io_lib:format("~b bytes from one node to ~b subscribers of ~b other~ts, ~ts", [Size, All, Count, [$s || Count > 1], How]),
                        fun(Side) -> publish_in(Side, All div Count, Size, max(2, Times * 1000 div All), How) end, Hermod, Beam,
                        [{rate, "deliveries/s", none}, {cpu_us, "us CPU per delivery, all nodes", {ratio_at_most, 1 / 20}}])
                   || {Size, Times, How} <- [{16, 1000, together}, {4096, 1000, together}, {65536, 200, together}, {16, 500, alone}]])
    end || All <- [1000, ?LOCAL]]),
    [stop_node(Node, Port, Pid) || {_, _, _, Started} <- Sides, {_, Node, Port, Pid} <- Started],
    Missed.

%% So many on each of them, and the publisher knows of all.
subscribers({IsHermod, [Publisher | Others], _, _}, Each) ->
    More = case get({subscribers, Publisher}) of undefined -> Each; Have -> Each - Have end,
    put({subscribers, Publisher}, Each),
    [{ok, _} = gen_server:call({bench_pubsub, N}, {subscribers, More}, ?PATIENCE) || N <- Others],
    await(fun() ->
        case IsHermod of
            true -> gen_server:call({pubsub, Publisher}, {subscriber_count, <<"bench">>}, ?PATIENCE) >= Each * length(Others);
            false -> gen_server:call({bench_pubsub, Publisher}, coordinators, ?PATIENCE) >= length(Others) + 1
        end
    end).

%% together: one behind the other. alone: each when the call for the one before was answered.
publish_in({_, [Publisher | Others], Pids, _}, Each, Size, Times, How) ->
    Payload = binary:copy(<<"x">>, Size),
    [ok = gen_server:call({bench_pubsub, N}, {expect, Each * Times}, ?PATIENCE) || N <- Others],
    measure(Pids, Each * length(Others) * Times, fun() ->
        Waits = [gen_server:send_request({bench_pubsub, N}, wait) || N <- Others],
        Calls = case How of together -> [Times]; alone -> [1 || _ <- lists:seq(1, Times)] end,
        [gen_server:call({bench_pubsub, Publisher}, {publish, Payload, N}, ?PATIENCE) || N <- Calls],
        [{reply, _} = gen_server:receive_response(W, ?PATIENCE) || W <- Waits],
        #{}
    end).

%% The rate of a publication is that of calls one after the other; with one topic and with all of them.
topics() ->
    {_, Node, Port, Pid} = start_node(true),
    Publish = fun(Topic) ->
        #{cpu_us := Us} = measure(Pid, 20000, fun() ->
            [gen_server:cast({pubsub, Node}, {publish, Topic, x}) || _ <- lists:seq(1, 20000)],
            1 = gen_server:call({pubsub, Node}, {subscriber_count, Topic}, ?PATIENCE),
            #{}
        end),
        Us
    end,
    {ok, _} = gen_server:call({bench_pubsub, Node}, {topics, 1}, ?PATIENCE),
    One = lists:min([Publish(<<"bench:0">>) || _ <- lists:seq(1, 5)]),
    Before = resident_kb(Pid),
    {ok, Us} = gen_server:call({bench_pubsub, Node}, {topics, ?TOPICS}, ?PATIENCE),
    After = resident_kb(Pid),
    %% A binary topic is a term of 5 bytes and its text.
    Text = lists:sum([5 + byte_size(<<"bench:", (integer_to_binary(I))/binary>>) || I <- lists:seq(0, ?TOPICS - 1)]),
    All = lists:min([Publish(<<"bench:1">>) || _ <- lists:seq(1, 5)]),
    stop_node(Node, Port, Pid),
    #{rate => ?TOPICS * 1.0e6 / Us, bytes => ((After - Before) * 1024 - Text) / ?TOPICS, flat => All / One}.

nodes() ->
    Started = [start_node(true) || _ <- lists:seq(1, ?NODES)],
    Nodes = [N || {_, N, _, _} <- Started],
    await_mesh(Nodes),
    Before = os:perf_counter(nanosecond),
    Requests = [gen_server:send_request({bench_pubsub, N}, {subscribers, ?LOCAL}) || N <- Nodes],
    [{reply, {ok, _}} = gen_server:receive_response(R, ?PATIENCE) || R <- Requests],
    Subscribed = os:perf_counter(nanosecond),
    %% The node of other figures may have subscribers, too, and be connected.
    await(fun() -> lists:all(fun(N) -> ?LOCAL * ?NODES =< gen_server:call({pubsub, N}, {subscriber_count, <<"bench">>}, ?PATIENCE) end, Nodes) end),
    Ms = lists:min([begin
        [ok = gen_server:call({bench_pubsub, N}, {expect, ?LOCAL}, ?PATIENCE) || N <- Nodes],
        Waits = [gen_server:send_request({bench_pubsub, N}, wait) || N <- Nodes],
        Began = gen_server:call({bench_pubsub, hd(Nodes)}, {publish, <<"hello, world">>, 1}, ?PATIENCE),
        Lasts = [begin {reply, L} = gen_server:receive_response(W, ?PATIENCE), L end || W <- Waits],
        (lists:max(Lasts) - Began) / 1.0e6
    end || _ <- lists:seq(1, 3)]),
    [stop_node(N, Port, Pid) || {_, N, Port, Pid} <- Started],
    #{subscribe_s => (Subscribed - Before) / 1.0e9, deliver_ms => Ms}.

%% One change after the other, so that none are told together. This node is the only other one, and the one that is told; then it tells.
users(IsHermod, Way, N) ->
    {_, Node, Port, Pid} = start_node(IsHermod, case IsHermod of true -> " --connect-all false --user-list-max-users 200000"; false -> " -connect_all false" end),
    [ok = rpc:call(Node, bench_users, start, []) || not IsHermod],
    Users = [user(I) || I <- lists:seq(1, N)],
    Us = self(),
    Peer = spawn_link(fun() -> peer(Us, Way, Node) end),
    receive {Peer, ready, List} -> ok after ?PATIENCE -> List = exit(no_hello) end,
    case IsHermod of
        true -> [gen_server:cast({user_list, Node}, {add_user, U}) || U <- Users];
        false -> ok = gen_server:call({user_list, Node}, {load, Users}, ?PATIENCE), ok = gen_server:call({user_list, Node}, meet, ?PATIENCE)
    end,
    await_told(Peer, N),
    Before = octets(Node),
    Told = case N of 100000 -> 20; _ -> 100 end,
    #{cpu_us := Sent} = measure(Pid, Told, fun() ->
        [tell(Peer, Node, change(I, N), case Way of changes -> N + I; lists -> N + I rem 2 end) || I <- lists:seq(1, Told)],
        #{}
    end),
    Bytes = octets(Node) - Before,
    Heard = case Way of changes -> heard_changes(Pid, List, Peer, Users, N + Told); lists -> heard_lists(Node, Pid, Users) end,
    unlink(Peer),
    exit(Peer, kill),
    stop_node(Node, Port, Pid),
    #{bytes => Bytes / Told, sent_us => Sent, heard_us => Heard}.

user(I) -> #{id => I, name => <<"user ", (integer_to_binary(I))/binary>>}.
change(I, N) when I rem 2 =:= 1 -> {add_user, user(N + I)};
change(I, N) -> {remove_user, N + I - 1}.

%% What node's list tells to. changes: after it has said hello, and was answered.
peer(Us, lists, Node) ->
    register(user_list, self()),
    Us ! {self(), ready, none},
    peer_hears(Us, Node);
peer(Us, changes, Node) ->
    gen_server:cast({user_list_delta, Node}, {hello, 1, node(), self(), 0, true}),
    receive {'$gen_cast', {hello, 1, Node, List, _, false}} -> Us ! {self(), ready, List} end,
    peer_hears(Us, Node).

peer_hears(Us, Node) ->
    receive
        {'$gen_cast', {delta, _, _, To, _}} -> Us ! {self(), told, To};
        {'$gen_cast', {sync, Node, Users}} -> Us ! {self(), told, length(Users)};
        {'$gen_cast', {full, _, To, _}} -> Us ! {self(), told, To};
        {'$gen_cast', _} -> ok
    end,
    peer_hears(Us, Node).

%% Last: the version that is told, or how many users there are in the list.
tell(Peer, Node, Change, Last) ->
    gen_server:cast({user_list, Node}, Change),
    await_told(Peer, Last),
    receive after 25 -> ok end.

await_told(Peer, Last) ->
    receive
        {Peer, told, Last} -> ok;
        {Peer, told, _} -> await_told(Peer, Last)
    after ?PATIENCE -> exit(not_told) end.

octets(Node) ->
    {_, Port} = lists:keyfind(Node, 1, erlang:system_info(dist_ctrl)),
    {ok, [{recv_oct, Octets}]} = inet:getstat(Port, [recv_oct]),
    Octets.

%% The last change of its own list is asked for behind them: when that is told, they were heard.
heard_changes(Pid, List, Peer, Users, Version) ->
    Say = fun(M) -> gen_server:cast(List, M) end,
    N = length(Users),
    Times = 200,
    Behind = fun() -> Say({want, Peer, [{List, Version - 1}]}), await_told(Peer, Version) end,
    Say({full, Peer, N, lists:reverse(Users)}),
    Behind(),
    #{cpu_us := Us} = measure(Pid, Times, fun() ->
        [Say({delta, Peer, N + I - 1, N + I, [case change(I, N) of {add_user, U} -> {add, U}; {remove_user, Id} -> {remove, Id} end]}) || I <- lists:seq(1, Times)],
        Behind(),
        #{}
    end),
    Us.

heard_lists(Node, Pid, Users) ->
    Times = case length(Users) of 100000 -> 10; _ -> 200 end,
    {Lists, Ping} = {{[user(0) | Users], Users}, fun() -> _ = gen_server:call({user_list, Node}, ping, ?PATIENCE) end},
    gen_server:cast({user_list, Node}, {sync, node(), Users}),
    Ping(),
    #{cpu_us := Us} = measure(Pid, Times, fun() ->
        [gen_server:cast({user_list, Node}, {sync, node(), element(1 + I rem 2, Lists)}) || I <- lists:seq(1, Times)],
        Ping(),
        #{}
    end),
    Us.

%% They know each other through this node.
await_mesh(Nodes) -> await(fun() -> lists:all(fun(N) -> Nodes -- [N | rpc:call(N, erlang, nodes, [])] =:= [] end, Nodes) end).

await(Fun) ->
    case Fun() of
        true -> ok;
        false -> receive after 5 -> await(Fun) end
    end.

elapsed_ms(Fun) ->
    Before = erlang:monotonic_time(),
    Fun(),
    erlang:convert_time_unit(erlang:monotonic_time() - Before, native, microsecond) / 1000.

await_members(Look) ->
    case Look() of
        [] -> await_members(Look);
        [_ | _] -> ok
    end.

start_node(IsHermod) -> start_node(IsHermod, "").

start_node(IsHermod, Arguments) ->
    Name = "b" ++ integer_to_list(erlang:unique_integer([positive])) ++ os:getpid(),
    [_, Host] = string:lexemes(atom_to_list(node()), "@"),
    Node = list_to_atom(Name ++ "@" ++ Host),
    Command = os:getenv(case IsHermod of true -> "BENCH_START_HERMOD"; false -> "BENCH_START_BEAM" end),
    Began = erlang:monotonic_time(),
    Port = open_port({spawn_executable, "/bin/sh"},
                     [{args, ["-c", "exec " ++ Command ++ Arguments]}, {env, [{"NODE", Name}]},
                      stderr_to_stdout, exit_status]),
    pong = ping(Node, 20000),
    Us = erlang:convert_time_unit(erlang:monotonic_time() - Began, native, microsecond),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    ok = file:write_file(os:getenv("HOME") ++ "/started", [integer_to_list(Pid), $\n], [append]),
    %% A BEAM answers pings before it has booted, and SIGTERM only after that.
    await_server(Node, 1000),
    {Us, Node, Port, integer_to_list(Pid)}.

stop_node(Node, Port, Pid) ->
    true = erlang:monitor_node(Node, true),
    os:cmd("kill " ++ Pid),
    receive {nodedown, Node} -> ok after 20000 -> exit({still_up, Node}) end,
    wait_exit(Port).

wait_exit(Port) ->
    receive
        {Port, {exit_status, _}} -> ok;
        {Port, _} -> wait_exit(Port)
    after 20000 -> exit(still_running)
    end.

await_server(Node, Tries) when Tries > 0 ->
    try gen_server:call({bench, Node}, ping, ?PATIENCE) of
        pong -> ok
    catch
        exit:{noproc, _} -> receive after 10 -> await_server(Node, Tries - 1) end
    end.

ping(Node, Ms) ->
    Deadline = erlang:monotonic_time(millisecond) + Ms,
    ping_until(Node, Deadline).

ping_until(Node, Deadline) ->
    case net_adm:ping(Node) of
        pong -> pong;
        pang ->
            case erlang:monotonic_time(millisecond) > Deadline of
                true -> {unreachable, Node};
                false -> ping_until(Node, Deadline)
            end
    end.

%% ---- measuring ----

measure([C | _] = Pid, Count, Fun) when is_integer(C) -> measure([Pid], Count, Fun);
measure(Pids, Count, Fun) ->
    erlang:garbage_collect(),
    CpuBefore = lists:sum([cpu_ns(Pid) || Pid <- Pids]),
    Before = erlang:monotonic_time(),
    More = Fun(),
    Elapsed = erlang:convert_time_unit(erlang:monotonic_time() - Before, native, nanosecond),
    Cpu = lists:sum([cpu_ns(Pid) || Pid <- Pids]) - CpuBefore,
    More#{rate => Count * 1.0e9 / Elapsed, cpu_us => Cpu / 1000 / Count}.

%% What the scheduler gave to all threads of a process so far.
cpu_ns(Pid) ->
    Files = filelib:wildcard("/proc/" ++ Pid ++ "/task/*/schedstat"),
    lists:sum([case file:read_file(F) of
                   {ok, Text} -> binary_to_integer(hd(binary:split(Text, <<" ">>)));
                   {error, _} -> 0
               end || F <- Files]).

resident_kb(Pid) ->
    {ok, Text} = file:read_file("/proc/" ++ Pid ++ "/status"),
    {match, [Kb]} = re:run(Text, "VmRSS:\\s*([0-9]+) kB", [{capture, all_but_first, list}]),
    list_to_integer(Kb).

%% ---- reporting ----

rows(Title, Fun, Hermod, Beam, Rows) ->
    rows(list_to_integer(os:getenv("BENCH_ROUNDS")), Title, Fun, Hermod, Beam, Rows).

%% Who goes first changes with each round.
rows(Rounds, Title, Fun, Hermod, Beam, Rows) ->
    Results = [case Round rem 2 of
                   1 -> H = Fun(Hermod), {H, Fun(Beam)};
                   0 -> B = Fun(Beam), {Fun(Hermod), B}
               end || Round <- lists:seq(1, Rounds)],
    {Ours, Theirs} = lists:unzip(Results),
    io:format("~n~ts~n", [Title]),
    lists:sum([row(Label, [maps:get(Key, M) || M <- Ours], [maps:get(Key, M) || M <- Theirs], Target)
               || {Key, Label, Target} <- Rows]).

%% What has no counterpart on a BEAM.
alone(Title, Fun, Rows) ->
    Ours = [Fun() || _ <- lists:seq(1, list_to_integer(os:getenv("BENCH_ROUNDS")))],
    io:format("~n~ts~n", [Title]),
    lists:sum([begin
        Numbers = [maps:get(Key, M) || M <- Ours],
        {Text, Missed} = verdict(Target, median(Numbers), none),
        io:format("  ~-42ts ~26ts ~26ts ~8ts  ~ts~n", [Label, spread(Numbers), "-", "-", Text]),
        Missed
    end || {Key, Label, Target} <- Rows]).

row(Label, Ours, Theirs, Target) ->
    Ratio = median(Ours) / max(median(Theirs), 1.0e-9),
    {Text, Missed} = verdict(Target, median(Ours), Ratio),
    io:format("  ~-42ts ~26ts ~26ts ~8ts  ~ts~n", [Label, spread(Ours), spread(Theirs), number(Ratio), Text]),
    Missed.

verdict(none, _, _) -> {"", 0};
verdict({ratio_at_least, Goal}, _, Ratio) -> verdict("H/B >= ", Goal, Ratio >= Goal);
verdict({ratio_at_most, Goal}, _, Ratio) -> verdict("H/B <= ", Goal, Ratio =< Goal);
verdict({at_least, Goal}, Ours, _) -> verdict(">= ", Goal, Ours >= Goal);
verdict({at_most, Goal}, Ours, _) -> verdict("<= ", Goal, Ours =< Goal);
verdict(Text, Goal, true) -> {["target ", Text, number(Goal), ": reached"], 0};
verdict(Text, Goal, false) -> {["target ", Text, number(Goal), ": NOT reached"], 1}.

median(Numbers) ->
    lists:nth((length(Numbers) + 1) div 2, lists:sort(Numbers)).

spread([Number]) -> number(Number);
spread(Numbers) ->
    [number(median(Numbers)), " [", number(lists:min(Numbers)), "-", number(lists:max(Numbers)), "]"].

%% Three figures that matter.
number(N) when N >= 1.0e6 -> io_lib:format("~.2fM", [N / 1.0e6]);
number(N) when N >= 1.0e4 -> io_lib:format("~bk", [round(N / 1000)]);
number(N) when N >= 100 -> io_lib:format("~b", [round(N)]);
number(N) when N >= 10 -> io_lib:format("~.1f", [float(N)]);
number(N) when N >= 1 -> io_lib:format("~.2f", [float(N)]);
number(N) -> io_lib:format("~.3f", [float(N)]).
