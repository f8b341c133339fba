%% Nodes that find each other: broadcast and multicast across links between network namespaces that the suite makes, with the
%% originals (announcer.erl) on BEAM nodes; and what is Hermod's own. Namespaces need root: without, those cases are skipped.
-module(discovery_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

all() -> [{group, links}, {group, article}] ++ [{group, hermod_only} || target:kind() =:= hermod].

groups() ->
    [{links, [], [broadcast, gossip, gossip_secret, gossip_broadcast_only, nodefinder] ++ [Case || Case <- [secrets_differ, two_networks], target:kind() =:= hermod]},
     {article, [], [hello_world]},
     {hermod_only, [], [static, static_mandatory, static_timeout, hosts, local_epmd, dns, dns_changes, dns_no_room, dns_ipv6, dns_srv, kubernetes, kubernetes_names, kubernetes_troubles, tool, tool_lists, tool_fails, mistakes, config_file,
                        short_and_long, junk, elsewhere, flood]}].

init_per_group(links, C) ->
    Net = target:unique("hm"),
    case make_network(Net) of
        ok -> [{net, Net} | C];
        {error, Why} -> remove_network(Net), {skip, "needs root and network namespaces: " ++ Why}
    end;
init_per_group(_, C) -> C.
end_per_group(links, C) -> remove_network(?config(net, C));
end_per_group(_, _) -> ok.

end_per_testcase(_, C) ->
    case ?config(net, C) of
        undefined -> ok;
        Net -> [end_processes(Net, I) || I <- [1, 2, 3]]
    end.

%% ---- a network: three namespaces on one bridge, which is in a fourth

ns(Net, I) -> Net ++ "-" ++ integer_to_list(I).
address(I) -> "10.99.7." ++ integer_to_list(I).

make_network(Net) ->
    Hub = ns(Net, 0),
    sh([["ip netns add ", Hub], ["ip -n ", Hub, " link add bridge type bridge mcast_snooping 0"],
        ["ip -n ", Hub, " link set bridge up"]] ++
       lists:append([
           begin
               Ns = ns(Net, I), Leg = "leg" ++ integer_to_list(I),
               [["ip netns add ", Ns], ["ip -n ", Ns, " link set lo up"],
                ["ip -n ", Hub, " link add ", Leg, " type veth peer name eth0 netns ", Ns],
                ["ip -n ", Hub, " link set ", Leg, " master bridge up"],
                ["ip -n ", Ns, " address add ", address(I), "/24 brd + dev eth0"], ["ip -n ", Ns, " link set eth0 up"],
                %% the originals send where the default route goes
                ["ip -n ", Ns, " route add default dev eth0"]]
           end || I <- [1, 2, 3]])).

remove_network(Net) ->
    [begin end_processes(Net, I), os:cmd("ip netns del " ++ ns(Net, I) ++ " 2>&1") end || I <- [1, 2, 3, 0]],
    ok.

%% By id: those that are in the namespace, among them an epmd.
end_processes(Net, I) ->
    Pids = string:lexemes(os:cmd("ip netns pids " ++ ns(Net, I) ++ " 2>/dev/null"), "\n"),
    [os:cmd("kill -KILL " ++ Pid) || Pid <- Pids],
    Pids =:= [] orelse target:wait(fun() -> os:cmd("ip netns pids " ++ ns(Net, I)) =:= "" end).

sh([]) -> ok;
sh([Command | More]) ->
    case os:cmd(lists:flatten([Command, " 2>&1 && echo fine"])) of
        "fine\n" -> sh(More);
        Text -> {error, lists:flatten([Command, ": ", Text])}
    end.

%% ---- nodes in it

inside(Net, I, Program, Args) ->
    {"/bin/sh", ["-c", "exec ip netns exec \"$0\" \"$@\"", ns(Net, I), Program | Args]}.

start_inside(Net, I, {beam, Name}, Kind, Args) ->
    run_inside(Net, I, "erl", ["-noshell", "-noinput", "-name", Name, "-setcookie", target:cookie(), "-connect_all", "false",
                               "-pa", os:getenv("TEST_EBIN"), "-run", "announcer", "main", Kind | Args]);
start_inside(Net, I, {hermod, Name}, Kind, Args) ->
    run_inside(Net, I, target:hermod(), ["start", "--name", Name, "--cookie", target:cookie(), "--connect-all", "false",
                                         "--discover", lists:flatten([Kind, [":" || Args =/= []], lists:join(",", Args),
                                                                      [",group=255.255.255.255" || lists:member("broadcast-only", Args)]])]).

run_inside(Net, I, Program, Args) ->
    {Sh, All} = inside(Net, I, Program, Args),
    open_port({spawn_executable, Sh}, [{args, All}, stderr_to_stdout, {line, 1000}, exit_status, binary]).

%% Who this node is connected to; no_answer while it is not there.
nodes_of(Net, I, Name) ->
    {Sh, All} = inside(Net, I, target:hermod(), ["rpc", "--timeout", "2000", "--cookie", target:cookie(), "--name",
                                                 target:unique("ask") ++ "@" ++ address(I), Name, "erlang", "nodes"]),
    case target:run(Sh, All) of
        {0, Out, _} -> lists:sort([string:trim(N, both, "'") || N <- string:lexemes(binary_to_list(Out), "[],\n")]);
        {_, _, _} -> no_answer
    end.

%% In each namespace a BEAM with the original, and a target.
names() ->
    [{I, Kind, atom_to_list(Role) ++ "@" ++ address(I)} || I <- [1, 2, 3], {Role, Kind} <- [{b, beam}, {t, target:kind()}]].

find_each_other(C, Kind, Args) ->
    Net = ?config(net, C),
    Names = names(),
    [start_inside(Net, I, {K, Name}, Kind, Args) || {I, K, Name} <- Names],
    [target:wait(fun() -> nodes_of(Net, I, Name) =/= no_answer end) || {I, _, Name} <- Names],
    All = lists:sort([Name || {_, _, Name} <- Names]),
    {Ms, _} = target:ms(fun() ->
        [target:wait(fun() ->
            {Want, Got} = {All -- [Name], nodes_of(Net, I, Name)},
            Got =:= Want orelse {Name, Got}
        end) || {I, _, Name} <- Names]
    end),
    ct:log("~s: ~b ms after the last of six was up", [Kind, Ms]),
    Ms.

broadcast(C) -> ?assert(find_each_other(C, "broadcast", []) < 5000).
gossip(C) -> ?assert(find_each_other(C, "gossip", []) < 5000).
gossip_secret(C) -> ?assert(find_each_other(C, "gossip", ["secret=s3cret"]) < 5000).
gossip_broadcast_only(C) -> ?assert(find_each_other(C, "gossip", ["secret=s3cret", "broadcast-only"]) < 5000).
nodefinder(C) -> ?assert(find_each_other(C, "nodefinder", []) < 5000).

%% Two clusters on one network; the third node proves that the others were heard.
secrets_differ(C) ->
    Net = ?config(net, C),
    [A, B, X] = [atom_to_list(R) ++ "@" ++ address(I) || {R, I} <- [{t, 1}, {b, 2}, {t, 3}]],
    start_inside(Net, 1, {hermod, A}, "gossip", ["secret=one"]),
    start_inside(Net, 2, {beam, B}, "gossip", ["secret=one"]),
    Port = start_inside(Net, 3, {hermod, X}, "gossip", ["secret=two"]),
    target:wait(fun() -> nodes_of(Net, 1, A) =:= [B] end),
    await_port(Port, "discovery.foreign"),
    ?assertEqual([], nodes_of(Net, 3, X)).

%% One in the middle, on two networks: it finds and is found on both, though its default route is one of them; unless told to keep to one.
two_networks(C) ->
    Net = ?config(net, C),
    [Hub, Middle, Far] = [ns(Net, I) || I <- [0, 2, 3]],
    ok = sh([["ip -n ", Hub, " link add other type bridge mcast_snooping 0"], ["ip -n ", Hub, " link set other up"],
             ["ip -n ", Far, " link set eth0 down"]] ++
            lists:append([[["ip -n ", Hub, " link add far", I, " type veth peer name eth1 netns ", Ns],
                           ["ip -n ", Hub, " link set far", I, " master other up"],
                           ["ip -n ", Ns, " address add 10.99.8.", I, "/24 brd + dev eth1"], ["ip -n ", Ns, " link set eth1 up"]]
                          || {Ns, I} <- [{Middle, "2"}, {Far, "3"}]]) ++
            [["ip -n ", Far, " route add default dev eth1"]]),
    try
        [both_are_found(Net, Kind) || Kind <- ["gossip", "broadcast", "nodefinder"]]
    after
        sh([["ip -n ", Far, " link del eth1"], ["ip -n ", Middle, " link del eth1"], ["ip -n ", Hub, " link del other"],
            ["ip -n ", Far, " link set eth0 up"], ["ip -n ", Far, " route add default dev eth0"]])
    end.

both_are_found(Net, Kind) ->
    ct:log("~s", [Kind]),
    [Near, Middle, Far] = ["b@10.99.7.1", "t@10.99.7.2", "b@10.99.8.3"],
    start_inside(Net, 1, {beam, Near}, Kind, []),
    start_inside(Net, 3, {beam, Far}, Kind, []),
    start_inside(Net, 2, {hermod, Middle}, Kind, []),
    target:wait(fun() -> nodes_of(Net, 2, Middle) =:= [Near, Far] end),
    end_processes(Net, 2),
    %% Broadcast speaks most often: what is heard of the far one has been sent by the near one, too.
    Kind =:= "broadcast" andalso begin
        Port = run_inside(Net, 2, target:hermod(), ["start", "--name", Middle, "--cookie", target:cookie(), "--connect-all", "false",
                                                    "--discover", Kind ++ ":if=eth1,interval=0.2"]),
        await_port(Port, "discovery.found +node=" ++ Far),
        target:wait(fun() -> nodes_of(Net, 2, Middle) =:= [Far] end),
        receive after 2500 -> ok end, % longer than the interval of the near one
        ?assertEqual([Far], nodes_of(Net, 2, Middle))
    end,
    [end_processes(Net, I) || I <- [1, 2, 3]].

%% ---- the article "Overengineered #001: Hello World": alice, bob and a third in networks of their own, with nothing but its two servers

-define(GREETER, 'Elixir.Conformance.Greeter').

hello_world(_) ->
    case netns:start(3) of
        {skip, Why} -> {skip, Why};
        {ok, Net} ->
            try
                netns:default_routes(Net),
                all_greet(Net)
            after
                netns:stop(Net)
            end
    end.

all_greet(Net) ->
    [Alice, Bob, Third] = All = [hello(Net, I) || I <- [1, 2, 3]],
    [greeted(T, From, 1) || T <- All, From <- All, T =/= From],
    %% Who is killed and comes back greets and is greeted, by the two that stayed once more.
    target:kill(Third),
    ThirdAgain = hello(Net, 3),
    [begin greeted(T, Third, 2), greeted(ThirdAgain, T, 1) end || T <- [Alice, Bob]],
    target:kill(Alice),
    AliceAgain = hello(Net, 1),
    [begin greeted(T, Alice, N), greeted(AliceAgain, T, 1) end || {T, N} <- [{Bob, 2}, {ThirdAgain, 2}]],
    ?assertEqual(1, greetings(Bob, Bob) + 1),
    [target:stop(T) || T <- [AliceAgain, Bob, ThirdAgain]].

hello(Net, 3) ->
    case target:kind() of
        beam -> hello(Net, 3, "charlie");
        hermod -> target:start(hermod, (netns:place(Net, 3))#{name => "hermod", subject => false, args => ["--discover", "broadcast"]})
    end;
hello(Net, I) -> hello(Net, I, lists:nth(I, ["alice", "bob"])).

hello(Net, I, Name) ->
    P = target:start(beam, (netns:place(Net, I))#{name => Name, subject => false}),
    {ok, _} = ?ON(P, ?GREETER:start()),
    ?ON(P, announcer:start(broadcast)),
    P.

greeted(T, From, Times) -> target:wait(fun() -> greetings(T, From) >= Times orelse {T, From, Times} end).

greetings(#{kind := beam} = T, #{node := From}) -> length([N || N <- ?ON(T, ?GREETER:heard()), N =:= From]);
greetings(T, #{node := From}) ->
    Line = "greeter.hello +Hello world from :\"" ++ lists:append(string:replace(atom_to_list(From), ".", "\\.", all)) ++ "\"$",
    length([L || L <- target:lines(T), re:run(L, Line) =/= nomatch]).

await_port(Port, Regex) ->
    receive
        {Port, {data, {_, Line}}} ->
            case re:run(Line, Regex) of nomatch -> await_port(Port, Regex); _ -> ok end
    after ?PATIENCE -> error({never_said, Regex})
    end.

%% ---- Hermod's own

hermod(Args) -> hermod(Args, #{}).
hermod(Args, Opts) ->
    Env = [{"HERMOD_COOKIE", target:cookie()}] ++ maps:get(env, Opts, []),
    {Status, Out, Err} = target:run(target:hermod(), Args, Opts#{env => Env}),
    {Status, unicode:characters_to_list(Out), unicode:characters_to_list(Err)}.

name(T) -> atom_to_list(maps:get(node, T)).
discover(Text) -> #{args => ["--discover", Text]}.
%% And done with joining in global, whose locks a BEAM gives back over a new connection when the other was closed meanwhile.
joined(P, T) ->
    connected(P, T),
    ok = ?ON(P, global:sync()).
connected(P, T) -> target:wait(fun() -> ?ON(P, lists:member(maps:get(node, T), nodes())) end).
says(Text, Regex) -> ?assertMatch({match, _}, re:run(Text, Regex, [unicode]), Text).

%% Found although it comes later, and again after it was killed.
static(_) ->
    Name = target:unique("peer"),
    T = target:start(discover("static:" ++ Name)), % on this host
    P = target:start_peer(#{name => Name}),
    connected(P, T),
    target:kill(P),
    Again = target:start_peer(#{name => Name}),
    connected(Again, T),
    [target:stop(X) || X <- [T, Again]].

%% Ready only when it is connected: no waiting here.
static_mandatory(_) ->
    P = target:start_peer(),
    T = target:start(discover("static:mandatory=" ++ name(P) ++ ",timeout=20")),
    ?ON(P, ?assert(lists:member(maps:get(node, T), nodes()))),
    {3, _, Err} = hermod(["start", "--sname", target:unique("x"), "--discover",
                          "static:" ++ name(P) ++ ",mandatory=nobody@" ++ target:host() ++ ",timeout=0.5"]),
    says(Err, "nobody@.* is not connected in time"),
    [target:stop(X) || X <- [T, P]].

static_timeout(_) ->
    {Ms, T} = target:ms(fun() -> target:start(discover("static:nobody,timeout=0.7")) end),
    ?assert(Ms >= 700, Ms),
    target:await_line(T, "discovery.sync .*nobody is not connected"),
    target:stop(T).

hosts(_) ->
    P = target:start_peer(),
    File = filename:join(target:log_dir(), target:unique("hosts")),
    ok = file:write_file(File, ["% hosts\n'", target:host(), "'.\n"]),
    T = target:start(discover("hosts:" ++ File ++ ",interval=0.2")),
    connected(P, T),
    Later = target:start_peer(),
    connected(Later, T),
    [target:stop(X) || X <- [T, P, Later]].

local_epmd(_) ->
    P = target:start_peer(),
    T = target:start(discover("local-epmd:interval=0.2")),
    connected(P, T),
    Later = target:start_peer(),
    connected(Later, T),
    target:kill(Later),
    target:await_line(T, "discovery.lost .*" ++ name(Later)),
    [target:stop(X) || X <- [T, P]].

%% ---- a DNS server that says what it is told: {a, [Address]}, {aaaa, [Address]}, {srv, [Host]} or servfail

dns_server() ->
    {ok, Socket} = gen_udp:open(0, [binary, {ip, {127, 0, 0, 1}}, {active, true}]),
    {ok, Port} = inet:port(Socket),
    Pid = spawn_link(fun() -> receive {go, What} -> serve_dns(Socket, What) end end),
    ok = gen_udp:controlling_process(Socket, Pid),
    {Pid, "127.0.0.1:" ++ integer_to_list(Port)}.

serve_dns(Socket, What) ->
    receive
        {go, Next} -> serve_dns(Socket, Next);
        stop -> ok;
        {udp, Socket, Ip, Port, Packet} ->
            {ok, Query} = inet_dns:decode(Packet),
            [Question] = inet_dns:msg(Query, qdlist),
            Type = inet_dns:dns_query(Question, type),
            Domain = inet_dns:dns_query(Question, domain),
            Record = fun(Data) -> inet_dns:make_rr([{domain, Domain}, {type, Type}, {class, in}, {ttl, 5}, {data, Data}]) end,
            Answers = case What of
                          {a, List} when Type =:= a -> [Record(A) || A <- List];
                          {aaaa, List} when Type =:= aaaa -> [Record(A) || A <- List];
                          {srv, List} when Type =:= srv -> [Record({10, 50, 4369, H}) || H <- List];
                          _ -> []
                      end,
            Header = inet_dns:make_header([{id, inet_dns:header(inet_dns:msg(Query, header), id)}, {qr, true},
                                           {opcode, 'query'}, {rd, true}, {ra, true},
                                           {rcode, case What of servfail -> 2; _ -> 0 end}]),
            Reply = inet_dns:make_msg([{header, Header}, {qdlist, [Question]}, {anlist, Answers}, {nslist, []}, {arlist, []}]),
            ok = gen_udp:send(Socket, Ip, Port, inet_dns:encode(Reply)),
            serve_dns(Socket, What)
    end.

%% libcluster's DNSPoll: found when it is there, disconnected when it is gone. A server in trouble takes nobody away.
dns(_) ->
    {Dns, Server} = dns_server(),
    Name = target:unique("app"),
    P = target:start_peer(#{name => Name, long => true, host => "127.0.0.1"}),
    T = target:start(#{long => true, host => "127.0.0.2",
                       args => ["--discover", "dns:app.example,basename=" ++ Name ++ ",interval=0.1,server=" ++ Server]}),
    Dns ! {go, {a, [{127, 0, 0, 1}, {127, 0, 0, 9}]}},
    joined(P, T),
    Dns ! {go, servfail},
    target:await_line(T, "discovery.dns .*no DNS server"),
    ?ON(P, ?assert(lists:member(maps:get(node, T), nodes()))),
    Dns ! {go, {a, []}},
    target:await_line(T, "discovery.lost .*" ++ Name ++ "@127.0.0.1"),
    target:wait(fun() -> ?ON(P, not lists:member(maps:get(node, T), nodes())) end),
    Dns ! {go, {a, [{127, 0, 0, 1}]}},
    connected(P, T),
    Dns ! stop,
    [target:stop(X) || X <- [T, P]].

%% Addresses where nobody was ever connected leave nothing behind.
dns_changes(_) ->
    {Dns, Server} = dns_server(),
    {P, Nobody} = {target:start_peer(#{long => true, host => "127.0.0.1"}), target:unique("nobody")},
    T = target:start(#{long => true, host => "127.0.0.2",
                       args => ["--discover", "dns:app.example,basename=" ++ Nobody ++ ",interval=0.1,server=" ++ Server]}),
    Names = fun() -> ?ON(P, begin #{hermod_node_names := N} = rpc:call(maps:get(node, T), hermod, metrics, []), N end) end,
    Before = Names(),
    [begin
         Dns ! {go, {a, [{127, 1, I, J} || J <- [1, 2, 3, 4, 5]]}},
         target:await_line(T, lists:flatten(io_lib:format("discovery.found .*~s@127.1.~b.5", [Nobody, I])))
     end || I <- lists:seq(1, 8)],
    Dns ! {go, {a, []}},
    target:await_line(T, "discovery.lost .*" ++ Nobody ++ "@127.1.8.5"),
    target:wait(fun() -> Now = Names(), Now =< Before orelse {Before, Now} end),
    Dns ! stop,
    [target:stop(X) || X <- [T, P]].

%% Found while there was no room for its name, and connected when there is.
dns_no_room(_) ->
    {Dns, Server} = dns_server(),
    Name = target:unique("app"),
    T = target:start(#{long => true, host => "127.0.0.2",
                       args => ["--max-names", "16", "--discover", "dns:app.example,basename=" ++ Name ++ ",interval=0.1,server=" ++ Server]}),
    Nobody = [{127, 1, 1, J} || J <- lists:seq(1, 20)],
    Dns ! {go, {a, Nobody}},
    target:await_line(T, "discovery.dial .*" ++ Name ++ ".* cannot be dialled"),
    P = target:start_peer(#{name => Name, long => true, host => "127.0.0.1"}),
    Dns ! {go, {a, [{127, 0, 0, 1} | Nobody]}},
    target:await_line(T, "discovery.dial .*" ++ Name ++ "@127.0.0.1 cannot be dialled"),
    Dns ! {go, {a, [{127, 0, 0, 1}]}},
    connected(P, T),
    Dns ! stop,
    [target:stop(X) || X <- [T, P]].

dns_ipv6(_) ->
    {Dns, Server} = dns_server(),
    Name = target:unique("app"),
    P = target:start_peer(#{name => Name, long => true, host => "::1", family => inet6}),
    T = target:start(#{long => true, host => "::1", family => inet6,
                       args => ["--discover", "dns:app.example,basename=" ++ Name ++ ",interval=0.1,server=" ++ Server]}),
    Dns ! {go, {aaaa, [{0, 0, 0, 0, 0, 0, 0, 1}]}},
    connected(P, T),
    Dns ! stop,
    [target:stop(X) || X <- [T, P]].

dns_srv(_) ->
    {Dns, Server} = dns_server(),
    Name = target:unique("app"),
    P = target:start_peer(#{name => Name}),
    T = target:start(discover("dns:_epmd._tcp.app.example,srv,basename=" ++ Name ++ ",interval=0.1,server=" ++ Server)),
    Dns ! {go, {srv, [target:host()]}},
    connected(P, T),
    Dns ! stop,
    [target:stop(X) || X <- [T, P]].

%% ---- Kubernetes: an API server of its own (kube_api.erl)

kube(Pods) -> kube_api:start(filename:join(target:log_dir(), target:unique("account")), Pods).

kube_spec(#{port := Port, folder := Folder}, Options) ->
    lists:flatten(["kubernetes:selector=app=myapp,server=127.0.0.1:", integer_to_list(Port), ",account=", Folder, [[",", O] || O <- Options]]).

myapp(Ip) -> #{ip => Ip, labels => #{"app" => "myapp"}}.

%% A pod that is ready and a node in it; found by its endpoint, disconnected when that is not ready any more.
kubernetes(_) ->
    Name = target:unique("app"),
    P = target:start_peer(#{name => Name, long => true, host => "127.0.0.1"}),
    Kube = kube([]),
    T = target:start(#{long => true, host => "127.0.0.2", env => [{"KUBERNETES_SERVICE_HOST", "127.0.0.1"},
                                                                  {"KUBERNETES_SERVICE_PORT", integer_to_list(maps:get(port, Kube))}],
                       args => ["--discover", "kubernetes:selector=app=myapp,interval=0.1,basename=" ++ Name ++ ",account=" ++ maps:get(folder, Kube)]}),
    kube_api:pods(Kube, [myapp("127.0.0.1"), myapp("127.0.0.9"), #{ip => "127.0.0.8", labels => #{"app" => "other"}}]),
    joined(P, T),
    ?assertEqual([], [L || L <- target:lines(T), string:find(L, "127.0.0.8") =/= nomatch]),
    %% Tokens change, and others are refused.
    kube_api:token(Kube, "another"),
    ok = file:write_file(filename:join(maps:get(folder, Kube), "token"), "old"),
    target:await_line(T, "discovery.kubernetes .*401.*Unauthorized"),
    ?ON(P, ?assert(lists:member(maps:get(node, T), nodes()))),
    kube_api:token(Kube, "third"),
    target:await_line(T, "discovery.kubernetes .*works again"),
    kube_api:pods(Kube, [(myapp("127.0.0.1"))#{ready => false}]),
    target:await_line(T, "discovery.lost .*" ++ Name ++ "@127.0.0.1"),
    target:wait(fun() -> ?ON(P, not lists:member(maps:get(node, T), nodes())) end),
    kube_api:pods(Kube, [myapp("127.0.0.1")]),
    connected(P, T),
    kube_api:stop(Kube),
    [target:stop(X) || X <- [T, P]].

%% What the names are made of, and more objects than one page has.
kubernetes_names(_) ->
    Kube = kube([(myapp("10.1.0.4"))#{hostname => "app-0"}, (myapp("10.1.0.5"))#{hostname => "app-1", ready => false},
                 (myapp("10.1.0.6"))#{phase => "Succeeded", ready => false}]),
    Shown = fun(Count, Options) ->
        {0, Out, ""} = hermod(["discover", "--timeout", "20000", "--quiet", "--count", integer_to_list(Count),
                               kube_spec(Kube, ["basename=app" | Options])]),
        lists:sort(string:lexemes(Out, "\n"))
    end,
    ?assertEqual(["app@10.1.0.4"], Shown(1, [])),
    ?assertEqual(["app@10.1.0.4"], Shown(1, ["lookup=endpointslices"])),
    ?assertEqual(["app@10.1.0.4", "app@10.1.0.5"], Shown(2, ["lookup=pods"])),
    ?assertEqual(["app@10.1.0.4", "app@10.1.0.5", "app@10.1.0.6"], Shown(3, ["not-ready"])),
    ?assertEqual(["app@10-1-0-4.shop.pod.cluster.local"], Shown(1, ["mode=dns"])),
    ?assertEqual(["app@app-0.web.shop.svc.k8s.example"], Shown(1, ["mode=hostname", "service=web", "domain=k8s.example"])),
    kube_api:pods(Kube, [myapp(lists:flatten(io_lib:format("10.2.~b.~b", [I div 250, I rem 250]))) || I <- lists:seq(1, 330)]),
    ?assertEqual(330, length(Shown(330, ["lookup=pods"]))),
    ?assertEqual(330, length(Shown(330, ["cached"]))),
    kube_api:stop(Kube).

%% Nothing that it answers takes a node away, or keeps the node here from its work; each is said.
kubernetes_troubles(_) ->
    Name = target:unique("app"),
    P = target:start_peer(#{name => Name, long => true, host => "127.0.0.1"}),
    Kube = kube([myapp("127.0.0.1")]),
    T = target:start(#{long => true, host => "127.0.0.2",
                       args => ["--discover", kube_spec(Kube, ["lookup=pods,interval=0.1,patience=1,max-bytes=100000,basename=" ++ Name])]}),
    connected(P, T),
    Many = [myapp(lists:flatten(io_lib:format("127.8.0.~b", [I]))) || I <- lists:seq(1, 60)],
    Troubles = [{{status, S, "no"}, "answers " ++ integer_to_list(S)} || S <- [302, 400, 401, 403, 404, 410, 429, 500, 503]] ++
        [{cut, "before the answer was whole"}, {silent, "in time"}, {{endless, binary:copy(<<" ">>, 1000)}, "larger than max-bytes"},
         {{endless, "[]"}, "larger than max-bytes|in time"}, {{raw, "SSH-2.0-OpenSSH_9.2\r\n"}, "no answer from"},
         {{raw, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}, "no answer from"},
         {{raw, ["HTTP/1.1 200 OK\r\n", [["X: ", binary:copy(<<"y">>, 1000), "\r\n"] || _ <- lists:seq(1, 200)], "\r\n"]}, "no answer from"},
         {{raw, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}}"}, "makes no sense"}],
    [begin
         ct:log("~p", [How]),
         Before = length(target:lines(T)),
         kube_api:behave(Kube, How),
         said_after(T, Before, "discovery.kubernetes .*(" ++ Says ++ ")"),
         {Ms, pong} = target:ms(fun() -> ?ON(P, net_adm:ping(maps:get(node, T))) end),
         ?assert(Ms < 1000, Ms),
         Between = length(target:lines(T)),
         kube_api:behave(Kube, well),
         said_after(T, Between, "discovery.kubernetes .*works again")
     end || {How, Says} <- Troubles],
    Before = length(target:lines(T)),
    kube_api:certify(Kube, foreign),
    said_after(T, Before, "its certificate is not accepted"),
    kube_api:certify(Kube, trusted),
    said_after(T, Before, "works again"),
    %% The second page of a list is refused for ever: nobody is lost, though the first one lacks the node.
    kube_api:pods(Kube, Many ++ [myapp("127.0.0.1")]),
    kube_api:behave(Kube, old),
    said_after(T, Before, "answers 410.*too old"),
    Between = length(target:lines(T)),
    kube_api:behave(Kube, well),
    said_after(T, Between, "works again"),
    ?assertEqual([], [L || L <- target:lines(T), string:find(L, "discovery.lost") =/= nomatch]),
    ?ON(P, ?assert(lists:member(maps:get(node, T), nodes()))),
    kube_api:stop(Kube),
    [target:stop(X) || X <- [T, P]].

said_after(T, Before, Regex) ->
    target:wait(fun() ->
        New = lists:nthtail(Before, target:lines(T)),
        lists:any(fun(L) -> re:run(L, Regex) =/= nomatch end, New) orelse {Regex, New}
    end, 60000).

tool(_) ->
    P = target:start_peer(),
    {0, Out, ""} = hermod(["discover", "--timeout", "1000", "local-epmd"]),
    says(Out, "(?m)^found " ++ name(P) ++ "$"),
    {0, Quiet, ""} = hermod(["discover", "--count", "2", "--quiet", "static:a@b,c@d"]),
    ?assertEqual("a@b\nc@d\n", Quiet),
    {0, Json, ""} = hermod(["discover", "--count", "1", "--json", "static:a@b"]),
    ?assertEqual("{\"event\":\"found\",\"node\":\"a@b\",\"by\":\"static\"}\n", Json),
    target:stop(P).

%% Every kind with its options, without a question to anybody.
tool_lists(_) ->
    {0, Out, ""} = hermod(["discover"]),
    [says(Out, "(?m)^" ++ Kind ++ "(:.*)?$") || Kind <- ["static", "hosts", "local-epmd", "broadcast", "gossip", "nodefinder", "dns", "kubernetes"]],
    says(Out, "port=N .*\\[45892\\]").

tool_fails(_) ->
    {6, "", Err} = hermod(["discover", "--timeout", "300", "broadcast:port=" ++ integer_to_list(target:free_port())]),
    says(Err, "0 nodes were found within 300 ms"),
    {_, "", NoEpmd} = hermod(["discover", "--timeout", "300", "local-epmd"],
                             #{env => [{"ERL_EPMD_PORT", integer_to_list(target:free_port())}]}),
    says(NoEpmd, "none answers").

mistakes(_) ->
    [begin
         {2, "", Err} = hermod(["start", "--sname", target:unique("x"), "--discover", Text]),
         says(Err, Regex),
         {2, "", Same} = hermod(["discover", Text]),
         says(Same, Regex)
     end || {Text, Regex} <- [{"gosip", "there are: .*gossip"}, {"gossip:secrte=x", "it takes: .*secret"},
                              {"broadcast:port=0", "from 1 to 65535"}, {"static:@host", "NAME@HOST"},
                              {"hosts:/not/there", "cannot read /not/there"}, {"gossip:group=10.0.0.1", "no multicast group"},
                              {"broadcast:if=no_such0", "no interface"}, {"kubernetes", "it needs the labels"}, {"static:mandatory=a@b", "needs a timeout"}]].

config_file(_) ->
    P = target:start_peer(),
    File = filename:join(target:log_dir(), target:unique("config")),
    ok = file:write_file(File, ["discover = static:", name(P), "\ndiscover = local-epmd:interval=1\n"]),
    T = target:start(#{args => ["--config", File]}),
    connected(P, T),
    [target:stop(X) || X <- [T, P]].

short_and_long(_) ->
    T = target:start(discover("static:a@10.0.0.1")),
    target:await_line(T, "discovery.name .*a@10.0.0.1"),
    target:stop(T).

%% ---- strangers

loopback(Port) -> "broadcast:if=lo,address=127.255.255.255,silence=2,port=" ++ integer_to_list(Port).

junk(_) ->
    Port = target:free_port(),
    P = target:start_peer(),
    T = target:start(discover(loopback(Port))),
    {ok, S} = gen_udp:open(0),
    [ok = gen_udp:send(S, {127, 0, 0, 1}, Port, B) ||
        B <- ["Test\n", "", "node::", ["node::", term_to_binary("string")], ["node::", 131, 119, 255],
              ["node::", term_to_binary('no_host')], ["node::", term_to_binary('a b@c')], binary:copy(<<"x">>, 60000),
              ["node::", 131, 80, 255, 255, 255, 255, 0]]],
    target:await_line(T, "discovery.junk"),
    ok = gen_udp:send(S, {127, 0, 0, 1}, Port, ["node::", term_to_binary(maps:get(node, P))]),
    connected(P, T),
    [target:stop(X) || X <- [T, P]].

rss(#{ospid := Pid}) ->
    {ok, Text} = file:read_file("/proc/" ++ integer_to_list(Pid) ++ "/status"),
    {match, [Kb]} = re:run(Text, "VmRSS:\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(Kb).

%% A name behind which, says epmd, another node is: the handshake tells, nothing is connected, and that node stays what it is.
elsewhere(_) ->
    Port = target:free_port(),
    P = target:start_peer(),
    T = target:start(discover(loopback(Port))),
    Ghost = target:unique("ghost"),
    Held = register_with_epmd(Ghost, target:listen_port(P)),
    {ok, S} = gen_udp:open(0),
    Say = fun(Name) -> ok = gen_udp:send(S, {127, 0, 0, 1}, Port, ["node::", term_to_binary(list_to_atom(Name))]) end,
    Say(Ghost ++ "@" ++ target:host()),
    target:await_line(T, "hs.name .*" ++ Ghost),
    ?assertEqual([], ?ON(P, nodes())),
    Say(name(P)),
    connected(P, T),
    ?ON(P, ?assertEqual([maps:get(node, T)], nodes())),
    gen_tcp:close(Held),
    [target:stop(X) || X <- [T, P]].

%% As a node does it; the name is known as long as this connection is.
register_with_epmd(Name, Port) ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, target:epmd_port(), [binary, {active, false}]),
    Request = <<120, Port:16, 77, 0, 6:16, 5:16, (length(Name)):16, (list_to_binary(Name))/binary, 0:16>>,
    ok = gen_tcp:send(Socket, [<<(byte_size(Request)):16>>, Request]),
    {ok, <<_, 0, _/binary>>} = gen_tcp:recv(Socket, 0, ?PATIENCE),
    Socket.

cpu_ms(#{ospid := Pid}) ->
    {ok, Text} = file:read_file("/proc/" ++ integer_to_list(Pid) ++ "/stat"),
    [_, Rest] = string:split(Text, ") ", trailing),
    Fields = string:lexemes(Rest, " "),
    lists:sum([binary_to_integer(lists:nth(I, Fields)) || I <- [12, 13]]) * 10.

%% The log has 50 of a second at most, and says how many more there were.
dials(T) ->
    lists:sum([case re:run(L, "\\((\\d+) lines like this were left out\\)", [{capture, all_but_first, list}]) of
                   {match, [N]} -> 1 + list_to_integer(N);
                   nomatch -> 1
               end || L <- target:lines(T), re:run(L, "peer.dial_failed") =/= nomatch]).

%% Names of nodes that do not exist, on this host, where dialling them is cheap for whoever forges.
flood(_) ->
    Port = target:free_port(),
    Host = target:host(),
    T = target:start(#{args => ["--discover", loopback(Port), "--max-discovered", "50", "--max-names", "2000"]}),
    P = target:start_peer(),
    ?ON(P, pong = net_adm:ping(maps:get(node, T))),
    {ok, S} = gen_udp:open(0, [{sndbuf, 1 bsl 20}]),
    Send = fun(From, To) ->
        [gen_udp:send(S, {127, 0, 0, 1}, Port, ["node::", term_to_binary(list_to_atom("f" ++ integer_to_list(I) ++ "@" ++ Host))])
         || I <- lists:seq(From, To)]
    end,
    Send(1, 5000),
    target:await_line(T, "discovery.limit"),
    Before = rss(T),
    {Cpu, Dials} = {cpu_ms(T), dials(T)},
    N = maps:get(node, T),
    {FloodMs, _} = target:ms(fun() -> [begin
         Send(I * 5000, I * 5000 + 5000),
         {Ms, pong} = target:ms(fun() -> ?ON(P, net_adm:ping(N)) end),
         ?assert(Ms < 1000, Ms)
     end || I <- lists:seq(1, 20)] end),
    CpuMs = cpu_ms(T) - Cpu,
    Dialled = dials(T) - Dials,
    ct:log("~b ms of CPU, ~b dials in ~b ms", [CpuMs, Dialled, FloodMs]),
    %% 50 us for each name; and 50 names, which are others every 2 s, are dialled at once and a few times more.
    ?assert(CpuMs < 5000 orelse os:getenv("HERMOD_VARIANT") =:= "asan", CpuMs),
    ?assert(Dialled =< 200 + 50 * 4 * (FloodMs div 2000 + 1), {Dialled, FloodMs}),
    Grown = rss(T) - Before,
    ct:log("~b KiB more after 100000 forged names", [Grown]),
    ?assert(Grown < 8192 orelse os:getenv("HERMOD_VARIANT") =:= "asan", Grown),
    Lines = [L || L <- target:lines(T), re:run(L, "discovery\\.(junk|limit)") =/= nomatch],
    ?assert(length(Lines) < 20, Lines),
    %% When it is over, others are found again.
    Q = target:start_peer(),
    target:wait(fun() ->
        ok = gen_udp:send(S, {127, 0, 0, 1}, Port, ["node::", term_to_binary(maps:get(node, Q))]),
        ?ON(Q, lists:member(N, nodes()))
    end),
    [target:stop(X) || X <- [T, P, Q]].
