/* SPDX-License-Identifier: Apache-2.0 */
/* room.c - an instance's frames; see websocket.h. */
#include "websocket.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A flush comes early when so much is fresh: what a socket takes in one go, and a cache holds while it
 * is copied a thousand times. */
#define FRESH_BYTES 65536
#define FRESH_IOVS IOV_MAX

struct room *
room_find(struct websocket *ws, struct hsw_str instance)
{
	struct room *room;

	HASH_FIND(hh, ws->rooms, instance.s, instance.len, room);
	return room;
}

struct room *
room_enter(struct websocket *ws, struct hsw_str instance)
{
	struct room *room = room_find(ws, instance);

	if (room != NULL)
		return room;
	room = calloc(1, sizeof(*room) + instance.len);
	if (room == NULL)
		return NULL;
	room->ws = ws;
	room->name_len = instance.len;
	memcpy(room->name, instance.s, instance.len);
	STAILQ_INIT(&room->frames);
	TAILQ_INIT(&room->clients);
	unsigned before = HASH_COUNT(ws->rooms);
	HASH_ADD_KEYPTR(hh, ws->rooms, room->name, room->name_len, room);
	if (HASH_COUNT(ws->rooms) != before)
		return room;
	free(room);
	return NULL;
}

void
room_trim(struct room *room)
{
	struct frame *f;

	while ((f = STAILQ_FIRST(&room->frames)) != NULL && f != room->fresh && f->clients == 0) {
		STAILQ_REMOVE_HEAD(&room->frames, link);
		room->ws->host->unref(f->envelope);
		free(f);
	}
}

static void
forget_fresh(struct room *room)
{
	if (room->fresh == NULL)
		return;
	TAILQ_REMOVE(&room->ws->dirty, room, dirty);
	room->fresh = NULL;
	room->fresh_iovs = 0;
	room->fresh_bytes = 0;
}

void
room_leave(struct room *room)
{
	if (room->is_flushing || !TAILQ_EMPTY(&room->clients))
		return;
	forget_fresh(room);
	room_trim(room);
	HASH_DEL(room->ws->rooms, room);
	free(room);
}

/* RFC 6455 section 5.2: one unmasked text frame. Returns the head's length. */
static size_t
put_head(unsigned char head[10], uint64_t n)
{
	size_t more = n > 65535 ? 8 : n > 125 ? 2 : 0;

	head[0] = 0x81;
	head[1] = (unsigned char)(more == 8 ? 127 : more == 2 ? 126 : n);
	for (size_t i = 0; i < more; i++)
		head[2 + i] = (unsigned char)(n >> 8 * (more - 1 - i));
	return 2 + more;
}

static struct frame *
frame_new(const struct hsw_host *host, const struct hsw_envelope *envelope, unsigned parts)
{
	struct iovec pieces[HSW_IOV_MAX];
	int n = host->iov(envelope, parts, pieces, HSW_IOV_MAX);
	struct frame *f = n > 0 ? malloc(sizeof(*f) + ((size_t)n + 1) * sizeof(f->iov[0])) : NULL;

	if (f == NULL)
		return NULL;
	*f = (struct frame){ .envelope = host->ref(envelope), .n = n + 1 };
	for (int i = 0; i < n; i++) {
		f->iov[i + 1] = pieces[i];
		f->bytes += pieces[i].iov_len;
	}
	f->iov[0] = (struct iovec){ f->head, put_head(f->head, f->bytes) };
	f->bytes += f->iov[0].iov_len;
	return f;
}

bool
room_add(struct room *room, const struct hsw_envelope *envelope, unsigned parts)
{
	struct frame *f = frame_new(room->ws->host, envelope, parts);

	if (f == NULL)
		return false;
	if (room->fresh != NULL &&
		(room->fresh_bytes + f->bytes > FRESH_BYTES ||
			room->fresh_iovs + f->n > FRESH_IOVS))
		room_flush(room);
	f->number = ++room->last_number;
	f->begins_at = room->end_bytes;
	room->end_bytes += f->bytes;
	STAILQ_INSERT_TAIL(&room->frames, f, link);
	if (room->fresh == NULL) {
		room->fresh = f;
		TAILQ_INSERT_TAIL(&room->ws->dirty, room, dirty);
	}
	room->fresh_iovs += f->n;
	room->fresh_bytes += f->bytes;
	return true;
}

/* A client that waits gets the last chance to catch up before it is dropped: perhaps the loop only had
 * no time to see that it can be written to. */
static void
check_waiting(struct client *c)
{
	if (client_is_behind(c) && client_write(c) && client_is_behind(c))
		client_drop(c);
}

/* The fresh frames as one run of pieces; *frames: how many they are. Returns the number of pieces. */
static int
gather_fresh(const struct room *room, struct iovec iov[FRESH_IOVS], int64_t *frames)
{
	int n = 0;

	for (const struct frame *f = room->fresh; f != NULL; f = STAILQ_NEXT(f, link)) {
		memcpy(&iov[n], f->iov, (size_t)f->n * sizeof(iov[0]));
		n += f->n;
		++*frames;
	}
	return n;
}

void
room_flush(struct room *room)
{
	struct iovec iov[FRESH_IOVS];
	size_t bytes = room->fresh_bytes;
	int64_t frames = 0, clients = 0;
	struct client *c, *next;

	if (room->fresh == NULL)
		return;
	int n = gather_fresh(room, iov, &frames);
	room->is_flushing = true;
	for (c = TAILQ_FIRST(&room->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state == CLIENT_OPEN)
			clients += client_offer(c, iov, n, bytes);
	}
	forget_fresh(room);
	for (c = TAILQ_FIRST(&room->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state == CLIENT_OPEN && c->is_blocked)
			check_waiting(c);
	}
	room->is_flushing = false;
	room_trim(room);
	room->ws->host->count(room->ws->handle, "messages", NULL, frames * clients);
}
