/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - group.flow: groups that the business leads. One event for each thing that changed. */
#include "cloudapi.h"

#include <string.h>

static struct hsw_group
group_of(struct json_object *o)
{
	struct hsw_group g = { .time_ms = cj_time(o, "timestamp"),
		.reason = cj_string(o, "reason") };

	cloudapi_group(&g.group, cj_literal(o, "group_id"));
	return g;
}

static int
emit_group(struct translation *t, const struct hsw_group *g)
{
	canon_group(t->canon, g);
	return cloudapi_emit(t);
}

/* What was asked for and not done has errors. */
static bool
has_failed(struct json_object *o)
{
	return cj_length(cj_array(o, "errors")) > 0 || cj_tri(o, "update_successful") == HSW_NO;
}

/* ---- its beginning and end ---- */

static int
emit_text(struct translation *t, struct json_object *o, const char *type, struct hsw_str text)
{
	struct hsw_group g = group_of(o);

	if (text.len == 0)
		return HSW_OK;
	g.type = type;
	g.value = text;
	return emit_group(t, &g);
}

static int
emit_approval(struct translation *t, struct json_object *o)
{
	struct hsw_str mode = cj_string(o, "join_approval_mode");
	struct hsw_group g = group_of(o);

	if (word_is(mode, "approval_required"))
		g.value_flag = HSW_YES;
	else if (word_is(mode, "auto_approve"))
		g.value_flag = HSW_NO;
	else
		return HSW_OK;
	g.type = "membership_approval";
	return emit_group(t, &g);
}

static int
created(struct translation *t, struct json_object *o)
{
	struct hsw_group g = group_of(o);

	if (has_failed(o))
		return cloudapi_ignore(t);
	g.type = "created";
	g.group.name = cj_string(o, "subject");
	int rc = emit_group(t, &g);
	if (rc == HSW_OK)
		rc = emit_text(t, o, "topic", cj_string(o, "description"));
	if (rc == HSW_OK)
		rc = emit_text(t, o, "link", cj_string(o, "invite_link"));
	return rc == HSW_OK ? emit_approval(t, o) : rc;
}

static int
deleted(struct translation *t, struct json_object *o)
{
	struct hsw_group g = group_of(o);

	if (has_failed(o))
		return cloudapi_ignore(t);
	g.type = "delete";
	return emit_group(t, &g);
}

/* ---- its participants ---- */

/* `input`: as the business wrote it when it asked. */
static void
read_participant(struct json_object *o, struct hsw_party *p)
{
	cloudapi_party(p, o, "wa_id", "user_id");
	cloudapi_add(p, cj_literal(o, "input"));
}

struct crowd {
	const struct translation *t;
	struct json_object *list; /* NULL: the one that `single` is */
	struct json_object *single;
};

static struct json_object *
crowd_at(const struct crowd *crowd, size_t i)
{
	return crowd->list != NULL ? cj_at(crowd->list, i) : crowd->single;
}

static size_t
crowd_size(const struct crowd *crowd)
{
	return crowd->list != NULL ? cj_length(crowd->list) : 1;
}

static void
write_crowd(struct hsw_canon *c, const void *arg)
{
	const struct crowd *crowd = arg;

	for (size_t i = 0; i < crowd_size(crowd); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		read_participant(crowd_at(crowd, i), &p);
		cloudapi_known(crowd->t, &p);
		canon_participant(c, &p);
	}
}

static bool
is_anyone(const struct crowd *crowd)
{
	for (size_t i = 0; i < crowd_size(crowd); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		read_participant(crowd_at(crowd, i), &p);
		if (canon_party_key(&p)[0] != '\0')
			return true;
	}
	return false;
}

static int
emit_crowd(struct translation *t, struct hsw_group *g, const struct crowd *crowd)
{
	if (!is_anyone(crowd))
		return cloudapi_ignore(t);
	g->participants = (struct hsw_fill){ write_crowd, crowd };
	return emit_group(t, g);
}

static int
joined(struct translation *t, struct json_object *o)
{
	struct crowd crowd = { .t = t, .list = cj_array(o, "added_participants") };
	struct hsw_group g = group_of(o);

	g.type = "joined";
	return emit_crowd(t, &g, &crowd);
}

/* Some may have gone although errors tell of others. */
static int
left(struct translation *t, struct json_object *o)
{
	struct crowd crowd = { .t = t, .list = cj_array(o, "removed_participants") };
	struct hsw_group g = group_of(o);

	g.type = "left";
	if (word_is(cj_string(o, "initiated_by"), "business"))
		g.author = t->own;
	return emit_crowd(t, &g, &crowd);
}

static int
asked_to_join(struct translation *t, struct json_object *o)
{
	struct crowd crowd = { .t = t, .single = o };
	struct hsw_group g = group_of(o);

	g.type = "join_request";
	return emit_crowd(t, &g, &crowd);
}

/* ---- its settings ---- */

static int
emit_setting(struct translation *t, struct json_object *o, const char *member, const char *type)
{
	struct json_object *setting = cj_object(o, member);
	struct hsw_group g = group_of(o);

	if (setting == NULL)
		return HSW_OK;
	if (has_failed(setting))
		return cloudapi_ignore(t);
	g.type = type;
	g.value = cj_string(setting, "text");
	if (strcmp(type, "name") == 0)
		g.group.name = g.value;
	return emit_group(t, &g);
}

static int
settings(struct translation *t, struct json_object *o)
{
	int rc = emit_setting(t, o, "profile_picture", "picture");

	if (rc == HSW_OK)
		rc = emit_setting(t, o, "group_subject", "name");
	if (rc == HSW_OK)
		rc = emit_setting(t, o, "group_description", "topic");
	return rc == HSW_OK ? emit_approval(t, o) : rc;
}

/* ---- by type ---- */

static const struct {
	const char *type;
	int (*translate)(struct translation *, struct json_object *);
} routes[] = {
	{ "group_create", created },
	{ "group_delete", deleted },
	{ "group_participants_add", joined },
	{ "group_participants_remove", left },
	{ "group_join_request_created", asked_to_join },
	{ "group_settings_update", settings },
};

int
cloudapi_groups(struct translation *t, struct json_object *o)
{
	struct hsw_str type = cj_string(o, "type");
	struct hsw_group g = group_of(o);

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (g.group.type == HSW_JID_GROUP && word_is(type, routes[i].type))
			return routes[i].translate(t, o);
	}
	return cloudapi_ignore(t);
}
