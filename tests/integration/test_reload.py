# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the configuration is read again while events flow."""
import json
import pathlib
import signal
import threading

import pytest

from rig import FIXTURES, TOKEN, certificate, free_port, message, number_of, wait_for, whole_lines


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
    ("[sink f]", "[sink g]\nplugin = file\npath = /nowhere/x\n[sink f]", "[sink g] added"),
    ("plugin = file", "plugin = file\nevents = call.update", "[sink f] events changed"),
    ("[instance sales]", "[instance other]\n[instance sales]", "[instance other] added"),
    ("sales-SECRET-instance", "new-SECRET", "[instance sales] token changed"),
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
