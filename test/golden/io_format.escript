#!/usr/bin/env escript
%% What io_lib:format/2 of this release makes of formats and terms, for test/unit/otp/io_format_test.c:
%%     test/golden/io_format.escript test/golden/otp25
%% A record is <<Size:32, Bytes>> of term_to_binary({Format, Args}) and <<Size:32, Bytes>> of the text in UTF-8, or
%% 16#FFFFFFFF where it fails. No pids and funs: they print differently on purpose. The seed is fixed.
-mode(compile).

main([Dir]) ->
    rand:seed(exsss, {1, 2, 3}),
    Cases = fixed() ++ floats() ++ integers() ++ layouts() ++ random(400),
    ok = file:write_file(filename:join(Dir, "io_format.bin"), [record(Case) || Case <- Cases]).

record({Format, Args}) ->
    In = term_to_binary({Format, Args}),
    Out = try unicode:characters_to_binary(io_lib:format(Format, Args), utf8) of
              Text when is_binary(Text) -> <<(byte_size(Text)):32, Text/binary>>;
              _ -> <<16#FFFFFFFF:32>>
          catch _:_ -> <<16#FFFFFFFF:32>>
          end,
    <<(byte_size(In)):32, In/binary, Out/binary>>.

fixed() ->
    Terms = [[], {}, #{}, a, 'A b', 'fun', 'été', 'Été', 'été\n', '日本', 'it\'s', '', "text", "é", [8364], [104, 0],
             "a\"b\\c\n\t\d\e\0", [1 | 2], [a, b | c], "abc" ++ tail, <<>>, <<"bin">>, <<"é"/utf8>>, <<"é">>,
             <<"€"/utf8>>, <<1, 2, 3>>, <<1:3>>, <<255, 7:4>>, <<"a\"b\\c\n">>, <<"abc", 0>>, 0, -1,
             1 bsl 64, -(1 bsl 200), 1.0, -0.0, 0.1, 1.0e22, 1.0e-10, 123456789.123, {ok, "x"}, [{a, 1}, {b, "two"}],
             #{a => 1}, #{1 => #{2 => 3}}, {1, 2}, {tagged, {nested, [list, {}]}}, [[[[]]]], {{{{}}}}, [a | {b}],
             lists:seq(1, 10), lists:seq(1, 60), list_to_tuple(lists:seq(1, 60)),
             lists:duplicate(100, $x), list_to_binary(lists:duplicate(100, $x)), list_to_binary(lists:seq(0, 99)),
             <<(list_to_binary(lists:seq(0, 99)))/binary, 3:5>>],
    [{F, [T]} || F <- ["~w", "~p", "~tw", "~tp", "~lp", "~ltp", "~s", "~ts", "~c", "~tc", "~b", "~10w|", "~-10w|",
                       "~.3w|", "~10.4w|", "~10.4.xw|", "~20p", "~0p", "~40.5p", "foo ~p bar", "~10s|", "~-10s|", "~.3s|",
                       "~10.3s|", "~-10.3s|", "~10.3.*s|", "~1s|", "~10ts|", "~.2ts|", "\tx~p"], T <- Terms] ++
    [{F, [T, D]} || F <- ["~W", "~P", "~tW", "~tP"], T <- Terms, D <- [-1, 0, 1, 2, 3, 5, 9]] ++
    [{"", []}, {"plain", []}, {<<"bin é"/utf8>>, []}, {atom, []}, {"~~ ~n", []}, {"~5~|~3n", []}, {"~-3n", []}, {"~", []},
     {"~z", [1]}, {"~p", []}, {"~p", [1, 2]}, {"x", x}, {"~*w|", [10, x]}, {"~-*w|", [10, x]}, {"~*w|", [-10, x]},
     {"~*.*.*w|", [10, 2, $x, abc]}, {"~i~w", [1, 2]}, {"~-w", [1]}, {"~..0w", [1]}, {"~5..0w", [1]}, {"~5..0B", [-1]},
     {"~3c|", [$x]}, {"~3.2c|", [$x]}, {"~-3.2c|", [$x]}, {"~.2c|", [$x]}, {"~2.3c|", [$x]}, {"~c", [16#20AC]},
     {"~tc", [16#20AC]}, {"~tc", [16#D800]}, {[$a, "~p", $~, $w], [1]}, {["x", <<"y">>], []}, {"日本 ~w", [1]}, {foo, [1]},
     {"~ts", [[<<"é"/utf8>>, 16#20AC, "x"]]}, {"~ts", [[<<195>>, 169]]}, {"~s", [["a" | <<"b">>]]}, {"~s", [12]},
     {"~s", [[a]]}, {"~s", [{}]}, {"~.*s", [-1, "abc"]}, {"~P", [a, b]}, {"~-20p", [x]}, {"~w~w", [1]}, {1, []},
     {"~p ~p", [lists:seq(1, 40), lists:seq(1, 40)]}, {"é\t~p", [lists:seq(1, 40)]}, {"~e", [1]}, {"~b", [1.0]}].

floats() ->
    Values = [0.0, -0.0, 1.0, -1.0, 0.5, 0.05, 0.15, 9.99999999, 99999.99999, 1.0e300, 1.0e-300, 4.9e-324, 1.5, 2.5, 0.1, 1234.5678,
              9999.9999, 10000.0, 1.7976931348623157e308, 3.141592653589793, -2.675, 0.000123456, 123456789012345678.0],
    [{F, [V]} || F <- ["~e", "~f", "~g", "~.1f", "~.2f", "~.3e", "~.2e", "~.1e", "~.0f", "~.1g", "~.3g", "~.12g", "~.25f", "~.30e",
                       "~12.2f|", "~-12.2f|", "~12.3e|", "~5.2f|", "~12..*f|", "~10.2.0f|", "~w", "~p"], V <- Values].

integers() ->
    Values = [0, 1, -1, 255, -255, 1 bsl 31, 1 bsl 32, -(1 bsl 63), 1 bsl 64, 1 bsl 300, -(1 bsl 1000)],
    [{F, [V]} || F <- ["~b", "~B", "~.2b", "~.16b", "~.16B", "~.36B", "~.36b", "~.1b", "~.37b", "~#", "~+", "~.16#", "~.16+", "~12.8B|",
                       "~-12.8B|", "~5.10B|", "~012.16b|", "~12.16.0b|"], V <- Values] ++
    [{F, [V, P]} || F <- ["~x", "~X", "~.16x", "~.16X", "~12.16x|"], V <- [0, 31, -31, 1 bsl 70],
                    P <- ["0x", 'p', "", [$a, "b"], <<"bin">>, "€", 1]].

layouts() ->
    Long = list_to_atom(lists:duplicate(60, $l)),
    Proplist = [{list_to_atom("key" ++ integer_to_list(I)), lists:seq(1, I)} || I <- lists:seq(1, 25)],
    Terms = [Proplist, {reply, Proplist}, #{data => Proplist, b => 1}, {Long, Long, [Long]}, [Long, Long | Long],
             #{Long => Long, a => {Long, [Long]}}, {{Long, 1}, {2, Long}}, [{Long, [{Long, [{Long, x}]}]}],
             [{a, {b, {c, {d, {e, {f, lists:seq(1, 30)}}}}}}], lists:duplicate(5, "some text that is rather long for a line"),
             [<<"some text that is rather long">> || _ <- "12345"], {error, {badarg, [{erlang, apply, 3, [{file, "x.erl"}, {line, 12}]},
             {some_module, some_function, 2, [{file, "some_module.erl"}, {line, 1234}]}]}}, [a, b | Proplist],
             maps:from_list([{I, I * I} || I <- lists:seq(1, 30)]), maps:from_list([{{k, I}, [I]} || I <- lists:seq(1, 12)]), {1, Proplist}, {Proplist},
             [{x, list_to_binary(lists:seq(0, 60))}, {y, <<7:3>>}], [lists:seq(300, 330), lists:seq(1, 30) | x],
             {averyveryverylongtagindeed, {anotherlongtagtofollow, {yetanotherlongtag, {andthelastone, lists:seq(1, 40)}}}}],
    [{F, [T]} || F <- ["~p", "~tp", "~30p", "~20p", "~10p", "~120p", "~0p", "~60.30p", "prefix ~p", "~lp", "~ltp"], T <- Terms] ++
    [{F, [T, D]} || F <- ["~P", "~tP", "~20P", "~W"], T <- Terms, D <- [2, 4, 8, 15, 30]].

random(Count) ->
    Formats = ["~p", "~tp", "~w", "~tw", "~40p", "~20p", "ab ~p", "~lp"],
    [{lists:nth(rand:uniform(length(Formats)), Formats), [random_term(rand:uniform(6))]} || _ <- lists:seq(1, Count)] ++
    [{lists:nth(rand:uniform(3), ["~P", "~W", "~30P"]), [random_term(5), rand:uniform(12)]} || _ <- lists:seq(1, Count div 2)].

random_term(0) ->
    case rand:uniform(9) of
        1 -> rand:uniform(1000);
        2 -> -rand:uniform(1 bsl 70);
        3 -> rand:uniform() * 1000;
        4 -> lists:nth(rand:uniform(6), [ok, error, 'Elixir.Foo.Bar', undefined, 'two words', a_rather_long_atom_name]);
        5 -> [rand:uniform(95) + 31 || _ <- lists:seq(1, rand:uniform(30))];
        6 -> list_to_binary([rand:uniform(95) + 31 || _ <- lists:seq(1, rand:uniform(30))]);
        7 -> rand:bytes(rand:uniform(20));
        8 -> [];
        9 -> {}
    end;
random_term(Depth) ->
    Elements = [random_term(rand:uniform(Depth) - 1) || _ <- lists:seq(1, rand:uniform(5))],
    case rand:uniform(6) of
        1 -> Elements;
        2 -> list_to_tuple(Elements);
        3 -> list_to_tuple([tag | Elements]);
        4 -> maps:from_list([{random_term(0), E} || E <- Elements]);
        5 -> Elements ++ random_term(0);
        6 -> random_term(0)
    end.
