# SPDX-License-Identifier: Apache-2.0
"""sink-file: who owns its files, when they are rotated, and what is kept of them."""
import datetime
import glob
import grp
import gzip
import json
import os
import pwd
import re
import time

import pytest

from rig import SLOW, message, number_of, wait_for, whole_lines
from sdk_rig import SOURCE

STAMP = re.compile(r"out\.ndjson\.\d{8}T\d{6}\.\d{3}Z(\.gz)?")
HOUR, DAY = 3600, 86400
FULL = 4096
FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


def sinks_in(folder, options_by_name):
    """Each sink with a folder of its own."""
    for name in options_by_name:
        (folder / name).mkdir()
    return {name: {"plugin": "file", "path": f"{folder}/{name}/out.ndjson", **options}
            for name, options in options_by_name.items()}


def rotated(folder):
    """The oldest first, but for those that are being compressed."""
    return sorted(path for path in folder.glob("out.ndjson.*") if STAMP.fullmatch(path.name))


def numbers(path):
    lines = gzip.open(path, "rt").read().splitlines() if path.suffix == ".gz" else whole_lines(path)
    return [number_of(json.loads(line)) for line in lines]


def all_numbers(folder):
    return [n for path in [*rotated(folder), folder / "out.ndjson"] for n in numbers(path)]


def settled(daemon):
    wait_for(lambda: all(s["lag"] == 0 and s["inFlight"] == 0 for s in daemon.status()["sinks"]), what="all is written")


# ---- owners ----

def test_files_and_folders_have_their_mode_and_the_umask_is_taken_off(make_daemon, tmp_path):
    modes = {"0600": (0o600, 0o700), "0640": (0o640, 0o750), "0644": (0o640, 0o750), "0666": (0o640, 0o750)}
    sinks = {f"m{mode}": {"plugin": "file", "path": f"{tmp_path}/{mode}-%{{instance}}/out.ndjson", "mode": mode,
                          "max_size": "1", "compress": "yes"} for mode in modes}
    sinks["default"] = {"plugin": "file", "path": f"{tmp_path}/default-%{{instance}}/out.ndjson", "max_size": "1"}
    daemon = make_daemon(sinks, start=False)
    daemon.start(preexec=lambda: os.umask(0o027))
    for number in 1, 2:
        daemon.accept(message(number))
        settled(daemon)
    for mode, (of_file, of_folder) in {**modes, "default": (0o640, 0o750)}.items():
        folder = tmp_path / f"{mode}-sales"
        suffix = "" if mode == "default" else ".gz"
        aside = wait_for(lambda: (found := rotated(folder)) and found[0].name.endswith("Z" + suffix) and found[0],
                         what=f"a rotated file of {mode}")
        assert numbers(aside) == [1] and numbers(folder / "out.ndjson") == [2]
        assert folder.stat().st_mode & 0o777 == of_folder, mode
        assert [path.stat().st_mode & 0o7777 for path in (aside, folder / "out.ndjson")] == [of_file] * 2, mode


def test_files_belong_to_whom_they_shall(make_daemon, tmp_path):
    """As root to others, by name and number; else to ourselves, which needs no right."""
    own_user, own_group = pwd.getpwuid(os.geteuid()), grp.getgrgid(os.getegid())
    owners = {"own": (own_user.pw_name, own_group.gr_name, own_user.pw_uid, own_group.gr_gid),
              "own-number": (own_user.pw_uid, own_group.gr_gid, own_user.pw_uid, own_group.gr_gid)}
    if os.geteuid() == 0:
        user, group = pwd.getpwnam("nobody"), grp.getgrnam("daemon")
        owners["names"] = ("nobody", "daemon", user.pw_uid, group.gr_gid)
        owners["numbers"] = ("12345", "23456", 12345, 23456)
    daemon = make_daemon({name: {"plugin": "file", "path": f"{tmp_path}/{name}-%{{instance}}/out.ndjson", "user": user,
                                 "group": group, "max_size": "1", "compress": "yes"}
                          for name, (user, group, _, _) in owners.items()})
    for number in 1, 2:
        daemon.accept(message(number))
        settled(daemon)
    for name, (_, _, uid, gid) in owners.items():
        folder = tmp_path / f"{name}-sales"
        aside = wait_for(lambda: next(iter(folder.glob("*Z.gz")), None), what=f"a rotated file of {name}")
        assert numbers(aside) == [1]
        for path in folder, aside, folder / "out.ndjson":
            assert (path.stat().st_uid, path.stat().st_gid) == (uid, gid), path


