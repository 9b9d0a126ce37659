/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange of hookswitch/canon.h: `data` in its fixed order, and the natural key. */
#include <hookswitch/canon.h>

#include <string.h>

#define PHONE_MAX 32 /* bytes of a phone number, with a NUL */

static struct hsw_str
or_empty(struct hsw_str s)
{
	return s.s != NULL ? s : (struct hsw_str){ "", 0 };
}

static void
int_member(struct hsw_canon *c, const char *key, int64_t n)
{
	if (n > 0)
		canon_int(c, key, n);
}

/* ---- who and where ---- */

static void
parties(struct hsw_canon *c, const struct hsw_message *m)
{
	canon_open_object(c, "chat");
	canon_party_members(c, &m->chat);
	canon_text(c, "type", canon_chat_type(m->chat.type));
	if (m->is_community)
		canon_bool(c, "isCommunity", true);
	canon_close_object(c);
	canon_party(c, "sender", &m->sender);
	if (!m->is_outgoing ||
		(canon_party_id(&m->chat)[0] == '\0' && m->chat.user_id[0] == '\0')) {
		canon_null(c, "recipient");
		return;
	}
	struct hsw_party nameless = m->chat;
	nameless.name = (struct hsw_str){ NULL, 0 };
	canon_open_object(c, "recipient");
	canon_party_members(c, &nameless);
	canon_close_object(c);
}

void
canon_mention(struct hsw_canon *c, struct hsw_str s)
{
	char jid[HSW_JID_MAX];

	if (canon_jid(s, jid) != HSW_JID_NONE)
		canon_text(c, NULL, jid);
}

static void
mentions(struct hsw_canon *c, const struct hsw_message *m)
{
	size_t start = c->text.len;

	if (m->mentions.write == NULL)
		return;
	canon_open_object(c, "mentions");
	canon_open_array(c, "mentionedUsers");
	m->mentions.write(c, m->mentions.arg);
	if (c->has_member) {
		canon_close_array(c);
		canon_close_object(c);
		return;
	}
	c->text.len = start;
	c->has_member = true; /* others stand before it */
}

static void
reply(struct hsw_canon *c, const struct hsw_message *m)
{
	if (m->reply_id.len == 0)
		return;
	canon_open_object(c, "reply");
	canon_string(c, "message_id", m->reply_id);
	canon_some(c, "text", m->reply_text);
	char phone[HSW_JID_MAX];
	const char *sender = canon_party_shown(c, &m->reply_sender, phone);
	if (sender[0] != '\0')
		canon_text(c, "sender", sender);
	canon_close_object(c);
}

/* ---- the message ---- */

static void
encrypted(struct hsw_canon *c, const struct hsw_media *media)
{
	canon_open_object(c, "encrypted");
	canon_string(c, "url", media->encrypted_url);
	canon_string(c, "sha256", media->encrypted_sha256);
	if (media->media_key.len > 0) {
		canon_part(c, HSW_KEYS);
		canon_string(c, "mediaKey", media->media_key);
		canon_part(c, 0);
	}
	canon_close_object(c);
}

static void
media_member(struct hsw_canon *c, const struct hsw_media *media)
{
	if (media->type == NULL) {
		canon_null(c, "media");
		return;
	}
	canon_open_object(c, "media");
	canon_text(c, "type", media->type);
	canon_some(c, "mimetype", media->mimetype);
	canon_some(c, "url", media->url);
	canon_some(c, "s3Url", media->s3_url);
	if (media->base64.len > 0) {
		canon_part(c, HSW_MEDIA);
		canon_borrowed(c, "base64", media->base64);
		canon_part(c, 0);
	}
	canon_some(c, "fileName", media->file_name);
	canon_some(c, "caption", media->caption);
	int_member(c, "size", media->size);
	canon_string(c, "sha256", media->sha256);
	int_member(c, "seconds", media->seconds);
	int_member(c, "width", media->width);
	int_member(c, "height", media->height);
	canon_tri(c, "isVoiceNote", media->is_voice_note);
	canon_tri(c, "isAnimated", media->is_animated);
	if (media->encrypted_url.len > 0)
		encrypted(c, media);
	canon_close_object(c);
}

static void
reaction_member(struct hsw_canon *c, const struct hsw_message *m)
{
	if (m->change != HSW_REACTION) {
		canon_null(c, "reaction");
		return;
	}
	canon_open_object(c, "reaction");
	canon_string(c, "text", or_empty(m->reaction));
	canon_string(c, "message_id", m->target_id);
	canon_bool(c, "fromMe", m->is_target_own);
	canon_close_object(c);
}

static void
edit_member(struct hsw_canon *c, const struct hsw_message *m)
{
	if (m->change != HSW_EDIT) {
		canon_null(c, "edit");
		return;
	}
	canon_open_object(c, "edit");
	canon_string(c, "original_id", m->target_id);
	canon_string(c, "text", m->content);
	canon_close_object(c);
}

static void
context_member(struct hsw_canon *c, const struct hsw_message *m)
{
	size_t start = c->text.len;

	canon_open_object(c, "context");
	if (m->context.write != NULL)
		m->context.write(c, m->context.arg);
	if (c->has_member) {
		canon_close_object(c);
		return;
	}
	c->text.len = start;
	c->has_member = true; /* others stand before it */
	canon_null(c, "context");
}

