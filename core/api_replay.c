/* SPDX-License-Identifier: Apache-2.0 */
/* api_replay.c - the route that delivers once more what was settled for a webhook of an instance. */
#include <inttypes.h>
#include <stdlib.h>

#include "api_inquiry.h"
#include "api_json.h"
#include "clock.h"
#include "err.h"

#define PAGES_MAX 100 /* of the log that one request looks at */

/* A webhook may be changed, or go, between two pages. An instance gets nothing that came before it was
 * made: that was another one's of the same name. */
static bool
find_conf(struct tour *t)
{
	const struct inquiry *q = t->own;
	struct replay *p = t->replay;
	struct hsw_str name = str_of(q->instance);
	const struct instance_settings *i = settings_find(t->server->settings, name);
	const struct webhook *w = i != NULL ? settings_find_webhook(i, q->label) : NULL;

	if (i == NULL)
		inquiry_fail(t, 404, "Instance not found");
	else if (w == NULL)
		inquiry_fail(t, 404, "Webhook not found");
	else if (!w->enabled)
		inquiry_fail(t, 400, "label: the webhook is not enabled");
	if (t->status != 0)
		return false;
	if (p->since_ms < i->created_ms)
		p->since_ms = i->created_ms;
	webhook_section_free(p->made);
	p->made = webhook_section_new(&t->server->webhook_sink, name, w, &t->error);
	if (p->made == NULL) {
		t->status = 500;
		return false;
	}
	p->conf = &p->made->section.u.sink;
	return true;
}

static void
finish_replay(struct tour *t)
{
	const struct replay *p = t->replay;

	t->status = 202;
	buf_printf(&t->out, "{\"success\":true,\"replayed\":%zu,\"more\":%s", p->n,
		p->is_over ? "false" : "true");
	if (!p->is_over)
		buf_printf(&t->out, ",\"next\":%" PRId64, p->next);
	buf_str(&t->out, "}");
	tour_go_home(t);
}

static void
take_up(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct destination *d = inquiry_find_destination(t);

	if (d != NULL)
		destination_retry(d, t->replay->seqs, t->replay->n, true);
	finish_replay(t);
}

/* Page after page, so that the store does other things between them. */
static void
replay_page(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct inquiry *q = t->own;
	struct replay *p = t->replay;

	if (!find_conf(t)) {
		tour_go_home(t);
		return;
	}
	int rc = replay_select(p, store, t->query.destination, &t->error);
	bool is_last = p->is_over || p->n == p->limit || ++q->pages == PAGES_MAX;
	if (rc == HSW_OK && !is_last) {
		tour_go_to_store(t, replay_page);
		return;
	}
	if (rc == HSW_OK)
		rc = replay_commit(p, store, t->query.destination, &t->error);
	if (rc != HSW_OK) {
		inquiry_fail_store(t, rc);
		tour_go_home(t);
	} else {
		inquiry_go_to_owner(t, take_up);
	}
}

static void
replay_settled(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	const struct inquiry *q = t->own;

	if (inquiry_set_destination(t, q->label))
		replay_page(call, store);
	else
		tour_go_home(t);
}

/* ---- the route ---- */

static int
read_replay(struct inquiry *q, struct replay *p, struct json_object *root, struct hsw_error *err)
{
	bool has_since, has_until;
	int64_t limit = REPLAY_MAX;
	int rc = api_json_text(root, "label", WEBHOOK_LABEL_MAX, &q->label, err);

	p->until_ms = clock_wall_ms();
	if (rc == HSW_OK && q->label == NULL)
		rc = err_set(err, HSW_EINVAL, "label: is missing");
	if (rc == HSW_OK)
		rc = api_json_time(root, "since", &p->since_ms, &has_since, err);
	if (rc == HSW_OK && !has_since)
		rc = err_set(err, HSW_EINVAL, "since: is missing");
	if (rc == HSW_OK)
		rc = api_json_time(root, "until", &p->until_ms, &has_until, err);
	if (rc == HSW_OK && p->until_ms < p->since_ms)
		rc = err_set(err, HSW_EINVAL, "%s: is before since", has_until ? "until" : "now");
	if (rc == HSW_OK)
		rc = api_json_number(root, "after", 0, INT64_MAX, &p->next, err);
	if (rc == HSW_OK)
		rc = api_json_number(root, "limit", 1, REPLAY_MAX, &limit, err);
	p->limit = (size_t)limit;
	return rc;
}

void
api_replay(struct api_call *call)
{
	static const char *const known[] = { "label", "since", "until", "after", "limit", NULL };
	struct json_object *root = api_body(call, known);
	struct inquiry *q = root != NULL ? inquiry_new(call) : NULL;
	struct replay *p = q != NULL ? calloc(1, sizeof(*p)) : NULL;
	struct hsw_error err = { "" };

	if (q != NULL && p == NULL) {
		inquiry_refuse_memory(call);
		inquiry_free(q);
	} else if (q != NULL) {
		int rc = read_replay(q, p, root, &err);
		if (rc == HSW_OK) {
			inquiry_begin(call, q, p, replay_settled);
		} else {
			inquiry_refuse(call, rc, &err);
			inquiry_free(q);
			replay_free(p);
		}
	}
	json_object_put(root);
}
