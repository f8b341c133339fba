%% A replica of a Phoenix.Tracker, stated again from its protocol: who is present is a set of tagged values, a tag being the replica and its clock. One process for
%% each shard, over coordinator:phoenix/2. It is strict: it ends with an error on any message that the original would not send.
-module(tracker_replica).
-export([start/3, stop/1, track/5, update/5, untrack/4, list/2, tracked/1, replicas/1, diffs/1, hush/2]).

-define(STATE, 'Elixir.Phoenix.Tracker.State').
-define(SET, 'Elixir.MapSet').

%% Name: of the shard, T_shard0. Opts: period, silent, down, permdown (ms and ticks); pubsub.
start(PubSub, Name, Opts) ->
    Us = self(),
    Pid = spawn(fun() ->
        process_flag(trap_exit, true),
        true = register(Name, self()),
        Topic = <<"phx_presence:", (atom_to_binary(Name))/binary>>,
        ok = coordinator:subscribe(Topic),
        Ref = {node(), os:system_time(microsecond)},
        self() ! tick,
        Us ! {started, self()},
        loop(Opts#{ref => Ref, topic => Topic, pubsub => PubSub, ctx => #{Ref => 0}, clouds => #{}, values => #{}, replicas => #{},
                   new => #{}, from => 0, quiet => maps:get(silent, Opts), sample => 2, pending => #{}, diffs => [], hushed => false})
    end),
    receive {started, Pid} -> Pid after 30000 -> error(not_started) end.

%% A goodbye to the others.
stop(Name) -> ask(Name, stop).
track(Name, Pid, Topic, Key, Meta) -> ask(Name, {track, Pid, Topic, Key, Meta}).
update(Name, Pid, Topic, Key, Meta) -> ask(Name, {update, Pid, Topic, Key, Meta}).
untrack(Name, Pid, Topic, Key) -> ask(Name, {untrack, Pid, Topic, Key}).
list(Name, Topic) -> ask(Name, {list, Topic}).
tracked(Name) -> ask(Name, tracked).
replicas(Name) -> ask(Name, replicas).
%% [{join | leave, Topic, Key, Meta}] since the last time.
diffs(Name) -> ask(Name, diffs).
%% true: it neither hears nor speaks, as if the network were cut.
hush(Name, On) -> ask(Name, {hush, On}).

ask(Name, What) ->
    Ref = monitor(process, Name),
    Name ! {ask, self(), Ref, What},
    receive
        {Ref, Answer} -> demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, _, _, Why} -> error({replica, Why})
    after 30000 -> error(no_answer)
    end.

