/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.c - what a message refers to (proto.ContextInfo): the message that it quotes, whom it mentions,
 * whether it was forwarded; and what has no place of its own, as it came but for keys and thumbnails.
 */
#include <hookswitch/canon_content.h>

#include <string.h>

/* Phone numbers in use have up to 13 digits, LIDs 14 or 15; some providers cut the server off. */
#define BARE_PHONE_MAX 13

/* Members that stand elsewhere in the event. */
static const char *const placed[] = { "stanzaId", "participant", "mentionedJid", "isForwarded" };
/* Secrets, bytes that nobody reads, and the chat's own settings; wherever they are. */
static const char *const left_out[] = { "mediaKey", "mediaKeyTimestamp", "messageSecret",
	"messageContextInfo", "directPath", "thumbnailDirectPath", "fileEncSha256",
	"thumbnailEncSha256", "thumbnailSha256", "jpegThumbnail", "thumbnail", "pngThumbnail",
	"streamingSidecar", "scansSidecar", "firstScanSidecar", "scanLengths",
	"midQualityFileSha256", "waveform", "conversionData", "contextInfo", "base64",
	"ephemeralSharedSecret", "expiration", "ephemeralSettingTimestamp", "disappearingMode" };

static bool
is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool
skip(const char *name, struct json_object *value)
{
	return value == NULL || canon_url_is_encrypted(cj_text(value)) ||
		is_one_of(name, left_out, sizeof(left_out) / sizeof(left_out[0]));
}

/* reply.text has all that a quoted text is. */
static bool
is_told(const char *name, struct json_object *value)
{
	if (strcmp(name, "quotedMessage") != 0)
		return is_one_of(name, placed, sizeof(placed) / sizeof(placed[0]));
	struct hsw_content quoted = canon_content(value);
	return canon_content_is(&quoted, "text");
}

static void
write_rest(struct hsw_canon *c, const void *context)
{
	json_object_object_foreach((struct json_object *)context, name, value)
	{
		if (skip(name, value) || is_told(name, value))
			continue;
		canon_key(c, (struct hsw_str){ name, strlen(name) });
		cj_copy(c, NULL, value, skip);
	}
}

static void
write_mentions(struct hsw_canon *c, const void *list)
{
	struct json_object *jids = (struct json_object *)list;

	for (size_t i = 0; i < cj_length(jids); i++)
		canon_mention(c, cj_text(cj_at(jids, i)));
}

void
canon_context(struct json_object *context, struct hsw_message *m)
{
	struct json_object *mentioned = cj_array(context, "mentionedJid");
	struct hsw_str participant = cj_string(context, "participant");

	if (context == NULL)
		return;
	if (mentioned != NULL)
		m->mentions = (struct hsw_fill){ write_mentions, mentioned };
	m->is_forwarded = cj_bool(context, "isForwarded") ||
		cj_count(context, "forwardingScore") > 0;
	m->context = (struct hsw_fill){ write_rest, context };
	m->reply_id = cj_string(context, "stanzaId");
	if (m->reply_id.len == 0)
		return;
	struct hsw_content quoted = canon_content(cj_object(context, "quotedMessage"));
	m->reply_text = quoted.text;
	if (participant.len > BARE_PHONE_MAX && memchr(participant.s, '@', participant.len) == NULL)
		return;
	canon_party_add(&m->reply_sender, participant);
}
