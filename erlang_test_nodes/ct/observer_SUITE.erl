%% What observer and etop ask a node that they look at, call by call, and what they need of the answers to go on.
%%
%% recorded/0 is the list: taken from the running observer of OTP 25.2 (runtime_tools 1.19, observer 2.14) by tracing the node that
%% it looked at, and from the sources of OTP 27.3 (runtime_tools 2.1, observer 2.17).
-module(observer_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [system_page, load_charts, allocators, applications, processes, processes_of_old, ports, sockets, tables, process_window,
     process_of_another_kind, dead_process, menus, numbers_grow, etop, supervisor_is_asked, supervisor_refuses, left_alone, junk]
        ++ case target:kind() of
               hermod -> [elixir_supervisor, terminate_and_restart, own_servers_stay, sup_comes_back, io_never_shrinks];
               beam -> []
           end.

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

%% {Releases, Page, {How, M, F, A}, Check}. try_rpc is observer_wx:try_rpc/4: rpc:call in 25, erpc:call in 27. pid and node stand for
%% the process of a window and the node; Check is told the answer.
recorded() ->
    Both = [25, 27],
    [{Both, system_page, {try_rpc, observer_backend, sys_info, []}, fun see_system/1},
     {Both, allocators, {rpc, observer_backend, sys_info, []}, fun see_allocators/1},
     {Both, load_charts, {rpc, erlang, system_info, [dirty_cpu_schedulers]}, fun erlang:is_integer/1},
     {Both, processes, {rpc, code, ensure_loaded, [observer_backend]}, fun(R) -> R =:= {module, observer_backend} end},
     {Both, processes, {rpc, erlang, function_exported, [observer_backend, procs_info, 1]}, fun(R) -> R =:= true end},
     {Both, processes, {rpc, erlang, garbage_collect, [pid]}, fun(R) -> R =:= true end},
     {Both, ports, {rpc, code, ensure_loaded, [observer_backend]}, fun(R) -> R =:= {module, observer_backend} end},
     {Both, ports, {rpc, erlang, function_exported, [observer_backend, get_port_list, 0]}, fun(R) -> R =:= true end},
     {Both, ports, {rpc, observer_backend, get_port_list, []}, fun see_ports/1},
     {Both, sockets, {rpc, code, ensure_loaded, [observer_backend]}, fun(R) -> R =:= {module, observer_backend} end},
     {Both, sockets, {rpc, erlang, function_exported, [observer_backend, get_socket_list, 0]}, fun(R) -> R =:= true end},
     {Both, sockets, {rpc, observer_backend, socket_info, []}, fun see_socket_info/1},
     {Both, sockets, {rpc, observer_backend, get_socket_list, []}, fun(R) -> lists:all(fun is_map/1, R) end},
     {Both, tables, {rpc, observer_backend, get_table_list, [ets, [{sys_hidden, true}, {unread_hidden, true}]]}, fun see_tables/1},
     {Both, tables, {rpc, observer_backend, get_table_list, [mnesia, [{sys_hidden, true}, {unread_hidden, true}]]},
      fun({error, "Mnesia is not running on: " ++ _}) -> true end},
     {Both, process_window, {try_rpc, erlang, process_info, [pid, registered_name]}, fun see_name/1},
     {[27], process_window, {rpc_27, proc_lib, get_label, [pid]}, fun(R) -> R =:= undefined end},
     {Both, process_window, {try_rpc, erlang, system_info, [wordsize]}, fun(R) -> R =:= 8 end},
     {Both, process_window, {try_rpc, erlang, process_info, [pid, process_items()]}, fun see_process/1},
     {Both, process_window, {try_rpc, erlang, process_info, [pid, messages]}, fun({messages, M}) -> is_list(M) end},
     {Both, process_window, {try_rpc, erlang, process_info, [pid, dictionary]}, fun see_dictionary/1},
     {Both, process_window, {try_rpc, erlang, process_info, [pid, current_stacktrace]}, fun see_stack/1},
     {Both, process_window, {rpc, proc_lib, translate_initial_call, [pid]}, fun({M, F, A}) -> is_atom(M) and is_atom(F) and is_integer(A) end},
     {Both, process_window, {rpc, module, module_info, [attributes]}, fun see_attributes/1},
     {Both, process_window, {rpc, sys, get_status, [pid, 200]}, fun see_status/1},
     {Both, process_window, {rpc, module, module_info, [exports]}, fun(R) -> lists:all(fun({F, A}) -> is_atom(F) and is_integer(A) end, R) end},
     {Both, menus, {block_call, application, which_applications, []}, fun see_applications/1},
     {Both, menus, {ping}, fun(R) -> R =:= pong end}].

%% observer_procinfo:item_list/0.
process_items() ->
    [binary, catchlevel, current_function, error_handler, garbage_collection, group_leader, heap_size, initial_call, last_calls, links,
     memory, message_queue_len, monitored_by, monitors, priority, reductions, registered_name, sequential_trace_token, stack_size,
     status, suspending, total_heap_size, trace, trap_exit].

%% Makes the recorded calls of a page about one process; they must please the page.
page(N, Page, Pid) -> [ask(N, Row, Pid) || Row = {_, P, _, _} <- recorded(), P =:= Page].

ask(N, {Releases, Page, Call, Check}, Pid) ->
    [case (catch Check(R)) of
         true -> R;
         Wrong -> error({Page, Releases, Call, answered, R, Wrong})
     end || R <- make(N, Call, Pid)].

make(N, {try_rpc, M, F, A}, Pid) -> make(N, {rpc, M, F, A}, Pid) ++ [erpc:call(N, M, F, arguments(A, Pid))];
make(N, {rpc_27, M, F, A}, Pid) ->
    case rpc:call(N, erlang, function_exported, [M, F, length(A)]) of
        true -> make(N, {rpc, M, F, A}, Pid);
        false -> [] %% a BEAM before 27
    end;
make(N, {rpc, module, F, A}, Pid) ->
    {M, _, _} = rpc:call(N, proc_lib, translate_initial_call, [Pid]),
    [rpc:call(N, M, F, A)];
make(N, {rpc, M, F, A}, Pid) -> [rpc:call(N, M, F, arguments(A, Pid))];
make(N, {block_call, M, F, A}, Pid) -> [rpc:block_call(N, M, F, arguments(A, Pid))];
make(N, {ping}, _) -> [net_adm:ping(N)].

arguments(A, Pid) -> [case X of pid -> Pid; _ -> X end || X <- A].

%% ---- what the pages do with the answers

%% observer_sys_wx:info_fields/0.
see_system(Info) ->
    Get = fun(K) -> proplists:get_value(K, Info) end,
    [true = is_integer(Get(K)) || K <- [uptime, run_queue, io_input, io_output, total, processes, atom, binary, code, ets,
                                        schedulers, schedulers_online, schedulers_available, logical_processors,
                                        wordsize_internal, wordsize_external, thread_pool_size, dist_buf_busy_limit]],
    [true = io_lib:printable_list(Get(K)) || K <- [otp_release, version, system_architecture]],
    [true = is_boolean(Get(K)) || K <- [smp_support, threads]],
    [true = used(Get(C), Get(L)) || {C, L} <- [{atom_count, atom_limit}, {process_count, process_limit}, {port_count, port_limit},
                                               {ets_count, ets_limit}]],
    Get(total) >= Get(processes).

%% get_limit_count_info/2 divides, unless one of them is undefined.
used(C, L) when C =:= undefined; L =:= undefined -> true;
used(C, L) -> is_integer(trunc((C / L) * 100)).

%% observer_alloc_wx:alloc_info/1.
see_allocators(Info) ->
    Sums = [{Type, lists:sum([instance(I) || I <- Instances])} || {Type, Instances} <- proplists:get_value(alloc_info, Info, [])],
    lists:all(fun({Type, Carriers}) -> is_atom(Type) and is_integer(Carriers) end, Sums).

instance({instance, _, Kinds}) ->
    lists:sum([begin
                   [true = is_integer(element(2, Size)) || {_, [Size]} <- Blocks],
                   Carriers
               end || {_, [{blocks, Blocks}, {carriers_size, Carriers, _, _}]} <- Kinds]).

see_ports(List) -> lists:all(fun(P) -> is_port(proplists:get_value(port_id, P)) end, List).

see_socket_info(Info) -> lists:all(fun({K, V}) -> is_atom(K) and is_integer(V) end, Info) andalso lists:keymember(iov_max, 1, Info).

see_tables(List) -> lists:all(fun(T) -> proplists:get_value(name, T) =/= undefined end, List).

see_name([]) -> true;
see_name({registered_name, Name}) -> is_atom(Name).

%% observer_procinfo:process_info_fields/2: every item in its place, lists where it makes lists, numbers where it calculates.
see_process(Info) ->
    ?assertEqual(process_items(), [K || {K, _} <- Info]),
    Get = fun(K) -> proplists:get_value(K, Info) end,
    [true = is_integer(Get(K)) || K <- [memory, message_queue_len, reductions, heap_size, stack_size, total_heap_size, catchlevel]],
    [true = is_list(Get(K)) || K <- [links, monitors, monitored_by, binary, suspending]],
    [true = is_integer(proplists:get_value(K, Get(garbage_collection))) || K <- [min_heap_size, fullsweep_after]],
    [{Type, _} = M || M = {Type, _} <- Get(monitors), Type =/= process, Type =/= port] =:= []
        andalso is_pid(Get(group_leader)) andalso is_boolean(Get(trap_exit)) andalso is_atom(Get(status)).

see_dictionary({dictionary, D}) -> lists:all(fun({_, _}) -> true end, D).

see_stack({current_stacktrace, S}) -> lists:all(fun({M, F, A, I}) -> is_atom(M) and is_atom(F) and is_integer(A) and is_list(I) end, S).

%% observer_procinfo:fetch_state_info2/2.
see_attributes(List) ->
    case {lists:keyfind(behaviour, 1, List), lists:keyfind(behavior, 1, List)} of
        {{behaviour, [B]}, _} -> is_atom(B);
        {false, {behavior, [B]}} -> is_atom(B);
        {false, false} -> true
    end.

see_status({status, Pid, {module, M}, [PDict, State, Parent, Debug, [{header, _}, {data, First}, {data, Second} | _]]}) ->
    is_pid(Pid) and is_atom(M) and is_list(PDict) and is_atom(State) and is_pid(Parent) and is_list(Debug) and is_list(First)
        and is_list(Second).

see_applications(Apps) ->
    lists:all(fun({A, D, V}) -> is_atom(A) and io_lib:printable_list(D) and io_lib:printable_list(V) end, Apps) and (Apps =/= []).

%% #etop_proc_info{} of runtime_tools' observer_backend.hrl, and observer_pro_wx, which sorts by each of them.
etop_proc({etop_proc_info, Pid, Mem, Reds, Name, Time, {M, F, A}, Queue}, N) ->
    node(Pid) =:= N andalso is_integer(Mem) andalso is_integer(Reds) andalso is_integer(Queue) andalso Time =:= 0
        andalso is_atom(M) andalso is_atom(F) andalso is_integer(A)
        andalso case Name of {IM, IF, IA} -> is_atom(IM) and is_atom(IF) and is_integer(IA); _ -> is_atom(Name) or is_binary(Name) end.

%% ---- pages

rex(N) -> rpc:call(N, erlang, whereis, [rex]).
sup_name() -> case target:kind() of hermod -> hermod_sup; beam -> kernel_sup end.

system_page(C) -> N = given:target(C), ?ON(given:peer(C), page(N, system_page, none)).
allocators(C) -> N = given:target(C), ?ON(given:peer(C), page(N, allocators, none)).
ports(C) -> N = given:target(C), ?ON(given:peer(C), page(N, ports, none)).
sockets(C) -> N = given:target(C), ?ON(given:peer(C), page(N, sockets, none)).
tables(C) -> N = given:target(C), ?ON(given:peer(C), page(N, tables, none)).
menus(C) -> N = given:target(C), ?ON(given:peer(C), page(N, menus, none)).

%% observer_perf_wx: fetch_stats runs until its page goes to another node, or away.
load_charts(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        page(N, load_charts, none),
        process_flag(trap_exit, true),
        Pid = spawn_link(N, observer_backend, fetch_stats, [self(), 20]),
        Samples = [?EXPECT({stats, 1, _, _, _} = S, S) || _ <- [1, 2, 3]],
        [begin
             {stats, 1, Times, {{input, In}, {output, Out}}, Mem} = S,
             [true = is_integer(A) and is_integer(T) andalso A =< T || {_, A, T} <- lists:sort(Times)],
             true = is_integer(In) and is_integer(Out),
             [true = is_integer(proplists:get_value(K, Mem)) || K <- [total, processes, atom, binary, code, ets]]
         end || S <- Samples],
        {stats, 1, First, _, _} = hd(Samples),
        {stats, 1, Last, _, _} = lists:last(Samples),
        ?assertEqual([I || {I, _, _} <- lists:sort(First)], [I || {I, _, _} <- lists:sort(Last)]),
        [true = T1 > T0 || {{I, _, T0}, {I, _, T1}} <- lists:zip(lists:sort(First), lists:sort(Last))],
        Pid ! exit,
        ?EXPECT({'EXIT', Pid, normal}),
        Other = spawn_link(N, observer_backend, fetch_stats, [self(), 20]),
        ?EXPECT({stats, 1, _, _, _}),
        unlink(Other),
        exit(Other, normal),
        given:gone(Other)
    end).

%% observer_app_wx: two tasks of an appmon_info that is shared, and what build_tree/2 needs of the answer.
applications(C) ->
    N = given:target(C),
    Wanted = case target:kind() of hermod -> hermod; beam -> kernel end,
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        {ok, Appmon} = rpc:call(N, appmon_info, start_link2, [self(), self(), []]),
        N = node(Appmon),
        {ok, Appmon} = rpc:call(N, appmon_info, start_link2, [self(), self(), []]),
        gen_server:cast(Appmon, {self(), app_ctrl, N, true, []}),
        Apps = ?EXPECT({delivery, Appmon, app_ctrl, N, A}, A),
        ?assert(lists:keymember(Wanted, 2, Apps)),
        [?assert(is_pid(P) andalso A =:= B andalso is_list(D) andalso is_list(V)) || {P, A, {B, D, V}} <- Apps],
        gen_server:cast(Appmon, {self(), app, Wanted, true, []}),
        {Root, Names, Links, XLinks} = ?EXPECT({delivery, Appmon, app, Wanted, T}, T),
        ?assert(lists:keymember(Root, 2, Names)),
        ?assertEqual(length(Names), length(lists:usort([Name || {_, Name} <- Names]))),
        [?assert(lists:keymember(Name, 2, Names)) || {A, B} <- Links ++ XLinks, Name <- [A, B], hd(Name) =:= $<],
        ?assert(is_list(sofs:to_external(sofs:relation_to_family(sofs:relation(Links))))),
        [?assert(lists:keymember(Name, 2, Names)) || target:kind() =:= hermod,
                                                     Name <- ["hermod_sup", "net_kernel", "rex", "global_name_server"]],
        gen_server:cast(Appmon, {self(), app, no_such_application, true, []}),
        {[], [], [], []} = ?EXPECT({delivery, Appmon, app, no_such_application, E}, E),
        gen_server:cast(Appmon, {self(), app_ctrl, N, false, []}),
        Ref = monitor(process, Appmon),
        exit(Appmon, normal), %% the page was left
        ?EXPECT({'DOWN', Ref, process, Appmon, normal}),
        ?assertEqual(undefined, rpc:call(N, erlang, whereis, [appmon_info]))
    end).

