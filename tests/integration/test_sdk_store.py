# SPDX-License-Identifier: Apache-2.0
"""Stores of strangers: the template, on LMDB, and what hookswitch/kv.h makes of a backend."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from rig import BUILD, PLUGINS, message, wait_for
from sdk_rig import SANITIZED, SOURCE, make, new
from test_migrate import counts, migrate

pytestmark = pytest.mark.skipif(subprocess.run(["pkg-config", "--exists", "lmdb"]).returncode != 0,
                                reason="there is no LMDB")


@pytest.mark.skipif(SANITIZED, reason="the library is built with sanitizers")
def test_a_new_store_is_built_tested_and_installed(sdk, installed):
    folder, environment = sdk
    assert new(folder, "store-foo", installed).returncode == 0
    out = make(folder, "store-foo", environment, "check")
    plan = int(re.search(r"^1\.\.(\d+)$", out, re.MULTILINE)[1])
    assert "ok - it is loaded" in out and out.count("\nok ") == plan + 1 and plan >= 44, out
    assert "# SKIP" not in out, out
    make(folder, "store-foo", environment, "install", f"plugindir={folder}/plugins")
    assert (folder / "plugins/store-foo.so").exists()
    symbols = subprocess.run(["nm", "-D", "--defined-only", folder / "plugins/store-foo.so"], capture_output=True,
                             text=True, check=True).stdout
    assert re.findall(r" ([^ _]\w*)$", symbols, re.MULTILINE) == ["hsw_plugin"], "it exports nothing else"


def build(folder, file=None, old=None, changed=None):
    """The store foo from the template and the library's sources, changed in one place; its path."""
    assert new(folder, "store-foo").returncode == 0
    code = folder / "store-foo"
    shutil.copytree(SOURCE / "sdk/kv", code / "kv")
    if file:
        pattern = r"\s+".join(re.escape(word) for word in old.split())
        text, n = re.subn(pattern, lambda _: changed, (code / file).read_text())
        assert n == 1
        (code / file).write_text(text)
    done = subprocess.run(["cc", "-std=gnu17", "-O1", "-fPIC", "-fvisibility=hidden", "-shared", "-D_GNU_SOURCE",
                           f"-I{SOURCE}/sdk", "-o", "store-foo.so", "foo.c", *code.glob("kv/*.c"), "-llmdb"],
                          cwd=code, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return code / "store-foo.so"


def harness(plugin, *options):
    return subprocess.run([BUILD / "hookswitch-plugin-test", *options, plugin, "path=%d/journal", "size=256m"],
                          capture_output=True, text=True, timeout=300)


# What a store must not do: the file, what is changed in it and to what, and the test that finds it.
BREACHES = {
    "a cursor goes back": ("kv/commit.c", "if (w->seq <= d->staged)", "if (w->seq < 0)", "a_cursor_never_goes_back"),
    "half a batch is kept": ("kv/commit.c", "if (rc == HSW_OK) rc = kv_write(s, &b.changes, b.is_new, err);",
                             "int done = kv_write(s, &b.changes, b.is_new, err); rc = rc != HSW_OK ? rc : done;",
                             "records_of_a_batch_that_fails_are_not_kept"),
    "a memo is a string": ("kv/records.c", "l->memo_fn(l->arg, at_ms, text)",
                           "l->memo_fn(l->arg, at_ms, (struct hsw_str){ text.s, __builtin_strlen(text.s) })",
                           "records_and_memos_hold_any_bytes"),
    "a retry outlives its death": ("kv/commit.c", "kv_delete_exception(l, KV_RETRY, w->destination, w->seq);",
                                   "if (w->kind != HSW_WRITE_DEAD) "
                                   "kv_delete_exception(l, KV_RETRY, w->destination, w->seq);",
                                   "a_dead_letter_takes_the_place_of_its_retry"),
    "named events are pruned": ("kv/prune.c", "named->seqs[named->n++] = key->seq;", "(void)key;",
                                "events_that_an_exception_names_are_kept_until_it_ends"),
    "nothing is deleted": ("foo.c", "int code = mdb_del(txn, dbi, &key, NULL);", "int code = MDB_NOTFOUND;",
                           "only_old_and_settled_events_are_deleted"),
    "a scan begins one pair later": ("foo.c", "while (code == MDB_SUCCESS &&",
                                     "if (code == MDB_SUCCESS) code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);"
                                     "while (code == MDB_SUCCESS &&", "every_member_of_an_event_comes_back"),
    "one commit in fifty is lost": ("foo.c", "code = mdb_txn_commit(txn); /* frees it in any case */",
                                        "{ static int n; if (++n % 50) code = mdb_txn_commit(txn); "
                                        "else mdb_txn_abort(txn); }", "room_in_use_falls_with_what_is_deleted"),
    "room is not told": ("foo.c", "st.ms_psize);", "0);", "room_in_use_falls_with_what_is_deleted"),
}


@pytest.mark.skipif(SANITIZED, reason="the harness would end with the sanitizer's status")
@pytest.mark.parametrize("breach", BREACHES)
def test_the_harness_finds_breaches_of_stores(sdk, breach):
    *change, found_by = BREACHES[breach]
    done = harness(build(sdk[0], *change))
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(rf"^not ok \d+ - {found_by}", done.stdout, re.MULTILINE), done.stdout + done.stderr


# What a store may do: the file, what is changed in it and to what.
ALLOWED = {
    "it stops on the way": ("kv/prune.c", "*n = p.n; s->pruned_upto",
                            "*n = looked - s->pruned_upto > 800 ? SIZE_MAX : p.n; s->pruned_upto"),
    "it compresses": ("foo.c", "return (int64_t)((st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) *"
                      " st.ms_psize);", """
	int64_t n = 0;
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value;
	mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	mdb_cursor_open(txn, s->dbi, &cursor);
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
		const char *bytes = value.mv_data;
		for (size_t i = 1; i < value.mv_size; i++)
			n += bytes[i] != bytes[i - 1];
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return n;"""),
}


@pytest.mark.skipif(SANITIZED, reason="the harness would end with the sanitizer's status")
@pytest.mark.parametrize("way", ALLOWED)
def test_the_harness_passes_stores_that_do_what_they_may(sdk, way):
    done = harness(build(sdk[0], *ALLOWED[way]))
    assert done.returncode == 0 and "# SKIP" not in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(SANITIZED, reason="the harness would end with the sanitizer's status")
def test_a_percent_sign_of_an_option_stays(sdk):
    plugin = build(sdk[0], "foo.c", "s->fd = open(path,",
                   'const char *at = __builtin_strstr(path, "/a%40%"); if (at == NULL || at[6] != 0) return EINVAL;'
                   ' s->fd = open(path,')
    done = harness(plugin, "-o", "path=%d/a%40%")
    assert done.returncode == 0, done.stdout + done.stderr


LOSING = ("foo.c", "s->fd = open(path,", "unlink(path); s->fd = open(path,")


@pytest.mark.skipif(SANITIZED, reason="the harness would end with the sanitizer's status")
def test_a_store_that_loses_what_it_has_is_told_so(sdk):
    """One that has nothing when it is opened again, and what its author sees who leaves out --volatile."""
    done = harness(build(sdk[0], *LOSING))
    assert done.returncode == 1 and "every_member_of_an_event_comes_back" in done.stdout
    assert re.search(r"read: event 1 was committed and is not there .* tested with --volatile", done.stderr), done.stderr


@pytest.mark.skipif(SANITIZED, reason="the harness would end with the sanitizer's status")
def test_a_store_that_loses_what_it_has_can_be_tested_as_one(sdk):
    done = harness(build(sdk[0], *LOSING), "--volatile")
    assert done.returncode == 0 and done.stdout.count("# SKIP") == 1, done.stdout + done.stderr


# ---- a daemon with it ----


def use_store(daemon, folder, options):
    """Has the daemon take foo.so, which was built in the folder, as its store."""
    shutil.copy(folder / "store-foo/store-foo.so", folder / "plugins/store-foo.so")
    text = daemon.ini.read_text().replace(str(PLUGINS), f"{folder}/plugins")
    section = re.search(r"\[store\]\n(?:[^\[\n].*\n|\n)*", text)[0]
    daemon.ini.write_text(text.replace(section, "\n".join(["[store]", "plugin = foo", *options]) + "\n\n"))
    return daemon


@pytest.fixture
def daemon_on_it(sdk, make_daemon):
    folder, _ = sdk

    def start(sinks, *options):
        if not (folder / "store-foo").exists():
            build(folder)
        daemon = make_daemon(sinks, start=False)
        return use_store(daemon, folder, [f"path = {folder}/journal.mdb", *options]).start()
    return start


def test_retries_and_dead_letters_are_there_after_a_restart_and_a_kill(sdk, daemon_on_it, make_receiver):
    bad, late = make_receiver(lambda a, c: 500), make_receiver(lambda a, c: 503)
    good = make_receiver()
    daemon = daemon_on_it({"bad": {"plugin": "webhook", "url": bad.url, "retry": "never"},
                           "late": {"plugin": "webhook", "url": late.url, "retry": "1s, 1s, 1s, 60s"},
                           "good": {"plugin": "webhook", "url": good.url}})
    event_id = daemon.accept(message(1))["ids"][0]
    good.wait(1)
    wait_for(lambda: daemon.status()["dead"].get("bad") == 1, what="the dead letter")
    wait_for(lambda: daemon.sink("late")["retrying"] == 1, what="the retry")
    daemon.stop()
    daemon.start()
    assert daemon.status()["dead"] == {"bad": 1}
    row = json.loads(daemon.command("dead", "list", "--json").stdout)
    assert row["id"] == event_id and row["sink"] == "bad" and row["attempts"] == 1
    for number in range(2, 30):
        daemon.accept(message(number))
    daemon.kill()
    daemon.start()
    wait_for(lambda: set(good.numbers()) == set(range(1, 30)), what="all events, some of them twice, perhaps")
    for receiver in (bad, late):
        receiver.behave = lambda a, c: 200
    assert int(daemon.command("dead", "replay", "--sink", "bad", "--all").stdout.split()[1]) >= 1
    wait_for(lambda: set(bad.numbers()) == set(late.numbers()) == set(range(1, 30)), 60, "all have all")
    wait_for(lambda: not daemon.status()["dead"] and daemon.sink("late")["retrying"] == 0, 60, "nothing is left")
    daemon.stop()


def test_a_full_store_refuses_events_and_goes_on_when_it_is_larger(daemon_on_it, make_receiver):
    receiver = make_receiver()
    daemon = daemon_on_it({"out": {"plugin": "webhook", "url": receiver.url}}, "size = 1m")
    statuses = []
    for number in range(200):
        statuses.append(daemon.post(message(number, text=f"n={number} " + "x" * 20000))[0])
        if statuses[-1] != 202:
            break
    accepted = statuses.count(202)
    assert 10 < accepted < 100 and statuses[-1] in (503, 507), statuses[-3:]
    assert "the journal has taken all of `size`" in daemon.log_text()
    receiver.wait(accepted)
    wait_for(lambda: daemon.sink("out")["lag"] == 0, what="progress is recorded in spite of it")
    daemon.stop()
    daemon.ini.write_text(daemon.ini.read_text().replace("size = 1m", "size = 64m"))
    daemon.start()
    daemon.accept(message(1000))
    receiver.wait(accepted + 1)
    assert len(receiver.arrivals) == accepted + 1


def test_a_write_that_fails_and_is_done_is_neither_lost_nor_doubled(sdk, daemon_on_it, make_receiver):
    folder, _ = sdk
    build(folder, "foo.c", 'return code == MDB_SUCCESS ? HSW_OK : fail(err, "cannot write", code); } static int store_scan',
          f'if (code == MDB_SUCCESS && access("{folder}/lost", F_OK) == 0) code = EIO;'
          'return code == MDB_SUCCESS ? HSW_OK : fail(err, "cannot write", code); } static int store_scan')
    receiver = make_receiver()
    daemon = daemon_on_it({"out": {"plugin": "webhook", "url": receiver.url}})
    daemon.accept(message(1))
    receiver.wait(1)
    (folder / "lost").touch()
    assert daemon.post(message(2))[0] in (500, 503)
    (folder / "lost").unlink()
    assert daemon.accept(message(2))["duplicates"] == 1
    receiver.wait(2)  # though nothing else comes
    daemon.accept(message(3))
    receiver.wait(3)
    wait_for(lambda: daemon.sink("out")["lag"] == 0, what="all are settled")
    assert receiver.numbers() == [1, 2, 3]


def test_a_file_of_another_kind_and_one_that_is_in_use_are_refused(sdk, daemon_on_it):
    folder, _ = sdk
    daemon = daemon_on_it({})
    (folder / "text").write_text("not a database\n" * 1000)
    for path, text in (("journal.mdb", "another process uses the file"), ("text", f"{folder}/text: MDB_INVALID"),
                       ("none/journal.mdb", "none/journal.mdb: No such file")):
        refused = migrate(f"foo:{folder}/{path}", f"sqlite:{folder}/new.db", "-d", f"{folder}/plugins", check=False)
        assert refused.returncode == 1 and text in refused.stderr, refused.stderr
    daemon.accept(message(1))


def test_a_journal_moves_to_it_and_back(sdk, webhook):
    broken = []
    daemon, receiver = webhook(lambda a, c: 500 if broken else 200, options={"retry": "60s"})
    daemon.accept(message(1))
    wait_for(lambda: daemon.sink("out")["delivered"] == 1)
    broken.append(True)
    daemon.accept(message(2))
    wait_for(lambda: daemon.sink("out")["retrying"] == 1, what="a retry")
    daemon.stop()
    folder, _ = sdk
    build(folder)
    shutil.copy(folder / "store-foo/store-foo.so", folder / "plugins/store-foo.so")
    plugins = ("-d", f"{folder}/plugins")
    there = counts(migrate(f"sqlite:{daemon.folder}/hookswitch.db", f"foo:{folder}/journal.mdb", *plugins).stdout)
    assert there["events"] == 2 and there["retries"] == 1, there
    back = counts(migrate(f"foo:{folder}/journal.mdb", f"sqlite:{folder}/back.db", *plugins).stdout)
    assert back == there
