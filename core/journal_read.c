/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_read.c - pages of the log, see journal_impl.h. read_page runs on the store thread, page_run on the
 * worker that asked.
 */
#include "journal_impl.h"

#include <inttypes.h>
#include <stddef.h>

#include "health.h"
#include "log.h"

struct hsw_envelope *
journal_envelope(struct catalog *catalog, const struct hsw_store_event *row)
{
	const struct instance *instance = catalog_find(catalog_master(catalog), row->instance);
	struct hsw_str token = instance != NULL ? instance->token_json
						: (struct hsw_str){ NULL, 0 };
	struct hsw_envelope *e = envelope_from_row(row, token);

	if (e == NULL)
		log_error("store",
			"an event cannot be read: out of memory, or of a type that is not known "
			"seq=%" PRId64,
			row->seq);
	return e;
}

static int
add_row(void *arg, const struct hsw_store_event *row)
{
	struct journal_page *page = arg;
	struct hsw_envelope *e = journal_envelope(page->journal->catalog, row);

	if (e == NULL) {
		page->rc = HSW_ENOMEM;
		return HSW_ENOMEM;
	}
	page->envelopes[page->n++] = e;
	page->last_seq = row->seq;
	return HSW_OK;
}

static size_t
page_bytes(const struct journal_page *page)
{
	size_t sum = 0;
	for (size_t i = 0; i < page->n; i++)
		sum += page->envelopes[i]->body.len;
	return sum;
}

static void
page_run(struct mail *mail)
{
	struct journal_page *page = (struct journal_page *)((char *)mail -
		offsetof(struct journal_page, reply));
	page->done(page);
}

/* Store thread. A row that cannot be read ends the page with an error: nothing is passed over. */
static void
read_page(struct store_call *call, const struct store_port *store)
{
	struct journal_page *page = (struct journal_page *)call;
	struct hsw_error err = { "" };
	int rc = page->wanted > 0
		? store->ops->read_seqs(store->self, page->seqs, page->wanted, add_row, page, &err)
		: store->ops->read(
			  store->self, page->after, page->max, PAGE_BYTES, add_row, page, &err);
	if (rc != HSW_OK) {
		page->rc = rc;
		health_count("read", rc);
		log_error("store", "reading the journal failed: %s", err.text);
	}
	page->is_end = page->rc == HSW_OK && page->n < page->max && page_bytes(page) < PAGE_BYTES;
	page->reply.run = page_run;
	mailbox_post(page->journal->ports[page->port].box, &page->reply);
}

void
journal_read(struct journal *j, unsigned port, struct journal_page *page)
{
	page->journal = j;
	page->port = port;
	page->n = 0;
	page->last_seq = page->after;
	page->rc = HSW_OK;
	page->call.fn = read_page;
	store_post_call(j->store, &page->call);
}
