# SPDX-License-Identifier: Apache-2.0
"""sink-file on a disk that gets full."""
import json
import subprocess

import pytest

from rig import message, number_of, wait_for

DISK_BYTES = 256 * 1024


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder],
                      check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def numbers(path):
    """Of whole lines; one that is not whole fails."""
    return [number_of(json.loads(line)) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("fsync", ["always", "interval"])
def test_lines_keep_their_order_over_a_full_disk(make_daemon, disk, fsync):
    ballast, lines = disk / "ballast", disk / "events.ndjson"
    daemon = make_daemon({"out": {"plugin": "file", "path": lines, "fsync": fsync, "probe_interval": "50ms",
                                  "retry": "50ms, 50ms, 50ms", "failures_to_open": 3}})
    for number in range(20):
        daemon.accept(message(number, chat=number % 5))
    wait_for(lambda: lines.exists() and len(numbers(lines)) == 20, what="the first lines")
    with open(ballast, "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(b"x" * 4096)
    for number in range(20, 220):
        daemon.accept(message(number, chat=number % 5, text="y" * 300))
    wait_for(lambda: "no space left on device" in daemon.log_text(), what="the disk is full")
    wait_for(lambda: daemon.sink("out")["circuit"] != "closed", what="the sink is held")
    assert daemon.status()["dead"].get("out", 0) == 0
    ballast.unlink()
    wait_for(lambda: daemon.sink("out")["lag"] == 0 and daemon.sink("out")["retrying"] == 0, 30, "all are written")
    assert numbers(lines) == list(range(220))
