/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - statuses, connection, QR codes, group members, calls. */
#include "evolution.h"

#include <string.h>

struct word {
	const char *from, *to;
};

static const char *
translate_word(const struct word *words, size_t n, struct hsw_str from)
{
	for (size_t i = 0; from.s != NULL && i < n; i++) {
		if (strlen(words[i].from) == from.len &&
			memcmp(words[i].from, from.s, from.len) == 0)
			return words[i].to;
	}
	return NULL;
}

#define TRANSLATE(words, from) translate_word(words, sizeof(words) / sizeof((words)[0]), from)

/* ---- messages.update ---- */

/* Names and numbers of Baileys' WebMessageInfo.Status, and the Cloud channel's; "" is no receipt. */
static const struct word statuses[] = { { "ERROR", "server_error" }, { "PENDING", "" },
	{ "SERVER_ACK", "sent" }, { "DELIVERY_ACK", "delivered" }, { "READ", "read" },
	{ "PLAYED", "played" }, { "SENT", "sent" }, { "DELIVERED", "delivered" },
	{ "FAILED", "server_error" }, { "sent", "sent" }, { "delivered", "delivered" },
	{ "read", "read" }, { "failed", "server_error" } };
static const char *const status_numbers[] = { "server_error", "", "sent", "delivered", "read",
	"played" };

static const char *
status_of(struct json_object *value, bool from_me)
{
	const char *status = TRANSLATE(statuses, cj_text(value));
	int64_t n;

	if (status == NULL && cj_number_of(value, &n) && n >= 0 && n <= 5)
		status = status_numbers[n];
	if (status == NULL || from_me)
		return status;
	/* A message that came in was read or played by ourselves. */
	return strcmp(status, "read") == 0      ? "read_self"
		: strcmp(status, "played") == 0 ? "played_self"
						: status;
}

static int
emit_status(struct translation *t, struct json_object *key, struct json_object *data,
	struct hsw_str id, const char *status)
{
	struct hsw_canon *c = t->canon;
	struct hsw_party chat = { .name = { NULL, 0 } }, reader = { .name = { NULL, 0 } };
	struct hsw_identity identity = { .len = 0 };

	evolution_chat(key, data, &chat);
	evolution_author(key, data, &reader);
	/* In a group `participant` is who read our message, or who wrote the one that we read. */
	bool is_group = chat.type == HSW_JID_GROUP, from_me = cj_bool(key, "fromMe");
	const char *other = canon_party_id(is_group ? &reader : &chat);
	struct hsw_party own = { .name = { NULL, 0 } };
	canon_party_add(&own, t->own);
	const char *recipient = from_me ? other : "";
	const char *author = !is_group ? "" : from_me ? canon_party_id(&own) : other;
	if (canon_party_id(&chat)[0] == '\0')
		return evolution_ignore(t);
	canon_open_object(c, NULL);
	canon_text(c, "status", status);
	canon_open_array(c, "messageIds");
	canon_string(c, NULL, id);
	canon_close_array(c);
	canon_open_object(c, "chat");
	canon_party_members(c, &chat);
	canon_text(c, "type", canon_chat_type(chat.type));
	canon_close_object(c);
	if (recipient[0] != '\0')
		canon_text(c, "recipient", recipient);
	if (author[0] != '\0')
		canon_text(c, "messageSender", author);
	evolution_timestamp(t, data, "datetime");
	canon_close_object(c);
	canon_identity(&identity, id);
	canon_identity_text(&identity, status);
	canon_identity_text(&identity, recipient);
	return evolution_emit(t, "message.status", &identity, canon_party_id(&chat));
}

