# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent: a clear answer, nothing half stored, nothing crashes."""
import contextlib
import http.client
import json
import re
import resource
import socket
import time

import pytest

from rig import SLOW, TOKEN, head, message, raw, wait_for, whole_lines

GOOD = json.dumps(message(1)).encode()


def parse(answer):
    """(status, body) of the first answer in the bytes."""
    match = re.match(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n", answer, re.S)
    assert match, answer[:300]
    length = int(re.search(rb"(?i)content-length: (\d+)", match[2])[1])
    return int(match[1]), answer[match.end():match.end() + length]


BODIES = {
    "empty": (b"", 400, "empty"),
    "truncated": (GOOD[:100], 400, "100 bytes"),
    "not JSON": (b"hello", 400, "byte"),
    "trailing garbage": (GOOD + b"x", 400, f"byte {len(GOOD) + 1}"),
    "an array": (b"[1]", 400, "object"),
    "deeply nested": (b'{"event":"messages.upsert","data":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "nesting too deep"),
    "bad UTF-8": (GOOD.replace(b"n=1", b"\xff\xfe"), 400, "utf-8"),
    "raw NUL": (GOOD.replace(b"n=1", b"a\x00b"), 400, "byte"),
    "event of a wrong type": (b'{"event":7,"data":{}}', 400, "string"),
    "no event": (b'{"data":{}}', 400, "event"),
    "too large": (b'{"event":"' + b"x" * 70000 + b'"}', 413, "large"),
}


@pytest.fixture
def quiet(make_daemon, folder):
    """A daemon with small limits and a file sink, to see what was stored."""
    return make_daemon({"file": {"plugin": "file", "path": f"{folder}/out.ndjson"}}, ingest="max_body = 64k",
                       server=f"header_timeout = {500 * SLOW}ms\nbody_timeout = {700 * SLOW}ms\nidle_timeout = 5s\n"
                       "max_header = 4k")


@pytest.mark.parametrize("name", BODIES)
def test_bad_bodies_are_refused_with_the_reason(name, quiet):
    body, status, word = BODIES[name]
    got, answer = parse(raw(quiet.port, head(body, "Connection: close")))
    assert got == status, answer
    error = json.loads(answer)
    assert list(error) == ["success", "error"] and error["success"] is False
    assert word in error["error"]["message"].lower()
    assert quiet.status()["store"]["events"] == 0
    quiet.accept(message(2))


def test_duplicate_keys_the_last_wins(quiet, folder):
    body = b'{"event":"x","event":"messages.upsert",' + GOOD[len(b'{"event": "messages.upsert",'):]
    assert parse(raw(quiet.port, head(body, "Connection: close")))[0] == 202


def test_nul_in_a_string_is_kept_escaped(quiet, folder):
    quiet.accept(GOOD.replace(b"n=1", b"a\\u0000b"))
    line, = wait_for(lambda: whole_lines(f"{folder}/out.ndjson"))
    assert json.loads(line)["data"]["message"]["content"] == "a\0b"


def test_unknown_events_are_accepted_and_counted(quiet):
    answer = quiet.accept({"event": "presence.update", "data": {}})
    assert (answer["accepted"], answer["ignored"], answer["ids"]) == (0, 1, [])
    metrics = quiet.request("GET", "/metrics")[2].decode()
    assert 'hookswitch_ignored_events_total{source="evolution",event="presence.update"} 1' in metrics


@pytest.mark.parametrize("path,status", [
    ("/in/nobody/sales", 404), ("/in/evolution/nobody", 404), ("/in/evolution/", 404), ("/in/evolution", 404),
    ("/in/", 404), ("/", 404), ("/nothing", 404), ("/in/evolution/s%61les", 202), ("/in/evolution/sales%00", 400),
    ("/in/evolution/sal%zzes", 400), ("/in/evolution/../evolution/sales", 404), ("http://x/in/evolution/sales", 202),
    ("*", 400), ("/in/evolution/sales?a=b&c", 202), ("/in/evolution/sales/messages-upsert", 202)])
def test_paths(path, status, quiet):
    assert parse(raw(quiet.port, head(GOOD, "Connection: close", path=path)))[0] == status


@pytest.mark.parametrize("headers,query,status,word", [
    ({}, "", 401, "Missing token in header, Authorization header, or query parameter"),
    ({"token": "wrong"}, "", 401, "Invalid token"), ({"token": TOKEN + "x"}, "", 401, "Invalid token"),
    ({"token": ""}, "", 401, "Missing token in header"), ({"Authorization": f"Bearer {TOKEN}"}, "", 202, ""),
    ({"Authorization": f"bearer {TOKEN}"}, "", 202, ""), ({"authorization": TOKEN}, "", 202, ""),
    ({"TOKEN": TOKEN}, "", 202, ""), ({}, f"?x=1&token={TOKEN}", 202, ""), ({}, "?token=wrong", 401, "Invalid"),
    ({"token": "wrong"}, f"?token={TOKEN}", 401, "Invalid token")])
def test_credentials(headers, query, status, word, quiet):
    got, _, body = quiet.request("POST", f"/in/evolution/sales{query}", GOOD, headers)
    assert got == status and word in body.decode()


def test_who_has_no_token_does_not_learn_which_instances_exist(quiet):
    answers = {quiet.request("POST", f"/in/evolution/{name}", GOOD, {})[2] for name in ("sales", "nobody")}
    assert len(answers) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods(method, quiet):
    status, headers, _ = quiet.request(method, "/in/evolution/sales", None, {"token": TOKEN})
    assert status == 405 and headers["allow"] == "POST"


def test_content_type_explains_a_body_that_cannot_be_read(quiet):
    assert quiet.request("POST", "/in/evolution/sales", GOOD, {"token": TOKEN, "Content-Type": "text/plain"})[0] == 202
    status, _, body = quiet.request("POST", "/in/evolution/sales", b"a=b", {
        "token": TOKEN, "Content-Type": "application/x-www-form-urlencoded"})
    assert status == 415 and b"application/x-www-form-urlencoded" in body


def chunked(body, size, extension=b"", trailer=b""):
    out = b""
    for i in range(0, len(body), size):
        part = body[i:i + size]
        out += b"%x%s\r\n%s\r\n" % (len(part), extension, part)
    return out + b"0\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("data", [
    chunked(GOOD, 7), chunked(GOOD, 10000), chunked(GOOD, 50, b";name=value"), chunked(GOOD, 1),
    chunked(GOOD, 100, trailer=b"token: evil\r\n")])
