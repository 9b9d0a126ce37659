/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound.h - what clients send, parsed by libwslay: messages are read and ignored, control frames
 * answered.
 *
 * A parser costs some 9 KB, so a client has one only from the first byte of a frame to the last one of
 * its message. An idle client has none.
 */
#ifndef INBOUND_H
#define INBOUND_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that are read at once. What is to be answered to them is never longer: a frame of ours has no
 * mask. The rest is for a frame that began before. */
#define INBOUND_READ 16384
#define INBOUND_ANSWER (INBOUND_READ + 512)

/* Room for one read and what is to be answered; one for all clients of a handle. */
struct inbound_scratch {
	unsigned char in[INBOUND_READ];
	unsigned char out[INBOUND_ANSWER];
	size_t out_len;
	bool has_pong;     /* a PONG came */
	bool has_close;    /* a close frame came */
	bool sends_close;  /* out ends with a close frame: nothing is read after it */
	size_t in_len, at; /* at: how much the parser took */
};

struct inbound;

/* Parses scratch->in; *in is made and freed as it is needed. HSW_OK; HSW_EINVAL: no WebSocket frame;
 * HSW_ENOMEM. */
int inbound_feed(struct inbound **in, struct inbound_scratch *, size_t max_frame_bytes);
void inbound_free(struct inbound *);

#endif
