%% `hermod chat' as somebody at a terminal sees it, against a room: the exercise's own server on a BEAM (target
%% beam) or the message_server of Hermod (target hermod).
-module(chat_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() -> [{group, pipe}, {group, terminal}] ++ case target:kind() of hermod -> [{group, hermod_only}]; beam -> [] end.
groups() ->
    Cases = [join_and_talk, private_message, users, leave_and_join, quit_leaves, end_of_input, help],
    [{pipe, [], Cases ++ [nick_in_use, nick_not_allowed, no_server, wrong_cookie, comes_back, elixir_client_hears]},
     {terminal, [], Cases ++ [prompt_survives]},
     %% what the exercise's server lacks
     {hermod_only, [], [killed_client_has_left]}].

init_per_suite(C) ->
    case filelib:is_regular(target:hermod()) of
        true -> [{peer1, target:start_peer()} | C];
        false -> {skip, "there is no hermod program to test"}
    end.
end_per_suite(C) -> given:no_nodes(C).

init_per_group(terminal, C) ->
    case os:find_executable("script") of
        false -> {skip, "there is no script(1) to make a terminal with"};
        _ -> [{terminal, true} | C]
    end;
init_per_group(_, C) -> C.
end_per_group(_, _) -> ok.

init_per_testcase(_, C) -> [{room, room(target:unique("room"))} | C].
end_per_testcase(_, C) -> target:stop(proplists:get_value(room, C)).

%% A node with an empty room.
room(Name) ->
    T = target:start(#{name => Name, subject => false}),
    case target:kind() of
        beam -> {ok, _} = ?ON(T, 'Elixir.Conformance.Chat.Server':start());
        hermod -> ok
    end,
    T.

room_of(C) -> atom_to_list(maps:get(node, proplists:get_value(room, C))).

%% ---- somebody at a terminal: a process that owns the port and keeps what is printed

enter(C, Nick) -> enter(C, Nick, []).
enter(C, Nick, Args) ->
    Name = target:unique("chat"),
    Command = ["chat", "--server", room_of(C), "--nick", Nick, "--sname", Name] ++ Args,
    Env = [{"HERMOD_COOKIE", target:cookie()}, {"TERM", "xterm"}, {"HOME", target:log_dir()}],
    {Program, All} = case proplists:get_value(terminal, C, false) of
        true ->
            %% script runs a shell that runs the program; the words need no quotes
            {os:find_executable("script"), ["-qfec", lists:append(lists:join(" ", ["exec", target:hermod() | Command])), "/dev/null"]};
        false -> {target:hermod(), Command}
    end,
    Me = self(),
    Pid = spawn(fun() ->
        monitor(process, Me),
        Port = open_port({spawn_executable, Program}, [{args, All}, {env, Env}, exit_status, stderr_to_stdout, binary]),
        {os_pid, OsPid} = erlang:port_info(Port, os_pid),
        Me ! {self(), OsPid},
        terminal(Port, <<>>, undefined)
    end),
    OsPid = ?EXPECT({Pid, P}, P),
    #{pid => Pid, nick => Nick, node => Name ++ "@" ++ target:host(), chat_ospid => OsPid}.

terminal(Port, Seen, Status) ->
    receive
        {Port, {data, D}} -> terminal(Port, <<Seen/binary, D/binary>>, Status);
        {Port, {exit_status, S}} -> terminal(Port, Seen, S);
        {type, Text} -> catch port_command(Port, [Text, $\n]), terminal(Port, Seen, Status);
        {'DOWN', _, process, _, _} -> exit(the_test_is_over); % takes the port along, which is the end of the input
        {raw, Text} -> catch port_command(Port, Text), terminal(Port, Seen, Status);
        {seen, From} -> From ! {seen, self(), Seen, Status}, terminal(Port, Seen, Status)
    end.

types(#{pid := Pid}, Text) -> Pid ! {type, unicode:characters_to_binary(Text)}, ok.

%% What is on the screen, without the escape sequences of line editing; where the cursor goes back to the
%% beginning of a line, what follows is taken for another line.
screen(#{pid := Pid}) ->
    Pid ! {seen, self()},
    {Raw, Status} = ?EXPECT({seen, Pid, S, St}, {S, St}),
    Plain = lists:foldl(fun({Regex, With}, Text) -> re:replace(Text, Regex, With, [global, {return, binary}]) end, Raw,
                        [{"\e\\[[0-9;?]*[A-Za-z]|\e[=>]|\x{07}", ""}, {"\r\n", "\n"}, {"\r", "\n"}]),
    {Plain, Status}.

sees(Who, Regex) ->
    try
        target:wait(fun() ->
            {Text, Status} = screen(Who),
            case re:run(Text, Regex, [unicode, multiline]) of
                {match, _} -> true;
                nomatch when Status =:= undefined -> false;
                nomatch -> error({ended_before, Regex, Status, Text})
            end
        end)
    catch error:{never_became_true, _} -> error({never_seen, Regex, screen(Who)})
    end.

sees_not(Who, Regex) ->
    {Text, _} = screen(Who),
    ?assertEqual(nomatch, re:run(Text, Regex, [unicode, multiline]), Text).

gone(Who) ->
    target:wait(fun() ->
        case screen(Who) of
            {_, undefined} -> false;
            {_, Status} -> {true, {ended, Status}}
        end
    end).

joined(C, Nick) ->
    Who = enter(C, Nick),
    sees(Who, "^\\* Joined the chatroom \\*$"),
    sees(Who, "^\\* Users in the room: .*" ++ Nick ++ ".* \\*$"),
    Who.

says(Who, Text) -> types(Who, Text).
quit(Who) -> types(Who, "/quit"), {ended, 0} = gone(Who), ok.
nick(Name) -> target:unique(Name).

%% server@host> nick: text
line(C, Nick, Text) -> "^" ++ room_of(C) ++ "> " ++ Nick ++ ": " ++ Text ++ "$".
star(Nick, What) -> "\\* " ++ Nick ++ " has " ++ What ++ " \\*".

%% ---- the cases

join_and_talk(C) ->
    [A, B, D] = [nick(N) || N <- ["ann", "bob", "cat"]],
    Ann = joined(C, A),
    [sees(Ann, "^" ++ maps:get(node, Ann) ++ "> ") || proplists:get_value(terminal, C, false)],
    Bob = joined(C, B),
    sees(Bob, "^\\* Users in the room: (" ++ A ++ ":" ++ B ++ "|" ++ B ++ ":" ++ A ++ ") \\*$"),
    sees(Ann, line(C, B, star(B, "joined"))),
    Cat = joined(C, D),
    [sees(W, line(C, D, star(D, "joined"))) || W <- [Ann, Bob]],
    says(Ann, "hello all"),
    [sees(W, line(C, A, "hello all")) || W <- [Bob, Cat]],
    says(Bob, "ünïcode 日本"),
    [sees(W, line(C, B, "ünïcode 日本")) || W <- [Ann, Cat]],
    sees_not(Ann, line(C, A, "hello all")),
    [quit(W) || W <- [Cat, Bob, Ann]].

private_message(C) ->
    [A, B, D] = [nick(N) || N <- ["ann", "bob", "cat"]],
    [Ann, Bob, Cat] = [joined(C, N) || N <- [A, B, D]],
    says(Ann, "/pm " ++ B ++ " for you only"),
    sees(Bob, line(C, A, "for you only")),
    says(Ann, "and this for all"),
    [sees(W, line(C, A, "and this for all")) || W <- [Bob, Cat]],
    sees_not(Cat, "for you only"),
    [quit(W) || W <- [Ann, Bob, Cat]].

users(C) ->
    [A, B] = [nick(N) || N <- ["ann", "bob"]],
    [Ann, Bob] = [joined(C, N) || N <- [A, B]],
    says(Ann, "/users"),
    sees(Ann, line(C, "server", "users: (" ++ A ++ ", " ++ B ++ "|" ++ B ++ ", " ++ A ++ ")")),
    [quit(W) || W <- [Ann, Bob]].

leave_and_join(C) ->
    [A, B] = [nick(N) || N <- ["ann", "bob"]],
    [Ann, Bob] = [joined(C, N) || N <- [A, B]],
    says(Ann, "/leave"),
    sees(Bob, line(C, A, star(A, "left"))),
    sees(Ann, "/join"),
    says(Ann, "/join"),
    sees(Bob, line(C, A, star(A, "joined"))),
    sees(Ann, "Joined the chatroom(.|\n)*Joined the chatroom"),
    says(Ann, "again"),
    sees(Bob, line(C, A, "again")),
    [quit(W) || W <- [Ann, Bob]].

%% /quit leaves the room first.
end_of(C, End) ->
    [A, B] = [nick(N) || N <- ["ann", "bob"]],
    [Ann, Bob] = [joined(C, N) || N <- [A, B]],
    End(Ann),
    sees(Bob, line(C, A, star(A, "left"))),
    {ended, 0} = gone(Ann),
    Again = joined(C, A),
    [quit(W) || W <- [Again, Bob]].

end_of_input(C) ->
    case proplists:get_value(terminal, C, false) of
        true -> end_of(C, fun(#{pid := Pid}) -> Pid ! {raw, <<4>>} end);
        false ->
            %% all of the input is there at once, and all of it is done before the end
            [A, B] = [nick(N) || N <- ["ann", "bob"]],
            Bob = joined(C, B),
            {0, Out, _} = target:run(target:hermod(), ["chat", "--server", room_of(C), "--nick", A, "--sname", target:unique("chat")],
                                     #{stdin => "one\n/users\ntwo\n/users\n", env => [{"HERMOD_COOKIE", target:cookie()}]}),
            {match, _} = re:run(Out, "\\* Joined the chatroom \\*"),
            {match, _} = re:run(Out, line(C, "server", "users: (" ++ A ++ ", " ++ B ++ "|" ++ B ++ ", " ++ A ++ ")"), [multiline]),
            [sees(Bob, line(C, A, Said)) || Said <- ["one", "two", star(A, "left")]],
            quit(Bob)
    end.

quit_leaves(C) -> end_of(C, fun(Who) -> types(Who, "/quit") end).

help(C) ->
    Ann = joined(C, nick("ann")),
    says(Ann, "/help"),
    [sees(Ann, Command) || Command <- ["/leave", "/join", "/users", "/pm", "/quit|message"]],
    quit(Ann).

nick_in_use(C) ->
    A = nick("ann"),
    Ann = joined(C, A),
    Other = enter(C, A),
    {ended, Status} = gone(Other),
    ?assertNotEqual(0, Status),
    sees(Other, "in use|taken|nick_in_use"),
    quit(Ann).

nick_not_allowed(C) ->
    Other = enter(C, "server"),
    {ended, Status} = gone(Other),
    ?assertNotEqual(0, Status),
    sees(Other, "not allowed|nick_not_allowed").

no_server(C) ->
    Lost = enter([{room, #{node => list_to_atom("not_there@" ++ target:host())}} | C], nick("ann")),
    {ended, 3} = gone(Lost).

wrong_cookie(C) ->
    Lost = enter(C, nick("ann"), ["--cookie", "wrong"]),
    {ended, 4} = gone(Lost),
    sees(Lost, "cookie").

%% The room goes away and comes back: the client is in it again by itself.
comes_back(C) ->
    T = #{name := Name} = proplists:get_value(room, C),
    [A, B] = [nick(N) || N <- ["ann", "bob"]],
    [Ann, Bob] = [joined(C, N) || N <- [A, B]],
    target:kill(T),
    target:wait(fun() -> not lists:keymember(Name, 1, target:epmd_names()) end),
    T2 = room(Name),
    P = target:start_peer(),
    ?ON(P, begin
        Room = maps:get(node, T2),
        target:wait(fun() ->
            Nick = list_to_binary(target:unique("look")),
            {ok, Users} = gen_server:call({message_server, Room}, {connect, Nick}),
            ok = gen_server:call({message_server, Room}, {disconnect, Nick}),
            length(binary:split(Users, <<":">>, [global])) =:= 3
        end)
    end),
    says(Ann, "here again"),
    sees(Bob, line(C, A, "here again")),
    [quit(W) || W <- [Ann, Bob]],
    [target:stop(X) || X <- [T2, P]].

%% The client registers message_handler: anybody's cast is printed; and what it says reaches an Elixir client.
elixir_client_hears(C) ->
    Room = maps:get(node, proplists:get_value(room, C)),
    P = given:peer(C),
    [A, E] = [nick(N) || N <- ["ann", "eve"]],
    Ann = joined(C, A),
    Eve = {Room, list_to_binary(E)},
    ?ON(P, begin
        true = net_kernel:connect_node(Room),
        {ok, _} = 'Elixir.Conformance.Chat.Client':restart(Room),
        {ok, _} = 'Elixir.Conformance.Chat.Client':connect(Eve)
    end),
    sees(Ann, line(C, E, star(E, "joined"))),
    ?ON(P, 'Elixir.Conformance.Chat.Client':say(Eve, <<"from Elixir">>)),
    sees(Ann, line(C, E, "from Elixir")),
    says(Ann, "from hermod"),
    Nick = list_to_binary(A),
    ?ON(P, target:wait(fun() -> lists:member({Nick, <<"from hermod">>}, 'Elixir.Conformance.Chat.Client':heard()) end)),
    quit(Ann),
    ?ON(P, begin
        target:wait(fun() ->
            lists:member({Nick, <<"* ", Nick/binary, " has left *">>}, 'Elixir.Conformance.Chat.Client':heard())
        end),
        ok = 'Elixir.Conformance.Chat.Client':disconnect(Eve)
    end).

%% On a terminal: a message that comes while one types does not lose what was typed.
prompt_survives(C) ->
    [A, B] = [nick(N) || N <- ["ann", "bob"]],
    [Ann, Bob] = [joined(C, N) || N <- [A, B]],
    #{pid := Pid} = Ann,
    Pid ! {raw, <<"half a ">>},
    says(Bob, "interrupting"),
    sees(Ann, line(C, B, "interrupting")),
    sees(Ann, "^" ++ maps:get(node, Ann) ++ "> half a "),
    says(Ann, "sentence"),
    sees(Bob, line(C, A, "half a sentence")),
    [quit(W) || W <- [Ann, Bob]].

killed_client_has_left(C) ->
    [A, B] = [nick(N) || N <- ["ann", "bob"]],
    [Ann, Bob] = [joined(C, N) || N <- [A, B]],
    os:cmd("kill -KILL " ++ integer_to_list(maps:get(chat_ospid, Ann))),
    sees(Bob, line(C, A, star(A, "left"))),
    Again = joined(C, A),
    [quit(W) || W <- [Again, Bob]].
