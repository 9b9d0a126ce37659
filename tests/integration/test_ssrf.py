# SPDX-License-Identifier: Apache-2.0
"""What allow_private closes stays closed, whatever a name says and when. Each test has a network of its own in which
every address leads to the receiver, so that nothing but the check keeps requests away from it."""
import ctypes
import functools
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

from api_rig import ApiDaemon
from rig import Receiver, certificate, message, wait_for

PUBLIC, PUBLIC_6 = "9.9.9.9", "2620:fe::9"
REFUSED = "the host's address is not a public one (allow_private)"
# Closed addresses that a connection could be made to here.
REACHABLE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.1.2.3", "100.64.0.1", "169.254.169.254", "168.63.129.16", "172.16.0.1",
    "192.0.0.192", "192.0.2.1", "192.168.0.1", "198.18.0.1", "203.0.113.1", "::", "::1", "fd00:ec2::254",
    "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:0:10.1.2.3", "64:ff9b::7f00:1", "64:ff9b::10.1.2.3", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a01:203::1", "2001::1", "2001:db8::1", "fec0::1", "::10.1.2.3"]
UNREACHABLE = ["224.0.0.1", "255.255.255.255", "fe80::1", "ff02::1"]
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def run(*args):
    subprocess.run(args, check=True, capture_output=True)


