# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the configuration is read again while events flow."""
import contextlib
import itertools
import json
import pathlib
import re
import signal
import socket
import threading
import time

import pytest

from rig import FIXTURES, PLUGINS, SLOW, TOKEN, certificate, free_port, message, number_of, wait_for, whole_lines
from test_postgres import BIN, server  # noqa: F401 (a fixture)
from ws_rig import Client
from ws_rig import token as ws_token

SCHEMAS = itertools.count(1)


@pytest.fixture
def daemon(make_daemon, folder):
    return make_daemon({"f": {"plugin": "file", "path": f"{folder}/out.jsonl"}})


def hup(daemon, wanted="config: read again"):
    before = len(daemon.log_text())
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: wanted in daemon.log_text()[before:], what=wanted)
    return daemon.log_text()[before:]


def edit(daemon, before, after):
    text = daemon.ini.read_text()
    assert before in text
    daemon.ini.write_text(text.replace(before, after))


def status_of(daemon, source, token):
    return daemon.request("POST", f"/in/{source}/sales", json.dumps(message(1)),
                          {"token": token, "Content-Type": "application/json"})[0]


def test_a_source_is_added_changed_and_removed(daemon):
    assert status_of(daemon, "second", "two-SECRET") == 404
    edit(daemon, "[source evolution]", "[source second]\nplugin = evolution\ntoken = two-SECRET\n[source evolution]")
    log = hup(daemon)
    assert "[source second] added: takes effect now" in log and "changed=yes restart_needed=no" in log
    wait_for(lambda: status_of(daemon, "second", "two-SECRET") == 202)
    assert status_of(daemon, "evolution", TOKEN) == 202

    edit(daemon, "two-SECRET", "three-SECRET")
    assert "[source second] token changed: takes effect now" in hup(daemon)
    wait_for(lambda: status_of(daemon, "second", "three-SECRET") == 202)
    assert status_of(daemon, "second", "two-SECRET") == 401

    edit(daemon, "[source second]\nplugin = evolution\ntoken = three-SECRET\n", "")
    assert "[source second] removed: takes effect now" in hup(daemon)
    wait_for(lambda: status_of(daemon, "second", "three-SECRET") == 404)
    assert status_of(daemon, "evolution", TOKEN) == 202


def test_a_secret_whose_file_has_another_one_now_is_taken_over(make_daemon, make_receiver, folder):
    receiver, secret = make_receiver(), pathlib.Path(folder) / "secret"
    secret.write_text("one-SECRET\n")
    d = make_daemon({"out": {"plugin": "webhook", "url": receiver.url, "authorization": f"@{secret}"}})
    assert "changed=no" in hup(d)
    secret.write_text("two-SECRET\n")
    log = hup(d)
    assert "[sink out] authorization changed: takes effect now" in log and "SECRET" not in log
    d.accept(message(1))
    receiver.wait(1)
    assert receiver.arrivals[0].headers["authorization"] == "two-SECRET"


@pytest.mark.threads
def test_requests_go_on_while_sources_change(daemon, folder):
    answers, stop = [], threading.Event()

    def post():
        while not stop.is_set():
            answers.append(daemon.post(message(len(answers)))[0])
    poster = threading.Thread(target=post)
    poster.start()
    for n in range(20):
        with open(daemon.ini, "a") as f:
            f.write(f"[source s{n}]\nplugin = evolution\n")
        hup(daemon)
    stop.set()
    poster.join()
    assert set(answers) == {202} and len(answers) > 20
    wait_for(lambda: len(whole_lines(f"{folder}/out.jsonl")) == len(answers))
    numbers = [number_of(json.loads(line)) for line in whole_lines(f"{folder}/out.jsonl")]
    assert sorted(numbers) == list(range(len(answers)))


def test_a_file_with_errors_changes_nothing_and_all_of_them_are_logged(daemon):
    edit(daemon, "[source evolution]", "[source evolution]\nnosuch = 1")
    edit(daemon, "[log]", "[log]\nformat = loud\n[snik x]")
    edit(daemon, TOKEN, "other-SECRET")
    log = hup(daemon, "the running configuration stays in use errors=3")
    for words in ("nosuch", "loud", "[snik x]"):
        assert words in log
    assert daemon.post(message(1))[0] == 202


def test_a_file_that_is_gone_changes_nothing(daemon):
    text = daemon.ini.read_text()
    daemon.ini.unlink()
    hup(daemon, "the running configuration stays in use")
    assert daemon.post(message(1))[0] == 202
    daemon.ini.write_text(text)
    assert "changed=no restart_needed=no" in hup(daemon)


@pytest.mark.parametrize("before, after, words", [
    ("[server]", "[server]\nworkers = 7", "[server] workers changed"),
    ("[ingest]", "[ingest]\nmax_body = 1m", "[ingest] max_body changed")])
def test_what_needs_a_restart_is_said_each_time_until_it_is_taken_back(daemon, before, after, words):
    original = daemon.ini.read_text()
    edit(daemon, before, after)
    for _ in range(2):
        log = hup(daemon)
        assert f"{words}: takes effect with a restart" in log and "changed=no restart_needed=yes" in log
    daemon.ini.write_text(original)
    assert "changed=no restart_needed=no" in hup(daemon)


def test_the_log_level_and_form_change(daemon):
    edit(daemon, "level = debug", "level = info\nformat = json")
    hup(daemon, '"read again changed=yes')
    daemon.post(message(1), token="wrong")
    wait_for(lambda: "request refused" in daemon.log_text())
    assert json.loads(daemon.log_text().splitlines()[-1])