%% observer_pro_wx:table_holder/1.
processes(C) ->
    N = given:target(C),
    Kind = target:kind(),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        page(N, processes, rex(N)),
        Backend = spawn_link(N, observer_backend, procs_info, [self()]),
        Procs = collect(Backend, []),
        [?assert(etop_proc(P, N), P) || P <- Procs],
        Sup = case Kind of hermod -> hermod_sup; beam -> kernel_sup end,
        [?assert(lists:keymember(Name, 5, Procs), Name) || Name <- [rex, net_kernel, subject, Sup]],
        ?assertNot(lists:keymember(Backend, 2, Procs)),
        Unnamed = given:child(N),
        {_, _, _, _, {M, init, 1}, _, _, _} =
            lists:keyfind(Unnamed, 2, collect(spawn_link(N, observer_backend, procs_info, [self()]), [])),
        {M, init, 1} = rpc:call(N, proc_lib, translate_initial_call, [Unnamed]),
        ok = gen_server:stop(Unnamed)
    end).

collect(Backend, Procs) ->
    receive
        {procs_info, Backend, More} -> collect(Backend, More ++ Procs);
        {'EXIT', Backend, normal} -> Procs
    after ?PATIENCE -> error({no_end_of, Backend, given:mailbox()})
    end.

%% What etop and observer's dump to a file ask for, and an observer that finds no procs_info/1.
processes_of_old(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        {ok, Vsn} = rpc:call(N, observer_backend, vsn, []),
        true = io_lib:printable_list(Vsn),
        Pid = spawn_link(N, observer_backend, etop_collect, [self()]),
        Info = ?EXPECT({Pid, I}, I),
        ?EXPECT({'EXIT', Pid, normal}),
        {etop_info, {Mega, Sec, Micro}, Count, _, Runtime, RunQueue, _, Memory, Procs} = Info,
        true = lists:all(fun erlang:is_integer/1, [Mega, Sec, Micro, Count, RunQueue]),
        ?assertEqual(Count, length(Procs)),
        [true = is_integer(proplists:get_value(K, Memory)) || K <- [total, processes, atom, binary, code, ets]],
        [?assert(etop_proc(P, N), P) || P <- Procs],
        ?assert(Runtime =:= undefined orelse lists:all(fun({_, A, T}) -> A =< T end, Runtime))
    end).

