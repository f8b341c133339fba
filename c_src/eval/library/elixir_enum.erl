%% Enumerables are lists, maps, ranges and MapSets.
-module('Elixir.Enum').
-export([to_list/1, map/2, each/2, reduce/2, reduce/3, filter/2, reject/2, sum/1, product/1, count/1, count/2, join/1, join/2, map_join/2, map_join/3,
         at/2, at/3, fetch/2, 'fetch!'/2, 'all?'/1, 'all?'/2, 'any?'/1, 'any?'/2, 'empty?'/1, 'member?'/2, '__in__'/2, find/2, find/3, find_index/2, find_value/2, find_value/3,
         first/1, take/2, drop/2, take_while/2, drop_while/2, split/2, split_with/2, split_while/2, slice/2, slice/3, reverse/1, reverse/2, sort/1, sort/2, sort_by/2, sort_by/3,
         max/1, max/2, max/3, min/1, min/2, min/3, max_by/2, max_by/3, max_by/4, min_by/2, min_by/3, min_by/4, min_max/1, uniq/1, uniq_by/2, dedup/1, zip/1, zip/2, zip_with/3, unzip/1, with_index/1, with_index/2,
         group_by/2, group_by/3, frequencies/1, frequencies_by/2, flat_map/2, concat/1, concat/2, chunk_every/2, chunk_every/3, chunk_every/4, chunk_by/2, into/2, into/3,
         map_reduce/3, scan/2, scan/3, intersperse/2, random/1, shuffle/1, take_every/2, map_every/3, reduce_while/3, take_random/2]).

