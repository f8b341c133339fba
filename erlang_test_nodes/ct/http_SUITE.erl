%% `hermod start --metrics': scrapes, the status page's numbers, the token, and clients that are hostile, slow or many. What a node owes the
%% cluster it goes on doing meanwhile. There is no such thing on a BEAM.
-module(http_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(USAGE, 2).
-define(FAILED, 1).

all() -> [counters_move, format, documented, status, values_are_text, probes, paths_and_methods, other_hosts, junk, large_headers, pipelined, silent_and_slow,
          thousand_connections, unread_answers, silent_service, report_is_killed, under_load, token, token_is_needed, token_file, port_taken, address_mistakes,
          stops_while_asked].

init_per_suite(C) ->
    case target:kind() of
        hermod ->
            T = target:start(#{args => ["--metrics", "0", "--metrics-timeout", "3", "--metrics-connections", "16"]}),
            P = target:start_peer(),
            ?ON(P, {ok, _} = pg:start(pg)),
            [{target, T}, {http, listens(T)}, {peer1, P} | C];
        beam -> {skip, "not what a BEAM has"}
    end.
end_per_suite(C) -> given:no_nodes(C).

%% ---- a client

listens(T) ->
    {match, [Port]} = re:run(target:await_line(T, "http.listen http://127"), "127\\.0\\.0\\.1:(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(Port).
port(C) -> proplists:get_value(http, C).

dial(Port) ->
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}, {nodelay, true}], ?PATIENCE),
    S.
%% Everything until the server closes.
rest(S) -> rest(S, []).
rest(S, Acc) ->
    case gen_tcp:recv(S, 0, ?PATIENCE) of
        {ok, B} -> rest(S, [Acc, B]);
        {error, closed} -> gen_tcp:close(S), iolist_to_binary(Acc);
        {error, econnreset} -> gen_tcp:close(S), iolist_to_binary(Acc)
    end.
raw(Port, Bytes) ->
    S = dial(Port),
    _ = gen_tcp:send(S, Bytes), % may be refused before all of it is said
    rest(S).
request(Port, Line) -> request(Port, Line, "").
request(Port, Line, Headers) -> answer(raw(Port, [Line, " HTTP/1.1\r\nHost: localhost\r\n", Headers, "\r\n"])).

%% {Status, Headers, Body}
answer(<<"HTTP/1.", _, " ", Status:3/binary, _/binary>> = All) ->
    [Head, Body] = string:split(All, "\r\n\r\n"),
    [_ | Lines] = string:split(Head, "\r\n", all),
    Headers = [begin [K, V] = string:split(L, ": "), {string:lowercase(K), V} end || L <- Lines],
    {binary_to_integer(Status), Headers, Body};
answer(Other) -> error({no_answer, Other}).

status_of(Answer) -> element(1, Answer).
header(Name, {_, Headers, _}) -> proplists:get_value(Name, Headers).

scrape(Port) ->
    {200, _, Body} = Answer = request(Port, "GET /metrics"),
    <<"text/plain; version=0.0.4; charset=utf-8">> = header(<<"content-type">>, Answer),
    maps:from_list([begin
        [Series, Value] = string:split(Line, " ", trailing),
        {Series, binary_to_float_or_integer(Value)}
    end || Line <- string:split(Body, "\n", all), Line =/= <<>>, binary:first(Line) =/= $#]).
binary_to_float_or_integer(B) -> try binary_to_integer(B) catch error:badarg -> try binary_to_float(B) catch error:badarg -> B end end.

%% The node is well, as the cluster and as a browser see it.
still_serves(C) ->
    N = given:target(C),
    ?ON(given:peer(C), served = given:call(N, {echo, served})),
    {200, _, <<"ok\n">>} = request(port(C), "GET /health").

metric(C, Name) -> maps:get(iolist_to_binary(Name), scrape(port(C)), 0).
limit_hits(C, Limit) -> metric(C, ["hermod_limit_hits_total{limit=\"", Limit, "\"}"]).

%% ---- numbers

counters_move(C) ->
    P = given:peer(C), N = given:target(C), Peer = atom_to_binary(maps:get(node, P)),
    still_serves(C),
    Series = [<<"hermod_peer_received_frames_total{peer=\"", Peer/binary, "\"}">>, <<"hermod_peer_sent_frames_total{peer=\"", Peer/binary, "\"}">>,
              <<"hermod_process_calls_total{name=\"subject\"}">>, <<"hermod_process_messages_total{name=\"subject\"}">>],
    Before = scrape(port(C)),
    ?ON(P, [I = given:call(N, {echo, I}) || I <- lists:seq(1, 100)]),
    After = scrape(port(C)),
    [?assertMatch({S, D} when D >= 100, {S, maps:get(S, After) - maps:get(S, Before)}) || S <- Series],
    ?assert(maps:get(<<"hermod_peer_received_bytes_total{peer=\"", Peer/binary, "\"}">>, After)
            - maps:get(<<"hermod_peer_received_bytes_total{peer=\"", Peer/binary, "\"}">>, Before) >= 100 * 30),
    ?assert(maps:get(<<"hermod_http_requests_total">>, After) > maps:get(<<"hermod_http_requests_total">>, Before)),
    Count = <<"hermod_process_handler_seconds_count{name=\"subject\"}">>,
    ?assert(maps:get(Count, After) >= maps:get(Count, Before)).

%% With the parser of Prometheus' own client library.
format(C) ->
    P = given:peer(C), N = given:target(C),
    Odd = list_to_atom("odd\"} 1\nevil_total{x=\"\\"),
    Pid = ?ON(P, given:child(N, Odd)),
    {200, _, Body} = request(port(C), "GET /metrics"),
    ?ON(P, begin exit(Pid, kill), given:gone(Pid) end),
    nomatch = re:run(Body, "^evil_total", [multiline]),
    case target:run(filename:join(os:getenv("TEST_ROOT"), "test/check-exposition"), [], #{stdin => Body}) of
        {0, Out, _} -> {match, _} = re:run(Out, "samples$", [multiline]);
        {Absent, _, _} when Absent =:= 77; Absent =:= 126; Absent =:= 127 -> {skip, "python3-prometheus-client is not installed"};
        {_, _, Wrong} -> error(Wrong)
    end.

%% What a node with all of its parts tells is what docs/operations.md says, name by name.
documented(_) ->
    Port = target:free_port(),
    node_with(["--metrics", "0", "--trace-port", integer_to_list(Port), "--discover", "local-epmd", "--bus", "hermes",
               "--phoenix-pubsub", "MyApp.PubSub", "--phoenix-presence", "MyAppWeb.Presence"], fun(_, Http) ->
        {200, _, Body} = request(Http, "GET /metrics"),
        Told = names(Body, "^# HELP ([a-z_]+) "),
        {ok, Text} = file:read_file(filename:join(os:getenv("TEST_ROOT"), "docs/operations.md")),
        [_, From] = string:split(Text, "\n| metric | labels |"),
        [Table | _] = string:split(From, "\n\n"),
        Rows = [hd(string:split(Row, " | ")) || Row <- string:split(Table, "\n", all)],
        Said = names(lists:join("\n", Rows), "`([a-z_]+)`"),
        ?assertEqual({[], []}, {Told -- Said, Said -- Told})
    end).

names(Text, Regex) ->
    {match, Names} = re:run(Text, Regex, [global, multiline, {capture, all_but_first, list}]),
    lists:usort(lists:append(Names)).

%% ---- the page

status_json(C) ->
    {200, _, Json} = Answer = request(port(C), "GET /status.json"),
    <<"application/json">> = header(<<"content-type">>, Answer),
    Json.
shows(C, Text) -> target:wait(fun() -> binary:match(status_json(C), iolist_to_binary(Text)) =/= nomatch end).

status(C) ->
    P = given:peer(C), N = given:target(C), Peer = maps:get(node, P),
    ?ON(P, begin
        ok = pg:join({room, lobby}, given:idle()),
        ok = gen_server:call({pubsub, N}, {subscribe, <<"room:1">>, given:idle()}),
        ok = gen_server:cast({user_list, N}, {add_user, #{id => 7}})
    end),
    shows(C, ["\"node\":\"", atom_to_list(N), "\""]),
    shows(C, ["[[\"", atom_to_list(Peer), "\",\"visible\","]),
    shows(C, "[\"pg\",\"{:room, :lobby}\",1,0]"),
    shows(C, "[\"\\u0022room:1\\u0022\",1]"),
    shows(C, "\"users\":{\"rows\":[\"%{id: 7}\"],\"total\":1}"),
    {200, _, Page} = Answer = request(port(C), "GET /"),
    {match, _} = re:run(Page, "^<!doctype html>"),
    {match, _} = re:run(header(<<"content-security-policy">>, Answer), "^default-src 'none'; script-src 'sha256-[^']{44}'; style-src 'sha256-[^']{44}';"),
    nomatch = re:run(Page, "(src|href)=\"(?!data:)").

%% Names of strangers in the JSON, which a page embeds at its own risk: there is no < in it at all.
values_are_text(C) ->
    P = given:peer(C), N = given:target(C),
    Evil = <<"</script><script>alert(1)</script>">>,
    ?ON(P, begin
        ok = pg:join(Evil, given:idle()),
        ok = gen_server:call({pubsub, N}, {subscribe, Evil, given:idle()}),
        ok = gen_server:cast({user_list, N}, {add_user, #{id => Evil, raw => <<255, 0, $">>}})
    end),
    target:wait(fun() -> 3 =< length(binary:matches(status_json(C), <<"\\u003c/script\\u003e\\u003cscript">>)) end),
    nomatch = binary:match(status_json(C), <<"<">>).

%% ---- what is asked wrongly

probes(C) ->
    {200, _, <<"ok\n">>} = request(port(C), "GET /health"),
    {200, _, <<"ok\n">>} = request(port(C), "GET /ready"),
    {200, Headers, <<>>} = request(port(C), "HEAD /health"),
    <<"3">> = proplists:get_value(<<"content-length">>, Headers).

paths_and_methods(C) ->
    404 = status_of(request(port(C), "GET /nothing")),
    Not = request(port(C), "POST /metrics", "Content-Length: 0\r\n"),
    405 = status_of(Not),
    <<"GET, HEAD">> = header(<<"allow">>, Not),
    405 = status_of(request(port(C), "DELETE /")),
    501 = status_of(request(port(C), "BREW /")),
    413 = status_of(request(port(C), "POST /metrics", "Content-Length: 1000000000\r\n")),
    still_serves(C).

other_hosts(C) ->
    [421 = status_of(answer(raw(port(C), ["GET /metrics HTTP/1.1\r\nHost: ", H, "\r\n\r\n"]))) || H <- ["evil.example", "evil.example:80", "10.1.2.3"]],
    [200 = status_of(answer(raw(port(C), ["GET /metrics HTTP/1.1\r\nHost: ", H, "\r\n\r\n"]))) || H <- ["localhost", "127.0.0.1:80", "[::1]:80"]],
    target:await_line(proplists:get_value(target, C), "http.host from=127.0.0.1 .* evil.example").

junk(C) ->
    [begin
         S = dial(port(C)),
         _ = gen_tcp:send(S, Bytes),
         gen_tcp:shutdown(S, write),
         Got = rest(S),
         {true, _} = {Got =:= <<>> orelse lists:member(status_of(answer(Got)), [400, 413, 501]), Bytes},
         still_serves(C)
     end || Bytes <- [<<0:800>>, <<"\r\n\r\n">>, <<"GET / HTTP/9.9\r\n\r\n">>, <<"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n">>, <<22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3>>,
                      <<"GET /metrics HTTP/1.1\r\nHost localhost\r\n\r\n">>, <<"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n">>,
                      <<"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx">>, <<>>,
                      <<"GET ">>, <<"GET /metrics HTTP/1.1\r\nHost: ">>, <<(17 + 20):16, $N, 0:64, 1:32, 500:16, "a@b">>, binary:copy(<<255>>, 200000),
                      binary:copy(<<"GET / ">>, 50000)]].

large_headers(C) ->
    431 = status_of(request(port(C), "GET /health", ["X: ", lists:duplicate(10000, $x), "\r\n"])),
    431 = status_of(request(port(C), "GET /health", lists:duplicate(2000, "X:y\r\n"))),
    414 = status_of(request(port(C), ["GET /", lists:duplicate(2000, $x)])),
    400 = status_of(request(port(C), "GET /health", ["X: ", lists:duplicate(100000, $x), "\r\n"])),
    still_serves(C).

pipelined(C) ->
    All = raw(port(C), lists:duplicate(200, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")),
    1 = length(binary:matches(All, <<"HTTP/1.1 200">>)),
    still_serves(C).

%% ---- slow, silent, many

silent_and_slow(C) ->
    Before = limit_hits(C, "metrics-timeout"),
    Silent = dial(port(C)), Slow = dial(port(C)),
    ok = gen_tcp:send(Slow, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"),
    Dripping = spawn_link(fun Drip() -> case gen_tcp:send(Slow, "X: y\r\n") of ok -> receive after 50 -> Drip() end; _ -> ok end end),
    {Ms, Answer} = target:ms(fun() -> rest(Slow) end),
    408 = status_of(answer(Answer)),
    ?assert(Ms >= 2500, Ms),
    408 = status_of(answer(rest(Silent))),
    target:wait(fun() -> not is_process_alive(Dripping) end),
    ?assert(limit_hits(C, "metrics-timeout") >= Before + 2),
    target:await_line(proplists:get_value(target, C), "http.timeout "),
    still_serves(C).

thousand_connections(C) ->
    T = proplists:get_value(target, C),
    Descriptors = fun() -> {ok, L} = file:list_dir("/proc/" ++ integer_to_list(maps:get(ospid, T)) ++ "/fd"), length(L) end,
    Before = limit_hits(C, "metrics-connections"), Open = Descriptors(),
    All = [begin
               S = dial(port(C)),
               I rem 100 =/= 0 orelse still_serves(C), % who asks is served, however many are silent
               S
           end || I <- lists:seq(1, 1000)],
    still_serves(C),
    ?assert(Descriptors() =< Open + 20, {Open, Descriptors()}),
    503 = status_of(answer(rest(hd(All)))),
    [gen_tcp:close(S) || S <- tl(All)],
    ?assert(limit_hits(C, "metrics-connections") >= Before + 900),
    target:await_line(T, "http.full "),
    target:wait(fun() -> Descriptors() =< Open + 1 end),
    still_serves(C).

%% Answers that nobody reads end with their time.
unread_answers(C) ->
    All = [begin S = dial(port(C)), ok = gen_tcp:send(S, "GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n"), S end || _ <- lists:seq(1, 50)],
    still_serves(C),
    target:wait(fun() -> metric(C, "hermod_http_connections") =< 1 end),
    [gen_tcp:close(S) || S <- All],
    still_serves(C).

%% ---- the node meanwhile

%% A service that does not answer is left out of the page, and everything else is shown.
silent_service(C) ->
    P = given:peer(C), N = given:target(C),
    ?ON(P, ok = sys:suspend({pubsub, N})),
    target:wait(fun() -> binary:match(status_json(C), <<"\"topics\":{\"rows\":[],\"total\":0}">>) =/= nomatch end),
    200 = status_of(request(port(C), "GET /metrics")),
    ?ON(P, ok = sys:resume({pubsub, N})),
    target:wait(fun() -> binary:match(status_json(C), <<"\"topics\":{\"rows\":[],\"total\":0}">>) =:= nomatch end),
    still_serves(C).

report_is_killed(C) ->
    P = given:peer(C), N = given:target(C),
    [begin
         Pid = ?ON(P, erpc:call(N, erlang, whereis, [metrics_http])),
         ?ON(P, begin exit(Pid, kill), given:gone(Pid) end),
         200 = status_of(request(port(C), "GET /metrics")),
         target:wait(fun() -> status_of(request(port(C), "GET /status.json")) =:= 200 end)
     end || _ <- [1, 2, 3]],
    still_serves(C).

under_load(C) ->
    P = given:peer(C), N = given:target(C), Me = self(),
    Load = spawn_link(fun() -> ?ON(P, [I = given:call(N, {echo, I}) || I <- lists:seq(1, 3000)]), Me ! all_answered end),
    given:parallel([fun() -> [200 = status_of(request(port(C), Line)) || _ <- lists:seq(1, 50), Line <- ["GET /metrics", "GET /status.json", "GET /"]] end
                    || _ <- lists:seq(1, 4)]),
    ?EXPECT(all_answered),
    unlink(Load).

%% ---- the token

token_in_file(Text, Mode) ->
    File = filename:join(target:log_dir(), target:unique("token")),
    ok = file:write_file(File, Text),
    ok = file:change_mode(File, Mode),
    File.
node_with(Args, Fun) ->
    T = target:start(#{subject => false, args => Args}),
    {match, [Port]} = re:run(target:await_line(T, "http.listen"), ":(\\d+)/", [{capture, all_but_first, list}]),
    Fun(T, list_to_integer(Port)),
    target:stop(T).

token(_) ->
    Token = "abcdefghijklmnop0123",
    node_with(["--metrics", "0.0.0.0:0", "--metrics-token", token_in_file(Token ++ "\n", 8#400)], fun(T, Port) ->
        Refused = request(Port, "GET /metrics"),
        401 = status_of(Refused),
        <<"Bearer realm=\"hermod\"">> = header(<<"www-authenticate">>, Refused),
        401 = status_of(request(Port, "GET /status.json", "Authorization: Bearer abcdefghijklmnop0124\r\n")),
        401 = status_of(request(Port, "GET /metrics?token=" ++ Token)),
        [200 = status_of(request(Port, Line, ["Authorization: Bearer ", Token, "\r\n"])) || Line <- ["GET /metrics", "GET /status.json"]],
        [200 = status_of(request(Port, Line)) || Line <- ["GET /", "GET /health", "GET /ready"]],
        200 = status_of(answer(raw(Port, ["GET /metrics HTTP/1.1\r\nHost: node.example\r\nAuthorization: Bearer ", Token, "\r\n\r\n"]))),
        target:await_line(T, "http.token from=127.0.0.1"),
        [] = [L || L <- target:lines(T), string:find(L, Token) =/= nomatch]
    end).

refused(Args) ->
    {?USAGE, <<>>, Err} = target:run(target:hermod(), ["start", "--sname", target:unique("h"), "--cookie", "c" | Args]),
    Err.
says(Text, Regex) -> ?assertMatch({match, _}, re:run(Text, Regex), Text).

token_is_needed(_) ->
    [says(refused(["--metrics", A]), "--metrics .* can be reached from other machines, and so needs a token: .*--metrics-token")
     || A <- ["0.0.0.0:9100", "[::]:9100", "10.0.0.5:9100"]].

token_file(_) ->
    With = fun(File) -> refused(["--metrics", "0", "--metrics-token", File]) end,
    says(With(token_in_file("abcdefghijklmnop0123\n", 8#444)), "chmod 400"),
    says(With(token_in_file("short\n", 8#400)), "is no token"),
    says(With("/nowhere/token"), "cannot read /nowhere/token").

port_taken(C) ->
    Args = ["start", "--sname", target:unique("h"), "--cookie", "c", "--metrics", integer_to_list(port(C))],
    {?FAILED, <<>>, Err} = target:run(target:hermod(), Args),
    says(Err, "--metrics: cannot listen on 127.0.0.1:\\d+: Address already in use").

address_mistakes(_) ->
    [says(refused(["--metrics", A]), "is no ADDRESS:PORT") || A <- ["x", "host.example:9100", "70000", "::1:9100x", "1.2.3:80"]].

%% SIGTERM while clients are in every state: the exit status is 0.
stops_while_asked(_) ->
    node_with(["--metrics", "0"], fun(_, Port) ->
        _ = dial(Port),
        Half = dial(Port),
        ok = gen_tcp:send(Half, "GET /metr"),
        Unread = dial(Port),
        ok = gen_tcp:send(Unread, "GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    end).
