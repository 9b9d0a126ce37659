# SPDX-License-Identifier: Apache-2.0
"""Providers that have no plugin: what a daemon makes of their webhooks by a map."""
import base64
import hashlib
import hmac
import json
import os
import subprocess

from rig import FIXTURES, PLUGINS, PROGRAM, wait_for, whole_lines

MAPS = FIXTURES.parent.parent / "etc" / "maps"
TWILIO = f"""
[source twilio]
plugin = map
map = {MAPS}/twilio.ini
signature_key = twilio-SECRET
signature_header = X-Twilio-Signature
signature_hash = sha1
signature_encoding = base64
signature_over = url-and-form
signature_url = https://hooks.example.com/in/twilio
[source zapi]
plugin = map
map = {MAPS}/zapi.ini
"""
FORM = b"MessageSid=SM1&From=whatsapp%3A%2B5511999999999&MessageType=text&Body=Ol%C3%A1+voc%C3%AA"
SIGNED = "https://hooks.example.com/in/twilio/salesBodyOl\u00e1 voc\u00eaFromwhatsapp:+5511999999999MessageSidSM1MessageTypetext"


def sign(text):
    return base64.b64encode(hmac.new(b"twilio-SECRET", text.encode(), hashlib.sha1).digest()).decode()


def post(daemon, source, body, **headers):
    status, _, answer = daemon.request("POST", f"/in/{source}/sales", body, headers)
    return status, json.loads(answer)


def test_a_signed_form_becomes_an_event(make_daemon, folder):
    daemon = make_daemon({"file": {"plugin": "file", "path": f"{folder}/out.ndjson"}}, source=TWILIO)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(SIGNED)}
    status, answer = post(daemon, "twilio", FORM, **headers)
    assert (status, answer["accepted"]) == (202, 1)
    line = wait_for(lambda: whole_lines(f"{folder}/out.ndjson"))[0]
    envelope = json.loads(line)
    assert envelope["data"]["message"]["content"] == "Ol\u00e1 voc\u00ea"
    assert envelope["source"] == {"provider": "map", "event": "text", "index": 0, "count": 1}
    headers["X-Twilio-Signature"] = sign(SIGNED + "x")
    assert post(daemon, "twilio", FORM, **headers)[0] == 401
    del headers["X-Twilio-Signature"]
    assert post(daemon, "twilio", FORM, **headers)[0] == 401
    assert daemon.status()["store"]["events"] == 1


def test_what_a_map_cannot_read_is_refused_and_nothing_is_stored(make_daemon, folder):
    map_file = f"{folder}/a.ini"
    with open(map_file, "w") as f:
        f.write('[map "m"]\nevent = message.exchange\neach = .list[]\ndata.id = .id\ndata.direction = "incoming"\n'
                'data.chat.jid = "5511"\ndata.message.type = .type\n')
    daemon = make_daemon({"file": {"plugin": "file", "path": f"{folder}/out.ndjson"}},
                         source=f"[source acme]\nplugin = map\nmap = {map_file}")
    good, bad = {"id": "A", "type": "text"}, {"id": "B", "type": "letter"}
    status, answer = post(daemon, "acme", json.dumps({"list": [good, bad]}))
    assert status == 422
    assert answer["error"]["message"].startswith(
        'a.ini:7: [map "m"] data.message.type: found "letter", expected one of text, image')
    assert daemon.status()["store"]["events"] == 0
    assert post(daemon, "acme", json.dumps({"list": [good]}))[0] == 202


def test_a_bad_expression_stops_the_start_with_its_line(make_daemon, folder):
    map_file = f"{folder}/a.ini"
    with open(map_file, "w") as f:
        f.write('[map "m"]\nwhen = .x |\nevent = ignore\n')
    daemon = make_daemon({"file": {"plugin": "file", "path": f"{folder}/out.ndjson"}}, start=False,
                         source=f"[source acme]\nplugin = map\nmap = {map_file}")
    daemon.start(wait=False)
    assert daemon.process.wait(20) != 0
    assert f"{map_file}:2: when: syntax error, something is missing at the end" in daemon.log_text()
    daemon.process = None


def test_translate_takes_a_map_and_explains():
    r = subprocess.run(
        [PROGRAM, "translate", "-d", PLUGINS, "--explain", f"map:{MAPS}/zapi.ini",
         FIXTURES / "z-api" / "MessageStatusCallback-READ.json"], capture_output=True, text=True)
    assert json.loads(r.stdout)["data"]["status"] == "read"
    assert "data.messageSender is empty" in r.stderr
    assert 'map section "status" (line 7) took MessageStatusCallback: message.status' in r.stderr
    r = subprocess.run([PROGRAM, "translate", "-d", PLUGINS, "map", "-"], input="", capture_output=True, text=True)
    assert r.returncode != 0 and "source-map needs the option map" in r.stderr


def test_check_finds_what_is_wrong_in_a_map(folder):
    ini, map_file = f"{folder}/check.ini", f"{folder}/a.ini"
    with open(ini, "w") as f:
        f.write(f"[server]\nplugin_dir = {PLUGINS}\n[store]\npath = {folder}/x.db\n[instance sales]\n[source evolution]\n"
                f"[source acme]\nplugin = map\nmap = {map_file}\n")
    for expression, status in ((".id", 0), (".id | nothing_of_the_kind", 1)):
        with open(map_file, "w") as f:
            f.write('[map "m"]\nevent = message.exchange\ndata.direction = "incoming"\ndata.message.type = "text"\n'
                    f'data.chat.jid = .chat\ndata.id = {expression}\n')
        r = subprocess.run([PROGRAM, "check", "-c", ini], capture_output=True, text=True, timeout=30)
        assert r.returncode == status, r.stderr
    assert f"{ini}:7: [source acme]: " in r.stderr and "a.ini:6: data.id: nothing_of_the_kind/0 is not defined" in r.stderr
    assert not os.path.exists(f"{folder}/x.db")
