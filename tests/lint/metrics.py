#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The alert rules and the dashboard name only metrics, labels and values that the sources have (TAP)."""
import json
import os
import pathlib
import re

SOURCE = pathlib.Path(os.environ.get("HOOKSWITCH_SOURCE") or os.environ.get("srcdir") or ".")
RULES = SOURCE / "contrib/prometheus/hookswitch.rules.yml"
DASHBOARD = SOURCE / "contrib/grafana/hookswitch.json"
count = 0


def tell(name, wrong):
    global count
    count += 1
    print(f"{'not ok' if wrong else 'ok'} {count} - {name}" + (f": {sorted(wrong)}" if wrong else ""))


def known_metrics():
    """metric_get() of the core; what plugins count is hookswitch_<kind>_<name>_total."""
    found = set()
    for path in sorted((SOURCE / "core").glob("*.c")):
        found |= set(re.findall(r'metric_get\(\s*"(hookswitch_\w+)"', path.read_text()))
    for path in sorted((SOURCE / "plugins").glob("*/*.c")):
        kind = path.parent.name.split("-")[0]
        found |= {f"hookswitch_{kind}_{name}_total" for name in
                  re.findall(r'host->count\(\s*[^,]+,\s*"(\w+)"', path.read_text())}
    return found


def known_labels():
    text = "".join(path.read_text() for path in sorted((SOURCE / "core").glob("*.c")))
    made = re.findall(r"struct metric_label labels?(?:\[\])? = (\{[^;]*);", text)
    return set(re.findall(r'\{ "(\w+)",', "".join(made))) | {"job"}


def used_metrics(text):
    return set(re.findall(r"\bhookswitch_\w+", text))


def used_labels(text):
    """Of {name="value"}, by (name), on (name), and {{ $labels.name }} or {{name}}."""
    found = set(re.findall(r'[{,]\s*(\w+)\s*(?:=~|!~|!=|=)\s*\\?"', text))
    for names in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", text):
        found |= {name.strip() for name in names.split(",")}
    return found | set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text))


def panels_of(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def main():
    rules = re.sub(r"(?m)^\s*#.*$", "", RULES.read_text())
    text = DASHBOARD.read_text()
    dashboard = json.loads(text)
    metrics, labels = known_metrics(), known_labels()
    tell("the sources have metrics and labels", set() if len(metrics) > 15 and {"sink", "source"} <= labels else {"few"})
    helps = re.findall(r'\{ "(hookswitch_\w+)",', (SOURCE / "core/metric_help.c").read_text())
    tell("each metric of the sources has a help, once", metrics ^ set(helps) if len(set(helps)) == len(helps) else {"twice"})
    for name, used in (("the rules", rules), ("the dashboard", text)):
        tell(f"there are metrics in {name}", set() if len(used_metrics(used)) > 5 else {"none"})
        tell(f"each metric in {name} exists", used_metrics(used) - metrics)
        tell(f"each label in {name} exists", used_labels(used) - labels)
        results = set(re.findall(r'result=\\?"(\w+)', used))
        tell(f"each result in {name} exists", results - {"delivered", "failed", "dead"})
    alerts = re.findall(r"(?m)^\s*- alert: (\w+)", rules)
    tell("alerts have names of their own", {name for name in alerts if alerts.count(name) > 1})
    panels = list(panels_of(dashboard))
    ids = [panel["id"] for panel in panels]
    tell("panels have ids of their own", {str(i) for i in ids if ids.count(i) > 1})
    tell("panels have queries", {panel["title"] for panel in panels if panel["type"] != "row" and not all(
        "hookswitch_" in target["expr"] or "up{" in target["expr"] for target in panel.get("targets") or [{"expr": ""}])})
    print(f"1..{count}")


main()
