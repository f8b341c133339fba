%% What test/golden/record_terms runs. Not part of any application.
-module(record_terms).
-export([main/1]).

main([Folder]) ->
    Named = printed() ++ unprinted(),
    [record(Folder, Name, Term) || {Name, Term} <- Named],
    [text(Folder, Name, Term) || {Name, Term} <- printed()],
    %% as before OTP 26: atoms in Latin-1
    write(Folder, "latin1_atoms", ".bin", term_to_binary({abc, 'naïve ÿ', 'with space', ''}, [{minor_version, 1}])),
    %% too long for STRING_EXT, so that it comes as a list
    record(Folder, "list_long_string", lists:duplicate(65536, 7)),
    %% everything once more, in the order of terms
    write(Folder, "sorted", ".bin", encode(lists:sort([Term || {_, Term} <- Named] ++ numbers()))),
    halt().

record(Folder, Name, Term) ->
    write(Folder, Name, ".bin", encode(Term)).

%% As over distribution: atoms in UTF-8.
encode(Term) ->
    term_to_binary(Term, [{minor_version, 2}]).

text(Folder, Name, Term) ->
    write(Folder, Name, ".erl", unicode:characters_to_binary(io_lib:format("~0tp", [Term]))),
    case code:ensure_loaded('Elixir.Kernel') of
        {module, Kernel} ->
            Text = Kernel:inspect(Term, [{limit, infinity}, {printable_limit, infinity}, {width, infinity}]),
            write(Folder, Name, ".ex", Text);
        _ ->
            ok
    end.

write(Folder, Name, Suffix, Bytes) ->
    ok = file:write_file(filename:join(Folder, "term_" ++ Name ++ Suffix), Bytes).

%% Terms that say the same in every shell.
printed() ->
    [{"atom", abc}, {"atom_empty", ''}, {"atom_space", 'with space'}, {"atom_reserved", 'after'}, {"atom_at", a@b},
     {"atom_alias", 'Elixir.Foo.Bar'}, {"atom_elixir", 'Elixir'}, {"atom_question", 'valid?'}, {"atom_upper", 'Upper'},
     {"atom_operator", '=='}, {"atom_escapes", 'a\'b"c\\d\ne'}, {"atom_special", [true, false, nil, undefined]},
     {"int_zero", 0}, {"int_byte", 255}, {"int_negative", -1}, {"int_32", [2147483647, -2147483648]},
     {"int_bigs", [2147483648, -2147483649, 16#FFFFFFFF, 1 bsl 62, 1 bsl 63, (1 bsl 64) - 1, 1 bsl 64, -(1 bsl 63),
                   -(1 bsl 63) - 1, -(1 bsl 64)]},
     {"int_large_big", 1 bsl 4000 + 12345}, {"int_large_big_negative", -(1 bsl 4000)},
     {"floats", floats()},
     {"tuple_empty", {}}, {"tuple", {a, {b, {c, 1}}, d}}, {"tuple_large", list_to_tuple(lists:seq(1000, 1299))},
     {"nil", []}, {"list", [a, b, [c, [d]]]}, {"list_improper", [a, b | c]}, {"list_bytes", [1, 2, 3, 255]},
     {"list_unprintable", [0, 1, 2]},
     {"binary_empty", <<>>}, {"binary_text", <<"hello world">>}, {"binary_utf8", <<"héllo – 日本 🙂"/utf8>>},
     {"binary_raw", <<0, 1, 2, 255>>}, {"binary_escapes", <<"tab\tnew\nquote\"slash\\bell\e">>},
     {"bits", <<1, 2, 5:3>>}, {"bits_one", <<1:1>>},
     {"map_empty", #{}}, {"map_atom_keys", #{a => 1}}, {"map_binary_key", #{<<"k">> => [v]}},
     {"map_int_key", #{1 => #{2 => #{}}}},
     {"keywords", [{a, 1}, {b, <<"x">>}, {'c d', []}]}, {"not_keywords", [{'Elixir.A', 1}]},
     {"deep", lists:foldl(fun(_, Deep) -> {Deep} end, x, lists:seq(1, 1000))},
     {"cast", {'$gen_cast', {add, <<"item">>}}}].

floats() ->
    [0.0, 1.0, -1.5, 0.1, 100000.0, 123456.0, 1.0e10, 1.0e22, 1.0e23, 0.001, 0.0001, 1.2345e-5, 3.141592653589793,
     9007199254740991.0, 9007199254740992.0, 9007199254740993.0, 1.7976931348623157e308, 2.2250738585072014e-308,
     5.0e-324, 12345678901234567890.0, 1.0e15, 123456789012345680.0, 0.3, 2.0e-7, -1.0e100].

%% Terms whose text is the node's own affair.
unprinted() ->
    X = 17, Y = {free, <<"variable">>},
    [{"atom_unicode", '日本é'}, {"atom_long", binary_to_atom(unicode:characters_to_binary(lists:duplicate(255, $é)))},
     {"list_ints", [1000, 100000]}, {"charlist", "plain"}, {"charlist_latin1", "é\n"}, {"charlist_unicode", "日本"},
     {"map_large", maps:from_list([{I, {I}} || I <- lists:seq(1, 100)])},
     {"map_mixed", #{a => 1, <<"k">> => 2, 3 => [], 1.5 => x, {t} => y}},
     {"map_struct", #{'__struct__' => 'Elixir.Foo', a => 1}}, {"map_no_struct", #{'__struct__' => foo}},
     {"pid", self()}, {"pid_remote", crafted(<<88, (atom(<<"x@y">>))/binary, 1:32, 2:32, 16#FFFFFFFF:32>>)},
     {"ref", make_ref()}, {"ref_alias", alias()},
     {"ref_remote", crafted(<<90, 5:16, (atom(<<"x@y">>))/binary, 7:32, 1:32, 2:32, 3:32, 4:32, 5:32>>)},
     {"port", hd(erlang:ports())}, {"port_v4", crafted(<<120, (atom(<<"x@y">>))/binary, 1:64/unit:1, 7:32>>)},
     {"port_v4_large", crafted(<<120, (atom(<<"x@y">>))/binary, 16#123456789ABCDEF:64, 7:32>>)},
     {"export", fun lists:map/2}, {"export_elixir", fun 'Elixir.Enum':map/2},
     {"fun", fun() -> ok end}, {"fun_free", fun(Z) -> {X, Y, Z} end}, {"fun_nested", fun_nested(fun_nested(X))},
     {"call", {'$gen_call', {self(), [alias | make_ref()]}, {get, <<"key">>}}},
     {"down", {'DOWN', make_ref(), process, self(), {badarith, [{m, f, 1, [{file, "m.erl"}, {line, 3}]}]}}}].

fun_nested(Value) ->
    fun() -> Value end.

crafted(Bytes) ->
    binary_to_term(<<131, Bytes/binary>>).

atom(Text) ->
    <<119, (byte_size(Text)), Text/binary>>.

numbers() ->
    [1, 1.0e0, 2, 1.5, (1 bsl 60) + 1, float(1 bsl 60), (1 bsl 53) + 1, float(1 bsl 53), -(1 bsl 70), -1.0e30, 1.0e30,
     1 bsl 1000, 1.0e300, -1, -0.5, [], [a], [a | b], [a, b], {b}, {a, a}, <<1:1>>, <<128>>, <<127>>, #{1 => a, 2.0 => b},
     #{1.0 => a, 2 => b}, #{2 => a}, #{a => 2}].
