# SPDX-License-Identifier: Apache-2.0
"""Plugins of strangers: made by `plugins new`, built out of the tree with the public headers, loaded."""
import json
import os
import pathlib
import socket
import subprocess

import pytest

from rig import BUILD, PLUGINS, PROGRAM, SLOW, message, wait_for
from sdk_rig import SANITIZED, make, new


@pytest.mark.skipif(SANITIZED, reason="the library of the events is built with sanitizers")
def test_a_new_source_is_built_tested_and_installed(sdk):
    folder, environment = sdk
    assert new(folder, "source-foo").returncode == 0
    out = make(folder, "source-foo", environment, "check")
    assert out.count("\nok - ") == 5 and out.count("\nok ") == 5 + 10, out
    make(folder, "source-foo", environment, "install", f"plugindir={folder}/plugins")
    assert (folder / "plugins/source-foo.so").exists()


def test_a_new_sink_gets_events_of_the_daemon(sdk, make_daemon):
    folder, environment = sdk
    assert new(folder, "sink-foo-bar").returncode == 0
    out = make(folder, "sink-foo-bar", environment, "check")
    assert "ok - it is loaded" in out and out.count("\nok ") == 2 + 11, out
    make(folder, "sink-foo-bar", environment, "install", f"plugindir={folder}/plugins")
    path = f"{folder}/events.sock"
    daemon = make_daemon({"out": {"plugin": "foo-bar", "path": path, "retry": "100ms, 100ms, 60s"}}, start=False)
    daemon.ini.write_text(daemon.ini.read_text().replace(str(PLUGINS), f"{folder}/plugins"))
    daemon.start()
    daemon.accept(message(1))
    wait_for(lambda: daemon.sink("out")["retrying"] == 1, what="nobody listens: it is tried again")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.settimeout(30 * SLOW)
        envelope = json.loads(receiver.recv(65536))
    assert envelope["event"] == "message.exchange" and envelope["instanceData"]["instance"] == "sales"
    wait_for(lambda: "hookswitch_sink_foo_bar_datagrams_total" in daemon.request("GET", "/metrics")[2].decode(),
             what="the sink's own metric")


def test_a_reload_tells_of_a_plugin_that_was_built_again(sdk, make_daemon):
    folder, environment = sdk
    assert new(folder, "sink-again").returncode == 0
    make(folder, "sink-again", environment, "install", f"plugindir={folder}/plugins")
    daemon = make_daemon({"out": {"plugin": "again", "path": f"{folder}/events.sock"}}, start=False)
    daemon.ini.write_text(daemon.ini.read_text().replace(str(PLUGINS), f"{folder}/plugins"))
    daemon.start()

    def reload():
        return subprocess.run([PROGRAM, "reload", "-c", daemon.ini], capture_output=True, text=True)
    same = reload()
    assert same.returncode == 0 and "replaced" not in same.stdout, same
    code = folder / "sink-again/again.c"
    code.write_text(code.read_text().replace("	const char *path;\n", "	const char *path, *more;\n").replace(
        "	{ .key = NULL },", '{ .key = "more", .type = HSW_OPT_STRING, .offset = offsetof(struct conf, more), .help = "x" },'
        "\n	{ .key = NULL },"))
    make(folder, "sink-again", environment, "install", f"plugindir={folder}/plugins")
    told = f"{folder}/plugins/sink-again.so was replaced: takes effect with a restart"
    again = reload()
    assert again.returncode == 0 and told in again.stdout and told in daemon.log_text(), again
    # The one that runs does not know what the new one takes.
    daemon.ini.write_text(daemon.ini.read_text().replace("plugin = again", "plugin = again\nmore = x"))
    refused = reload()
    assert refused.returncode == 1 and "more: unknown key" in refused.stderr and told in refused.stdout, refused
    daemon.stop()
    daemon.start()
    started = reload()
    assert started.returncode == 0 and "replaced" not in started.stdout, started


