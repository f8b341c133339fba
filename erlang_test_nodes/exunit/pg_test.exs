defmodule PgTest do
  @moduledoc "What an Elixir developer types to work with process groups that span the target."
  use ExUnit.Case

  setup_all do
    # Applications start their own scopes; the default one runs when somebody starts it.
    {:ok, pg} = :pg.start(:pg)
    on_exit(fn -> Process.exit(pg, :kill) end)
    :ok
  end

  setup do
    # The daemon has the default scope; a BEAM starts it.
    args = if :target.kind() == :hermod, do: [], else: [~c"-kernel", ~c"start_pg", ~c"true"]
    target = :target.start(%{args: args})
    on_exit(fn -> :target.stop(target) end)
    assert Node.connect(target.node)
    {:ok, there} = GenServer.call({:subject, target.node}, {:spawn, :undefined, false})
    %{node: target.node, target: target, there: there}
  end

  test "a process there is in a group here", %{there: there} do
    assert :ok = GenServer.call(there, {:pg, :pg, {:join, :workers}})
    Until.true?(fn -> :pg.get_members(:workers) == [there] end)
    assert :pg.get_local_members(:workers) == []
    assert :workers in :pg.which_groups()
    GenServer.stop(there)
    Until.true?(fn -> :pg.get_members(:workers) == [] end)
  end

  test "a process here is in a group there", %{node: node} do
    :ok = :pg.join({:room, "lobby"}, self())
    Until.true?(fn -> :rpc.call(node, :pg, :get_members, [{:room, "lobby"}]) == [self()] end)
    assert {:room, "lobby"} in :rpc.call(node, :pg, :which_groups, [])
    :ok = :pg.leave({:room, "lobby"}, self())
    Until.true?(fn -> :rpc.call(node, :pg, :get_members, [{:room, "lobby"}]) == [] end)
  end

  test "a group from afar", %{node: node, there: there} do
    assert :ok = :rpc.call(node, :pg, :join, [:afar, there])
    assert [^there] = :rpc.call(node, :pg, :get_local_members, [:afar])
    Until.true?(fn -> :pg.get_members(:afar) == [there] end)
    assert :ok = :rpc.call(node, :pg, :leave, [:afar, there])
    assert :not_joined = :rpc.call(node, :pg, :leave, [:afar, there])
    assert {:badrpc, {:EXIT, {{:nolocal, _}, _}}} = :rpc.call(node, :pg, :join, [:afar, self()])
  end

  test "broadcast to the members, wherever they are", %{there: there} do
    :ok = GenServer.call(there, {:report, self()})
    :ok = GenServer.call(there, {:pg, :pg, {:join, :topic}})
    :ok = :pg.join(:topic, self())
    Until.true?(fn -> length(:pg.get_members(:topic)) == 2 end)
    for pid <- :pg.get_members(:topic), do: send(pid, {:news, "hello"})
    assert_receive {:news, "hello"}, 30_000
    assert_receive {:subject, ^there, {:info, {:news, "hello"}}}, 30_000
    :pg.leave(:topic, self())
  end

  test "monitor tells of joins and leaves there", %{node: node, there: there} do
    {ref, []} = :pg.monitor(:watched)
    :ok = GenServer.call(there, {:pg, :pg, {:join, :watched}})
    assert_receive {^ref, :join, :watched, [^there]}, 30_000
    Process.exit(there, :kill)
    assert_receive {^ref, :leave, :watched, [^there]}, 30_000
    :pg.demonitor(ref)
    assert node in Node.list()
  end

  test "members go with their node", %{target: target, there: there} do
    :ok = GenServer.call(there, {:pg, :pg, {:join, :mortal}})
    {ref, members} = :pg.monitor(:mortal)
    if members == [], do: assert_receive({^ref, :join, :mortal, [^there]}, 30_000)
    :target.kill(target)
    assert_receive {^ref, :leave, :mortal, [^there]}, 30_000
    assert :pg.get_members(:mortal) == []
    :pg.demonitor(ref)
  end

  test "a scope of one's own, as Phoenix.PubSub has it", %{node: node, there: there} do
    scope = Phoenix.PubSub
    {:ok, pid} = :pg.start(scope)
    {:ok, _} = :rpc.call(node, :pg, :start, [scope])
    group = Module.concat(MyApp.PubSub, Adapter)
    :ok = :pg.join(scope, group, self())
    :ok = :rpc.call(node, :pg, :join, [scope, group, there])
    Until.true?(fn -> Enum.sort(:pg.get_members(scope, group)) == Enum.sort([self(), there]) end)
    Until.true?(fn -> length(:rpc.call(node, :pg, :get_members, [scope, group])) == 2 end)
    assert :pg.get_members(group) == []
    GenServer.stop(pid)
    Until.true?(fn -> :rpc.call(node, :pg, :get_members, [scope, group]) == [there] end)
  end
end
