# SPDX-License-Identifier: Apache-2.0
"""What was last seen of an instance, its state and its number: it outlives the daemon, and old news change nothing."""
import json
import pathlib
import sqlite3
import subprocess

import pytest

from api_rig import ApiDaemon, set_key
from rig import FIXTURES, PLUGINS, PROGRAM, wait_for
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, server, store  # noqa: F401 (fixtures)

OPEN = (FIXTURES / "evolution/derived-v2-connection.update-open.json").read_text()
CLOSED = (FIXTURES / "evolution/v1-connection.update-close.json").read_text()
NUMBER = "5511888888888@s.whatsapp.net"
postgres = pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")


def seen(d, name="sales"):
    one = d.ok("GET", f"/api/instance/list?instanceName={name}")["instances"][0]
    assert one["status"] == one["connection"]["state"] and one["numberJid"] == one["connection"]["numberJid"]
    return one["status"], one["numberJid"]


def restart(d):
    d.stop()
    d.start()


def records(d):
    db = sqlite3.connect(pathlib.Path(d.folder) / "hookswitch.db")
    rows = db.execute("SELECT name, text FROM records WHERE kind = 'state' ORDER BY name").fetchall()
    db.close()
    return {name.decode() if isinstance(name, bytes) else name: json.loads(text) for name, text in rows}


def test_the_state_and_the_number_are_there_after_a_restart(make_api, folder):
    d = make_api(server="encryption_key = " + "5a" * 32)
    d.ok("POST", "/api/instance/new", {"name": "shop"}, status=201)
    d.accept(OPEN)
    d.accept(OPEN, instance="shop")
    d.accept(CLOSED, instance="shop")
    before = seen(d), seen(d, "shop")
    assert before[0] == ("connected", NUMBER) and before[1][0] not in ("connected", "unknown")
    restart(d)
    assert (seen(d), seen(d, "shop")) == before
    d.accept(OPEN.replace("09:30", "09:31"), instance="shop")
    restart(d)
    assert seen(d, "shop") == ("connected", NUMBER)
    listed = d.command("instance", "list").stdout
    assert listed.count("connected") == 2 and "unknown" not in listed


def test_what_was_answered_for_outlives_kill_9(daemon):
    daemon.accept(OPEN)
    daemon.kill()
    daemon.start()
    assert seen(daemon) == ("connected", NUMBER)


def test_only_a_change_is_written(daemon):
    daemon.accept(OPEN)
    first = records(daemon)
    assert first["sales"]["numberJid"] == NUMBER
    daemon.accept(OPEN.replace("09:30", "09:31"))
    assert records(daemon) == first
    daemon.accept(CLOSED)
    assert records(daemon)["sales"]["state"] != "connected"


def test_it_goes_with_the_instance(daemon):
    daemon.ok("POST", "/api/instance/new", {"name": "shop"}, status=201)
    daemon.accept(OPEN, instance="shop")
    assert list(records(daemon)) == ["shop"]
    daemon.ok("DELETE", "/api/instance/delete/shop")
    assert records(daemon) == {}
    daemon.ok("POST", "/api/instance/new", {"name": "shop"}, status=201)
    assert seen(daemon, "shop") == ("unknown", None)
    restart(daemon)
    assert seen(daemon, "shop") == ("unknown", None)


def test_an_instance_that_the_file_has_no_more_is_forgotten_with_the_next_start(make_api, folder):
    d = make_api(instances=("sales", "support"))
    d.accept(OPEN)
    d.accept(OPEN, instance="support")
    d.stop()
    text = d.ini.read_text()
    d.ini.write_text(text.replace("[instance support]\ntoken = support-SECRET-instance\n", ""))
    d.start()
    assert list(records(d)) == ["sales"] and seen(d) == ("connected", NUMBER)


def test_it_stays_through_another_token_and_a_reload(daemon):
    daemon.ok("POST", "/api/instance/new", {"name": "shop"}, status=201)
    daemon.accept(OPEN, instance="shop")
    daemon.ok("PUT", "/api/instance/token/shop", {"token": "another-SECRET"})
    assert seen(daemon, "shop") == ("connected", NUMBER)
    daemon.command("reload")
    assert seen(daemon, "shop") == ("connected", NUMBER)
    restart(daemon)
    assert seen(daemon, "shop") == ("connected", NUMBER)


def test_an_instance_that_auto_create_let_in_is_known_again(make_daemon):
    d = make_daemon({}, instances=(), ingest="auto_create = yes")
    d.accept(OPEN, instance="guest")
    assert records(d)["guest"]["state"] == "connected"
    d.stop()
    d.start()
    assert records(d)["guest"]["numberJid"] == NUMBER


def test_rekey_leaves_it_and_migrate_takes_it_along(make_api, folder):
    d = make_api(server="encryption_key = " + "5a" * 32)
    d.accept(OPEN)
    d.stop()
    before = records(d)
    set_key(d, "6b" * 32)
    key = pathlib.Path(folder) / "key"
    key.write_text("5a" * 32)
    d.command("rekey", "--old-key-file", key)
    assert records(d) == before
    source = pathlib.Path(folder) / "hookswitch.db"
    target = pathlib.Path(folder) / "target.db"
    subprocess.run([PROGRAM, "migrate", "-d", PLUGINS, "--from", f"sqlite:{source}", "--to", f"sqlite:{target}"],
                   check=True, capture_output=True)
    target.replace(source)
    for rest in "-wal", "-shm":
        pathlib.Path(f"{source}{rest}").unlink(missing_ok=True)
    d.start()
    assert seen(d) == ("connected", NUMBER)
    d.accept(CLOSED)
    assert seen(d)[0] != "connected"


def test_a_late_repeat_of_an_old_event_changes_nothing(daemon):
    daemon.accept(OPEN)
    daemon.accept(CLOSED)
    now = seen(daemon)
    answer = daemon.accept(OPEN)
    assert (answer["accepted"], answer["duplicates"]) == (0, 1)
    assert seen(daemon) == now and now[0] != "connected"
    restart(daemon)
    assert seen(daemon) == now


@postgres
def test_it_outlives_the_daemon_on_postgres_and_repeats_change_nothing(make_api, server, store):  # noqa: F811
    d = make_api(store=store)
    d.accept(OPEN)
    d.accept(CLOSED)
    now = seen(d)
    assert now[0] != "connected" and now[1] == NUMBER
    restart(d)
    assert seen(d) == now
    assert d.accept(OPEN)["duplicates"] == 1
    assert seen(d) == now


@postgres
def test_each_node_knows_soon_what_another_took(make_nodes, store):  # noqa: F811
    nodes = make_nodes({}, kind=ApiDaemon).start("ab")
    nodes["a"].ok("POST", "/api/instance/new", {"name": "shop"}, status=201)
    wait_for(lambda: len(nodes["b"].ok("GET", "/api/instance/list")["instances"]) == 2, what="the instance on b")
    for name in "sales", "shop":
        nodes["a"].accept(OPEN, instance=name)
        wait_for(lambda n=name: seen(nodes["b"], n) == ("connected", NUMBER), what=f"{name}'s state on b")
    nodes["b"].accept(CLOSED, instance="shop")
    wait_for(lambda: seen(nodes["a"], "shop")[0] != "connected", what="the newer state on a")
    closed = seen(nodes["b"], "shop")
    for d in nodes["a"], nodes["b"]:
        d.stop()
    nodes.start("ab")
    for d in nodes["a"], nodes["b"]:
        assert seen(d) == ("connected", NUMBER) and seen(d, "shop") == closed
