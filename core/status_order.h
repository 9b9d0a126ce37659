/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_order.h - which receipts go backwards: `delivered` after `read`. Remembered for the newest
 * STATUS_MESSAGES_MAX messages while the daemon runs. Any thread.
 */
#ifndef STATUS_ORDER_H
#define STATUS_ORDER_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

#define STATUS_MESSAGES_MAX 100000

struct status_order;

/* NULL: out of memory. */
struct status_order *status_order_new(void);
void status_order_free(struct status_order *); /* NULL is allowed */

/* What one request had remembered, until its events are stored. Zeroed: nothing. */
struct status_marks {
	struct status_mark *list;
	size_t n, cap;
};

/* data: of a message.status. Whether each of its messages has had a later status; if not, it is remembered. What
 * is no step of a message's way (retry, server_error, ...) never goes backwards. */
bool status_order_is_backwards(struct status_order *, struct status_marks *, struct hsw_str instance,
	struct hsw_str data);
/* The events were not stored: what was remembered of them is forgotten. Empties the marks. */
void status_order_take_back(struct status_order *, struct status_marks *);
void status_marks_free(struct status_marks *);

#endif
