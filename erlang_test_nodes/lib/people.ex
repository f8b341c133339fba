defmodule Conformance.Greeter do
  @moduledoc """
  The greeter of the distributed hello world, stated again from its protocol: registered as
  `DistributedHelloWorld.Greeter` it greets each node that comes up and keeps who greeted it.
  """
  use GenServer

  @name DistributedHelloWorld.Greeter

  def start, do: GenServer.start(__MODULE__, [], name: @name)
  def heard, do: GenServer.call(@name, :heard)

  @impl true
  def init(heard) do
    :ok = :net_kernel.monitor_nodes(true)
    {:ok, heard}
  end

  # Nothing else is understood: a greeting of another shape ends this process.
  @impl true
  def handle_cast({:greet, node}, heard) when is_atom(node), do: {:noreply, [node | heard]}

  @impl true
  def handle_call(:heard, _, heard), do: {:reply, heard, heard}

  @impl true
  def handle_info({:nodeup, node}, heard) do
    GenServer.cast({@name, node}, {:greet, node()})
    {:noreply, heard}
  end

  def handle_info({:nodedown, _}, heard), do: {:noreply, heard}
end

defmodule Conformance.UserList do
  @moduledoc """
  The list of users who are there, stated again from its protocol in both forms. Registered as
  `:user_list`, each node keeps its own users and the last list that each other node sent:

    * `:interval` sends the own list to every node each `every` milliseconds, and keeps what a
      node sent for ever;
    * `:change` sends it when it changes, and to each node that it has not seen before (it looks each
      `every` milliseconds), and forgets the list of a node that is down.
  """
  use GenServer

  @name :user_list

  def start(form, every \\ 3000), do: GenServer.start(__MODULE__, {form, every}, name: @name)
  def stop, do: GenServer.stop(@name)

  def add(user), do: GenServer.cast(@name, {:add_user, user})
  def remove(%{id: id}), do: remove(id)
  def remove(id), do: GenServer.cast(@name, {:remove_user, id})
  def users, do: GenServer.call(@name, :get_users)

  @impl true
  def init({form, every}) do
    {:ok, _} = :timer.send_interval(every, :look)
    {:ok, %{form: form, own: [], theirs: %{}, known: []}}
  end

  @impl true
  def handle_call(:get_users, _, state) do
    everybody = state.own ++ List.flatten(Map.values(state.theirs))
    {:reply, Enum.uniq(everybody), state}
  end

  @impl true
  def handle_cast({:add_user, user}, state), do: {:noreply, changed(state, [user | state.own])}

  # As there, a user without an id ends this process.
  def handle_cast({:remove_user, id}, state),
    do: {:noreply, changed(state, for(user <- state.own, user.id != id, do: user))}

  def handle_cast({:sync, node, users}, state),
    do: {:noreply, put_in(state.theirs[node], users)}

  @impl true
  def handle_info(:look, %{form: :interval} = state) do
    send_to(Node.list(), state.own)
    {:noreply, state}
  end

  def handle_info(:look, state) do
    new = Node.list() -- state.known
    Enum.each(new, &Node.monitor(&1, true))
    send_to(new, state.own)
    {:noreply, %{state | known: new ++ state.known}}
  end

  def handle_info({:nodedown, node}, state),
    do: {:noreply, %{state | known: List.delete(state.known, node), theirs: Map.delete(state.theirs, node)}}

  defp changed(state, own) do
    if state.form == :change, do: send_to(state.known, own)
    %{state | own: own}
  end

  defp send_to(nodes, own), do: GenServer.abcast(nodes, @name, {:sync, node(), own})
end