%% ---- the window of a process

process_window(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Child = given:child(N),
        Named = [rpc:call(N, erlang, whereis, [Name]) || Name <- [subject, rex, net_kernel, global_name_server, sup_name()]],
        [page(N, process_window, Pid) || Pid <- [Child | Named]],
        3 = given:call(Child, {bump, 3}),
        {status, Child, _, [PDict, running, _, _, Misc]} = rpc:call(N, sys, get_status, [Child, 200]),
        ?assertMatch({_, init, 1}, proplists:get_value('$initial_call', PDict)),
        ?assert(is_list(proplists:get_value('$ancestors', PDict))),
        Data = lists:append([D || {data, D} <- Misc]),
        ?assertEqual({subject_state, 3}, proplists:get_value("State", Data)),
        ?assertEqual(rpc:call(N, sys, get_status, [Child]), sys:get_status(Child)),
        {subject_state, 3} = rpc:call(N, sys, get_state, [Child]),
        ok = gen_server:stop(Child)
    end).

%% A process that is no server has no page for its state.
process_of_another_kind(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = spawn(N, observer_backend, fetch_stats, [self(), 60000]),
        {proc_lib, init_p, 5} = rpc:call(N, proc_lib, translate_initial_call, [Pid]),
        %% it makes a call of its own first
        target:wait(fun() -> {current_function, {M, _, _}} = rpc:call(N, erlang, process_info, [Pid, current_function]), M =:= observer_backend end),
        Info = rpc:call(N, erlang, process_info, [Pid, process_items()]),
        true = see_process(Info),
        ?assertEqual({observer_backend, fetch_stats, 2}, proplists:get_value(initial_call, Info)),
        {observer_backend, _, 2} = proplists:get_value(current_function, Info),
        %% A BEAM's takes the request for a reason to end.
        {badrpc, {'EXIT', {Why, {sys, get_status, [Pid, 200]}}}} = rpc:call(N, sys, get_status, [Pid, 200]),
        ?assert(lists:member(Why, [timeout, normal])),
        Pid ! exit,
        given:gone(Pid)
    end).

