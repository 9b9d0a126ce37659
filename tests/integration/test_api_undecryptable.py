# SPDX-License-Identifier: Apache-2.0
"""Stored credentials that cannot be decrypted, by the daemon's key or since one of them is damaged: what is said of
them, and that nothing is sent without them."""
import contextlib
import json
import os
import pty
import re
import sqlite3
import subprocess

import pytest

from api_rig import ACCOUNT, ApiDaemon, keeping_undecryptable, set_key
from rig import PROGRAM, Receiver, message, wait_for
from test_tail import Tail

SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
OTHER = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


@pytest.fixture
def daemon(tmp_path):
    d = ApiDaemon(tmp_path, server="encryption_key = right").start()
    yield d
    d.stop()


def damage(d, kind, member):
    """One character of what is sealed there is another one; the daemon begins anew with it."""
    d.stop()
    with contextlib.closing(sqlite3.connect(d.folder / "hookswitch.db")) as db, db:
        (text,), = db.execute("SELECT text FROM records WHERE kind = ?", (kind,))
        record = json.loads(text)
        record[member] = re.sub(r"(enc:1:.{20})(.)", lambda m: m[1] + ("A" if m[2] != "A" else "B"), record[member])
        db.execute("UPDATE records SET text = ? WHERE kind = ?", (json.dumps(record).encode(), kind))
    d.start()
    return record[member]


def sealed(d, kind, member):
    with contextlib.closing(sqlite3.connect(d.folder / "hookswitch.db")) as db:
        (text,), = db.execute("SELECT text FROM records WHERE kind = ?", (kind,))
    return json.loads(text).get(member)


# ---- webhooks ----

GIVEN = {"authorization": "Bearer hook-SECRET", "secret": SECRET, "secret_old": OTHER, "headers": {"X-Key": "x-SECRET"}}


@pytest.mark.parametrize("member, empty", [("authorization", ""), ("secret", ""), ("secret_old", ""), ("headers", {})])
def test_a_webhook_is_not_enabled_without_what_cannot_be_decrypted(daemon, receiver, member, empty):
    daemon.webhook("sales", receiver.url, **GIVEN)
    stored = damage(daemon, "webhook", member)
    daemon.accept(message(1))
    assert daemon.webhooks("sales")[0]["undecryptable"] == [member]
    assert f"{member} cannot be decrypted" in daemon.command("webhook", "list", "sales").stdout
    rest = {name: value for name, value in GIVEN.items() if name not in (member, "secret")}
    for more in {}, rest:
        why = daemon.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": receiver.url, **more})
        assert why.startswith(f"{member}: the stored one cannot be decrypted") and "SECRET" not in why
        assert "/api/events/webhook/sales (label default)" in why and why.endswith(f", or {json.dumps(empty)} for none")
    assert daemon.sink("sales/default")["state"] == "disabled" and receiver.arrivals == []
    assert sealed(daemon, "webhook", member) == stored
    assert "undecryptable" not in daemon.webhook("sales", receiver.url, **GIVEN)
    receiver.wait(1)
    assert receiver.numbers() == [1]
    headers = receiver.arrivals[0].headers
    assert headers["authorization"] == "Bearer hook-SECRET" and headers["x-key"] == "x-SECRET"
    assert len(headers["webhook-signature"].split()) == 2


@pytest.mark.parametrize("member, empty", [("authorization", ""), ("secret", ""), ("headers", {})])
def test_who_gives_an_empty_one_wants_none(daemon, receiver, member, empty):
    daemon.webhook("sales", receiver.url, **{member: GIVEN[member]})
    damage(daemon, "webhook", member)
    daemon.accept(message(1))
    daemon.webhook("sales", receiver.url, **{member: empty})
    receiver.wait(1)
    assert not {"authorization", "webhook-signature", "x-key"} & set(receiver.arrivals[0].headers)
    assert sealed(daemon, "webhook", member) is None


def test_what_was_read_back_as_it_is_stored_is_no_credential(daemon, receiver):
    daemon.webhook("sales", receiver.url, authorization="Bearer hook-SECRET")
    stored = damage(daemon, "webhook", "authorization")
    shown, = daemon.webhooks("sales")
    assert shown["authorization"] == stored and shown["undecryptable"] == ["authorization"]
    assert "cannot be decrypted" in daemon.fails(400, "POST", "/api/events/webhook/sales", shown)
    daemon.accept(message(1))
    assert daemon.sink("sales/default")["state"] == "disabled" and receiver.arrivals == []


