/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - what a message holds: the member that is there tells its type.
 *
 * Media is a string (where GOWA stored the file), or {path | url, caption, filename}. A path is relative to
 * GOWA's own address; a url is WhatsApp's, encrypted. location, contact, order, ... are WhatsApp's nodes.
 */
#include "gowa.h"

#include <stdio.h>
#include <string.h>

/* ---- media ---- */

static const struct {
	const char *member, *type;
} media[] = {
	{ "image", "image" },
	{ "video", "video" },
	{ "audio", "audio" },
	{ "document", "document" },
	{ "sticker", "sticker" },
	{ "video_note", "ptv" },
};

/* The path behind base_url; as it came without one. */
static struct hsw_str
resolve(struct translation *t, struct hsw_str path)
{
	const struct conf *conf = t->conf;
	size_t n = conf->base_url != NULL ? strlen(conf->base_url) : 0;

	if (n == 0 || path.len == 0 || memmem(path.s, path.len, "://", 3) != NULL)
		return path;
	while (n > 0 && conf->base_url[n - 1] == '/')
		n--;
	while (path.len > 0 && path.s[0] == '/')
		path = (struct hsw_str){ path.s + 1, path.len - 1 };
	char *url = canon_scratch(t->canon, n + 1 + path.len);
	if (url == NULL)
		return path;
	memcpy(url, conf->base_url, n);
	url[n] = '/';
	memcpy(url + n + 1, path.s, path.len);
	return (struct hsw_str){ url, n + 1 + path.len };
}

static void
read_media(struct translation *t, struct json_object *value, struct hsw_media *out)
{
	struct hsw_str url = cj_string(value, "url"), path = cj_text(value);

	if (path.s == NULL)
		path = cj_string(value, "path");
	if (canon_url_is_encrypted(url))
		out->encrypted_url = url;
	else
		out->url = path.len > 0 ? path : url;
	out->url = resolve(t, out->url);
	out->caption = cj_string(value, "caption");
	out->file_name = cj_string(value, "filename");
	out->mimetype = cj_string(value, "mimetype");
}

static bool
find_media(struct translation *t, struct json_object *payload, struct hsw_message *m)
{
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
		struct json_object *value = cj_get(payload, media[i].member);
		bool is_media = json_object_is_type(value, json_type_object) ||
			cj_text(value).len > 0;
		if (!is_media)
			continue;
		m->type = m->media.type = media[i].type;
		read_media(t, value, &m->media);
		if (m->content.len == 0)
			m->content = m->media.caption;
		return true;
	}
	return false;
}

/* ---- WhatsApp's nodes ---- */

static const struct {
	const char *member, *node, *list; /* list: the node's member that an array becomes */
} nodes[] = {
	{ "contact", "contactMessage", NULL },
	{ "contacts_array", "contactsArrayMessage", "contacts" },
	{ "location", "locationMessage", NULL },
	{ "live_location", "liveLocationMessage", NULL },
	{ "list", "listMessage", NULL },
	{ "order", "orderMessage", NULL },
};

/* {key: value}, with a reference to value; NULL: no memory, or no value. */
static struct json_object *
object_of(const char *key, struct json_object *value)
{
	struct json_object *o = value != NULL ? json_object_new_object() : NULL;

	if (o != NULL && json_object_object_add(o, key, json_object_get(value)) != 0) {
		json_object_put(value);
		json_object_put(o);
		return NULL;
	}
	return o;
}

/* The message that the member was taken from. */
static struct json_object *
find_nodes(struct json_object *payload)
{
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		struct json_object *value = nodes[i].list != NULL
			? cj_array(payload, nodes[i].member)
			: cj_object(payload, nodes[i].member);
		if (value == NULL)
			continue;
		struct json_object *camel = canon_camel(value), *node = camel;
		if (nodes[i].list != NULL) {
			node = object_of(nodes[i].list, camel);
			json_object_put(camel);
		}
		struct json_object *message = object_of(nodes[i].node, node);
		json_object_put(node);
		return message;
	}
	return NULL;
}

/* ---- polls ---- */

static void
write_options(struct hsw_canon *c, struct json_object *list)
{
	if (list == NULL)
		return;
	canon_open_array(c, "options");
	for (size_t i = 0; i < cj_length(list); i++) {
		struct json_object *option = cj_at(list, i);
		struct hsw_str name = cj_text(option);
		canon_option(c, name.s != NULL ? name : cj_string(option, "name"));
	}
	canon_close_array(c);
}

static void
write_poll(struct hsw_canon *c, const void *content)
{
	struct json_object *poll = ((const struct gowa_content *)content)->poll;
	int64_t n;

	canon_open_object(c, "poll");
	canon_string(c, "title", cj_string(poll, "question"));
	write_options(c, cj_array(poll, "options"));
	if (cj_number(poll, "selectable_options_count", &n))
		canon_int(c, "selectable", n);
	canon_close_object(c);
}

static void
write_vote(struct hsw_canon *c, const void *content)
{
	struct json_object *poll = ((const struct gowa_content *)content)->poll;

	canon_open_object(c, "poll");
	canon_string(c, "message_id", cj_string(poll, "poll_id"));
	write_options(c, cj_array(poll, "selected_options"));
	canon_close_object(c);
}

/* body only says in words what the poll says. */
static bool
find_poll(struct gowa_content *c, struct json_object *payload, struct hsw_message *m)
{
	static const struct word types[] = { { "creation", "poll" }, { "vote", "poll_vote" },
		{ NULL, NULL } };

	c->poll = cj_object(payload, "poll");
	const char *type = word_find(types, cj_string(c->poll, "type"));
	if (type == NULL)
		return false;
	bool is_vote = strcmp(type, "poll_vote") == 0;
	m->type = type;
	m->change = is_vote ? HSW_VOTE : m->change;
	m->content = (struct hsw_str){ NULL, 0 };
	m->details = (struct hsw_fill){ is_vote ? write_vote : write_poll, c };
	return true;
}

/* ---- the content ---- */

/* An advertisement that the chat began with. */
static void
write_referral(struct hsw_canon *c, const void *content)
{
	cj_copy(c, "referral", ((const struct gowa_content *)content)->referral, NULL);
}

static void
read_rest(struct json_object *payload, struct hsw_message *m)
{
	struct hsw_str interactive = cj_string(payload, "interactive");

	m->type = m->content.len > 0 ? "text" : "unknown";
	if (interactive.s == NULL)
		return;
	m->type = "interactive";
	if (m->content.len == 0)
		m->content = interactive;
}

void
gowa_content_open(struct gowa_content *c, struct translation *t, struct json_object *payload,
	struct hsw_message *m)
{
	struct hsw_str body = cj_string(payload, "body");

	*c = (struct gowa_content){ .referral = cj_object(payload, "referral") };
	m->content = body;
	if (c->referral != NULL)
		m->context = (struct hsw_fill){ write_referral, c };
	if (find_media(t, payload, m) || find_poll(c, payload, m))
		return;
	c->nodes = find_nodes(payload);
	c->content = canon_content(c->nodes);
	if (c->content.node == NULL) {
		read_rest(payload, m);
		return;
	}
	canon_content_fill(&c->content, m);
	if (m->content.len == 0)
		m->content = body;
}

void
gowa_content_close(struct gowa_content *c)
{
	json_object_put(c->nodes);
}
