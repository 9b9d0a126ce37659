# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: options of [websocket] and [api] change under those that are connected."""
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess

import pytest

import rig
from rig import message, number_of, wait_for
from test_reload import ACCOUNT, LIVE, api, edit, hup, reload
from ws_rig import PING, TEXT, Client, frame, metric

HERE = pathlib.Path(__file__).resolve().parent
SLOW_DROPPED = 'hookswitch_sink_dropped_total{name="websocket",label="slow"}'
REFUSED = "hookswitch_sink_refused_addresses_total"


def set_section(daemon, name, text):
    """Puts these lines in the place of the section's; None: it is not there."""
    ini = re.sub(rf"(?m)^\[{name}\]\n(?:(?!\[).*\n?)*", "", daemon.ini.read_text())
    daemon.ini.write_text(ini + (f"[{name}]\n{text}\n" if text is not None else ""))


def change(daemon, name, text, *keys):
    """All of it takes effect without a restart."""
    set_section(daemon, name, text)
    answer = reload(daemon)
    assert answer["restartNeeded"] == answer["errors"] == []
    assert sorted(answer["changed"]) == sorted(f"[{name}] {key} changed" for key in keys)


@pytest.fixture
def live(make_daemon):
    return make_daemon({}, instance=LIVE, server="workers = 2", api="rate_limit = none")


@pytest.mark.threads
def test_the_heartbeat_changes_for_clients_that_are_there(live):
    clients = [Client(live) for _ in range(6)]
    change(live, "websocket", "heartbeat = 100ms\npong_timeout = 400ms", "heartbeat", "pong_timeout")
    for client in clients:
        assert client.receive() == (PING, b"")  # it would have come in 54 s
    assert [client.closing() for client in clients] == [1008] * 6  # and this in 60 s


@pytest.mark.threads
def test_who_was_in_time_is_not_late_by_another_timeout(make_daemon):
    daemon = make_daemon({}, instance=LIVE, websocket="heartbeat = 10m\npong_timeout = 20m", api="rate_limit = none")
    client = Client(daemon)
    change(daemon, "websocket", "heartbeat = 10m\npong_timeout = 11m", "pong_timeout")
    change(daemon, "websocket", None, "heartbeat", "pong_timeout")
    assert client.is_alive()


@pytest.mark.threads
def test_the_size_of_a_client_s_frames_changes(live):
    client = Client(live)
    client.send(frame(TEXT, b"x" * 4096))
    assert client.is_alive()
    change(live, "websocket", "max_frame = 200", "max_frame")
    client.send(frame(TEXT, b"x" * 200))
    assert client.is_alive()
    client.send(frame(TEXT, b"x" * 201))
    assert client.closing() == 1009
    change(live, "websocket", "max_frame = 8k", "max_frame")
    client = Client(live)
    client.send(frame(TEXT, b"x" * 8192))
    assert client.is_alive()


@pytest.mark.threads
def test_what_may_wait_for_a_slow_client_changes(make_daemon):
    daemon = make_daemon({}, instance=LIVE, websocket="queue = 100000", api="rate_limit = none")
    client = Client(daemon, receive_buffer=4096)
    big = "x" * (1 << 20)
    for n in range(12):
        daemon.accept(message(n, text=big))
    assert metric(daemon, SLOW_DROPPED) == 0
    change(daemon, "websocket", "queue = 2", "queue")
    daemon.accept(message(12))
    wait_for(lambda: metric(daemon, SLOW_DROPPED) == 1, what="the slow client is dropped")
    client.close()


def test_who_may_connect_changes_with_a_section_that_comes_and_goes(live):
    page = {"Origin": "https://app.example.com"}
    refused = pytest.raises(AssertionError, match="403")
    with refused:
        Client(live, headers=page)
    change(live, "websocket", "origins = https://app.example.com", "origins")
    assert Client(live, headers=page).is_alive()
    change(live, "websocket", None, "origins")
    with refused:
        Client(live, headers=page)


def test_options_that_contradict_each_other_change_nothing(live):
    client = Client(live)
    set_section(live, "websocket", "heartbeat = 2s\npong_timeout = 1s\nmax_frame = 200")
    answer = reload(live, 1)
    assert answer["changed"] == [] and "pong_timeout: must be longer than heartbeat" in answer["errors"][0]
    client.send(frame(TEXT, b"x" * 4096))
    assert client.is_alive()


@pytest.mark.threads
def test_clients_get_every_event_once_while_options_change(live):
    clients = [Client(live) for _ in range(4)]
    for n in range(40):
        live.accept(message(n))
        set_section(live, "websocket", f"flush = {n % 3}ms\nqueue = {200 + n}\nheartbeat = {1 + n % 2}s")
        hup(live)
    for client in clients:
        assert [number_of(client.event()) for _ in range(40)] == list(range(40))


API = f"account_token = {ACCOUNT}\nrate_limit = none"
LOOPBACK = "127.0.0.0/8"


def set_webhook(daemon, url):
    assert api(daemon, "POST", "/api/events/webhook/sales", {"enabled": True, "url": url})[0] == 200


