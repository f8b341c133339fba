-module(unicode).
-export([characters_to_binary/1, characters_to_binary/2, characters_to_binary/3, characters_to_list/1, characters_to_list/2]).
characters_to_binary(C) ->
    case '$eval':chardata_to_binary(C) of
        false -> '$eval':fail_as(badarg, unicode, characters_to_binary, [C]);
        B -> B
    end.
characters_to_binary(C, latin1) -> << <<X/utf8>> || <<X>> <= iolist_to_binary(C) >>;
characters_to_binary(C, _) -> characters_to_binary(C).
characters_to_binary(C, In, latin1) -> << <<X>> || X <- characters_to_list(C, In) >>;
characters_to_binary(C, In, _) -> characters_to_binary(C, In).
characters_to_list(C) -> '$eval':utf8_to_list(characters_to_binary(C)).
characters_to_list(C, In) -> '$eval':utf8_to_list(characters_to_binary(C, In)).
