-module('Elixir.Process').
-export([sleep/1, 'alive?'/1, send/3, send_after/3, send_after/4, cancel_timer/1, read_timer/1, monitor/1, demonitor/1, demonitor/2, link/1,
         unlink/1, exit/2, flag/2, register/2, unregister/1, whereis/1, registered/0, list/0, put/2, get/0, get/1, get/2, delete/1, group_leader/0,
         group_leader/2, spawn/2, spawn/4, info/1, info/2]).
sleep(T) when is_integer(T), T >= 0; T =:= infinity -> receive after T -> ok end.
'alive?'(P) -> erlang:is_process_alive(P).
send(D, M, O) -> erlang:send(D, M, O).
send_after(D, M, T) -> erlang:send_after(T, D, M).
send_after(D, M, T, _) -> erlang:send_after(T, D, M).
cancel_timer(R) -> erlang:cancel_timer(R).
read_timer(R) -> erlang:read_timer(R).
monitor(P) -> erlang:monitor(process, P).
demonitor(R) -> erlang:demonitor(R).
demonitor(R, O) -> erlang:demonitor(R, O).
link(P) -> erlang:link(P).
unlink(P) -> erlang:unlink(P).
exit(P, R) -> erlang:exit(P, R).
flag(F, V) -> erlang:process_flag(F, V).
register(P, N) when is_atom(N), N =/= nil, N =/= false, N =/= true, N =/= undefined -> erlang:register(N, P).
unregister(N) -> erlang:unregister(N).
whereis(N) -> case erlang:whereis(N) of undefined -> nil; P -> P end.
registered() -> erlang:registered().
list() -> erlang:processes().
put(K, V) -> nil_of(erlang:put(K, V)).
get() -> erlang:get().
get(K) -> nil_of(erlang:get(K)).
get(K, D) -> case erlang:get(K) of undefined -> D; V -> V end.
delete(K) -> nil_of(erlang:erase(K)).
nil_of(undefined) -> nil;
nil_of(V) -> V.
group_leader() -> erlang:group_leader().
group_leader(P, L) -> erlang:group_leader(L, P).
spawn(F, O) -> erlang:spawn_opt(F, O).
spawn(M, F, A, O) -> erlang:spawn_opt(M, F, A, O).
info(P) -> nil_of(erlang:process_info(P)).
info(P, registered_name) ->
    case erlang:process_info(P, registered_name) of undefined -> nil; [] -> {registered_name, []}; Found -> Found end;
info(P, W) -> nil_of(erlang:process_info(P, W)).
