%% Lists. Each function as in the documentation of stdlib. What goes over a whole list does so in a comprehension or with an
%% accumulator: a call that waits for each element would make the list's length a matter of --eval-depth.
-module(lists).
-export([all/2, any/2, append/1, append/2, concat/1, delete/2, droplast/1, dropwhile/2, duplicate/2, enumerate/1,
         enumerate/2, filter/2, filtermap/2, flatlength/1, flatmap/2, flatten/1, flatten/2, foldl/3, foldr/3, foreach/2, join/2,
         keydelete/3, keymap/3, keyreplace/4, keysearch/3, keysort/2, keystore/4, keytake/3, last/1, map/2, mapfoldl/3, mapfoldr/3,
         max/1, merge/2, min/1, nth/2, nthtail/2, partition/2, prefix/2, search/2, seq/2, seq/3, sort/1, sort/2,
         split/2, splitwith/2, sublist/2, sublist/3, subtract/2, suffix/2, sum/1, takewhile/2, ukeysort/2, uniq/1, unzip/1, unzip3/1,
         usort/1, usort/2, zip/2, zip3/3, zipwith/3]).

all(P, [H | T]) -> case P(H) of true -> all(P, T); false -> false end;
all(P, []) when is_function(P, 1) -> true.

any(P, [H | T]) -> case P(H) of true -> true; false -> any(P, T) end;
any(P, []) when is_function(P, 1) -> false.

append(Ls) -> foldr(fun(L, Acc) -> L ++ Acc end, [], Ls).
append(A, B) -> A ++ B.

concat(L) -> flatmap(fun text/1, L).
text(X) when is_integer(X) -> integer_to_list(X);
text(X) when is_float(X) -> float_to_list(X);
text(X) when is_atom(X) -> atom_to_list(X);
text(X) when is_list(X) -> X.

delete(X, L) -> delete(X, L, []).
delete(X, [X | T], Acc) -> lists:reverse(Acc, T);
delete(X, [H | T], Acc) -> delete(X, T, [H | Acc]);
delete(_, [], Acc) -> lists:reverse(Acc).

droplast([_ | _] = L) -> lists:reverse(tl(lists:reverse(L))).

dropwhile(P, [H | T] = L) -> case P(H) of true -> dropwhile(P, T); false -> L end;
dropwhile(P, []) when is_function(P, 1) -> [].

duplicate(N, X) when is_integer(N), N >= 0 -> duplicate(N, X, []).
duplicate(0, _, Acc) -> Acc;
duplicate(N, X, Acc) -> duplicate(N - 1, X, [X | Acc]).

enumerate(L) -> enumerate(1, L).
enumerate(I, L) when is_integer(I) -> zip(seq(I, I + length(L) - 1), L).

filter(P, L) when is_function(P, 1) -> [X || X <- L, P(X)].

filtermap(F, L) when is_function(F, 1) -> filtermap(F, L, []).
filtermap(F, [H | T], Acc) ->
    case F(H) of
        true -> filtermap(F, T, [H | Acc]);
        {true, V} -> filtermap(F, T, [V | Acc]);
        false -> filtermap(F, T, Acc)
    end;
filtermap(_, [], Acc) -> lists:reverse(Acc).

flatlength(L) -> length(flatten(L)).

flatmap(F, L) when is_function(F, 1) -> [Y || X <- L, Y <- F(X)].

flatten(L) when is_list(L) -> flat(L, []).
flatten(L, T) when is_list(L), is_list(T) -> flat(L, T).
flat(L, Tail) -> lists:reverse(flat_onto(L, []), Tail).
flat_onto([H | T], Acc) when is_list(H) -> flat_onto(T, flat_onto(H, Acc));
flat_onto([H | T], Acc) -> flat_onto(T, [H | Acc]);
flat_onto([], Acc) -> Acc.

foldl(F, Acc, [H | T]) -> foldl(F, F(H, Acc), T);
foldl(F, Acc, []) when is_function(F, 2) -> Acc.

foldr(F, Acc, L) -> foldl(F, Acc, lists:reverse(L)).

foreach(F, [H | T]) -> F(H), foreach(F, T);
foreach(F, []) when is_function(F, 1) -> ok.

join(_, []) -> [];
join(Sep, [H | T]) -> [H | [Y || X <- T, Y <- [Sep, X]]].

