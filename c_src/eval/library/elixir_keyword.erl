-module('Elixir.Keyword').
-export([new/0, new/1, get/2, get/3, fetch/2, 'fetch!'/2, put/3, put_new/3, delete/2, keys/1, values/1, 'has_key?'/2, merge/2, pop/2, pop/3, take/2, drop/2,
         'keyword?'/1, get_values/2, update/4, get_and_update/3, to_list/1, 'equal?'/2]).
new() -> [].
%% the last of several stays
new(X) -> lists:foldl(fun({K, V}, Acc) -> put_new(Acc, K, V) end, [], lists:reverse('Elixir.Enum':to_list(X))).
get(L, K) -> get(L, K, nil).
get(L, K, D) when is_list(L), is_atom(K) -> case lists:keyfind(K, 1, L) of {_, V} -> V; false -> D end.
fetch(L, K) -> case lists:keyfind(K, 1, L) of {_, V} -> {ok, V}; false -> error end.
'fetch!'(L, K) ->
    case lists:keyfind(K, 1, L) of
        {_, V} -> V;
        false -> '$elixir':raise('Elixir.KeyError', #{key => K, term => L, message => nil})
    end.
put(L, K, V) -> [{K, V} | delete(L, K)].
put_new(L, K, V) -> case lists:keymember(K, 1, L) of true -> L; false -> [{K, V} | L] end.
delete(L, K) -> [P || {Key, _} = P <- L, Key =/= K].
keys(L) -> [K || {K, _} <- L].
values(L) -> [V || {_, V} <- L].
'has_key?'(L, K) -> lists:keymember(K, 1, L).
merge(A, B) -> [P || {K, _} = P <- A, not lists:keymember(K, 1, B)] ++ B.
pop(L, K) -> pop(L, K, nil).
pop(L, K, D) -> case lists:keyfind(K, 1, L) of {_, V} -> {V, delete(L, K)}; false -> {D, L} end.
take(L, Ks) -> [P || {K, _} = P <- L, lists:member(K, Ks)].
drop(L, Ks) -> [P || {K, _} = P <- L, not lists:member(K, Ks)].
'keyword?'([{K, _} | T]) when is_atom(K) -> 'keyword?'(T);
'keyword?'([]) -> true;
'keyword?'(_) -> false.
get_values(L, K) -> [V || {Key, V} <- L, Key =:= K].
update([{K, V} | T], K, _, F) -> [{K, F(V)} | delete(T, K)];
update([P | T], K, D, F) -> [P | update(T, K, D, F)];
update([], K, D, _) -> [{K, D}].
to_list(L) -> L.
'equal?'(A, B) -> lists:sort(A) =:= lists:sort(B).
get_and_update(L, K, F) ->
    Old = get(L, K),
    case F(Old) of
        {V, New} -> {V, put(L, K, New)};
        pop -> {Old, delete(L, K)}
    end.
