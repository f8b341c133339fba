-module(maps).
-export([filter/2, filtermap/2, fold/3, foreach/2, from_keys/2, intersect/2, map/2, merge_with/3, take/2, update_with/3,
         update_with/4, with/2, without/2]).

filter(P, M) when is_function(P, 2) -> maps:from_list([{K, V} || {K, V} <- pairs(M), P(K, V)]).
filtermap(F, M) when is_function(F, 2) ->
    maps:from_list(lists:filtermap(fun({K, V}) ->
                                           case F(K, V) of
                                               true -> {true, {K, V}};
                                               {true, New} -> {true, {K, New}};
                                               false -> false
                                           end
                                   end, pairs(M))).
fold(F, Acc, M) when is_function(F, 3) -> lists:foldl(fun({K, V}, A) -> F(K, V, A) end, Acc, pairs(M)).
foreach(F, M) when is_function(F, 2) -> lists:foreach(fun({K, V}) -> F(K, V) end, pairs(M)).
from_keys(Keys, V) -> maps:from_list([{K, V} || K <- Keys]).
intersect(A, B) -> maps:from_list([P || {K, _} = P <- pairs(B), is_map_key(K, A)]).
map(F, M) when is_function(F, 2) -> maps:from_list([{K, F(K, V)} || {K, V} <- pairs(M)]).
merge_with(F, A, B) when is_function(F, 3) ->
    fold(fun(K, V, Acc) ->
                 case Acc of
                     #{K := Old} -> Acc#{K := F(K, Old, V)};
                     #{} -> Acc#{K => V}
                 end
         end, A, B).
take(K, M) ->
    case maps:find(K, M) of
        {ok, V} -> {V, maps:remove(K, M)};
        error -> error
    end.
update_with(K, F, M) -> M#{K := F(maps:get(K, M))}.
update_with(K, F, Init, M) ->
    case maps:find(K, M) of
        {ok, V} -> M#{K := F(V)};
        error -> M#{K => Init}
    end.
with(Keys, M) -> maps:from_list([{K, maps:get(K, M)} || K <- Keys, is_map_key(K, M)]).
without(Keys, M) -> lists:foldl(fun maps:remove/2, M, Keys).
pairs(M) -> maps:to_list(M).
