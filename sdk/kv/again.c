/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again.c - events that a write has stored which failed: whoever sent them was refused, and sends them again.
 *
 * The last STORED_MAX of them are remembered, in a ring that is made with the first. What comes again after a new
 * start the daemon knows by itself: it recalls the memo of the same write.
 */
#include "map.h"

#include <stdlib.h>
#include <string.h>

#define STORED_MAX 4096

struct kv_stored {
	int64_t received_ms;
	unsigned char id[HSW_EVENT_ID_BYTES];
};

static int
take_stored(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct kv_store *s = arg;
	struct hsw_store_event e;

	if (!kv_read_event(value, &e))
		return kv_damaged(err, key);
	if (s->stored == NULL && (s->stored = calloc(STORED_MAX, sizeof(*s->stored))) == NULL)
		return kv_error(err, HSW_ENOMEM, "out of memory");
	struct kv_stored *stored = &s->stored[s->stored_count++ % STORED_MAX];
	stored->received_ms = e.received_ms;
	memcpy(stored->id, e.id, sizeof(e.id));
	return HSW_OK;
}

int
kv_note_stored(struct kv_store *s, int64_t after, struct hsw_error *err)
{
	return kv_scan(s, &(struct kv_key){ .table = KV_EVENT, .seq = after + 1 }, false,
		take_stored, s, err);
}

bool
kv_is_stored(const struct kv_store *s, const struct hsw_store_event *e, int64_t since_ms)
{
	size_t n = s->stored_count < STORED_MAX ? s->stored_count : STORED_MAX;

	for (size_t i = 0; i < n; i++) {
		if (s->stored[i].received_ms >= since_ms &&
			memcmp(s->stored[i].id, e->id, sizeof(e->id)) == 0)
			return true;
	}
	return false;
}
