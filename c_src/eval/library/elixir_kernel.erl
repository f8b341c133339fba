-module('Elixir.Kernel').
-export([inspect/1, inspect/2, struct/1, struct/2, get_in/2, put_in/3, update_in/3, 'struct!'/2, pop_in/2, get_and_update_in/3, max/2, min/2, '=~'/2, '**'/2]).
inspect(X) -> '$inspect':text(X, []).
inspect(X, Options) -> '$inspect':text(X, Options).
struct(S) -> struct(S, []).
struct(#{'__struct__' := _} = S, Fields) ->
    lists:foldl(fun({K, V}, Acc) when is_map_key(K, Acc), K =/= '__struct__' -> Acc#{K := V}; (_, Acc) -> Acc end, S, pairs(Fields));
struct(Module, Fields) when is_atom(Module) -> struct(Module:'__struct__'(), Fields).
'struct!'(#{'__struct__' := _} = S, Fields) -> lists:foldl(fun({K, V}, Acc) -> Acc#{K := V} end, S, pairs(Fields)).
pairs(L) when is_list(L) -> L;
pairs(M) -> maps:to_list(M).
get_in(D, [K]) when is_function(K, 3) -> K(get, D, fun(X) -> X end);
get_in(D, [K | Ks]) when is_function(K, 3) -> K(get, D, fun(X) -> get_in(X, Ks) end);
get_in(nil, [_ | _]) -> nil;
get_in(D, [K]) -> 'Elixir.Access':get(D, K);
get_in(D, [K | Ks]) -> get_in('Elixir.Access':get(D, K), Ks).
put_in(D, Ks, V) -> element(2, get_and_update_in(D, Ks, fun(_) -> {nil, V} end)).
update_in(D, Ks, F) -> element(2, get_and_update_in(D, Ks, fun(X) -> {nil, F(X)} end)).
get_and_update_in(D, [K], F) when is_function(K, 3) -> K(get_and_update, D, F);
get_and_update_in(D, [K | Ks], F) when is_function(K, 3) -> K(get_and_update, D, fun(X) -> get_and_update_in(X, Ks, F) end);
get_and_update_in(D, [K], F) -> 'Elixir.Access':get_and_update(D, K, F);
get_and_update_in(D, [K | Ks], F) -> 'Elixir.Access':get_and_update(D, K, fun(X) -> get_and_update_in(X, Ks, F) end).
pop_in(D, Ks) ->
    case popped(D, Ks) of
        pop -> '$elixir':argument_error(<<"could not pop key ", ('$inspect':text(hd(Ks), []))/binary, " on a nil value">>);
        Popped -> Popped
    end.
popped(nil, [_ | _]) -> pop;
popped(D, [K]) when is_function(K, 3) -> K(get_and_update, D, fun(_) -> pop end);
popped(D, [K | Ks]) when is_function(K, 3) -> K(get_and_update, D, fun(X) -> popped(X, Ks) end);
popped(D, [K]) -> 'Elixir.Access':pop(D, K);
popped(D, [K | Ks]) -> 'Elixir.Access':get_and_update(D, K, fun(X) -> popped(X, Ks) end).
'**'(B, E) when is_integer(B), is_integer(E), E >= 0 -> 'Elixir.Integer':pow(B, E);
'**'(B, E) -> math:pow(B, E).
max(A, B) -> erlang:max(A, B).
min(A, B) -> erlang:min(A, B).
'=~'(L, <<>>) when is_binary(L) -> true;
'=~'(L, R) when is_binary(L), is_binary(R) -> 'Elixir.String':'contains?'(L, R);
'=~'(L, R) when is_binary(L) -> 'Elixir.Regex':'match?'(R, L).
