/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - the canonical events but message.exchange. */
#include "ryzeapi.h"

#include <string.h>

static struct hsw_str
text(struct json_object *o, const char *name)
{
	return cj_string(o, as(o, name));
}

static void
party(struct hsw_party *p, struct json_object *o, const char *name)
{
	ryzeapi_party(p, cj_get(o, as(o, name)));
}

/* ---- message.status ---- */

/* One id in a string is a list of one. NULL: there is none. */
static struct hsw_str *
read_ids(struct hsw_canon *c, struct json_object *data, size_t *n)
{
	struct json_object *o = cj_get(data, as(data, "messageIds"));
	size_t size = json_object_is_type(o, json_type_array) ? cj_length(o) : 1;
	struct hsw_str *ids = (struct hsw_str *)canon_scratch(c, (size + 1) * sizeof(*ids));

	*n = 0;
	for (size_t i = 0; i < size && ids != NULL; i++) {
		ids[*n] = json_object_is_type(o, json_type_array) ? cj_text(cj_at(o, i))
								  : cj_text(o);
		*n += ids[*n].len > 0;
	}
	if (ids != NULL && *n == 0) {
		ids[0] = text(data, "messageId");
		*n = ids[0].len > 0;
	}
	return ids;
}

static void
read_error(struct json_object *data, struct hsw_status *s)
{
	struct json_object *error = cj_get(data, as(data, "error"));

	s->error_text = cj_text(error);
	if (s->error_text.s == NULL)
		s->error_text = text(error, "text");
	if (s->error_text.s == NULL)
		s->error_text = text(error, "message");
	s->error_code = cj_count(error, as(error, "code"));
}

int
ryzeapi_status(struct translation *t, struct json_object *data)
{
	static const char *const statuses[] = { "sent", "delivered", "read", "played", "sender",
		"read_self", "played_self", "retry", "inactive", "server_error", NULL };
	struct hsw_status s = { .status = ryzeapi_word(statuses, text(data, "status")),
		.time_ms = cj_time(data, as(data, "timestamp")) };

	s.ids = read_ids(t->canon, data, &s.n_ids);
	ryzeapi_chat(&s.chat, cj_get(data, as(data, "chat")));
	s.chat.name = (struct hsw_str){ NULL, 0 };
	party(&s.recipient, data, "recipient");
	party(&s.message_sender, data, "messageSender");
	read_error(data, &s);
	if (s.status == NULL || s.n_ids == 0 || canon_party_id(&s.chat)[0] == '\0')
		return ryzeapi_ignore(t);
	canon_status(t->canon, &s);
	return ryzeapi_emit(t);
}

/* ---- call.update ---- */

int
ryzeapi_call(struct translation *t, struct json_object *data)
{
	static const char *const types[] = { "offer", "accepted", "rejected", "terminated",
		"notification", "latency", NULL };
	struct hsw_call call = { .type = ryzeapi_word(types, text(data, "type")),
		.id = text(data, "callId"),
		.time_ms = cj_time(data, as(data, "timestamp")),
		.is_video = cj_tri(data, as(data, "isVideo")),
		.is_group = cj_tri(data, as(data, "isGroup")),
		.reason = cj_literal(data, as(data, "reason")),
		.platform = text(data, "platform") };

	party(&call.from, data, "from");
	party(&call.to, data, "to");
	ryzeapi_group(&call.group, cj_literal(data, as(data, "groupJid")));
	if (call.type == NULL || call.id.len == 0)
		return ryzeapi_ignore(t);
	canon_call(t->canon, &call);
	return ryzeapi_emit(t);
}

/* ---- group.flow ---- */

static const char *const switches[] = { "announce", "locked", "ephemeral", "membership_approval",
	NULL };

/* Switches are on or off, however it is said; a duration is on. */
static void
read_value(struct json_object *value, struct hsw_group *g)
{
	static const char *const on[] = { "true", "on", "yes", NULL };
	static const char *const off[] = { "false", "off", "no", NULL };
	struct hsw_str s = cj_text(value);
	bool is_switch = ryzeapi_word(switches, (struct hsw_str){ g->type, strlen(g->type) });
	int64_t n;

	if (json_object_is_type(value, json_type_boolean))
		g->value_flag = json_object_get_boolean(value) ? HSW_YES : HSW_NO;
	else if (json_object_is_type(value, json_type_object))
		g->value_members = (struct hsw_fill){ ryzeapi_copy, value };
	else if (is_switch && cj_number_of(value, &n))
		g->value_flag = n != 0 ? HSW_YES : HSW_NO;
	else if (is_switch && ryzeapi_word(on, s) != NULL)
		g->value_flag = HSW_YES;
	else if (is_switch && ryzeapi_word(off, s) != NULL)
		g->value_flag = HSW_NO;
	else
		g->value = s;
}