loop(S) ->
    receive
        {ask, Who, Ref, What} -> {Answer, S1} = answer(What, S), Who ! {Ref, Answer}, next(What, S1);
        tick -> erlang:send_after(maps:get(period, S), self(), tick), loop(tick(S));
        {'EXIT', Pid, _} -> loop(leave([V || {_, {P, _, _, _}} = V <- own(S), P =:= Pid], S));
        _ when map_get(hushed, S) -> loop(S);
        {pub, heartbeat, {N, _} = From, Delta, {From, Ctx}} when is_atom(N), is_map(Ctx) -> loop(heartbeat(From, Delta, Ctx, S));
        {pub, transfer_req, Req, {N, _} = From, {From, Ctx}} when is_reference(Req), is_map(Ctx) ->
            send(N, {pub, transfer_ack, Req, maps:get(ref, S), full(Ctx, S)}, S),
            loop(S);
        {pub, transfer_ack, Req, {_, _}, Set} when is_reference(Req) -> loop(merge(Set, S));
        {pub, graceful_permdown, {N, V}} ->
            loop(case S of #{replicas := #{N := {V, _, _}}} -> forget({N, V}, S); _ -> S end)
    end.

next(stop, _) -> ok;
next(_, S) -> loop(S).

answer({track, Pid, Topic, Key, Meta}, S) -> link(Pid), {ok, join({Pid, Topic, Key, Meta}, S)};
answer({update, Pid, Topic, Key, Meta}, S) -> {ok, join({Pid, Topic, Key, Meta}, leave(find(Pid, Topic, Key, S), S))};
answer({untrack, Pid, Topic, Key}, S) -> {ok, leave(find(Pid, Topic, Key, S), S)};
answer({list, Topic}, S) -> {lists:sort([{K, M} || {{R, _}, {_, T, K, M}} <- maps:to_list(maps:get(values, S)), T =:= Topic, is_up(R, S)]), S};
answer(tracked, S) -> {length([1 || {R, _} <- maps:keys(maps:get(values, S)), is_up(R, S)]), S};
answer(replicas, S) -> {lists:sort([{N, Status} || {N, {_, _, Status}} <- maps:to_list(maps:get(replicas, S))]), S};
answer(diffs, S) -> {lists:reverse(maps:get(diffs, S)), S#{diffs => []}};
answer({hush, On}, S) -> {ok, S#{hushed => On}};
answer(stop, S) -> broadcast({pub, graceful_permdown, maps:get(ref, S)}, S), {ok, S}.

find(Pid, Topic, Key, S) -> [V || {_, {P, T, K, _}} = V <- own(S), P =:= Pid, T =:= Topic, K =:= Key].
own(#{ref := Ref, values := Values}) -> [V || {{R, _}, _} = V <- maps:to_list(Values), R =:= Ref].

%% ---- the set

clock(#{ref := Ref, ctx := Ctx}) -> map_get(Ref, Ctx).

%% Every operation has the next clock, and its tag goes into the delta.
operate(#{ref := Ref, ctx := Ctx} = S) ->
    Tag = {Ref, clock(S) + 1},
    {Tag, note(Tag, S#{ctx := Ctx#{Ref := clock(S) + 1}})}.
note({R, _} = Tag, #{new := New} = S) -> S#{new := New#{R => (maps:get(R, New, #{}))#{Tag => []}}}.

join(Value, S) ->
    {Tag, #{values := Values} = S1} = operate(S),
    told(join, Value, S1#{values := Values#{Tag => Value}}).
leave(Gone, S) ->
    lists:foldl(fun({Tag, Value}, Acc) ->
        {_, #{values := Values} = Acc1} = operate(note(Tag, Acc)),
        told(leave, Value, Acc1#{values := maps:remove(Tag, Values)})
    end, S, Gone).

told(What, {_, Topic, Key, Meta}, #{diffs := Diffs} = S) -> S#{diffs := [{What, Topic, Key, Meta} | Diffs]}.

knows({R, Clock} = Tag, Ctx, Clouds) -> Clock =< maps:get(R, Ctx, -1) orelse is_map_key(Tag, maps:get(R, Clouds, #{})).

%% Everything of another that we know the replica of and not the tag; and all that it knows and has not any more is gone.
merge(Set, #{ref := Own, ctx := Ctx, clouds := Clouds, values := Values} = S) ->
    {TheirCtx, TheirClouds, TheirValues} = read(Set),
    Joined = [V || {{R, _} = Tag, _} = V <- maps:to_list(TheirValues), is_map_key(R, Ctx), not knows(Tag, Ctx, Clouds), not is_map_key(Tag, Values)],
    Left = [V || {{R, _} = Tag, _} = V <- maps:to_list(Values), R =/= Own, knows(Tag, TheirCtx, TheirClouds), not is_map_key(Tag, TheirValues)],
    S1 = lists:foldl(fun({Tag, V}, Acc) -> told(leave, V, note(Tag, Acc)) end, S, Left),
    S2 = lists:foldl(fun({_, V}, Acc) -> told(join, V, Acc) end, S1, Joined),
    Known = maps:without([Own], maps:with(maps:keys(Ctx), TheirClouds)),
    Union = maps:fold(fun(R, Tags, Acc) -> Acc#{R => maps:merge(maps:get(R, Acc, #{}), Tags)} end, Clouds, Known),
    Higher = maps:map(fun(R, C) -> case R of Own -> C; _ -> max(C, maps:get(R, TheirCtx, 0)) end end, Ctx),
    compact(S2#{ctx := Higher, clouds := Union, values := maps:merge(maps:without([T || {T, _} <- Left], Values), maps:from_list(Joined))}).

compact(#{ctx := Ctx, clouds := Clouds} = S) ->
    {Ctx1, Clouds1} = maps:fold(fun(R, Tags, {C, Acc}) ->
        Last = raise(R, map_get(R, C), Tags),
        {C#{R := Last}, Acc#{R => maps:filter(fun({_, N}, _) -> N > Last end, Tags)}}
    end, {Ctx, #{}}, maps:with(maps:keys(Ctx), Clouds)),
    S#{ctx := Ctx1, clouds := Clouds1}.
raise(R, Clock, Tags) ->
    case Tags of #{{R, Clock + 1} := _} -> raise(R, Clock + 1, Tags); _ -> Clock end.

%% ---- the wire, with nothing that is not to be there

read(#{'__struct__' := ?STATE, mode := delta, replica := {_, _}, context := Ctx, clouds := Clouds, values := Values, pids := nil, delta := unset,
       replicas := R, range := {From, To}} = Delta) when map_size(Delta) =:= 10, map_size(Ctx) =:= 0, map_size(R) =:= 0 ->
    [true = is_integer(C) || C <- maps:values(From) ++ maps:values(To)],
    {Ctx, sets(Clouds), values(Values)};
read({#{'__struct__' := ?STATE, mode := normal, replica := {_, _}, context := Ctx, clouds := Clouds, values := nil, pids := nil, delta := unset,
        replicas := R, range := {_, _}} = State, Values}) when map_size(State) =:= 10 ->
    [true = lists:member(Status, [up, down]) || Status <- maps:values(R)],
    [true = is_integer(C) andalso C >= 0 || C <- maps:values(Ctx)],
    {Ctx, sets(Clouds), values(Values)}.

sets(Clouds) ->
    maps:map(fun(R, #{'__struct__' := ?SET, map := Tags}) ->
        maps:foreach(fun({Of, Clock}, []) when Of =:= R, Clock > 0 -> ok end, Tags),
        Tags
    end, Clouds).
values(Values) ->
    maps:map(fun({{N, V}, C}, {P, T, _, M} = Value)
                 when is_atom(N), is_integer(V), C > 0, is_pid(P), is_binary(T) orelse is_tuple(T), is_binary(map_get(phx_ref, M)) -> Value
             end, Values).

set(Tags) -> #{'__struct__' => ?SET, map => Tags, version => 2}.
state(Ref, Mode, Ctx, Clouds, Values, Replicas, Range) ->
    #{'__struct__' => ?STATE, replica => Ref, mode => Mode, context => Ctx, clouds => maps:map(fun(_, T) -> set(T) end, Clouds), values => Values,
      replicas => Replicas, range => Range, pids => nil, delta => unset}.

delta(#{ref := Ref, new := New, values := Values, from := From} = S) ->
    Mine = maps:filter(fun({R, C}, _) -> R =:= Ref andalso C > From end, Values),
    state(Ref, delta, #{}, New, Mine, #{}, {#{Ref => From}, #{Ref => clock(S)}}).

full(Theirs, #{ref := Ref, ctx := Ctx, clouds := Clouds, values := Values, replicas := Replicas}) ->
    Wanted = maps:keys(Theirs),
    Statuses = maps:from_list([{{N, V}, Status} || {N, {V, _, Status}} <- maps:to_list(Replicas)]),
    {state(Ref, normal, maps:with(Wanted, Ctx), maps:with(Wanted, Clouds), nil, Statuses#{Ref => up}, {#{}, #{}}),
     maps:filter(fun({R, _}, _) -> lists:member(R, Wanted) end, Values)}.

%% ---- the others

tick(#{quiet := Quiet, silent := Silent, ref := Ref, new := New} = S) ->
    S1 = if
        map_size(New) > 0 ->
            broadcast({pub, heartbeat, Ref, delta(S), clocks(S)}, S),
            S#{new := #{}, from := clock(S), quiet := 0};
        Quiet >= Silent ->
            broadcast({pub, heartbeat, Ref, empty, clocks(S)}, S),
            S#{quiet := 0};
        true -> S#{quiet := Quiet + 1}
    end,
    downs(sample(S1)).

sample(#{sample := 1, pending := Pending, ref := Ref, ctx := Ctx} = S) ->
    [send(N, {pub, transfer_req, make_ref(), Ref, clocks(S)}, S)
     || {{N, _}, Theirs} <- maps:to_list(Pending), lists:any(fun({R, C}) -> C > maps:get(R, Ctx, C) end, maps:to_list(Theirs))],
    S#{sample := 2, pending := #{}};
sample(#{sample := N} = S) -> S#{sample := N - 1}.

downs(#{replicas := Replicas, down := Down, permdown := Permdown} = S) ->
    Now = now_ms(),
    maps:fold(fun
        (N, {V, Last, _}, Acc) when Now - Last > Permdown -> forget({N, V}, Acc);
        (N, {V, Last, up}, #{replicas := Rs} = Acc) when Now - Last > Down -> shown(leave, {N, V}, Acc#{replicas := Rs#{N := {V, Last, down}}});
        (_, _, Acc) -> Acc
    end, S, Replicas).

heartbeat({N, V} = From, Delta, Ctx, #{replicas := Replicas} = S) ->
    S1 = case Replicas of
        #{N := {V, _, up}} -> S;
        #{N := {V, _, down}} -> up(From, S);
        #{N := {Old, _, _}} -> up(From, forget({N, Old}, S));
        #{} -> up(From, S)
    end,
    #{replicas := Seen, pending := Pending} = S1,
    S2 = S1#{replicas := Seen#{N => {V, now_ms(), up}}, pending := Pending#{From => Ctx}},
    case Delta of empty -> S2; _ -> merge(Delta, S2) end.

up({N, V} = Ref, #{ctx := Ctx, replicas := Replicas} = S) ->
    shown(join, Ref, S#{ctx := maps:merge(#{Ref => 0}, Ctx), replicas := Replicas#{N => {V, now_ms(), up}}}).

forget({N, _} = Ref, #{replicas := Replicas, ctx := Ctx, clouds := Clouds, values := Values, new := New} = S) ->
    S1 = case Replicas of #{N := {_, _, up}} -> shown(leave, Ref, S); _ -> S end,
    S1#{replicas := maps:remove(N, Replicas), ctx := maps:remove(Ref, Ctx), clouds := maps:remove(Ref, Clouds), new := maps:remove(Ref, New),
        values := maps:filter(fun({R, _}, _) -> R =/= Ref end, Values)}.

shown(What, Ref, #{values := Values} = S) ->
    lists:foldl(fun({_, V}, Acc) -> told(What, V, Acc) end, S, [T || {{R, _}, _} = T <- maps:to_list(Values), R =:= Ref]).

is_up(Ref, #{ref := Ref}) -> true;
is_up({N, V}, #{replicas := Replicas}) -> case Replicas of #{N := {V, _, up}} -> true; _ -> false end.

clocks(#{ref := Ref, ctx := Ctx} = S) -> {Ref, maps:filter(fun(R, _) -> is_up(R, S) end, Ctx)}.

now_ms() -> erlang:monotonic_time(millisecond).

broadcast(_, #{hushed := true}) -> ok;
broadcast(Message, #{topic := Topic, pubsub := PubSub}) ->
    [P ! {forward_to_local, Topic, Message, 'Elixir.Phoenix.PubSub'} || P <- pg:get_members('Elixir.Phoenix.PubSub', adapter(PubSub)), node(P) =/= node()],
    ok.
send(_, _, #{hushed := true}) -> ok;
send(Node, Message, #{topic := Topic, pubsub := PubSub}) ->
    {adapter(PubSub), Node} ! {forward_to_local, Topic, Message, 'Elixir.Phoenix.PubSub'},
    ok.
adapter(PubSub) -> list_to_atom(atom_to_list(PubSub) ++ ".Adapter").
