# SPDX-License-Identifier: Apache-2.0
"""Files of sink-file that rotate while the daemon is killed."""
import gzip
import json
import pathlib
import threading

import pytest

from rig import message, number_of, wait_for, whole_lines


def numbers_in(folder):
    """Of every whole line, in the file and in what was rotated, compressed or not; a .gz must be whole."""
    found = set()
    for path in pathlib.Path(folder).glob("out.ndjson*"):
        if path.name.endswith(".part"):
            continue
        try:
            lines = gzip.open(path, "rt").read().splitlines() if path.suffix == ".gz" else whole_lines(path)
        except FileNotFoundError:  # compressed meanwhile
            continue
        found |= {number_of(json.loads(line)) for line in lines}
    return found


@pytest.mark.threads
def test_a_daemon_killed_while_files_rotate_loses_no_event(make_daemon, folder):
    out = pathlib.Path(folder) / "archive"
    out.mkdir()
    daemon = make_daemon({"out": {"plugin": "file", "path": f"{out}/out.ndjson", "max_size": "4k", "compress": "yes",
                                  "fsync": "always"}})
    accepted = set()
    for round in range(5):
        stop = threading.Event()

        def post():
            for number in range(round * 10000, round * 10000 + 9999):
                if stop.is_set():
                    return
                try:
                    daemon.accept(message(number))
                except (OSError, AssertionError, ValueError):
                    return
                accepted.add(number)
        poster = threading.Thread(target=post)
        poster.start()
        seen = len(list(out.glob("*.gz")))
        wait_for(lambda: len(list(out.glob("*.gz"))) >= seen + 5, 30, "files are rotated")
        daemon.kill()
        stop.set()
        poster.join()
        assert all(gzip.open(path).read() for path in out.glob("*.gz")), "a whole .gz"
        daemon.start()
    wait_for(lambda: accepted <= numbers_in(out), 30, "every event is in a file")
    daemon.accept(message(99999))
    wait_for(lambda: not list(out.glob("*.part")), 30, "nothing is left half")
