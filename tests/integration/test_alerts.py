# SPDX-License-Identifier: Apache-2.0
"""The alert rules by Prometheus itself: on series of hours that are made up, and scraped from a real daemon."""
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

from rig import SLOW, free_port, message, wait_for
from sdk_rig import SOURCE

RULES = SOURCE / "contrib/prometheus/hookswitch.rules.yml"
pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="without Prometheus")

UP, SINK = 'up{job="hookswitch"}', '{sink="crm"}'
LAG, CIRCUIT = "hookswitch_sink_lag_events" + SINK, "hookswitch_sink_circuit" + SINK
DISABLED, RETRYING = "hookswitch_sink_disabled_total" + SINK, "hookswitch_sink_retrying_events" + SINK
ACCEPTED = 'hookswitch_accepted_events_total{source="evolution"}'
REFUSED = 'hookswitch_refused_requests_total{source="evolution"}'
EVENTS = 'hookswitch_events_total{instance="sales"}'


def deliveries(result):
    return f'hookswitch_deliveries_total{{result="{result}",sink="crm"}}'


# For each alert: series, a value a minute, after which it fires; when that is, in minutes; the labels that tell what it
# is about; and the same on a day when all is well, or when another alert is the right one.
ALERTS = {
    "HookswitchDown": ({UP: "1x5 0x10"}, 8.1, {"job": "hookswitch"}, {UP: "1x5 0 1x10"}),
    "HookswitchWorkerHangs": ({UP: "1x20 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1"}, 37, {"job": "hookswitch"},
                              {UP: "1x20 0 1x20"}),
    "HookswitchRestarts": ({"hookswitch_http_requests_total": "5 9 2 9 1 9 3 9"}, 7, {},
                           {"hookswitch_http_requests_total": "5 9 2 9 11 19 23 29"}),
    "HookswitchDestinationHeld": ({CIRCUIT: "0x5 1 2 1 1 1 1 1 1 1"}, 12, {"sink": "crm"}, {CIRCUIT: "0x5 1 1 1 0 0 0 0"}),
    "HookswitchDestinationFailing": (
        {RETRYING: "3x20", deliveries("delivered"): "7x20", CIRCUIT: "0x20"}, 18, {"sink": "crm"},
        {RETRYING: "3x20", deliveries("delivered"): "7+1x20", CIRCUIT: "0x20"}),
    "HookswitchDestinationDisabled": ({DISABLED: "0x80 1x60"}, 100, {"sink": "crm"}, {DISABLED: "1x300"}),
    "HookswitchDestinationBehind": ({LAG: "0+300x30"}, 25, {"sink": "crm"}, {LAG: "0 5000 0 5000 0 5000 0x30"}),
    "HookswitchDestinationStuck": (
        {LAG: "4x30", deliveries("delivered"): "9x30", CIRCUIT: "0x30"}, 25, {"sink": "crm"},
        {LAG: "4x30", deliveries("failed"): "9+1x30", CIRCUIT: "0x30"}),
    "HookswitchManyRetries": (
        {deliveries("failed"): "0+3x40", deliveries("delivered"): "0+7x40"}, 38, {"sink": "crm"},
        {deliveries("failed"): "0+1x40", deliveries("delivered"): "0+9x40"}),
    "HookswitchDeadLetters": ({deliveries("dead"): "0x5 1x5"}, 8, {"sink": "crm"}, {deliveries("dead"): "1x10"}),
    "HookswitchStoreDown": ({"hookswitch_store_up": "1x5 0x10"}, 9, {}, {"hookswitch_store_up": "1x5 0 1 0 1 0 1 1 1 1"}),
    "HookswitchStoreFails": (
        {REFUSED: "0x80 0+9x20", ACCEPTED: "0+5x80 400x20"}, 95, {}, {REFUSED: "0x80 0+9x20", ACCEPTED: "0+5x100"}),
    "HookswitchRefusesRequests": ({REFUSED: "0+12x60"}, 40, {"source": "evolution"}, {REFUSED: "0+3x60"}),
    "HookswitchRefusesConnections": ({"hookswitch_http_refused_total": "0+90x30"}, 20, {},
                                     {"hookswitch_http_refused_total": "0+30x30"}),
    "HookswitchInstanceSilent": (
        {EVENTS: "0+1x1440 1440x1000"}, 1900, {"instance": "sales"}, {EVENTS: "0+1x2440"}),
}


def fires(folder, alert, series, minutes, labels):
    """Whether it, and with these labels, fires then."""
    name = f"ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}"
    test = {"rule_files": [str(RULES)], "evaluation_interval": f"{max(1, int(minutes) // 100)}m", "tests": [{
        "interval": "1m", "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [{"expr": f"count by ({', '.join(labels)}) ({name})", "eval_time": f"{int(minutes * 60)}s",
                              "exp_samples": [{"labels": "{" + ", ".join(f'{k}="{v}"' for k, v in labels.items()) + "}",
                                               "value": 1}]}]}]}
    file = f"{folder}/{alert}.json"
    with open(file, "w") as out:
        json.dump(test, out)
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0 or "got: nil" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode == 0


def test_every_alert_is_tried():
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert done.returncode == 0 and f"SUCCESS: {len(ALERTS)} rules found" in done.stdout, done.stdout + done.stderr
    assert re.findall(r"(?m)^ *- alert: (\w+)", RULES.read_text()) == list(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_it_fires_when_it_should_and_only_then(folder, alert):
    series, minutes, labels, quiet = ALERTS[alert]
    assert fires(folder, alert, series, minutes, labels)
    assert not fires(folder, alert, quiet, minutes, labels)


class Prometheus:
    """It scrapes the daemon each second, as the rules' head says."""

    def __init__(self, folder, daemon):
        example = re.findall(r"(?m)^#     (.*)$", RULES.read_text())
        text = "\n".join(re.sub(r"  # .*", "", line) for line in example)
        text = text.replace("hookswitch.rules.yml", str(RULES)).replace(":8080", f":{daemon.port}")
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n" + text + "\n")
        self.port = free_port()
        self.log = open(folder / "prometheus.log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self.log, stderr=self.log)

    def get(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def value(self, expression):
        """Of one series; None: there is none."""
        data = self.get("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and len(data["result"]) == 1 else None

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.mark.skipif(SLOW > 1, reason="Prometheus is not ours")
def test_prometheus_reads_the_metrics_of_a_daemon(webhook, folder, tmp_path, request):
    daemon, receiver = webhook()
    prometheus = Prometheus(tmp_path, daemon)
    request.addfinalizer(prometheus.stop)
    for number in range(5):
        daemon.accept(message(number))
    receiver.wait(5)
    events = 'hookswitch_events_total{instance="sales"}'
    wait_for(lambda: prometheus.value(events) == 5, what="the events of an instance, under its own name")
    wait_for(lambda: prometheus.value('hookswitch_deliveries_total{sink="out",result="delivered"}') == 5)
    wait_for(lambda: prometheus.value("up") == 1 and prometheus.value("hookswitch_store_up") == 1)
    receiver.behave = lambda arrival, connection: 503
    for number in range(5, 20):
        daemon.accept(message(number, chat=number))
    wait_for(lambda: (prometheus.value('hookswitch_sink_circuit{sink="out"}') or 0) > 0, what="the circuit is open")

    def health():
        return [rule["health"] for group in (prometheus.get("rules") or {"groups": []})["groups"] for rule in group["rules"]]
    wait_for(lambda: health() == ["ok"] * len(ALERTS), what="the rules are evaluated, and all is well with them")
    metrics = daemon.request("GET", "/metrics")[2].decode()
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr
