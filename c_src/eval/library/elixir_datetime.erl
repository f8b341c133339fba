-module('Elixir.DateTime').
-export([utc_now/0, 'from_unix!'/1, 'from_unix!'/2, to_unix/1, to_date/1, to_time/1, to_string/1, to_iso8601/1]).
utc_now() -> '$calendar':now().
'from_unix!'(S) -> (('$calendar':of_unix(S * 1000000)))#{microsecond := {0, 0}}.
'from_unix!'(N, second) -> 'from_unix!'(N);
'from_unix!'(N, millisecond) -> #{microsecond := {Us, _}} = T = '$calendar':of_unix(N * 1000), T#{microsecond := {Us, 3}};
'from_unix!'(N, microsecond) -> '$calendar':of_unix(N).
to_unix(T) -> '$calendar':to_unix(T).
to_date(T) -> '$calendar':date(T).
to_time(T) -> '$calendar':time(T).
to_string(T) -> '$calendar':text(T).
to_iso8601(T) -> binary:replace('$calendar':text(T), <<" ">>, <<"T">>).
