-module('Elixir.Exception').
-export([message/1, normalize/2, normalize/3, 'exception?'/1, format_banner/2, format_banner/3]).
'exception?'(#{'__struct__' := _, '__exception__' := true}) -> true;
'exception?'(_) -> false.

normalize(Kind, Payload) -> normalize(Kind, Payload, []).
normalize(error, Payload, Stack) -> error_to_exception(Payload, Stack);
normalize(_, Payload, _) -> Payload.

error_to_exception(#{'__struct__' := _, '__exception__' := true} = E, _) -> E;
error_to_exception(badarg, _) -> new('Elixir.ArgumentError', #{message => <<"argument error">>});
error_to_exception(badarith, _) -> new('Elixir.ArithmeticError', #{message => <<"bad argument in arithmetic expression">>});
error_to_exception(system_limit, _) -> new('Elixir.SystemLimitError', #{message => <<"a system limit has been reached">>});
error_to_exception(cond_clause, _) -> new('Elixir.CondClauseError', #{});
error_to_exception({badarity, {F, A}}, _) -> new('Elixir.BadArityError', #{function => F, args => A});
error_to_exception({badfun, T}, _) -> new('Elixir.BadFunctionError', #{term => T});
error_to_exception({badstruct, S, T}, _) -> new('Elixir.BadStructError', #{struct => S, term => T});
error_to_exception({badmatch, T}, _) -> new('Elixir.MatchError', #{term => T});
error_to_exception({badmap, T}, _) -> new('Elixir.BadMapError', #{term => T});
error_to_exception({badbool, Op, T}, _) -> new('Elixir.BadBooleanError', #{operator => Op, term => T});
error_to_exception({badkey, K}, [{_, _, [K, M], _} | _]) when is_map(M) -> new('Elixir.KeyError', #{key => K, term => M, message => nil});
error_to_exception({badkey, K}, _) -> new('Elixir.KeyError', #{key => K, term => nil, message => nil});
error_to_exception({badkey, K, T}, _) -> new('Elixir.KeyError', #{key => K, term => T, message => nil});
error_to_exception({case_clause, T}, _) -> new('Elixir.CaseClauseError', #{term => T});
error_to_exception({with_clause, T}, _) -> new('Elixir.WithClauseError', #{term => T});
error_to_exception({try_clause, T}, _) -> new('Elixir.TryClauseError', #{term => T});
error_to_exception(undef, [{M, F, A, _} | _]) ->
    new('Elixir.UndefinedFunctionError', #{module => M, function => F, arity => arity(A), reason => nil, message => nil});
error_to_exception(undef, _) ->
    new('Elixir.UndefinedFunctionError', #{module => nil, function => nil, arity => nil, reason => nil, message => nil});
error_to_exception(function_clause, [{M, F, A, _} | _]) ->
    new('Elixir.FunctionClauseError',
        #{module => M, function => F, arity => arity(A), kind => nil, args => nil, clauses => nil});
error_to_exception(function_clause, _) ->
    new('Elixir.FunctionClauseError', #{module => nil, function => nil, arity => nil, kind => nil, args => nil, clauses => nil});
error_to_exception({badarg, _}, _) -> new('Elixir.ArgumentError', #{message => <<"argument error">>});
error_to_exception(Other, _) -> new('Elixir.ErlangError', #{original => Other, reason => nil}).

new(Module, Fields) -> '$elixir':exception(Module, Fields).
arity(A) when is_list(A) -> length(A);
arity(A) -> A.

message(#{'__struct__' := 'Elixir.KeyError', key := K, term := nil}) -> text(["key ", i(K), " not found"]);
message(#{'__struct__' := 'Elixir.KeyError', key := K, term := T}) -> text(["key ", i(K), " not found in: ", i(T)]);
message(#{message := M}) when is_binary(M) -> M;
message(#{'__struct__' := 'Elixir.MatchError', term := T}) -> text(["no match of right hand side value: ", i(T)]);
message(#{'__struct__' := 'Elixir.CaseClauseError', term := T}) -> text(["no case clause matching: ", i(T)]);
message(#{'__struct__' := 'Elixir.WithClauseError', term := T}) -> text(["no with clause matching: ", i(T)]);
message(#{'__struct__' := 'Elixir.TryClauseError', term := T}) -> text(["no try clause matching: ", i(T)]);
message(#{'__struct__' := 'Elixir.CondClauseError'}) -> <<"no cond clause evaluated to a truthy value">>;
message(#{'__struct__' := 'Elixir.BadMapError', term := T}) -> text(["expected a map, got: ", i(T)]);
message(#{'__struct__' := 'Elixir.BadFunctionError', term := T}) -> text(["expected a function, got: ", i(T)]);
message(#{'__struct__' := 'Elixir.BadBooleanError', operator := Op, term := T}) ->
    text(["expected a boolean on left-side of \"", atom_to_binary(Op), "\", got: ", i(T)]);
message(#{'__struct__' := 'Elixir.BadArityError', function := F, args := A}) ->
    {arity, N} = erlang:fun_info(F, arity),
    text([i(F), " with arity ", integer_to_binary(N), " called with ", called_with(A)]);
message(#{'__struct__' := 'Elixir.UndefinedFunctionError', module := M, function := F, arity := A}) when M =/= nil ->
    text(["function ", i(M), ".", atom_to_binary(F), "/", integer_to_binary(A), " is undefined",
          case '$eval':has_module(M) of true -> " or private"; false -> [" (module ", i(M), " is not available)"] end]);
message(#{'__struct__' := 'Elixir.UndefinedFunctionError', function := F, arity := A}) when F =/= nil ->
    text(["function nil.", atom_to_binary(F), "/", integer_to_binary(A), " is undefined"]);
message(#{'__struct__' := 'Elixir.UndefinedFunctionError'}) -> <<"undefined function">>;
message(#{'__struct__' := 'Elixir.FunctionClauseError', module := M, function := F, arity := A}) when M =/= nil ->
    text(["no function clause matching in ", i(M), ".", atom_to_binary(F), "/", integer_to_binary(A)]);
message(#{'__struct__' := 'Elixir.FunctionClauseError'}) -> <<"no function clause matches">>;
message(#{'__struct__' := 'Elixir.ErlangError', original := O}) -> text(["Erlang error: ", i(O)]);
message(#{'__struct__' := 'Elixir.Protocol.UndefinedError', protocol := P, value := V, description := D}) ->
    text(["protocol ", i(P), " not implemented for ", i(V), " of type ", type(V), case D of <<>> -> []; _ -> [$\s, D] end]);
message(#{'__struct__' := Module, '__exception__' := true}) -> text(["got no message of ", i(Module)]).
i(X) -> '$inspect':text(X, []).
text(Parts) -> unicode:characters_to_binary(Parts).
called_with([]) -> "no arguments";
called_with([A]) -> ["1 argument (", i(A), ")"];
called_with(As) -> [integer_to_binary(length(As)), " arguments (", lists:join(", ", [i(A) || A <- As]), ")"].
type(X) when is_integer(X) -> "Integer";
type(X) when is_float(X) -> "Float";
type(X) when is_atom(X) -> "Atom";
type(X) when is_binary(X) -> "BitString";
type(X) when is_list(X) -> "List";
type(X) when is_tuple(X) -> "Tuple";
type(X) when is_function(X) -> "Function";
type(X) when is_pid(X) -> "PID";
type(X) when is_reference(X) -> "Reference";
type(#{'__struct__' := M}) -> [i(M), " (a struct)"];
type(_) -> "Map".

format_banner(Kind, Payload) -> format_banner(Kind, Payload, []).
format_banner(error, Payload, Stack) ->
    #{'__struct__' := Module} = E = normalize(error, Payload, Stack),
    text(["** (", i(Module), ") ", message(E)]);
format_banner(throw, Payload, _) -> text(["** (throw) ", i(Payload)]);
format_banner(exit, Payload, _) -> text(["** (exit) ", i(Payload)]).
