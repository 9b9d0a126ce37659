/* SPDX-License-Identifier: Apache-2.0 */
/* attempts.c - see attempts.h. */
#include "attempts.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "shown.h"

const char *const attempt_outcomes[ATTEMPT_OUTCOMES] = { [HSW_DELIVERED] = "delivered",
	[HSW_RETRY] = "failed",
	[HSW_REJECT] = "dead",
	[HSW_GONE] = "gone" };

static void
forget_text(struct attempt *a)
{
	free(a->text);
	a->text = NULL;
}

static char *
copy_text(const char *text)
{
	return strndup(text, shown_cut(text, strlen(text), ATTEMPT_TEXT_BYTES));
}

void
attempts_note(struct attempts *all, const struct attempt *a)
{
	struct attempt_ring *ring = a->outcome == HSW_DELIVERED ? &all->delivered : &all->failed;

	if (ring->items == NULL)
		ring->items = calloc(ATTEMPTS_KEPT, sizeof(ring->items[0]));
	if (ring->items == NULL)
		return;
	struct attempt *to = &ring->items[ring->n++ % ATTEMPTS_KEPT];
	forget_text(to);
	*to = *a;
	to->text = a->text != NULL && a->text[0] != '\0' ? copy_text(a->text) : NULL;
	if (ring == &all->delivered && ring->n > ATTEMPT_ANSWERS_KEPT)
		forget_text(&ring->items[(ring->n - 1 - ATTEMPT_ANSWERS_KEPT) % ATTEMPTS_KEPT]);
}

void
attempts_note_next(struct attempts *all, int64_t next_at_ms)
{
	struct attempt_ring *ring = &all->failed;

	if (ring->n > 0)
		ring->items[(ring->n - 1) % ATTEMPTS_KEPT].next_at_ms = next_at_ms;
}

const struct attempt *
attempts_newest(const struct attempt_ring *ring, size_t i)
{
	size_t kept = ring->n < ATTEMPTS_KEPT ? ring->n : ATTEMPTS_KEPT;
	return i < kept ? &ring->items[(ring->n - 1 - i) % ATTEMPTS_KEPT] : NULL;
}

static void
print(const struct attempt *a, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];

	clock_text(a->at_ms, when);
	buf_printf(out,
		"{\"at\":\"%s\",\"id\":\"%.*s\",\"attempt\":%d,\"outcome\":\"%s\",\"status\":%d,"
		"\"tookMs\":%lld,\"replay\":%s",
		when, ENVELOPE_ID_TEXT, a->id, a->number, attempt_outcomes[a->outcome], a->status,
		(long long)a->took_ms, a->is_replay ? "true" : "false");
	if (a->next_at_ms != 0) {
		clock_text(a->next_at_ms, when);
		buf_printf(out, ",\"nextAt\":\"%s\"", when);
	}
	if (a->text != NULL) {
		buf_str(out, a->outcome == HSW_DELIVERED ? ",\"answer\":" : ",\"error\":");
		buf_json_cstr(out, a->text);
	}
	buf_str(out, "}");
}

void
attempts_print(const struct attempts *all, bool with_delivered, struct buf *out)
{
	size_t f = 0, d = 0;
	const char *separator = "";

	buf_str(out, "[");
	for (;; separator = ",") {
		const struct attempt *failed = attempts_newest(&all->failed, f);
		const struct attempt *delivered = with_delivered
			? attempts_newest(&all->delivered, d)
			: NULL;
		if (failed == NULL && delivered == NULL)
			break;
		bool is_failed = delivered == NULL ||
			(failed != NULL && failed->at_ms >= delivered->at_ms);
		buf_str(out, separator);
		print(is_failed ? failed : delivered, out);
		f += is_failed;
		d += !is_failed;
	}
	buf_str(out, "]");
}

static void
ring_free(struct attempt_ring *ring)
{
	for (size_t i = 0; ring->items != NULL && i < ATTEMPTS_KEPT; i++)
		free(ring->items[i].text);
	free(ring->items);
	*ring = (struct attempt_ring){ NULL, 0 };
}

void
attempts_free(struct attempts *all)
{
	ring_free(&all->delivered);
	ring_free(&all->failed);
}
