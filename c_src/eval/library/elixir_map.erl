-module('Elixir.Map').
-export([new/0, new/1, new/2, get/2, get/3, fetch/2, 'fetch!'/2, put/3, put_new/3, put_new_lazy/3, delete/2, drop/2, take/2, keys/1, values/1, to_list/1,
         merge/2, merge/3, update/4, 'update!'/3, 'has_key?'/2, filter/2, reject/2, pop/2, pop/3, 'pop!'/2, replace/3, 'replace!'/3, from_struct/1, 'equal?'/2,
         get_lazy/3, get_and_update/3, split/2]).
new() -> #{}.
new(X) -> maps:from_list('Elixir.Enum':to_list(X)).
new(X, F) -> maps:from_list('Elixir.Enum':map(X, F)).
get(M, K) -> get(M, K, nil).
get(M, K, D) -> maps:get(K, M, D).
get_lazy(M, K, F) -> case maps:find(K, M) of {ok, V} -> V; error -> F() end.
fetch(M, K) -> maps:find(K, M).
'fetch!'(M, K) -> maps:get(K, M).
put(M, K, V) -> maps:put(K, V, M).
put_new(M, K, V) -> case M of #{K := _} -> M; #{} -> M#{K => V}; O -> error({badmap, O}) end.
put_new_lazy(M, K, F) -> case M of #{K := _} -> M; #{} -> M#{K => F()} end.
delete(M, K) -> maps:remove(K, M).
drop(M, Ks) -> lists:foldl(fun maps:remove/2, M, 'Elixir.Enum':to_list(Ks)).
take(M, Ks) -> maps:with('Elixir.Enum':to_list(Ks), M).
split(M, Ks) -> {take(M, Ks), drop(M, Ks)}.
keys(M) -> maps:keys(M).
values(M) -> maps:values(M).
to_list(M) -> maps:to_list(M).
merge(A, B) -> maps:merge(A, B).
merge(A, B, F) -> maps:merge_with(F, A, B).
update(M, K, D, F) -> case M of #{K := V} -> M#{K := F(V)}; #{} -> M#{K => D}; O -> error({badmap, O}) end.
'update!'(M, K, F) -> M#{K := F(maps:get(K, M))}.
'has_key?'(M, K) -> is_map_key(K, M).
filter(M, F) -> maps:from_list([P || P <- maps:to_list(M), truthy(F(P))]).
reject(M, F) -> maps:from_list([P || P <- maps:to_list(M), not truthy(F(P))]).
truthy(false) -> false;
truthy(nil) -> false;
truthy(_) -> true.
pop(M, K) -> pop(M, K, nil).
pop(M, K, D) -> case maps:take(K, M) of {_, _} = T -> T; error -> {D, M} end.
'pop!'(M, K) ->
    case maps:take(K, M) of
        {_, _} = T -> T;
        error -> '$elixir':raise('Elixir.KeyError', #{key => K, term => M, message => nil})
    end.
replace(M, K, V) -> case M of #{K := _} -> M#{K := V}; #{} -> M end.
'replace!'(M, K, V) -> M#{K := V}.
from_struct(#{'__struct__' := _} = S) -> maps:remove('__struct__', S).
'equal?'(A, B) when is_map(A), is_map(B) -> A =:= B.
get_and_update(M, K, F) ->
    Old = get(M, K),
    case F(Old) of
        {V, New} -> {V, M#{K => New}};
        pop -> {Old, maps:remove(K, M)}
    end.