static void
message_member(struct hsw_canon *c, const struct hsw_message *m)
{
	canon_open_object(c, "message");
	canon_text(c, "type", m->type);
	canon_string(c, "content", or_empty(m->content));
	canon_text(c, "source", m->is_api ? "api" : "");
	canon_bool(c, "isForwarded", m->is_forwarded);
	canon_bool(c, "isEdit", m->change == HSW_EDIT);
	media_member(c, &m->media);
	reaction_member(c, m);
	edit_member(c, m);
	context_member(c, m);
	if (m->details.write != NULL)
		m->details.write(c, m->details.arg);
	canon_close_object(c);
}

static void
natural_key(struct hsw_canon *c, const struct hsw_message *m)
{
	static const char *const names[] = { "new", "edit", "revoke", "reaction", "vote", "stub" };

	bool has_target = m->change == HSW_EDIT && m->target_id.len > 0;

	canon_identity(c, has_target ? m->target_id : m->id);
	canon_identity_text(c, canon_party_key(&m->chat));
	canon_identity_text(c, names[m->change]);
	if (m->change == HSW_EDIT)
		canon_identity(c, m->content);
	if (m->change == HSW_EDIT && m->edit_id.len > 0)
		canon_identity(c, m->edit_id);
	else if (m->change == HSW_EDIT && m->content.s == NULL)
		canon_identity_time(c, m->time_ms);
	if (m->change == HSW_REACTION) {
		canon_identity_text(c,
			m->is_outgoing ? "me"
				       : canon_party_key(canon_party_key(&m->sender)[0] != '\0'
							 ? &m->sender
							 : &m->chat));
		canon_identity(c, m->reaction);
	}
	if (m->change == HSW_VOTE && m->vote.len > 0) {
		canon_identity(c, m->vote);
		canon_identity_time(c, m->time_ms);
	}
}

void
canon_message(struct hsw_canon *c, const struct hsw_message *m)
{
	char phone[HSW_JID_MAX];
	const char *chat = canon_party_shown(c, &m->chat, phone);

	if (chat[0] == '\0')
		chat = m->chat.user_id;
	canon_begin(c, "message.exchange", (struct hsw_str){ chat, strlen(chat) });
	canon_open_object(c, NULL);
	canon_string(c, "id", m->id);
	canon_text(c, "direction", m->is_outgoing ? "outgoing" : "incoming");
	canon_when(c, "timestamp", m->time_ms);
	parties(c, m);
	mentions(c, m);
	reply(c, m);
	message_member(c, m);
	if (m->is_history)
		canon_bool(c, "history", true);
	if (m->extras.write != NULL)
		m->extras.write(c, m->extras.arg);
	canon_close_object(c);
	natural_key(c, m);
}

/* ---- details of some types ---- */

void
canon_location(struct hsw_canon *c, const struct hsw_location *l)
{
	canon_open_object(c, "location");
	canon_number(c, "latitude", l->latitude);
	canon_number(c, "longitude", l->longitude);
	canon_some(c, "name", l->name);
	canon_some(c, "address", l->address);
	canon_close_object(c);
}

static struct hsw_str
behind(struct hsw_str s, const char *mark, size_t n)
{
	const char *at = s.len > 0 ? memmem(s.s, s.len, mark, n) : NULL;

	return at != NULL ? (struct hsw_str){ at + n, (size_t)(s.s + s.len - at) - n }
			  : (struct hsw_str){ NULL, 0 };
}

/* Up to a byte that ends it. */
static struct hsw_str
until(struct hsw_str s, const char *ends)
{
	size_t n = 0;

	while (n < s.len && s.s[n] != '\0' && strchr(ends, s.s[n]) == NULL)
		n++;
	return (struct hsw_str){ s.s, n };
}

/* Of a line of a vCard that tells a phone ("TEL;...", "item1.TEL:..."), what follows the name; s = NULL: it does not. */
static struct hsw_str
behind_tel(struct hsw_str line)
{
	size_t n = until(line, ":;").len;
	bool is_tel = n < line.len && n >= 3 && memcmp(line.s + n - 3, "TEL", 3) == 0 &&
		(n == 3 || line.s[n - 4] == '.');

	return is_tel ? (struct hsw_str){ line.s + n, line.len - n } : (struct hsw_str){ NULL, 0 };
}

/* "TEL;type=CELL;waid=5511999999999:+55 11 99999-9999": what WhatsApp knows it by, else the first number itself. */
static size_t
vcard_phone(struct hsw_str vcard, char out[PHONE_MAX])
{
	char number[PHONE_MAX];
	size_t n = 0;

	for (size_t at = 0; at < vcard.len;) {
		struct hsw_str rest = { vcard.s + at, vcard.len - at };
		struct hsw_str line = until(rest, "\r\n"), tel = behind_tel(line);
		size_t known = canon_phone_digits(
			until(behind(tel, ";waid=", 6), ":;"), out, PHONE_MAX);
		if (known > 0)
			return known;
		if (n == 0)
			n = canon_phone_digits(behind(tel, ":", 1), number, PHONE_MAX);
		at += line.len + 1;
	}
	memcpy(out, number, n);
	return n;
}

void
canon_contact(struct hsw_canon *c, const char *key, struct hsw_str name, struct hsw_str vcard)
{
	char phone[PHONE_MAX];
	size_t n = vcard_phone(vcard, phone);

	canon_open_object(c, key);
	canon_string(c, "display_name", or_empty(name));
	if (n > 0)
		canon_string(c, "phone_number", (struct hsw_str){ phone, n });
	canon_some(c, "vcard", vcard);
	canon_close_object(c);
}

void
canon_option(struct hsw_canon *c, struct hsw_str name)
{
	if (name.s == NULL)
		return;
	canon_open_object(c, NULL);
	canon_string(c, "name", name);
	canon_close_object(c);
}
