-module('Elixir.List').
-export([first/1, first/2, last/1, last/2, flatten/1, to_string/1, to_tuple/1, to_integer/1, to_atom/1, delete/2, delete_at/2, insert_at/3, replace_at/3, update_at/3, zip/1,
         duplicate/2, foldl/3, foldr/3, wrap/1, keyfind/3, keyfind/4, keymember/3, keystore/4, keydelete/3, keysort/2, 'starts_with?'/2, pop_at/2,
         to_charlist/1, to_float/1]).
first(L) -> first(L, nil).
first([H | _], _) -> H;
first([], D) -> D.
last(L) -> last(L, nil).
last([], D) -> D;
last([X], _) -> X;
last([_ | T], D) -> last(T, D).
flatten(L) -> lists:flatten(L).
to_string(L) when is_list(L) ->
    case '$eval':chardata_to_binary(L) of
        false -> no_text(L, []);
        B -> B
    end.
no_text([H | T], Before) ->
    case '$eval':chardata_to_binary([H]) of
        false when is_integer(H) ->
            '$elixir':raise('Elixir.UnicodeConversionError',
                            #{encoded => iolist_to_binary(lists:reverse(Before)),
                              message => <<"invalid code point ", (integer_to_binary(H))/binary>>});
        false -> '$elixir':argument_error(<<"cannot convert the given list to a string">>);
        B -> no_text(T, [B | Before])
    end;
no_text(_, _) -> '$elixir':argument_error(<<"cannot convert the given list to a string">>).
to_charlist(L) -> '$eval':utf8_to_list(to_string(L)).
to_tuple(L) -> list_to_tuple(L).
to_integer(L) -> list_to_integer(L).
to_float(L) -> list_to_float(L).
to_atom(L) -> list_to_atom(L).
delete(L, X) -> lists:delete(X, L).
at(L, I) when I < 0 -> length(L) + I;
at(_, I) -> I.
delete_at(L, I) -> del(L, at(L, I)).
del([_ | T], 0) -> T;
del([H | T], I) when I > 0 -> [H | del(T, I - 1)];
del(L, _) -> L.
pop_at(L, I) -> case 'Elixir.Enum':fetch(L, I) of {ok, V} -> {V, delete_at(L, I)}; error -> {nil, L} end.
insert_at(L, I, X) when I < 0 -> ins(L, max(0, length(L) + I + 1), X);
insert_at(L, I, X) -> ins(L, I, X).
ins(L, 0, X) -> [X | L];
ins([H | T], I, X) -> [H | ins(T, I - 1, X)];
ins([], _, X) -> [X].
replace_at(L, I, X) -> update_at(L, I, fun(_) -> X end).
update_at(L, I, F) -> upd(L, at(L, I), F).
upd([H | T], 0, F) -> [F(H) | T];
upd([H | T], I, F) when I > 0 -> [H | upd(T, I - 1, F)];
upd(L, _, _) -> L.
zip([]) -> [];
zip(Ls) -> case lists:any(fun(L) -> L =:= [] end, Ls) of true -> []; false -> [list_to_tuple([hd(L) || L <- Ls]) | zip([tl(L) || L <- Ls])] end.
duplicate(X, N) -> lists:duplicate(N, X).
foldl(L, A, F) -> lists:foldl(F, A, L).
foldr(L, A, F) -> lists:foldr(F, A, L).
wrap(nil) -> [];
wrap(L) when is_list(L) -> L;
wrap(X) -> [X].
keyfind(L, K, N) -> keyfind(L, K, N, nil).
keyfind(L, K, N, D) -> case lists:keyfind(K, N + 1, L) of false -> D; T -> T end.
keymember(L, K, N) -> lists:keymember(K, N + 1, L).
keystore(L, K, N, T) -> lists:keystore(K, N + 1, L, T).
keydelete(L, K, N) -> lists:keydelete(K, N + 1, L).
keysort(L, N) -> lists:keysort(N + 1, L).
'starts_with?'(L, P) -> lists:prefix(P, L).