to_list(L) when is_list(L) -> L;
to_list(#{'__struct__' := 'Elixir.Range', first := A, last := B, step := S}) -> range(A, B, S);
to_list(#{'__struct__' := 'Elixir.MapSet', map := M}) -> maps:keys(M);
to_list(#{'__struct__' := _} = X) -> '$elixir':no_protocol('Elixir.Enumerable', X);
to_list(M) when is_map(M) -> maps:to_list(M);
to_list(X) -> '$elixir':no_protocol('Elixir.Enumerable', X).
range(A, B, S) when S > 0, A =< B; S < 0, A >= B -> lists:seq(A, B, S);
range(_, _, _) -> [].
true(false) -> false;
true(nil) -> false;
true(_) -> true.

map(E, F) -> [F(X) || X <- to_list(E)].
each(E, F) -> lists:foreach(F, to_list(E)).
reduce(E, F) ->
    case to_list(E) of
        [H | T] -> lists:foldl(F, H, T);
        [] -> error('$elixir':exception('Elixir.Enum.EmptyError', #{message => <<"empty error">>}))
    end.
reduce(#{'__struct__' := 'Elixir.Range', first := A, last := B, step := S}, Acc, F) -> reduce_range(A, B, S, Acc, F);
reduce(E, Acc, F) -> fold(to_list(E), Acc, F).
reduce_range(A, B, S, Acc, F) when S > 0, A =< B; S < 0, A >= B -> reduce_range(A + S, B, S, F(A, Acc), F);
reduce_range(_, _, _, Acc, _) -> Acc.
fold([H | T], Acc, F) -> fold(T, F(H, Acc), F);
fold([], Acc, _) -> Acc.
reduce_while(E, Acc, F) -> while(to_list(E), Acc, F).
while([H | T], Acc, F) ->
    case F(H, Acc) of
        {cont, New} -> while(T, New, F);
        {halt, New} -> New;
        {suspend, New} -> New
    end;
while([], Acc, _) -> Acc.
filter(E, F) -> [X || X <- to_list(E), true(F(X))].
reject(E, F) -> [X || X <- to_list(E), not true(F(X))].
sum(E) -> lists:foldl(fun(X, A) -> X + A end, 0, to_list(E)).
product(E) -> lists:foldl(fun(X, A) -> A * X end, 1, to_list(E)).
count(E) -> length(to_list(E)).
count(E, F) -> length(filter(E, F)).
join(E) -> join(E, <<>>).
join(E, Sep) -> map_join(E, Sep, fun(X) -> X end).
map_join(E, F) -> map_join(E, <<>>, F).
map_join(E, Sep, F) -> iolist_to_binary(lists:join(Sep, [text(F(X)) || X <- to_list(E)])).
text(X) -> 'Elixir.String.Chars':to_string(X).
at(E, I) -> at(E, I, nil).
at(E, I, D) -> case fetch(E, I) of {ok, V} -> V; error -> D end.
fetch(E, I) when is_integer(I) ->
    L = to_list(E),
    case I < 0 of
        true -> nth(lists:reverse(L), -I - 1);
        false -> nth(L, I)
    end.
nth([H | _], 0) -> {ok, H};
nth([_ | T], I) -> nth(T, I - 1);
nth([], _) -> error.
'fetch!'(E, I) ->
    case fetch(E, I) of
        {ok, V} -> V;
        error -> error('$elixir':exception('Elixir.Enum.OutOfBoundsError', #{message => <<"out of bounds error">>}))
    end.
first(E) -> at(E, 0).
'all?'(E) -> lists:all(fun true/1, to_list(E)).
'all?'(E, F) -> lists:all(fun(X) -> true(F(X)) end, to_list(E)).
'any?'(E) -> lists:any(fun true/1, to_list(E)).
'any?'(E, F) -> lists:any(fun(X) -> true(F(X)) end, to_list(E)).
'empty?'(E) -> to_list(E) =:= [].
%% what 1.20 compiles `in' to
'__in__'(X, E) -> 'member?'(E, X).
'member?'(E, X) -> lists:member(X, to_list(E)).
find(E, F) -> find(E, nil, F).
find(E, D, F) -> find_in(to_list(E), D, F).
find_in([H | T], D, F) -> case true(F(H)) of true -> H; false -> find_in(T, D, F) end;
find_in([], D, _) -> D.
find_index(E, F) -> index(to_list(E), 0, F).
index([H | T], I, F) -> case true(F(H)) of true -> I; false -> index(T, I + 1, F) end;
index([], _, _) -> nil.
find_value(E, F) -> find_value(E, nil, F).
find_value(E, D, F) -> value_in(to_list(E), D, F).
value_in([H | T], D, F) -> V = F(H), case true(V) of true -> V; false -> value_in(T, D, F) end;
value_in([], D, _) -> D.
take(E, N) when N >= 0 -> lists:sublist(to_list(E), N);
take(E, N) -> lists:reverse(lists:sublist(lists:reverse(to_list(E)), -N)).
drop(E, N) when N >= 0 -> skip(to_list(E), N);
drop(E, N) -> lists:reverse(skip(lists:reverse(to_list(E)), -N)).
skip([_ | T], N) when N > 0 -> skip(T, N - 1);
skip(L, _) -> L.
take_while(E, F) -> lists:takewhile(fun(X) -> true(F(X)) end, to_list(E)).
drop_while(E, F) -> lists:dropwhile(fun(X) -> true(F(X)) end, to_list(E)).
take_every(_, 0) -> [];
take_every(E, N) -> every(to_list(E), N).
every(L, N) -> every(L, N, []).
every([H | T], N, Acc) -> every(skip(T, N - 1), N, [H | Acc]);
every([], _, Acc) -> lists:reverse(Acc).
map_every(E, 0, _) -> to_list(E);
map_every(E, N, F) -> [case I rem N of 0 -> F(X); _ -> X end || {X, I} <- with_index(E)].
split(E, N) when N >= 0 -> L = to_list(E), {lists:sublist(L, N), skip(L, N)};
split(E, N) -> L = to_list(E), split(L, erlang:max(length(L) + N, 0)).
split_with(E, F) -> lists:partition(fun(X) -> true(F(X)) end, to_list(E)).
split_while(E, F) -> lists:splitwith(fun(X) -> true(F(X)) end, to_list(E)).
slice(E, #{'__struct__' := 'Elixir.Range', first := A, last := B, step := S}) when S > 0 -> slice_range(to_list(E), A, B, S);
%% what 1..-1 is
slice(E, #{'__struct__' := 'Elixir.Range', first := A, last := B, step := -1}) when A > B -> slice_range(to_list(E), A, B, 1);
slice(_, #{'__struct__' := 'Elixir.Range'} = R) ->
    '$elixir':argument_error(<<"Enum.slice/2 does not accept ranges with negative steps, got: ", ('$inspect':text(R, []))/binary>>).
slice_range(L, A, B, S) ->
    N = length(L),
    From = from_begin(A, N),
    To = case B < 0 of true -> B + N; false -> B end,
    case From >= N orelse To < From of
        true -> [];
        false -> every(lists:sublist(skip(L, From), To - From + 1), S)
    end.
from_begin(I, N) when I < 0 -> erlang:max(I + N, 0);
from_begin(I, _) -> I.
slice(E, A, N) when is_integer(A), is_integer(N), N >= 0 ->
    L = to_list(E),
    lists:sublist(skip(L, from_begin(A, length(L))), N).
reverse(E) -> lists:reverse(to_list(E)).
reverse(E, T) -> lists:reverse(to_list(E), to_list(T)).
sort(E) -> lists:sort(to_list(E)).
sort(E, asc) -> sort(E);
sort(E, desc) -> lists:sort(fun(A, B) -> A >= B end, to_list(E));
sort(E, By) -> F = sorter(By), lists:sort(fun(A, B) -> true(F(A, B)) end, to_list(E)).
%% A module says with compare/2 how its structs are sorted.
sorter(F) when is_function(F, 2) -> F;
sorter(asc) -> fun(A, B) -> A =< B end;
sorter(desc) -> fun(A, B) -> A >= B end;
sorter({asc, Module}) -> sorter(Module);
sorter({desc, Module}) when is_atom(Module) -> fun(A, B) -> Module:compare(A, B) =/= lt end;
sorter(Module) when is_atom(Module) -> fun(A, B) -> Module:compare(A, B) =/= gt end.
sort_by(E, F) -> sort_by(E, F, asc).
sort_by(E, F, By) ->
    C = sorter(By),
    [X || {X, _} <- lists:sort(fun({_, A}, {_, B}) -> true(C(A, B)) end, [{X, F(X)} || X <- to_list(E)])].
empty() -> error('$elixir':exception('Elixir.Enum.EmptyError', #{message => <<"empty error">>})).
max(E) -> max(E, fun erlang:'>='/2, fun empty/0).
max(E, F) when is_function(F, 0) -> max(E, fun erlang:'>='/2, F);
max(E, By) -> max(E, By, fun empty/0).
max(E, By, Empty) -> best(to_list(E), fun(X) -> X end, first_unless(By, lt), Empty).
min(E) -> min(E, fun erlang:'=<'/2, fun empty/0).
min(E, F) when is_function(F, 0) -> min(E, fun erlang:'=<'/2, F);
min(E, By) -> min(E, By, fun empty/0).
min(E, By, Empty) -> best(to_list(E), fun(X) -> X end, first_unless(By, gt), Empty).
%% Does the one that was there first stay?
first_unless(F, _) when is_function(F, 2) -> F;
first_unless(Module, Worse) when is_atom(Module) -> fun(A, B) -> Module:compare(A, B) =/= Worse end.
min_max(E) -> {min(E), max(E)}.
max_by(E, F) -> max_by(E, F, fun erlang:'>='/2, fun empty/0).
max_by(E, F, Empty) when is_function(Empty, 0) -> max_by(E, F, fun erlang:'>='/2, Empty);
max_by(E, F, By) -> max_by(E, F, By, fun empty/0).
max_by(E, F, By, Empty) -> best(to_list(E), F, first_unless(By, lt), Empty).
min_by(E, F) -> min_by(E, F, fun erlang:'=<'/2, fun empty/0).
min_by(E, F, Empty) when is_function(Empty, 0) -> min_by(E, F, fun erlang:'=<'/2, Empty);
min_by(E, F, By) -> min_by(E, F, By, fun empty/0).
min_by(E, F, By, Empty) -> best(to_list(E), F, first_unless(By, gt), Empty).
best([], _, _, Empty) -> Empty();
best([H | T], F, Stays, _) ->
    {Best, _} = lists:foldl(fun(X, {_, Key} = Acc) ->
                                    K = F(X),
                                    case true(Stays(Key, K)) of true -> Acc; false -> {X, K} end
                            end, {H, F(H)}, T),
    Best.
uniq(E) -> lists:uniq(to_list(E)).
uniq_by(E, F) -> uniq_by(to_list(E), F, #{}, []).
uniq_by([H | T], F, Seen, Acc) ->
    K = F(H),
    case Seen of
        #{K := _} -> uniq_by(T, F, Seen, Acc);
        #{} -> uniq_by(T, F, Seen#{K => true}, [H | Acc])
    end;
uniq_by([], _, _, Acc) -> lists:reverse(Acc).
dedup(E) -> dedup(to_list(E), []).
dedup([A | T], [A | _] = Acc) -> dedup(T, Acc);
dedup([A | T], Acc) -> dedup(T, [A | Acc]);
dedup([], Acc) -> lists:reverse(Acc).
zip(Es) -> 'Elixir.List':zip([to_list(E) || E <- to_list(Es)]).
zip(A, B) -> zip_lists(to_list(A), to_list(B), []).
zip_with(A, B, F) -> [F(X, Y) || {X, Y} <- zip(A, B)].
zip_lists([A | As], [B | Bs], Acc) -> zip_lists(As, Bs, [{A, B} | Acc]);
zip_lists(_, _, Acc) -> lists:reverse(Acc).
unzip(E) -> lists:unzip(to_list(E)).
with_index(E) -> with_index(E, 0).
with_index(E, F) when is_function(F, 2) -> [F(X, I) || {X, I} <- with_index(E, 0)];
with_index(E, I) when is_integer(I) -> number(to_list(E), I, []).
number([H | T], I, Acc) -> number(T, I + 1, [{H, I} | Acc]);
number([], _, Acc) -> lists:reverse(Acc).
group_by(E, F) -> group_by(E, F, fun(X) -> X end).
group_by(E, F, G) ->
    lists:foldl(fun(X, M) -> K = F(X), V = G(X), case M of #{K := L} -> M#{K := [V | L]}; #{} -> M#{K => [V]} end end, #{}, reverse(E)).
frequencies(E) -> frequencies_by(E, fun(X) -> X end).
frequencies_by(E, F) ->
    lists:foldl(fun(X, M) -> K = F(X), case M of #{K := N} -> M#{K := N + 1}; #{} -> M#{K => 1} end end, #{}, to_list(E)).
flat_map(E, F) -> [Y || X <- to_list(E), Y <- to_list(F(X))].
concat(E) -> [Y || X <- to_list(E), Y <- to_list(X)].
concat(A, B) -> to_list(A) ++ to_list(B).
chunk_every(E, N) -> chunk_every(E, N, N, []).
chunk_every(E, N, Step) -> chunk_every(E, N, Step, []).
chunk_every(E, N, Step, Rest) when N > 0, Step > 0 -> chunks(to_list(E), N, Step, Rest).
chunks([], _, _, _) -> [];
chunks(L, N, Step, Rest) ->
    C = lists:sublist(L, N),
    case length(C) of
        N -> case skip(L, Step) of
                 [] -> [C];
                 T when Step < N, length(T) =< N - Step -> [C | last_chunk(T, N, Step, Rest)];
                 T -> [C | chunks(T, N, Step, Rest)]
             end;
        _ when Rest =:= discard -> [];
        Have -> [C ++ lists:sublist(to_list(Rest), N - Have)]
    end.
last_chunk(_, _, _, discard) -> [];
last_chunk(T, N, Step, Rest) -> chunks(T, N, Step, Rest).
chunk_by(E, F) ->
    case to_list(E) of
        [] -> [];
        [H | T] -> by(T, F, F(H), [H])
    end.
by([H | T], F, K, Acc) ->
    case F(H) of
        K -> by(T, F, K, [H | Acc]);
        New -> [lists:reverse(Acc) | by(T, F, New, [H])]
    end;
by([], _, _, Acc) -> [lists:reverse(Acc)].
into(E, C) -> collect(to_list(E), C).
into(E, C, F) -> collect(map(E, F), C).
collect(L, C) when is_list(C) -> C ++ L;
collect(L, #{'__struct__' := 'Elixir.MapSet'} = S) -> lists:foldl(fun(X, A) -> 'Elixir.MapSet':put(A, X) end, S, L);
collect(L, M) when is_map(M) -> maps:merge(M, maps:from_list(L));
collect(L, B) when is_binary(B) -> iolist_to_binary([B | L]).
map_reduce(E, Acc, F) -> lists:mapfoldl(F, Acc, to_list(E)).
scan(E, F) -> case to_list(E) of [] -> []; [H | T] -> [H | scan(T, H, F)] end.
scan(E, Acc, F) -> {L, _} = lists:mapfoldl(fun(X, A) -> New = F(X, A), {New, New} end, Acc, to_list(E)), L.
intersperse(E, Sep) -> lists:join(Sep, to_list(E)).
random(E) -> case to_list(E) of [] -> empty(); L -> lists:nth(rand:uniform(length(L)), L) end.
shuffle(E) -> [X || {_, X} <- lists:keysort(1, [{rand:uniform(), X} || X <- to_list(E)])].
take_random(E, N) -> lists:sublist(shuffle(E), N).
