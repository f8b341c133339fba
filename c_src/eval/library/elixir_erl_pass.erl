%% What Elixir since 1.15 compiles x.y and x.y() to.
-module(elixir_erl_pass).
-export([no_parens_remote/2, parens_map_field/2]).
no_parens_remote(nil, _) -> error;
no_parens_remote(X, F) when is_atom(X), X =/= true, X =/= false -> {ok, apply(X, F, [])};
no_parens_remote(_, _) -> error.
parens_map_field(_, V) -> V.
