# SPDX-License-Identifier: Apache-2.0
"""contrib/openapi.json, held against what the daemon answers: every answer that a test gets by Daemon.request."""
import functools
import json
import pathlib
import re

try:
    import jsonschema
except ImportError:
    jsonschema = None

SPEC = json.loads((pathlib.Path(__file__).resolve().parents[2] / "contrib/openapi.json").read_text())
METHODS = ("get", "put", "post", "delete")
# Of HTTP, not of an answer.
PLAIN_HEADERS = {"connection", "content-length", "content-type", "date", "transfer-encoding"}
OF_ANY_PATH = (408, 431)
# What follows in the path is the source's.
OPEN_PATHS = ("/in/{source}/{instance}", "/in/{source}")
# Refused for its Origin: without a body, as RyzeAPI does it.
MAY_BE_EMPTY = ("get", "/ws/{instance}", 403)
reached = set()     # (method, path, status) of this process


def closed(schema):
    """A schema that allows no member which it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(part) for key, part in schema.items()}
    if schema.get("type") == "object" or isinstance(schema.get("properties"), dict):
        result.setdefault("additionalProperties", False)
    return result


SCHEMAS = closed(SPEC["components"]["schemas"])


def resolve(part):
    while "$ref" in part:
        part = functools.reduce(lambda at, key: at[key], part["$ref"][2:].split("/"), SPEC)
    return part


def operations():
    """(method, path, operation) of the document."""
    return [(method, path, item[method]) for path, item in SPEC["paths"].items() for method in METHODS
            if method in item]


def pattern(path):
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + ("(/.*)?" if path in OPEN_PATHS else ""))


# Those of the ways in that are shorter are met last: they end openly.
PATTERNS = [(pattern(path), path) for path in sorted(SPEC["paths"], key=len, reverse=True)]


@functools.cache
def validator(method, path, status, content_type):
    schema = resolve(SPEC["paths"][path][method]["responses"][str(status)])["content"][content_type].get("schema", {})
    return jsonschema.Draft202012Validator({**closed(schema), "components": {"schemas": SCHEMAS}})


def body_trouble(key, content, headers, body):
    kind = headers.get("content-type", "").split(";")[0]
    if not body and (not content or key == MAY_BE_EMPTY):
        return None
    if kind not in content:
        return f"content type {kind} is not listed"
    if kind != "application/json":
        return None
    error = jsonschema.exceptions.best_match(validator(*key, kind).iter_errors(json.loads(body)))
    return error and f"{error.json_path}: {error.message}"


def trouble(method, path, status, headers, body):
    """What the document does not say of the answer, or says otherwise; None: nothing."""
    plain = path.split("?")[0]
    known = next((name for whole, name in PATTERNS if whole.fullmatch(plain)), None)
    if status in OF_ANY_PATH:
        return None
    if known is None:
        return "the path is not listed" if status < 400 else None
    is_head, method = method == "HEAD", method.lower().replace("head", "get")
    if method not in SPEC["paths"][known]:
        return None if status in (405, 429) else "the method is not listed"
    responses = SPEC["paths"][known][method]["responses"]
    if is_head and status == 405:
        return None
    if str(status) not in responses:
        return "the status is not listed"
    response, key = resolve(responses[str(status)]), (method, known, status)
    unknown = set(headers) - PLAIN_HEADERS - {name.lower() for name in response.get("headers", {})}
    if unknown:
        return f"headers that are not listed: {', '.join(sorted(unknown))}"
    found = None if is_head else body_trouble(key, response.get("content", {}), headers, body)
    if found is None:
        reached.add(key)
    return found


def check(method, path, status, headers, body):
    found = jsonschema and trouble(method, path, status, headers, body)
    assert not found, f"openapi.json: {method} {path} {status}: {found}: {body[:500]}"
