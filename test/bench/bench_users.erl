%% A list of users as the article "Building Presence feature in Elixir" has it in its last form, for the BEAM's side of the figure
%% users: every change sends the whole list to the other nodes. {load, Users} and meet are the benchmark's.
-module(bench_users).
-behaviour(gen_server).
-export([start/0, init/1, handle_call/3, handle_cast/2]).

start() ->
    {ok, _} = gen_server:start({local, user_list}, ?MODULE, [], []),
    ok.

init([]) -> {ok, #{users => [], nodes => [], nodes_state => #{}}}.

handle_call(get_users, _, #{users := Users, nodes_state := Others} = S) -> {reply, lists:usort(lists:append([Users | maps:values(Others)])), S};
handle_call({load, Users}, _, S) -> {reply, ok, S#{users := Users}};
handle_call(meet, _, S) -> {reply, ok, sync(S#{nodes := nodes()})};
handle_call(ping, _, S) -> {reply, pong, S}.

handle_cast({add_user, User}, #{users := Users} = S) -> {noreply, sync(S#{users := [User | Users]})};
handle_cast({remove_user, Id}, #{users := Users} = S) -> {noreply, sync(S#{users := [U || #{id := I} = U <- Users, I /= Id]})};
handle_cast({sync, Node, Users}, #{nodes_state := Others} = S) -> {noreply, S#{nodes_state := Others#{Node => Users}}}.

sync(#{nodes := Nodes, users := Users} = S) ->
    gen_server:abcast(Nodes, user_list, {sync, node(), Users}),
    S.
