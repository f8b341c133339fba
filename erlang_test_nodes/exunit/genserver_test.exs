defmodule GenServerTest do
  @moduledoc "A server on the target, as GenServer shows it."
  use ExUnit.Case

  setup_all do
    target = :target.start(%{})
    on_exit(fn -> :target.stop(target) end)
    assert Node.connect(target.node)
    %{node: target.node}
  end

  setup %{node: node} do
    {:ok, pid} = GenServer.call({:subject, node}, {:spawn, :undefined, false})
    %{pid: pid}
  end

  test "call with Elixir's data", %{node: node} do
    for term <- ["text", "ünïcode 日本", :atom, nil, true, false, ~c"charlist", %{a: 1, b: [c: 2]}, {:ok, "x"}, 1.5, -7,
                 [a: 1, b: 2], MapSet.new([1, 2]), ~D[2024-02-29], 1..3, URI.parse("http://x/"), GenServer,
                 String.duplicate("x", 100_000), Enum.to_list(1..1000), self(), make_ref(), &String.length/1] do
      assert GenServer.call({:subject, node}, {:echo, term}) == term
    end
  end

  test "a name that is not there exits with noproc", %{node: node} do
    assert {:noproc, {GenServer, :call, [{:nobody, ^node}, :x, 5000]}} = catch_exit(GenServer.call({:nobody, node}, :x))
  end

  test "a timeout exits with timeout, and the reply does not come later", %{node: node, pid: pid} do
    assert {:timeout, {GenServer, :call, _}} = catch_exit(GenServer.call(pid, {:hold, :slow}, 20))
    Until.true?(fn -> GenServer.call(pid, {:release, :slow, :late}) == :ok end)
    assert GenServer.call({:subject, node}, {:send, self(), :after_it}) == :ok
    assert_receive :after_it, 30_000
    refute_received _
  end

  test "a node that is not there exits with nodedown", %{node: node} do
    [_, host] = node |> to_string() |> String.split("@")
    gone = :"not_there@#{host}"
    assert {{:nodedown, ^gone}, {GenServer, :call, _}} = catch_exit(GenServer.call({:subject, gone}, :x))
  end

  test "a server that stops while called exits with its reason", %{pid: pid} do
    assert {:because, {GenServer, :call, _}} = catch_exit(GenServer.call(pid, {:stop, :because}))
  end

  test "cast and send arrive in order", %{pid: pid} do
    for i <- 1..500, do: if(rem(i, 2) == 0, do: GenServer.cast(pid, i), else: send(pid, i))
    expected = for i <- 1..500, do: {if(rem(i, 2) == 0, do: :cast, else: :info), i}
    assert GenServer.call(pid, :events) == expected
  end

  test "cast and send to nobody are silent", %{node: node} do
    assert GenServer.cast({:nobody, node}, :x) == :ok
    assert send({:nobody, node}, :x) == :x
    refute_received _
  end

  test "stop, with and without a reason", %{node: node, pid: pid} do
    ref = Process.monitor(pid)
    assert GenServer.stop(pid) == :ok
    assert_receive {:DOWN, ^ref, :process, ^pid, :normal}, 30_000
    {:ok, pid} = GenServer.call({:subject, node}, {:spawn, MyApp.Worker, false})
    ref = Process.monitor(pid)
    assert GenServer.stop({MyApp.Worker, node}, {:shutdown, :bye}) == :ok
    assert_receive {:DOWN, ^ref, :process, ^pid, {:shutdown, :bye}}, 30_000
    assert {:noproc, {GenServer, :stop, _}} = catch_exit(GenServer.stop({MyApp.Worker, node}))
  end

  test "a name that is an Elixir module", %{node: node} do
    {:ok, pid} = GenServer.call({:subject, node}, {:spawn, MyApp.Named, false})
    assert GenServer.call({MyApp.Named, node}, {:echo, "named"}) == "named"
    assert GenServer.whereis({MyApp.Named, node}) == {MyApp.Named, node}
    assert :rpc.call(node, :erlang, :whereis, [MyApp.Named]) == pid
    GenServer.stop(pid)
  end

  test "multi_call and abcast", %{node: node} do
    assert GenServer.multi_call([node], :subject, {:echo, 1}) == {[{node, 1}], []}
    assert GenServer.multi_call([node], :nobody, {:echo, 1}) == {[], [node]}
    {:ok, pid} = GenServer.call({:subject, node}, {:spawn, :abcast_me, false})
    :ok = GenServer.call(pid, {:report, self()})
    assert GenServer.abcast([node], :abcast_me, "hello") == :abcast
    assert_receive {:subject, ^pid, {:cast, "hello"}}, 30_000
    GenServer.stop(pid)
  end

  test "many tasks call at the same time", %{node: node} do
    1..200
    |> Task.async_stream(fn i -> {i, GenServer.call({:subject, node}, {:echo, i})} end, max_concurrency: 50, timeout: 30_000)
    |> Enum.each(fn {:ok, {i, answer}} -> assert answer == i end)
  end

  test ":sys", %{pid: pid} do
    assert :sys.get_state(pid) == {:subject_state, 0}
    assert {:status, ^pid, {:module, _}, [_, :running, _, _, _]} = :sys.get_status(pid)
    assert :sys.suspend(pid) == :ok
    assert :sys.resume(pid) == :ok
    assert_raise ErlangError, fn -> :sys.replace_state(pid, fn _ -> raise "no" end) end
    assert :sys.get_state(pid) == {:subject_state, 0}
  end

  test "the subject calls a GenServer of ours", %{pid: pid} do
    {:ok, agent} = Agent.start_link(fn -> 42 end, name: __MODULE__.Answer)
    get = {:get, {:erlang, :hd, []}}
    Agent.update(agent, fn _ -> [:the_head] end)
    assert GenServer.call(pid, {:call, {__MODULE__.Answer, node()}, get, 30_000}, 60_000) == {:ok, :the_head}
    assert GenServer.call(pid, {:call, {:nobody, node()}, get, 30_000}, 60_000) == {:error, :noproc}
  end
end