%% observer_procinfo throws process_undefined and shows *DEAD*.
dead_process(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = gen_server:stop(Pid),
        given:gone(Pid),
        [undefined = rpc:call(N, erlang, process_info, [Pid, What]) ||
            What <- [registered_name, process_items(), messages, dictionary, current_stacktrace]],
        {proc_lib, init_p, 5} = rpc:call(N, proc_lib, translate_initial_call, [Pid]),
        {badrpc, {'EXIT', {noproc, {sys, get_status, [Pid, 200]}}}} = rpc:call(N, sys, get_status, [Pid, 200]),
        false = rpc:call(N, erlang, garbage_collect, [Pid])
    end).

%% The numbers are those of the process: what it handled, what waits, what it holds.
numbers_grow(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        Pid = given:child(N),
        Row = fun() -> lists:keyfind(Pid, 2, collect(spawn_link(N, observer_backend, procs_info, [self()]), [])) end,
        {_, _, Mem0, Reds0, _, _, _, 0} = Row(),
        [I = given:call(Pid, {echo, I}) || I <- lists:seq(1, 100)],
        {_, _, _, Reds1, _, _, _, 0} = Row(),
        ?assert(Reds1 >= Reds0 + 100),
        ok = sys:suspend(Pid),
        [gen_server:cast(Pid, {I, lists:duplicate(1000, x)}) || I <- [1, 2, 3, 4, 5]],
        pong = net_adm:ping(N),
        target:wait(fun() -> element(8, Row()) =:= 5 end),
        {_, _, Mem1, _, _, _, _, 5} = Row(),
        ?assert(Mem1 > Mem0),
        ok = sys:resume(Pid),
        {status, Pid, _, _} = sys:get_status(Pid),
        target:wait(fun() -> element(8, Row()) =:= 0 end),
        ok = gen_server:stop(Pid)
    end).