@pytest.mark.threads
def test_a_map_is_read_again(make_daemon, folder):
    path = pathlib.Path(folder) / "m.ini"
    names = sorted(p.name for p in FIXTURES.parent.parent.glob("etc/maps/*.ini"))
    path.write_text((FIXTURES.parent.parent / "etc/maps" / names[0]).read_text())
    daemon = make_daemon({}, source=f"[source m]\nplugin = map\nmap = {path}")
    path.write_text("this is no map")
    hup(daemon, "the sources stay as they were")
    assert daemon.request("POST", "/in/m/sales", "{}", {"Content-Type": "application/json"})[0] in (202, 400)
    path.write_text((FIXTURES.parent.parent / "etc/maps" / names[0]).read_text())
    log = hup(daemon)
    assert "stay as they were" not in log


@pytest.mark.threads
def test_a_renewed_certificate_does_not_wait_for_a_file_that_is_mended(make_daemon, folder):
    _, cert = certificate(folder)
    daemon = make_daemon({}, server=f"listen_tls = 127.0.0.1:{free_port()}\ntls_cert = {cert}\n"
                         f"tls_key = {folder}/key.pem")
    edit(daemon, "[ingest]", "[ingest]\nnosuch = 1")
    certificate(folder)
    log = hup(daemon, "read the TLS certificate again")
    assert "stays in use errors=1" in log


def instances(daemon, token):
    return daemon.request("GET", "/api/instance/list", headers={"token": token})


def test_the_api_s_options_change(make_daemon):
    daemon = make_daemon({}, api="account_token = one-SECRET\nmax_webhooks = 1\nrate_limit = 1000/min")
    assert instances(daemon, "one-SECRET")[1]["x-ratelimit-limit"] == "1000"
    edit(daemon, "one-SECRET\nmax_webhooks = 1\nrate_limit = 1000/min", "two-SECRET\nmax_webhooks = 2\nrate_limit = 2000/min")
    assert "changed=yes restart_needed=no" in hup(daemon)
    wait_for(lambda: instances(daemon, "two-SECRET")[0] == 200)
    assert instances(daemon, "one-SECRET")[0] == 401
    assert instances(daemon, "two-SECRET")[1]["x-ratelimit-limit"] == "2000"
    for label, status in ("a", 200), ("b", 200), ("c", 400):
        body = json.dumps({"label": label, "enabled": True, "url": "http://example.com"})
        assert daemon.request("POST", "/api/events/webhook/sales", body, {
            "token": "two-SECRET", "Content-Type": "application/json"})[0] == status


def test_the_server_s_limits_change(daemon):
    long = {"token": TOKEN, "X-Long": "x" * 20000}
    assert daemon.request("POST", "/in/evolution/sales", json.dumps(message(1)), long)[0] == 431
    edit(daemon, "[server]", "[server]\nmax_header = 64k\ntrusted_proxies = 10.0.0.0/8\nidle_timeout = 3s")
    assert "changed=yes restart_needed=no" in hup(daemon)
    wait_for(lambda: daemon.request("POST", "/in/evolution/sales", json.dumps(message(1)), long)[0] == 202)


# ---- hookswitch reload ----

def reload(daemon, status=0):
    r = daemon.command("reload", "--json", check=False)
    assert r.returncode == status, (r.returncode, r.stdout, r.stderr)
    return json.loads(r.stdout)


def test_the_command_tells_what_changed_and_what_needs_a_restart(daemon):
    assert reload(daemon) == {"success": True, "changed": [], "restartNeeded": [], "kept": [], "errors": []}
    edit(daemon, "[server]", "[server]\nworkers = 7")
    edit(daemon, TOKEN, "other-SECRET")
    assert reload(daemon) == {"success": True, "changed": ["[source evolution] token changed"],
                              "restartNeeded": ["[server] workers changed"], "kept": [], "errors": []}
    assert status_of(daemon, "evolution", "other-SECRET") == 202  # without waiting: it is done
    text = daemon.command("reload").stdout
    assert text == "[server] workers changed: takes effect with a restart\n"


def test_the_command_fails_and_tells_all_errors(daemon):
    original = daemon.ini.read_text()
    edit(daemon, "[source evolution]", "[source evolution]\nnosuch = 1")
    answer = reload(daemon, 1)
    assert not answer["success"] and answer["changed"] == []
    assert len(answer["errors"]) == 1 and "nosuch" in answer["errors"][0], answer
    edit(daemon, "[log]", "[log]\nformat = loud")
    r = daemon.command("reload", check=False)
    assert r.returncode == 1 and r.stderr.count("\n") == 2 and r.stdout == "", r.stderr
    assert "nosuch" in r.stderr and "loud" in r.stderr
    daemon.ini.write_text(original)
    assert reload(daemon)["success"]


def test_the_command_tells_of_a_sink_that_cannot_be_opened_before_it_changes_anything(daemon, folder):
    original = daemon.ini.read_text()
    edit(daemon, "out.jsonl", "no/such/folder/out.jsonl")
    errors = reload(daemon, 1)["errors"]
    assert len(errors) == 1 and "[sink f] path: folder" in errors[0], errors
    daemon.ini.write_text(original)
    assert reload(daemon)["errors"] == []
    assert daemon.post(message(1))[0] == 202
    wait_for(lambda: len(whole_lines(f"{folder}/out.jsonl")) == 1)