# What a source must not do, and a part of what the harness says of it.
SOURCE_BREACHES = {
    "none": (None, "", ""),
    "a leak": ("json_object_put(body);", "", "bytes in use became"),
    "no text": ('snprintf(err->text, sizeof(err->text), "body: too large an event, or no memory");', "(void)err;",
                "without a text"),
    "emit is not asked": ("int rc = translate_message(s, body, emit, out);",
                          "int rc = translate_message(s, body, emit, out); rc = HSW_OK;", "and translate returned 0"),
    "it differs": ("canon_party_add(&m.chat, cj_literal(body, \"from\"));",
                   "static int n; char a[30]; snprintf(a, sizeof(a), \"%d\", 100000 + n++);\n"
                   "\tcanon_party_add(&m.chat, text_of(a));", "and then"),
    "it reads on": ("if (body == NULL)", "if (*(const volatile char *)(request->body.s + request->body.len) == 1 || "
                    "body == NULL)", ""),
    "it sleeps in translate": ("struct source *s = self;\n	struct json_object *body",
                               "int usleep(unsigned); static int calls; if (calls++ % 10 == 0) usleep(15000);\n"
                               "	struct source *s = self;\n	struct json_object *body", "translate took "),
    "no instance is named": ("static const struct hsw_source_ops ops = {",
                             "static int named(void *self) { (void)self; return 1; }\n"
                             "static const struct hsw_source_ops ops = { .names_instances = named,",
                             "event 1 does not name its instance"),
    "it says too much": ("return HSW_EINVAL; /*", "{ snprintf(err->text, sizeof(err->text), \"a\\nb\"); "
                         "return HSW_EINVAL; } /*", "more than one line"),
}


@pytest.mark.skipif(SANITIZED, reason="the library of the events is built with sanitizers")
@pytest.mark.parametrize("breach", SOURCE_BREACHES)
def test_the_harness_finds_breaches_of_sources(sdk, breach):
    folder, environment = sdk
    assert new(folder, "source-foo").returncode == 0
    code = folder / "source-foo/foo.c"
    old, changed, said = SOURCE_BREACHES[breach]
    if old:
        assert code.read_text().count(old) == 1
        code.write_text(code.read_text().replace(old, changed))
    make(folder, "source-foo", environment)
    (folder / "message.json").write_text(
        '{"id": "ABC", "from": "5511912345678", "name": "Ana", "text": "Hello", "time": 1763771103}')
    done = subprocess.run([environment["HOOKSWITCH_PLUGIN_TEST"], "--payload", folder / "message.json",
                           folder / "source-foo/source-foo.so"], capture_output=True, text=True, timeout=300)
    if old:
        assert done.returncode == 1 and "\nnot ok" in done.stdout and said in done.stderr, done.stdout + done.stderr
    else:
        assert done.returncode == 0 and done.stdout.count("\nok ") == 10, done.stdout + done.stderr


CHECK_TEST = r"""
#include <stdio.h>
#include <string.h>
#include <check.h>
#include <hookswitch/harness.h>
#include <hookswitch/harness_suite.h>

static struct fake_subject subject;

START_TEST(it_keeps_to_the_contract)
{
	fake_suite_run(&subject, (size_t)_i);
}
END_TEST

START_TEST(without_a_receiver_it_asks_for_another_attempt)
{
	struct hsw_error err;
	struct hsw_handle *h = fake_open_plugin(subject.plugin, subject.options, &err);
	const struct hsw_envelope *e = fake_envelope_text("{}");
	const struct fake_result *r = fake_wait(fake_deliver(h, e, 1));
	ck_assert_int_eq(r->outcome, HSW_RETRY);
	ck_assert_str_ne(r->text, "");
	fake_unref(e);
	fake_close(h);
}
END_TEST

int
main(void)
{
	struct hsw_error err;
	static const char *const options[] = { "path", "/nonexistent/x.sock", NULL };

	if (!fake_subject_load(&subject, "./sink-foo.so", &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	subject.options = options;
	Suite *suite = suite_create("foo");
	TCase *tcase = tcase_create("foo");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, it_keeps_to_the_contract, 0, (int)fake_suite_size(&subject));
	tcase_add_test(tcase, without_a_receiver_it_asks_for_another_attempt);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
"""


