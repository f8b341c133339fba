-module('Elixir.NaiveDateTime').
-export([utc_now/0, to_string/1, to_iso8601/1]).
utc_now() ->
    T = '$calendar':now(),
    maps:put('__struct__', 'Elixir.NaiveDateTime', maps:with([calendar, year, month, day, hour, minute, second, microsecond], T)).
to_string(T) -> '$calendar':text(T).
to_iso8601(T) -> binary:replace('$calendar':text(T), <<" ">>, <<"T">>).
