# SPDX-License-Identifier: Apache-2.0
"""Several daemons on one PostgreSQL schema: who delivers what, and what becomes of it when one is gone."""
import collections
import contextlib
import pathlib
import random
import re
import signal
import socket
import threading
import time

import pytest

from api_rig import ApiDaemon
from rig import SLOW, Daemon, message, number_of, wait_for
from test_crash import Producers
from test_reload import reload_sinks
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
SINKS = ("alpha", "beta", "gamma")


class Nodes:
    """Three daemons a, b, c with the same sinks, each with a folder of its own."""

    def __init__(self, folder, store, sinks, kind=Daemon, **options):
        self.all = {}
        for name in "abc":
            own = pathlib.Path(folder) / name
            own.mkdir()
            self.all[name] = kind(own, sinks, store=f"{store}\nnode = {name}", **options)

    def __getitem__(self, name):
        return self.all[name]

    def start(self, names="abc"):
        for name in names:
            self.all[name].start()
        return self

    def running(self):
        return {name: d for name, d in self.all.items() if d.process is not None}

    def serving(self):
        """{node: names of the sinks that it serves}."""
        return {name: sorted(s["name"] for s in d.status()["sinks"]) for name, d in self.running().items()}

    def settle(self, sinks=SINKS, seconds=20):
        """Waits until each sink is served by one node, and all by about as many."""
        def is_even():
            served = self.serving()
            counts = [len(s) for s in served.values()]
            return sorted(sum(served.values(), [])) == sorted(sinks) and max(counts) - min(counts) <= 1
        wait_for(is_even, seconds, f"an even share: {self.serving()}")
        return self.serving()

    def owner(self, sink):
        """Waits: one that is opened again, as after a replay, is nobody's for a moment."""
        return wait_for(lambda: next((name for name, sinks in self.serving().items() if sink in sinks), None),
                        what=f"somebody serves {sink}")


@pytest.fixture
def make_nodes(folder, store):  # noqa: F811
    made = []

    def make(sinks, **options):
        nodes = Nodes(folder, store, sinks, **options)
        made.append(nodes)
        return nodes
    yield make
    for nodes in made:
        for daemon in nodes.running().values():
            try:
                daemon.process.send_signal(signal.SIGCONT)
                daemon.stop()
            finally:
                if daemon.process and daemon.process.poll() is None:
                    daemon.kill()


@pytest.fixture
def receivers(make_receiver):
    return {name: make_receiver() for name in SINKS}


@pytest.fixture
def nodes(make_nodes, receivers):
    """Three running nodes that share three webhook sinks."""
    made = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()}).start()
    made.settle()
    return made


def everything_arrives(receivers, numbers, seconds=20):
    for name, receiver in receivers.items():
        wait_for(lambda r=receiver: not set(numbers) - set(r.numbers()), seconds, f"all events at {name}")


def test_each_node_serves_one_of_three_sinks_and_delivers_what_all_take(nodes, receivers):
    for number in range(1, 91):
        nodes["abc"[number % 3]].accept(message(number, chat=number % 7))
    everything_arrives(receivers, range(1, 91))
    for receiver in receivers.values():
        assert sorted(receiver.numbers()) == list(range(1, 91))
    status = nodes["a"].status()
    assert status["node"] == "a" and status["nodes"] == ["a", "b", "c"]
    wait_for(lambda: sorted(e["node"] for e in nodes["a"].status()["elsewhere"]) == ["b", "c"], 2, "the others' shares")
    text = nodes["a"].command("status").stdout
    assert "node a of a, b, c" in text and "served by b" in text


def test_an_event_comes_within_moments_from_whichever_node(nodes, receivers):
    for number, name in enumerate("abcabc", start=1):
        began = time.monotonic()
        nodes[name].accept(message(number))
        everything_arrives(receivers, [number])
        assert time.monotonic() - began < 3 * SLOW