int
evolution_update(struct translation *t, struct json_object *data)
{
	/* Forks nest the key, and the status in `update`. */
	struct json_object *key = cj_object(data, "key") != NULL ? cj_object(data, "key") : data;
	struct json_object *value = cj_get(data, "status");
	struct json_object *votes = cj_array(data, "pollUpdates");
	struct hsw_str id = cj_string(data, "keyId");

	if (id.s == NULL)
		id = cj_string(key, "id");
	if (value == NULL)
		value = cj_get(cj_object(data, "update"), "status");
	if (id.s == NULL || id.len == 0)
		return evolution_ignore(t);
	/* v1 says of an edit only that there was one. */
	if (value == NULL && votes == NULL)
		return evolution_edited(t, key, data);
	if (votes != NULL && json_object_array_length(votes) > 0)
		return evolution_voted(t, key, data, votes);
	struct hsw_str word = cj_text(value);
	if (word.s != NULL && word.len == 7 && memcmp(word.s, "DELETED", 7) == 0)
		return evolution_revoked(t, key, data);
	const char *status = status_of(value, cj_bool(key, "fromMe"));
	if (status == NULL || status[0] == '\0')
		return evolution_ignore(t);
	return emit_status(t, key, data, id, status);
}

/* ---- the instance's state ---- */

struct state {
	const char *state;
	struct hsw_str jid, reason;
	int64_t status; /* 0: none */
	struct hsw_str code, pairing_code;
};

static int
emit_state(struct translation *t, const struct state *s)
{
	struct hsw_canon *c = t->canon;
	struct hsw_identity identity = { .len = 0 };
	struct hsw_party own = { .name = { NULL, 0 } };

	canon_party_add(&own, s->jid.s != NULL ? s->jid : t->own);
	canon_open_object(c, NULL);
	canon_text(c, "state", s->state);
	int64_t ms = evolution_timestamp(t, NULL, NULL);
	canon_string(c, "instance", t->request->instance);
	if (canon_party_id(&own)[0] != '\0')
		canon_text(c, "jid", canon_party_id(&own));
	if (s->code.s != NULL || s->pairing_code.s != NULL) {
		canon_part(c, HSW_CODES);
		if (s->code.s != NULL) {
			canon_open_array(c, "codes");
			canon_string(c, NULL, s->code);
			canon_close_array(c);
		}
		canon_string(c, "pairingCode", s->pairing_code);
		canon_part(c, 0);
	}
	canon_string(c, "reason", s->reason);
	if (s->status != 0)
		canon_int(c, "status", s->status);
	canon_close_object(c);
	canon_identity_text(&identity, s->state);
	canon_identity_int(&identity, evolution_key_time(t, ms));
	canon_identity(&identity, s->code);
	return evolution_emit(t, "instance.state", &identity, "");
}

/* Baileys' DisconnectReason and what WhatsApp's servers say. */
static const char *
closed_state(int64_t reason)
{
	static const struct {
		int64_t reason;
		const char *state;
	} states[] = {
		{ 401, "logged_out" },
		{ 402, "temp_banned" },
		{ 403, "logged_out" },
		{ 405, "client_outdated" },
		{ 406, "logged_out" },
		{ 411, "stream_error" },
		{ 413, "cat_refresh_error" },
		{ 414, "cat_refresh_error" },
		{ 440, "stream_replaced" },
		{ 500, "stream_error" },
		{ 503, "connect_failure" },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (states[i].reason == reason)
			return states[i].state;
	}
	return "disconnected";
}

int
evolution_connection(struct translation *t, struct json_object *data)
{
	static const struct word words[] = { { "open", "connected" },
		{ "connecting", "connecting" }, { "close", "" }, { "refused", "" } };
	struct state s = { .state = TRANSLATE(words, cj_string(data, "state")) };

	cj_number(data, "statusReason", &s.status);
	if (s.state == NULL)
		s.state = "unknown";
	else if (s.state[0] == '\0')
		s.state = closed_state(s.status);
	s.jid = cj_string(data, "wuid");
	struct hsw_str state = cj_string(data, "state");
	if (state.len == 7 && memcmp(state.s, "refused", 7) == 0)
		s.reason = state;
	return emit_state(t, &s);
}

int
evolution_qrcode(struct translation *t, struct json_object *data)
{
	struct json_object *qr = cj_object(data, "qrcode");
	struct state s = { .state = "qr_ready" };

	if (qr == NULL) {
		s.state = "pair_error";
		s.reason = cj_string(data, "message");
		cj_number(data, "statusCode", &s.status);
		return emit_state(t, &s);
	}
	s.code = cj_string(qr, "code");
	s.pairing_code = cj_string(qr, "pairingCode");
	return emit_state(t, &s);
}

/* ---- group members ---- */

