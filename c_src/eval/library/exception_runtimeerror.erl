-module('Elixir.RuntimeError').
-export([exception/1, message/1]).
exception(Message) when is_binary(Message) -> '$elixir':exception('Elixir.RuntimeError', #{message => Message});
exception(Fields) when is_list(Fields) ->
    '$elixir':exception('Elixir.RuntimeError', maps:merge(#{message => <<"runtime error">>}, maps:from_list(Fields))).
message(E) -> 'Elixir.Exception':message(E).