@pytest.mark.threads
def test_networks_that_webhooks_may_reach_are_opened_and_closed(make_daemon, make_receiver):
    daemon = make_daemon({}, api=f"{API}\nallow_private = {LOOPBACK}", server="workers = 2")
    receiver = make_receiver()
    set_webhook(daemon, receiver.url)
    change(daemon, "api", API, "allow_private")
    daemon.accept(message(1))
    wait_for(lambda: metric(daemon, REFUSED) == 1)
    change(daemon, "api", f"{API}\nallow_private = {LOOPBACK}", "allow_private")
    receiver.wait(1)  # what was refused is tried again
    daemon.accept(message(2))
    receiver.wait(2)
    with receiver.lock:
        assert len(receiver.connections) == 1
    change(daemon, "api", f"{API}\nallow_private = 10.0.0.0/8", "allow_private")
    wait_for(lambda: not receiver.connections, what="the connection that is kept for the next request ends")
    before = metric(daemon, REFUSED)
    daemon.accept(message(3))
    wait_for(lambda: metric(daemon, REFUSED) > before)
    assert receiver.numbers() == [1, 2]
    change(daemon, "api", f"{API}\nallow_private = any", "allow_private")
    receiver.wait(3)
    assert receiver.numbers() == [1, 2, 3]


def test_what_was_refused_does_not_wait_for_its_next_retry(make_daemon, make_receiver):
    answering = make_receiver(lambda arrival, connection: 500)
    daemon = make_daemon({}, api=f"{API}\nallow_private = {LOOPBACK}")
    with socket.create_server(("127.0.0.2", 0)) as refused:
        refused.settimeout(10)  # the third attempt of both is made 15 s after the second
        for label, url in ("a", answering.url), ("b", f"http://127.0.0.2:{refused.getsockname()[1]}/"):
            body = {"enabled": True, "label": label, "url": url}
            assert api(daemon, "POST", "/api/events/webhook/sales", body)[0] == 200
        change(daemon, "api", f"{API}\nallow_private = 127.0.0.1/32", "allow_private")
        daemon.accept(message(1))
        wait_for(lambda: metric(daemon, REFUSED) == 2)
        answering.wait(2)
        change(daemon, "api", f"{API}\nallow_private = {LOOPBACK}", "allow_private")
        refused.accept()[0].close()
    daemon.accept(message(2))
    answering.wait(3)
    assert answering.numbers() == [1, 1, 2], "who answered is not asked again before its time"


@pytest.mark.threads
def test_what_is_in_flight_to_a_network_that_is_closed_comes_when_it_is_open_again(make_daemon, make_receiver):
    hangs = [True]
    receiver = make_receiver(lambda arrival, connection: wait_for(lambda: not hangs[0], 60) and 200)
    daemon = make_daemon({}, api=f"{API}\nallow_private = {LOOPBACK}")
    set_webhook(daemon, receiver.url)
    daemon.accept(message(1))
    receiver.wait(1)
    change(daemon, "api", API, "allow_private")
    wait_for(lambda: daemon.sink("sales/default")["retrying"] == 1, what="the attempt has failed")
    hangs[0] = False
    change(daemon, "api", f"{API}\nallow_private = {LOOPBACK}", "allow_private")
    receiver.wait(2)
    assert receiver.numbers() == [1, 1]


def test_another_plugin_needs_a_restart_and_reload_says_so(live):
    edit(live, "workers = 2", "workers = 3")
    set_section(live, "websocket", "queue = 7\nplugin = websocket")
    answer = reload(live)
    assert answer["changed"] == ["[websocket] queue changed"]
    assert sorted(answer["restartNeeded"]) == ["[server] workers changed", "[websocket] plugin changed"]


def test_options_of_a_plugin_that_cannot_change_them_need_a_restart(make_daemon, folder, monkeypatch):
    path = pathlib.Path(folder) / "plugins"
    path.mkdir()
    for built in rig.PLUGINS.glob("*.so"):
        if built.name != "sink-websocket.so":
            (path / built.name).symlink_to(built)
    subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fPIC",
                    "-shared", f"-I{HERE.parents[1]}/sdk", HERE / "old_live_sink.c", "-o", path / "sink-websocket.so"],
                   check=True)
    monkeypatch.setattr(rig, "PLUGINS", path)
    daemon = make_daemon({}, instance=LIVE)
    set_section(daemon, "websocket", "queue = 7\norigins = *")
    for _ in range(2):
        answer = reload(daemon)
        assert answer["restartNeeded"] == ["[websocket] queue changed"]
    set_section(daemon, "websocket", "queue = 7\nplugin = websocket")
    assert reload(daemon)["changed"] == ["[websocket] origins changed"]


def test_the_answer_names_every_option_of_api(live):
    """None of them needs a restart any more."""
    options = {"account_token": "other-SECRET", "rate_limit": "5000/min", "instance_rate_limit": "50/min",
               "max_webhooks": "7", "https_only": "yes", "allow_private": LOOPBACK}
    change(live, "api", "\n".join(f"{k} = {v}" for k, v in options.items()), *options)
    assert json.loads(live.request("GET", "/api/instance/list", headers={"token": "other-SECRET"})[2])["success"]
