# SPDX-License-Identifier: Apache-2.0
"""Plugins of strangers: made by `plugins new`, built out of the tree with the public headers, loaded."""
import json
import os
import pathlib
import socket
import subprocess

import pytest

from rig import BUILD, PLUGINS, PROGRAM, SLOW, message, wait_for

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SANITIZED = SLOW > 1


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The root of what `make install` puts there, and its prefix below that."""
    root = tmp_path_factory.mktemp("installed")
    environment = {**os.environ}
    environment.pop("MAKEFLAGS", None)
    done = subprocess.run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={root}"], env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pc, = root.rglob("hookswitch.pc")
    for file in pc.parent.glob("*.pc"):
        # Below another root a prefix is not where it says.
        lines = [f"{line.partition('=')[0]}={root}{line.partition('=')[2]}"
                 if line.partition("=")[2].startswith("/") else line for line in file.read_text().splitlines()]
        file.write_text("\n".join(lines) + "\n")
    return root, pc.parent


@pytest.fixture
def sdk(folder, installed):
    """A folder, and an environment in which nothing but what is installed is found."""
    root, pc = installed
    folder = pathlib.Path(folder)
    program, = root.rglob("bin/hookswitch")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(pc), "HOOKSWITCH": str(program),
                   "HOOKSWITCH_PLUGIN_TEST": str(program.parent / "hookswitch-plugin-test")}
    environment.pop("MAKEFLAGS", None)
    # The daemon is to find our plugins beside those of the test, and tests are not to meet each other's.
    plugins = folder / "plugins"
    plugins.mkdir()
    for plugin in PLUGINS.glob("*.so"):
        (plugins / plugin.name).symlink_to(plugin)
    return folder, environment


def new(folder, name, installed=None):
    templates = next(installed[0].rglob("share/hookswitch/templates")) if installed else SOURCE / "sdk/examples"
    return subprocess.run([PROGRAM, "plugins", "new", "-t", templates, name], cwd=folder,
                          capture_output=True, text=True)


def make(folder, name, environment, *targets):
    # -Werror: strangers begin with code that has no warnings.
    done = subprocess.run(["make", "-C", folder / name, *targets, "CFLAGS=-O1 -Wall -Wextra -Werror"],
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(SANITIZED, reason="the library of the events is built with sanitizers")
def test_a_new_source_is_built_tested_and_installed(sdk):
    folder, environment = sdk
    assert new(folder, "source-foo").returncode == 0
    assert make(folder, "source-foo", environment, "check").count("\nok - ") == 5
    make(folder, "source-foo", environment, "install", f"plugindir={folder}/plugins")
    assert (folder / "plugins/source-foo.so").exists()


def test_a_new_sink_gets_events_of_the_daemon(sdk, make_daemon):
    folder, environment = sdk
    assert new(folder, "sink-foo-bar").returncode == 0
    assert "ok - it is loaded" in make(folder, "sink-foo-bar", environment, "check")
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
    assert "hookswitch_sink_foo_bar_datagrams_total" in daemon.request("GET", "/metrics")[2].decode()


def test_a_folder_that_is_there_and_a_bad_name_are_refused(sdk):
    folder, _ = sdk
    assert new(folder, "sink-foo").returncode == 0
    again = new(folder, "sink-foo")
    assert again.returncode == 1 and "File exists" in again.stderr
    for name in ("sink-", "sink-Foo", "sink-a/b", "foo", "queue-foo", "sink-../x"):
        assert new(folder, name).returncode == 2, name


BREACHES = {
    "none": None,
    "done twice": ("s->host->done(delivery, HSW_DELIVERED, NULL);",
                   "s->host->done(delivery, HSW_DELIVERED, NULL); s->host->done(delivery, HSW_DELIVERED, NULL);"),
    "it blocks": ("struct iovec json", "static int calls; if (calls++ < 40) usleep(15000); struct iovec json"),
    "another thread": ("static int\nsink_deliver(void *self", """#include <pthread.h>
static struct sink *at;
static void *elsewhere(void *delivery) { at->host->done(delivery, HSW_DELIVERED, NULL); return NULL; }
static int bad_deliver(void *self, struct hsw_delivery *delivery)
{
	pthread_t thread;
	at = self;
	return pthread_create(&thread, NULL, elsewhere, delivery) == 0 && pthread_join(thread, NULL) == 0 ? HSW_OK : HSW_EIO;
}
#define sink_deliver sink_deliver_not_used
static int sink_deliver(void *, struct hsw_delivery *) __attribute__((unused));
static int
sink_deliver(void *self"""),
    "a descriptor is watched on": ("*self = s;", "*self = s; s->host->watch_new(handle, s->fd, NULL, NULL);"),
    "another name": ('HSW_PLUGIN(HSW_SINK, "foo"', 'HSW_PLUGIN(HSW_SINK, "bar"'),
    "an option beyond the struct": ("offsetof(struct conf, path)", "sizeof(struct conf)"),
    "an option without help": ('.help = "the', '.help = "" + 0 * sizeof "the'),
}


@pytest.mark.skipif(SANITIZED, reason="the harness would end with the sanitizer's status")
@pytest.mark.parametrize("breach", BREACHES)
def test_the_harness_finds_breaches(sdk, breach):
    folder, environment = sdk
    assert new(folder, "sink-foo").returncode == 0
    code = folder / "sink-foo/foo.c"
    change = BREACHES[breach]
    if change:
        text = code.read_text()
        assert change[0] in text
        text = text.replace(*change)
        if "bad_deliver" in text:
            text = text.replace(".deliver = sink_deliver", ".deliver = bad_deliver")
        code.write_text(text)
    make(folder, "sink-foo", environment)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"{folder}/events.sock")
        done = subprocess.run(
            [BUILD / "hookswitch-plugin-test", folder / "sink-foo/sink-foo.so", f"path={folder}/events.sock"],
            capture_output=True, text=True, timeout=300)
    if change:
        assert done.returncode == 1 and "\nnot ok" in "\n" + done.stdout, done.stdout + done.stderr
    else:
        assert done.returncode == 0 and "1..9" in done.stdout, done.stdout + done.stderr


def test_our_own_plugins_pass_the_harness(folder):
    for plugin, options in {"sink-file": [f"path={folder}/x.ndjson"],
                            "sink-webhook": ["url=http://127.0.0.1:9/"], "source-evolution": []}.items():
        done = subprocess.run([BUILD / "hookswitch-plugin-test", PLUGINS / f"{plugin}.so", *options],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
