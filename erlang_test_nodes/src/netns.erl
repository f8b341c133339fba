%% Hosts of a test: network namespaces, joined by a bridge in one more of them, of which the machine's own network knows nothing.
%% A host is held by its epmd and gone when that ends, so nothing is left behind. Needs root, `unshare', `nsenter' and `ip'.
%%
%%   start(N) -> {ok, Net} | {skip, Why}      hosts 1 to N; stop(Net)
%%   place(Net, I)                            options for target:start/2: that host's namespace, address and epmd
%%   default_routes(Net)                      each has one, over its link: without, nothing can be sent to 255.255.255.255
%%   drop(Net, Pairs), pass(Net, Pairs)       packets from host I to host J are lost, without a word; and no longer
-module(netns).
-export([start/1, stop/1, place/2, drop/2, pass/2, default_routes/1]).

-define(PATIENCE, 30000).

start(N) ->
    case [P || P <- ["unshare", "nsenter", "ip", "epmd"], os:find_executable(P) =:= false] of
        [] ->
            case target:run(os:find_executable("unshare"), ["-n", "ip", "link", "add", "br0", "type", "bridge"]) of
                {0, _, _} -> {ok, make(N)};
                {_, _, Err} -> {skip, "network namespaces cannot be made here: " ++ string:trim(binary_to_list(Err))}
            end;
        Missing -> {skip, "network namespaces need " ++ lists:join(", ", Missing)}
    end.

make(N) ->
    Port = 4369,
    Hub = holder(["sleep", "infinity"]),
    in(Hub, "ip link add br0 type bridge"),
    in(Hub, "ip link set br0 up"),
    Hosts = [begin
        Host = holder(["epmd", "-port", integer_to_list(Port)]),
        in(Hub, io_lib:format("ip link add h~w type veth peer name eth0 netns ~w", [I, maps:get(pid, Host)])),
        in(Hub, io_lib:format("ip link set h~w master br0 up", [I])),
        in(Host, io_lib:format("ip addr add ~s/24 dev eth0", [address(I)])),
        in(Host, "ip link set eth0 up"),
        {I, Host}
    end || I <- lists:seq(1, N)],
    #{hub => Hub, epmd_port => Port, hosts => maps:from_list(Hosts)}.

stop(#{hub := Hub, hosts := Hosts}) -> [end_holder(H) || H <- [Hub | maps:values(Hosts)]], ok.

address(I) -> "10.0.0." ++ integer_to_list(I).

place(#{hosts := Hosts, epmd_port := Port}, I) ->
    #{I := #{pid := Pid}} = Hosts,
    #{netns => Pid, host => address(I), long => true, epmd_port => Port}.

default_routes(#{hosts := Hosts}) -> [in(H, "ip route add default dev eth0") || H <- maps:values(Hosts)], ok.

drop(Net, Pairs) -> route(Net, "add", Pairs).
pass(Net, Pairs) -> route(Net, "del", Pairs).
route(#{hosts := Hosts}, What, Pairs) ->
    [in(maps:get(I, Hosts), ["ip route ", What, " blackhole ", address(J)]) || {I, J} <- Pairs],
    ok.

%% A process that keeps a new namespace, in which only the loopback is up.
holder(Command) ->
    Caller = self(),
    Owner = spawn(fun() ->
        Port = open_port({spawn_executable, os:find_executable("unshare")},
                         [{args, ["-n", "sh", "-c", "ip link set lo up && echo up && exec \"$@\"", "sh" | Command]}, exit_status,
                          stderr_to_stdout, {line, 200}]),
        {os_pid, Pid} = erlang:port_info(Port, os_pid),
        receive {Port, {data, {eol, "up"}}} -> Caller ! {self(), Pid} end,
        keep(Port)
    end),
    receive {Owner, Pid} -> #{pid => Pid, owner => Owner} after ?PATIENCE -> error(no_namespace) end.

keep(Port) ->
    receive
        {Port, {exit_status, _}} -> keep_on;
        {Port, _} -> keep(Port)
    end.

end_holder(#{pid := Pid, owner := Owner}) ->
    Ref = monitor(process, Owner),
    os:cmd("kill -KILL " ++ integer_to_list(Pid)),
    receive {'DOWN', Ref, _, _, _} -> ok after ?PATIENCE -> error({still_there, Pid}) end.

in(#{pid := Pid}, Command) ->
    Args = ["--net=/proc/" ++ integer_to_list(Pid) ++ "/ns/net" | string:lexemes(lists:flatten(Command), " ")],
    case target:run(os:find_executable("nsenter"), Args) of
        {0, _, _} -> ok;
        Else -> error({Command, Else})
    end.
