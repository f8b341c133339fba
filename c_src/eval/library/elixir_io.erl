-module('Elixir.IO').
-export([puts/1, puts/2, write/1, write/2, inspect/1, inspect/2, inspect/3, gets/1, gets/2, chardata_to_string/1, iodata_to_binary/1,
         warn/1, binwrite/1, binwrite/2]).
puts(Item) -> puts(group_leader(), Item).
puts(D, Item) -> io:put_chars(D, [chardata(Item), $\n]).
write(Item) -> write(group_leader(), Item).
write(D, Item) -> io:put_chars(D, chardata(Item)).
binwrite(Item) -> write(Item).
binwrite(D, Item) -> write(D, Item).
chardata(X) when is_list(X) -> X;
chardata(X) -> 'Elixir.String.Chars':to_string(X).
inspect(X) -> inspect(group_leader(), X, []).
inspect(X, Options) when is_list(Options) -> inspect(group_leader(), X, Options).
inspect(D, X, Options) ->
    Label = case lists:keyfind(label, 1, Options) of
                {_, L} when L =/= nil -> [chardata(L), ": "];
                _ -> []
            end,
    io:put_chars(D, [Label, '$inspect':text(X, [{pretty, true} | Options]), $\n]),
    X.
gets(Prompt) -> gets(group_leader(), Prompt).
gets(D, Prompt) -> io:get_line(D, Prompt).
chardata_to_string(X) when is_binary(X) -> X;
chardata_to_string(X) when is_list(X) -> unicode:characters_to_binary(X).
iodata_to_binary(X) -> iolist_to_binary(X).
warn(X) -> '$eval':log(["warning: ", chardata(X)]), ok.
