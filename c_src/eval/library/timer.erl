-module(timer).
-export([sleep/1, tc/1, tc/2, seconds/1, minutes/1, hours/1, hms/3]).
sleep(T) -> receive after T -> ok end.
tc(F) -> tc(F, []).
tc(F, A) ->
    Before = erlang:monotonic_time(microsecond),
    V = erlang:apply(F, A),
    {erlang:monotonic_time(microsecond) - Before, V}.
seconds(N) -> 1000 * N.
minutes(N) -> 60000 * N.
hours(N) -> 3600000 * N.
hms(H, M, S) -> hours(H) + minutes(M) + seconds(S).
