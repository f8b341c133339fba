-module('Elixir.Float').
-export([to_string/1, to_charlist/1, round/1, round/2, floor/1, ceil/1, parse/1]).
to_string(F) -> '$eval':elixir_float(F).
to_charlist(F) -> binary_to_list(to_string(F)).
round(F) -> round(F, 0).
round(F, P) when is_float(F), is_integer(P), P >= 0, P =< 15 -> rounded(float_to_binary(F, [{decimals, max(P, 1)}]), P, F).
rounded(_, 0, F) -> float(erlang:round(F));
rounded(B, _, _) -> erlang:binary_to_float(B).
floor(F) -> float(erlang:floor(F)).
ceil(F) -> float(erlang:ceil(F)).
parse(S) when is_binary(S) ->
    case number(binary_to_list(S), [], int) of
        {[], _} -> error;
        {[C], _} when C =:= $-; C =:= $+ -> error;
        {Text, Rest} ->
            {Exponent, After} = exponent(Rest),
            Mantissa = case lists:member($., Text) of true -> Text; false -> Text ++ ".0" end,
            {list_to_float(Mantissa ++ Exponent), list_to_binary(After)}
    end.
number([C | T], [], int) when C =:= $-; C =:= $+ -> number(T, [C], int);
number([C | T], Acc, S) when C >= $0, C =< $9 -> number(T, [C | Acc], S);
number([$., C | T], [D | _] = Acc, int) when C >= $0, C =< $9, D >= $0 -> number(T, [C, $. | Acc], frac);
number(Rest, Acc, _) -> {lists:reverse(Acc), Rest}.
exponent([E, C | T]) when (E =:= $e orelse E =:= $E), C >= $0, C =< $9 -> {Ds, R} = digits([C | T]), {[$e | Ds], R};
exponent([E, Sign, C | T]) when (E =:= $e orelse E =:= $E), (Sign =:= $- orelse Sign =:= $+), C >= $0, C =< $9 ->
    {Ds, R} = digits([C | T]),
    {[$e, Sign | Ds], R};
exponent(Rest) -> {[], Rest}.
digits(L) -> lists:splitwith(fun(C) -> C >= $0 andalso C =< $9 end, L).
