-module('Elixir.Node').
-export([self/0, list/0, list/1, 'alive?'/0, spawn/2, spawn/4, spawn_link/2]).
self() -> node().
list() -> erlang:nodes().
list(W) -> erlang:nodes(W).
'alive?'() -> true.
spawn(N, F) -> erlang:spawn(N, F).
spawn(N, M, F, A) -> erlang:spawn(N, M, F, A).
spawn_link(N, F) -> erlang:spawn_link(N, F).
