-module(binary).
-export([bin_to_list/3, copy/1, first/1, last/1, list_to_bin/1, match/2, matches/2, replace/3, replace/4, split/2, split/3]).
bin_to_list(B, At, N) -> binary_to_list(binary_part(B, At, N)).
copy(B) -> binary:copy(B, 1).
first(B) -> binary:at(B, 0).
last(B) -> binary:at(B, byte_size(B) - 1).
list_to_bin(L) -> erlang:list_to_binary(L).

%% The first place of any of the patterns, the longest of those that begin there.
find(B, P, From) when is_binary(P) ->
    case '$eval':find_bytes(B, P, From) of -1 -> nomatch; At -> {At, byte_size(P)} end;
find(B, Ps, From) when is_list(Ps), Ps =/= [] ->
    lists:foldl(fun(P, Best) ->
                        case {find(B, P, From), Best} of
                            {nomatch, _} -> Best;
                            {Found, nomatch} -> Found;
                            {{At, Size}, {At0, Size0}} when At < At0; At =:= At0, Size > Size0 -> {At, Size};
                            _ -> Best
                        end
                end, nomatch, Ps).
match(B, P) -> find(needle(B, P, match, [B, P]), P, 0).
matches(B, P) -> matches(needle(B, P, matches, [B, P]), P, 0).
needle(B, P, F, A) ->
    Is = fun(X) -> is_binary(X) andalso X =/= <<>> end,
    case is_binary(B) andalso (Is(P) orelse (is_list(P) andalso P =/= [] andalso lists:all(Is, P))) of
        true -> B;
        false -> '$eval':fail_as(badarg, binary, F, A)
    end.
matches(B, P, From) ->
    case find(B, P, From) of
        nomatch -> [];
        {At, Size} -> [{At, Size} | matches(B, P, At + Size)]
    end.
split(B, P) -> split(B, P, []).
split(B, P, Options) ->
    Parts = parts(needle(B, P, split, [B, P, Options]), P, 0, lists:member(global, Options)),
    case {lists:member(trim_all, Options), lists:member(trim, Options)} of
        {true, _} -> [X || X <- Parts, X =/= <<>>];
        {_, true} -> lists:reverse(lists:dropwhile(fun(X) -> X =:= <<>> end, lists:reverse(Parts)));
        _ -> Parts
    end.
parts(B, P, From, All) ->
    case find(B, P, From) of
        nomatch -> [rest(B, From)];
        {At, Size} when All -> all_parts(B, P, {At, Size}, From, []);
        {At, Size} -> [binary_part(B, From, At - From), rest(B, At + Size)]
    end.
all_parts(B, _, nomatch, From, Acc) -> lists:reverse(Acc, [rest(B, From)]);
all_parts(B, P, {At, Size}, From, Acc) -> all_parts(B, P, find(B, P, At + Size), At + Size, [binary_part(B, From, At - From) | Acc]).
rest(B, From) -> binary_part(B, From, byte_size(B) - From).
replace(B, P, New) -> replace(B, P, New, []).
replace(B, P, New, Options) ->
    Options -- [global] =:= [] orelse '$eval':fail_as(undef, binary, replace, [B, P, New, Options]),
    needle(B, P, replace, [B, P, New, Options]),
    iolist_to_binary(lists:join(New, parts(B, P, 0, lists:member(global, Options)))).
