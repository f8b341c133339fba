#!/usr/bin/env python3
"""Records what a real Erlang node writes on a distribution connection: test/golden/frames.py DIRECTORY

Plays a peer with bare sockets: accepts the node's connection, and dials it. Every message of the handshake becomes
handshake_NAME.bin (with its 2-byte length), every control message one frame_MODE_NAME.bin (with its 4-byte length), where
MODE is pass (no FRAGMENTS), header (FRAGMENTS), or old (none of the flags that changed the form of control messages).
Epmd's answers become epmd_NAME.bin. ERL names the erl to run, "chroot DIR erl" for another release; the names and the
cookie are fixed, so that a second run differs in numbers only.
"""
import hashlib, os, random, shlex, socket, struct, subprocess, sys, time

COOKIE = b"golden"
HOST = "localhost"
NODE, PEER = b"golden@localhost", b"peer@localhost"
PORT = random.randint(20000, 30000)
ENV = dict(os.environ, ERL_EPMD_PORT=str(PORT), HOME="/tmp", ERL_CRASH_DUMP_SECONDS="0")

ALL = 0x6d07df5fbd          # what Hermod offers
FRAGMENTS = 0x800000
# PUBLISHED, M25, V4_NC, UNLINK_ID, DIST_MONITOR and _NAME, SPAWN: no SEND_SENDER, EXIT_PAYLOAD, ALIAS
OLD = 0x1 | 0x1070f94 | 0x4000000 | 0x2000000 | 1 << 34 | 1 << 32 | 0x28

OPS = {1: "link", 2: "send", 3: "exit", 4: "unlink", 6: "reg_send", 7: "group_leader", 8: "exit2", 12: "send_tt",
       13: "exit_tt", 16: "reg_send_tt", 18: "exit2_tt", 19: "monitor_p", 20: "demonitor_p", 21: "monitor_p_exit",
       22: "send_sender", 23: "send_sender_tt", 24: "payload_exit", 25: "payload_exit_tt", 26: "payload_exit2",
       27: "payload_exit2_tt", 28: "payload_monitor_p_exit", 29: "spawn_request", 30: "spawn_request_tt",
       31: "spawn_reply", 32: "spawn_reply_tt", 33: "alias_send", 34: "alias_send_tt", 35: "unlink_id",
       36: "unlink_id_ack", 37: "altact_sig_send"}

# Run by the recorded node once it is connected; P is a process of the peer that the recorder made up.
SCRIPT = r"""
P = receive {peer, Pid} -> Pid end,
N = 'peer@localhost',
{anyone, N} ! {'$gen_cast', {say, <<"hello">>, [1, 2, 300], #{a => 1.5}}},
P ! {to_a_pid, make_ref(), self()},
link(P), unlink(P),
M = erlang:monitor(process, P), erlang:demonitor(M),
M2 = erlang:monitor(process, {anyone, N}), erlang:demonitor(M2),
exit(P, 'some reason'),
S = spawn(fun() -> link(P), receive stop -> exit(stopped) end end),
S ! stop,
spawn(fun() -> spawn(N, fun() -> ok end) end),
spawn_request(N, erpc, execute_call, [make_ref(), erlang, node, []], [monitor]),
group_leader(group_leader(), P),
receive {alias, A} -> A ! {via_alias, 1} after 1000 -> ok end,
seq_trace:set_token(label, 17), seq_trace:set_token(send, true),
{anyone, N} ! traced, P ! traced,
seq_trace:set_token([]),
P ! binary:copy(<<"0123456789abcdef">>, 4200),
G = spawn(fun() -> receive after 1500 -> exit(gone) end end), register(golden, G),
receive finish -> ok after 2500 -> ok end,
"""


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def message(s):
    head = exactly(s, 2)
    return head + exactly(s, struct.unpack(">H", head)[0])


def say(s, body):
    s.sendall(struct.pack(">H", len(body)) + body)


def frame(s):
    head = exactly(s, 4)
    return head + exactly(s, struct.unpack(">I", head)[0])


def digest(challenge):
    return hashlib.md5(COOKIE + str(challenge).encode()).digest()


class Recorder:
    """Saves the first of each kind."""

    def __init__(self, directory):
        self.directory = directory
        self.seen = set()
        os.makedirs(directory, exist_ok=True)

    def save(self, name, data):
        if name not in self.seen:
            with open(os.path.join(self.directory, name + ".bin"), "wb") as f:
                f.write(data)
        self.seen.add(name)

    def register(self, port):
        while True:
            s = socket.create_connection(("127.0.0.1", PORT))
            say(s, struct.pack(">BHBBHHH", 120, port, 77, 0, 6, 6, 4) + b"peer" + b"\0\0")
            answer = exactly(s, 6)
            self.save("epmd_alive_taken" if answer[1] else "epmd_alive_reply", answer)
            if answer[1] == 0:
                return s
            s.close()
            time.sleep(0.05)

    def ask_epmd(self, name, body):
        s = socket.create_connection(("127.0.0.1", PORT))
        say(s, body)
        data = b""
        while more := s.recv(4096):
            data += more
        self.save(name, data)
        return data

    def accept(self, listening, flags):
        s, _ = listening.accept()
        self.save("handshake_name", message(s))
        say(s, b"sok")
        say(s, struct.pack(">cQIIH", b"N", flags, 3000000000, 7, len(PEER)) + PEER)
        reply = message(s)
        self.save("handshake_challenge_reply", reply)
        assert reply[7:] == digest(3000000000)
        say(s, b"a" + digest(struct.unpack(">I", reply[3:7])[0]))
        return s

    def dial(self, port, flags, name=PEER):
        s = socket.create_connection(("127.0.0.1", port))
        say(s, struct.pack(">cQIH", b"N", flags, 7, len(name)) + name)
        return s, message(s)

    def record(self, s, mode, until):
        end = time.time() + until
        s.settimeout(0.5)
        started = {}
        while time.time() < end:
            try:
                f = frame(s)
            except (socket.timeout, EOFError):
                break
            self.frame(f, mode, started)

    def frame(self, f, mode, started):
        body = f[4:]
        if not body:
            return self.save("frame_tick", f)
        if body[0] == 131 and body[1] in (69, 70):
            sequence, number = struct.unpack(">QQ", body[2:18])
            started.setdefault(sequence, []).append(f)
            if number == 1:
                self.save("frame_fragments", b"".join(started.pop(sequence)))
            return
        tuple_at = 3 if body[0] == 131 else 2
        assert body[tuple_at] == 104 and body[tuple_at + 2] == 97
        self.save("frame_%s_%s" % (mode, OPS[body[tuple_at + 3]]), f)