keydelete(K, N, [H | T]) when element(N, H) == K -> T;
keydelete(K, N, [H | T]) -> [H | keydelete(K, N, T)];
keydelete(_, _, []) -> [].

keymap(F, N, L) -> [setelement(N, X, F(element(N, X))) || X <- L].

keyreplace(K, N, [H | T], New) when element(N, H) == K -> [New | T];
keyreplace(K, N, [H | T], New) -> [H | keyreplace(K, N, T, New)];
keyreplace(_, _, [], _) -> [].

keysearch(K, N, L) -> case keyfind(K, N, L) of false -> false; T -> {value, T} end.
keyfind(K, N, L) -> lists:keyfind(K, N, L).

keysort(N, L) -> sort(fun(A, B) -> element(N, A) =< element(N, B) end, L).

keystore(K, N, [H | T], New) when element(N, H) == K -> [New | T];
keystore(K, N, [H | T], New) -> [H | keystore(K, N, T, New)];
keystore(_, _, [], New) -> [New].

keytake(K, N, L) -> keytake(K, N, L, []).
keytake(K, N, [H | T], Acc) when element(N, H) == K -> {value, H, lists:reverse(Acc, T)};
keytake(K, N, [H | T], Acc) -> keytake(K, N, T, [H | Acc]);
keytake(_, _, [], _) -> false.

last([X]) -> X;
last([_ | T]) -> last(T).

map(F, L) when is_function(F, 1), is_list(L) -> [F(X) || X <- L].

mapfoldl(F, Acc, L) when is_function(F, 2) -> {Vs, Last} = map_and_fold(F, Acc, L, []), {lists:reverse(Vs), Last}.
mapfoldr(F, Acc, L) when is_function(F, 2) -> map_and_fold(F, Acc, lists:reverse(L), []).
map_and_fold(F, Acc, [H | T], Vs) -> {V, Next} = F(H, Acc), map_and_fold(F, Next, T, [V | Vs]);
map_and_fold(_, Acc, [], Vs) -> {Vs, Acc}.

max([H | T]) -> foldl(fun(X, M) when X > M -> X; (_, M) -> M end, H, T).
min([H | T]) -> foldl(fun(X, M) when X < M -> X; (_, M) -> M end, H, T).

merge(A, B) -> merge(fun(X, Y) -> X =< Y end, A, B, []).
merge(F, [A | As] = L, [B | Bs] = R, Acc) ->
    case F(A, B) of
        true -> merge(F, As, R, [A | Acc]);
        false -> merge(F, L, Bs, [B | Acc])
    end;
merge(_, [], R, Acc) -> lists:reverse(Acc, R);
merge(_, L, [], Acc) -> lists:reverse(Acc, L).

nth(1, [H | _]) -> H;
nth(N, [_ | T]) when N > 1 -> nth(N - 1, T).

nthtail(0, L) when is_list(L) -> L;
nthtail(N, [_ | T]) when N > 0 -> nthtail(N - 1, T).

partition(P, L) -> partition(P, L, [], []).
partition(P, [H | T], A, B) ->
    case P(H) of
        true -> partition(P, T, [H | A], B);
        false -> partition(P, T, A, [H | B])
    end;
partition(P, [], A, B) when is_function(P, 1) -> {lists:reverse(A), lists:reverse(B)}.

prefix([X | A], [X | B]) -> prefix(A, B);
prefix([], L) when is_list(L) -> true;
prefix([_ | _], L) when is_list(L) -> false.

search(P, [H | T]) -> case P(H) of true -> {value, H}; false -> search(P, T) end;
search(P, []) when is_function(P, 1) -> false.

seq(A, B) when is_integer(A), is_integer(B), A - 1 =< B -> seq_down(A, B, 1, []).
seq(A, B, S) when is_integer(A), is_integer(B), is_integer(S), S > 0, A - S =< B ->
    seq_down(A, A + (B - A + S) div S * S - S, S, []);
seq(A, B, S) when is_integer(A), is_integer(B), is_integer(S), S < 0, A - S >= B ->
    seq_down(A, A + (B - A + S) div S * S - S, S, []);
seq(A, A, 0) -> [A];
seq(A, B, S) -> error(badarg, [A, B, S]).
seq_down(A, B, S, Acc) when S > 0, B >= A; S < 0, B =< A -> seq_down(A, B - S, S, [B | Acc]);
seq_down(_, _, _, Acc) -> Acc.

