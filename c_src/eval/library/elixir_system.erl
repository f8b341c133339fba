-module('Elixir.System').
-export([system_time/0, system_time/1, os_time/0, os_time/1, monotonic_time/0, monotonic_time/1, unique_integer/0, unique_integer/1]).
system_time() -> erlang:system_time().
system_time(U) -> erlang:system_time(U).
os_time() -> erlang:system_time().
os_time(U) -> erlang:system_time(U).
monotonic_time() -> erlang:monotonic_time().
monotonic_time(U) -> erlang:monotonic_time(U).
unique_integer() -> erlang:unique_integer().
unique_integer(O) -> erlang:unique_integer(O).
