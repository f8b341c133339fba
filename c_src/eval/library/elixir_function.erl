-module('Elixir.Function').
-export([identity/1, info/2]).
identity(X) -> X.
info(F, W) -> erlang:fun_info(F, W).
