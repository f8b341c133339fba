-module('Elixir.Integer').
-export([to_string/1, to_string/2, to_charlist/1, parse/1, pow/2, digits/1, digits/2, undigits/1, gcd/2, mod/2, floor_div/2]).
to_string(I) -> integer_to_binary(I).
to_string(I, B) -> integer_to_binary(I, B).
to_charlist(I) -> integer_to_list(I).
parse(S) when is_binary(S) ->
    case string:to_integer(S) of
        {error, _} -> error;
        {I, Rest} -> {I, Rest}
    end.
pow(B, E) when is_integer(B), is_integer(E), E < 0 -> '$eval':fail_as(badarith, 'Elixir.Integer', pow, [B, E]);
pow(B, 0) when is_integer(B) -> 1;
pow(B, E) when is_integer(B), is_integer(E), E > 0 ->
    H = pow(B, E div 2),
    case E rem 2 of 0 -> H * H; 1 -> H * H * B end.
digits(N) -> digits(N, 10).
digits(N, B) when is_integer(N), N < 0 -> [-D || D <- digits(-N, B)];
digits(N, B) when is_integer(N), is_integer(B), B >= 2 -> digits(N, B, []).
digits(N, B, Acc) when N < B -> [N | Acc];
digits(N, B, Acc) -> digits(N div B, B, [N rem B | Acc]).
undigits(Ds) -> lists:foldl(fun(D, A) -> A * 10 + D end, 0, Ds).
gcd(A, 0) when is_integer(A) -> abs(A);
gcd(A, B) -> gcd(B, A rem B).
mod(A, B) -> R = A rem B, case R * B < 0 of true -> R + B; false -> R end.
floor_div(A, B) -> case (A rem B) * B < 0 of true -> A div B - 1; false -> A div B end.
