-module('Elixir.List.Chars').
-export([to_charlist/1]).
to_charlist(X) when is_list(X) -> X;
to_charlist(nil) -> [];
to_charlist(X) -> unicode:characters_to_list('Elixir.String.Chars':to_string(X)).