static void
write_member(struct hsw_canon *c, struct json_object *member)
{
	struct hsw_party p = { .name = { NULL, 0 } };

	canon_party_add(&p, cj_text(member));
	canon_party_add(&p, cj_string(member, "phoneNumber"));
	canon_party_add(&p, cj_string(member, "jid"));
	canon_party_add(&p, cj_string(member, "id"));
	canon_party_add(&p, cj_string(member, "lid"));
	p.name = cj_string(member, "name");
	canon_party(c, NULL, &p);
}

static void
add_member(struct hsw_identity *id, struct json_object *member)
{
	struct hsw_str text = cj_text(member);
	canon_identity(id, text.s != NULL ? text : cj_string(member, "id"));
}

int
evolution_participants(struct translation *t, struct json_object *data)
{
	static const struct word actions[] = { { "add", "joined" }, { "remove", "left" },
		{ "promote", "promoted" }, { "demote", "demoted" } };
	struct hsw_canon *c = t->canon;
	const char *type = TRANSLATE(actions, cj_string(data, "action"));
	struct json_object *members = cj_array(data, "participants");
	size_t n = members != NULL ? json_object_array_length(members) : 0;
	struct hsw_party author = { .name = { NULL, 0 } };
	struct hsw_identity identity = { .len = 0 };
	char group[HSW_JID_MAX];

	if (type == NULL || canon_jid(cj_string(data, "id"), group) == HSW_JID_NONE)
		return evolution_ignore(t);
	canon_party_add(&author, cj_string(data, "authorPn"));
	canon_party_add(&author, cj_string(data, "author"));
	canon_identity_text(&identity, group);
	canon_identity_text(&identity, type);
	canon_open_object(c, NULL);
	canon_text(c, "type", type);
	canon_text(c, "groupJid", group);
	canon_string(c, "groupName", cj_string(data, "subject"));
	int64_t ms = evolution_timestamp(t, data, "timestamp");
	canon_party(c, "author", &author);
	canon_open_array(c, "participants");
	for (size_t i = 0; i < n; i++) {
		write_member(c, json_object_array_get_idx(members, i));
		add_member(&identity, json_object_array_get_idx(members, i));
	}
	canon_close_array(c);
	canon_close_object(c);
	canon_identity_int(&identity, evolution_key_time(t, ms));
	return evolution_emit(t, "group.flow", &identity, group);
}

/* ---- calls ---- */

int
evolution_call(struct translation *t, struct json_object *data)
{
	static const struct word statuses_of_calls[] = { { "offer", "offer" },
		{ "accept", "accepted" }, { "reject", "rejected" }, { "timeout", "terminated" },
		{ "terminate", "terminated" }, { "ringing", "notification" } };
	struct hsw_canon *c = t->canon;
	struct hsw_str status = cj_string(data, "status"), id = cj_string(data, "id");
	const char *type = TRANSLATE(statuses_of_calls, status);
	struct hsw_party from = { .name = { NULL, 0 } };
	struct hsw_identity identity = { .len = 0 };
	char group[HSW_JID_MAX];

	if (type == NULL || id.s == NULL)
		return evolution_ignore(t);
	canon_party_add(&from, cj_string(data, "callerPn"));
	canon_party_add(&from, cj_string(data, "from"));
	canon_party_add(&from, cj_string(data, "chatId"));
	canon_open_object(c, NULL);
	canon_text(c, "type", type);
	canon_string(c, "callId", id);
	canon_party(c, "from", &from);
	evolution_timestamp(t, data, "date");
	if (cj_get(data, "isVideo") != NULL)
		canon_bool(c, "isVideo", cj_bool(data, "isVideo"));
	if (cj_get(data, "isGroup") != NULL)
		canon_bool(c, "isGroup", cj_bool(data, "isGroup"));
	if (canon_jid(cj_string(data, "groupJid"), group) == HSW_JID_GROUP)
		canon_text(c, "groupJid", group);
	if (status.len == 7 && memcmp(status.s, "timeout", 7) == 0)
		canon_string(c, "reason", status);
	canon_close_object(c);
	canon_identity(&identity, id);
	canon_identity_text(&identity, type);
	return evolution_emit(t, "call.update", &identity, canon_party_id(&from));
}
