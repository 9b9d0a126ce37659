# SPDX-License-Identifier: Apache-2.0
"""cert_file and key_file: who asks for a certificate sees that one."""
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
            "stranger": {"cert_file": other, "key_file": other_key}, "wrong-key": {"cert_file": cert, "key_file": other_key}}
    daemon = make_daemon({name: {"plugin": "webhook", "url": f"https://127.0.0.1:{receiver.port}/{name}", "ca_file": ca_file,
                                 "retry": "never", **options} for name, options in ways.items()})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"] == {"none": 1, "stranger": 1, "wrong-key": 1}, what="dead letters")
    wait_for(lambda: all(daemon.sink(name)["delivered"] == 1 for name in ("one", "two")))
    assert seen == {"one": "hookswitch-client", "two": "hookswitch-client"} and len(receiver.arrivals) == 2
    assert "PRIVATE" not in daemon.log_text()
    # A server that ends a connection before it read the request may reset it: then its alert is lost.
    for name, words in (("none", ("certificate", "connection reset")), ("stranger", ("unknown ca", "connection reset")),
                        ("wrong-key", ("unable to set private key",))):
        error = daemon.sink(name)["lastError"].lower()
        assert any(word in error for word in words), (name, error)
