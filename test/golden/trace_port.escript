#!/usr/bin/env escript
%% Records what a trace port of dbg sends, and what dbg prints of it, for test/unit/cli/trace_text_test.c:
%%     test/golden/trace_port.escript test/golden/otp25
%% trace_port.bin: the bytes of the connection; trace_port.txt: dbg's lines. Pids and times differ from run to run.
-mode(compile).
-export([add/2, fail/1, loop/1]).

main([Dir]) ->
    {ok, _} = dbg:tracer(port, dbg:trace_port(ip, {0, 60})),
    {ok, Port} = dbg:trace_port_control(get_listen_port),
    One = spawn(?MODULE, loop, [none]),
    Two = spawn(?MODULE, loop, [none]),
    {ok, _} = dbg:p(One, [m, c, p, timestamp]),
    {ok, _} = dbg:p(Two, [m, c, p, garbage_collection, running, ports, return_to, arity]),
    {ok, _} = dbg:tpl(?MODULE, add, 2, [{'_', [], [{exception_trace}, {message, {{said, hello}}}]}]),
    {ok, _} = dbg:tpl(?MODULE, fail, 1, [{'_', [], [{exception_trace}]}]),
    {ok, _} = dbg:tpl(lists, reverse, 1, [{'_', [], [{return_trace}]}]),
    {ok, S} = gen_tcp:connect("localhost", Port, [binary, {active, false}]),
    Say = fun(To, What) -> To ! {self(), What}, receive done -> ok end end,
    [Say(P, W) || P <- [One, Two], W <- [add, fail, reverse, spawn, link, name, send, port]],
    Say(Two, collect),
    {ok, Tracer} = dbg:get_tracer(),
    seq_trace:set_system_tracer(Tracer),
    Say(One, sequence),
    Say(One, 'end'),
    Say(Two, 'end'),
    First = read(S, <<>>),
    gen_tcp:close(S),
    %% A queue that is full: what is dropped is told to the next client.
    Three = spawn(?MODULE, loop, [none]),
    {ok, _} = dbg:p(Three, [r]),
    [Three ! {odd, {N, <<"b\"in">>, [gr, "\x{20ac}"], 1.5, #{a => '\x{f6} b'}, <<1:3>>, -1 bsl 70}} || N <- lists:seq(1, 70)],
    Say(Three, add),
    {ok, S2} = gen_tcp:connect("localhost", Port, [binary, {active, false}]),
    Second = read(S2, <<>>),
    dbg:stop(),
    ok = file:write_file(filename:join(Dir, "trace_port.bin"), [First, Second]),
    {ok, Text} = file:open(filename:join(Dir, "trace_port.txt"), [write, {encoding, utf8}]),
    print(<<First/binary, Second/binary>>, Text).

read(S, Acc) ->
    case gen_tcp:recv(S, 0, 1000) of
        {ok, B} -> read(S, <<Acc/binary, B/binary>>);
        {error, timeout} -> Acc
    end.

print(<<0, N:32, T:N/binary, Rest/binary>>, Text) -> dbg:dhandler(binary_to_term(T), Text), print(Rest, Text);
print(<<1, N:32, Rest/binary>>, Text) -> dbg:dhandler({drop, N}, Text), print(Rest, Text);
print(<<>>, Text) -> file:close(Text).

add(A, B) -> {A + B, <<"sum">>}.
fail(What) -> throw(What).

loop(State) ->
    receive
        {odd, _} -> loop(State);
        {From, 'end'} -> From ! done, exit({because, <<"x">>});
        {From, What} -> act(What), From ! done, loop(State)
    end.

act(add) -> ?MODULE:add(1, 2);
act(fail) -> catch ?MODULE:fail({odd, "text"});
act(reverse) -> lists:reverse([1, 2, 3]);
act(spawn) -> {Pid, Ref} = spawn_monitor(fun() -> ok end), receive {'DOWN', Ref, _, Pid, _} -> ok end;
act(link) -> Pid = spawn(fun() -> receive stop -> ok end end), link(Pid), unlink(Pid), Pid ! stop;
act(name) -> register(golden_name, self()), unregister(golden_name);
act(send) -> self() ! {odd, message}, {nobody, 'no@where'} ! hello, catch (no_such_name ! hello);
act(port) -> Port = open_port({spawn, "true"}, []), catch port_close(Port);
act(collect) -> garbage_collect();
act(sequence) ->
    seq_trace:set_token(label, {my, label}),
    seq_trace:set_token(send, true),
    seq_trace:set_token('receive', true),
    seq_trace:set_token(print, true),
    self() ! {odd, traced},
    receive {odd, traced} -> ok end,
    seq_trace:print("said"),
    seq_trace:set_token(timestamp, true),
    seq_trace:print("later"),
    seq_trace:set_token([]).
