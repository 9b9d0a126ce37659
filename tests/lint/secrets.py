#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Credentials that come with a request are compared by secret_equal, secret_is or CRYPTO_memcmp, whose time does not
tell where two differ, and by nothing that ends at the first byte. That this would be found is tried on changed copies
of the sources."""
import os
import pathlib
import re

TOP = pathlib.Path(os.environ["HOOKSWITCH_SOURCE"])
EARLY = r"\b(?:strn?cmp|strn?casecmp|memcmp|memmem|strstr|bcmp|str_is|str_equal|text_equal)\("
STEADY = ("secret_equal", "secret_is", "CRYPTO_memcmp")
# What an expression ends with that is a credential, or may be one that was given.
CREDENTIAL = re.compile(
    r"\b(?:(?:\w+_)?(?:tokens?|secret|secret_old|apikey|authorization|password|hmac_key|account)|given|found|hex|mac|digest"
    r"|(?:\w+->|\w+\.)?token\.s)\s*$")
# Who compares what came with a request, and how often.
PLACES = {
    "core/api.c": 1,                      # the account's token
    "core/api_instance.c": 2,             # whether a new token is one that is used
    "core/catalog.c": 1,                  # an instance's token
    "core/credential.c": 2,               # a producer's
    "plugins/common/signature.c": 1,
    "plugins/source-cloudapi/cloudapi.c": 1,   # hub.verify_token
    "plugins/source-eazewa/eazewa.c": 1,
    "plugins/source-evolution/evolution.c": 1,
    "plugins/source-map/signature.c": 2,
}
# Nobody who sends a request can time these.
OTHERS = {
    "core/api_events.c": ["strcmp(w->authorization, sealed)"],     # with what is encrypted
    "core/cmd_api.c": ["strcmp(a->name, given)"],                  # a word of the command line
    "core/cmd_tail.c": ["strcmp(before, t->token)"],               # both are the client's own
    "core/config_tokens.c": ["strcmp(o->u.instance.token, s->u.instance.token)", "strcmp(token, account)"],  # the file
    "core/ini_compare.c": ["strcmp(a->secret, b->secret)"],        # the file, before and now
    "core/live.c": ["str_equal(e->token, i->token_json)"],         # both are the daemon's own
    "core/settings_load.c": ["str_is(i->instance->token, token)"],  # the file and the store, as are the next
    "core/settings_reload.c": [
        "text_equal(a->authorization, b->authorization)", "text_equal(a->secret, b->secret)",
        "text_equal(a->secret_old, b->secret_old)", "text_equal(a->token.s, b->token.s)",
        "text_equal(before->instance->token.s, now->instance->token.s)"],
    "core/signing.c": ["strncmp(secret, prefix, skip)"],           # whsec_, which all have
    "core/worker.c": ["text_equal(before->api.account_token, w->config->api.account_token)"],   # the file
}


def arguments(text, at):
    """Of the call whose parenthesis opens before at; and where it ends."""
    depth, begin, found = 1, at, []
    while depth > 0:
        c = text[at]
        depth += (c == "(") - (c == ")")
        if depth == 0 or (depth == 1 and c == ","):
            found.append(text[begin:at].strip())
            begin = at + 1
        at += 1
    return found, at


def plain(text):
    """Without comments, and what stands in strings."""
    token = r"""/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
    return re.sub(token, lambda m: " " * len(m[0]) if m[0][0] == "/" else m[0][0] + m[0][0], text, flags=re.S)


def early(text):
    """Calls that compare a credential and end early, on one line each."""
    text = plain(text)
    for m in re.finditer(EARLY, text):
        if text.rfind("\n", 0, m.start()) == m.start() - 1:
            continue    # a definition
        given, end = arguments(text, m.end())
        if any(CREDENTIAL.search(a) for a in given):
            yield re.sub(r"\s+", " ", text[m.start():end])


def steady(text):
    text = plain(text)
    return len([m for m in re.finditer(r"\b(?:%s)\(" % "|".join(STEADY), text)
                if text.rfind("\n", 0, m.start()) != m.start() - 1])


def sources():
    for folder in "core", "plugins/common", "plugins/sink-websocket":
        yield from (TOP / folder).glob("*.c")
    yield from (TOP / "plugins").glob("source-*/*.c")


def main():
    results = []

    def say(is_good, what):
        results.append(is_good)
        print(f"{'ok' if is_good else 'not ok'} {len(results)} - {what}")

    bad, seen = [], set()
    for path in sorted(sources()):
        name = str(path.relative_to(TOP))
        for call in early(path.read_text()):
            seen.add((name, call))
            if call not in OTHERS.get(name, []):
                bad.append(f"{name}: {call}")
    say(not bad, "no credential of a request is compared by what ends early" + "".join(f"\n# {b}" for b in bad))
    stale = [f"{name}: {call}" for name, calls in OTHERS.items() for call in calls if (name, call) not in seen]
    say(not stale, "exceptions are there" + "".join(f"\n# {s}" for s in stale))
    for name, n in PLACES.items():
        text = (TOP / name).read_text()
        say(steady(text) == n, f"{name}: {steady(text)} of {n} comparisons")
        changed = re.sub(r"\b(?:%s)\(" % "|".join(STEADY), "memcmp(", text)
        new = set(early(changed)) - set(OTHERS.get(name, []))
        say(len(new) == n, f"{name}: {len(new)} of {n} found where they are memcmp")
    uncounted = [str(p.relative_to(TOP)) for p in sources()
                 if steady(p.read_text()) > 0 and str(p.relative_to(TOP)) not in PLACES]
    say(not uncounted, "no other file compares credentials" + "".join(f"\n# {u}" for u in uncounted))
    print(f"1..{len(results)}")


main()
