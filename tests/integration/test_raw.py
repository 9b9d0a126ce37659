# SPDX-License-Identifier: Apache-2.0
"""raw = yes and format = raw: the provider's own body, and that it is stored only where somebody wants it."""
import hashlib
import json
import pathlib
import signal
import socket
import sqlite3
import urllib.parse

from api_rig import ApiDaemon
from rig import FIXTURES, TOKEN, message, wait_for, whole_lines

WUZAPI = {"source": "[source wuzapi]\ntoken = wuz-SECRET"}


def redacted(body):
    return {**body, "apikey": "[redacted]"}


def stored_bytes(daemon):
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        return sum(len(bytes(row[0]) if isinstance(row[0], bytes) else row[0].encode())
                   for row in db.execute("select body from events"))


def test_source_raw_has_the_body_without_credentials(webhook):
    daemon, receiver = webhook(options={"raw": "yes"})
    text = json.dumps(message(1), indent=1)
    daemon.accept(text)
    receiver.wait(1)
    source = receiver.envelopes()[0]["source"]
    assert source["raw"] == redacted(message(1))
    assert source["rawSha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert source["rawType"] == "application/json"
    assert (source["index"], source["count"], source["provider"]) == (0, 1, "evolution")
    assert "SECRET" not in receiver.arrivals[0].body.decode()


def several():
    """Two receipts in one request, as Evolution 1 sends them."""
    one = {"keyId": "A", "remoteJid": "5511900000001@s.whatsapp.net", "fromMe": True, "status": "READ"}
    return {"event": "messages.update", "instance": "demo", "apikey": "provider-SECRET-key",
            "data": [one, {**one, "keyId": "B"}, {**one, "keyId": "C"}]}


def test_of_several_events_the_first_brings_it_along(make_receiver, make_daemon):
    envelopes, raw = make_receiver(), make_receiver()
    daemon = make_daemon({"e": {"plugin": "webhook", "url": envelopes.url, "raw": "yes", "ordering": "none"},
                          "r": {"plugin": "webhook", "url": raw.url, "format": "raw", "ordering": "none"}})
    assert daemon.accept(several())["accepted"] == 3
    daemon.accept(message(9))
    envelopes.wait(4)
    sources = sorted((e["source"] for e in envelopes.envelopes() if e["source"]["count"] == 3),
                     key=lambda s: s["index"])
    assert ["raw" in s for s in sources] == [True, False, False]
    wait_for(lambda: daemon.sink("r")["lag"] == 0)
    assert daemon.sink("r")["delivered"] == 2
    assert sorted(json.loads(a.body)["event"] for a in raw.arrivals) == ["messages.update", "messages.upsert"]


def test_only_what_a_sink_wants_is_stored(make_receiver, make_daemon):
    """By type and by instance; and not at all without such a sink."""
    big = message(1, text="ok")
    big["data"]["padding"] = "x" * 20000
    receiver = make_receiver()
    other = {"plugin": "webhook", "url": receiver.url, "raw": "yes", "events": "call.update"}
    daemon = make_daemon({"out": {"plugin": "webhook", "url": receiver.url}, "calls": other,
                          "elsewhere": {**other, "events": "message.exchange", "instances": "shop"}},
                         instances=("sales", "shop"))
    daemon.accept(big)
    receiver.wait(1)
    assert stored_bytes(daemon) < 2000
    big["data"]["key"]["id"] = "TEST00000002"
    daemon.accept(big, instance="shop")
    receiver.wait(3)
    assert 20000 < stored_bytes(daemon) < 24000
    of_shop = [a for a in receiver.arrivals if b'"instance":"shop"' in a.body]
    assert sorted("raw" in a.envelope["source"] for a in of_shop) == [False, True]


def test_file_and_batch_and_transform_have_it(make_receiver, make_daemon, folder):
    batch, made = make_receiver(), make_receiver()
    path = pathlib.Path(folder) / "out.ndjson"
    daemon = make_daemon({
        "file": {"plugin": "file", "path": path, "raw": "yes"},
        "batch": {"plugin": "webhook", "url": batch.url, "raw": "yes", "batch": "2/5s"},
        "made": {"plugin": "webhook", "url": made.url, "raw": "yes", "transform": ".source.raw.data.pushName"}})
    for n in range(2):
        daemon.accept(message(n, chat=n))
    batch.wait(1)
    made.wait(2)
    wait_for(lambda: len(whole_lines(path)) == 2)
    assert [json.loads(line)["source"]["raw"] for line in whole_lines(path)] == [
        redacted(message(n, chat=n)) for n in range(2)]
    assert len([e["source"]["raw"] for e in json.loads(batch.arrivals[0].body)]) == 2
    assert made.arrivals[0].body == b'"Ana"'


def test_qr_codes_in_a_body_stay_out_of_files(webhook, make_daemon, make_receiver, folder):
    receiver = make_receiver()
    qr = json.loads((FIXTURES / "evolution/docfork-qrcode.updated.json").read_text())
    code = qr["data"]["qrcode"]["code"]
    paths = {name: pathlib.Path(folder) / name for name in ("no", "yes")}
    daemon = make_daemon({
        "out": {"plugin": "webhook", "url": receiver.url, "raw": "yes"},
        **{name: {"plugin": "file", "path": path, "raw": "yes", "secrets": name} for name, path in paths.items()}})
    daemon.accept(qr)
    receiver.wait(1)
    wait_for(lambda: all(len(whole_lines(path)) == 1 for path in paths.values()))
    assert code in receiver.arrivals[0].body.decode() and "raw" in receiver.envelopes()[0]["source"]
    assert code in paths["yes"].read_text()
    assert code not in paths["no"].read_text()
    assert "raw" not in json.loads(paths["no"].read_text())["source"]


def test_a_syslog_line_has_it_without_codes(make_daemon, folder):
    path = f"{folder}/log.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.settimeout(20)
        daemon = make_daemon({"siem": {"plugin": "syslog", "target": f"unix:{path}", "raw": "yes"}})
        text = json.dumps(message(1, text="Bom dia ] \\ \n"), indent=1)
        daemon.accept(text)
        line = log.recv(65536).decode()
        source = json.loads(line[line.index(' {"'):])["source"]
        assert source["raw"] == redacted(message(1, text="Bom dia ] \\ \n"))
        assert source["rawSha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert "SECRET" not in line and "\n" not in line
        qr = json.loads((FIXTURES / "evolution/docfork-qrcode.updated.json").read_text())
        daemon.accept(qr)
        line = log.recv(65536).decode()
        assert qr["data"]["qrcode"]["code"] not in line
        assert "raw" not in json.loads(line[line.index(' {"'):])["source"]


def test_format_raw_sends_the_body_and_its_type(webhook):
    daemon, receiver = webhook(options={"format": "raw", "secret": "a-SECRET-key-of-24-bytes"})
    daemon.accept(message(1), **{"Content-Type": "application/json; charset=utf-8"})
    receiver.wait(1)
    arrival = receiver.arrivals[0]
    assert json.loads(arrival.body) == redacted(message(1))
    assert arrival.headers["content-type"] == "application/json; charset=utf-8"
    assert arrival.headers["webhook-id"].startswith("evt_") and "webhook-signature" in arrival.headers


def test_format_raw_of_a_form_is_a_form(webhook):
    daemon, receiver = webhook(options={"format": "raw"}, **WUZAPI)
    text = (FIXTURES / "wuzapi/Message-text.json").read_text()
    form = urllib.parse.urlencode({"jsonData": text, "token": "user-SECRET"})
    status, _, answer = daemon.request("POST", "/in/wuzapi/sales", form, {
        "token": "wuz-SECRET", "Content-Type": "application/x-www-form-urlencoded"})
    assert status == 202, answer
    receiver.wait(1)
    arrival = receiver.arrivals[0]
    assert arrival.headers["content-type"] == "application/x-www-form-urlencoded"
    fields = urllib.parse.parse_qs(arrival.body.decode())
    assert fields["token"] == ["[redacted]"]
    assert set(json.loads(fields["jsonData"][0])) == set(json.loads(text))


def test_format_raw_with_a_filter_sees_the_envelope(webhook):
    daemon, receiver = webhook(options={"format": "raw", "filter": '.data.message.content == "yes"'})
    daemon.accept(message(1, text="no"))
    daemon.accept(message(2, text="yes"))
    receiver.wait(1)
    assert json.loads(receiver.arrivals[0].body) == redacted(message(2, text="yes"))
    wait_for(lambda: daemon.sink("out")["lag"] == 0)
    assert daemon.sink("out")["delivered"] == 1


def test_events_from_before_have_none_and_are_settled(webhook):
    daemon, receiver = webhook(lambda a, c: 500, {"retry": "1s, 1s, 1s"})
    daemon.accept(message(1))
    receiver.wait(1)
    daemon.stop()
    daemon.configure({"out": {"plugin": "webhook", "url": receiver.url, "format": "raw"}})
    receiver.behave = lambda a, c: 200
    daemon.start()
    wait_for(lambda: daemon.sink("out")["retrying"] == 0)
    assert daemon.sink("out")["delivered"] == 0
    assert len(receiver.arrivals) == 1


def test_format_raw_of_a_webhook_of_the_api(folder, make_receiver):
    receiver = make_receiver()
    daemon = ApiDaemon(folder, instances=("sales", "shop")).start()
    try:
        daemon.webhook("sales", receiver.url, format="raw")
        daemon.accept(message(1))
        receiver.wait(1)
        assert json.loads(receiver.arrivals[0].body) == redacted(message(1))
        stored = stored_bytes(daemon)
        daemon.accept(message(2), instance="shop")
        daemon.stop()
        daemon.start()
        daemon.accept(message(3))
        receiver.wait(2)
        daemon.webhook("sales", receiver.url, format="envelope")
        daemon.accept(message(4))
        receiver.wait(3)
        assert json.loads(receiver.arrivals[1].body) == redacted(message(3))
        with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
            rows = [bytes(b) if isinstance(b, bytes) else b.encode()
                    for b, in db.execute("select body from events order by seq")]
        assert [b'"raw":' in row for row in rows] == [True, False, True, False]
        assert stored > 0
    finally:
        daemon.stop()


def test_batch_beside_format_raw_is_refused(make_daemon):
    daemon = make_daemon({"out": {"plugin": "webhook", "url": "http://127.0.0.1:1/", "format": "raw",
                                  "batch": "10/1s"}}, start=False)
    daemon.start(wait=False)
    assert daemon.process.wait(20) != 0
    daemon.process = None
    assert "format = raw" in daemon.log_text()
    assert TOKEN not in daemon.log_text()


def test_raw_is_stored_from_a_reload_on(webhook):
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    daemon.configure({"out": {"plugin": "webhook", "url": receiver.url, "raw": "yes"}})
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "read again" in daemon.log_text())
    n = iter(range(2, 1000))
    wait_for(lambda: daemon.accept(message(next(n))) and any("raw" in e["source"] for e in receiver.envelopes()))
    assert "raw" not in receiver.envelopes()[0]["source"]
