# SPDX-License-Identifier: Apache-2.0
"""Plugins that were built with the first headers of the interface work in the daemon of today."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

import rig
from rig import TOKEN, Daemon, wait_for, whole_lines

ABI = pathlib.Path(__file__).resolve().parents[1] / "abi"


def build(kind, headers, folder):
    subprocess.run(
        shlex.split(os.environ.get("CC", "cc")) +
        ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
         f"-I{headers}", f"{ABI}/first_{kind}.c", "-o", folder / f"{kind}-first.so"], check=True)


@pytest.fixture
def plugins(folder, monkeypatch):
    """The built plugins and, beside them, those of the first headers."""
    path = pathlib.Path(folder) / "plugins"
    path.mkdir()
    for built in rig.PLUGINS.glob("*.so"):
        (path / built.name).symlink_to(built)
    for kind in "source", "sink":
        build(kind, ABI / "1.0", path)
    monkeypatch.setattr(rig, "PLUGINS", path)
    return path


def lines(path):
    return [json.loads(line) for line in whole_lines(path)]


def post(daemon, number, proof="first"):
    headers = {"token": TOKEN, "X-Proof": proof, "X-Id": f"FIRST{number}"}
    return daemon.request("POST", "/in/first/sales", f"text {number}", headers)[0]


def test_plugins_of_the_first_headers_work(folder, plugins):
    path = pathlib.Path(folder) / "out"
    # The last section of a configuration; [source first] goes before the sinks.
    daemon = Daemon(folder, {"first": {"plugin": "first", "path": path}},
                    source=f"[source first]\nplugin = first\ntoken = {TOKEN}").start()
    try:
        for number in range(20):
            assert post(daemon, number) == 202
        assert post(daemon, 99, proof="other") == 401
        wait_for(lambda: len(lines(path)) == 20, what="all are delivered")
        assert [e["data"] for e in lines(path)] == [
            {"id": f"FIRST{n}", "text": f"text {n}"} for n in range(20)]
        # The same message once more is the same event.
        assert post(daemon, 7) == 202
        assert post(daemon, 20) == 202
        wait_for(lambda: len(lines(path)) == 21, what="the new one is delivered")
        assert lines(path)[-1]["data"]["id"] == "FIRST20"
        assert "first_lines" in daemon.request("GET", "/metrics")[2].decode()
    finally:
        daemon.stop()
    assert "type message.exchange, attempt 1, received once" in daemon.log_text()


def test_the_harness_tests_a_source_of_the_first_headers(folder, plugins):
    payload = pathlib.Path(folder) / "payload"
    payload.write_text("text 1")
    done = subprocess.run([rig.BUILD / "hookswitch-plugin-test", plugins / "source-first.so", "--payload", payload,
                           "--header", "X-Proof: first", "--header", "X-Id: FIRST1"],
                          capture_output=True, text=True, timeout=300)
    assert re.search(r"^ok \d+ - payloads become the same events again$", done.stdout, re.MULTILINE), done


@pytest.mark.parametrize("name,ahead", [("MAJOR", -1), ("MAJOR", 1), ("MINOR", -1), ("MINOR", 0), ("MINOR", 1)])
def test_a_plugin_of_another_major_or_a_newer_minor_version_is_refused(folder, name, ahead):
    folder = pathlib.Path(folder)
    headers = folder / "headers"
    shutil.copytree(ABI.parents[1] / "sdk/hookswitch", headers / "hookswitch")
    header = headers / "hookswitch/plugin.h"
    header.chmod(0o600)
    text = header.read_text()
    here = {n: int(re.search(rf"#define HSW_ABI_{n} (\d+)", text)[1]) for n in ("MAJOR", "MINOR")}
    made = {**here, name: here[name] + ahead}
    for n, value in made.items():
        text = re.sub(rf"(#define HSW_ABI_{n}) \d+", rf"\1 {value}", text)
    header.write_text(text)
    build("sink", headers, folder)
    out = subprocess.run([rig.PROGRAM, "plugins", "-d", folder, "sink-first"], capture_output=True, text=True)
    if name == "MINOR" and ahead <= 0:
        assert out.returncode == 0 and out.stdout.startswith("sink-first 1.0"), out.stderr
    else:
        assert out.returncode != 0
        assert (f"sink-first.so: made for plugin ABI {made['MAJOR']}.{made['MINOR']}, "
                f"expected {here['MAJOR']}.0 to {here['MAJOR']}.{here['MINOR']}") in out.stderr
