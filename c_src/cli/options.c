/*
 * The table.
 *
 * The help texts are written for the person who reads --help: a sentence or two, what it is for before what
 * it does.
 */
#include "cli/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/log_setting.h"
#include "services/services.h"

#define FIELD(member) .field = offsetof(struct settings, member)

const struct option option_table[] = {
    /* ---- name and cookie ---- */
    {"sname", "NAME", KIND_TEXT, GROUP_NAME, IN_NODES, FIELD(sname),
     .help = "Short name of this node: NAME, or NAME@HOST where HOST has no dot. Nodes with short names "
             "and nodes with long names cannot talk to each other."},
    {"name", "NAME@HOST", KIND_TEXT, GROUP_NAME, IN_NODES, FIELD(name),
     .help = "Long name of this node: HOST is a full domain name or an IP address. NAME alone takes the "
             "domain name of this machine."},
    {"cookie", "COOKIE", KIND_TEXT, GROUP_NAME, IN_NODES, FIELD(cookie), .secret = true,
     .help = "The secret that all nodes of a cluster share. Without it, the one in ~/.erlang.cookie, which "
             "is made when it is missing. Other users of this machine can see command lines, so prefer the "
             "file or $HERMOD_COOKIE."},
    {"hidden", NULL, KIND_FLAG, GROUP_NAME, IN_START, FIELD(hidden),
     .help = "Stay out of Node.list() and of :global on the other nodes, and be connected only to the "
             "nodes that ask."},
    {"connect-all", "true|false", KIND_BOOL, GROUP_NAME, IN_START, FIELD(connect_all), .fallback = "true",
     .help = "Connect to every node that a connected node knows, and take part in :global. Must be the same on all "
             "nodes of a cluster."},
    {"no-prevent-overlapping-partitions", NULL, KIND_FLAG, GROUP_NAME, IN_START,
     FIELD(no_prevent_overlapping_partitions),
     .help = "When two nodes of the cluster lose each other, stay connected to both. Without this, :global drops "
             "nodes until those that are left are all connected to each other. Must be the same on all nodes."},
    {"connect", "NODE", KIND_LIST, GROUP_NAME, IN_START, FIELD(connect),
     .help = "Connect to this node, and again whenever the connection is lost. May be repeated; the node itself is passed over."},
    {"discover", "KIND[:OPTIONS]", KIND_LIST, GROUP_NAME, IN_START, FIELD(discover),
     .help = "Find other nodes and connect to them: static:NODE,... hosts:FILE local-epmd broadcast gossip nodefinder dns:NAME "
             "kubernetes:selector=LABELS; `hermod discover' lists their options, and shows what they find. May be repeated."},
    {"config", "FILE", KIND_FILE, GROUP_NAME, IN_START, FIELD(config),
     .help = "Read options from FILE: lines such as `net-ticktime = 8`, comments begin with #. The command "
             "line and the environment go before the file."},

    /* ---- network ---- */
    {"listen", "ADDRESS", KIND_TEXT, GROUP_NETWORK, IN_START | IN_CHAT, FIELD(listen),
     .help = "Accept connections on this address only. Without it, on all of them."},
    {"port", "PORT[-PORT]", KIND_PORTS, GROUP_NETWORK, IN_START | IN_CHAT, FIELD(port),
     .help = "Accept connections on this port, or on the first free one of a range. Without it, on any "
             "free port; other nodes learn it from epmd."},
    {"family", "FAMILY", KIND_CHOICE, GROUP_NETWORK, IN_NODES, FIELD(family), .fallback = "any",
     .choices = "any|inet|inet6",
     .help = "IPv4 only (inet), IPv6 only (inet6), or both (any)."},
    {"dial-port", "PORT", KIND_NUMBER, GROUP_NETWORK, IN_NODES, FIELD(dial_port), .min = 1, .max = 65535,
     .help = "Do not ask epmd where other nodes are: they all listen on this port."},
    {"no-epmd", NULL, KIND_FLAG, GROUP_NETWORK, IN_START | IN_CHAT, FIELD(no_epmd),
     .help = "Do without epmd. Needs --port, so that others can find this node; and --dial-port when it is "
             "to find others."},
    {"start-epmd", "true|false", KIND_BOOL, GROUP_NETWORK, IN_START | IN_CHAT, FIELD(start_epmd),
     .fallback = "true",
     .help = "Start epmd when none is running on this machine."},
    {"epmd-port", "PORT", KIND_NUMBER, GROUP_NETWORK, IN_ALL, FIELD(epmd_port), .fallback = "4369", .min = 1,
     .max = 65535, .variable = "ERL_EPMD_PORT",
     .help = "Port of epmd, here and on other machines."},
    {"epmd-address", "ADDRESS", KIND_TEXT, GROUP_NETWORK, IN_ALL, FIELD(epmd_address),
     .variable = "ERL_EPMD_ADDRESS",
     .help = "Addresses on which the epmd of this machine listens, separated by commas. The loopback "
             "address is always one."},
    {"net-ticktime", "SECONDS", KIND_SECONDS, GROUP_NETWORK, IN_START | IN_CHAT, FIELD(net_ticktime_ms),
     .fallback = "60", .min = 1000, .max = 86400000,
     .help = "A node that has not been heard for this long is down. Must be the same on all nodes."},
    {"net-tickintensity", "N", KIND_NUMBER, GROUP_NETWORK, IN_START | IN_CHAT, FIELD(net_tickintensity),
     .fallback = "4", .min = 4, .max = 1000,
     .help = "How many ticks make up --net-ticktime. More of them make the time until a dead node is "
             "noticed more exact."},
    {"setup-time", "SECONDS", KIND_SECONDS, GROUP_NETWORK, IN_START | IN_CHAT, FIELD(setup_ms),
     .fallback = "7", .min = 100, .max = 120000,
     .help = "The longest silence while a connection is being made."},
    {"metrics", "[ADDRESS:]PORT", KIND_TEXT, GROUP_NETWORK, IN_START, FIELD(metrics),
     .help = "Serve a status page for a browser and metrics for Prometheus (/metrics) over HTTP. PORT alone listens on this "
             "machine's loopback addresses; another address, as 0.0.0.0:9100, needs --metrics-token."},
    {"metrics-token", "FILE", KIND_FILE, GROUP_NETWORK, IN_START, FIELD(metrics_token),
     .help = "Serve them only to who sends the token in the first line of FILE, as `Authorization: Bearer TOKEN'; /health and "
             "/ready are for everybody. The file must not be readable by all users."},

    /* ---- limits ---- */
    {"max-half-open", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_half_open), .fallback = "128",
     .min = 1, .max = 1000000,
     .help = "Connections that may be in the making at the same time; the next is refused."},
    {"metrics-connections", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(metrics_connections), .fallback = "32", .min = 1,
     .max = 65536,
     .help = "HTTP connections to --metrics at the same time. For one more, the oldest without a request is closed."},
    {"metrics-timeout", "SECONDS", KIND_SECONDS, GROUP_LIMITS, IN_START, FIELD(metrics_timeout_ms), .fallback = "10", .min = 100,
     .max = 3600000,
     .help = "How long one may take, from its request to the end of the answer."},
    {"max-frame", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(max_frame), .fallback = "128M",
     .min = 64 * KIB, .max = 2 * GIB,
     .help = "The largest frame taken from a peer. The message in a larger one is left out."},
    {"max-message", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(max_message), .fallback = "512M",
     .min = 64 * KIB, .max = 1024 * GIB,
     .help = "The largest message that is put together from fragments, and what the unfinished ones of a peer may hold together. More is left out."},
    {"max-fragments", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_fragments), .fallback = "4096",
     .min = 1, .max = 1000000,
     .help = "Unfinished fragmented messages that are collected for one peer. What it begins beyond that is left out."},
    {"max-depth", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_depth), .fallback = "1024", .min = 16,
     .max = HM_DEPTH_MAX,
     .help = "How deep a term may be nested."},
    {"max-mailbox", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_mailbox), .fallback = "1000000",
     .min = 1, .max = 4294967295,
     .help = "Messages that may wait for one process. More are dropped, counted and logged."},
    {"max-names", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_names), .fallback = "65536", .min = 16,
     .max = 16777216,
     .help = "Different node names that this node remembers."},
    {"max-discovered", "N", KIND_NUMBER, GROUP_LIMITS, IN_START | IN_DISCOVER, FIELD(max_discovered), .fallback = "1000",
     .min = 1, .max = 1000000,
     .help = "Nodes that one --discover may have found at the same time; further ones are left out."},
    {"max-processes", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_processes), .fallback = "1000000",
     .min = 16, .max = 134217727,
     .help = "Processes that may exist at the same time."},
    {"max-pg-groups", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_pg_groups), .fallback = "1000000",
     .min = 1, .max = 4294967295,
     .help = "Process groups that one scope of pg may have, in the whole cluster."},
    {"max-pg-members", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_pg_members),
     .fallback = "10000000", .min = 1, .max = 4294967295,
     .help = "Memberships that one node may have in one scope of pg."},
    {"max-pg-monitors", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_pg_monitors),
     .fallback = "65536", .min = 1, .max = 4294967295,
     .help = "Processes that may watch the groups of one scope of pg, and peers that it may have."},
    {"max-global-names", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_global_names), .fallback = "1000000",
     .min = 16, .max = 134217727,
     .help = "Globally registered names that this node knows."},
    {"max-global-locks", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_global_locks), .fallback = "100000",
     .min = 16, .max = 134217727,
     .help = "Holders of global locks on this node; further ones are refused."},
    {"max-traces", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_traces), .fallback = "32", .min = 1, .max = 1000,
     .help = "Traces that may run at the same time."},
    {"max-trace-events", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_trace_events), .fallback = "10000", .min = 1,
     .max = 100000000, .help = "The largest limit that a trace may have."},
    {"max-trace-rate", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(max_trace_rate), .fallback = "1000", .min = 1,
     .max = 1000000, .help = "The largest number of events in one second that a trace may have."},
    {"trace-memory", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(trace_memory), .fallback = "16M", .min = 4 * KIB,
     .max = 64 * GIB,
     .help = "How much of what traces record is kept. When it is full, what ended traces recorded goes first; then a trace that "
             "records ends."},
    {"eval-memory", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(eval_memory), .fallback = "32M",
     .min = 256 * KIB, .max = 64 * GIB,
     .help = "Memory that the values of one evaluated closure may take."},
    {"eval-total-memory", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(eval_total_memory), .fallback = "256M",
     .min = 256 * KIB, .max = 1024 * GIB,
     .help = "The same of all that are evaluated at the same time."},
    {"eval-depth", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(eval_depth), .fallback = "200000", .min = 64,
     .max = 4294967295,
     .help = "Calls and expressions of an evaluated closure that may wait for each other."},
    {"eval-steps", "N", KIND_NUMBER, GROUP_LIMITS, IN_START, FIELD(eval_steps), .fallback = "200000000", .min = 1000,
     .max = 1000000000000,
     .help = "Steps that an evaluated closure may take without waiting for a message."},
    {"output-high", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(output_high), .fallback = "8M",
     .min = 4 * KIB, .max = 1024 * GIB,
     .help = "When more than this waits to be written to a peer, its senders are told to slow down ..."},
    {"output-low", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(output_low), .fallback = "1M", .min = 1,
     .max = 1024 * GIB,
     .help = "... until no more than this is left."},
    {"output-max", "BYTES", KIND_BYTES, GROUP_LIMITS, IN_START, FIELD(output_max), .min = 64 * KIB, .max = 1024 * GIB,
     .help = "A peer that does not read is disconnected when more memory than this waits for it: 1G, or twice --output-high."},

    /* ---- services ---- */
    {"load", "FILE.so[:ARGUMENT]", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(load),
     .help = "Load your own servers from a shared object; its hermod_load(node, ARGUMENT) starts them. May "
             "be repeated."},
    {"without", "SERVICE", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(without), .words = services_names,
     .help = "Do not start this one of the services that come with Hermod. May be repeated."},
    {"allow-rpc", "[NODE:]MODULE", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(allow_rpc),
     .help = "Let other nodes call functions of these modules only; * stands for anything, as in "
             "'*@10.0.0.7:erlang'. Without it, all that this node has. May be repeated."},
    {"deny-rpc", "[NODE:]MODULE", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(deny_rpc),
     .help = "Let other nodes not call functions of these modules, whatever --allow-rpc says. May be repeated."},
    {"eval", "true|false", KIND_BOOL, GROUP_SERVICES, IN_START, FIELD(eval), .fallback = "true",
     .help = "Evaluate functions typed into a shell of another node, as in Node.spawn(node, fn -> IO.puts(node()) end)."},
    {"pg-scope", "SCOPE", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(pg_scope),
     .help = "Start this scope of process groups (:pg) beside the default one, pg. May be repeated."},
    {"register-global", "NAME=SERVICE", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(register_global),
     .help = "Give this service, or server of yours, a name in the whole cluster: GenServer.call({:global, NAME}, ...). "
             "NAME is a term; while another process has it, this one waits to take over. May be repeated."},
    {"pg-join", "SCOPE/GROUP=SERVICE", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(pg_join),
     .help = "Keep SERVICE, a registered name, in a process group of this scope. GROUP is an Erlang term: "
             "pg/{hermes,'Elixir.Hermes.PubSub'}=my_server. May be repeated."},
    {"task-supervisor", "NAME", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(task_supervisor),
     .help = "Serve as a Task.Supervisor under this name, as in MyApp.Tasks: other nodes run functions of this node as "
             "tasks with Task.Supervisor.async({MyApp.Tasks, node}, Module, :function, args). May be repeated."},
    {"trace-port", "[ADDRESS:]PORT", KIND_TEXT, GROUP_SERVICES, IN_START, FIELD(trace_port),
     .help = "Listen here for dbg:trace_client(ip, {Host, PORT}) of any node, or hermod trace --dbg, and tell it what is traced "
             "on this node. Without "
             "an address on the loopback only: whoever connects reads it, without a cookie."},
    {"trace-port-queue", "N", KIND_NUMBER, GROUP_SERVICES, IN_START, FIELD(trace_port_queue), .fallback = "200", .min = 1, .max = 1000000,
     .help = "How many events may wait for that client, 16 MiB at most. Further ones are dropped, and it is told how many."},
    {"chat-max-nick", "BYTES", KIND_BYTES, GROUP_SERVICES, IN_START, FIELD(chat_max_nick), .fallback = "64",
     .min = 1, .max = KIB,
     .help = "The longest nick that the chat allows."},
    {"chat-max-message", "BYTES", KIND_BYTES, GROUP_SERVICES, IN_START, FIELD(chat_max_message),
     .fallback = "8K", .min = 1, .max = 64 * MIB,
     .help = "The longest message that the chat passes on."},
    {"chat-max-users", "N", KIND_NUMBER, GROUP_SERVICES, IN_START, FIELD(chat_max_users), .fallback = "10000",
     .min = 1, .max = 10000000,
     .help = "How many users the chat takes."},
    {"bus", "BUS", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(bus),
     .help = "Take part in another publish/subscribe of the cluster, as a coordinator in its process group: "
             "hermes, or name=PROCESS,group=TERM,message=TUPLE[,scope=SCOPE], the tuple with '$topic' and "
             "'$message' in it. May be repeated."},
    {"phoenix-pubsub", "NAME[:POOL_SIZE]", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(phoenix_pubsub),
     .help = "Be a member of the Phoenix.PubSub of this name, as MyApp.PubSub: broadcasts reach subscribers here, "
             "and from here the applications. May be repeated."},
    {"phoenix-presence", "NAME[,pubsub=NAME][,shards=N]", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(phoenix_presence),
     .help = "Be a replica of the Phoenix.Presence (or Phoenix.Tracker) of this name, as MyAppWeb.Presence, over its "
             "pubsub, as MyApp.PubSub, with as many shards as it has (pool_size). The periods of a tracker can be given, too: "
             "broadcast_period, max_silent_periods, down_period, permdown_period, clock_sample_periods. May be repeated."},
    {"presence-max", "N", KIND_NUMBER, GROUP_SERVICES, IN_START, FIELD(presence_max), .fallback = "1000000", .min = 1,
     .max = 1000000000, .help = "How many presences, of all nodes, one shard of a --phoenix-presence knows."},
    {"greeter", "NAME", KIND_LIST, GROUP_SERVICES, IN_START, FIELD(greeter),
     .help = "Greet nodes that connect under this registered name, and log greetings: MyApp.Greeter, or my_greeter. "
             "Without it, DistributedHelloWorld.Greeter. May be repeated."},
    {"user-list-sync", "WHEN", KIND_CHOICE, GROUP_SERVICES, IN_START, FIELD(user_list_sync), .fallback = "change",
     .choices = "change|interval",
     .help = "When user_list tells the other nodes who is here: when that changes and when a node connects (change), or "
             "every --user-list-interval (interval). It understands nodes that do either. Other Hermod nodes are sent what "
             "changes, and nothing else, at once."},
    {"user-list-interval", "SECONDS", KIND_SECONDS, GROUP_SERVICES, IN_START, FIELD(user_list_interval_ms),
     .fallback = "3", .min = 10, .max = 86400000,
     .help = "How often it does, with --user-list-sync interval; and how often it is compared with others whether "
             "changes were lost."},
    {"user-list-max-users", "N", KIND_NUMBER, GROUP_SERVICES, IN_START, FIELD(user_list_max_users),
     .fallback = "100000", .min = 1, .max = 100000000,
     .help = "How many users of one node user_list takes."},
    {"user-list-max-bytes", "BYTES", KIND_BYTES, GROUP_SERVICES, IN_START, FIELD(user_list_max_bytes),
     .fallback = "16M", .min = KIB, .max = GIB,
     .help = "How large the users of one node may be, as external terms."},
    {"pubsub-max-topics", "N", KIND_NUMBER, GROUP_SERVICES, IN_START, FIELD(pubsub_max_topics),
     .fallback = "1000000", .min = 1, .max = 1000000000,
     .help = "How many topics and patterns pubsub takes subscriptions for."},
    {"pubsub-max-subscriptions", "N", KIND_NUMBER, GROUP_SERVICES, IN_START, FIELD(pubsub_max_subscriptions),
     .fallback = "10000000", .min = 1, .max = 1000000000,
     .help = "How many subscriptions pubsub takes."},
    {"pubsub-max-topic", "BYTES", KIND_BYTES, GROUP_SERVICES, IN_START, FIELD(pubsub_max_topic),
     .fallback = "4K", .min = 16, .max = MIB,
     .help = "The longest topic, as an external term."},
    {"pubsub-kept", "N", KIND_NUMBER, GROUP_SERVICES, IN_START, FIELD(pubsub_kept), .fallback = "1000", .min = 1,
     .max = 1000000,
     .help = "How many messages are kept for a slow subscriber with the policy drop_oldest, 1 MiB at most."},
    {"pubsub-kept-memory", "BYTES", KIND_BYTES, GROUP_SERVICES, IN_START, FIELD(pubsub_kept_memory), .fallback = "256M",
     .min = MIB, .max = 1024 * GIB,
     .help = "How much memory what is kept for all slow subscribers may take."},

    /* ---- chat ---- */
    {"server", "NODE", KIND_TEXT, GROUP_CHAT, IN_CHAT, FIELD(server),
     .help = "The node whose chat room you want to join."},
    {"nick", "NICK", KIND_TEXT, GROUP_CHAT, IN_CHAT, FIELD(nick),
     .help = "What the others see as your name."},

    /* ---- terms ---- */
    {"timeout", "MS", KIND_NUMBER, GROUP_TERMS, IN_TOOLS | IN_NAMES | IN_CHAT | IN_DISCOVER, FIELD(timeout_ms),
     .fallback = "5000", .min = 1, .max = 86400000,
     .help = "Milliseconds to wait for the connection and the answer together. rpc and spawn wait for the "
             "answer, sub for messages, presence --watch and watch for changes, and discover for nodes, as long as it takes, unless this is given."},
    {"erlang", NULL, KIND_FLAG, GROUP_TERMS, IN_TERMS | IN_SUB | IN_PUB | IN_PRESENCE | IN_WATCH | IN_TRACE, FIELD(erlang),
     .help = "TERM is written in Erlang, and the answer is printed in Erlang."},
    {"elixir", NULL, KIND_FLAG, GROUP_TERMS, IN_TERMS | IN_SUB | IN_PUB | IN_PRESENCE | IN_WATCH | IN_TRACE, FIELD(elixir),
     .help = "TERM is written in Elixir, and the answer is printed in Elixir. Without either, TERM is "
             "taken for Erlang if it can be, else for Elixir; \"john\" can be both, and is a charlist then."},
    {"json", NULL, KIND_FLAG, GROUP_TERMS,
     IN_PING | IN_CALL | IN_NAMES | IN_RPC | IN_SPAWN | IN_SUB | IN_PRESENCE | IN_DISCOVER | IN_WATCH | IN_STATUS | IN_LOG | IN_TRACE,
     FIELD(json),
     .help = "Print the answer as JSON: atoms and binaries become strings, tuples and lists arrays, maps "
             "objects."},
    {"detach", NULL, KIND_FLAG, GROUP_TERMS, IN_SPAWN, FIELD(detach),
     .help = "Do not wait for the end of the process: print its pid. What it prints goes to its own node."},
    {"process", "NAME", KIND_TEXT, GROUP_TERMS, IN_PING, FIELD(process),
     .help = "Ask the process that is registered under this name, not only the node."},
    {"count", "N", KIND_NUMBER, GROUP_TERMS, IN_SUB | IN_PRESENCE | IN_DISCOVER | IN_WATCH | IN_TOP, FIELD(count),
     .fallback = "0", .min = 0, .max = UINT32_MAX,
     .help = "End after so many messages, lines, nodes or (top) pictures; 0: never."},
    {"scope", "SCOPE", KIND_LIST, GROUP_TERMS, IN_WATCH | IN_TRACE, FIELD(scope),
     .help = "watch: the scope of process groups (:pg); without it, pg. May be repeated. trace: local for what processes of NODE ask "
             "each other, too; without it, what other nodes ask (external)."},
    {"limit", "N", KIND_NUMBER, GROUP_TERMS, IN_TRACE, FIELD(trace_limit), .fallback = "100", .min = 1, .max = 100000000,
     .help = "How many events: after them the trace ends. A call and what it returns are two."},
    {"rate", "N", KIND_NUMBER, GROUP_TERMS, IN_TRACE, FIELD(trace_rate), .fallback = "100", .min = 1, .max = 1000000,
     .help = "How many events in one second: with more the trace ends."},
    {"return", NULL, KIND_FLAG, GROUP_TERMS, IN_TRACE, FIELD(trace_return),
     .help = "Show what calls return, too."},
    {"messages", NULL, KIND_FLAG, GROUP_TERMS, IN_TRACE, FIELD(trace_messages),
     .help = "Of a process, show the messages that it receives and sends as they are."},
    {"record", NULL, KIND_FLAG, GROUP_TERMS, IN_TRACE, FIELD(trace_record),
     .help = "Keep the events on NODE for --playback."},
    {"playback", NULL, KIND_FLAG, GROUP_TERMS, IN_TRACE, FIELD(trace_playback),
     .help = "Print what was recorded, by the trace with the number TARGET, or by all."},
    {"list", NULL, KIND_FLAG, GROUP_TERMS, IN_TRACE, FIELD(trace_list), .help = "Print which traces run on NODE."},
    {"stop", NULL, KIND_FLAG, GROUP_TERMS, IN_TRACE, FIELD(trace_stop),
     .help = "End the trace with the number TARGET, or all that other nodes started."},
    {"forget", NULL, KIND_FLAG, GROUP_TERMS, IN_TRACE, FIELD(trace_forget), .help = "Forget what was recorded."},
    {"dbg", "HOST:PORT", KIND_TEXT, GROUP_TERMS, IN_TRACE, FIELD(trace_dbg),
     .help = "Print what the trace port of a node sends, as dbg:trace_client(ip, {HOST, PORT}) does; PORT alone is on this machine."},
    {"interval", "SECONDS", KIND_SECONDS, GROUP_TERMS, IN_WATCH | IN_TOP, FIELD(interval_ms), .fallback = "1", .min = 10,
     .max = 86400000, .help = "How often to ask the node."},
    {"sort", "BY", KIND_CHOICE, GROUP_TERMS, IN_TOP, FIELD(sort), .fallback = "work", .choices = "work|memory|mailbox|name",
     .help = "What the processes are sorted by, the largest first; work is messages handled, or reductions."},
    {"all", NULL, KIND_FLAG, GROUP_TERMS, IN_STATUS, FIELD(all),
     .help = "Print everything: all rows of the tables, and every metric."},
    {"with-topic", NULL, KIND_FLAG, GROUP_TERMS, IN_SUB, FIELD(with_topic),
     .help = "Print {TOPIC, MESSAGE} for each message; with --json an object with both."},
    {"hermes", NULL, KIND_FLAG, GROUP_TERMS, IN_SUB | IN_PUB, FIELD(hermes),
     .help = "NODE is one of a cluster with Hermes coordinators: take part directly, without a daemon."},
    {"phoenix", "NAME", KIND_TEXT, GROUP_TERMS, IN_SUB | IN_PUB, FIELD(phoenix),
     .help = "NODE is one of a cluster with the Phoenix.PubSub of this name, as MyApp.PubSub: take part directly."},
    {"watch", NULL, KIND_FLAG, GROUP_TERMS, IN_PRESENCE, FIELD(watch),
     .help = "Go on, and print who comes and goes."},
    {"tracker", "NAME", KIND_TEXT, GROUP_TERMS, IN_PRESENCE, FIELD(tracker),
     .help = "Which presence, as MyAppWeb.Presence; needed when the node has several."},
    {"quiet", NULL, KIND_FLAG, GROUP_TERMS, IN_NAMES | IN_DISCOVER, FIELD(quiet),
     .help = "Print node names only, one on each line."},

    /* ---- output ---- */
    {"log-level", "LEVEL[,MODULE=LEVEL]", KIND_LEVELS, GROUP_OUTPUT, IN_NODES, FIELD(log), .fallback = "info",
     .choices = LOG_LEVEL_CHOICES,
     .help = "How much is logged on standard error; peer=debug says it for one module, the first word of the ids (`hermod log' "
             "lists them, and changes it later). Commands other than start log nothing of their own unless this is given. May be repeated."},
    {"log-format", "FORMAT", KIND_CHOICE, GROUP_OUTPUT, IN_NODES, FIELD(log_format), .fallback = "text",
     .choices = "text|json",
     .help = "Lines of the log as text for people, or as JSON objects with time, level, id, node and message."},
    {"hints", NULL, KIND_FLAG, GROUP_OUTPUT, IN_START, FIELD(hints),
     .help = "Say what to type in another terminal to talk to this node, also when standard output is no "
             "terminal."},
    {"help", NULL, KIND_FLAG, GROUP_OUTPUT, IN_ALL, FIELD(help),
     .help = "Print this text."},
};

const size_t option_count = sizeof option_table / sizeof *option_table;
_Static_assert(sizeof option_table / sizeof *option_table <= OPTIONS_MAX,
               "struct settings has no place for its source");

const struct option *option_find(const char *name, size_t size) {
    for (size_t i = 0; i < option_count; i++)
        if (strlen(option_table[i].name) == size && memcmp(option_table[i].name, name, size) == 0)
            return &option_table[i];
    return NULL;
}

const char *option_variable(const struct option *option, char *buffer, size_t capacity) {
    if (option->variable)
        return option->variable;
    snprintf(buffer, capacity, "HERMOD_%s", option->name);
    for (char *c = buffer + 7; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return buffer;
}
