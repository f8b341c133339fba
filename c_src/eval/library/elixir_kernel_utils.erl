%% What raise/1, reraise/2 and destructure/2 expand to.
-module('Elixir.Kernel.Utils').
-export([raise/1, destructure/2]).
raise(Message) when is_binary(Message) -> 'Elixir.RuntimeError':exception(Message);
raise(Module) when is_atom(Module) -> Module:exception([]);
raise(#{'__struct__' := _, '__exception__' := true} = E) -> E;
raise(X) ->
    'Elixir.ArgumentError':exception(<<"raise/1 and reraise/2 expect a module name, string or exception as the first argument, got: ",
                                       ('$inspect':text(X, []))/binary>>).
destructure(nil, N) when is_integer(N), N >= 0 -> lists:duplicate(N, nil);
destructure(L, N) when is_list(L), is_integer(N), N >= 0 ->
    First = lists:sublist(L, N),
    First ++ lists:duplicate(N - length(First), nil).
