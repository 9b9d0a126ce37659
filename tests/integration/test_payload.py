# SPDX-License-Identifier: Apache-2.0
"""What sink-webhook makes of events on their way out, on the real daemon."""
import json
import shutil
import subprocess

import pytest

from rig import message

KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"
VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
"""


@pytest.fixture(scope="session")
def verify(tmp_path_factory):
    """The published reference library of Standard Webhooks; gives what was verified, or None."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("there is no npm")
    folder = tmp_path_factory.mktemp("npm")
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "standardwebhooks@1"], cwd=folder,
        capture_output=True, text=True, timeout=120)
    if installed.returncode != 0:
        pytest.skip("the registry does not answer: " + installed.stderr[-300:])

    def run(secret, arrival):
        headers = {k: v for k, v in arrival.headers.items() if k.startswith("webhook-")}
        text = json.dumps({"secret": secret, "headers": headers, "body": arrival.body.decode()})
        r = subprocess.run(["node", "-e", VERIFY], cwd=folder, input=text, capture_output=True, text=True)
        return json.loads(r.stdout) if r.returncode == 0 else None
    return run


@pytest.mark.parametrize("old", [None, "whsec_b2xkIGtleSBvZiB0d2VudHktZm91ciEh"])
def test_the_reference_library_takes_our_signatures(webhook, verify, old):
    daemon, receiver = webhook(options={"secret": KEY, **({"secret_old": old} if old else {})})
    daemon.accept(message(1, text="café 😀 \\u0000"))
    receiver.wait(1)
    arrival = receiver.arrivals[0]
    for secret in [KEY, old] if old else [KEY]:
        assert verify(secret, arrival) == arrival.envelope
    assert verify("whsec_" + "A" * 32, arrival) is None
    arrival.body = arrival.body.replace(b"caf", b"cof")
    assert verify(KEY, arrival) is None
