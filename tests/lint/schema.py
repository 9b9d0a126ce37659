#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What sources are expected to emit fits the schema of the envelope (TAP): each `data` of the fixtures, and no
member that the schema does not name. Skipped without python3-jsonschema.
"""
import copy
import json
import os
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("1..0 # SKIP python3-jsonschema is missing")
    sys.exit(0)

SOURCE = pathlib.Path(os.environ.get("HOOKSWITCH_SOURCE") or os.environ.get("srcdir") or ".")
SCHEMA = json.loads((SOURCE / "sdk/hookswitch-envelope.schema.json").read_text())
RECEIVED = "2026-11-21T02:53:48.123Z"
count = 0


def tell(name, problem=None):
    global count
    count += 1
    print(f"{'not ok' if problem else 'ok'} {count} - {name}")
    for line in (problem or "").splitlines():
        print(f"# {line}")


def closed(schema):
    """The same without room for other members; receivers have to read past them, our own tests have not."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(part) for key, part in schema.items()}
    if found.get("type") == "object" and "properties" in found:
        found["additionalProperties"] = False
    return found


def problem_of(validator, value):
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    return error and f"{error.json_path}: {error.message[:300]}"


def with_time(value):
    return json.loads(json.dumps(value).replace('"$RECEIVED"', f'"{RECEIVED}"'))


def envelope(event, data):
    return {"event": event, "data": data, "id": "evt_" + "0" * 32, "receivedAt": RECEIVED,
            "instanceData": {"baseUrl": "http://127.0.0.1:8080", "instance": "sales"},
            "source": {"provider": "evolution", "event": "x", "index": 0, "count": 1}}


def main():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    tell("the schema is one")
    strict = jsonschema.Draft202012Validator(closed(SCHEMA))
    samples = {}
    for path in sorted((SOURCE / "tests/fixtures").glob("*/*.expected.json")):
        problems = []
        for event in json.loads(path.read_text()):
            if not event["type"]:
                continue
            whole = envelope(event["type"], with_time(event["data"]))
            samples.setdefault(event["type"], whole)
            # Of the type's own part, for its error says more than that of the choice.
            part = strict.evolve(schema={**strict.schema, "oneOf": [
                {"properties": {"data": {"$ref": f"#/$defs/{event['type']}"}}}]})
            problems.append(problem_of(part, whole) or problem_of(strict, whole))
        tell(path.relative_to(SOURCE / "tests/fixtures"), "\n".join(filter(None, problems)))
    types = SCHEMA["properties"]["event"]["enum"]
    tell("every type is in the fixtures", None if sorted(samples) == sorted(types) else str(sorted(samples)))
    for event, whole in samples.items():
        broken = copy.deepcopy(whole)
        del broken["data"]["timestamp"]
        tell(f"{event} without a timestamp is refused", None if problem_of(strict, broken) else "it is not")
        broken = {**whole, "event": next(other for other in types if other != event)}
        tell(f"{event} under another name is refused", None if problem_of(strict, broken) else "it is not")
        public = jsonschema.Draft202012Validator(SCHEMA)
        more = {**whole, "data": {**whole["data"], "later": 1}}
        tell(f"{event} may get members", problem_of(public, more))
        tell(f"{event} has no unknown ones", None if problem_of(strict, more) else "they pass")
    print(f"1..{count}")


main()