def test_a_disabled_webhook_keeps_the_secret_that_cannot_be_decrypted(daemon, receiver):
    daemon.webhook("sales", receiver.url, secret=SECRET)
    stored = damage(daemon, "webhook", "secret")
    daemon.ok("POST", "/api/events/webhook/sales", {"enabled": False})
    for _ in range(2):
        assert sealed(daemon, "webhook", "secret") == stored
        assert daemon.webhooks("sales")[0]["hasSecret"] is True
        assert "secret: the stored one" in daemon.fails(
            400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": receiver.url})
        daemon.stop()
        daemon.start()
    daemon.webhook("sales", receiver.url, secret=OTHER)
    daemon.accept(message(1))
    receiver.wait(1)
    assert "webhook-signature" in receiver.arrivals[0].headers


def test_the_other_interfaces_do_not_enable_it_either(daemon, receiver):
    for path, method, label, body in (
            ("/webhook/set/sales", "POST", "evolution", {"webhook": {"url": receiver.url, "enabled": True}}),
            ("/api/config/sent", "PUT", "sent", {"URL": "https://hooks.example.com/x"})):
        headers = {"id": "sales"}
        daemon.webhook("sales", receiver.url, label=label, secret=SECRET)
        damage(daemon, "webhook", "secret")
        why = daemon.fails(400, method, path, body, headers=headers)
        assert why.startswith("secret: the stored one cannot be decrypted") and f"(label {label})" in why
        assert daemon.sink(f"sales/{label}")["state"] == "disabled"
        daemon.ok("DELETE", f"/api/events/webhook/sales?label={label}")


def test_a_daemon_with_the_wrong_key_sends_nothing_and_changes_nothing(tmp_path, receiver):
    d = ApiDaemon(tmp_path, server="encryption_key = right").start()
    d.webhook("sales", receiver.url, **GIVEN)
    d.stop()
    set_key(d, "wrong")
    with keeping_undecryptable(d):
        d.accept(message(1))
        for body in ({"enabled": True, "url": receiver.url}, {"enabled": True, "url": receiver.url, **GIVEN},
                     {"enabled": False}):
            assert "encryption_key is not the key" in d.fails(503, "POST", "/api/events/webhook/sales", body)
        wait_for(lambda: d.sink("sales/default")["lag"] == 1)
        shown, = d.webhooks("sales")
        assert d.sink("sales/default")["state"] == "disabled" and shown["hasSecret"] is True
        assert shown["undecryptable"] == ["authorization", "secret", "secret_old", "headers"]
    assert receiver.arrivals == []
    set_key(d, "right")
    d.start()
    receiver.wait(1)
    assert receiver.arrivals[0].headers["authorization"] == "Bearer hook-SECRET"
    d.stop()


# ---- tokens ----

def test_an_instance_whose_token_cannot_be_decrypted_says_so(tmp_path):
    d = ApiDaemon(tmp_path, server="encryption_key = right").start()
    d.ok("POST", "/api/instance/new", {"name": "shop", "token": "shop-SECRET", "websocketEnabled": True}, status=201)
    d.stop()
    set_key(d, "wrong")
    with keeping_undecryptable(d):
        row, = d.ok("GET", "/api/instance/list?instanceName=shop")["instances"]
        assert row["token"] is None and row["tokenUndecryptable"] is True
        assert "Invalid token" in d.fails(401, "GET", "/api/events/getWebsocket/shop", token="shop-SECRET")
        said = [d.command("instance", "token", "shop", check=False)]
        tails = [Tail("-c", str(d.ini), *more) for more in (["shop"], ["-t", "shop-SECRET", "shop"])]
        assert said[0].returncode == 1 and said[0].stdout == ""
        said = [said[0].stderr]
        for t in tails:
            status, err = t.wait()
            assert status == 1
            said.append(err)
        for text in said:
            assert "the token of instance shop cannot be decrypted with the encryption_key" in text, text
            assert "`hookswitch instance token --new shop`" in text and "SECRET" not in text
        t = Tail("-c", str(d.ini), "-t", ACCOUNT, "shop")
        wait_for(lambda: b"connected, instance shop" in t.err)
        assert t.stop() == 0
        r = d.command("instance", "token", "--new", "shop", check=False)
        assert r.returncode == 1 and "encryption_key is not the key of the store" in r.stderr
    set_key(d, "right")
    d.start()
    assert d.command("instance", "token", "shop").stdout == "shop-SECRET\n"
    assert "tokenUndecryptable" not in d.ok("GET", "/api/instance/list?instanceName=shop")["instances"][0]
    d.stop()


def test_a_token_that_is_damaged_stays_stored_until_it_is_set_anew(daemon):
    daemon.ok("POST", "/api/instance/new", {"name": "shop", "token": "shop-SECRET"}, status=201)
    stored = damage(daemon, "instance", "token")
    daemon.websocket("shop")
    assert sealed(daemon, "instance", "token") == stored
    r = daemon.command("instance", "token", "shop", check=False)
    assert r.returncode == 1 and "cannot be decrypted" in r.stderr
    token = daemon.command("instance", "token", "--new", "shop").stdout.strip()
    daemon.ok("GET", "/api/events/getWebsocket/shop", token=token)
    assert sealed(daemon, "instance", "token") != stored
    row, = daemon.ok("GET", "/api/instance/list?instanceName=shop")["instances"]
    assert row["token"] == token and "tokenUndecryptable" not in row
    daemon.stop()
    daemon.start()
    assert daemon.command("instance", "token", "shop").stdout.strip() == token


# ---- the key is lost for good ----

FORGET = ("rekey", "--forget-undecryptable")
LOST = ["instance shop: token", "webhook sales/default: authorization", "webhook sales/default: secret",
        "webhook sales/default: secret_old", "webhook sales/default: headers"]


def records(d):
    with contextlib.closing(sqlite3.connect(d.folder / "hookswitch.db")) as db:
        return db.execute("SELECT * FROM records ORDER BY 1, 2").fetchall()


def lost(said):
    return [line.partition("cannot be decrypted: ")[2] for line in said.splitlines() if "cannot be decrypted" in line]


@pytest.fixture
def keyless(tmp_path, receiver):
    """A store whose key is lost: a webhook with each kind of credential, one without any, an event for both, and an
    instance with a token."""
    d = ApiDaemon(tmp_path, server="encryption_key = lost").start()
    d.ok("POST", "/api/instance/new", {"name": "shop", "token": "shop-SECRET"}, status=201)
    receiver.status = 503
    d.webhook("sales", receiver.url, **GIVEN)
    d.stop()
    set_key(d, "new")
    receiver.status = 200
    yield d
    d.stop()


def test_secrets_of_a_lost_key_are_given_up_and_never_sent_without(keyless, receiver):
    d, kept = keyless, records(keyless)
    r = d.command(*FORGET, check=False)
    assert r.returncode == 1 and lost(r.stdout) == LOST and "--yes" in r.stderr and "nothing was changed" in r.stderr
    assert records(d) == kept
    r = d.command(*FORGET, "--yes")
    assert lost(r.stdout) == LOST and "forgotten secrets: 5" in r.stdout and "SECRET" not in r.stdout + r.stderr
    d.start()
    d.accept(message(1))
    shown, = d.webhooks("sales")
    assert shown["undecryptable"] == ["authorization", "secret", "secret_old", "headers"]
    wait_for(lambda: d.sink("sales/default")["lag"] == 1)
    assert d.sink("sales/default")["state"] == "disabled"
    assert "cannot be decrypted" in d.fails(400, "POST", "/api/events/webhook/sales", shown)
    why = d.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": receiver.url})
    assert why.startswith("authorization: the stored one cannot be decrypted")
    assert "Invalid token" in d.fails(401, "GET", "/api/events/getWebsocket/shop", token="shop-SECRET")
    for guess in "lost:", "":
        assert d.call("GET", "/api/events/getWebsocket/shop", token=guess)[0] == 401
    assert receiver.arrivals == []
    token = d.command("instance", "token", "--new", "shop").stdout.strip()
    d.ok("GET", "/api/events/getWebsocket/shop", token=token)
    assert "undecryptable" not in d.webhook("sales", receiver.url, **GIVEN)
    receiver.wait(1)
    headers = receiver.arrivals[0].headers
    assert headers["authorization"] == "Bearer hook-SECRET" and headers["x-key"] == "x-SECRET"
    assert len(headers["webhook-signature"].split()) == 2


def test_what_was_given_up_stays_so_under_the_next_key(keyless, receiver, tmp_path):
    d = keyless
    d.command(*FORGET, "--yes")
    set_key(d, "third")
    (tmp_path / "key").write_text("new\n")
    d.command("rekey", "--old-key-file", f"{tmp_path}/key")
    d.start()
    assert len(d.webhooks("sales")[0]["undecryptable"]) == 4
    d.accept(message(1))
    wait_for(lambda: d.sink("sales/default")["lag"] == 1)
    assert receiver.arrivals == []


def test_only_what_no_key_opens_is_given_up(keyless, receiver, tmp_path):
    """With the old key, and with the key that the store has already."""
    d = keyless
    set_key(d, "lost")
    damage(d, "webhook", "headers")
    d.stop()
    for key, given in ("lost", []), ("new", ["--old-key-file", f"{tmp_path}/key"]):
        (tmp_path / "key").write_text("lost\n")
        set_key(d, key)
        kept = records(d)
        r = d.command(*FORGET, *given, check=False)
        assert lost(r.stdout) == ["webhook sales/default: headers"] and records(d) == kept
    (tmp_path / "key").write_text("wrong\n")
    r = d.command(*FORGET, "--yes", "--old-key-file", f"{tmp_path}/key", check=False)
    assert r.returncode == 1 and "the old key is not the one of the store" in r.stderr and records(d) == kept
    set_key(d, "lost")
    d.command(*FORGET, "--yes")
    d.start()
    d.ok("GET", "/api/events/getWebsocket/shop", token="shop-SECRET")
    d.accept(message(1))
    assert "undecryptable" not in d.webhook("sales", receiver.url, headers={"X-Key": "x-SECRET"},
                                            authorization="Bearer hook-SECRET")
    receiver.wait(1)
    assert len(receiver.arrivals[0].headers["webhook-signature"].split()) == 2
    d.stop()
    assert "forgotten secrets: 0" in d.command(*FORGET).stdout  # nobody has to be asked


@pytest.mark.parametrize("answer, is_yes", [("y", True), ("yes", True), ("", False), ("n", False), ("\x04", False)])
def test_a_terminal_is_asked_before_secrets_are_given_up(keyless, answer, is_yes):
    kept = records(keyless)
    ours, its = pty.openpty()
    p = subprocess.Popen([PROGRAM, *FORGET, "-c", keyless.ini], stdin=its, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    os.close(its)
    os.write(ours, answer.encode() + b"\n" * (answer != "\x04"))
    out, err = p.communicate(timeout=30)
    os.close(ours)
    assert lost(out) == LOST and "Give up 5 secrets?" in err
    assert p.returncode == (0 if is_yes else 1) and (records(keyless) != kept) == is_yes


def test_what_is_given_up_of_a_key_is_readable_nowhere_and_yes_alone_is_no_order(keyless):
    d = keyless
    assert d.command("rekey", "--yes", check=False).returncode == 2
    r = d.command("rekey", check=False)
    assert r.returncode == 1 and "--forget-undecryptable" in r.stderr
    set_key(d, None)
    r = d.command(*FORGET, "--yes", check=False)
    assert r.returncode == 1 and "there is no new key" in r.stderr
    assert lost(d.command(*FORGET, "--yes", "--decrypt").stdout) == LOST
    d.start()
    assert len(d.webhooks("sales")[0]["undecryptable"]) == 4


def test_a_stored_name_does_nothing_to_the_terminal_that_is_asked(keyless):
    with contextlib.closing(sqlite3.connect(keyless.folder / "hookswitch.db")) as db, db:
        db.execute("UPDATE records SET name = ? WHERE kind = 'webhook'", ("sales/\033[2J\u202ex",))
    said = keyless.command(*FORGET, check=False).stdout
    assert r"webhook sales/\x1b[2J\xe2\x80\xaex: secret" in said and "\033" not in said and "\u202e" not in said
