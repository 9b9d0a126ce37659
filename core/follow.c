/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c - see follow.h.
 *
 * Who calls what from where: everything on the store thread, but page_run and page_unref, which the workers
 * call. At most PAGES_MAX pages are out: a worker that is slow stops the reading, and the last page that comes
 * back starts it again.
 */
#include "follow.h"

#include <stddef.h>
#include <stdlib.h>

#include "journal_impl.h"
#include "log.h"

#define PAGES_MAX 8
#define READ_EVENTS 512 /* of a page */

struct page_mail {
	struct mail mail; /* first */
	struct page *page;
	unsigned port;
};

struct page {
	struct follow *follow;
	struct hsw_envelope *envelopes[READ_EVENTS];
	size_t n;
	_Atomic unsigned refs;
	struct page_mail mails[];
};

struct follow {
	struct follow_env env;
	struct store *store;
	int64_t fed_seq;  /* every event up to it was fed */
	int64_t last_seq; /* that is known of */
	bool is_stopped;
	_Atomic unsigned n_out;
	_Atomic bool is_waiting; /* for pages to come back */
	_Atomic bool is_queued;  /* the call below is the store's */
	struct store_call again;
};

struct reading {
	struct page *page;
	int64_t upto;
	bool failed;
};

static void run_again(struct store_call *, const struct store_port *);

struct follow *
follow_new(const struct follow_env *env, struct store *store, int64_t fed_seq)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->env = *env;
	f->store = store;
	f->fed_seq = f->last_seq = fed_seq;
	f->again.fn = run_again;
	return f;
}

void
follow_free(struct follow *f)
{
	free(f);
}

void
follow_stop(struct follow *f)
{
	f->is_stopped = true;
}

/* ---- pages ---- */

static void
page_free(struct page *p)
{
	for (size_t i = 0; i < p->n; i++)
		envelope_unref(p->envelopes[i]);
	free(p);
}

static void
page_unref(struct page *p)
{
	struct follow *f = p->follow;

	if (atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	page_free(p);
	bool is_last = atomic_fetch_sub(&f->n_out, 1) == 1;
	if (is_last && atomic_exchange(&f->is_waiting, false) &&
		!atomic_exchange(&f->is_queued, true))
		store_post_call(f->store, &f->again);
}

static void
page_run(struct mail *mail)
{
	struct page_mail *m = (struct page_mail *)mail;
	struct page *p = m->page;
	const struct journal_port *port = &p->follow->env.ports[m->port];

	port->feed(port->arg, p->envelopes, p->n);
	page_unref(p);
}

static void
post(struct follow *f, struct page *p)
{
	bool wanted[JOURNAL_PORTS_MAX];
	unsigned refs = 0;

	for (unsigned i = 0; i < f->env.n_ports; i++)
		refs += wanted[i] = f->env.is_fed(f->env.journal, i);
	if (refs == 0) {
		page_free(p);
		return;
	}
	atomic_init(&p->refs, refs);
	atomic_fetch_add(&f->n_out, 1);
	/* Not to be touched after the last post: the page may be gone. */
	for (unsigned i = 0; i < f->env.n_ports; i++) {
		if (!wanted[i])
			continue;
		p->mails[i] = (struct page_mail){ { .run = page_run }, p, i };
		mailbox_post(f->env.ports[i].box, &p->mails[i].mail);
	}
}

/* ---- reading ---- */

static int
add_row(void *arg, const struct hsw_store_event *row)
{
	struct reading *r = arg;
	struct page *p = r->page;

	if (row->seq > r->upto)
		return HSW_ECLOSED;
	struct hsw_envelope *e = journal_envelope(p->follow->env.catalog, row);
	if (e == NULL) {
		r->failed = true;
		return HSW_ENOMEM;
	}
	p->envelopes[p->n++] = e;
	return HSW_OK;
}

/* Whether n events or none are all that is there up to seq `upto`, or it is known what was passed over: before
 * anybody counts what is behind it. */
static int
look_for_gap(struct follow *f, const struct store_port *store, int64_t upto, size_t n,
	struct hsw_error *err)
{
	bool is_there = upto - f->fed_seq - (int64_t)n >= GAP_SEQS_MIN;

	return is_there ? gaps_read(f->env.gaps, store, err) : HSW_OK;
}

/* One page; false: it could not be read. A page with nothing: the events were deleted. */
static bool
read_page(struct follow *f, const struct store_port *store, int64_t upto)
{
	struct hsw_error err = { "out of memory" };
	struct page *p = calloc(1, sizeof(*p) + f->env.n_ports * sizeof(p->mails[0]));
	struct reading r = { p, upto, false };

	if (p == NULL)
		return false;
	p->follow = f;
	int rc = store->ops->read(
		store->self, f->fed_seq, READ_EVENTS, PAGE_BYTES, add_row, &r, &err);
	int64_t end = p->n > 0 ? p->envelopes[p->n - 1]->seq : upto;
	if (rc == HSW_OK && (p->n > 0 || !r.failed))
		rc = look_for_gap(f, store, end, p->n, &err);
	if (rc != HSW_OK || (r.failed && p->n == 0)) {
		log_warn("store", "other nodes' events cannot be read now: %s", err.text);
		page_free(p);
		return false;
	}
	f->fed_seq = end;
	if (p->n > 0)
		post(f, p);
	else
		page_free(p);
	return true;
}

/* Nobody wants to be fed. */
static bool
pass_over(struct follow *f, const struct store_port *store, int64_t upto)
{
	struct hsw_error err = { "" };

	if (look_for_gap(f, store, upto, 0, &err) != HSW_OK) {
		log_warn("store", "other nodes' events cannot be followed now: %s", err.text);
		return false;
	}
	f->fed_seq = upto;
	return true;
}

static bool
is_anybody_fed(const struct follow *f)
{
	for (unsigned i = 0; i < f->env.n_ports; i++) {
		if (f->env.is_fed(f->env.journal, i))
			return true;
	}
	return false;
}

/* Whether everything up to there was fed. */
static bool
catch_up(struct follow *f, const struct store_port *store, int64_t upto)
{
	if (f->is_stopped)
		return false;
	if (f->fed_seq < upto && !is_anybody_fed(f))
		return pass_over(f, store, upto);
	while (f->fed_seq < upto) {
		if (atomic_load(&f->n_out) >= PAGES_MAX) {
			/* If the last one came back meanwhile, nobody else will say so. */
			atomic_store(&f->is_waiting, true);
			if (atomic_load(&f->n_out) > 0 || !atomic_exchange(&f->is_waiting, false))
				return false;
		}
		if (!read_page(f, store, upto))
			return false;
	}
	return true;
}

static void
run_again(struct store_call *call, const struct store_port *store)
{
	struct follow *f = (struct follow *)((char *)call - offsetof(struct follow, again));

	atomic_store(&f->is_queued, false);
	catch_up(f, store, f->last_seq);
}

void
follow_upto(struct follow *f, const struct store_port *store, int64_t last_seq)
{
	if (last_seq > f->last_seq)
		f->last_seq = last_seq;
	catch_up(f, store, f->last_seq);
}

bool
follow_own(struct follow *f, const struct store_port *store, int64_t first, int64_t last)
{
	if (last > f->last_seq)
		f->last_seq = last;
	if (first <= f->fed_seq || !catch_up(f, store, first - 1))
		return false;
	f->fed_seq = last;
	return true;
}
