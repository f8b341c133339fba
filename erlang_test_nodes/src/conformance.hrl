%% Shared by the Common Test suites: what they wait for and how they ask the subject.
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-define(PATIENCE, 30000).

%% The next message that matches, or a failure that shows what was there instead.
-define(EXPECT(Pattern), receive Pattern -> ok after ?PATIENCE -> error({expected, ??Pattern, got, given:mailbox()}) end).
-define(EXPECT(Pattern, Value), receive Pattern -> Value after ?PATIENCE -> error({expected, ??Pattern, got, given:mailbox()}) end).
%% Runs the expressions on a BEAM peer; the variables of the test are there too.
-define(ON(Peer, Body), target:on(Peer, fun() -> Body end)).
