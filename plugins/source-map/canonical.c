/* SPDX-License-Identifier: Apache-2.0 */
/* canonical.c - see canonical.h: the events but message.exchange. */
#include "canonical.h"

#include <stdio.h>
#include <string.h>

#include <hookswitch/canon_json.h>

#define IDS_MAX 1000 /* of one status */

/* ---- what all use ---- */

void
canonical_party(struct hsw_party *p, struct json_object *o, const char *key)
{
	canon_party_add(p, cj_literal(o, key));
}

void
canonical_person(struct hsw_party *p, struct json_object *o)
{
	canonical_party(p, o, "jid");
	canonical_party(p, o, "lid");
	p->name = cj_literal(o, "name");
}

size_t
canonical_length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? cj_length(list) : list != NULL;
}

struct json_object *
canonical_at(struct json_object *list, size_t i)
{
	return json_object_is_type(list, json_type_array) ? cj_at(list, i) : list;
}

bool
canonical_is_empty(const char *name, struct json_object *value)
{
	(void)name;
	return value == NULL ||
		(json_object_is_type(value, json_type_string) && cj_text(value).len == 0);
}

/* A string or number that o itself is. */
static struct hsw_str
literal(struct json_object *o)
{
	if (!json_object_is_type(o, json_type_int) && !json_object_is_type(o, json_type_double))
		return cj_text(o);
	const char *text = json_object_get_string(o);
	return (struct hsw_str){ text, strlen(text) };
}

/* ---- the events ---- */

static int
write_status(struct hsw_canon *c, struct json_object *data, struct hsw_error *err)
{
	struct json_object *list = cj_get(data, "messageIds"), *error = cj_object(data, "error");
	struct hsw_status s = { .status = cj_string(data, "status").s,
		.time_ms = cj_time(data, "timestamp"),
		.error_code = cj_count(error, "code"),
		.error_text = cj_literal(error, "text") };
	size_t n = canonical_length(list);

	if (n > IDS_MAX) {
		snprintf(err->text, sizeof(err->text), "data.messageIds: more than %d", IDS_MAX);
		return HSW_ELIMIT;
	}
	struct hsw_str *ids = (struct hsw_str *)(void *)canon_scratch(c, (n + 1) * sizeof(*ids));
	if (ids == NULL)
		return HSW_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ids[s.n_ids] = literal(canonical_at(list, i));
		s.n_ids += ids[s.n_ids].len > 0;
	}
	s.ids = ids;
	canonical_person(&s.chat, cj_object(data, "chat"));
	canonical_party(&s.recipient, data, "recipient");
	canonical_party(&s.message_sender, data, "messageSender");
	if (s.n_ids > 0) {
		canon_status(c, &s);
		return HSW_OK;
	}
	snprintf(err->text, sizeof(err->text), "data.messageIds is empty");
	return HSW_EINVAL;
}

static int
write_call(struct hsw_canon *c, struct json_object *data)
{
	struct hsw_call call = { .type = cj_string(data, "type").s,
		.id = cj_literal(data, "callId"),
		.time_ms = cj_time(data, "timestamp"),
		.is_video = cj_tri(data, "isVideo"),
		.is_group = cj_tri(data, "isGroup"),
		.reason = cj_literal(data, "reason"),
		.platform = cj_literal(data, "platform") };

	canonical_person(&call.from, cj_object(data, "from"));
	canonical_party(&call.to, data, "to");
	canonical_party(&call.group, data, "groupJid");
	canon_call(c, &call);
	return HSW_OK;
}

/* Identifiers, or objects with some. */
static void
participants(struct hsw_canon *c, const void *arg)
{
	struct json_object *const *list = arg;

	for (size_t i = 0; i < canonical_length(*list); i++) {
		struct json_object *o = canonical_at(*list, i);
		struct hsw_party p = { .jid = "" };
		canon_party_add(&p, literal(o));
		canonical_person(&p, json_object_is_type(o, json_type_object) ? o : NULL);
		canon_participant(c, &p);
	}
}

static void
members(struct hsw_canon *c, const void *arg)
{
	struct json_object *const *o = arg;

	json_object_object_foreach(*o, name, value)
	{
		if (!canonical_is_empty(name, value))
			cj_copy(c, name, value, canonical_is_empty);
	}
}

static int
write_group(struct hsw_canon *c, struct json_object *data)
{
	struct json_object *list = cj_get(data, "participants"), *value = cj_get(data, "value");
	bool is_flag = json_object_is_type(value, json_type_boolean);
	struct hsw_group g = { .type = cj_string(data, "type").s,
		.time_ms = cj_time(data, "timestamp"),
		.participants = { list != NULL ? participants : NULL, &list },
		.value = literal(value),
		.value_flag = is_flag ? cj_tri(data, "value") : HSW_UNKNOWN,
		.reason = cj_literal(data, "reason") };

	if (json_object_is_type(value, json_type_object))
		g.value_members = (struct hsw_fill){ members, &value };
	canonical_party(&g.group, data, "groupJid");
	g.group.name = cj_literal(data, "groupName");
	canonical_person(&g.author, cj_object(data, "author"));
	canon_group(c, &g);
	return HSW_OK;
}

static void
more_codes(struct hsw_canon *c, const void *arg)
{
	struct json_object *const *list = arg;

	for (size_t i = 1; i < canonical_length(*list); i++)
		canon_some(c, NULL, literal(canonical_at(*list, i)));
}

static int
write_state(struct hsw_canon *c, struct json_object *data, struct hsw_str instance)
{
	struct json_object *codes = cj_get(data, "codes");
	struct hsw_state s = { .state = cj_string(data, "state").s,
		.time_ms = cj_time(data, "timestamp"),
		.instance = cj_literal(data, "instance"),
		.code = literal(canonical_at(codes, 0)),
		.more_codes = { more_codes, &codes },
		.pairing_code = cj_literal(data, "pairingCode"),
		.reason = cj_literal(data, "reason"),
		.status = cj_count(data, "status"),
		.progress = cj_literal(data, "progress") };

	if (s.instance.len == 0)
		s.instance = instance;
	canonical_party(&s.own, data, "jid");
	canon_state(c, &s);
	return HSW_OK;
}

static int
write_label(struct hsw_canon *c, struct json_object *data)
{
	struct hsw_label l = { .type = cj_string(data, "type").s,
		.action = cj_string(data, "action").s,
		.id = cj_literal(data, "labelId"),
		.name = cj_literal(data, "name"),
		.color = cj_literal(data, "color"),
		.is_deleted = cj_tri(data, "deleted"),
		.message_id = cj_literal(data, "messageId"),
		.is_labeled = cj_tri(data, "labeled"),
		.time_ms = cj_time(data, "timestamp") };

	canonical_party(&l.chat, data, "chatJid");
	canon_label(c, &l);
	return HSW_OK;
}

int
canonical_write(struct hsw_canon *c, const char *type, struct json_object *root,
	struct hsw_str instance, struct hsw_error *err)
{
	struct json_object *data = cj_object(root, "data");

	if (strcmp(type, "message.exchange") == 0)
		return canonical_message(c, data, err);
	if (strcmp(type, "message.status") == 0)
		return write_status(c, data, err);
	if (strcmp(type, "call.update") == 0)
		return write_call(c, data);
	if (strcmp(type, "group.flow") == 0)
		return write_group(c, data);
	if (strcmp(type, "instance.state") == 0)
		return write_state(c, data, instance);
	return write_label(c, data);
}
