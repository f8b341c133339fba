-module(proplists).
-export([delete/2, get_value/2, get_value/3, is_defined/2]).
get_value(K, L) -> get_value(K, L, undefined).
get_value(K, [{K, V} | _], _) -> V;
get_value(K, [K | _], _) -> true;
get_value(K, [_ | T], D) -> get_value(K, T, D);
get_value(_, [], D) -> D.
is_defined(K, [H | T]) -> H =:= K orelse (is_tuple(H) andalso element(1, H) =:= K) orelse is_defined(K, T);
is_defined(_, []) -> false.
delete(K, L) -> [P || P <- L, P =/= K, not (is_tuple(P) andalso element(1, P) =:= K)].