@pytest.mark.skipif(SANITIZED, reason="the library of the harness is built with sanitizers")
@pytest.mark.skipif(subprocess.run(["pkg-config", "--exists", "check"]).returncode != 0, reason="there is no Check")
def test_a_test_of_ones_own_links_the_harness(sdk):
    folder, environment = sdk
    assert new(folder, "sink-foo").returncode == 0
    make(folder, "sink-foo", environment)
    (folder / "sink-foo/test.c").write_text(CHECK_TEST)
    build = ("cc -std=gnu17 -Wall -Wextra -Werror $(pkg-config --cflags hookswitch-harness check) -o t test.c "
             "$(pkg-config --libs hookswitch-harness check) && ./t")
    done = subprocess.run(build, shell=True, cwd=folder / "sink-foo", env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "100%: Checks: 12," in done.stdout, done.stdout + done.stderr


def test_a_folder_that_is_there_and_a_bad_name_are_refused(sdk):
    folder, _ = sdk
    assert new(folder, "sink-foo").returncode == 0
    again = new(folder, "sink-foo")
    assert again.returncode == 1 and "File exists" in again.stderr
    taken = subprocess.run([PROGRAM, "plugins", "new", "-d", PLUGINS, "sink-file"], cwd=folder, capture_output=True,
                           text=True)
    assert taken.returncode == 1 and f"{PLUGINS}/sink-file.so has this name" in taken.stderr
    assert not (folder / "sink-file").exists()
    for name in ("sink-", "sink-Foo", "sink-a/b", "foo", "queue-foo", "sink-../x"):
        assert new(folder, name).returncode == 2, name
    digit = new(folder, "sink-1x")
    assert digit.returncode == 2 and "with a letter first" in digit.stderr
    nameless = subprocess.run([PROGRAM, "plugins", "new"], cwd=folder, capture_output=True, text=True)
    assert nameless.returncode == 2 and "Usage: hookswitch plugins" in nameless.stderr


# A sink that ends its deliveries later.
LATE = """static struct hsw_timer *timer;
static struct hsw_delivery *waiting;
static void
late(void *self)
{
	struct hsw_delivery *d = waiting;
	waiting = NULL;
	if (d != NULL)
		((struct sink *)self)->host->done(d, HSW_DELIVERED, NULL);
}
static int
late_deliver(void *self, struct hsw_delivery *delivery)
{
	waiting = delivery;
	((struct sink *)self)->host->timer_set(timer, 1);
	return HSW_OK;
}
"""


def late(cancel="waiting = NULL;", close="s->host->timer_free(timer);"):
    return [("*self = s;", "*self = s; timer = host->timer_new(handle, late, s);"),
            ("static int\nsink_open", LATE + "static int\nsink_open"),
            (".deliver = sink_deliver", ".deliver = late_deliver"),
            ("static int\nsink_deliver(", "static int __attribute__((unused))\nsink_deliver("),
            ("	(void)delivery;\n", f"	(void)delivery; {cancel}\n"), ("	close(s->fd);", f"	{close} close(s->fd);")]


# What the sink is changed in, and a part of what the harness says of it.
BREACHES = {
    "none": ([], ""),
    "it ends later": (late(), ""),
    "done twice": ([("s->host->done(delivery, HSW_DELIVERED, NULL);",
                     "s->host->done(delivery, HSW_DELIVERED, NULL); s->host->done(delivery, HSW_DELIVERED, NULL);")],
                   "done of a delivery that has ended"),
    "it blocks": ([("struct iovec json", "static int calls; if (calls++ < 40) usleep(15000); struct iovec json")], "deliver took "),
    "it blocks now and then": ([("struct iovec json", "static int calls; if (++calls % 20 == 0) usleep(15000); struct iovec json")],
                               "deliver took "),
    "it computes": ([("static int\nsink_deliver(", "#include <time.h>\nstatic int\nsink_deliver("),
                     ("struct iovec json", "static int calls; if (++calls % 20 == 0) "
                      "for (clock_t end = clock() + CLOCKS_PER_SEC / 40; clock() < end; ) ; struct iovec json")],
                    "deliver took "),
    "a timer's function blocks": (late() + [("struct hsw_delivery *d = waiting;",
                                             "static int calls; if (++calls % 10 == 0) usleep(15000); "
                                             "struct hsw_delivery *d = waiting;")], "a timer's function took "),
    "open blocks": ([("*self = s;", "usleep(20000); *self = s;")], "open took "),
    "cancel blocks": (late(cancel="waiting = NULL; usleep(20000);"), "cancel took "),
    "drain blocks": ([("static void\nsink_close", "static void slow_drain(void *self) { (void)self; usleep(25000); }\n"
                       "static void\nsink_close"), (".close = sink_close", ".close = sink_close, .drain = slow_drain")],
                     "drain took "),
    "close blocks": ([("	close(s->fd);", "	usleep(20000); close(s->fd);")], "close took "),
    "reopen aborts": ([("static void\nsink_close", "static void bad_reopen(void *self) { (void)self; abort(); }\n"
                        "static void\nsink_close"), (".close = sink_close", ".close = sink_close, .reopen = bad_reopen")],
                      "handles open and close again: killed by signal 6 (Aborted)"),
    "open exits": ([("*self = s;", "exit(0); *self = s;")], "the process ended before the test did, with status 0"),
    "deliver exits": ([("struct iovec json", "exit(0); struct iovec json")],
                      "a delivery ends once: the process ended before the test did, with status 0"),
    "close exits as what is skipped": ([("	close(s->fd);", "	_exit(77); close(s->fd);")],
                                       "the process ended before the test did, with status 77"),
    "a metric of other letters": ([('"foo_datagrams"', '"foo-datagrams"')], "count of `foo-datagrams`"),
    "another thread": ([("static int\nsink_deliver(", "static int __attribute__((unused))\nsink_deliver("),
                        (".deliver = sink_deliver", ".deliver = bad_deliver"),
                        ("static void\nsink_close", """#include <pthread.h>
static struct sink *at;
static void *elsewhere(void *delivery) { at->host->done(delivery, HSW_DELIVERED, NULL); return NULL; }
static int bad_deliver(void *self, struct hsw_delivery *delivery)
{
	pthread_t thread;
	at = self;
	return pthread_create(&thread, NULL, elsewhere, delivery) == 0 && pthread_join(thread, NULL) == 0 ? HSW_OK : HSW_EIO;
}
static void
sink_close""")], "done on a thread"),
    "a cancelled delivery is not forgotten": (late(cancel=""), "done of a delivery that has ended"),
    "a timer runs on": (late(close=""), "timers or watches are left"),
    "a descriptor is watched on": ([("*self = s;", "*self = s; s->host->watch_new(handle, s->fd, NULL, NULL);")], "timers or watches are left"),
    "a delivery's memory is lost": ([("struct iovec json", "*(volatile char *)malloc(24) = 1; struct iovec json")],
                                    "more bytes in use"),
    "a handle's memory is lost": ([("	free(s);\n}\n\nstatic const", "}\n\nstatic const")], "more bytes in use"),
    "a socket stays open": ([("	close(s->fd);\n", "")], "descriptors became"),
    "check loses memory": ([("struct sockaddr_un to;\n\n	if", "struct sockaddr_un to; "
                             "*(volatile char *)malloc(24) = 1;\n\n	if")], "more bytes in use"),
    "another name": ([('HSW_PLUGIN(HSW_SINK, "foo"', 'HSW_PLUGIN(HSW_SINK, "bar"')], "is the plugin sink-bar"),
    "an option beyond the struct": ([("offsetof(struct conf, path)", "sizeof(struct conf)")], "does not lie in the conf struct"),
    "an option without a name": ([
        ("	{ .key = NULL },", '{ .key = "", .type = HSW_OPT_STRING, .offset = offsetof(struct conf, other), .help = "x" }, { .key = NULL },'),
        ("	const char *path;\n", "	const char *path, *other;\n")], "a key is of a-z"),
    "an option without help": ([('.help = "the', '.help = "" + 0 * sizeof "the')], "has no help"),
}


@pytest.mark.skipif(SANITIZED, reason="the harness would end with the sanitizer's status")
@pytest.mark.parametrize("breach", BREACHES)
def test_the_harness_finds_breaches(sdk, breach):
    folder, environment = sdk
    assert new(folder, "sink-foo").returncode == 0
    code = folder / "sink-foo/foo.c"
    changes, said = BREACHES[breach]
    text = code.read_text()
    for old, changed in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, changed)
    code.write_text(text)
    make(folder, "sink-foo", environment)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"{folder}/events.sock")
        done = subprocess.run(
            [BUILD / "hookswitch-plugin-test", folder / "sink-foo/sink-foo.so", f"path={folder}/events.sock"],
            capture_output=True, text=True, timeout=300)
    if said:
        assert done.returncode == 1 and "\nnot ok" in "\n" + done.stdout, done.stdout + done.stderr
        assert said in done.stderr
    else:
        assert done.returncode == 0 and "1..11" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("kind, key", [
    ("sink", "timeout"), ("sink", "plugin"),
    pytest.param("store", "retention", marks=pytest.mark.skipif(
        SANITIZED or subprocess.run(["pkg-config", "--exists", "lmdb"]).returncode != 0,
        reason="the library is built with sanitizers, or there is no LMDB"))])
