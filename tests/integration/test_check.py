# SPDX-License-Identifier: Apache-2.0
"""`hookswitch check`: every mistake of a sink is told at once, and what would have no effect is one."""
import re

import pytest

from rig import Daemon, certificate


def errors(folder, options):
    """What check says of a sink with these options: {key: text}; "" for what is of no one key."""
    daemon = Daemon(folder, {"out": options})
    r = daemon.command("check", check=False)
    lines = [line.split("[sink out]", 1)[1] for line in r.stderr.splitlines() if "[sink out]" in line]
    told = {}
    for line in lines:
        key, text = re.fullmatch(r" ?(\w*): (.*)", line).groups()
        assert key not in told, r.stderr
        told[key] = text
    assert r.returncode == (1 if told else 0), r.stderr
    if told:
        assert r.stderr.rstrip().endswith(f": {len(told)} error" + "s" * (len(told) > 1))
    return told


WEBHOOK = {"plugin": "webhook", "url": "http://127.0.0.1:1/"}
FILE = {"plugin": "file", "path": "/tmp/hookswitch-check.ndjson"}
SYSLOG = {"plugin": "syslog", "target": "udp://127.0.0.1:514"}


def test_all_mistakes_of_a_webhook_are_told(folder):
    wrong = {"filter": ".event ==", "transform": "nosuch(1)", "secret": "whsec_x", "headers": "no colon",
             "batch": "1", "ca_file": "/nonexistent/ca.pem"}
    assert errors(folder, {**WEBHOOK, "url": "https://127.0.0.1:1/", **wrong}).keys() == wrong.keys()


def test_mistakes_of_the_daemons_own_options_hide_none_of_the_plugins(folder):
    told = errors(folder, {**WEBHOOK, "timeout": "soon", "ordering": "some", "batch": "1", "headers": "no colon"})
    assert told.keys() == {"timeout", "ordering", "batch", "headers"}


def test_all_mistakes_of_a_file_are_told(folder):
    wrong = {"path": "/nonexistent/out", "mode": "0999", "user": "nobody-of-that-name", "group": "no-such-group",
             "fsync": "never", "fsync_interval": "5s"}
    told = errors(folder, {"plugin": "file", **wrong})
    assert told.keys() == wrong.keys() - {"fsync"}


def test_all_mistakes_of_a_syslog_are_told(folder):
    wrong = {"facility": "nosuch", "severity": "worse", "sd_id": "a b", "app_name": "my app", "hostname": "my host",
             "key_file": "/x"}
    assert errors(folder, {**SYSLOG, **wrong}).keys() == wrong.keys() | {""}


@pytest.mark.parametrize("options,key,why", [
    ({**SYSLOG, "format": "rfc3164", "sd_id": "mine@1"}, "sd_id", "has no meaning with format = rfc3164"),
    ({**SYSLOG, "app_name": "caf\u00e9"}, "app_name", "visible ASCII"),
    ({**SYSLOG, "app_name": "x" * 49}, "app_name", "1 to 48"),
    ({**SYSLOG, "hostname": "h" * 256}, "hostname", "1 to 255"),
    ({**FILE, "fsync": "always", "fsync_interval": "2s"}, "fsync_interval", "has no meaning with fsync = always"),
    ({**FILE, "ordering": "chat"}, "ordering", "has no meaning for sink-file"),
    ({**WEBHOOK, "format": "raw", "media_limit": "1m"}, "media_limit", "has no meaning with format = raw"),
    *(({**WEBHOOK, "format": form, option: "yes"}, option, f"has no meaning with format = {form}, which")
      for form, options in (("data", ("token", "raw")), ("cloudevents", ("token", "raw")),
                            ("raw", ("token", "media_base64", "secrets"))) for option in options),
    ({**WEBHOOK, "media_limit": "1m"}, "media_limit", "has no meaning without media_base64 = yes"),
    ({**SYSLOG, "message": "text", "token": "yes"}, "token", "has no meaning with message = text"),
    ({**SYSLOG, "message": "text", "raw": "yes"}, "raw", "has no meaning with message = text"),
    ({**WEBHOOK, "url": "http://127.0.0.1:1/a#b"}, "url", "has the fragment #b"),
    ({**WEBHOOK, "url": "http://\u2460\u2461\u2466.0.0.1/"}, "url", "the host is not ASCII"),
    ({**WEBHOOK, "url": "http://b\u00fccher.example/"}, "url", "is written xn--"),
    *(({**WEBHOOK, key: wrong}, key, "syntax error, something is missing at the end")
      for key in ("filter", "transform") for wrong in (".a ==", ".a |", "def f: 1;")),
    ({**WEBHOOK, "filter": ".a ( )"}, "filter", "syntax error, unexpected '('"),
    *(({**WEBHOOK, "retry": retry}, "retry", "is shorter than 10 ms") for retry in ("0s, forever", "1s, 9ms, forever")),
    ({**WEBHOOK, "headers": "webhook-replay: 1"}, "headers", "webhook-replay"),
])
def test_options_without_effect_are_refused(folder, options, key, why):
    told = errors(folder, options)
    assert told.keys() == {key} and why in told[key], told


