/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c - the media of a message. WhatsApp's own URLs (.enc) hold encrypted bytes and go to
 * `encrypted`; what Evolution stored itself is in mediaUrl, what it decrypted in base64.
 */
#include "evolution.h"

#include <stdlib.h>
#include <string.h>

static bool
ends_with(struct hsw_str s, const char *suffix)
{
	size_t n = strlen(suffix);
	return s.len >= n && memcmp(s.s + s.len - n, suffix, n) == 0;
}

/* WhatsApp's content servers, or a path that ends in .enc: of no use without the key. */
static bool
is_encrypted(struct hsw_str url)
{
	const char *query = memchr(url.s, '?', url.len);
	struct hsw_str path = { url.s, query != NULL ? (size_t)(query - url.s) : url.len };

	return memmem(url.s, url.len, ".whatsapp.net/", 14) != NULL || ends_with(path, ".enc");
}

static struct hsw_str
first_of(struct hsw_str a, struct hsw_str b)
{
	return a.s != NULL ? a : b;
}

static void
encrypted(struct translation *t, struct json_object *node, struct hsw_str url)
{
	struct hsw_canon *c = t->canon;
	char *owned;

	canon_open_object(c, "encrypted");
	canon_string(c, "url", url);
	struct hsw_str hash = cj_bytes(node, "fileEncSha256", &owned);
	canon_string(c, "sha256", hash);
	free(owned);
	struct hsw_str key = cj_bytes(node, "mediaKey", &owned);
	if (key.s != NULL) {
		canon_part(c, HSW_KEYS);
		canon_string(c, "mediaKey", key);
		canon_part(c, 0);
	}
	free(owned);
	canon_close_object(c);
}

static void
int_member(struct hsw_canon *c, const char *key, struct json_object *node, const char *from)
{
	int64_t n;

	if (cj_number(node, from, &n) && n > 0)
		canon_int(c, key, n);
}

/* Decrypted bytes: beside the node, beside the message, or in the node itself. */
static void
base64(struct translation *t, const struct content *content, struct json_object *data)
{
	struct json_object *places[] = { content->message, cj_object(data, "message"), data,
		content->node };
	struct hsw_str bytes = { NULL, 0 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && bytes.s == NULL; i++)
		bytes = cj_bytes(places[i], "base64", &t->owned);
	if (bytes.s == NULL)
		return;
	canon_part(t->canon, HSW_MEDIA);
	canon_borrowed(t->canon, "base64", bytes);
	canon_part(t->canon, 0);
}

void
media_member(struct translation *t, const struct content *content, struct json_object *data)
{
	struct hsw_canon *c = t->canon;
	struct json_object *node = content->node;
	bool is_voice = cj_bool(node, "ptt");
	char *owned;

	if (content->media == NULL) {
		canon_null(c, "media");
		return;
	}
	struct hsw_str url = cj_string(node, "url");
	struct hsw_str plain = first_of(cj_string(content->message, "mediaUrl"),
		first_of(cj_string(cj_object(data, "message"), "mediaUrl"),
			cj_string(data, "mediaUrl")));
	bool has_encrypted = url.s != NULL && url.len > 0 && is_encrypted(url);
	if (plain.s == NULL && !has_encrypted && url.len > 0)
		plain = url;
	canon_open_object(c, "media");
	canon_text(c, "type", is_voice ? "ptt" : content->media);
	canon_string(c, "mimetype", cj_string(node, "mimetype"));
	canon_string(c, "url", plain);
	canon_string(c, "s3Url", cj_string(data, "s3Url"));
	base64(t, content, data);
	canon_string(
		c, "fileName", first_of(cj_string(node, "fileName"), cj_string(node, "title")));
	canon_string(c, "caption", cj_string(node, "caption"));
	int_member(c, "size", node, "fileLength");
	struct hsw_str hash = cj_bytes(node, "fileSha256", &owned);
	canon_string(c, "sha256", hash);
	free(owned);
	int_member(c, "seconds", node, "seconds");
	int_member(c, "width", node, "width");
	int_member(c, "height", node, "height");
	if (strcmp(content->media, "audio") == 0)
		canon_bool(c, "isVoiceNote", is_voice);
	if (strcmp(content->media, "sticker") == 0)
		canon_bool(c, "isAnimated", cj_bool(node, "isAnimated"));
	if (has_encrypted)
		encrypted(t, node, url);
	canon_close_object(c);
}