def test_what_a_node_took_is_told_to_the_others(nodes, receivers):
    """Most come at once: who only looked twice a second would be that quick once in five times."""
    taker = next(n for n in "abc" if n != nodes.owner("alpha"))
    quick = collections.deque(maxlen=20)
    for number in range(1, 101):
        nodes[taker].accept(message(number))
        began = time.monotonic()
        wait_for(lambda: len(receivers["alpha"].arrivals) >= number)
        quick.append(time.monotonic() - began < 0.1)
        if sum(quick) >= 15:
            return
        time.sleep(random.random() / 2)
    raise AssertionError(f"{sum(quick)} of 20 came within 0.1 s")


def test_what_one_node_took_another_knows_as_a_duplicate(nodes, receivers):
    nodes["a"].accept(message(1))
    assert nodes["b"].accept(message(1))["duplicates"] == 1
    nodes["c"].accept(message(2))
    everything_arrives(receivers, [1, 2])
    assert receivers["alpha"].numbers() == [1, 2]


def test_a_node_that_is_killed_is_replaced_within_five_seconds(nodes, receivers):
    victim = nodes.owner("alpha")
    survivor = next(n for n in "abc" if n != victim)
    producers = Producers(nodes[survivor].port)
    time.sleep(1)
    nodes[victim].kill()
    killed = time.monotonic()
    before = len(receivers["alpha"].arrivals)
    time.sleep(0.2)
    wait_for(lambda: any(a.at > killed + 0.2 for a in receivers["alpha"].arrivals), 10, "somebody else delivers")
    first = next(a.at for a in receivers["alpha"].arrivals if a.at > killed + 0.2)
    producers.stop()
    assert first - killed < 5 * SLOW, before
    everything_arrives(receivers, producers.accepted)
    nodes.settle()
    nodes.start(victim)
    nodes.settle()


def test_an_orderly_stop_hands_over_at_once(nodes, receivers):
    owner = nodes.owner("beta")
    survivor = next(n for n in "abc" if n != owner)
    nodes[owner].stop()
    began = time.monotonic()
    nodes[survivor].accept(message(1))
    everything_arrives(receivers, [1])
    assert time.monotonic() - began < 3 * SLOW
    assert receivers["beta"].numbers() == [1]


def test_a_node_that_stops_hands_over_each_sink_when_that_sink_has_ended(make_nodes, make_receiver):
    """A receiver that takes its time keeps its own sink, and the node, but none of the others."""
    let_go = threading.Event()
    slow = make_receiver(lambda arrival, connection: 200 if let_go.wait(20) else 500)
    quick = {f"quick{n}": make_receiver() for n in range(3)}
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url, "timeout": "30s"}
                        for n, r in {"slow": slow, **quick}.items()}).start("ab")
    nodes.settle(("slow", *quick))
    leaver = nodes.owner("slow")
    survivor = nodes["b" if leaver == "a" else "a"]
    moving = [n for n in nodes.serving()[leaver] if n != "slow"]
    assert moving
    survivor.accept(message(1))
    everything_arrives(quick, [1])
    wait_for(lambda: slow.arrivals, what="a request that is not answered")
    process = nodes[leaver].process
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    survivor.accept(message(2))
    everything_arrives(quick, [1, 2])
    took = time.monotonic() - began
    assert process.poll() is None and slow.numbers() == [1]
    let_go.set()
    answered = time.monotonic()
    wait_for(lambda: slow.numbers() == [1, 2], what="the slow one's next event")
    assert took < 3 * SLOW and time.monotonic() - answered < 3 * SLOW, took
    nodes[leaver].process.wait(20)
    nodes[leaver].process = None
    for receiver in (slow, *quick.values()):
        assert receiver.numbers() == [1, 2]