@pytest.mark.parametrize("options", [
    {**SYSLOG, "format": "rfc3164"}, {**SYSLOG, "sd_id": "mine@1", "app_name": "x" * 48},
    {**SYSLOG, "hostname": "h" * 255},
    {**FILE, "fsync": "always"}, {**FILE, "fsync_interval": "2s"}, {**WEBHOOK, "url": "http://127.0.0.1:1/a%23b"},
    {**WEBHOOK, "format": "raw", "max_body": "1m"}, 
    {**WEBHOOK, "format": "cloudevents", "media_base64": "yes", "media_limit": "1m", "secrets": "yes"},
    {**WEBHOOK, "format": "data", "token": "yes", "filter": ".instanceData.token != null"},
    {**WEBHOOK, "format": "raw", "raw": "yes", "secrets": "no"}, {**SYSLOG, "token": "yes", "raw": "yes"},
    {**SYSLOG, "message": "text", "media_base64": "yes", "secrets": "yes"},
    {**WEBHOOK, "url": "http://xn--bcher-kva.example/"},
    {**WEBHOOK, "retry": "0s, 10ms, forever"},
])
def test_what_has_effect_is_not(folder, options):
    assert errors(folder, options) == {}


def test_certificates_without_tls_are_refused(folder):
    cert = certificate(folder)[1]
    files = {"ca_file": cert, "cert_file": cert, "key_file": f"{folder}/key.pem"}
    assert errors(folder, {**WEBHOOK, **files, "url": "https://127.0.0.1:1/"}) == {}
    told = errors(folder, {**WEBHOOK, **files, "url": "HTTP://127.0.0.1:1/"})
    assert told and told.keys() < files.keys() and "has no meaning without an https url" in told.popitem()[1]


@pytest.mark.parametrize("listen,why", [
    ("127.0.0.1:99999", "a port from 1 to 65535"), ("127.0.0.1:0", "a port from 1 to 65535"),
    ("[::1]:http", "a port from 1 to 65535"), ("127.0.0.1:+80", "a port from 1 to 65535"),
    ("unix:", "an absolute path of at most 107 bytes"), ("unix:http.sock", "an absolute path of at most 107 bytes"),
    ("unix:/" + "x" * 107, "an absolute path of at most 107 bytes"),
    *((form, "ADDRESS:PORT, [IPV6]:PORT or unix:/path")
      for form in ("localhost", ":8080", "127.0.0.1:", "[::1:80", "http://127.0.0.1:80", "::1:80")),
    ("127.0.0.1:8080, 127.0.0.1:8080", "stands there twice"), ("none", "no listen_tls"),
    ("127.0.0.1:8080, [::1]:8081, localhost:8082, *:8083, unix:/run/x", None),
])
@pytest.mark.parametrize("key", ["listen", "listen_tls"])
def test_addresses_to_listen_at(folder, key, listen, why):
    daemon = Daemon(folder, {})
    text = "\n".join(line for line in daemon.ini.read_text().splitlines() if not line.startswith("listen"))
    if key == "listen_tls":
        text = text.replace("[server]", f"[server]\ntls_cert = {certificate(folder)[1]}\ntls_key = {folder}/key.pem\n"
                            "listen = 127.0.0.1:1")
    daemon.ini.write_text(text.replace("[server]", f"[server]\n{key} = {listen}"))
    r = daemon.command("check", check=False)
    if why is None:
        assert r.returncode == 0, r.stderr
    elif listen == "none" and key == "listen_tls":
        assert r.returncode == 1 and f"[server] {key}: found `none`" in r.stderr
    else:
        assert r.returncode == 1 and f"[server] {key}: " in r.stderr and why in r.stderr, r.stderr


@pytest.mark.parametrize("first,second,is_good", [
    ("out.ndjson", "out.ndjson", False), ("out.ndjson", "other.ndjson", True),
    ("%{instance}.ndjson", "%{instance}.ndjson", True), (".", "out.ndjson", False),
])
def test_files_of_two_sections(folder, first, second, is_good):
    daemon = Daemon(folder, {"a": {"plugin": "file", "path": f"{folder}/{first}"},
                             "b": {"plugin": "file", "path": f"{folder}/{second}"}})
    r = daemon.command("check", check=False)
    if is_good:
        assert r.returncode == 0, r.stderr
    elif first == second:
        assert "[sink b] path: is that of [sink a], too" in r.stderr and r.stderr.count("[sink b]") == 1
    else:
        assert "[sink a] path: " in r.stderr and "is a folder, expected a file" in r.stderr
