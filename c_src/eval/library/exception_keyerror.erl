-module('Elixir.KeyError').
-export([exception/1, message/1]).
exception(Message) when is_binary(Message) ->
    '$elixir':exception('Elixir.KeyError', #{key => nil, term => nil, message => Message});
exception(Fields) when is_list(Fields) -> '$elixir':exception('Elixir.KeyError', maps:merge(#{key => nil, term => nil, message => nil}, maps:from_list(Fields))).
message(E) -> 'Elixir.Exception':message(E).
