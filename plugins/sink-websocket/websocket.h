/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websocket.h - what the files of sink-websocket share: the handle, its rooms, their clients.
 *
 * A room is one instance's frames and clients. Frames stand in one list, in the order of the journal,
 * and clients only point into it, so that what many wait for exists once:
 *
 *   frames:  | 7 | 8 | 9 | 10 | 11 |
 *              ^ slow client's next  ^ fresh: not offered to anybody yet
 *
 * A client whose `next` is NULL has sent all up to `fresh`. A frame is freed when no client points at
 * it or before it.
 */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include <stdbool.h>
#include <sys/queue.h>

#include <hookswitch/sink.h>
#include <uthash.h>

#include "inbound.h"

/* The close codes of ours (RFC 6455 section 7.4.1). */
enum close_code {
	CLOSE_AWAY = 1001,
	CLOSE_PROTOCOL = 1002,
	CLOSE_POLICY = 1008,
	CLOSE_OUR_FAULT = 1011
};

struct websocket_conf {
	int64_t heartbeat_ms, pong_timeout_ms, close_timeout_ms;
	int64_t flush_ms;
	int64_t queue;       /* envelopes that may wait for one client */
	int64_t queue_bytes; /* the same in bytes; one envelope may always wait */
	int64_t max_frame_bytes;
};

struct frame {
	STAILQ_ENTRY(frame) link; /* in the room */
	uint64_t number;          /* in the room, from 1 */
	uint64_t begins_at;       /* bytes of the room's frames before it */
	size_t bytes;
	const struct hsw_envelope *envelope;
	unsigned clients; /* whose next frame this is */
	unsigned char head[10];
	int n;              /* of iov */
	struct iovec iov[]; /* head, then the envelope's pieces */
};

STAILQ_HEAD(frame_list, frame);
TAILQ_HEAD(client_list, client);

struct room {
	struct websocket *ws;
	TAILQ_ENTRY(room) dirty; /* in ws->dirty, while there is a fresh frame */
	struct frame_list frames;
	struct frame *fresh; /* the first that was not offered yet; NULL: none */
	int fresh_iovs;
	size_t fresh_bytes;
	uint64_t last_number, end_bytes;
	struct client_list clients;
	bool is_flushing; /* not to be freed */
	UT_hash_handle hh;
	size_t name_len;
	char name[];
};

TAILQ_HEAD(room_list, room);

enum client_state {
	CLIENT_OPEN,
	CLIENT_CLOSING, /* its close frame is on the way */
	CLIENT_CLOSED   /* its close frame is sent; until the other side ends the connection */
};

struct client {
	TAILQ_ENTRY(client) link; /* in its room */
	struct room *room;
	struct hsw_watch *watch;
	int fd;
	enum client_state state;
	bool is_blocked;  /* waits until it can be written to */
	bool said_goodby; /* its close frame has come */
	struct frame *next;
	size_t offset;                    /* bytes of next that are sent */
	unsigned char *control;           /* control frames that wait; after what is sent of next */
	size_t control_len, control_sent; /* control_sent > 0 only while offset is 0 */
	struct inbound *inbound;          /* NULL between frames */
	int64_t ping_at_ms;
	int64_t deadline_ms; /* OPEN: for a PONG; else for the end */
	uint32_t flags;      /* HSW_CONN_* */
	void (*released)(void *token);
	void *token;
};

/* One handle. */
struct websocket {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	const struct websocket_conf *conf;
	struct room *rooms; /* hash by name */
	struct room_list dirty;
	struct hsw_timer *flush, *sweep;
	bool will_flush, is_draining;
	int64_t flush_at_ms; /* not earlier */
	int64_t sweep_at_ms; /* when the next one is due */
	size_t n_clients;
	struct inbound_scratch scratch;
};

/* ---- room.c ---- */

/* The room of an instance; NULL: there is none. */
struct room *room_find(struct websocket *, struct hsw_str instance);
/* The same, made where there is none; NULL: out of memory. */
struct room *room_enter(struct websocket *, struct hsw_str instance);
/* Frees it if it has no client. */
void room_leave(struct room *);
/* Puts an envelope behind the room's frames; false: out of memory. */
bool room_add(struct room *, const struct hsw_envelope *, unsigned parts);
/* Offers the fresh frames to all clients that keep up. */
void room_flush(struct room *);
/* Frees the frames that nobody points at. */
void room_trim(struct room *);

/* ---- client.c ---- */

/* Takes over the connection. HSW_OK, HSW_ENOMEM. */
int client_new(struct room *, const struct hsw_conn *);
/* Closes its connection at once and frees it; its room stays. */
void client_free(struct client *);
/* Sends the fresh frames, gathered in iov, of so many bytes in all; or puts them behind what it waits
 * for. false: the client is gone. */
bool client_offer(struct client *, const struct iovec *, int n, size_t bytes);
/* Sends what waits. false: the client is gone. */
bool client_write(struct client *);
/* Ends the conversation: nothing but the close frame follows. false: the client is gone. */
bool client_close(struct client *, enum close_code, const char *reason);
/* The same for one that does not read. */
bool client_drop(struct client *);
/* What is due: PING, PONGs that did not come, ends that did not come. false: the client is gone. */
bool client_tick(struct client *, int64_t now);
/* PINGs and PONGs are due as if it had come now. */
void client_begin_watch(struct client *, int64_t now);
/* Whether more waits for it than may. */
bool client_is_behind(const struct client *);

#endif
