# SPDX-License-Identifier: Apache-2.0
"""The example receivers of contrib/receivers, behind the real daemon and by themselves."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from rig import free_port, message, number_of, wait_for, whole_lines

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "contrib/receivers"
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(KEY[::-1]).decode()


class Example:
    """One of the receivers, as a process."""

    def __init__(self, name, folder):
        self.name = name
        self.path = pathlib.Path(folder) / f"kept-{name}"
        self.port = free_port()
        self.process = None

    @property
    def options(self):
        return {"plugin": "webhook", "url": f"http://127.0.0.1:{self.port}/hook", "secret": SECRET,
                "retry": "100ms, 100ms, 100ms, 1s, 5s", "probe_interval": "100ms"}

    def start(self, path=None):
        command = [sys.executable, FOLDER / "receiver.py"]
        if self.name == "mjs":
            if shutil.which("node") is None:
                pytest.skip("there is no node")
            command = ["node", FOLDER / "receiver.mjs"]
        self.process = subprocess.Popen([*command, str(self.port), path or self.path], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOOKSWITCH_SECRET": SECRET})
        wait_for(self.is_listening, what="the receiver listens")

    def is_listening(self):
        assert self.process.poll() is None
        try:
            return self.post({}, b"") == 401
        except ConnectionRefusedError:
            return False

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def post(self, headers, body):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            c.request("POST", "/hook", body, headers)
            return c.getresponse().status
        finally:
            c.close()

    def kept(self):
        if self.name == "mjs":
            return [json.loads(line) for line in whole_lines(self.path)]
        db = sqlite3.connect(self.path)
        try:
            return [json.loads(row[0]) for row in db.execute("SELECT event FROM events ORDER BY rowid")]
        finally:
            db.close()

    def numbers(self):
        return [number_of(event) for event in self.kept()]


@pytest.fixture(params=["py", "mjs"])
def example(request, folder):
    made = Example(request.param, folder)
    try:
        yield made
    finally:
        made.stop()


def signed(body, event_id="evt_1", key=KEY, at=0, more=""):
    timestamp = str(int(time.time()) + at)
    digest = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": event_id, "webhook-timestamp": timestamp,
            "webhook-signature": f"{more}v1,{base64.b64encode(digest).decode()}"}


def delivered(daemon, count):
    wait_for(lambda: daemon.sink("out")["delivered"] >= count, what=f"{count} are delivered")


def test_an_event_is_kept_once(example, make_daemon):
    example.start()
    daemon = make_daemon({"out": example.options})
    event_id = daemon.accept(message(1))["ids"][0]
    delivered(daemon, 1)
    event, = example.kept()
    assert event["id"] == event_id and number_of(event) == 1
    replay = ("replay", "--sink", "out", "--since", "1h")
    wait_for(lambda: daemon.command(*replay).stdout == "replayed 1\n", what="the cursor is stored")
    daemon.accept(message(2))
    delivered(daemon, 3)
    assert example.numbers() == [1, 2]


def test_what_was_not_kept_comes_again(example, make_daemon):
    """A disk that is full, a database that is locked."""
    lock = None
    if example.name == "mjs":
        example.start("/dev/full")
    else:
        example.start()
        lock = sqlite3.connect(example.path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
    daemon = make_daemon({"out": example.options})
    daemon.accept(message(1))
    wait_for(lambda: daemon.sink("out").get("lastStatus") == 500, what="the receiver answers 500")
    if lock:
        lock.execute("ROLLBACK")
        lock.close()
    else:
        example.stop()
        example.start()
    delivered(daemon, 1)
    assert example.numbers() == [1]


def test_forged_requests_are_refused(example):
    example.start()
    body = b'{"event":"message.exchange"}'
    good = signed(body)
    refused = [
        {},
        signed(body, key=b"another key"),
        signed(body + b" "),
        signed(body, at=-330),
        signed(body, at=330),
        {**good, "webhook-id": "evt_2"},
        {**good, "webhook-timestamp": good["webhook-timestamp"] + ".0"},
        {**good, "webhook-timestamp": "soon"},
        {**good, "webhook-signature": good["webhook-signature"].replace("v1,", "v2,")},
        {**good, "webhook-signature": good["webhook-signature"][3:]},
        {**good, "webhook-signature": good["webhook-signature"][:-2]},
        {**good, "webhook-signature": "v1,"},
        *({name: value for name, value in good.items() if name != left_out} for left_out in good),
    ]
    assert [example.post(headers, body) for headers in refused] == [401] * len(refused)
    assert example.kept() == []
    assert example.post(signed(b"no JSON"), b"no JSON") == 400
    assert example.post(good, body) == example.post(signed(body, at=-60), body) == 204
    assert example.kept() == [json.loads(body)]


def test_a_daemon_with_another_secret_is_refused(example, make_daemon):
    example.start()
    daemon = make_daemon({"out": {**example.options, "secret": OTHER}})
    daemon.accept(message(1))
    wait_for(lambda: daemon.sink("out").get("lastStatus") == 401, what="the receiver answers 401")
    assert example.kept() == []


def test_a_secret_can_be_changed(example, make_daemon):
    """The receiver still has the old one: its signature is the second."""
    example.start()
    daemon = make_daemon({"out": {**example.options, "secret": OTHER, "secret_old": SECRET}})
    daemon.accept(message(1))
    delivered(daemon, 1)
    assert example.numbers() == [1]
    body = b'{"id":"evt_9"}'
    assert example.post(signed(body, "evt_9", more="v1a,bm9uZQ== v1,bm9uZQ== "), body) == 204


def test_batches(example, make_daemon):
    """Events of a batch may come again alone, or in another one."""
    example.start()
    daemon = make_daemon({"out": {**example.options, "batch": "20/50ms", "concurrency": 100, "compress": "gzip"}})
    for number in range(60):
        daemon.accept(message(number, chat=number))
    delivered(daemon, 60)
    assert sorted(example.numbers()) == list(range(60))
    events = example.kept()
    for event_id, sent in (("batch_1", events[:3]), ("batch_2", events[2:5]), (events[0]["id"], events[0])):
        body = json.dumps(sent).encode()
        assert example.post(signed(body, event_id), body) == 204
    assert len(example.kept()) == 60
    body = b'[{"text":"no id"},7]'
    assert [example.post(signed(body, "batch_3"), body) for _ in range(2)] == [204, 204]
    assert example.kept()[60:] == json.loads(body)


def test_ids_outlive_a_restart(folder):
    example = Example("py", folder)
    body = b'{"id":"evt_1"}'
    try:
        for _ in range(2):
            example.start()
            assert example.post(signed(body), body) == 204
            example.stop()
        assert example.kept() == [json.loads(body)]
    finally:
        example.stop()