# ---- rotation ----

def age(path, seconds):
    at = time.time() - seconds
    os.utime(path, (at, at))


def test_full_files_are_rotated_and_as_many_are_kept_as_shall_be(make_daemon, tmp_path):
    daemon = make_daemon(sinks_in(tmp_path, {
        "all": {"max_size": FULL}, "gz": {"max_size": FULL, "compress": "yes"}, "off": {},
        "three": {"max_size": FULL, "keep": 3}, "gz-three": {"max_size": FULL, "keep": 3, "compress": "yes"}}))
    count = 120
    for number in range(count):
        daemon.accept(message(number, chat=number % 7, text="x" * 100))
    settled(daemon)
    wait_for(lambda: all(re.search(r"Z\.gz$", p.name) for n in ("gz", "gz-three") for p in tmp_path.glob(f"{n}/*.*json.*")),
             what="all are compressed")
    wait_for(lambda: all(len(list((tmp_path / n).glob("*Z*"))) == 3 for n in ("three", "gz-three")), what="three are kept")
    for name in "all", "gz", "off":
        assert all_numbers(tmp_path / name) == list(range(count)), name
    for name in "three", "gz-three":
        kept = all_numbers(tmp_path / name)
        assert kept == list(range(kept[0], count)) and 0 < kept[0], name
    assert len(rotated(tmp_path / "all")) > 5 and rotated(tmp_path / "off") == []
    for path in rotated(tmp_path / "all"):
        size, last = path.stat().st_size, len(path.read_bytes().splitlines(keepends=True)[-1])
        assert size - last < FULL <= size, path


def test_files_of_an_hour_or_day_that_is_over_are_rotated_and_old_ones_deleted(make_daemon, tmp_path):
    """By the times of files that another run left."""
    sinks = sinks_in(tmp_path, {
        "hourly": {"rotate": "hourly"}, "daily": {"rotate": "daily"}, "off": {}, "local": {"rotate": "daily", "utc": "no"},
        "aged": {"rotate": "hourly", "keep_age": "1d"}, "aged-gz": {"rotate": "hourly", "keep_age": "1d", "compress": "yes"}})
    before = json.dumps({"data": {"id": "TEST00000000"}}) + "\n"
    for name in sinks:
        path = tmp_path / name / "out.ndjson"
        path.write_text(before)
        age(path, 2 * HOUR if "hourly" in sinks[name].get("rotate", "") else 2 * DAY)
    strangers = ["out.ndjson.bak", "out.ndjson.20260101", "out.ndjson.20260101T000000.000Z.old", "other.20260101T000000.000Z"]
    for name in "aged", "aged-gz":
        for other in strangers + ["out.ndjson.20260101T000000.000Z", "out.ndjson.20260101T000000.001Z.gz"]:
            path = tmp_path / name / other
            path.write_bytes(gzip.compress(before.encode()) if other.endswith(".gz") else before.encode())
            age(path, DAY + HOUR)
        young = tmp_path / name / "out.ndjson.20260102T000000.000Z"
        young.write_text(before)
        age(young, DAY - HOUR)
    daemon = make_daemon(sinks)
    daemon.accept(message(1))
    settled(daemon)
    for name in "hourly", "daily", "local":
        assert [numbers(path) for path in rotated(tmp_path / name)] == [[0]], name
        assert numbers(tmp_path / name / "out.ndjson") == [1]
    assert numbers(tmp_path / "off" / "out.ndjson") == [0, 1] and rotated(tmp_path / "off") == []
    for name, suffix in (("aged", ""), ("aged-gz", ".gz")):
        folder = tmp_path / name
        kept = wait_for(lambda: (found := sorted(p.name for p in folder.iterdir() if p.name not in strangers)) and
                        len(found) == 3 and all(n.endswith("Z" + suffix) for n in found[1:]) and found, what=name)
        assert kept[:2] == ["out.ndjson", f"out.ndjson.20260102T000000.000Z{suffix}"]
        assert all_numbers(folder) == [0, 0, 1] and {p.name for p in folder.iterdir()} >= set(strangers)
        assert all(DAY > time.time() - p.stat().st_mtime > HOUR for p in rotated(folder)), "a copy is as old as the file"


