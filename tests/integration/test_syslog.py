# SPDX-License-Identifier: Apache-2.0
"""sink-syslog against the collectors of Debian."""
import contextlib
import json
import pathlib
import re
import socket

import pytest

from collectors import Rsyslog, SyslogNg
from rig import certificate, free_port, message, wait_for

LOCAL3_INFO, LOCAL3_NOTICE = 19 * 8 + 6, 19 * 8 + 5
RETRY = {"retry": ", ".join(["200ms"] * 15), "probe_interval": "200ms"}


def answers(port):
    def ready():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False
    return ready


def bound(port):
    """Whether somebody has the UDP port. To bind it, to see that, would keep it from who wants it."""
    def ready():
        return f" 0100007F:{port:04X} " in pathlib.Path("/proc/net/udp").read_text()
    return ready


def rsyslog(folder, transport):
    port, path = free_port(), f"{folder}/rsyslog.sock"
    if transport == "unix":
        return (Rsyslog(folder, 'module(load="imuxsock" SysSock.Use="off")\n'
                        f'input(type="imuxsock" Socket="{path}" UseSpecialParser="off" ParseHostname="on")'),
                f"unix:{path}", pathlib.Path(path).exists)
    if transport == "udp":
        return (Rsyslog(folder, 'module(load="imudp")\n'
                        f'input(type="imudp" address="127.0.0.1" port="{port}")'),
                f"udp://127.0.0.1:{port}", bound(port))
    tls = ""
    if transport == "tls":
        tls = 'StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"'
    return (Rsyslog(folder, (f'global(DefaultNetstreamDriverCAFile="{folder}/cert.pem" '
                             f'DefaultNetstreamDriverCertFile="{folder}/cert.pem" '
                             f'DefaultNetstreamDriverKeyFile="{folder}/key.pem")\n' if tls else "") +
                    f'module(load="imtcp" {tls})\ninput(type="imtcp" address="127.0.0.1" port="{port}")'),
            f"{transport}://127.0.0.1:{port}", answers(port))


def syslog_ng(folder, transport):
    port, path = free_port(), f"{folder}/syslog-ng.sock"
    if transport in ("unix", "unix-stream"):
        driver = "unix-dgram" if transport == "unix" else "unix-stream"
        return (SyslogNg(folder, f'{driver}("{path}" flags(syslog-protocol));'), f"unix:{path}",
                pathlib.Path(path).exists)
    tls = f'tls(key-file("{folder}/key.pem") cert-file("{folder}/cert.pem") peer-verify(optional-untrusted))'
    return (SyslogNg(folder, f'syslog(ip(127.0.0.1) port({port}) transport("{transport}") '
                     f'{tls if transport == "tls" else ""});'),
            f"{transport}://127.0.0.1:{port}", bound(port) if transport == "udp" else answers(port))


KINDS = {"rsyslog": rsyslog, "syslog-ng": syslog_ng}
ALL = [(kind, transport) for kind in KINDS for transport in ("unix", "udp", "tcp", "tls")]


@pytest.fixture
def collect(folder):
    """A collector that runs, and the target it is reached by."""
    certificate(folder)
    with contextlib.ExitStack() as stack:
        def make(kind, transport):
            collector, target, ready = KINDS[kind](folder, transport)
            stack.callback(collector.stop)
            collector.ready = ready
            return collector.start(ready), target
        yield make


def sink(target, folder, **options):
    if target.startswith("tls:"):
        options["ca_file"] = f"{folder}/cert.pem"
    return {"siem": {"plugin": "syslog", "target": target, "facility": "local3", "hostname": "whatsapp.example",
                     **RETRY, **options}}