def test_a_node_that_hangs_does_not_deliver_when_it_wakes(make_nodes, receivers, server, request):  # noqa: F811
    """It stands still for longer than its claims last: what it had goes to others, and it must notice first."""
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()})
    for name, daemon in nodes.all.items():
        daemon.ini.write_text(daemon.ini.read_text().replace("\nurl = ", f"\nheaders = X-Node: {name}\nurl = "))
    nodes.start().settle()
    hung = nodes.owner("gamma")
    survivors = [nodes[n] for n in "abc" if n != hung]
    survivors[0].accept(message(1))
    everything_arrives(receivers, [1])
    # What is not written down yet would come twice.
    wait_for(lambda: server.sql(f"SELECT min(cursor) FROM {request.node.name[:60]}.destinations") == "1")
    nodes[hung].process.send_signal(signal.SIGSTOP)
    for number in range(2, 40):
        survivors[0].accept(message(number))
    everything_arrives(receivers, range(1, 40))
    woken = {name: len(receiver.arrivals) for name, receiver in receivers.items()}
    nodes[hung].process.send_signal(signal.SIGCONT)
    survivors[0].accept(message(40))
    nodes.settle()
    everything_arrives(receivers, range(1, 41))
    for name, receiver in receivers.items():
        late = {number_of(a.envelope) for a in receiver.arrivals[woken[name]:] if a.headers["x-node"] == hung}
        assert not late & set(receiver.numbers()[:woken[name]])
        # With sanitizers the claims of a busy node may run out, and what it did not write down comes twice.
        assert sorted(receiver.numbers()) == list(range(1, 41)) or SLOW > 1


def test_a_node_whose_connections_are_cut_loses_nothing(nodes, receivers, server):  # noqa: F811
    producers = Producers(nodes["a"].port)
    for _ in range(4):
        time.sleep(0.7)
        server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                   " WHERE application_name = 'hookswitch'")
    before = len(producers.accepted)
    wait_for(lambda: len(producers.accepted) > before + 20)
    producers.stop()
    everything_arrives(receivers, producers.accepted)
    nodes.settle()


def test_a_node_that_gets_one_of_its_connections_back_keeps_nothing_from_the_others(
        make_nodes, receivers, server, request):  # noqa: F811
    """It says that it is there by the other one, but could neither read events nor write what became of them."""
    role = "one_connection_less"
    server.sql(f"CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE postgres TO {role}")
    made = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()})
    for d in made.all.values():
        d.ini.write_text(d.ini.read_text().replace("user=hookswitch", f"user={role}"))
    made.start("ab").settle()
    lost = server.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid ="
                      f" (hashtextextended('hookswitch node {request.node.name[:60]} a', 0) & 4294967295)::oid")
    server.sql(f"ALTER ROLE {role} CONNECTION LIMIT 3")
    server.sql(f"SELECT pg_terminate_backend({lost})")
    wait_for(lambda: len(made["b"].status()["sinks"]) == len(SINKS), what="b serves all")
    made["b"].accept(message(1))
    everything_arrives(receivers, [1])
    server.sql(f"ALTER ROLE {role} CONNECTION LIMIT -1")
    made.settle()
    made["a"].accept(message(2))
    everything_arrives(receivers, [1, 2])
    for receiver in receivers.values():
        assert sorted(receiver.numbers()) == [1, 2]


def test_two_nodes_never_deliver_at_once_while_nodes_come_and_go(make_nodes, receivers):
    """Each receiver holds a request for a moment and sees how many are open: with ordering = strict one node has
    one."""
    most, open_now = {n: 0 for n in receivers}, {n: 0 for n in receivers}
    for name, receiver in receivers.items():
        def behave(arrival, connection, name=name, receiver=receiver):
            with receiver.lock:
                open_now[name] += 1
                most[name] = max(most[name], open_now[name])
            time.sleep(0.01)
            with receiver.lock:
                open_now[name] -= 1
            return 200
        receiver.behave = behave
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url, "ordering": "strict"}
                        for n, r in receivers.items()}).start("ab")
    posted = 0

    def post_for(seconds):
        nonlocal posted
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            posted += 1
            nodes["a"].accept(message(posted))
            time.sleep(0.01)
    for _ in range(3):
        nodes["c"].start()
        post_for(1.5)
        nodes["c"].stop()
        post_for(0.5)
    nodes["b"].kill()
    post_for(1)
    nodes["b"].start()
    post_for(1)
    everything_arrives(receivers, range(1, posted + 1), 60)
    assert set(most.values()) == {1}, most


