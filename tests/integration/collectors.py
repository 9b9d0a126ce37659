# SPDX-License-Identifier: Apache-2.0
"""The collectors of Debian, rsyslog and syslog-ng, in the foreground with a configuration of the test's."""
import os
import pathlib
import shutil
import subprocess

import pytest

from rig import wait_for, whole_lines

# Debian installs one of the two. Of the other one the package is unpacked: dpkg -x syslog-ng-core*.deb FOLDER
UNPACKED = pathlib.Path(os.environ.get("HOOKSWITCH_SYSLOG_NG", "/"))
FIELDS = ("pri", "host", "app", "msgid", "data", "msg")


class Collector:
    """fields() are the messages it wrote, one dict each."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(exist_ok=True)
        self.out = self.folder / "messages.txt"
        self.process = None

    def run(self, command, env=None):
        log = open(self.folder / "log.txt", "ab")
        self.process = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log, env=env)

    def stop(self):
        """Ends it, by its process id, and waits."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait(20)
        self.process = None

    def log(self):
        return (self.folder / "log.txt").read_text(errors="replace")

    def fields(self):
        return [dict(zip(FIELDS, line.split("\t", 5))) for line in whole_lines(self.out)]

    def wait(self, count, seconds=20):
        wait_for(lambda: len(self.fields()) >= count, seconds,
                 f"{count} messages (there are {len(self.fields())})\n{self.log()[-2000:]}")
        return self.fields()


class Rsyslog(Collector):
    """inputs: its configuration of modules and inputs."""

    def __init__(self, folder, inputs, name="rsyslog"):
        super().__init__(folder, name)
        program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if not program:
            pytest.skip("rsyslogd is not installed")
        properties = "\\t".join(f"%{p}%" for p in (
            "pri", "hostname", "app-name", "msgid", "structured-data", "msg"))
        config = self.folder / "rsyslog.conf"
        config.write_text(
            f'global(workDirectory="{self.folder}" maxMessageSize="64k")\n{inputs}\n'
            f'template(name="fields" type="string" string="{properties}\\n")\n'
            f'action(type="omfile" file="{self.out}" template="fields" flushOnTXEnd="on")\n')
        self.command = [program, "-n", "-f", config, "-i", self.folder / "pid"]

    def start(self, ready):
        self.run(self.command)
        wait_for(ready, 20, "rsyslogd listens")
        return self


class SyslogNg(Collector):
    """source: the drivers of its source."""

    def __init__(self, folder, source, name="syslog-ng"):
        super().__init__(folder, name)
        program = shutil.which("syslog-ng", path=f"{UNPACKED}/usr/sbin:/usr/sbin")
        if not program:
            pytest.skip("syslog-ng is not installed; HOOKSWITCH_SYSLOG_NG is the folder where it is unpacked")
        modules = next(UNPACKED.glob("usr/lib/syslog-ng/*/"))
        config = self.folder / "syslog-ng.conf"
        macros = "\\t".join(("$PRI", "$HOST", "$PROGRAM", "$MSGID", "$SDATA", "$MSG"))
        config.write_text(
            f'@version: {modules.name}\noptions {{ log-msg-size(65536); keep-hostname(yes); use-dns(no); }};\n'
            f'source s {{ {source} }};\n'
            f'destination d {{ file("{self.out}" template("{macros}\\n") flush-lines(1)); }};\n'
            f'log {{ source(s); destination(d); }};\n')
        self.command = [program, "-F", "--no-caps", "-f", config, "-R", self.folder / "persist", "-p",
                        self.folder / "pid", "-c", self.folder / "control", "--module-path", modules]
        self.env = {**os.environ, "LD_LIBRARY_PATH": str(modules.parent)}

    def start(self, ready):
        self.run(self.command, self.env)
        wait_for(ready, 20, "syslog-ng listens")
        return self