def pid(number):
    return b"\x58\x77" + bytes([len(PEER)]) + PEER + struct.pack(">III", number, 0, 7)


def atom(text):
    return b"\x77" + bytes([len(text)]) + text


def alias():
    return b"\x5a\0\3" + atom(PEER) + struct.pack(">IIII", 7, 1, 2, 3)


def reg_send(s, mode, name, payload):
    control = b"\x68\4\x61\6" + pid(1) + atom(b"") + atom(name)
    body = b"\x83\x44\0" + control + payload if mode != "pass" else b"\x70\x83" + control + b"\x83" + payload
    s.sendall(struct.pack(">I", len(body)) + body)


def start_node(expression, *arguments):
    erl = shlex.split(os.environ.get("ERL", "erl"))
    return subprocess.Popen(erl + ["-noshell", "-sname", NODE.decode(), "-setcookie", COOKIE.decode(), "-connect_all",
                                   "false", *arguments, "-eval", expression], env=ENV)


def node_port(recorder):
    for _ in range(200):
        answer = recorder.ask_epmd("epmd_port_unknown", b"\x7agolden")
        if answer[1] == 0:
            recorder.save("epmd_port_reply", answer)
            return struct.unpack(">H", answer[2:4])[0]
        time.sleep(0.05)
    raise SystemExit("the node did not start")


def record_mode(recorder, mode, flags):
    listening = socket.create_server(("127.0.0.1", 0))
    kept = recorder.register(listening.getsockname()[1])
    ready = "register(main, self()), true = net_kernel:connect_node('peer@localhost'), "
    node = start_node(ready + SCRIPT.strip() + " timer:sleep(300), halt().")
    s = recorder.accept(listening, flags)
    time.sleep(0.3)
    reg_send(s, mode, b"main", b"\x68\2" + atom(b"peer") + pid(5))
    reg_send(s, mode, b"main", b"\x68\2" + atom(b"alias") + alias())
    # A link and a monitor of ours, which end when their process does; then a request to spawn.
    recorder.record(s, mode, 1.0)
    head = b"\x83\x44\0" if mode != "pass" else b"\x70\x83"
    version = b"" if mode != "pass" else b"\x83"
    ref = b"\x5a\0\3" + atom(PEER) + struct.pack(">IIII", 7, 9, 9, 9)
    for body in (b"\x68\4\x61\x13" + pid(6) + atom(b"golden") + ref,
                 b"\x68\4\x61\x13" + pid(6) + atom(b"nobody") + b"\x5a\0\3" + atom(PEER) + struct.pack(">IIII", 7, 8, 8, 8),
                 b"\x68\6\x61\x1d" + ref + pid(6) + pid(6) + b"\x68\3" + atom(b"erlang") + atom(b"node") + b"\x61\0" +
                 b"\x6a" + version + b"\x6a"):
        s.sendall(struct.pack(">I", len(head + body)) + head + body)
    recorder.record(s, mode, 4.0)
    node.wait(20)
    s.close()
    listening.close()
    kept.close()


def record_dialling(recorder):
    node = start_node("receive after 20000 -> halt() end.")
    port = node_port(recorder)
    recorder.ask_epmd("epmd_names_reply", b"n")
    s, status = recorder.dial(port, ALL)
    recorder.save("handshake_status_ok", status)
    challenge = message(s)
    recorder.save("handshake_challenge", challenge)
    say(s, b"r" + struct.pack(">I", 4000000000) + digest(struct.unpack(">I", challenge[11:15])[0]))
    ack = message(s)
    recorder.save("handshake_challenge_ack", ack)
    assert ack[3:] == digest(4000000000)
    second, status = recorder.dial(port, ALL)
    recorder.save("handshake_status_alive", status)
    second.close()
    third, status = recorder.dial(port, 1, b"other@localhost")
    recorder.save("handshake_status_not_allowed", status)
    third.close()
    fourth, status = recorder.dial(port, (ALL | 1 << 33) & ~1, b"localhost")
    recorder.save("handshake_status_named", status)
    fourth.close()
    s.close()
    node.terminate()
    node.wait()


def main():
    recorder = Recorder(sys.argv[1])
    epmd = subprocess.Popen(["epmd", "-port", str(PORT)], env=ENV)
    time.sleep(0.5)
    try:
        record_dialling(recorder)
        record_mode(recorder, "pass", ALL & ~FRAGMENTS)
        record_mode(recorder, "header", ALL)
        record_mode(recorder, "old", OLD | FRAGMENTS)
    finally:
        epmd.terminate()
        epmd.wait()
    print(len(recorder.seen), "files")


if __name__ == "__main__":
    main()
