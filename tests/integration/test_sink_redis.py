# SPDX-License-Identifier: Apache-2.0
"""contrib/sink-redis: built as strangers build, with a real Redis that is killed, full, read-only and locked."""
import json
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

from rig import SLOW, message, wait_for
from sdk_rig import SANITIZED, SOURCE, make

pytestmark = [
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server"),
    pytest.mark.skipif(subprocess.run(["pkg-config", "--exists", "hiredis"]).returncode != 0,
                       reason="there is no libhiredis-dev"),
]
RETRY = "100ms, 200ms, 200ms, 200ms, 400ms, forever"


class Redis:
    """A server with its folder; every write is on the disk before it is answered."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "redis"
        self.folder.mkdir()
        self.path = self.folder / "s"
        self.process = None
        self.start()

    def start(self, *options):
        log = open(self.folder / "log.txt", "ab")
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", self.folder, "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", *options], stdout=log, stderr=log)
        wait_for(self.is_ready, what="Redis is ready")

    def is_ready(self):
        try:
            return self.command("PING") in ("PONG", "NOAUTH Authentication required.")
        except OSError:
            return False

    def end(self, sent=signal.SIGTERM):
        self.process.send_signal(sent)
        self.process.wait(30)

    def command(self, *words, before=()):
        """Its answer; errors are text. before: a command on the same connection."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(self.path))
            stream = s.makefile("rwb")
            for command in filter(None, (before, words)):
                command = [str(w).encode() for w in command]
                stream.write(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in command))
                stream.flush()
                answer = self.read(stream)
            return answer

    def read(self, stream):
        line = stream.readline()
        if not line:
            raise ConnectionError
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.read(stream) for _ in range(int(rest))]
        if kind == b"$":
            return stream.read(int(rest) + 2)[:-2].decode() if int(rest) >= 0 else None
        return int(rest) if kind == b":" else rest.decode()

    def entries(self, key="hookswitch"):
        """Each as a dict of its fields."""
        return [dict(zip(fields[::2], fields[1::2])) for _, fields in self.command("XRANGE", key, "-", "+")]

    def numbers(self):
        return [int(json.loads(e["body"])["data"]["id"][4:]) for e in self.entries()]


@pytest.fixture
def redis(folder):
    server = Redis(folder)
    yield server
    if server.process.poll() is None:
        server.end()


@pytest.fixture
def plugin(sdk):
    """The sink is where the daemon looks."""
    folder, environment = sdk
    shutil.copytree(SOURCE / "contrib/sink-redis", folder / "sink-redis", ignore=shutil.ignore_patterns("*.so"))
    make(folder, "sink-redis", environment, "install", f"plugindir={folder}/plugins")
    return folder / "plugins"


@pytest.fixture
def start(plugin, redis, make_daemon):
    def start(**options):
        sink = {"plugin": "redis", "path": redis.path, "retry": RETRY, "timeout": "2s", **options}
        daemon = make_daemon({"out": sink}, start=False, instances=("sales", "help"))
        text = daemon.ini.read_text()
        old, = {line for line in text.splitlines() if line.startswith("plugin_dir")}
        daemon.ini.write_text(text.replace(old, f"plugin_dir = {plugin}"))
        return daemon.start()
    return start


def test_entries_have_their_fields_and_the_order_of_their_conversation(start, redis):
    daemon = start()
    for i in range(300):
        daemon.accept(message(i, chat=i % 3))
    entries = wait_for(lambda: len(e := redis.entries()) >= 300 and e, what="300 entries")
    assert len(entries) == 300
    for entry in entries:
        body = json.loads(entry["body"])
        assert list(entry) == ["id", "event", "instance", "body"]
        assert (entry["id"], entry["event"], entry["instance"]) == (body["id"], "message.exchange", "sales")
        assert body["event"] == "message.exchange" and body["instanceData"]["instance"] == "sales"
    numbers = redis.numbers()
    for chat in range(3):
        assert [n for n in numbers if n % 3 == chat] == list(range(chat, 300, 3))
    assert 'hookswitch_sink_redis_entries_total{name="out"} 300' in daemon.request("GET", "/metrics")[2].decode()


