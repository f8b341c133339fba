%% Monitors, links, exit signals and aliases between processes of two nodes, in every direction
%% and with every end.
-module(process_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() -> [{group, monitors_in}, {group, monitors_out}, {group, links}, {group, exits}, {group, aliases}, {group, noconnection},
          {group, unconnected}, group_leader_is_a_pid, group_leader_from_afar, is_in_order,
          traced_sequentially]
        ++ case target:kind() of hermod -> [{group, hermod_only}]; beam -> [] end.

groups() ->
    [{monitors_in, [], [in_normal, in_reason, in_kill, in_dead_pid, in_unknown_name, in_by_name, in_by_name_after_reregistration,
                        in_demonitor, in_many, in_twice]},
     {monitors_out, [], [out_normal, out_reason, out_kill, out_dead_pid, out_unknown_name, out_by_name, out_demonitor]},
     {links, [], [peer_links_ends, peer_links_dead, peer_unlinks, peer_end_kills_subject, peer_end_is_trapped,
                  normal_end_is_harmless, subject_links_ends, subject_links_dead, subject_unlinks, linked_twice_unlinked_once, both_link_and_unlink,
                  relink_after_unlink, link_between_subjects, spawn_linked_to_parent]},
     {exits, [], [exit_reason, exit_normal_is_ignored, exit_normal_is_trapped, exit_trapped, exit_kill, exit_kill_when_trapping,
                  exit_out, exit_out_kill, exit_to_dead, stop_is_not_exit,
                  large_reasons, suspended]},
     {aliases, [], [send_to_alias, send_to_closed_alias, alias_of_the_subject, monitor_with_alias]},
     {noconnection, [], [killed_target, killed_peer, disconnected]},
     {unconnected, [], [linked_and_ended]},
     %% an OTP 25 leaves monitors by name behind
     {hermod_only, [], [monitored_and_ended, call_was_given_up]}].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

%% ---- we monitor a process of the target

in_normal(C) -> in_end(C, normal).
in_reason(C) -> in_end(C, {some, ["reason"], <<"x">>}).

in_end(C, Reason) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        gen_server:cast(Pid, {stop, Reason}),
        ?EXPECT({'DOWN', Ref, process, Pid, Reason}),
        ?assertEqual([], given:mailbox())
    end).

in_kill(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        exit(Pid, kill),
        ?EXPECT({'DOWN', Ref, process, Pid, killed})
    end).

in_dead_pid(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = gen_server:stop(Pid),
        Ref = monitor(process, Pid),
        ?EXPECT({'DOWN', Ref, process, Pid, noproc})
    end).

in_unknown_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Ref = monitor(process, {nobody, N}),
        ?EXPECT({'DOWN', Ref, process, {nobody, N}, noproc})
    end).

in_by_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("mon")),
        Pid = given:child(N, Name),
        Ref = monitor(process, {Name, N}),
        gen_server:cast(Pid, {stop, by_name}),
        ?EXPECT({'DOWN', Ref, process, {Name, N}, by_name})
    end).

%% The monitor is on the process that had the name, not on the name.
in_by_name_after_reregistration(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("mon")),
        First = given:child(N, Name),
        Ref = monitor(process, {Name, N}),
        true = given:call(First, {unregister, Name}),
        Second = given:child(N, Name),
        ok = gen_server:stop(Second),
        here = given:call(N, {echo, here}),
        ?assertEqual([], given:mailbox()),
        gen_server:cast(First, {stop, the_first}),
        ?EXPECT({'DOWN', Ref, process, {Name, N}, the_first})
    end).

in_demonitor(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        Other = monitor(process, Pid),
        true = demonitor(Ref),
        ok = gen_server:stop(Pid),
        ?EXPECT({'DOWN', Other, process, Pid, normal}),
        ?assertEqual([], given:mailbox())
    end).

in_many(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pids = [given:child(N) || _ <- lists:seq(1, 200)],
        Refs = [{monitor(process, P), P} || P <- Pids],
        [gen_server:cast(P, {stop, {n, I}}) || {I, P} <- lists:zip(lists:seq(1, 200), Pids)],
        [?EXPECT({'DOWN', Ref, process, P, {n, I}}) || {I, {Ref, P}} <- lists:zip(lists:seq(1, 200), Refs)]
    end).

