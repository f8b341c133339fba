defmodule IOTest do
  @moduledoc "IO of Elixir below a device of the target, and functions of the target that print here."
  use ExUnit.Case

  setup_all do
    target = :target.start(%{})
    on_exit(fn -> :target.stop(target) end)
    true = Node.connect(target.node)
    %{node: target.node}
  end

  defp device(node, input) do
    {:ok, pid} = GenServer.call({:device, node}, {:open, input})
    pid
  end

  defp text(device), do: GenServer.call({:device, node(device)}, {:text, device})

  # What fun returns, with the device as its group leader.
  defp below(device, fun) do
    {pid, ref} =
      spawn_monitor(fn ->
        Process.group_leader(self(), device)
        exit({:done, fun.()})
      end)

    assert_receive {:DOWN, ^ref, :process, ^pid, {:done, value}}, 30_000
    value
  end

  defp printed(node, fun) do
    device = device(node, "")
    below(device, fun)
    text(device)
  end

  test "IO.puts, IO.write and IO.inspect", %{node: node} do
    assert printed(node, fn -> IO.puts("héllo €") end) == "héllo €\n"
    assert printed(node, fn -> IO.puts(:an_atom) end) == "an_atom\n"
    assert printed(node, fn -> IO.puts([?a, "b", ["c" | "d"]]) end) == "abcd\n"
    assert printed(node, fn -> IO.write("no end") end) == "no end"
    assert printed(node, fn -> IO.inspect(%{a: [1, "x", nil]}, label: "it") end) == "it: %{a: [1, \"x\", nil]}\n"

    assert printed(node, fn -> for(i <- 1..3, do: i) |> Enum.each(&IO.puts/1) end) == "1\n2\n3\n"
  end

  test "Erlang's own :io.format", %{node: node} do
    assert printed(node, fn -> :io.format("~p ~ts~n", [%{a: 1}, "é"]) end) == "\#{a => 1} é\n"
    assert printed(node, fn -> :io.fwrite("~s ~w", ["x", ~c"ab"]) end) == "x [97,98]"
  end

  test "IO.gets and IO.read take lines", %{node: node} do
    device = device(node, "one\ntwo\nthree")

    lines =
      below(device, fn ->
        :ok = :io.setopts(binary: true)
        [IO.gets(""), IO.read(:line), IO.gets(""), IO.gets("")]
      end)

    # A file of a BEAM gives lists or binaries as it was opened
    assert Enum.map(lines, fn line -> if is_list(line), do: to_string(line), else: line end) ==
             ["one\n", "two\n", "three", :eof]
  end

  test "Enum functions over IO.stream", %{node: node} do
    device = device(node, "b\na\nc\n")
    assert below(device, fn -> IO.stream(device, :line) |> Enum.map(&String.trim(to_string(&1))) end) == ~w(b a c)
  end

  test "IO to a device that has ended raises", %{node: node} do
    device = device(node, "")
    ref = Process.monitor(device)
    Process.exit(device, :kill)
    assert_receive {:DOWN, ^ref, _, _, :killed}, 30_000
    assert_raise ErlangError, ~r/terminated/, fn -> IO.puts(device, "x") end
  end

  test "functions that are called there print here", %{node: node} do
    {:ok, here} = StringIO.open("typed here\n")

    value =
      below(here, fn ->
        [
          :rpc.call(node, :io, :format, ["~p~n", [:called]]),
          :rpc.call(node, :io, :get_line, [""]),
          :erpc.call(node, :io, :put_chars, ["erpc\n"])
        ]
      end)

    assert value == [:ok, "typed here\n", :ok]
    assert StringIO.contents(here) == {"", "called\nerpc\n"}
  end
end
