/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - see message.h. */
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define MSGID_MAX 32  /* RFC 5424 section 6 */
#define VALUE_MAX 128 /* of a parameter, escaped: so the head never fills the smallest message */
#define NOTE_MAX 40   /* of " [N bytes cut]" */

static bool
is_visible(char c)
{
	return c > 32 && c < 127;
}

void
message_name(const char *text, char *to, size_t size)
{
	size_t n = 0;

	for (; text[n] != '\0' && n + 1 < size; n++)
		to[n] = is_visible(text[n]) ? text[n] : '_';
	if (n == 0)
		to[n++] = '-';
	to[n] = '\0';
}

bool
message_is_name(const char *text, size_t max)
{
	size_t n = 0;

	while (is_visible(text[n]))
		n++;
	return text[n] == '\0' && n > 0 && n <= max;
}

bool
message_is_sd_id(const char *text)
{
	const char *at = strchr(text, '@');
	size_t len = strlen(text);

	if (at == NULL || at == text || at[1] == '\0' || len > 32)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_visible(text[i]) || strchr("=]\"", text[i]) != NULL)
			return false;
	}
	return strspn(at + 1, "0123456789.") == strlen(at + 1);
}

/* RFC 5424 section 6.3.3: ", \ and ] are escaped. */
static void
add_param(struct buffer *b, const char *name, struct hsw_str value)
{
	size_t written = 0;

	if (value.len == 0)
		return;
	buffer_printf(b, " %s=\"", name);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.s[i];
		bool is_escaped = c == '"' || c == '\\' || c == ']';
		bool is_control = (unsigned char)c < 32 || c == 127;
		/* A character of four bytes, or an escaped one, goes in whole or not at all. */
		if (((unsigned char)c & 0xC0) != 0x80 && written + 4 > VALUE_MAX)
			break;
		buffer_add(b, "\\", is_escaped);
		buffer_add(b, is_control ? "_" : &c, 1);
		written += 1 + is_escaped;
	}
	buffer_add(b, "\"", 1);
}

static void
add_head_5424(struct buffer *b, const struct message_settings *set, const struct message_event *e)
{
	char time_text[32], msgid[MSGID_MAX + 1], type[64];
	time_t seconds = (time_t)(e->time_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(type, sizeof(type), "%.*s", (int)(e->type.len < 60 ? e->type.len : 60), e->type.s);
	message_name(type, msgid, sizeof(msgid));
	buffer_printf(b, "<%d>1 %s.%03dZ ", e->priority, time_text, (int)(e->time_ms % 1000));
	buffer_add_text(b, set->hostname);
	buffer_printf(b, " %s %ld %s [%s", set->app_name, (long)getpid(), msgid, set->sd_id);
	add_param(b, "instance", e->instance);
	add_param(b, "event", e->type);
	add_param(b, "id", e->id);
	add_param(b, "chat", e->chat);
	buffer_add_text(b, "] ");
}

/* RFC 3164 section 4.1.2: local time, English months. */
static void
add_head_3164(struct buffer *b, const struct message_settings *set, const struct message_event *e)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(e->time_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	buffer_printf(b, "<%d>%s %2d %02d:%02d:%02d ", e->priority, months[tm.tm_mon], tm.tm_mday,
		tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (!set->is_local) {
		buffer_add_text(b, set->hostname);
		buffer_add(b, " ", 1);
	}
	buffer_printf(b, "%.32s[%ld]: ", set->app_name, (long)getpid());
}

static void
add_json(struct buffer *b, const struct message_event *e)
{
	for (int i = 0; i < e->json_count; i++)
		buffer_add(b, e->json[i].iov_base, e->json[i].iov_len);
}

/* Replaces the end by a note of what is missing. */
static size_t
note_cut(struct buffer *b, size_t start, size_t max_bytes)
{
	char note[NOTE_MAX];

	buffer_cut(b, start + max_bytes - NOTE_MAX);
	size_t cut = b->dropped;
	snprintf(note, sizeof(note), " [%zu bytes cut]", cut);
	b->dropped = 0;
	buffer_add_text(b, note);
	return cut;
}

bool
message_write(struct buffer *b, const struct message_settings *set, const struct message_event *e,
	size_t *cut)
{
	size_t start = b->len;
	struct buffer body = { .limit = set->max_bytes };

	b->limit = start + set->max_bytes;
	if (set->format == MESSAGE_RFC5424)
		add_head_5424(b, set, e);
	else
		add_head_3164(b, set, e);
	if (set->body == MESSAGE_JSON) {
		add_json(b, e);
	} else {
		/* Structured data tells what happened to whom; without it the text does. */
		text_write(&body, e, set->format == MESSAGE_RFC3164);
		buffer_add(b, body.bytes, body.len);
		b->dropped += body.dropped;
	}
	*cut = b->dropped > 0 ? note_cut(b, start, set->max_bytes) : 0;
	bool ok = !b->failed && !body.failed;
	buffer_fini(&body);
	return ok;
}
