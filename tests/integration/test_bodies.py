# SPDX-License-Identifier: Apache-2.0
"""What the body of a request is, for each format, batch, compression and part of an event that is asked for."""
import gzip
import itertools
import json

from rig import message, number_of, wait_for, whole_lines

COUNT = 3
MEDIA = "QUJD" * 100
SALES_TOKEN = "sales-SECRET-instance"
TYPES = {("envelope", None): "application/json", ("envelope", "json"): "application/json",
         ("data", None): "application/json", ("data", "json"): "application/json",
         ("cloudevents", None): "application/cloudevents+json", ("cloudevents", "json"): "application/cloudevents-batch+json",
         **{(format, "ndjson"): "application/x-ndjson" for format in ("envelope", "data", "cloudevents")}}


def image(number):
    event = message(number, chat=number)
    event["data"]["message"] = {"imageMessage": {"mimetype": "image/jpeg", "caption": "café \U0001f600"}, "base64": MEDIA}
    event["data"]["messageType"] = "imageMessage"
    return event


def events_of(arrival, batch):
    body = gzip.decompress(arrival.body) if "content-encoding" in arrival.headers else arrival.body
    if batch == "ndjson":
        assert body.endswith(b"\n")
        return [json.loads(line) for line in body.splitlines()]
    return json.loads(body) if batch else [json.loads(body)]


def expected(envelope, format, token, media):
    """What a sink of that format shall get, made of an envelope with all its parts."""
    envelope = json.loads(json.dumps(envelope))
    if not token:
        del envelope["instanceData"]["token"]
    if not media:
        del envelope["data"]["message"]["media"]["base64"]
    if format == "envelope":
        return envelope
    if format == "data":
        return envelope["data"]
    return {"specversion": "1.0", "id": envelope["id"], "source": "/evolution/sales", "type": envelope["event"],
            "subject": envelope["data"]["chat"]["jid"], "time": envelope["receivedAt"],
            "datacontenttype": "application/json", "data": envelope["data"]}


def test_each_format_in_each_batch_has_what_was_asked_for(target, make_daemon):
    receiver, url, common = target()
    cases = {"-".join(map(str, case)): case for case in itertools.product(
        ("envelope", "data", "cloudevents"), (None, "json", "ndjson"), ("no", "gzip"), ("yes", "no"), ("yes", "no"))
        if case[0] == "envelope" or case[3] == "no"}    # only an envelope has a place for the token
    sinks = {}
    for name, (format, batch, compress, token, media) in cases.items():
        sinks[name] = {**common, "url": f"{url}/{name}", "ordering": "none", "format": format,
                       "compress": compress, "token": token, "media_base64": media}
        if batch:
            sinks[name] |= {"batch": f"{COUNT}/30s", "batch_format": batch}
    sinks["default"] = {**common, "url": f"{url}/default"}
    sinks["raw"] = {**common, "url": f"{url}/raw", "format": "raw", "ordering": "none", "compress": "gzip"}
    daemon = make_daemon(sinks)
    for number in range(COUNT):
        daemon.accept(image(number))
    wait_for(lambda: all(s["lag"] == 0 and s["delivered"] == COUNT for s in daemon.status()["sinks"]), what="all is sent")
    arrivals = {}
    for arrival in receiver.arrivals:
        arrivals.setdefault(arrival.path[1:], []).append(arrival)

    def ordered(name, batch=None):
        found = [event for a in arrivals[name] for event in events_of(a, batch)]
        return sorted(found, key=lambda e: e["data"]["id"] if "data" in e else e["id"])
    whole = ordered("envelope-None-no-yes-yes")
    assert [number_of(e) for e in whole] == list(range(COUNT))
    assert all(e["instanceData"]["token"] == SALES_TOKEN and e["data"]["message"]["media"]["base64"] == MEDIA for e in whole)
    for name, (format, batch, compress, token, media) in cases.items():
        got, wanted = ordered(name, batch), [expected(e, format, token == "yes", media == "yes") for e in whole]
        assert got == wanted, name
        assert len(arrivals[name]) == (1 if batch else COUNT), name
        for arrival in arrivals[name]:
            assert arrival.headers["content-type"] == TYPES[format, batch], name
            assert arrival.headers.get("content-encoding") == ("gzip" if compress == "gzip" else None), name
            ids = [e["id"] for e in whole]
            assert arrival.headers["webhook-id"].startswith("batch_") if batch else arrival.headers["webhook-id"] in ids
    assert ordered("default") == [expected(e, "envelope", False, False) for e in whole]
    raw = [e["data"] for a in arrivals["raw"] for e in events_of(a, None)]
    assert sorted(e["key"]["id"] for e in raw) == [image(n)["data"]["key"]["id"] for n in range(COUNT)]


