# Runs the ExUnit files given as arguments on this node; the exit status says whether all passed.

# Adds a line for each file to the file $RESULTS names, as src/counts.erl does for the suites.
defmodule Counts do
  use GenServer

  def init(_), do: {:ok, %{}}

  def handle_cast({:test_finished, %ExUnit.Test{state: state, tags: %{file: file}}}, counts) do
    {:noreply, Map.update(counts, Path.basename(file, ".exs"), add([0, 0, 0], kind(state)), &add(&1, kind(state)))}
  end

  def handle_cast({:suite_finished, _}, counts) do
    lines = for {name, of} <- Enum.sort(counts), do: Enum.join([:target.kind(), name | of], " ") <> "\n"
    File.write!(System.fetch_env!("RESULTS"), lines, [:append])
    {:noreply, counts}
  end

  def handle_cast(_, counts), do: {:noreply, counts}

  defp add(counts, kind), do: List.update_at(counts, kind, &(&1 + 1))

  defp kind(nil), do: 0
  defp kind({skipped, _}) when skipped in [:skipped, :excluded], do: 2
  defp kind(_), do: 1
end

formatters = [ExUnit.CLIFormatter | if(System.get_env("RESULTS"), do: [Counts], else: [])]
ExUnit.start(autorun: false, max_cases: 1, timeout: 120_000, colors: [enabled: false], formatters: formatters)
Logger.configure(level: :none)

# A fact, not a time: looks until it is so.
defmodule Until do
  def true?(fun, what \\ "it"), do: wait(fun, what, System.monotonic_time(:millisecond) + 30_000)

  defp wait(fun, what, deadline) do
    cond do
      value = fun.() ->
        value

      System.monotonic_time(:millisecond) > deadline ->
        raise "#{what} never became true"

      true ->
        receive do
        after
          5 -> wait(fun, what, deadline)
        end
    end
  end
end

for file <- System.argv(), do: Code.require_file(file)
%{failures: failures, total: total} = ExUnit.run()
System.halt(if failures == 0 and total > 0, do: 0, else: 1)
