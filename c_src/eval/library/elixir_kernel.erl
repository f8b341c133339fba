-module('Elixir.Kernel').
-export([inspect/1, inspect/2, struct/1, struct/2, get_in/2, put_in/3, update_in/3, 'struct!'/2, pop_in/2, max/2, min/2, '=~'/2, '**'/2]).
inspect(X) -> '$inspect':text(X, []).
inspect(X, Options) -> '$inspect':text(X, Options).
struct(S) -> struct(S, []).
struct(#{'__struct__' := _} = S, Fields) ->
    lists:foldl(fun({K, V}, Acc) when is_map_key(K, Acc), K =/= '__struct__' -> Acc#{K := V}; (_, Acc) -> Acc end, S, pairs(Fields));
struct(Module, _) -> error(undef, [Module]).
'struct!'(#{'__struct__' := _} = S, Fields) -> lists:foldl(fun({K, V}, Acc) -> Acc#{K := V} end, S, pairs(Fields)).
pairs(L) when is_list(L) -> L;
pairs(M) -> maps:to_list(M).
get_in(nil, _) -> nil;
get_in(D, [K]) when is_function(K, 3) -> K(get, D, fun(X) -> X end);
get_in(D, [K | Ks]) when is_function(K, 3) -> K(get, D, fun(X) -> get_in(X, Ks) end);
get_in(D, [K]) -> 'Elixir.Access':get(D, K);
get_in(D, [K | Ks]) -> get_in('Elixir.Access':get(D, K), Ks).
put_in(D, Ks, V) -> update_in(D, Ks, fun(_) -> V end).
update_in(D, [K], F) -> put(D, K, F('Elixir.Access':get(D, K)));
update_in(D, [K | Ks], F) -> put(D, K, update_in('Elixir.Access':get(D, K), Ks, F)).
put(M, K, V) when is_map(M) -> M#{K => V};
put(L, K, V) when is_list(L) -> 'Elixir.Keyword':put(L, K, V).
pop_in(D, [K]) when is_map(D) -> 'Elixir.Map':pop(D, K);
pop_in(D, [K]) -> 'Elixir.Keyword':pop(D, K);
pop_in(D, [K | Ks]) -> {V, New} = pop_in('Elixir.Access':get(D, K), Ks), {V, put(D, K, New)}.
'**'(B, E) when is_integer(B), is_integer(E), E >= 0 -> 'Elixir.Integer':pow(B, E);
'**'(B, E) -> math:pow(B, E).
max(A, B) -> erlang:max(A, B).
min(A, B) -> erlang:min(A, B).
'=~'(L, R) when is_binary(R) -> 'Elixir.String':'contains?'(L, R).
