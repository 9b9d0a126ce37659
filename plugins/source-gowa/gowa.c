/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gowa.c - source-gowa: webhooks of GOWA (go-whatsapp-web-multidevice).
 *
 *   {event, device_id, session_id, timestamp, payload}
 *
 * device_id is the instance's own number. X-Hub-Signature-256 has "sha256=" and the HMAC-SHA256 of the body in
 * hexadecimal.
 */
#include "gowa.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "signature.h"

#define IDS_MAX 1024 /* of one receipt; what is beyond becomes another event */

static const struct hsw_option options[] = {
	{ .key = "hmac_key",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, hmac_key),
		.help = "GOWA's webhook secret: X-Hub-Signature-256 must be the body's "
			"HMAC-SHA256; "
			"others are refused with 401. Without it: the header is not looked at." },
	{ .key = "base_url",
		.type = HSW_OPT_URL,
		.offset = offsetof(struct conf, base_url),
		.help = "Where GOWA is: put before the paths of media. Without it: paths stay as "
			"they are." },
	{ .key = NULL },
};

/* ---- what the translators use ---- */

void
gowa_party(struct hsw_party *p, struct json_object *payload, const char *member,
	const char *member_lid)
{
	frame_party(p, cj_string(payload, member));
	frame_party(p, cj_string(payload, member_lid));
}

int64_t
gowa_time(const struct translation *t, struct json_object *payload)
{
	int64_t ms = cj_time(payload, "timestamp");

	return ms != 0 ? ms : t->time_ms;
}

/* ---- receipts ---- */

/* whatsmeow's types.ReceiptType; delivered is "" there. */
static const struct word receipts[] = { { "delivered", "delivered" }, { "sender", "sender" },
	{ "retry", "retry" }, { "read", "read" }, { "read-self", "read_self" },
	{ "played", "played" }, { "played-self", "played_self" },
	{ "server-error", "server_error" }, { "inactive", "inactive" }, { NULL, NULL } };

static int
emit_receipt(struct translation *t, struct hsw_status *s, struct json_object *list, size_t from)
{
	struct hsw_str ids[IDS_MAX];

	s->ids = ids;
	s->n_ids = 0;
	for (size_t i = from; i < cj_length(list) && s->n_ids < IDS_MAX && i < from + IDS_MAX;
		i++) {
		ids[s->n_ids] = cj_text(cj_at(list, i));
		s->n_ids += ids[s->n_ids].len > 0;
	}
	return frame_emit_status(t, s);
}

/* from is who got or read it; we ourselves, on another device, where it is our number. */
static int
gowa_ack(struct translation *t, struct json_object *payload)
{
	struct json_object *ids = cj_array(payload, "ids");
	struct hsw_status s = { .status = word_find(receipts, cj_string(payload, "receipt_type")),
		.time_ms = gowa_time(t, payload) };
	struct hsw_party from = { .type = HSW_JID_NONE };
	int rc;

	gowa_party(&s.chat, payload, "chat_id", "chat_lid");
	gowa_party(&from, payload, "from", "from_lid");
	if (frame_is_same(&from, &t->own))
		s.status = frame_own_receipt(s.status);
	else
		s.recipient = from;
	if (s.chat.type == HSW_JID_GROUP && canon_party_id(&s.recipient)[0] != '\0')
		s.message_sender = t->own;
	size_t i = 0;
	do {
		rc = emit_receipt(t, &s, ids, i);
		i += IDS_MAX;
	} while (rc == HSW_OK && i < cj_length(ids));
	return rc;
}

/* ---- groups ---- */

static void
write_members(struct hsw_canon *c, const void *list)
{
	struct json_object *jids = (struct json_object *)list;

	for (size_t i = 0; i < cj_length(jids); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		frame_party(&p, cj_text(cj_at(jids, i)));
		canon_participant(c, &p);
	}
}

static int
gowa_participants(struct translation *t, struct json_object *payload)
{
	static const struct word types[] = { { "join", "joined" }, { "leave", "left" },
		{ "promote", "promoted" }, { "demote", "demoted" }, { NULL, NULL } };
	struct hsw_group g = { .type = word_find(types, cj_string(payload, "type")),
		.time_ms = gowa_time(t, payload),
		.participants = { write_members, cj_array(payload, "jids") } };

	frame_party(&g.group, cj_string(payload, "chat_id"));
	return frame_emit_group(t, &g);
}

static void
write_own(struct hsw_canon *c, const void *own)
{
	canon_participant(c, own);
}

