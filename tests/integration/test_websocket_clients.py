# SPDX-License-Identifier: Apache-2.0
"""Client libraries that others wrote: python3-websockets, python3-aiohttp, node-ws."""
import asyncio
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from rig import SLOW, message, number_of, wait_for
from ws_rig import metric, token

COUNT = 20
NODE_MODULES = "/usr/share/nodejs"


@pytest.fixture
def daemon(make_daemon):
    return make_daemon({}, instance="websocket = yes", server="workers = 2",
                       websocket=f"heartbeat = {200 * SLOW}ms\npong_timeout = {600 * SLOW}ms")


def has_clients(daemon, n):
    return lambda: metric(daemon, "hookswitch_websocket_clients") == n


async def in_thread(function, *args):
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


async def drive(daemon, receive):
    """Outlives two PONG timeouts, then takes events."""
    async def post():
        await asyncio.sleep(1.3 * SLOW)
        assert has_clients(daemon, 1)()
        for i in range(COUNT):
            await in_thread(daemon.accept, message(i, text="é" * i * 1000))
    posting = asyncio.create_task(post())
    events = [json.loads(await asyncio.wait_for(receive(), 10 * SLOW)) for _ in range(COUNT)]
    assert [number_of(e) for e in events] == list(range(COUNT))
    await posting


def test_websockets(daemon):
    websockets = pytest.importorskip("websockets")

    async def main():
        url = f"ws://127.0.0.1:{daemon.port}/ws/sales?token={token()}"
        # It offers permessage-deflate by default, which is not taken.
        async with websockets.connect(url, ping_interval=0.1, ping_timeout=2) as ws:
            assert ws.extensions == []
            await ws.send("hello")
            await drive(daemon, ws.recv)
        assert ws.close_code == 1000
        await in_thread(wait_for, has_clients(daemon, 0))
        async with websockets.connect(url) as ws:
            await ws.send("x" * 5000)
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(ws.recv(), 10)
            assert ws.close_code == 1009
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            await websockets.connect(url + "x")
        assert refused.value.status_code == 401
        async with websockets.connect(url) as ws:
            await in_thread(daemon.stop)
            await asyncio.wait_for(ws.wait_closed(), 10)
            assert ws.close_code == 1001
    asyncio.run(main())


def test_aiohttp(daemon):
    aiohttp = pytest.importorskip("aiohttp")

    async def main():
        url = f"http://127.0.0.1:{daemon.port}/ws/sales"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token()}"}) as session:
            async with session.ws_connect(url) as ws:
                await drive(daemon, ws.receive_str)
            assert ws.close_code == 1000
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(url, headers={"Authorization": "wrong"})
            assert refused.value.status == 401
            async with session.ws_connect(url) as ws:
                await in_thread(daemon.stop)
                closing = await asyncio.wait_for(ws.receive(), 10)
                assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1001)
    asyncio.run(main())


SCRIPT = """
const WebSocket = require('ws')
const ws = new WebSocket(process.argv[1], {headers: {token: process.argv[2]}})
ws.on('open', () => ws.send('hello'))
ws.on('message', (data) => process.stdout.write(data + '\\n'))
ws.on('close', (code) => process.stdout.write('closed ' + code + '\\n'))
ws.on('unexpected-response', (request, response) => {
  process.stdout.write('refused ' + response.statusCode + '\\n')
  request.destroy()
})
"""


@pytest.mark.skipif(not shutil.which("node") or not pathlib.Path(NODE_MODULES, "ws").exists(),
                    reason="node-ws is not installed")
def test_node_ws(daemon):
    def start(instance, token_):
        return subprocess.Popen(
            ["node", "-e", SCRIPT, f"ws://127.0.0.1:{daemon.port}/ws/{instance}", token_],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "NODE_PATH": NODE_MODULES})
    with start("nobody", token()) as node:
        assert node.stdout.read() == "refused 404\n"
    with start("sales", token()) as node:
        wait_for(has_clients(daemon, 1))

        async def line():
            return await in_thread(node.stdout.readline)
        asyncio.run(drive(daemon, line))
        daemon.stop()
        assert node.stdout.read() == "closed 1001\n"
