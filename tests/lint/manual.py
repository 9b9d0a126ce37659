#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The pages of section 7 say what the code does (TAP): hookswitch-events(7) has every source plugin, every type,
and every provider's event that the fixtures make an event of; hookswitch-api(7) has every route, and no other, and so has openapi.json.
"""
import json
import os
import pathlib
import re

SOURCE = pathlib.Path(os.environ.get("HOOKSWITCH_SOURCE") or os.environ.get("srcdir") or ".")
BUILD = pathlib.Path(os.environ.get("HOOKSWITCH_BUILD") or ".")
EVENTS = (BUILD / "contrib/man/hookswitch-events.7").read_text()
API = (SOURCE / "contrib/man/hookswitch-api.7").read_text()
# Folders of fixtures whose plugin has another name.
MAPPED = {"green-api": "map", "twilio": "map", "ultramsg": "map", "z-api": "map"}
count = 0


def tell(name, missing):
    global count
    count += 1
    print(f"{'not ok' if missing else 'ok'} {count} - {name}" + (f": {sorted(missing)}" if missing else ""))


def words(text):
    """Of the names of a line "group.v2.join, .leave" the second is group.v2.leave."""
    found = set()
    before = ""
    for word in re.findall(r"[\w.-]+", text):
        found.add(word.lower())
        for join in (".", "_"):
            if word.startswith(join) and join in before:
                found.add((before.rsplit(join, 1)[0] + word).lower())
        if not word.startswith((".", "_")):
            before = word
    return found


def sections():
    parts = re.split(r"(?m)^\.Ss source-(\w+): .*\n", EVENTS[EVENTS.index(".Sh PROVIDERS"):])
    return dict(zip(parts[1::2], parts[2::2]))


def canonical_types():
    schema = json.loads((SOURCE / "sdk/hookswitch-envelope.schema.json").read_text())
    return schema["properties"]["event"]["enum"]


def members(name):
    """What the schema names in the data of this type."""
    schema = json.loads((SOURCE / "sdk/hookswitch-envelope.schema.json").read_text())["$defs"][name]
    wanted = set(schema["properties"])
    for part in schema["properties"].values():
        wanted |= set(part.get("enum", []))
    return wanted - {"message"}


def check_events():
    found = sections()
    plugins = {path.name.removeprefix("source-") for path in (SOURCE / "plugins").glob("source-*")
               if (path / "README").exists()}
    tell("every source has a section", plugins ^ set(found))
    tell("none is empty", {name for name, text in found.items() if text.count("\n") < 5})
    for name in canonical_types():
        part = re.search(rf"(?ms)^\.Ss {re.escape(name)}\n(.*?)^\.S[hs] ", EVENTS)
        tell(f"{name} has its members and their values",
             members(name) - set(re.findall(r"[\w]+", part[1])) if part else {"the section"})
    used = {}
    for path in (SOURCE / "tests/fixtures").glob("*/*.expected.json"):
        names = used.setdefault(MAPPED.get(path.parent.name, path.parent.name), set())
        names |= {event["provider_event"].lower() for event in json.loads(path.read_text())
                  if event["type"] and event.get("provider_event")}
    for plugin, names in sorted(used.items()):
        section = words(found.get(plugin, ""))
        tell(f"what the fixtures of {plugin} make events of is in its section",
             {name for name in names if name not in section and name.replace("_", ".") not in section})


def check_api():
    table = (SOURCE / "core/api.c").read_text()
    routes = {f"{method} {path.rstrip('/')}" for method, path in
              re.findall(r'\{ "([A-Z]+)", "(/[^"]*)",', table)}
    page = {re.sub(r"/[A-Z]+$", "", route).replace("/INSTANCE/", "/*/")
            for route in re.findall(r"Li ([A-Z]+ /(?:api|webhook|ws)\S*)", API)}
    assert len(routes) > 5
    tell("the routes of hookswitch-api(7) are those of the daemon", routes ^ page)
    described = {f"{method.upper()} {re.sub('/{[^/]*}$', '', path).replace('{instance}', '*')}" for path, methods in
                 json.loads((SOURCE / "contrib/openapi.json").read_text())["paths"].items()
                 for method in methods if path.startswith(("/api", "/webhook", "/ws"))}
    tell("the routes of openapi.json are those of the daemon", routes ^ described)


check_events()
check_api()
print(f"1..{count}")
