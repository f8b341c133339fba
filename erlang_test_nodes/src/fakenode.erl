%% A node made of a socket: it shakes hands as one that dials, and then sends whatever it is told.
%% For what no real node would send.
-module(fakenode).
-export([dial/1, connect/2, flags/0, send_name/3, status/1, send/2, frame/2, control/2, closed/1, name/0, digest/2, challenge/1, pid/2]).

-define(PATIENCE, 30000).

%% PUBLISHED, DIST_MONITOR, DIST_MONITOR_NAME, UNICODE_IO, EXIT_PAYLOAD, the mandatory ones of OTP 25 and 26, SPAWN, ALIAS;
%% neither FRAGMENTS nor DIST_HDR_ATOM_CACHE, so a frame is 112, control, payload.
flags() -> 16#1 bor 16#8 bor 16#20 bor 16#1000 bor 16#400000 bor 16#1070f94 bor 16#4000000 bor 16#2000000
           bor (1 bsl 34) bor (1 bsl 32) bor (1 bsl 35).

name() -> target:unique("fake") ++ "@" ++ target:host().

dial(T) ->
    Port = case T of
        #{port := P} -> P; % said by a Hermod at its start
        _ -> target:listen_port(T)
    end,
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}, {packet, 2}, {nodelay, true}]),
    S.

send_name(S, Name, Flags) ->
    gen_tcp:send(S, <<$N, Flags:64, 77:32, (length(Name)):16, (list_to_binary(Name))/binary>>).

%% The status the other side answers, or closed.
status(S) ->
    case gen_tcp:recv(S, 0, ?PATIENCE) of
        {ok, <<$s, Text/binary>>} -> binary_to_list(Text);
        {error, closed} -> closed;
        {error, econnreset} -> closed
    end.

challenge(S) ->
    {ok, <<$N, _Flags:64, Challenge:32, _Creation:32, L:16, Name:L/binary, _/binary>>} = gen_tcp:recv(S, 0, ?PATIENCE),
    {Challenge, Name}.

digest(Cookie, Challenge) -> erlang:md5([Cookie, integer_to_list(Challenge)]).

%% A connection that is up: {ok, Socket}, in raw mode; or the status that was the end of it.
connect(T, Opts) ->
    S = dial(T),
    ok = send_name(S, maps:get(name, Opts, name()), maps:get(flags, Opts, flags())),
    case status(S) of
        "ok" ++ _ -> prove(S, Opts);
        "alive" ->
            case maps:get(alive, Opts, false) of
                true -> ok = gen_tcp:send(S, "strue"), prove(S, Opts);
                false -> ok = gen_tcp:send(S, "sfalse"), {alive, S}
            end;
        Other -> {Other, S}
    end.

prove(S, Opts) ->
    {Challenge, _} = challenge(S),
    Cookie = maps:get(cookie, Opts, target:cookie()),
    ok = gen_tcp:send(S, <<$r, 4242:32, (digest(Cookie, Challenge))/binary>>),
    case gen_tcp:recv(S, 0, ?PATIENCE) of
        {ok, <<$a, Digest:16/binary>>} ->
            Digest = digest(Cookie, 4242),
            ok = inet:setopts(S, [{packet, raw}]),
            {ok, S};
        {error, _} -> {closed, S}
    end.

%% A frame with these bytes as its body.
send(S, Body) -> gen_tcp:send(S, [<<(iolist_size(Body)):32>>, Body]).

frame(Control, none) -> [112, term_to_binary(Control)];
frame(Control, Payload) -> [112, term_to_binary(Control), term_to_binary(Payload)].

%% The next control message with this operation; what comes before it is of no interest.
control(S, Op) ->
    {ok, <<Size:32>>} = gen_tcp:recv(S, 4, ?PATIENCE),
    case Size > 0 andalso gen_tcp:recv(S, Size, ?PATIENCE) of
        false -> control(S, Op); % a tick
        {ok, <<112, Terms/binary>>} ->
            case binary_to_term(Terms) of
                Control when element(1, Control) =:= Op -> Control;
                _ -> control(S, Op)
            end
    end.

%% Waits until the other side has closed; what it still says is of no interest.
closed(S) ->
    case gen_tcp:recv(S, 0, ?PATIENCE) of
        {ok, _} -> closed(S);
        {error, timeout} -> error(still_open);
        {error, _} -> gen_tcp:close(S), ok
    end.

%% A pid of the fake node of that name.
pid(Name, Id) -> binary_to_term(<<131, 88, 119, (length(Name)), (list_to_binary(Name))/binary, Id:32, 0:32, 77:32>>).
