%% Elixir's inspect: a document of texts, breaks and groups, laid out in a width. lib/elixir/lib/inspect{,/algebra}.ex say what
%% it looks like. A document is a binary, a list of documents, {nest, N, Doc}, {group, Doc}, or a break {break, Text, strict | flex}.
-module('$inspect').
-export([text/2, printable/1]).

-define(LIMIT, 50).

text(X, Options) ->
    Limit = case lists:keyfind(limit, 1, Options) of
                {_, infinity} -> 1 bsl 50;
                {_, N} when is_integer(N) -> N;
                _ -> ?LIMIT
            end,
    Width = case {lists:keyfind(pretty, 1, Options), lists:keyfind(width, 1, Options)} of
                {{_, true}, {_, W}} when is_integer(W) -> W;
                {{_, true}, _} -> 80;
                _ -> infinity
            end,
    Charlists = case lists:keyfind(charlists, 1, Options) of {_, C} -> C; false -> infer end,
    Characters = case lists:keyfind(printable_limit, 1, Options) of
                     {_, infinity} -> 1 bsl 50;
                     {_, C1} when is_integer(C1) -> C1;
                     _ -> Limit * 100
                 end,
    {Doc, _} = doc(X, {Limit, Characters, Charlists}),
    iolist_to_binary(lay(Width, 0, [{0, flat_or_break, {group, Doc}}])).

%% ---- documents: doc(Term, {ItemsLeft, CharactersLeft, Charlists}) ----

doc(X, O) when is_atom(X); is_integer(X); is_float(X); is_pid(X); is_reference(X); is_port(X) -> {leaf(X), O};
doc(X, O) when is_binary(X) -> {string(X, O), O};
doc(X, O) when is_bitstring(X) -> {leaf(X), O};
doc([], O) -> {<<"[]">>, O};
doc(X, {_, _, Charlists} = O) when is_list(X) ->
    case Charlists =/= as_lists andalso is_charlist(X) of
        true -> {charlist(X), O};
        false ->
            case keyword(X) of
                true -> container(<<"[">>, X, <<"]">>, fun keyword_pair/2, O, strict);
                false -> container(<<"[">>, X, <<"]">>, fun doc/2, O, maybe_flex)
            end
    end;
