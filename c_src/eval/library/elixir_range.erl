-module('Elixir.Range').
-export([new/2, new/3, size/1]).
new(A, B) when is_integer(A), is_integer(B) -> new(A, B, case A =< B of true -> 1; false -> -1 end).
new(A, B, S) when is_integer(A), is_integer(B), is_integer(S), S =/= 0 -> #{'__struct__' => 'Elixir.Range', first => A, last => B, step => S}.
size(R) -> 'Elixir.Enum':count(R).
