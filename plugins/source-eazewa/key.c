/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c - identifiers: of messages (MsgKey) and of accounts (Wid). Both come as objects with `_serialized`,
 * as objects without it (the newest WhatsApp Web has that member under a minified name), or as its text.
 */
#include "eazewa.h"

#include <string.h>

/* What WhatsApp Web's minifier made of `_serialized`. */
#define MINIFIED "$1"

static struct hsw_str
serialized(struct json_object *o)
{
	struct hsw_str s = cj_string(o, "_serialized");

	return s.len > 0 ? s : cj_string(o, MINIFIED);
}

static struct hsw_str
joined(struct hsw_canon *c, struct hsw_str user, struct hsw_str server)
{
	size_t n = user.len + 1 + server.len;
	char *out = user.len > 0 && server.len > 0 ? canon_scratch(c, n) : NULL;

	if (out == NULL)
		return (struct hsw_str){ NULL, 0 };
	memcpy(out, user.s, user.len);
	out[user.len] = '@';
	memcpy(out + user.len + 1, server.s, server.len);
	return (struct hsw_str){ out, n };
}

struct hsw_str
eazewa_wid(struct hsw_canon *c, struct json_object *o)
{
	struct hsw_str text = cj_text(o);

	if (text.s == NULL)
		text = joined(c, cj_literal(o, "user"), cj_string(o, "server"));
	return text.s != NULL ? text : serialized(o);
}

void
eazewa_add(struct hsw_canon *c, struct hsw_party *p, struct json_object *wid)
{
	canon_party_add(p, eazewa_wid(c, wid));
}

void
eazewa_add_person(struct hsw_canon *c, struct hsw_party *p, struct json_object *wid)
{
	struct hsw_str text = eazewa_wid(c, wid);
	char jid[HSW_JID_MAX];

	if (canon_jid(text, jid) <= HSW_JID_LID)
		canon_party_add(p, text);
}

enum hsw_tri
eazewa_is_same(const struct hsw_party *a, const struct hsw_party *b)
{
	if (a->jid[0] != '\0' && b->jid[0] != '\0')
		return strcmp(a->jid, b->jid) == 0 ? HSW_YES : HSW_NO;
	if (a->lid[0] != '\0' && b->lid[0] != '\0')
		return strcmp(a->lid, b->lid) == 0 ? HSW_YES : HSW_NO;
	return HSW_UNKNOWN;
}

/* ---- keys of messages ---- */

/* Takes what is before the next '_' off s; all of it where there is none. */
static struct hsw_str
next_part(struct hsw_str *s)
{
	struct hsw_str part = *s;
	const char *end = s->len > 0 ? memchr(s->s, '_', s->len) : NULL;

	if (end == NULL) {
		*s = (struct hsw_str){ NULL, 0 };
		return part;
	}
	part.len = (size_t)(end - part.s);
	*s = (struct hsw_str){ end + 1, s->len - part.len - 1 };
	return part;
}

/* An account may have a '_' of its own before its '@' (an agent: "5511..._1@c.us"). */
static struct hsw_str
next_account(struct hsw_str *s)
{
	const char *start = s->s, *at = s->len > 0 ? memchr(s->s, '@', s->len) : NULL;

	if (at == NULL)
		return next_part(s);
	*s = (struct hsw_str){ at, (size_t)(s->s + s->len - at) };
	struct hsw_str server = next_part(s);
	return (struct hsw_str){ start, (size_t)(server.s + server.len - start) };
}

static struct key
split(struct hsw_str text)
{
	struct hsw_str rest = text, first = next_part(&rest);
	bool is_own = word_is(first, "true");

	if (rest.len == 0 || (!is_own && !word_is(first, "false")))
		return (struct key){ .id = text };
	struct key key = { .is_own = is_own ? HSW_YES : HSW_NO };
	key.remote = next_account(&rest);
	key.id = next_part(&rest);
	key.participant = rest;
	return key;
}

static void
complete(struct key *key, const struct key *other)
{
	if (key->id.len == 0)
		key->id = other->id;
	if (key->remote.len == 0)
		key->remote = other->remote;
	if (key->participant.len == 0)
		key->participant = other->participant;
	if (key->is_own == HSW_UNKNOWN)
		key->is_own = other->is_own;
}

/* `id` within the object may be the serialized text, too. */
struct key
eazewa_key(struct hsw_canon *c, struct json_object *o)
{
	if (cj_text(o).s != NULL)
		return split(cj_text(o));
	struct key inner = split(cj_literal(o, "id")), whole = split(serialized(o));
	struct key key = { .id = inner.id,
		.remote = eazewa_wid(c, cj_get(o, "remote")),
		.participant = eazewa_wid(c, cj_get(o, "participant")),
		.is_own = cj_tri(o, "fromMe") };

	complete(&key, &inner);
	complete(&key, &whole);
	return key;
}
