/* SPDX-License-Identifier: Apache-2.0 */
/* event_line.c - see event_line.h. Members may be missing or of any type: what is not there is left out. */
#include "event_line.h"

#include <stdio.h>
#include <time.h>

#include "shown.h"

#define CONTENT_MAX 100 /* characters of a text */
#define NAME_MAX_SHOWN 40

#define RESET "\033[0m"
#define DIM "\033[2m"
#define BOLD "\033[1m"

/* ---- members ---- */

/* A member by a path such as "message.content"; NULL: there is none. */
static struct json_object *
member(struct json_object *o, const char *path)
{
	char name[64];

	while (o != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		if (!json_object_is_type(o, json_type_object) ||
			!json_object_object_get_ex(o, name, &o))
			return NULL;
		path += n + (path[n] == '.');
	}
	return o;
}

static struct hsw_str
text(struct json_object *o, const char *path)
{
	struct json_object *m = member(o, path);

	if (m == NULL || json_object_is_type(m, json_type_object) ||
		json_object_is_type(m, json_type_array))
		return (struct hsw_str){ "", 0 };
	const char *s = json_object_get_string(m);
	return json_object_is_type(m, json_type_string)
		? (struct hsw_str){ s, (size_t)json_object_get_string_len(m) }
		: str_of(s);
}

static size_t
count(struct json_object *o, const char *path)
{
	struct json_object *m = member(o, path);
	return json_object_is_type(m, json_type_array) ? json_object_array_length(m) : 0;
}

/* " what text" where there is a text. */
static void
put_more(struct buf *b, const char *what, struct hsw_str s)
{
	if (s.len == 0)
		return;
	buf_str(b, what);
	shown_append_flat(b, s, CONTENT_MAX);
}

/* The name, or the number; "a person" is {jid, lid, name}. */
static void
put_person(struct buf *b, struct json_object *person)
{
	struct hsw_str name = text(person, "name");

	if (name.len == 0)
		name = text(person, "jid");
	if (name.len == 0)
		name = text(person, "lid");
	shown_append_flat(b, name.len > 0 ? name : str_of("-"), NAME_MAX_SHOWN);
}

/* ---- the types ---- */

static void
show_message(struct buf *b, struct json_object *data)
{
	bool is_out = str_is(text(data, "direction"), "outgoing");
	struct hsw_str type = text(data, "message.type");

	buf_str(b, is_out ? "> " : "< ");
	put_person(b, member(data, "chat"));
	if (str_is(text(data, "chat.type"), "group")) {
		buf_str(b, " / ");
		put_person(b, member(data, "sender"));
	}
	buf_str(b, ":");
	if (!str_is(type, "text") && type.len > 0) {
		buf_str(b, " [");
		shown_append_flat(b, type, NAME_MAX_SHOWN);
		buf_str(b, "]");
	}
	put_more(b, " ", text(data, "message.reaction.text"));
	put_more(b, " ", text(data, "message.media.fileName"));
	put_more(b, " ", text(data, "message.content"));
}

static void
show_status(struct buf *b, struct json_object *data)
{
	put_person(b, member(data, "chat"));
	put_more(b, ": ", text(data, "status"));
	if (count(data, "messageIds") > 1)
		buf_printf(b, " (%zu messages)", count(data, "messageIds"));
	put_more(b, ", ", text(data, "error.text"));
}

static void
show_call(struct buf *b, struct json_object *data)
{
	put_person(b, member(data, "from"));
	put_more(b, ": ", text(data, "type"));
	if (json_object_get_boolean(member(data, "isVideo")))
		buf_str(b, ", video");
	put_more(b, ", ", text(data, "reason"));
}

static void
show_group(struct buf *b, struct json_object *data)
{
	struct json_object *people = member(data, "participants");
	struct hsw_str name = text(data, "groupName");

	shown_append_flat(b, name.len > 0 ? name : text(data, "groupJid"), NAME_MAX_SHOWN);
	put_more(b, ": ", text(data, "type"));
	for (size_t i = 0; i < count(data, "participants") && i < 5; i++) {
		buf_str(b, i == 0 ? " " : ", ");
		put_person(b, json_object_array_get_idx(people, i));
	}
	if (count(data, "participants") > 5)
		buf_str(b, ", ...");
	put_more(b, " = ", text(data, "value"));
}

static void
show_state(struct buf *b, struct json_object *data)
{
	shown_append_flat(b, text(data, "state"), NAME_MAX_SHOWN);
	put_more(b, ", ", text(data, "reason"));
	put_more(b, ", pairing code ", text(data, "pairingCode"));
}

static void
show_label(struct buf *b, struct json_object *data)
{
	struct hsw_str name = text(data, "name");

	shown_append_flat(b, text(data, "type"), NAME_MAX_SHOWN);
	put_more(b, " ", text(data, "action"));
	put_more(b, " ", name.len > 0 ? name : text(data, "labelId"));
	put_more(b, " ", text(data, "chatJid"));
}

static const struct kind {
	const char *event, *colour;
	void (*show)(struct buf *, struct json_object *data);
} kinds[] = {
	{ "message.exchange", "\033[32m", show_message },
	{ "message.status", "\033[36m", show_status },
	{ "call.update", "\033[35m", show_call },
	{ "group.flow", "\033[34m", show_group },
	{ "instance.state", "\033[33m", show_state },
	{ "label.update", "\033[34m", show_label },
};

/* ---- the line ---- */

/* "2026-11-21T02:53:48.123Z" in local time; what is no such time is left as it is. */
static void
put_time(struct buf *b, struct hsw_str when)
{
	struct tm tm = { 0 };
	char out[16];

	const char *end = when.len > 0 ? strptime(when.s, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	time_t t = end != NULL ? timegm(&tm) : -1;
	if (t == -1 || localtime_r(&t, &tm) == NULL ||
		strftime(out, sizeof(out), "%H:%M:%S", &tm) == 0)
		shown_append_flat(b, when.len > 0 ? when : str_of("--:--:--"), 24);
	else
		buf_str(b, out);
}

void
event_line(struct buf *b, struct json_object *envelope, bool with_colour)
{
	const struct kind *kind = NULL;
	struct hsw_str event = text(envelope, "event");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (str_is(event, kinds[i].event))
			kind = &kinds[i];
	}
	buf_str(b, with_colour ? DIM : "");
	put_time(b, text(envelope, "receivedAt"));
	buf_str(b, with_colour ? RESET " " BOLD : " ");
	shown_append_flat(b, text(envelope, "instanceData.instance"), NAME_MAX_SHOWN);
	buf_str(b, with_colour ? RESET " " : " ");
	buf_str(b, with_colour && kind != NULL ? kind->colour : "");
	shown_append_flat(b, event, NAME_MAX_SHOWN);
	buf_str(b, with_colour && kind != NULL ? RESET " " : " ");
	if (kind != NULL)
		kind->show(b, member(envelope, "data"));
	buf_str(b, "\n");
}
