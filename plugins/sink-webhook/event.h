/* SPDX-License-Identifier: Apache-2.0 */
/* event.h - what is sent of one event: its envelope, or what the options make of it, as pieces. */
#ifndef EVENT_H
#define EVENT_H

#include <hookswitch/sink.h>

#include "conf.h"
#include "pieces.h"

#define EVENT_TYPE_SIZE 128

/* Room that is used for one event after the other. All zero at first. */
struct event_text {
	struct pieces pieces; /* what is sent; of the envelope and of this struct */
	struct pieces whole, without_media;
	char *front; /* what stands before the data of a CloudEvent; or a raw body that was base64 */
	char type[EVENT_TYPE_SIZE]; /* the Content-Type of a raw body */
	struct pieces source;
	char note[64];
};

void event_text_free(struct event_text *);
/*
 * Makes the pieces, which are good for as long as the envelope and until the next call. media_limit:
 * as the option. HSW_OK, HSW_ENOMEM, HSW_EINVAL: it is not an envelope, or HSW_ENOENT: there is nothing to be
 * sent of it, since it brings no raw body along.
 */
int event_write(struct event_text *, const struct hsw_host *, const struct hsw_envelope *,
	unsigned parts, enum format, int64_t media_limit);

#endif
