/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c - the media of a message. The bytes lie beside the message ({mimetype, data, filename}), where the
 * server downloaded them; WhatsApp's own copy is encrypted.
 */
#include "eazewa.h"

#include <string.h>

#include <hookswitch/canon_content.h>

/* `media`, or `messageMedia`, beside the message or in it. */
static struct json_object *
find_file(const struct view *v, struct json_object *data)
{
	static const char *const names[] = { "media", "messageMedia" };
	struct json_object *places[] = { data, v->message };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			struct json_object *file = cj_object(places[i], names[k]);
			if (file != NULL)
				return file;
		}
	}
	return NULL;
}

static bool
starts_with(struct hsw_str s, const char *start)
{
	return s.len >= strlen(start) && memcmp(s.s, start, strlen(start)) == 0;
}

/* Of bytes that came with a message of no such type. */
static const char *
type_of_mime(struct hsw_str mime)
{
	static const struct {
		const char *start, *type;
	} types[] = { { "image/", "image" }, { "video/", "video" }, { "audio/", "audio" } };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (starts_with(mime, types[i].start))
			return types[i].type;
	}
	return "document";
}

static struct hsw_str
first_of(struct hsw_str a, struct hsw_str b)
{
	return a.len > 0 ? a : b;
}

static int64_t
count_of(const struct view *v, const char *name)
{
	return cj_count(view_holder(v, name), name);
}

static void
read_url(struct hsw_str url, struct hsw_media *media)
{
	if (!starts_with(url, "https://") && !starts_with(url, "http://"))
		return;
	if (canon_url_is_encrypted(url))
		media->encrypted_url = url;
	else
		media->url = url;
}

static void
read_file(struct hsw_canon *c, const struct view *v, struct json_object *file,
	struct hsw_media *media)
{
	media->base64 = cj_bytes(c, file, "data");
	read_url(first_of(cj_string(file, "url"), view_string(v, "mediaUrl")), media);
	media->mimetype = first_of(cj_string(file, "mimetype"), view_string(v, "mimetype"));
	media->file_name = first_of(cj_string(file, "filename"), view_string(v, "filename"));
	media->size = cj_count(file, "filesize");
	if (media->size == 0)
		media->size = count_of(v, "size");
}

static void
read_original(struct hsw_canon *c, const struct view *v, struct hsw_media *media)
{
	struct hsw_str url = cj_string(v->raw, "deprecatedMms3Url");

	media->sha256 = cj_bytes(c, v->raw, "filehash");
	if (starts_with(url, "https://"))
		media->encrypted_url = url;
	if (media->encrypted_url.len == 0)
		return;
	media->encrypted_sha256 = cj_bytes(c, v->raw, "encFilehash");
	media->media_key = cj_bytes(c, view_holder(v, "mediaKey"), "mediaKey");
}

static void
read_form(const struct view *v, struct hsw_media *media)
{
	bool is_audio = strcmp(media->type, "audio") == 0 || strcmp(media->type, "ptt") == 0;
	bool is_gif = cj_bool(view_holder(v, "isGif"), "isGif");

	media->seconds = count_of(v, "duration");
	media->width = count_of(v, "width");
	media->height = count_of(v, "height");
	if (is_audio)
		media->is_voice_note = strcmp(media->type, "ptt") == 0 ? HSW_YES : HSW_NO;
	media->is_animated = is_gif ? HSW_YES : cj_tri(v->raw, "isAnimated");
}

/* A document without a caption has its name for one. */
static void
read_caption(struct hsw_message *m)
{
	struct hsw_str *name = &m->media.file_name;
	bool is_name = strcmp(m->media.type, "document") == 0 && m->content.len > 0 &&
		name->len == m->content.len && memcmp(name->s, m->content.s, name->len) == 0;

	if (is_name)
		m->content = (struct hsw_str){ "", 0 };
	m->media.caption = m->content;
}

void
media_read(
	struct hsw_canon *c, const struct view *v, struct json_object *data, struct hsw_message *m)
{
	struct json_object *file = find_file(v, data);
	struct hsw_media *media = &m->media;

	media->type = content_media(view_string(v, "type"));
	bool is_of_type = media->type != NULL;
	if (!is_of_type && cj_get(file, "data") == NULL)
		return;
	if (!is_of_type)
		media->type = type_of_mime(cj_string(file, "mimetype"));
	read_file(c, v, file, media);
	read_original(c, v, media);
	if (!is_of_type)
		return;
	read_form(v, media);
	read_caption(m);
}
