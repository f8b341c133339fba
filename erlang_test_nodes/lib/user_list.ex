defmodule Presence.UserList do
  @moduledoc """
  Who is there, on all connected nodes; only what changes travels between them.

  A file to copy: it needs nothing else. It takes the place of the server of the same name in "Building Presence feature in Elixir"
  (the same calls, the same registered name), and speaks with Hermod's `user_list`, with others of its own kind, and as the article does with
  servers that know no more than that.

      children = [Presence.UserList]

      Presence.UserList.add_user(%{id: 1, name: "José"})
      Presence.UserList.get_users()
      Presence.UserList.remove_user(1)

  Each list has one writer, its node, who counts its changes: version V is the list after V of them. Changes are sent as the delta
  between two versions; a gap is asked for. Every `interval` one other server is told which version of each list is here, and who has
  less asks for the rest, from whoever has it. What the servers say is described in docs/protocol.md of Hermod.
  """
  use GenServer

  @name :user_list
  # Has the name who understands more than the article's protocol; nothing else is ever sent to it.
  @bell :user_list_delta
  # So many changes of each list are kept for those who missed some.
  @kept 1000
  @pause 20

  ## Client

  @doc "Options: `:interval`, in milliseconds, between two comparisons with others (3000)."
  def start_link(options \\ []), do: GenServer.start_link(__MODULE__, options, name: @name)

  @doc "Adds a user of this node: a map with `:id`."
  def add_user(user), do: GenServer.cast(@name, {:add_user, user})

  @doc "Removes the users of this node with this id."
  def remove_user(%{id: id}), do: remove_user(id)
  def remove_user(id), do: GenServer.cast(@name, {:remove_user, id})

  @doc "The users of all nodes: this one's, the newest first, and the others'."
  def get_users, do: GenServer.call(@name, :get_users)

  ## Server

  @impl true
  def init(options) do
    {:ok, _} = :proc_lib.start_link(__MODULE__, :bell, [self()])
    :ok = :net_kernel.monitor_nodes(true)

    state = %{
      interval: Keyword.get(options, :interval, 3000),
      own: new_list(),
      # the others that speak of changes, by pid; in turns they are told our versions
      members: %{},
      turns: [],
      # the other nodes: :asked, or :syncs when they speak as the article does; what those sent; who watches what
      nodes: %{},
      synced: %{},
      monitors: %{},
      dirty: false,
      flushing: false
    }

    Process.send_after(self(), :tick, state.interval)
    {:ok, Enum.reduce(Node.list(), state, &ask/2)}
  end

  @impl true
  def handle_call(:get_users, _, state) do
    members = for {pid, member} <- state.members, do: {node(pid), ordered(member.list)}
    others = Enum.sort(members ++ Map.to_list(state.synced))
    everybody = Enum.flat_map([{node(), ordered(state.own)} | others], &elem(&1, 1))
    {:reply, Enum.uniq(everybody), state}
  end

  @impl true
  def handle_cast({:add_user, %{id: _} = user}, state), do: changed(state, apply_change(state.own, {:add, user}))

  def handle_cast({:remove_user, %{id: id}}, state), do: handle_cast({:remove_user, id}, state)

  def handle_cast({:remove_user, id}, state) do
    own = apply_change(state.own, {:remove, id})
    if map_size(own.users) == map_size(state.own.users), do: {:noreply, state}, else: changed(state, own)
  end

  def handle_cast({:sync, node, users}, state) when is_list(users) do
    known = Map.has_key?(state.nodes, node)
    member = Enum.any?(Map.keys(state.members), &(node(&1) == node))

    cond do
      member or not known ->
        {:noreply, state}

      Map.has_key?(state.synced, node) ->
        {:noreply, put_in(state.synced[node], users)}

      true ->
        # Its server is new to us, and was not there when it was sent our users.
        state = monitor(state, {@name, node}, {:server, node})
        {:noreply, speak_in_syncs(put_in(state.synced[node], users), node)}
    end
  end

  def handle_cast({:hello, 1, node, pid, version, answer}, state) when node(pid) == node and pid != self() do
    new = not Map.has_key?(state.members, pid)
    state = if new, do: add_member(state, pid), else: state
    state = heard(state, pid, version, pid)
    state = if new or answer, do: put_in(state.members[pid].sent, 0), else: state
    if answer, do: tell(pid, hello(state, false))
    {:noreply, flush_later(state)}
  end

  def handle_cast({:delta, pid, from, to, changes}, state) when length(changes) == to - from do
    case state.members do
      %{^pid => %{list: %{version: version}}} when from > version ->
        want(pid, pid, version)
        {:noreply, state}

      %{^pid => %{list: %{version: version} = list}} when to > version ->
        list = changes |> Enum.drop(version - from) |> Enum.reduce(list, &apply_change(&2, &1))
        {:noreply, put_in(state.members[pid].list, list)}

      _ ->
        {:noreply, state}
    end
  end

  def handle_cast({:full, pid, version, users}, state) when is_list(users) do
    case state.members do
      %{^pid => %{list: list, anew: anew} = member} when version > list.version or anew ->
        users = for {%{id: _} = user, i} <- Enum.with_index(users), reduce: %{}, do: (all -> Map.put_new(all, user, version - i))
        list = %{new_list() | version: version, users: users}
        {:noreply, put_in(state.members[pid], %{member | list: list, anew: false, contradicted: 0})}

      _ ->
        {:noreply, state}
    end
  end

  def handle_cast({:vector, teller, versions}, state) when is_map_key(state.members, teller) do
    state = Enum.reduce(versions, state, fn {pid, version}, state -> heard(state, pid, version, teller) end)
    {:noreply, Enum.reduce(versions, state, &contradicted(&2, teller, &1))}
  end

  def handle_cast({:want, who, lists}, state) when is_map_key(state.members, who) do
    {:noreply, Enum.reduce(lists, state, fn {pid, from}, state -> answer(state, who, pid, from) end)}
  end

  # What a later form of it says, and users without an id.
  def handle_cast(_, state), do: {:noreply, state}

  @impl true
  def handle_info({:nodeup, node}, state), do: {:noreply, ask(node, state)}

  def handle_info({:nodedown, node}, state) do
    state = %{state | nodes: Map.delete(state.nodes, node), synced: Map.delete(state.synced, node)}
    {:noreply, Enum.reduce(Map.keys(state.members), state, &if(node(&1) == node, do: remove_member(&2, &1), else: &2))}
  end

  def handle_info({:DOWN, ref, _, _, reason}, state) do
    {what, monitors} = Map.pop(state.monitors, ref)
    {:noreply, down(%{state | monitors: monitors}, what, reason)}
  end

  def handle_info(:flush, state), do: {:noreply, flush(%{state | flushing: false})}

  def handle_info(:tick, state) do
    Process.send_after(self(), :tick, state.interval)
    state = Enum.reduce(Map.keys(state.members), state, &look_after/2)
    state = Enum.reduce(state.nodes, state, &ask_again/2)
    {:noreply, tell_vector(state)}
  end

  def handle_info(_, state), do: {:noreply, state}

  ## Nodes

  # What it is sent depends on the answer: a hello, or that nobody has the name.
  defp ask(node, state) do
    tell({@bell, node}, hello(state, true))
    monitor(put_in(state.nodes[node], :asked), {@bell, node}, {:bell, node})
  end

  # Whoever has the name and has not answered in two ticks is served as the article's servers are.
  defp ask_again({node, :asked}, state) do
    tell({@bell, node}, hello(state, true))
    put_in(state.nodes[node], :asked_again)
  end

  defp ask_again({node, :asked_again}, state), do: speak_in_syncs(state, node)
  defp ask_again({_, _}, state), do: state

  defp speak_in_syncs(state, node) do
    tell({@name, node}, {:sync, node(), ordered(state.own)})
    put_in(state.nodes[node], :syncs)
  end

  defp monitor(state, process, what), do: put_in(state.monitors[Process.monitor(process)], what)

  # Then nodedown follows, and to ask would be to connect again.
  defp down(state, {what, _}, :noconnection) when what != :member, do: state
  defp down(state, {:member, pid}, :noconnection), do: remove_member(state, pid)

  defp down(state, {:bell, node}, _) do
    case state.nodes do
      %{^node => asked} when asked in [:asked, :asked_again] -> speak_in_syncs(state, node)
      _ -> state
    end
  end

  defp down(state, {:server, node}, _), do: %{state | synced: Map.delete(state.synced, node)}

  defp down(state, {:member, pid}, _) do
    state = remove_member(state, pid)
    if Map.has_key?(state.nodes, node(pid)), do: ask(node(pid), state), else: state
  end

  defp down(state, nil, _), do: state

  defp add_member(state, pid) do
    old = for other <- Map.keys(state.members), node(other) == node(pid), do: other
    state = Enum.reduce(old, monitor(state, pid, {:member, pid}), &remove_member(&2, &1))
    member = %{list: new_list(), sent: 0, heard: 0, teller: pid, overdue: false, anew: false, contradicted: 0}
    state = %{state | synced: Map.delete(state.synced, node(pid)), turns: state.turns ++ [pid]}
    put_in(put_in(state.members[pid], member).nodes[node(pid)], :deltas)
  end

  defp remove_member(state, pid) do
    %{state | members: Map.delete(state.members, pid), turns: List.delete(state.turns, pid)}
  end

  # A node that has just gone is not connected to again for this.
  defp tell(to, message), do: :erlang.send(to, {:"$gen_cast", message}, [:noconnect])

  defp hello(state, answer), do: {:hello, 1, node(), self(), state.own.version, answer}

  ## What is behind

  defp heard(state, pid, version, teller) do
    case state.members do
      %{^pid => member} when version > member.list.version and version > member.heard ->
        put_in(state.members[pid], %{member | heard: version, teller: teller})

      _ ->
        state
    end
  end

  # Twice in a row it says that it has not come as far as what is here: then somebody else spoke for it.
  defp contradicted(state, pid, {pid, version}) do
    member = state.members[pid]
    count = if version < member.list.version, do: member.contradicted + 1, else: 0
    put_in(state.members[pid], %{member | contradicted: count, anew: member.anew or count >= 2})
  end

  defp contradicted(state, _, _), do: state

  # By the second tick after it was heard of it should have come.
  defp look_after(pid, state) do
    member = state.members[pid]

    cond do
      member.anew ->
        want(pid, pid, :all)
        state

      member.heard <= member.list.version ->
        put_in(state.members[pid], %{member | heard: 0, overdue: false})

      member.overdue ->
        want(member.teller, pid, member.list.version)
        put_in(state.members[pid], %{member | heard: 0, overdue: false})

      true ->
        put_in(state.members[pid].overdue, true)
    end
  end

  defp want(whom, pid, version), do: tell(whom, {:want, self(), [{pid, version}]})

  defp answer(state, who, pid, from) when pid == self() do
    if from == :all or from < state.own.version, do: tell(who, since(state.own, pid, from))
    put_in(state.members[who].sent, state.own.version)
  end

  defp answer(state, who, pid, from) do
    case state.members do
      %{^pid => %{list: list, anew: false}} when from == :all or from < list.version ->
        tell(who, since(list, pid, from))

      _ ->
        :ok
    end

    state
  end

  defp tell_vector(%{turns: []} = state), do: state

  defp tell_vector(%{turns: [next | rest]} = state) do
    theirs = for {pid, %{anew: false, list: list}} <- state.members, do: {pid, list.version}
    tell(next, {:vector, self(), [{self(), state.own.version} | theirs]})
    %{state | turns: rest ++ [next]}
  end

  ## What changes

  defp changed(state, own), do: {:noreply, flush_later(%{state | own: own, dirty: true})}

  # What comes together is sent together.
  defp flush_later(%{flushing: true} = state), do: state

  defp flush_later(state) do
    Process.send_after(self(), :flush, @pause)
    %{state | flushing: true}
  end

  defp flush(state) do
    syncs = for {node, :syncs} <- state.nodes, state.dirty, do: node
    sync = if syncs != [], do: {:sync, node(), ordered(state.own)}
    Enum.each(syncs, &tell({@name, &1}, sync))

    members =
      for {pid, member} <- state.members, into: %{} do
        if member.sent < state.own.version, do: tell(pid, since(state.own, self(), member.sent))
        {pid, %{member | sent: state.own.version}}
      end

    %{state | members: members, dirty: false}
  end

  ## Lists: the users with the version that brought them, and the last changes by version

  defp new_list, do: %{version: 0, users: %{}, log: %{}}

  defp apply_change(list, change) do
    version = list.version + 1
    log = list.log |> Map.put(version, change) |> Map.delete(version - @kept)
    %{list | version: version, log: log, users: change_users(list.users, change, version)}
  end

  defp change_users(users, {:add, %{id: _} = user}, version), do: Map.put(users, user, version)
  defp change_users(users, {:remove, id}, _), do: :maps.filter(fn user, _ -> user.id != id end, users)
  defp change_users(users, _, _), do: users

  defp ordered(list) do
    list.users |> Enum.sort_by(&(-elem(&1, 1))) |> Enum.map(&elem(&1, 0))
  end

  # The changes, or the list where that is less or there is no other way.
  defp since(list, pid, from) do
    if from != :all and list.version - from <= map_size(list.users) + 10 and Map.has_key?(list.log, from + 1) do
      {:delta, pid, from, list.version, for(version <- (from + 1)..list.version, do: list.log[version])}
    else
      {:full, pid, list.version, ordered(list)}
    end
  end

  ## The name by which others know that more than the article's protocol is spoken here

  @doc false
  def bell(server) do
    Process.monitor(server)
    take_name()
    :proc_lib.init_ack({:ok, self()})
    ring(server)
  end

  # That of a server which has just ended gives it back.
  defp take_name do
    Process.register(self(), @bell)
  rescue
    ArgumentError ->
      ref = Process.monitor(@bell)

      receive do
        {:DOWN, ^ref, _, _, _} -> take_name()
      end
  end

  defp ring(server) do
    receive do
      {:"$gen_cast", {:hello, _, _, _, _, _} = hello} ->
        GenServer.cast(server, hello)
        ring(server)

      {:DOWN, _, _, ^server, _} ->
        :ok

      _ ->
        ring(server)
    end
  end
end
