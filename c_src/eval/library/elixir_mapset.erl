-module('Elixir.MapSet').
-export([new/0, new/1, put/2, delete/2, 'member?'/2, size/1, to_list/1, union/2, intersection/2, difference/2, 'subset?'/2]).
set(Map) -> #{'__struct__' => 'Elixir.MapSet', map => Map, version => 2}.
new() -> set(#{}).
new(X) -> set(maps:from_keys('Elixir.Enum':to_list(X), [])).
put(#{map := M} = S, X) -> S#{map := M#{X => []}}.
delete(#{map := M} = S, X) -> S#{map := maps:remove(X, M)}.
'member?'(#{map := M}, X) -> is_map_key(X, M).
size(#{map := M}) -> map_size(M).
to_list(#{map := M}) -> maps:keys(M).
union(#{map := A} = S, #{map := B}) -> S#{map := maps:merge(A, B)}.
intersection(#{map := A} = S, #{map := B}) -> S#{map := maps:with(maps:keys(B), A)}.
difference(#{map := A} = S, #{map := B}) -> S#{map := maps:without(maps:keys(B), A)}.
'subset?'(#{map := A}, #{map := B}) -> lists:all(fun(K) -> is_map_key(K, B) end, maps:keys(A)).
