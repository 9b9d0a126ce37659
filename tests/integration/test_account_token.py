# SPDX-License-Identifier: Apache-2.0
"""Another account token: who came with the one before is sent away, and sees nothing that comes later."""
import socket

import pytest

from api_rig import ACCOUNT
from rig import SLOW, message, number_of
from test_reload import LIVE, edit, reload
from test_websocket_api import Producer, Reader
from ws_rig import CLOSE, Client, upgrade_request

CHANGED = "the account token was changed"
ASKED_OFTEN = {"api": "rate_limit = none", "instance": LIVE}


def of_account(daemon, token=ACCOUNT):
    return Client(daemon, headers={"token": token})


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 3])
def test_its_clients_are_sent_away_and_those_with_the_instance_s_token_stay(make_api, workers):
    daemon = make_api(server=f"workers = {workers}", **ASKED_OFTEN)
    own, account = [Client(daemon) for _ in range(6)], [of_account(daemon) for _ in range(6)]
    daemon.accept(message(1))
    edit(daemon, ACCOUNT, "other-SECRET")
    assert reload(daemon)["changed"] == ["[api] account_token changed"]
    daemon.accept(message(2))
    for client in account:
        assert number_of(client.event()) == 1
        assert client.receive() == (CLOSE, b"\x03\xe9" + CHANGED.encode()), "nothing but the end follows"
    later = of_account(daemon, "other-SECRET")
    daemon.accept(message(3))
    for client in own:
        assert [number_of(client.event()) for _ in range(3)] == [1, 2, 3]
    assert number_of(later.event()) == 3
    assert "SECRET" not in daemon.log_text()


def test_a_client_whose_request_came_in_two_parts_is_sent_away_as_well(make_api):
    """Its request is freed with the connection that is given up, as another one is kept by then for the next."""
    daemon = make_api(server="workers = 1", **ASKED_OFTEN)
    request = upgrade_request(headers={"token": ACCOUNT})
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10 * SLOW) as client:
        client.sendall(request[:40])
        for _ in range(3):
            assert daemon.request("GET", "/healthz")[0] == 200
        client.sendall(request[40:])
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
        edit(daemon, ACCOUNT, "other-SECRET")
        reload(daemon)
        assert CHANGED.encode() in client.recv(4096)


def test_it_is_removed_and_nothing_else_of_api_sends_anybody_away(make_api):
    daemon = make_api(**ASKED_OFTEN)
    own, account = Client(daemon), of_account(daemon)
    edit(daemon, "rate_limit = none", "rate_limit = 9000/min")
    assert reload(daemon)["changed"] == ["[api] rate_limit changed"]
    assert own.is_alive() and account.is_alive()
    edit(daemon, f"account_token = {ACCOUNT}\n", "")
    reload(daemon)
    assert account.closing() == 1001 and account.reason == CHANGED
    assert own.is_alive()


def test_a_file_with_errors_sends_nobody_away(make_api):
    daemon = make_api(**ASKED_OFTEN)
    client = of_account(daemon)
    edit(daemon, ACCOUNT, "other-SECRET\nnosuch = 1")
    assert not reload(daemon, 1)["success"]
    assert client.is_alive()


@pytest.mark.threads
def test_no_event_comes_after_the_answer_while_events_flow(make_api):
    daemon = make_api(server="workers = 3", **ASKED_OFTEN)
    producer, token = Producer(daemon, "sales", 1), ACCOUNT
    for turn in range(8):
        readers = [Reader(daemon, "sales", token) for _ in range(3)]
        keeper, last = Client(daemon), 10_000_000 + turn
        after = f"turn-{turn}-SECRET"
        edit(daemon, token, after)
        reload(daemon)
        daemon.accept(message(last))
        for reader in readers:
            reader.join(20 * SLOW)
            assert reader.code == 1001 and last not in reader.numbers()
        while number_of(keeper.event()) != last:
            pass
        keeper.close()
        token = after
    producer.stop()
