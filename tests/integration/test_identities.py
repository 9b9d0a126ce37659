# SPDX-License-Identifier: Apache-2.0
"""A LID that an event told together with its phone number is known from then on, for its instance."""
import json
import time

import pytest

from api_rig import ApiDaemon
from rig import SLOW, TOKEN, wait_for
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)

PHONE, LID = "5511988887777@s.whatsapp.net", "123456789012345@lid"
OTHER = "5511977776666@s.whatsapp.net"


def body(number, chat, **key):
    return {"event": "messages.upsert", "data": {
        "key": {"id": f"A{number}", "remoteJid": chat, "fromMe": False, **key},
        "message": {"conversation": f"n={number}"}, "messageTimestamp": 1795239228}}


def post(daemon, content, instance="sales"):
    status, _, answer = daemon.request("POST", f"/in/evolution/{instance}", json.dumps(content), {"token": TOKEN})
    assert status == 202, answer
    return json.loads(answer)


def chats(receiver, n):
    receiver.wait(n)
    return [e["data"]["chat"] for e in receiver.envelopes()]


def test_a_later_event_with_the_lid_alone_gets_the_number(webhook):
    daemon, receiver = webhook(options={"ordering": "none", "concurrency": 1}, instances=("sales", "other"))
    post(daemon, body(1, LID))
    first = post(daemon, body(2, LID, senderPn=PHONE))
    post(daemon, body(3, LID))
    post(daemon, body(4, LID), "other")
    assert chats(receiver, 4) == [
        {"jid": LID, "type": "private"}, {"jid": PHONE, "lid": LID, "type": "private"},
        {"jid": PHONE, "lid": LID, "type": "private"}, {"jid": LID, "type": "private"}]
    # Whatever is known: the same event has the same id.
    again = post(daemon, body(1, LID))
    assert again["duplicates"] == 1
    assert first["accepted"] == 1


def test_another_instance_of_the_name_knows_nothing_of_it(tmp_path, make_receiver):
    receiver = make_receiver()
    d = ApiDaemon(tmp_path).start()
    try:
        for n in (1, 3):
            d.ok("POST", "/api/instance/new", {"name": "shop", "webhookURL": receiver.url}, status=201)
            if n == 1:
                post(d, body(1, LID, senderPn=PHONE), "shop")
            post(d, body(n + 1, LID), "shop")
            receiver.wait(3 if n == 3 else 2)
            d.ok("DELETE", "/api/instance/delete/shop")
    finally:
        d.stop()
    known = {e["data"]["id"]: e["data"]["chat"]["jid"] for e in receiver.envelopes()}
    assert known == {"A1": PHONE, "A2": PHONE, "A4": LID}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_is_known_after_a_restart(webhook, how):
    daemon, receiver = webhook(options={"ordering": "none", "concurrency": 1})
    post(daemon, body(1, LID, senderPn=PHONE))
    post(daemon, body(2, "5511900000000@s.whatsapp.net"))
    time.sleep(0.3)
    getattr(daemon, how)()
    daemon.start()
    post(daemon, body(3, LID))
    wait_for(lambda: any(e["data"]["id"] == "A3" for e in receiver.envelopes()))
    last = [e for e in receiver.envelopes() if e["data"]["id"] == "A3"][0]
    assert last["data"]["chat"] == {"jid": PHONE, "lid": LID, "type": "private"}


def edited(number, chat, **key):
    return {"event": "messages.edited", "sender": PHONE, "data": {
        "key": {"id": f"A{number}", "remoteJid": chat, "fromMe": True, **key},
        "type": "MESSAGE_EDIT", "editedMessage": {"conversation": "new"}}}


def test_an_edit_by_the_other_side_is_not_ours_and_teaches_nothing_of_us(webhook):
    """Evolution's messages.edited has the key of the one who edited: it says fromMe of everybody."""
    daemon, receiver = webhook(options={"ordering": "none", "concurrency": 1})
    group, other = "120363421904721723@g.us", "987654321012345@lid"
    post(daemon, {**body(1, group, fromMe=True, participant=LID), "sender": PHONE})
    assert post(daemon, edited(2, LID))["ignored"] == 1
    post(daemon, edited(3, group, participant=other))
    post(daemon, edited(4, group, participant=LID))
    post(daemon, body(5, other))
    receiver.wait(4)
    data = [e["data"] for e in receiver.envelopes()]
    assert [(d["id"], d["direction"]) for d in data] == [
        ("A1", "outgoing"), ("A3", "incoming"), ("A4", "outgoing"), ("A5", "incoming")]
    assert data[1]["sender"] == {"jid": other}
    assert data[3]["chat"] == {"jid": other, "type": "private"}


def test_it_can_be_turned_off(webhook):
    daemon, receiver = webhook(options={"ordering": "none", "concurrency": 1}, ingest="identity = off")
    post(daemon, body(1, LID, senderPn=PHONE))
    post(daemon, body(2, LID))
    assert chats(receiver, 2)[1] == {"jid": LID, "type": "private"}


@pytest.mark.skipif(BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
def test_what_one_node_learns_the_others_know_within_a_second(make_nodes, make_receiver):  # noqa: F811
    """Also where another node has told of the same LID before."""
    receiver = make_receiver()
    nodes = make_nodes({"out": {"plugin": "webhook", "url": receiver.url}}).start("ab")

    def chat(name, number):
        post(nodes[name], body(number, LID))
        return wait_for(lambda: next((e["data"]["chat"] for e in receiver.envelopes()
                                      if e["data"]["id"] == f"A{number}"), None))
    assert chat("b", 1) == {"jid": LID, "type": "private"}
    for number, (learner, phone) in enumerate([("a", PHONE), ("b", OTHER), ("a", PHONE)], start=1):
        post(nodes[learner], body(number * 100, LID, senderPn=phone))
        time.sleep(SLOW)
        for name in "ab":
            assert chat(name, number * 100 + "-ab".index(name)) == {"jid": phone, "lid": LID, "type": "private"}