def go_to_island(folder):
    """This thread, and what it starts, has its own network, names and nothing to look names up with."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or shutil.which("ip") is None or not os.path.exists("/proc/net/if_inet6") or (
            libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0):
        pytest.skip("there can be no network of its own: it needs root, ip and IPv6")
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    for family in "-4", "-6":
        run("ip", family, "route", "add", "local", "default", "dev", "lo")
    (folder / "nsswitch.conf").write_text("hosts: files\n")
    (folder / "hosts").write_text("")
    for name in "hosts", "nsswitch.conf":
        run("mount", "--bind", folder / name, f"/etc/{name}")


def on_an_island(test):
    @functools.wraps(test)
    def wrapped(tmp_path, **kwargs):
        trouble = []

        def body():
            try:
                go_to_island(tmp_path)
                test(tmp_path=tmp_path, **kwargs)
            except BaseException as e:  # also what pytest skips with
                trouble.append(e)
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if trouble:
            raise trouble[0]
    return wrapped


class Everywhere(Receiver):
    """Listens on all addresses, and knows which one each connection was made to."""

    def open(self):
        self.reached = []
        self.socket = socket.create_server(("::", self.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256)
        threading.Thread(target=self.accept, args=(self.socket,), daemon=True).start()

    def serve(self, connection):
        self.reached.append(ipaddress.ip_address(connection.getsockname()[0].partition("%")[0]))
        super().serve(connection)

    def paths(self):
        return {a.path for a in list(self.arrivals)}


@pytest.fixture
def everywhere():
    made = []

    def make(*args, **kwargs):
        made.append(Everywhere(*args, **kwargs))
        return made[-1]
    yield make
    for receiver in made:
        receiver.close()


def names_are(folder, names):
    """{name: its addresses}. The file stays the same one, which is mounted."""
    text = "".join(f"{address} {name}\n" for name, addresses in names.items() for address in addresses)
    with open(folder / "hosts", "r+b", buffering=0) as f:
        f.write(text.encode())
        f.truncate()


def dead(daemon):
    listed = map(json.loads, daemon.command("dead", "list", "--json").stdout.splitlines())
    return {row["sink"]: (row["attempts"], row["error"]) for row in listed}


def errors_of(daemon, sink):
    """Of the attempts that failed, the oldest first."""
    text = daemon.command("deliveries", "--json", "--failed", sink).stdout
    return [row["error"] for row in map(json.loads, text.splitlines())]


@on_an_island
def test_no_name_leads_to_a_closed_address_at_any_attempt(make_daemon, everywhere, monkeypatch, tmp_path):
    """Nor does a proxy of the environment, which would connect for us."""
    receiver, proxy = everywhere(), everywhere()
    for name in "http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY":
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    closed = {f"n{i}.example": address for i, address in enumerate(REACHABLE + UNREACHABLE)}
    names_are(tmp_path, {name: [address] for name, address in closed.items()} | {"good.example": [PUBLIC],
                                                                                "good6.example": [PUBLIC_6]})
    sinks = {}
    for i, name in enumerate(closed):
        for scheme in "http", "https":
            sinks[f"{scheme}-{i}"] = {"plugin": "webhook", "url": f"{scheme}://{name}:{receiver.port}/closed/{i}",
                                      "retry": "20ms, 20ms", "allow_private": "none"}
        if i < len(REACHABLE):
            sinks[f"open-{i}"] = {"plugin": "webhook", "url": f"http://{name}:{receiver.port}/open/{i}"}
    for name in "good", "good6":
        sinks[name] = {"plugin": "webhook", "url": f"http://{name}.example:{receiver.port}/{name}", "allow_private": "none"}
    daemon = make_daemon(sinks)
    daemon.accept(message(1))
    wait_for(lambda: receiver.paths() == {"/good", "/good6"} | {f"/open/{i}" for i in range(len(REACHABLE))},
             what="all of them can be reached")
    wait_for(lambda: len(dead(daemon)) == 2 * len(closed), what="dead letters")
    assert set(dead(daemon).values()) == {(3, REFUSED)}
    assert not [path for path in receiver.paths() if path.startswith("/closed")]
    assert len(receiver.reached) == 2 + len(REACHABLE) and proxy.reached == []


@on_an_island
def test_a_name_that_changes_is_judged_at_each_attempt(make_daemon, everywhere, tmp_path):
    """Not known, then private, then public, then private: what a name stood for before helps it nothing. A restart
    forgets what was looked up."""
    receiver = everywhere(lambda arrival, connection: 500)
    targets = {"section": "turns.example", "twice": "twice.example"}
    names_are(tmp_path, {})
    daemon = make_daemon({name: {"plugin": "webhook", "url": f"http://{host}:{receiver.port}/{name}",
                                 "allow_private": "none", "retry": "100ms, forever", "probe_interval": "100ms"}
                          for name, host in targets.items()})
    daemon.accept(message(1))

    def next_errors(names, more=2):
        """Those of the attempts that follow a change, but for the one that may have been under way."""
        names_are(tmp_path, names)
        before = {name: len(errors_of(daemon, name)) for name in targets}
        wait_for(lambda: all(len(errors_of(daemon, name)) > before[name] + more for name in targets), what=f"attempts at {names}")
        return {error for name in targets for error in errors_of(daemon, name)[before[name] + 1:]}

    def restart(names):
        daemon.stop()
        names_are(tmp_path, names)
        daemon.start()
    wait_for(lambda: all(errors_of(daemon, name) for name in targets))
    assert all("resolve" in error for name in targets for error in errors_of(daemon, name)), errors_of(daemon, "section")
    private = {"turns.example": ["127.0.0.1"], "twice.example": ["::1", "10.1.2.3", "127.0.0.1"]}
    public = {"turns.example": [PUBLIC], "twice.example": ["127.0.0.1", PUBLIC, "10.0.0.1"]}
    assert next_errors(private) == {REFUSED} and receiver.reached == []
    restart(public)
    wait_for(lambda: receiver.paths() == {"/section", "/twice"})
    restart(private)
    count = len(receiver.arrivals)
    assert next_errors(private) == {REFUSED} and len(receiver.arrivals) == count
    assert {str(getattr(a, "ipv4_mapped", None) or a) for a in receiver.reached} == {PUBLIC}


def redirect(arrival, connection):
    """/STATUS/...: with that status to a path that nobody else asks for, on the loopback."""
    status = arrival.path.split("/")[1]
    port = connection.getsockname()[1]
    connection.sendall(f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{port}/secret\r\nContent-Length: 0\r\n\r\n".encode())
    return True


@on_an_island
def test_redirects_are_not_followed(make_daemon, everywhere, tmp_path):
    context, cert = certificate(tmp_path, PUBLIC)
    plain, tls = everywhere(redirect), everywhere(redirect, context=context)
    sinks = {f"{scheme}-{guard}-{status}": {
        "plugin": "webhook", "url": f"{scheme}://{PUBLIC}:{receiver.port}/{status}", "retry": "20ms",
        **({"ca_file": cert} if scheme == "https" else {}),
        **({"allow_private": "none"} if guard == "guarded" else {})}
        for scheme, receiver in (("http", plain), ("https", tls)) for guard in ("guarded", "trusted")
        for status in (301, 302, 303, 307, 308)}
    daemon = make_daemon(sinks)
    daemon.accept(message(1))
    letters = wait_for(lambda: (found := dead(daemon)).keys() == sinks.keys() and found)
    assert {(name[-3:], attempts, error[:8]) for name, (attempts, error) in letters.items()} == {
        (status, 2, f"HTTP {status}") for status in ("301", "302", "303", "307", "308")}
    for receiver in plain, tls:
        assert len(receiver.arrivals) == 20 and "/secret" not in receiver.paths()


@on_an_island
def test_a_webhook_of_the_api_is_judged_at_each_attempt(everywhere, tmp_path):
    """Any caller of the API sets these: all but public addresses are closed without being told."""
    receiver = everywhere()
    names_are(tmp_path, {"good.example": [PUBLIC], "bad.example": ["169.254.169.254"], "mixed.example": ["::1", PUBLIC],
                        "localhost": ["127.0.0.1", "::1"]})
    daemon = ApiDaemon(tmp_path, api="allow_private = none\nmax_webhooks = 4").start()
    try:
        for label in "good", "bad", "mixed":
            daemon.webhook("sales", f"http://{label}.example:{receiver.port}/{label}", label=label)
        daemon.webhook("sales", f"http://localhost:{receiver.port}/localhost", label="local")
        daemon.accept(message(1))
        wait_for(lambda: receiver.paths() >= {"/good", "/mixed"})
        for label in "bad", "local":
            wait_for(lambda: len(errors_of(daemon, f"sales/{label}")) > 1, what="two attempts")
            assert set(errors_of(daemon, f"sales/{label}")) == {REFUSED}
        assert receiver.paths() == {"/good", "/mixed"}
    finally:
        daemon.stop()


LITERALS = [
    "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "10.1",
    "0xa9fea9fe", "169.254.43518", "[::]", "[::1]", "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
    "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%251]", "[fec0::1]", "[fd00:ec2::254]", "[2001:0:7f00:1::]", "[ff02::1]",
    "user@127.0.0.1", "9.9.9.9@127.0.0.1", "9.9.9.9:80@127.0.0.1"]
# Not seen for addresses: they are names, or nothing.
DISGUISED = ["127.0.0.1.", "%31%32%37.0.0.1", "127.0.0.1%00.example", "127.0.0.1\\@9.9.9.9", "127.0.0.1#@9.9.9.9",
             "127.0.0.1?@9.9.9.9", "[::1", "0x7f.0.0.0x1.", "4294967296", "256.0.0.1", "127.0.0.01", "9.9.9.9 @127.0.0.1"]


@on_an_island
def test_no_spelling_of_an_address_is_a_way_to_it(make_daemon, everywhere, tmp_path):
    receiver = everywhere()
    hosts = {f"s{i}": host for i, host in enumerate(LITERALS + DISGUISED)}

    def sinks_of(names):
        return {name: {"plugin": "webhook", "url": f"http://{hosts[name]}:{receiver.port}/", "allow_private": "none",
                       "retry": "20ms"} for name in names}
    daemon = make_daemon(sinks_of(hosts), start=False)
    told = dict(re.findall(r"\[sink (\w+)\] url: (.*)", daemon.command("check", check=False).stderr))
    for name in list(hosts)[:len(LITERALS)]:
        assert told[name].endswith("is not a public address, nor one of allow_private") or (
            "@" in hosts[name] and "user info" in told[name]), (hosts[name], told[name])
    taken = hosts.keys() - told.keys()
    assert len(taken) > 1
    daemon.configure(sinks_of(taken))
    daemon.start()
    daemon.accept(message(1))
    letters = wait_for(lambda: (found := dead(daemon)).keys() == taken and found, what="dead letters")
    assert all(attempts == 2 and (error == REFUSED or "resolve" in error) for attempts, error in letters.values()), letters
    assert receiver.reached == []
