%% Runs on every BEAM node the suites start. It connects back to the process of the
%% driver that started the node and runs the funs it is handed, each in a process of
%% its own. This is not the distribution: a suite can drive a node that is hidden, has
%% another cookie, is connected to nobody or is about to lose its epmd.
%% When the driver goes away the node halts, so nothing is left behind.
-module(agent).
-export([start/0]).

start() ->
    {Address, Port, Opts} = case os:getenv("TEST_AGENT") of
        "/" ++ _ = Path -> {{local, Path}, 0, []};
        Number -> {{127, 0, 0, 1}, list_to_integer(Number), [{nodelay, true}]}
    end,
    Parent = self(),
    spawn(fun() ->
        {ok, S} = gen_tcp:connect(Address, Port, [binary, {packet, 4} | Opts]),
        ok = gen_tcp:send(S, term_to_binary({ready, node(), os:getpid()})),
        Parent ! connected,
        loop(S)
    end),
    receive connected -> ok end.

loop(S) ->
    receive
        {tcp, S, Bin} ->
            {Id, Fun} = binary_to_term(Bin),
            Me = self(),
            spawn(fun() -> Me ! {done, Id, attempt(Fun)} end),
            loop(S);
        {done, Id, Result} ->
            ok = gen_tcp:send(S, term_to_binary({Id, Result})),
            loop(S);
        {tcp_closed, S} ->
            erlang:halt(0, [{flush, false}])
    end.

attempt(Fun) ->
    try {ok, Fun()} catch C:R:St -> {C, R, St} end.
