%% What erlang has beside the functions in C.
-module(erlang).
-export(['--'/2, binary_to_list/3, date/0, is_alive/0, list_to_bitstring/1, pid_to_list/1, ref_to_list/1, send_after/3, send_after/4, spawn/1, spawn/3,
         spawn_link/1, spawn_link/3, spawn_monitor/1, spawn_monitor/3, spawn/2, spawn/4, spawn_link/2, spawn_opt/2, spawn_opt/4, split_binary/2, start_timer/3,
         time/0, timestamp/0, binary_to_term/2, term_to_binary/2]).

is_alive() -> true.

'--'(A, B) when is_list(A), is_list(B) -> minus(A, B);
'--'(A, B) -> '$eval':fail_as(badarg, erlang, '--', [A, B]).
minus(A, [H | T]) -> minus(lists:delete(H, A), T);
minus(A, []) -> A.

binary_to_list(B, From, To) -> erlang:binary_to_list(binary_part(B, From - 1, To - From + 1)).
list_to_bitstring(L) when is_list(L) -> bits_of(L, <<>>, L);
list_to_bitstring(X) -> '$eval':fail_as(badarg, erlang, list_to_bitstring, [X]).
bits_of([H | T], Acc, All) when is_bitstring(H) -> bits_of(T, <<Acc/bitstring, H/bitstring>>, All);
bits_of([H | T], Acc, All) when is_integer(H), H >= 0, H =< 255 -> bits_of(T, <<Acc/bitstring, H>>, All);
bits_of([H | T], Acc, All) when is_list(H) -> bits_of(T, bits_of(H, Acc, All), All);
bits_of([], Acc, _) -> Acc;
bits_of(Tail, Acc, _) when is_bitstring(Tail) -> <<Acc/bitstring, Tail/bitstring>>;
bits_of(_, _, All) -> '$eval':fail_as(badarg, erlang, list_to_bitstring, [All]).
split_binary(B, N) ->
    case B of
        <<A:N/binary, R/bitstring>> when is_integer(N), N >= 0 -> {A, R};
        _ -> '$eval':fail_as(badarg, erlang, split_binary, [B, N])
    end.
%% How much was used is not known here.
binary_to_term(B, Options) ->
    case lists:member(used, Options) of
        true -> '$eval':fail_as(undef, erlang, binary_to_term, [B, Options]);
        false -> erlang:binary_to_term(B)
    end.
term_to_binary(T, _) -> erlang:term_to_binary(T).

date() -> {D, _} = erlang:localtime(), D.
time() -> {_, T} = erlang:localtime(), T.
timestamp() ->
    Us = erlang:system_time(microsecond),
    {Us div 1000000000000, Us div 1000000 rem 1000000, Us rem 1000000}.

pid_to_list(P) -> erlang:binary_to_list('$eval':pid_text(P)).
ref_to_list(R) -> erlang:binary_to_list('$eval':ref_text(R)).

spawn(F) -> '$eval':spawn(F, []).
spawn(M, F, A) when is_atom(M), is_atom(F), is_list(A) -> '$eval':spawn(fun() -> apply(M, F, A) end, []);
spawn(M, F, A) -> '$eval':fail_as(badarg, erlang, spawn, [M, F, A]).
spawn_link(F) -> '$eval':spawn_link(F, []).
spawn_link(M, F, A) when is_atom(M), is_atom(F), is_list(A) -> '$eval':spawn_link(fun() -> apply(M, F, A) end, []);
spawn_link(M, F, A) -> '$eval':fail_as(badarg, erlang, spawn_link, [M, F, A]).
spawn_monitor(F) -> '$eval':spawn_monitor(F, []).
spawn_monitor(M, F, A) when is_atom(M), is_atom(F), is_list(A) -> '$eval':spawn_monitor(fun() -> apply(M, F, A) end, []);
spawn_monitor(M, F, A) -> '$eval':fail_as(badarg, erlang, spawn_monitor, [M, F, A]).
%% The options that change nothing but speed and memory on a BEAM change nothing here.
spawn_opt(F, Options) when is_function(F, 0), is_list(Options) -> spawn_with(F, Options);
spawn_opt(F, Options) -> '$eval':fail_as(badarg, erlang, spawn_opt, [F, Options]).
spawn_opt(M, F, A, Options) when is_atom(M), is_atom(F), is_list(A), is_list(Options) -> spawn_with(fun() -> apply(M, F, A) end, Options);
spawn_opt(M, F, A, Options) -> '$eval':fail_as(badarg, erlang, spawn_opt, [M, F, A, Options]).
spawn_with(F, Options) ->
    Spawned = case lists:member(monitor, Options) orelse lists:keymember(monitor, 1, Options) of
                  true -> '$eval':spawn_monitor(F, []);
                  false -> '$eval':spawn(F, [])
              end,
    case {lists:member(link, Options), Spawned} of
        {true, {Pid, _}} -> erlang:link(Pid);
        {true, Pid} -> erlang:link(Pid);
        _ -> true
    end,
    Spawned.
spawn(Node, F) when Node =:= node() -> '$eval':spawn(F, []);
spawn(Node, F) when is_function(F, 0) -> at('$eval':spawn_at(Node, erlang, apply, [F, []], none)).
spawn(Node, M, F, A) when Node =:= node() -> spawn(M, F, A);
spawn(Node, M, F, A) -> at('$eval':spawn_at(Node, M, F, A, none)).
%% No connection: a pid of a process that has ended.
at({failed, _}) -> '$eval':spawn(fun() -> ok end, []);
at(Pid) -> Pid.
spawn_link(Node, F) when Node =:= node() -> '$eval':spawn_link(F, []);
spawn_link(Node, F) when is_function(F, 0) -> at('$eval':spawn_at(Node, erlang, apply, [F, []], link)).

%% A message to another process is sent by one that lives as long as the timer, and longer than who started it.
send_after(Ms, To, Message) when To =:= self() -> '$eval':send_after(Ms, Message);
send_after(Ms, To, Message) when is_integer(Ms), Ms >= 0 ->
    '$eval':timer_of('$eval':spawn(fun() -> receive after Ms -> catch To ! Message end end, []), Ms);
send_after(Ms, To, Message) -> '$eval':fail_as(badarg, erlang, send_after, [Ms, To, Message]).
send_after(Ms, To, Message, _) -> send_after(Ms, To, Message).
start_timer(Ms, To, Message) when To =:= self() -> '$eval':start_timer(Ms, Message);
start_timer(Ms, To, Message) when is_integer(Ms), Ms >= 0 ->
    Pid = '$eval':spawn(fun() -> receive {is, Ref} -> receive after Ms -> catch To ! {timeout, Ref, Message} end end end, []),
    Timer = '$eval':timer_of(Pid, Ms),
    Pid ! {is, Timer},
    Timer;
start_timer(Ms, To, Message) -> '$eval':fail_as(badarg, erlang, start_timer, [Ms, To, Message]).
