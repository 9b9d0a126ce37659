/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - group.flow: who comes, goes and leads, and what a group is called. */
#include "waha.h"

#include <string.h>

/* What group.c's writers of participants write: a list, and ourselves. */
struct members {
	struct json_object *list; /* of ids, or of objects with one */
	const struct hsw_party *own;
};

static void
read_member(struct json_object *o, struct hsw_party *p)
{
	static const char *const names[] = { "pn", "phoneNumber", "id", "jid", "lid" };

	waha_party(p, o);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		waha_party(p, cj_get(o, names[i]));
}

static void
write_members(struct hsw_canon *c, const void *arg)
{
	const struct members *members = arg;

	for (size_t i = 0; i < cj_length(members->list); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		read_member(cj_at(members->list, i), &p);
		canon_participant(c, &p);
	}
	if (members->own != NULL)
		canon_participant(c, members->own);
}

static void
begin(const struct translation *t, struct json_object *payload, const char *type,
	struct hsw_group *g)
{
	struct json_object *group = cj_object(payload, "group");

	*g = (struct hsw_group){ .type = type, .time_ms = cj_time(payload, "timestamp") };
	if (g->time_ms == 0)
		g->time_ms = t->time_ms;
	waha_party(&g->group, cj_get(group, "id"));
	g->group.name = cj_string(group, "subject");
}

/* GOWS says in `_data` who did it. */
static void
read_author(struct json_object *payload, struct hsw_group *g)
{
	static const char *const names[] = { "author", "authorPn", "Sender", "SenderPN" };
	struct json_object *data = cj_object(payload, "_data");

	waha_party(&g->author, cj_get(payload, "author"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		waha_party(&g->author, cj_get(data, names[i]));
}

/* ---- ourselves ---- */

static int
emit_own(struct translation *t, struct json_object *payload, const char *type)
{
	struct members members = { .own = &t->own };
	struct hsw_group g;

	begin(t, payload, type, &g);
	if (canon_party_id(&t->own)[0] != '\0')
		g.participants = (struct hsw_fill){ write_members, &members };
	read_author(payload, &g);
	if (frame_is_same(&g.author, &t->own))
		g.author = (struct hsw_party){ .type = HSW_JID_NONE };
	return frame_emit_group(t, &g);
}

int
waha_group_join(struct translation *t, struct json_object *payload)
{
	return emit_own(t, payload, "joined");
}

int
waha_group_leave(struct translation *t, struct json_object *payload)
{
	return emit_own(t, payload, "left");
}

/* ---- participants ---- */

/* Who leaves is told as the author of it; nobody removed them. */
static void
forget_own_doing(struct json_object *list, struct hsw_group *g)
{
	struct hsw_party p = { .type = HSW_JID_NONE };

	if (cj_length(list) != 1 || strcmp(g->type, "left") != 0)
		return;
	read_member(cj_at(list, 0), &p);
	if (frame_is_same(&p, &g->author))
		g->author = (struct hsw_party){ .type = HSW_JID_NONE };
}

int
waha_group_participants(struct translation *t, struct json_object *payload)
{
	static const struct word types[] = { { "join", "joined" }, { "leave", "left" },
		{ "promote", "promoted" }, { "demote", "demoted" }, { NULL, NULL } };
	struct members members = { .list = cj_array(payload, "participants") };
	const char *type = word_find(types, cj_string(payload, "type"));
	struct hsw_group g;

	if (type == NULL)
		return frame_ignore(t);
	begin(t, payload, type, &g);
	g.participants = (struct hsw_fill){ write_members, &members };
	read_author(payload, &g);
	forget_own_doing(members.list, &g);
	return frame_emit_group(t, &g);
}

static void
write_requester(struct hsw_canon *c, const void *payload)
{
	struct json_object *o = (struct json_object *)payload;
	struct hsw_party p = { .type = HSW_JID_NONE };

	waha_party(&p, cj_get(o, "requesterPn"));
	waha_party(&p, cj_get(o, "requesterId"));
	canon_participant(c, &p);
}

/* That a request was rejected or taken back has no home. */
int
waha_group_request(struct translation *t, struct json_object *payload)
{
	struct hsw_group g;

	if (!word_is(cj_string(payload, "action"), "created"))
		return frame_ignore(t);
	begin(t, payload, "join_request", &g);
	g.participants = (struct hsw_fill){ write_requester, payload };
	g.reason = cj_string(payload, "requestMethod");
	return frame_emit_group(t, &g);
}

/* ---- what it is ---- */

/* One event for each that is told. */
static const struct property {
	const char *name, *type;
	bool is_flag, is_turned; /* turned: true of theirs is off of ours */
} properties[] = {
	{ "subject", "name", false, false },
	{ "description", "topic", false, false },
	{ "invite", "link", false, false },
	{ "membersCanSendMessages", "announce", true, true },
	{ "newMembersApprovalRequired", "membership_approval", true, false },
};

static bool
read_property(struct json_object *group, const struct property *p, struct hsw_group *g)
{
	enum hsw_tri flag = cj_tri(group, p->name);

	g->type = p->type;
	g->value = (struct hsw_str){ NULL, 0 };
	g->value_flag = HSW_UNKNOWN;
	if (!p->is_flag) {
		g->value = cj_string(group, p->name);
		return g->value.s != NULL;
	}
	if (flag != HSW_UNKNOWN)
		g->value_flag = (flag == HSW_YES) != p->is_turned ? HSW_YES : HSW_NO;
	return flag != HSW_UNKNOWN;
}

int
waha_group_update(struct translation *t, struct json_object *payload)
{
	struct json_object *group = cj_object(payload, "group");
	struct hsw_group g;
	int rc = HSW_OK, n = 0;

	begin(t, payload, NULL, &g);
	read_author(payload, &g);
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]) && rc == HSW_OK; i++) {
		if (!read_property(group, &properties[i], &g))
			continue;
		rc = frame_emit_group(t, &g);
		n++;
	}
	return n > 0 ? rc : frame_ignore(t);
}

/* ---- older versions ---- */

/* {chatId, author, recipientIds, timestamp} */
static int
emit_old(struct translation *t, struct json_object *payload, const char *type)
{
	struct members members = { .list = cj_array(payload, "recipientIds") };
	struct hsw_group g;

	begin(t, payload, type, &g);
	waha_party(&g.group, cj_get(payload, "chatId"));
	if (members.list != NULL)
		g.participants = (struct hsw_fill){ write_members, &members };
	read_author(payload, &g);
	forget_own_doing(members.list, &g);
	return frame_emit_group(t, &g);
}

int
waha_old_group_join(struct translation *t, struct json_object *payload)
{
	return emit_old(t, payload, "joined");
}

int
waha_old_group_leave(struct translation *t, struct json_object *payload)
{
	return emit_old(t, payload, "left");
}
