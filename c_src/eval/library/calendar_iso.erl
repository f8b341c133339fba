%% Dates and times as Elixir's Calendar.ISO has them, in UTC.
-module('$calendar').
-export([of_unix/1, to_unix/1, now/0, date/1, time/1, text/1]).

now() -> of_unix(erlang:system_time(microsecond)).

%% Microseconds since 1970: a DateTime.
of_unix(Us) ->
    Seconds = floor_div(Us, 1000000),
    Days = floor_div(Seconds, 86400),
    {Y, M, D} = civil(Days),
    S = Seconds - 86400 * Days,
    #{'__struct__' => 'Elixir.DateTime', calendar => 'Elixir.Calendar.ISO', year => Y, month => M, day => D, hour => S div 3600,
      minute => S rem 3600 div 60, second => S rem 60, microsecond => {Us - 1000000 * Seconds, 6}, time_zone => <<"Etc/UTC">>,
      zone_abbr => <<"UTC">>, utc_offset => 0, std_offset => 0}.
to_unix(#{year := Y, month := M, day := D, hour := H, minute := Min, second := S}) -> 86400 * days(Y, M, D) + 3600 * H + 60 * Min + S.

%% Days since 1970, counted in years that begin in March and eras of 400 years.
civil(Days) ->
    Z = Days + 719468,
    Era = floor_div(Z, 146097),
    InEra = Z - 146097 * Era,
    Year = (InEra - InEra div 1460 + InEra div 36524 - InEra div 146096) div 365,
    InYear = InEra - (365 * Year + Year div 4 - Year div 100),
    March = (5 * InYear + 2) div 153,
    Month = case March < 10 of true -> March + 3; false -> March - 9 end,
    {Year + 400 * Era + case Month =< 2 of true -> 1; false -> 0 end, Month, InYear - (153 * March + 2) div 5 + 1}.
days(Y0, M, D) ->
    Y = case M =< 2 of true -> Y0 - 1; false -> Y0 end,
    Era = floor_div(Y, 400),
    Year = Y - 400 * Era,
    InYear = (153 * (case M > 2 of true -> M - 3; false -> M + 9 end) + 2) div 5 + D - 1,
    146097 * Era + 365 * Year + Year div 4 - Year div 100 + InYear - 719468.
floor_div(A, B) when A >= 0 -> A div B;
floor_div(A, B) -> -((-A + B - 1) div B).

date(#{} = T) -> maps:put('__struct__', 'Elixir.Date', maps:with([calendar, year, month, day], T)).
time(#{} = T) -> maps:put('__struct__', 'Elixir.Time', maps:with([calendar, hour, minute, second, microsecond], T)).

text(#{'__struct__' := 'Elixir.Date', year := Y, month := M, day := D}) -> <<(pad(Y, 4))/binary, "-", (pad(M, 2))/binary, "-", (pad(D, 2))/binary>>;
text(#{'__struct__' := 'Elixir.Time', hour := H, minute := M, second := S, microsecond := U}) ->
    <<(pad(H, 2))/binary, ":", (pad(M, 2))/binary, ":", (pad(S, 2))/binary, (fraction(U))/binary>>;
text(#{'__struct__' := 'Elixir.NaiveDateTime'} = T) -> <<(text(date(T)))/binary, " ", (text(time(T)))/binary>>;
text(#{'__struct__' := 'Elixir.DateTime', time_zone := <<"Etc/UTC">>} = T) -> <<(text(date(T)))/binary, " ", (text(time(T)))/binary, "Z">>.
fraction({_, 0}) -> <<>>;
fraction({Us, Digits}) -> <<".", (binary_part(pad(Us, 6), 0, Digits))/binary>>.
pad(N, Width) -> B = integer_to_binary(N), <<(binary:copy(<<"0">>, max(0, Width - byte_size(B))))/binary, B/binary>>.
