/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waha.c - source-waha: webhooks of WAHA (WhatsApp HTTP API), with any of its engines.
 *
 *   {id, timestamp, event, session, me: {id, lid, pushName}, payload, engine, environment}
 *
 * With a key, X-Webhook-Hmac has the HMAC-SHA512 of the body in hexadecimal.
 */
#include "waha.h"

#include <stddef.h>
#include <string.h>

#include "signature.h"

struct conf {
	const char *hmac_key;
};

static const struct hsw_option options[] = {
	{ .key = "hmac_key",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, hmac_key),
		.help = "The key of WAHA's `hmac`: X-Webhook-Hmac must be the body's HMAC-SHA512; "
			"others are refused with 401. Without it: the header is not looked at." },
	{ .key = NULL },
};

/* ---- receipts ---- */

/* In a group, participant is who got our message, or who wrote the one that we read. */
static int
waha_ack(struct translation *t, struct json_object *payload)
{
	/* -1 to 4, as WhatsApp Web counts; PENDING is no receipt. */
	static const char *const numbers[] = { "server_error", NULL, "sent", "delivered", "read",
		"played" };
	static const struct word names[] = { { "ERROR", "server_error" }, { "SERVER", "sent" },
		{ "DEVICE", "delivered" }, { "READ", "read" }, { "PLAYED", "played" },
		{ NULL, NULL } };
	struct hsw_message m = { .change = HSW_STUB };
	struct waha_engine e;
	int64_t ack;

	waha_engine_open(&e, payload);
	waha_parties(t, &e, payload, &m);
	waha_engine_close(&e);
	struct hsw_status s = { .status = word_find(names, cj_string(payload, "ackName")),
		.ids = &m.id,
		.n_ids = m.id.len > 0,
		.chat = m.chat,
		.time_ms = m.time_ms };
	if (cj_number(payload, "ack", &ack) && ack >= -1 && ack <= 4)
		s.status = numbers[ack + 1];
	if (!m.is_outgoing)
		s.status = frame_own_receipt(s.status);
	s.chat.name = (struct hsw_str){ NULL, 0 };
	if (m.chat.type > HSW_JID_LID) {
		waha_party(m.is_outgoing ? &s.recipient : &s.message_sender,
			cj_get(payload, "participant"));
		if (m.is_outgoing)
			s.message_sender = t->own;
	} else if (m.is_outgoing) {
		s.recipient = s.chat;
	}
	return frame_emit_status(t, &s);
}

/* ---- the session ---- */

/* statuses: the last few, with the time of each. */
static int64_t
time_of_status(struct json_object *payload, struct hsw_str status)
{
	struct json_object *list = cj_array(payload, "statuses");
	struct json_object *last = cj_length(list) > 0 ? cj_at(list, cj_length(list) - 1) : NULL;
	struct hsw_str name = cj_string(last, "status");
	bool is_same = name.s != NULL && name.len == status.len &&
		memcmp(name.s, status.s, name.len) == 0;

	return is_same ? cj_time(last, "timestamp") : 0;
}

/* A code is never in here, but at /api/{session}/auth/qr. */
static int
waha_session(struct translation *t, struct json_object *payload)
{
	static const struct word states[] = { { "WORKING", "connected" },
		{ "STARTING", "connecting" }, { "SCAN_QR_CODE", "qr_ready" },
		{ "STOPPED", "disconnected" }, { "FAILED", "connect_failure" },
		{ "PASSKEY_REQUIRED", "connecting" },
		{ "PASSKEY_CONFIRMATION_REQUIRED", "connecting" }, { NULL, NULL } };
	struct hsw_str status = cj_string(payload, "status");
	struct hsw_state s = { .state = word_find(states, status),
		.time_ms = time_of_status(payload, status) };

	if (status.len == 0)
		return frame_ignore(t);
	if (s.time_ms == 0)
		s.time_ms = t->time_ms;
	if (s.state == NULL)
		s.state = "unknown";
	/* Not all of theirs is told apart by ours. */
	if (strcmp(s.state, "unknown") == 0 ||
		(strcmp(s.state, "connecting") == 0 && !word_is(status, "STARTING")))
		s.reason = status;
	return frame_emit_state(t, &s);
}

/* ---- calls ---- */

static int
emit_call(struct translation *t, struct json_object *payload, const char *type)
{
	struct hsw_call call = { .type = type,
		.id = waha_bare_id(payload, "id"),
		.time_ms = cj_time(payload, "timestamp"),
		.is_video = cj_tri(payload, "isVideo"),
		.is_group = cj_tri(payload, "isGroup") };
	struct json_object *data = cj_object(payload, "_data");

	if (call.time_ms == 0)
		call.time_ms = t->time_ms;
	waha_party(&call.from, cj_get(payload, "from"));
	waha_party(&call.from, cj_get(data, "CallCreatorAlt"));
	waha_party(&call.from, cj_get(data, "callerPn"));
	waha_party(&call.group, cj_get(data, "GroupJID"));
	waha_party(&call.group, cj_get(data, "groupJid"));
	return frame_emit_call(t, &call);
}

