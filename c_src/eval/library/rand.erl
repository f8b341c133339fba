-module(rand).
-export([uniform/0, uniform/1, uniform_real/0]).
uniform() -> '$eval':random_float().
uniform_real() -> '$eval':random_float().
uniform(N) when is_integer(N), N >= 1 -> trunc('$eval':random_float() * N) + 1.