in_twice(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        [R1, R2] = [monitor(process, Pid) || _ <- [1, 2]],
        ok = gen_server:stop(Pid, twice, 30000),
        ?EXPECT({'DOWN', R1, process, Pid, twice}),
        ?EXPECT({'DOWN', R2, process, Pid, twice})
    end).

%% ---- a process of the target monitors one of ours

out_normal(C) -> out_end(C, normal, normal).
out_reason(C) -> out_end(C, {why, #{a => 1}}, {why, #{a => 1}}).

out_end(C, Reason, Seen) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Pid = given:idle(),
        Ref = given:call(Sub, {monitor, Pid}),
        given:ended(Pid, Reason),
        ?EXPECT({subject, Sub, {info, {'DOWN', Ref, process, Pid, Seen}}})
    end).

out_kill(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Pid = given:idle(),
        Ref = given:call(Sub, {monitor, Pid}),
        exit(Pid, kill),
        ?EXPECT({subject, Sub, {info, {'DOWN', Ref, process, Pid, killed}}})
    end).

out_dead_pid(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Pid = given:idle(),
        given:ended(Pid),
        Ref = given:call(Sub, {monitor, Pid}),
        ?EXPECT({subject, Sub, {info, {'DOWN', Ref, process, Pid, noproc}}})
    end).

out_unknown_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Ref = given:call(Sub, {monitor, {nobody, node()}}),
        Me = node(),
        ?EXPECT({subject, Sub, {info, {'DOWN', Ref, process, {nobody, Me}, noproc}}})
    end).

out_by_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Name = list_to_atom(target:unique("mon")),
        Pid = given:idle(),
        register(Name, Pid),
        Me = node(),
        Ref = given:call(Sub, {monitor, {Name, Me}}),
        given:ended(Pid, bye),
        ?EXPECT({subject, Sub, {info, {'DOWN', Ref, process, {Name, Me}, bye}}})
    end).

out_demonitor(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Pid = given:idle(),
        Ref = given:call(Sub, {monitor, Pid}),
        Other = given:call(Sub, {monitor, Pid}),
        ok = given:call(Sub, {demonitor, Ref}),
        target:wait(fun() -> {monitored_by, L} = process_info(Pid, monitored_by), length(L) =:= 1 end),
        given:ended(Pid),
        ?EXPECT({subject, Sub, {info, {'DOWN', Other, process, Pid, normal}}}),
        [{info, {'DOWN', Other, _, _, _}}] = given:call(Sub, events)
    end).

%% ---- links

peer_links_ends(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        [begin
             Pid = given:child(N),
             link(Pid),
             gen_server:cast(Pid, {stop, Reason}),
             ?EXPECT({'EXIT', Pid, Reason})
         end || Reason <- [normal, shutdown, {bad, [thing]}]],
        Killed = given:child(N),
        link(Killed),
        exit(Killed, kill),
        ?EXPECT({'EXIT', Killed, killed})
    end).

peer_links_dead(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Pid = given:child(N),
        ok = gen_server:stop(Pid),
        link(Pid),
        ?EXPECT({'EXIT', Pid, noproc})
    end).

peer_unlinks(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Pid = given:child(N),
        link(Pid),
        unlink(Pid),
        ok = gen_server:stop(Pid, unnoticed, 30000),
        here = given:call(N, {echo, here}),
        ?assertEqual([], given:mailbox()),
        %% and the end of the one that had linked does not reach the other
        Sub = given:reporting(N),
        Linker = spawn(fun() -> link(Sub), unlink(Sub), exit(boom) end),
        given:gone(Linker),
        alive = given:call(Sub, {echo, alive}),
        [] = given:call(Sub, events)
    end).

peer_end_kills_subject(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [begin
             Sub = given:child(N),
             Ref = monitor(process, Sub),
             Pid = spawn(fun() -> link(Sub), exit(Reason) end),
             given:gone(Pid),
             ?EXPECT({'DOWN', Ref, process, Sub, Reason})
         end || Reason <- [boom, {shutdown, x}, kill]]
    end).