def test_websocket_clients_of_any_node_get_what_any_node_takes(make_nodes):
    from ws_rig import Client
    nodes = make_nodes({}, websocket="", instance="websocket = yes").start()
    clients = {n: Client(nodes[n]) for n in "abc"}
    for number in range(1, 31):
        nodes["abc"[number % 3]].accept(message(number))
    for client in clients.values():
        got = [int(client.event()["data"]["id"][4:]) for _ in range(30)]
        assert sorted(got) == list(range(1, 31))


def test_what_a_node_had_before_it_came_back_without_it_goes_to_the_others(nodes, receivers):
    owner = nodes.owner("alpha")
    daemon, other = nodes[owner], next(nodes[n] for n in "abc" if n != owner)
    daemon.kill()
    daemon.ini.write_text(re.sub(r"(?ms)^\[sink alpha\]\n.*?(?=^\[|\Z)", "", daemon.ini.read_text()))
    daemon.start()
    other.accept(message(1))
    wait_for(lambda: receivers["alpha"].numbers() == [1], 5, "another node delivers it")


def test_what_is_configured_on_one_node_holds_on_all_within_a_second(make_nodes, make_receiver):
    first, second = make_receiver(), make_receiver()
    nodes = make_nodes({}, kind=ApiDaemon).start()
    nodes["a"].ok("POST", "/api/instance/new", {"name": "shop"}, status=201)
    wait_for(lambda: all(nodes[n].post(message(1), instance="shop")[0] == 202 for n in "bc"), 3, "the instance is known")
    for number, name in enumerate("abc"):
        nodes[name].webhook("shop", first.url, label=f"hook{number}")
    wait_for(lambda: all(len(nodes[n].webhooks("shop")) == 3 for n in "abc"), 3, "the webhooks are known")
    labels = [f"shop/hook{n}" for n in range(3)]
    nodes.settle(labels)
    for number, name in enumerate("abc", start=10):
        nodes[name].accept(message(number), instance="shop")
    wait_for(lambda: sorted(first.numbers()) == sorted([10, 11, 12] * 3), what="three webhooks get three events")
    # Changed on a node that does not serve it.
    owner = nodes.owner("shop/hook0")
    other = next(n for n in "abc" if n != owner)
    nodes[other].webhook("shop", second.url, label="hook0")
    time.sleep(SLOW)
    nodes[owner].accept(message(20), instance="shop")
    wait_for(lambda: second.numbers() == [20] and first.numbers().count(20) == 2, what="the new URL is used")
    nodes[other].webhook("shop", second.url, label="hook0", enabled=False)
    time.sleep(SLOW)
    nodes[owner].accept(message(21), instance="shop")
    wait_for(lambda: first.numbers().count(21) == 2)
    nodes[other].ok("DELETE", "/api/instance/delete/shop")
    wait_for(lambda: all(nodes[n].post(message(30), instance="shop")[0] == 404 for n in "abc"), 3, "it is gone")
    wait_for(lambda: sum(nodes.serving().values(), []) == [], what="nobody serves its webhooks")
    assert second.numbers() == [20] and first.numbers().count(30) == 0


def test_nodes_that_start_at_once_with_their_first_key_have_one(make_nodes):
    nodes = make_nodes({}, kind=ApiDaemon, server="encryption_key = one")
    for name in "abc":
        nodes[name].start(wait=False)
    for name in "abc":
        wait_for(nodes[name].is_ready, what=f"{name} is ready")
    for name in "abc":
        nodes[name].ok("POST", "/api/instance/new", {"name": f"of-{name}", "token": f"token-{name}"}, status=201)
    for name in "abc":
        nodes[name].stop()
    for name in "abc":
        nodes[name].start()
        known = {i["name"]: i["token"] for i in nodes[name].ok("GET", "/api/instance/list")["instances"]}
        assert {n: known[f"of-{n}"] for n in "abc"} == {n: f"token-{n}" for n in "abc"}
        nodes[name].stop()


