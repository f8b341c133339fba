%% `global' when a mesh falls apart and comes together again: names in conflict, links that are lost, and what keeps partitions
%% from overlapping. A mesh of two BEAM nodes and two targets for all joins, and one for each way to lose links.
-module(global_partition_SUITE).
-include("conformance.hrl").
-compile([export_all, nowarn_export_all]).

-define(ALL, [t1, b1, b2, t2]).

all() -> [{group, joins}, {group, losses}].
groups() ->
    [{joins, [], [two_targets_join, target_connects_two_beams, all_dial_all_at_once, partitions_join_by_targets,
                  partitions_join_by_target_and_beam, partitions_join_by_beam_and_target, targets_join_beams]},
     {losses, [parallel], [link_dropped, node_cut_off, link_flaps, silent_partition, link_dropped_and_overlapping]}].

init_per_suite(C) -> C.
end_per_suite(_) -> ok.

init_per_group(joins, C) -> [{mesh, start(#{})} | C];
init_per_group(losses, C) -> C.
end_per_group(joins, C) -> mesh:stop(m(C));
end_per_group(losses, _) -> ok.

init_per_testcase(Case, C) ->
    case Case of
        link_dropped_and_overlapping -> [{mesh, start(#{}, fun overlapping/1)} | C];
        silent_partition -> [{mesh, start(#{ticktime => 6})} | C];
        _ when Case =:= link_dropped; Case =:= node_cut_off; Case =:= link_flaps -> [{mesh, start(#{})} | C];
        _ -> C
    end.
end_per_testcase(Case, C) ->
    {losses, _, Own} = lists:keyfind(losses, 1, groups()),
    case lists:member(Case, Own) of
        true -> mesh:stop(m(C));
        false -> ok
    end.

start(Common) -> start(Common, fun(_) -> [] end).
start(Common, Args) ->
    mesh:start([{R, #{as => As, args => Args(Kind)}} || {R, As, Kind} <- [{t1, "a", target:kind()}, {b1, "b", beam},
                                                                          {b2, "c", beam}, {t2, "d", target:kind()}]], Common).

overlapping(beam) -> ["-kernel", "prevent_overlapping_partitions", "false"];
overlapping(hermod) -> ["--no-prevent-overlapping-partitions"].

m(C) -> proplists:get_value(mesh, C).

register(M, Role, Name) -> register(M, Role, Name, random_exit_name).
register(M, Role, Name, Method) ->
    Pid = mesh:child(M, Role),
    yes = mesh:ask(M, Pid, {global_register, Name, Method}),
    Pid.

'end'(M, Pids) -> ?ON(mesh:control(M), [begin exit(P, kill), given:gone(P) end || P <- Pids]).

partition(M, As, Bs) ->
    mesh:isolate(M),
    [mesh:join(M, Part) || Part <- [As, Bs]],
    ok.

all_gone(M, Pids) ->
    'end'(M, Pids),
    target:wait(fun() -> [] =:= mesh:names(M, ?ALL) end).

%% ---- joins

two_targets_join(C) ->
    M = m(C),
    mesh:isolate(M),
    Names = [{{by, R}, register(M, R, {by, R})} || R <- [t1, t2]],
    true = mesh:connect(M, t2, t1),
    ?assertEqual(Names, mesh:healthy(M, [t1, t2])),
    'end'(M, [P || {_, P} <- Names]).

%% Neither BEAM knows of the other; both hear of each other through the target.
target_connects_two_beams(C) ->
    M = m(C),
    mesh:isolate(M),
    Names = [{{by, R}, register(M, R, {by, R})} || R <- ?ALL],
    given:parallel([fun() -> true = mesh:connect(M, t1, R) end || R <- [b1, b2]]),
    ?assertEqual(lists:sort(lists:droplast(Names)), mesh:healthy(M, [t1, b1, b2])),
    true = mesh:connect(M, t2, t1),
    ?assertEqual(lists:sort(Names), mesh:healthy(M, ?ALL)),
    all_gone(M, [P || {_, P} <- Names]).

all_dial_all_at_once(C) ->
    M = m(C),
    [begin
         mesh:isolate(M),
         Pids = [register(M, R, {by, R}) || R <- ?ALL],
         given:parallel([fun() -> mesh:connect(M, A, B) end || A <- ?ALL, B <- ?ALL, A =/= B]),
         ?assertEqual(lists:sort([{{by, R}, P} || {R, P} <- lists:zip(?ALL, Pids)]), mesh:healthy(M, ?ALL)),
         all_gone(M, Pids)
     end || _ <- [1, 2]].

partitions_join_by_targets(C) -> partitions_join(m(C), [t1, b1], [t2, b2]).
partitions_join_by_target_and_beam(C) -> partitions_join(m(C), [t1, b1], [b2, t2]).
partitions_join_by_beam_and_target(C) -> partitions_join(m(C), [b1, t1], [t2, b2]).
targets_join_beams(C) -> partitions_join(m(C), [t2, t1], [b1, b2]).

%% Two partitions with names of their own, and names that both have. The first of As dials the first of Bs.
partitions_join(M, As, Bs) -> partitions_join(M, As, Bs, 6).

%% Two BEAM nodes that lose each other's names do so in one of five joins (docs/decisions.md); all else fails at once.
partitions_join(M, As, Bs, Tries) ->
    try join_once(M, As, Bs)
    catch error:{never_became_true, {names_differ, Tables}} = Why when Tries > 1 ->
        ct:pal("~p", [Why]),
        ?assert(mesh:beams_forgot_beams(M, Tables), Tables),
        all_gone(M, lists:usort([P || {_, Table} <- Tables, {_, P} <- Table])),
        partitions_join(M, As, Bs, Tries - 1)
    end.

join_once(M, As, Bs) ->
    partition(M, As, Bs),
    Own = [{{own, R}, register(M, R, {own, R})} || R <- As ++ Bs],
    Conflicts = [{{Method, A, B}, register(M, A, {Method, A, B}, Method), register(M, B, {Method, A, B}, Method)}
                 || Method <- [random_exit_name, random_notify_name, notify_all_name], A <- As, B <- Bs],
    Custom = [begin
                  Name = {custom, I},
                  Pids = [begin
                              P = mesh:child(M, R),
                              yes = mesh:run(M, R, global, register_name, [Name, P, Method]),
                              P
                          end || R <- [b1, b2]],
                  {Name, Pids}
              end || lists:member(b1, As) =/= lists:member(b1, Bs), lists:member(b2, As) =/= lists:member(b1, As),
                     {I, Method} <- [{external, fun ?MODULE:greatest/3}, {closure, fun(_, P1, P2) -> ?MODULE:greatest(x, P1, P2) end}]],
    true = mesh:connect(M, hd(As), hd(Bs)),
    mesh:whole(M, ?ALL),
    Resolved = [{Name, least(P1, P2)} || {{Method, _, _} = Name, P1, P2} <- Conflicts, Method =/= notify_all_name],
    Expected = lists:sort(Own ++ Resolved ++ [{Name, apply(?MODULE, greatest, [Name | Pids])} || {Name, Pids} <- Custom]),
    ?assertEqual(Expected, mesh:healthy(M, ?ALL)),
    [told(M, Name, least(P1, P2), greatest(Name, P1, P2)) || {Name, P1, P2} <- Conflicts],
    Alive = [P || {_, P} <- Own] ++ lists:append([Ps || {_, Ps} <- Custom])
        ++ lists:append([[P1, P2] || {{Method, _, _}, P1, P2} <- Conflicts, Method =/= random_exit_name])
        ++ [least(P1, P2) || {{random_exit_name, _, _}, P1, P2} <- Conflicts],
    all_gone(M, Alive).

%% A method that no C node could run. A pid knows its node's name here as well, so the test asks it, too.
greatest(_, P1, P2) -> case node(P1) < node(P2) of true -> P2; false -> P1 end.
least(P1, P2) -> case node(P1) < node(P2) of true -> P1; false -> P2 end.

%% What those hear whose name was in conflict.
told(M, {random_exit_name, _, _}, Least, Greatest) ->
    mesh:gone(M, Greatest),
    [] = mesh:ask(M, Least, events);
told(M, {random_notify_name, _, _} = Name, Least, Greatest) ->
    heard(M, Greatest, {info, {global_name_conflict, Name}}),
    [] = mesh:ask(M, Least, events);
told(M, {notify_all_name, _, _} = Name, Least, Greatest) ->
    heard(M, Greatest, {info, {global_name_conflict, Name, Least}}),
    heard(M, Least, {info, {global_name_conflict, Name, Greatest}}).

heard(M, Pid, Event) -> ?ON(mesh:control(M), target:wait(fun() -> [Event] =:= gen_server:call(Pid, events) end)).

%% ---- links that are lost, with the prevention of overlapping partitions

%% Two nodes lose each other: the others leave them, and no part has anything to do with another.
link_dropped(C) ->
    M = m(C),
    [begin
         mesh:join(M, ?ALL),
         Rest = ?ALL -- [A, B],
         Names = [{{by, R}, register(M, R, {by, R})} || R <- ?ALL],
         mesh:split(M, [A], [B]),
         Parts = mesh:parted(M, ?ALL, {A, B}),
         [?assertEqual(lists:sort([N || {{by, R}, _} = N <- Names, lists:member(R, Part)]), mesh:names(M, Part)) || Part <- Parts],
         mesh:heal(M, [A], [B]),
         true = mesh:connect(M, A, hd(Rest)),
         true = mesh:connect(M, B, hd(Rest)),
         true = mesh:rejoin(M, ?ALL, {A, B}),
         ?assertEqual(lists:sort(Names), mesh:healthy(M, ?ALL)),
         all_gone(M, [P || {_, P} <- Names])
     end || {A, B} <- [{t1, t2}, {b1, t1}, {t2, b2}, {b1, b2}]].

%% One node loses all others at once: the others keep each other.
node_cut_off(C) ->
    M = m(C),
    mesh:join(M, ?ALL),
    [begin
         Rest = ?ALL -- [A],
         Pid = register(M, A, {by, A}),
         mesh:agreed(M, {by, A}, Pid),
         mesh:split(M, [A], Rest),
         [mesh:whole(M, Part) || Part <- [[A], Rest]],
         [] = mesh:names(M, Rest),
         Other = register(M, hd(Rest), {by, A}),
         mesh:heal(M, [A], Rest),
         true = mesh:connect(M, hd(Rest), A),
         Survivor = least(Pid, Other),
         ?assertEqual([{{by, A}, Survivor}], mesh:healthy(M, ?ALL)),
         all_gone(M, [Survivor])
     end || A <- [t1, b1, t2]].

%% A link goes and comes, and goes again before anybody is done with the last time.
link_flaps(C) ->
    M = m(C),
    mesh:join(M, ?ALL),
    [begin
         [begin
              mesh:split(M, [A], [B]),
              mesh:heal(M, [A], [B]),
              mesh:connect(M, A, B)
          end || _ <- lists:seq(1, 4)],
         true = mesh:rejoin(M, ?ALL, {A, B}),
         [] = mesh:healthy(M, ?ALL)
     end || {A, B} <- [{t1, t2}, {b1, t2}]].

%% Packets are lost, and no connection says so; the ticks do.
silent_partition(C) ->
    M = m(C),
    mesh:join(M, ?ALL),
    {As, Bs} = {[t1, b1], [t2, b2]},
    Before = [{{by, R}, register(M, R, {by, R})} || R <- ?ALL],
    mesh:healthy(M, ?ALL),
    mesh:silence(M, As, Bs),
    mesh:apart(M, As, Bs),
    [mesh:whole(M, Part) || Part <- [As, Bs]],
    Conflict = [register(M, R, both) || R <- [t1, b2]],
    [?assertEqual(lists:sort([{both, P} | [N || {{by, R}, _} = N <- Before, lists:member(R, Part)]]), mesh:names(M, Part))
     || {P, Part} <- lists:zip(Conflict, [As, Bs])],
    mesh:heal(M, As, Bs),
    true = mesh:connect(M, b1, b2),
    Survivor = least(hd(Conflict), lists:last(Conflict)),
    ?assertEqual(lists:sort([{both, Survivor} | Before]), mesh:healthy(M, ?ALL)),
    all_gone(M, [Survivor | [P || {_, P} <- Before]]).

%% ---- without it

%% Two nodes lose each other, and everybody else keeps both; what the one registers meanwhile the other learns later.
link_dropped_and_overlapping(C) ->
    M = m(C),
    mesh:join(M, ?ALL),
    [begin
         Rest = ?ALL -- [A, B],
         mesh:split(M, [A], [B]),
         mesh:apart(M, [A], [B]),
         [mesh:whole(M, R, Rest ++ [R]) || R <- [A, B]],
         [mesh:whole(M, R, ?ALL) || R <- Rest],
         Pid = register(M, A, {by, A}),
         [Pid = mesh:ask(M, R, {global_whereis, {by, A}}) || R <- Rest],
         undefined = mesh:ask(M, B, {global_whereis, {by, A}}),
         mesh:heal(M, [A], [B]),
         true = mesh:connect(M, A, B),
         ?assertEqual([{{by, A}, Pid}], mesh:healthy(M, ?ALL)),
         all_gone(M, [Pid])
     end || {A, B} <- [{t1, t2}, {b1, t1}, {t2, b2}]].
