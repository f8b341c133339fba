-module(unicode).
-export([characters_to_binary/1, characters_to_binary/2, characters_to_binary/3, characters_to_list/1, characters_to_list/2]).
characters_to_binary(C) -> characters_to_binary(C, unicode, unicode).
characters_to_binary(C, In) -> characters_to_binary(C, In, unicode).
characters_to_binary(C, In, Out) ->
    known(In) andalso known(Out) orelse '$eval':fail_as(undef, unicode, characters_to_binary, [C, In, Out]),
    try decoded(C, In) of
        {Why, Good, Rest} -> {Why, encoded(Good, Out), Rest};
        Good when is_binary(Good) -> encoded(Good, Out)
    catch throw:no_chardata -> '$eval':fail_as(badarg, unicode, characters_to_binary, [C, In, Out])
    end.
characters_to_list(C) -> characters_to_list(C, unicode).
characters_to_list(C, In) ->
    known(In) orelse '$eval':fail_as(undef, unicode, characters_to_list, [C, In]),
    try decoded(C, In) of
        {Why, Good, Rest} -> {Why, '$eval':utf8_to_list(Good), Rest};
        Good -> '$eval':utf8_to_list(Good)
    catch throw:no_chardata -> '$eval':fail_as(badarg, unicode, characters_to_list, [C, In])
    end.
%% UTF-16 and UTF-32 are not here.
known(E) -> E =:= utf8 orelse E =:= unicode orelse E =:= latin1.
encoded(B, latin1) ->
    case lists:splitwith(fun(C) -> C < 256 end, '$eval':utf8_to_list(B)) of
        {L, []} -> list_to_binary(L);
        {L, Rest} -> {error, list_to_binary(L), << <<C/utf8>> || C <- Rest >>}
    end;
encoded(B, _) -> B.
%% As UTF-8; or what there is in front of what is wrong, and the rest as it was given.
decoded(C, latin1) when is_binary(C); is_list(C) -> << <<X/utf8>> || <<X>> <= iolist_to_binary(C) >>;
decoded(C, _) when is_binary(C); is_list(C) ->
    case '$eval':chardata_to_binary(C) of
        false -> up_to(C, []);
        B -> B
    end;
decoded(_, _) -> throw(no_chardata).
up_to(<<>>, Acc) -> Acc;
up_to(<<C/utf8, R/binary>>, Acc) -> up_to(R, [<<C/utf8>> | Acc]);
up_to(B, Acc) when is_binary(B) -> {case unfinished(B) of true -> incomplete; false -> error end, front(Acc), B};
up_to([H | T], Acc) when is_integer(H) ->
    case H >= 0 andalso '$eval':chardata_to_binary([H]) of
        false -> {error, front(Acc), [H | T]};
        B -> up_to(T, [B | Acc])
    end;
up_to([H | T], Acc) when is_binary(H); is_list(H) ->
    case up_to(H, Acc) of
        {Why, Good, Rest} -> {Why, Good, [Rest | T]};
        More -> up_to(T, More)
    end;
up_to([], Acc) -> Acc;
up_to(_, _) -> throw(no_chardata).
front(Acc) -> iolist_to_binary(lists:reverse(Acc)).
%% The beginning of one character and nothing else.
unfinished(<<B>>) -> B >= 16#c2 andalso B =< 16#f4;
unfinished(<<B, C>>) -> B >= 16#e0 andalso B =< 16#f4 andalso C >= 16#80 andalso C < 16#c0;
unfinished(<<B, C, D>>) -> B >= 16#f0 andalso B =< 16#f4 andalso C >= 16#80 andalso C < 16#c0 andalso D >= 16#80 andalso D < 16#c0;
unfinished(_) -> false.
