/* SPDX-License-Identifier: Apache-2.0 */
/* instance.c - instance.state: the connection to WhatsApp and what leads to one; and call.update. */
#include "eazewa.h"

#include <string.h>

/* None of these events has a time: what they say tells two of the same moment apart. */
static int
emit_state(struct translation *t, struct hsw_state *s)
{
	s->instance = t->request->instance;
	canon_state(t->canon, s);
	canon_identity(t->canon, s->reason);
	canon_identity(t->canon, s->progress);
	canon_identity(t->canon, s->code);
	canon_identity(t->canon, s->pairing_code);
	return eazewa_emit(t);
}

/* data is the text itself, or has it under one of these names. */
static struct hsw_str
text_of(struct json_object *data, const char *const *names)
{
	struct hsw_str text = cj_text(data);

	for (; text.len == 0 && *names != NULL; names++)
		text = cj_string(data, *names);
	return text;
}

int
eazewa_loading(struct translation *t, struct json_object *data)
{
	struct hsw_state s = { .state = "connecting", .progress = cj_literal(data, "percent") };

	return emit_state(t, &s);
}

/* `base64` is a picture of the same code. */
int
eazewa_qr(struct translation *t, struct json_object *data)
{
	static const char *const names[] = { "qr", "code", "base64", NULL };
	struct hsw_state s = { .state = "qr_ready", .code = text_of(data, names) };

	return s.code.len > 0 ? emit_state(t, &s) : eazewa_ignore(t);
}

int
eazewa_code(struct translation *t, struct json_object *data)
{
	static const char *const names[] = { "code", "pairingCode", NULL };
	struct hsw_state s = { .state = "qr_ready", .pairing_code = text_of(data, names) };

	return s.pairing_code.len > 0 ? emit_state(t, &s) : eazewa_ignore(t);
}

int
eazewa_authenticated(struct translation *t, struct json_object *data)
{
	struct hsw_state s = { .state = "pair_success" };

	(void)data;
	return emit_state(t, &s);
}

int
eazewa_auth_failure(struct translation *t, struct json_object *data)
{
	static const char *const names[] = { "message", "msg", "reason", "error", NULL };
	struct hsw_state s = { .state = "pair_error", .reason = text_of(data, names) };

	return emit_state(t, &s);
}

int
eazewa_ready(struct translation *t, struct json_object *data)
{
	struct hsw_state s = { .state = "connected" };

	(void)data;
	return emit_state(t, &s);
}

/* WAState, and what whatsapp-web.js says of a page that is gone. */
static const struct word states[] = { { "CONNECTED", "connected" }, { "OPENING", "connecting" },
	{ "PAIRING", "connecting" }, { "CONFLICT", "stream_replaced" }, { "LOGOUT", "logged_out" },
	{ "UNPAIRED", "logged_out" }, { "UNPAIRED_IDLE", "logged_out" },
	{ "TOS_BLOCK", "temp_banned" }, { "SMB_TOS_BLOCK", "temp_banned" },
	{ "DEPRECATED_VERSION", "client_outdated" }, { "PROXYBLOCK", "connect_failure" },
	{ "TIMEOUT", "disconnected" }, { "UNLAUNCHED", "disconnected" },
	{ "NAVIGATION", "disconnected" }, { NULL, NULL } };

int
eazewa_change_state(struct translation *t, struct json_object *data)
{
	static const char *const names[] = { "state", "newState", NULL };
	struct hsw_str word = text_of(data, names);
	struct hsw_state s = { .state = word_find(states, word), .reason = word };

	if (word.len == 0)
		return eazewa_ignore(t);
	if (s.state == NULL)
		s.state = "unknown";
	return emit_state(t, &s);
}

/* Whatever the reason is called, it is not connected. */
int
eazewa_disconnected(struct translation *t, struct json_object *data)
{
	static const char *const names[] = { "reason", "state", "message", NULL };
	struct hsw_str word = text_of(data, names);
	struct hsw_state s = { .state = word_find(states, word), .reason = word };

	if (s.state == NULL || strcmp(s.state, "connected") == 0 ||
		strcmp(s.state, "connecting") == 0)
		s.state = "disconnected";
	return emit_state(t, &s);
}

/* ---- calls ---- */

/* `from` is the other side, also of a call that is our own. */
int
eazewa_call(struct translation *t, struct json_object *data)
{
	struct json_object *o = view_inner(data, "call");
	struct hsw_call call = { .type = "offer",
		.id = eazewa_key(t->canon, cj_get(o, "id")).id,
		.time_ms = cj_time(o, "timestamp"),
		.is_video = cj_tri(o, "isVideo"),
		.is_group = cj_tri(o, "isGroup") };

	struct hsw_party *peer = cj_bool(o, "fromMe") ? &call.to : &call.from;
	eazewa_add(t->canon, peer, cj_get(o, "from"));
	if (peer->type == HSW_JID_GROUP)
		call.group = *peer;
	if (call.id.len == 0 || canon_party_id(peer)[0] == '\0')
		return eazewa_ignore(t);
	canon_call(t->canon, &call);
	return eazewa_emit(t);
}
