%% What the Elixir modules share: exceptions.
-module('$elixir').
-export([raise/2, exception/2, no_protocol/2, argument_error/1]).
exception(Module, Fields) ->
    maps:merge(#{'__struct__' => Module, '__exception__' => true}, Fields).
raise(Module, Fields) -> error(exception(Module, Fields)).
argument_error(Message) -> raise('Elixir.ArgumentError', #{message => Message}).
no_protocol(Protocol, X) ->
    raise('Elixir.Protocol.UndefinedError', #{protocol => Protocol, value => X, description => <<>>}).
