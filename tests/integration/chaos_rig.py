# SPDX-License-Identifier: Apache-2.0
"""Receivers that do everything wrong, with and without TLS, and who posts to the daemon meanwhile."""
import contextlib
import http.client
import json
import pathlib
import random
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings

from rig import TOKEN, certificate, message, number_of

CHATS = 30


def instance_of(number):
    return ("sales", "support")[number % CHATS % 2]


# ---- what a receiver does to a request ----

def reset(arrival, connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(arrival, connection):
    time.sleep(1)


def slow(arrival, connection):
    time.sleep(0.1)
    return 200


def later(arrival, connection):
    connection.sendall(b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
    return True


FAULTS = (reset, hang, slow, later, lambda a, c: 500, lambda a, c: 503, lambda a, c: 400, lambda a, c: None)


# ---- what one does to a handshake; nothing comes in on such a connection ----

def shake_with(name):
    def shake(contexts, connection):
        with contexts[name].wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)  # under TLS 1.3 the other side's alert comes after our end of the handshake
    return shake


def cut(contexts, connection):
    """Goes away between the two hellos."""
    connection.recv(5)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def end(contexts, connection):
    """The hello has arrived; half of a record header is the answer."""
    connection.recv(4096)
    connection.sendall(b"\x16\x03")


def silence(contexts, connection):
    connection.recv(4096)
    time.sleep(1)


def alert(contexts, connection):
    """handshake_failure, fatal (RFC 8446 section 6.2)."""
    connection.recv(4096)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")


def no_tls(contexts, connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


SHAKES = {"cut": cut, "end": end, "silence": silence, "alert": alert, "no TLS": no_tls,
          "expired": shake_with("expired"), "untrusted": shake_with("untrusted"), "old": shake_with("old")}


def server_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def contexts(folder):
    """Contexts of servers by what is wrong with them, and the file of the certificates that are trusted."""
    good, cert = certificate(folder)
    key, expired, other = cert.with_name("key.pem"), cert.with_name("expired.pem"), cert.with_name("other")
    subprocess.run(["openssl", "x509", "-in", cert, "-signkey", key, "-days", "-1", "-out", expired], check=True,
                   capture_output=True)
    other.mkdir()
    old = server_context(cert, key)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    trusted = cert.with_name("trusted.pem")
    trusted.write_text(cert.read_text() + expired.read_text())
    return {"good": good, "expired": server_context(expired, key), "untrusted": certificate(other)[0],
            "old": old}, trusted


class Moody:
    """Well most of the time, at times partly or wholly broken. Remembers what it answered 200 to, in order.
    With contexts it is a TLS server, and what breaks may be its handshakes; these are counted."""

    def __init__(self, seed, tls=None):
        self.rng, self.lock = random.Random(seed), threading.Lock()
        self.is_healed, self.until, self.part, self.faults = False, 0, 0, FAULTS
        self.contexts, self.shaken, self.taken = tls, dict.fromkeys(SHAKES, 0), []
        self.shake = list(SHAKES)[seed // 2 % len(SHAKES)] if tls else None

    def change(self):
        """With the lock held: another mood when the time of this one is over."""
        now = time.monotonic()
        if now < self.until:
            return
        is_first, self.until = self.until == 0, now + self.rng.uniform(0.5, 3)
        self.part = self.rng.choice((0, 0, 0.05, 0.3, 1))
        self.faults = self.rng.sample(FAULTS, 2)
        if self.contexts and not is_first:
            self.shake = self.rng.choice(list(SHAKES)) if self.rng.random() < 0.4 else None

    def fault(self):
        with self.lock:
            self.change()
            if self.is_healed:
                return None
            if self.shake:  # a connection from before: the next one is for the handshake
                return reset
            return self.rng.choice(self.faults) if self.rng.random() < self.part else None

    def __call__(self, arrival, connection):
        fault = self.fault()
        result = fault(arrival, connection) if fault else 200
        if result == 200:
            with self.lock:
                self.taken.append(number_of(arrival.envelope))
        return result

    def wrap_socket(self, connection, server_side):
        """As of an ssl.SSLContext, for the Receiver."""
        with self.lock:
            self.change()
            name = None if self.is_healed else self.shake
            if name:
                self.shaken[name] += 1
        if not name:
            return self.contexts["good"].wrap_socket(connection, server_side=server_side)
        SHAKES[name](self.contexts, connection)
        connection.close()
        raise OSError(f"handshake: {name}")


class Producer:
    """Posts messages of one share of the chats, one after the other, until each is answered 202."""

    def __init__(self, port, share, of, rate):
        self.port, self.share, self.of, self.pause = port, share, of, 1 / rate
        self.accepted, self.is_stopping = [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = self.share
        while not self.is_stopping:
            if self.post(number):
                self.accepted.append(number)
                number += self.of
                time.sleep(self.pause)
            else:
                time.sleep(0.02)

    def post(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", f"/in/evolution/{instance_of(number)}", json.dumps(message(number, chat=number % CHATS)),
                               {"token": TOKEN})
            response = connection.getresponse()
            response.read()
            return response.status == 202
        return False

    def stop(self):
        self.is_stopping = True
        self.thread.join(20)


class Memory:
    """RSS of one life of the daemon, sampled."""

    def __init__(self, pid):
        self.path, self.samples = pathlib.Path(f"/proc/{pid}/smaps_rollup"), []

    def sample(self):
        kib = int(re.search(r"^Rss:\s+(\d+)", self.path.read_text(), re.M)[1])
        self.samples.append(kib / 1024)

    def growth_mib(self):
        """Of the medians of the last and the first third."""
        third = len(self.samples) // 3
        first, last = sorted(self.samples[:third]), sorted(self.samples[-third:])
        return last[third // 2] - first[third // 2]
