-module('Elixir.GenServer').
-export([call/2, call/3, cast/2, reply/2, stop/1, stop/2, stop/3, whereis/1, abcast/3]).
call(S, R) -> call(S, R, 5000).
call(S, R, T) ->
    case whereis(S) of
        nil -> exit({noproc, {'Elixir.GenServer', call, [S, R, T]}});
        P when P =:= self() -> exit({calling_self, {'Elixir.GenServer', call, [S, R, T]}});
        P ->
            try gen_server:call(P, R, T)
            catch exit:{Why, {gen_server, call, _}} -> exit({Why, {'Elixir.GenServer', call, [S, R, T]}})
            end
    end.
cast(S, R) -> gen_server:cast(S, R).
reply(F, R) -> gen_server:reply(F, R).
stop(S) -> stop(S, normal, infinity).
stop(S, R) -> stop(S, R, infinity).
stop(S, R, T) ->
    case whereis(S) of
        nil -> exit({noproc, {'Elixir.GenServer', stop, [S, R, T]}});
        P -> gen_server:stop(P, R, T)
    end.
abcast(Ns, N, R) -> gen_server:abcast(Ns, N, R).
whereis(P) when is_pid(P) -> P;
whereis({global, N}) -> case global:whereis_name(N) of undefined -> nil; P -> P end;
whereis({N, Node}) when is_atom(N), Node =:= node() -> whereis(N);
whereis({N, Node}) when is_atom(N), is_atom(Node) -> {N, Node};
whereis(N) when is_atom(N) -> case erlang:whereis(N) of undefined -> nil; P -> P end.
