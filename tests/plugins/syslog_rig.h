/* SPDX-License-Identifier: Apache-2.0 */
/* syslog_rig.h - sink-syslog and collectors that the test scripts, on the loopback. */
#ifndef SYSLOG_RIG_H
#define SYSLOG_RIG_H

#include <hookswitch/harness.h>

/* A collector: listens, and for streams has the connection accepted last. */
struct peer {
	int type, family; /* SOCK_DGRAM or SOCK_STREAM; AF_INET or AF_UNIX */
	unsigned port;
	char path[100];
	int listener, fd; /* -1: none */
	unsigned accepted;
	bool reads; /* whether it takes what comes */
	char got[1 << 20];
	size_t len;
};

void syslog_rig_setup(void);
void syslog_rig_teardown(void);

/* Takes a port, or path, of its own; after peer_close the same one. Streams are refused there. */
void peer_bind(struct peer *, int family, int type);
void peer_listen(struct peer *);
/* Both. */
void peer_open(struct peer *, int family, int type);
void peer_close(struct peer *);
/* Closes the connection only. */
void peer_hang_up(struct peer *);
/* From now on no packet reaches the socket, as if its machine were off; a connection that a listener accepts
 * later is as deaf. */
void peer_deafen(int fd);
/* unix:..., udp://... or tcp://...; good until the next call. */
const char *peer_target(const struct peer *);
/* Runs the loop, and accepts and reads, until the peer has len bytes, then once more. Gives up
 * after ten seconds. */
void peer_wait(struct hsw_handle *, struct peer *, size_t len);
void peer_wait_accepted(struct hsw_handle *, struct peer *, unsigned n);
/* What it got, NUL-terminated; forgets it. */
const char *peer_take(struct peer *);

/* Then "key", "value", ..., NULL. */
#define OPEN_SYSLOG(target, ...) \
	open_syslog((const char *const[]){ "target", target, "hostname", "here", __VA_ARGS__ })
struct hsw_handle *open_syslog(const char *const *options);
/* Delivers {"n":<number>} with an id of its own. */
struct hsw_delivery *put_number(struct hsw_handle *, int number);
/* Delivers what is given, and frees the envelope. */
struct hsw_delivery *put_event(struct hsw_handle *, const struct fake_event *);
/* The body behind the head of a message of rfc5424. */
const char *body_of(const char *message);

#endif