def test_chunked_bodies(data, quiet):
    request = head(b"", "Transfer-Encoding: chunked", "Connection: close", length=False) + data
    assert parse(raw(quiet.port, request))[0] == 202


def test_chunked_body_over_the_limit(quiet):
    request = head(b"", "Transfer-Encoding: chunked", length=False) + chunked(b"x" * 70000, 1000)
    assert parse(raw(quiet.port, request))[0] == 413


@pytest.mark.parametrize("is_chunked", [False, True])
def test_who_sends_a_body_that_is_refused_to_its_end_still_reads_why(is_chunked, quiet):
    """As most clients do: a reset would reach them before they read, and with it no answer."""
    body = b"x" * (16 << 20)
    c = http.client.HTTPConnection("127.0.0.1", quiet.port, timeout=60)
    with contextlib.closing(c):
        c.request("POST", "/in/evolution/sales", iter([body]) if is_chunked else body, {"token": TOKEN},
                  encode_chunked=is_chunked)
        answer = c.getresponse()
        assert answer.status == 413 and b"large" in answer.read() and answer.getheader("Connection") == "close"
    quiet.accept(message(1))


@pytest.mark.parametrize("lines", [
    "POST /in/evolution/sales HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /in/evolution/sales HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "POST /in/evolution/sales HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST /in/evolution/sales HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "POST /in/evolution/sales HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "POST /in/evolution/sales HTTP/1.1\r\n\r\n",
    "POST /x HTTP/9.9\r\nHost: x\r\n\r\n", "garbage\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "GET / HTTP/1.1\nHost : x\r\n\r\n",
    "POST /in/evolution/sales HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "POST /in/evolution/sales HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\rXhello\r\n0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: x\r\n\rX",
    "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A:\r?Transfer-Encoding: chunked\r\n\r\n"])
def test_malformed_http_is_refused_and_the_connection_closed(lines, quiet):
    answer = raw(quiet.port, lines.encode("latin-1"), timeout=3)
    assert 400 <= parse(answer)[0] <= 505 and b"Connection: close" in answer
    quiet.accept(message(3))


