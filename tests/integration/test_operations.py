# SPDX-License-Identifier: Apache-2.0
"""Running it: configuration errors, disk full, log files, backlog, commands."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from rig import PLUGINS, PROGRAM, SLOW, message, wait_for

FULL = os.environ.get("HOOKSWITCH_TEST_SCALE") == "full"


def test_check_reports_all_errors_at_once_with_their_places(folder):
    ini = pathlib.Path(folder) / "bad.ini"
    ini.write_text(f"""[server]
plugin_dir = {PLUGINS}
liste = 127.0.0.1:1
shutdown_timeout = 5
[store]
plugin = sqlite
[instance a b]
[source evolution]
token = ${{HOOKSWITCH_NO_SUCH_VARIABLE}}
[sink crm]
plugin = webhook
url = ftp://user:SECRET@x/
events = message.exchang
instances = nobody
[sink x]
plugin = nosuch
[snik y]
[log]
level = loud
level = info
""")
    r = subprocess.run([PROGRAM, "check", "-c", ini], capture_output=True, text=True)
    assert r.returncode == 1
    for line, words in {3: "did you mean `listen`", 4: "duration", 5: "path", 7: "name", 9: "HOOKSWITCH_NO_SUCH",
                        12: "http", 13: "message.exchange", 14: "nobody", 16: "nosuch", 17: "[sink]",
                        19: "debug", 20: "twice"}.items():
        assert any(f"bad.ini:{line}:" in e and words in e for e in r.stderr.splitlines()), (line, r.stderr)
    assert "SECRET" not in r.stderr


def test_a_good_configuration_is_ok_and_options_are_listed(make_daemon, folder):
    daemon = make_daemon({"f": {"plugin": "file", "path": f"{folder}/x"}}, start=False)
    assert ": ok:" in daemon.command("check").stdout
    out = subprocess.run([PROGRAM, "plugins", "-d", PLUGINS, "sink-webhook"], capture_output=True, text=True).stdout
    assert "by_events" in out and "retry" in out and "default 5s" in out


def test_start_fails_with_a_reason(make_daemon, folder):
    daemon = make_daemon({}, start=False)
    daemon.start(wait=False)
    wait_for(daemon.is_ready)
    second = subprocess.run([PROGRAM, "run", "-c", daemon.ini], capture_output=True, text=True, timeout=20)
    assert second.returncode == 1 and "cannot start" in second.stderr
    daemon.stop()
    pathlib.Path(f"{folder}/hookswitch.db").write_bytes(b"this is no database at all" * 1000)
    broken = subprocess.run([PROGRAM, "run", "-c", daemon.ini], capture_output=True, text=True, timeout=20)
    assert broken.returncode == 1 and "hookswitch.db" in broken.stderr and "corrupt" in broken.stderr


def test_commands_without_a_daemon_say_so(make_daemon):
    daemon = make_daemon({}, start=False)
    for command in (["status"], ["dead", "list"]):
        r = daemon.command(*command, check=False)
        assert r.returncode == 3 and "control.sock" in r.stderr
    assert subprocess.run([PROGRAM, "nonsense"], capture_output=True).returncode == 2
    assert subprocess.run([PROGRAM, "--version"], capture_output=True).stdout.startswith(b"hookswitch ")
    for command in ("run", "check", "plugins", "translate", "status", "dead"):
        r = subprocess.run([PROGRAM, command, "--help"], capture_output=True)
        assert r.returncode == 0 and b"Usage: hookswitch " + command.encode() in r.stdout


def test_full_disk_is_told_to_providers_and_heals_by_itself(make_receiver, make_daemon, folder):
    disk = pathlib.Path(folder) / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        receiver = make_receiver()
        daemon = make_daemon({"out": {"plugin": "webhook", "url": receiver.url}}, store=f"path = {disk}/h.db")
        filler = disk / "filler"
        accepted, n = 0, 0
        filler.write_bytes(b"x" * 1_500_000)
        while n < 3000:
            n += 1
            status, answer = daemon.post(message(n, text="x" * 2000))
            if status == 503:
                break
            accepted += 1
        assert status == 503 and "again" in answer["error"]["message"]
        retry_after = daemon.request("POST", "/in/evolution/sales", json.dumps(message(n, text="x" * 2000)),
                                     {"token": "ingest-SECRET-token"})[1].get("retry-after")
        assert retry_after == "5"
        metrics = dict(line.rsplit(" ", 1) for line in daemon.request("GET", "/metrics")[2].decode().splitlines())
        assert metrics['hookswitch_unavailable_requests_total{source="evolution"}'] == "2"
        assert int(metrics['hookswitch_store_errors_total{operation="commit",kind="full"}']) >= 2
        filler.unlink()
        wait_for(lambda: daemon.post(message(n))[0] == 202, 10, "it takes events again")
        receiver.wait(accepted + 1)
        assert set(receiver.numbers()) == set(range(1, n + 1))
        daemon.stop()
    finally:
        subprocess.run(["umount", "-l", disk], capture_output=True)


@pytest.mark.threads
def test_sighup_and_rename_open_the_file_again(make_daemon, folder):
    path = pathlib.Path(folder) / "out.ndjson"
    daemon = make_daemon({"file": {"plugin": "file", "path": path, "fsync": "always"}})
    daemon.accept(message(1))
    wait_for(lambda: path.exists() and path.read_text().count("\n") == 1)
    path.rename(f"{path}.1")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "again" in daemon.log_text())
    daemon.accept(message(2))
    wait_for(lambda: path.exists() and path.read_text().count("\n") == 1)
    path.rename(f"{path}.2")
    time.sleep(1.3)
    daemon.accept(message(3))
    wait_for(lambda: path.exists() and path.read_text().count("\n") == 1)
    assert [json.loads(p.read_text())["data"]["id"][-1] for p in (
        pathlib.Path(f"{path}.1"), pathlib.Path(f"{path}.2"), path)] == ["1", "2", "3"]


@pytest.mark.parametrize("tail,kept", [('{"cut":', 2), ('{"whole":"}{"}', 3)])
def test_a_partial_last_line_is_mended_at_the_start(tail, kept, make_daemon, folder):
    path = pathlib.Path(folder) / "out.ndjson"
    path.write_text('{"a":1}\n{"b":2}\n' + tail)
    daemon = make_daemon({"file": {"plugin": "file", "path": path}})
    daemon.accept(message(1))
    lines = wait_for(lambda: "TEST00000001" in (t := path.read_text()) and t.endswith("\n") and t.splitlines())
    assert len(lines) == kept + 1
    assert all(json.loads(line) for line in lines)


def test_file_paths_follow_the_pattern(make_daemon, folder):
    make_daemon({"file": {"plugin": "file", "path": f"{folder}/%{{event}}/%{{instance}}-%Y.ndjson"}}).accept(message(1))
    year = time.strftime("%Y", time.gmtime())
    wait_for(lambda: (pathlib.Path(folder) / "message.exchange" / f"sales-{year}.ndjson").exists())


def test_a_large_backlog_needs_little_memory_and_starts_fast(webhook, folder):
    events = 1_000_000 if FULL else 60_000
    daemon, receiver = webhook(options={"probe_interval": "1s"})
    receiver.close()
    body = json.dumps([message(0)["data"] for _ in range(500)])
    for batch in range(events // 500):
        data = json.loads(body)
        for i, m in enumerate(data):
            m["key"]["id"] = f"TEST{batch * 500 + i:08d}"
            m["message"]["conversation"] = "x" * 500
        daemon.accept({"event": "messages.upsert", "data": data})
    limit = 100 if SLOW == 1 else 1000
    assert daemon.rss_mib() < limit
    daemon.kill()
    begin = time.monotonic()
    daemon.start()
    assert time.monotonic() - begin < 5 * SLOW
    assert daemon.sink("out")["lag"] > events - 200
    assert daemon.rss_mib() < limit
    receiver.open()
    receiver.wait(1000, 60)


def test_translate_prints_envelopes_without_a_daemon(folder):
    r = subprocess.run([PROGRAM, "translate", "-d", PLUGINS, "-i", "sales", "evolution", "-"],
                       input=json.dumps(message(7)), capture_output=True, text=True)
    envelope = json.loads(r.stdout)
    assert envelope["event"] == "message.exchange" and envelope["data"]["id"] == "TEST00000007"
    assert "SECRET" not in r.stdout


def test_check_warns_of_a_websocket_that_nobody_can_connect_to(make_daemon):
    daemon = make_daemon({}, instance="websocket = yes", start=False)
    said = daemon.command("check")
    assert "warning" not in said.stderr
    ini = daemon.ini.read_text().replace("token = sales-SECRET-instance\n", "")
    daemon.ini.write_text(ini)
    said = daemon.command("check")
    line = 1 + ini.splitlines().index("[instance sales]")
    assert f"{daemon.ini}:{line}: [instance sales]: warning: websocket = yes" in said.stderr and ": ok:" in said.stdout
    daemon.ini.write_text(f"{ini}[api]\naccount_token = account-SECRET\n")
    assert "warning" not in daemon.command("check").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can be somebody else")
def test_who_may_not_use_the_control_socket_is_told_so(make_daemon, folder):
    daemon = make_daemon({})
    os.chmod(folder, 0o755)
    args = {"capture_output": True, "text": True, "user": 65534, "group": 65534, "extra_groups": []}
    for command in ["status"], ["instance", "list"], ["reload"]:
        r = subprocess.run([PROGRAM, *command, "-c", daemon.ini], **args)
        assert r.returncode == 3 and "you may not use the control socket" in r.stderr, r.stderr
        assert "no daemon answers" not in r.stderr


def test_a_command_that_is_stopped_and_goes_on_still_gets_its_answer(make_daemon, folder):
    """As by Ctrl-Z and fg; the daemon's part is played here, so that the command is waiting meanwhile."""
    daemon = make_daemon({}, start=False)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/control.sock")
        listening.listen()
        command = subprocess.Popen([PROGRAM, "status", "--json", "-c", daemon.ini], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        connection, _ = listening.accept()
        with connection:
            assert connection.recv(4096).startswith(b"GET /status ")
            wait_for(lambda: state_of(command.pid) == "S", what="it waits")
            command.send_signal(signal.SIGSTOP)
            wait_for(lambda: state_of(command.pid) == "T", what="it is stopped")
            command.send_signal(signal.SIGCONT)
            wait_for(lambda: state_of(command.pid) != "T", what="it goes on")
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n{}")
        assert command.communicate(timeout=60) == ("{}\n", "")
        assert command.returncode == 0


@pytest.mark.parametrize("what, done", [("purge", "purged"), ("replay", "replayed")])
def test_of_many_dead_letters_the_command_asks_until_there_are_no_more(what, done, make_daemon, folder):
    daemon = make_daemon({}, start=False)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/control.sock")
        listening.listen()
        command = subprocess.Popen([PROGRAM, "dead", what, "--sink", "out", "--all", "-c", daemon.ini],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for asked, answer in (("count=0&after=0", f'"{done}":4000,"more":true,"next":7'),
                              ("count=4000&after=7", f'"{done}":4500,"more":false,"next":9')):
            connection, _ = listening.accept()
            with connection:
                assert connection.recv(4096).startswith(f"POST /dead/{what}?{asked}&sink=out ".encode())
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n{%s}" % answer.encode())
        assert command.communicate(timeout=60) == (f"{done} 4500\n", "")


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
