# SPDX-License-Identifier: Apache-2.0
"""Under a service manager: what the daemon tells it, and sockets that it hands over."""
import ctypes
import ctypes.util
import errno
import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from rig import PLUGINS, PROGRAM, SLOW, message, wait_for
from sdk_rig import SOURCE

SECCOMP = ctypes.util.find_library("seccomp")


class Manager:
    """The receiving end of sd_notify(3)'s protocol."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10 * SLOW)

    def hear(self):
        return self.socket.recv(4096).decode().split("\n")

    def wait(self, line):
        while line not in (lines := self.hear()):
            pass
        return lines


@pytest.fixture
def run(make_daemon):
    """Starts a daemon as a service manager does: sockets from descriptor 3 on."""
    def start(sinks, env=None, sockets=(), pid="$$", server=""):
        daemon = make_daemon(sinks, start=False, server=server)
        return daemon, lambda: launch(daemon, env or {}, sockets, pid)

    def launch(daemon, env, sockets, pid):
        # Duplicates above what they are moved to.
        high = [os.dup(os.dup(os.dup(s.fileno()))) for s in sockets]

        def hand_over():
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)

        daemon.log = open(daemon.log_path, "ab")
        listen = f"LISTEN_PID={pid} LISTEN_FDS={len(sockets)} " if sockets else ""
        daemon.process = subprocess.Popen(
            ["/bin/sh", "-c", f'{listen}exec "$0" run -c "$1"', PROGRAM, daemon.ini],
            env={**os.environ, **env}, stdout=daemon.log, stderr=daemon.log, preexec_fn=hand_over,
            close_fds=False)
        return daemon
    return start


@pytest.mark.parametrize("name", ["{}/notify.sock", "@hookswitch-test-{}"])
def test_readiness_status_watchdog_and_stop_are_told(run, folder, name):
    address = name.format(folder)
    manager = Manager(address.replace("@", "\0"))
    daemon, start = run({}, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"})
    start()
    ready = manager.hear()
    assert ready[0] == "READY=1"
    assert ready[1].startswith(f"STATUS=Serving on 127.0.0.1:{daemon.port} with ")
    assert daemon.is_ready()
    assert [manager.hear() for _ in range(3)] == [["WATCHDOG=1"]] * 3
    daemon.process.terminate()
    assert manager.wait("STOPPING=1")[1].startswith("STATUS=")
    assert daemon.process.wait(30) == 0
    daemon.process = None


def test_the_status_tells_of_the_sinks_after_a_reload(run, folder):
    manager = Manager(f"{folder}/notify.sock")
    daemon, start = run({}, {"NOTIFY_SOCKET": f"{folder}/notify.sock"})
    start()
    assert manager.hear()[1].endswith(" 0 sinks")
    with open(daemon.ini, "a") as file:
        file.write(f"[sink archive]\nplugin = file\npath = {folder}/archive.ndjson\n")
    daemon.process.send_signal(signal.SIGHUP)
    manager.wait("READY=1")
    status, = manager.hear()
    assert status.startswith(f"STATUS=Serving on 127.0.0.1:{daemon.port} with ") and status.endswith(" 1 sinks")


# Holds its worker up as long as the file at `path` is there.
HANGING = """#include <unistd.h>
#include <hookswitch/sink.h>
struct conf { const char *path; };
static const struct hsw_option options[] = {
	{ .key = "path", .type = HSW_OPT_PATH, .flags = HSW_OPT_REQUIRED, .help = "." }, { .key = NULL } };
struct handle { const struct hsw_host *host; const struct conf *conf; };
static struct handle handles[64];
static int n_handles;
static int open_(const struct hsw_host *host, struct hsw_handle *h, const void *conf, void **self, struct hsw_error *err)
{
	(void)h; (void)err;
	handles[n_handles] = (struct handle){ host, conf };
	*self = &handles[n_handles++];
	return HSW_OK;
}
static int deliver(void *self, struct hsw_delivery *d)
{
	struct handle *h = self;
	while (access(h->conf->path, F_OK) == 0)
		usleep(1000);
	h->host->done(d, HSW_DELIVERED, NULL);
	return HSW_OK;
}
static void cancel(void *self, struct hsw_delivery *d) { (void)self; (void)d; }
static void close_(void *self) { (void)self; }
static const struct hsw_sink_ops ops = { .size = sizeof(ops), .concurrency = 1, .open = open_, .deliver = deliver,
	.cancel = cancel, .close = close_ };
