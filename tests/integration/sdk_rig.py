# SPDX-License-Identifier: Apache-2.0
"""What is installed, for tests that build plugins as strangers do. Its fixtures are known to every test."""
import os
import pathlib
import subprocess

import pytest

from rig import BUILD, PLUGINS, PROGRAM, SLOW

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
