-module('Elixir.ArithmeticError').
-export([exception/1, message/1]).
exception(Message) when is_binary(Message) -> '$elixir':exception('Elixir.ArithmeticError', #{message => Message});
exception(Fields) when is_list(Fields) ->
    '$elixir':exception('Elixir.ArithmeticError', maps:merge(#{message => <<"bad argument in arithmetic expression">>}, maps:from_list(Fields))).
message(E) -> 'Elixir.Exception':message(E).
