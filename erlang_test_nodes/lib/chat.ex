defmodule Conformance.Chat.Server do
  @moduledoc """
  The room as the ex_messenger exercise has it, stated again from its protocol: registered as
  `:message_server`, users are nicks with the node they connected from, and a user leaves only
  by saying so. It is what Hermod's own room and client are compared with.
  """
  use GenServer

  def start, do: GenServer.start(__MODULE__, nil, name: :message_server)

  @impl true
  def init(_), do: {:ok, %{}}

  @impl true
  def handle_call({:connect, nick}, {pid, _}, users) do
    cond do
      to_string(nick) == "server" ->
        {:reply, :nick_not_allowed, users}

      Map.has_key?(users, nick) ->
        {:reply, :nick_in_use, users}

      true ->
        users = Map.put(users, nick, node(pid))
        announce(nick, "has joined")
        {:reply, {:ok, users |> Map.keys() |> Enum.join(":")}, users}
    end
  end

  def handle_call({:disconnect, nick}, {pid, _}, users) do
    case users do
      %{^nick => home} when home == node(pid) ->
        announce(nick, "has left")
        {:reply, :ok, Map.delete(users, nick)}

      %{^nick => _} ->
        {:reply, :not_allowed, users}

      _ ->
        {:reply, :user_not_found, users}
    end
  end

  @impl true
  def handle_cast({:say, nick, text}, users) do
    for {other, home} <- users, other != nick, do: tell(home, nick, text)
    {:noreply, users}
  end

  def handle_cast({:private_message, nick, to, text}, users) do
    with %{^to => home} <- users, do: tell(home, nick, text)
    {:noreply, users}
  end

  def handle_cast({:list_users, nick}, users) do
    text = "users: " <> (users |> Map.keys() |> Enum.join(", "))
    with %{^nick => home} <- users, do: tell(home, "server", text)
    {:noreply, users}
  end

  # The room talks to itself: the announcement is delivered after the reply.
  defp announce(nick, what), do: GenServer.cast(self(), {:say, nick, "* #{nick} #{what} *"})

  defp tell(home, nick, text), do: GenServer.cast({:message_handler, home}, {:message, nick, text})
end

defmodule Conformance.Chat.Client do
  @moduledoc """
  The exercise's client without its terminal: a GenServer registered as `:message_handler` that takes
  what the room sends, one per node, and the functions with which a user talks to the room.
  """
  use GenServer

  @doc "Starts the handler, in the place of one that runs; what it hears is kept for `heard/0`."
  def restart(server) do
    if pid = Process.whereis(:message_handler), do: GenServer.stop(pid)
    GenServer.start(__MODULE__, server, name: :message_handler)
  end

  def connect({server, nick}), do: GenServer.call({:message_server, server}, {:connect, nick})
  def disconnect({server, nick}), do: GenServer.call({:message_server, server}, {:disconnect, nick})
  def say({server, nick}, text), do: GenServer.cast({:message_server, server}, {:say, nick, text})
  def list_users({server, nick}), do: GenServer.cast({:message_server, server}, {:list_users, nick})

  def private_message({server, nick}, to, text),
    do: GenServer.cast({:message_server, server}, {:private_message, nick, to, text})

  @doc "Everything heard so far, oldest first: `{nick, text}`."
  def heard, do: GenServer.call(:message_handler, :heard)
  def forget, do: GenServer.call(:message_handler, :forget)

  @impl true
  def init(server), do: {:ok, {server, []}}

  # The clause of the exercise: a binary, or this client dies of it.
  @impl true
  def handle_cast({:message, nick, text}, {server, heard}) do
    {:noreply, {server, [{nick, String.trim_trailing(text)} | heard]}}
  end

  @impl true
  def handle_call(:heard, _, {_, heard} = state), do: {:reply, Enum.reverse(heard), state}
  def handle_call(:forget, _, {server, _}), do: {:reply, :ok, {server, []}}
end
