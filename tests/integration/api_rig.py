# SPDX-License-Identifier: Apache-2.0
"""A client of the configuration API."""
import contextlib
import json
import re
import sqlite3
import subprocess

from rig import PROGRAM, Daemon, wait_for

ACCOUNT = "account-SECRET-token"


class ApiDaemon(Daemon):
    """A daemon whose configuration API is open to the account. api: more lines of its section."""

    def __init__(self, folder, sinks=None, api="", **kwargs):
        if "allow_private" not in api:
            api += "\nallow_private = 127.0.0.0/8"
        self.api = f"account_token = {ACCOUNT}\n{api}"
        super().__init__(folder, sinks or {}, **kwargs)

    def configure(self, *args, **kwargs):
        super().configure(*args, api=self.api, **kwargs)

    def call(self, method, path, body=None, token=ACCOUNT, headers=None):
        headers = dict(headers or {})
        if token is not None:
            headers["token"] = token
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        status, self.headers, answer = self.request(method, path, body, headers)
        return status, json.loads(answer) if answer else None

    def ok(self, method, path, body=None, token=ACCOUNT, status=200):
        got, answer = self.call(method, path, body, token)
        assert got == status and answer["success"] is True, answer
        return answer

    def fails(self, status, method, path, body=None, token=ACCOUNT, headers=None):
        """The answer is that error and nothing else; its message."""
        got, answer = self.call(method, path, body, token, headers)
        assert got == status, (got, answer)
        assert set(answer) == {"success", "error"} and answer["success"] is False
        assert set(answer["error"]) == {"message"}
        return answer["error"]["message"]

    def webhook(self, instance, url, **more):
        return self.ok("POST", f"/api/events/webhook/{instance}", {"enabled": True, "url": url, **more})["webhook"]

    def webhooks(self, instance):
        return self.ok("GET", f"/api/events/getWebhook/{instance}")["webhooks"]

    def websocket(self, instance, enabled=True, **more):
        return self.ok("POST", f"/api/events/websocket/{instance}", {"enabled": enabled, **more})["websocket"]


def set_key(d, key):
    text = re.sub(r"(?m)^encryption_key.*\n", "", d.ini.read_text())
    d.ini.write_text(text.replace("[server]\n", f"[server]\nencryption_key = {key}\n" if key else "[server]\n", 1))


def use_up(daemon, count):
    """What waits for its next attempt gets its last one now."""
    wait_for(lambda: sum(s["retrying"] for s in daemon.status()["sinks"]) == count)
    daemon.stop()
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        db.execute("UPDATE retries SET attempts = 4, due_at = 0")
    db.close()
    daemon.start()


@contextlib.contextmanager
def keeping_undecryptable(d):
    d.log = open(d.log_path, "ab")
    d.process = subprocess.Popen([PROGRAM, "run", "-c", d.ini, "--keep-undecryptable"], stdout=d.log, stderr=d.log)
    wait_for(d.is_ready, what="the daemon is ready")
    yield
    d.stop()
