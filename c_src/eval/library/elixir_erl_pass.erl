%% What Elixir since 1.15 compiles x.y and x.y() to.
-module(elixir_erl_pass).
-export([no_parens_remote/2, parens_map_field/2]).
no_parens_remote(X, F) when is_atom(X), X =/= nil, X =/= true, X =/= false -> {ok, apply(X, F, [])};
%% up to 1.18 anything else is an error, of the caller's making
no_parens_remote(X, F) when is_map(X) -> {error, {badkey, F, X}};
no_parens_remote(X, _) -> {error, {badmap, X}}.
parens_map_field(_, V) -> V.
