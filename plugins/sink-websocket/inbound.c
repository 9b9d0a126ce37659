/* SPDX-License-Identifier: Apache-2.0 */
/* inbound.c - see inbound.h. */
#include "inbound.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/plugin.h>
#include <wslay/wslay.h>

#define MASK_BYTES 4

struct inbound {
	wslay_event_context_ptr parser;
	struct inbound_scratch *scratch; /* while it is fed */
	uint64_t taken;                  /* bytes that were given to the parser */
	uint64_t done;                   /* of them, those of whole frames */
	uint64_t frame_bytes;            /* of the frame that is being read */
	bool in_message;                 /* a fragment came, its last one did not */
	bool is_last_fragment, is_control;
	bool is_half_code; /* a close frame of one byte, which libwslay lets pass */
};

static ssize_t
give(wslay_event_context_ptr parser, uint8_t *to, size_t room, int flags, void *arg)
{
	struct inbound *in = arg;
	struct inbound_scratch *s = in->scratch;
	size_t n = s->in_len - s->at < room ? s->in_len - s->at : room;

	(void)flags;
	if (n == 0) {
		wslay_event_set_error(parser, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(to, s->in + s->at, n);
	s->at += n;
	in->taken += n;
	return (ssize_t)n;
}

static ssize_t
take(wslay_event_context_ptr parser, const uint8_t *from, size_t n, int flags, void *arg)
{
	struct inbound *in = arg;
	struct inbound_scratch *s = in->scratch;

	(void)flags;
	if (n > sizeof(s->out) - s->out_len) {
		wslay_event_set_error(parser, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	memcpy(s->out + s->out_len, from, n);
	s->out_len += n;
	return (ssize_t)n;
}

/* RFC 6455 section 5.2. A header that is longer than it need be makes the frame look unfinished, which
 * only keeps the parser. */
static void
on_frame_start(wslay_event_context_ptr parser,
	const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
	struct inbound *in = arg;
	uint64_t n = frame->payload_length;

	(void)parser;
	in->frame_bytes = 2 + (n > 65535 ? 8u : n > 125 ? 2u : 0u) + MASK_BYTES + n;
	in->is_control = wslay_is_ctrl_frame(frame->opcode);
	in->is_last_fragment = frame->fin != 0;
	in->is_half_code |= frame->opcode == WSLAY_CONNECTION_CLOSE && n == 1;
	if (frame->opcode == WSLAY_PONG)
		in->scratch->has_pong = true;
}

static void
on_frame_end(wslay_event_context_ptr parser, void *arg)
{
	struct inbound *in = arg;

	(void)parser;
	in->done += in->frame_bytes;
	if (!in->is_control)
		in->in_message = !in->is_last_fragment;
}

static struct inbound *
inbound_new(size_t max_frame_bytes)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = give,
		.send_callback = take,
		.on_frame_recv_start_callback = on_frame_start,
		.on_frame_recv_end_callback = on_frame_end,
	};
	struct inbound *in = calloc(1, sizeof(*in));

	if (in == NULL || wslay_event_context_server_init(&in->parser, &callbacks, in) != 0) {
		free(in);
		return NULL;
	}
	wslay_event_config_set_no_buffering(in->parser, 1);
	wslay_event_config_set_max_recv_msg_length(in->parser, max_frame_bytes);
	return in;
}

void
inbound_free(struct inbound *in)
{
	if (in == NULL)
		return;
	wslay_event_context_free(in->parser);
	free(in);
}

int
inbound_feed(struct inbound **keep, struct inbound_scratch *s, size_t max_frame_bytes)
{
	struct inbound *in = *keep != NULL ? *keep : inbound_new(max_frame_bytes);

	s->at = s->out_len = 0;
	s->has_pong = s->has_close = s->sends_close = false;
	if (in == NULL)
		return HSW_ENOMEM;
	in->scratch = s;
	*keep = in;
	int rc = wslay_event_recv(in->parser);
	if (rc == 0)
		rc = wslay_event_send(in->parser);
	if (rc != 0 || in->is_half_code)
		return rc == WSLAY_ERR_NOMEM ? HSW_ENOMEM : HSW_EINVAL;
	s->has_close = wslay_event_get_close_received(in->parser);
	s->sends_close = wslay_event_get_close_sent(in->parser);
	if (s->sends_close || (in->taken == in->done && !in->in_message)) {
		inbound_free(in);
		*keep = NULL;
	}
	return HSW_OK;
}
