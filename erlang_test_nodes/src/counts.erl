%% Listens to Common Test and adds a line for each suite to the file $RESULTS names, if it does:
%% target, suite, and how many cases passed, failed and were skipped. What fails outside of a case
%% (end_per_suite, a group's) is a failure of its suite.
-module(counts).
-behaviour(gen_event).
-include_lib("common_test/include/ct_event.hrl").
-export([handlers/0, init/1, handle_event/2, handle_call/2, handle_info/2, terminate/2]).

handlers() -> [{event_handler, ?MODULE} || os:getenv("RESULTS", "") =/= ""].

init(_) -> {ok, #{}}.

handle_event(#event{name = tc_done, data = {Suite, Case, Result}}, Counts) ->
    {ok, count(Suite, kind(Case, Result), Counts)};
handle_event(#event{name = Skip, data = {Suite, Case, _}}, Counts) when Skip =:= tc_user_skip; Skip =:= tc_auto_skip ->
    {ok, count(Suite, kind(Case, {skipped, Skip}), Counts)};
handle_event(#event{name = test_done}, Counts) ->
    Lines = [io_lib:format("~s ~s ~b ~b ~b~n", [target:kind(), Suite | [maps:get(K, Of, 0) || K <- [passed, failed, skipped]]])
             || {Suite, Of} <- lists:sort(maps:to_list(Counts))],
    ok = file:write_file(os:getenv("RESULTS"), Lines, [append]),
    {ok, #{}};
handle_event(_, Counts) ->
    {ok, Counts}.

handle_call(_, Counts) -> {ok, ok, Counts}.
handle_info(_, Counts) -> {ok, Counts}.
terminate(_, _) -> ok.

count(_, nothing, Counts) -> Counts;
count(Suite, Kind, Counts) ->
    maps:update_with(Suite, fun(Of) -> maps:update_with(Kind, fun(N) -> N + 1 end, 1, Of) end, #{Kind => 1}, Counts).

kind(_, {failed, _}) -> failed;
kind(Case, _) when is_tuple(Case); Case =:= init_per_suite; Case =:= end_per_suite -> nothing;
kind(_, ok) -> passed;
kind(_, {Skipped, _}) when Skipped =:= skipped; Skipped =:= auto_skipped -> skipped.
