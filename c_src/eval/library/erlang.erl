%% What erlang has beside the functions in C.
-module(erlang).
-export(['--'/2, binary_to_list/3, date/0, list_to_bitstring/1, pid_to_list/1, ref_to_list/1, send_after/3, send_after/4, spawn/1, spawn/3,
         spawn_link/1, spawn_link/3, spawn_monitor/1, spawn_monitor/3, spawn/2, spawn/4, spawn_link/2, split_binary/2, start_timer/3, time/0, timestamp/0,
         binary_to_term/2, term_to_binary/2]).

'--'(A, B) when is_list(A), is_list(B) -> minus(A, B);
'--'(A, B) -> '$eval':fail_as(badarg, erlang, '--', [A, B]).
minus(A, [H | T]) -> minus(lists:delete(H, A), T);
minus(A, []) -> A.

binary_to_list(B, From, To) -> erlang:binary_to_list(binary_part(B, From - 1, To - From + 1)).
list_to_bitstring(L) -> erlang:list_to_binary(L).
split_binary(B, N) -> <<A:N/binary, R/binary>> = B, {A, R}.
binary_to_term(B, _) -> erlang:binary_to_term(B).
term_to_binary(T, _) -> erlang:term_to_binary(T).

date() -> {D, _} = erlang:localtime(), D.
time() -> {_, T} = erlang:localtime(), T.
timestamp() ->
    Us = erlang:system_time(microsecond),
    {Us div 1000000000000, Us div 1000000 rem 1000000, Us rem 1000000}.

pid_to_list(P) -> erlang:binary_to_list('$eval':pid_text(P)).
ref_to_list(R) -> erlang:binary_to_list('$eval':ref_text(R)).

spawn(F) -> '$eval':spawn(F, []).
spawn(M, F, A) when is_list(A) -> '$eval':spawn(fun() -> apply(M, F, A) end, []).
spawn_link(F) -> '$eval':spawn_link(F, []).
spawn_link(M, F, A) when is_list(A) -> '$eval':spawn_link(fun() -> apply(M, F, A) end, []).
spawn_monitor(F) -> '$eval':spawn_monitor(F, []).
spawn_monitor(M, F, A) when is_list(A) -> '$eval':spawn_monitor(fun() -> apply(M, F, A) end, []).
spawn(Node, F) when Node =:= node() -> '$eval':spawn(F, []);
spawn(Node, F) when is_function(F, 0) -> at('$eval':spawn_at(Node, erlang, apply, [F, []], none)).
spawn(Node, M, F, A) when Node =:= node() -> spawn(M, F, A);
spawn(Node, M, F, A) -> at('$eval':spawn_at(Node, M, F, A, none)).
%% No connection: a pid of a process that has ended.
at({failed, _}) -> '$eval':spawn(fun() -> ok end, []);
at(Pid) -> Pid.
spawn_link(Node, F) when Node =:= node() -> '$eval':spawn_link(F, []);
spawn_link(Node, F) when is_function(F, 0) -> at('$eval':spawn_at(Node, erlang, apply, [F, []], link)).

send_after(Ms, To, Message) when To =:= self() -> '$eval':send_after(Ms, Message);
send_after(Ms, To, Message) ->
    Ref = make_ref(),
    '$eval':spawn(fun() -> receive after Ms -> catch To ! Message end end, []),
    Ref.
send_after(Ms, To, Message, _) -> send_after(Ms, To, Message).
start_timer(Ms, To, Message) when To =:= self() -> '$eval':start_timer(Ms, Message);
start_timer(Ms, To, Message) -> Ref = make_ref(), send_after(Ms, To, {timeout, Ref, Message}), Ref.
