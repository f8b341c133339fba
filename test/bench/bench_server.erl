%% The server that is measured, on a BEAM. module/bench_server.c is the same in C and says what it does;
%% keep the two alike.
-module(bench_server).
-behaviour(gen_server).
-export([start/0, init/1, handle_call/3, handle_continue/2, handle_cast/2, handle_info/2]).

start() ->
    {ok, _} = gen_server:start({local, bench}, ?MODULE, bench, []),
    ok.

init(idle) -> {ok, idle};
init(bench) -> {ok, #{count => 0, subscribers => [], idle => []}}.

handle_call(ping, _, S) -> {reply, pong, S};
handle_call(count, _, #{count := Count} = S) -> {reply, Count, S};
handle_call(reset, _, #{idle := Idle}) ->
    [gen_server:cast(Pid, stop) || Pid <- Idle],
    {ok, S} = init(bench),
    {reply, ok, S};
handle_call({subscribe, Pid}, _, #{subscribers := Pids} = S) -> {reply, ok, S#{subscribers := [Pid | Pids]}};
handle_call({publish, N, Message}, _, S) -> {reply, ok, S, {continue, {publish, N, Message}}};
handle_call({spawn, N}, _, #{idle := Idle} = S) ->
    New = [element(2, {ok, _} = gen_server:start(?MODULE, idle, [])) || _ <- lists:seq(1, N)],
    {reply, ok, S#{idle := New ++ Idle}};
handle_call({flood, Node, N, Message}, From, S) ->
    spawn_link(fun() -> flood({bench, Node}, N, Message, From) end),
    {noreply, S}.

handle_continue({publish, N, Message}, #{subscribers := Pids} = S) ->
    publish(N, Message, Pids),
    {noreply, S}.

handle_cast(stop, idle) -> {stop, normal, idle};
handle_cast(_, #{count := Count} = S) -> {noreply, S#{count := Count + 1}}.

handle_info(_, S) -> {noreply, S}.

publish(0, _, _) -> ok;
publish(N, Message, Pids) ->
    [Pid ! Message || Pid <- Pids],
    publish(N - 1, Message, Pids).

flood(To, N, Message, From) ->
    Began = erlang:monotonic_time(),
    casts(To, N, Message),
    Count = gen_server:call(To, count, 60000),
    Elapsed = erlang:convert_time_unit(erlang:monotonic_time() - Began, native, microsecond),
    gen_server:reply(From, {ok, Elapsed, Count}).

casts(_, 0, _) -> ok;
casts(To, N, Message) ->
    gen_server:cast(To, Message),
    casts(To, N - 1, Message).
