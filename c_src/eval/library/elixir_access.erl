-module('Elixir.Access').
-export([get/2, get/3, fetch/2, 'fetch!'/2, get_and_update/3, pop/2]).
get(D, K) -> get(D, K, nil).
get(#{'__struct__' := S}, _, _) -> '$elixir':raise('Elixir.UndefinedFunctionError', #{module => S, function => fetch, arity => 2, reason => nil, message => nil});
get(M, K, Default) when is_map(M) -> maps:get(K, M, Default);
get(L, K, Default) when is_list(L), is_atom(K) -> case lists:keyfind(K, 1, L) of {_, V} -> V; false -> Default end;
get(L, K, _) when is_list(L) ->
    '$elixir':argument_error(<<"the Access calls for keywords expect the key to be an atom, got: ", ('$inspect':text(K, []))/binary>>);
get(nil, _, Default) -> Default;
get(D, K, Default) -> '$eval':fail_as(function_clause, 'Elixir.Access', get, [D, K, Default]).
fetch(M, K) when is_map(M) -> maps:find(K, M);
fetch(L, K) when is_list(L) -> case lists:keyfind(K, 1, L) of {_, V} -> {ok, V}; false -> error end;
fetch(nil, _) -> error.
'fetch!'(D, K) ->
    case fetch(D, K) of
        {ok, V} -> V;
        error -> '$elixir':raise('Elixir.KeyError', #{key => K, term => D, message => nil})
    end.
get_and_update(#{'__struct__' := S} = D, K, F) -> S:get_and_update(D, K, F);
get_and_update(M, K, F) when is_map(M) -> 'Elixir.Map':get_and_update(M, K, F);
get_and_update(L, K, F) when is_list(L) -> 'Elixir.Keyword':get_and_update(L, K, F);
get_and_update(nil, K, _) ->
    '$elixir':argument_error(<<"could not put/update key ", ('$inspect':text(K, []))/binary, " on a nil value">>).
pop(#{'__struct__' := S} = D, K) -> S:pop(D, K);
pop(M, K) when is_map(M) -> 'Elixir.Map':pop(M, K);
pop(L, K) when is_list(L) -> 'Elixir.Keyword':pop(L, K);
pop(nil, K) -> '$elixir':argument_error(<<"could not pop key ", ('$inspect':text(K, []))/binary, " on a nil value">>).