def test_dead_letters_are_replayed_on_any_node(make_nodes, make_receiver):
    broken = [True]
    receiver = make_receiver(lambda a, c: 400 if broken[0] else 200)
    nodes = make_nodes({"out": {"plugin": "webhook", "url": receiver.url, "retry": "50ms"}}).start()
    wait_for(lambda: sum(nodes.serving().values(), []) == ["out"])
    nodes["a"].accept(message(1))
    wait_for(lambda: "evt_" in nodes["a"].command("dead", "list").stdout, what="a dead letter")
    other = next(n for n in "abc" if n != nodes.owner("out"))
    assert nodes[other].command("dead", "list").stdout.count("evt_") == 1
    broken[0] = False
    nodes[other].command("dead", "replay", "--sink", "out", "--all")
    receiver.wait(2)
    wait_for(lambda: "evt_" not in nodes[other].command("dead", "list").stdout)
    wait_for(lambda: sum(nodes.serving().values(), []) == ["out"])
    other = next(n for n in "abc" if n != nodes.owner("out"))
    replay = ["replay", "--sink", "out", "--since", "1h"]
    for command in ["deliveries", "out"], ["skip", "out"], ["enable", "out"], replay, [*replay, "--dry-run"]:
        refused = nodes[other].command(*command, check=False)
        assert refused.returncode != 0 and f"node {nodes.owner('out')} serves it" in refused.stderr
    assert nodes[nodes.owner("out")].command("skip", "out").stdout == "skipped 0, 0 of them in retry\n"
    assert nodes[nodes.owner("out")].command(*replay, "--dry-run").stdout == "would replay 1\n"


def test_sinks_change_by_sighup_node_by_node(make_nodes, make_receiver, folder):
    """While the files differ, whoever serves a sink delivers as its own file says."""
    first, second, extra = make_receiver(), make_receiver(), make_receiver()

    def hook(receiver):
        return {"plugin": "webhook", "url": receiver.url}
    nodes = make_nodes({"keep": hook(first), "move": hook(first)}).start("ab")
    nodes.settle(("keep", "move"))
    owner = nodes.owner("move")
    other = "ab".replace(owner, "")
    after = {"keep": hook(first), "move": hook(second), "added": hook(extra)}
    # The other's file alone changes nothing of what this one serves; what is new is served at once.
    reload_sinks(nodes[other], after, [])
    wait_for(lambda: nodes.owner("added") == other if "added" in sum(nodes.serving().values(), []) else False,
             what="the other node serves what it alone knows")
    nodes[owner].accept(message(1))
    wait_for(lambda: sorted(first.numbers()) == [1, 1] and extra.numbers() == [1], what="the first event")
    reload_sinks(nodes[owner], after, ["move"] if nodes.owner("move") == owner else [])
    wait_for(lambda: nodes[owner].post(message(2))[0] == 202)
    nodes.settle(("added", "keep", "move"))
    everything_arrives({"first": first, "second": second, "extra": extra}, [2])
    # One that both give up is served by nobody, and goes on where it was when it comes back.
    for name in "ab":
        reload_sinks(nodes[name], {"keep": hook(first), "added": hook(extra)}, [])
    wait_for(lambda: sorted(sum(nodes.serving().values(), [])) == ["added", "keep"], what="nobody serves it")
    nodes["a"].accept(message(3))
    everything_arrives({"first": first, "extra": extra}, [3])
    reload_sinks(nodes["b"], after, [])
    everything_arrives({"second": second}, [3])
    assert second.numbers() == [2, 3] and sorted(first.numbers()) == [1, 1, 2, 3] and extra.numbers() == [1, 2, 3]


