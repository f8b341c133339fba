%% Subscribers on a BEAM: a Registry, as Hermes and Phoenix.PubSub have one, and a coordinator that dispatches what other
%% nodes send. module/bench_pubsub.c is the same in C and says what it does; keep the two alike.
-module(bench_pubsub).
-behaviour(gen_server).
-export([start/0, init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(REGISTRY, 'Elixir.BenchRegistry').
-define(TOPIC, <<"bench">>).
-define(SCOPE, bench_pubsub_scope).

start() ->
    {ok, _} = pg:start(?SCOPE),
    {ok, Pid} = gen_server:start({local, ?MODULE}, ?MODULE, [], []),
    pg:join(?SCOPE, ?MODULE, Pid).

init([]) -> {ok, #{remote => #{}, counter => atomics:new(1, []), waiting => none}}.

handle_call({subscribers, N}, _, #{counter := C} = S) ->
    registry(),
    Before = erlang:monotonic_time(),
    Us = self(),
    Pids = [spawn_link(fun() -> {ok, _} = 'Elixir.Registry':register(?REGISTRY, ?TOPIC, nil), Us ! {there, self()}, hear(C, Us) end) || _ <- lists:seq(1, N)],
    [receive {there, P} -> ok end || P <- Pids],
    {reply, {ok, erlang:convert_time_unit(erlang:monotonic_time() - Before, native, microsecond)}, S};
handle_call({expect, N}, _, #{counter := C} = S) ->
    ok = atomics:put(C, 1, N),
    {reply, ok, S};
handle_call(wait, From, #{counter := C} = S) ->
    {noreply, answer(atomics:get(C, 1), S#{waiting := From})};
handle_call({subscriber_count, Topic}, _, S) ->
    #{remote := Remote} = S,
    {reply, length([T || T <- maps:values(Remote), T =:= Topic]), S};
handle_call(coordinators, _, S) ->
    {reply, length(pg:get_members(?SCOPE, ?MODULE)), S};
handle_call({publish, Message, N}, _, S) ->
    Began = os:perf_counter(nanosecond),
    [publish(Message) || _ <- lists:seq(1, N)],
    {reply, Began, S}.

%% Subscribers of other nodes: monitored, in a set of their own. Those of this one: the Registry.
handle_cast({subscribe, Topic, Pid}, #{remote := Remote} = S) ->
    monitor(process, Pid),
    {noreply, S#{remote := Remote#{Pid => Topic}}};
handle_cast({publish, <<"remote">>, Message}, #{remote := Remote} = S) ->
    maps:foreach(fun(Pid, _) -> Pid ! Message end, Remote),
    {noreply, S};
handle_cast({publish, _, Message}, S) ->
    dispatch(Message),
    {noreply, S}.

handle_info(all_heard, S) -> {noreply, answer(0, S)};
handle_info({'DOWN', _, process, Pid, _}, #{remote := Remote} = S) -> {noreply, S#{remote := maps:remove(Pid, Remote)}};
handle_info({there, _}, S) -> {noreply, S}.

answer(0, #{waiting := From} = S) when From =/= none ->
    gen_server:reply(From, os:perf_counter(nanosecond)),
    S#{waiting := none};
answer(_, S) -> S.

hear(C, Us) ->
    receive _ ->
        case atomics:sub_get(C, 1, 1) of
            0 -> Us ! all_heard;
            _ -> ok
        end,
        hear(C, Us)
    end.

publish(Message) ->
    [gen_server:cast(P, {publish, ?TOPIC, Message}) || P <- pg:get_members(?SCOPE, ?MODULE), P =/= self()],
    dispatch(Message).

dispatch(Message) ->
    registry(),
    'Elixir.Registry':dispatch(?REGISTRY, ?TOPIC, fun(Entries) -> [Pid ! Message || {Pid, _} <- Entries], ok end).

registry() ->
    case whereis(?REGISTRY) of
        undefined ->
            {ok, _} = application:ensure_all_started(elixir),
            {ok, Pid} = 'Elixir.Registry':start_link([{keys, duplicate}, {name, ?REGISTRY}]),
            unlink(Pid);
        _ -> ok
    end.