def test_too_long_and_too_many_headers(quiet):
    assert parse(raw(quiet.port, head(GOOD, "X-Long: " + "a" * 5000)))[0] == 431
    many = [f"X-{i}: {i}" for i in range(150)]
    assert parse(raw(quiet.port, head(GOOD, *many)))[0] == 431


def test_slow_header_and_slow_body_time_out(quiet):
    assert parse(raw(quiet.port, head(GOOD)[:30], timeout=5))[0] == 408
    assert parse(raw(quiet.port, head(GOOD)[:-10], timeout=5))[0] == 408


def test_bytes_one_by_one(quiet):
    request = head(b'{"event":"x"}', "Connection: close")
    with socket.create_connection(("127.0.0.1", quiet.port), timeout=10) as s:
        for i in range(len(request)):
            s.send(request[i:i + 1])
        assert parse(s.recv(65536))[0] == 202


def test_pipelined_requests_are_answered_in_order(quiet):
    requests = [head(json.dumps(message(n)).encode()) for n in range(50)]
    requests[25] = head(b"broken")
    requests[-1] = head(json.dumps(message(49)).encode(), "Connection: close")
    answer = raw(quiet.port, b"".join(requests))
    statuses = [int(s) for s in re.findall(rb"HTTP/1\.1 (\d+)", answer)]
    assert statuses == [202] * 25 + [400] + [202] * 24
    assert quiet.status()["store"]["events"] == 49


def test_half_closed_connection_still_gets_its_answer(quiet):
    assert parse(raw(quiet.port, head(GOOD), half_close=True))[0] == 202


def test_http_1_0_and_expect_continue(quiet):
    old = head(GOOD).replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host: x\r\n", b"")
    assert b"202 Accepted" in raw(quiet.port, old)
    answer = raw(quiet.port, head(GOOD, "Expect: 100-continue", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202")


@pytest.mark.parametrize("begin, end", [
    (b"1;", b"\r\n{\r\n0\r\n\r\n"), (b"0\r\nx: ", b"\r\n\r\n"), (b"1\r\n{\r\n0\r\nx: ", b"\r\n\r\n")],
    ids=["extension", "trailer", "trailer of a body"])
def test_a_chunked_body_that_is_mostly_none_takes_no_memory(make_daemon, begin, end):
    daemon = make_daemon({})
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as s:
        s.sendall(head(b"", "Transfer-Encoding: chunked", length=False) + begin)
        s.sendall(b"a" * (1 << 20))
        before = daemon.rss_mib()
        for _ in range(64):
            s.sendall(b"a" * (1 << 20))
        assert daemon.rss_mib() < before + 16
        s.sendall(end)
        assert parse(s.recv(65536))[0] == 400
    daemon.accept(message(1))


@pytest.mark.threads
def test_idle_connections_past_the_limit_are_refused_politely(make_daemon):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = min(10000, files - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    daemon = make_daemon({}, server=f"max_connections = {limit}")
    idle, most = [], limit - 5
    # What is more than a listener may have waiting the kernel can lose. The questions come over connections of the
    # control socket, which count as well, and for a moment after they were answered.
    while len(idle) < most:
        idle += [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(min(200, most - len(idle)))]
        wait_for(lambda: daemon.status()["connections"] > len(idle))
    answers = []
    while not answers:
        idle.append(socket.create_connection(("127.0.0.1", daemon.port), timeout=SLOW))
        with contextlib.suppress(TimeoutError):
            answers.append(idle[-1].recv(65536))
    assert most + 3 <= len(idle) <= limit + 1
    status, body = parse(answers[0])
    assert status == 503 and b"Too many connections" in body
    idle[0].sendall(head(GOOD))
    assert parse(idle[0].recv(65536))[0] == 202
    for s in idle:
        s.close()
    wait_for(lambda: daemon.status()["connections"] < 10)
    daemon.accept(message(5))


def test_operations_routes(quiet):
    assert quiet.request("GET", "/healthz")[0] == 200
    assert quiet.request("GET", "/readyz")[0] == 200
    assert quiet.request("POST", "/metrics")[0] == 405
    assert quiet.request("GET", "/status")[0] == 404
    assert "SECRET" not in quiet.request("GET", "/metrics")[2].decode()
