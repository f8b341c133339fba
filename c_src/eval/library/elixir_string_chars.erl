-module('Elixir.String.Chars').
-export([to_string/1]).
to_string(X) when is_binary(X) -> X;
to_string(nil) -> <<>>;
to_string(X) when is_atom(X) -> atom_to_binary(X);
to_string(X) when is_integer(X) -> integer_to_binary(X);
to_string(X) when is_float(X) -> '$eval':elixir_float(X);
to_string([]) -> <<>>;
to_string(X) when is_list(X) -> 'Elixir.List':to_string(X);
to_string(#{'__struct__' := S} = X) when S =:= 'Elixir.DateTime'; S =:= 'Elixir.NaiveDateTime'; S =:= 'Elixir.Date'; S =:= 'Elixir.Time' ->
    '$calendar':text(X);
to_string(X) -> no(X).
no(X) -> '$elixir':no_protocol('Elixir.String.Chars', X).
