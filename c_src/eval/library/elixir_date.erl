-module('Elixir.Date').
-export([utc_today/0, to_string/1, to_iso8601/1]).
utc_today() -> '$calendar':date('$calendar':now()).
to_string(D) -> '$calendar':text(D).
to_iso8601(D) -> '$calendar':text(D).
