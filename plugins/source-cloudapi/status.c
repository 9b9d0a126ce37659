/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - message.status: what became of the business's messages. */
#include "cloudapi.h"

static const struct word statuses[] = { { "sent", "sent" }, { "delivered", "delivered" },
	{ "read", "read" }, { "played", "played" }, { "failed", "server_error" }, { NULL, NULL } };

/* The first error; the most that it says. */
static void
read_error(struct json_object *o, struct hsw_status *s)
{
	struct json_object *error = cj_at(cj_array(o, "errors"), 0);

	s->error_code = cj_count(error, "code");
	s->error_text = cj_string(cj_object(error, "error_data"), "details");
	if (s->error_text.len == 0)
		s->error_text = cj_string(error, "details");
	if (s->error_text.len == 0)
		s->error_text = cj_string(error, "message");
	if (s->error_text.len == 0)
		s->error_text = cj_string(error, "title");
}

/* In a group, recipient_id is the group; Meta spells who of it got the message in two ways. */
static void
read_recipient(const struct translation *t, struct json_object *o, struct hsw_status *s)
{
	if (word_is(cj_string(o, "recipient_type"), "group")) {
		cloudapi_group(&s->chat, cj_literal(o, "recipient_id"));
		cloudapi_party(&s->recipient, o, "recipient_participant_id",
			"recipient_participant_user_id");
		cloudapi_party(&s->recipient, o, "participant_recipient_id",
			"participant_recipient_user_id");
		cloudapi_known(t, &s->recipient);
		s->message_sender = t->own;
		return;
	}
	cloudapi_party(&s->recipient, o, "recipient_id", "recipient_user_id");
	cloudapi_known(t, &s->recipient);
	s->chat = s->recipient;
	s->chat.name = (struct hsw_str){ NULL, 0 };
}

int
cloudapi_status(struct translation *t, struct json_object *o)
{
	struct hsw_str id = cj_string(o, "id"), type = cj_string(o, "type");
	struct hsw_status s = { .status = word_find(statuses, cj_string(o, "status")),
		.ids = &id,
		.n_ids = 1,
		.time_ms = cj_time(o, "timestamp") };

	if (word_is(type, "call") || word_is(t->event, "calls"))
		return cloudapi_call_status(t, o);
	if (type.len > 0 && !word_is(type, "message"))
		return cloudapi_ignore(t); /* of a payment, ... */
	read_recipient(t, o, &s);
	if (s.status == NULL || id.len == 0 || canon_party_key(&s.chat)[0] == '\0')
		return cloudapi_ignore(t);
	read_error(o, &s);
	canon_status(t->canon, &s);
	return cloudapi_emit(t);
}
