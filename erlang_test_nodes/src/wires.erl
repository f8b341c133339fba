%% The wires between the nodes of a test. Each node plugged in has an epmd of its own, made of a socket here, and finds every
%% other node behind a proxy: so each connection passes this process, which can cut it, silence it, or halt it at the very
%% message a test waits for. Nodes of the operating system are real, and know nothing of it.
%%
%%   start() -> W, stop(W)
%%   plug(W, Name)              the epmd port for the node of that name (string, without @host); for good
%%   cut(W, Pairs)              closes the connections between these names, all at once, and lets none come up
%%   silence(W, Pairs)          they stay open, and nothing passes any more, as when packets are lost
%%   heal(W, Pairs)             undoes both; what was silenced passes now
%%   trap(W, Fun) -> Trap       halts the connection at the first message for which Fun(From, To, Kind) is true, once
%%   trapped(Trap) -> {Held, From, To, Kind}    waits for it;  untrap(Trap): no longer
%%   release(Held, pass | close)                it goes on, with the message; or the connection ends and the message is lost
%%   seen(W)                    [{From, To, Kind}] of global, oldest first
%%   told(W)                    [{From, To, new_nodes, Peer, Names, Nodes} | {From, To, resolved, Nodes}], oldest first: who told whom of which
%%                              nodes; Peer: with whom From has joined, Names: what it says is registered. What was lost is not among them
%%
%% Kind, of the messages of global: the first element of what is cast, sent or called (init_connect, lock_set, set_lock ...);
%% true, false, yes and ok are answers to calls. Everything else is `other'.
%%
%% In the handshake the proxy takes two capabilities away, the atom cache and fragments, so that a frame is two plain terms.
-module(wires).
-export([start/0, stop/1, plug/2, cut/2, silence/2, heal/2, trap/2, trapped/1, trapped/2, untrap/1, release/2, seen/1, told/1]).

-define(PATIENCE, 30000).
-define(SEEN, 5000).
-define(CACHE_AND_FRAGMENTS, 16#802000).

start() ->
    spawn(fun() ->
        process_flag(trap_exit, true),
        loop(#{plugs => #{}, links => #{}, conns => #{}, bad => #{}, traps => [], seen => [], told => []})
    end).
stop(W) -> exit(W, kill), ok.
plug(W, Name) -> ask(W, {plug, Name}).
cut(W, Pairs) -> ask(W, {bad, cut, sorted(Pairs)}).
silence(W, Pairs) -> ask(W, {bad, silent, sorted(Pairs)}).
heal(W, Pairs) -> ask(W, {heal, sorted(Pairs)}).
seen(W) -> ask(W, seen).
told(W) -> ask(W, told).
trap(W, Fun) -> {W, ask(W, {trap, self(), Fun})}.
untrap({W, Ref}) -> ask(W, {untrap, Ref}).
trapped(Trap) -> trapped(Trap, ?PATIENCE).
trapped({_, Ref}, Timeout) ->
    receive {trapped, Ref, Held, From, To, Kind} -> {Held, From, To, Kind}
    after Timeout -> error(nothing_trapped) end.
release(Held, How) -> Held ! {release, How}, ok.

sorted(Pairs) -> [pair(A, B) || {A, B} <- Pairs].
pair(A, B) -> {min(A, B), max(A, B)}.

ask(W, What) ->
    Ref = monitor(process, W),
    W ! {ask, {self(), Ref}, What},
    receive
        {Ref, V} -> demonitor(Ref, [flush]), V;
        {'DOWN', Ref, _, _, Why} -> error({wires_gone, Why})
    after ?PATIENCE -> error({wires_do_not_answer, What}) end.

%% ---- the process that knows who may talk to whom

loop(S = #{plugs := Plugs, conns := Conns, bad := Bad, traps := Traps, seen := Seen, told := Told}) ->
    receive
        {ask, {Pid, Ref}, What} ->
            {V, S1} = asked(What, S),
            Pid ! {Ref, V},
            loop(S1);
        {gone, Name, Epmd} ->
            case Plugs of
                #{Name := P = #{by := Epmd}} -> loop(S#{plugs := Plugs#{Name := P#{by := none, real := none}}});
                _ -> loop(S)
            end;
        {saw, What} -> loop(S#{seen := kept(What, Seen)});
        {told, What} -> loop(S#{told := kept(What, Told)});
        {hit, Conn, Ref, From, To, Kind} ->
            case lists:keytake(Ref, 1, Traps) of
                {value, {Ref, Owner, _}, Rest} ->
                    Conn ! {hit, Ref, true},
                    Owner ! {trapped, Ref, Conn, From, To, Kind},
                    loop(tell_traps(S#{traps := Rest}));
                false ->
                    Conn ! {hit, Ref, false},
                    loop(S)
            end;
        {up, Conn, From, To} ->
            monitor(process, Conn),
            Pair = pair(From, To),
            Conn ! {traps, [{R, F} || {R, _, F} <- Traps]},
            case Bad of
                #{Pair := cut} -> Conn ! close;
                #{Pair := silent} -> Conn ! {freeze, self()};
                _ -> ok
            end,
            loop(S#{conns := Conns#{Conn => Pair}});
        {'DOWN', _, process, Conn, _} -> loop(S#{conns := maps:remove(Conn, Conns)});
        _ -> loop(S)
    end.

asked({plug, Name}, S = #{plugs := Plugs}) ->
    case Plugs of
        #{Name := #{port := Port}} -> {Port, S};
        _ ->
            Port = listen(fun(Sock, W) -> epmd(Sock, W, Name) end),
            {Port, S#{plugs := Plugs#{Name => #{port => Port, real => none, by => none}}}}
    end;
asked({alive, Name, Port, By}, S = #{plugs := Plugs}) ->
    case Plugs of
        #{Name := P = #{real := none}} -> {ok, S#{plugs := Plugs#{Name := P#{real := Port, by := By}}}};
        _ -> {taken, S}
    end;
asked({look_up, From, To}, S = #{plugs := Plugs, bad := Bad, links := Links}) ->
    Cut = maps:get(pair(From, To), Bad, none) =:= cut,
    case Plugs of
        #{To := #{real := Real}} when Real =:= none; Cut -> {none, S};
        #{To := #{real := Real}} when From =:= To -> {Real, S};
        #{To := _} when is_map_key({From, To}, Links) -> {maps:get({From, To}, Links), S};
        #{To := _} ->
            Port = listen(fun(Sock, W) -> accepted(Sock, W, From, To) end),
            {Port, S#{links := Links#{{From, To} => Port}}};
        _ -> {none, S}
    end;
asked({real, To}, S = #{plugs := Plugs}) -> {maps:get(real, maps:get(To, Plugs)), S};
asked(names, S = #{plugs := Plugs}) -> {[{N, P} || {N, #{real := P}} <- maps:to_list(Plugs), P =/= none], S};
asked({bad, How, Pairs}, S = #{bad := Bad, conns := Conns}) ->
    %% nothing passes any of them before the first one is closed: nobody hears of a loss from somebody who should be cut off
    Hit = [C || {C, P} <- maps:to_list(Conns), lists:member(P, Pairs)],
    [C ! {freeze, self()} || C <- Hit],
    Gone = [C || C <- Hit, receive {frozen, C} -> false; {'DOWN', _, process, C, _} -> true end],
    [C ! close || C <- Hit, How =:= cut],
    {ok, S#{conns := maps:without(Gone, Conns), bad := maps:merge(Bad, maps:from_list([{P, How} || P <- Pairs]))}};
asked({heal, Pairs}, S = #{bad := Bad, conns := Conns}) ->
    [C ! thaw || {C, P} <- maps:to_list(Conns), lists:member(P, Pairs)],
    {ok, S#{bad := maps:without(Pairs, Bad)}};
asked({trap, Owner, Fun}, S = #{traps := Traps}) ->
    Ref = make_ref(),
    {Ref, tell_traps(S#{traps := [{Ref, Owner, Fun} | Traps]})};
asked({untrap, Ref}, S = #{traps := Traps}) -> {ok, tell_traps(S#{traps := lists:keydelete(Ref, 1, Traps)})};
asked(seen, S = #{seen := Seen}) -> {lists:reverse(Seen), S};
asked(told, S = #{told := Told}) -> {lists:reverse(Told), S}.

kept(What, List) when length(List) > 2 * ?SEEN -> [What | lists:sublist(List, ?SEEN)];
kept(What, List) -> [What | List].

tell_traps(S = #{traps := Traps, conns := Conns}) ->
    [C ! {traps, [{R, F} || {R, _, F} <- Traps]} || C <- maps:keys(Conns)],
    S.

%% A listening socket whose connections are served by Fun; it ends with the wires.
listen(Fun) ->
    W = self(),
    {Pid, _} = spawn_monitor(fun() ->
        link(W),
        {ok, L} = gen_tcp:listen(0, [binary, {packet, raw}, {active, false}, {nodelay, true}, {reuseaddr, true}, {backlog, 64}]),
        {ok, Port} = inet:port(L),
        W ! {listening, self(), Port},
        accept(L, W, Fun)
    end),
    receive {listening, Pid, Port} -> Port end.

accept(L, W, Fun) ->
    {ok, Sock} = gen_tcp:accept(L),
    Pid = spawn(fun() -> receive go -> link(W), Fun(Sock, W) end end),
    ok = gen_tcp:controlling_process(Sock, Pid),
    Pid ! go,
    accept(L, W, Fun).

%% ---- epmd, for one node

epmd(Sock, W, Owner) ->
    case gen_tcp:recv(Sock, 2, ?PATIENCE) of
        {ok, <<Len:16>>} ->
            case gen_tcp:recv(Sock, Len, ?PATIENCE) of
                {ok, Request} -> epmd_request(Request, Sock, W, Owner);
                {error, _} -> ok
            end;
        {error, _} -> ok
    end.

epmd_request(<<$x, Port:16, _Type, _Proto, High:16, _Low:16, N:16, Name:N/binary, _/binary>>, Sock, W, Owner) ->
    Owner = binary_to_list(Name),
    Result = case ask(W, {alive, Owner, Port, self()}) of ok -> 0; taken -> 1 end,
    Creation = 1 + erlang:unique_integer([positive]) band 16#ffff,
    ok = gen_tcp:send(Sock, if High >= 6 -> <<118, Result, Creation:32>>; true -> <<121, Result, Creation:16>> end),
    {error, _} = gen_tcp:recv(Sock, 0),
    W ! {gone, Owner, self()};
epmd_request(<<$z, Name/binary>>, Sock, W, Owner) ->
    case ask(W, {look_up, Owner, binary_to_list(Name)}) of
        none -> gen_tcp:send(Sock, <<119, 1>>);
        Port -> gen_tcp:send(Sock, <<119, 0, Port:16, 77, 0, 6:16, 5:16, (byte_size(Name)):16, Name/binary, 0:16>>)
    end,
    gen_tcp:close(Sock);
epmd_request(<<$n>>, Sock, W, _) ->
    gen_tcp:send(Sock, [<<0:32>> | [io_lib:format("name ~s at port ~w~n", [N, P]) || {N, P} <- ask(W, names)]]),
    gen_tcp:close(Sock).

%% ---- one connection

accepted(Near, W, From, To) ->
    case ask(W, {real, To}) of
        none -> gen_tcp:close(Near);
        Port ->
            case gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {packet, raw}, {active, false}, {nodelay, true}]) of
                {ok, Far} ->
                    process_flag(trap_exit, true),
                    W ! {up, self(), From, To},
                    [ok = inet:setopts(S, [{active, true}]) || S <- [Near, Far]],
                    relay(#{w => W, traps => [], Near => {dialer, Far, From, To, <<>>}, Far => {acceptor, Near, To, From, <<>>}});
                {error, _} -> gen_tcp:close(Near)
            end
    end.

relay(S = #{w := W}) ->
    receive
        {tcp, Sock, Data} ->
            {Mode, Out, From, To, Buffer} = maps:get(Sock, S),
            case packets(Mode, <<Buffer/binary, Data/binary>>, Out, From, To, S) of
                close -> finish(S);
                {Mode1, Rest, S1} -> relay(S1#{Sock := {Mode1, Out, From, To, Rest}})
            end;
        {tcp_closed, _} -> finish(S);
        {tcp_error, _, _} -> finish(S);
        {traps, Traps} -> relay(S#{traps := Traps});
        {freeze, W} -> freeze(S);
        close -> finish(S);
        {'EXIT', W, _} -> finish(S);
        _ -> relay(S)
    end.

finish(S) -> [gen_tcp:close(Sock) || Sock <- maps:keys(S), is_port(Sock)], ok.

freeze(S = #{w := W}) ->
    W ! {frozen, self()},
    receive
        close -> finish(S);
        {freeze, W} -> freeze(S);
        {'EXIT', W, _} -> finish(S);
        thaw -> relay(S)
    end.

%% Forwards what is complete, and stops at a trap.
packets(up, <<Len:32, Body:Len/binary, Rest/binary>>, Out, From, To, S) ->
    Message = message(Body),
    case passes(kind(Message), From, To, S) of
        close -> close;
        S1 ->
            tell(Message, From, To, S),
            _ = gen_tcp:send(Out, [<<Len:32>>, Body]),
            packets(up, Rest, Out, From, To, S1)
    end;
packets(Mode, <<Len:16, Body:Len/binary, Rest/binary>>, Out, From, To, S) when Mode =/= up ->
    {Forward, Mode1} = handshake(Mode, Body),
    _ = gen_tcp:send(Out, [<<Len:16>>, Forward]),
    packets(Mode1, Rest, Out, From, To, S);
packets(Mode, Rest, _, _, _, S) -> {Mode, Rest, S}.

handshake(Mode, <<$N, Flags:64, Rest/binary>>) -> {<<$N, (Flags band bnot ?CACHE_AND_FRAGMENTS):64, Rest/binary>>, Mode};
handshake(dialer, Body = <<$r, _/binary>>) -> {Body, up};
handshake(acceptor, Body = <<$a, _:16/binary>>) -> {Body, up};
handshake(Mode, Body) -> {Body, Mode}.

passes(other, _, _, S) -> S;
passes(Kind, From, To, S = #{w := W, traps := Traps}) ->
    W ! {saw, {From, To, Kind}},
    case [Ref || {Ref, Fun} <- Traps, Fun(From, To, Kind)] of
        [] -> S;
        [Ref | _] ->
            W ! {hit, self(), Ref, From, To, Kind},
            case held(Ref, W, false) of
                pass -> S;
                close -> close
            end
    end.

%% Waits to hear whether it is held, and to be released; a wire that was silenced meanwhile waits for its healing too.
held(Ref, W, Frozen) ->
    receive
        {hit, Ref, false} -> held(Ref, W, released, Frozen);
        {hit, Ref, true} -> held(Ref, W, Frozen);
        {release, pass} -> held(Ref, W, released, Frozen);
        {release, close} -> close;
        close -> close;
        {freeze, W} -> W ! {frozen, self()}, held(Ref, W, true);
        thaw -> held(Ref, W, false);
        {'EXIT', W, _} -> close
    end.

held(_, _, released, false) -> pass;
held(Ref, W, released, true) ->
    receive
        thaw -> pass;
        close -> close;
        {freeze, W} -> W ! {frozen, self()}, held(Ref, W, released, true);
        {'EXIT', W, _} -> close
    end.

%% What is sent, or none: {Control, Message}.
message(<<112, Frame/binary>>) ->
    {Control, Used} = binary_to_term(Frame, [used]),
    case Frame of
        <<_:Used/binary>> -> none;
        <<_:Used/binary, Payload/binary>> -> {Control, binary_to_term(Payload)}
    end;
message(_) -> none.

%% Tests send junk, too.
tell(Message, From, To, #{w := W}) ->
    try told_by(Message) of
        none -> ok;
        What -> W ! {told, list_to_tuple([From, To | What])}
    catch error:_ -> ok end.

told_by({{6, _, _, global_name_server}, {'$gen_cast', {new_nodes, _, Ops, _, [{Peer, _} | _] = Nodes, _}}}) ->
    [new_nodes, Peer, [N || {insert, {N, _, _}} <- Ops], [N || {N, _} <- Nodes]];
told_by({{6, _, _, global_name_server}, {'$gen_cast', {resolved, Node, _, Known, _, _, _}}}) ->
    [resolved, [Node | [N || {N, _} <- Known]]];
told_by(_) -> none.

kind(none) -> other;
kind({Control, Message}) -> kind(Control, Message).

kind({6, _, _, global_name_server}, Message) -> kind_of(Message);
kind({Op, _, _}, Message) when Op =:= 2; Op =:= 22; Op =:= 33 -> answer(Message);
kind({37, _, _, _}, Message) -> answer(Message);
kind(_, _) -> other.

kind_of({'$gen_cast', T}) -> first(T);
kind_of({'$gen_call', _, T}) -> first(T);
kind_of(T) -> first(T).

first(T) when is_tuple(T), tuple_size(T) > 0, is_atom(element(1, T)) -> element(1, T);
first(T) when is_atom(T) -> T;
first(_) -> other.

answer({_, V}) when V =:= true; V =:= false; V =:= yes; V =:= ok -> V;
answer(_) -> other.