def test_a_killed_server_loses_nothing_and_changes_no_order(start, redis):
    daemon = start(ordering="strict")
    sent = 0
    for _ in range(4):
        for _ in range(100):
            daemon.accept(message(sent))
            sent += 1
        redis.end(signal.SIGKILL)
        for _ in range(20):
            daemon.accept(message(sent))
            sent += 1
        redis.start()
    wait_for(lambda: len(set(redis.numbers())) == sent, 60, what="every event")
    # What was answered by nobody comes twice, but never late.
    assert list(dict.fromkeys(redis.numbers())) == list(range(sent))


def test_streams_are_named_by_instance_and_event_and_kept_short(start, redis):
    daemon = start(stream="e:%instance%:%event%:x", maxlen="10")
    for i in range(600):
        daemon.accept(message(i, chat=i % 8))
    daemon.accept(message(3000), instance="help")
    help_stream = wait_for(lambda: redis.entries("e:help:message.exchange:x"), what="the other instance's entry")
    assert [e["instance"] for e in help_stream] == ["help"]
    wait_for(lambda: redis.command("XINFO", "STREAM", "e:sales:message.exchange:x") and
             "600" in str(redis.command("XINFO", "STREAM", "e:sales:message.exchange:x")), what="600 were added")
    assert redis.command("XLEN", "e:sales:message.exchange:x") <= 200


def reason(daemon):
    """What the log says of the last attempt."""
    return "\n".join(line for line in daemon.log_text().splitlines() if "out" in line)


@pytest.mark.parametrize("name", ["OOM", "READONLY"])
def test_a_server_that_has_no_room_or_is_a_replica_gets_it_later(start, redis, name):
    block, free = {
        "OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    }[name]
    assert redis.command(*block) == "OK"
    daemon = start()
    daemon.accept(message(1))
    wait_for(lambda: f"the server answered: {name} " in reason(daemon), what=f"the log tells {name}")
    assert not daemon.status()["dead"] and daemon.sink("out")["retrying"] == 1
    assert redis.command(*free) == "OK"
    wait_for(lambda: redis.numbers() == [1], what="it was added")


def test_a_server_that_takes_no_more_connections_gets_it_later(start, redis):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(redis.path))
        held = s.makefile("rwb", buffering=0)
        held.write(b"CONFIG SET maxclients 1\r\n")
        assert redis.read(held) == "OK"
        daemon = start(ordering="strict")
        for i in range(3):
            daemon.accept(message(i))
        # A slow daemon reads no more of what the server said than that it is gone.
        wait_for(lambda: "delivery failed" in reason(daemon), what="the log tells it")
        assert not daemon.status()["dead"]
        held.write(b"CONFIG SET maxclients 100\r\n")
        assert redis.read(held) == "OK"
    wait_for(lambda: redis.numbers() == [0, 1, 2], what="they were added")


def test_a_key_of_another_type_is_a_dead_letter_that_tells_so(start, redis):
    redis.command("SET", "hookswitch", "x")
    daemon = start()
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1, what="the dead letter")
    assert "WRONGTYPE" in daemon.command("dead", "list", "--json").stdout
    redis.command("DEL", "hookswitch")
    daemon.command("dead", "replay", "--sink", "out", "--all")
    wait_for(lambda: redis.numbers() == [1], what="it was added")