%% ---- the real etop, in text

etop(C) ->
    N = given:target(C),
    %% etop of 27 sets up tracing of every other node, whatever the option says, and dbg waits for its relay for ever.
    case {code:which(etop), list_to_integer(erlang:system_info(otp_release))} of
        {non_existing, _} -> {skip, "the application observer is not installed"};
        {_, Release} when Release >= 27 -> {skip, "etop of this release cannot do without tracing"};
        _ -> ?ON(given:peer(C), begin
                 Self = self(),
                 Terminal = spawn_link(fun() -> terminal(Self) end),
                 Etop = spawn(fun() ->
                     group_leader(Terminal, self()),
                     etop:start([{node, N}, {tracing, off}, {interval, 1}, {lines, 50}, {output, text}])
                 end),
                 Ref = monitor(process, Etop),
                 Shown = screens(2, ""),
                 [?assertMatch({match, _}, re:run(Shown, Wanted), Shown) ||
                     Wanted <- [atom_to_list(N), "procs +[1-9]", "Memory:  total +[1-9]", "\nPid +Name", ">.*rex .*gen_server:loop/7",
                                ">.*net_kernel ", ">.*subject "]],
                 etop:stop(),
                 ?EXPECT({'DOWN', Ref, process, Etop, normal})
             end)
    end.

