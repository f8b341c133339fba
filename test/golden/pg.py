#!/usr/bin/env python3
"""Records what the scope of pg on a real node says to a peer: test/golden/pg.py DIRECTORY

Plays a peer that has the scope `pg', as frames.py does. Every message becomes pg_NAME.bin, the bare term. ERL as for
frames.py; PG_VERSION=1 makes the peer announce that version, which OTP 29 then speaks.
"""
import os, socket, struct, subprocess, sys, time

from frames import ALL, ENV, FRAGMENTS, PORT, Recorder, atom, frame, pid, reg_send, start_node

# Groups: small integers travel as a string, others are nested, a float, a map, not ASCII.
SCRIPT = r"""
pg:start_link(), true = net_kernel:connect_node('peer@localhost'),
P = spawn(fun() -> receive stop -> ok end end), Q = spawn(fun() -> receive stop -> ok end end),
receive go -> ok end,
pg:join(a, P), pg:join({hermes, 'Elixir.Hermes.PubSub'}, [P, Q, P]), pg:join(1, P), pg:join(2, P), pg:join(1, P),
pg:join(#{x => [1.5, <<"y">>]}, Q), pg:join([], P), pg:join([104, 105], P), pg:join('p\x{e4}\x{17e}', P),
pg:leave(a, P), pg:leave({hermes, 'Elixir.Hermes.PubSub'}, [P, Q]),
receive go -> ok end,
P ! stop, timer:sleep(300), halt().
"""


def payload(f):
    """The second of two terms, each behind its version byte. The control tuple is {6, Pid, '', Name} or {22, Pid, Pid}."""
    body = f[4:]
    assert body[:4] == b"\x70\x83\x68" + body[3:4]
    at = body.index(b"\x83", 3)
    while body[at + 1] not in (104, 119):
        at = body.index(b"\x83", at + 1)
    return body[at + 1:]


def name_of(term):
    for name in (b"discover", b"sync", b"local_data", b"join", b"leave", b"update"):
        if atom(name) in term[:40]:
            return name.decode()
    return None


def main():
    recorder = Recorder(sys.argv[1])
    epmd = subprocess.Popen(["epmd", "-port", str(PORT)], env=ENV)
    time.sleep(0.5)
    try:
        listening = socket.create_server(("127.0.0.1", 0))
        kept = recorder.register(listening.getsockname()[1])
        node = start_node("register(main, self()), " + SCRIPT.strip())
        s = recorder.accept(listening, ALL & ~FRAGMENTS)
        time.sleep(0.3)
        counts = {}

        def take(seconds):
            s.settimeout(seconds)
            try:
                while True:
                    f = frame(s)
                    if len(f) == 4 or f[9] not in (6, 22):
                        continue
                    term = payload(f)
                    name = name_of(term)
                    if name:
                        counts[name] = counts.get(name, 0) + 1
                        recorder.save("pg_%s_%d" % (name, counts[name]), term)
            except (socket.timeout, EOFError):
                pass

        version = os.environ.get("PG_VERSION")
        hello = b"\x68\3" + atom(b"discover") + pid(1) + b"\x61" + bytes([int(version)]) if version else \
            b"\x68\2" + atom(b"discover") + pid(1)
        reg_send(s, "pass", b"pg", hello)
        take(0.5)
        reg_send(s, "pass", b"main", atom(b"go"))
        take(1.0)
        reg_send(s, "pass", b"pg", hello)
        take(0.5)
        reg_send(s, "pass", b"main", atom(b"go"))
        take(1.0)
        node.wait(20)
        print(counts)
        s.close()
        kept.close()
    finally:
        epmd.terminate()
        epmd.wait()


main()
