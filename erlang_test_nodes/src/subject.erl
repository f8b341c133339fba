%% The registered server `subject': what a suite drives on either kind of node. The same
%% protocol is in c_src/subject.c; keep the two alike.
%%
%% Calls to a subject (the registered one, or one that `spawn' answered):
%%   {echo, T}                   T
%%   {delayed, Ms, T}            T, after Ms, by a timer: the handler has returned long before
%%   {hold, Tag}                 nothing until {release, Tag, T} comes (a call: ok | none): then T
%%   {size, Bin}                 byte_size(Bin)
%%   {binary, N}                 a binary of N bytes 'x'
%%   {bump, N}                   the counter plus N, which is also the state: {subject_state, Counter}
%%   {stop, Reason, Reply}       Reply, then the process stops with Reason
%%   {stop, Reason}              the process stops with Reason without a reply
%%   {spawn, Name, Linked}       {ok, Pid}: a new subject, registered as Name (undefined: not at all),
%%                               linked to this one if Linked; {error, {already_started, Pid}}
%%   {link, P} {unlink, P}       ok
%%   {monitor, What}             a reference; What is a pid or {Name, Node}
%%   {demonitor, Ref}            ok
%%   {trap_exit, Bool}           ok
%%   {exit, Pid, Reason}         ok; sends the exit signal
%%   {send, To, Msg}             ok; To is a pid, a name or {Name, Node}
%%   {send_alias, Ref, Msg}      ok
%%   alias / {unalias, Ref}      a reference of this process; ok
%%   {cast, To, Msg}             ok; gen_server:cast
%%   {call, To, Req, Ms}         To may also be {global, Name}; the outcome of a gen_server:call made by the node of the subject:
%%                               {ok, Reply} | {error, timeout | noproc | noconnection | Reason}
%%   {register, Name}            true | false  (this process)
%%   {unregister, Name}          true | false
%%   {timer, Ms, Msg}            a reference; Msg comes to the subject after Ms
%%   {cancel, Ref}               true if it was still running, else false
%%   {timeout, Ms}               ok, and the server's own timeout after Ms
%%   {continue, T}               ok, and handle_continue(T)
%%   {monitor_nodes, Bool}       ok
%%   {connect, Node}             true | false
%%   {global_register, Name, Method}     yes | no: this process; Method: random_exit_name, random_notify_name, notify_all_name
%%   {global_re_register, Name, Method}  yes
%%   {global_unregister, Name}   ok
%%   {global_whereis, Name}      a pid | undefined
%%   global_names                a list
%%   {global_send, Name, Msg}    ok | badarg
%%   {global_set_lock, Res, Retries}     true | false: by this process, on all nodes, as {Res, Pid}
%%   {global_del_lock, Res}      true
%%   global_sync                 ok
%%   group_leader                a pid
%%   {rpc, Node, M, F, A, Ms}    the outcome of an erpc:call made by the node of the subject: {ok, Value} | {throw, T} |
%%                               {exit, Reason} | {error, Reason} | {signal, Reason} | {failed, noconnection | timeout | Why}
%%   {rpc_cast, Node, M, F, A}   ok
%%   {spawn_on, Node, M, F, A, Opts}   {ok, Pid} | {error, Why}; Opts: link, monitor
%%   {tasks, Name}               ok; starts a Task.Supervisor under this name
%%   {pg, Scope, What}           process groups of the subject's node, from the subject: start, {join, G}, {leave, G} (itself),
%%                               {members, G}, {local_members, G}, groups, local_groups, {closest, G} (a pid | none),
%%                               {send, G, Msg}, {monitor, G}, monitor_scope (a reference), {demonitor, Ref} (ok | false)
%%   {report, Pid}               ok: from now on each event goes to Pid as {subject, self(), Event}
%%   events                      the events since `clear', oldest first
%%   clear                       ok
%% Only in C: {pubsub_subscribe, T}, {pubsub_subscribe_not_own, T}, {pubsub_unsubscribe, T}, {pubsub_publish, T, M},
%% {pubsub_publish_from, T, M}: ok, {error, Number}; and the events {heard, {T, M}}, {refused, Reason}
%% Events: {cast, T}, {info, T} (also 'EXIT', 'DOWN', nodeup and nodedown tuples as Erlang has them,
%% and `timeout'), {continue, T}, {terminate, Reason}.
%% Casts: {crash, Reason} and {stop, Reason} end the process; any other is recorded.
-module(subject).
-behaviour(gen_server).
-export([start/0, dial/1, outcome/1, init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2, terminate/2]).

