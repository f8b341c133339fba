defmodule ChatTest do
  @moduledoc """
  The chat of the exercise with three Elixir clients on three nodes. The room is the exercise's own server
  on a BEAM (target beam) or Hermod's message_server (target hermod).
  """
  use ExUnit.Case
  alias Conformance.Chat.Client

  setup_all do
    peers = 1..3 |> Enum.map(fn _ -> Task.async(fn -> :target.start_peer() end) end) |> Task.await_many(60_000)
    on_exit(fn -> Enum.each(peers, &:target.stop/1) end)
    for peer <- peers, do: assert(Node.connect(peer.node))
    %{nodes: Enum.map(peers, & &1.node)}
  end

  # A new room for each test, and clients that have heard nothing.
  setup %{nodes: nodes} do
    target = :target.start(%{subject: false})
    on_exit(fn -> :target.stop(target) end)
    assert Node.connect(target.node)
    if target.kind == :beam, do: {:ok, _} = :erpc.call(target.node, Conformance.Chat.Server, :start, [])
    for node <- nodes, do: {:ok, _} = :erpc.call(node, Client, :restart, [target.node])
    %{room: target.node}
  end

  defp user(node, function, args), do: :erpc.call(node, Client, function, args)
  defp join(room, node, nick), do: user(node, :connect, [{room, nick}])
  defp say(room, node, nick, text), do: user(node, :say, [{room, nick}, text])
  defp heard(node), do: user(node, :heard, [])
  defp hears(node, what), do: Until.true?(fn -> what in heard(node) end, "#{inspect(what)} at #{node}: #{inspect(heard(node))}")
  defp users(list), do: list |> String.split(":") |> Enum.sort()

  # What was said before has been delivered to everybody when this has: the room keeps the order.
  defp settle(room, nodes_and_nicks) do
    [{from_node, from} | others] = nodes_and_nicks
    mark = "mark #{System.unique_integer()}"
    say(room, from_node, from, mark)
    for {node, _} <- others, do: hears(node, {from, mark})
    mark
  end

  test "three users join, are told of each other, and talk", %{room: room, nodes: [a, b, c]} do
    assert join(room, a, "ann") == {:ok, "ann"}
    assert {:ok, list} = join(room, b, "bob")
    assert users(list) == ["ann", "bob"]
    hears(a, {"bob", "* bob has joined *"})
    assert {:ok, list} = join(room, c, "cat")
    assert users(list) == ["ann", "bob", "cat"]
    hears(a, {"cat", "* cat has joined *"})
    hears(b, {"cat", "* cat has joined *"})

    say(room, a, "ann", "hello all")
    hears(b, {"ann", "hello all"})
    hears(c, {"ann", "hello all"})
    # nobody hears himself, and nothing else was said
    settle(room, [{b, "bob"}, {a, "ann"}, {c, "cat"}])
    assert [{"bob", "* bob has joined *"}, {"cat", "* cat has joined *"}, {"bob", "mark" <> _}] = heard(a)
    assert [{"cat", "* cat has joined *"}, {"ann", "hello all"}] = heard(b)
  end

  test "private messages reach one user only", %{room: room, nodes: [a, b, c]} do
    for {node, nick} <- [{a, "ann"}, {b, "bob"}, {c, "cat"}], do: assert({:ok, _} = join(room, node, nick))
    user(a, :private_message, [{room, "ann"}, "cat", "psst"])
    hears(c, {"ann", "psst"})
    user(a, :private_message, [{room, "ann"}, "nobody", "lost"])
    settle(room, [{a, "ann"}, {b, "bob"}, {c, "cat"}])
    refute {"ann", "psst"} in heard(b)
    assert Enum.count(heard(c), &(&1 == {"ann", "psst"})) == 1
  end

  test "the list of users comes from the server", %{room: room, nodes: [a, b, c]} do
    for {node, nick} <- [{a, "ann"}, {b, "bob"}, {c, "cat"}], do: assert({:ok, _} = join(room, node, nick))
    user(b, :list_users, [{room, "bob"}])
    {"server", "users: " <> list} = Until.true?(fn -> Enum.find(heard(b), &match?({"server", _}, &1)) end)
    assert list |> String.split(", ") |> Enum.sort() == ["ann", "bob", "cat"]
    settle(room, [{b, "bob"}, {a, "ann"}, {c, "cat"}])
    refute Enum.any?(heard(a), &match?({"server", _}, &1))
  end

  test "who may join and leave", %{room: room, nodes: [a, b, _]} do
    assert join(room, a, "server") == :nick_not_allowed
    assert join(room, a, :server) == :nick_not_allowed
    assert {:ok, _} = join(room, a, "ann")
    assert join(room, b, "ann") == :nick_in_use
    assert join(room, a, "ann") == :nick_in_use
    assert user(b, :disconnect, [{room, "ann"}]) == :not_allowed
    assert user(b, :disconnect, [{room, "bob"}]) == :user_not_found
    assert user(a, :disconnect, [{room, "ann"}]) == :ok
    assert user(a, :disconnect, [{room, "ann"}]) == :user_not_found
    assert join(room, b, "ann") == {:ok, "ann"}
  end

  test "leaving is announced, and who left hears nothing more", %{room: room, nodes: [a, b, c]} do
    for {node, nick} <- [{a, "ann"}, {b, "bob"}, {c, "cat"}], do: assert({:ok, _} = join(room, node, nick))
    assert user(a, :disconnect, [{room, "ann"}]) == :ok
    hears(b, {"ann", "* ann has left *"})
    hears(c, {"ann", "* ann has left *"})
    before = heard(a)
    settle(room, [{b, "bob"}, {c, "cat"}])
    # a message to the one who left would have been sent before the answer to this
    assert {:ok, _} = join(room, a, "ann")
    assert heard(a) -- before == []
    settle(room, [{b, "bob"}, {a, "ann"}, {c, "cat"}])
  end

  test "a nick may be an atom or a charlist", %{room: room, nodes: [a, b, c]} do
    assert {:ok, _} = join(room, a, "ann")
    assert {:ok, list} = join(room, b, :bob)
    assert users(list) == ["ann", "bob"]
    assert {:ok, list} = join(room, c, ~c"cat")
    assert users(list) == ["ann", "bob", "cat"]
    Until.true?(fn -> Enum.any?(heard(a), fn {nick, text} -> to_string(nick) == "bob" and text == "* bob has joined *" end) end)
    Until.true?(fn -> Enum.any?(heard(a), fn {nick, text} -> to_string(nick) == "cat" and text == "* cat has joined *" end) end)
    say(room, b, :bob, "as an atom")
    Until.true?(fn -> Enum.any?(heard(a), fn {nick, text} -> to_string(nick) == "bob" and text == "as an atom" end) end)
    assert user(b, :disconnect, [{room, :bob}]) == :ok
  end

  test "several users of one node", %{room: room, nodes: [a, b, _]} do
    assert {:ok, _} = join(room, a, "one")
    assert {:ok, _} = join(room, a, "two")
    assert {:ok, _} = join(room, b, "bob")
    say(room, b, "bob", "to both")
    Until.true?(fn -> Enum.count(heard(a), &(&1 == {"bob", "to both"})) == 2 end)
  end

  test "text of every kind arrives as it was", %{room: room, nodes: [a, b, _]} do
    assert {:ok, _} = join(room, a, "ann")
    assert {:ok, _} = join(room, b, "bob")

    for text <- ["ünïcode 日本 🎉", "a: b> c", "* star *", String.duplicate("long ", 500) <> "end"] do
      say(room, a, "ann", text)
      hears(b, {"ann", text})
    end
  end

  test "fifty users on three nodes", %{room: room, nodes: nodes} do
    people = for i <- 1..50, do: {Enum.at(nodes, rem(i, 3)), "user#{i}"}
    for {node, nick} <- people, do: assert({:ok, _} = join(room, node, nick))
    for node <- nodes, do: user(node, :forget, [])
    [{node, nick} | _] = people
    say(room, node, nick, "everybody?")

    Until.true?(fn ->
      nodes |> Enum.map(fn n -> Enum.count(heard(n), &(&1 == {nick, "everybody?"})) end) |> Enum.sum() == 49
    end)

    # one more message to be sure that there were not fifty
    [{_, _}, {other, other_nick} | _] = people
    say(room, other, other_nick, "done")

    Until.true?(fn ->
      nodes |> Enum.map(fn n -> Enum.count(heard(n), &(&1 == {other_nick, "done"})) end) |> Enum.sum() == 49
    end)

    assert nodes |> Enum.map(fn n -> Enum.count(heard(n), &(&1 == {nick, "everybody?"})) end) |> Enum.sum() == 49
  end

  if :target.kind() == :hermod do
    describe "what the exercise's own server lacks" do
      test "a user whose node dies has left, and the nick is free", %{room: room, nodes: [_, b, c]} do
        p = %{node: a} = :target.start_peer()
        assert Node.connect(a)
        {:ok, _} = :erpc.call(a, Client, :restart, [room])
        for {node, nick} <- [{a, "ann"}, {b, "bob"}, {c, "cat"}], do: assert({:ok, _} = join(room, node, nick))
        :target.kill(p)
        hears(b, {"ann", "* ann has left *"})
        hears(c, {"ann", "* ann has left *"})
        assert {:ok, list} = join(room, b, "ann")
        assert users(list) == ["ann", "bob", "cat"]
      end

      # Nodes of its own, which do not mend or cut what they hear is partitioned: the others need their connections.
      test "a user whose connection ends has left", %{room: room} do
        args = [~c"-kernel", ~c"prevent_overlapping_partitions", ~c"false"]
        peers = for _ <- 1..2, do: :target.start_peer(%{args: args})
        on_exit(fn -> Enum.each(peers, &:target.stop/1) end)
        [a, b] = for peer <- peers, do: peer.node
        for node <- [a, b], do: {:ok, _} = :erpc.call(node, Client, :restart, [room])
        assert {:ok, _} = join(room, a, "ann")
        assert {:ok, _} = join(room, b, "bob")
        assert :erpc.call(a, :erlang, :disconnect_node, [room])
        hears(b, {"ann", "* ann has left *"})
        assert join(room, a, "ann") |> elem(0) == :ok
      end

      test "nothing that moves a cursor reaches another terminal", %{room: room, nodes: [a, b, _]} do
        assert {:ok, _} = join(room, a, "ann")
        assert {:ok, _} = join(room, b, "bob")
        say(room, a, "ann", "\e[2Jboo\a\r\x00\x9b1m")
        {_, text} = Until.true?(fn -> Enum.find(heard(b), fn {_, text} -> text =~ "boo" end) end)
        refute text =~ ~r/[\x00-\x08\x0b-\x1f\x7f]/
        case join(room, a, "evil\e[2J") do
          {:ok, list} -> refute list =~ "\e"
          refused -> assert is_atom(refused)
        end
        Until.true?(fn -> Enum.all?(heard(b), fn {nick, text} -> not (nick <> text =~ "\e") end) end)
      end

      test "limits: nicks and messages too long harm nobody", %{room: room, nodes: [a, b, _]} do
        assert {:ok, _} = join(room, b, "bob")
        assert join(room, a, String.duplicate("x", 5000)) |> is_atom()
        assert join(room, a, "") |> is_atom()
        assert {:ok, _} = join(room, a, "ann")
        say(room, a, "ann", String.duplicate("x", 1_000_000))
        say(room, a, "ann", "still here")
        hears(b, {"ann", "still here"})
        refute Enum.any?(heard(b), fn {_, text} -> byte_size(text) > 100_000 end)
      end

      test "what no client would send is not the end of the room", %{room: room, nodes: [a, b, _]} do
        assert {:ok, _} = join(room, b, "bob")
        for message <- [:what, {:say, 1, 2}, {:say, "bob"}, {:message, "x", "y"}, {:private_message, 1, 2, 3}, {:list_users, %{}}],
            do: GenServer.cast({:message_server, room}, message)
        send({:message_server, room}, :hello)

        try do
          GenServer.call({:message_server, room}, {:hold, :on}, 200)
        catch
          :exit, _ -> :not_answered
        end

        assert {:ok, _} = join(room, a, "ann")
        hears(b, {"ann", "* ann has joined *"})
      end
    end
  end
end
