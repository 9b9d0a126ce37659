# SPDX-License-Identifier: Apache-2.0
"""What the daemon keeps apart for a source whose events name their instances."""
import os
import pathlib
import shlex
import subprocess

import pytest

import rig

HERE = pathlib.Path(__file__).resolve().parent
LINES = "[source lines]\nplugin = lines"
ONE, OTHER = "5511999999999@s.whatsapp.net", "5521888888888@s.whatsapp.net"


@pytest.fixture
def plugins(folder, monkeypatch):
    """The built plugins and, beside them, source-lines."""
    path = pathlib.Path(folder) / "plugins"
    path.mkdir()
    for built in rig.PLUGINS.glob("*.so"):
        (path / built.name).symlink_to(built)
    subprocess.run(
        shlex.split(os.environ.get("CC", "cc")) +
        ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden",
         f"-I{HERE.parents[1]}/sdk", HERE / "lines_source.c", "-o", path / "source-lines.so"], check=True)
    monkeypatch.setattr(rig, "PLUGINS", path)


def post(daemon, *lines):
    status, _, _ = daemon.request("POST", "/in/lines", "\n".join(lines), {"content-type": "application/json"})
    return status


def test_a_lid_is_known_to_the_instance_alone_whose_event_told_it(plugins, webhook):
    daemon, receiver = webhook(
        source=LINES, instances=("sales", "support"), options={"ordering": "none", "concurrency": 1})
    assert post(daemon, f"sales 1@lid {ONE}", "support 1@lid -", f"support 2@lid {OTHER}", "sales 1@lid -") == 202
    receiver.wait(4)
    assert post(daemon, "sales 2@lid -", "support 2@lid -") == 202
    receiver.wait(6)
    assert [(e["instanceData"]["instance"], e["data"]["known"]) for e in receiver.envelopes()] == [
        ("sales", ONE), ("support", ""), ("support", OTHER), ("sales", ONE), ("sales", ""), ("support", OTHER)]
    assert {e["data"]["type"] for e in receiver.envelopes()} == {"application/json"}


def test_who_did_not_say_so_may_not_name_an_instance(plugins, webhook):
    daemon, receiver = webhook(source=LINES + "\nsilent = yes", instances=("sales", "support"))
    assert post(daemon, "support 1@lid -") == 404
    for path in "sales", "support":
        status, _, answer = daemon.request("POST", f"/in/lines/{path}", "support 1@lid -")
        assert status == 400 and b"a line is refused" in answer
    assert not receiver.arrivals