class Relay:
    """TCP to the server's unix socket. While it is frozen nothing passes, and no connection ends: as when a network
    drops packets. rate: bytes a second that pass to the server on each connection."""

    def __init__(self, folder):
        self.target, self.frozen, self.stopping = f"{folder}/.s.PGSQL.5432", False, False
        self.rate = None
        # Freezes when bytes like the first go up, within the second, of which half still goes.
        self.freezes_at = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                backend = socket.socket(socket.AF_UNIX)
                backend.connect(self.target)
                for pair in ((client, backend, True), (backend, client, False)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, target, is_up):
        with contextlib.suppress(OSError):
            while not self.stopping:
                chunk = source.recv(1 << 16 if self.rate is None else max(self.rate // 50, 1))
                while self.frozen:
                    time.sleep(0.01)
                if not chunk:
                    break
                if is_up and self.freezes_at and all(part in chunk for part in self.freezes_at):
                    at = chunk.index(self.freezes_at[1]) + len(self.freezes_at[1]) // 2
                    self.frozen = True
                    target.sendall(chunk[:at])
                    chunk, self.freezes_at = chunk[at:], None
                    while self.frozen:
                        time.sleep(0.01)
                target.sendall(chunk)
                if is_up and self.rate is not None:
                    time.sleep(len(chunk) / self.rate)
        for s in (source, target):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.stopping, self.frozen = True, False
        self.listener.close()


def relayed(nodes, server, names="abc"):  # noqa: F811
    """Starts the nodes, a behind a relay."""
    relay = Relay(server.folder)
    ini = nodes["a"].ini.read_text().replace(f"host={server.folder} ", f"host=127.0.0.1 port={relay.port} ")
    nodes["a"].ini.write_text(ini)
    nodes.start(names)
    nodes.settle()
    return relay


def test_a_node_behind_a_network_that_drops_packets_stops_and_is_replaced(
        make_nodes, receivers, server):  # noqa: F811
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()})
    relay = relayed(nodes, server)
    lost = nodes.serving()["a"][0]
    nodes["b"].accept(message(1))
    everything_arrives(receivers, [1])
    relay.frozen = True
    began, number = time.monotonic(), 1
    while time.monotonic() - began < 6:
        number += 1
        nodes["b"].accept(message(number))
        time.sleep(0.02)
    arrived = [a.at for a in receivers[lost].arrivals if a.at > began]
    pauses = [later - earlier for earlier, later in zip([began] + arrived, arrived)]
    assert pauses and max(pauses) < 5 * SLOW, pauses
    everything_arrives(receivers, range(1, number + 1))
    assert "may have to pause" in nodes["a"].log_text()
    relay.frozen = False
    nodes.settle()
    relay.close()


def test_a_node_that_is_cut_off_in_the_middle_of_a_beat_does_not_stop_the_others(
        make_nodes, receivers, server):  # noqa: F811
    """It has the lock that all beats take, and its server waits for the rest of the statement."""
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()})
    relay = relayed(nodes, server)
    lost = nodes.serving()["a"]
    relay.freezes_at = (b"INSERT INTO nodes", b"INSERT INTO nodes")
    wait_for(lambda: relay.frozen, 5, "it is cut off")
    began, number = time.monotonic(), 0
    while time.monotonic() - began < 8:
        number += 1
        nodes["bc"[number % 2]].accept(message(number))
        time.sleep(0.02)
    for name, receiver in receivers.items():
        arrived = [a.at for a in receiver.arrivals]
        pauses = [later - earlier for earlier, later in zip([began] + arrived, arrived)]
        # What it had waits for its time to be over; the others do not even pause.
        assert pauses and max(pauses) < (5 if name in lost else 1.5) * SLOW, (name, pauses and max(pauses))
    assert any("kept the claims locked" in nodes[name].log_text() for name in "bc")
    everything_arrives(receivers, range(1, number + 1))
    relay.frozen = False
    nodes.settle()
    relay.close()


def test_a_node_that_is_cut_off_in_the_middle_of_a_cursors_write_is_replaced(
        make_nodes, receivers, server):  # noqa: F811
    """The row is locked, and whoever goes on with that sink writes it, together with events."""
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()})
    relay = relayed(nodes, server)
    lost = nodes.serving()["a"][0]
    relay.freezes_at = (b"\0cursor\0", b"\0commit\0")
    number = 0
    while not relay.frozen:
        number += 1
        nodes["b"].accept(message(number))
        time.sleep(0.02)
    began, took = time.monotonic(), []
    while time.monotonic() - began < 12:
        number += 1
        asked = time.monotonic()
        wait_for(lambda: nodes["bc"[number % 2]].post(message(number))[0] == 202, 20, "it is taken")
        took.append(time.monotonic() - asked)
        time.sleep(0.02)
    arrived = [a.at for a in receivers[lost].arrivals if a.at > began]
    pauses = [later - earlier for earlier, later in zip([began] + arrived, arrived)]
    assert pauses and max(pauses) < 5 * SLOW, (max(pauses), max(took))
    assert max(took) < 5 * SLOW, (max(pauses), max(took))
    everything_arrives(receivers, range(1, number + 1))
    relay.frozen = False
    nodes.settle()
    relay.close()


