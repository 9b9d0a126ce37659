# SPDX-License-Identifier: Apache-2.0
"""What README and hookswitch-api(7) tell people to type works as it is printed, but for ports."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import pytest

from api_rig import ApiDaemon
from rig import BUILD, PLUGINS, SLOW, Daemon, free_port, wait_for, whole_lines

SOURCE = pathlib.Path(__file__).resolve().parents[2]
README = (SOURCE / "README").read_text()
API = (SOURCE / "contrib/man/hookswitch-api.7").read_text()
# What people do not type: an error of HTTP ends the script, and no proxy is asked.
CURL = "curl() { command curl -sS --noproxy '*' --fail-with-body \"$@\"; echo; }\n"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


def block_after(text):
    """The indented lines of README that follow this text."""
    found = re.search(re.escape(text) + r"[^\n]*\n\n((?:    [^\n]*\n|\n(?=    ))+)", README)
    assert found, text
    return textwrap.dedent(found[1])


def run(script, folder):
    done = subprocess.run(["bash", "-ec", CURL + script], cwd=folder, capture_output=True, text=True, timeout=60 * SLOW,
                          env={**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class FirstDaemon(Daemon):
    """With a configuration that was printed; the ports are free ones."""

    def configure(self, text, receiver):
        self.ports = {"127.0.0.1:8080": f"127.0.0.1:{self.port}", "127.0.0.1:9000": f"127.0.0.1:{receiver}"}
        self.ini.write_text(self.with_ports(text).replace("[server]\n", f"[server]\nplugin_dir = {PLUGINS}\n"))

    def with_ports(self, text):
        for printed, free in self.ports.items():
            text = text.replace(printed, free)
        return text


@pytest.fixture
def ended():
    """Daemons in this list do not outlive the test."""
    daemons = []
    yield daemons
    for daemon in daemons:
        if daemon.process:
            daemon.kill()


def test_the_first_configuration_of_readme_works_as_printed(folder, ended):
    folder = pathlib.Path(folder)
    receiver = free_port()
    daemon = FirstDaemon(folder, block_after("the paths in it are relative to that folder:"), receiver=receiver)
    ended.append(daemon)
    (folder / "first.ini").symlink_to(daemon.ini)
    (folder / "tests").symlink_to(SOURCE / "tests")
    check, start = block_after("Check it, run it:").splitlines()
    assert "ok" in run(check, folder)
    assert start == "hookswitch run -c first.ini"
    daemon.start()
    out = run(daemon.with_ports(block_after("a webhook as Evolution API sends it:")), folder)
    assert json.loads(out)["accepted"] == 1
    archive, = wait_for(lambda: [line for path in folder.glob("sales-*.ndjson") for line in whole_lines(path)],
                        what="the envelope is in sales-<today>.ndjson")
    assert json.loads(archive)["id"] == json.loads(out)["ids"][0]
    wait_for(lambda: daemon.sink("crm")["retrying"] == 1, what="crm has one event to be tried again")
    with open(daemon.ini, "a") as ini:
        ini.write(block_after("Add to first.ini:"))
    out = run(daemon.with_ports(block_after("\nThen")), folder)
    assert "[api] account_token changed" in out and '"name":"shop"' in out
    assert "shop/default" in run("hookswitch status -c first.ini", folder)
    daemon.stop()


def test_readme_lists_the_routes_of_the_api():
    routes = {f"{method} {path}" for method, path in
              re.findall(r"\b(GET|POST|PUT|DELETE)\s+(/(?:api|webhook|ws)/[\w/<>]+)", README)}
    listed = re.findall(r"\bPUT ((?:/api/config/\w+(?:, )?)+)", README)
    routes |= {f"PUT {path}" for path in listed[0].split(", ")}
    page = {route.replace("INSTANCE", "<instance>") for route in re.findall(r"Li ([A-Z]+ /(?:api|webhook|ws)\S*)", API)}
    assert len(routes) > 5 and routes == page - {"POST /webhook/instance"}


def examples(text):
    """The literal blocks of the page's EXAMPLES, as mdoc prints them."""
    part = text[text.index(".Sh EXAMPLES"):text.index(".Sh SEE ALSO")]
    return [block.replace("\\e\n", "\\\n") for block in
            re.findall(r"(?ms)^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", part)]


def test_the_examples_of_the_api_page_work_as_printed(folder, ended, make_receiver):
    receiver = make_receiver()
    daemon = ApiDaemon(folder)
    ended.append(daemon)
    for printed, own in (("ingest-SECRET-token", "choose-a-secret"), ("account-SECRET-token", "choose-another-secret")):
        text = daemon.ini.read_text()
        assert printed in text
        daemon.ini.write_text(text.replace(printed, own))
    daemon.start()
    script = "\n".join(examples(API)).replace("127.0.0.1:8080", f"127.0.0.1:{daemon.port}")
    script = script.replace("http://127.0.0.1:9000/shop", receiver.url)
    # What the provider sent is to be there before the webhook goes.
    head, removal = script[:script.index("curl -X DELETE")], script[script.index("curl -X DELETE"):]
    answers = [json.loads(line) for line in run(head, folder).splitlines()]
    assert len(answers) == 12 and all(answer["success"] for answer in answers), answers
    arrival = wait_for(lambda: receiver.arrivals and receiver.arrivals[0], what="the event arrives")
    assert arrival.envelope["data"]["message"]["content"] == "hello"
    assert arrival.headers["webhook-signature"].startswith("v1,")
    variables = re.match(r"(?:\w+=.*\n)+", script)[0] + re.search(r"(?m)^shop=.*$", script)[0] + "\n"
    answers = [json.loads(line) for line in run(variables + removal, folder).splitlines()]
    assert len(answers) == 2 and answers[1]["instance"]["status"] == "deleted"
    daemon.stop()
