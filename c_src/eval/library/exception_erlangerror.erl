-module('Elixir.ErlangError').
-export([exception/1, message/1]).
exception(Fields) when is_list(Fields) -> '$elixir':exception('Elixir.ErlangError', maps:merge(#{original => nil, reason => nil}, maps:from_list(Fields))).
message(E) -> 'Elixir.Exception':message(E).
