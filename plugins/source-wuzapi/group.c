/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - group.flow. GroupInfo has a member for each thing that changed; each becomes an event of its own. */
#include "wuzapi.h"

#include <string.h>

static void
begin(struct json_object *event, struct hsw_group *g)
{
	*g = (struct hsw_group){ .time_ms = wuzapi_time(event) };
	wuzapi_party(&g->group, event, "JID");
	wuzapi_party(&g->author, event, "Sender");
	wuzapi_party(&g->author, event, "SenderPN");
}

/* ---- who comes and goes ---- */

static void
read_member(struct json_object *o, struct hsw_party *p)
{
	frame_party(p, cj_text(o));
	wuzapi_party(p, o, "PhoneNumber");
	wuzapi_party(p, o, "JID");
	wuzapi_party(p, o, "LID");
}

static void
write_members(struct hsw_canon *c, const void *arg)
{
	struct json_object *list = (struct json_object *)arg;

	for (size_t i = 0; i < cj_length(list); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		read_member(cj_at(list, i), &p);
		canon_participant(c, &p);
	}
}

/* Who leaves is told as the author of it; nobody removed them. */
static bool
is_own_doing(struct json_object *list, const struct hsw_party *author)
{
	struct hsw_party p = { .type = HSW_JID_NONE };

	if (cj_length(list) != 1)
		return false;
	read_member(cj_at(list, 0), &p);
	return frame_is_same(&p, author);
}

static int
emit_members(struct translation *t, struct json_object *event, const struct hsw_group *base, int *n)
{
	static const struct word lists[] = { { "Join", "joined" }, { "Leave", "left" },
		{ "Promote", "promoted" }, { "Demote", "demoted" }, { NULL, NULL } };
	int rc = HSW_OK;

	for (const struct word *w = lists; w->from != NULL && rc == HSW_OK; w++) {
		struct json_object *list = cj_array(event, w->from);
		struct hsw_group g = *base;
		if (cj_length(list) == 0)
			continue;
		g.type = w->to;
		g.participants = (struct hsw_fill){ write_members, list };
		if (strcmp(g.type, "joined") == 0)
			g.reason = cj_string(event, "JoinReason");
		if (strcmp(g.type, "left") == 0 && is_own_doing(list, &g.author))
			g.author = (struct hsw_party){ .type = HSW_JID_NONE };
		rc = frame_emit_group(t, &g);
		(*n)++;
	}
	return rc;
}

/* ---- what it is ---- */

/* The member of GroupInfo, and what is in it; without one it is the value itself. */
static const struct property {
	const char *name, *member, *type;
	bool is_flag;
} properties[] = {
	{ "Name", "Name", "name", false },
	{ "Topic", "Topic", "topic", false },
	{ "NewInviteLink", NULL, "link", false },
	{ "Locked", "IsLocked", "locked", true },
	{ "Announce", "IsAnnounce", "announce", true },
	{ "Ephemeral", "IsEphemeral", "ephemeral", true },
	{ "MembershipApprovalMode", "IsJoinApprovalRequired", "membership_approval", true },
};

static bool
read_property(struct json_object *event, const struct property *p, struct hsw_group *g)
{
	struct json_object *o = p->member != NULL ? cj_object(event, p->name) : event;
	const char *member = p->member != NULL ? p->member : p->name;

	g->type = p->type;
	if (p->is_flag)
		g->value_flag = cj_tri(o, member);
	else
		g->value = cj_string(o, member);
	return g->value.s != NULL || g->value_flag != HSW_UNKNOWN;
}

static int
emit_properties(
	struct translation *t, struct json_object *event, const struct hsw_group *base, int *n)
{
	int rc = HSW_OK;

	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]) && rc == HSW_OK; i++) {
		struct hsw_group g = *base;
		if (!read_property(event, &properties[i], &g))
			continue;
		rc = frame_emit_group(t, &g);
		(*n)++;
	}
	return rc;
}

static int
emit_end(struct translation *t, struct json_object *event, const struct hsw_group *base, int *n)
{
	struct json_object *end = cj_object(event, "Delete");
	struct hsw_group g = *base;

	if (!cj_bool(end, "Deleted"))
		return HSW_OK;
	g.type = "delete";
	g.reason = cj_string(end, "DeleteReason");
	(*n)++;
	return frame_emit_group(t, &g);
}

int
wuzapi_group_info(struct translation *t, struct json_object *event)
{
	struct hsw_group base;
	int n = 0;

	begin(event, &base);
	int rc = emit_members(t, event, &base, &n);
	if (rc == HSW_OK)
		rc = emit_properties(t, event, &base, &n);
	if (rc == HSW_OK)
		rc = emit_end(t, event, &base, &n);
	return n > 0 || rc != HSW_OK ? rc : frame_ignore(t);
}

/* ---- groups that are new to us ---- */

/* All of the group is in here; Type "new": it is new to everybody. */
int
wuzapi_group_joined(struct translation *t, struct json_object *event)
{
	struct json_object *members = cj_array(event, "Participants");
	struct hsw_group g;

	begin(event, &g);
	g.type = "joined";
	g.group.name = cj_string(event, "Name");
	g.reason = cj_string(event, "Reason");
	if (word_is(cj_string(event, "Type"), "new")) {
		int64_t created = cj_time(event, "GroupCreated");
		g.type = "created";
		g.time_ms = created > 0 ? created : g.time_ms;
		g.participants = (struct hsw_fill){ members != NULL ? write_members : NULL,
			members };
	}
	return frame_emit_group(t, &g);
}

/* A person's picture has no home. */
int
wuzapi_picture(struct translation *t, struct json_object *event)
{
	struct hsw_group g = { .type = "picture", .time_ms = wuzapi_time(event) };

	wuzapi_party(&g.group, event, "JID");
	wuzapi_party(&g.author, event, "Author");
	g.value_flag = cj_bool(event, "Remove") ? HSW_NO : HSW_YES;
	return frame_emit_group(t, &g);
}
