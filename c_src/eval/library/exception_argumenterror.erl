-module('Elixir.ArgumentError').
-export([exception/1, message/1]).
exception(Message) when is_binary(Message) -> '$elixir':exception('Elixir.ArgumentError', #{message => Message});
exception(Fields) when is_list(Fields) ->
    '$elixir':exception('Elixir.ArgumentError', maps:merge(#{message => <<"argument error">>}, maps:from_list(Fields))).
message(E) -> 'Elixir.Exception':message(E).
