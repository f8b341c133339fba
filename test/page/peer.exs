# A BEAM node with something to show: members of groups, subscribers, presences, users, a chat, and traffic. Some of the names are hostile.
[target, role] = System.argv()
node = String.to_atom(target)
true = Node.connect(node)

idle = fn -> spawn(fn -> Process.sleep(:infinity) end) end
{:ok, _} = :pg.start(:pg)

if role == "main" do
  for _ <- 1..5, do: :pg.join({:worker, :thumbnails}, idle.())
  for _ <- 1..2, do: :pg.join({:worker, :mail}, idle.())
  :pg.join("<img src=x onerror=alert(1)>", idle.())

  for {topic, count} <- [{"room:lobby", 12}, {"room:42", 3}, {"orders.*", 2}, {"</script><script>document.title='owned'</script>", 1}],
      _ <- 1..count,
      do: :ok = GenServer.call({:pubsub, node}, {:subscribe, topic, idle.()})

  for {user, topic} <- [{"ann", "room:lobby"}, {"bob", "room:lobby"}, {"carol", "room:42"}, {"<b>eve</b>", "room:42"}],
      do: {:ok, _} = GenServer.call({MyAppWeb.Presence, node}, {:track, idle.(), topic, user, %{}})

  GenServer.cast({:user_list, node}, {:add_user, %{id: 1, name: "Ann"}})
  GenServer.cast({:user_list, node}, {:add_user, %{id: 2, name: "<script>alert(1)</script>"}})
  {:ok, _} = GenServer.call({:message_server, node}, {:connect, "ann"})
  {:ok, _} = GenServer.call({:message_server, node}, {:connect, "bob"})
end

IO.puts("loaded")

traffic = fn traffic, n ->
  GenServer.cast({:message_server, node}, {:say, "ann", String.duplicate("hello ", 10)})
  GenServer.call({:pubsub, node}, {:publish, "room:lobby", :binary.copy("x", rem(n * 137, 800))})
  Process.sleep(10 + rem(n * 7, 20))
  traffic.(traffic, n + 1)
end

if role == "main", do: traffic.(traffic, 0), else: Process.sleep(:infinity)