static int
waha_call_received(struct translation *t, struct json_object *payload)
{
	return emit_call(t, payload, "offer");
}

static int
waha_call_accepted(struct translation *t, struct json_object *payload)
{
	return emit_call(t, payload, "accepted");
}

static int
waha_call_rejected(struct translation *t, struct json_object *payload)
{
	return emit_call(t, payload, "rejected");
}

/* ---- labels ---- */

static int
emit_label(struct translation *t, struct json_object *payload, const char *action)
{
	struct hsw_label l = { .type = "edit",
		.action = action,
		.id = cj_literal(payload, "id"),
		.name = cj_string(payload, "name"),
		.color = cj_literal(payload, "color"),
		.is_deleted = strcmp(action, "deleted") == 0 ? HSW_YES : HSW_NO,
		.time_ms = t->time_ms };

	return frame_emit_label(t, &l);
}

static int
waha_label_upsert(struct translation *t, struct json_object *payload)
{
	return emit_label(t, payload, "updated");
}

static int
waha_label_deleted(struct translation *t, struct json_object *payload)
{
	return emit_label(t, payload, "deleted");
}

/* `label` may be null right after the number was linked. */
static int
emit_chat_label(struct translation *t, struct json_object *payload, const char *action)
{
	struct json_object *label = cj_object(payload, "label");
	struct hsw_label l = { .type = "chat",
		.action = action,
		.id = cj_literal(payload, "labelId"),
		.name = cj_string(label, "name"),
		.color = cj_literal(label, "color"),
		.is_labeled = strcmp(action, "add") == 0 ? HSW_YES : HSW_NO,
		.time_ms = t->time_ms };

	waha_party(&l.chat, cj_get(payload, "chatId"));
	return frame_emit_label(t, &l);
}

static int
waha_label_added(struct translation *t, struct json_object *payload)
{
	return emit_chat_label(t, payload, "add");
}

static int
waha_label_removed(struct translation *t, struct json_object *payload)
{
	return emit_chat_label(t, payload, "remove");
}

/* ---- the source ---- */

static const struct route routes[] = {
	{ "message.any", waha_message },
	{ "message", waha_message },
	{ "message.ack", waha_ack },
	{ "message.ack.group", waha_ack },
	{ "message.reaction", waha_reaction },
	{ "message.edited", waha_edited },
	{ "message.revoked", waha_revoked },
	{ "message.waiting", waha_waiting },
	{ "poll.vote", waha_vote },
	{ "session.status", waha_session },
	{ "group.v2.participants", waha_group_participants },
	{ "group.v2.participants.join-request", waha_group_request },
	{ "group.v2.join", waha_group_join },
	{ "group.v2.leave", waha_group_leave },
	{ "group.v2.update", waha_group_update },
	{ "group.join", waha_old_group_join },
	{ "group.leave", waha_old_group_leave },
	{ "call.received", waha_call_received },
	{ "call.accepted", waha_call_accepted },
	{ "call.rejected", waha_call_rejected },
	{ "label.upsert", waha_label_upsert },
	{ "label.deleted", waha_label_deleted },
	{ "label.chat.added", waha_label_added },
	{ "label.chat.deleted", waha_label_removed },
	{ NULL, NULL },
};

static int
dispatch(struct translation *t, struct hsw_error *err)
{
	struct json_object *me = cj_object(t->body, "me");
	int rc = frame_event(t, "event", "message", err);

	if (rc != HSW_OK)
		return rc;
	canon_start(t->canon, t->request, cj_string(t->body, "id"));
	t->time_ms = cj_time(t->body, "timestamp");
	waha_party(&t->own, cj_get(me, "id"));
	waha_party(&t->own, cj_get(me, "jid"));
	waha_party(&t->own, cj_get(me, "lid"));
	return frame_route(t, routes, cj_object(t->body, "payload"));
}

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	static const char header[] = "X-Webhook-Hmac";
	const struct conf *conf = ((struct handle *)self)->conf;

	if (conf->hmac_key == NULL)
		return HSW_OK;
	struct hsw_str given = request->header(request, header);
	if (signature_is("SHA512", conf->hmac_key, request->body, given))
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

HSW_PLUGIN(
	HSW_SOURCE, "waha", "1.0", "WAHA, WhatsApp HTTP API", sizeof(struct conf), options, &ops);
