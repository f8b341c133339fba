%% What no honest node sends, over a bare socket: that connection may end, everybody else is served.
-module(hostile_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [{group, handshake}, {group, frames}]
        ++ case target:kind() of hermod -> [{group, hermod_only}]; beam -> [] end.

groups() ->
    [{handshake, [], [fake_node_works, garbage, cut_short, byte_by_byte, bad_names, missing_flags, wrong_digest, alive_false,
                      alive_true, silent_ones_are_closed, silent_node_is_given_up]},
     {frames, [], [broken_frames, odd_control, unknown_operation, strangers_pids]},
     %% limits that a BEAM does not have
     {hermod_only, [], [links_without_unlink_id, oversized_frame, largest_frame, large_control, half_open_limit,
                         unfinished_fragments, deep_term, deep_terms_of_a_beam, large_messages_of_a_beam, large_messages_of_many, does_not_read]}].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

t(C) -> proplists:get_value(target, C).

%% Others are answered, and another node can still connect.
still_serves(C) ->
    N = given:target(C),
    ?ON(given:peer(C), served = given:call(N, {echo, served})),
    {ok, S} = fakenode:connect(t(C), #{}),
    gen_tcp:close(S),
    ok.

%% The tool is right: an honest fake node is answered.
fake_node_works(C) ->
    N = given:target(C),
    {ok, S} = fakenode:connect(t(C), #{}),
    ?ON(given:peer(C), target:wait(fun() ->
        [X || X <- erpc:call(N, erlang, nodes, []), lists:prefix("fake_", atom_to_list(X))] =/= []
    end)),
    gen_tcp:close(S),
    still_serves(C).

garbage(C) ->
    [begin
         S = fakenode:dial(t(C)),
         ok = inet:setopts(S, [{packet, raw}]),
         ok = gen_tcp:send(S, Bytes),
         fakenode:closed(S)
     end || Bytes <- ["GET / HTTP/1.1\r\nHost: x\r\n\r\n" ++ lists:duplicate(20000, $x), <<0:16>>, <<1:16, 0>>, <<3:16, "Nxx">>,
                      <<1:16, $r>>, <<17:16, $a, 0:128>>, <<13:16, "n", 5:16, 0:32, "x@y">>,
                      <<20:16, $N, 0:64, 1:32, 500:16, "a@b", 0:16>>, binary:copy(<<255>>, 70000)]],
    still_serves(C).

%% Connections that end in the middle of a handshake.
cut_short(C) ->
    S1 = fakenode:dial(t(C)),
    gen_tcp:close(S1),
    S2 = fakenode:dial(t(C)),
    ok = fakenode:send_name(S2, fakenode:name(), fakenode:flags()),
    gen_tcp:close(S2),
    S3 = fakenode:dial(t(C)),
    ok = fakenode:send_name(S3, fakenode:name(), fakenode:flags()),
    "ok" ++ _ = fakenode:status(S3),
    {_, _} = fakenode:challenge(S3),
    gen_tcp:close(S3),
    still_serves(C).

byte_by_byte(C) ->
    S = fakenode:dial(t(C)),
    ok = inet:setopts(S, [{packet, raw}]),
    Drip = fun(Bin) -> [begin ok = gen_tcp:send(S, [B]), receive after 1 -> ok end end || <<B>> <= Bin] end,
    Name = list_to_binary(fakenode:name()),
    Body = <<$N, (fakenode:flags()):64, 77:32, (byte_size(Name)):16, Name/binary>>,
    Drip(<<(byte_size(Body)):16, Body/binary>>),
    ok = inet:setopts(S, [{packet, 2}]),
    "ok" ++ _ = fakenode:status(S),
    {Challenge, _} = fakenode:challenge(S),
    ok = inet:setopts(S, [{packet, raw}]),
    Drip(<<21:16, $r, 4242:32, (fakenode:digest(target:cookie(), Challenge))/binary>>),
    ok = inet:setopts(S, [{packet, 2}]),
    {ok, <<$a, _:16/binary>>} = gen_tcp:recv(S, 0, ?PATIENCE),
    gen_tcp:close(S),
    still_serves(C).

%% No connection comes up under a name that is no node name.
bad_names(C) ->
    [begin
         S = fakenode:dial(t(C)),
         ok = fakenode:send_name(S, Name, fakenode:flags()),
         Status = fakenode:status(S),
         ?assertNot(lists:prefix("ok", case Status of closed -> ""; _ -> Status end), {Name, Status}),
         gen_tcp:close(S)
     end || Name <- ["noat", "", "@", "@host"]],
    says_why(C, "hs\\.name .*\"noat\""),
    still_serves(C).

%% Who was refused finds in our log which of cookie, flags or name it was (connect_SUITE has the cookie).
says_why(C, Regex) ->
    case given:kind_of(C) of
        hermod -> target:await_line(t(C), " warn +" ++ Regex);
        beam -> ok
    end.

missing_flags(C) ->
    Name = fakenode:name(),
    {"not_allowed", S} = fakenode:connect(t(C), #{name => Name, flags => 1}),
    fakenode:closed(S),
    says_why(C, "hs\\.flags .*" ++ Name ++ " lacks .*BIG_CREATION"),
    still_serves(C).

wrong_digest(C) ->
    {closed, _} = fakenode:connect(t(C), #{cookie => "wrong"}),
    still_serves(C).

%% A second connection under a name that is connected: `alive', and a no leaves the first one alone.
alive_false(C) ->
    N = given:target(C),
    Name = fakenode:name(),
    {ok, S1} = fakenode:connect(t(C), #{name => Name}),
    {alive, S2} = fakenode:connect(t(C), #{name => Name, alive => false}),
    fakenode:closed(S2),
    ok = fakenode:send(S1, fakenode:frame({6, self_pid(Name), '', subject}, {'$gen_cast', from_the_first})),
    ?ON(given:peer(C), target:wait(fun() -> lists:member({cast, from_the_first}, given:call(N, events)) end)),
    gen_tcp:close(S1),
    still_serves(C).

alive_true(C) ->
    N = given:target(C),
    Name = fakenode:name(),
    {ok, S1} = fakenode:connect(t(C), #{name => Name}),
    {ok, S2} = fakenode:connect(t(C), #{name => Name, alive => true}),
    fakenode:closed(S1),
    ok = fakenode:send(S2, fakenode:frame({6, self_pid(Name), '', subject}, {'$gen_cast', from_the_second})),
    ?ON(given:peer(C), target:wait(fun() -> lists:member({cast, from_the_second}, given:call(N, events)) end)),
    gen_tcp:close(S2),
    still_serves(C).

%% A pid of the fake node.
self_pid(Name) -> pid(Name, 77).

pid(Name, Creation) ->
    binary_to_term(<<131, 88, 119, (length(Name)), (list_to_binary(Name))/binary, 5:32, 0:32, Creation:32>>).

%% Who connects and says nothing is sent away (7 s).
silent_ones_are_closed(C) ->
    Silent = [fakenode:dial(t(C)) || _ <- lists:seq(1, 5)],
    Named = fakenode:dial(t(C)),
    ok = fakenode:send_name(Named, fakenode:name(), fakenode:flags()),
    {Ms, _} = target:ms(fun() -> [fakenode:closed(S) || S <- [Named | Silent]] end),
    ?assert(Ms > 4000 andalso Ms < 20000, Ms),
    still_serves(C).

%% A node that is dialled, takes the connection and says nothing: the same time, in the other direction.
silent_node_is_given_up(C) ->
    N = given:target(C),
    Name = target:unique("silent"),
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}]),
    {ok, Port} = inet:port(L),
    {ok, Epmd} = gen_tcp:connect({127, 0, 0, 1}, target:epmd_port(), [binary, {active, false}]),
    Body = <<120, Port:16, 77, 0, 6:16, 6:16, (length(Name)):16, (list_to_binary(Name))/binary, 0:16>>,
    ok = gen_tcp:send(Epmd, <<(byte_size(Body)):16, Body/binary>>),
    {ok, <<118, 0, _:32>>} = gen_tcp:recv(Epmd, 6, ?PATIENCE),
    Node = list_to_atom(Name ++ "@" ++ target:host()),
    {Ms, false} = target:ms(fun() -> ?ON(given:peer(C), given:call(N, {connect, Node}, 60000)) end),
    ?assert(Ms > 4000 andalso Ms < 20000, Ms),
    says_why(C, "hs\\.timeout .*" ++ Name),
    [gen_tcp:close(S) || S <- [L, Epmd]],
    still_serves(C).

%% Bytes that are no frame or no term. A BEAM ends such a connection, and so do we.
broken_frames(C) ->
    Broken = [<<0>>, <<112>>, <<112, 131>>, <<112, 131, 104>>, <<112, 131, 104, 4, 97, 6>>, <<112, 131, 255>>,
              <<112, 131, 97, 1>>, <<112, 131, 106>>, <<112, 131, 104, 0>>, <<200, 1, 2, 3>>,
              [112, term_to_binary({6, self(), '', subject})],                             % a payload is missing
              [112, term_to_binary({6, self(), '', subject}), <<131, 108, 255, 255, 255, 255, 97, 1>>],
              [112, term_to_binary({6, self(), '', subject}), <<131, 109, 255, 255, 255, 255, 1, 2>>],
              [112, term_to_binary({6, self(), '', subject}), <<131, 105, 255, 255, 255, 255>>],
              [112, term_to_binary({6, self(), '', subject}), <<131, 118, 255, 255, "x">>]],
    [begin
         {ok, S} = fakenode:connect(t(C), #{}),
         ok = fakenode:send(S, Body),
         try fakenode:closed(S) catch error:still_open -> error({still_open_after, iolist_to_binary(Body)}) end
     end || Body <- Broken],
    still_serves(C).

%% Terms of the wrong shape in a control message: the connection ends or the message does nothing.
odd_control(C) ->
    Name = fakenode:name(),
    Me = self_pid(Name),
    Odd = [{6, Me, '', "no atom"}, {6, x, '', subject}, {2, '', x}, {1, Me, x}, {1, x, Me}, {3, Me, Me}, {3, Me, Me, x},
           {19, Me, "x", x}, {19, Me, 17, make_ref()}, {20, Me, x, y}, {21, x, y, z, u}, {22, x, y}, {24, Me, x}, {26, x, y}, {28, x, y, z},
           {29, x, y, z, {m, f, bad}, []}, {29, x, y, z, u, v}, {31, x, y, z, u}, {33, x, y}, {35, x, y, z}, {36, x, y, z},
           {7, x, y}, {12}, {6}, {}, {a}, {-1, a}, {1 bsl 70, b}, [], 17, atom],
    [begin
         {ok, S} = fakenode:connect(t(C), #{name => fakenode:name()}),
         _ = fakenode:send(S, fakenode:frame(Control, {'$gen_cast', odd})),
         gen_tcp:shutdown(S, write),
         fakenode:closed(S)
     end || Control <- Odd],
    still_serves(C).

unknown_operation(C) ->
    {ok, S} = fakenode:connect(t(C), #{}),
    ok = fakenode:send(S, fakenode:frame({99, a, b}, none)),
    ok = fakenode:send(S, fakenode:frame({60, a, b, c}, payload)),
    gen_tcp:shutdown(S, write),
    fakenode:closed(S),
    still_serves(C).

%% Signals for processes that have ended: no reason to part.
strangers_pids(C) ->
    N = given:target(C),
    Name = fakenode:name(),
    {ok, S} = fakenode:connect(t(C), #{name => Name}),
    Me = self_pid(Name),
    {Nobody, Ref} = ?ON(given:peer(C), begin
        Pid = given:child(N),
        Alias = given:call(Pid, alias),
        ok = gen_server:stop(Pid),
        {Pid, Alias}
    end),
    [ok = fakenode:send(S, fakenode:frame(Control, Payload)) || {Control, Payload} <-
        [{{2, '', Nobody}, hello}, {{6, Me, '', nobody_here}, hello}, {{26, Me, Nobody}, kill}, {{24, Me, Nobody}, gone},
         {{1, Me, Nobody}, none}, {{35, 17, Me, Nobody}, none}, {{20, Me, Nobody, Ref}, none}, {{20, Me, nobody_here, Ref}, none},
         {{28, Me, Nobody, Ref}, gone}, {{33, Me, Ref}, hello}, {{7, Me, Nobody}, none},
         {{6, Me, '', subject}, {'$gen_cast', after_the_strange}}]],
    ?ON(given:peer(C), target:wait(fun() -> lists:member({cast, after_the_strange}, given:call(N, events)) end)),
    gen_tcp:close(S),
    still_serves(C).

%% ---- hermod only

%% A peer without UNLINK_ID (OTP 26 and later refuse it) acknowledges no unlink, and may link again all the same.
links_without_unlink_id(C) ->
    N = given:target(C),
    Name = fakenode:name(),
    {ok, S} = fakenode:connect(t(C), #{name => Name, flags => fakenode:flags() band bnot 16#2000000}),
    Me = self_pid(Name),
    Sub = ?ON(given:peer(C), begin
        Pid = given:child(N),
        [ok = given:call(Pid, {What, Me}) || What <- [link, unlink]],
        Pid
    end),
    {1, Sub, Me} = fakenode:control(S, 1),
    {4, Sub, Me} = fakenode:control(S, 4),
    ok = fakenode:send(S, fakenode:frame({1, Me, Sub}, none)),
    ok = fakenode:send(S, fakenode:frame({6, Me, '', subject}, {'$gen_cast', linked})),
    ?ON(given:peer(C), begin
        target:wait(fun() -> lists:member({cast, linked}, given:call(N, events)) end),
        gen_server:cast(Sub, {stop, for_a_reason})
    end),
    {24, Sub, Me} = fakenode:control(S, 24),
    gen_tcp:close(S),
    still_serves(C).

%% It says that it is larger than allowed: whoever waits for the message in it is answered at once, and what comes behind it is taken.
oversized_frame(_) ->
    T = #{node := N} = target:start(#{args => ["--max-frame", "1M"]}),
    P = target:start_peer(),
    Name = fakenode:name(),
    {ok, S} = fakenode:connect(T, #{name => Name}),
    Me = self_pid(Name),
    Size = 2000000,
    Ask = ask(Me, <<Size:32>>),
    ok = gen_tcp:send(S, [<<(iolist_size(Ask) + Size):32>>, Ask, binary:copy(<<0>>, 20000)]),
    {2, _, Me} = fakenode:control(S, 2),
    ok = gen_tcp:send(S, binary:copy(<<0>>, Size - 20000)),
    ok = fakenode:send(S, fakenode:frame({6, Me, '', subject}, {'$gen_cast', behind})),
    ?ON(P, target:wait(fun() -> [{cast, behind}] =:= given:call(N, events) end)),
    gen_tcp:close(S),
    [target:stop(X) || X <- [T, P]].

%% As large as its length can say, and all of it comes: no memory for it, and others are answered as ever.
largest_frame(_) ->
    T = #{node := N, ospid := OsPid} = target:start(#{}),
    P = target:start_peer(),
    Name = fakenode:name(),
    {ok, S} = fakenode:connect(T, #{name => Name}),
    Ask = ask(self_pid(Name), <<16#fffffff0:32>>),
    ?ON(P, before = given:call(N, {echo, before})),
    Before = resident(OsPid),
    Us = self(),
    {Sender, Ref} = spawn_monitor(fun() ->
        receive go -> ok end,
        ok = gen_tcp:send(S, [<<16#ffffffff:32>>, Ask]),
        sent(S, 16#ffffffff - iolist_size(Ask), binary:copy(<<0>>, 1000000)),
        ok = fakenode:send(S, fakenode:frame({6, self_pid(Name), '', subject}, {'$gen_cast', behind})),
        %% Closed with the answer in it unread, the socket would be reset, and what is on its way be lost.
        ok = gen_tcp:controlling_process(S, Us)
    end),
    ok = gen_tcp:controlling_process(S, Sender),
    Sender ! go,
    Calls = calls_until({'DOWN', Ref}, fun() -> ?ON(P, during = given:call(N, {echo, during})) end, 0),
    true = Calls > 0,
    ?ON(P, target:wait(fun() -> [{cast, behind}] =:= given:call(N, events) end, 120000)),
    Grown = resident(OsPid) - Before,
    ct:log("~p calls meanwhile; ~p KiB more than before", [Calls, Grown]),
    true = Grown < 32 * 1024,
    [target:stop(X) || X <- [T, P]].

sent(_, 0, _) -> ok;
sent(S, Left, Part) when Left < byte_size(Part) -> ok = gen_tcp:send(S, binary_part(Part, 0, Left));
sent(S, Left, Part) -> ok = gen_tcp:send(S, Part), sent(S, Left - byte_size(Part), Part).

calls_until(Down = {'DOWN', Ref}, Call, N) ->
    receive {'DOWN', Ref, process, _, Why} -> normal = Why, N after 0 -> Call(), calls_until(Down, Call, N + 1) end.

%% The most that it ever had, in KiB.
resident(OsPid) ->
    {ok, Status} = file:read_file("/proc/" ++ integer_to_list(OsPid) ++ "/status"),
    {match, [KiB]} = re:run(Status, "VmHWM:\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB).

%% The head of a frame: a call of the subject with a binary of that size.
ask(Me, Size) ->
    Call = term_to_binary({'$gen_call', {Me, make_ref()}, <<>>}),
    [112, term_to_binary({6, Me, '', subject}), binary_part(Call, 0, byte_size(Call) - 4), Size].

%% Nobody knows what it is, or for whom: that connection ends.
large_control(C) ->
    {ok, S} = fakenode:connect(t(C), #{}),
    ok = gen_tcp:send(S, [<<16#ffffffff:32, 112, 131, 104, 3>>, <<109, 16#fffffff0:32>>, binary:copy(<<0>>, 20000)]),
    fakenode:closed(S),
    still_serves(C).

%% More strangers than the cap: those who are in are served, and when the strangers are gone others get in.
half_open_limit(_) ->
    T = #{node := N} = target:start(#{args => ["--max-half-open", "4", "--setup-time", "2"]}),
    P = target:start_peer(),
    ?ON(P, before = given:call(N, {echo, before})),
    Silent = [fakenode:dial(T) || _ <- lists:seq(1, 30)],
    ?ON(P, during = given:call(N, {echo, during})),
    [fakenode:closed(S) || S <- Silent],
    P2 = target:start_peer(),
    ?ON(P2, later = given:call(N, {echo, later})),
    [target:stop(X) || X <- [T, P, P2]].

%% First fragments of messages that never end: some are collected, more are left out, and there is a limit to how many.
unfinished_fragments(C) ->
    Name = fakenode:name(),
    {ok, S} = fakenode:connect(t(C), #{name => Name, flags => fakenode:flags() bor 16#800000 bor 16#2000}),
    Control = term_to_binary({6, self_pid(Name), '', subject}),
    <<131, Bare/binary>> = Control,
    _ = [fakenode:send(S, [<<131, 69, Seq:64, 3:64, 0>>, Bare, <<109, 1000000:32, 0:800>>]) || Seq <- lists:seq(1, 4096 + 65536 + 1)],
    fakenode:closed(S),
    still_serves(C).

%% Nested deeper than the limit: left out, without a stack that overflows. What comes behind it is taken.
deep_term(C) ->
    Deep = [131, binary:copy(<<108, 1:32>>, 1000000), 106, binary:copy(<<106>>, 1000000)],
    Name = fakenode:name(),
    {ok, S} = fakenode:connect(t(C), #{name => Name}),
    ok = fakenode:send(S, [112, term_to_binary({6, self_pid(Name), '', subject}), Deep]),
    N = given:target(C),
    still_serves(C),
    ?ON(given:peer(C), target:wait(fun() -> lists:member(list_to_atom(Name), erpc:call(N, erlang, nodes, [])) end)),
    gen_tcp:close(S).

%% It asks for much, and reads nothing of it: others are served, and it is given up before it has all memory.
does_not_read(C) ->
    T = target:start(#{args => ["--output-high", "1M", "--output-low", "64K", "--output-max", "64M"]}),
    P = given:peer(C),
    N = maps:get(node, T),
    Name = fakenode:name(),
    {ok, S} = fakenode:connect(T, #{name => Name}),
    Fake = fun() -> lists:member(list_to_atom(Name), ?ON(P, erpc:call(N, erlang, nodes, []))) end,
    target:wait(Fake),
    Pid = self_pid(Name),
    Ask = [112, term_to_binary({6, Pid, '', subject}), term_to_binary({'$gen_call', {Pid, make_ref()}, {binary, 1000000}})],
    [ok = fakenode:send(S, Ask) || _ <- lists:seq(1, 30)],
    ?ON(P, during = given:call(N, {echo, during})),
    true = Fake(),
    [fakenode:send(S, Ask) || _ <- lists:seq(1, 100)],
    target:wait(fun() -> not Fake() end),
    ?ON(P, later = given:call(N, {echo, later})),
    gen_tcp:close(S),
    target:stop(T).

%% The connection stays, and whoever waits for an answer gets one.
deep_terms_of_a_beam(C) ->
    N = given:target(C),
    ?ON(given:peer(C), begin
        Deep = lists:foldl(fun(_, Acc) -> {Acc} end, [], lists:seq(1, 2000)),
        true = net_kernel:connect_node(N),
        monitor_node(N, true),
        {error, system_limit} = gen_server:call({subject, N}, {echo, Deep}),
        {subject, N} ! Deep,
        gen_server:cast({subject, N}, Deep),
        {'EXIT', {{erpc, system_limit}, _}} = (catch erpc:call(N, erlang, is_pid, [Deep])),
        {badrpc, _} = rpc:call(N, erlang, is_pid, [Deep]),
        {ok, Pid} = gen_server:call({subject, N}, {spawn, undefined, false}),
        Ref = monitor(process, Pid),
        exit(Pid, Deep),
        ?EXPECT({'DOWN', Ref, process, Pid, system_limit}),
        %% its own calls, too
        register(deep_answers, spawn(fun Loop() -> receive {'$gen_call', From, _} -> gen_server:reply(From, Deep), Loop() end end)),
        {error, {hermod, -6}} = gen_server:call({subject, N}, {call, {deep_answers, node()}, x, 5000}),
        [] = [M || M = {nodedown, _} <- given:mailbox()],
        monitor_node(N, false)
    end),
    still_serves(C).

%% The same for those that are larger than --max-message, by all ways that a message can take. Others notice nothing.
large_messages_of_a_beam(C) ->
    T = #{node := N} = target:start(#{args => ["--max-message", "1M"]}),
    P = target:start_peer(),
    {Stop, Answered} = ?ON(given:peer(C), begin
        Caller = spawn(fun() -> caller(N, 0) end),
        {Caller, fun() -> Caller ! {self(), count}, receive {Caller, Count} -> Count end end}
    end),
    ?ON(P, begin
        Big = binary:copy(<<"x">>, 3000000),
        Deaf = given:reporting(N),
        true = net_kernel:connect_node(N),
        monitor_node(N, true),
        {error, system_limit} = gen_server:call({subject, N}, {size, Big}),
        {error, system_limit} = gen_server:call(Deaf, {size, Big}, infinity),
        [begin
             Send(Big),
             Send(small)
         end || Send <- [fun(M) -> Deaf ! M end, fun(M) -> {subject, N} ! M end, fun(M) -> gen_server:cast(Deaf, M) end,
                         fun(M) -> gen_server:cast({subject, N}, M) end]],
        ?EXPECT({subject, Deaf, {info, small}}),
        ?EXPECT({subject, Deaf, {cast, small}}),
        [{info, small}, {cast, small}] = given:call(N, events),
        {'EXIT', {{erpc, system_limit}, _}} = (catch erpc:call(N, erlang, byte_size, [Big])),
        {badrpc, _} = rpc:call(N, erlang, byte_size, [Big]),
        {'EXIT', {system_limit, _}} = (catch sys:replace_state({subject, N}, fun(_) -> Big end)),
        {error, system_limit} = io:request(erpc:call(N, erlang, whereis, [user]), {put_chars, unicode, Big}),
        %% exit/2, and a link that breaks
        Exited = given:child(N),
        Ref1 = monitor(process, Exited),
        exit(Exited, Big),
        ?EXPECT({'DOWN', Ref1, process, Exited, system_limit}),
        Linked = given:child(N),
        Ref2 = monitor(process, Linked),
        spawn(fun() -> link(Linked), given:call(Linked, {echo, linked}), exit(Big) end),
        ?EXPECT({'DOWN', Ref2, process, Linked, system_limit}),
        %% a monitor
        Watched = given:idle(),
        Ref3 = given:call(Deaf, {monitor, Watched}),
        given:ended(Watched, Big),
        ?EXPECT({subject, Deaf, {info, {'DOWN', Ref3, process, Watched, system_limit}}}),
        %% an answer
        register(large_answers, spawn(fun Loop() -> receive {'$gen_call', From, _} -> gen_server:reply(From, Big), Loop() end end)),
        {error, {hermod, -6}} = gen_server:call({subject, N}, {call, {large_answers, node()}, x, 30000}),
        Fun = eval_SUITE:shell("fun() -> gen_server:call({large_answers, Node}, x) end.", [{'Node', node()}]),
        {'EXIT', {exception, {system_limit, {gen_server, call, _}}}} = (catch erpc:call(N, Fun)),
        {signal, system_limit} = given:call(N, {rpc, node(), binary, copy, [<<"x">>, 3000000], 30000}),
        %% many at once: some fit in beside the others, each is answered
        Fits = binary:copy(<<"x">>, 700000),
        Outcomes = given:parallel([fun() -> gen_server:call({subject, N}, {size, Fits}, 30000) end || _ <- lists:seq(1, 8)]),
        [] = [O || O <- Outcomes, O =/= 700000, O =/= {error, system_limit}],
        700000 = gen_server:call({subject, N}, {size, Fits}),
        [] = given:mailbox(),
        monitor_node(N, false)
    end),
    target:await_line(T, "peer.too_large .*node=.* 30[0-9]+ bytes.*max-message"),
    true = ?ON(given:peer(C), begin
        Before = Answered(),
        target:wait(fun() -> Answered() > Before end),
        exit(Stop, kill)
    end),
    [target:stop(X) || X <- [T, P]].

%% A BEAM sends the messages of all its processes by turns.
large_messages_of_many(C) ->
    N = given:target(C),
    {Fine, Small} = {700000, target:start(#{args => ["--max-fragments", "16"]})},
    ?ON(given:peer(C), begin
        Big = binary:copy(<<"x">>, Fine),
        Call = fun(Node) -> fun() -> gen_server:call({subject, Node}, {size, Big}, 60000) end end,
        true = net_kernel:connect_node(N),
        true = net_kernel:connect_node(maps:get(node, Small)),
        [monitor_node(Node, true) || Node <- [N, maps:get(node, Small)]],
        [Fine] = lists:usort(given:parallel(lists:duplicate(300, Call(N)))),
        [] = [O || O <- given:parallel(lists:duplicate(300, Call(maps:get(node, Small)))), O =/= Fine, O =/= {error, system_limit}],
        Fine = (Call(maps:get(node, Small)))(),
        [] = given:mailbox(),
        [monitor_node(Node, false) || Node <- [N, maps:get(node, Small)]]
    end),
    target:stop(Small).

caller(N, Count) ->
    during = given:call(N, {echo, during}, 20000),
    receive {Who, count} -> Who ! {self(), Count} after 0 -> ok end,
    caller(N, Count + 1).
