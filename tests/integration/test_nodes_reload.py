# SPDX-License-Identifier: Apache-2.0
"""Nodes on one PostgreSQL whose sinks are other ones after SIGHUP, while events flow: each event comes once."""
import signal
import threading
import time

import pytest

from rig import message, wait_for
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)
from test_reload import reload_sinks, write_sinks

pytestmark = pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
EVERY = 0.005  # seconds between two events


def hook(receiver):
    return {"plugin": "webhook", "url": receiver.url}


class Flow:
    """Posts one message after another, to each node in its turn."""

    def __init__(self, nodes):
        self.nodes, self.sent, self.stopping, self.failure = nodes, 0, False, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        daemons = list(self.nodes.running().values())
        try:
            while not self.stopping:
                number = self.sent + 1
                daemons[number % len(daemons)].accept(message(number, chat=number % 7))
                self.sent = number
                time.sleep(EVERY)
        except Exception as e:  # shown by the test
            self.failure = e

    def go_on(self, events=60):
        """Waits until so many more have been taken."""
        until = self.sent + events
        wait_for(lambda: self.failure or self.sent >= until, 30, "events are taken")
        assert self.failure is None, self.failure

    def stop(self):
        self.stopping = True
        self.thread.join(30)
        assert self.failure is None, self.failure
        return list(range(1, self.sent + 1))


def come_once(numbers, *receivers):
    def got():
        return sorted(n for r in receivers for n in r.numbers())
    wait_for(lambda: len(got()) >= len(numbers), 30, "all events")
    assert got() == numbers


def test_a_sink_that_changes_on_all_nodes_at_once_gets_each_event_once(make_nodes, make_receiver):  # noqa: F811
    kept, first, second = make_receiver(), make_receiver(), make_receiver()
    nodes = make_nodes({"keep": hook(kept), "move": hook(first), "also": hook(kept)}).start()
    nodes.settle(("also", "keep", "move"))
    flow = Flow(nodes)
    for receiver in (second, first, second):
        flow.go_on()
        before = len(receiver.arrivals)
        for daemon in nodes.running().values():
            write_sinks(daemon, {"keep": hook(kept), "move": hook(receiver), "also": hook(kept)})
        for daemon in nodes.running().values():
            daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(receiver.arrivals) > before, 10, "the other receiver gets something")
    flow.go_on()
    numbers = flow.stop()
    come_once(numbers, first, second)
    come_once(sorted(numbers * 2), kept)


def test_a_sink_follows_the_files_from_node_to_node_and_gets_each_event_once(
        make_nodes, make_receiver):  # noqa: F811
    kept, moved = make_receiver(), make_receiver()
    without = {"keep": hook(kept)}
    both = {**without, "move": hook(moved)}
    nodes = make_nodes(both).start()
    nodes.settle(("keep", "move"))
    flow = Flow(nodes)
    have = set("abc")
    for name, sinks in (("a", without), ("b", without), ("a", both), ("c", without), ("b", both), ("a", without),
                        ("b", without), ("c", both), ("a", both), ("b", both)):
        flow.go_on(30)
        reload_sinks(nodes[name], sinks, [])
        have = have | {name} if sinks is both else have - {name}

        def owners():
            return {n for n, served in nodes.serving().items() if "move" in served}
        wait_for(lambda: owners() <= have and (owners() or not have), 10, f"one of {have} serves it")
        if have:
            before = len(moved.arrivals)
            wait_for(lambda: len(moved.arrivals) > before, 10, f"one of {have} delivers")
    assert have == set("abc")
    numbers = flow.stop()
    come_once(numbers, moved)
    come_once(numbers, kept)


def test_sections_that_are_not_the_same_on_all_nodes_are_named(make_nodes, make_receiver):  # noqa: F811
    receiver = make_receiver()
    nodes = make_nodes({"out": hook(receiver)}).start("ab")
    a, b = nodes["a"], nodes["b"]

    def warned(daemon, change, lines=0):
        """What the daemon says after this change of its file: so many lines."""
        before = len(daemon.log_text())
        daemon.ini.write_text(change(daemon.ini.read_text()))
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "restart_needed=" in daemon.log_text()[before:], 10, "it has the file")
        daemon.status()  # behind it on the store's thread, unless that is slow
        wait_for(lambda: daemon.log_text()[before:].count("not the same") >= lines, 10, "it is told")
        return [line.split("another node: ")[1] for line in daemon.log_text()[before:].splitlines()
                if "not the same" in line]

    assert "not the same" not in a.log_text() + b.log_text()
    assert warned(b, lambda text: text.replace("sales-SECRET-instance", "other-SECRET-instance"), 1) == [
        "[instance sales] node=a"]
    assert warned(a, lambda text: text.replace("sales-SECRET-instance", "other-SECRET-instance")) == []
    # A sink that one node alone has is meant so; one that both have is not meant to differ.
    own = f"\n[sink own]\nplugin = webhook\nurl = {receiver.url}\n"
    assert warned(b, lambda text: text + own) == []
    assert warned(a, lambda text: text + own + "timeout = 7s\n", 1) == ["[sink own] node=b"]
    assert warned(a, lambda text: text.replace("timeout = 7s\n", "")) == []
    many = "".join(f"\n[instance more{i}]\n" for i in range(12))
    said = warned(a, lambda text: text + many, 1)
    assert len(said) == 1 and said[0].startswith("[instance more0], ") and said[0].endswith(" and 2 more node=b")
    # One that starts; one that is not there any more is not compared with.
    nodes["c"].start()
    wait_for(lambda: "not the same" in nodes["c"].log_text(), 10, "it compares at its start, too")
    b.stop()
    wait_for(lambda: a.status()["nodes"] == ["a", "c"], 10, "b is gone")
    nodes["c"].stop()
    wait_for(lambda: a.status()["nodes"] == ["a"], 10, "c is gone")
    assert warned(a, lambda text: text.replace("other-SECRET", "third-SECRET")) == []
    assert "SECRET" not in a.log_text() + b.log_text() + nodes["c"].log_text()