%% A group leader that hands on what is printed.
terminal(To) ->
    receive
        {io_request, From, As, Request} ->
            From ! {io_reply, As, printed(To, Request)},
            terminal(To)
    end.

printed(To, {put_chars, _, Chars}) -> To ! {printed, unicode:characters_to_list(Chars)}, ok;
printed(To, {put_chars, Enc, M, F, A}) -> printed(To, {put_chars, Enc, apply(M, F, A)});
printed(_, getopts) -> [{encoding, unicode}];
printed(_, _) -> {error, enotsup}.

%% Each screen ends with a double line, and begins with one.
screens(N, Text) ->
    case length(string:split(Text, "\n=====", all)) > 2 * N of
        true -> Text;
        false -> screens(N, Text ++ ?EXPECT({printed, More}, More))
    end.

%% ---- supervisors

supervisor_is_asked(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sup = {sup_name(), N},
        Children = supervisor:which_children(Sup),
        [?assert((is_pid(P) orelse P =:= undefined orelse P =:= restarting) andalso (T =:= worker orelse T =:= supervisor)
                 andalso (M =:= dynamic orelse lists:all(fun erlang:is_atom/1, M))) || {_, P, T, M} <- Children],
        Counts = supervisor:count_children(Sup),
        ?assertEqual([specs, active, supervisors, workers], [K || {K, _} <- Counts]),
        ?assertEqual(length(Children), proplists:get_value(specs, Counts)),
        ?assertEqual(length([P || {_, P, _, _} <- Children, is_pid(P)]), proplists:get_value(active, Counts)),
        [begin
             {ok, Spec} = supervisor:get_childspec(Sup, Id),
             #{id := Id, start := {M, F, A}, restart := _, shutdown := _, type := Type, modules := Mods} = Spec,
             ?assert(is_atom(M) and is_atom(F) and is_list(A))
         end || {Id, _, Type, Mods} <- Children],
        {error, not_found} = supervisor:get_childspec(Sup, no_such_child),
        Callback = supervisor:get_callback_module(Sup),
        ?assert(is_atom(Callback)),
        %% The same from the node itself.
        ?assertEqual(Children, rpc:call(N, supervisor, which_children, [sup_name()])),
        ?assertEqual(Counts, rpc:call(N, supervisor, count_children, [sup_name()])),
        {badrpc, {'EXIT', {noproc, {gen_server, call, [nobody, which_children, infinity]}}}} =
            rpc:call(N, supervisor, which_children, [nobody]),
        %% A child has its supervisor among its ancestors.
        [{_, Child, _, _} | _] = [X || X = {_, P, _, [_]} <- Children, is_pid(P)],
        {dictionary, D} = rpc:call(N, erlang, process_info, [Child, dictionary]),
        ?assert(lists:member(sup_name(), proplists:get_value('$ancestors', D))),
        SupPid = rpc:call(N, erlang, whereis, [sup_name()]),
        {dictionary, SupD} = rpc:call(N, erlang, process_info, [SupPid, dictionary]),
        {supervisor, _, 1} = proplists:get_value('$initial_call', SupD),
        {supervisor, _, 1} = rpc:call(N, proc_lib, translate_initial_call, [SupPid]),
        {status, SupPid, {module, gen_server}, [_, running, _, _, _]} = sys:get_status(Sup)
    end).

