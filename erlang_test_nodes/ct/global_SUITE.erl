%% `global' in a whole mesh of two BEAM nodes and two targets: names and locks, and what becomes of them when processes and
%% nodes end. A target has the smallest node name and another one the greatest, since both positions have duties.
-module(global_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(ALL, [t1, b1, b2, t2]).
-define(EXIT_NAME, random_exit_name).

all() ->
    [mesh_forms, names_everywhere, names_of_any_kind, taken, two_names_for_one, re_register, unregister, registered_at_once,
     holder_dies, many_names, locks, lock_holder_dies, trans_excludes, registrar_dies, stopped_and_continued, node_killed,
     newcomer_learns, hidden_takes_no_part, connect_all_false]
        ++ case target:kind() of hermod -> [{group, hermod_only}]; beam -> [] end.

%% junk ends the global of a BEAM, and with it the VM
groups() -> [{hermod_only, [], [names_that_beams_lost, junk, junk_of_a_session, register_global_option]}].

init_per_suite(C) ->
    [{mesh, mesh:start([{t1, #{as => "a"}}, {b1, #{as => "b"}}, {b2, #{as => "c"}},
                        {t2, #{as => "d"}}])} | C].
end_per_suite(C) -> mesh:stop(m(C)).

%% Whatever a case did, the mesh is as it was, and nobody's name is left.
end_per_testcase(connect_all_false, _) -> ok;
end_per_testcase(_, C) ->
    case mesh:healthy(m(C), ?ALL) of
        [] -> ok;
        Left -> {fail, {names_left, Left}}
    end.

m(C) -> proplists:get_value(mesh, C).
name() -> list_to_atom(target:unique("name")).

%% A fresh subject there that has this name.
register(M, Role, Name) ->
    Pid = mesh:child(M, Role),
    yes = mesh:ask(M, Pid, {global_register, Name, ?EXIT_NAME}),
    Pid.

'end'(M, Pid) ->
    ?ON(mesh:control(M), begin gen_server:cast(Pid, {stop, normal}), given:gone(Pid) end).

%% From three connections: the nodes that are told of others connect to them.
mesh_forms(C) ->
    M = m(C),
    true = mesh:connect(M, t1, b1),
    mesh:whole(M, [t1, b1]),
    true = mesh:connect(M, b2, t2),
    mesh:whole(M, [b2, t2]),
    true = mesh:connect(M, t1, t2),
    mesh:healthy(M, ?ALL).

names_everywhere(C) ->
    M = m(C),
    [begin
         Name = name(),
         Pid = register(M, R, Name),
         mesh:agreed(M, Name, Pid),
         [begin
              ?assertEqual([Name], mesh:ask(M, From, global_names)),
              ok = mesh:ask(M, From, {global_send, Name, {from, From}}),
              {ok, From} = mesh:ask(M, From, {call, {global, Name}, {echo, From}, 5000}),
              {error, noproc} = mesh:ask(M, From, {call, {global, nobody}, x, 5000}),
              badarg = mesh:ask(M, From, {global_send, nobody, x})
          end || From <- ?ALL],
         ?assertEqual([{info, {from, From}} || From <- ?ALL], mesh:ask(M, Pid, events)),
         'end'(M, Pid)
     end || R <- ?ALL].

%% A name is any term.
names_of_any_kind(C) ->
    M = m(C),
    Names = [{user, 17}, "a string", <<"binary">>, 42, 1 bsl 70, 1.5, [], [a | b], #{k => [v]}, 'äö ü', {mesh:child(M, t1), x}],
    [begin
         Pid = register(M, R, Name),
         mesh:agreed(M, Name, Pid),
         'end'(M, Pid)
     end || Name <- Names, R <- [t1, b2]].

taken(C) ->
    M = m(C),
    Name = name(),
    Pid = register(M, t1, Name),
    [no = mesh:ask(M, mesh:child(M, R), {global_register, Name, ?EXIT_NAME}) || R <- ?ALL],
    mesh:agreed(M, Name, Pid),
    'end'(M, Pid).

%% A process has one name only.
two_names_for_one(C) ->
    M = m(C),
    [begin
         Pid = register(M, R, Name),
         no = mesh:ask(M, Pid, {global_register, {other, Name}, ?EXIT_NAME}),
         mesh:agreed(M, {other, Name}, undefined),
         'end'(M, Pid)
     end || R <- [t1, b1], Name <- [name()]].

re_register(C) ->
    M = m(C),
    Name = name(),
    First = register(M, t1, Name),
    Last = lists:foldl(fun(R, _) ->
        Pid = mesh:child(M, R),
        yes = mesh:ask(M, Pid, {global_re_register, Name, ?EXIT_NAME}),
        mesh:agreed(M, Name, Pid),
        Pid
    end, First, [b1, t2, t1, b2]),
    %% the first one's end is nothing to the name now
    'end'(M, First),
    mesh:agreed(M, Name, Last),
    'end'(M, Last).

%% By any node, not only by the holder's.
unregister(C) ->
    M = m(C),
    [begin
         Name = name(),
         Pid = register(M, R, Name),
         ok = mesh:ask(M, By, {global_unregister, Name}),
         mesh:agreed(M, Name, undefined),
         ok = mesh:ask(M, By, {global_unregister, Name}),
         yes = mesh:ask(M, Pid, {global_register, Name, ?EXIT_NAME}),
         mesh:agreed(M, Name, Pid),
         'end'(M, Pid)
     end || {R, By} <- [{t1, t1}, {b1, t1}, {t1, b1}, {t2, t1}]].

%% One of many gets the name.
registered_at_once(C) ->
    M = m(C),
    [begin
         Name = name(),
         Pids = [mesh:child(M, R) || R <- ?ALL ++ ?ALL],
         Answers = given:parallel([fun() -> {mesh:ask(M, P, {global_register, Name, ?EXIT_NAME}), P} end || P <- Pids]),
         [Winner] = [P || {yes, P} <- Answers],
         7 = length([P || {no, P} <- Answers]),
         mesh:agreed(M, Name, Winner),
         'end'(M, Winner)
     end || _ <- [1, 2]].

holder_dies(C) ->
    M = m(C),
    [begin
         Name = name(),
         Pid = register(M, R, Name),
         End(Pid),
         mesh:agreed(M, Name, undefined),
         Next = register(M, Then, Name),
         mesh:agreed(M, Name, Next),
         'end'(M, Next)
     end || {R, Then} <- [{t1, t1}, {b1, t1}, {t2, b2}],
            End <- [fun(P) -> ?ON(mesh:control(M), gen_server:cast(P, {stop, normal})) end,
                    fun(P) -> ?ON(mesh:control(M), exit(P, kill)) end]].

many_names(C) ->
    M = m(C),
    Registered = given:parallel([fun() ->
        [{Name, register(M, R, Name)} || I <- lists:seq(1, 25), Name <- [{R, I}]]
    end || R <- ?ALL]),
    Sorted = lists:sort(lists:append(Registered)),
    ?assertEqual(Sorted, mesh:healthy(M, ?ALL)),
    ?ON(mesh:control(M), [exit(P, kill) || {_, P} <- Sorted]),
    [mesh:agreed(M, Name, undefined) || {Name, _} <- Sorted].

%% ---- locks

set(M, Pid, Res) -> mesh:ask(M, Pid, {global_set_lock, Res, 0}).
del(M, Pid, Res) -> mesh:ask(M, Pid, {global_del_lock, Res}).

locks(C) ->
    M = m(C),
    [begin
         [A, B] = [mesh:child(M, X) || X <- [R1, R2]],
         true = set(M, A, {res, 1}),
         true = set(M, A, {res, 1}),
         false = set(M, B, {res, 1}),
         true = set(M, B, {res, 2}),
         true = del(M, B, {res, 1}),
         false = set(M, B, {res, 1}),
         true = del(M, A, {res, 1}),
         true = set(M, B, {res, 1}),
         [true = del(M, B, Res) || Res <- [{res, 1}, {res, 2}]],
         [true = set(M, A, Res) || Res <- [{res, 1}, {res, 2}]],
         [true = del(M, A, Res) || Res <- [{res, 1}, {res, 2}]]
     end || {R1, R2} <- [{t1, t2}, {t1, b1}, {b1, t1}, {b1, b2}]],
    %% two processes that call themselves the same share a lock, and the last one to give it back frees it
    Nodes = [mesh:node_of(M, R) || R <- ?ALL],
    [#{owner := _} = P1, P2] = [mesh:target_of(M, R) || R <- [b1, b2]],
    Share = fun(P, F) -> ?ON(P, global:F({shared, us}, Nodes)) end,
    Keep = ?ON(P1, begin
        Me = self(),
        Pid = spawn(fun() -> Me ! {self(), global:set_lock({shared, us}, Nodes)}, receive stop -> ok end end),
        receive {Pid, true} -> Pid end
    end),
    true = Share(P2, set_lock),
    A = mesh:child(M, t1),
    false = set(M, A, shared),
    true = Share(P2, del_lock),
    false = set(M, A, shared),
    ?ON(P1, exit(Keep, kill)),
    ?ON(mesh:control(M), target:wait(fun() -> gen_server:call(A, {global_set_lock, shared, 0}) end)),
    'end'(M, A).

lock_holder_dies(C) ->
    M = m(C),
    [begin
         [A, B] = [mesh:child(M, X) || X <- [R1, R2]],
         true = set(M, A, mine),
         false = set(M, B, mine),
         ?ON(mesh:control(M), begin
             exit(A, kill),
             target:wait(fun() -> gen_server:call(B, {global_set_lock, mine, 0}) end)
         end),
         'end'(M, B)
     end || {R1, R2} <- [{t1, t2}, {t1, b1}, {b1, t2}]].

%% A counter that is read and written apart, by processes on both BEAM nodes, under a lock that all nodes keep.
trans_excludes(C) ->
    M = m(C),
    Counter = mesh:child(M, t1),
    Times = 10,
    given:parallel([fun() ->
        ?ON(mesh:target_of(M, R), [global:trans({counter, self()}, fun() ->
            Now = gen_server:call(Counter, {bump, 0}),
            erlang:yield(),
            _ = gen_server:call(Counter, {echo, Now}),
            I = gen_server:call(Counter, {bump, 1}),
            ?assertEqual(Now + 1, I)
        end) || _ <- lists:seq(1, Times)])
    end || R <- [b1, b2]]),
    ?assertEqual(2 * Times, mesh:ask(M, Counter, {bump, 0})),
    aborted = ?ON(mesh:target_of(M, b1), begin
        true = global:set_lock({held, somebody}),
        Nodes = [node() | nodes()],
        R = global:trans({held, self()}, fun() -> done end, Nodes, 0),
        true = global:del_lock({held, somebody}),
        R
    end).

%% Who has the lock that registrations take, and ends: others go on.
registrar_dies(C) ->
    M = m(C),
    Nodes = [mesh:node_of(M, R) || R <- ?ALL],
    Holder = ?ON(mesh:target_of(M, b1), begin
        Me = self(),
        Pid = spawn(fun() -> Me ! {self(), global:set_lock({global, self()}, Nodes)}, receive stop -> ok end end),
        receive {Pid, true} -> Pid end
    end),
    Name = name(),
    Pids = [mesh:child(M, R) || R <- [t1, b2]],
    Asked = [spawn_monitor(fun() -> exit({answer, mesh:ask(M, P, {global_register, {Name, P}, ?EXIT_NAME})}) end) || P <- Pids],
    mesh:agreed(M, {Name, hd(Pids)}, undefined),
    ?ON(mesh:target_of(M, b1), exit(Holder, kill)),
    [?EXPECT({'DOWN', Ref, process, Pid, {answer, yes}}) || {Pid, Ref} <- Asked],
    [begin mesh:agreed(M, {Name, P}, P), 'end'(M, P) end || P <- Pids].

%% ---- nodes

%% A node that is stopped for a moment holds up registrations, which then succeed.
stopped_and_continued(C) ->
    M = m(C),
    [begin
         Name = name(),
         Pid = mesh:child(M, By),
         target:sigstop(mesh:target_of(M, R)),
         {Asked, Ref} = spawn_monitor(fun() -> exit({answer, mesh:ask(M, Pid, {global_register, Name, ?EXIT_NAME})}) end),
         receive {'DOWN', Ref, _, _, Answer} -> error({answered_without, R, Answer}) after 300 -> ok end,
         target:sigcont(mesh:target_of(M, R)),
         ?EXPECT({'DOWN', Ref, process, Asked, {answer, yes}}),
         mesh:agreed(M, Name, Pid),
         'end'(M, Pid)
     end || {R, By} <- [{t2, t1}, {t1, b2}, {b1, t1}]].

%% Names and locks of a node that is killed are nobody's, and it may come again.
node_killed(C) ->
    mesh:with(m(C), [{t3, #{as => "t"}}, {b3, #{as => "e"}}], fun(M) ->
        mesh:join(M, [t3 | ?ALL]),
        mesh:join(M, [b3, t3 | ?ALL]),
        Names = [{R, I} || R <- [t3, b3], I <- lists:seq(1, 5)],
        [mesh:agreed(M, Name, register(M, R, Name)) || {R, _} = Name <- Names],
        Lockers = [begin L = mesh:child(M, R), true = set(M, L, R), L end || R <- [t3, b3]],
        Mine = mesh:child(M, t1),
        [false = set(M, Mine, R) || R <- [t3, b3]],
        [mesh:kill(M, R) || R <- [t3, b3]],
        [] = mesh:healthy(m(C), ?ALL),
        [true = set(M, Mine, R) || R <- [t3, b3]],
        2 = length(Lockers),
        'end'(M, Mine),
        mesh:with(m(C), [{t3, #{as => "t"}}], fun(Again) ->
            true = mesh:connect(Again, b2, t3),
            [] = mesh:healthy(Again, [t3 | ?ALL]),
            Pid = register(Again, t3, {t3, 1}),
            mesh:agreed(Again, {t3, 1}, Pid)
        end)
    end).

%% Who comes late gets all names, and brings his own.
newcomer_learns(C) ->
    M0 = m(C),
    Before = [{Name, register(M0, R, Name)} || R <- ?ALL, Name <- [{before, R}]],
    [mesh:with(M0, [{t3, #{as => As}}], fun(M) ->
         Own = register(M, t3, own),
         true = mesh:connect(M, t3, Through),
         ?assertEqual(lists:sort([{own, Own} | Before]), mesh:healthy(M, [t3 | ?ALL]))
     end) || {As, Through} <- [{"A", b1}, {"z", t1}]],
    [begin mesh:agreed(M0, Name, Pid), 'end'(M0, Pid) end || {Name, Pid} <- Before].

%% As after restart_connect/3 of OTP 27.3.4, or when new_nodes came late: in sync, and without the names of a node. They come back by themselves.
names_that_beams_lost(C) ->
    mesh:with(m(C), [{t3, #{as => "A"}}], fun(M) ->
        Names = [{Name, register(M, t3, Name)} || Name <- [name(), <<"binary">>, {"a", 1}]],
        true = mesh:connect(M, t3, t1),
        mesh:whole(M, [t3 | ?ALL]),
        [mesh:agreed(M, Name, Pid) || {Name, Pid} <- Names],
        Forget = fun(State) -> [ets:delete(global_names, Name) || {Name, _} <- Names], State end,
        [mesh:run(M, B, sys, replace_state, [global_name_server, Forget]) || B <- [b1, b2]],
        undefined = mesh:ask(M, b1, {global_whereis, <<"binary">>}),
        [mesh:agreed(M, Name, Pid) || {Name, Pid} <- Names],
        mesh:healthy(M, [t3 | ?ALL])
    end).

%% A hidden target is in nobody's mesh: it learns no names, is asked for no lock, and sync does not wait for it.
hidden_takes_no_part(C) ->
    mesh:with(m(C), [{t3, #{hidden => true}}], fun(M) ->
        Name = name(),
        [true = mesh:connect(M, t3, R) || R <- [b1, t1]],
        Pid = register(M, b2, Name),
        mesh:healthy(m(C), ?ALL),
        undefined = mesh:ask(M, t3, {global_whereis, Name}),
        Own = register(M, t3, {own, Name}),
        Own = mesh:ask(M, t3, {global_whereis, {own, Name}}),
        [undefined = mesh:ask(M, R, {global_whereis, {own, Name}}) || R <- ?ALL],
        ok = mesh:ask(M, t3, global_sync),
        mesh:kill(M, t3),
        mesh:healthy(m(C), ?ALL),
        'end'(M, Pid)
    end).

%% A node with connect_all false connects where it is told to, keeps its names to itself, and its comings and goings concern nobody.
connect_all_false(C) ->
    Args = case target:kind() of beam -> ["-connect_all", "false"]; hermod -> ["--connect-all", "false"] end,
    M0 = m(C),
    Name = name(),
    Pid = register(M0, b2, Name),
    mesh:with(M0, [{t3, #{args => Args}}], fun(M) ->
        N3 = mesh:node_of(M, t3),
        [true = mesh:connect(M, t3, R) || R <- [b1, t1]],
        [mesh:wait_connected(M, R, N3) || R <- [b1, t1]],
        undefined = mesh:ask(M, t3, {global_whereis, Name}),
        Own = register(M, t3, {own, Name}),
        Own = mesh:ask(M, t3, {global_whereis, {own, Name}}),
        [undefined = mesh:ask(M, R, {global_whereis, {own, Name}}) || R <- ?ALL],
        %% the others register and lock with it there
        Lock = mesh:child(M, b1),
        true = set(M, Lock, with_it_there),
        'end'(M, Lock),
        'end'(M, register(M, t1, {other, Name})),
        ?assertEqual([], mesh:run(M, b2, erlang, nodes, []) -- [mesh:node_of(M, R) || R <- ?ALL]),
        mesh:split(M, [t3], [b1]),
        mesh:apart(M, [t3], [b1]),
        ?assert(lists:member(N3, mesh:run(M, t1, erlang, nodes, []))),
        mesh:split(M, [t3], [t1]),
        mesh:apart(M, [t3], [t1]),
        mesh:heal(M, [t3], [t1, b1])
    end),
    mesh:agreed(M0, Name, Pid),
    'end'(M0, Pid),
    [] = mesh:healthy(M0, ?ALL).

%% ---- hermod only

%% Whatever arrives at global_name_server of a target, it answers, and nobody has been lost.
junk(C) ->
    M = m(C),
    N1 = mesh:node_of(M, t1),
    Junk = junk_terms(),
    ?ON(mesh:target_of(M, b1), begin
        [{global_name_server, N1} ! {Tag, J} || J <- Junk, Tag <- ['$gen_cast', cancel_connect, init_connect_ack]],
        [{global_name_server, N1} ! J || J <- Junk],
        [{global_name_server, N1} ! {'$gen_call', {self(), make_ref()}, J} || J <- Junk],
        [{global_name_server, N1} ! {'$gen_call', J, {set_lock, {a, b}}} || J <- Junk]
    end),
    [] = mesh:healthy(M, ?ALL),
    'end'(M, register(M, t1, after_junk)),
    0 = length([ok || L <- target:lines(mesh:target_of(M, t1)), string:find(L, "supervisor.restart") =/= nomatch]).

junk_terms() ->
    Odd = [x, 17, -1, 1 bsl 80, 1.5, [], [x], [x | y], "text", <<1, 2>>, {}, {x}, #{}, #{x => y}, self(), make_ref(), fun() -> x end],
    Wrong = fun(Tuple) ->
        L = tuple_to_list(Tuple),
        [list_to_tuple(lists:sublist(L, I - 1) ++ [O] ++ lists:nthtail(I, L)) || I <- lists:seq(2, length(L)), O <- Odd]
            ++ [list_to_tuple(lists:sublist(L, I)) || I <- lists:seq(1, length(L) - 1)] ++ [list_to_tuple(L ++ [x])]
    end,
    N = 'nobody@nowhere',
    Pid = self(),
    Fun = fun global:random_exit_name/3,
    Odd ++ lists:append([Wrong(T) || T <-
        [{init_connect, {8, 1}, N, {locker, no, #{}, Pid}}, {init_connect_ack, N, 1, 2}, {cancel_connect, N, 1},
         {lock_set, Pid, true, [], 1}, {exchange, N, [{n, Pid, Fun}], [], 1}, {resolved, N, [{insert, {n, Pid, Fun}}], [], u, [], 1},
         {lost_connection, N, 1, 1, 'other@nowhere'}, {remove_connection, N}, {in_sync, N, true},
         {new_nodes, N, [{insert, {n, Pid, Fun}}], [], [{N, 8}], [{vsn, 8}, {lock, {global, [Pid, Pid]}}]},
         {set_lock, {a, b}}, {del_lock, {a, b}}, {register, n, Pid, Fun}, {register_ext, n, Pid, Fun, N}, {unregister, n}]]).

%% The same in the name of a peer that takes part: fake nodes which say hello properly and then forge the rest of the exchange.
junk_of_a_session(C) ->
    M = m(C),
    #{node := N1} = T1 = mesh:target_of(M, t1),
    Fun = fun global:random_exit_name/3,
    Forged = fun(Name, Node, Me, Tag) ->
        Nodes = [{Node, 8}, {N1, 8}, {'x@y', x}, x, {z, 8} | improper],
        [{exchange, Node, [{n, Me, Fun}, {n, x, y}, z | improper], [], Tag},
         {exchange, Node, lists:duplicate(1000, {n, Me, Fun}), x, Tag},
         {resolved, Node, [{insert, {n, Me, Fun}}, {delete, x, y}, z | improper], Nodes, u, x, Tag},
         {lock_set, Me, true, Nodes, Tag}, {lock_set, Me, maybe_, x, Tag},
         {new_nodes, Node, [{insert, x}, {delete, Name}], x, Nodes, [{lock, x}]},
         {new_nodes, N1, [{delete, Name}], [], [{N1, 8}], [{vsn, 8}, {lock, {global, [Me, Me]}}]},
         {in_sync, N1, true}, {in_sync, 'x@y', true}]
    end,
    [begin
         Name = fakenode:name(),
         Node = list_to_atom(Name),
         {ok, S} = fakenode:connect(T1, #{name => Name}),
         Me = fakenode:pid(Name, 5),
         Say = fun(T) -> fakenode:send(S, fakenode:frame({6, Me, '', global_name_server}, T)) end,
         ok = Say({'$gen_cast', {init_connect, {8, 1}, Node, {locker, no_longer_a_pid, #{}, Me}}}),
         _ = Say({'$gen_cast', Cast}),
         _ = Say({'$gen_call', {Me, make_ref()}, {set_lock, {global, [Me | x]}}}),
         _ = Say({lost_connection, 'x@y', Creation, 1, 'z@y'}),
         gen_tcp:shutdown(S, write),
         fakenode:closed(S)
     end || {Tag, Creation} <- [{1, 1}, {x, 2}], Cast <- Forged(n, 'x@y', fakenode:pid("x@y", 5), Tag)],
    [] = mesh:healthy(M, ?ALL).

%% A service of the daemon has a global name from the start, and again when it was started again.
register_global_option(C) ->
    mesh:with(m(C), [{t3, #{args => ["--register-global", "the_subject=subject"]}}], fun(M) ->
        true = mesh:connect(M, t3, b1),
        mesh:healthy(M, [t3 | ?ALL]),
        Pid = mesh:run(M, t3, erlang, whereis, [subject]),
        mesh:agreed(M, the_subject, Pid),
        [{ok, R} = mesh:ask(M, R, {call, {global, the_subject}, {echo, R}, 5000}) || R <- ?ALL]
    end),
    mesh:agreed(m(C), the_subject, undefined).
