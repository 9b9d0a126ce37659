/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.h - how threads hand things to each other: many senders, one receiver, first in first out.
 *
 * A mail is a part of the sender's own object; from post until it is taken it belongs to the mailbox,
 * then to the receiver. No lock: senders push on a stack, the receiver takes all of it and turns it
 * round. The receiver is woken (eventfd) only when the stack was empty, so a busy one costs no
 * system call per mail.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdatomic.h>

struct mail {
	struct mail *next;
	void (*run)(struct mail *); /* what the receiver does with it, on its thread */
};

struct mailbox {
	_Atomic(struct mail *) head; /* newest first */
	int fd;                      /* eventfd: written when the first mail comes; non-blocking */
};

/* HSW_OK or HSW_EIO (errno says why). */
int mailbox_init(struct mailbox *);
void mailbox_fini(struct mailbox *);
/* Any thread. */
void mailbox_post(struct mailbox *, struct mail *);
/* The receiver: everything posted so far, oldest first, linked by next; NULL: nothing. */
struct mail *mailbox_take(struct mailbox *);
/* The receiver, where it has no event loop: waits until there may be mail, at most timeout_ms
 * (-1: for ever). */
void mailbox_wait(struct mailbox *, int timeout_ms);

#endif
