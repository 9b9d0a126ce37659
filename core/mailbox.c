/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.c - see mailbox.h. */
#include "mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <hookswitch/plugin.h>

int
mailbox_init(struct mailbox *box)
{
	atomic_init(&box->head, NULL);
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return box->fd >= 0 ? HSW_OK : HSW_EIO;
}

void
mailbox_fini(struct mailbox *box)
{
	if (box->fd >= 0)
		close(box->fd);
	box->fd = -1;
}

void
mailbox_post(struct mailbox *box, struct mail *mail)
{
	struct mail *head = atomic_load_explicit(&box->head, memory_order_relaxed);
	do
		mail->next = head;
	while (!atomic_compare_exchange_weak_explicit(
		&box->head, &head, mail, memory_order_release, memory_order_relaxed));
	if (head != NULL)
		return;
	/* The counter can't overflow: it is written only when the stack was empty. */
	while (eventfd_write(box->fd, 1) != 0 && errno == EINTR)
		;
}

struct mail *
mailbox_take(struct mailbox *box)
{
	struct mail *head = atomic_exchange_explicit(&box->head, NULL, memory_order_acquire);
	struct mail *oldest = NULL;

	while (head != NULL) {
		struct mail *next = head->next;
		head->next = oldest;
		oldest = head;
		head = next;
	}
	return oldest;
}

void
mailbox_wait(struct mailbox *box, int timeout_ms)
{
	struct pollfd p = { .fd = box->fd, .events = POLLIN };
	eventfd_t ignored;

	if (poll(&p, 1, timeout_ms) > 0)
		(void)eventfd_read(box->fd, &ignored);
}
