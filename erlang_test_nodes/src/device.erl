%% The registered server `device' of either kind of node: IO devices whose input is given when they are opened, and whose output can
%% be asked for. On a BEAM they are two files in one process; c_src/device.c has them in C.
%%
%% Calls: {open, Input}         {ok, Pid}: a device; Input, a binary, is what can be read from it
%%        {text, Pid}           what was written to it, a binary
%%        {print, Pid, Text}    the answer of another device to {put_chars, unicode, Text}, or {error, terminated}
%%        {request, Pid, Req}   the answer to any request
-module(device).
-behaviour(gen_server).
-export([start/0, init/1, handle_call/3, handle_cast/2]).

start() ->
    {ok, _} = gen_server:start({local, device}, ?MODULE, [], []),
    ok.

init([]) -> {ok, #{}}.

handle_call({open, Input}, _, S) ->
    Base = filename:join(os:getenv("TEST_LOGS", "."), target:unique("device")),
    ok = file:write_file(Base ++ ".in", Input),
    Pid = spawn(fun() ->
        {ok, In} = file:open(Base ++ ".in", [read, {encoding, unicode}]),
        {ok, Out} = file:open(Base ++ ".out", [write, {encoding, unicode}]),
        loop(In, Out)
    end),
    {reply, {ok, Pid}, S#{Pid => Base ++ ".out"}};
handle_call({text, Pid}, _, S) ->
    {ok, Text} = file:read_file(maps:get(Pid, S)),
    {reply, Text, S};
handle_call({print, Pid, Text}, From, S) ->
    spawn(fun() -> gen_server:reply(From, request(Pid, {put_chars, unicode, Text})) end),
    {noreply, S};
handle_call({request, Pid, Req}, From, S) ->
    spawn(fun() -> gen_server:reply(From, request(Pid, Req)) end),
    {noreply, S}.

handle_cast(_, S) -> {noreply, S}.

%% io:execute_request/2, which is not exported.
request(Pid, Req) ->
    Ref = monitor(process, Pid),
    Pid ! {io_request, self(), Ref, Req},
    receive
        {io_reply, Ref, Reply} -> demonitor(Ref, [flush]), Reply;
        {'DOWN', Ref, _, _, _} -> {error, terminated}
    end.

%% Reads go to the one file, everything else to the other.
loop(In, Out) ->
    receive
        {io_request, From, As, Req} ->
            case is_tuple(Req) andalso lists:member(element(1, Req), [get_line, get_chars, get_until]) of
                true -> In ! {io_request, From, As, Req};
                false -> Out ! {io_request, From, As, Req}
            end,
            loop(In, Out);
        _ -> loop(In, Out)
    end.
