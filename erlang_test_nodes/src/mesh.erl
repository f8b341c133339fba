%% Nodes in a mesh, each behind wires of its own, and what is true of a mesh in which `global' is well.
%%
%% A node of a mesh has a role, an atom: b1, b2 ... are BEAM nodes, t1, t2 ... targets. Roles sort as node names do. Every
%% node runs the subject and is driven through a hidden BEAM node, which is connected to all and takes no part in global.
%%
%%   start(Roles) -> Mesh               Roles: [Role | {Role, Opts}]; Opts as for target:start/2, and `as' => the first letters of its name
%%   add(Mesh, Role) -> Mesh            one more, or one that was killed, again; stop(Mesh) ends all
%%   node_of, target_of, name_of        of a role
%%   ask(Mesh, Role, Request)           asks the subject of that node (src/subject.erl); ask(Mesh, Pid, Request) any subject
%%   run(Mesh, Role, M, F, Args)        erpc:call
%%   child(Mesh, Role)                  a fresh subject there
%%   connect(Mesh, A, B)                A dials B
%%   join(Mesh, Roles)                  the first dials each of the others, and the mesh is whole
%%   split(Mesh, Roles, Others), heal(Mesh, Roles, Others), silence(Mesh, Roles, Others)
%%   whole(Mesh, Roles)                 waits until they are connected and synced with each other, and with nobody else
%%   healthy(Mesh, Roles)               whole; sync returns at once; no lock is left; names agree, and are returned
%%   with(Mesh, Roles, Fun)             Fun(Mesh) with these nodes added, which are ended whatever happens
%% Elsewhere than behind wires: start(Roles, Common, fun(Role, Name) -> options that tell its place end), control included.
-module(mesh).
-include("conformance.hrl").
-export([start/1, start/2, start/3, add/2, add/3, with/3, stop/1, wires/1, node_of/2, target_of/2, name_of/2, control/1, roles/1, role_of/2, beams_forgot_beams/2,
         lost_between_beams/2, beams_not_in_sync/2]).
-export([ask/3, ask/4, run/5, child/2, connect/3, join/2, split/3, heal/3, silence/3, pairs/3, whole/2, whole/3, looks_whole/3, healthy/2, names/2, names/3, isolate/1,
         agreed/3, agreed/4, lost/3, rejoin/3, gone/2, apart/3, parted/3, kill/2, wait_connected/3]).
-export([probe_lock/1, seen_from/1]). % on a node

