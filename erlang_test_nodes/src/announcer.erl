%% The originals of discovery, stated again from their protocols: how distributed_hello_world, libcluster's Gossip and nodefinder
%% announce a node and dial whom they hear. One process on a BEAM, which never ends by itself.
%%
%%   erl ... -run announcer main broadcast
%%   erl ... -run announcer main gossip [secret=SECRET] [broadcast-only]
%%   erl ... -run announcer main nodefinder
-module(announcer).
-export([main/1, start/1, start/2]).

main([Kind | Args]) ->
    start(list_to_atom(Kind), [list_to_binary(A) || A <- Args]),
    receive never -> ok end.

start(Kind) -> start(Kind, []).
start(Kind, Args) ->
    {ok, _} = application:ensure_all_started(crypto),
    Caller = self(),
    Pid = spawn(fun() -> S = open(Kind, Args), Caller ! {self(), ready}, loop(S) end),
    receive {Pid, ready} -> Pid end.

loop(#{socket := Socket} = S) ->
    receive
        heartbeat -> announce(S), loop(S);
        {udp, Socket, _, _, Packet} ->
            case read(S, Packet) of
                {ok, Node} when Node =/= node() ->
                    lists:member(Node, nodes(connected)) orelse net_kernel:connect_node(Node);
                _ -> ok
            end,
            loop(S)
    end.

again(Ms) -> erlang:send_after(Ms, self(), heartbeat).

%% ---- distributed_hello_world (its article opens with reuseport, which OTP 25 does not have as an option)

open(broadcast, _) ->
    {ok, Socket} = gen_udp:open(45826, [binary, {active, true}, {broadcast, true}, {raw, 1, 15, <<1:32/native>>}]),
    self() ! heartbeat,
    #{kind => broadcast, socket => Socket};

%% ---- libcluster 3.5.0, lib/strategy/gossip.ex

open(gossip, Args) ->
    {Group, More} = case lists:member(<<"broadcast-only">>, Args) of
                        true -> {{255, 255, 255, 255}, []};
                        false ->
                            Multicast = {233, 252, 1, 32},
                            {Multicast, [{multicast_ttl, 1}, {multicast_loop, true}, {add_membership, {Multicast, {0, 0, 0, 0}}}]}
                    end,
    {ok, Socket} = gen_udp:open(45892, [binary, {active, true}, {ip, {0, 0, 0, 0}}, {reuseaddr, true}, {broadcast, true},
                                        {raw, 1, 15, <<1:32/native>>} | More]),
    self() ! heartbeat,
    #{kind => gossip, socket => Socket, group => Group, secret => hd([S || <<"secret=", S/binary>> <- Args] ++ [none])};

%% ---- nodefinder 2.0.2, src/nodefinder_multicast.erl: says it once

open(nodefinder, _) ->
    Group = {224, 0, 0, 1},
    {ok, Socket} = gen_udp:open(4475, [binary, {active, true}, {reuseaddr, true}, {ip, Group}, {multicast_ttl, 1},
                                       {multicast_loop, true}, {add_membership, {Group, {0, 0, 0, 0}}}]),
    {ok, Out} = gen_udp:open(0, [{ip, {0, 0, 0, 0}}, {multicast_ttl, 1}, {multicast_loop, true}]),
    self() ! heartbeat,
    #{kind => nodefinder, socket => Socket, out => Out, group => Group,
      key => crypto:hash(sha256, atom_to_binary(erlang:get_cookie(), utf8))}.

announce(#{kind := broadcast, socket := Socket}) ->
    gen_udp:send(Socket, {255, 255, 255, 255}, 45826, ["node::", term_to_binary(node())]),
    again(2000);
announce(#{kind := gossip, socket := Socket, group := Group, secret := Secret}) ->
    gen_udp:send(Socket, Group, 45892, encrypt(Secret, <<"heartbeat::", (term_to_binary(#{node => node()}))/binary>>)),
    again(rand:uniform(5000));
announce(#{kind := nodefinder, out := Out, group := Group, key := Key}) ->
    Seconds = <<(erlang:system_time(second)):64>>,
    Name = atom_to_binary(node(), utf8),
    Id = crypto:mac(hmac, sha256, Key, [Seconds, Name]),
    gen_udp:send(Out, Group, 4475, ["ERLANG/NODEFINDER 5 ", Id, " ", Seconds, " ", 1, " ", Name]).

read(#{kind := broadcast}, <<"node::", Term/binary>>) -> {ok, binary_to_term(Term)};
read(#{kind := gossip, secret := Secret}, Packet) ->
    case decrypt(Secret, Packet) of
        <<"heartbeat::", Term/binary>> -> #{node := Node} = binary_to_term(Term), {ok, Node};
        _ -> ignored
    end;
read(#{kind := nodefinder, key := Key}, <<"ERLANG/NODEFINDER 5 ", Id:32/binary, " ", Seconds:8/binary, " ", _, " ", Name/binary>>) ->
    <<At:64>> = Seconds,
    Age = erlang:system_time(second) - At,
    case crypto:mac(hmac, sha256, Key, [Seconds, Name]) of
        Id when Age >= -300, Age < 300 -> {ok, binary_to_atom(Name, utf8)};
        _ -> ignored
    end;
read(_, _) -> ignored.

encrypt(none, Plain) -> Plain;
encrypt(Secret, Plain) ->
    Iv = crypto:strong_rand_bytes(16),
    Size = 16 - byte_size(Plain) rem 16,
    Padded = <<Plain/binary, (binary:copy(<<Size>>, Size))/binary>>,
    [Iv, crypto:crypto_one_time(aes_256_cbc, crypto:hash(sha256, Secret), Iv, Padded, true)].

decrypt(none, Packet) -> Packet;
decrypt(Secret, <<Iv:16/binary, Text/binary>>) when byte_size(Text) rem 16 =:= 0, Text =/= <<>> ->
    Padded = crypto:crypto_one_time(aes_256_cbc, crypto:hash(sha256, Secret), Iv, Text, false),
    binary:part(Padded, 0, byte_size(Padded) - max(0, min(16, binary:last(Padded))));
decrypt(_, _) -> <<>>.
