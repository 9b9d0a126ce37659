#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/*
 * An example of a receiver for sink-webhook: HOOKSWITCH_SECRET=whsec_... node receiver.mjs PORT FILE
 *
 * It checks the signature (Standard Webhooks), keeps each event once, as a line of FILE, and answers 2xx only
 * after that: what it has not kept comes again. Your program takes the place of keep(). It belongs behind a
 * proxy with TLS, or on the daemon's own machine. Node 18 or later.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";

const TOLERANCE = 300; // seconds that a request's timestamp may be off
const BODY_MAX = 64 << 20;
const IDS_MAX = 100000;

/*
 * Events by id: a promise that holds when the event is on disk. The oldest are forgotten, and all at a
 * restart: an event that comes again after that is kept twice. Where that matters keep the ids in a
 * database, with a unique key, in the transaction that keeps the event (as receiver.py does).
 */
const known = new Map();

/* The bytes of whsec_<base64>; any other text is the key itself. */
function keyOf(secret) {
	return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
}

/* Whether one of the signatures is that of this id, timestamp and body, and the timestamp is recent. */
function isSigned(key, headers, body, now) {
	const id = headers["webhook-id"] ?? "";
	const timestamp = headers["webhook-timestamp"] ?? "";
	if (id === "" || !/^[0-9]{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE)
		return false;
	const expected = Buffer.from("v1," + createHmac("sha256", key)
		.update(`${id}.${timestamp}.`, "latin1").update(body).digest("base64"));
	// While a secret is being changed there are two signatures.
	return (headers["webhook-signature"] ?? "").split(" ").some((text) => {
		const one = Buffer.from(text, "latin1");
		return one.length === expected.length && timingSafeEqual(one, expected);
	});
}

/* [[id, event]]. A batch is an array. Its webhook-id is not that of its events, which may come again alone. */
function eventsOf(webhookId, body) {
	const parsed = JSON.parse(body.toString("utf8"));
	if (!Array.isArray(parsed))
		return [[webhookId, parsed]];
	// With `format = data` or a transform there is no such id.
	return parsed.map((event, n) => [
		typeof event?.id === "string" && event.id.startsWith("evt_") ? event.id : `${webhookId}/${n}`, event]);
}

/* One write after the other, so that lines do not mix. A line that a crash cut short is ended first. */
let last = Promise.resolve();
let isTorn = true;
function keep(file, events) {
	const text = events.map((event) => JSON.stringify(event) + "\n").join("");
	const write = async () => {
		const before = isTorn && await endsInsideLine(file) ? "\n" : "";
		isTorn = true;
		await file.appendFile(before + text);
		await file.datasync();
		isTorn = false;
	};
	const done = last.then(write);
	last = done.catch(() => {});
	return done;
}

async function endsInsideLine(file) {
	const { size } = await file.stat();
	if (size === 0)
		return false;
	const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
	return buffer[0] !== 0x0a;
}

/* Keeps those that are not known; waits for those that another request is about to keep. */
async function keepOnce(file, events) {
	const fresh = new Map(events.filter(([id]) => !known.has(id)));
	const waiting = events.filter(([id]) => known.has(id)).map(([id]) => known.get(id));
	if (fresh.size > 0) {
		const done = keep(file, [...fresh.values()]);
		for (const id of fresh.keys())
			known.set(id, done);
		done.catch(() => {
			for (const id of fresh.keys())
				known.delete(id);
		});
		waiting.push(done);
	}
	await Promise.all(waiting);
	for (const id of known.keys()) {
		if (known.size <= IDS_MAX)
			break;
		known.delete(id);
	}
}

async function bodyOf(request) {
	const chunks = [];
	let size = 0;
	for await (const chunk of request) {
		size += chunk.length;
		// The rest is read all the same, or the client would not see the answer.
		if (size <= BODY_MAX)
			chunks.push(chunk);
	}
	return size <= BODY_MAX ? Buffer.concat(chunks) : null;
}

async function take(key, file, request) {
	if (request.method !== "POST")
		return 405;
	const body = await bodyOf(request);
	if (body === null)
		return 413;
	if (!isSigned(key, request.headers, body, Date.now() / 1000))
		return 401;
	let events;
	try {
		// The signature is of the body as it was sent, so this comes after it.
		const isPacked = request.headers["content-encoding"] === "gzip";
		events = eventsOf(request.headers["webhook-id"],
			isPacked ? gunzipSync(body, { maxOutputLength: BODY_MAX }) : body);
	} catch {
		return 400;
	}
	try {
		await keepOnce(file, events);
	} catch (error) {
		console.error(`not kept: ${error.message}`);
		return 500;
	}
	return 204;
}

const secret = process.env.HOOKSWITCH_SECRET ?? "";
if (process.argv.length !== 4 || secret === "") {
	console.error("Usage: HOOKSWITCH_SECRET=whsec_... node receiver.mjs PORT FILE");
	process.exit(2);
}
const key = keyOf(secret);
const file = await open(process.argv[3], "a+", 0o640);
createServer((request, response) => {
	take(key, file, request).then((status) => {
		console.log(status, JSON.stringify(request.headers["webhook-id"] ?? "-"));
		response.writeHead(status).end();
	}, () => response.destroy()); // the client has gone
}).listen(Number(process.argv[2]), "127.0.0.1");
