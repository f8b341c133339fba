-module('Elixir.Time').
-export([utc_now/0, to_string/1, to_iso8601/1]).
utc_now() -> '$calendar':time('$calendar':now()).
to_string(T) -> '$calendar':text(T).
to_iso8601(T) -> '$calendar':text(T).
