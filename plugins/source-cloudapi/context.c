/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.c - what a message refers to: the message that it answers, whether it was forwarded; and, in the event's
 * context, what has no place of its own, as Meta calls it.
 */
#include "cloudapi.h"

#include <string.h>

/* Members of `context` that stand elsewhere, and names that are taken by what follows. */
static const char *const placed[] = { "id", "from", "from_user_id", "from_parent_user_id",
	"forwarded", "media_id", "origin", "referral", "identity", "system", "errors",
	"unsupported" };
/* Members of the message that go in as they are. */
static const char *const beside[] = { "origin", "referral", "identity", "errors", "unsupported" };

static bool
is_null(const char *name, struct json_object *value)
{
	(void)name;
	return value == NULL;
}

static bool
is_placed(const char *name)
{
	for (size_t i = 0; i < sizeof(placed) / sizeof(placed[0]); i++) {
		if (strcmp(name, placed[i]) == 0)
			return true;
	}
	return false;
}

/* The body of a system message is the message's content. */
static bool
is_body(const char *name, struct json_object *value)
{
	return value == NULL || strcmp(name, "body") == 0;
}

static void
write_context(struct hsw_canon *c, const void *arg)
{
	const struct content *content = arg;
	struct json_object *context = cj_object(content->message, "context");
	struct json_object *system = cj_object(content->message, "system");

	if (content->kind != NULL && content->kind->media != NULL)
		canon_some(c, "media_id", cj_literal(content->value, "id"));
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		if (cj_get(content->message, beside[i]) != NULL)
			cj_copy(c, beside[i], cj_get(content->message, beside[i]), is_null);
	}
	if (system != NULL)
		cj_copy(c, "system", system, is_body);
	if (context == NULL)
		return;
	json_object_object_foreach(context, name, value)
	{
		if (value == NULL || is_placed(name))
			continue;
		canon_key(c, (struct hsw_str){ name, strlen(name) });
		cj_copy(c, NULL, value, is_null);
	}
}

/* The business may be told by Meta's id of its number, which is no number. */
static void
read_reply_sender(
	const struct translation *t, struct json_object *context, struct hsw_party *sender)
{
	struct hsw_str from = cj_literal(context, "from");

	if (from.len > 0 && from.len == t->own_id.len && memcmp(from.s, t->own_id.s, from.len) == 0)
		*sender = t->own;
	else
		cloudapi_party(sender, context, "from", "from_user_id");
}

void
context_read(const struct translation *t, const struct content *content, struct hsw_message *m)
{
	struct json_object *context = cj_object(content->message, "context");

	m->context = (struct hsw_fill){ write_context, content };
	m->is_forwarded = cj_bool(context, "forwarded") || cj_bool(context, "frequently_forwarded");
	m->reply_id = cj_string(context, "id");
	if (m->reply_id.len > 0)
		read_reply_sender(t, context, &m->reply_sender);
}