start() ->
    {ok, _} = gen_server:start({local, subject}, ?MODULE, [], []),
    ok = device:start(),
    [spawn(fun() -> dial(list_to_atom(N)) end) || N <- string:tokens(os:getenv("TEST_CONNECT", ""), " ")],
    ok.

%% What `hermod start --connect' does: try until it is there.
dial(Node) ->
    case net_kernel:connect_node(Node) of
        true -> ok;
        _ -> receive after 50 -> dial(Node) end
    end.

init(_) ->
    put(held, #{}),
    put(events, []),
    {ok, {subject_state, 0}}.

handle_call({echo, T}, _, S) -> {reply, T, S};
handle_call({delayed, Ms, T}, From, S) -> erlang:send_after(Ms, self(), {'$delayed', From, T}), {noreply, S};
handle_call({hold, Tag}, From, S) -> put(held, (get(held))#{Tag => From}), {noreply, S};
handle_call({release, Tag, T}, _, S) ->
    case maps:take(Tag, get(held)) of
        {From, Held} -> put(held, Held), gen_server:reply(From, T), {reply, ok, S};
        error -> {reply, none, S}
    end;
handle_call({size, Bin}, _, S) -> {reply, byte_size(Bin), S};
handle_call({binary, N}, _, S) -> {reply, binary:copy(<<"x">>, N), S};
handle_call({bump, N}, _, {subject_state, C}) -> {reply, C + N, {subject_state, C + N}};
handle_call({stop, Reason, Reply}, _, S) -> {stop, Reason, Reply, S};
handle_call({stop, Reason}, _, S) -> {stop, Reason, S};
handle_call({spawn, Name, Linked}, _, S) ->
    F = case Linked of true -> start_link; false -> start end,
    Args = case Name of undefined -> []; _ -> [{local, Name}] end,
    {reply, apply(gen_server, F, Args ++ [?MODULE, [], []]), S};
handle_call({link, P}, _, S) -> link(P), {reply, ok, S};
handle_call({unlink, P}, _, S) -> unlink(P), {reply, ok, S};
handle_call({monitor, What}, _, S) -> {reply, erlang:monitor(process, What), S};
handle_call({demonitor, Ref}, _, S) -> erlang:demonitor(Ref), {reply, ok, S};
handle_call({trap_exit, B}, _, S) -> process_flag(trap_exit, B), {reply, ok, S};
handle_call({exit, Pid, Reason}, _, S) -> exit(Pid, Reason), {reply, ok, S};
handle_call({send, To, Msg}, _, S) -> catch To ! Msg, {reply, ok, S};
handle_call({send_alias, Ref, Msg}, _, S) -> erlang:send(Ref, Msg), {reply, ok, S};
handle_call(alias, _, S) -> {reply, alias(), S};
handle_call({unalias, Ref}, _, S) -> unalias(Ref), {reply, ok, S};
handle_call({cast, To, Msg}, _, S) -> gen_server:cast(To, Msg), {reply, ok, S};
handle_call({call, To, Req, Ms}, From, S) ->
    spawn(fun() -> gen_server:reply(From, outcome(fun() -> gen_server:call(To, Req, Ms) end)) end),
    {noreply, S};
handle_call({register, Name}, _, S) -> {reply, try register(Name, self()) catch _:_ -> false end, S};
handle_call({unregister, Name}, _, S) -> {reply, try unregister(Name) catch _:_ -> false end, S};
handle_call({timer, Ms, Msg}, _, S) -> {reply, erlang:send_after(Ms, self(), Msg), S};
handle_call({cancel, Ref}, _, S) -> {reply, is_integer(erlang:cancel_timer(Ref)), S};
handle_call({timeout, Ms}, _, S) -> {reply, ok, S, Ms};
handle_call({continue, T}, _, S) -> {reply, ok, S, {continue, T}};
handle_call({monitor_nodes, B}, _, S) -> {reply, net_kernel:monitor_nodes(B), S};
handle_call({connect, Node}, From, S) ->
    spawn(fun() -> gen_server:reply(From, net_kernel:connect_node(Node)) end),
    {noreply, S};
handle_call({pg, Scope, What}, _, S) -> {reply, pg(Scope, What), S};
handle_call({global_register, Name, Method}, From, S) -> apart(From, global, register_name, [Name, self(), fun global:Method/3], S);
handle_call({global_re_register, Name, Method}, From, S) ->
    apart(From, global, re_register_name, [Name, self(), fun global:Method/3], S);
handle_call({global_unregister, Name}, From, S) -> apart(From, global, unregister_name, [Name], S);
handle_call({global_whereis, Name}, _, S) -> {reply, global:whereis_name(Name), S};
handle_call(global_names, _, S) -> {reply, global:registered_names(), S};
handle_call({global_send, Name, Msg}, _, S) ->
    {reply, try global:send(Name, Msg) of _ -> ok catch exit:{badarg, _} -> badarg end, S};
handle_call({global_set_lock, Res, Retries}, _, S) -> {reply, global:set_lock({Res, self()}, [node() | nodes()], Retries), S};
handle_call({global_del_lock, Res}, _, S) -> {reply, global:del_lock({Res, self()}), S};
handle_call(global_sync, From, S) -> apart(From, global, sync, [], S);
handle_call(group_leader, _, S) -> {reply, group_leader(), S};
handle_call({rpc, N, M, F, A, Ms}, From, S) ->
    spawn(fun() -> gen_server:reply(From, erpc_outcome(N, M, F, A, Ms)) end),
    {noreply, S};
handle_call({rpc_cast, N, M, F, A}, _, S) -> {reply, erpc:cast(N, M, F, A), S};
handle_call({spawn_on, N, M, F, A, Opts}, From, S) ->
    put({spawning, spawn_request(N, M, F, A, Opts)}, From),
    {noreply, S};
handle_call({tasks, Name}, _, S) ->
    {ok, _} = 'Elixir.Task.Supervisor':start_link([{name, Name}]),
    {reply, ok, S};
handle_call({report, Pid}, _, S) -> put(report, Pid), {reply, ok, S};
handle_call(events, _, S) -> {reply, lists:reverse(get(events)), S};
handle_call(clear, _, S) -> put(events, []), {reply, ok, S}.

%% What may take long is asked by a process of its own.
apart(From, M, F, Args, S) ->
    spawn(fun() -> gen_server:reply(From, apply(M, F, Args)) end),
    {noreply, S}.

handle_cast({crash, Reason}, _) -> exit(Reason);
handle_cast({stop, Reason}, S) -> {stop, Reason, S};
handle_cast(T, S) -> event({cast, T}), {noreply, S}.

handle_info({spawn_reply, Req, Result, What}, S) ->
    gen_server:reply(erase({spawning, Req}), {Result, What}),
    {noreply, S};
handle_info({'$delayed', From, T}, S) -> gen_server:reply(From, T), {noreply, S};
handle_info(T, S) -> event({info, T}), {noreply, S}.

handle_continue(T, S) -> event({continue, T}), {noreply, S}.

terminate(Reason, _) -> event({terminate, Reason}).

event(E) ->
    put(events, [E | get(events)]),
    case get(report) of
        undefined -> ok;
        Pid -> Pid ! {subject, self(), E}
    end.

erpc_outcome(N, M, F, A, Ms) ->
    try {ok, erpc:call(N, M, F, A, Ms)} catch
        throw:T -> {throw, T};
        exit:{exception, R} -> {exit, R};
        exit:{signal, R} -> {signal, R};
        error:{exception, R, [_ | _]} -> {error, R};
        error:{erpc, R} -> {failed, R}
    end.
pg(Scope, start) ->
    case pg:start(Scope) of {ok, _} -> ok; {error, {already_started, _}} -> ok end;
pg(Scope, {join, G}) -> pg:join(Scope, G, self());
pg(Scope, {leave, G}) -> pg:leave(Scope, G, self());
pg(Scope, {members, G}) -> pg:get_members(Scope, G);
pg(Scope, {local_members, G}) -> pg:get_local_members(Scope, G);
pg(Scope, groups) -> pg:which_groups(Scope);
pg(Scope, local_groups) -> pg:which_local_groups(Scope);
pg(Scope, {closest, G}) ->
    case {pg:get_local_members(Scope, G), pg:get_members(Scope, G)} of
        {[], []} -> none;
        {[], All} -> lists:nth(rand:uniform(length(All)), All);
        {Local, _} -> lists:nth(rand:uniform(length(Local)), Local)
    end;
pg(Scope, {send, G, Msg}) -> [P ! Msg || P <- pg:get_members(Scope, G)], ok;
pg(Scope, {monitor, G}) -> element(1, pg:monitor(Scope, G));
pg(Scope, monitor_scope) -> element(1, pg:monitor_scope(Scope));
pg(Scope, {demonitor, Ref}) -> pg:demonitor(Scope, Ref).

outcome(F) ->
    try {ok, F()} catch
        exit:{timeout, _} -> {error, timeout};
        exit:{noproc, _} -> {error, noproc};
        exit:{{nodedown, _}, _} -> {error, noconnection};
        exit:{noconnection, _} -> {error, noconnection};
        exit:{R, _} -> {error, R}
    end.
