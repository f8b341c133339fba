%% sys messages: what an operator does to a gen_server of another node.
-module(sys_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [get_state, get_status, suspend_and_resume, suspended_answers_system, statistics, trace, log, log_limit, no_debug,
     replace_state_error, terminate, unknown, change_code, by_name, install_and_remove].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

get_state(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        {subject_state, 0} = sys:get_state(Pid),
        5 = given:call(Pid, {bump, 5}),
        {subject_state, 5} = sys:get_state(Pid, 30000)
    end).

get_status(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("status")),
        Pid = given:child(N, Name),
        3 = given:call(Pid, {bump, 3}),
        {status, Pid, {module, Mod}, [PDict, running, Parent, Debug, Misc]} = sys:get_status({Name, N}),
        ?assert(is_atom(Mod)),
        ?assert(is_list(PDict)),
        ?assert(is_pid(Parent)),
        ?assert(is_list(Debug)),
        Header = proplists:get_value(header, Misc),
        ?assertEqual("Status for generic server " ++ atom_to_list(Name), lists:flatten(Header)),
        Data = lists:append([D || {data, D} <- Misc]),
        ?assertEqual(running, proplists:get_value("Status", Data)),
        ?assert(is_pid(proplists:get_value("Parent", Data))),
        ?assertEqual({subject_state, 3}, proplists:get_value("State", Data)),
        ok = sys:suspend(Pid),
        {status, Pid, {module, Mod}, [_, suspended, _, _, _]} = sys:get_status(Pid),
        ok = sys:resume(Pid)
    end).

%% While suspended nothing is served and nothing is lost.
suspend_and_resume(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = sys:suspend(Pid),
        ok = sys:suspend(Pid),
        [gen_server:cast(Pid, I) || I <- [1, 2]],
        Pid ! 3,
        Request = gen_server:send_request(Pid, {echo, served}),
        ?assertExit({timeout, _}, gen_server:call(Pid, {bump, 1}, 20)),
        {subject_state, 0} = sys:get_state(Pid),
        ok = sys:resume(Pid),
        ok = sys:resume(Pid),
        {reply, served} = gen_server:receive_response(Request, 30000),
        [{cast, 1}, {cast, 2}, {info, 3}] = given:call(Pid, events),
        {subject_state, 1} = sys:get_state(Pid),
        ?assertEqual([], given:mailbox())
    end).

suspended_answers_system(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = sys:suspend(Pid),
        {ok, no_statistics} = sys:statistics(Pid, get),
        Ref = monitor(process, Pid),
        ok = gen_server:stop(Pid, while_suspended, 30000),
        ?EXPECT({'DOWN', Ref, process, Pid, while_suspended})
    end).

statistics(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        {ok, no_statistics} = sys:statistics(Pid, get),
        ok = sys:statistics(Pid, true),
        [I = given:call(Pid, {echo, I}) || I <- lists:seq(1, 7)],
        gen_server:cast(Pid, x),
        Pid ! y,
        {ok, S} = sys:statistics(Pid, get),
        ?assertEqual(lists:sort([start_time, current_time, reductions, messages_in, messages_out]), lists:sort(proplists:get_keys(S))),
        [{{_, _, _}, {_, _, _}} = proplists:get_value(K, S) || K <- [start_time, current_time]],
        ?assert(is_integer(proplists:get_value(reductions, S))),
        ?assertEqual({9, 7}, {proplists:get_value(messages_in, S), proplists:get_value(messages_out, S)}),
        ok = sys:statistics(Pid, false),
        {ok, no_statistics} = sys:statistics(Pid, get)
    end).

%% The trace is printed where the server is.
trace(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("traced")),
        Pid = given:child(N, Name),
        ok = sys:trace(Pid, true),
        traced_request = given:call(Pid, {echo, traced_request}),
        ok = sys:trace(Pid, false),
        quiet = given:call(Pid, {echo, quiet}),
        alive = given:call(Pid, {echo, alive})
    end),
    target:await_line(proplists:get_value(target, C), "traced_request").

log(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = sys:log(Pid, true),
        logged = given:call(Pid, {echo, logged}),
        gen_server:cast(Pid, thrown),
        Pid ! said,
        {ok, Events} = sys:log(Pid, get),
        Me = self(),
        ?assertMatch([{in, {'$gen_call', {Me, _}, {echo, logged}}},
                      {out, logged, {Me, _}, {subject_state, 0}},
                      {in, {'$gen_cast', thrown}}, {noreply, {subject_state, 0}},
                      {in, said}, {noreply, {subject_state, 0}}], Events),
        ok = sys:log(Pid, print),
        ok = sys:log(Pid, false),
        {ok, []} = sys:log(Pid, get)
    end).

log_limit(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = sys:log(Pid, {true, 4}),
        [gen_server:cast(Pid, I) || I <- lists:seq(1, 20)],
        {ok, Events} = sys:log(Pid, get),
        ?assertMatch([{in, {'$gen_cast', 19}}, {noreply, _}, {in, {'$gen_cast', 20}}, {noreply, _}], Events)
    end).

no_debug(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        ok = sys:statistics(Pid, true),
        ok = sys:log(Pid, true),
        ok = sys:no_debug(Pid),
        {ok, no_statistics} = sys:statistics(Pid, get),
        {ok, []} = sys:log(Pid, get)
    end).

%% A function that fails (here) or that cannot run (in C): an error that says so, and the old state.
replace_state_error(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        2 = given:call(Pid, {bump, 2}),
        ?assertError({callback_failed, {_, system_replace_state}, {_, _}},
                     sys:replace_state(Pid, fun(_) -> error(cannot) end)),
        {subject_state, 2} = sys:get_state(Pid)
    end).

terminate(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:reporting(N),
        Ref = monitor(process, Pid),
        ok = sys:terminate(Pid, {asked, to}),
        ?EXPECT({subject, Pid, {terminate, {asked, to}}}),
        ?EXPECT({'DOWN', Ref, process, Pid, {asked, to}})
    end).

unknown(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        {ok, {error, {unknown_system_msg, what}}} = gen:call(Pid, system, what, 30000),
        {ok, {error, {unknown_system_msg, {what, [1]}}}} = gen:call(Pid, system, {what, [1]}, 30000),
        {ok, unknown_debug} = gen:call(Pid, system, {debug, what}, 30000),
        alive = given:call(Pid, {echo, alive})
    end).

change_code(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        {error, {unknown_system_msg, {change_code, subject, undefined, []}}} = sys:change_code(Pid, subject, undefined, []),
        alive = given:call(Pid, {echo, alive})
    end).

by_name(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Name = list_to_atom(target:unique("sys")),
        Pid = given:child(N, Name),
        {subject_state, 0} = sys:get_state({Name, N}),
        ok = sys:suspend({Name, N}),
        ok = sys:resume({Name, N}),
        ok = sys:terminate({Name, N}, normal),
        given:gone(Pid),
        ?assertExit({noproc, _}, sys:get_state({Name, N}))
    end).

install_and_remove(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Pid = given:child(N),
        F = fun(St, _, _) -> St end,
        ?assert(lists:member(sys:install(Pid, {F, 0}), [ok, unknown_debug])),
        alive = given:call(Pid, {echo, alive}),
        ?assert(lists:member(sys:remove(Pid, F), [ok, unknown_debug])),
        alive = given:call(Pid, {echo, alive})
    end).