static void
write_participants(struct hsw_canon *c, const void *list)
{
	struct json_object *participants = (struct json_object *)list;

	for (size_t i = 0; i < cj_length(participants); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		ryzeapi_party(&p, cj_at(participants, i));
		canon_participant(c, &p);
	}
}

int
ryzeapi_flow(struct translation *t, struct json_object *data)
{
	static const char *const types[] = { "created", "joined", "left", "promoted", "demoted",
		"name", "topic", "picture", "announce", "locked", "ephemeral",
		"membership_approval", "link", "join_request", "delete", "info", NULL };
	struct json_object *participants = cj_array(data, as(data, "participants"));
	struct hsw_group g = { .type = ryzeapi_word(types, text(data, "type")),
		.time_ms = cj_time(data, as(data, "timestamp")),
		.reason = text(data, "reason") };

	ryzeapi_group(&g.group, cj_literal(data, as(data, "groupJid")));
	g.group.name = text(data, "groupName");
	if (g.type == NULL || g.group.type != HSW_JID_GROUP)
		return ryzeapi_ignore(t);
	party(&g.author, data, "author");
	if (participants != NULL)
		g.participants = (struct hsw_fill){ write_participants, participants };
	read_value(cj_get(data, as(data, "value")), &g);
	canon_group(t->canon, &g);
	return ryzeapi_emit(t);
}

/* ---- instance.state ---- */

static void
write_more_codes(struct hsw_canon *c, const void *list)
{
	struct json_object *codes = (struct json_object *)list;

	for (size_t i = 1; i < cj_length(codes); i++)
		canon_some(c, NULL, cj_text(cj_at(codes, i)));
}

static void
read_codes(struct json_object *data, struct hsw_state *s)
{
	struct json_object *codes = cj_array(data, as(data, "codes"));

	s->pairing_code = text(data, "pairingCode");
	s->code = cj_text(cj_at(codes, 0));
	if (s->code.len > 0)
		s->more_codes = (struct hsw_fill){ write_more_codes, codes };
	else
		s->code = text(data, "qrCode");
}

int
ryzeapi_state(struct translation *t, struct json_object *data)
{
	static const char *const states[] = { "connected", "connecting", "disconnected",
		"logged_out", "stream_replaced", "temp_banned", "client_outdated",
		"connect_failure", "stream_error", "cat_refresh_error", "qr_ready", "pair_success",
		"pair_error", "qr_scanned_no_multidevice", "keepalive_timeout",
		"keepalive_restored", "manual_reconnect", "unknown", NULL };
	struct hsw_str said = text(data, "state");
	struct hsw_state s = { .state = ryzeapi_word(states, said),
		.time_ms = cj_time(data, as(data, "timestamp")),
		.instance = t->request->instance,
		.reason = cj_literal(data, as(data, "reason")),
		.status = cj_count(data, as(data, "status")),
		.progress = cj_literal(data, as(data, "progress")) };

	if (said.len == 0)
		return ryzeapi_ignore(t);
	if (s.state == NULL) {
		s.state = "unknown";
		s.reason = s.reason.len > 0 ? s.reason : said;
	}
	party(&s.own, data, "jid");
	read_codes(data, &s);
	canon_state(t->canon, &s);
	return ryzeapi_emit(t);
}

/* ---- label.update ---- */

static const char *
action_of(struct json_object *data, const struct hsw_label *l)
{
	static const char *const actions[] = { "updated", "deleted", "add", "remove", NULL };
	const char *action = ryzeapi_word(actions, text(data, "action"));

	if (action != NULL)
		return action;
	if (strcmp(l->type, "edit") == 0)
		return l->is_deleted == HSW_YES ? "deleted" : "updated";
	if (l->is_labeled == HSW_UNKNOWN)
		return NULL;
	return l->is_labeled == HSW_YES ? "add" : "remove";
}

int
ryzeapi_label(struct translation *t, struct json_object *data)
{
	static const char *const types[] = { "edit", "chat", "message", NULL };
	struct hsw_label l = { .type = ryzeapi_word(types, text(data, "type")),
		.id = cj_literal(data, as(data, "labelId")),
		.name = text(data, "name"),
		.color = cj_literal(data, as(data, "color")),
		.is_deleted = cj_tri(data, as(data, "deleted")),
		.message_id = text(data, "messageId"),
		.is_labeled = cj_tri(data, as(data, "labeled")),
		.time_ms = cj_time(data, as(data, "timestamp")) };

	l.action = l.type != NULL ? action_of(data, &l) : NULL;
	party(&l.chat, data, "chatJid");
	if (l.action == NULL || l.id.len == 0)
		return ryzeapi_ignore(t);
	canon_label(t->canon, &l);
	return ryzeapi_emit(t);
}
