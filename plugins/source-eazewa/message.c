/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange of what was written, and of media that were uploaded. */
#include "eazewa.h"

#include <string.h>

int
message_emit(struct translation *t, const struct hsw_message *m, const char *also)
{
	if (m->id.len == 0 || canon_party_id(&m->chat)[0] == '\0')
		return eazewa_ignore(t);
	canon_message(t->canon, m);
	if (also != NULL)
		canon_identity_text(t->canon, also);
	return eazewa_emit(t);
}

struct hsw_message
message_of(const struct view *v)
{
	return (struct hsw_message){
		.id = v->key.id, .is_outgoing = v->is_own, .chat = v->chat, .sender = v->author
	};
}

/* ---- mentions, quotes ---- */

/* Elements are strings, {server, user}, or {id: either}. */
static void
write_mentions(struct hsw_canon *c, const void *list)
{
	struct json_object *ids = (struct json_object *)list;

	for (size_t i = 0; i < cj_length(ids); i++) {
		struct json_object *one = cj_at(ids, i);
		struct hsw_str wid = eazewa_wid(c, one);
		canon_mention(c, wid.s != NULL ? wid : eazewa_wid(c, cj_get(one, "id")));
	}
}

static void
read_mentions(const struct view *v, struct hsw_message *m)
{
	struct json_object *ids = cj_array(v->message, "mentionedIds");

	if (cj_length(ids) == 0)
		ids = cj_array(v->raw, "mentionedJidList");
	if (cj_length(ids) > 0)
		m->mentions = (struct hsw_fill){ write_mentions, ids };
}

/* The body of media is a thumbnail there. */
static struct hsw_str
quoted_text(struct json_object *quoted)
{
	bool is_media = content_media(cj_string(quoted, "type")) != NULL;

	return cj_string(quoted, is_media ? "caption" : "body");
}

static void
read_quote(struct translation *t, const struct view *v, struct hsw_message *m)
{
	struct json_object *quoted = view_get(v, "quotedMsg");

	m->reply_id = eazewa_key(t->canon, view_get(v, "quotedStanzaID")).id;
	if (m->reply_id.len == 0)
		m->reply_id = eazewa_key(t->canon, view_get(v, "quotedMsgId")).id;
	if (m->reply_id.len == 0)
		m->reply_id = eazewa_key(t->canon, cj_get(quoted, "id")).id;
	m->reply_text = quoted_text(quoted);
	eazewa_add_person(t->canon, &m->reply_sender, view_get(v, "quotedParticipant"));
}

/* ---- the events ---- */

static int64_t
time_of(const struct view *v)
{
	int64_t ms = cj_time(v->message, "timestamp");

	if (ms == 0)
		ms = cj_time(v->message, "t");
	return ms != 0 ? ms : cj_time(v->raw, "t");
}

static void
read_message(struct translation *t, const struct view *v, struct json_object *data,
	struct hsw_message *m)
{
	*m = message_of(v);
	m->time_ms = time_of(v);
	m->is_forwarded = cj_bool(view_holder(v, "isForwarded"), "isForwarded");
	m->is_history = cj_bool(view_holder(v, "isMdHistoryMsg"), "isMdHistoryMsg");
	content_read(v, m);
	media_read(t->canon, v, data, m);
	read_mentions(v, m);
	read_quote(t, v, m);
}

/* The placeholder of a message that was revoked before it was seen comes as a message itself. */
int
eazewa_message(struct translation *t, struct json_object *data)
{
	struct view v;
	struct hsw_message m;

	view_open(t, view_inner(data, "message"), &v);
	if (word_is(view_string(&v, "type"), "revoked"))
		return eazewa_revoke_everyone(t, data);
	read_message(t, &v, data, &m);
	return message_emit(t, &m, NULL);
}

static void
write_uploaded(struct hsw_canon *c, const void *arg)
{
	(void)arg;
	canon_bool(c, "mediaUploaded", true);
}

/* The message itself went ahead of it: it must not be taken for that one come again. */
int
eazewa_uploaded(struct translation *t, struct json_object *data)
{
	struct view v;
	struct hsw_message m;

	view_open(t, view_inner(data, "message"), &v);
	read_message(t, &v, data, &m);
	m.extras = (struct hsw_fill){ write_uploaded, NULL };
	return message_emit(t, &m, "media");
}
