/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - the canonical events of hookswitch/canon.h but message.exchange: `data` in its fixed order, and the
 * natural key beside it.
 */
#include <hookswitch/canon.h>

#include <string.h>

static struct hsw_str
text_of(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

/* Begins data. */
static void
begin(struct hsw_canon *c, const char *type, const struct hsw_party *conversation)
{
	char phone[HSW_JID_MAX];
	const char *key = conversation != NULL ? canon_party_shown(c, conversation, phone) : "";

	if (key[0] == '\0' && conversation != NULL)
		key = conversation->user_id;
	canon_begin(c, type, text_of(key));
	canon_open_object(c, NULL);
}

static void
jid_member(struct hsw_canon *c, const char *key, const struct hsw_party *p)
{
	char phone[HSW_JID_MAX];
	const char *shown = canon_party_shown(c, p, phone);

	if (shown[0] != '\0')
		canon_text(c, key, shown);
}

/* ---- message.status ---- */

void
canon_status(struct hsw_canon *c, const struct hsw_status *s)
{
	begin(c, "message.status", &s->chat);
	canon_text(c, "status", s->status);
	canon_open_array(c, "messageIds");
	for (size_t i = 0; i < s->n_ids; i++) {
		canon_string(c, NULL, s->ids[i]);
		canon_identity(c, s->ids[i]);
	}
	canon_close_array(c);
	canon_open_object(c, "chat");
	canon_party_members(c, &s->chat);
	if (canon_party_id(&s->chat)[0] != '\0')
		canon_text(c, "type", canon_chat_type(s->chat.type));
	canon_close_object(c);
	jid_member(c, "recipient", &s->recipient);
	if (s->recipient.user_id[0] != '\0')
		canon_text(c, "recipientUserId", s->recipient.user_id);
	jid_member(c, "messageSender", &s->message_sender);
	canon_when(c, "timestamp", s->time_ms);
	if (s->error_code != 0 || s->error_text.len > 0) {
		canon_open_object(c, "error");
		if (s->error_code != 0)
			canon_int(c, "code", s->error_code);
		canon_some(c, "text", s->error_text);
		canon_close_object(c);
	}
	canon_close_object(c);
	canon_identity_text(c, s->status);
	canon_identity_text(c, canon_party_key(&s->recipient));
}

/* ---- call.update ---- */

void
canon_call(struct hsw_canon *c, const struct hsw_call *call)
{
	bool has_caller = canon_party_key(&call->from)[0] != '\0';

	begin(c, "call.update", has_caller ? &call->from : &call->to);
	canon_text(c, "type", call->type);
	canon_string(c, "callId", call->id);
	canon_party(c, "from", &call->from);
	jid_member(c, "to", &call->to);
	if (call->to.user_id[0] != '\0')
		canon_text(c, "toUserId", call->to.user_id);
	canon_when(c, "timestamp", call->time_ms);
	canon_tri(c, "isVideo", call->is_video);
	canon_tri(c, "isGroup", call->is_group);
	jid_member(c, "groupJid", &call->group);
	canon_some(c, "reason", call->reason);
	canon_some(c, "platform", call->platform);
	canon_close_object(c);
	canon_identity(c, call->id);
	canon_identity_text(c, call->type);
}

/* ---- group.flow ---- */

void
canon_participant(struct hsw_canon *c, const struct hsw_party *p)
{
	canon_party(c, NULL, p);
	if (canon_party_key(p)[0] != '\0')
		canon_identity_text(c, canon_party_key(p));
}

static void
group_value(struct hsw_canon *c, const struct hsw_group *g)
{
	canon_string(c, "value", g->value);
	canon_tri(c, "value", g->value_flag);
	if (g->value_members.write != NULL) {
		canon_open_object(c, "value");
		g->value_members.write(c, g->value_members.arg);
		canon_close_object(c);
	}
	canon_identity(c, g->value);
	canon_identity_text(c, g->value_flag == HSW_YES ? "yes" : "");
}

void
canon_group(struct hsw_canon *c, const struct hsw_group *g)
{
	begin(c, "group.flow", &g->group);
	canon_identity_text(c, canon_party_id(&g->group));
	canon_identity_text(c, g->type);
	canon_text(c, "type", g->type);
	canon_text(c, "groupJid", canon_party_id(&g->group));
	canon_some(c, "groupName", g->group.name);
	canon_when(c, "timestamp", g->time_ms);
	canon_party(c, "author", &g->author);
	if (g->participants.write != NULL) {
		canon_open_array(c, "participants");
		g->participants.write(c, g->participants.arg);
		canon_close_array(c);
	}
	group_value(c, g);
	canon_some(c, "reason", g->reason);
	canon_close_object(c);
	canon_identity_time(c, g->time_ms);
}

/* ---- instance.state ---- */

static void
codes(struct hsw_canon *c, const struct hsw_state *s)
{
	if (s->code.len + s->pairing_code.len == 0)
		return;
	canon_part(c, HSW_CODES);
	if (s->code.len > 0) {
		canon_open_array(c, "codes");
		canon_string(c, NULL, s->code);
		if (s->more_codes.write != NULL)
			s->more_codes.write(c, s->more_codes.arg);
		canon_close_array(c);
	}
	canon_some(c, "pairingCode", s->pairing_code);
	canon_part(c, 0);
}

void
canon_state(struct hsw_canon *c, const struct hsw_state *s)
{
	begin(c, "instance.state", NULL);
	canon_text(c, "state", s->state);
	canon_when(c, "timestamp", s->time_ms);
	canon_string(c, "instance", s->instance);
	jid_member(c, "jid", &s->own);
	codes(c, s);
	canon_some(c, "reason", s->reason);
	if (s->status != 0)
		canon_int(c, "status", s->status);
	canon_number(c, "progress", s->progress);
	canon_close_object(c);
	canon_identity_text(c, s->state);
	canon_identity_time(c, s->time_ms);
}

/* ---- label.update ---- */

void
canon_label(struct hsw_canon *c, const struct hsw_label *l)
{
	begin(c, "label.update", &l->chat);
	canon_text(c, "type", l->type);
	canon_string(c, "labelId", l->id);
	canon_text(c, "action", l->action);
	canon_some(c, "name", l->name);
	canon_some(c, "color", l->color);
	canon_tri(c, "deleted", l->is_deleted);
	jid_member(c, "chatJid", &l->chat);
	canon_some(c, "messageId", l->message_id);
	canon_tri(c, "labeled", l->is_labeled);
	canon_when(c, "timestamp", l->time_ms);
	canon_close_object(c);
	canon_identity(c, l->id);
	canon_identity_text(c, l->action);
	canon_identity_text(c, canon_party_id(&l->chat));
	canon_identity(c, l->message_id);
	canon_identity_time(c, l->time_ms);
}
