/* SPDX-License-Identifier: Apache-2.0 */
/* id.c - WAHA's identifiers of messages, which say the chat and the author, too. */
#include "waha.h"

#include <string.h>

static struct hsw_str
from(const char *start, const char *end)
{
	return (struct hsw_str){ start, (size_t)(end - start) };
}

static const char *
find(struct hsw_str s, char c)
{
	return s.len > 0 ? memchr(s.s, c, s.len) : NULL;
}

/* Takes "true_" or "false_" off. */
static enum hsw_tri
take_direction(struct hsw_str *s)
{
	static const struct {
		const char *text;
		size_t len;
		enum hsw_tri is_own;
	} directions[] = { { "true_", 5, HSW_YES }, { "false_", 6, HSW_NO } };

	for (size_t i = 0; i < 2; i++) {
		size_t n = directions[i].len;
		if (s->len > n && memcmp(s->s, directions[i].text, n) == 0) {
			*s = (struct hsw_str){ s->s + n, s->len - n };
			return directions[i].is_own;
		}
	}
	return HSW_UNKNOWN;
}

/* A chat or participant has an "@"; a message's own id has none, but may have a "_". */
static struct waha_id
parse(struct hsw_str s)
{
	struct waha_id out = { .id = s };
	const char *end = s.s + s.len;

	out.is_own = take_direction(&s);
	const char *at = find(s, '@');
	const char *chat_end = at != NULL ? memchr(at, '_', (size_t)(end - at)) : NULL;
	if (out.is_own == HSW_UNKNOWN || chat_end == NULL)
		return out;
	out.chat = from(s.s, chat_end);
	out.id = from(chat_end + 1, end);
	at = find(out.id, '@');
	const char *bar = at != NULL ? memrchr(out.id.s, '_', (size_t)(at - out.id.s)) : NULL;
	if (bar == NULL)
		return out;
	out.participant = from(bar + 1, end);
	out.id = from(out.id.s, bar);
	return out;
}

/* An identifier of WhatsApp Web: a string, or an object with it. */
static struct hsw_str
serialized(struct json_object *o)
{
	struct hsw_str s = cj_text(o);

	return s.s != NULL ? s : cj_string(o, "_serialized");
}

struct waha_id
waha_id(struct json_object *o)
{
	struct hsw_str s = serialized(o), bare = cj_string(o, "id");
	struct waha_id out = { .id = { NULL, 0 } };

	if (s.s != NULL)
		out = parse(s);
	if (!json_object_is_type(o, json_type_object))
		return out;
	if (out.is_own == HSW_UNKNOWN)
		out.is_own = cj_tri(o, "fromMe");
	if (bare.len > 0)
		out.id = bare;
	if (out.chat.s == NULL)
		out.chat = serialized(cj_get(o, "remote"));
	if (out.participant.s == NULL)
		out.participant = serialized(cj_get(o, "participant"));
	return out;
}

struct hsw_str
waha_bare_id(struct json_object *o, const char *key)
{
	return waha_id(cj_get(o, key)).id;
}

void
waha_party(struct hsw_party *p, struct json_object *o)
{
	frame_party(p, serialized(o));
}
