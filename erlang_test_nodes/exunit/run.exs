# Runs the ExUnit files given as arguments on this node; the exit status says whether all passed.
ExUnit.start(autorun: false, max_cases: 1, timeout: 120_000, colors: [enabled: false])
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
