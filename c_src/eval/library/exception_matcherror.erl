-module('Elixir.MatchError').
-export([exception/1, message/1]).
exception(Fields) when is_list(Fields) -> '$elixir':exception('Elixir.MatchError', maps:merge(#{term => nil}, maps:from_list(Fields))).
message(E) -> 'Elixir.Exception':message(E).
