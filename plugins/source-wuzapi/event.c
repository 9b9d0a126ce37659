/* SPDX-License-Identifier: Apache-2.0 */
/* event.c - receipts, calls and labels. */
#include "wuzapi.h"

#include <string.h>

#define IDS_MAX 1024 /* of one receipt; what is beyond becomes another event */

/* ---- receipts ---- */

/* whatsmeow's types.ReceiptType, and the `state` that wuzapi makes of some. */
static const char *
status_of(const struct translation *t, struct json_object *event)
{
	static const struct word types[] = { { "", "delivered" }, { "delivered", "delivered" },
		{ "sender", "sender" }, { "retry", "retry" }, { "read", "read" },
		{ "read-self", "read_self" }, { "played", "played" },
		{ "played-self", "played_self" }, { "server-error", "server_error" },
		{ "inactive", "inactive" }, { NULL, NULL } };
	static const struct word states[] = { { "Delivered", "delivered" }, { "Read", "read" },
		{ "ReadSelf", "read_self" }, { "Played", "played" }, { NULL, NULL } };
	struct hsw_str type = cj_string(event, "Type");

	return type.s != NULL ? word_find(types, type)
			      : word_find(states, cj_string(t->body, "state"));
}

static int
emit_receipt(struct translation *t, struct hsw_status *s, struct json_object *list, size_t from)
{
	struct hsw_str ids[IDS_MAX];

	s->ids = ids;
	s->n_ids = 0;
	for (size_t i = from; i < cj_length(list) && i < from + IDS_MAX; i++) {
		ids[s->n_ids] = cj_text(cj_at(list, i));
		s->n_ids += ids[s->n_ids].len > 0;
	}
	return frame_emit_status(t, s);
}

/* Sender is who got or read it: ourselves, on another device, with IsFromMe. */
static void
read_receipt_parties(struct json_object *event, struct hsw_status *s)
{
	struct hsw_party sender = { .type = HSW_JID_NONE };

	wuzapi_party(&s->chat, event, "Chat");
	wuzapi_party(&sender, event, "Sender");
	wuzapi_party(&sender, event, "SenderAlt");
	if (s->chat.type == HSW_JID_GROUP)
		wuzapi_party(&s->message_sender, event, "MessageSender");
	if (cj_bool(event, "IsFromMe")) {
		s->status = frame_own_receipt(s->status);
		return;
	}
	s->recipient = sender;
	if (s->chat.type > HSW_JID_LID)
		return;
	if (frame_is_same(&sender, &s->chat)) {
		frame_party(&s->chat, (struct hsw_str){ sender.jid, strlen(sender.jid) });
		frame_party(&s->chat, (struct hsw_str){ sender.lid, strlen(sender.lid) });
	}
	if (canon_party_id(&sender)[0] == '\0' && s->status != NULL &&
		strstr(s->status, "_self") == NULL)
		s->recipient = s->chat;
}

int
wuzapi_receipt(struct translation *t, struct json_object *event)
{
	struct json_object *ids = cj_array(event, "MessageIDs");
	struct hsw_status s = { .status = status_of(t, event), .time_ms = wuzapi_time(event) };
	size_t i = 0;
	int rc;

	read_receipt_parties(event, &s);
	do {
		rc = emit_receipt(t, &s, ids, i);
		i += IDS_MAX;
	} while (rc == HSW_OK && i < cj_length(ids));
	return rc;
}

/* ---- calls ---- */

/* The offer's own packet has an element for each medium. */
static enum hsw_tri
is_video_offer(struct json_object *event)
{
	struct json_object *list = cj_array(cj_object(event, "Data"), "Content");
	struct hsw_str media = cj_string(event, "Media");
	enum hsw_tri is_video = word_is(media, "audio") ? HSW_NO : HSW_UNKNOWN;

	if (word_is(media, "video"))
		return HSW_YES;
	for (size_t i = 0; i < cj_length(list); i++) {
		struct hsw_str tag = cj_string(cj_at(list, i), "Tag");
		if (word_is(tag, "video"))
			return HSW_YES;
		if (word_is(tag, "audio"))
			is_video = HSW_NO;
	}
	return is_video;
}

static int
emit_call(struct translation *t, struct json_object *event, const char *type)
{
	struct hsw_call call = { .type = type,
		.id = cj_string(event, "CallID"),
		.time_ms = wuzapi_time(event),
		.is_video = is_video_offer(event),
		.reason = cj_string(event, "Reason"),
		.platform = cj_string(event, "RemotePlatform") };

	wuzapi_party(&call.from, event, "CallCreator");
	wuzapi_party(&call.from, event, "CallCreatorAlt");
	if (canon_party_id(&call.from)[0] == '\0')
		wuzapi_party(&call.from, event, "From");
	wuzapi_party(&call.group, event, "GroupJID");
	if (call.group.type == HSW_JID_GROUP || word_is(cj_string(event, "Type"), "group"))
		call.is_group = HSW_YES;
	return frame_emit_call(t, &call);
}

int
wuzapi_call_offer(struct translation *t, struct json_object *event)
{
	return emit_call(t, event, "offer");
}

int
wuzapi_call_notice(struct translation *t, struct json_object *event)
{
	return emit_call(t, event, "notification");
}

int
wuzapi_call_accept(struct translation *t, struct json_object *event)
{
	return emit_call(t, event, "accepted");
}

int
wuzapi_call_reject(struct translation *t, struct json_object *event)
{
	return emit_call(t, event, "rejected");
}

int
wuzapi_call_terminate(struct translation *t, struct json_object *event)
{
	return emit_call(t, event, "terminated");
}

int
wuzapi_call_latency(struct translation *t, struct json_object *event)
{
	return emit_call(t, event, "latency");
}

/* ---- labels ---- */

int
wuzapi_label_edit(struct translation *t, struct json_object *event)
{
	struct json_object *action = cj_object(event, "Action");
	struct hsw_label l = { .type = "edit",
		.id = cj_literal(event, "LabelID"),
		.name = cj_string(action, "name"),
		.color = cj_literal(action, "color"),
		.is_deleted = cj_tri(action, "deleted"),
		.time_ms = wuzapi_time(event) };

	l.action = l.is_deleted == HSW_YES ? "deleted" : "updated";
	return frame_emit_label(t, &l);
}

/* Go leaves `labeled` out of the Action where it is not known, not where it is false. */
static int
emit_association(struct translation *t, struct json_object *event, const char *type)
{
	struct hsw_label l = { .type = type,
		.id = cj_literal(event, "LabelID"),
		.message_id = cj_string(event, "MessageID"),
		.is_labeled = cj_tri(cj_object(event, "Action"), "labeled"),
		.time_ms = wuzapi_time(event) };

	if (l.is_labeled == HSW_UNKNOWN)
		return frame_ignore(t);
	l.action = l.is_labeled == HSW_YES ? "add" : "remove";
	wuzapi_party(&l.chat, event, "JID");
	return frame_emit_label(t, &l);
}

int
wuzapi_label_chat(struct translation *t, struct json_object *event)
{
	return emit_association(t, event, "chat");
}

int
wuzapi_label_message(struct translation *t, struct json_object *event)
{
	return emit_association(t, event, "message");
}
