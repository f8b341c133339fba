%% Requests to the group leader, or another device; lib/stdlib/src/io.erl.
-module(io).
-export([format/1, format/2, format/3, fwrite/1, fwrite/2, fwrite/3, get_line/1, get_line/2, nl/0, nl/1, put_chars/1, put_chars/2,
         put_chars/3, request/2, write/1, write/2, columns/0, rows/0, getopts/0]).

format(F) -> format(group_leader(), F, []).
format(F, A) -> format(group_leader(), F, A).
format(D, F, A) -> check(request(D, {put_chars, unicode, io_lib, format, [F, A]}), format, [D, F, A]).
fwrite(F) -> format(F).
fwrite(F, A) -> format(F, A).
fwrite(D, F, A) -> format(D, F, A).
put_chars(C) -> put_chars(group_leader(), C).
put_chars(D, C) -> put_chars(D, unicode, C).
put_chars(D, E, C) ->
    case '$eval':chardata_to_binary(C) of
        false -> '$eval':fail_as(badarg, io, put_chars, [D, E, C]);
        B -> check(request(D, {put_chars, E, B}), put_chars, [D, E, C])
    end.
nl() -> nl(group_leader()).
nl(D) -> put_chars(D, <<"\n">>).
write(X) -> write(group_leader(), X).
write(D, X) -> format(D, "~w", [X]).
get_line(P) -> get_line(group_leader(), P).
get_line(D, P) -> request(D, {get_line, unicode, P}).
columns() -> geometry(columns).
rows() -> geometry(rows).
geometry(What) -> case request(group_leader(), {get_geometry, What}) of N when is_integer(N) -> {ok, N}; _ -> {error, enotsup} end.
getopts() -> request(group_leader(), getopts).

check(ok, _, _) -> ok;
check({error, terminated}, F, A) -> '$eval':fail_as(terminated, io, F, A);
check({error, _}, F, A) -> '$eval':fail_as(badarg, io, F, A).

%% Whoever is its own leader has no terminal.
request(Device, Request) ->
    case device(Device) of
        log -> to_log(Request);
        Me when Me =:= self() -> {error, terminated};
        To -> ask(To, Request)
    end.
ask(To, Request) ->
    Ref = erlang:monitor(process, To),
    case To of
        Name when is_atom(Name), Name =/= undefined -> catch erlang:send(Name, {io_request, self(), Ref, Request});
        _ -> erlang:send(To, {io_request, self(), Ref, Request})
    end,
    receive
        {io_reply, Ref, '$hm_left_out'} -> erlang:demonitor(Ref, [flush]), {error, system_limit}; %% LEFT_OUT of dist/left_out.h
        {io_reply, Ref, Reply} -> erlang:demonitor(Ref, [flush]), Reply;
        {'DOWN', Ref, process, _, _} -> {error, terminated}
    end.
device(standard_io) -> group_leader();
device(stdio) -> group_leader();
device(standard_error) -> log;
device(stderr) -> log;
device(Device) -> Device.

%% Standard error is the daemon's, whose log it is.
to_log({put_chars, _, C}) -> '$eval':log(C);
to_log({put_chars, _, io_lib, format, [F, A]}) -> '$eval':log(io_lib:format(F, A));
to_log(_) -> {error, enotsup}.