%% How long `at once' may be on a machine that is busy with other things.
-define(AT_ONCE, 2000).

start(Roles) -> start(Roles, #{}).
start(Roles, Common) ->
    W = wires:start(),
    Mesh = start(Roles, Common, fun(_, Name) -> #{epmd_port => wires:plug(W, Name)} end),
    Mesh#{wires => W}.

start(Roles, Common, Place) ->
    Mesh = #{place => Place, id => target:unique(""), common => Common, nodes => #{}},
    Start = fun(Role) -> fun() -> {role(Role), start_node(Mesh, role(Role), opts(Role))} end end,
    [{control, Control} | Nodes] = given:parallel([Start({control, #{hidden => true, subject => false,
                                                                     args => ["-connect_all", "false"]}})
                                                   | [Start(R) || R <- Roles]]),
    Mesh#{control => Control, nodes => maps:from_list(Nodes),
          opts => maps:from_list([{role(R), opts(R)} || R <- Roles])}.

role({Role, _}) -> Role;
role(Role) -> Role.
opts({_, Opts}) -> Opts;
opts(_) -> #{}.

start_node(#{place := Place, id := Id, common := Common}, Role, Opts0) ->
    Opts = maps:merge(Common, Opts0),
    Name = maps:get(as, Opts, atom_to_list(Role)) ++ Id,
    Start = (Place(Role, Name))#{name => Name},
    case atom_to_list(Role) of
        "t" ++ _ -> target:start(maps:merge(maps:remove(as, Opts), Start));
        _ -> target:start(beam, maps:merge(maps:remove(as, Opts), Start))
    end.

add(Mesh = #{opts := Opts}, Role) -> add(Mesh, Role, maps:get(Role, Opts, #{})).
add(Mesh = #{nodes := Nodes, opts := Opts}, Role, NodeOpts) ->
    Mesh#{nodes := Nodes#{Role => start_node(Mesh, Role, NodeOpts)}, opts := Opts#{Role => NodeOpts}}.

with(Mesh, Roles, Fun) ->
    Added = given:parallel([fun() -> {role(R), start_node(Mesh, role(R), opts(R))} end || R <- Roles]),
    More = #{nodes := Nodes, opts := Opts} = Mesh,
    try Fun(More#{nodes := maps:merge(Nodes, maps:from_list(Added)),
                  opts := maps:merge(Opts, maps:from_list([{role(R), opts(R)} || R <- Roles]))})
    after given:parallel([fun() -> target:stop(T) end || {_, T} <- Added])
    end.

stop(Mesh = #{nodes := Nodes, control := Control}) ->
    Stopped = given:parallel([fun() -> catch target:stop(T) end || T <- [Control | maps:values(Nodes)]]),
    [wires:stop(W) || #{wires := W} <- [Mesh]],
    [error(Why) || {'EXIT', Why} <- Stopped],
    ok.

wires(#{wires := W}) -> W.
control(#{control := C}) -> C.
roles(#{nodes := Nodes}) -> lists:sort(maps:keys(Nodes)).
target_of(#{nodes := Nodes}, Role) -> maps:get(Role, Nodes).
node_of(Mesh, Role) -> maps:get(node, target_of(Mesh, Role)).
name_of(Mesh, Role) -> maps:get(name, target_of(Mesh, Role)).
role_of(#{nodes := Nodes}, Node) -> hd([R || {R, #{node := N}} <- maps:to_list(Nodes), N =:= Node]).

ask(Mesh, Who, Request) -> ask(Mesh, Who, Request, ?PATIENCE).
ask(Mesh, Role, Request, Timeout) when is_atom(Role) -> ask(Mesh, {subject, node_of(Mesh, Role)}, Request, Timeout);
ask(Mesh, To, Request, Timeout) -> ?ON(control(Mesh), gen_server:call(To, Request, Timeout)).

run(Mesh, Role, M, F, Args) ->
    Node = node_of(Mesh, Role),
    ?ON(control(Mesh), erpc:call(Node, M, F, Args, ?PATIENCE)).

child(Mesh, Role) -> {ok, Pid} = ask(Mesh, Role, {spawn, undefined, false}), Pid.

connect(Mesh, A, B) -> ask(Mesh, A, {connect, node_of(Mesh, B)}).

join(Mesh, [First | Others] = Roles) ->
    [true = connect(Mesh, First, R) || R <- Others],
    whole(Mesh, Roles).

split(Mesh = #{wires := W}, As, Bs) -> wires:cut(W, pairs(Mesh, As, Bs)).
silence(Mesh = #{wires := W}, As, Bs) -> wires:silence(W, pairs(Mesh, As, Bs)).
heal(Mesh = #{wires := W}, As, Bs) -> wires:heal(W, pairs(Mesh, As, Bs)).
pairs(Mesh, As, Bs) -> [{name_of(Mesh, A), name_of(Mesh, B)} || A <- As, B <- Bs, A =/= B].

kill(Mesh, Role) -> target:kill(target_of(Mesh, Role)).

%% Nobody is connected to anybody; the wires are whole.
isolate(Mesh) ->
    All = roles(Mesh),
    split(Mesh, All, All),
    [whole(Mesh, [R]) || R <- All],
    heal(Mesh, All, All).

%% Waits until they are the nodes that each of them sees, and global of each is in sync with all of them.
whole(Mesh, Roles) ->
    Nodes = lists:sort([node_of(Mesh, R) || R <- Roles]),
    ?ON(control(Mesh), [settled(N, lists:delete(N, Nodes)) || N <- Nodes]),
    ok.

%% One of them alone: what it sees is the whole of these.
whole(Mesh, Role, Roles) ->
    Node = node_of(Mesh, Role),
    Others = lists:sort([node_of(Mesh, R) || R <- Roles, R =/= Role]),
    ?ON(control(Mesh), settled(Node, Others)),
    ok.

%% Waits until the two are not in one part, and each part is whole, connected to no other; the parts. Of two that have lost each
%% other the others leave both, or only the one whose loss was told first: that one is then nobody's whom it could tell.
parted(Mesh, Roles, {A, B}) ->
    Nodes = [node_of(Mesh, R) || R <- Roles],
    {NodeA, NodeB} = {node_of(Mesh, A), node_of(Mesh, B)},
    Parts = ?ON(control(Mesh), target:wait(fun() ->
        Seen = [{N, seen_from(N)} || N <- Nodes],
        Parts = lists:usort([lists:sort([N | Others]) || {N, {Others, _}} <- Seen]),
        Whole = lists:sort(lists:append(Parts)) =:= lists:sort(Nodes)
            andalso lists:all(fun({_, {Others, Synced}}) -> Others =:= Synced end, Seen),
        Together = [P || P <- Parts, lists:member(NodeA, P), lists:member(NodeB, P)],
        case Whole andalso Together =:= [] of
            true -> {true, Parts};
            false -> Seen
        end
    end)),
    [[role_of(Mesh, N) || N <- P] || P <- Parts].

%% true, if they are whole within this time, or who sees what instead: {Node, {nodes(), synced}}.
looks_whole(Mesh, Roles, Timeout) ->
    Nodes = lists:sort([node_of(Mesh, R) || R <- Roles]),
    try ?ON(control(Mesh), target:wait(fun() ->
        case [{N, Seen} || N <- Nodes, Seen <- [seen_from(N)], Seen =/= {lists:delete(N, Nodes), lists:delete(N, Nodes)}] of
            [] -> true;
            Else -> Else
        end
    end, Timeout))
    catch error:{never_became_true, Else} -> Else end.

settled(Node, Others) ->
    try
        target:wait(fun() ->
            case seen_from(Node) of
                {Others, Others} -> true;
                Else -> Else
            end
        end)
    catch error:{never_became_true, Else} -> error({not_whole, Node, expected, Others, nodes_and_synced, Else})
    end.

seen_from(Node) ->
    {lists:sort(erpc:call(Node, erlang, nodes, [], ?PATIENCE)),
     lists:sort(gen_server:call({global_name_server, Node}, get_synced, ?PATIENCE))}.

%% Neither side is connected to the other.
apart(Mesh, As, Bs) ->
    Pairs = [{node_of(Mesh, X), node_of(Mesh, Y)} || A <- As, B <- Bs, {X, Y} <- [{A, B}, {B, A}]],
    ?ON(control(Mesh), [target:wait(fun() ->
        {Nodes, Synced} = seen_from(X),
        not lists:member(Y, Nodes ++ Synced)
    end) || {X, Y} <- Pairs]),
    ok.

healthy(Mesh, Roles) ->
    whole(Mesh, Roles),
    Nodes = [node_of(Mesh, R) || R <- Roles],
    Beams = [N || R <- Roles, #{kind := beam, node := N} <- [target_of(Mesh, R)]],
    ?ON(control(Mesh), begin
        [begin
             {Ms, ok} = target:ms(fun() -> gen_server:call({subject, N}, global_sync, ?PATIENCE) end),
             ?assert(Ms < ?AT_ONCE, {sync, N, Ms})
         end || N <- Nodes],
        %% in the moment after an exchange its lock may not be deleted everywhere
        [target:wait(fun() -> erpc:call(B, ?MODULE, probe_lock, [Nodes], ?PATIENCE) end) || B <- Beams]
    end),
    names(Mesh, Roles).

%% Whether the lock of global can be had on all of these nodes at the first try.
probe_lock(Nodes) ->
    Id = {global, self()},
    global:set_lock(Id, Nodes, 0) andalso global:del_lock(Id, Nodes).

%% What is registered, the same on each node; waits until it is.
names(Mesh, Roles) -> names(Mesh, Roles, ?PATIENCE).
names(Mesh, Roles, Timeout) ->
    Nodes = [node_of(Mesh, R) || R <- Roles],
    ?ON(control(Mesh), target:wait(fun() ->
        Tables = [{N, table(N)} || N <- Nodes],
        case lists:usort([T || {_, T} <- Tables]) of
            [Table] -> {true, Table};
            _ -> {names_differ, Tables}
        end
    end, Timeout)).

%% Seen of OTP 25 and 27: two BEAM nodes that meet, as when a link was lost, dial each other at once, one attempt fails, and the one
%% forgets the names that the other holds. Whether nothing else differs in what names/2 found.
beams_forgot_beams(Mesh, Tables) ->
    All = lists:usort(lists:append([T || {_, T} <- Tables])),
    Beams = [N || R <- roles(Mesh), #{kind := beam, node := N} <- [target_of(Mesh, R)]],
    lists:all(fun({N, T}) ->
        lists:all(fun({_, P}) -> lists:member(N, Beams) andalso lists:member(node(P), Beams -- [N]) end, All -- T)
    end, Tables).

%% Whether in what looks_whole/3 found two BEAM nodes are not in sync, one way at least. While they wait for each other one of them may hold
%% the lock of global, and then nobody joins anybody.
beams_not_in_sync(Mesh, Seen) ->
    Beams = [N || R <- roles(Mesh), #{kind := beam, node := N} <- [target_of(Mesh, R)]],
    lists:any(fun({N, {_, Synced}}) -> lists:member(N, Beams) andalso (Beams -- [N]) -- Synced =/= [] end, Seen).

%% Whether every name that is missing in what names/2 found was lost where BEAM nodes lose it among themselves (docs/decisions.md):
%%
%%   - a BEAM node lacks it, of another BEAM: as above; and from OTP 28 on what is left of the news of a node that has gone is taken
%%     as to its nodes, and not as to its names
%%   - who lacks it was told of its owner by a BEAM node, which had it already when it joined with another one, and so did not say it
%%   - who lacks it was told of its owner by one that lacks it, too, for one of these reasons
lost_between_beams(Mesh, Tables) ->
    All = lists:usort(lists:append([T || {_, T} <- Tables])),
    Told = lists:reverse(wires:told(wires(Mesh))),
    Missing = [{N, Name, node(P)} || {N, T} <- Tables, {Name, P} <- All -- T],
    lists:all(fun({N, Name, Owner}) -> is_lost_between_beams(Mesh, N, Name, Owner, Missing, Told) end, Missing).

is_lost_between_beams(Mesh, N, Name, Owner, Missing, Told) ->
    Beams = [Node || R <- roles(Mesh), #{kind := beam, node := Node} <- [target_of(Mesh, R)]],
    IsBeam = fun(Node) -> lists:member(Node, Beams) end,
    ByOne = fun(Node) ->
        lists:member({Node, Name, Owner}, Missing)
            andalso is_lost_between_beams(Mesh, Node, Name, Owner, lists:delete({N, Name, Owner}, Missing), Told)
    end,
    (IsBeam(N) andalso IsBeam(Owner)) orelse
        case first_told(Mesh, N, Owner, Told) of
            {resolved, Teller} -> ByOne(Teller);
            {new_nodes, Teller, Peer, Names} ->
                case lists:member(Name, Names) of
                    true -> false;
                    false -> (IsBeam(Teller) andalso IsBeam(Peer)) orelse ByOne(Teller) orelse ByOne(Peer)
                end;
            nobody -> false
        end.

%% The first of these messages by which the node heard of the other one.
first_told(_, _, _, []) -> nobody;
first_told(Mesh, N, Owner, [Said | Rest]) ->
    Name = fun(Node) -> hd(string:split(atom_to_list(Node), "@")) end,
    To = Name(N),
    Node = fun(From) -> hd([A || R <- roles(Mesh), A <- [node_of(Mesh, R)], Name(A) =:= From]) end,
    case Said of
        {From, To, resolved, Nodes} ->
            case lists:member(Owner, Nodes) of
                true -> {resolved, Node(From)};
                false -> first_told(Mesh, N, Owner, Rest)
            end;
        {From, To, new_nodes, Peer, Names, Nodes} ->
            case lists:member(Owner, Nodes) of
                true -> {new_nodes, Node(From), Peer, Names};
                false -> first_told(Mesh, N, Owner, Rest)
            end;
        _ -> first_told(Mesh, N, Owner, Rest)
    end.

table(Node) ->
    lists:sort([{Name, gen_server:call({subject, Node}, {global_whereis, Name})}
                || Name <- gen_server:call({subject, Node}, global_names)]).

wait_connected(Mesh, Role, Node) ->
    N = node_of(Mesh, Role),
    ?ON(control(Mesh), target:wait(fun() -> lists:member(Node, erpc:call(N, erlang, nodes, [])) end)).

%% Waits until none of them sees that node, which may not answer, and the control node does not either.
lost(Mesh, Roles, Role) ->
    Gone = node_of(Mesh, Role),
    Nodes = [node_of(Mesh, R) || R <- Roles],
    ?ON(control(Mesh), [target:wait(fun() ->
        {Seen, Synced} = seen_from(N),
        not lists:member(Gone, Seen ++ Synced)
    end) || N <- Nodes]),
    ?ON(control(Mesh), given:not_connected(Gone)).

%% As somebody who wants the mesh back: A dials B; then whoever is not connected dials, until all is well, or for a while.
rejoin(Mesh, Roles, {A, B}) ->
    _ = connect(Mesh, A, B),
    redial(Mesh, Roles, 1500, 3).

redial(Mesh, Roles, Patience, Times) ->
    case looks_whole(Mesh, Roles, Patience) of
        true -> true;
        Not when Times =:= 0 -> Not;
        _ ->
            [connect(Mesh, X, Y) || X <- Roles, Y <- Roles, X < Y],
            redial(Mesh, Roles, 3000, Times - 1)
    end.

%% Waits until each node resolves the name to this pid (or undefined).
agreed(Mesh, Name, Pid) -> agreed(Mesh, roles(Mesh), Name, Pid).
agreed(Mesh, Roles, Name, Pid) ->
    Nodes = [node_of(Mesh, R) || R <- Roles],
    ?ON(control(Mesh), [target:wait(fun() ->
        case gen_server:call({subject, N}, {global_whereis, Name}) of
            Pid -> true;
            Other -> {N, Name, Other}
        end
    end) || N <- Nodes]),
    ok.

%% Waits until the process is gone.
gone(Mesh, Pid) -> ?ON(control(Mesh), given:gone(Pid)).
