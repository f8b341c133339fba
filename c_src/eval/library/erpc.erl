%% Calls of other nodes; lib/kernel/src/erpc.erl.
-module(erpc).
-export([call/2, call/3, call/4, call/5, cast/2, cast/4]).
call(N, F) -> call(N, F, infinity).
call(N, F, T) when is_function(F, 0) -> call(N, erlang, apply, [F, []], T).
call(N, M, F, A) -> call(N, M, F, A, infinity).
call(N, M, F, A, T) when is_atom(N), is_atom(M), is_atom(F), is_list(A), (T =:= infinity orelse (is_integer(T) andalso T >= 0)) ->
    case '$eval':rpc(N, M, F, A, T) of
        {return, V} -> V;
        {throw, V} -> throw(V);
        {exit, R} -> exit({exception, R});
        {error, {erpc, _} = R, _} -> error(R);
        {error, R, Stack} -> error({exception, R, Stack});
        {signal, R} -> exit({signal, R});
        {failed, R} -> error({erpc, R})
    end;
call(_, _, _, _, _) -> error({erpc, badarg}).
cast(N, F) when is_function(F, 0) -> cast(N, erlang, apply, [F, []]).
cast(N, M, F, A) -> '$eval':spawn_at(N, erpc, execute_cast, [M, F, A], none), ok.