@pytest.mark.parametrize("kind,transport", ALL + [("syslog-ng", "unix-stream")])
def test_a_collector_reads_every_part_of_a_message(kind, transport, collect, make_daemon, folder):
    collector, target = collect(kind, transport)
    daemon = make_daemon(sink(target, folder, severity="message.exchange: notice, debug"))
    text = 'Bom dia ☕ "é" ] \\ \n zwei'
    event_id = daemon.accept(message(1, text=text))["ids"][0]
    got = collector.wait(1)[0]
    assert int(got["pri"]) == LOCAL3_NOTICE
    assert (got["host"], got["app"], got["msgid"]) == ("whatsapp.example", "hookswitch", "message.exchange")
    params = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', got["data"]))
    params.pop("sequenceId", None)  # syslog-ng's own
    assert params == {"instance": "sales", "event": "message.exchange", "id": event_id,
                      "chat": "5511900000000@s.whatsapp.net"}
    assert "hookswitch@32473" in got["data"]
    envelope = json.loads(got["msg"])
    assert envelope["id"] == event_id
    assert envelope["data"]["message"]["content"] == text
    assert "token" not in envelope["instanceData"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", ("udp", "unix"))
def test_a_collector_reads_the_older_format(kind, transport, collect, make_daemon, folder):
    if transport == "unix":
        path = f"{folder}/log.sock"
        made = {"rsyslog": lambda: Rsyslog(folder, 'module(load="imuxsock" SysSock.Use="off")\n'
                                           f'input(type="imuxsock" Socket="{path}")'),
                "syslog-ng": lambda: SyslogNg(folder, f'unix-dgram("{path}");')}[kind]()
        ready, target = pathlib.Path(path).exists, f"unix:{path}"
    else:
        port = free_port()
        made = {"rsyslog": lambda: Rsyslog(folder, 'module(load="imudp")\n'
                                           f'input(type="imudp" address="127.0.0.1" port="{port}")'),
                "syslog-ng": lambda: SyslogNg(folder, f'network(ip(127.0.0.1) port({port}) transport("udp"));')
                }[kind]()
        ready, target = bound(port), f"udp://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        stack.callback(made.stop)
        made.start(ready)
        daemon = make_daemon(sink(target, folder, format="rfc3164", message="text"))
        event_id = daemon.accept(message(1, text="Bom dia"))["ids"][0]
        got = made.wait(1)[0]
    assert int(got["pri"]) == LOCAL3_INFO
    assert got["app"] == "hookswitch"
    if transport == "udp":
        assert got["host"] == "whatsapp.example"
    assert f"instance=sales event=message.exchange event_id={event_id} " in got["msg"]
    assert 'message.content="Bom dia"' in got["msg"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", ("tcp", "tls", "unix"))
def test_a_collector_that_is_started_anew_misses_nothing(kind, transport, collect, make_daemon, folder):
    collector, target = collect(kind, transport)
    daemon = make_daemon(sink(target, folder))
    for number in range(20):
        daemon.accept(message(number))
    collector.wait(20)
    for round in range(1, 4):
        collector.stop()
        for number in range(10):
            daemon.accept(message(round * 100 + number))
        collector.start(collector.ready)
        for number in range(10, 20):
            daemon.accept(message(round * 100 + number))
        wait_for(lambda: daemon.sink("siem")["delivered"] == 20 * (round + 1), 30, "all are delivered")
    numbers = [int(json.loads(f["msg"])["data"]["id"][4:]) for f in collector.wait(80)]
    wanted = [r * 100 + n for r in range(4) for n in range(20)]
    assert sorted(set(numbers)) == wanted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", ("tcp", "tls", "unix"))
def test_after_an_outage_the_order_is_the_journals(kind, transport, collect, make_daemon, folder):
    collector, target = collect(kind, transport)
    daemon = make_daemon(sink(target, folder, retry="1h", probe_interval="500ms"))
    daemon.accept(message(0))
    collector.wait(1)
    sent = 1
    for few in (5, 60, 5):
        collector.stop()
        for number in range(sent, sent + few):
            daemon.accept(message(number, chat=number % 7))
        wait_for(lambda: daemon.sink("siem")["circuit"] == "open", 10, "the outage is seen")
        assert daemon.sink("siem")["retrying"] == 0
        collector.start(collector.ready)
        for number in range(sent + few, sent + few + 20):
            daemon.accept(message(number, chat=number % 7))
        sent += few + 20
        wait_for(lambda: daemon.sink("siem")["delivered"] == sent, 30, "the outage is over")
    numbers = [int(json.loads(f["msg"])["data"]["id"][4:]) for f in collector.wait(sent)]
    assert list(dict.fromkeys(numbers)) == list(range(sent))


def test_a_certificate_for_another_host_gets_nothing(collect, make_daemon, folder):
    collector, target = collect("rsyslog", "tls")
    daemon = make_daemon(sink(target.replace("127.0.0.1", "localhost"), folder))
    daemon.accept(message(1))
    wait_for(lambda: "certificate: hostname mismatch" in daemon.log_text().lower(), 20, "the log says why")
    assert collector.fields() == []
