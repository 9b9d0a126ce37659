/* SPDX-License-Identifier: Apache-2.0 */
/* frame.c - see frame.h. */
#include "frame.h"

#include <stdio.h>
#include <string.h>

#define BARE_PHONE_MAX 13 /* digits; LIDs have 14 or 15 */

/* ---- reading ---- */

int
frame_translate(struct handle *h, struct translation *t, struct hsw_str text,
	int (*dispatch)(struct translation *, struct hsw_error *), struct hsw_error *err)
{
	t->canon = &h->canon;
	t->tokener = h->tokener;
	t->conf = h->conf;
	t->body = cj_parse(h->tokener, text, err);
	if (t->body == NULL)
		return HSW_EINVAL;
	err->text[0] = '\0';
	int rc = dispatch(t, err);
	if (rc != HSW_OK && err->text[0] == '\0')
		snprintf(err->text, sizeof(err->text),
			"body: too many or too large events, or no memory");
	json_object_put(t->body);
	t->body = NULL;
	return rc;
}

int
frame_event(struct translation *t, const char *member, const char *example, struct hsw_error *err)
{
	struct json_object *name = cj_get(t->body, member);

	t->event = cj_text(name);
	if (t->event.len > 0)
		return HSW_OK;
	if (name != NULL && t->event.s == NULL)
		snprintf(err->text, sizeof(err->text), "%s: expected a string, found %s", member,
			json_type_to_name(json_object_get_type(name)));
	else
		snprintf(err->text, sizeof(err->text), "%s: is missing, expected a name such as %s",
			member, example);
	return HSW_EINVAL;
}

int
frame_route(struct translation *t, const struct route *routes, struct json_object *payload)
{
	for (; routes->name != NULL; routes++) {
		if (word_is(t->event, routes->name))
			return routes->translate(t, payload);
	}
	return frame_ignore(t);
}

/* ---- emitting ---- */

int
frame_emit(struct translation *t)
{
	return canon_emit(t->canon, t->event, t->emit, t->out);
}

int
frame_ignore(struct translation *t)
{
	return canon_ignore(t->canon, t->event, t->emit, t->out);
}

static bool
is_known(const struct hsw_party *p)
{
	return canon_party_id(p)[0] != '\0';
}

int
frame_emit_message(struct translation *t, const struct hsw_message *m)
{
	if (m->id.len == 0 || !is_known(&m->chat))
		return frame_ignore(t);
	canon_message(t->canon, m);
	return frame_emit(t);
}

int
frame_emit_status(struct translation *t, const struct hsw_status *s)
{
	if (s->status == NULL || s->n_ids == 0 || !is_known(&s->chat))
		return frame_ignore(t);
	canon_status(t->canon, s);
	return frame_emit(t);
}

int
frame_emit_call(struct translation *t, const struct hsw_call *call)
{
	if (call->type == NULL || call->id.len == 0)
		return frame_ignore(t);
	canon_call(t->canon, call);
	return frame_emit(t);
}

int
frame_emit_group(struct translation *t, const struct hsw_group *g)
{
	if (g->type == NULL || g->group.type != HSW_JID_GROUP)
		return frame_ignore(t);
	canon_group(t->canon, g);
	return frame_emit(t);
}

int
frame_emit_state(struct translation *t, struct hsw_state *s)
{
	s->instance = t->request->instance;
	if (!is_known(&s->own))
		s->own = t->own;
	canon_state(t->canon, s);
	return frame_emit(t);
}

int
frame_emit_label(struct translation *t, const struct hsw_label *l)
{
	if (l->id.len == 0 || (strcmp(l->type, "edit") != 0 && !is_known(&l->chat)))
		return frame_ignore(t);
	canon_label(t->canon, l);
	return frame_emit(t);
}

/* ---- who ---- */

void
frame_party(struct hsw_party *p, struct hsw_str id)
{
	if (id.len > BARE_PHONE_MAX && memchr(id.s, '@', id.len) == NULL)
		return;
	canon_party_add(p, id);
}

bool
frame_is_same(const struct hsw_party *one, const struct hsw_party *other)
{
	return (one->jid[0] != '\0' && strcmp(one->jid, other->jid) == 0) ||
		(one->lid[0] != '\0' && strcmp(one->lid, other->lid) == 0);
}

const char *
frame_own_receipt(const char *status)
{
	static const struct word by_us[] = { { "read", "read_self" }, { "played", "played_self" },
		{ NULL, NULL } };
	const char *self = NULL;

	if (status != NULL)
		self = word_find(by_us, (struct hsw_str){ status, strlen(status) });
	return self != NULL ? self : status;
}