HSW_PLUGIN(HSW_SINK, "hanging", "1", "hangs", sizeof(struct conf), options, &ops);
"""


def test_the_status_tells_of_a_worker_that_hangs_only_while_it_does(run, folder):
    manager = Manager(f"{folder}/notify.sock")
    plugins, held = Path(folder, "plugins"), Path(folder, "held")
    plugins.mkdir()
    held.touch()
    for plugin in PLUGINS.glob("*.so"):
        (plugins / plugin.name).symlink_to(plugin)
    subprocess.run(["cc", "-shared", "-fPIC", "-I", SOURCE / "sdk", "-x", "c", "-", "-o", plugins / "sink-hanging.so"],
                   input=HANGING, text=True, check=True)
    daemon, start = run({"held": {"plugin": "hanging", "path": held}},
                        {"NOTIFY_SOCKET": f"{folder}/notify.sock", "WATCHDOG_USEC": "400000"})
    daemon.ini.write_text(daemon.ini.read_text().replace(f"plugin_dir = {PLUGINS}", f"plugin_dir = {plugins}"))
    start()
    serving = manager.hear()[1]
    # The worker that hangs may be the one that answers.
    provider = threading.Thread(target=daemon.accept, args=(message(1),))
    provider.start()
    try:
        wait_for(lambda: manager.hear()[0].startswith("STATUS=Worker "))
    finally:
        held.unlink()
        provider.join()
    wait_for(lambda: serving in manager.hear())


def test_a_reload_that_comes_while_the_configuration_is_read_waits(run, folder):
    manager = Manager(f"{folder}/notify.sock")
    daemon, start = run({}, {"NOTIFY_SOCKET": f"{folder}/notify.sock"})
    included = daemon.ini.parent / "included.ini"
    os.mkfifo(included)
    daemon.ini.write_text(f"include = {included}\n{daemon.ini.read_text()}")
    start()
    with open(included, "w"):  # the daemon has opened it, too, and reads until this one is closed
        included.unlink()
        included.write_text("")
        daemon.process.send_signal(signal.SIGHUP)
    assert manager.hear()[0] == "READY=1"
    wait_for(lambda: "opened log and files again" in daemon.log_text())


def test_readiness_is_told_with_however_many_addresses(run, folder):
    manager = Manager(f"{folder}/notify.sock")
    daemon, start = run({}, {"NOTIFY_SOCKET": f"{folder}/notify.sock"})
    paths = [f"unix:{folder}/{n:02}{'x' * (100 - len(folder.__str__()))}" for n in range(12)]
    text = daemon.ini.read_text()
    daemon.ini.write_text(text.replace("listen = ", f"listen = {', '.join(paths)}, ", 1))
    start()
    ready, status = manager.hear()[:2]
    assert ready == "READY=1" and status.startswith(f"STATUS=Serving on {paths[0]},{paths[1]},")
    assert "... with " in status and status.endswith(" sinks")
    wait_for(lambda: f"listen={','.join(paths)},127.0.0.1:{daemon.port} " in daemon.log_text())


def test_the_watchdog_of_another_process_is_left_alone(run, folder):
    manager = Manager(f"{folder}/notify.sock")
    _, start = run({}, {"NOTIFY_SOCKET": f"{folder}/notify.sock", "WATCHDOG_USEC": "100000",
                        "WATCHDOG_PID": "1"})
    start()
    manager.wait("READY=1")
    manager.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        manager.hear()


def test_a_start_that_fails_says_why(run, folder):
    manager = Manager(f"{folder}/notify.sock")
    daemon, start = run({}, {"NOTIFY_SOCKET": f"{folder}/notify.sock"})
    with socket.create_server(("127.0.0.1", daemon.port)):
        start()
        assert manager.hear()[0].startswith("STATUS=Cannot start: ")
        assert daemon.process.wait(30) == 1
    daemon.process = None


@pytest.mark.parametrize("any_address", [False, True])
def test_a_socket_that_was_handed_over_outlives_the_daemon(run, folder, any_address):
    daemon, start = run({"f": {"plugin": "file", "path": f"{folder}/out.ndjson"}},
                        sockets=[listening := socket.socket()], server="workers = 3")
    if any_address:
        daemon.ini.write_text(daemon.ini.read_text().replace(
            f"listen = 127.0.0.1:{daemon.port}", f"listen = [::]:{daemon.port}"))
    listening.bind(("0.0.0.0" if any_address else "127.0.0.1", daemon.port))
    listening.listen()
    start()
    wait_for(daemon.is_ready)
    daemon.stop()
    # Nobody runs, yet nobody is refused: the request waits for the next daemon.
    waiting = socket.create_connection(("127.0.0.1", daemon.port))
    waiting.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    start()
    waiting.settimeout(20 * SLOW)
    assert waiting.recv(100).startswith(b"HTTP/1.")
    waiting.close()
    daemon.accept(message(1))
    wait_for(lambda: os.path.exists(f"{folder}/out.ndjson"))


def test_a_unix_socket_that_was_handed_over_is_not_removed(run, folder):
    path = f"{folder}/in.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    daemon, start = run({}, sockets=[listening])
    daemon.ini.write_text(daemon.ini.read_text().replace(
        f"listen = 127.0.0.1:{daemon.port}", f"listen = 127.0.0.1:{daemon.port}, unix:{path}"))
    start()
    wait_for(daemon.is_ready)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        client.settimeout(20 * SLOW)
        assert client.recv(100).startswith(b"HTTP/1.")
    daemon.stop()
    assert os.path.exists(path)
    assert not os.path.exists(f"{folder}/control.sock")


def test_sockets_for_another_process_are_not_taken(run, folder):
    listening = socket.create_server(("127.0.0.1", 0))
    daemon, start = run({}, sockets=[listening], pid="1")
    daemon.ini.write_text(daemon.ini.read_text().replace(
        f"listen = 127.0.0.1:{daemon.port}", f"listen = 127.0.0.1:{listening.getsockname()[1]}"))
    start()
    assert daemon.process.wait(30) == 1
    daemon.process = None
    assert "another process listens there" in daemon.log_text()


@pytest.mark.parametrize("kind", ["inet", "inet6", "unix", "datagram"])
def test_a_socket_that_nothing_names_stops_the_start(run, folder, kind):
    named = socket.socket()
    if kind == "unix":
        other, text = socket.socket(socket.AF_UNIX), f"unix:{folder}/other.sock"
        other.bind(f"{folder}/other.sock")
    else:
        other = socket.socket(socket.AF_INET6 if kind == "inet6" else socket.AF_INET,
                              socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
        other.bind(("::1" if kind == "inet6" else "127.0.0.1", 0))
        port = other.getsockname()[1]
        text = {"inet": f"127.0.0.1:{port}", "inet6": f"[::1]:{port}",
                "datagram": "descriptor 4, which is no listening stream socket"}[kind]
    if kind != "datagram":
        other.listen()
    daemon, start = run({}, sockets=[named, other])
    named.bind(("127.0.0.1", daemon.port))
    named.listen()
    start()
    assert daemon.process.wait(30 * SLOW) == 1
    daemon.process = None
    assert f"a socket that no listen, listen_tls or control names: {text}. Name it in [server]" in daemon.log_text()
    assert not os.path.exists(f"{folder}/control.sock")


def calls_of(names):
    """System calls by name, sets such as @chown taken apart."""
    for name in names:
        if not name.startswith("@"):
            yield name
            continue
        lines = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name],
                               capture_output=True, text=True, check=True).stdout.split("\n")[1:]
        yield from calls_of(line.strip() for line in lines if line.strip() and "#" not in line)


def calls_allowed():
    """What the unit's SystemCallFilter= leaves, which systemd applies line by line."""
    allowed = set(calls_of(["@default", "execve"]))
    for line in (SOURCE / "contrib/systemd/hookswitch.service").read_text().splitlines():
        if line.startswith("SystemCallFilter=~"):
            allowed -= set(calls_of(line.partition("~")[2].split()))
        elif line.startswith("SystemCallFilter="):
            allowed |= set(calls_of(line.partition("=")[2].split()))
    return allowed