@pytest.mark.threads
def test_the_command_waits_until_a_sink_has_changed(make_daemon, make_receiver):
    gate = threading.Event()
    receiver = make_receiver(lambda arrival, connection: gate.wait(30) and 200)
    daemon = make_daemon({"h": {"plugin": "webhook", "url": receiver.url}})
    daemon.accept(message(1))
    receiver.wait(1)
    edit(daemon, "[sink h]", "[sink h]\nconcurrency = 7")
    answers = []
    asking = [threading.Thread(target=lambda: answers.append(reload(daemon))) for _ in range(3)]
    for thread in asking:
        thread.start()
    wait_for(lambda: "[sink h] concurrency changed" in daemon.log_text())
    assert daemon.post(message(2))[0] == 202 and answers == []
    gate.set()
    for thread in asking:
        thread.join()
    assert [a["success"] for a in answers] == [True] * 3
    assert ["[sink h] concurrency changed"] in [a["changed"] for a in answers]


@pytest.mark.threads
def test_who_waits_is_told_that_the_daemon_stops(make_daemon, make_receiver):
    gate = threading.Event()
    receiver = make_receiver(lambda arrival, connection: gate.wait(30) and 200)
    daemon = make_daemon({"h": {"plugin": "webhook", "url": receiver.url}})
    daemon.accept(message(1))
    receiver.wait(1)
    edit(daemon, "[sink h]", "[sink h]\nconcurrency = 7")
    results = []
    asking = threading.Thread(target=lambda: results.append(daemon.command("reload", check=False)))
    asking.start()
    wait_for(lambda: "[sink h] concurrency changed" in daemon.log_text())
    daemon.process.send_signal(signal.SIGTERM)
    asking.join()
    assert results[0].returncode == 1 and "the daemon is stopping" in results[0].stderr
    gate.set()
    assert daemon.process.wait(60) == 0
    daemon.process = None
    daemon.check_log()


def test_without_a_daemon_the_command_says_so(daemon):
    daemon.stop()
    assert daemon.command("reload", check=False).returncode == 3
    daemon.start()


# ---- instances ----

ACCOUNT = "account-SECRET"
CONNECTED = {"event": "connection.update", "instance": "demo", "data": {"state": "open", "statusReason": 200}}
LIVE = "websocket = yes"


def api(daemon, method, path, body=None, token=ACCOUNT):
    status, _, answer = daemon.request(method, path, body and json.dumps(body), {
        "token": token, "Content-Type": "application/json"})
    return status, json.loads(answer)


def one_instance(daemon, name):
    return api(daemon, "GET", f"/api/instance/list?instanceName={name}")[1]["instances"][0]


def put_instances(daemon, text, words="restart_needed=no"):
    """Writes these [instance] sections in place of all."""
    ini = daemon.ini.read_text()
    head, _, rest = ini.partition("[instance")
    others = re.sub(r"(?m)^\[instance [^\n]*\n(?:(?!\[).*\n?)*", "", "[instance" + rest)
    daemon.ini.write_text(head + text + "\n" + others)
    log = hup(daemon)
    assert words in log, log
    return log


def section(name, *options, token=None):
    return "\n".join([f"[instance {name}]", f"token = {token or ws_token(name)}", *options, ""])


@pytest.fixture
def two_workers(make_daemon, folder):
    return make_daemon({"f": {"plugin": "file", "path": f"{folder}/out.jsonl"}}, server="workers = 2",
                       ingest="auto_create = no", api=f"account_token = {ACCOUNT}\nallow_private = 127.0.0.1/32\n"
                       "rate_limit = 100000/min\ninstance_rate_limit = 100000/min",
                       instance=LIVE)


@pytest.mark.threads
def test_an_instance_comes_and_goes(two_workers, folder):
    daemon = two_workers
    assert daemon.post(message(0), instance="new")[0] == 404
    log = put_instances(daemon, section("sales", LIVE) + section("new", LIVE))
    assert "[instance new] added: takes effect now" in log
    for _ in range(20):  # on either worker
        wait_for(lambda: daemon.post(message(1), instance="new")[0] == 202)
    clients = [Client(daemon, "new") for _ in range(6)] + [Client(daemon)]
    daemon.accept(message(2), instance="new")
    assert [number_of(c.event()) for c in clients[:6]] == [2] * 6

    log = put_instances(daemon, section("sales", LIVE))
    assert "[instance new] removed: takes effect now" in log
    assert [c.closing() for c in clients[:6]] == [1001] * 6
    assert {c.reason for c in clients[:6]} == {"the instance was deleted"}
    for _ in range(20):
        assert daemon.post(message(3), instance="new")[0] == 404
    assert api(daemon, "GET", "/api/instance/list", token=ws_token("new"))[0] == 401
    daemon.accept(message(4))
    assert number_of(clients[6].event()) == 4


@pytest.mark.threads
def test_events_of_an_instance_that_went_reach_their_sink(make_daemon, make_receiver):
    receiver = make_receiver(lambda arrival, connection: 503)
    daemon = make_daemon({"h": hook(receiver)}, server="workers = 2")
    for n in range(20):
        daemon.accept(message(n))
    put_instances(daemon, section("other"))
    wait_for(lambda: [i["name"] for i in daemon.status()["instances"]] == ["other"])
    receiver.behave = lambda arrival, connection: 200
    wait_for(lambda: set(receiver.numbers()) == set(range(20)))
    assert {e["instanceData"]["instance"] for e in receiver.envelopes()} == {"sales"}


@pytest.mark.threads
def test_another_token_counts_at_once_and_the_old_one_s_clients_are_sent_away(two_workers):
    daemon = two_workers
    client = Client(daemon)
    put_instances(daemon, section("sales", LIVE, token="other-SECRET"))
    assert client.closing() == 1001 and client.reason == "the token was changed"
    assert api(daemon, "GET", "/api/instance/list", token=ws_token())[0] == 401
    client = Client(daemon, headers={"token": "other-SECRET"})
    daemon.accept(message(1))
    assert number_of(client.event()) == 1


