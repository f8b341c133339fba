-module(rpc).
-export([call/4, call/5, cast/4, multicall/4]).
call(N, M, F, A) -> call(N, M, F, A, infinity).
call(N, M, F, A, T) ->
    try erpc:call(N, M, F, A, T)
    catch
        throw:V -> V;
        exit:{exception, R} -> {badrpc, {'EXIT', R}};
        exit:{signal, R} -> {badrpc, {'EXIT', R}};
        error:{exception, R, Stack} -> {badrpc, {'EXIT', {R, Stack}}};
        error:{erpc, noconnection} -> {badrpc, nodedown};
        error:{erpc, R} -> {badrpc, R}
    end.
cast(N, M, F, A) -> erpc:cast(N, M, F, A), true.
multicall(Ns, M, F, A) ->
    Results = [{N, call(N, M, F, A)} || N <- Ns],
    {[R || {_, R} <- Results, R =/= {badrpc, nodedown}], [N || {N, {badrpc, nodedown}} <- Results]}.
