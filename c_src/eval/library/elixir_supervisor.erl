-module('Elixir.Supervisor').
-export([which_children/1, count_children/1]).
which_children(S) -> 'Elixir.GenServer':call(S, which_children, infinity).
count_children(S) -> maps:from_list('Elixir.GenServer':call(S, count_children, infinity)).
