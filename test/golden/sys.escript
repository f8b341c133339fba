#!/usr/bin/env escript
%% Records what a real gen_server answers to system messages, for test/unit/otp/sys_test.c:
%%     test/golden/sys.escript test/golden/otp25
%% Each file holds one term without version byte. Pids, references and times differ from run to run; the test compares shapes.
-module(subject).
-mode(compile).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

main([Dir]) ->
    {ok, Pid} = gen_server:start_link({local, subject}, ?MODULE, [], []),
    Ask = fun(Request) -> {ok, Reply} = gen:call(Pid, system, Request), Reply end,
    Save = fun(Name, Term) ->
        <<131, Bytes/binary>> = term_to_binary(Term),
        ok = file:write_file(filename:join(Dir, "sys_" ++ Name ++ ".bin"), Bytes)
    end,
    Save("status", Ask(get_status)),
    Save("no_statistics", Ask({debug, {statistics, get}})),
    Save("empty_log", Ask({debug, {log, get}})),
    Save("unknown", Ask({what, [1]})),
    Save("unknown_debug", Ask({debug, what})),
    Save("change_code_running", Ask({change_code, subject, undefined, []})),
    [ok, ok] = [Ask({debug, What}) || What <- [{statistics, true}, {log, true}]],
    hi = gen_server:call(Pid, {echo, hi}),
    gen_server:cast(Pid, thrown),
    Pid ! said,
    Save("statistics", Ask({debug, {statistics, get}})),
    Save("log", Ask({debug, {log, get}})),
    Save("no_debug", Ask({debug, no_debug})),
    Save("suspend", Ask(suspend)),
    Save("status_suspended", Ask(get_status)).

init(_) -> {ok, {subject_state, 0}}.
handle_call({echo, T}, _, S) -> {reply, T, S}.
handle_cast(_, S) -> {noreply, S}.
handle_info(_, S) -> {noreply, S}.