@pytest.mark.threads
def test_the_websocket_s_filter_changes_for_clients_that_are_there(two_workers):
    daemon = two_workers
    client = Client(daemon)
    put_instances(daemon, section("sales", LIVE, "websocket_events = instance.state"))
    wait_for(lambda: one_instance(daemon, "sales")["websocket"]["events"] == ["instance.state"])
    daemon.accept(message(1))
    put_instances(daemon, section("sales", LIVE))
    wait_for(lambda: one_instance(daemon, "sales")["websocket"]["events"] != ["instance.state"])
    daemon.accept(message(2))
    assert number_of(client.event()) == 2
    put_instances(daemon, section("sales"))
    wait_for(lambda: not one_instance(daemon, "sales")["websocket"]["enabled"])
    daemon.accept(message(3))
    put_instances(daemon, section("sales", LIVE))
    wait_for(lambda: one_instance(daemon, "sales")["websocket"]["enabled"])
    daemon.accept(message(4))
    assert number_of(client.event()) == 4


def test_what_the_api_says_of_the_websocket_stays(two_workers):
    daemon = two_workers
    assert api(daemon, "POST", "/api/events/websocket/sales", {"enabled": True, "events": ["instance.state"]})[0] == 200
    before = one_instance(daemon, "sales")["websocket"]
    put_instances(daemon, section("sales"))
    assert one_instance(daemon, "sales")["websocket"] == before
    daemon.stop()
    daemon.start()
    assert one_instance(daemon, "sales")["websocket"] == before


def described(daemon, name):
    return {k: v for k, v in one_instance(daemon, name).items() if k not in ("status", "connection", "numberJid")}


@pytest.mark.threads
def test_an_instance_of_the_api_gets_the_answer_of_a_start(two_workers, make_receiver):
    """The file's comes over it, with the API's webhooks; when it goes, the API's is back."""
    daemon, receiver = two_workers, make_receiver()
    assert api(daemon, "POST", "/api/instance/new", {"name": "both", "token": "api-SECRET"})[0] == 201
    assert api(daemon, "POST", "/api/events/webhook/both", {"enabled": True, "url": receiver.url})[0] == 200
    of_api = described(daemon, "both")

    put_instances(daemon, section("sales", LIVE) + section("both", LIVE))
    wait_for(lambda: one_instance(daemon, "both")["token"] == ws_token("both"))
    of_file = described(daemon, "both")
    assert of_file["id"] == "both" and of_file["websocket"]["enabled"]
    assert of_file["webhooks"] == of_api["webhooks"]
    assert api(daemon, "GET", "/api/instance/list", token="api-SECRET")[0] == 401
    status, answer = api(daemon, "DELETE", "/api/instance/delete/both")
    line = daemon.ini.read_text().splitlines().index("[instance both]") + 1
    assert status == 409 and f"line {line}" in str(answer), answer
    daemon.accept(message(1), instance="both")
    receiver.wait(1)
    daemon.stop()
    daemon.start()
    assert described(daemon, "both") == of_file

    put_instances(daemon, section("sales", LIVE))
    wait_for(lambda: one_instance(daemon, "both")["token"] == "api-SECRET")
    assert described(daemon, "both") == of_api
    daemon.accept(message(2), instance="both")
    receiver.wait(2)
    daemon.stop()
    daemon.start()
    assert described(daemon, "both") == of_api
    assert api(daemon, "DELETE", "/api/instance/delete/both")[0] == 200


@pytest.mark.threads
def test_webhooks_of_an_instance_go_and_come_with_it(two_workers, make_receiver):
    daemon, receiver = two_workers, make_receiver()
    put_instances(daemon, section("sales", LIVE) + section("hooked"))
    wait_for(lambda: api(daemon, "POST", "/api/events/webhook/hooked", {"enabled": True, "url": receiver.url})[0] == 200)
    daemon.accept(message(1), instance="hooked")
    receiver.wait(1)
    put_instances(daemon, section("sales", LIVE))
    wait_for(lambda: [s["name"] for s in daemon.status()["sinks"]] == ["f"])
    put_instances(daemon, section("sales", LIVE) + section("hooked"))
    wait_for(lambda: {s["name"] for s in daemon.status()["sinks"]} == {"f", "hooked/default"})
    daemon.accept(message(2), instance="hooked")
    receiver.wait(2)
    assert receiver.numbers() == [1, 2]


@pytest.mark.parametrize("restarts", [True, False])
def test_an_instance_made_anew_by_the_api_has_nothing_of_the_file_s_former_one(two_workers, make_receiver, restarts):
    """It may be somebody else's: what the former one had is not in force after the next start or reload either."""
    daemon, former, own = two_workers, make_receiver(), make_receiver()
    put_instances(daemon, section("sales", LIVE) + section("moved", LIVE))
    wait_for(lambda: api(daemon, "POST", "/api/events/websocket/moved", {"enabled": True, "mediaBase64": True})[0] == 200)
    for label in ("default", "old"):
        api(daemon, "POST", "/api/events/webhook/moved", {"label": label, "enabled": True, "url": former.url})
    daemon.accept(CONNECTED, instance="moved")
    wait_for(lambda: one_instance(daemon, "moved")["status"] == "connected")
    former.wait(2)
    put_instances(daemon, section("sales", LIVE))
    if restarts:
        daemon.stop()
        daemon.start()

    body = {"name": "moved", "token": "anew-SECRET", "webhookURL": own.url}
    assert api(daemon, "POST", "/api/instance/new", body)[0] == 201
    before = one_instance(daemon, "moved")
    assert [w["label"] for w in before["webhooks"]] == ["default"] and before["status"] == "unknown"
    if restarts:
        daemon.stop()
        daemon.start()
    else:
        put_instances(daemon, section("sales", LIVE) + section("another"))
        wait_for(lambda: one_instance(daemon, "another"))
    assert one_instance(daemon, "moved") == before
    daemon.accept(message(1), instance="moved")
    own.wait(1)
    assert len(former.arrivals) == 2, former.arrivals