def test_media_over_its_limit_is_left_out_of_each_format_and_batch(make_receiver, make_daemon):
    receiver = make_receiver()
    limits = {"under": len(MEDIA) - 1, "at": len(MEDIA), "none": 0}
    cases = {f"{format}-{batch}-{limit}": (format, batch, limit) for format, batch, limit in itertools.product(
        ("envelope", "data", "cloudevents"), (None, "json", "ndjson"), limits)}
    daemon = make_daemon({name: {
        "plugin": "webhook", "url": f"http://127.0.0.1:{receiver.port}/{name}", "ordering": "none", "format": format,
        "media_base64": "yes", "media_limit": limits[limit], **({"batch": "2/30s", "batch_format": batch} if batch else {})}
        for name, (format, batch, limit) in cases.items()})
    for number in 1, 2:
        daemon.accept(image(number))
    wait_for(lambda: all(s["delivered"] == 2 for s in daemon.status()["sinks"]), what="all is sent")
    found = {name: [] for name in cases}
    for arrival in receiver.arrivals:
        name = arrival.path[1:]
        found[name] += [(e if cases[name][0] == "data" else e["data"])["message"]["media"]
                        for e in events_of(arrival, cases[name][1])]
    for name, (_, _, limit) in cases.items():
        cut = {"base64Omitted": len(MEDIA)} if limit == "under" else {"base64": MEDIA}
        assert [{key: m[key] for key in m if key.startswith("base64")} for m in found[name]] == [cut] * 2, name
        assert all(m["caption"] == "café \U0001f600" for m in found[name])


def test_files_have_the_parts_that_are_asked_for(make_receiver, make_daemon, tmp_path):
    receiver = make_receiver()
    cases = {f"{token}-{media}": (token, media) for token in ("yes", "no") for media in ("yes", "no")}
    parts = {"token": "yes", "media_base64": "yes"}
    daemon = make_daemon({"all": {"plugin": "webhook", "url": receiver.url, **parts}, **{name: {
        "plugin": "file", "path": tmp_path / name, "token": token, "media_base64": media}
        for name, (token, media) in cases.items()}})
    daemon.accept(image(1))
    wait_for(lambda: all(s["delivered"] == 1 for s in daemon.status()["sinks"]), what="all is written")
    whole = receiver.arrivals[0].envelope
    for name, (token, media) in cases.items():
        lines = [json.loads(line) for line in whole_lines(tmp_path / name)]
        assert lines == [expected(whole, "envelope", token == "yes", media == "yes")], name


def test_a_batch_is_settled_as_one(make_receiver, make_daemon):
    """By its answer all its events arrived, or all failed: each has had an attempt, and is dead after its last."""
    def behave(arrival, connection):
        case = arrival.path[1:]
        return 200 if case == "taken" or (case == "second" and arrival.attempt > 1) else 500
    receiver = make_receiver(behave)
    daemon = make_daemon({case: {
        "plugin": "webhook", "url": f"http://127.0.0.1:{receiver.port}/{case}", "ordering": "none", "batch": "5/30s",
        "batch_format": batch_format, "retry": "50ms, 50ms", "failures_to_open": 100}
        for case, batch_format in (("taken", "ndjson"), ("second", "json"), ("refused", "json"))})
    ids = [daemon.accept(message(n, chat=n))["ids"][0] for n in range(5)]
    wait_for(lambda: all(s["lag"] == 0 and s["retrying"] == 0 for s in daemon.status()["sinks"]), what="all is settled")
    attempts = {case: {} for case in ("taken", "second", "refused")}
    for arrival in receiver.arrivals:
        case = arrival.path[1:]
        events = [e["id"] for e in events_of(arrival, "ndjson" if case == "taken" else "json")]
        attempts[case].setdefault(arrival.attempt, []).append(events)
    assert all(made[1] == [made[1][0]] and sorted(made[1][0]) == sorted(ids) for made in attempts.values())
    assert set(attempts["taken"]) == {1} and set(attempts["second"]) == {1, 2} and set(attempts["refused"]) == {1, 2, 3}
    for made in attempts["second"][2], attempts["refused"][2], attempts["refused"][3]:
        assert sorted(made) == [[id] for id in sorted(ids)], "each on its own after the first attempt"
    sinks = {s["name"]: s for s in daemon.status()["sinks"]}
    assert [sinks[case]["delivered"] for case in attempts] == [5, 5, 0] and sinks["refused"]["failed"] >= 10
    letters = [json.loads(line) for line in daemon.command("dead", "list", "--json").stdout.splitlines()]
    assert sorted((row["sink"], row["id"], row["attempts"], row["status"]) for row in letters) == [
        ("refused", id, 3, 500) for id in sorted(ids)]


