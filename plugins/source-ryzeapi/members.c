/* SPDX-License-Identifier: Apache-2.0 */
/* members.c - names, words and identifiers in whatever spelling, and what of them never leaves. */
#include "ryzeapi.h"

#include <ctype.h>
#include <string.h>

/* ---- spelling ---- */

static bool
is_separator(char c)
{
	return c == '_' || c == '-' || c == '.' || c == ' ';
}

/* Whether n bytes are the word, but for case and separators between; "_id" is not "id", but a database's own. */
static bool
is_same(const char *s, size_t n, const char *word)
{
	size_t i = 0;

	for (;;) {
		while (i > 0 && i < n && is_separator(s[i]))
			i++;
		while (is_separator(*word))
			word++;
		if (i == n || *word == '\0')
			return i == n && *word == '\0';
		if (tolower((unsigned char)s[i++]) != tolower((unsigned char)*word++))
			return false;
	}
}

const char *
as(struct json_object *o, const char *name)
{
	if (cj_get(o, name) != NULL || !json_object_is_type(o, json_type_object))
		return name;
	json_object_object_foreach(o, key, value)
	{
		if (value != NULL && is_same(key, strlen(key), name))
			return key;
	}
	return name;
}

bool
ryzeapi_is(struct hsw_str s, const char *word)
{
	return s.s != NULL && is_same(s.s, s.len, word);
}

const char *
ryzeapi_word(const char *const *words, struct hsw_str s)
{
	for (; *words != NULL; words++) {
		if (ryzeapi_is(s, *words))
			return *words;
	}
	return NULL;
}

/* ---- identifiers ---- */

/* Adds an identifier; one without a server has this one ("@g.us"). */
static void
add_with(struct hsw_party *p, struct hsw_str id, const char *server)
{
	char jid[HSW_JID_MAX];
	size_t n = strlen(server);

	if (id.s == NULL || id.len == 0 || id.len + n > sizeof(jid))
		return;
	memcpy(jid, id.s, id.len);
	memcpy(jid + id.len, server, n);
	bool has_server = memchr(id.s, '@', id.len) != NULL;
	canon_party_add(p, (struct hsw_str){ jid, id.len + (has_server ? 0 : n) });
}

void
ryzeapi_group(struct hsw_party *p, struct hsw_str jid)
{
	add_with(p, jid, "@g.us");
}

/* The catalog has a phone's server where a LID should be: such a `lid` is neither. */
static void
add_lid(struct hsw_party *p, struct hsw_str lid)
{
	struct hsw_party read = { .type = HSW_JID_NONE };

	add_with(&read, lid, "@lid");
	canon_party_add(p, (struct hsw_str){ read.lid, strlen(read.lid) });
}

static void
add_members(struct hsw_party *p, struct json_object *o, const char *server)
{
	add_with(p, cj_literal(o, as(o, "jid")), server);
	add_lid(p, cj_literal(o, as(o, "lid")));
	if (p->name.len == 0)
		p->name = cj_string(o, as(o, "name"));
}

void
ryzeapi_party(struct hsw_party *p, struct json_object *o)
{
	canon_party_add(p, cj_text(o));
	add_members(p, o, "");
}

void
ryzeapi_chat(struct hsw_party *p, struct json_object *chat)
{
	struct hsw_str type = cj_string(chat, as(chat, "type"));

	canon_party_add(p, cj_text(chat));
	add_members(p, chat,
		ryzeapi_is(type, "group")                ? "@g.us"
			: ryzeapi_is(type, "newsletter") ? "@newsletter"
			: ryzeapi_is(type, "broadcast")  ? "@broadcast"
							 : "");
}

/* ---- what may leave of objects whose members are not known ---- */

bool
ryzeapi_skip(const char *name, struct json_object *value)
{
	static const char *const parts[] = { "token", "secret", "passw", "credential", "authoriz",
		"cookie", "session", "apikey", "api_key", "mediakey", "media_key", "jwt", "base64",
		"thumbnail", "sidecar", "directpath", "direct_path", "instancedata" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasestr(name, parts[i]) != NULL)
			return true;
	}
	return value == NULL;
}

void
ryzeapi_copy(struct hsw_canon *c, const void *o)
{
	json_object_object_foreach((struct json_object *)o, name, value)
	{
		if (ryzeapi_skip(name, value))
			continue;
		canon_key(c, (struct hsw_str){ name, strlen(name) });
		cj_copy(c, NULL, value, ryzeapi_skip);
	}
}
