%% What `for ... into:' expands to when the compiler does not know what it collects into.
-module('Elixir.Collectable').
-export([into/1]).
into(L) when is_list(L) ->
    {[], fun(Acc, {cont, X}) -> [X | Acc]; (Acc, done) -> L ++ lists:reverse(Acc); (_, halt) -> ok end};
into(B) when is_binary(B) ->
    {[], fun(Acc, {cont, X}) when is_bitstring(X) -> [X | Acc]; (Acc, done) -> list_to_bitstring([B | lists:reverse(Acc)]); (_, halt) -> ok end};
into(#{'__struct__' := 'Elixir.MapSet'} = S) ->
    {S, fun(Acc, {cont, X}) -> 'Elixir.MapSet':put(Acc, X); (Acc, done) -> Acc; (_, halt) -> ok end};
into(#{'__struct__' := _} = X) -> '$elixir':no_protocol('Elixir.Collectable', X);
into(M) when is_map(M) ->
    {M, fun(Acc, {cont, {K, V}}) -> Acc#{K => V}; (Acc, done) -> Acc; (_, halt) -> ok end};
into(X) -> '$elixir':no_protocol('Elixir.Collectable', X).
