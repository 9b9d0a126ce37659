# SPDX-License-Identifier: Apache-2.0
"""sink-syslog and a collector whose machine falls silent: no attempt is used up, and the order stays."""
import contextlib
import ctypes
import re
import socket
import struct
import threading

import pytest

from rig import message, wait_for

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
RETURN = 0x06       # of the packet filter: how many bytes to keep
# A timeout that is over long before the sink knows, and events that do not survive a single attempt.
OPTIONS = {"plugin": "syslog", "timeout": "500ms", "retry": "never", "probe_interval": "500ms"}


def deafen(s):
    """From now on no packet reaches the socket, nor what it accepts later."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", RETURN, 0, 0, 0))
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))


class Machine:
    """Of a collector that reads all it gets."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections, self.got = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                self.got.append(b"")
                threading.Thread(target=self.read, args=(len(self.got) - 1,), daemon=True).start()

    def read(self, n):
        with contextlib.suppress(OSError):
            while data := self.connections[n].recv(65536):
                self.got[n] += data

    def die(self):
        for s in [self.listener, *self.connections]:
            deafen(s)

    def revive(self):
        """Of the connections that it had it knows nothing."""
        self.listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)

    def numbers(self):
        return [int(n) for n in re.findall(rb'"id":"TEST(\d+)"', b"".join(self.got))]

    def close(self):
        for s in [self.listener, *self.connections]:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


@pytest.fixture
def machine():
    with contextlib.closing(Machine()) as m:
        yield m


def expect_outage(machine, daemon, numbers, seconds):
    for number in numbers:
        daemon.accept(message(number, chat=number % 3))
    wait_for(lambda: daemon.sink("siem")["circuit"] == "open", seconds, "the circuit is open")
    assert "no answer within 10 seconds" in daemon.log_text()
    assert "dead letter" not in daemon.log_text()
    machine.revive()
    wait_for(lambda: daemon.sink("siem")["delivered"] == numbers[-1] + 1, 30, "the outage is over")
    wait_for(lambda: machine.numbers() == list(range(numbers[-1] + 1)), what="each event is there once, in order")


def test_a_machine_that_is_off_uses_up_no_attempts(machine, make_daemon):
    machine.die()
    daemon = make_daemon({"siem": {**OPTIONS, "target": machine.target}})
    expect_outage(machine, daemon, range(10), 20)


def test_a_machine_that_dies_under_its_connection_uses_up_no_attempts(machine, make_daemon):
    daemon = make_daemon({"siem": {**OPTIONS, "target": machine.target}})
    for number in range(3):
        daemon.accept(message(number))
    wait_for(lambda: daemon.sink("siem")["delivered"] == 3, 20, "there is a connection")
    machine.die()
    expect_outage(machine, daemon, range(3, 13), 50)
    assert len(machine.connections) == 2
