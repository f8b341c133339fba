%% The coordinators of other people's publish/subscribe, stated again from their protocols: one process for each group and node, that hands
%% what other nodes send to the subscribers of its node. Like the originals they end with an error on any other message.
-module(coordinator).
-export([hermes/0, phoenix/2, publish/3, publish/4, subscribe/1, stop/1]).

-define(HERMES, {hermes, 'Elixir.Hermes.PubSub'}).

%% ---- Hermes: one coordinator, registered, in the default scope

hermes() ->
    start(pg, fun() ->
        true = register('Elixir.Hermes.PGServer', self()),
        ok = pg:join(?HERMES, self())
    end, fun({broadcast_to_local, Topic, Message}) -> local(Topic, Message) end).

publish(hermes, Topic, Message) ->
    [P ! {broadcast_to_local, Topic, Message} || P <- pg:get_members(?HERMES), node(P) =/= node()],
    local(Topic, Message).

%% ---- Phoenix.PubSub: Pool workers, each in the group that it is registered as

phoenix(Name, Pool) ->
    [start('Elixir.Phoenix.PubSub', fun() ->
        true = register(Group, self()),
        ok = pg:join('Elixir.Phoenix.PubSub', Group, self())
    end, fun({forward_to_local, Topic, Message, Dispatcher}) when is_binary(Topic) ->
        case {Dispatcher, Message} of
            {'Elixir.Phoenix.PubSub', _} -> ok;
            {'Elixir.Phoenix.Channel.Server', #{'__struct__' := 'Elixir.Phoenix.Socket.Broadcast', topic := T, event := E, payload := P}}
                when is_binary(T), is_binary(E), is_map(P) -> ok
        end,
        local(Topic, Message)
    end) || Group <- groups(Name, Pool)].

groups(Name, Pool) ->
    Adapter = atom_to_list(Name) ++ ".Adapter",
    [list_to_atom(Adapter ++ case I of 1 -> ""; _ -> "_" ++ integer_to_list(I) end) || I <- lists:seq(1, Pool)].

publish(phoenix, {Name, Pool, Dispatcher}, Topic, Message) ->
    Group = lists:nth(1 + erlang:phash2(self(), Pool), groups(Name, Pool)),
    [P ! {forward_to_local, Topic, Message, Dispatcher} || P <- pg:get_members('Elixir.Phoenix.PubSub', Group), node(P) =/= node()],
    local(Topic, Message).

%% ---- both

%% This process hears of the topic, until it ends.
subscribe(Topic) ->
    ok = pg_started(?MODULE),
    pg:join(?MODULE, {node(), Topic}, self()).

local(Topic, Message) ->
    ok = pg_started(?MODULE),
    [P ! Message || P <- pg:get_local_members(?MODULE, {node(), Topic})],
    ok.

stop(Pid) ->
    Ref = monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Ref, _, _, _} -> ok end.

pg_started(Scope) ->
    case pg:start(Scope) of
        {ok, _} -> ok;
        {error, {already_started, _}} -> ok
    end.

start(Scope, Init, Handle) ->
    Us = self(),
    Pid = spawn(fun() ->
        ok = pg_started(Scope),
        Init(),
        Us ! {started, self()},
        (fun Loop() -> receive M -> Handle(M), Loop() end end)()
    end),
    receive {started, Pid} -> Pid after 30000 -> error(not_started) end.
