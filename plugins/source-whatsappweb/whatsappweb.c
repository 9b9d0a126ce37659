/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whatsappweb.c - source-whatsappweb: webhooks of WhatsApp Web API (apiwhatsappweb). They have neither a name nor
 * a time; their members tell them apart, in this order:
 *
 *   {status: "Connected" | "Disconnected", whatsappStatus, instanceName, instanceId}      the connection
 *   {messageSent, message, number, messageId}                                             what was sent
 *   {messageId, message, number, photo, video, senderName, whatsappStatus, ...}           what was received
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <hookswitch/canon_content.h>

#include "handle.h"
#include "words.h"

/* Phone numbers in use have up to 13 digits, LIDs 14 or 15, groups 18 and more: `number` without its suffix is a
 * phone only up to this. */
#define BARE_PHONE_MAX 13

static const struct hsw_option options[] = {
	{ .key = NULL },
};

/* The smallest picture there is has 35 bytes; a word may look like base64, too. */
#define BASE64_MIN 32 /* characters */

/* One request on its way. */
struct translation {
	struct hsw_canon *canon;
	struct json_object *body;
	const struct hsw_request *request;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
};

static struct hsw_str
text_of(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

static bool
starts_with(struct hsw_str s, const char *start)
{
	return s.len >= strlen(start) && strncasecmp(s.s, start, strlen(start)) == 0;
}

static bool
has_member(struct json_object *o, const char *key)
{
	return json_object_object_get_ex(o, key, NULL);
}

/* ---- the connection ---- */

static int
translate_state(struct translation *t, const char *event, const char *state)
{
	struct hsw_state s = { .state = state, .instance = t->request->instance };

	canon_state(t->canon, &s);
	return canon_emit(t->canon, text_of(event), t->emit, t->out);
}

/* ---- media ---- */

/* "data:image/png;base64,..." says what it is. */
static struct hsw_str
mime_of(struct hsw_str value)
{
	if (!starts_with(value, "data:"))
		return (struct hsw_str){ NULL, 0 };
	struct hsw_str rest = { value.s + 5, value.len - 5 };
	size_t n = 0;
	while (n < rest.len && rest.s[n] != ';' && rest.s[n] != ',')
		n++;
	return (struct hsw_str){ rest.s, n };
}

static bool
looks_like_bytes(struct hsw_str s)
{
	return starts_with(s, "data:") || (s.len >= BASE64_MIN && memchr(s.s, ' ', s.len) == NULL);
}

/* A URL, or the bytes; what is neither says no more than that there is one. */
static void
read_file(struct hsw_canon *c, struct json_object *value, struct hsw_media *media)
{
	struct hsw_str text = cj_text(value);
	bool is_url = starts_with(text, "https://") || starts_with(text, "http://");

	if (is_url && canon_url_is_encrypted(text)) {
		media->encrypted_url = text;
	} else if (is_url) {
		media->url = text;
	} else if (looks_like_bytes(text)) {
		media->mimetype = mime_of(text);
		if (canon_base64(c, &text))
			media->base64 = text;
	}
}

/* null, false and "" stand for none. */
static bool
is_there(struct json_object *value)
{
	if (json_object_is_type(value, json_type_object))
		return true;
	return json_object_get_boolean(value);
}

/* A photo beside a video can only be its preview. */
static void
read_media(struct translation *t, struct hsw_message *m)
{
	static const struct {
		const char *member, *type;
	} kinds[] = { { "video", "video" }, { "photo", "image" } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct json_object *value = cj_get(t->body, kinds[i].member);
		if (!is_there(value))
			continue;
		m->type = kinds[i].type;
		m->media.type = kinds[i].type;
		m->media.caption = m->content;
		read_file(t->canon, value, &m->media);
		return;
	}
}

/* ---- messages ---- */

/* What the message says of where it belongs, and what lies beside it. */
struct note {
	struct json_object *status;
	struct hsw_str number; /* s = NULL: it is the chat's jid */
};

static void
write_context(struct hsw_canon *c, const void *arg)
{
	static const char *const names[] = { "description", "title", "url", "groupInvite" };
	const struct note *note = arg;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		canon_some(c, names[i], cj_string(note->status, names[i]));
	canon_some(c, "number", note->number);
}

static bool
is_identifier(struct hsw_str number)
{
	char digits[BARE_PHONE_MAX + 1], jid[HSW_JID_MAX];
	bool has_server = number.len > 0 && memchr(number.s, '@', number.len) != NULL;

	return canon_jid(number, jid) != HSW_JID_NONE &&
		(has_server || canon_phone_digits(number, digits, sizeof(digits)) > 0);
}

/* Where the number is no identifier, it still tells one chat from the next. */
static int
emit_message(struct translation *t, const char *event, struct hsw_message *m)
{
	struct hsw_str number = cj_literal(t->body, "number");
	struct note note = { cj_object(t->body, "whatsappStatus"), { NULL, 0 } };

	m->id = cj_literal(t->body, "messageId");
	m->context = (struct hsw_fill){ write_context, &note };
	if (m->id.len == 0 || number.len == 0 || number.len >= HSW_JID_MAX)
		return canon_ignore(t->canon, text_of(event), t->emit, t->out);
	if (is_identifier(number))
		canon_party_add(&m->chat, number);
	else
		note.number = number;
	if (!m->is_outgoing && m->chat.type <= HSW_JID_LID) {
		m->chat.name = m->sender.name;
		m->sender = m->chat;
	}
	canon_message(t->canon, m);
	canon_identity(t->canon, note.number);
	if (note.number.s != NULL)
		canon_key_is(t->canon, note.number);
	return canon_emit(t->canon, text_of(event), t->emit, t->out);
}

/* `message` is what the API says of it: "Text sent successfully!" */
static int
translate_sent(struct translation *t)
{
	struct hsw_message m = {
		.is_outgoing = true, .type = "text", .content = cj_string(t->body, "messageSent")
	};

	read_media(t, &m);
	return emit_message(t, "send", &m);
}

static int
translate_received(struct translation *t)
{
	struct hsw_str name = cj_string(t->body, "senderName");
	struct hsw_message m = { .type = "text", .content = cj_string(t->body, "message") };

	if (!word_is(name, "Unknown"))
		m.sender.name = name;
	read_media(t, &m);
	return emit_message(t, "return", &m);
}

/* ---- the source ---- */

static int
translate_body(struct translation *t)
{
	struct hsw_str status = cj_string(t->body, "status");

	if (word_is(status, "Connected"))
		return translate_state(t, "connected", "connected");
	if (word_is(status, "Disconnected"))
		return translate_state(t, "disconnected", "disconnected");
	if (has_member(t->body, "messageSent"))
		return translate_sent(t);
	if (has_member(t->body, "messageId") &&
		(has_member(t->body, "senderName") || has_member(t->body, "whatsappStatus")))
		return translate_received(t);
	return canon_ignore(t->canon, text_of("unknown"), t->emit, t->out);
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct handle *h = self;
	struct translation t = { .canon = &h->canon,
		.body = cj_parse(h->tokener, request->body, err),
		.request = request,
		.emit = emit,
		.out = out };

	if (t.body == NULL)
		return HSW_EINVAL;
	canon_start(&h->canon, request, (struct hsw_str){ NULL, 0 });
	int rc = translate_body(&t);
	if (rc != HSW_OK)
		snprintf(err->text, sizeof(err->text), "body: too large an event, or no memory");
	json_object_put(t.body);
	return rc;
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = handle_open,
	.translate = source_translate,
	.close = handle_close,
};

HSW_PLUGIN(HSW_SOURCE, "whatsappweb", "1.0", "WhatsApp Web API (apiwhatsappweb)", 0, options, &ops);