def test_the_number_and_state_that_were_seen_stay(two_workers):
    daemon = two_workers
    daemon.accept(CONNECTED)
    wait_for(lambda: one_instance(daemon, "sales")["status"] == "connected")
    before = one_instance(daemon, "sales")["connection"]
    put_instances(daemon, section("sales", token="other-SECRET"))
    wait_for(lambda: one_instance(daemon, "sales")["token"] == "other-SECRET")
    assert one_instance(daemon, "sales")["connection"] == before


@pytest.mark.threads
def test_instances_of_the_file_and_of_the_api_change_at_once(two_workers):
    """Under load: nothing that was accepted is lost, and both ends have what they asked for."""
    daemon, errors = two_workers, []

    def make():
        for n in range(40):
            status = api(daemon, "POST", "/api/instance/new", {"name": f"a{n}", "token": f"a{n}-SECRET"})[0]
            errors.extend([status] if status != 201 else [])
            if n % 2:
                status = api(daemon, "DELETE", f"/api/instance/delete/a{n}")[0]
                errors.extend([status] if status != 200 else [])
    maker = threading.Thread(target=make)
    maker.start()
    for n in range(20):
        put_instances(daemon, section("sales", LIVE) + "".join(section(f"f{k}") for k in range(n % 5)))
        daemon.accept(message(n))
    maker.join()
    assert not errors

    def names():
        return sorted(i["name"] for i in api(daemon, "GET", "/api/instance/list")[1]["instances"])
    wanted = sorted([f"a{n}" for n in range(0, 40, 2)] + [f"f{k}" for k in range(4)] + ["sales"])
    wait_for(lambda: names() == wanted, 5, what=str(names()))


# ---- sinks ----

class Producers:
    """Threads that post until they are stopped, each to its own chats; what was acknowledged is kept."""

    CHATS = 3

    def __init__(self, daemon, threads=4, pause=0):
        self.daemon, self.pause, self.stopping = daemon, pause, threading.Event()
        self.acknowledged, self.lock = [], threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, thread):
        n = 0
        while not self.stopping.is_set():
            number = thread * 1000000 + n
            status, _ = self.daemon.post(message(number, chat=thread * self.CHATS + n % self.CHATS))
            assert status == 202
            with self.lock:
                self.acknowledged.append(number)
            n += 1
            time.sleep(self.pause)

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def more(self, n=50):
        before = self.count()
        wait_for(lambda: self.count() >= before + n, what="more events")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return sorted(self.acknowledged)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def write_sinks(daemon, sinks):
    text = daemon.ini.read_text().split("\n[sink ")[0]
    for name, options in sinks.items():
        text += f"\n[sink {name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
    daemon.ini.write_text(text)


def reload_sinks(daemon, sinks, changed):
    """changed: name of each sink that must be reported as done."""
    write_sinks(daemon, sinks)
    before = len(daemon.log_text())
    log = hup(daemon)
    assert "restart_needed=no" in log
    for name in changed:
        wait_for(lambda: f"the sink is in use sink={name}\n" in daemon.log_text()[before:] or
                 f"the sink is closed sink={name}\n" in daemon.log_text()[before:], what=f"{name} is changed")


