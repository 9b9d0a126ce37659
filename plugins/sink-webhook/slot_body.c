/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_body.c - the events of a request and the body that is made of them.
 */
#include "slot_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expressions.h"
#include "gzip.h"
#include "target.h"

/* Items that are kept for later; one takes about 2 KB. */
#define FREE_ITEMS_MAX 256

static struct item *
item_take(struct webhook *w)
{
	struct item *item = TAILQ_FIRST(&w->free_items);

	if (item == NULL)
		return calloc(1, sizeof(*item));
	TAILQ_REMOVE(&w->free_items, item, entry);
	w->free_item_count--;
	return item;
}

void
item_free(struct item *item)
{
	event_text_free(&item->text);
	free(item);
}

void
item_give_back(struct webhook *w, struct item *item)
{
	w->host->unref(item->env);
	item->env = NULL;
	free(item->transformed);
	item->transformed = NULL;
	free(item->text.front); /* it may be a whole body */
	item->text.front = NULL;
	item->delivery = NULL;
	item->slot = NULL;
	if (w->free_item_count >= FREE_ITEMS_MAX) {
		item_free(item);
		return;
	}
	TAILQ_INSERT_HEAD(&w->free_items, item, entry);
	w->free_item_count++;
}

void
items_give_back(struct webhook *w, struct item_list *items)
{
	struct item *item;

	while ((item = TAILQ_FIRST(items)) != NULL) {
		TAILQ_REMOVE(items, item, entry);
		item_give_back(w, item);
	}
}

void
items_take(struct slot *s, struct item_list *items)
{
	struct item *item;

	TAILQ_INIT(items);
	TAILQ_CONCAT(items, &s->items, entry);
	TAILQ_FOREACH (item, items, entry) {
		item->slot = NULL;
	}
	s->live = 0;
}

/* What stands around and between the events. */
static size_t
frame_bytes(const struct slot *s, size_t events)
{
	if (!s->is_batch)
		return 0;
	return s->w->conf->batch_format == BATCH_JSON ? events + 1 : events;
}

size_t
slot_body_bytes(const struct slot *s, const struct item *more)
{
	size_t len = 0, events = s->live;
	const struct item *item;

	TAILQ_FOREACH (item, &s->items, entry) {
		len += item->text.pieces.len;
	}
	if (more != NULL) {
		len += more->text.pieces.len;
		events++;
	}
	return len + frame_bytes(s, events);
}

/* Puts what the expressions make of it in the place of the envelope. */
static int
transform(struct webhook *w, struct item *item, struct hsw_error *err)
{
	struct pieces *pieces = &item->text.pieces;
	int rc = expressions_run(w->expressions, pieces, &item->transformed, err);

	if (rc != HSW_OK || item->transformed == NULL)
		return rc;
	pieces_clear(pieces);
	return pieces_add(pieces, item->transformed, strlen(item->transformed)) ? HSW_OK
										: HSW_ENOMEM;
}

/* A delivery's item with the pieces of the body. */
static int
write_item(struct slot *s, struct item *item, struct hsw_delivery *delivery, struct hsw_error *err)
{
	struct webhook *w = s->w;
	bool is_jq = s->is_sections && w->expressions != NULL;
	/* Expressions see the envelope: it is written as such before they make what they like of it. */
	enum format format = is_jq ? FORMAT_ENVELOPE : s->format;
	unsigned parts = w->host->parts(delivery);
	const struct hsw_envelope *env = w->host->envelope(delivery);

	snprintf(err->text, sizeof(err->text), "the event is no envelope");
	int rc = event_write(&item->text, w->host, env, parts, format, w->conf->media_limit);
	if (rc == HSW_OK && is_jq)
		rc = transform(w, item, err);
	if (rc == HSW_OK && format != s->format)
		rc = event_write(&item->text, w->host, env, parts, s->format, w->conf->media_limit);
	return rc;
}

int
slot_make_item(
	struct slot *s, struct hsw_delivery *delivery, struct item **out, struct hsw_error *err)
{
	struct item *item = item_take(s->w);

	if (item == NULL)
		return HSW_ENOMEM;
	int rc = write_item(s, item, delivery, err);
	if (rc != HSW_OK) {
		item_give_back(s->w, item);
		return rc;
	}
	item->delivery = delivery;
	*out = item;
	return HSW_OK;
}

void
slot_drop_item(struct slot *s, struct item *item)
{
	item_give_back(s->w, item);
}

void
slot_add_item(struct slot *s, struct item *item)
{
	struct webhook *w = s->w;

	/* Others of a batch may be cancelled, while what they brought is being sent. */
	if (s->is_batch && item->env == NULL)
		item->env = w->host->ref(w->host->envelope(item->delivery));
	item->slot = s;
	TAILQ_INSERT_TAIL(&s->items, item, entry);
	s->live++;
	w->host->set_data(item->delivery, item);
}

void
slot_remove_item(struct slot *s, struct item *item)
{
	TAILQ_REMOVE(&s->items, item, entry);
	item_give_back(s->w, item);
}

static bool
compose_batch(struct slot *s)
{
	bool is_json = s->w->conf->batch_format == BATCH_JSON, has_memory = true;
	struct item *item;

	TAILQ_FOREACH (item, &s->items, entry) {
		const char *before = !is_json ? "" : s->body.n == 0 ? "[" : ",";
		has_memory = has_memory && pieces_add(&s->body, before, strlen(before)) &&
			pieces_add_all(&s->body, &item->text.pieces) &&
			pieces_add(&s->body, "\n", is_json ? 0 : 1);
	}
	return has_memory && pieces_add(&s->body, "]", is_json ? 1 : 0);
}

static bool
compress(struct slot *s)
{
	size_t len;

	if (!gzip_pack(s->w->gzip, &s->body, &s->packed, &len))
		return false;
	pieces_clear(&s->body);
	return pieces_add(&s->body, s->packed, len);
}

/* The pieces of the body, which both ways of sending it have from s->body. */
int
slot_compose(struct slot *s)
{
	const struct item *first = TAILQ_FIRST(&s->items);
	bool has_memory = s->is_batch ? compose_batch(s)
				      : pieces_add_all(&s->body, &first->text.pieces);

	if (has_memory && target_is_compressed(s->target))
		has_memory = compress(s);
	return has_memory ? HSW_OK : HSW_ENOMEM;
}
