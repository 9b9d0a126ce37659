# SPDX-License-Identifier: Apache-2.0
"""Signatures of sink-webhook as a receiver checks them, with Python's hmac over the bytes that came."""
import base64
import gzip
import hashlib
import hmac
import json
import signal
import time

from rig import SLOW, message, number_of, wait_for

KEY, OTHER = "a-SECRET-key-of-hmac", "another-SECRET-key-of-hmac"
STYLES = {
    "github": ({"hmac_header": "X-Hub-Signature-256", "hmac_prefix": "sha256="}, "sha256", "hex"),
    "old-github": ({"hmac_header": "X-Hub-Signature", "hmac_prefix": "sha1=", "hmac_algorithm": "sha1"}, "sha1", "hex"),
    "paystack": ({"hmac_header": "x-paystack-signature", "hmac_algorithm": "sha512"}, "sha512", "hex"),
    "shopify": ({"hmac_header": "X-Shopify-Hmac-Sha256", "hmac_encoding": "base64"}, "sha256", "base64"),
    "base64-sha1": ({"hmac_header": "X-Sig", "hmac_algorithm": "sha1", "hmac_encoding": "base64"}, "sha1", "base64"),
    "base64-sha512": ({"hmac_header": "X-Sig", "hmac_algorithm": "sha512", "hmac_encoding": "base64",
                       "hmac_prefix": "v0:"}, "sha512", "base64"),
}
SHAPES = {  # how the body is made, and how events are read from it
    "plain": ({}, lambda body: [json.loads(body)]),
    "gzip": ({"compress": "gzip"}, lambda body: [json.loads(gzip.decompress(body))]),
    "batch": ({"batch": "2/10s", "ordering": "none"}, json.loads),
    "gzip-ndjson": ({"batch": "2/10s", "ordering": "none", "batch_format": "ndjson", "compress": "gzip"},
                    lambda body: [json.loads(line) for line in gzip.decompress(body).splitlines()]),
}


def hmac_of(key, algorithm, encoding, body):
    made = hmac.new(key.encode(), body, algorithm)
    return made.hexdigest() if encoding == "hex" else base64.b64encode(made.digest()).decode()


def by_path(receiver):
    """{path: its arrivals}"""
    found = {}
    for arrival in list(receiver.arrivals):
        found.setdefault(arrival.path, []).append(arrival)
    return found


def test_each_style_signs_the_bytes_that_are_sent(target, make_daemon):
    """Each request fails once: the next attempt is signed as well."""
    receiver, url, common = target(lambda arrival, connection: 500 if arrival.attempt == 1 else 200)
    sinks = {f"{style}-{shape}": {**common, "url": f"{url}/{style}/{shape}", "hmac_secret": KEY, "retry": "20ms",
                                  **options, **more}
             for style, (options, _, _) in STYLES.items() for shape, (more, _) in SHAPES.items()}
    daemon = make_daemon(sinks)
    for number in 1, 2:
        daemon.accept(message(number, chat=number, text="café \U0001f600 " * number))
    wait_for(lambda: all(s["lag"] == 0 and s["retrying"] == 0 for s in daemon.status()["sinks"]))
    arrivals = by_path(receiver)
    for style, (options, algorithm, encoding) in STYLES.items():
        for shape, (_, read) in SHAPES.items():
            here, events = arrivals[f"/{style}/{shape}"], []
            for arrival in here:
                value = arrival.headers[options["hmac_header"].lower()]
                assert value == options.get("hmac_prefix", "") + hmac_of(KEY, algorithm, encoding, arrival.body), (
                    style, shape)
                assert "webhook-signature" not in arrival.headers
                if arrival.attempt == 2:
                    events += [number_of(event) for event in read(arrival.body)]
            assert sorted(events) == [1, 2] and len({a.body for a in here}) > 1, (style, shape)


def test_a_new_key_signs_what_comes_after_it_also_second_attempts(webhook):
    """The first event fails until an attempt of it bears the new key."""
    def signed_with(key, arrival):
        return arrival.headers["x-sig"] == hmac_of(key, "sha256", "hex", arrival.body)

    daemon, receiver = webhook(lambda arrival, connection: 200 if signed_with(OTHER, arrival) else 500,
                               {"hmac_header": "X-Sig", "hmac_secret": KEY, "retry": ", ".join(["500ms"] * 32),
                                "failures_to_open": 1000})

    daemon.accept(message(1, chat=1))
    receiver.wait(1)
    daemon.ini.write_text(daemon.ini.read_text().replace(KEY, OTHER))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "[sink out] hmac_secret changed" in daemon.log_text())
    daemon.accept(message(2, chat=2))
    wait_for(lambda: {number_of(a.envelope) for a in receiver.arrivals if signed_with(OTHER, a)} == {1, 2})
    first, second = ([a for a in receiver.arrivals if number_of(a.envelope) == number] for number in (1, 2))
    assert [signed_with(KEY, a) for a in first] == [True] * (len(first) - 1) + [False] and first[-1].attempt > 1
    assert len(second) == 1


def raw_key(secret):
    return base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()


def test_standard_webhooks_sign_each_attempt_anew_with_both_keys(make_receiver, make_daemon):
    """As their specification has it: id.timestamp.body, the new key first; beside the header of hmac_header."""
    new, old = "whsec_" + base64.b64encode(b"new-SECRET-key-of-24-byte").decode(), "old-SECRET-key-of-24-bytes"
    receiver = make_receiver(lambda arrival, connection: 500 if arrival.attempt == 1 else 200)
    cases = {"new": ({"secret": new}, [new]), "text": ({"secret": old}, [old]),
             "both": ({"secret": new, "secret_old": old}, [new, old]),
             "hub": ({"secret": new, "secret_old": old, "hmac_header": "X-Sig", "hmac_secret": KEY}, [new, old]),
             "gzip": ({"secret": new, "compress": "gzip"}, [new])}
    daemon = make_daemon({name: {"plugin": "webhook", "url": f"http://127.0.0.1:{receiver.port}/{name}",
                                 "retry": "1500ms", **options} for name, (options, _) in cases.items()})
    event_id = daemon.accept(message(1))["ids"][0]
    receiver.wait(2 * len(cases))
    for path, (first, second) in by_path(receiver).items():
        options, keys = cases[path[1:]]
        for arrival in first, second:
            stamp = arrival.headers["webhook-timestamp"]
            signed = f"{event_id}.{stamp}.".encode() + arrival.body
            assert arrival.headers["webhook-id"] == event_id and abs(int(stamp) - time.time()) < 30 * SLOW
            assert arrival.headers["webhook-signature"].split() == [
                "v1," + base64.b64encode(hmac.new(raw_key(key), signed, hashlib.sha256).digest()).decode()
                for key in keys], path
            assert ("x-sig" in arrival.headers) is (path == "/hub")
            assert path != "/hub" or arrival.headers["x-sig"] == hmac_of(KEY, "sha256", "hex", arrival.body)
        assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"]), path
        assert first.body == second.body, path