peer_end_is_trapped(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        ok = given:call(Sub, {trap_exit, true}),
        [begin
             Pid = spawn(fun() -> link(Sub), exit(Reason) end),
             ?EXPECT({subject, Sub, {info, {'EXIT', Pid, Reason}}})
         end || Reason <- [normal, boom, {shutdown, [x]}]],
        Killed = spawn(fun() -> link(Sub), receive never -> ok end end),
        target:wait(fun() -> process_info(Killed, links) =:= {links, [Sub]} end),
        exit(Killed, kill),
        ?EXPECT({subject, Sub, {info, {'EXIT', Killed, killed}}})
    end).

normal_end_is_harmless(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Pid = spawn(fun() -> link(Sub), exit(normal) end),
        given:gone(Pid),
        [] = given:call(Sub, events)
    end).

subject_links_ends(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Trapping = given:reporting(N),
        ok = given:call(Trapping, {trap_exit, true}),
        Pid = given:idle(),
        ok = given:call(Trapping, {link, Pid}),
        given:ended(Pid, {my, end_}),
        ?EXPECT({subject, Trapping, {info, {'EXIT', Pid, {my, end_}}}}),
        %% the other way round: its end is ours
        Sub = given:child(N),
        Pid2 = given:idle(),
        Ref = monitor(process, Pid2),
        ok = given:call(Sub, {link, Pid2}),
        gen_server:cast(Sub, {stop, took_you_along}),
        ?EXPECT({'DOWN', Ref, process, Pid2, took_you_along})
    end).

subject_links_dead(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        ok = given:call(Sub, {trap_exit, true}),
        Pid = given:idle(),
        given:ended(Pid),
        ok = given:call(Sub, {link, Pid}),
        ?EXPECT({subject, Sub, {info, {'EXIT', Pid, noproc}}})
    end).

subject_unlinks(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        ok = given:call(Sub, {trap_exit, true}),
        Pid = given:idle(),
        ok = given:call(Sub, {link, Pid}),
        ok = given:call(Sub, {unlink, Pid}),
        given:ended(Pid, unnoticed),
        [] = given:call(Sub, events),
        %% neither does its end reach us
        Pid2 = given:idle(),
        ok = given:call(Sub, {link, Pid2}),
        ok = given:call(Sub, {unlink, Pid2}),
        target:wait(fun() -> process_info(Pid2, links) =:= {links, []} end),
        ok = gen_server:stop(Sub, boom, 30000),
        here = given:call(N, {echo, here}),
        ?assert(is_process_alive(Pid2)),
        given:ended(Pid2)
    end).

linked_twice_unlinked_once(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Sub = given:reporting(N),
        ok = given:call(Sub, {trap_exit, true}),
        link(Sub),
        link(Sub),
        ok = given:call(Sub, {link, self()}),
        unlink(Sub),
        ok = given:call(Sub, {echo, ok}),
        ok = gen_server:stop(Sub, boom, 30000),
        here = given:call(N, {echo, here}),
        [] = [M || M = {'EXIT', _, _} <- given:mailbox()]
    end).

%% Both sides link and unlink at the same time, in any order: when all is quiet both say the same, and nobody was told of an end.
both_link_and_unlink(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Sub = given:child(N),
        ok = given:call(Sub, {trap_exit, true}),
        Me = self(),
        Step = fun(link) -> link(Sub), []; (unlink) -> unlink(Sub), []; (Request) -> [gen_server:send_request(Sub, Request)] end,
        Linked = fun(Pid, Other) -> {links, L} = erpc:call(node(Pid), erlang, process_info, [Pid, links]), lists:member(Other, L) end,
        [begin
             Steps = [lists:nth(rand:uniform(4), [link, unlink, {link, Me}, {unlink, Me}]) || _ <- lists:seq(1, rand:uniform(12))],
             [{reply, ok} = gen_server:receive_response(R, 30000) || S <- Steps, R <- Step(S)],
             ok = given:call(Sub, {echo, ok}),
             ?assertEqual(Linked(Me, Sub), Linked(Sub, Me), Steps),
             Asked = lists:append([Step(S) || S <- Steps]),
             [{reply, ok} = gen_server:receive_response(R, 30000) || R <- Asked],
             ok = given:call(Sub, {echo, ok}),
             ?assertEqual(Linked(Me, Sub), Linked(Sub, Me), Steps)
         end || _ <- lists:seq(1, 100)],
        ?assertEqual([], given:mailbox()),
        [] = given:call(Sub, events)
    end).

