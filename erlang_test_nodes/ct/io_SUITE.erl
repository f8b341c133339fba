%% The IO protocol in both directions: processes of a BEAM peer that have a device of the target as their group leader, and processes
%% of the target that print to a process of the peer.
-module(io_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() ->
    [put_chars, formats, layout, bad_format, get_line, get_chars, end_of_input, unicode_input, many_readers, requests,
     old_requests, unknown_requests, leader_is_inherited, dead_device, print_to_a_process, print_to_nobody, asks_a_process,
     called_functions_print, spawned_functions_print,
     {group, hermod_only}].

groups() ->
    [{hermod_only, [], [bad_text, user_prints_into_the_log, user_has_no_input, remote_log_events, flood_of_output, flood_of_readers, junk,
                        needs_functions, geometry_and_options]}].

init_per_suite(C) -> given:nodes(C).
end_per_suite(C) -> given:no_nodes(C).

init_per_group(hermod_only, C) ->
    case target:kind() of hermod -> C; beam -> {skip, "not what a BEAM does"} end.
end_per_group(_, _) -> ok.

device(C, Input) ->
    Node = given:target(C),
    ?ON(given:peer(C), begin {ok, Pid} = gen_server:call({device, Node}, {open, Input}), Pid end).
text(C, Device) ->
    Node = given:target(C),
    ?ON(given:peer(C), gen_server:call({device, Node}, {text, Device})).

%% Fun runs on the peer below that leader; its value, or the class and reason of its exception.
below(C, Leader, Fun) ->
    ?ON(given:peer(C), begin
        {_, Ref} = spawn_monitor(fun() ->
            group_leader(Leader, self()),
            exit({done, try Fun() catch Class:Reason -> {Class, Reason} end})
        end),
        receive {'DOWN', Ref, _, _, {done, V}} -> V after 20000 -> error(timeout) end
    end).

%% What was printed and what the call returned.
printed(C, Fun) ->
    Device = device(C, <<>>),
    V = below(C, Device, Fun),
    {V, text(C, Device)}.

put_chars(C) ->
    {ok, <<"hello\n">>} = printed(C, fun() -> io:put_chars("hello\n") end),
    {ok, <<"h\x{e9} \x{20ac}"/utf8>>} = printed(C, fun() -> io:put_chars([$h, 16#e9, " ", <<"\x{20ac}"/utf8>>]) end),
    {ok, <<"h\x{e9}"/utf8>>} = printed(C, fun() -> io:request(group_leader(), {put_chars, latin1, <<$h, 16#e9>>}) end),
    {ok, <<"\n">>} = printed(C, fun() -> io:nl() end),
    {ok, <<"[1,a,\"x\"]">>} = printed(C, fun() -> io:format("~p", [[1, a, "x"]]) end),
    {ok, <<"{a,[120]}">>} = printed(C, fun() -> io:write({a, "x"}) end).

formats(C) ->
    Cases = [{"~w ~p ~s ~ts ~c~n", [{a}, "b", "c", [16#20ac], $d]}, {"~10s|~-10s|~.3s|", ["abc", "abc", "abcdef"]},
             {"~e ~f ~g ~.2f ~10.3f", [1.5, 2.5, 3.5, 4.555, 5.0]}, {"~b ~.16B ~.2b ~#  ~x", [10, 255, 5, 7, 31, "0x"]},
             {"~i~p~~~n", [skipped, kept]}, {"~W ~P", [lists:seq(1, 20), 5, lists:seq(1, 20), 5]}, {"~*.*.0f|", [10, 2, 1.5]},
             {"~tp ~tw", ['\x{e9}t\x{e9}', '\x{20ac}']}, {"~p", [#{a => 1, "b" => <<"c">>}]}, {<<"bin ~p">>, [x]}, {atom, []}],
    [begin
         Wanted = unicode:characters_to_binary(io_lib:format(F, A)),
         ?assertEqual({ok, Wanted}, printed(C, fun() -> io:format(F, A) end), {F, A})
     end || {F, A} <- Cases].

%% ~p breaks lines as on the BEAM that prints, from whatever column.
layout(C) ->
    Terms = [[{list_to_atom("key" ++ integer_to_list(I)), lists:seq(1, I)} || I <- lists:seq(1, 20)],
             {error, {badarg, [{erlang, apply, 3, [{file, "x.erl"}, {line, I}]} || I <- lists:seq(1, 5)]}},
             maps:from_list([{I, "some text " ++ integer_to_list(I)} || I <- lists:seq(1, 20)]),
             list_to_binary(lists:seq(0, 255))],
    [?assertEqual({ok, unicode:characters_to_binary(io_lib:format(F, [T]))}, printed(C, fun() -> io:format(F, [T]) end))
     || T <- Terms, F <- ["~p~n", "a prefix: ~p", "~40p", "~0p", "\t~tp"]].

%% (A file of a BEAM ends at it.)
bad_text(C) ->
    {{error, badarg}, <<>>} = printed(C, fun() -> io:put_chars([foo]) end),
    {{error, badarg}, <<>>} = printed(C, fun() -> io:put_chars(<<255, 254>>) end).

bad_format(C) ->
    [?assertEqual({{error, badarg}, <<>>}, printed(C, fun() -> io:format(F, A) end), {F, A})
     || {F, A} <- [{"~p", []}, {"~p", [a, b]}, {"~z", [a]}, {"~", []}, {"~s", [{}]}, {"~b", [x]}, {"~-p", [x]}, {"x", foo}]].

get_line(C) ->
    Device = device(C, <<"one\ntwo\n\nthree">>),
    ["one\n", "two\n", "\n", "three", eof, eof] =
        below(C, Device, fun() -> [io:get_line('') || _ <- lists:seq(1, 6)] end).

get_chars(C) ->
    Device = device(C, <<"one\ntwo\n">>),
    ["on", "e\n", [], "two", "\n", eof] = below(C, Device, fun() -> [io:get_chars('', N) || N <- [2, 2, 0, 3, 10, 1]] end).

end_of_input(C) ->
    Device = device(C, <<>>),
    [eof, eof] = below(C, Device, fun() -> [io:get_line("> "), io:get_chars("> ", 3)] end).

unicode_input(C) ->
    Device = device(C, <<"h\x{e9}\x{20ac}\nh\x{e9}\n"/utf8>>),
    [[$h, 16#e9, 16#20ac, $\n], [$h, 16#e9, $\n]] = below(C, Device, fun() -> [io:get_line(''), io:get_line('')] end).

%% Each line goes to one of them, and none is lost.
many_readers(C) ->
    N = 50,
    Device = device(C, iolist_to_binary([[integer_to_list(I), $\n] || I <- lists:seq(1, N)])),
    Lines = ?ON(given:peer(C), begin
        Me = self(),
        [spawn(fun() -> group_leader(Device, self()), Me ! {line, io:get_line('')} end) || _ <- lists:seq(1, N)],
        [?EXPECT({line, L}, L) || _ <- lists:seq(1, N)]
    end),
    ?assertEqual(lists:seq(1, N), lists:sort([list_to_integer(string:trim(L)) || L <- Lines])).

requests(C) ->
    {ok, <<"abc">>} = printed(C, fun() -> io:requests([{put_chars, unicode, "a"}, {put_chars, unicode, "b"}, {put_chars, latin1, "c"}]) end),
    {{error, Reason}, <<"a">>} =
        printed(C, fun() -> io:requests([{put_chars, unicode, "a"}, {what, 1}, {put_chars, unicode, "c"}]) end),
    true = is_unknown(Reason),
    {ok, <<>>} = printed(C, fun() -> io:requests([]) end).

raw(C, Device, Req) ->
    ?ON(given:peer(C), begin
        Device ! {io_request, self(), {as, [x]}, Req},
        ?EXPECT({io_reply, {as, [x]}, Reply}, Reply)
    end).

%% As nodes send them that lack the flag UNICODE_IO.
old_requests(C) ->
    Device = device(C, <<"one\ntwo\n">>),
    ok = raw(C, Device, {put_chars, <<"h", 16#e9>>}),
    ok = raw(C, Device, {put_chars, io_lib, format, ["~p", [{a}]]}),
    "one\n" = raw(C, Device, {get_line, ''}),
    "tw" = raw(C, Device, {get_chars, '', 2}),
    <<"h\x{e9}{a}"/utf8>> = text(C, Device).

unknown_requests(C) ->
    Device = device(C, <<>>),
    [?assertMatch({true, _}, begin {error, Why} = raw(C, Device, R), {is_unknown(Why), R} end) || R <- [what, {what}, {put_chars}, {get_line, unicode, a, b, c, d}, 17, []]],
    ok = raw(C, Device, {put_chars, unicode, "alive"}).

%% A file of a BEAM says which one; its terminals, and we, do not.
is_unknown(Reason) -> Reason =:= request orelse element(1, Reason) =:= request.

%% What is spawned below prints there, too; and a log event of it goes to the node of the leader (see remote_log_events).
leader_is_inherited(C) ->
    Device = device(C, <<>>),
    ok = below(C, Device, fun() ->
        {_, Ref} = spawn_monitor(fun() -> io:put_chars("child") end),
        receive {'DOWN', Ref, _, _, normal} -> ok end
    end),
    <<"child">> = text(C, Device).

dead_device(C) ->
    Device = device(C, <<>>),
    {error, terminated} = ?ON(given:peer(C), begin
        Ref = monitor(process, Device),
        exit(Device, kill),
        ?EXPECT({'DOWN', Ref, _, _, killed}),
        Node = node(Device),
        true = lists:member(Node, nodes()),
        gen_server:call({device, Node}, {print, Device, <<"x">>})
    end).

%% ---- the target prints to a process of the peer

print_to_a_process(C) ->
    Node = given:target(C),
    Text = <<"h\x{e9} \x{20ac}\n"/utf8>>,
    ?ON(given:peer(C), begin
        Id = gen_server:send_request({device, Node}, {print, self(), Text}),
        {From, As} = ?EXPECT({io_request, F, A, {put_chars, unicode, Text}}, {F, A}),
        Node = node(From),
        From ! {io_reply, As, {error, some_reason}},
        {reply, {error, some_reason}} = gen_server:receive_response(Id, 5000)
    end),
    %% and to a device of the BEAM
    {ok, <<"to a file">>} = ?ON(given:peer(C), begin
        Name = filename:join(os:getenv("TEST_LOGS", "."), target:unique("printed")),
        {ok, File} = file:open(Name, [write]),
        ok = gen_server:call({device, Node}, {print, File, <<"to a file">>}),
        ok = file:close(File),
        file:read_file(Name)
    end).

print_to_nobody(C) ->
    Node = given:target(C),
    {error, terminated} = ?ON(given:peer(C), begin
        {Pid, Ref} = spawn_monitor(fun() -> ok end),
        ?EXPECT({'DOWN', Ref, _, _, _}),
        gen_server:call({device, Node}, {print, Pid, <<"x">>})
    end),
    %% who ends while it is asked
    {error, terminated} = ?ON(given:peer(C), begin
        Pid = spawn(fun() -> receive {io_request, _, _, _} -> exit(bye) end end),
        gen_server:call({device, Node}, {print, Pid, <<"x">>})
    end).

asks_a_process(C) ->
    Node = given:target(C),
    "a line\n" = ?ON(given:peer(C), begin
        Id = gen_server:send_request({device, Node}, {request, self(), {get_line, unicode, <<"> ">>}}),
        {From, As} = ?EXPECT({io_request, F, A, {get_line, unicode, <<"> ">>}}, {F, A}),
        From ! {io_reply, As, "a line\n"},
        {reply, Line} = gen_server:receive_response(Id, 5000),
        Line
    end).

%% What is called on the target prints below the caller's group leader, which travels along.
called_functions_print(C) ->
    Node = given:target(C),
    Device = device(C, <<"a line\nrest">>),
    [ok, ok, ok, "a line\n", "re", {badrpc, {'EXIT', {badarg, _}}}, ok] = below(C, Device, fun() ->
        [rpc:call(Node, io, F, A) || {F, A} <- [{format, ["~p ~s~n", [{a}, "b"]]}, {put_chars, [[16#e9, 10]]}, {nl, []}, {get_line, ['']},
                                                {get_chars, ['', 2]}, {format, ["~p", []]}, {write, ["x"]}]]
    end),
    <<"{a} b\n\x{e9}\n\n[120]"/utf8>> = text(C, Device).

spawned_functions_print(C) ->
    Node = given:target(C),
    Device = device(C, <<>>),
    normal = below(C, Device, fun() ->
        {_, Ref} = spawn_monitor(Node, io, put_chars, ["spawned"]),
        receive {'DOWN', Ref, _, _, Why} -> Why end
    end),
    <<"spawned">> = text(C, Device).

%% ---- what the node itself does with what is printed to it, and what cannot end it

user(C) ->
    Node = given:target(C),
    ?ON(given:peer(C), begin Pid = rpc:call(Node, erlang, whereis, [user]), true = is_pid(Pid), Pid end).

user_prints_into_the_log(C) ->
    T = proplists:get_value(target, C),
    ok = below(C, user(C), fun() -> io:format("hello ~p\e[2J~n", [{a, b}]) end),
    Line = target:await_line(T, "io.output .*hello"),
    ?assertMatch({match, _}, re:run(Line, "<[^ ]+\\.\\d+\\.\\d+> hello {a,b}\\\\e\\[2J$"), Line),
    ok = below(C, user(C), fun() -> io:put_chars("without an end") end),
    target:await_line(T, "io.output .*without an end").

user_has_no_input(C) ->
    eof = below(C, user(C), fun() -> io:get_line("> ") end).

%% The peer's own handlers leave these out.
remote_log_events(C) ->
    T = proplists:get_value(target, C),
    ok = below(C, user(C), fun() -> logger:error("remote ~p", [{an, event}]) end),
    target:await_line(T, "error +logger.remote <[^ ]+\\.\\d+\\.\\d+> remote {an,event}"),
    ok = below(C, user(C), fun() -> logger:warning(#{what => report}) end),
    target:await_line(T, "warn +logger.remote .*#{what => report}").

flood_of_output(C) ->
    Leader = user(C),
    Node = given:target(C),
    N = 20000,
    Line = <<(binary:copy(<<"x">>, 500))/binary, "\n">>,
    ?ON(given:peer(C), begin
        [Leader ! {io_request, self(), I, {put_chars, unicode, Line}} || I <- lists:seq(1, N)],
        [?EXPECT({io_reply, I, ok}) || I <- lists:seq(1, N)],
        hello = given:call(Node, {echo, hello})
    end).

%% Whatever does not answer but is asked: the requests that are too many are refused, the node lives.
flood_of_readers(C) ->
    Node = given:target(C),
    Device = device(C, <<>>),
    N = 20000,
    ?ON(given:peer(C), begin
        Self = self(),
        [Device ! {io_request, Self, I, {get_line, unicode, ''}} || I <- lists:seq(1, N)],
        Replies = [?EXPECT({io_reply, I, R}, R) || I <- lists:seq(1, N)],
        [] = [R || R <- Replies, R =/= eof, R =/= {error, system_limit}],
        hello = given:call(Node, {echo, hello})
    end).

junk(C) ->
    Node = given:target(C),
    Device = device(C, <<"line\n">>),
    ?ON(given:peer(C), begin
        Deep = lists:foldl(fun(_, Acc) -> {requests, [Acc]} end, getopts, lists:seq(1, 400)),
        [Device ! M || M <- [x, {}, {io_request}, {io_request, a, b, c}, {io_request, self(), b}, {io_reply, a, b},
                             {'EXIT', self(), x}, {'DOWN', make_ref(), process, self(), x}, [a | b]]],
        [begin
             Device ! {io_request, self(), I, R},
             ?EXPECT({io_reply, I, {error, _}})
         end || {I, R} <- [{1, Deep}, {2, {put_chars, unicode, io_lib, format, ["~99999999c~99999999c", [$x, $x]]}},
                           {3, {put_chars, unicode, io_lib, format, [a | b]}}, {4, {put_chars, unicode, erlang, halt, []}},
                           {5, {get_chars, unicode, '', 1 bsl 60}}, {6, {get_chars, unicode, '', -1}}, {7, {setopts, [a | b]}},
                           {8, {requests, [a | b]}}, {9, {get_geometry, depth}}]],
        link(Device),
        unlink(Device),
        "line\n" = gen_server:call({device, Node}, {request, Device, {get_line, unicode, ''}}),
        hello = given:call(Node, {echo, hello})
    end).

needs_functions(C) ->
    Device = device(C, <<"{a, b}.\n">>),
    {error, enotsup} = below(C, Device, fun() -> io:read('') end),
    {error, enotsup} = below(C, Device, fun() -> io:fread('', "~d") end),
    "{a, b}.\n" = below(C, Device, fun() -> io:get_line('') end).

geometry_and_options(C) ->
    Device = device(C, <<"one\ntwo\n">>),
    {error, enotsup} = below(C, Device, fun() -> io:columns() end),
    Opts = below(C, Device, fun() -> io:getopts() end),
    {false, unicode} = {proplists:get_value(binary, Opts), proplists:get_value(encoding, Opts)},
    ok = below(C, Device, fun() -> io:setopts([binary]) end),
    <<"one\n">> = below(C, Device, fun() -> io:get_line('') end),
    ok = below(C, Device, fun() -> io:setopts([{encoding, latin1}, {binary, false}]) end),
    ok = below(C, Device, fun() -> io:put_chars([16#e9, 16#20ac]) end),
    <<16#e9, "\\x{20AC}">> = text(C, Device),
    {error, enotsup} = below(C, Device, fun() -> io:setopts([shiny]) end).
