-module('Elixir.KeyError').
-export([exception/1, message/1]).
exception(Fields) when is_list(Fields) -> '$elixir':exception('Elixir.KeyError', maps:merge(#{key => nil, term => nil, message => nil}, maps:from_list(Fields))).
message(E) -> 'Elixir.Exception':message(E).
