/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ws_client.c - any bytes from a server of the live stream, behind the upgrade or instead of it. In one piece
 * or in many, they are the same messages.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "ws_stream.h"

#define CUTS 4
#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 section 1.3 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *data, *cuts; /* cuts: NULL for one piece */
	size_t len, turn;
} wire;

static ssize_t
wire_recv(struct ws_stream *s, void *at, size_t n, int timeout_ms)
{
	size_t len = wire.cuts != NULL ? (size_t)wire.cuts[wire.turn++ % CUTS] + 1 : n;

	(void)s;
	(void)timeout_ms;
	len = len < n ? len : n;
	len = len < wire.len ? len : wire.len;
	memcpy(at, wire.data, len);
	wire.data += len;
	wire.len -= len;
	return (ssize_t)len;
}

/* A client's frames are masked and short. */
static int
wire_send(struct ws_stream *s, const void *data, size_t n)
{
	const unsigned char *frame = data;

	(void)s;
	if (n < 6 || n > 6 + 125 || (frame[1] & 0x80) == 0 || (frame[1] & 0x7f) + 6u != n)
		abort();
	return HSW_OK;
}

/* The client's own source, with its connection replaced: what is static there is reached, too. */
#define ws_stream_recv wire_recv
#define ws_stream_send wire_send
#include "ws_client.c"

static uint64_t
converse(const uint8_t *data, size_t size, const uint8_t *cuts, bool is_open)
{
	struct ws_client c = { .stream.fd = -1 };
	struct hsw_error err = { "" };
	uint64_t seen = HASH_START;

	wire.data = data;
	wire.len = size;
	wire.cuts = cuts;
	wire.turn = 0;
	int rc = is_open ? HSW_OK : upgrade(&c, KEY, &err);
	if (rc == HSW_OK && !is_open && c.status != 101)
		abort();
	while (rc == HSW_OK) {
		rc = ws_client_read(&c, &err);
		if (rc == HSW_OK)
			seen = str_hash(str_hash(seen, (struct hsw_str){ "", 1 }),
				(struct hsw_str){ c.message.data, c.message.len });
		else if (err.text[0] == '\0')
			abort();
	}
	seen = str_hash(
		seen, (struct hsw_str){ (const char *)&c.close_code, sizeof(c.close_code) });
	buf_free(&c.in);
	buf_free(&c.message);
	return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= CUTS + 1)
		return 0;
	bool is_open = (data[CUTS] & 1) != 0;
	const uint8_t *rest = data + CUTS + 1;
	size_t n = size - CUTS - 1;
	if (converse(rest, n, NULL, is_open) != converse(rest, n, data, is_open))
		abort();
	return 0;
}
