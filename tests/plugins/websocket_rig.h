/* SPDX-License-Identifier: Apache-2.0 */
/* websocket_rig.h - sink-websocket, its clients at the other ends of socket pairs, and a send that fails. */
#ifndef WEBSOCKET_RIG_H
#define WEBSOCKET_RIG_H

#include <hookswitch/harness.h>

/* What one client sees. */
struct peer {
	struct peer *next;
	int fd;            /* ours */
	int sink_fd;       /* the sink's */
	unsigned released; /* how often the sink said that it is through */
};

/* One frame that a peer got. */
struct peer_frame {
	unsigned opcode;
	size_t len;
	char *text; /* good until the next peer_frame_next; NUL behind it */
};

/* What the sink's sendmsg does; all 0: what the system's does. */
struct send_rule {
	int stuck_fd;    /* EAGAIN on it; 0: none */
	size_t at_most;  /* bytes a call, then EAGAIN on the next; 0: no bound */
	int broken_fd;   /* EPIPE on it */
	unsigned calls;  /* counted */
	size_t stuck_at; /* bytes that still pass on stuck_fd */
};
extern struct send_rule send_rule;

/* The allocation of the plugin or libwslay that fails, counted from 1; 0: none. Where a sanitizer has the
 * allocator, none fails and can_fail_alloc is false. */
extern unsigned fail_alloc;
extern const bool can_fail_alloc;

/* "key", "value", ..., NULL; ends the test if it cannot be opened. */
struct hsw_handle *websocket_open(const char *const *options);
#define OPEN_WS(...) websocket_open((const char *const[]){ __VA_ARGS__, NULL })

/* Connects a client of this instance; it has sent `early` already. */
struct peer *peer_new(struct hsw_handle *, const char *instance, const char *early, size_t n);
/* The same for one that came with the account's token. */
struct peer *peer_of_account(struct hsw_handle *, const char *instance);
/* NULL: adopt refused it. */
struct peer *peer_try(struct hsw_handle *, const char *instance, const char *early, size_t n);
/* Ends the connection without a word. */
void peer_hang_up(struct peer *);
/* The teardown of each test: frees all peers. */
void peers_free(void);
void peer_send(const struct peer *, const void *, size_t);
/* A masked frame. */
void peer_send_frame(const struct peer *, unsigned opcode, const char *text);
/* Whether a whole frame of at most 125 bytes has come. */
bool peer_has_frame(const struct peer *);
/* The next frame that has come; false: there is none. Fails when only a part of one is there. */
bool peer_frame_next(const struct peer *, struct peer_frame *);
/* Runs the sink until the next frame is there. */
struct peer_frame peer_wait(struct hsw_handle *, const struct peer *);
/* Whether the sink has ended the connection. */
bool peer_is_ended(const struct peer *);

/* An event of an instance, whose JSON is the text, is broadcast. */
void say(struct hsw_handle *, const char *instance, const char *text);
/* The same, with numbers from..to as texts. */
void say_numbers(struct hsw_handle *, const char *instance, int from, int to);
/* All that is due now is done. */
void settle(struct hsw_handle *);

#endif
