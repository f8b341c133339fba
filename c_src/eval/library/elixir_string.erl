-module('Elixir.String').
-export([upcase/1, upcase/2, downcase/1, downcase/2, capitalize/1, length/1, reverse/1, trim/1, trim/2, trim_leading/1, trim_trailing/1, split/1, split/2, split/3, 'contains?'/2,
         'starts_with?'/2, 'ends_with?'/2, replace/3, replace/4, to_integer/1, to_integer/2, to_float/1, to_atom/1, to_existing_atom/1, to_charlist/1, graphemes/1, codepoints/1,
         at/2, slice/2, slice/3, duplicate/2, pad_leading/2, pad_leading/3, pad_trailing/2, pad_trailing/3, first/1, last/1, 'valid?'/1, 'printable?'/1,
         replace_prefix/3, replace_suffix/3]).
upcase(S) when is_binary(S) -> '$eval':upcase(S).
upcase(S, default) -> upcase(S);
upcase(S, ascii) when is_binary(S) -> << <<(case C >= $a andalso C =< $z of true -> C - 32; false -> C end)>> || <<C>> <= S >>;
upcase(S, Mode) -> '$eval':fail_as(undef, 'Elixir.String', upcase, [S, Mode]).
downcase(S) when is_binary(S) -> '$eval':downcase(S).
downcase(S, default) -> downcase(S);
downcase(S, ascii) when is_binary(S) -> << <<(case C >= $A andalso C =< $Z of true -> C + 32; false -> C end)>> || <<C>> <= S >>;
downcase(S, Mode) -> '$eval':fail_as(undef, 'Elixir.String', downcase, [S, Mode]).
capitalize(<<>>) -> <<>>;
capitalize(S) when is_binary(S) ->
    [F | _] = '$eval':graphemes(S),
    Size = byte_size(F),
    <<_:Size/binary, R/binary>> = S,
    U = case upcase(F) of <<"SS">> -> <<"Ss">>; Up -> Up end,
    <<U/binary, (downcase(R))/binary>>.
length(S) when is_binary(S) -> erlang:length('$eval':graphemes(S)).
reverse(S) when is_binary(S) -> iolist_to_binary(lists:reverse('$eval':graphemes(S))).
graphemes(S) -> '$eval':graphemes(S).
codepoints(S) -> codepoints(S, []).
codepoints(<<C/utf8, R/binary>>, Acc) -> codepoints(R, [<<C/utf8>> | Acc]);
codepoints(<<B, R/binary>>, Acc) -> codepoints(R, [<<B>> | Acc]);
codepoints(<<>>, Acc) -> lists:reverse(Acc).
trim(S) -> trim_trailing(trim_leading(S)).
trim(S, T) -> strip_end(strip_begin(S, T), T).
strip_begin(S, T) -> N = byte_size(T), case S of <<T1:N/binary, R/binary>> when T1 =:= T, N > 0 -> strip_begin(R, T); _ -> S end.
strip_end(S, T) ->
    N = byte_size(T), K = byte_size(S) - N,
    case S of <<R:K/binary, T1:N/binary>> when T1 =:= T, N > 0, K >= 0 -> strip_end(R, T); _ -> S end.
trim_leading(<<C/utf8, R/binary>> = S) -> case space(C) of true -> trim_leading(R); false -> S end;
trim_leading(S) when is_binary(S) -> S.
trim_trailing(S) when is_binary(S) -> trim_end(S, byte_size(S)).
trim_end(S, N) ->
    case [R || Size <- [1, 2, 3], R <- ending(S, N, Size)] of
        [] -> S;
        [R] -> trim_end(R, byte_size(R))
    end.
%% What is in front of a space that takes Size bytes at the end.
ending(S, N, Size) when N >= Size ->
    K = N - Size,
    case S of <<R:K/binary, C/utf8>> -> [R || space(C)]; _ -> [] end;