relink_after_unlink(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Pid = given:child(N),
        [begin link(Pid), unlink(Pid) end || _ <- lists:seq(1, 50)],
        link(Pid),
        ok = gen_server:stop(Pid, noticed, 30000),
        ?EXPECT({'EXIT', Pid, noticed}),
        ?assertEqual([], given:mailbox())
    end).

link_between_subjects(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        A = given:child(N),
        B = given:reporting(N),
        ok = given:call(A, {link, B}),
        ok = given:call(B, {trap_exit, true}),
        gen_server:cast(A, {stop, boom}),
        ?EXPECT({subject, B, {info, {'EXIT', A, boom}}})
    end).

spawn_linked_to_parent(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Parent = given:child(N),
        Child = given:linked_child(Parent),
        Ref = monitor(process, Child),
        gen_server:cast(Parent, {stop, gone}),
        ?EXPECT({'DOWN', Ref, process, Child, gone})
    end).

%% ---- exit signals

exit_reason(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Ref = monitor(process, Pid),
        exit(Pid, {because, [1]}),
        ?EXPECT({'DOWN', Ref, process, Pid, {because, [1]}})
    end).

exit_normal_is_ignored(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        exit(Pid, normal),
        alive = given:call(Pid, {echo, alive}),
        [] = given:call(Pid, events)
    end).

exit_normal_is_trapped(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        ok = given:call(Pid, {trap_exit, true}),
        exit(Pid, normal),
        Me = self(),
        ?EXPECT({subject, Pid, {info, {'EXIT', Me, normal}}})
    end).

exit_trapped(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        ok = given:call(Pid, {trap_exit, true}),
        exit(Pid, "please"),
        Me = self(),
        ?EXPECT({subject, Pid, {info, {'EXIT', Me, "please"}}}),
        ok = given:call(Pid, {trap_exit, false}),
        Ref = monitor(process, Pid),
        exit(Pid, "now"),
        ?EXPECT({'DOWN', Ref, process, Pid, "now"})
    end).

exit_kill(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Pid = given:child(N),
        link(Pid),
        Ref = monitor(process, Pid),
        exit(Pid, kill),
        ?EXPECT({'DOWN', Ref, process, Pid, killed}),
        ?EXPECT({'EXIT', Pid, killed})
    end).

exit_kill_when_trapping(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = given:call(Pid, {trap_exit, true}),
        Ref = monitor(process, Pid),
        exit(Pid, kill),
        ?EXPECT({'DOWN', Ref, process, Pid, killed})
    end).

exit_out(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Sub = given:child(N),
        ok = given:call(Sub, {exit, self(), {from, there}}),
        ?EXPECT({'EXIT', Sub, {from, there}}),
        Pid = given:idle(),
        Ref = monitor(process, Pid),
        ok = given:call(Sub, {exit, Pid, normal}),
        ok = given:call(Sub, {exit, Pid, gone}),
        ?EXPECT({'DOWN', Ref, process, Pid, gone})
    end).

exit_out_kill(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = spawn(fun() -> process_flag(trap_exit, true), receive never -> ok end end),
        Ref = monitor(process, Pid),
        ok = given:call(N, {exit, Pid, kill}),
        ?EXPECT({'DOWN', Ref, process, Pid, killed})
    end).

exit_to_dead(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = gen_server:stop(Pid),
        exit(Pid, boom),
        exit(Pid, kill),
        Pid ! hello,
        gen_server:cast(Pid, hello),
        here = given:call(N, {echo, here})
    end).

