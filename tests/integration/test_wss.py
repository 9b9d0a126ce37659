# SPDX-License-Identifier: Apache-2.0
"""The live stream under TLS: WebSocket clients of other makes, and `hookswitch tail`."""
import asyncio
import json
import pathlib
import signal
import ssl
import subprocess

import pytest

from rig import PROGRAM, SLOW, certificate, free_port, message, wait_for

websockets = pytest.importorskip("websockets")

INSTANCE_TOKEN = "sales-SECRET-instance"


class Wss:
    def __init__(self, folder, make_daemon, server=""):
        self.port = free_port()
        _, self.cert = certificate(folder)
        self.daemon = make_daemon(
            {}, server=f"listen_tls = 127.0.0.1:{self.port}\ntls_cert = {self.cert}\ntls_key = {folder}/key.pem\n{server}",
            start=False)
        text = self.daemon.ini.read_text()
        self.daemon.ini.write_text(text.replace("[instance sales]", "[instance sales]\nwebsocket = yes"))
        self.daemon.start()

    def connect(self, token=INSTANCE_TOKEN, **kwargs):
        return websockets.connect(
            f"wss://127.0.0.1:{self.port}/ws/sales", ssl=ssl.create_default_context(cafile=self.cert),
            extra_headers={"token": token}, max_size=None, **kwargs)

    def connections(self):
        text = self.daemon.request("GET", "/metrics")[2].decode()
        return int(next(line for line in text.splitlines() if line.startswith("hookswitch_http_connections ")).split()[1])


@pytest.fixture
def wss(folder, make_daemon):
    return lambda **kwargs: Wss(folder, make_daemon, **kwargs)


def post(w, n, **kwargs):
    return asyncio.to_thread(w.daemon.accept, message(n, **kwargs))


def test_events_arrive_small_and_large(wss):
    w = wss()

    async def run():
        async with w.connect() as c:
            for n, size in enumerate([5, 3_000_000, 20, 16384, 70_000]):
                await post(w, n, text="x" * size)
                event = json.loads(await asyncio.wait_for(c.recv(), 20 * SLOW))
                assert len(event["data"]["message"]["content"]) == size
            await (await c.ping(b"there?"))
    asyncio.run(run())
    wait_for(lambda: w.connections() == 1, what="the connection is given back")


@pytest.mark.threads
def test_many_clients_and_many_events(wss):
    w = wss()

    async def follow(c):
        return [json.loads(await asyncio.wait_for(c.recv(), 30 * SLOW))["data"]["id"] for _ in range(100)]

    async def run():
        clients = [await w.connect() for _ in range(20)]
        tasks = [asyncio.create_task(follow(c)) for c in clients]
        for n in range(100):
            await post(w, n)
        for ids in await asyncio.gather(*tasks):
            assert ids == [f"TEST{n:08d}" for n in range(100)]
        await asyncio.gather(*(c.close() for c in clients))
    asyncio.run(run())
    wait_for(lambda: w.connections() == 1)


def test_refusals_come_through_tls(wss):
    w = wss()

    async def run():
        with pytest.raises(websockets.InvalidStatusCode, match="401"):
            await w.connect(token="wrong")
    asyncio.run(run())


def test_a_stop_is_told_with_1001(wss):
    w = wss()

    async def run():
        async with w.connect() as c:
            stop = asyncio.create_task(asyncio.to_thread(w.daemon.stop))
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(c.recv(), 20 * SLOW)
            assert c.close_code == 1001
            await stop
    asyncio.run(run())


@pytest.mark.threads
def test_a_client_that_vanishes_leaves_nothing(wss):
    w = wss()

    async def run():
        c = await w.connect()
        c.transport.abort()
    asyncio.run(run())
    wait_for(lambda: w.connections() == 1, what="the connection is given back")
    folder = pathlib.Path(f"/proc/{w.daemon.process.pid}/fd")
    before = len(list(folder.iterdir()))
    for _ in range(5):
        asyncio.run(run())
    wait_for(lambda: len(list(folder.iterdir())) <= before, what="no descriptor is left")


@pytest.mark.threads
def test_a_reader_that_does_not_read_is_dropped(wss):
    w = wss()

    async def run():
        c = await w.connect(max_queue=1, ping_interval=None)
        c.transport.pause_reading()
        for n in range(12):
            await post(w, n, text="x" * 8_000_000)
        await asyncio.to_thread(wait_for, lambda: w.connections() == 1, 60)
        c.transport.abort()
    asyncio.run(run())


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_tail_shows_what_comes_in(wss, scheme):
    w = wss()
    port = w.port if scheme == "wss" else w.daemon.port
    p = subprocess.Popen([PROGRAM, "tail", "--url", f"{scheme}://127.0.0.1:{port}", "--cacert", w.cert, "-t", INSTANCE_TOKEN,
                          "sales"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"connected" in p.stderr.readline()
    w.daemon.accept(message(1, text="hello"))
    assert p.stdout.readline().decode().rstrip().endswith(": hello")
    p.send_signal(signal.SIGINT)
    assert p.wait(20) == 0
