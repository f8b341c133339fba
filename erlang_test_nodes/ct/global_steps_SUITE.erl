%% A node joins a mesh, and at a given message of the exchange something happens: the connection breaks, one of the two is
%% killed or stopped, or the message is late. Whatever it was, afterwards the mesh is whole, sync returns at once, names agree
%% and no lock is left.
%%
%% The newcomer has a link to one member, and hears of the others through it. Who joins through whom changes from step to step;
%% LONG=1 tries every step with each of them.
-module(global_steps_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(ALL, [t1, b1, b2, t2]).

all() -> [{group, side_by_side}].
groups() -> [{side_by_side, [parallel], [late, cut, newcomer_killed, beams_member_killed, targets_member_killed,
                                           newcomer_stopped, member_stopped]}].

init_per_suite(C) -> C.
end_per_suite(_) -> ok.

%% Who joins, through whom, and one of the others.
ways() -> [{t2, t1, b1}, {t2, b1, t1}, {b2, t1, b1}].

%% The messages of an exchange: the newcomer, whose locker is quicker since it is alone, takes the locks; the member takes
%% those of its partition.
steps() ->
    [{newcomer, member, init_connect}, {member, newcomer, init_connect},
     {newcomer, member, init_connect_ack}, {member, newcomer, init_connect_ack},
     {newcomer, member, set_lock}, {member, newcomer, true}, {newcomer, member, lock_set},
     {member, other, set_lock}, {member, newcomer, lock_set},
     {newcomer, member, exchange}, {member, newcomer, exchange}, {newcomer, member, resolved}, {member, newcomer, resolved},
     {member, other, new_nodes}, {newcomer, other, in_sync}, {other, newcomer, in_sync},
     {newcomer, member, del_lock}, {member, other, del_lock}].

%% Each step with one of the ways in turn, or with each.
chosen(Steps, Ways) ->
    case is_long() of
        true -> [{S, W} || S <- Steps, W <- Ways];
        false -> [{S, lists:nth(1 + I rem length(Ways), Ways)} || {I, S} <- lists:zip(lists:seq(1, length(Steps)), Steps)]
    end.

late(_) -> each(late, #{}, chosen(steps(), ways())).
cut(_) -> each(cut, #{}, chosen(steps(), ways())).
newcomer_killed(_) -> each({kill, newcomer}, #{}, chosen(steps(), [{t2, t1, b1}, {t2, b1, t1}])).
%% Half of the steps each, since the others need a second or two to find each other again.
beams_member_killed(_) -> each({kill, member}, #{}, chosen(every_other(0, steps()), [{b2, t1, b1}])).
targets_member_killed(_) -> each({kill, member}, #{}, chosen(every_other(1, steps()), [{t2, t1, b2}])).

%% A stop takes seconds to be noticed.
newcomer_stopped(_) -> each({stop, newcomer}, #{ticktime => 4}, chosen(some_steps(), ways())).
member_stopped(_) -> each({stop, member}, #{ticktime => 4}, chosen(some_steps(), ways())).

some_steps() ->
    case is_long() of
        true -> steps();
        false -> [{member, newcomer, true}, {newcomer, member, lock_set}, {member, newcomer, exchange}, {member, other, new_nodes}]
    end.

every_other(First, Steps) ->
    case is_long() of
        true -> Steps;
        false -> [S || {I, S} <- lists:zip(lists:seq(1, length(Steps)), Steps), I rem 2 =:= First]
    end.

is_long() -> not lists:member(os:getenv("LONG", ""), ["", "0"]).

%% ---- what happens at the message that is held

%% Nothing is lost, it takes longer. Meanwhile somebody registers a name, and gets it.
happens(late, S = #{held := Held, m := M, names := Names}, _) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({ok, register(M, b1, late)}) end),
    receive after 50 -> ok end,
    wires:release(Held, pass),
    Late = receive {'DOWN', Ref, _, Pid, {ok, L}} -> L after ?PATIENCE -> error(never_registered) end,
    mesh:whole(M, ?ALL),
    ?assertEqual(lists:sort([{late, Late} | maps:to_list(Names)]), mesh:healthy(M, ?ALL)),
    'end'(M, Late),
    S;
happens(cut, S = #{held := Held}, _) ->
    wires:release(Held, close),
    S;
happens({kill, Which}, S = #{held := Held, m := M, names := Names}, Who) ->
    Role = maps:get(Which, Who),
    mesh:kill(M, Role),
    wires:release(Held, pass),
    S#{m := mesh:add(M, Role), names := maps:remove({by, Role}, Names)};
%% For longer than the tick time: the others go on without it.
happens({stop, Which}, S = #{held := Held, m := M}, Who) ->
    Role = maps:get(Which, Who),
    target:sigstop(mesh:target_of(M, Role)),
    wires:release(Held, pass),
    mesh:lost(M, ?ALL -- [Role], Role),
    Others = [R || R <- ?ALL, R =/= Role, R =/= maps:get(newcomer, Who)],
    Pid = register(M, hd(Others), while_it_is_stopped),
    mesh:agreed(M, Others, while_it_is_stopped, Pid),
    'end'(M, Pid),
    target:sigcont(mesh:target_of(M, Role)),
    S.

%% Whether BEAM nodes may leave a mesh among themselves that dialling does not mend, seen with BEAM nodes alone: when a node or link goes
%% after one side has taken the result of the exchange and before everybody has heard of it, two are connected and wait for an in_sync
%% that nobody will send, or for a lock; and a node that sleeps through its removal can leave a locker waiting with the lock. And
%% two BEAM nodes may lose a name between them (mesh:lost_between_beams/2). To lose all connections mends all three.
may_be_stuck(late, _) -> false;
may_be_stuck({stop, _}, _) -> true;
may_be_stuck(_, {_, _, Kind}) -> lists:member(Kind, [exchange, resolved, new_nodes, in_sync, del_lock]).

is_stop({stop, _}) -> true;
is_stop(_) -> false.

%% ---- how

each(What, Common, Cases) ->
    M = mesh:start([{t1, #{as => "b"}}, {b1, #{as => "c"}}, {b2, #{as => "d"}}, {t2, #{as => "a"}}], Common),
    Last = lists:foldl(fun({Step, {Newcomer, Member, Other}} = Case, S) ->
        Who = #{newcomer => Newcomer, member => Member, other => Other},
        try step(What, S, Step, Who)
        catch C:R:At ->
            Seen = seen(S),
            ct:pal("~p ~p~n~p~nseen: ~p~n", [What, Case, R, lists:nthtail(max(0, length(Seen) - 150), Seen)]),
            erlang:raise(C, {at, What, Case, R}, At)
        end
    end, #{m => M, names => #{}}, Cases),
    mesh:stop(maps:get(m, Last)).

%% What the nodes of the mesh have said to each other.
seen(#{m := M}) ->
    Control = maps:get(name, mesh:control(M)),
    [Said || {From, To, _} = Said <- wires:seen(mesh:wires(M)), From =/= Control, To =/= Control].

%% A mesh of all but the newcomer; it dials the member; What happens; and all is well again.
step(What, S0 = #{m := M}, {From, To, Kind} = Step, Who = #{newcomer := Newcomer, member := Member}) ->
    Base = ?ALL -- [Newcomer],
    mesh:split(M, [Newcomer], Base),
    mesh:whole(M, [Newcomer]),
    mesh:heal(M, [Newcomer], Base),
    case maps:size(maps:get(names, S0)) of
        0 -> mesh:join(M, Base);
        _ -> mesh:whole(M, Base)
    end,
    S1 = named(S0),
    mesh:healthy(M, Base),
    mesh:healthy(M, [Newcomer]),
    {FromName, ToName} = {mesh:name_of(M, maps:get(From, Who)), mesh:name_of(M, maps:get(To, Who))},
    Trap = wires:trap(mesh:wires(M), fun(F, T, K) -> F =:= FromName andalso T =:= ToName andalso K =:= Kind end),
    {_, Dial} = spawn_monitor(fun() -> mesh:connect(M, Newcomer, Member) end),
    {Held, _, _, _} = wires:trapped(Trap),
    S2 = #{m := M2, names := Names} = happens(What, S1#{held => Held}, Who),
    receive {'DOWN', Dial, _, _, _} -> ok end,
    Expected = lists:sort(maps:to_list(Names)),
    case mesh:rejoin(M2, ?ALL, {Newcomer, Member}) of
        true -> whole;
        Stuck ->
            ct:pal("stuck: ~p ~p ~p~n~p", [What, Step, Who, Stuck]),
            ?assert(may_be_stuck(What, Step) andalso (is_stop(What) orelse mesh:beams_not_in_sync(M2, Stuck)),
                    {What, Step, Who, Stuck}),
            again(M2)
    end,
    Names2 = try mesh:healthy(M2, ?ALL)
             catch error:{never_became_true, {names_differ, Tables}} = Why ->
                 ct:pal("~p ~p ~p~n~p", [What, Step, Who, Why]),
                 ?assert(may_be_stuck(What, Step) andalso mesh:lost_between_beams(M2, Tables),
                         {What, Step, Who, Tables, wires:told(mesh:wires(M2))}),
                 again(M2),
                 mesh:healthy(M2, ?ALL)
             end,
    ?assertEqual(Expected, Names2),
    maps:remove(held, S2#{cancelled => calm(S2)}).

again(M) ->
    mesh:isolate(M),
    mesh:join(M, ?ALL).

%% Two members that disagree about their session come to terms; two BEAM nodes may take thousands of messages for it.
calm(S = #{m := M}) ->
    Targets = [mesh:name_of(M, R) || R <- [t1, t2]],
    Cancelled = length([x || {F, T, cancel_connect} <- seen(S), lists:member(F, Targets) orelse lists:member(T, Targets)]),
    ?assert(Cancelled =< maps:get(cancelled, S, 0) + 50 orelse target:kind() =:= beam, Cancelled),
    Cancelled.

%% A name on each node.
named(S = #{m := M, names := Names}) ->
    New = [{{by, R}, register(M, R, {by, R})} || R <- ?ALL, not is_map_key({by, R}, Names)],
    S#{names := maps:merge(Names, maps:from_list(New))}.

register(M, Role, Name) ->
    Pid = mesh:child(M, Role),
    yes = mesh:ask(M, Pid, {global_register, Name, random_exit_name}),
    Pid.

'end'(M, Pid) -> ?ON(mesh:control(M), begin exit(Pid, kill), given:gone(Pid) end).
