defmodule NodeTest do
  @moduledoc "What Node, Process and :net_kernel show of the target in an Elixir node."
  use ExUnit.Case

  setup do
    target = :target.start(%{})
    on_exit(fn -> :target.stop(target) end)
    %{target: target, node: target.node}
  end

  test "Node.connect and Node.list", %{node: node} do
    assert Node.connect(node) == true
    assert node in Node.list()
    assert node in Node.list(:visible)
    assert node in Node.list(:connected)
    refute node in Node.list(:hidden)
    assert Node.disconnect(node) == true
    refute node in Node.list()
  end

  test "Node.ping", %{node: node} do
    assert Node.ping(node) == :pong
    [_, host] = node |> to_string() |> String.split("@")
    assert Node.ping(:"not_there@#{host}") == :pang
  end

  test "Node.monitor tells of the end, once", %{target: target, node: node} do
    assert Node.ping(node) == :pong
    Node.monitor(node, true)
    :target.kill(target)
    assert_receive {:nodedown, ^node}, 30_000
    refute_received {:nodedown, ^node}
    Until.true?(fn -> node not in Node.list() end)
  end

  test "monitor_nodes tells of the coming and going", %{target: target, node: node} do
    :ok = :net_kernel.monitor_nodes(true, node_type: :visible)
    assert Node.connect(node)
    assert_receive {:nodeup, ^node, _}, 30_000
    assert :target.shutdown(target) == 0
    assert_receive {:nodedown, ^node, _}, 30_000
    :net_kernel.monitor_nodes(false, node_type: :visible)
  end

  test "Process.monitor and Process.exit on a process there", %{node: node} do
    {:ok, pid} = GenServer.call({:subject, node}, {:spawn, :undefined, false})
    ref = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}, 30_000
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, :noproc}, 30_000
    ref = Process.monitor({:nobody, node})
    assert_receive {:DOWN, ^ref, :process, {:nobody, ^node}, :noproc}, 30_000
  end

  test "Process.link with a process there", %{node: node} do
    Process.flag(:trap_exit, true)
    {:ok, pid} = GenServer.call({:subject, node}, {:spawn, :undefined, false})
    assert Process.link(pid)
    GenServer.cast(pid, {:stop, {:shutdown, :done}})
    assert_receive {:EXIT, ^pid, {:shutdown, :done}}, 30_000
  end

  test ":rpc and :erpc", %{node: node} do
    assert :rpc.call(node, :erlang, :node, []) == node
    assert :erpc.call(node, :erlang, :node, []) == node
    assert :subject in :rpc.call(node, :erlang, :registered, [])
    assert {:badrpc, {:EXIT, {:undef, _}}} = :rpc.call(node, NoSuch.Module, :f, [])
    assert_raise ErlangError, fn -> :erpc.call(node, NoSuch.Module, :f, []) end
  end

  test ":global.sync returns at once", %{node: node} do
    assert Node.connect(node)
    task = Task.async(fn -> :global.sync() end)
    assert {:ok, :ok} = Task.yield(task, 5_000) || Task.shutdown(task)
  end

  test "Node.spawn of a function that is not there ends with undef", %{node: node} do
    {pid, ref} = Node.spawn_monitor(node, NoSuch.Module, :f, [])
    assert_receive {:DOWN, ^ref, :process, ^pid, {:undef, _}}, 30_000
  end
end
