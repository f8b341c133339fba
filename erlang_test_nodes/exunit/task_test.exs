defmodule TaskTest do
  @moduledoc "Functions of the target, run as tasks of a Task.Supervisor there."
  use ExUnit.Case

  setup_all do
    target = :target.start(%{})
    on_exit(fn -> :target.stop(target) end)
    assert Node.connect(target.node)
    :ok = GenServer.call({:subject, target.node}, {:tasks, MyApp.Tasks})
    %{node: target.node, tasks: {MyApp.Tasks, target.node}}
  end

  # What a test started is gone before the next looks.
  setup %{tasks: tasks} do
    Until.true?(fn -> Task.Supervisor.children(tasks) == [] end)
    :ok
  end

  test "async and await", %{tasks: tasks, node: node} do
    task = Task.Supervisor.async(tasks, :callable, :echo, [{:ok, "text"}])
    assert node(task.pid) == node
    assert Task.await(task) == {:ok, "text"}
    assert Task.await(Task.Supervisor.async(tasks, :callable, :sleep, [20, :slept])) == :slept
    assert Task.await(Task.Supervisor.async(tasks, :callable, :sum, [10])) == 55
    assert node(Task.await(Task.Supervisor.async(tasks, :callable, :me, []))) == node
    refute_received _
  end

  test "await_many and yield_many", %{tasks: tasks} do
    many = for i <- 1..50, do: Task.Supervisor.async(tasks, :callable, :sleep, [rem(i, 7), i])
    assert Task.await_many(many) == Enum.to_list(1..50)
    [quick, slow] = for ms <- [0, 60_000], do: Task.Supervisor.async_nolink(tasks, :callable, :sleep, [ms, ms])
    assert [{^quick, {:ok, 0}}, {^slow, nil}] = Task.yield_many([quick, slow], 500)
    assert Task.shutdown(slow, :brutal_kill) == nil
    refute_received _
  end

  test "a task that fails ends its caller with it, or tells it", %{tasks: tasks} do
    Process.flag(:trap_exit, true)
    task = Task.Supervisor.async(tasks, :callable, :raise, [:exit, :out])
    assert {:out, {Task, :await, [_, 5000]}} = catch_exit(Task.await(task))
    pid = task.pid
    assert_receive {:EXIT, ^pid, :out}, 30_000

    for {args, check} <- [
          {[:exit, :out], &match?(:out, &1)},
          {[:error, :bad], &match?({:bad, [{:callable, :raise, _, _} | _]}, &1)},
          {[:throw, :ball], &match?({{:nocatch, :ball}, _}, &1)}
        ] do
      assert {:exit, reason} = Task.yield(Task.Supervisor.async_nolink(tasks, :callable, :raise, args), 30_000)
      assert check.(reason)
    end

    assert {:exit, {:undef, [{:callable, :no_such, [], _} | _]}} =
             Task.yield(Task.Supervisor.async_nolink(tasks, :callable, :no_such, []), 30_000)

    refute_received _
  end

  test "a task ends with its caller", %{tasks: tasks} do
    me = self()

    {caller, ref} =
      spawn_monitor(fn ->
        Task.Supervisor.async(tasks, :callable, :wait, [me])
        exit(receive do: (:end -> :because))
      end)

    assert_receive {:waiting, pid}, 30_000
    task = Process.monitor(pid)
    send(caller, :end)
    assert_receive {:DOWN, ^ref, _, _, :because}, 30_000
    assert_receive {:DOWN, ^task, _, _, :because}, 30_000
  end

  test "async_stream", %{tasks: tasks} do
    assert Enum.to_list(Task.Supervisor.async_stream(tasks, 1..40, :callable, :echo, [], max_concurrency: 4)) ==
             for(i <- 1..40, do: {:ok, i})

    stream = Task.Supervisor.async_stream_nolink(tasks, [:throw, :exit, :error], :callable, :raise, [:why])
    assert [exit: {{:nocatch, :why}, _}, exit: :why, exit: {:why, _}] = Enum.to_list(stream)

    unordered = Task.Supervisor.async_stream(tasks, [300, 0], :callable, :sleep, [:x], ordered: false, max_concurrency: 2)
    assert Enum.to_list(unordered) == [ok: :x, ok: :x]

    late = Task.Supervisor.async_stream_nolink(tasks, [60_000], :callable, :sleep, [:x], timeout: 20, on_timeout: :kill_task)
    assert Enum.to_list(late) == [exit: :timeout]
    refute_received _
  end

  test "start_child, children and terminate_child", %{tasks: tasks, node: node} do
    assert {:ok, pid} = Task.Supervisor.start_child(tasks, :callable, :wait, [self()])
    assert node(pid) == node
    assert_receive {:waiting, ^pid}, 30_000
    assert Task.Supervisor.children(tasks) == [pid]
    assert %{active: 1, specs: 1, supervisors: 0, workers: 1} = DynamicSupervisor.count_children(tasks)
    ref = Process.monitor(pid)
    assert Task.Supervisor.terminate_child(tasks, pid) == :ok
    assert_receive {:DOWN, ^ref, _, _, :shutdown}, 30_000
    assert Task.Supervisor.terminate_child(tasks, pid) == {:error, :not_found}
    assert {:ok, quick} = Task.Supervisor.start_child(tasks, :callable, :echo, [:unseen])
    ref = Process.monitor(quick)
    assert_receive {:DOWN, ^ref, _, _, why} when why in [:normal, :noproc], 30_000
    refute_received _
  end

  test "a task that is not told what to do ends, with its owner or after five seconds", %{tasks: tasks} do
    owner = spawn(fn -> receive do: (:end -> :ok) end)
    start = &GenServer.call(tasks, {:start_task, [{node(), &1, &1}, :monitor], :temporary, nil})
    {:ok, orphan} = start.(owner)
    {:ok, untold} = start.(self())
    [first, second] = for pid <- [orphan, untold], do: Process.monitor(pid)
    send(owner, :end)
    assert_receive {:DOWN, ^first, _, _, {:shutdown, :normal}}, 30_000
    assert_receive {:DOWN, ^second, _, _, :timeout}, 30_000
  end

  test "junk ends no supervisor", %{tasks: tasks} do
    for junk <- [{:start_task, :x, nil, nil}, {:start_task, [1 | 2], nil, nil}, {:start_task, [{:a, :b, :c}, :monitor], nil, nil}] do
      send(tasks, junk)
      # A BEAM's supervisor ends with such a call; ours says what is wrong.
      if :target.kind() == :hermod, do: assert({:error, :badarg} = GenServer.call(tasks, junk))
    end

    {:ok, pid} = GenServer.call(tasks, {:start_task, [{node(), self(), self()}, :monitor], :temporary, nil})
    ref = Process.monitor(pid)
    send(pid, {self(), :only, :three})
    send(pid, {make_ref(), ref, self(), [], {:callable, :echo, [:not_the_owner]}})
    send(pid, {self(), ref, self(), [], {:callable, :echo, [:x | :y]}})
    assert_receive {:DOWN, ^ref, _, _, why} when why != :normal, 30_000
    assert Task.await(Task.Supervisor.async(tasks, :callable, :echo, [:still_there])) == :still_there
  end
end