doc(X, O) when is_tuple(X) -> container(<<"{">>, tuple_to_list(X), <<"}">>, fun doc/2, O, flex);
doc(X, O) when is_function(X) -> {function(X), O};
doc(#{'__struct__' := 'Elixir.Range', first := A, last := B, step := S}, O) when is_integer(A), is_integer(B), is_integer(S) ->
    Step = case S of
               1 when A =< B -> [];
               _ -> [<<"//">>, leaf(S)]
           end,
    {[leaf(A), <<"..">>, leaf(B) | Step], O};
doc(#{'__struct__' := 'Elixir.MapSet', map := M}, O) -> container(<<"MapSet.new([">>, maps:keys(M), <<"])">>, fun doc/2, O, maybe_flex);
doc(#{'__struct__' := 'Elixir.DateTime'} = X, O) -> {sigil(<<"~U[">>, X), O};
doc(#{'__struct__' := 'Elixir.NaiveDateTime'} = X, O) -> {sigil(<<"~N[">>, X), O};
doc(#{'__struct__' := 'Elixir.Date'} = X, O) -> {sigil(<<"~D[">>, X), O};
doc(#{'__struct__' := 'Elixir.Time'} = X, O) -> {sigil(<<"~T[">>, X), O};
%% Structs whose modules are not here are maps, as on a BEAM.
doc(#{'__struct__' := S, '__exception__' := true} = X, O) when is_atom(S) ->
    Name = leaf(S),
    map(<<"%", Name/binary, "{">>, maps:to_list(maps:remove('__struct__', maps:remove('__exception__', X))), O);
doc(X, O) when is_map(X) -> map(<<"%{">>, maps:to_list(X), O);
doc(X, O) -> {leaf(X), O}.

map(Open, Pairs, O) ->
    case keyword(Pairs) of
        true -> container(Open, Pairs, <<"}">>, fun keyword_pair/2, O, strict);
        false -> container(Open, Pairs, <<"}">>, fun map_pair/2, O, strict)
    end.

sigil(Open, X) -> <<Open/binary, ('$calendar':text(X))/binary, "]">>.
leaf(X) -> '$eval':print(X, elixir).

keyword([{K, _} | T]) when is_atom(K) -> not is_alias(K) andalso (T =:= [] orelse keyword(T));
keyword(_) -> false.
is_alias(K) -> case atom_to_binary(K) of <<"Elixir.", C, _/binary>> when C >= $A, C =< $Z -> true; _ -> false end.

keyword_pair({K, V}, O0) ->
    {D, O} = doc(V, O0),
    {[key(K), <<" ">>, D], O}.
key(K) ->
    case leaf([{K, 0}]) of
        <<"[", Rest/binary>> -> binary_part(Rest, 0, byte_size(Rest) - 3);
        Other -> Other
    end.
map_pair({K, V}, O0) ->
    {KD, O1} = doc(K, O0),
    {VD, O} = doc(V, O1),
    {[KD, <<" => ">>, VD], O}.

function(X) ->
    case erlang:fun_info(X, type) of
        {type, external} ->
            {module, M} = erlang:fun_info(X, module),
            {name, F} = erlang:fun_info(X, name),
            {arity, A} = erlang:fun_info(X, arity),
            Name = case leaf(F) of <<":", N/binary>> -> N; N -> N end,
            iolist_to_binary([<<"&">>, leaf(M), <<".">>, Name, <<"/">>, integer_to_binary(A)]);
        {type, local} ->
            leaf(X)
    end.

%% Items share the limit that is left; what is over it is three dots.
container(Open, [], Close, _, O, _) -> {<<Open/binary, Close/binary>>, O};
container(Open, Items, Close, F, {Limit, Chars, Charlists}, Break) ->
    {Docs, {Left, Chars1, _}, Simple} = items(Items, F, {Limit, Chars, Charlists}, true),
    Mode = case Break of maybe_flex when Simple -> flex; maybe_flex -> strict; _ -> Break end,
    Inner = separate(Docs, Mode),
    {{group, [{nest, indentation(Mode), [Open, {break, <<>>, strict_of(Mode)}, Inner]}, {break, <<>>, strict_of(Mode)}, Close]},
     {Left, Chars1, Charlists}}.
indentation(flex) -> 1;
indentation(strict) -> 2.
strict_of(flex) -> none;
strict_of(strict) -> strict.
items([], _, O, Simple) -> {[], O, Simple};
items(_, _, {Left, _, _} = O, Simple) when Left =< 0 -> {[<<"...">>], O, Simple};
items([H | T], F, {Left, Chars, C}, Simple) when is_list(T) ->
    {D, {Left1, Chars1, _}} = F(H, {Left - 1, Chars, C}),
    {Ds, O, S} = items(T, F, {Left1, Chars1, C}, Simple andalso is_binary(D)),
    {[D | Ds], O, S};
items([H | T], F, {Left, Chars, C}, Simple) ->
    {D, O1} = F(H, {Left - 1, Chars, C}),
    {TD, O} = F(T, O1),
    {[{improper, D, TD}], O, Simple andalso is_binary(D) andalso is_binary(TD)}.
separate([{improper, D, TD}], Mode) -> [D, {break, <<" ">>, Mode}, <<"| ">>, TD];
separate([D], _) -> [D];
separate([D | Ds], Mode) -> [D, <<",">>, {break, <<" ">>, Mode} | separate(Ds, Mode)].

%% ---- text ----

printable(B) ->
    case '$eval':utf8_to_list(B) of
        false -> false;
        L -> lists:all(fun printable_character/1, L)
    end.
printable_character(C) when C =:= $\n; C =:= $\r; C =:= $\t; C =:= $\v; C =:= $\b; C =:= $\f; C =:= $\e; C =:= $\d; C =:= 7 -> true;
printable_character(C) -> '$eval':is_printable(C).

string(<<>>, _) -> <<"\"\"">>;
string(B, {_, Chars, _}) ->
    case printable(B) of
        true when byte_size(B) > Chars ->
            iolist_to_binary([<<"\"">>, escape(lists:sublist('$eval':utf8_to_list(B), Chars), $"), <<"\" <> ...">>]);
        true -> iolist_to_binary([<<"\"">>, escape('$eval':utf8_to_list(B), $"), <<"\"">>]);
        false -> bytes(B)
    end.
bytes(B) when byte_size(B) =< ?LIMIT -> iolist_to_binary([<<"<<">>, lists:join(<<", ">>, [integer_to_binary(X) || <<X>> <= B]), <<">>">>]);
bytes(B) ->
    iolist_to_binary([<<"<<">>, [[integer_to_binary(X), <<", ">>] || <<X>> <= binary_part(B, 0, ?LIMIT)], <<"...>>">>]).
is_charlist([H | T]) when is_integer(H), H >= 32, H =< 126; H >= 7, H =< 13, is_integer(H); H =:= 27 -> T =:= [] orelse is_charlist(T);
is_charlist(_) -> false.
charlist(L) -> iolist_to_binary([<<"~c\"">>, escape(L, $"), <<"\"">>]).
escape([$#, ${ | T], Q) -> [<<"\\#{">> | escape(T, Q)];
escape([C | T], Q) -> [escape_character(C, Q) | escape(T, Q)];
escape([], _) -> [].
escape_character(Q, Q) -> [$\\, Q];
escape_character($\\, _) -> <<"\\\\">>;
escape_character($\n, _) -> <<"\\n">>;
escape_character($\r, _) -> <<"\\r">>;
escape_character($\t, _) -> <<"\\t">>;
escape_character($\v, _) -> <<"\\v">>;
escape_character($\b, _) -> <<"\\b">>;
escape_character($\f, _) -> <<"\\f">>;
escape_character($\e, _) -> <<"\\e">>;
escape_character($\d, _) -> <<"\\d">>;
escape_character(7, _) -> <<"\\a">>;
escape_character(C, _) -> <<C/utf8>>.

%% ---- layout: [{Indentation, Mode, Doc}], the rest of what is to be written ----

lay(_, _, []) -> [];
lay(W, Col, [{_, _, B} | Rest]) when is_binary(B) -> [B | lay(W, Col + width(B), Rest)];
lay(W, Col, [{_, _, []} | Rest]) -> lay(W, Col, Rest);
lay(W, Col, [{I, M, [H | T]} | Rest]) -> lay(W, Col, [{I, M, H}, {I, M, T} | Rest]);
lay(W, Col, [{I, M, {nest, N, D}} | Rest]) -> lay(W, Col, [{I + N, M, D} | Rest]);
lay(infinity, Col, [{I, _, {group, D}} | Rest]) -> lay(infinity, Col, [{I, flat, D} | Rest]);
lay(W, Col, [{I, flat, {group, D}} | Rest]) -> lay(W, Col, [{I, flat, D} | Rest]);
lay(W, Col, [{I, _, {group, D}} | Rest]) ->
    case fits(W - Col, [{flat, D} | [{break, R} || {_, _, R} <- Rest]]) of
        true -> lay(W, Col, [{I, flat, D} | Rest]);
        false -> lay(W, Col, [{I, break, D} | Rest])
    end;
lay(W, Col, [{_, flat, {break, T, _}} | Rest]) -> [T | lay(W, Col + byte_size(T), Rest)];
lay(W, Col, [{_, _, {break, T, none}} | Rest]) -> [T | lay(W, Col + byte_size(T), Rest)];
lay(W, _, [{I, _, {break, _, strict}} | Rest]) -> [$\n, binary:copy(<<" ">>, I) | lay(W, I, Rest)];
lay(W, Col, [{I, _, {break, T, flex}} | Rest]) ->
    case fits(W - Col - byte_size(T), [{until_break, R} || {_, _, R} <- Rest]) of
        true -> [T | lay(W, Col + byte_size(T), Rest)];
        false -> [$\n, binary:copy(<<" ">>, I) | lay(W, I, Rest)]
    end.

%% Does it fit up to the next place where a line may end?
fits(Left, _) when Left < 0 -> false;
fits(_, []) -> true;
fits(Left, [{_, B} | Rest]) when is_binary(B) -> fits(Left - width(B), Rest);
fits(Left, [{_, []} | Rest]) -> fits(Left, Rest);
fits(Left, [{M, [H | T]} | Rest]) -> fits(Left, [{M, H}, {M, T} | Rest]);
fits(Left, [{M, {nest, _, D}} | Rest]) -> fits(Left, [{M, D} | Rest]);
fits(Left, [{M, {group, D}} | Rest]) -> fits(Left, [{case M of until_break -> flat; _ -> M end, D} | Rest]);
fits(Left, [{flat, {break, T, _}} | Rest]) -> fits(Left - byte_size(T), Rest);
fits(Left, [{_, {break, T, none}} | Rest]) -> fits(Left - byte_size(T), Rest);
fits(_, [{_, {break, _, _}} | _]) -> true.

width(B) -> length('$eval':graphemes(B)).