ending(_, _, _) -> [].
space(C) -> breaks(C) orelse C =:= 16#a0 orelse C =:= 16#2007 orelse C =:= 16#202f.
%% Spaces between words, as those are not that hold words together.
breaks(C) -> (C >= 9 andalso C =< 13) orelse C =:= 32 orelse C =:= 16#85 orelse C =:= 16#1680
                 orelse (C >= 16#2000 andalso C =< 16#200a andalso C =/= 16#2007)
                 orelse C =:= 16#2028 orelse C =:= 16#2029 orelse C =:= 16#205f orelse C =:= 16#3000.
split(S) when is_binary(S) -> words(S, [], []).
words(<<C/utf8, R/binary>>, W, Ws) -> case breaks(C) of true -> words(R, [], word(W, Ws)); false -> words(R, [<<C/utf8>> | W], Ws) end;
words(<<B, R/binary>>, W, Ws) -> words(R, [B | W], Ws);
words(<<>>, W, Ws) -> lists:reverse(word(W, Ws)).
word([], Ws) -> Ws;
word(W, Ws) -> [iolist_to_binary(lists:reverse(W)) | Ws].
split(S, P) -> split(S, P, []).
split(S, #{'__struct__' := 'Elixir.Regex'} = P, O) -> 'Elixir.Regex':split(P, S, O);
split(S, P, O) when is_binary(S) ->
    Trim = case lists:keyfind(trim, 1, O) of {_, true} -> true; _ -> false end,
    case lists:keyfind(parts, 1, O) of
        {_, N} when is_integer(N), N > 0 -> parts(S, P, Trim, N);
        _ -> clean(pieces(S, P), Trim)
    end.
pieces(S, []) -> [S];
pieces(S, <<>>) -> [<<>> | '$eval':graphemes(S)] ++ [<<>>];
pieces(S, P) -> binary:split(S, P, [global]).
parts(S, <<>>, Trim, N) -> most(clean(pieces(S, <<>>), Trim), N);
parts(S, [], Trim, _) -> clean([S], Trim);
parts(S, _, Trim, 1) -> clean([S], Trim);
parts(S, P, Trim, N) ->
    case binary:split(S, P) of
        [<<>>, R] when Trim -> parts(R, P, Trim, N);
        [A, R] -> [A | parts(R, P, Trim, N - 1)];
        L -> clean(L, Trim)
    end.
most([], _) -> [];
most(L, 1) -> [iolist_to_binary(L)];
most([H | T], N) -> [H | most(T, N - 1)].
clean(L, true) -> [X || X <- L, X =/= <<>>];
clean(L, false) -> L.
'contains?'(S, L) when is_binary(S), is_list(L) -> lists:any(fun(P) -> 'contains?'(S, P) end, L);
'contains?'(S, <<>>) when is_binary(S) -> true;
'contains?'(S, P) when is_binary(S) -> binary:match(S, P) =/= nomatch.
'starts_with?'(S, L) when is_binary(S), is_list(L) -> lists:any(fun(P) -> 'starts_with?'(S, P) end, L);
'starts_with?'(S, P) when is_binary(S) -> N = byte_size(P), case S of <<P1:N/binary, _/binary>> -> P1 =:= P; _ -> false end.
'ends_with?'(S, L) when is_binary(S), is_list(L) -> lists:any(fun(P) -> 'ends_with?'(S, P) end, L);
'ends_with?'(S, P) when is_binary(S) -> N = byte_size(P), K = byte_size(S) - N, K >= 0 andalso binary_part(S, K, N) =:= P.
replace(S, P, R) -> replace(S, P, R, []).
replace(S, #{'__struct__' := 'Elixir.Regex'} = P, R, O) -> 'Elixir.Regex':replace(P, S, R, O);
replace(S, P, R, O) when is_binary(S), is_binary(R) -> replace(S, P, fun(_) -> R end, O);
replace(S, P, R, O) when is_binary(S), is_function(R, 1) ->
    Global = case lists:keyfind(global, 1, O) of {_, false} -> false; _ -> true end,
    iolist_to_binary(replaced(S, P, R, Global)).
replaced(S, [], _, _) -> S;
replaced(S, <<>>, R, false) -> [R(<<>>), S];
replaced(S, <<>>, R, true) -> [R(<<>>) | [[G, R(<<>>)] || G <- '$eval':graphemes(S)]];
replaced(S, P, R, false) -> case binary:match(S, P) of nomatch -> S; Found -> between(S, [Found], 0, R) end;
replaced(S, P, R, true) -> between(S, binary:matches(S, P), 0, R).
between(S, [], From, _) -> [binary_part(S, From, byte_size(S) - From)];
between(S, [{At, N} | More], From, R) -> [binary_part(S, From, At - From), R(binary_part(S, At, N)) | between(S, More, At + N, R)].
replace_prefix(S, P, R) -> case 'starts_with?'(S, P) of true -> N = byte_size(P), <<_:N/binary, T/binary>> = S, <<R/binary, T/binary>>; false -> S end.
replace_suffix(S, P, R) -> case 'ends_with?'(S, P) of true -> <<(binary_part(S, 0, byte_size(S) - byte_size(P)))/binary, R/binary>>; false -> S end.
to_integer(S) -> binary_to_integer(S).
to_integer(S, B) -> binary_to_integer(S, B).
to_float(S) -> binary_to_float(S).
to_atom(S) -> binary_to_atom(S).
to_existing_atom(S) -> binary_to_existing_atom(S, utf8).
to_charlist(S) -> unicode:characters_to_list(S).
at(S, I) -> 'Elixir.Enum':at('$eval':graphemes(S), I).
slice(S, R) -> iolist_to_binary('Elixir.Enum':slice('$eval':graphemes(S), R)).
slice(S, A, N) -> iolist_to_binary('Elixir.Enum':slice('$eval':graphemes(S), A, N)).
duplicate(S, N) -> binary:copy(S, N).
pad_leading(S, N) -> pad_leading(S, N, <<" ">>).
pad_leading(S, N, P) -> <<(pad(S, N, P))/binary, S/binary>>.
pad_trailing(S, N) -> pad_trailing(S, N, <<" ">>).
pad_trailing(S, N, P) -> <<S/binary, (pad(S, N, P))/binary>>.
pad(S, N, P) ->
    Missing = N - length(S),
    Ps = case P of L when is_list(L) -> L; B -> '$eval':graphemes(B) end,
    iolist_to_binary(cycle(Ps, Ps, Missing)).
cycle(_, _, N) when N =< 0 -> [];
cycle([], Ps, N) -> cycle(Ps, Ps, N);
cycle([H | T], Ps, N) -> [H | cycle(T, Ps, N - 1)].
first(<<>>) -> nil;
first(S) -> hd('$eval':graphemes(S)).
last(<<>>) -> nil;
last(S) -> lists:last('$eval':graphemes(S)).
'valid?'(S) -> '$eval':is_valid_utf8(S).
'printable?'(S) -> '$inspect':printable(S).
