-module(io_lib).
-export([format/2, fwrite/2, write/1, print/1]).
format(F, A) ->
    case '$eval':format(F, A) of
        false -> '$eval':fail_as(badarg, io_lib, format, [F, A]);
        B -> '$eval':utf8_to_list(B)
    end.
fwrite(F, A) -> format(F, A).
write(X) -> format("~w", [X]).
print(X) -> format("~p", [X]).
