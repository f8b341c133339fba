%% A small server that speaks the part of Kubernetes' API that discovery asks for: lists of endpoints, of slices and of pods in a
%% namespace, by labels, in pages, over TLS and for a bearer's token; and that misbehaves when it is told to.
%%
%%   start(Folder, Pods) -> Server     an authority and a certificate are made; Folder becomes that of a service account
%%   pods(Server, Pods)                what there is from now on: [#{ip => "10.0.0.8"}], and labels (#{"app" => "myapp"}), name,
%%                                     hostname, ready (true), phase ("Running")
%%   behave(Server, How)               well, or what is answered instead: {status, 403, Message}, {raw, Bytes}, {endless, Bytes},
%%                                     cut (half of it), silent, old (410 for every page but the first)
%%   token(Server, Token)              a new one, in the folder, too
%%   certify(Server, trusted|foreign)  a new certificate, of a new authority that is, or is not, in the folder
%%   questions(Server) -> N            stop(Server)
-module(kube_api).
-export([start/2, pods/2, behave/2, token/2, certify/2, questions/1, stop/1]).

-include_lib("public_key/include/public_key.hrl").

-define(PATIENCE, 30000).

start(Folder, Pods) ->
    {ok, _} = application:ensure_all_started(ssl),
    ok = filelib:ensure_dir(filename:join(Folder, "x")),
    ok = file:write_file(filename:join(Folder, "namespace"), "shop"),
    Caller = self(),
    Pid = spawn_link(fun() ->
        {Listen, Port} = listen(Folder, trusted, 0),
        Caller ! {self(), Port},
        serve(#{listen => Listen, port => Port, folder => Folder, pods => Pods, how => well, token => "t0ken", questions => 0})
    end),
    receive {Pid, Port} -> ok after ?PATIENCE -> error(no_server), Port = 0 end,
    Server = #{pid => Pid, port => Port, folder => Folder},
    token(Server, "t0ken"),
    Server.

pods(Server, Pods) -> ask(Server, {set, pods, Pods}).
behave(Server, How) -> ask(Server, {set, how, How}).
token(#{folder := Folder} = Server, Token) ->
    ok = ask(Server, {set, token, Token}),
    ok = file:write_file(filename:join(Folder, "token"), [Token, $\n]).
certify(Server, Whose) -> ask(Server, {certify, Whose}).
questions(Server) -> ask(Server, questions).
stop(Server) -> ask(Server, stop).

ask(#{pid := Pid}, What) ->
    Ref = monitor(process, Pid),
    Pid ! {self(), Ref, What},
    receive
        {Ref, Answer} -> demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, _, _, Why} -> error(Why)
    after ?PATIENCE -> error({no_answer, What})
    end.

%% ---- one process has the state; each connection has one of its own

serve(#{listen := Listen} = S) ->
    Me = self(),
    Acceptor = spawn_link(fun() -> accept(Me, Listen) end),
    loop(S#{acceptor => Acceptor}).

loop(S) ->
    receive
        {From, Ref, {set, Key, Value}} -> From ! {Ref, ok}, loop(S#{Key := Value});
        {From, Ref, questions} -> From ! {Ref, maps:get(questions, S)}, loop(S);
        {From, Ref, question} -> From ! {Ref, S}, loop(S#{questions := maps:get(questions, S) + 1});
        {From, Ref, {certify, Whose}} ->
            close(S),
            {Listen, Port} = listen(maps:get(folder, S), Whose, maps:get(port, S)),
            From ! {Ref, ok},
            serve(S#{listen := Listen, port := Port});
        {From, Ref, stop} -> close(S), From ! {Ref, ok}
    end.

close(#{acceptor := Acceptor, listen := Listen}) ->
    unlink(Acceptor),
    exit(Acceptor, kill),
    ssl:close(Listen).

listen(Folder, Whose, Port) ->
    Names = #'Extension'{extnID = ?'id-ce-subjectAltName', critical = false,
                         extnValue = [{iPAddress, <<127, 0, 0, 1>>}, {dNSName, "localhost"}]},
    Own = [{digest, sha256}, {key, {namedCurve, secp256r1}}],
    Chain = #{root => Own, intermediates => [], peer => [{extensions, [Names]} | Own]},
    #{server_config := Config, client_config := Trusted} =
        public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
    Whose =:= trusted andalso begin
        Pem = public_key:pem_encode([{'Certificate', Der, not_encrypted} || Der <- proplists:get_value(cacerts, Trusted)]),
        ok = file:write_file(filename:join(Folder, "ca.crt"), Pem)
    end,
    Options = [O || {Key, _} = O <- Config, Key =:= cert orelse Key =:= key],
    {ok, Listen} = ssl:listen(Port, [{ip, {127, 0, 0, 1}}, {reuseaddr, true}, binary, {active, false}, {packet, http_bin},
                                     {log_level, none} | Options]),
    {ok, {_, Bound}} = ssl:sockname(Listen),
    {Listen, Bound}.

accept(Server, Listen) ->
    case ssl:transport_accept(Listen) of
        {ok, Socket} ->
            Pid = spawn(fun() -> receive go -> talk(Server, Socket) end end),
            _ = ssl:controlling_process(Socket, Pid),
            Pid ! go,
            accept(Server, Listen);
        {error, _} -> ok
    end.

talk(Server, Accepted) ->
    case ssl:handshake(Accepted, ?PATIENCE) of
        {ok, Socket} ->
            {Path, Token} = question(Socket, none, none),
            S = ask(#{pid => Server}, question),
            ok = ssl:setopts(Socket, [{packet, raw}]),
            answer(Socket, S, Path, Token),
            ssl:close(Socket);
        {error, _} -> refused
    end.

question(Socket, Path, Token) ->
    case ssl:recv(Socket, 0, ?PATIENCE) of
        {ok, {http_request, 'GET', {abs_path, Text}, _}} -> question(Socket, Text, Token);
        {ok, {http_header, _, 'Authorization', _, <<"Bearer ", Text/binary>>}} -> question(Socket, Path, Text);
        {ok, {http_header, _, _, _, _}} -> question(Socket, Path, Token);
        {ok, http_eoh} -> {binary_to_list(Path), Token}
    end.

%% ---- what is answered

answer(_, #{how := silent}, _, _) -> receive after ?PATIENCE -> ok end;
answer(Socket, #{how := {raw, Bytes}}, _, _) -> ssl:send(Socket, Bytes);
answer(Socket, #{how := {endless, Bytes}}, _, _) ->
    ok = ssl:send(Socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    send_for_ever(Socket, [integer_to_list(iolist_size(Bytes), 16), "\r\n", Bytes, "\r\n"]);
answer(Socket, #{how := {status, Status, Message}}, _, _) -> send(Socket, Status, status(Status, Message));
answer(Socket, #{token := Token, how := How} = S, Path, Given) ->
    case list_to_binary(Token) of
        Given ->
            {Status, Body} = list(S, Path),
            case How of
                cut -> ssl:send(Socket, ["HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", encode(Body)]);
                _ -> send(Socket, Status, Body)
            end;
        _ -> send(Socket, 401, status(401, "Unauthorized"))
    end.

send_for_ever(Socket, Bytes) ->
    case ssl:send(Socket, Bytes) of
        ok -> send_for_ever(Socket, Bytes);
        _ -> ok
    end.

send(Socket, Status, Body) ->
    Text = encode(Body),
    ssl:send(Socket, [io_lib:format("HTTP/1.1 ~b Some Reason\r\nContent-Type: application/json\r\n", [Status]),
                      [["Location: https://127.0.0.1:1/\r\n"] || Status =:= 302],
                      io_lib:format("Content-Length: ~b\r\n\r\n", [iolist_size(Text)]), Text]).

status(Code, Message) -> #{kind => "Status", apiVersion => "v1", status => "Failure", message => Message, code => Code}.

list(#{pods := Pods, how := How}, Path) ->
    #{path := Folder, query := Query} = uri_string:parse(Path),
    Wanted = maps:from_list(uri_string:dissect_query(Query)),
    Pairs = [list_to_tuple(string:split(L, "=")) || L <- string:lexemes(maps:get("labelSelector", Wanted), ",")],
    Here = [P || P <- Pods, lists:all(fun({K, V}) -> maps:get(K, maps:get(labels, P, #{}), none) =:= V end, Pairs)],
    From = list_to_integer(maps:get("continue", Wanted, "0")),
    Limit = list_to_integer(maps:get("limit", Wanted, "1000")), % libcluster asks for all at once
    Rest = lists:nthtail(min(From, length(Here)), Here),
    {Page, More} = lists:split(min(Limit, length(Rest)), Rest),
    Meta = maps:merge(#{resourceVersion => "4711"}, case More of [] -> #{}; _ -> #{continue => integer_to_list(From + Limit)} end),
    Items = fun(Kind, Version, Item) ->
        {200, #{kind => Kind, apiVersion => Version, metadata => Meta, items => [Item(P) || P <- Page]}}
    end,
    case string:lexemes(Folder, "/") of
        _ when How =:= old, From > 0 -> {410, status(410, "The provided continue parameter is too old")};
        ["api", "v1", "namespaces", "shop", "pods"] -> Items("PodList", "v1", fun pod/1);
        ["api", "v1", "namespaces", "shop", "endpoints"] -> Items("EndpointsList", "v1", fun endpoints/1);
        ["apis", "discovery.k8s.io", "v1", "namespaces", "shop", "endpointslices"] ->
            Items("EndpointSliceList", "discovery.k8s.io/v1", fun slice/1);
        ["api", "v1", "namespaces", Other | _] -> {403, status(403, "cannot list in the namespace \"" ++ Other ++ "\"")};
        _ -> {404, status(404, "the server could not find the requested resource")}
    end.

metadata(P) -> #{name => maps:get(name, P, "pod"), namespace => "shop", labels => maps:get(labels, P, #{})}.
with_hostname(P, Map) -> maps:merge(Map, maps:with([hostname], P)).

pod(#{ip := Ip} = P) ->
    #{metadata => metadata(P), spec => with_hostname(P, #{}), status => #{podIP => Ip, phase => maps:get(phase, P, "Running")}}.

%% An object for each, which is how several services with the same label look.
endpoints(#{ip := Ip} = P) ->
    Address = with_hostname(P, #{ip => Ip, targetRef => #{kind => "Pod", namespace => "shop", name => maps:get(name, P, "pod")}}),
    Key = case maps:get(ready, P, true) of true -> addresses; false -> notReadyAddresses end,
    #{metadata => metadata(P), subsets => [#{Key => [Address], ports => []}]}.

slice(#{ip := Ip} = P) ->
    #{metadata => metadata(P), addressType => "IPv4", ports => [],
      endpoints => [with_hostname(P, #{addresses => [Ip], conditions => #{ready => maps:get(ready, P, true)}})]}.

%% JSON; a list is a text when it is one, and not empty.
encode(true) -> "true";
encode(false) -> "false";
encode(N) when is_integer(N) -> integer_to_list(N);
encode([]) -> "[]";
encode([C | _] = Text) when is_integer(C) -> [$", lists:map(fun escape/1, Text), $"];
encode(List) when is_list(List) -> [$[, lists:join($,, [encode(V) || V <- List]), $]];
encode(Map) when is_map(Map) -> [${, lists:join($,, [[encode(text(K)), $:, encode(V)] || {K, V} <- maps:to_list(Map)]), $}].

text(K) when is_atom(K) -> atom_to_list(K);
text(K) -> K.

escape(C) when C =:= $"; C =:= $\\ -> [$\\, C];
escape(C) when C < 32 -> io_lib:format("\\u~4.16.0b", [C]);
escape(C) -> C.
