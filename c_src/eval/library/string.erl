%% Chardata; what comes back is of the kind that went in, where the documentation says so.
-module(string).
-export([concat/2, equal/2, find/2, is_empty/1, join/2, length/1, lexemes/2, lowercase/1, prefix/2, replace/3, replace/4, reverse/1, slice/2,
         slice/3, split/2, split/3, strip/1, to_graphemes/1, to_integer/1, to_lower/1, to_upper/1, tokens/2, trim/1, trim/2, uppercase/1]).
concat(A, B) -> A ++ B.
equal(A, B) -> bin(A) =:= bin(B).
is_empty(S) -> bin(S) =:= <<>>.
join([], Sep) when is_list(Sep) -> [];
join(L, Sep) -> lists:append(lists:join(Sep, L)).
length(S) -> erlang:length('$eval':graphemes(bin(S))).
uppercase(S) -> like(S, '$eval':upcase(bin(S))).
lowercase(S) -> like(S, '$eval':downcase(bin(S))).
to_upper(S) when is_list(S) -> uppercase(S);
to_upper(C) when is_integer(C) -> hd(uppercase([C])).
to_lower(S) when is_list(S) -> lowercase(S);
to_lower(C) when is_integer(C) -> hd(lowercase([C])).
reverse(S) -> chars(iolist_to_binary(lists:reverse('$eval':graphemes(bin(S))))).
to_graphemes(S) -> [case chars(G) of [C] -> C; Cs -> Cs end || G <- '$eval':graphemes(bin(S))].
slice(S, At) -> slice(S, At, infinity).
slice(S, At, N) ->
    Tail = drop(At, '$eval':graphemes(bin(S))),
    like(S, iolist_to_binary(case N of infinity -> Tail; _ -> lists:sublist(Tail, N) end)).
drop(N, [_ | T]) when N > 0 -> drop(N - 1, T);
drop(_, L) -> L.
split(S, P) -> split(S, P, leading).
split(S, P, all) -> [like(S, X) || X <- binary:split(bin(S), bin(P), [global])];
split(S, P, leading) -> [like(S, X) || X <- binary:split(bin(S), bin(P))];
split(S, P, trailing) ->
    case lists:reverse(binary:matches(bin(S), bin(P))) of
        [] -> [S];
        [{At, N} | _] -> B = bin(S), <<A:At/binary, _:N/binary, R/binary>> = B, [like(S, A), like(S, R)]
    end.
find(S, P) ->
    case binary:match(bin(S), bin(P)) of
        nomatch -> nomatch;
        {At, _} -> <<_:At/binary, R/binary>> = bin(S), like(S, R)
    end.
prefix(S, P) ->
    Size = byte_size(bin(P)),
    case {bin(S), bin(P)} of
        {<<P1:Size/binary, R/binary>>, P1} -> like(S, R);
        _ -> nomatch
    end.
replace(S, P, New) -> replace(S, P, New, leading).
replace(S, P, New, Where) -> lists:join(New, split(S, P, Where)).
lexemes(S, Separators) -> [like(S, W) || W <- binary:split(bin(S), [<<C/utf8>> || C <- Separators], [global, trim_all])].
tokens(S, Separators) -> lexemes(S, Separators).
strip(S) -> trim_of(S, " ", both).
trim(S) -> trim(S, both).
trim(S, Where) -> trim_of(S, [$\s, $\t, $\n, $\r, $\v, $\f, 133, 8232, 8233], Where).
trim_of(S, Set, Where) ->
    In = fun(C) -> lists:member(C, Set) end,
    L0 = chars(bin(S)),
    L1 = case Where of trailing -> L0; _ -> lists:dropwhile(In, L0) end,
    L2 = case Where of leading -> L1; _ -> lists:reverse(lists:dropwhile(In, lists:reverse(L1))) end,
    like(S, unicode:characters_to_binary(L2)).
to_integer(S) ->
    {Sign, Digits} = case chars(bin(S)) of [C | T] when C =:= $-; C =:= $+ -> {[C], T}; L -> {[], L} end,
    case lists:splitwith(fun(C) -> C >= $0 andalso C =< $9 end, Digits) of
        {[], _} -> {error, no_integer};
        {Ds, R} -> {list_to_integer(Sign ++ Ds), like(S, unicode:characters_to_binary(R))}
    end.
bin(S) -> unicode:characters_to_binary(S).
chars(B) -> '$eval':utf8_to_list(B).
like(S, B) when is_binary(S) -> B;
like(_, B) -> chars(B).