@pytest.mark.skipif(FAKETIME is None, reason="there is no libfaketime")
@pytest.mark.skipif(SLOW > 1, reason="sanitizers do not go with what is preloaded")
def test_a_new_hour_or_day_begins_a_new_file_while_the_daemon_runs(make_daemon, tmp_path, monkeypatch):
    times = ["2026-03-10T21:30Z", "2026-03-10T21:59Z", "2026-03-10T22:00Z", "2026-03-11T00:10Z", "2026-03-11T00:20Z",
             "2026-03-11T02:50Z", "2026-03-11T03:05Z", "2026-03-18T03:05Z"]
    groups = {  # the events that share a file, by their places in times
        "hourly": [[0, 1], [2], [3, 4], [5], [6], [7]], "daily": [[0, 1, 2], [3, 4, 5, 6], [7]],
        "local": [[0, 1, 2, 3, 4, 5], [6], [7]], "off": [[0, 1, 2, 3, 4, 5, 6, 7]]}
    clock = tmp_path / "clock"

    def set_clock(text):
        fresh = tmp_path / "clock.new"
        fresh.write_text(f"{datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp():.0f}\n")
        fresh.rename(clock)
    set_clock(times[0])
    for name, value in {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_FMT": "%s",
                        "FAKETIME_NO_CACHE": 1, "FAKETIME_DONT_FAKE_MONOTONIC": 1,
                        "TZ": "<-03>3"}.items():  # midnight is at 03:00 UTC
        monkeypatch.setenv(name, str(value))
    sinks = sinks_in(tmp_path, {"hourly": {"rotate": "hourly"}, "daily": {"rotate": "daily"},
                                "local": {"rotate": "daily", "utc": "no"}, "off": {}})
    for name, utc in (("dated", "yes"), ("dated-local", "no")):
        sinks[name] = {"plugin": "file", "path": f"{tmp_path}/{name}/%F-%H.ndjson", "utc": utc}
        (tmp_path / name).mkdir()
    daemon = make_daemon(sinks)
    for number, text in enumerate(times):
        set_clock(text)
        daemon.accept(message(number))
        settled(daemon)
    for name, files in groups.items():
        folder = tmp_path / name
        assert [numbers(path) for path in [*rotated(folder), folder / "out.ndjson"]] == files, name
    assert [path.name[-21:] for path in rotated(tmp_path / "daily")] == [
        ".20260311T001000.000Z", ".20260318T030500.000Z"]
    names = {"dated": ["10-21", "10-22", "11-00", "11-02", "11-03", "18-03"],
             "dated-local": ["10-18", "10-19", "10-21", "10-23", "11-00", "18-00"]}
    for name, days in names.items():
        made = {path.name: numbers(path) for path in (tmp_path / name).iterdir()}
        assert made == {f"2026-03-{day}.ndjson": files for day, files in zip(days, groups["hourly"])}, name


# ---- rotation by others ----

@pytest.mark.parametrize("sample", ["contrib/logrotate/hookswitch", "contrib/debian/hookswitch.logrotate"])
def test_logrotate_takes_every_file_once_but_those_of_a_day(tmp_path, sample):
    rotated_names = ["archive", "sales2", "sales22", "sales-1", "sales-12", "sales-123", "5511912345678", "7", "42",
                     "shop1-02", "branch10-01", "5511-22", "1-02", "12-03"]
    for name in rotated_names + ["2026-11-21", "sales-2026-11-21"]:
        (tmp_path / f"{name}.ndjson").touch()
    text = re.sub("(?m)^#.*", "", (SOURCE / sample).read_text())
    patterns = re.findall(r"/var/log/hookswitch/(\S*\.ndjson)", text)
    assert sorted(p.stem for pattern in patterns for p in tmp_path.glob(pattern)) == sorted(rotated_names)