def may_filter(library):
    """Whether a process may have its system calls filtered here, tried in one of its own."""
    child = os.fork()
    if child == 0:
        context = ctypes.c_void_p(library.seccomp_init(0x7fff0000))
        os._exit(1 if library.seccomp_load(context) else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not SECCOMP or not shutil.which("systemd-analyze"), reason="there is no systemd or no libseccomp")
@pytest.mark.skipif(SLOW > 1, reason="sanitizers need other system calls, too")
def test_the_units_filter_leaves_what_a_file_of_its_own_owner_needs(make_daemon, folder):
    library = ctypes.CDLL(SECCOMP)
    library.seccomp_init.restype = ctypes.c_void_p
    if not may_filter(library):
        pytest.skip("system calls cannot be filtered here")
    allow, refuse = 0x7fff0000, 0x00050000 | errno.EPERM
    context = ctypes.c_void_p(library.seccomp_init(refuse))
    for name in calls_allowed():
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            library.seccomp_rule_add(context, allow, number, 0)
    daemon = make_daemon({"archive": {"plugin": "file", "path": f"{folder}/%{{instance}}/out.ndjson", "max_size": 1,
                                      "compress": "yes", "user": os.geteuid(), "group": os.getegid()}}, start=False)
    daemon.start(preexec=lambda: os._exit(1) if library.seccomp_load(context) else None)
    for number in 1, 2:
        daemon.accept(message(number))
        wait_for(lambda: daemon.sink("archive")["lag"] == 0, what="it is written")
    wait_for(lambda: len(list(Path(folder).glob("sales/out.ndjson.*Z.gz"))) == 1, what="the full file is compressed")