def test_an_option_of_the_daemons_own_name_is_told(sdk, kind, key):
    folder, environment = sdk
    name = f"{kind}-foo"
    assert new(folder, name).returncode == 0
    code = folder / name / "foo.c"
    code.write_text(code.read_text().replace('.key = "path"', f'.key = "{key}"'))
    make(folder, name, environment)
    told = f"its option {key} is the daemon's own"
    shown = subprocess.run([PROGRAM, "plugins", "-d", folder / name, name], capture_output=True, text=True)
    assert shown.returncode == 1 and told in shown.stderr, shown
    checked = subprocess.run(["make", "-C", folder / name, "check"], env=environment, capture_output=True, text=True)
    assert checked.returncode != 0 and told in checked.stderr, checked


def test_our_own_plugins_pass_the_harness(folder):
    for plugin, options in {"sink-file": [f"path={folder}/x.ndjson"],
                            "sink-webhook": ["url=http://127.0.0.1:9/"],
                            "sink-websocket": [], "source-evolution": []}.items():
        done = subprocess.run([BUILD / "hookswitch-plugin-test", PLUGINS / f"{plugin}.so", *options],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("options, text", [
    (["path=/nowhere", "paht=/nowhere"], "paht: the plugin has no such option"),
    ([], "path: the plugin needs this option"),
])
def test_the_harness_says_once_which_option_is_wrong(options, text):
    done = subprocess.run([BUILD / "hookswitch-plugin-test", PLUGINS / "sink-file.so", *options],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and text in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert "ok" not in done.stdout


def references(document):
    if isinstance(document, dict):
        yield from [document["$ref"]] if isinstance(document.get("$ref"), str) else []
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from references(part)


def test_what_the_installed_descriptions_refer_to_is_installed(installed):
    root, _ = installed
    for name in ("openapi.json", "asyncapi.json"):
        path, = root.rglob(f"share/hookswitch/{name}")
        files = {ref.partition("#")[0] for ref in references(json.loads(path.read_text()))} - {""}
        assert files or name == "openapi.json"
        for file in files:
            assert json.loads((path.parent / file).read_text())["$id"] == "urn:hookswitch:envelope:1"


def test_uninstalling_leaves_a_changed_configuration(folder):
    root = pathlib.Path(folder) / "root"
    environment = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"}

    def files(target):
        subprocess.run(["make", "-s", "-C", BUILD, target, f"DESTDIR={root}"], env=environment, check=True,
                       capture_output=True)
        return [path for path in root.rglob("*") if path.is_file()]
    assert len(files("install")) > 20
    ini, = root.rglob("etc/hookswitch/hookswitch.ini")
    ini.write_text("; mine\n")
    assert files("uninstall") == [ini] and ini.read_text() == "; mine\n"