/* jids has ourselves. */
static int
gowa_joined(struct translation *t, struct json_object *payload)
{
	struct json_object *jids = cj_array(payload, "jids");
	struct hsw_group g = { .type = "joined",
		.time_ms = gowa_time(t, payload),
		.reason = cj_string(payload, "reason") };

	frame_party(&g.group, cj_string(payload, "chat_id"));
	g.group.name = cj_string(payload, "group_name");
	if (jids != NULL)
		g.participants = (struct hsw_fill){ write_members, jids };
	else if (canon_party_id(&t->own)[0] != '\0')
		g.participants = (struct hsw_fill){ write_own, &t->own };
	return frame_emit_group(t, &g);
}

/* ---- calls ---- */

/* What GOWA rejects by itself was an offer before. */
static int
gowa_call(struct translation *t, struct json_object *payload)
{
	struct hsw_call call = { .type = "offer",
		.id = cj_string(payload, "call_id"),
		.time_ms = gowa_time(t, payload),
		.platform = cj_string(payload, "remote_platform") };

	gowa_party(&call.from, payload, "from", "from_lid");
	call.from.name = cj_string(payload, "sender_display_name");
	frame_party(&call.group, cj_string(payload, "group_jid"));
	if (call.group.type == HSW_JID_GROUP)
		call.is_group = HSW_YES;
	int rc = frame_emit_call(t, &call);
	if (rc != HSW_OK || !cj_bool(payload, "auto_rejected") || call.id.len == 0)
		return rc;
	call.type = "rejected";
	call.reason = (struct hsw_str){ "auto_rejected", strlen("auto_rejected") };
	return frame_emit_call(t, &call);
}

/* ---- labels ---- */

static int
gowa_label_edit(struct translation *t, struct json_object *payload)
{
	struct hsw_label l = { .type = "edit",
		.id = cj_literal(payload, "label_id"),
		.name = cj_string(payload, "name"),
		.color = cj_literal(payload, "color"),
		.is_deleted = cj_tri(payload, "deleted"),
		.time_ms = gowa_time(t, payload) };

	l.action = l.is_deleted == HSW_YES ? "deleted" : "updated";
	return frame_emit_label(t, &l);
}

static int
gowa_label_association(struct translation *t, struct json_object *payload)
{
	struct hsw_label l = { .type = "chat",
		.id = cj_literal(payload, "label_id"),
		.is_labeled = cj_tri(payload, "labeled"),
		.time_ms = gowa_time(t, payload) };

	if (l.is_labeled == HSW_UNKNOWN)
		return frame_ignore(t);
	l.action = l.is_labeled == HSW_YES ? "add" : "remove";
	gowa_party(&l.chat, payload, "chat_id", "chat_lid");
	return frame_emit_label(t, &l);
}

/* ---- the source ---- */

static const struct route routes[] = {
	{ "message", gowa_message },
	{ "message.ack", gowa_ack },
	{ "message.reaction", gowa_reaction },
	{ "message.edited", gowa_edited },
	{ "message.revoked", gowa_revoked },
	{ "message.deleted", gowa_deleted },
	{ "newsletter.message", gowa_newsletter },
	{ "group.participants", gowa_participants },
	{ "group.joined", gowa_joined },
	{ "call.offer", gowa_call },
	{ "label.edit", gowa_label_edit },
	{ "label.association", gowa_label_association },
	{ NULL, NULL },
};

static int
dispatch(struct translation *t, struct hsw_error *err)
{
	int rc = frame_event(t, "event", "message", err);

	if (rc != HSW_OK)
		return rc;
	canon_start(t->canon, t->request, (struct hsw_str){ NULL, 0 });
	t->time_ms = cj_time(t->body, "timestamp");
	frame_party(&t->own, cj_string(t->body, "device_id"));
	return frame_route(t, routes, cj_object(t->body, "payload"));
}

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	static const char header[] = "X-Hub-Signature-256";
	const struct conf *conf = ((struct handle *)self)->conf;

	if (conf->hmac_key == NULL)
		return HSW_OK;
	struct hsw_str given = request->header(request, header);
	if (signature_is_hub(conf->hmac_key, request->body, given))
		return HSW_OK;
	return signature_refuse(header, given.s == NULL, err);
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct translation t = { .request = request, .emit = emit, .out = out };

	return frame_translate(self, &t, request->body, dispatch, err);
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = handle_open,
	.verify = source_verify,
	.translate = source_translate,
	.close = handle_close,
};

HSW_PLUGIN(HSW_SOURCE, "gowa", "1.0", "GOWA, go-whatsapp-web-multidevice", sizeof(struct conf),
	options, &ops);
