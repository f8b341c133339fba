%% Runs Common Test suites in one BEAM that is no distributed node itself, prints Common
%% Test's own account, and ends with status 0 only if every case passed.
%% As a hook of Common Test it names each failed case again at the end.
-module(driver).
-export([main/1]).
-export([id/1, init/2, on_tc_fail/4, on_tc_skip/4, terminate/1]).

main(Suites) ->
    Logs = filename:join(target:log_dir(), "ct"),
    ok = filelib:ensure_dir(filename:join(Logs, "x")),
    Only = case os:getenv("TEST_CASE", "") of "" -> []; C -> [{testcase, [list_to_atom(N) || N <- string:tokens(C, ",")]}] end,
    Group = case os:getenv("TEST_GROUP", "") of "" -> []; G -> [{group, list_to_atom(G)}] end,
    Result = ct:run_test([{dir, os:getenv("TEST_EBIN")}, {suite, Suites}, {logdir, Logs}, {auto_compile, false},
                          {ct_hooks, [?MODULE]}, {verbosity, 50}]
                         ++ counts:handlers() ++ Only ++ Group),
    case Result of
        {Ok, Failed, {_, AutoSkipped}} ->
            io:format("~nCommon Test, ~p: ~p ok, ~p failed, ~p skipped because something else failed~n",
                      [target:kind(), Ok, Failed, AutoSkipped]),
            %% the hook has seen failures of end_per_suite too, which count for nothing above
            Clean = persistent_term:get(?MODULE, false),
            halt(case Failed + AutoSkipped of 0 when Ok > 0, Clean -> 0; _ -> 1 end);
        Other ->
            io:format("~nCommon Test did not run: ~p~n", [Other]),
            halt(1)
    end.

id(_) -> ?MODULE.
init(_, _) -> {ok, []}.
on_tc_fail(Suite, Case, Reason, Failures) -> [{Suite, Case, Reason} | Failures].
on_tc_skip(Suite, Case, {tc_auto_skip, Reason}, Failures) -> [{Suite, Case, {skipped, Reason}} | Failures];
on_tc_skip(_, _, _, Failures) -> Failures.

terminate([]) ->
    persistent_term:put(?MODULE, true);
terminate(Failures) ->
    io:format("~n==== what failed (target ~p)~n", [target:kind()]),
    [io:format("~n~p: ~p~n    ~P~n", [Suite, Case, Reason, 60]) || {Suite, Case, Reason} <- lists:reverse(Failures)],
    ok.
