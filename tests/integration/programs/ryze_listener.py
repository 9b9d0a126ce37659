# SPDX-License-Identifier: Apache-2.0
"""A bot's connection to RyzeAPI, as its users write them; of hookswitch it knows the base URL alone.

RYZE_URL, RYZE_INSTANCE, RYZE_TOKEN; HEARTBEAT_SECONDS: 25 where it is not set. One line of JSON for each event, as the
bot knows it.
"""
import asyncio
import json
import os
import sys
import urllib.request

import websockets

BASE = os.environ["RYZE_URL"].rstrip("/")
INSTANCE = os.environ["RYZE_INSTANCE"]
TOKEN = os.environ["RYZE_TOKEN"]
HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT_SECONDS", "25"))
SETTINGS = {"enabled": True, "events": ["message.exchange", "message.status", "instance.state"], "mediaBase64": True}


def api(method, path, body=None):
    request = urllib.request.Request(
        BASE + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"token": TOKEN, "Content-Type": "application/json", "Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=15) as response:
        answer = json.load(response)
    if answer.get("success") is not True:
        raise RuntimeError(answer.get("error", {}).get("message", "unknown error"))
    return answer


def ensure_websocket():
    if api("GET", f"/api/events/getWebsocket/{INSTANCE}")["websocket"] != SETTINGS:
        api("POST", f"/api/events/websocket/{INSTANCE}", SETTINGS)
    found = api("GET", f"/api/events/getWebsocket/{INSTANCE}")["websocket"]
    if found != SETTINGS:
        raise RuntimeError(f"the configuration was not taken: {found}")


def phone_of(jid):
    user, _, server = (jid or "").partition("@")
    return user if server == "s.whatsapp.net" and user.isdigit() else None


def normalize_message(data):
    message, chat, sender = data["message"], data["chat"], data.get("sender") or {}
    media = message.get("media") or {}
    return {
        "id": data["id"], "at": data["timestamp"], "mine": data["direction"] == "outgoing",
        "chat": chat["jid"], "is_group": chat["type"] == "group", "phone": phone_of(sender.get("jid")),
        "name": sender.get("name"), "kind": message["type"], "text": message["content"],
        "reply_to": (data.get("reply") or {}).get("message_id"),
        "mentions": (data.get("mentions") or {}).get("mentionedUsers", []),
        "media": {"type": media["type"], "mimetype": media["mimetype"], "base64": media.get("base64"),
                  "url": media.get("url") or media.get("s3Url")} if media else None,
        "reaction": message["reaction"] and {"text": message["reaction"]["text"], "to": message["reaction"]["message_id"]},
        "edited": message["isEdit"], "forwarded": message["isForwarded"]}


def normalize(envelope):
    event, data = envelope["event"], envelope["data"]
    if event == "message.exchange":
        what = normalize_message(data)
    elif event == "message.status":
        what = {"ids": data["messageIds"], "status": data["status"], "chat": data["chat"]["jid"]}
    else:
        what = {"state": data["state"]}
    return {"event": event, "instance": envelope["instanceData"]["instance"], **what}


async def heartbeat(ws):
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await asyncio.wait_for(await ws.ping(), HEARTBEAT_SECONDS)
        print(json.dumps({"event": "heartbeat"}), flush=True)


async def listen():
    url = f"{BASE.replace('http', 'ws', 1)}/ws/{INSTANCE}"
    async with websockets.connect(url, extra_headers={"token": TOKEN}, ping_interval=None, max_size=None) as ws:
        print(json.dumps({"event": "connected"}), flush=True)
        beating = asyncio.create_task(heartbeat(ws))
        try:
            async for text in ws:
                envelope = json.loads(text)
                if envelope["instanceData"]["token"] == TOKEN:
                    print(json.dumps(normalize(envelope)), flush=True)
        finally:
            beating.cancel()
    print(json.dumps({"event": "closed", "code": ws.close_code}), flush=True)


if __name__ == "__main__":
    try:
        ensure_websocket()
        asyncio.run(listen())
    except (OSError, RuntimeError, websockets.WebSocketException) as e:
        sys.exit(f"{type(e).__name__}: {e}")