def test_max_body_bounds_batches_and_is_measured_before_compression(make_receiver, make_daemon):
    receiver, most = make_receiver(), 2048
    cases = {"plain": {}, "gzip": {"compress": "gzip"}, "json": {"batch": "100/300ms"},
             "ndjson": {"batch": "100/300ms", "batch_format": "ndjson", "compress": "gzip"}}
    daemon = make_daemon({name: {"plugin": "webhook", "url": f"http://127.0.0.1:{receiver.port}/{name}", "ordering": "none",
                                 "max_body": most, **options} for name, options in cases.items()})
    for n in range(20):
        daemon.accept(message(n, chat=n, text="x" * (3000 if n == 7 else 100)))
    wait_for(lambda: all(s["lag"] == 0 for s in daemon.status()["sinks"]), what="all is settled")
    for name, options in cases.items():
        found, batch = [], options.get("batch") and options.get("batch_format", "json")
        for arrival in [a for a in receiver.arrivals if a.path == f"/{name}"]:
            body = gzip.decompress(arrival.body) if "compress" in options else arrival.body
            assert len(body) <= most, name
            events = events_of(arrival, batch)
            found += [number_of(e) for e in events]
            assert batch or len(events) == 1
        assert sorted(found) == [n for n in range(20) if n != 7], name
        assert not batch or len(found) > len([a for a in receiver.arrivals if a.path == f"/{name}"]), "there are batches"
    letters = [json.loads(line) for line in daemon.command("dead", "list", "--json").stdout.splitlines()]
    assert {row["sink"]: (row["attempts"], f"is over max_body ({most})" in row["error"]) for row in letters} == {
        name: (1, True) for name in cases} and len(letters) == len(cases)


def test_by_events_adds_the_type_to_the_path_of_any_url(target, make_daemon):
    receiver, url, common = target()
    urls = {"": "/{}", "/": "/{}", "/hook": "/hook/{}", "/hook/": "/hook/{}", "/hook?key=a%20b&c": "/hook/{}?key=a%20b&c",
            "?key=1": "/{}?key=1", "/a%2fb/c": "/a%2fb/c/{}"}
    read = {"event": "messages.update", "instance": "demo", "apikey": "provider-SECRET-key",
            "data": {"keyId": "A", "remoteJid": "5511900000001@s.whatsapp.net", "fromMe": True, "status": "READ"}}
    ways = ("dotted", "dashed", "no")
    daemon = make_daemon({f"s{i}-{way}": {**common, "url": url + path, "by_events": way, "headers": f"X-Case: {i}-{way}"}
                          for i, path in enumerate(urls) for way in ways})
    daemon.accept(message(1))
    daemon.accept(read)
    wait_for(lambda: all(s["delivered"] == 2 for s in daemon.status()["sinks"]), what="all is sent")
    for i, (path, wanted) in enumerate(urls.items()):
        for way in ways:
            paths = sorted(a.path for a in receiver.arrivals if a.headers["x-case"] == f"{i}-{way}")
            types = ["message.exchange", "message.status"]
            plain = path if path.startswith("/") else "/" + path
            assert paths == ([plain, plain] if way == "no" else [
                wanted.format(t.replace(".", "-") if way == "dashed" else t) for t in types]), (path, way)
