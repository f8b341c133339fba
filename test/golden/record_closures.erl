%% Funs as shells make them, and what they come to: see record_closures.
-module(record_closures).
-export([main/1]).

main([Folder]) ->
    {ok, _} = application:ensure_all_started(elixir),
    logger:set_primary_config(level, none),
    Rows = [row(fun elixir/1, T) || T <- expressions:elixir(), is_pure(T)] ++ [row(fun erlang/1, T) || T <- expressions:erlang(), is_pure(T)],
    ok = file:write_file(filename:join(Folder, "closures.bin"), term_to_binary(Rows)),
    halt().

%% Without processes, time and chance.
is_pure(Text) ->
    Words = ["self", "send", "receive", "spawn", "Process", "make_ref", "node", "rand", "time", "sleep", "GenServer", "gen_server", "Task", "Node", "!",
             "process_flag", "phash", "io_lib", "get(", "put(k", "erase"],
    binary:match(Text, [list_to_binary(W) || W <- Words]) =:= nomatch.

row(Make, Text) ->
    Fun = Make(Text),
    {Text, Fun, outcome(Fun)}.

%% Funs are not compared.
outcome(Fun) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({done, try {value, plain(Fun())} catch C:R -> {C, plain(R)} end}) end),
    receive {'DOWN', Ref, _, Pid, {done, Outcome}} -> Outcome end.
plain(F) when is_function(F) -> a_fun;
plain(T) when is_tuple(T) -> list_to_tuple(plain(tuple_to_list(T)));
plain([H | T]) -> [plain(H) | plain(T)];
plain(M) when is_map(M) -> maps:map(fun(_, V) -> plain(V) end, M);
plain(X) -> X.

elixir(Text) ->
    {Fun, _} = 'Elixir.Code':eval_string(<<"fn -> ", Text/binary, "\nend">>),
    Fun.
erlang(Text) ->
    {ok, Tokens, _} = erl_scan:string("fun() -> " ++ lists:droplast(unicode:characters_to_list(Text)) ++ " end.", {1, 1}),
    {ok, Forms} = erl_parse:parse_exprs(Tokens),
    {value, Fun, _} = erl_eval:exprs(Forms, [], none, none),
    Fun.
