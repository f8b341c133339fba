%% epmd goes away and comes back: the node registers again, its connections do not notice.
-module(epmd_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() -> [{group, all_at_once}].
groups() -> [{all_at_once, [parallel], [killed_and_restarted, restarted_twice, name_taken_meanwhile]}].

init_per_suite(C) -> C.
end_per_suite(_) -> ok.

names(Port) -> target:epmd_names(Port).

knows(EpmdPort, Name) -> lists:keymember(Name, 1, names(EpmdPort)).

%% Registers a name the way a node does; the registration lasts as long as the socket.
take(EpmdPort, Name) ->
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, EpmdPort, [binary, {active, false}]),
    Body = <<120, 1:16, 77, 0, 6:16, 6:16, (length(Name)):16, (list_to_binary(Name))/binary, 0:16>>,
    ok = gen_tcp:send(S, <<(byte_size(Body)):16, Body/binary>>),
    {ok, <<118, Result, _:32>>} = gen_tcp:recv(S, 6, ?PATIENCE),
    {Result, S}.

killed_and_restarted(_) ->
    E = #{epmd_port := Port} = target:start_epmd(),
    T = #{node := N, name := Name} = target:start(#{epmd_port => Port}),
    P = target:start_peer(#{epmd_port => Port}),
    Old = ?ON(P, begin
        pong = net_adm:ping(N),
        ok = net_kernel:monitor_nodes(true),
        given:child(N)
    end),
    {Name, ListenPort} = lists:keyfind(Name, 1, names(Port)),
    target:kill(E),
    ?ON(P, still = given:call(Old, {echo, still})),
    E2 = target:start_epmd(Port),
    %% within about 2 s, with time for a busy machine
    {Ms, true} = target:ms(fun() -> target:wait(fun() -> knows(Port, Name) end) end),
    ?assert(Ms < 5000, Ms),
    ?assertEqual({Name, ListenPort}, lists:keyfind(Name, 1, names(Port))),
    P2 = target:start_peer(#{epmd_port => Port}),
    ?ON(P2, begin
        pong = net_adm:ping(N),
        %% the creation is the one it always had: the pid from before epmd's end is alive
        same = given:call(Old, {echo, same})
    end),
    ?ON(P, begin
        same = given:call(Old, {echo, same}),
        ?assert(lists:member(N, nodes()))
    end),
    [target:stop(X) || X <- [T, P, P2]],
    target:stop_epmd(E2).

restarted_twice(_) ->
    E = #{epmd_port := Port} = target:start_epmd(),
    T = #{name := Name} = target:start(#{epmd_port => Port}),
    target:kill(E),
    E2 = target:start_epmd(Port),
    target:wait(fun() -> knows(Port, Name) end),
    target:kill(E2),
    E3 = target:start_epmd(Port),
    target:wait(fun() -> knows(Port, Name) end),
    0 = target:shutdown(T),
    target:wait(fun() -> not knows(Port, Name) end),
    target:stop_epmd(E3).

%% Another took the name while epmd was away: the node goes on trying and has it when it is free.
name_taken_meanwhile(_) ->
    E = #{epmd_port := Port} = target:start_epmd(),
    T = #{node := N, name := Name} = target:start(#{epmd_port => Port}),
    P = target:start_peer(#{epmd_port => Port}),
    ?ON(P, pong = net_adm:ping(N)),
    {Name, Listen} = lists:keyfind(Name, 1, names(Port)),
    target:kill(E),
    E2 = target:start_epmd(Port),
    case take(Port, Name) of
        {0, Socket} ->
            ?ON(P, alive = given:call(N, {echo, alive})),
            %% it has tried at least once when the peer is back, since both try every 2 s
            target:wait(fun() -> knows(Port, maps:get(name, P)) end),
            gen_tcp:close(Socket);
        {_, Socket} -> gen_tcp:close(Socket) % the node was quicker than we
    end,
    target:wait(fun() -> lists:member({Name, Listen}, names(Port)) end),
    ?ON(P, alive = given:call(N, {echo, alive})),
    [target:stop(X) || X <- [T, P]],
    target:stop_epmd(E2).