def in_order_of_chats(envelopes):
    chats = {}
    for number in map(number_of, envelopes):
        chats.setdefault((number // 1000000, number % 1000000 % Producers.CHATS), []).append(number)
    return all(numbers == sorted(numbers) for numbers in chats.values())


class Datagrams:
    """A local socket of syslog."""

    def __init__(self, path):
        self.numbers = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.1)
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping:
            with contextlib.suppress(TimeoutError):
                text = self.socket.recv(1 << 16).decode()
                self.numbers.append(number_of(json.loads(text[text.index(" {") + 1:])))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        self.socket.close()


def lines_of(path):
    return [json.loads(line) for line in whole_lines(path)]


def hook(receiver, **options):
    return {"plugin": "webhook", "url": receiver.url, **options}



@pytest.fixture(params=["sqlite", "postgres"])
def make_on(request, make_daemon):
    """make_daemon with each store: where several nodes may share one, who serves a sink is found in another way."""
    if request.param == "sqlite":
        yield make_daemon
        return
    if BIN is None or not (PLUGINS / "store-postgres.so").exists():
        pytest.skip("without PostgreSQL")
    server = request.getfixturevalue("server")
    lines = f"plugin = postgres\ndsn = {server.dsn}\nschema = reload{next(SCHEMAS)}"

    def make(sinks, **options):
        daemon = make_daemon(sinks, store=lines, **options)
        wait_for(lambda: sorted(s["name"] for s in daemon.status()["sinks"]) == sorted(sinks), what="all is open")
        return daemon
    yield make


@pytest.mark.threads
def test_every_event_goes_once_to_where_it_is_wanted_while_all_sinks_change(make_on, make_receiver, folder):
    first, second = make_receiver(lambda *_: time.sleep(0.005) or 200), make_receiver()
    collector = Datagrams(f"{folder}/syslog")
    wanted = {
        "hook": hook(first),
        "lines": {"plugin": "file", "path": f"{folder}/a.jsonl"},
        "log": {"plugin": "syslog", "target": f"unix:{folder}/syslog"}}
    daemon = make_on(wanted, websocket="", instance="websocket = yes", server="workers = 3",
                         api="rate_limit = none")
    client = Client(daemon)
    with collector, Producers(daemon) as producers:
        producers.more()
        for options in ({"url": second.url}, {"ordering": "none"}, {"ordering": "strict"},
                        {"ordering": "chat-strict"}, {"ordering": "chat", "timeout": "7s"},
                        {"concurrency": 2}, {"url": first.url, "concurrency": 8}):
            wanted["hook"].update(options)
            reload_sinks(daemon, wanted, ["hook"])
            producers.more()
        wanted["lines"]["path"] = f"{folder}/b.jsonl"
        wanted["log"]["facility"] = "local4"
        reload_sinks(daemon, wanted, ["lines", "log"])
        producers.more()
        numbers = producers.stop()
        wait_for(lambda: len(first.arrivals) + len(second.arrivals) >= len(numbers))
        wait_for(lambda: len(lines_of(f"{folder}/a.jsonl") + lines_of(f"{folder}/b.jsonl")) >= len(numbers))
        wait_for(lambda: len(collector.numbers) >= len(numbers))
        assert sorted(number_of(client.event()) for _ in numbers) == numbers
        client.close()
    hooked = sorted(first.arrivals + second.arrivals, key=lambda a: a.at)
    assert sorted(number_of(a.envelope) for a in hooked) == numbers
    assert all(a.attempt == 1 for a in hooked)
    lines = lines_of(f"{folder}/a.jsonl") + lines_of(f"{folder}/b.jsonl")
    assert sorted(map(number_of, lines)) == numbers and in_order_of_chats(lines)
    assert lines_of(f"{folder}/a.jsonl") and lines_of(f"{folder}/b.jsonl")
    assert sorted(collector.numbers) == numbers


def test_sinks_are_added_renamed_and_removed_and_miss_nothing_while_they_are_there(make_on, make_receiver, folder):
    receiver = make_receiver()
    daemon = make_on({"keep": hook(receiver)}, server="workers = 2")
    with Producers(daemon) as producers:
        for n in range(4):
            path = f"{folder}/{n}.jsonl"
            reload_sinks(daemon, {"keep": hook(receiver), f"s{n}": {"plugin": "file", "path": path}}, [f"s{n}"])
            from_here = producers.count()
            producers.more()
            with producers.lock:
                later = producers.acknowledged[from_here:]
            # Of each producer the first one may have been stored before the sink was there.
            firsts = {min(n for n in later if n // 1000000 == p) for p in {n // 1000000 for n in later}}
            sure = set(later) - firsts
            wait_for(lambda: sure <= {number_of(e) for e in lines_of(path)})
            assert sorted(s["name"] for s in daemon.status()["sinks"]) == ["keep", f"s{n}"]
        reload_sinks(daemon, {"keep": hook(receiver)}, ["s3"])
        assert [s["name"] for s in daemon.status()["sinks"]] == ["keep"]
        numbers = producers.stop()
    receiver.wait(len(numbers))
    assert sorted(receiver.numbers()) == numbers
    for n in range(4):
        got = [number_of(e) for e in lines_of(f"{folder}/{n}.jsonl")]
        assert len(got) == len(set(got)) and in_order_of_chats(lines_of(f"{folder}/{n}.jsonl"))


def test_a_sink_that_comes_back_goes_on_where_it_was(make_on, folder):
    sinks = {"f": {"plugin": "file", "path": f"{folder}/out.jsonl"}}
    daemon = make_on(sinks)
    daemon.accept(message(1))
    wait_for(lambda: len(whole_lines(f"{folder}/out.jsonl")) == 1)
    reload_sinks(daemon, {}, ["f"])
    daemon.accept(message(2))
    reload_sinks(daemon, sinks, ["f"])
    daemon.accept(message(3))
    wait_for(lambda: len(whole_lines(f"{folder}/out.jsonl")) == 3)
    assert [number_of(e) for e in lines_of(f"{folder}/out.jsonl")] == [1, 2, 3]


def test_the_filter_counts_from_the_reload_on(make_on, make_receiver):
    receiver = make_receiver()
    daemon = make_on({"h": hook(receiver)})
    daemon.accept(message(1))
    receiver.wait(1)
    reload_sinks(daemon, {"h": hook(receiver, events="call.update")}, ["h"])
    daemon.accept(message(2))
    wait_for(lambda: daemon.sink("h")["lag"] == 0 or daemon.sink("h")["cursor"] > 0)
    reload_sinks(daemon, {"h": hook(receiver)}, ["h"])
    daemon.accept(message(3))
    receiver.wait(2)
    assert receiver.numbers() == [1, 3]


@pytest.mark.threads
@pytest.mark.parametrize("before, after", [("chat", "chat-strict"), ("chat-strict", "chat"), ("strict", "none"),
                                           ("chat-strict", "strict")])
def test_retries_are_taken_over(make_on, make_receiver, before, after):
    down, up = make_receiver(lambda *_: 503), make_receiver()
    options = {"retry": "300ms, 300ms, 300ms, 300ms, 300ms", "failures_to_open": 1000}
    daemon = make_on({"h": hook(down, ordering=before, **options)})
    for n in range(6):
        daemon.accept(message(n, chat=n % 2))
    wait_for(lambda: daemon.sink("h")["retrying"] > 0)
    reload_sinks(daemon, {"h": hook(up, ordering=after, **options)}, ["h"])
    up.wait(6)
    wait_for(lambda: daemon.sink("h")["retrying"] == 0 and daemon.sink("h")["lag"] == 0)
    assert sorted(up.numbers()) == list(range(6))
    if after == "chat-strict":
        assert [n for n in up.numbers() if n % 2] == [1, 3, 5]


def test_what_is_in_flight_ends_first_and_is_not_sent_again(make_on, make_receiver):
    release = threading.Event()
    slow, other = make_receiver(lambda *_: release.wait(20) and 200), make_receiver()
    daemon = make_on({"h": hook(slow, concurrency=2)})
    for n in range(4):
        daemon.accept(message(n, chat=0 if n < 2 else n))
    slow.wait(2)
    write_sinks(daemon, {"h": hook(other)})
    hup(daemon)
    # Among several nodes 1 goes before the change, too: the cursor cannot say that 2 went and 1 did not.
    is_claimed = "plugin = postgres" in daemon.ini.read_text()
    wait_for(lambda: not is_claimed or not daemon.status()["sinks"], what="it drains")
    assert not other.arrivals
    release.set()
    other.wait(1 if is_claimed else 2)
    wait_for(lambda: len(daemon.status()["sinks"]) == 1 and daemon.sink("h")["lag"] == 0)
    assert sorted(slow.numbers() + other.numbers()) == [0, 1, 2, 3]
    assert len(slow.arrivals) == (3 if is_claimed else 2)


def test_what_hangs_is_taken_back_after_the_drain_time(make_on, make_receiver):
    hanging, other = make_receiver(lambda *_: time.sleep(8) or None), make_receiver()
    daemon = make_on({"h": hook(hanging, timeout="1h")}, server="shutdown_timeout = 300ms")
    daemon.accept(message(1))
    hanging.wait(1)
    reload_sinks(daemon, {"h": hook(other, timeout="1h")}, ["h"])
    other.wait(1)
    assert other.arrivals[0].attempt == 1
    hanging.close()


def test_one_that_does_not_open_stays_as_it_was(make_on, folder):
    daemon = make_on({"f": {"plugin": "file", "path": f"{folder}/out.jsonl"}})
    write_sinks(daemon, {"f": {"plugin": "file", "path": f"{folder}/no/such/out.jsonl"}})
    hup(daemon, "[sink f] path: folder")
    daemon.accept(message(1))
    wait_for(lambda: len(whole_lines(f"{folder}/out.jsonl")) == 1)
    pathlib.Path(f"{folder}/no/such").mkdir(parents=True)
    hup(daemon, "the sink is in use sink=f")
    daemon.accept(message(2))
    wait_for(lambda: len(whole_lines(f"{folder}/no/such/out.jsonl")) == 1)


def test_a_new_one_that_does_not_open_is_tried_with_the_next_reload(make_on, folder):
    daemon = make_on({})
    write_sinks(daemon, {"f": {"plugin": "file", "path": f"{folder}/no/out.jsonl"}})
    hup(daemon, f"folder {folder}/no:")
    assert not daemon.status()["sinks"]
    pathlib.Path(f"{folder}/no").mkdir()
    hup(daemon, "the sink is in use sink=f")
    daemon.accept(message(1))
    wait_for(lambda: len(whole_lines(f"{folder}/no/out.jsonl")) == 1)


@pytest.mark.threads
def test_the_daemon_stops_while_a_sink_drains(make_on, make_receiver):
    hanging = make_receiver(lambda *_: time.sleep(8) or None)
    daemon = make_on({"a": hook(hanging, timeout="1h"), "b": hook(hanging, timeout="1h")},
                         server="shutdown_timeout = 1s\nworkers = 2")
    daemon.accept(message(1))
    hanging.wait(2)
    write_sinks(daemon, {"a": hook(hanging, timeout="2m")})
    hup(daemon)
    daemon.stop()
    hanging.close()


def dead_letters(daemon):
    return daemon.status()["dead"].get("h", 0)


def test_dead_letters_of_a_sink_that_is_gone_do_not_keep_the_others_dead(make_daemon, make_receiver):
    bad, good = make_receiver(lambda *_: 400), make_receiver()
    daemon = make_daemon({"a": hook(bad, drop_on="400"), "h": hook(bad, drop_on="400")})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"] == {"a": 1, "h": 1})
    reload_sinks(daemon, {"h": hook(good)}, ["a", "h"])
    r = daemon.command("dead", "replay", "--all", check=False)
    assert r.returncode == 1 and r.stdout == "replayed 1\n"
    assert "a: left out: " in r.stderr and "1 sink was left out" in r.stderr
    good.wait(1)
    wait_for(lambda: daemon.status()["dead"] == {"a": 1})
    assert daemon.command("dead", "purge", "--all").stdout == "purged 1\n"


def test_one_dead_letter_is_replayed_though_a_sink_that_is_gone_has_others(make_daemon, make_receiver):
    bad, good = make_receiver(lambda *_: 400), make_receiver()
    daemon = make_daemon({"a": hook(bad, drop_on="400")})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"] == {"a": 1})
    reload_sinks(daemon, {"h": hook(bad, drop_on="400")}, ["a", "h"])
    ids = [daemon.accept(message(number))["ids"][0] for number in (2, 3)]
    wait_for(lambda: daemon.status()["dead"] == {"a": 1, "h": 2})
    reload_sinks(daemon, {"h": hook(good)}, ["h"])
    for done, number in (("replay", 0), ("purge", 1)):
        r = daemon.command("dead", done, ids[number])
        assert (r.stdout, r.stderr) == (f"{done.rstrip('e')}ed 1\n", "")
    good.wait(1)
    assert daemon.status()["dead"] == {"a": 1}


@pytest.mark.threads
def test_dead_letters_stay_and_are_replayed_by_the_new_one(make_on, make_receiver):
    bad, good = make_receiver(lambda *_: 400), make_receiver()
    daemon = make_on({"h": hook(bad, drop_on="400")})
    for n in range(3):
        daemon.accept(message(n))
    wait_for(lambda: dead_letters(daemon) == 3)
    reload_sinks(daemon, {"h": hook(good)}, ["h"])
    assert dead_letters(daemon) == 3 and not good.arrivals
    daemon.command("dead", "replay", "--sink", "h", "--all")
    good.wait(3)
    assert sorted(good.numbers()) == [0, 1, 2]


def open_files(daemon):
    return len(list(pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir()))


def test_many_reloads_under_load_leak_nothing(make_daemon, make_receiver, folder):
    receiver = make_receiver()

    def sinks(n):
        return {"hook": hook(receiver, concurrency=1 + n % 7, timeout=f"{5 + n % 3}s"),
                "file": {"plugin": "file", "path": f"{folder}/{n % 2}.jsonl"},
                f"s{n % 5}": {"plugin": "file", "path": f"{folder}/s{n % 5}.jsonl"}}
    daemon = make_daemon(sinks(0), server="workers = 2")
    marks = []
    with Producers(daemon, threads=2, pause=0.003) as producers:
        for n in range(1, 211 if SLOW == 1 else 141):
            reload_sinks(daemon, sinks(n), ["hook", "file", f"s{n % 5}", f"s{(n - 1) % 5}"])
            # The same sinks each time: a webhook keeps as many connections open as it may use at once.
            if n % 70 == 0:
                marks.append((daemon.rss_mib(), open_files(daemon)))
        numbers = producers.stop()
    receiver.wait(len(numbers))
    assert sorted(receiver.numbers()) == numbers
    lines = lines_of(f"{folder}/0.jsonl") + lines_of(f"{folder}/1.jsonl")
    assert sorted(map(number_of, lines)) == numbers
    assert marks[-1][1] <= marks[0][1] + 4, marks
    if SLOW == 1:
        assert marks[-1][0] <= marks[1][0] + 8, marks


def test_a_websocket_that_the_api_has_set_stays_and_reload_says_so(two_workers):
    daemon, kept = two_workers, "[instance sales] websocket: the API's setting stays"

    def turn(before, after):
        edit(daemon, before, after)
        answer = reload(daemon)
        assert len(answer["changed"]) == 1 and answer["errors"] == []
        return answer["kept"]
    assert turn("websocket = yes", "websocket = no") == turn("websocket = no", "websocket = yes") == []
    on = {"enabled": True, "events": ["call.update"], "mediaBase64": False}
    assert api(daemon, "POST", "/api/events/websocket/sales", on)[0] == 200
    assert turn("websocket = yes", "websocket = no") == [kept]
    assert f"config: {kept}" in daemon.log_text()
    assert api(daemon, "GET", "/api/events/getWebsocket/sales")[1]["websocket"] == on
    Client(daemon).close()
    assert reload(daemon)["kept"] == [], "nothing of it changed"
    edit(daemon, "websocket = no", "websocket = yes\nwebsocket_events = label.update")
    assert reload(daemon)["kept"] == [kept]
    edit(daemon, "websocket_events = label.update", "websocket_events = group.flow")
    assert daemon.command("reload").stdout == f"[instance sales] websocket_events changed\n{kept}\n"
    assert turn("websocket_events = group.flow", "websocket_events = call.update") == [], "they say the same"


def test_what_did_not_take_effect_is_told_when_it_does(two_workers):
    daemon = two_workers
    status = lambda method, path, body=None: daemon.request(
        method, path, body and json.dumps(body), {"token": ACCOUNT, "Content-Type": "application/json"})[0]
    assert status("POST", "/api/instance/new", {"name": "shop", "token": "zz-SECRET"}) == 201
    text = daemon.ini.read_text()
    daemon.ini.write_text(text + section("zz", token="zz-SECRET") + "[source second]\nplugin = evolution\ntoken = two\n")
    before = len(daemon.log_text())
    refused = daemon.command("reload", check=False)
    assert refused.returncode == 1 and "the instances stay as they were" in refused.stderr
    assert "zz" not in refused.stdout and "[source second] added" in refused.stdout
    wait_for(lambda: "config: read again changed=yes" in daemon.log_text()[before:])
    assert "[instance zz] added" not in daemon.log_text()[before:]
    assert daemon.post(message(1), instance="zz")[0] == 404

    assert status("DELETE", "/api/instance/delete/shop") == 200
    before = len(daemon.log_text())
    done = daemon.command("reload")
    assert "[instance zz] added" in done.stdout and "second" not in done.stdout
    wait_for(lambda: "config: read again changed=yes" in daemon.log_text()[before:])
    assert "[instance zz] added: takes effect now" in daemon.log_text()[before:]
    daemon.accept(message(1), instance="zz")
    assert "zz" not in daemon.command("reload").stdout


def test_sources_that_stay_as_they_were_are_not_told_as_changed(make_daemon, folder):
    path = pathlib.Path(folder) / "m.ini"
    good = (FIXTURES.parent.parent / "etc/maps" / sorted(
        p.name for p in FIXTURES.parent.parent.glob("etc/maps/*.ini"))[0]).read_text()
    path.write_text(good)
    daemon = make_daemon({}, source=f"[source m]\nplugin = map\nmap = {path}")
    edit(daemon, "[source m]", "[source m]\ntoken = other-SECRET")
    path.write_text("this is no map")
    refused = daemon.command("reload", check=False)
    assert refused.returncode == 1 and "the sources stay as they were" in refused.stderr
    assert "[source m]" not in refused.stdout
    path.write_text(good)
    assert "[source m] token" in daemon.command("reload").stdout