%% A reason `kill' that a process ends with by itself is that reason, not a kill signal.
stop_is_not_exit(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Pid = given:child(N),
        link(Pid),
        gen_server:cast(Pid, {stop, kill}),
        ?EXPECT({'EXIT', Pid, kill})
    end).

%% Reasons that travel in fragments, with every signal that has one.
large_reasons(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Big = {big, binary:copy(<<"reason">>, 50000)},
        [begin
             Pid = given:child(N),
             Ref = monitor(process, Pid),
             link(Pid),
             End(Pid),
             ?EXPECT({'DOWN', Ref, process, Pid, Big}),
             ?EXPECT({'EXIT', Pid, Big})
         end || End <- [fun(Pid) -> exit(Pid, Big) end, fun(Pid) -> gen_server:cast(Pid, {stop, Big}) end]],
        Sub = given:reporting(N),
        ok = given:call(Sub, {trap_exit, true}),
        Linker = spawn(fun() -> link(Sub), exit(Big) end),
        ?EXPECT({subject, Sub, {info, {'EXIT', Linker, Big}}}),
        Idle = given:idle(),
        OutRef = given:call(Sub, {monitor, Idle}),
        ok = given:call(Sub, {exit, Idle, Big}),
        ?EXPECT({subject, Sub, {info, {'DOWN', OutRef, process, Idle, Big}}})
    end).

%% A process that sys:suspend halted ends of what it does not trap, and finds what it does in its place afterwards.
suspended(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [begin
             Pid = given:child(N),
             Ref = monitor(process, Pid),
             ok = sys:suspend(Pid),
             gen_server:cast(Pid, waits),
             exit(Pid, Why),
             ?EXPECT({'DOWN', Ref, process, Pid, Seen})
         end || {Why, Seen} <- [{kill, killed}, {other, other}]],
        Sub = given:reporting(N),
        ok = given:call(Sub, {trap_exit, true}),
        ok = sys:suspend(Sub),
        Sub ! before,
        exit(Sub, later),
        Sub ! behind,
        _ = sys:get_status(Sub),
        ?assertEqual([], given:mailbox()),
        ok = sys:resume(Sub),
        Me = self(),
        ?EXPECT({subject, Sub, {info, behind}}),
        [{info, before}, {info, {'EXIT', Me, later}}, {info, behind}] = given:call(Sub, events)
    end).

%% ---- aliases

send_to_alias(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Alias = alias(),
        ok = given:call(N, {send_alias, Alias, {via, alias}}),
        ?EXPECT({via, alias})
    end).

send_to_closed_alias(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Alias = alias(),
        true = unalias(Alias),
        ok = given:call(N, {send_alias, Alias, lost}),
        ok = given:call(N, {send, self(), last}),
        ?EXPECT(last),
        ?assertEqual([], given:mailbox())
    end).

alias_of_the_subject(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Alias = given:call(Sub, alias),
        Alias ! {via, alias},
        ?EXPECT({subject, Sub, {info, {via, alias}}}),
        ok = given:call(Sub, {unalias, Alias}),
        Alias ! lost,
        Sub ! last,
        ?EXPECT({subject, Sub, {info, last}}),
        [{info, {via, alias}}, {info, last}] = given:call(Sub, events)
    end).

monitor_with_alias(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:child(N),
        Ref = monitor(process, Sub, [{alias, reply_demonitor}]),
        Sub ! {'$gen_call', {self(), [alias | Ref]}, {echo, one}},
        ?EXPECT({[alias | Ref], one}),
        %% the alias and the monitor are gone with the reply
        Sub ! {'$gen_call', {self(), [alias | Ref]}, {echo, two}},
        ok = gen_server:stop(Sub),
        here = given:call(N, {echo, here}),
        ?assertEqual([], given:mailbox())
    end).

%% ---- the connection is lost

killed_target(C) ->
    T = target:start(#{}),
    #{node := N} = T,
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Pid = given:child(N),
        link(Pid),
        Ref = monitor(process, Pid),
        ByName = monitor(process, {subject, N}),
        monitor_node(N, true),
        Me = self(),
        Caller = spawn_link(fun() -> Me ! {outcome, subject:outcome(fun() -> given:call(N, {hold, x}, infinity) end)} end),
        target:wait(fun() -> process_info(Caller, status) =:= {status, waiting} end),
        os:cmd("kill -KILL " ++ integer_to_list(maps:get(ospid, T))),
        ?EXPECT({'DOWN', Ref, process, Pid, noconnection}),
        ?EXPECT({'DOWN', ByName, process, {subject, N}, noconnection}),
        ?EXPECT({'EXIT', Pid, noconnection}),
        ?EXPECT({nodedown, N}),
        ?EXPECT({outcome, {error, noconnection}})
    end),
    target:await_exit(T).

killed_peer(C) ->
    N = given:target(C),
    P = target:start_peer(),
    Pid = ?ON(P, given:idle()),
    Name = maps:get(node, P),
    ?ON(P, true = register(silent, spawn(fun() -> receive never -> ok end end))),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        ok = given:call(Sub, {trap_exit, true}),
        ok = given:call(Sub, {link, Pid}),
        Ref = given:call(Sub, {monitor, Pid}),
        ByName = given:call(Sub, {monitor, {silent, Name}}),
        Call = gen_server:send_request(Sub, {call, {silent, Name}, x, 60000}),
        %% the peer has the call when its process has a message
        {message_queue_len, 1} = target:wait(fun() ->
            case erpc:call(Name, erlang, process_info, [erpc:call(Name, erlang, whereis, [silent]), message_queue_len]) of
                {message_queue_len, 1} = Q -> {true, Q};
                _ -> false
            end
        end),
        os:cmd("kill -KILL " ++ integer_to_list(maps:get(ospid, P))),
        ?EXPECT({subject, Sub, {info, {'DOWN', Ref, process, Pid, noconnection}}}),
        ?EXPECT({subject, Sub, {info, {'DOWN', ByName, process, {silent, Name}, noconnection}}}),
        ?EXPECT({subject, Sub, {info, {'EXIT', Pid, noconnection}}}),
        {reply, {error, noconnection}} = gen_server:receive_response(Call, 30000),
        %% what is gone answers at once
        Again = given:call(Sub, {monitor, Pid}),
        ?EXPECT({subject, Sub, {info, {'DOWN', Again, process, Pid, noconnection}}})
    end),
    target:await_exit(P).

%% A connection that ends while both live on: the same, on both sides.
disconnected(C) ->
    N = given:target(C),
    P = target:start_peer(),
    ?ON(P, begin
        process_flag(trap_exit, true),
        Mine = given:idle(),
        Sub = given:child(N),
        ok = given:call(Sub, {trap_exit, true}),
        MineRef = given:call(Sub, {monitor, Mine}),
        ok = given:call(Sub, {link, Mine}),
        MineDown = monitor(process, Mine),
        link(Sub),
        Ref = monitor(process, Sub),
        true = erlang:disconnect_node(N),
        ?EXPECT({'DOWN', Ref, process, Sub, noconnection}),
        ?EXPECT({'EXIT', Sub, noconnection}),
        ?EXPECT({'DOWN', MineDown, process, Mine, noconnection}),
        %% the next message connects again, the pids are still good
        true = target:wait(fun() -> net_kernel:connect_node(N) end),
        Me = self(),
        target:wait(fun() -> length(given:call(Sub, events)) =:= 3 end),
        Events = given:call(Sub, events),
        ?assert(lists:member({info, {'DOWN', MineRef, process, Mine, noconnection}}, Events)),
        ?assert(lists:member({info, {'EXIT', Mine, noconnection}}, Events)),
        ?assert(lists:member({info, {'EXIT', Me, noconnection}}, Events))
    end),
    target:stop(P).

%% ---- the connection is still being made

%% Two processes of a node to which the target has no connection, and a subject of the target: it is told Requests about
%% the first and ends for_a_reason. All of that is done before the connection is up.
ends_unconnected(C, Requests) ->
    N = given:target(C),
    P = #{node := Node} = target:start_peer(#{args => ["-connect_all", "false"]}),
    Pid = ?ON(P, begin Idle = given:idle(), register(named, Idle), Idle end),
    ?ON(given:peer(C), begin
        Sub = given:child(N),
        ok = sys:suspend(Sub),
        Asked = [gen_server:send_request(Sub, R) || R <- Requests(Pid, Node)],
        gen_server:cast(Sub, {stop, for_a_reason}),
        target:wait(fun() -> not lists:member(Node, erpc:call(N, erlang, nodes, [connected])) end),
        ok = sys:resume(Sub),
        [{reply, _} = gen_server:receive_response(A, 30000) || A <- Asked]
    end),
    {P, N, Pid}.

%% A link that was on its way when its process ended: the other one ends with it.
linked_and_ended(C) ->
    {P, _, Pid} = ends_unconnected(C, fun(Pid, _) -> [{link, Pid}] end),
    ?ON(P, ?assertEqual(for_a_reason, case given:death(Pid) of noproc -> for_a_reason; Why -> Why end)),
    target:stop(P).

%% Monitors that were on their way: nothing of them stays where they arrive.
monitored_and_ended(C) ->
    {P, N, Pid} = ends_unconnected(C, fun(Pid, Node) -> [{monitor, Pid}, {monitor, {named, Node}}] end),
    ?ON(P, not_monitored(N, Pid)),
    target:stop(P).

not_monitored(N, Pid) ->
    given:visible(N),
    came_after = given:call(N, {echo, came_after}), % what the connection was made for
    ?assertEqual({monitored_by, []}, process_info(Pid, monitored_by)),
    given:ended(Pid).

%% A call whose time was over before there was a connection leaves no monitor there either.
call_was_given_up(C) ->
    N = given:target(C),
    P = #{node := Node} = target:start_peer(#{args => ["-connect_all", "false"]}),
    Pid = ?ON(P, begin Idle = given:idle(), register(named, Idle), Idle end),
    ?ON(given:peer(C), {error, timeout} = given:call(N, {call, {named, Node}, x, 0})),
    ?ON(P, not_monitored(N, Pid)),
    target:stop(P).

group_leader_is_a_pid(C) ->
    N = given:target(C),
    ?ON(given:peer(C), ?assert(is_pid(given:call(N, group_leader)))).

group_leader_from_afar(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        Leader = given:idle(),
        true = group_leader(Leader, Pid),
        Leader = given:call(Pid, group_leader),
        given:ended(Leader)
    end).

%% seq_trace puts a token into each signal: other operations of the protocol, of which nobody sees anything.
traced_sequentially(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        seq_trace:set_token(label, {any, "term"}),
        seq_trace:set_token(send, true),
        Sub = given:reporting(N),
        Ref = monitor(process, Sub),
        link(Sub),
        Sub ! plain,
        gen_server:cast({subject, N}, by_name),
        Alias = given:call(Sub, alias),
        Alias ! by_alias,
        [?EXPECT({subject, Sub, {info, M}}) || M <- [plain, by_alias]],
        Big = binary:copy(<<"x">>, 200000),
        ?assert(Big =:= given:call(Sub, {echo, Big})),
        N = erpc:call(N, erlang, node, []),
        exit(Sub, {done, Big}),
        ?EXPECT({'DOWN', Ref, process, Sub, {done, Big}}),
        ?EXPECT({'EXIT', Sub, {done, Big}}),
        Linked = given:child(N),
        LinkedRef = monitor(process, Linked),
        spawn(fun() -> seq_trace:set_token(label, 17), seq_trace:set_token(send, true), link(Linked), exit(boom) end),
        ?EXPECT({'DOWN', LinkedRef, process, Linked, boom}),
        seq_trace:set_token([]),
        target:wait(fun() -> lists:member({cast, by_name}, given:call(N, events)) end)
    end).

%% Messages, then the exit: a monitor's DOWN comes after everything the process had sent us.
is_in_order(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sub = given:reporting(N),
        Ref = monitor(process, Sub),
        [gen_server:cast(Sub, I) || I <- lists:seq(1, 500)],
        gen_server:cast(Sub, {stop, done}),
        [?EXPECT({subject, Sub, {cast, I}}) || I <- lists:seq(1, 500)],
        ?EXPECT({subject, Sub, {terminate, done}}),
        %% nothing else was between
        receive M -> ?assertEqual({'DOWN', Ref, process, Sub, done}, M) after ?PATIENCE -> error(no_down) end
    end).
