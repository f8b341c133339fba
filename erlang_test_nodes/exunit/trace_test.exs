defmodule TraceTest do
  @moduledoc "The session of \"Tracing Function Calls in Elixir\", with Foo.bar/1 on a Hermod node."
  use ExUnit.Case
  @compile {:no_warn_undefined, Foo}

  if :target.kind() != :hermod, do: @moduletag(skip: "there is no tracer")

  # What Logger would show in the shell.
  defmodule Shell do
    def log(%{level: level, msg: {format, args}}, %{config: test}),
      do: send(test, {level, to_string(:io_lib.format(format, args))})

    def log(_, _), do: :ok
  end

  setup do
    target = :target.start(%{})
    on_exit(fn -> :target.stop(target) end)
    assert Node.connect(target.node)
    :logger.set_primary_config(:level, :info)
    :ok = :logger.add_handler(:shell, Shell, %{config: self()})

    on_exit(fn ->
      :logger.remove_handler(:shell)
      Logger.configure(level: :none)
    end)

    %{target: target, node: target.node}
  end

  defp foo_bar(node, name), do: :rpc.call(node, Foo, :bar, [name])

  test "arguments, in the shell and in the log of the node", %{target: target, node: node} do
    assert {:ok, _} = GenServer.call({:tracer, node}, {:trace, &Foo.bar/1, 5})
    assert foo_bar(node, "Buzz") == "Hello, my name is FizzBuzz"
    assert_receive {:info, "Elixir.Foo.bar/1 is being called with: [\"Buzz\"]"}, 30_000
    :target.await_line(target, "Elixir.Foo.bar/1 is being called with: \\[\"Buzz\"\\]$")
    refute_received {:info, "Elixir.Foo.bar/1 returns: " <> _}
  end

  test "what it returns", %{node: node} do
    assert {:ok, _} = GenServer.call({:tracer, node}, {:trace, &Foo.bar/1, 5, return: true})
    assert foo_bar(node, "Buzz") == "Hello, my name is FizzBuzz"
    assert_receive {:info, "Elixir.Foo.bar/1 is being called with: [\"Buzz\"]"}, 30_000
    assert_receive {:info, "Elixir.Foo.bar/1 returns: \"Hello, my name is FizzBuzz\""}, 30_000
  end

  test "recorded and played back", %{node: node} do
    assert {:ok, _} = GenServer.call({:tracer, node}, {:trace, &Foo.bar/1, 5, record: true})
    assert foo_bar(node, "Buzz") == "Hello, my name is FizzBuzz"
    assert [call] = GenServer.call({:tracer, node}, :playback)

    assert %{args: ["Buzz"], arity: 1, datetime: %DateTime{} = datetime, function: :bar, module: Foo, type: :call} = call
    assert Enum.sort(Map.keys(call)) == [:args, :arity, :datetime, :function, :module, :type]
    assert abs(DateTime.diff(DateTime.utc_now(), datetime)) < 60
    assert {:ok, ^datetime, 0} = datetime |> DateTime.to_iso8601() |> DateTime.from_iso8601()
    assert DateTime.add(datetime, 1, :second) |> DateTime.compare(datetime) == :gt
    assert inspect(datetime) =~ ~r/^~U\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}Z\]$/
  end

  test "when the limit trips, tracing ends, and what was recorded stays", %{node: node} do
    assert {:ok, _} = GenServer.call({:tracer, node}, {:trace, &Foo.bar/1, 2, record: true})
    for name <- ["a", "b", "c"], do: foo_bar(node, name)
    assert_receive {:info, "Tracing of &Foo.bar/1 ends after 2 events: limit"}, 30_000
    assert GenServer.call({:tracer, node}, :list) == []
    assert [%{args: ["a"]}, %{args: ["b"]}] = GenServer.call({:tracer, node}, :playback)
  end

  test "a tracer of one's own, as a process", %{node: node} do
    assert {:ok, _} = GenServer.call({:tracer, node}, {:trace, &Foo.bar/1, 5, return: true, handler: self()})
    foo_bar(node, "Buzz")
    assert_receive {:trace, pid, :call, {Foo, :bar, ["Buzz"]}}, 30_000
    assert_receive {:trace, ^pid, :return_from, {Foo, :bar, 1}, "Hello, my name is FizzBuzz"}, 30_000
    refute_received {:info, "Elixir.Foo" <> _}
  end

  test "the shell ends, and its traces with it", %{node: node} do
    {shell, ref} = spawn_monitor(fn -> exit(GenServer.call({:tracer, node}, {:trace, &Foo.bar/1, 5})) end)
    assert_receive {:DOWN, ^ref, :process, ^shell, {:ok, _}}, 30_000
    Until.true?(fn -> GenServer.call({:tracer, node}, :list) == [] end)
  end

  test "there is no trace without limit, and none of what is not there", %{node: node} do
    assert {:error, {:badarg, "a trace needs a limit" <> _}} = GenServer.call({:tracer, node}, {:trace, &Foo.bar/1, []})
    assert GenServer.call({:tracer, node}, {:trace, &Foo.baz/1, 5}) == {:error, :undef}
    assert GenServer.call({:tracer, node}, {:trace, :nobody, 5}) == {:error, :noproc}
  end
end