@pytest.mark.parametrize("size, rate, slowest", [(5_000_000, 1_000_000, 3 * SLOW), (200_000, 20_000, 6)],
                         ids=["large", "small"])
def test_others_go_on_while_a_node_stands_still(
        make_nodes, receivers, server, size, rate, slowest):  # noqa: F811
    """What is sent ahead holds no lock; what is not is given up when another node waits for it."""
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()})
    relay = relayed(nodes, server, "ab")
    relay.rate = rate
    poster = threading.Thread(target=nodes["a"].post, args=[message(1, text="x" * size)])
    poster.start()
    time.sleep(2)
    nodes["a"].process.send_signal(signal.SIGSTOP)
    relay.frozen = True  # with what its kernel would still send
    took = []
    for number in range(2, 8):
        began = time.monotonic()
        nodes["b"].accept(message(number))
        took.append(time.monotonic() - began)
    assert max(took) < slowest, took
    assert sum(took[1:]) < 3 * SLOW, took
    relay.rate, relay.frozen = None, False
    nodes["a"].process.send_signal(signal.SIGCONT)
    poster.join(30)
    wait_for(lambda: nodes["a"].post(message(1, text="x" * size))[0] == 202, 20, "a appends again")
    everything_arrives(receivers, range(1, 8))
    for receiver in receivers.values():
        assert sorted(receiver.numbers()) == list(range(1, 8))
    relay.close()


def test_a_node_with_a_slow_network_does_not_slow_the_others(make_nodes, receivers, server):  # noqa: F811
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()})
    relay = relayed(nodes, server, "ab")
    relay.rate = 1_000_000
    answers = []
    poster = threading.Thread(target=lambda: answers.append(nodes["a"].post(message(1, text="x" * 6_000_000))))
    poster.start()
    number, took = 1, []
    while poster.is_alive():
        number, began = number + 1, time.monotonic()
        nodes["b"].accept(message(number))
        took.append(time.monotonic() - began)
        time.sleep(0.05)
    relay.rate = None
    assert max(took) < 3 * SLOW and len(took) > 20, took
    assert answers[0][0] == 202, answers
    everything_arrives(receivers, range(1, number + 1))
    relay.close()


def test_nothing_comes_twice_when_nodes_come_and_go_in_order(make_nodes, receivers):
    nodes = make_nodes({n: {"plugin": "webhook", "url": r.url} for n, r in receivers.items()}).start("ab")
    nodes.settle()
    number = 0
    for name in ("c", "a", "b"):
        if nodes[name].process is None:
            nodes[name].start()
        poster = next(n for n in "abc" if n != name and nodes[n].process is not None)
        for _ in range(2):
            end = time.monotonic() + 1
            while time.monotonic() < end:
                number += 1
                nodes[poster].accept(message(number, chat=number % 5))
            if nodes[name].process is not None:
                nodes[name].stop()
        nodes[name].start()
        nodes.settle()
    everything_arrives(receivers, range(1, number + 1))
    for receiver in receivers.values():
        assert sorted(receiver.numbers()) == list(range(1, number + 1))


def test_failed_attempts_go_with_their_sink(make_nodes, make_receiver):
    receiver = make_receiver(lambda arrival, connection: 500)
    nodes = make_nodes({"out": {"plugin": "webhook", "url": receiver.url, "retry": "1h"}}).start("ab")
    nodes.settle(("out",))
    first = nodes.owner("out")
    nodes["a"].accept(message(1))
    rows = wait_for(lambda: nodes[first].command("deliveries", "--json", "out").stdout)
    nodes[first].stop()
    other = "b" if first == "a" else "a"
    wait_for(lambda: nodes.serving() == {other: ["out"]})
    wait_for(lambda: nodes[other].command("deliveries", "--json", "out").stdout == rows)
