# SPDX-License-Identifier: Apache-2.0
"""cert_file, key_file and ca_file: who asks for a certificate sees that one, and bad files are told at once."""
import re
import ssl
import subprocess

from rig import certificate, message, wait_for


def client_certificate(folder, name):
    """(its path, the path of its key, the path of both in one file)"""
    cert, key, both = (folder / f"{name}-{what}.pem" for what in ("cert", "key", "both"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", f"/CN={name}"], check=True, capture_output=True)
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    return cert, key, both


def test_a_client_certificate_is_shown_and_needed(make_receiver, make_daemon, tmp_path):
    context, ca_file = certificate(tmp_path)
    cert, key, both = client_certificate(tmp_path, "hookswitch-client")
    other, other_key, _ = client_certificate(tmp_path, "stranger")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    seen = {}

    def behave(arrival, connection):
        seen[arrival.path[1:]] = dict(field for rdn in connection.getpeercert()["subject"] for field in rdn)["commonName"]
        return 200
    receiver = make_receiver(behave, context=context)
    ways = {"two": {"cert_file": cert, "key_file": key}, "one": {"cert_file": both}, "none": {},
            "stranger": {"cert_file": other, "key_file": other_key}}
    daemon = make_daemon({name: {"plugin": "webhook", "url": f"https://127.0.0.1:{receiver.port}/{name}", "ca_file": ca_file,
                                 "retry": "never", **options} for name, options in ways.items()})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"] == {"none": 1, "stranger": 1}, what="dead letters")
    wait_for(lambda: all(daemon.sink(name)["delivered"] == 1 for name in ("one", "two")))
    assert seen == {"one": "hookswitch-client", "two": "hookswitch-client"} and len(receiver.arrivals) == 2
    assert "PRIVATE" not in daemon.log_text()
    # A server that ends a connection before it read the request may reset it: then its alert is lost.
    for name, words in (("none", ("certificate", "connection reset")), ("stranger", ("unknown ca", "connection reset"))):
        error = daemon.sink(name)["lastError"].lower()
        assert any(word in error for word in words), (name, error)


def test_files_that_cannot_be_used_are_told_before_the_first_connection(make_daemon, tmp_path):
    _, ca_file = certificate(tmp_path)
    cert, key, both = client_certificate(tmp_path, "one")
    other, other_key, _ = client_certificate(tmp_path, "other")
    locked, empty, text = tmp_path / "locked.pem", tmp_path / "empty.pem", tmp_path / "text.pem"
    subprocess.run(["openssl", "rsa", "-aes128", "-passout", "pass:a-SECRET", "-in", key, "-out", locked], check=True,
                   capture_output=True)
    empty.write_bytes(b"")
    text.write_text("-----BEGIN CERTIFICATE-----\nnot at all\n-----END CERTIFICATE-----\n")
    wrong = {
        "ca-empty": ({"ca_file": empty}, "ca_file", "has no certificate"),
        "ca-text": ({"ca_file": text}, "ca_file", "has no certificate"),
        "ca-key": ({"ca_file": key}, "ca_file", "has no certificate"),
        "cert-empty": ({"cert_file": empty}, "cert_file", "has no certificate"),
        "cert-alone": ({"cert_file": cert}, "cert_file", "has no private key"),
        "key-of-another": ({"cert_file": cert, "key_file": other_key}, "key_file", "has another key than that of cert_file"),
        "key-is-cert": ({"cert_file": cert, "key_file": other}, "key_file", "has no private key"),
        "key-locked": ({"cert_file": cert, "key_file": locked}, "key_file", "has a key with a passphrase"),
        "key-alone": ({"key_file": key}, "key_file", "is set, but no cert_file")}
    good = {"ca": {"ca_file": ca_file}, "two": {"cert_file": cert, "key_file": key}, "one": {"cert_file": both},
            "one-twice": {"cert_file": both, "key_file": key}}
    options_of = {**good, **{name: options for name, (options, _, _) in wrong.items()}}
    daemon = make_daemon({name: {"plugin": "webhook", "url": "https://127.0.0.1:1/", **options}
                          for name, options in options_of.items()}, start=False)
    told = re.findall(r"\[sink ([\w-]+)\] (\w+): (.*)", daemon.command("check", check=False).stderr)
    assert [(name, option) for name, option, _ in told] == [(name, option) for name, (_, option, _) in wrong.items()], told
    for name, _, why in told:
        assert wrong[name][2] in why, (name, why)
