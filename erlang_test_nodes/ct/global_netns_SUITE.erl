%% `global' on hosts whose packets are lost: network namespaces with an address each, between which routes are taken away. No
%% connection is closed by anybody; the net ticks notice. For the rest see global_partition_SUITE.
-module(global_netns_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(ALL, [t1, b1, b2, t2]).

all() -> [{group, side_by_side}].
groups() -> [{side_by_side, [parallel], [link_lost, lost_in_one_direction, partition]}].

init_per_suite(C) ->
    case netns:start(1) of
        {ok, Net} -> netns:stop(Net), C;
        {skip, Why} -> {skip, Why}
    end.
end_per_suite(_) -> ok.

init_per_testcase(_, C) ->
    {ok, Net} = netns:start(5),
    [{net, Net}, {mesh, mesh:start([{R, #{as => As}} || {R, As} <- [{t1, "a"}, {b1, "b"}, {b2, "c"}, {t2, "d"}]],
                                   #{ticktime => 4}, fun(Role, _) -> netns:place(Net, host(Role)) end)} | C].
end_per_testcase(_, C) ->
    mesh:stop(m(C)),
    netns:stop(net(C)).

m(C) -> proplists:get_value(mesh, C).
net(C) -> proplists:get_value(net, C).
host(Role) -> maps:get(Role, #{t1 => 1, b1 => 2, b2 => 3, t2 => 4, control => 5}).

register(M, Role, Name) ->
    Pid = mesh:child(M, Role),
    yes = mesh:ask(M, Pid, {global_register, Name, random_exit_name}),
    Pid.

%% A name on each node, of a mesh that is whole.
named(M) ->
    true = mesh:rejoin(M, ?ALL, {t1, b1}),
    Names = [{{by, R}, register(M, R, {by, R})} || R <- ?ALL],
    ?assertEqual(lists:sort(Names), mesh:healthy(M, ?ALL)),
    Names.

of_part(Names, Part) -> lists:sort([N || {{by, R}, _} = N <- Names, lists:member(R, Part)]).

ended(M, Names) ->
    ?ON(mesh:control(M), [exit(P, kill) || {_, P} <- Names]),
    target:wait(fun() -> [] =:= mesh:names(M, ?ALL) end).

link_lost(C) -> lost(m(C), net(C), t1, b1, fun(I, J) -> [{I, J}, {J, I}] end).
lost_in_one_direction(C) -> lost(m(C), net(C), t2, t1, fun(I, J) -> [{I, J}] end).

%% The two whose link is lost are in parts that know nothing of each other.
lost(M, Net, A, B, Directions) ->
    Names = named(M),
    Lost = Directions(host(A), host(B)),
    netns:drop(Net, Lost),
    Parts = mesh:parted(M, ?ALL, {A, B}),
    [?assertEqual(of_part(Names, P), mesh:names(M, P)) || P <- Parts],
    netns:pass(Net, Lost),
    true = mesh:rejoin(M, ?ALL, {A, B}),
    ?assertEqual(lists:sort(Names), mesh:healthy(M, ?ALL)),
    ended(M, Names).

partition(C) ->
    {M, Net} = {m(C), net(C)},
    Names = named(M),
    {As, Bs} = {[t1, b1], [t2, b2]},
    Lost = [{host(X), host(Y)} || A <- As, B <- Bs, {X, Y} <- [{A, B}, {B, A}]],
    netns:drop(Net, Lost),
    [mesh:whole(M, P) || P <- [As, Bs]],
    [P1, P2] = [register(M, R, both) || R <- [t1, b2]],
    [?assertEqual([{both, P} | of_part(Names, Part)], mesh:names(M, Part)) || {P, Part} <- [{P1, As}, {P2, Bs}]],
    netns:pass(Net, Lost),
    true = mesh:connect(M, t1, t2),
    %% the node with the smaller name keeps it
    All = lists:sort([{both, P1} | Names]),
    ?assertEqual(All, mesh:healthy(M, ?ALL)),
    ended(M, All).
