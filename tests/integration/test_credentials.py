# SPDX-License-Identifier: Apache-2.0
"""Where a provider may put its credential, and for which instance it holds."""
import json

import pytest

from rig import TOKEN, message

INSTANCE = "sales-SECRET-instance"
OTHER = "other-SECRET-instance"


@pytest.fixture
def daemon(make_daemon):
    return make_daemon({}, instances=("sales", "other"), source="instance_token = yes\n[source open]\nplugin = evolution")


def post(daemon, path, number, headers=None):
    return daemon.request("POST", path, json.dumps(message(number)), headers or {})


@pytest.mark.parametrize("path, headers", [
    (f"/in/evolution/sales/{TOKEN}", {}), (f"/in/evolution/sales/{INSTANCE}", {}),
    (f"/in/evolution/sales/{INSTANCE}/messages-upsert", {}), (f"/in/evolution/sales/messages-upsert/{TOKEN}", {}),
    (f"/in/evolution/sales?token={INSTANCE}", {}), ("/in/evolution/sales", {"token": INSTANCE}),
    ("/in/evolution/sales", {"Authorization": f"Bearer {INSTANCE}"}),
    (f"/in/evolution/sales/{TOKEN}", {"Authorization": "Bearer of-the-provider"}),
    ("/in/open/sales/messages-upsert", {}), ("/in/open/sales", {"token": "whatever"})])
def test_it_is_taken_from(daemon, path, headers):
    status, _, body = post(daemon, path, 1, headers)
    assert status == 202 and json.loads(body)["accepted"] == 1, body


@pytest.mark.parametrize("path, headers, missing", [
    ("/in/evolution/sales", {}, True), ("/in/evolution/sales/messages-upsert", {}, True),
    (f"/in/evolution/sales/{OTHER}", {}, True), (f"/in/evolution/sales/{TOKEN}x", {}, True),
    (f"/in/evolution/sales/{TOKEN[:-1]}", {}, True), ("/in/evolution/sales/", {}, True),
    (f"/in/evolution/{TOKEN}", {}, True), ("/in/evolution/sales", {"token": OTHER}, False),
    ("/in/evolution/nobody", {"token": INSTANCE}, False), ("/in/evolution/sales", {"token": ""}, True)])
def test_it_is_refused(daemon, path, headers, missing):
    status, _, body = post(daemon, path, 1, headers)
    assert status == 401
    assert ("Missing" in body.decode()) == missing
    assert "SECRET" not in body.decode()


def test_the_event_s_name_may_follow_the_token(daemon):
    body = json.dumps({key: value for key, value in message(3).items() if key != "event"})
    for path in (f"{INSTANCE}/messages-upsert", f"messages-upsert/{INSTANCE}"):
        status, _, answer = daemon.request("POST", f"/in/evolution/sales/{path}", body, {})
        assert status == 202, answer


def test_a_credential_in_the_path_is_in_no_log(daemon):
    daemon.request("POST", f"/in/evolution/sales/{INSTANCE}", "{", {})
    daemon.request("POST", "/in/evolution/sales/GUESSED-SECRET", "{", {})
    daemon.stop()
    assert "instance=sales" in daemon.log_text()
    assert "SECRET" not in daemon.log_text()
