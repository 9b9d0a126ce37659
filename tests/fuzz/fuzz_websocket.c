/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_websocket.c - libFuzzer on what WebSocket clients send. The first bytes say how the rest is cut: in
 * one piece or in many, the answers must be the same, although the parser is forgotten between messages.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/plugin.h>

#include "inbound.h"

#define CUTS 8
#define MAX_FRAME 4096

struct answer {
	unsigned char bytes[2 * INBOUND_ANSWER];
	size_t len;
	bool is_over;
};

static struct inbound_scratch scratch;

static void
feed(struct inbound **in, struct answer *a, const uint8_t *data, size_t n)
{
	if (a->is_over || n == 0)
		return;
	memcpy(scratch.in, data, n);
	scratch.in_len = n;
	bool is_malformed = inbound_feed(in, &scratch, MAX_FRAME) != HSW_OK;
	a->is_over = is_malformed || scratch.sends_close;
	if (is_malformed)
		return;
	if (a->len + scratch.out_len > sizeof(a->bytes))
		abort();
	memcpy(a->bytes + a->len, scratch.out, scratch.out_len);
	a->len += scratch.out_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct answer whole, pieces;
	struct inbound *in = NULL;
	size_t at = 0;

	if (n <= CUTS || n - CUTS > INBOUND_READ)
		return 0;
	const uint8_t *cuts = data;
	data += CUTS;
	n -= CUTS;
	whole.len = pieces.len = 0;
	whole.is_over = pieces.is_over = false;
	feed(&in, &whole, data, n);
	inbound_free(in);
	in = NULL;
	for (size_t i = 0; at < n; i++) {
		size_t len = (size_t)cuts[i % CUTS] + 1 < n - at ? (size_t)cuts[i % CUTS] + 1
								 : n - at;
		feed(&in, &pieces, data + at, len);
		at += len;
	}
	inbound_free(in);
	/* libwslay looks at the text of a CLOSE (0x88) only as far as it comes in one piece. */
	if (memchr(data, 0x88, n) != NULL)
		return 0;
	/* PONGs that are due when a malformed frame ends the connection may be left out. */
	if (whole.is_over != pieces.is_over ||
		(!whole.is_over &&
			(whole.len != pieces.len ||
				memcmp(whole.bytes, pieces.bytes, whole.len) != 0)))
		abort();
	return 0;
}
