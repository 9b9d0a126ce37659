/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c - the media of a message. WhatsApp's own URLs lead to encrypted bytes and go to `encrypted`; what
 * a provider stored itself is in mediaUrl, what it decrypted in base64.
 */
#include <hookswitch/canon_content.h>

#include <string.h>

bool
canon_url_is_encrypted(struct hsw_str url)
{
	if (url.s == NULL)
		return false;
	const char *query = memchr(url.s, '?', url.len);
	size_t path = query != NULL ? (size_t)(query - url.s) : url.len;
	bool is_enc = path >= 4 && memcmp(url.s + path - 4, ".enc", 4) == 0;

	return is_enc || memmem(url.s, path, ".whatsapp.net/", 14) != NULL;
}

/* Beside the node, beside the wrapper, beside the message, or in the node. */
static struct hsw_str
plain_url(const struct hsw_content *content, struct json_object *data)
{
	struct json_object *places[] = { content->message, cj_object(data, "message"), data,
		content->value };
	struct hsw_str url = { NULL, 0 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && url.len == 0; i++)
		url = cj_string(places[i], "mediaUrl");
	return url;
}

static struct hsw_str
plain_bytes(struct hsw_canon *c, const struct hsw_content *content, struct json_object *data)
{
	struct json_object *places[] = { content->message, cj_object(data, "message"), data,
		content->value };
	struct hsw_str bytes = { NULL, 0 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && bytes.s == NULL; i++)
		bytes = cj_bytes(c, places[i], "base64");
	return bytes;
}

static void
read_urls(struct hsw_canon *c, const struct hsw_content *content, struct json_object *data,
	struct hsw_media *m)
{
	struct hsw_str url = cj_string(content->value, "url");

	m->url = plain_url(content, data);
	m->s3_url = cj_string(data, "s3Url");
	m->media_key = cj_bytes(c, content->value, "mediaKey");
	if (m->media_key.s != NULL || canon_url_is_encrypted(url)) {
		m->encrypted_url = url;
		m->encrypted_sha256 = cj_bytes(c, content->value, "fileEncSha256");
	} else if (m->url.len == 0) {
		m->url = url;
	}
}

void
canon_media(struct hsw_canon *c, const struct hsw_content *content, struct json_object *data,
	struct hsw_media *m)
{
	struct json_object *value = content->value;

	if (content->node == NULL || content->node->media == NULL)
		return;
	m->type = content->node->media;
	m->mimetype = cj_string(value, "mimetype");
	read_urls(c, content, data, m);
	m->base64 = plain_bytes(c, content, data);
	m->file_name = cj_string(value, "fileName");
	if (m->file_name.len == 0)
		m->file_name = cj_string(value, "title");
	m->caption = cj_string(value, "caption");
	m->size = cj_count(value, "fileLength");
	m->sha256 = cj_bytes(c, value, "fileSha256");
	m->seconds = cj_count(value, "seconds");
	m->width = cj_count(value, "width");
	m->height = cj_count(value, "height");
	m->is_animated = cj_tri(value, "isAnimated");
	if (!canon_content_is(content, "audio"))
		return;
	m->is_voice_note = cj_bool(value, "ptt") ? HSW_YES : HSW_NO;
	if (m->is_voice_note == HSW_YES)
		m->type = "ptt";
}
