%% Functions that other nodes call: the same are in c_src/callable.c, exported with <hermod/function.h>; keep the two alike.
-module(callable).
-export([echo/1, eight/8, raise/2, sleep/2, sum/1, me/0, leader/0, wait/1]).

echo(T) -> T.

eight(A, B, C, D, E, F, G, H) -> {A, B, C, D, E, F, G, H}.

raise(throw, T) -> throw(T);
raise(exit, T) -> exit(T);
raise(error, T) -> error(T).

%% T, after Ms milliseconds.
sleep(Ms, T) -> receive after Ms -> T end.

%% 1 + ... + N, slowly: in C on the worker pool.
sum(N) when is_integer(N), N >= 0 -> sum(N, 0);
sum(_) -> error(badarg).
sum(0, S) -> S;
sum(N, S) -> sum(N - 1, S + N).

%% The process that runs the call.
me() -> self().

leader() -> group_leader().

%% Tells Pid {waiting, self()}, and never returns.
wait(Pid) -> Pid ! {waiting, self()}, receive after infinity -> ok end.