sort(L) -> sort_runs(fun(A, B) -> A =< B end, L).
sort(F, L) when is_function(F, 2) -> sort_runs(F, L).
sort_runs(F, L) -> merge_all(F, runs(F, L)).
runs(F, [A, B | T]) ->
    case F(A, B) of
        true -> up(F, T, B, [A], []);
        false -> up(F, T, A, [B], [])
    end;
runs(_, []) -> [];
runs(_, [A]) -> [[A]].
up(F, [H | T], Last, Run, Runs) ->
    case F(Last, H) of
        true -> up(F, T, H, [Last | Run], Runs);
        false -> up(F, T, H, [], [lists:reverse(Run, [Last]) | Runs])
    end;
up(_, [], Last, Run, Runs) -> lists:reverse([lists:reverse(Run, [Last]) | Runs]).
merge_all(_, []) -> [];
merge_all(_, [L]) -> L;
merge_all(F, Ls) -> merge_all(F, merge_pairs(F, Ls, [])).
merge_pairs(F, [A, B | T], Acc) -> merge_pairs(F, T, [merge(F, A, B, []) | Acc]);
merge_pairs(_, L, Acc) -> lists:reverse(Acc, L).

usort(L) -> usort(fun(A, B) -> A =< B end, L).
usort(F, L) -> drop_equal(F, sort(F, L), []).
drop_equal(F, [A, B | T], Acc) -> case F(B, A) of true -> drop_equal(F, [A | T], Acc); false -> drop_equal(F, [B | T], [A | Acc]) end;
drop_equal(_, L, Acc) -> lists:reverse(Acc, L).
ukeysort(N, L) -> usort(fun(A, B) -> element(N, A) =< element(N, B) end, L).

uniq(L) -> uniq(L, #{}, []).
uniq([H | T], Seen, Acc) when is_map_key(H, Seen) -> uniq(T, Seen, Acc);
uniq([H | T], Seen, Acc) -> uniq(T, Seen#{H => true}, [H | Acc]);
uniq([], _, Acc) -> lists:reverse(Acc).

split(N, L) when is_integer(N), N >= 0, is_list(L) -> split(N, L, []).
split(0, L, Acc) -> {lists:reverse(Acc), L};
split(N, [H | T], Acc) -> split(N - 1, T, [H | Acc]);
split(_, [], _) -> error(badarg).

splitwith(P, L) -> splitwith(P, L, []).
splitwith(P, [H | T] = L, Acc) ->
    case P(H) of
        true -> splitwith(P, T, [H | Acc]);
        false -> {lists:reverse(Acc), L}
    end;
splitwith(P, [], Acc) when is_function(P, 1) -> {lists:reverse(Acc), []}.

sublist(L, N) when is_integer(N), N >= 0, is_list(L) -> sub(L, N).
sublist(L, 1, N) -> sublist(L, N);
sublist([], S, _) when is_integer(S), S > 1 -> [];
sublist([_ | T], S, N) when is_integer(S), S > 1 -> sublist(T, S - 1, N).
sub(L, N) -> sub(L, N, []).
sub([H | T], N, Acc) when N > 0 -> sub(T, N - 1, [H | Acc]);
sub(_, _, Acc) -> lists:reverse(Acc).

subtract(A, [H | T]) -> subtract(delete(H, A), T);
subtract(A, []) -> A.

suffix(S, L) -> D = length(L) - length(S), D >= 0 andalso nthtail(D, L) =:= S.

sum(L) -> foldl(fun(X, S) -> S + X end, 0, L).

takewhile(P, L) when is_function(P, 1) -> {Taken, _} = splitwith(P, L), Taken.

unzip(L) -> foldr(fun({A, B}, {As, Bs}) -> {[A | As], [B | Bs]} end, {[], []}, L).
unzip3(L) -> foldr(fun({A, B, C}, {As, Bs, Cs}) -> {[A | As], [B | Bs], [C | Cs]} end, {[], [], []}, L).
zip(A, B) -> zip_on(A, B, []).
zip_on([A | As], [B | Bs], Acc) -> zip_on(As, Bs, [{A, B} | Acc]);
zip_on([], [], Acc) -> lists:reverse(Acc).
zip3(A, B, C) -> [{X, Y, Z} || {X, {Y, Z}} <- zip(A, zip(B, C))].
zipwith(F, A, B) when is_function(F, 2) -> [F(X, Y) || {X, Y} <- zip(A, B)].