@pytest.mark.parametrize("user", [None, "router"])
def test_a_wrong_password_is_told_but_not_shown_and_the_right_one_opens(start, redis, user):
    if user:
        redis.command("ACL", "SETUSER", user, "on", ">right", "~*", "+xadd", "+select")
        redis.command("ACL", "SETUSER", "default", "-xadd")
    else:
        redis.command("CONFIG", "SET", "requirepass", "right")
    daemon = start(password="wrong-SECRET", db="3", **({"username": user} if user else {}))
    daemon.accept(message(1))
    wait_for(lambda: "AUTH (username, password) was refused: WRONGPASS" in reason(daemon), what="the log tells it")
    daemon.stop()  # looks for SECRET in the log
    daemon.ini.write_text(daemon.ini.read_text().replace("wrong-SECRET", "right"))
    daemon.start()
    before = () if user else ("AUTH", "right")
    wait_for(lambda: daemon.sink("out")["retrying"] == 0 and daemon.sink("out")["lag"] == 0, what="it was added")
    assert redis.command("XLEN", "hookswitch", before=before) == 0, "it is in database 3"
    length = redis.command("EVAL", "redis.call('select', 3); return redis.call('xlen', 'hookswitch')", "0",
                           before=before)
    assert length == 1


def test_a_database_that_is_not_there_gets_nothing_into_another(start, redis):
    daemon = start(db="999")
    daemon.accept(message(1))
    wait_for(lambda: "SELECT (db) was refused: ERR" in reason(daemon), what="the log tells it")
    assert redis.command("XLEN", "hookswitch") == 0


def test_a_server_that_hangs_is_left_and_tried_again(start, redis):
    daemon = start(timeout="300ms")
    daemon.accept(message(1))
    wait_for(lambda: redis.numbers() == [1], what="the first")
    redis.process.send_signal(signal.SIGSTOP)
    daemon.accept(message(2))
    wait_for(lambda: "took too long" in reason(daemon), what="the connection is given up")
    redis.process.send_signal(signal.SIGCONT)
    wait_for(lambda: 2 in redis.numbers(), what="the second")
    assert not daemon.status()["dead"]


@pytest.mark.parametrize("options, said", [
    ({"host": "redis.example.com", "path": None}, "host: expected an IP address"),
    ({"username": "x"}, "username: needs a password"),
    ({"stream": "x" * 600}, "stream: expected a key"),
    ({"port": "0"}, "port"),
])
def test_a_bad_option_is_refused_at_the_start(plugin, redis, make_daemon, options, said):
    sink = {"plugin": "redis", "path": redis.path, **options}
    daemon = make_daemon({"out": {k: v for k, v in sink.items() if v is not None}}, start=False)
    old, = {line for line in daemon.ini.read_text().splitlines() if line.startswith("plugin_dir")}
    daemon.ini.write_text(daemon.ini.read_text().replace(old, f"plugin_dir = {plugin}"))
    daemon.start(wait=False)
    assert daemon.process.wait(30) != 0
    daemon.process = None
    assert said in daemon.log_text()


@pytest.mark.skipif(SANITIZED, reason="the harness has a sanitizer of its own there")
@pytest.mark.parametrize("server", ["there", "not there"])
def test_it_keeps_to_the_contract_under_address_sanitizer(sdk, redis, server):
    folder, environment = sdk
    shutil.copytree(SOURCE / "contrib/sink-redis", folder / "sink-redis", ignore=shutil.ignore_patterns("*.so"))
    done = subprocess.run(["make", "-C", folder / "sink-redis", "CFLAGS=-O1 -g -fsanitize=address,undefined -Werror"],
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    path = redis.path if server == "there" else f"{folder}/nothing"
    done = subprocess.run(
        [environment["HOOKSWITCH_PLUGIN_TEST"], folder / "sink-redis/sink-redis.so", f"path={path}", "maxlen=100"],
        env={**environment, "LD_PRELOAD": asan}, capture_output=True, text=True, timeout=300 * SLOW)
    assert done.returncode == 0 and done.stdout.count("\nok ") == 11, done.stdout + done.stderr
    assert (redis.command("XLEN", "hookswitch") > 0) == (server == "there")