supervisor_refuses(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sup = {sup_name(), N},
        [{Running, Pid, _, _} | _] = [X || X = {_, P, _, _} <- supervisor:which_children(Sup), is_pid(P)],
        {error, {{'EXIT', {undef, [{nomod, nofun, [1], _} | _]}}, Child}} =
            supervisor:start_child(Sup, {c, {nomod, nofun, [1]}, temporary, 5000, worker, [m]}),
        {child, undefined, c, {nomod, nofun, [1]}, temporary, false, 5000, worker, [m]} = Child,
        {error, {{'EXIT', {undef, _}}, {child, undefined, c, {nomod, nofun, []}, permanent, false, 5000, worker, [nomod]}}} =
            supervisor:start_child(Sup, #{id => c, start => {nomod, nofun, []}}),
        {error, {already_started, Pid}} = supervisor:start_child(Sup, #{id => Running, start => {nomod, nofun, []}}),
        {error, missing_id} = supervisor:start_child(Sup, #{start => {nomod, nofun, []}}),
        {error, missing_start} = supervisor:start_child(Sup, #{id => c}),
        {error, {invalid_mfa, junk}} = supervisor:start_child(Sup, #{id => c, start => junk}),
        {error, {invalid_child_spec, [1, 2]}} = supervisor:start_child(Sup, [1, 2]),
        {error, not_found} = supervisor:terminate_child(Sup, no_such_child),
        {error, not_found} = supervisor:restart_child(Sup, no_such_child),
        {error, not_found} = supervisor:delete_child(Sup, no_such_child),
        {error, running} = supervisor:restart_child(Sup, Running),
        {error, running} = supervisor:delete_child(Sup, Running)
    end).

elixir_supervisor(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sup = {hermod_sup, N},
        ?assertMatch([_ | _], [X || X = {rex, _, worker, [_]} <- 'Elixir.Supervisor':which_children(Sup)]),
        #{specs := S, active := S, supervisors := 0, workers := S} = 'Elixir.Supervisor':count_children(Sup)
    end).

%% message_server is a service of the daemon.
terminate_and_restart(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Sup = {hermod_sup, N},
        Before = rpc:call(N, erlang, whereis, [message_server]),
        Ref = monitor(process, Before),
        ok = supervisor:terminate_child(Sup, message_server),
        ?EXPECT({'DOWN', Ref, process, Before, shutdown}),
        {message_server, undefined, worker, [message_server]} = lists:keyfind(message_server, 1, supervisor:which_children(Sup)),
        undefined = rpc:call(N, erlang, whereis, [message_server]),
        ok = supervisor:terminate_child(Sup, message_server),
        {error, already_present} = supervisor:start_child(Sup, #{id => message_server, start => {m, f, []}}),
        {ok, After} = supervisor:restart_child(Sup, message_server),
        After = rpc:call(N, erlang, whereis, [message_server]),
        ?assertNotEqual(Before, After),
        exit(After, kill), %% and it is a child as before
        target:wait(fun() -> Pid = rpc:call(N, erlang, whereis, [message_server]), is_pid(Pid) andalso Pid =/= After end)
    end).

own_servers_stay(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        [{error, not_permitted} = supervisor:terminate_child({hermod_sup, N}, Id) || Id <- [net_kernel, rex, global_name_server]],
        pong = net_adm:ping(N)
    end).

sup_comes_back(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Before = rpc:call(N, erlang, whereis, [hermod_sup]),
        Children = supervisor:which_children({hermod_sup, N}),
        exit(Before, kill),
        After = target:wait(fun() ->
            case rpc:call(N, erlang, whereis, [hermod_sup]) of
                P when is_pid(P), P =/= Before -> {true, P};
                _ -> false
            end
        end),
        ?assertEqual(Children, supervisor:which_children({hermod_sup, N})),
        Rex = rex(N),
        {parent, After} = rpc:call(N, erlang, process_info, [Rex, parent])
    end).

%% The charts show differences: what a connection moved still counts when it is gone.
io_never_shrinks(C) ->
    N = given:target(C),
    Io = fun() -> ?ON(given:peer(C), rpc:call(N, erlang, statistics, [io])) end,
    Other = target:start_peer(),
    target:on(Other, fun() -> pong = net_adm:ping(N), gen_server:cast({subject, N}, {ignored, lists:duplicate(100000, $x)}), pong = net_adm:ping(N) end),
    {{input, In}, {output, Out}} = Io(),
    ?assert(In > 100000),
    target:stop(Other),
    #{node := Gone} = Other,
    target:wait(fun() -> not lists:member(Gone, ?ON(given:peer(C), rpc:call(N, erlang, nodes, [connected]))) end),
    {{input, In2}, {output, Out2}} = Io(),
    ?assert(In2 >= In andalso Out2 >= Out).

%% ---- bad ends

%% A node with an open observer dies: nothing of it stays.
left_alone(C) ->
    N = given:target(C),
    Other = target:start_peer(),
    {Stats, Appmon} = target:on(Other, fun() ->
        Looker = spawn(fun() -> receive never -> ok end end),
        Stats0 = spawn(N, observer_backend, fetch_stats, [Looker, 20]),
        {ok, Appmon0} = rpc:call(N, appmon_info, start_link2, [Looker, Looker, []]),
        [gen_server:cast(Appmon0, {Looker, app, X, true, []}) || X <- [kernel, hermod, x]],
        true = rpc:call(N, erlang, is_process_alive, [Stats0]),
        {Stats0, Appmon0}
    end),
    target:kill(Other),
    ?ON(given:peer(C), begin
        target:wait(fun() -> rpc:call(N, erlang, is_process_alive, [Appmon]) =:= false end),
        %% A BEAM's sends on, to nobody.
        target:wait(fun() -> target:kind() =:= beam orelse rpc:call(N, erlang, is_process_alive, [Stats]) =:= false end),
        exit(Stats, kill)
    end).

junk(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        process_flag(trap_exit, true),
        [spawn(N, observer_backend, F, A) || {F, As} <- [{procs_info, [[junk], [[]], [{rex, N}]]}, {etop_collect, [[junk], [1]]},
                                                         {fetch_stats, [[junk, 10], [self(), soon]]}], A <- As],
        [{badrpc, _} = rpc:call(N, M, F, A) || {M, F, A} <- [{sys, get_status, [junk, 200]}, {erlang, process_info, [junk, messages]},
                                                             {erlang, garbage_collect, [junk]}, {proc_lib, nothing, [1]},
                                                             {observer_backend, get_table_list, [junk, []]},
                                                             {no_such_module, module_info, [attributes]}]],
        pong = net_adm:ping(N),
        page(N, system_page, none)
    end).
